# SPDX-License-Identifier: Apache-2.0
"""The Yahoo benchmark with a journal, at least once, in two workers that are killed (SIGKILL) while
they count: at the end no campaign's window counts fewer views than were emitted."""
import os
import random
import signal
import subprocess

from common_run import Run, check, file_size, ok, path, wait_until

BENCH = os.path.join(os.environ["GALE_BUILD"], "bench")
COUNT = 300000
RATE = 100000
KILLS = 3


def topology():
    with open(os.path.join(BENCH, "ysb-binary.yaml"), encoding="utf-8") as file:
        return file.read()


def journals():
    return sum(file_size(path(f"journal.{task}")) for task in range(2))


def main():
    run = Run(topology(), "-D", f"lib={BENCH}", "-D", "workers=2", "-D", f"count={COUNT}",
              "-D", f"rate={RATE}", "-D", f"result={path('result')}",
              "-D", f"journal={path('journal')}")
    for _ in range(KILLS):
        size = journals()
        wait_until(lambda: journals() > size, "counts in the journal")
        check(run.process.poll() is None, "the input was too short for all kills")
        os.kill(random.choice(run.await_workers(2)), signal.SIGKILL)
    report = run.end(0, 60)
    restarts = sum(worker["restarts"] for worker in report["workers"])
    check(restarts == KILLS, f"{restarts} restarts after {KILLS} kills")
    verdict = subprocess.run([os.path.join(BENCH, "ysb_check"), path("result"), "--at-least"],
                             capture_output=True, text=True, check=False)
    check(verdict.returncode == 0, verdict.stderr)
    check(f"{COUNT} events" in verdict.stdout, verdict.stdout)
    ok(f"{KILLS} kills: {verdict.stdout.splitlines()[0]}")


main()
