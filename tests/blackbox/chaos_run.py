# SPDX-License-Identifier: Apache-2.0
"""`gale run` itself is hurt: killed with SIGKILL it leaves no process behind; interrupted it drains,
and the next run of the same name goes on where it stopped; interrupted twice it stops at once. What a
component does wrong (too much memory, crashes in a loop, slowness) ends in a clear sentence or in
back-pressure, and standard input and tcp between the workers lose nothing.
Labels: slow"""
import json
import os
import random
import signal
import subprocess
import threading
import time

from common_run import (DIR, MODULES, Run, check, check_lines, file_size, numbered_lines, ok, path,
                        resident_kb, wait_for_growth, wait_until)

LINES = 300000
RSS_MAX_KB = 64 * 1024


def topology(name, sink, busy_us, more=""):
    return f"""
name: {name}
workers: 2
{more}
spouts:
  lines: {{ type: file, path: {DIR}/lines }}
bolts:
  slow: {{ type: delay, busy_us: {busy_us}, parallelism: 2, from: [ {{ lines: shuffle }} ] }}
  sink: {{ type: file, path: {DIR}/{sink}, format: raw, from: [ {{ slow: global }} ] }}
"""


def lines_in(sink):
    with open(path(sink), "rb") as file:
        return sum(1 for _ in file)


def test_killed_run_leaves_nothing():
    for wait in (0.0, 0.02, 0.3):
        run = Run(topology("killed", "killed", 20))
        if wait > 0.1:
            run.await_workers(2)
        time.sleep(wait)
        run.process.kill()
        run.process.wait()
        run.gone(2.0)
    # Also with a stopped worker, which cannot notice anything by itself.
    run = Run(topology("killed", "killed", 20))
    size = file_size(path("killed"))
    wait_until(lambda: file_size(path("killed")) > size, "output")
    os.kill(random.choice(run.await_workers(2)), signal.SIGSTOP)
    run.process.kill()
    run.process.wait()
    run.gone(2.0)
    ok("gale run killed -9: no process left")


def judge_drained(run, report, twice):
    """A run that drained has saved what it acked. A tree that failed while it drained or a worker
    that died would be a reason for lines that come twice; nothing here makes either happen."""
    restarts = sum(worker["restarts"] for worker in report["workers"])
    check(report["end"] == "interrupted", f"end is {report['end']}: {run.errors()[-2000:]}")
    failed = report["spouts"]["lines"]["failed"]
    check(restarts == 0 and failed == 0 and twice == 0,
          f"{twice} lines came twice by now, {failed} trees failed and {restarts} workers died "
          f"in a run that drained: {report} {run.errors()[-2000:]}")


def test_resume():
    # As long as the machine takes: all that is open at the interrupt is processed.
    yaml = topology("resume", "resume", 20, "drain: 10m")
    state = path("resume-state")
    acked = 0
    for interrupted in range(3):
        run = Run(yaml, state=state, fresh=interrupted == 0)
        wait_for_growth(lambda: file_size(path("resume")), file_size(path("resume")) + 100000,
                        "output before SIGINT")
        run.process.send_signal(random.choice([signal.SIGINT, signal.SIGTERM]))
        report = run.end(run_code(run))
        acked += report["spouts"]["lines"]["acked"]
        judge_drained(run, report, lines_in("resume") - acked)
    report = Run(yaml, state=state, fresh=False).end(0)
    acked += report["spouts"]["lines"]["acked"]
    twice = check_lines([path("resume")], LINES)
    check(twice == 0, f"{twice} lines came twice although each run drained: {report}")
    check(acked == LINES, f"{acked} acked in all instead of {LINES}")
    ok("interrupted three times and resumed: every line once")
    report = Run(yaml, state=state, fresh=False).end(0)
    check(report["spouts"]["lines"]["emitted"] == 0, "a finished input was read again")
    os.unlink(path("resume"))
    report = Run(yaml, "-D", "bolts.slow.busy_us=0", state=state).end(0)
    check(report["spouts"]["lines"]["acked"] == LINES, f"--fresh acked {report['spouts']}")
    check(check_lines([path("resume")], LINES) == 0, "--fresh gave lines twice")
    ok("--fresh starts over")


def run_code(run):
    """130 or 143: waits for either; the signal was chosen at random."""
    code = run.wait()
    check(code in (130, 143), f"exit code {code}: {run.errors()[-2000:]}")
    return code


def test_resume_after_kill():
    yaml = topology("after-kill", "after-kill", 20)
    state = path("after-kill-state")
    run = Run(yaml, state=state)
    # 20 us a line on each of two workers: by then positions were saved at least once.
    whole = file_size(path("lines"))
    wait_for_growth(lambda: file_size(path("after-kill")), whole * 2 // 3, "output before SIGKILL")
    run.process.kill()
    run.process.wait()
    run.gone(2.0)
    before = lines_in("after-kill")
    report = Run(yaml, state=state, fresh=False).end(0)
    twice = check_lines([path("after-kill")], LINES, 1)
    check(report["spouts"]["lines"]["acked"] < LINES, "the run did not resume")
    ok(f"killed -9 after {before} lines and resumed: none lost, {twice} twice")


def pending(run):
    """Open trees of the spout as of the run's last sample; the last line may not be whole yet."""
    lines = [line for line in run.errors().splitlines()[:-1] if line.startswith('{"sample"')]
    components = json.loads(lines[-1])["sample"]["components"] if lines else []
    return sum(component["pending"] for component in components if component["spout"])


def test_second_interrupt():
    run = Run(topology("twice", "twice", 50000, "drain: 60s"), "--progress", view=True)
    wait_until(lambda: pending(run) > 40, "lines under way")
    run.process.send_signal(signal.SIGINT)
    wait_until(lambda: '{"note":"draining' in run.errors(), "the drain")
    check(run.process.poll() is None, "a run with seconds of work under way drained at once")
    begin = time.monotonic()
    run.process.send_signal(signal.SIGINT)
    report = run.end(130, 1)
    check(report["end"] == "aborted", f"end is {report['end']}")
    ok(f"a second SIGINT stops after {time.monotonic() - begin:.2f} s")


def test_crash_loop():
    yaml = f"""
name: crash
workers: 2
spouts: {{ numbers: {{ type: generator, constant: x, count: 1000 }} }}
bolts:
  crash: {{ module: {MODULES}/libcrash.so, bolt: crash, at: ${{at}}, from: [ numbers ] }}
"""
    for at, sentence in ((0, "before it could work"), (5, "times in a row")):
        run = Run(yaml, "-D", f"at={at}")
        run.end(70, 20)
        check("SIGSEGV" in run.errors() and sentence in run.errors(), run.errors()[-2000:])
    ok("a bolt that crashes in a loop ends the run with a sentence")


def test_memory_limit():
    yaml = f"""
name: hoard
workers: 2
memory_max: 300MiB
spouts: {{ numbers: {{ type: generator, constant: x }} }}
bolts:
  hoard: {{ module: {MODULES}/libcrash.so, bolt: hoard, from: [ numbers ] }}
"""
    run = Run(yaml)
    peak = watch_resident(run)
    run.end(70, 30)
    check("no memory for one more MiB" in run.errors(), run.errors()[-2000:])
    check(100 * 1024 < peak < 320 * 1024, f"a worker took {peak} kB under a limit of 300 MiB")
    ok(f"memory_max holds ({peak} kB at most) and ends the run with a sentence")


def watch_resident(run):
    """Largest resident set of a worker, in kB, until the run ends."""
    peak = 0
    while run.process.poll() is None:
        peak = max([peak] + [resident_kb(pid) for pid in run.workers()])
        time.sleep(0.01)
    return peak


def test_slow_bolt():
    yaml = """
name: slow
workers: 2
spouts: { words: { type: generator, constant: "a text of some length, to fill buffers", parallelism: 2 } }
bolts:
  slow: { type: delay, busy_us: 1000, parallelism: 2, from: [ words ] }
"""
    run = Run(yaml, "--duration", "3s")
    peak = watch_resident(run)
    report = run.end(0)
    restarts = sum(worker["restarts"] for worker in report["workers"])
    check(restarts == 0, f"{restarts} restarts because of a slow bolt: {run.errors()[-2000:]}")
    check(0 < peak < RSS_MAX_KB, f"a worker took {peak} kB behind a slow bolt")
    ok(f"a slow bolt downstream: {peak} kB at most")


def feed(pipe):
    with open(path("lines"), "rb") as file, pipe:
        while True:
            data = file.read(random.randrange(1, 100000))
            if not data:
                return
            pipe.write(data)


def test_stdin_and_tcp():
    yaml = f"""
name: stdin
workers: 2
spouts: {{ lines: {{ type: stdin }} }}
bolts:
  pass: {{ type: identity, parallelism: 2, from: [ {{ lines: shuffle }} ] }}
  sink: {{ type: file, path: {DIR}/SINK, format: raw, from: [ {{ pass: global }} ] }}
"""
    for transport in ("ipc", "tcp"):
        run = Run(yaml.replace("SINK", f"stdin-{transport}"), "--transport", transport,
                  stdin=subprocess.PIPE)
        feeder = threading.Thread(target=feed, args=(run.process.stdin,))
        feeder.start()
        run.end(0)
        feeder.join()
        check(check_lines([path(f"stdin-{transport}")], LINES) == 0, "lines came twice")
        ok(f"{LINES} lines of standard input over {transport}: every line once")


def test_tcp_kill():
    run = Run(topology("tcp", "tcp", 15), "--transport", "tcp")
    for _ in range(3):
        victim = random.choice(run.await_workers(2))
        size = file_size(path("tcp"))
        wait_until(lambda: file_size(path("tcp")) > size, "output over tcp")
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: victim not in run.workers(), "the worker's end")
    run.end(0)
    ok(f"workers killed over tcp: none lost, {check_lines([path('tcp')], LINES, 3)} twice")


numbered_lines(path("lines"), LINES)
test_killed_run_leaves_nothing()
test_resume()
test_resume_after_kill()
test_second_interrupt()
test_crash_loop()
test_memory_limit()
test_slow_bolt()
test_stdin_and_tcp()
test_tcp_kill()
