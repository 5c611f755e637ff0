# SPDX-License-Identifier: Apache-2.0
# Labels: asan
"""gale top on a terminal of its own: golden screens, keys, resizing, what is left of the terminal at
each kind of end, another leader, and the printed forms."""
import json
import os
import signal
import time
import types

from common_fake import Fake, Terminal, gale, refusal
from common_run import check, ok
from common_screen import View, same_as_golden

STOPS_GROWING = 3  # samples after which the figures stay, so that a screen comes to rest
COLUMNS, LINES = 120, 18


def bolt(name, level, tasks, seconds, rate, **more):
    figures = {"name": name, "spout": False, "level": level, "tasks": tasks,
               "emitted": rate * seconds, "executed": rate * seconds, "acked": 0, "failed": 0,
               "timed_out": 0, "pending": 0, "queue_bytes": 0, "queue_bytes_max": 262144,
               "blocked_ns": 0, "p50_ns": 1200, "p99_ns": 9800, "capacity": 0.07}
    figures.update(more)
    return figures


def tasks_of(component, count):
    """A share of the component's figures for each task."""
    items = []
    for i in range(count):
        item = {key: value // count if key in ("emitted", "executed", "queue_bytes") else value
                for key, value in component.items() if key not in ("name", "tasks", "level")}
        item.update({"id": 10 + i, "index": i, "worker": i % 2, "host": f"h{i % 2 + 1}"})
        items.append(item)
    return items


def sample_at(seconds, tasks=True, **more):
    """Words flow at 50,000 a second and count is too slow for them."""
    components = [
        bolt("lines", 0, 1, seconds, 10000, spout=True, executed=0, acked=9900 * seconds,
             failed=2, timed_out=1, pending=512, queue_bytes_max=0,
             blocked_ns=int(0.6e9) * seconds),
        bolt("split", 1, 2, seconds, 10000, emitted=50000 * seconds, queue_bytes=250000,
             queue_bytes_max=262144, blocked_ns=int(1.2e9) * seconds),
        bolt("count", 2, 4, seconds, 50000, emitted=0, queue_bytes=900000,
             queue_bytes_max=1048576, p50_ns=18000, p99_ns=250000, capacity=0.98),
        bolt("report", 3, 1, seconds, 1),
    ]
    for component in components if tasks else []:
        component["task"] = tasks_of(component, component["tasks"])
    return {"at_ms": 1000 * seconds, "elapsed_ms": 1000 * seconds, "status": "active",
            "components": components,
            "complete": {"count": 9900 * seconds, "p50_ns": 1100000, "p99_ns": 8200000,
                         "p999_ns": 21000000, "max_ns": 30000000},
            "workers": [{"index": i, "host": f"h{i + 1}", "up": True, "pid": 100 + i,
                         "rss_kb": 20480, "cpu_user_ns": int(0.8e9) * seconds,
                         "cpu_system_ns": int(0.1e9) * seconds} for i in range(2)], **more}


def topologies():
    return {"topologies": [
        {"name": name, "id": "00000000000000a1", "status": status, "age_ms": age, "owner": "me",
         "workers": workers, "workers_up": up, "tasks": 8, "rate": rate, "p99_us": 8200,
         "failed": failed, "guarantee": "at-least-once", "restarts": restarts}
        for name, status, age, workers, up, rate, failed, restarts in [
            ("wordcount", "active", 65000, 2, 2, 10000.0, 2, 0),
            ("clicks", "inactive", 7200000, 1, 1, 0.0, 0, 0),
            ("bills", "starting", 900, 4, 1, 12.5, 0, 3)]]}


class Cluster(Fake):
    """Its samples are a second apart each and stop growing soon."""

    def __init__(self, **verbs):
        self.count = 0
        handler = {"list": topologies(), "sample": self.sample}
        handler.update(verbs)
        super().__init__(handler)

    def sample(self, asked):
        if asked["name"] != "wordcount":
            return refusal("not_found", f"no topology \"{asked['name']}\"")
        self.count = min(self.count + 1, STOPS_GROWING)
        return sample_at(9 + self.count, tasks=asked.get("tasks", False))


def top(fake, *arguments, columns=COLUMNS, lines=LINES, env=None):
    terminal = Terminal("top", *arguments, "--interval", "100ms", fake=fake, columns=columns,
                        lines=lines, env=env or {"NO_COLOR": "1"})
    return View(terminal, columns, lines)


def ended(view, code=0):
    """The end comes, and leaves the terminal as it was. @return its modes."""
    end = time.monotonic() + 20
    while view.terminal._read(0.1) and time.monotonic() < end:
        pass
    modes = view.modes()
    found = view.terminal.finish()
    check(found == code, f"exit code {found}, not {code}: {view.terminal.text[-300:]!r}")
    screen = view.screen()
    check(not screen.other and screen.cursor, "the terminal was not put back")
    return modes


def components_are_as_golden():
    fake = Cluster()
    view = top(fake, "wordcount")
    view.is_golden("top_components")
    view.until(lambda screen: screen.other and not screen.cursor, "not on the other screen")
    view.type("q")
    ended(view)
    fake.stop()
    ok("the components of a topology, the source of back-pressure marked")


def keys_sort_filter_and_select():
    fake = Cluster()
    view = top(fake, "wordcount")
    view.shows(r"back-pressure from count")
    view.until(lambda screen: screen.marked == {4}, "the first row is not selected")
    view.type("j")
    view.until(lambda screen: screen.marked == {5}, "down does not select the next row")
    view.type("\x1b[B\x1b[B\x1b[B\x1b[B")
    view.until(lambda screen: screen.marked == {7}, "down goes beyond the last row")
    view.type("\x1b[A\x1b[5~")
    view.until(lambda screen: screen.marked == {4}, "page up does not select the first row")
    view.type("s")
    view.until(lambda screen: names(screen) == ["count", "lines", "report", "split"], "by name")
    view.type("ss")
    view.until(lambda screen: names(screen)[0] == "split" and "sort: out/s" in screen.text(),
               "by out/s")
    view.type("r")
    view.until(lambda screen: names(screen)[-1] == "split", "reversed")
    view.type("rsss")
    view.until(lambda screen: names(screen)[0] == "split" and "sort: queue" in screen.text(),
               "by queue")
    view.type("/")
    view.shows(r"filter: _")
    view.type("OUx\x7f")
    view.until(lambda screen: names(screen) == ["count"], "the filter does not hold")
    view.type("\r")
    view.shows(r"/ filter: OU ")
    view.type("\x1b")
    view.until(lambda screen: len(names(screen)) == 4, "escape does not take the filter away")
    view.type("q")
    ended(view)
    fake.stop()
    ok("keys select, sort, reverse and filter")


def names(screen):
    rows = screen.text().split("\n")[4:]
    return [row.split()[0] for row in rows[:-2] if row.split()]


def tasks_are_as_golden():
    fake = Cluster()
    view = top(fake, "wordcount")
    view.shows(r"back-pressure from count")
    view.type("jjt")
    view.is_golden("top_tasks")
    view.type("\x1b")
    view.is_golden("top_components")
    view.type("q")
    ended(view)
    view = top(fake, "wordcount/count")
    view.shows(r"wordcount/count")
    view.type("q")
    ended(view)
    fake.stop()
    ok("enter and t go into a component's tasks, escape back")


def list_leads_into_a_topology():
    fake = Cluster()
    view = top(fake)
    view.is_golden("top_list")
    view.type("\r")
    view.shows(r"wordcount  active")
    view.type("\x1b[D")
    view.is_golden("top_list")
    view.type("jj\r")
    view.shows(r"no topology \"bills\"")
    view.type("q")
    ended(view)
    fake.stop()
    ok("without a name all topologies are listed, enter opens one")


def pause_asks_nothing():
    fake = Cluster()
    view = top(fake, "wordcount")
    view.shows(r"back-pressure from count")
    view.type("p")
    view.shows(r"PAUSED")
    before = len(fake.requests)
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        view.terminal._read(0.1)
    check(len(fake.requests) <= before + 1, "it asks while it is paused")
    view.type("p")
    view.lacks(r"PAUSED")
    view.type("q")
    ended(view)
    fake.stop()
    ok("p pauses and goes on")


def help_is_as_golden():
    fake = Cluster()
    view = top(fake, "wordcount", lines=24)
    view.shows(r"count")
    view.type("?")
    view.is_golden("top_help")
    view.type(" ")
    view.shows(r"COMPONENT")
    view.type("q")
    ended(view)
    fake.stop()
    ok("? shows the keys, any key leads back")


def size_follows_the_terminal():
    fake = Cluster()
    view = top(fake, "wordcount")
    view.is_golden("top_components")
    view.resize(60, 8)
    view.is_golden("top_small")
    view.type("\x1b[F")
    view.shows(r"report")
    view.resize(3, 2)
    time.sleep(0.3)
    view.resize(COLUMNS, LINES)
    view.is_golden("top_components_last")
    view.type("q")
    ended(view)
    fake.stop()
    ok("the screen follows the terminal's size")


def terminal_is_put_back_by_signals():
    fake = Cluster()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        before, view = entered(fake)
        os.kill(view.terminal.pid, number)
        check(ended(view, -number) == before, f"signal {number} leaves other modes")
    before, view = entered(fake)
    view.type("\x03")
    ended(view, -signal.SIGINT)
    if not os.environ.get("GALE_SANITIZE"):  # There the sanitizer has these signals.
        before, view = entered(fake)
        os.kill(view.terminal.pid, signal.SIGSEGV)
        check(ended(view, -signal.SIGSEGV) == before, "a crash leaves other modes")
    fake.stop()
    ok("signals, Ctrl-C and crashes leave the terminal as it was")


def entered(fake):
    terminal = Terminal("top", "wordcount", "--interval", "100ms", fake=fake, columns=COLUMNS,
                        lines=LINES, env={"NO_COLOR": "1"})
    view = View(terminal, COLUMNS, LINES)
    before = view.modes()
    view.shows(r"back-pressure from count")
    check(view.modes() != before, "the modes are not changed at all")
    return before, view


def stop_and_continue_keep_the_terminal():
    fake = Cluster()
    before, view = entered(fake)
    os.kill(view.terminal.pid, signal.SIGTSTP)
    os.waitpid(view.terminal.pid, os.WUNTRACED)
    while view.terminal._read(0.1) and view.screen().other:
        pass
    check(view.modes() == before, "stopped, the terminal is not as before")
    check(not view.screen().other, "stopped, the other screen is still shown")
    os.kill(view.terminal.pid, signal.SIGCONT)
    view.until(lambda screen: screen.other and "COMPONENT" in screen.text(), "it does not go on")
    view.type("q")
    ended(view)
    fake.stop()
    ok("Ctrl-Z gives the terminal back for the time")


def another_leader_is_found():
    second = Cluster()
    first = Cluster()
    view = top(types.SimpleNamespace(endpoint=f"{first.endpoint},{second.endpoint}"), "wordcount")
    view.shows(r"back-pressure from count")
    first.kill()
    end = time.monotonic() + 20
    while not second.requests and time.monotonic() < end:
        view.terminal._read(0.1)
    check(second.requests, "the other coordinator is not asked")
    view.lacks(r"trying again")
    view.type("q")
    ended(view)
    second.stop()
    ok("when the leader dies the next one is asked")


def trouble_is_said_and_keys_work():
    fake = Cluster()
    view = top(fake, "wordcount")
    view.shows(r"back-pressure from count")
    fake.kill()
    view.shows(r"trying again")
    view.shows(r"count +4")
    view.type("?")
    view.shows(r"gale top: keys")
    view.type("x")
    begin = time.monotonic()
    view.type("q")
    ended(view)
    check(time.monotonic() - begin < 5, "q took too long")
    fake.stop()
    ok("without a coordinator the last figures stay, with what is wrong")


def silent_leader_holds_no_key():
    fake = Cluster()
    view = top(fake, "wordcount")
    view.shows(r"back-pressure from count")
    os.kill(fake.process.pid, signal.SIGSTOP)
    view.shows(r"trying again")
    begin = time.monotonic()
    view.type("/zzz")
    view.shows(r"filter: zzz_")
    view.type("\x1bq")
    ended(view)
    check(time.monotonic() - begin < 10, "keys took too long")
    os.kill(fake.process.pid, signal.SIGCONT)
    fake.stop()
    ok("a leader that hangs holds no key for long")


def printed_forms():
    fake = Cluster()
    done = gale("top", "wordcount", "--interval", "100ms", fake=fake)
    check(done.code == 0 and "\x1b" not in done.out, f"{done.code} {done.err}")
    same_as_golden("top_once", done.out)
    fake.count = 0
    found = gale("top", "wordcount", "--json", "--interval", "100ms", fake=fake).json()
    check(found["topology"] == "wordcount" and found["back_pressure"] == "count", found)
    count = {c["name"]: c for c in found["components"]}["count"]
    check(count["in_per_s"] == 50000.0 and len(count["task"]) == 4, count)
    check(count["task"][1]["host"] == "h2" and count["capacity"] == 0.98, count)
    done = gale("top", "wordcount/count", "--once", "--interval", "100ms", fake=fake)
    check(len(done.out.splitlines()) == 8, done.out)
    done = gale("top", fake=fake)
    check(done.out.splitlines()[1].split("\t")[:2] == ["wordcount", "active"], done.out)
    found = gale("top", "--json", fake=fake).json()
    check([t["name"] for t in found["topologies"]] == ["wordcount", "clicks", "bills"], found)
    fake.stop()
    ok("without a terminal it is printed once, also as JSON")


def wrong_uses_are_refused():
    fake = Cluster()
    done = gale("top", "wordcont", fake=fake)
    check(done.code == 66 and "did you mean wordcount?" in done.err, f"{done.code} {done.err}")
    done = gale("top", "wordcount/nix", fake=fake)
    check(done.code == 66 and "no component \"nix\"" in done.err, f"{done.code} {done.err}")
    for arguments in (["/x"], ["wordcount", "--interval", "1ms"], ["wordcount", "--interval", "5"]):
        done = gale("top", *arguments, fake=fake)
        check(done.code == 64, f"{arguments}: {done.code} {done.err}")
    fake.stop()
    done = gale("top", "wordcount", fake="tcp://127.0.0.1:1")
    check(done.code == 69 and "tcp://127.0.0.1:1" in done.err, f"{done.code} {done.err}")
    ok("wrong names and values are refused with a hint")


def odd_answers_do_no_harm():
    odd = [{}, {"components": []}, {"components": [1, None, {"name": "x\x1b[2J", "tasks": -5,
                                                            "executed": -1, "p99_ns": 1e300}]},
           {"components": {"a": 1}, "workers": [[]], "elapsed_ms": -4, "complete": 7}]
    for answer in odd:
        fake = Fake({"sample": answer, "list": {"topologies": 3}})
        done = gale("top", "a", "--interval", "100ms", fake=fake)
        check(done.code == 0 and "\x1b" not in done.out, f"{answer}: {done.code} {done.err}")
        done = gale("top", "a", "--json", "--interval", "100ms", fake=fake)
        check(done.code == 0 and json.loads(done.out), f"{answer}: {done.code} {done.err}")
        fake.stop()
    ok("answers without the expected form do no harm")


components_are_as_golden()
keys_sort_filter_and_select()
tasks_are_as_golden()
list_leads_into_a_topology()
pause_asks_nothing()
help_is_as_golden()
size_follows_the_terminal()
terminal_is_put_back_by_signals()
stop_and_continue_keep_the_terminal()
another_leader_is_found()
trouble_is_said_and_keys_work()
silent_leader_holds_no_key()
printed_forms()
wrong_uses_are_refused()
odd_answers_do_no_harm()
