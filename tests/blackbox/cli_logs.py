# SPDX-License-Identifier: Apache-2.0
# Labels: asan
"""`gale logs`: the logs of workers on several hosts as one, the last lines of them, what is followed,
workers that move, hosts that are gone."""
import json
import time

from common_fake import Fake, Terminal, gale, refusal
from common_run import check, ok

NAME = "wordcount"
ID = "00000000000000a1"


def line(second, text, component=None, task=0, level="info", form="logfmt", worker=0):
    ts = f"2026-11-21T10:{second // 60:02d}:{second % 60:02d}.000Z"
    if form == "json":
        value = {"ts": ts, "level": level, "msg": text, "topology": NAME}
        if component:
            value.update(component=component, task=task)
        value["worker"] = str(worker)
        return json.dumps(value, separators=(",", ":"))
    where = f" component={component} task={task}" if component else ""
    return f'ts={ts} level={level} msg="{text}" topology={NAME}{where} worker={worker}'


class Host:
    """A supervisor with logs by worker."""

    def __init__(self):
        self.logs = {}
        self.begin = 0  # bytes before it are gone
        self.fake = Fake({"log_read": self.read})

    def read(self, asked):
        if asked["worker"] not in self.logs or asked["topology"] != NAME:
            return refusal("not_found", "no such log")
        log = self.logs[asked["worker"]].encode()
        if asked["offset"] < 0:
            return {"offset": len(log), "next": len(log), "size": len(log)}
        offset = max(asked["offset"], self.begin)
        body = log[offset:offset + min(asked["limit"], 100000)]
        return ({"offset": offset, "next": offset + len(body), "size": len(log)}, body)


def coordinator(*places):
    """@param places of the workers: hosts by index."""
    def describe(asked):
        if asked["name"] != NAME:
            return refusal("not_found", "no such topology")
        return {"name": NAME, "id": ID, "status": "active",
                "workers": [{"index": i, "host": f"h{i}", "rpc": host.fake.endpoint}
                            for i, host in enumerate(places)],
                "components": [{"name": "lines"}, {"name": "split"}]}
    return Fake({"describe": describe, "list": {"topologies": [{"name": NAME}]}})


def same(found, golden, what):
    check(found == golden, f"{what}:\n{found}\nis not\n{golden}")


def merged():
    one, two = Host(), Host()
    one.logs[0] = "\n".join([line(1, "a", "lines"), line(3, "c", "split", 2, "warn"),
                             "printed by a module", line(5, "e", "split", 1)]) + "\n"
    two.logs[1] = "\n".join([line(2, "b", "lines", form="json"),
                             line(4, "d component=split ", "lines", level="error", form="json"),
                             line(6, "f", "split", 2, form="json")]) + "\n"
    leader = coordinator(one, two)
    first, second = one.logs[0].splitlines(), two.logs[1].splitlines()
    done = gale("logs", NAME, "-q", fake=leader)
    same(done.out.splitlines(),
         [first[0], second[0], first[1], first[2], second[1], first[3], second[2]], "merged")
    done = gale("logs", NAME, "--lines", "2", fake=leader)
    same(done.out.splitlines(), [f"h0/0: {first[3]}", f"h1/1: {second[2]}"], "the last two")
    done = gale("logs", NAME, "split", "-q", fake=leader)
    same(done.out.splitlines(), [first[1], first[3], second[2]], "of a component")
    done = gale("logs", NAME, "--task", "2", "-q", fake=leader)
    same(done.out.splitlines(), [first[1], second[2]], "of a task")
    done = gale("logs", NAME, "--worker", "1", "--lines", "1", fake=leader)
    same(done.out.splitlines(), [second[2]], "of a worker")
    done = gale("logs", NAME, "--level", "warn", "-q", fake=leader)
    same(done.out.splitlines(), [first[1], second[1]], "of a level")
    done = gale("logs", NAME, "split", "--worker", "0", "--lines", "1", "--json", fake=leader)
    same(json.loads(done.out), {"at": "2026-11-21T10:00:05Z", "host": "h0", "worker": 0,
                                "line": first[3]}, "as JSON")
    for wrong, code, text in ((["splti"], 66, "did you mean split?"), (["--worker", "2"], 66, "2"),
                              (["--since", "5"], 64, "unit"), (["--level", "loud"], 64, "warn")):
        done = gale("logs", NAME, *wrong, fake=leader)
        check(done.code == code and text in done.err, f"{wrong}: {done.code} {done.err}")
    for host in (one.fake, two.fake, leader):
        host.stop()
    ok("logs_of_several_hosts_are_merged_and_filtered")


def long_log():
    host = Host()
    lines = [line(i % 3600, f"number {i} " + "x" * 80, "lines" if i % 50 == 0 else "split")
             for i in range(20000)]
    for i in range(3600, 20000):
        lines[i] = lines[i].replace("2026-11-21T10", f"2026-11-21T1{i // 3600}")
    host.logs[0] = "\n".join(lines) + "\n"
    leader = coordinator(host)
    same(gale("logs", NAME, fake=leader).out.splitlines(), lines[-100:], "the last hundred")
    read = sum(min(r["limit"], 100000) for r in host.fake.asked("log_read") if r["offset"] >= 0)
    check(read < 1000000, f"{read} bytes were read for a hundred lines")
    same(gale("logs", NAME, "lines", "--lines", "300", fake=leader).out.splitlines(),
         [text for text in lines if "component=lines" in text][-300:], "of a rare component")
    host.begin = len("\n".join(lines[:19990])) + 5
    same(gale("logs", NAME, fake=leader).out.splitlines()[-9:], lines[-9:],
         "where the begin is gone")
    host.fake.stop()
    leader.stop()
    ok("logs_reads_no_more_of_a_long_log_than_it_needs")


def followed():
    one, two = Host(), Host()
    one.logs[0] = line(1, "before", "lines") + "\n"
    leader = coordinator(one)
    shown = Terminal("logs", NAME, "-f", fake=leader, columns=200)
    check(shown.wait_for("before"), shown.text)
    one.logs[0] += line(2, "after", "lines") + "\n" + line(3, "half")[:30]
    check(shown.wait_for('msg="after"'), shown.text)
    check("10:00:03" not in shown.text, "half a line was shown")
    one.logs[0] += line(3, "half")[30:] + "\n\x1b[2J\n"
    check(shown.wait_for('msg="half"'), shown.text)
    check(shown.wait_for(r"\?\[2J") and "\x1b[2J" not in shown.text, "it drove the terminal")
    now = time.time()
    moved = time.strftime("ts=%Y-%m-%dT%H:%M:%S.999Z level=info msg=", time.gmtime(now + 2))
    two.logs[0] = line(1, "long ago", "lines") + "\n" + moved + "\"moved\" worker=0\n"
    leader.handler = coordinator(two).handler
    check(shown.wait_for("moved"), shown.text)
    check("long ago" not in shown.text, "what was before is not shown")
    leader.handler = {"describe": refusal("not_found", "no such topology")}
    check(shown.finish() == 0, f"ends with the topology: {shown.code}")
    for host in (one.fake, two.fake, leader):
        host.stop()
    ok("logs_follows_a_worker_that_moves_until_the_topology_is_gone")


def host_gone():
    one, two = Host(), Host()
    one.logs[0] = line(1, "a", "lines") + "\n"
    two.fake.kill()
    leader = coordinator(one, two)
    done = gale("logs", NAME, "-q", "lines", fake=leader)
    check(done.code == 69 and done.out == one.logs[0], f"{done.code} {done.out}")
    done = gale("logs", NAME, fake=leader)
    check("worker 1 on h1 is left out" in done.err and two.fake.endpoint in done.err, done.err)
    leader.handler["describe"] = {"name": NAME, "id": ID, "workers": [], "components": []}
    check(gale("logs", NAME, fake=leader).code == 75, "no worker has a place")
    for host in (one.fake, two.fake, leader):
        host.stop()
    ok("logs_leaves_out_a_host_that_is_gone_and_says_so")


def host_lies():
    """Answers that cannot be end in a sentence: they are neither believed nor asked for for ever."""
    lies = ({"offset": -9, "size": 9}, {"offset": 0, "size": -5}, {"offset": 2**63 - 1, "size": 9},
            {"offset": 5, "size": 6}, {})
    for lie in lies:
        one = Host()
        one.logs[0] = line(1, "a", "lines") + "\n"
        leader = coordinator(one)
        one.fake.handler = lambda asked, lie=lie: (lie, b"line\nline\n")
        done = gale("logs", NAME, fake=leader, timeout=30)
        check(done.code == 69 and one.fake.endpoint in done.err, f"{lie}: {done.code} {done.err}")
        one.fake.stop()
        leader.stop()
    ok("logs_of_a_host_that_answers_nonsense_end_with_a_sentence")


merged()
long_log()
host_lies()
followed()
host_gone()
