# SPDX-License-Identifier: Apache-2.0
"""Processes seen from outside: CPU time and resident memory of a tree, free ports, a sure end.

The driver makes itself the reaper of orphans, so whatever an engine starts stays below it: what is
below the driver at the end is ended, nothing else is ever touched. All figures are from /proc.
"""

import atexit
import ctypes
import os
import signal
import socket
import subprocess
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024
SAMPLE_S = 0.25
# The kernel's names of prctl(2) options.
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
TERM_GRACE_S = 3


class PeerError(Exception):
    """A run that could not be made or gave a wrong result."""


def become_reaper():
    """Orphans of engines become the driver's children, and all of them end with it."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    atexit.register(stop_all)


def die_with_parent():
    """In a new child: the kernel kills it when the driver is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def start(command, log, environment=None):
    """A child in a session of its own (a Ctrl-C reaches the driver only), its output in a file."""
    with open(log, "ab") as output:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                env=environment, start_new_session=True,
                                preexec_fn=die_with_parent)


def parents():
    """Parent by pid of all processes."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = stat_fields(int(name))
            if fields:
                found[int(name)] = int(fields[1])
    return found


def stat_fields(pid):
    """Fields of /proc/PID/stat from the state on; None when the process has gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def tree(roots):
    """The living processes among roots and all below them."""
    above = parents()
    found = {pid for pid in roots if pid in above}
    while True:
        more = {pid for pid, parent in above.items() if parent in found} - found
        if not more:
            return found
        found |= more


def figures(pid):
    """(user s, system s, resident KiB) of a process; None when it has gone or is a zombie."""
    fields = stat_fields(pid)
    if fields is None or fields[0] == "Z":
        return None
    return int(fields[11]) / TICKS, int(fields[12]) / TICKS, int(fields[21]) * PAGE_KB


def stop_all():
    """Ends everything below the driver: asks, waits a little, kills, and collects. What is left, if
    anything, is returned."""
    own = os.getpid()
    for sign, grace in ((signal.SIGTERM, TERM_GRACE_S), (signal.SIGKILL, TERM_GRACE_S)):
        left = tree([own]) - {own}
        for pid in left:
            try:
                os.kill(pid, sign)
            except ProcessLookupError:
                continue
        end = time.monotonic() + grace
        while time.monotonic() < end and tree([own]) - {own}:
            reap()
            time.sleep(0.05)
    return tree([own]) - {own}


def reap():
    """Collects children that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    except ChildProcessError:
        return


def free_ports(count):
    """Ports that nothing listens on now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def busy_s():
    """CPU seconds that the whole machine has used so far, time stolen by its host included."""
    with open("/proc/stat", encoding="ascii") as file:
        fields = [int(field) for field in file.readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS


class Sampler:
    """Watches a tree of processes by a thread: CPU time so far, and the largest sum of memory.

    `roots` gives the first pids, `is_daemon` says of a pid whether it is counted apart as well.
    """

    def __init__(self, roots, is_daemon=lambda pid: False):
        self.roots = roots
        self.is_daemon = is_daemon
        self.cpu = {}
        self.memory_kb = 0
        self.daemons_kb = 0
        self.samples = []
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self.sample()
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.ended.set()
        self.thread.join()

    def _watch(self):
        while not self.ended.wait(SAMPLE_S):
            self.sample()

    def sample(self):
        """(time, user s, system s, busy s of the machine) now; processes that have ended keep what
        was last seen."""
        with self.lock:
            memory = daemons = 0
            for pid in tree(self.roots()):
                seen = figures(pid)
                if seen is None:
                    continue
                self.cpu[pid] = seen[:2]
                memory += seen[2]
                daemons += seen[2] if self.is_daemon(pid) else 0
            self.memory_kb = max(self.memory_kb, memory)
            self.daemons_kb = max(self.daemons_kb, daemons)
            now = (time.monotonic(), sum(c[0] for c in self.cpu.values()),
                   sum(c[1] for c in self.cpu.values()), busy_s())
            self.samples.append(now)
            return now

    def between(self, start_s, end_s):
        """The first sample at or after start and the last one at or before end."""
        with self.lock:
            inside = [s for s in self.samples if start_s <= s[0] <= end_s]
        if len(inside) < 2:
            raise PeerError("the run was too short to see its CPU time")
        return inside[0], inside[-1]


def cpu_metrics(first, last):
    """User and system seconds between two samples, and how many cores that is; foreign_cores is what
    all other processes of the machine took, which should be next to nothing."""
    user, system, elapsed = last[1] - first[1], last[2] - first[2], last[0] - first[0]
    return {"cpu_user_s": user, "cpu_system_s": system, "cores": (user + system) / elapsed,
            "foreign_cores": max(0.0, last[3] - first[3] - user - system) / elapsed}
