# SPDX-License-Identifier: Apache-2.0
# Labels: asan
"""gale tap against a coordinator of the test: what it asks, what it prints, limits, what workers say,
a leader that knows nothing of the tap, Ctrl-C."""
import json
import os
import signal
import subprocess

from common_fake import Fake, GALE, Terminal, environment, gale, refusal
from common_run import check, ok

TAP = "00000000000000f1"


def item(word, count, **more):
    return {"component": "split", "task": 7, "stream": "default", "at_ms": 1700000000123,
            "values": [word, count], "fields": ["word", "count"], **more}


class Tapped(Fake):
    """Gives these batches of samples one by one, then none."""

    def __init__(self, *batches, skipped=0, text=None, **verbs):
        self.batches = list(batches)
        self.number = 0
        self.skipped = skipped
        self.said = text
        handler = {"tap": {"tap": TAP}, "tap_read": self.read, "list": {"topologies": []}}
        handler.update(verbs)
        super().__init__(handler)

    def read(self, asked):
        check(asked["tap"] == TAP and asked["after"] == self.number, f"asked {asked}")
        batch = self.batches.pop(0) if self.batches else []
        self.number += len(batch)
        answer = {"samples": batch, "next": self.number, "skipped": self.skipped}
        if self.said:
            answer["text"] = self.said
        return answer

    def ended(self):
        return [asked for asked in self.asked("tap_read") if asked.get("end")]


def samples_are_printed():
    fake = Tapped([item("the", 3)], [item("a\x1b[2Jb", 4), item("c d", -1)], skipped=17)
    done = gale("tap", "wordcount/split", "-n", "3", fake=fake)
    check(done.code == 0, f"{done.code} {done.err}")
    check(done.out.splitlines() == ['word="the"  count=3', 'word="a\\u001b[2Jb"  count=4',
                                    'word="c d"  count=-1'], done.out)
    check("3 shown, 17 skipped" in done.err, done.err)
    asked = fake.asked("tap")[0]
    check(asked["name"] == "wordcount" and asked["component"] == "split" and
          asked["rate"] == 10 and "stream" not in asked and "where" not in asked, asked)
    check(len(fake.ended()) == 1, "the tap is not ended")
    fake.stop()
    ok("samples are printed, what was skipped is said, the tap is ended")


def options_are_passed_on():
    fake = Tapped([item("the", 3)])
    done = gale("tap", "wordcount/split:side", "--where", "count > 2", "--rate", "50",
                "--duration", "20s", "--limit", "1", "--meta", fake=fake, env={"TZ": "UTC"})
    check(done.out == '22:13:20.123  split[7]  default  word="the"  count=3\n', done.out)
    asked = fake.asked("tap")[0]
    check(asked["stream"] == "side" and asked["where"] == "count > 2" and asked["rate"] == 50 and
          19000 < asked["for_ms"] <= 20000, asked)
    fake.stop()
    ok("stream, condition, rate and duration are passed on; --meta says where from")


def json_lines():
    odd = item("x", 1, fields=["word"])
    fake = Tapped([item("the", 3), odd])
    done = gale("tap", "wordcount/split", "-n", "2", "--json", fake=fake)
    lines = [json.loads(line) for line in done.out.splitlines()]
    check(lines[0] == {"at_ms": 1700000000123, "component": "split", "task": 7,
                       "stream": "default", "values": {"word": "the", "count": 3}}, lines)
    check(lines[1]["values"] == ["x", 1], lines)
    fake.stop()
    ok("with --json each sample is a line")


def duration_ends_it():
    fake = Tapped([item("the", 3)])
    done = gale("tap", "wordcount/split", "--duration", "400ms", fake=fake)
    check(done.code == 0 and done.out.count("\n") == 1, f"{done.code} {done.out}")
    check(0.4 <= done.seconds < 10 and len(fake.ended()) == 1, f"{done.seconds}")
    fake.stop()
    ok("--duration ends it")


def interrupted_it_ends_the_tap():
    fake = Tapped([item("the", 3)])
    child = subprocess.Popen([GALE, "tap", "wordcount/split", "--coordinator", fake.endpoint],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env=environment())
    check(child.stdout.readline() == 'word="the"  count=3\n', "no sample")
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=20)
    check(child.returncode == 130, f"{child.returncode} {err}")
    check(len(fake.ended()) == 1 and "1 shown" in err, f"the tap is not ended: {err}")
    fake.stop()
    ok("Ctrl-C ends the tap too")


def another_leader_is_asked_anew():
    taps = []

    def begin(_asked):
        taps.append(TAP if taps else "00000000000000aa")
        return {"tap": taps[-1]}

    def read(asked):
        if asked["tap"] != TAP:
            return refusal("not_found", "that tap is over")
        return {"samples": [item("the", 3)], "next": 1, "skipped": 0}

    fake = Fake({"tap": begin, "tap_read": read, "list": {"topologies": []}})
    done = gale("tap", "wordcount/split", "-n", "1", fake=fake)
    check(done.code == 0 and len(taps) == 2, f"{done.code} {taps} {done.err}")
    fake.stop()
    ok("a leader that does not know the tap gets another one")


def what_workers_say_is_shown():
    fake = Tapped(text="where: stream \"default\" has no field `price`")
    done = gale("tap", "wordcount/split", "--where", "price > 1", fake=fake)
    check(done.code == 64 and "no field `price`" in done.err, f"{done.code} {done.err}")
    fake.stop()
    fake = Tapped([item("the", 3)], text="a tuple of 40003 bytes is too large to show")
    done = gale("tap", "wordcount/split", "-n", "1", fake=fake)
    check(done.code == 0 and done.err.count("too large to show") == 1, f"{done.code} {done.err}")
    fake.stop()
    ok("what a worker says instead of samples is shown")


def wrong_uses_are_refused():
    fake = Tapped(tap=refusal("not_found", "topology \"wordcount\" has no component \"spilt\"",
                              "`gale describe` shows its components"))
    for arguments in (["wordcount"], ["/split"], ["wordcount/"], ["wordcount/split:"],
                      ["wordcount/split", "--rate", "0"], ["wordcount/split", "--limit", "x"],
                      ["wordcount/split", "--duration", "5"],
                      ["wordcount/split", "--where", "count >"]):
        done = gale("tap", *arguments, fake=fake)
        check(done.code == 64, f"{arguments}: {done.code} {done.err}")
    check(not fake.requests, "somebody was asked")
    done = gale("tap", "wordcount/spilt", fake=fake)
    check(done.code == 66 and "spilt" in done.err, f"{done.code} {done.err}")
    fake.stop()
    ok("wrong names and values are refused, before anybody is asked where that can be")


def terminal_shows_what_is_skipped():
    fake = Tapped([item("the", 3)], skipped=1234)
    terminal = Terminal("tap", "wordcount/split", "--duration", "3s", fake=fake)
    check(terminal.wait_for(r'word="the"'), terminal.text)
    check(terminal.wait_for(r"1 shown, 1234 skipped"), terminal.text)
    os.kill(terminal.pid, signal.SIGTERM)
    check(terminal.finish() == 143, f"{terminal.code}: {terminal.text}")
    fake.stop()
    ok("on a terminal a line below the samples counts what is skipped")


samples_are_printed()
options_are_passed_on()
json_lines()
duration_ends_it()
interrupted_it_ends_the_tap()
another_leader_is_asked_anew()
what_workers_say_is_shown()
wrong_uses_are_refused()
terminal_shows_what_is_skipped()
