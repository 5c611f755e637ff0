# SPDX-License-Identifier: Apache-2.0
"""A million numbered lines flow through two workers while these are killed (SIGKILL) and stopped
(SIGSTOP), again and again. Every line comes out at least once, output goes on within a second of a
death and within three of a stop (two for its detection), later only as far as others keep the machine
busy, the run ends by itself with exit code 0, and no process is left.
Labels: slow"""
import os
import random
import signal
import threading
import time

from common_run import (DIR, Run, alive, check, check_lines, file_size, numbered_lines, ok, path,
                        slowness, wait_until)

LINES = 1000000
DEATH_GAP_MAX = 1.0
STOP_GAP_MAX = 3.0
STOP_DETECTION_MAX = 2.5
KILLS = 8
STOPS = 2
PAUSES = 2

TOPOLOGY = f"""
name: chaos
workers: 2
spouts:
  lines: {{ type: file, path: {DIR}/lines }}
bolts:
  slow: {{ type: delay, busy_us: 25, parallelism: 2, from: [ {{ lines: shuffle }} ] }}
  sink: {{ type: file, path: "{DIR}/sink-{{task}}", format: raw, parallelism: 2,
          from: [ {{ slow: shuffle }} ] }}
"""
SINKS = [path("sink-0"), path("sink-1")]


class Watch(threading.Thread):
    """Notes when the output grew."""

    def __init__(self):
        super().__init__(daemon=True)
        self.times = []
        self.running = True

    def run(self):
        size = 0
        while self.running:
            now = sum(file_size(name) for name in SINKS)
            if now != size:
                self.times.append(time.monotonic())
                size = now
            time.sleep(0.005)

    def gap(self, begin, end):
        """The longest time without growth that has a part between begin and end."""
        longest = 0.0
        before = begin
        for at in list(self.times) + [end]:
            if at > begin:
                longest = max(longest, min(at, end) - before)
                if at >= end:
                    break
                before = at
        return longest


def await_all_sinks():
    """Waits until every worker writes: each has one of the sinks."""
    sizes = [file_size(name) for name in SINKS]
    wait_until(lambda: all(file_size(name) > size for name, size in zip(SINKS, sizes)),
               "output of every worker", 15)


def main():
    numbered_lines(path("lines"), LINES)
    run = Run(TOPOLOGY)
    watch = Watch()
    watch.start()
    await_all_sinks()
    events = ["kill"] * KILLS + ["stop"] * STOPS + ["pause"] * PAUSES
    random.shuffle(events)
    done = []
    for event in events:
        workers = run.await_workers(2)
        check(run.process.poll() is None, "the input was too short for all events")
        victim = random.choice(workers)
        begin = time.monotonic()
        if event == "kill":
            os.kill(victim, signal.SIGKILL)
        else:
            os.kill(victim, signal.SIGSTOP)
        if event == "pause": # Too short to be noticed: nothing may be lost or restarted.
            time.sleep(random.uniform(0.05, 0.4))
            os.kill(victim, signal.SIGCONT)
        wait_until(lambda: event == "pause" or not alive(victim), f"the end of {event} {victim}", 4)
        dead = time.monotonic()
        run.await_workers(2)
        await_all_sinks()
        time.sleep(random.uniform(0.0, 1.0))
        done.append((event, begin, dead, time.monotonic(), slowness()))
    report = run.end(0, 120)
    watch.running = False
    watch.join()
    for event, begin, dead, end, slow in done:
        limit = STOP_GAP_MAX if event == "stop" else DEATH_GAP_MAX
        gap = watch.gap(begin, end)
        print(f"# {event}: dead after {dead - begin:.2f} s, longest pause of the output {gap:.2f} s"
              f" on a machine that is {slow:.1f} times slower than alone")
        check(gap <= limit * slow, f"the output paused for {gap:.2f} s after a {event}")
        check(event != "stop" or dead - begin <= STOP_DETECTION_MAX * slow,
              "a stopped worker was detected too late")
    twice = check_lines(SINKS, LINES, KILLS + STOPS)
    restarts = sum(worker["restarts"] for worker in report["workers"])
    check(restarts == KILLS + STOPS, f"{restarts} restarts after {KILLS} kills, "
          f"{STOPS} stops: {run.errors()[-3000:]}")
    ok(f"{LINES} lines through {KILLS} kills, {STOPS} stops, {PAUSES} pauses in "
       f"{report['elapsed_s']:.1f} s: none lost, {twice} twice, no process left")


main()
