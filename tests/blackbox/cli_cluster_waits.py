# SPDX-License-Identifier: Apache-2.0
# Labels: asan
"""The commands that change a cluster and wait: submit, kill, activate, deactivate, rebalance. What they
send, the phases that they show, how they end: done, deadline, refusal, Ctrl-C, a dead leader."""
import json
import os
import re
import signal
import subprocess
import time

from common_fake import DIR, Fake, GALE, Terminal, environment, gale, refusal
from common_run import check, ok

NAME = "counting"
FILE = os.path.join(DIR, "counting.yaml")
with open(FILE, "w", encoding="utf-8") as file:
    file.write(f"name: {NAME}\ndrain: 2s\ntimeout: 3s\nspouts:\n"
               "  numbers: { type: generator, constant: x, count: 3 }\n"
               "bolts:\n  away: { type: \"null\", from: [ { numbers: shuffle } ] }\n")


def described(status, up=1, workers=1, **more):
    """An answer to `describe`."""
    return {"name": NAME, "id": "00000000000000a1", "status": status, "age_ms": 10,
            "workers_up": up, "attempt": 1, "errors_count": 0, "waiting_for": "",
            "workers": [{"index": i, "host": "h1", "tasks": []} for i in range(workers)],
            "components": [{"name": "numbers", "kind": "spout", "parallelism": 1},
                           {"name": "away", "kind": "bolt", "parallelism": 2}],
            "definition": {"name": NAME, "drain": "2s", "timeout": "3s"}, **more}


def steps(*answers):
    """Each look gets the next answer, the last one stays. A string is a refusal as not found."""
    left = list(answers)

    def answer(_asked):
        now = left.pop(0) if len(left) > 1 else left[0]
        return refusal("not_found", f"no topology \"{NAME}\"") if now is None else now
    return answer


def cluster(describe, **verbs):
    answers = {"describe": describe, "errors": {"errors": []}, "list": {"topologies": []},
               "sample": {"components": [{"name": "numbers", "pending": 42}]},
               "submit": {"topology": "00000000000000a1"}, "kill": {}, "activate": {},
               "deactivate": {}, "rebalance": {}}
    answers.update(verbs)
    return Fake(answers)


def same(found, golden, what):
    check(found == golden, f"{what}:\n{found}\nis not\n{golden}")


def timeless(text):
    return re.sub(r"\d+\.\d s", "N s", text)


def submit_shows_phases():
    fake = cluster(steps(described("waiting", 0, waiting_for="a host with a free slot"),
                         described("starting", 0), described("starting", 1),
                         described("active")))
    done = gale("submit", FILE, "-w", "1", fake=fake)
    check(done.code == 0, done.err)
    same(done.out, f"{NAME}\n", "submit's stdout")
    same(timeless(done.err),
         f"{NAME}: submitting\n{NAME}: waiting: a host with a free slot\n"
         f"{NAME}: starting, 0 of 1 workers up\n{NAME}: active after N s\n", "submit's phases")
    sent = fake.asked("submit")[0]
    same((sent["name"], sent["inactive"], sent["fresh"]), (NAME, False, False), "submit's request")
    check(len(bytes.fromhex(sent["body"])) > 40, "the definition goes along")
    fake.handler["describe"] = steps(described("starting", 0), described("inactive"))
    done = gale("submit", FILE, "--inactive", "--fresh", "--name", "other", "--json", fake=fake)
    same((done.code, done.json()["status"], done.json()["topology"]), (0, "inactive", "other"),
         f"submit --inactive: {done.err}")
    sent = fake.asked("submit")[1]
    same((sent["name"], sent["inactive"], sent["fresh"]), ("other", True, True), "what is sent")
    phases = [json.loads(line) for line in done.err.splitlines()]
    check([p["progress"]["phase"] for p in phases if "progress" in p] ==
          ["submitting", "starting"], f"phases as JSON: {phases}")
    looked = len(fake.asked("describe"))
    done = gale("submit", FILE, "--wait", "none", "-q", fake=fake)
    same((done.code, done.out, done.err), (0, f"{NAME}\n", ""), "submit --wait none -q")
    check(len(fake.asked("describe")) == looked, "it did not look")
    fake.stop()
    ok("submit_shows_its_phases_and_ends_when_active")


def submit_on_a_terminal():
    fake = cluster(steps(*[described("starting", 0)] * 30, described("active")))
    shown = Terminal("submit", FILE, fake=fake)
    check(shown.wait_for(r"starting, 0 of 1 workers up  \d"), shown.text)
    check(shown.finish() == 0, shown.text)
    same([timeless(line) for line in shown.screen() if line],
         [f"{NAME}: active after N s", NAME], "the terminal afterwards")
    fake.stop()
    ok("submit_on_a_terminal_leaves_only_the_result")


def submit_sends_missing_files():
    fake = cluster(described("active"), blob_has={"has": True, "size": 5, "next": 5})
    text = os.path.join(DIR, "words.txt")
    with open(text, "wb") as out:
        out.write(b"words")
    with_file = os.path.join(DIR, "file.yaml")
    with open(FILE, encoding="utf-8") as plain, open(with_file, "w", encoding="utf-8") as out:
        out.write(plain.read() + "files: { dict: words.txt }\n")
    sha = subprocess.run(["sha256sum", text], capture_output=True, text=True,
                         check=True).stdout.split()[0]
    chunks = []

    def put(asked):
        chunks.append((asked["sha"], asked["size"], asked["offset"],
                       bytes.fromhex(asked["body"])))
        return {"next": asked["size"]}
    fake.handler["blob_has"] = {"has": False, "size": 0, "next": 0}
    fake.handler["blob_put"] = put
    fake.handler["submit"] = lambda asked: {"topology": "00000000000000a1"} if chunks \
        else {"missing": [sha]}
    done = gale("submit", with_file, fake=fake)
    check(done.code == 0, done.err)
    same(chunks, [(sha, 5, 0, b"words")], "what was sent")
    check(f"{NAME}: sending, words.txt, 5 B, 1 of 1\n" in done.err, done.err)
    check(len(fake.asked("submit")) == 2, "asked again when all were there")
    fake.handler["submit"] = {"missing": ["0" * 64]}
    done = gale("submit", with_file, fake=fake)
    check(done.code != 0 and "not of the topology" in done.err, f"{done.code} {done.err}")
    fake.stop()
    ok("submit_sends_the_files_that_are_missing")


def submit_refused():
    fake = cluster(described("active"), submit=refusal("exists", f"{NAME} is there already"))
    done = gale("submit", FILE, fake=fake)
    check(done.code == 73 and "--name takes another name" in done.err and done.out == "",
          f"{done.code} {done.err}")
    bad = os.path.join(DIR, "bad.yaml")
    with open(bad, "w", encoding="utf-8") as out:
        out.write("name: bad\nspouts:\n  a: { type: generator, constant: x, cuont: 3 }\n")
    asked = len(fake.requests)
    done = gale("submit", bad, fake=fake)
    check(done.code == 78 and "bad.yaml:3" in done.err and "count" in done.err, done.err)
    done = gale("submit", os.path.join(DIR, "none.yaml"), fake=fake)
    check(done.code == 66, f"{done.code} {done.err}")
    check(len(fake.requests) == asked, "a wrong file asks nobody")
    fake.stop()
    ok("submit_refusals_have_their_exit_codes")


def submit_fatal():
    found = {"component": "numbers", "task": 0, "host": "h1", "worker": 0, "count": 1,
             "text": "cannot open words.txt: No such file", "fatal": True, "code": 3}
    fake = cluster(described("starting", 0, errors_count=1), errors={"errors": [found]})
    done = gale("submit", FILE, fake=fake)
    check(done.code == 78 and found["text"] in done.err and "numbers, worker 0 on h1" in done.err,
          f"{done.code} {done.err}")
    del found["fatal"], found["code"]
    found.update(count=3, text="killed by signal 11")
    done = gale("submit", FILE, fake=fake)
    check(done.code == 70 and "killed by signal 11" in done.err, f"{done.code} {done.err}")
    check(done.out == "", "no name on stdout")
    worker = {"component": "", "host": "h1", "worker": 0, "count": 3, "text": "open failed"}
    found.update(count=1, text="no file x")
    fake.handler["errors"] = {"errors": [worker, found]}
    fake.handler["describe"] = steps(described("active"), described("active"),
                                     described("active", 0, restarts=1, errors_count=2))
    done = gale("submit", FILE, fake=fake)
    check(done.code == 70 and "worker 0 on h1: open failed: no file x" in done.err,
          f"active for a moment only: {done.code} {done.err}")
    fake.stop()
    ok("submit_reports_what_a_worker_died_of")


def submit_deadline():
    fake = cluster(described("starting", 0))
    done = gale("submit", FILE, "--timeout", "300ms", fake=fake)
    check(done.code == 75 and f"{NAME} is not active yet" in done.err and
          "it goes on in the cluster" in done.err, f"{done.code} {done.err}")
    check(0.25 < done.seconds < 5, f"{done.seconds:.1f} s")
    fake.stop()
    ok("submit_ends_at_its_deadline")


def submit_twice():
    """The leader takes it and dies before it answers; the next one says that it exists."""
    tree = {}

    def takes_and_dies(_asked):
        first.process.kill()
        return None
    first = cluster(described("active"), submit=takes_and_dies)
    second = cluster(described("active"), submit=refusal("exists", "is there already"))
    done = gale("submit", FILE, fake=[first, second])
    check(done.code == 73, f"another tree of the name is another topology: {done.code}")
    first.stop()
    first = cluster(described("active"), submit=takes_and_dies)
    shown = gale("validate", FILE, "--json").json()
    check(shown["files"][0]["valid"], "the file")
    tree.update({"name": NAME, "drain": "2s", "timeout": "3s",
                 "spouts": {"numbers": {"type": "generator", "constant": "x", "count": 3}},
                 "bolts": {"away": {"type": "null", "from": [{"numbers": "shuffle"}]}}})
    second.handler["describe"] = described("active", definition=tree)
    done = gale("submit", FILE, fake=[first, second])
    check((done.code, done.out) == (0, f"{NAME}\n"), f"{done.code} {done.err}")
    first.stop()
    second.stop()
    ok("submit_whose_answer_was_lost_knows_its_own_topology")


def interrupted():
    fake = cluster(described("starting", 0))
    process = subprocess.Popen([GALE, "submit", FILE, "--coordinator", fake.endpoint],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=environment())
    end = time.monotonic() + 20
    while len(fake.asked("describe")) < 3 and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    check(process.returncode == 130 and "it goes on in the cluster" in err,
          f"{process.returncode} {err}")
    fake.stop()
    ok("interrupted_wait_says_that_it_goes_on")


def kill_drains():
    fake = cluster(steps(described("active"), described("draining"), described("killed"), None))
    done = gale("kill", NAME, fake=fake)
    check(done.code == 0 and done.out == "", done.err)
    same(timeless(done.err), f"{NAME}: draining\n{NAME}: killed\n{NAME}: killed after N s\n",
         "kill's phases")
    sent = fake.asked("kill")[0]
    same((sent["name"], sent["now"], sent["forget"], "wait_ms" in sent),
         (NAME, False, False, False), "kill's request: the topology's own drain")
    fake.handler["describe"] = steps(None)
    done = gale("kill", NAME, "--wait", "1500ms", "--forget", "--json", fake=fake)
    same((done.code, done.json()), (0, {"schema": 1, "killed": [NAME]}), done.err)
    sent = fake.asked("kill")[1]
    same((sent["wait_ms"], sent["forget"]), (1500, True), "kill --wait --forget")
    gale("kill", NAME, "--now", fake=fake)
    same(fake.asked("kill")[2]["now"], True, "kill --now")
    fake.handler["kill"] = refusal("not_found", f"no topology \"{NAME}\"")
    check(gale("kill", NAME, fake=fake).code == 66, "kill of nothing")
    check(gale("kill", NAME, "-i", fake=fake).code == 0, "kill -i of nothing")
    fake.stop()
    ok("kill_drains_and_ends_when_nothing_is_left")


def kill_of_a_name_that_is_taken_anew():
    again = described("starting", 0)
    again["id"] = "00000000000000b2"
    fake = cluster(steps(described("active"), described("killed"), again))
    done = gale("kill", NAME, fake=fake)
    check(done.code == 0, f"{done.code} {done.err}")
    fake.stop()
    ok("kill_knows_the_next_topology_of_the_name")


def kill_asks():
    fake = cluster(steps(described("active"), None))
    shown = Terminal("kill", NAME, fake=fake)
    check(shown.wait_for(f"type {NAME} to kill it: "), shown.text)
    shown.type("no\n")
    check(shown.finish() == 1 and "not confirmed" in shown.text, shown.text)
    check(not fake.requests, "nobody was asked")
    shown = Terminal("kill", NAME, fake=fake)
    check(shown.wait_for("to kill it: "), shown.text)
    shown.type(f"{NAME}\n")
    check(shown.finish() == 0, shown.text)
    check(len(fake.asked("kill")) == 1, "confirmed")
    fake.handler["describe"] = steps(*[described("draining")] * 30, None)
    shown = Terminal("kill", NAME, "--yes", fake=fake)
    check(shown.wait_for(r"draining, 42 in flight  \d"), shown.text)
    check(shown.finish() == 0 and "type " not in shown.text, shown.text)
    same([timeless(line) for line in shown.screen() if line], [f"{NAME}: killed after N s"],
         "the terminal afterwards")
    shown = Terminal("kill", NAME, "--no-input", fake=fake)
    check(shown.finish() == 64 and "--yes" in shown.text, shown.text)
    fake.stop()
    ok("kill_on_a_terminal_wants_the_name")


def activation():
    fake = cluster(steps(described("inactive"), described("active")))
    done = gale("activate", NAME, fake=fake)
    same((done.code, done.err), (0, f"{NAME}: activating, inactive\n{NAME}: active\n"), "activate")
    fake.handler["describe"] = steps(described("active"), described("inactive"))
    done = gale("deactivate", NAME, "--json", fake=fake)
    same((done.code, done.json()["topologies"]), (0, [{"name": NAME, "status": "inactive"}]),
         done.err)
    fake.handler["activate"] = refusal("state", f"{NAME} is being killed")
    check(gale("activate", NAME, fake=fake).code == 75, "busy")
    fake.handler["deactivate"] = refusal("again", "no store: nothing can be changed")
    done = gale("deactivate", NAME, "--timeout", "300ms", fake=fake)
    check(done.code == 75 and "no store" in done.err, f"{done.code} {done.err}")
    fake.stop()
    ok("activate_and_deactivate_wait_until_it_is_so")


def rebalancing():
    after = described("active", 2, 2, attempt=2)
    after["components"][1]["parallelism"] = 8
    fake = cluster(steps(described("active"), described("draining"),
                         described("rebalancing", 0, 2), after))
    done = gale("rebalance", NAME, "-w", "2", "-e", "away=8", fake=fake)
    check(done.code == 0, done.err)
    same(done.out, "WHAT\tBEFORE\tAFTER\t\nworkers\t1\t2\tchanges\nnumbers\t1\t1\t-\n"
         "away\t2\t8\tchanges\n", "rebalance's table")
    same(timeless(done.err),
         f"{NAME}: draining, 1 of 1 workers up\n{NAME}: rebalancing, 0 of 2 workers up\n"
         f"{NAME}: rebalanced in N s, paused for N s\n", "rebalance's phases")
    sent = fake.asked("rebalance")[0]
    same((sent["workers"], sent["parallelism"]), (2, {"away": 8}), "rebalance's request")
    fake.handler["describe"] = described("active")
    done = gale("rebalance", NAME, "-e", "away=8", "--dry-run", "--json", fake=fake)
    same(done.json(), {"schema": 1, "topology": NAME, "done": False,
                       "before": {"workers": 1, "parallelism": {"numbers": 1, "away": 2}},
                       "after": {"workers": 1, "parallelism": {"numbers": 1, "away": 8}}},
         done.err)
    check("dry" not in sent and fake.asked("rebalance")[1]["dry"] is True, "the leader judges it")
    for wrong, code in ((["-e", "awya=8"], 66), (["-e", "away"], 64), (["-e", "away=0"], 64),
                        (["-w", "0"], 64), (["-e", "away=1", "-e", "away=2"], 64)):
        done = gale("rebalance", NAME, *wrong, fake=fake)
        check(done.code == code, f"{wrong}: {done.code} {done.err}")
    check("did you mean away?" in gale("rebalance", NAME, "-e", "awya=8", fake=fake).err, "a hint")
    check(len(fake.asked("rebalance")) == 2, "a wrong one was sent")
    fake.handler["rebalance"] = refusal("limit", "16384 tasks are too many")
    done = gale("rebalance", NAME, "-e", "away=16000", "--dry-run", fake=fake)
    check(done.code == 78 and "too many" in done.err and done.out == "", done.err)
    fake.stop()
    ok("rebalance_shows_before_and_after")


def leader_dies_in_a_wait():
    def dies(_asked):
        if len(first.asked("describe")) == 3:
            first.process.kill()
            return None
        return described("starting", 0)
    first = cluster(dies)
    second = cluster(steps(described("starting", 0), described("active")))
    done = gale("submit", FILE, fake=[first, second])
    check((done.code, done.out) == (0, f"{NAME}\n"), f"{done.code} {done.err}")
    check(not second.asked("submit"), "submitted once")
    first.stop()
    second.stop()
    ok("wait_goes_on_with_the_next_leader")


submit_shows_phases()
submit_on_a_terminal()
submit_sends_missing_files()
submit_refused()
submit_fatal()
submit_deadline()
submit_twice()
interrupted()
kill_drains()
kill_of_a_name_that_is_taken_anew()
kill_asks()
activation()
rebalancing()
leader_dies_in_a_wait()
