# SPDX-License-Identifier: Apache-2.0
"""A real ZooKeeper ensemble on free loopback ports in a temporary directory, for tests that run
gale's programs. The nodes die with the test. tests/unit/coordinator/store/zookeeper_server.c is the
same for unit tests."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

CLASS_PATH = "/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar"
MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
FLAGS = ["-Xms16m", "-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
         "-Dzookeeper.forceSync=no", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
START_SECONDS = 60
PR_SET_PDEATHSIG = 1


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Ensemble:
    """with Ensemble(3) as zookeeper: … zookeeper.address("/gale") … With machines (common_network.py)
    each node runs on its own."""

    def __init__(self, nodes_count=3, tick_ms=200, machines=None):
        self.machines = machines
        self.hosts = [machine.address for machine in machines or []] or ["127.0.0.1"] * nodes_count
        self.folder = tempfile.mkdtemp(prefix="gale-zookeeper-")
        self.ports = [free_ports(3) for _ in range(nodes_count)]
        self.processes = [None] * nodes_count
        for index in range(nodes_count):
            os.mkdir(os.path.join(self.folder, str(index)))
            with open(os.path.join(self.folder, str(index), "myid"), "w") as file:
                file.write(f"{index + 1}\n")
            with open(self.config(index), "w") as file:
                # Nodes on one loopback interface are killed or paused, never cut off; those on
                # machines of their own learn only by syncLimit that another one is.
                limit = 10 if machines else 100
                file.write(f"tickTime={tick_ms}\ninitLimit=100\nsyncLimit={limit}\n"
                           f"dataDir={self.folder}/{index}\nclientPort={self.ports[index][0]}\n"
                           f"clientPortAddress={self.hosts[index]}\nadmin.enableServer=false\n"
                           "4lw.commands.whitelist=*\nmaxClientCnxns=0\n")
                for other, ports in enumerate(self.ports):
                    if nodes_count > 1:
                        file.write(f"server.{other + 1}={self.hosts[other]}:{ports[1]}:"
                                   f"{ports[2]}\n")

    def __enter__(self):
        for index in range(len(self.processes)):
            self.start(index)
        self.wait()
        return self

    def __exit__(self, *unused):
        for index in range(len(self.processes)):
            self.kill(index)
        shutil.rmtree(self.folder, ignore_errors=True)

    def config(self, index):
        return os.path.join(self.folder, f"{index}.cfg")

    def address(self, folder=""):
        return ",".join(f"{host}:{ports[0]}"
                        for host, ports in zip(self.hosts, self.ports)) + folder

    def start(self, index):
        def begin():
            die_with_parent()
            if self.machines:
                self.machines[index].enter()

        with open(os.path.join(self.folder, f"{index}.log"), "a") as log:
            self.processes[index] = subprocess.Popen(
                ["java", *FLAGS, "-cp", CLASS_PATH, MAIN, self.config(index)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=begin)

    def kill(self, index):
        if self.processes[index]:
            self.processes[index].kill()
            self.processes[index].wait()
            self.processes[index] = None

    def signal(self, number):
        """SIGSTOP or SIGCONT for all that run."""
        for process in self.processes:
            if process:
                process.send_signal(number)

    def mode(self, index):
        """leader, follower or standalone; None when the node does not serve."""
        try:
            with socket.create_connection((self.hosts[index], self.ports[index][0]), 1) as link:
                link.settimeout(1)
                link.sendall(b"srvr")
                answer = b""
                while chunk := link.recv(4096):
                    answer += chunk
        except OSError:
            return None
        lines = [line for line in answer.decode().splitlines() if line.startswith("Mode: ")]
        return lines[0][len("Mode: "):] if lines else None

    def leader(self):
        """Index of the node that leads, or None."""
        for index, process in enumerate(self.processes):
            if process and self.mode(index) in ("leader", "standalone"):
                return index
        return None

    def wait(self):
        """Until all that run serve."""
        deadline = time.monotonic() + START_SECONDS
        for index, process in enumerate(self.processes):
            while process and self.mode(index) is None:
                if time.monotonic() > deadline or process.poll() is not None:
                    with open(os.path.join(self.folder, f"{index}.log")) as log:
                        raise AssertionError(f"ZooKeeper node {index} does not serve:\n"
                                             f"{log.read()}")
                time.sleep(0.02)
