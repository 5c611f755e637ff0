# SPDX-License-Identifier: Apache-2.0
"""A cluster of real processes on loopback for the black-box tests: coordinators, hosts (a supervisor
each, with a name and a state directory of its own), the command line, and what is needed to hurt
them and to see what became of it. Every process carries a mark in its environment, by which it is
found and ended, also when the test fails. Not a test itself."""

import atexit
import json
import os
import re
import signal
import subprocess
import threading
import time

from common_run import GALE, MARK, Patience, alive, check, path, wait_until
from common_zookeeper import die_with_parent, free_ports

HOST = "GALE_TEST_HOST"


def environment_of(pid):
    """The variables that a process was started with; {} when it has gone."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return dict(part.split(b"=", 1) for part in file.read().split(b"\0") if b"=" in part)
    except OSError:
        return {}


class Worker:
    """A worker process, as its command line and environment tell of it."""

    def __init__(self, pid, words, host):
        self.pid = pid
        self.host = host
        options = dict(zip(words, words[1:]))
        self.topology = options.get("--topology", "")
        self.index = int(options.get("--index", "-1"))
        self.incarnation = options.get("--incarnation", "")

    def __repr__(self):
        return f"worker {self.index} (process {self.pid} on {self.host})"

    def kill(self, number=signal.SIGKILL):
        os.kill(self.pid, number)

    def holds(self, name):
        """Whether it has that file open."""
        try:
            return any(os.path.realpath(f"/proc/{self.pid}/fd/{fd}") == os.path.realpath(name)
                       for fd in os.listdir(f"/proc/{self.pid}/fd"))
        except OSError:
            return False


class Daemon:
    """gale coordinator or gale supervisor with a file of settings of its own."""

    def __init__(self, cluster, kind, name, settings, machine=None):
        self.cluster = cluster
        self.machine = machine
        self.kind = kind
        self.name = name
        self.process = None
        self.folder = os.path.join(cluster.folder, f"{kind}-{name}")
        self.log = os.path.join(cluster.folder, f"{kind}-{name}.log")
        self.config = os.path.join(cluster.folder, f"{kind}-{name}.yaml")
        os.makedirs(self.folder, 0o700)
        with open(self.config, "w", encoding="utf-8") as file:
            for key, value in {**cluster.settings, **settings,
                               f"{kind}.state_dir": self.folder, f"{kind}.name": name}.items():
                file.write(f"{key}: \"{value}\"\n")

    def start(self):
        environment = self.cluster.environment()
        if self.kind == "supervisor":
            environment[HOST] = self.name

        def begin():
            die_with_parent()
            if self.machine is not None:
                self.machine.enter()

        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [GALE, self.kind, "--config", self.config], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env=environment, start_new_session=True, preexec_fn=begin)

    def pid(self):
        return self.process.pid

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        if self.runs():
            self.process.send_signal(number)

    def kill(self):
        """SIGKILL; its workers, if any, live on."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self, seconds=20.0):
        """SIGTERM; the exit code."""
        self.signal(signal.SIGTERM)
        patience = Patience(seconds)
        while self.process.poll() is None:
            check(not patience.is_over(), f"{self.kind} {self.name} does not end: {self.tail()}")
            time.sleep(0.01)
        return self.process.returncode

    def tail(self, size=3000):
        try:
            with open(self.log, "rb") as file:
                return file.read()[-size:].decode(errors="replace")
        except OSError:
            return ""


class Host(Daemon):
    """A supervisor and the workers of its host."""

    def __init__(self, cluster, name, settings, machine):
        super().__init__(cluster, "supervisor", name, settings, machine)

    def workers(self):
        return [worker for worker in self.cluster.workers() if worker.host == self.name]

    def all_signal(self, number):
        """To the supervisor first, so that it cannot act on the end of a worker."""
        self.signal(number)
        for worker in self.workers():
            try:
                worker.kill(number)
            except ProcessLookupError:
                pass
        if number == signal.SIGKILL and self.process is not None:
            self.process.wait()

    def leader(self):
        """(epoch, control endpoint) of the leader that its workers know; (0, "") at first."""
        try:
            with open(os.path.join(self.folder, "coordinator"), encoding="ascii") as file:
                words = file.read().split()
            return int(words[0]), words[1]
        except (OSError, ValueError, IndexError):
            return 0, ""


class Cluster:
    """with Cluster(zookeeper, coordinators=2, hosts=3) as cluster: … Without ZooKeeper there is one
    coordinator with its own store. With machines (common_network.py) the hosts are these, and the
    first of them have a coordinator each."""

    count = 0

    def __init__(self, zookeeper=None, coordinators=1, hosts=2, session="2s", settings=None,
                 machines=None):
        Cluster.count += 1
        self.mark = f"{os.getpid()}-cluster{Cluster.count}"
        self.folder = path(f"cluster{Cluster.count}")
        self.settings = dict(settings or {})
        for folder in ("config", "cache", "state", "runtime"):
            os.makedirs(os.path.join(self.folder, folder), 0o700)
        machines = machines or [None] * max(hosts, coordinators)
        address = [machine.address if machine else "127.0.0.1" for machine in machines]
        places = [n // 2 for n in range(2 * coordinators)] + list(range(hosts))
        listen = [f"tcp://{address[place]}:{port}"
                  for place, port in zip(places, free_ports(len(places)))]
        client = {}
        if zookeeper is not None:
            client["zookeeper.servers"] = zookeeper.address("/gale")
            client["zookeeper.session"] = session
            if "zookeeper.credentials" in self.settings:
                client["zookeeper.credentials"] = self.settings["zookeeper.credentials"]
        else:
            check(coordinators == 1, "two coordinators need ZooKeeper")
            client["coordinator.addresses"] = listen[0]
        self.settings.update(client)
        self.client = os.path.join(self.folder, "client.yaml")
        with open(self.client, "w", encoding="utf-8") as file:
            file.write("".join(f"{key}: \"{value}\"\n" for key, value in client.items()))
        self.coordinators = []
        for n in range(coordinators):
            self.coordinators.append(Daemon(self, "coordinator", f"c{n + 1}", {
                "coordinator.listen": listen[2 * n],
                "coordinator.control": listen[2 * n + 1]}, machines[n]))
            self.coordinators[-1].control = listen[2 * n + 1]
        self.hosts = [Host(self, f"h{n + 1}", {
            "supervisor.listen": listen[2 * coordinators + n],
            "supervisor.address": address[n]}, machines[n]) for n in range(hosts)]
        atexit.register(self.destroy)

    def __enter__(self):
        for daemon in self.coordinators + self.hosts:
            daemon.start()
        self.await_hosts()
        return self

    def __exit__(self, kind, *unused):
        if kind is not None:
            self.explain()
        self.destroy()

    def environment(self):
        """Nothing of the user's own settings counts, and none of his files is touched."""
        environment = {key: value for key, value in os.environ.items()
                       if not re.match("GALE_(CONFIG$|ZOOKEEPER_|COORDINATOR_|SUPERVISOR_|LOG_|DEV_|"
                                       "WORKER_|HOST_)", key)}
        environment[MARK] = self.mark
        for variable, folder in (("XDG_CONFIG_HOME", "config"), ("XDG_CACHE_HOME", "cache"),
                                 ("XDG_STATE_HOME", "state"), ("XDG_RUNTIME_DIR", "runtime")):
            environment[variable] = os.path.join(self.folder, folder)
        return environment

    # ---- The command line ----

    def cli(self, *words, code=0, seconds=60.0):
        """Runs gale; checks the exit code (None: any). Gives (code, stdout, stderr)."""
        environment = self.environment()
        environment["GALE_CONFIG"] = self.client
        patience = Patience(seconds)  # It measures how busy the machine is only when it is late.
        with subprocess.Popen([GALE, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=environment) as process:
            while True:
                try:
                    out, err = (data.decode(errors="replace")
                                for data in process.communicate(timeout=5.0))
                    break
                except subprocess.TimeoutExpired:
                    if patience.is_over():
                        process.kill()
                        check(False, f"gale {' '.join(words)}: no end in {patience.limit:.1f} s")
        check(code is None or process.returncode == code,
              f"gale {' '.join(words)}: exit code {process.returncode} instead of {code}\n{out}{err}")
        return process.returncode, out, err

    def ask(self, *words, **options):
        """Runs gale with --json; gives its document."""
        return json.loads(self.cli(*words, "--json", **options)[1])

    def submit(self, name, yaml, *options):
        file = os.path.join(self.folder, f"{name}.yaml")
        with open(file, "w", encoding="utf-8") as out:
            out.write(yaml)
        return self.cli("submit", file, *options)

    def status(self, name):
        """Word for the state of a topology, None when there is none of that name."""
        found = [item for item in self.ask("list")["topologies"] if item["name"] == name]
        return found[0]["status"] if found else None

    # ---- What runs ----

    def marked(self):
        """Ids of all living processes of this cluster."""
        wanted = self.mark.encode()
        return [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and
                environment_of(entry).get(MARK.encode()) == wanted and alive(int(entry))]

    def workers(self):
        found = []
        for pid in self.marked():
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read().decode(errors="replace").split("\0")
            except OSError:
                continue
            if len(words) > 1 and words[1] == "worker":
                host = environment_of(pid).get(HOST.encode(), b"").decode()
                found.append(Worker(pid, words, host))
        return sorted(found, key=lambda worker: worker.index)

    def pids(self):
        return {worker.index: worker.pid for worker in self.workers()}

    def await_workers(self, count, seconds=20.0):
        """Until each of so many workers runs, once; gives them."""
        found = []

        def complete():
            found[:] = self.workers()
            return [worker.index for worker in found] == list(range(count))
        wait_until(complete, f"{count} workers, each once", seconds)
        return found

    def await_pids(self, count, seconds=20.0):
        return {worker.index: worker.pid for worker in self.await_workers(count, seconds)}

    def holder(self, name):
        """The worker that has a file open, or None."""
        return next((worker for worker in self.workers() if worker.holds(name)), None)

    def leader(self):
        """The coordinator that the hosts follow, by the highest epoch; None at first."""
        epoch, control = max(host.leader() for host in self.hosts)
        return next((one for one in self.coordinators if epoch and one.control == control), None)

    def epoch(self):
        return max(host.leader() for host in self.hosts)[0]

    def await_hosts(self, seconds=30.0):
        """Until every host that runs follows one leader that runs."""
        def agreed():
            known = {host.leader() for host in self.hosts if host.runs()}
            leader = self.leader()
            return len(known) == 1 and leader is not None and leader.runs()
        wait_until(agreed, "one leader that all hosts follow", seconds)
        return self.leader()

    # ---- The end ----

    def gone(self, seconds=5.0):
        patience = Patience(seconds)
        while self.marked():
            if patience.is_over():
                subprocess.run(["ps", "-o", "pid,ppid,stat,args", "-p",
                                ",".join(str(pid) for pid in self.marked())], check=False)
                check(False, f"processes left after {patience.limit:.1f} s")
            time.sleep(0.01)

    def explain(self):
        """The ends of all logs, for who has to find out why a test failed."""
        for daemon in self.coordinators + self.hosts:
            print(f"# {daemon.kind} {daemon.name}: "
                  f"{'runs' if daemon.runs() else 'has ended'}\n{daemon.tail()}", flush=True)
        for folder, _, names in os.walk(self.folder):
            for name in names:
                if name.startswith("worker-") and name.endswith(".log"):
                    with open(os.path.join(folder, name), "rb") as file:
                        print(f"# {folder}/{name}\n{file.read()[-800:].decode(errors='replace')}")

    def destroy(self):
        for _ in range(3):
            for pid in self.marked():
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
        for daemon in self.coordinators + self.hosts:
            if daemon.process is not None:
                daemon.process.wait()


class Feeder:
    """Appends numbered lines to input files, so many a second, until told to write the rest."""

    def __init__(self, names, total, rate):
        self.names = names
        self.total = total
        self.rate = rate
        self.written = 0
        self.ended = threading.Event()
        self.files = [open(name, "a", encoding="ascii") for name in names]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def write(self, goal):
        goal = min(goal, self.total)
        for file_index, file in enumerate(self.files):
            file.write("".join(f"{n} line\n" for n in range(self.written + 1, goal + 1)
                               if n % len(self.files) == file_index))
            file.flush()
        self.written = goal

    def run(self):
        begin = time.monotonic()
        while not self.ended.wait(0.01) and self.written < self.total:
            self.write(int((time.monotonic() - begin) * self.rate))

    def finish(self):
        """The rest at once; returns how many lines came at their rate."""
        self.ended.set()
        self.thread.join()
        paced = self.written
        while self.written < self.total:
            self.write(self.written + 50000)
        for file in self.files:
            file.close()
        return paced


class Tally:
    """How many different lines a growing file holds."""

    def __init__(self, name, total):
        self.file = open(name, "rb")
        self.rest = b""
        self.found = bytearray(total + 1)
        self.count = 0

    def seen(self):
        while data := self.file.read(1 << 20):
            lines = (self.rest + data).split(b"\n")
            self.rest = lines.pop()
            for line in lines:
                number, _, text = line.partition(b" ")
                if text == b"line" and number.isdigit() and not self.found[int(number)]:
                    self.found[int(number)] = 1
                    self.count += 1
        return self.count


class Watch:
    """Looks when a file grows. longest() is the longest pause since begin()."""

    def __init__(self, name):
        self.name = name
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.size = -1
        self.last = time.monotonic()
        self.pause = 0.0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ended.wait(0.004):
            try:
                size = os.stat(self.name).st_size
            except OSError:
                continue
            now = time.monotonic()
            with self.lock:
                if size != self.size:
                    self.pause = max(self.pause, now - self.last)
                    self.last, self.size = now, size

    def begin(self):
        with self.lock:
            self.last = time.monotonic()
            self.pause = 0.0

    def longest(self):
        with self.lock:
            return max(self.pause, time.monotonic() - self.last)

    def grows(self, seconds=30.0):
        """Waits until the file grows from now on; the size it had."""
        size = self.size
        wait_until(lambda: self.size > size, f"{self.name} grows", seconds)

    def stop(self):
        self.ended.set()
        self.thread.join()
