#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gale supervisor with real worker processes and a coordinator whose answers this test gives: what
happens to the workers when they, the supervisor or the coordinator die, in any order. The workers get
no tasks: that they live, where and as what, is all that matters here.
Labels: asan"""
import atexit
import glob
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from common_fake import GALE, Fake, environment

ROOT = tempfile.mkdtemp(prefix="gale-sup-")
atexit.register(shutil.rmtree, ROOT, ignore_errors=True)
TOPOLOGY = "00000000000abc12"
NOWHERE = "tcp://127.0.0.1:9"  # where nobody listens


def wait(what, condition, seconds=20):
    """Waits until the condition says something. @return what it said and after how long."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        value = condition()
        if value:
            return value, time.monotonic() - begin
        time.sleep(0.005)
    raise AssertionError(f"not in {seconds} s: {what}")


def state_of(pid):
    """The letter of /proc/PID/stat; "" when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def parent_of(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            return int(file.read().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def lives(pid):
    return state_of(pid) not in ("", "Z", "X")


class Host:
    """A state directory, its supervisor, and the coordinator that it asks."""

    def __init__(self, name, coordinator=None):
        self.dir = os.path.join(ROOT, name)
        self.epoch = 3
        self.wanted = {}
        self.sources = []
        self.fake = coordinator or Fake(self.answer)
        self.address = self.fake.endpoint
        self.process = None
        self.before = 0  # reports of earlier lives
        atexit.register(self.clear)

    def answer(self, request):
        if request["verb"] == "who":
            return {"leads": True, "epoch": self.epoch, "name": "fake"}
        if request["verb"] != "host":
            return {"error": {"code": 14, "text": "unknown"}}
        return {"epoch": self.epoch, "control": NOWHERE, "blobs_from": self.sources,
                "acknowledged_gone": len(request["gone"]), "wanted": list(self.wanted.values())}

    def want(self, worker, keep="running", attempt=1, **more):
        self.wanted[worker] = {"topology": TOPOLOGY, "name": "words", "worker": worker,
                               "keep": keep, "attempt": attempt, "epoch": 1, **more}

    def start(self, *arguments):
        command = [GALE, "supervisor", "--name", "h1", "--listen", "tcp://127.0.0.1:*",
                   "--coordinator", self.address, "--state-dir", self.dir, *arguments]
        self.before = len(self.fake.asked("host"))
        with open(self.dir + ".log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(command, env=environment(),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def end(self, number):
        self.process.send_signal(number)
        return self.process.wait(20)

    def workers(self):
        """Living worker processes of this directory: index → pid."""
        found = {}
        for line in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(line, "rb") as file:
                    words = file.read().decode().split("\0")
            except OSError:
                continue
            pid = int(line.split("/")[2])
            if f"file:{self.dir}/coordinator" in words and lives(pid):
                found.setdefault(int(words[words.index("--index") + 1]), []).append(pid)
        for pids in found.values():  # The leak check of a sanitized one is a child of it.
            pids[:] = [pid for pid in pids if parent_of(pid) not in pids]
        assert all(len(pids) == 1 for pids in found.values()), f"two of one worker: {found}"
        return {index: pids[0] for index, pids in found.items()}

    def held(self, state="running"):
        """What the last report of this life holds in that state: index → (pid, incarnation)."""
        reports = self.fake.asked("host")[self.before:]
        return {one["worker"]: (one["pid"], one["incarnation"])
                for one in (reports[-1]["held"] if reports else []) if one["state"] == state}

    def gone(self):
        """Every end that was ever told: (worker, incarnation) → how."""
        return {(one["worker"], one["incarnation"]): one["exit"]
                for report in self.fake.asked("host") for one in report["gone"]}

    def ready(self, count):
        """Waits until so many workers run and the report says so."""
        def told():
            held = {index: pid for index, (pid, _) in self.held().items()}
            return len(held) == count and held == self.workers() and held
        held, _ = wait(f"{count} workers", told)
        return held

    def replaced(self, worker, old, seconds):
        """Waits until another process of the worker lives; fails when that takes longer."""
        pid, took = wait(f"worker {worker} anew",
                         lambda: self.workers().get(worker, old) != old
                         and self.workers().get(worker))
        assert took <= seconds, f"worker {worker} was replaced after {took:.2f} s"
        return pid

    def clear(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in self.workers().values():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.fake.stop()


def fresh(count, name):
    host = Host(name)
    for worker in range(count):
        host.want(worker)
    host.start()
    host.ready(count)
    return host


def supervisor_starts_what_is_wanted_and_says_so():
    host = fresh(2, "starts")
    with open(host.dir + "/coordinator", encoding="utf-8") as file:
        assert file.read() == f"3 {NOWHERE}\n"
    workers = host.workers()
    for index, pid in workers.items():
        assert os.readlink(f"/proc/{pid}/cwd") == f"{host.dir}/run/{TOPOLOGY}"
        log = f"{host.dir}/log/words/worker-{index}.log"
        assert os.readlink(f"/proc/{pid}/fd/1") == log == os.readlink(f"/proc/{pid}/fd/2")
        slot = f"{host.dir}/slots/{TOPOLOGY}.{index}"
        assert os.stat(slot).st_mode & 0o777 == 0o600
    report = host.fake.asked("host")[-1]
    assert report["name"] == "h1" and report["slots"] == 64 and report["memory_mb"] > 0
    time.sleep(0.7)  # Some reports more.
    assert host.workers() == workers
    host.wanted.clear()
    wait("no worker", lambda: not host.workers())
    wait("no record", lambda: not os.listdir(host.dir + "/slots"))
    assert not os.path.exists(f"{host.dir}/run/{TOPOLOGY}")


def supervisor_of_a_directory_is_alone():
    host = fresh(1, "alone")
    done = subprocess.run([GALE, "supervisor", "--name", "h2", "--listen", "tcp://127.0.0.1:*",
                           "--coordinator", host.address, "--state-dir", host.dir],
                          env=environment(), capture_output=True, text=True, timeout=20,
                          check=False)
    assert done.returncode != 0 and str(host.process.pid) in done.stderr, done
    assert len(host.workers()) == 1


def dead_worker_is_restarted_and_its_end_told():
    host = fresh(2, "dead")
    old = host.workers()
    _, incarnation = host.held()[0]
    os.kill(old[0], signal.SIGKILL)
    host.replaced(0, old[0], 1)
    host.ready(2)
    assert host.workers()[1] == old[1]
    wait("the end", lambda: "SIGKILL" in host.gone().get((0, incarnation), ""))
    wait("its acknowledgement", lambda: host.fake.asked("host")[-1]["gone"] == [])


def dead_worker_is_restarted_without_a_coordinator():
    host = fresh(1, "lonely")
    host.fake.kill()
    for _ in range(2):  # The second time after a while without answers.
        old = host.workers()[0]
        os.kill(old, signal.SIGKILL)
        host.replaced(0, old, 1)
        time.sleep(1.2)


def supervisor_without_a_coordinator_rests():
    host = fresh(1, "rests")
    host.fake.kill()
    time.sleep(3)  # It has begun to look for others.

    def processor_seconds():
        with open(f"/proc/{host.process.pid}/stat", encoding="ascii") as file:
            words = file.read().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    before = processor_seconds()
    time.sleep(2)
    spent = processor_seconds() - before
    assert spent <= 0.15, f"{spent:.2f} s of processor time in two seconds"


def stopped_worker_is_replaced():
    host = fresh(2, "stopped")
    old = host.workers()
    _, incarnation = host.held()[0]
    os.kill(old[0], signal.SIGSTOP)
    host.replaced(0, old[0], 2)
    assert host.workers()[1] == old[1]
    wait("the end", lambda: "was silent" in host.gone().get((0, incarnation), ""))


def killed_supervisor_adopts_its_workers():
    host = fresh(3, "adopts")
    before = host.held()
    host.end(signal.SIGKILL)
    assert len(host.workers()) == 3
    host.start()
    host.ready(3)
    assert host.held() == before
    time.sleep(2)  # Longer than the silence that kills: they pulse to the new life.
    assert host.held() == before
    # An adopted one is watched like any other.
    os.kill(before[1][0], signal.SIGKILL)
    host.replaced(1, before[1][0], 1)
    os.kill(before[2][0], signal.SIGSTOP)
    host.replaced(2, before[2][0], 2)
    assert host.workers()[0] == before[0][0]


def killed_supervisor_adopts_without_a_coordinator():
    host = fresh(2, "adopts-alone")
    before = host.workers()
    host.end(signal.SIGKILL)
    host.fake.kill()
    os.kill(before[1], signal.SIGKILL)
    host.start()
    host.replaced(1, before[1], 3)
    assert host.workers()[0] == before[0]


def supervisor_copes_with_what_happened_while_it_was_away():
    host = fresh(4, "away")
    before = host.workers()
    _, incarnation = host.held()[0]
    host.end(signal.SIGKILL)
    os.kill(before[0], signal.SIGKILL)           # died
    del host.wanted[1]                           # no longer wanted
    record = f"{host.dir}/slots/{TOPOLOGY}.2"    # torn
    os.truncate(record, os.path.getsize(record) // 2)
    host.start()
    wait("worker 1 ended", lambda: not lives(before[1]))
    host.replaced(0, before[0], 5)
    host.replaced(2, before[2], 5)
    assert not lives(before[2])
    assert host.ready(3)[3] == before[3]
    wait("the end", lambda: "away" in host.gone().get((0, incarnation), ""))


def dead_worker_that_is_not_wanted_any_more_stays_dead():
    host = fresh(1, "not-wanted")
    old = host.workers()[0]
    host.end(signal.SIGKILL)
    os.kill(old, signal.SIGKILL)
    host.wanted.clear()
    count = len(host.fake.asked("host"))
    host.start()
    wait("reports", lambda: len(host.fake.asked("host")) > count + 4)
    assert not any(report["held"] and report["held"][0]["pid"]
                   for report in host.fake.asked("host")[count:])
    assert not host.workers() and not os.listdir(host.dir + "/slots")


def orphan_is_killed():
    host = fresh(1, "orphan")
    before = host.workers()
    host.end(signal.SIGKILL)
    orphan = subprocess.Popen(
        [GALE, "worker", "--control", f"file:{host.dir}/coordinator", "--pulse",
         f"ipc://{host.dir}/socket/pulse", "--bind", "tcp://127.0.0.1:*", "--topology", "77",
         "--index", "9", "--incarnation", "5", "--epoch", "1", "--attempt", "1", "--log", "warn"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    atexit.register(orphan.kill)
    host.start()
    assert orphan.wait(20) == -signal.SIGKILL
    wait("adopted", lambda: host.ready(1) == before)


def ended_supervisor_leaves_its_workers_or_ends_them():
    host = fresh(2, "leaves")
    before = host.workers()
    code = host.end(signal.SIGTERM)
    assert code == 0, code
    assert host.workers() == before
    host.start("--stop-workers")
    host.ready(2)
    code = host.end(signal.SIGTERM)
    assert code == 0, code
    assert not host.workers()


def other_attempt_replaces_the_process():
    host = fresh(1, "attempt")
    old = host.workers()[0]
    host.want(0, attempt=2)
    pid = host.replaced(0, old, 5)
    assert not lives(old)
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        words = file.read().decode().split("\0")
    assert words[words.index("--attempt") + 1] == "2"


def limits_of_a_worker_are_set():
    host = Host("limits")
    # A sanitized process takes terabytes of addresses.
    memory = 1 << 46 if os.environ.get("GALE_SANITIZE") else 1 << 30
    host.want(0, memory_max=memory, open_files_max=123, log="error")
    host.start()
    pid = host.ready(1)[0]
    with open(f"/proc/{pid}/limits", encoding="utf-8") as file:
        limits = file.read()
    assert [line for line in limits.splitlines()
            if line.startswith("Max data size") and str(memory) in line], limits
    assert [line for line in limits.splitlines()
            if line.startswith("Max open files") and "123" in line], limits


def old_epoch_is_not_obeyed():
    host = fresh(1, "epoch")
    before = host.workers()
    host.epoch = 2
    host.wanted.clear()
    count = len(host.fake.requests)
    wait("questions", lambda: len(host.fake.requests) > count + 6)
    assert host.workers() == before
    host.end(signal.SIGKILL)  # The next life knows the epoch, too.
    host.start()
    count = len(host.fake.requests)
    wait("questions", lambda: len(host.fake.requests) > count + 6)
    assert host.workers() == before
    host.epoch = 4
    wait("the end", lambda: not host.workers())
    with open(host.dir + "/coordinator", encoding="utf-8") as file:
        assert file.read() == f"4 {NOWHERE}\n"


def files_come_verified_before_the_start():
    content = b"not really a module" * 1000
    name = hashlib.sha256(content).hexdigest()
    served = [b"x" * len(content)]

    host = Host("files")
    def answer(request):
        if request["verb"] == "blob_get":
            offset = request.get("offset", 0)
            return {"size": len(served[0])}, served[0][offset:offset + 4096]
        return Host.answer(host, request)
    host.fake.handler = answer
    host.sources = [host.address]
    host.want(0, blobs=[{"sha": name, "size": len(content)}])
    host.start()
    wait("the failure is told",
         lambda: any(one["state"] == "fetching" and "waits for a file" in one["exit"]
                     for report in host.fake.asked("host") for one in report["held"]))
    assert not host.workers()
    served[0] = content
    host.ready(1)
    with open(f"{host.dir}/blobs/{name}", "rb") as file:
        assert file.read() == content
    # Damaged while the supervisor is away, and the worker has to be started again: fetched anew.
    old = host.workers()[0]
    host.end(signal.SIGKILL)
    os.kill(old, signal.SIGKILL)
    os.chmod(f"{host.dir}/blobs/{name}", 0o644)
    with open(f"{host.dir}/blobs/{name}", "r+b") as file:
        file.write(b"damage")
    host.start()
    host.replaced(0, old, 10)
    with open(f"{host.dir}/blobs/{name}", "rb") as file:
        assert file.read() == content


def higher_epoch_elsewhere_is_followed():
    host = fresh(1, "two")
    other = Host("two-other")
    other.epoch = 9
    other.want(0)
    other.want(1)
    host.end(signal.SIGTERM)
    host.address = f"{host.fake.endpoint},{other.fake.endpoint}"
    before = host.workers()
    host.start()
    host.fake.handler = lambda request: Host.answer(host, request)
    wait("the other is asked", lambda: other.fake.asked("host"))
    wait("its second worker", lambda: len(host.workers()) == 2)
    assert host.workers()[0] == before[0]
    # The first one says that it leads in a lower epoch still: nobody minds.
    time.sleep(1.5)
    assert len(host.workers()) == 2


TESTS = [
    supervisor_starts_what_is_wanted_and_says_so,
    supervisor_of_a_directory_is_alone,
    dead_worker_is_restarted_and_its_end_told,
    dead_worker_is_restarted_without_a_coordinator,
    supervisor_without_a_coordinator_rests,
    stopped_worker_is_replaced,
    killed_supervisor_adopts_its_workers,
    killed_supervisor_adopts_without_a_coordinator,
    supervisor_copes_with_what_happened_while_it_was_away,
    dead_worker_that_is_not_wanted_any_more_stays_dead,
    orphan_is_killed,
    ended_supervisor_leaves_its_workers_or_ends_them,
    other_attempt_replaces_the_process,
    limits_of_a_worker_are_set,
    old_epoch_is_not_obeyed,
    files_come_verified_before_the_start,
    higher_epoch_elsewhere_is_followed,
]

if __name__ == "__main__":
    for test in TESTS:
        if len(sys.argv) > 1 and test.__name__ not in sys.argv[1:]:
            continue
        begin = time.monotonic()
        test()
        print(f"ok {test.__name__} {time.monotonic() - begin:.1f} s", flush=True)
