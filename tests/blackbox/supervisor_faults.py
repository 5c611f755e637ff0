#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gale supervisor where the machine fails it: paused, or on a disk that takes nothing for a while. Same
host and fake coordinator as supervisor_life.py.
Labels: asan"""
import os
import signal
import sys
import time

from supervisor_life import NOWHERE, Host, fresh, lives, parent_of, wait


def children_that_ended(pid):
    """Processes of that parent that nobody has asked for their end."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and parent_of(entry) == pid and not lives(entry):
            found.append(int(entry))
    return found


def paused_supervisor_harms_no_worker():
    host = fresh(3, "paused")
    before = host.workers()
    for seconds in (1.6, 2.5, 4.0):
        host.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        count = len(host.fake.asked("host"))
        host.process.send_signal(signal.SIGCONT)
        wait("reports", lambda: len(host.fake.asked("host")) > count + 4)
        assert host.workers() == before, f"after {seconds} s: {before} -> {host.workers()}"


def record_that_cannot_be_written_leaves_no_process():
    host = fresh(1, "no-record")
    old = host.workers()[0]
    os.rename(f"{host.dir}/slots", f"{host.dir}/slots.away")
    os.kill(old, signal.SIGKILL)
    wait("three failed starts", lambda: len(
        [text for text in host.gone().values() if "could not be started" in text]) >= 3)
    wait("no ended child", lambda: not children_that_ended(host.process.pid), 3)
    os.rename(f"{host.dir}/slots.away", f"{host.dir}/slots")
    host.replaced(0, old, 12)
    host.ready(1)


def leader_that_could_not_be_written_is_written_later():
    host = fresh(1, "no-leader")
    before = host.workers()
    os.mkdir(f"{host.dir}/.coordinator")
    host.epoch = 5
    count = len(host.fake.asked("host"))
    wait("reports", lambda: len(host.fake.asked("host")) > count + 3)
    with open(f"{host.dir}/coordinator", encoding="utf-8") as file:
        assert file.read() == f"3 {NOWHERE}\n"
    os.rmdir(f"{host.dir}/.coordinator")

    def written():
        with open(f"{host.dir}/coordinator", encoding="utf-8") as file:
            return file.read() == f"5 {NOWHERE}\n"
    wait("the leader's file", written, 5)
    assert host.workers() == before


TESTS = [
    paused_supervisor_harms_no_worker,
    record_that_cannot_be_written_leaves_no_process,
    leader_that_could_not_be_written_is_written_later,
]

if __name__ == "__main__":
    for test in TESTS:
        if len(sys.argv) > 1 and test.__name__ not in sys.argv[1:]:
            continue
        begin = time.monotonic()
        test()
        print(f"ok {test.__name__} {time.monotonic() - begin:.1f} s", flush=True)
