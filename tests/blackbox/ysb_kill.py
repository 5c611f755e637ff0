# SPDX-License-Identifier: Apache-2.0
"""The Yahoo benchmark with a journal, at least once, in two workers that are killed (SIGKILL) while
they count: at the end no campaign's window counts fewer views than were emitted."""
import os
import random
import signal
import subprocess

from common_run import Run, check, file_size, ok, path, wait_until

BENCH = os.path.join(os.environ["GALE_BUILD"], "bench")
COUNT = 500000
RATE = 100000
KILLS = 4
GROWTH_MAX = 30000 # Bytes of journal from one kill to the next: some tenths of a second.


def topology():
    with open(os.path.join(BENCH, "ysb-binary.yaml"), encoding="utf-8") as file:
        return file.read()


def journals():
    return sum(file_size(path(f"journal.{task}")) for task in range(2))


def workers(run):
    """The run's worker processes, without its other helpers."""
    found = []
    for pid in run.workers():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if file.read().split(b"\0")[1:2] == [b"worker"]:
                    found.append(pid)
        except OSError:
            pass
    return found


def main():
    # Event time does not begin with the run, so that events are the same in a worker that died
    # before its first position was saved.
    run = Run(topology(), "-D", f"lib={BENCH}", "-D", "workers=2", "-D", f"count={COUNT}",
              "-D", f"rate={RATE}", "-D", f"result={path('result')}",
              "-D", f"journal={path('journal')}", "-D", "bolts.count.tick=50ms",
              "-D", "spouts.events.start_ms=1700000000000")
    for _ in range(KILLS):
        size = journals() + random.randrange(GROWTH_MAX)
        wait_until(lambda: journals() > size or run.process.poll() is not None,
                   "counts in the journal")
        check(run.process.poll() is None, f"the input was too short for all kills: {run.errors()}")
        wait_until(lambda: len(workers(run)) == 2, "two workers")
        check(set(run.workers()) == set(workers(run)), "a look into the module goes on")
        os.kill(random.choice(workers(run)), signal.SIGKILL)
    report = run.end(0, 60)
    restarts = sum(worker["restarts"] for worker in report["workers"])
    check(restarts == KILLS, f"{restarts} restarts after {KILLS} kills")
    verdict = subprocess.run([os.path.join(BENCH, "ysb_check"), path("result"), "--at-least"],
                             capture_output=True, text=True, check=False)
    check(verdict.returncode == 0, verdict.stderr)
    check(f"{COUNT} events" in verdict.stdout, verdict.stdout)
    ok(f"{KILLS} kills: {verdict.stdout.splitlines()[0]}")


main()
