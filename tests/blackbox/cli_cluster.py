# SPDX-License-Identifier: Apache-2.0
# Labels: asan
"""What the command line shows of a cluster, in pipes, on a terminal and as JSON, and how it finds the
leader: redirects, a leader that dies between two requests, deadlines, no cluster at all."""
import json
import os
import re
import shutil
import subprocess
import time

from common_fake import DIR, GALE, Fake, Terminal, environment, gale, refusal
from common_run import check, ok

LIST = {"topologies": [
    {"name": "wordcount", "id": "00000000000000a1", "status": "active", "age_ms": 10920000,
     "owner": "ann", "workers": 4, "workers_up": 4, "tasks": 24, "rate": 412345.6,
     "p99_us": 8100, "failed": 0, "guarantee": "at-least-once", "restarts": 3},
    {"name": "clicks", "id": "00000000000000a2", "status": "draining", "age_ms": 552000,
     "owner": "bob", "workers": 2, "workers_up": 1, "tasks": 10, "rate": 18000.0,
     "p99_us": 40000, "failed": 3, "guarantee": "at-most-once", "restarts": 0}]}
DESCRIBE = {
    "name": "wordcount", "id": "00000000000000a1", "status": "active", "age_ms": 10920000,
    "owner": "ann", "workers_up": 2, "tasks": 3, "rate": 412345.6, "p99_us": 8100, "failed": 7,
    "guarantee": "at-least-once", "restarts": 3, "attempt": 2, "epoch": 5,
    "submitted_ms": 1763719200000, "definition": {"name": "wordcount", "workers": 2},
    "workers": [
        {"index": 0, "host": "h1", "rpc": "tcp://127.0.0.1:1", "pid": 4711, "state": "running",
         "rss_kb": 7000, "restarts": 0, "tasks": [0, 1]},
        {"index": 1, "host": "h2", "rpc": "tcp://127.0.0.1:2", "pid": 0, "state": "backoff",
         "rss_kb": 0, "restarts": 3, "tasks": [2]}],
    "components": [
        {"name": "lines", "kind": "spout", "type": "generator", "level": 0, "parallelism": 1,
         "inputs": []},
        {"name": "split", "kind": "bolt", "type": "split", "level": 1, "parallelism": 2,
         "inputs": ["lines (shuffle)"]}],
    "waiting_for": "a host with room for worker 1", "errors_count": 2}
HOSTS = {"hosts": [
    {"name": "h1", "rpc": "tcp://10.0.0.1:7412", "alive": True, "silent_ms": 12, "slots": 64,
     "used": 3, "memory_mb": 8192, "cpu_points": 250, "version": "0.1.0", "workers": []},
    {"name": "h2", "rpc": "tcp://10.0.0.2:7412", "alive": False, "silent_ms": 75000, "slots": 4,
     "used": 0, "memory_mb": 0, "cpu_points": 0, "version": "0.1.0", "workers": []}]}
ERRORS = {"errors": [
    {"component": "split", "task": 1, "host": "h1", "worker": 0, "text": "no field\n\"word\"",
     "count": 12, "first_ms": 1763719200000, "last_ms": 1763719260000},
    {"component": "lines", "task": 0, "host": "h1", "worker": 0, "text": "lost the file",
     "count": 1, "first_ms": 1763719100000, "last_ms": 1763719100000}]}
ANSWERS = {"list": LIST, "hosts": HOSTS, "errors": ERRORS, "log_level": {},
           "describe": lambda asked: DESCRIBE if asked["name"] == "wordcount"
           else refusal("not_found", f"no topology \"{asked['name']}\"")}


def same(found, golden, what):
    check(found == golden, f"{what}:\n{found}\nis not\n{golden}")


def show_list():
    fake = Fake(ANSWERS)
    done = gale("list", fake=fake)
    same(done.out,
         "NAME\tSTATUS\tAGE\tOWNER\tWORKERS\tTASKS\tRATE/s\tP99\tFAILED\n"
         "wordcount\tACTIVE\t3h2m\tann\t4\t24\t412 k\t8.1ms\t0\n"
         "clicks\tDRAINING\t9m12s\tbob\t1/2\t10\t18 k\t40ms\t3\n", "list in a pipe")
    check((done.code, done.err) == (0, ""), f"list: {done.code} {done.err}")
    same(gale("list", "-q", fake=fake).out, "wordcount\nclicks\n", "list -q")
    same(gale("list", "--json", fake=fake).json(), {"schema": 1, **LIST}, "list --json")
    shown = Terminal("list", fake=fake)
    check(shown.finish() == 0, f"list on a terminal: {shown.text}")
    same(shown.screen()[:3],
         ["NAME       STATUS    AGE    OWNER  WORKERS  TASKS  RATE/s    P99  FAILED",
          "wordcount  ACTIVE    3h2m   ann          4     24   412 k  8.1ms       0",
          "clicks     DRAINING  9m12s  bob        1/2     10    18 k   40ms       3"],
         "list on a terminal")
    fake.handler = {"list": {"topologies": []}}
    same(gale("list", "--json", fake=fake).json(), {"schema": 1, "topologies": []}, "empty list")
    fake.stop()
    ok("list_shows_tables_names_and_json")


def show_list_again_and_again():
    answers = [LIST, {"topologies": LIST["topologies"][:1]}]
    fake = Fake(lambda asked: answers[min(len(fake.requests) - 1, 1)])
    shown = Terminal("list", "--watch", "--interval", "100ms", fake=fake)
    check(shown.wait_for("clicks"), shown.text)
    count = len(fake.requests)
    end = time.monotonic() + 20
    while len(fake.requests) < count + 2 and time.monotonic() < end:
        shown.wait_for("never shown", 0.1)
    shown.type("\x03")
    shown.finish()
    screen = "\n".join(shown.screen())
    check("wordcount" in screen and "clicks" not in screen, f"the old block stays: {screen}")
    fake.stop()
    ok("list_watch_draws_over_itself")


def show_describe():
    fake = Fake(ANSWERS)
    done = gale("describe", "wordcount", fake=fake)
    same(done.out,
         "name\twordcount\nstatus\tactive, submitted 3h2m ago\n"
         "waiting for\ta host with room for worker 1\nguarantee\tat-least-once\nowner\tann\n"
         "submitted\t2025-11-21T10:00:00Z\nattempt\t2\nworkers\t2 of 2 up, 3 restarts\n"
         "rate\t412 k/s\nfailed\t7\n\n"
         "COMPONENT\tKIND\tTYPE\tTASKS\tFROM\nlines\tspout\tgenerator\t1\t-\n"
         "split\tbolt\tsplit\t2\tlines (shuffle)\n\n"
         "WORKER\tHOST\tSTATE\tPID\tTASKS\tMEMORY\tRESTARTS\n"
         "0\th1\tRUNNING\t4711\t2\t6.8 MiB\t0\n1\th2\tBACKOFF\t-\t1\t-\t3\n", "describe")
    same(done.err, "2 errors: `gale errors wordcount` shows them\n", "describe's note")
    same(gale("describe", "wordcount", "--json", fake=fake).json(), {"schema": 1, **DESCRIBE},
         "describe --json")
    same(gale("describe", "-q", "wordcount", fake=fake).out, "active\n", "describe -q")
    done = gale("describe", "wordcoutn", fake=fake)
    check(done.code == 66 and "did you mean wordcount?" in done.err and done.out == "",
          f"misspelt: {done.code} {done.err}")
    fake.stop()
    ok("describe_shows_places_and_suggests_names")


def show_hosts_and_errors():
    fake = Fake(ANSWERS)
    same(gale("hosts", fake=fake).out,
         "HOST\tSTATUS\tSLOTS\tMEMORY\tCORES\tVERSION\tADDRESS\n"
         "h1\tUP\t3/64\t8.0 GiB\t2.50\t0.1.0\ttcp://10.0.0.1:7412\n"
         "h2\tSILENT 1m15s\t0/4\t-\t-\t0.1.0\ttcp://10.0.0.2:7412\n", "hosts")
    same(gale("hosts", "-q", fake=fake).out, "h1\nh2\n", "hosts -q")
    same(gale("hosts", "--json", fake=fake).json(), {"schema": 1, **HOSTS}, "hosts --json")
    same(gale("errors", "wordcount", fake=fake).out,
         "LAST\tCOUNT\tFIRST\tCOMPONENT\tTASK\tHOST\tWORKER\tERROR\n"
         "2025-11-21T10:01:00Z\t12\t2025-11-21T10:00:00Z\tsplit\t1\th1\t0\t"
         "no field?\"word\"\n"
         "2025-11-21T09:58:20Z\t1\t2025-11-21T09:58:20Z\tlines\t0\th1\t0\tlost the file\n",
         "errors")
    found = gale("errors", "wordcount", "lines", "--json", fake=fake).json()["errors"]
    check([(e["text"], e["count"], e["last"]) for e in found] ==
          [("lost the file", 1, "2025-11-21T09:58:20Z")], f"errors of lines: {found}")
    done = gale("errors", "wordcount", "away", fake=fake)
    check((done.code, done.err) == (0, "wordcount: no errors of away\n"), done.err)
    fake.stop()
    ok("hosts_and_errors_show_tables_and_json")


def change_levels():
    fake = Fake(ANSWERS)
    done = gale("log-level", "wordcount", "split=debug", "warn", "--for", "5m", fake=fake)
    check(done.code == 0, done.err)
    same([(a["name"], a["component"], a["level"], a["for_ms"]) for a in fake.asked("log_level")],
         [("wordcount", "split", "debug", 300000), ("wordcount", "", "warn", 300000)], "levels")
    same(done.err, "wordcount: split log debug for 5m0s\n"
         "wordcount: all components log warn for 5m0s\n", "log-level")
    for wrong in (["loud"], ["split=loud"], ["debug:x"], []):
        done = gale("log-level", "wordcount", *wrong, fake=fake)
        check(done.code == 64, f"{wrong}: {done.code} {done.err}")
    check(len(fake.asked("log_level")) == 2, "a refused level was sent")
    fake.stop()
    ok("log_level_sends_each_change_and_refuses_what_is_none")


def redirects_are_followed():
    leader = Fake(ANSWERS)
    other = Fake(lambda asked: {"redirect": leader.endpoint})
    shutil.rmtree(os.path.join(DIR, "cache"), ignore_errors=True)
    done = gale("list", "-q", fake=other)
    check((done.code, done.out) == (0, "wordcount\nclicks\n"), f"{done.code} {done.err}")
    check(other.verbs() == ["list"] and leader.verbs() == ["list"], "asked both once")
    gale("list", "-q", fake=other)
    check(len(other.requests) == 1 and len(leader.requests) == 2, "the leader was remembered")
    leader.kill()
    third = Fake(ANSWERS)
    other.handler = lambda asked: {"redirect": third.endpoint}
    done = gale("list", "-q", fake=other)
    check((done.code, done.out) == (0, "wordcount\nclicks\n"), f"{done.code} {done.err}")
    check(done.seconds < 5, f"an old memory cost {done.seconds:.1f} s")
    for fake in (leader, other, third):
        fake.stop()
    ok("redirect_is_followed_and_the_leader_remembered")


def leader_dies_between_requests():
    def dies(asked):
        if len(first.requests) == 2:
            first.process.kill()
            return None
        return ANSWERS[asked["verb"]]
    first = Fake(dies)
    second = Fake(ANSWERS)
    shown = Terminal("list", "--watch", "--interval", "100ms", fake=None,
                     env={"GALE_COORDINATOR_ADDRESSES": f"{first.endpoint},{second.endpoint}"})
    check(shown.wait_for("clicks"), shown.text)
    end = time.monotonic() + 20
    while len(second.requests) < 2 and time.monotonic() < end:
        shown.wait_for("never shown", 0.1)
    check(len(second.requests) >= 2, f"the other one was not asked: {shown.text}")
    shown.type("\x03")
    shown.finish()
    first.stop()
    second.stop()
    ok("leader_that_dies_between_requests_is_replaced")


def no_leader_yet():
    fake = Fake(lambda asked: refusal("again", "no leader yet") if len(fake.requests) < 4
                else LIST)
    done = gale("list", "-q", fake=fake)
    check((done.code, done.out) == (0, "wordcount\nclicks\n"), f"{done.code} {done.err}")
    check(done.err == "", f"-q says {done.err}")
    fake.handler = lambda asked: refusal("again", "no leader yet")
    done = gale("list", "--timeout", "500ms", fake=fake)
    check(done.code == 75 and "no leader yet" in done.err, f"{done.code} {done.err}")
    check(0.4 < done.seconds < 5, f"{done.seconds:.1f} s")
    check("waiting for the coordinator, no leader yet" in done.err, "a phase in a line")
    fake.stop()
    ok("no_leader_yet_is_waited_for_until_the_deadline")


def silence():
    fake = Fake(lambda asked: None)
    done = gale("list", "--timeout", "700ms", fake=fake)
    check(done.code in (69, 75) and fake.endpoint in done.err, f"{done.code} {done.err}")
    check(0.5 < done.seconds < 5, f"{done.seconds:.1f} s")
    other = Fake(ANSWERS)
    silent = Fake(lambda asked: None)
    done = gale("list", "-q", fake=[silent, other])
    check((done.code, done.out) == (0, "wordcount\nclicks\n"), f"{done.code} {done.err}")
    for one in (fake, other, silent):
        one.stop()
    ok("silent_coordinator_is_passed_over_and_the_deadline_kept")


def no_cluster():
    gone = Fake(ANSWERS)
    gone.kill()
    done = gale("list", fake=gone)
    check(done.code == 69 and done.out == "", f"{done.code} {done.out}")
    check(f"tried {gone.endpoint} (connection refused)" in done.err, done.err)
    check("coordinator.addresses is from" in done.err, done.err)
    check(done.seconds < 5, f"{done.seconds:.1f} s")
    done = gale("kill", "x", "--json", fake=[gone, "tcp://127.0.0.1:1"])
    error = json.loads(done.err.splitlines()[-1])["error"]
    check(done.code == 69 and error["code"] == "unavailable", done.err)
    check("tcp://127.0.0.1:1 (connection refused)" in error["message"], error["message"])
    done = gale("list", env={"GALE_COORDINATOR_LISTEN": gone.endpoint})
    check(done.code == 69 and "no `gale dev` runs here" in done.err and "`gale dev`" in done.err
          and gone.endpoint in done.err, f"{done.code} {done.err}")
    done = gale("list", "--coordinator", "somewhere")
    check(done.code in (64, 78) and "somewhere" in done.err, f"{done.code} {done.err}")
    gone.stop()
    ok("missing_cluster_says_what_was_tried_and_what_to_do")


def list_is_fast():
    fake = Fake(ANSWERS)
    gale("list", fake=fake)
    seconds = sorted(gale("list", fake=fake).seconds for _ in range(11))
    print(f"# gale list: median {seconds[5] * 1000:.1f} ms with the start of the process")
    check(os.environ.get("GALE_SANITIZE") or seconds[0] < 0.1, f"{seconds[0]:.3f} s")
    fake.stop()
    ok("list_answers_at_once")


def names_are_completed():
    fake = Fake(ANSWERS)
    bin_dir = os.path.join(DIR, "bin")
    os.makedirs(bin_dir)
    os.symlink(GALE, os.path.join(bin_dir, "gale"))
    env = environment(GALE_COORDINATOR_ADDRESSES=fake.endpoint,
                      PATH=f"{bin_dir}:{os.environ['PATH']}")

    def complete(*words):
        line = " ".join(f"'{word}'" for word in words)
        script = (f"eval \"$(gale completion bash)\"; COMP_WORDS=({line}); "
                  f"COMP_CWORD={len(words) - 1}; _gale; echo ${{COMPREPLY[@]}}")
        return subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=env,
                              check=True).stdout.split()
    check(complete("gale", "kill", "") == ["wordcount", "clicks"], "all names")
    check(complete("gale", "kill", "wordcount", "c") == ["clicks"], "several names")
    check(complete("gale", "logs", "w") == ["wordcount"], "a beginning")
    check(complete("gale", "logs", "wordcount", "") == [], "only the first of logs")
    check("--follow" in complete("gale", "logs", "--f"), "options too")
    fake.stop()
    check(complete("gale", "kill", "") == [], "no cluster, no names")
    ok("bash_completes_names_of_topologies")


def broken_memory_is_ignored():
    fake = Fake(ANSWERS)
    cache = os.path.join(DIR, "cache", "gale")
    gale("list", fake=fake)
    files = [os.path.join(cache, name) for name in os.listdir(cache)]
    check(len(files) > 0 and os.stat(cache).st_mode & 0o77 == 0, f"{files}")
    for garbage in ("", "tcp://", "tcp://127.0.0.1:1\n", "\n\n", "x" * 5000, "ipc:///nowhere\n",
                    "tcp://[::1]:99999\n", "tcp://127.0.0.1:0\nmore", "\0\0"):
        for name in files:
            with open(name, "w", encoding="utf-8") as file:
                file.write(garbage)
        done = gale("list", "-q", fake=fake)
        check((done.code, done.out) == (0, "wordcount\nclicks\n"), f"{garbage!r}: {done.err}")
    with open(os.path.join(DIR, "no-cache"), "w", encoding="utf-8") as file:
        file.write("a file where the folder should be")
    done = gale("list", "-q", fake=fake, env={"XDG_CACHE_HOME": os.path.join(DIR, "no-cache")})
    check((done.code, done.err) == (0, ""), done.err)
    fake.stop()
    ok("what_is_remembered_may_be_anything")


def cluster_options_are_in_every_verb():
    verbs = ["list", "describe", "logs", "errors", "log-level", "activate", "deactivate",
             "rebalance", "kill", "hosts"]
    for verb in verbs:
        text = gale("help", verb).out
        check(re.search(r"--timeout TIME", text) and "--coordinator ADDRESS" in text, verb)
        check(max(map(len, text.splitlines())) <= 80, f"help of {verb} is too wide")
    for shell in ("bash", "zsh", "fish"):
        check("gale list -q" in gale("completion", shell).out, f"{shell} completes no names")
    ok("every_verb_takes_the_clusters_options")


def nonsense():
    """Answers of wrong types and sizes are shown as far as they go: nothing aborts, JSON is JSON."""
    huge = {"name": "h", "alive": True, "memory_mb": -2**63, "silent_ms": 2**63 - 1}
    fake = Fake({"errors": {"errors": [[["a"], 1], "x", {"text": "seen"}, None]},
                 "hosts": {"hosts": [huge, dict(huge, memory_mb=2**63 - 1), [1], "x"]},
                 "list": {"topologies": [[1], {"name": ["w"], "rate": "x", "age_ms": -2**63}]},
                 "describe": {"name": "w", "workers": [["x"], {"rss_kb": 2**63 - 1}],
                              "components": {"a": 1}, "status": []},
                 "sample": {"workers": [{"rss_kb": 2**63 - 1}, {"rss_kb": 1}, [1]],
                            "elapsed_ms": 2**63 - 1, "components": [["x"]]}})
    for words in (["errors", "w"], ["hosts"], ["list"], ["describe", "w"], ["top", "w", "--once"]):
        for form in ([], ["--json"], ["-q"]):
            done = gale(*words, *form, fake=fake)
            check(done.code == 0 and "runtime error" not in done.err,
                  f"{words} {form}: {done.code} {done.err}")
            if form == ["--json"]:
                done.json()
    check("seen" in gale("errors", "w", fake=fake).out, "what can be shown is")
    fake.stop()
    ok("cluster_answers_that_are_nonsense_abort_nothing")


def missing_component():
    """Of a topology that is there another name is no suggestion."""
    fake = Fake({"list": LIST, "tap": refusal("not_found", "no component \"x\"", "look there"),
                 "describe": DESCRIBE})
    done = gale("tap", "wordcount/x", fake=fake)
    check(done.code == 66 and "look there" in done.err and "did you mean" not in done.err,
          f"{done.code} {done.err}")
    done = gale("rebalance", "wordcount", "-w", "257", fake=fake)
    check(done.code == 64 and "1..256" in done.err, f"{done.code} {done.err}")
    fake.stop()
    ok("cluster_component_that_is_missing_suggests_no_topology")


show_list()
show_list_again_and_again()
nonsense()
missing_component()
show_describe()
show_hosts_and_errors()
change_levels()
redirects_are_followed()
leader_dies_between_requests()
no_leader_yet()
silence()
no_cluster()
list_is_fast()
names_are_completed()
broken_memory_is_ignored()
cluster_options_are_in_every_verb()
