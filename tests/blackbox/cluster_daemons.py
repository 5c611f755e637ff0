# SPDX-License-Identifier: Apache-2.0
"""The daemons as a service manager and a user meet them: readiness, watchdog and end are told over
NOTIFY_SOCKET, which no worker inherits; settings come from file, environment and flags; two in one
directory or at one port, a wrong setting and an unreachable ZooKeeper end with the exit code and the
sentence that they deserve; stopped and started, everything is as it was.
Labels: asan"""
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import time

from common_cluster import Cluster, environment_of
from common_run import DIR, GALE, alive, check, file_size, ok, path, wait_until
from common_zookeeper import Ensemble, die_with_parent, free_ports

BASE = {key: value for key, value in os.environ.items() if not key.startswith("GALE_") or
        key.startswith("GALE_TEST")}


class Manager:
    """The service manager's side of sd_notify."""

    count = 0

    def __init__(self):
        Manager.count += 1
        self.name = path(f"notify{Manager.count}")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.name)
        self.socket.settimeout(0.05)
        self.heard = []

    def hears(self, text, seconds=20.0):
        """Waits until a datagram with that line has come; gives it."""
        def arrived():
            try:
                while True:
                    self.heard.append(self.socket.recv(4096).decode())
            except TimeoutError:
                return any(text in one.split("\n") for one in self.heard)
        wait_until(arrived, f"{text} at NOTIFY_SOCKET", seconds)
        return next(one for one in self.heard if text in one.split("\n"))


def start(words, more, out=subprocess.DEVNULL):
    return subprocess.Popen([GALE, *words], stdin=subprocess.DEVNULL, stdout=out,
                            stderr=subprocess.PIPE, env={**BASE, **more},
                            preexec_fn=die_with_parent)


def refused(words, code, text, more=None):
    """The daemon does not start, with that exit code and those words."""
    done = subprocess.run([GALE, *words], stdin=subprocess.DEVNULL, capture_output=True,
                          env={**BASE, "XDG_CONFIG_HOME": DIR, **(more or {})}, timeout=60,
                          check=False)
    error = done.stderr.decode()
    check(done.returncode == code and re.search(text, error),
          f"gale {' '.join(words)}: exit code {done.returncode} instead of {code}, or not "
          f"\"{text}\": {error}")


def test_service_manager():
    ports = free_ports(3)
    managers = [Manager(), Manager()]
    settings = {"XDG_CONFIG_HOME": DIR, "WATCHDOG_USEC": "400000",
                "GALE_COORDINATOR_LISTEN": f"127.0.0.1:{ports[0]}",
                "GALE_COORDINATOR_ADDRESSES": f"127.0.0.1:{ports[0]}"}
    with open(path("settings.yaml"), "w", encoding="utf-8") as file:
        file.write(f"coordinator: {{ control: 'tcp://127.0.0.1:{ports[1]}' }}\n"
                   f"supervisor: {{ listen: 'tcp://127.0.0.1:{ports[2]}' }}\n")
    daemons = []
    for kind, manager in zip(("coordinator", "supervisor"), managers):
        daemons.append(start([kind, "--config", path("settings.yaml"), "--state-dir", path(kind)],
                             {**settings, "NOTIFY_SOCKET": manager.name}))
    for daemon, manager, port in zip(daemons, managers, (ports[0], ports[2])):
        check(f":{port}" in manager.hears("READY=1"), f"no address in {manager.heard}")
        manager.hears("WATCHDOG=1")
        count = len(manager.heard)
        wait_until(lambda: manager.hears("WATCHDOG=1") and len(manager.heard) > count + 2,
                   "more signs of life")
        mode = stat.S_IMODE(os.stat(path("coordinator")).st_mode)
        check(mode == 0o700, f"the state directory has mode {mode:o}")
    for daemon, manager in reversed(list(zip(daemons, managers))):
        daemon.send_signal(signal.SIGTERM)
        manager.hears("STOPPING=1")
        check(daemon.wait(20) == 0, f"exit code {daemon.returncode}: {daemon.stderr.read()}")
    ok("READY=1 with the address, WATCHDOG=1 again and again, STOPPING=1; exit code 0")


def test_mistakes():
    port, control = free_ports(2)
    here = ["--listen", f"127.0.0.1:{port}", "--control", f"127.0.0.1:{control}"]
    first = start(["coordinator", *here, "--state-dir", path("one"), "--json"],
                  {"XDG_CONFIG_HOME": DIR}, subprocess.PIPE)
    ready = json.loads(first.stdout.readline())
    check(ready["event"] == "ready" and ready["rpc"].endswith(f":{port}"), f"{ready}")
    any_port = ["--listen", "127.0.0.1:*", "--control", "127.0.0.1:*"]
    refused(["coordinator", *any_port, "--state-dir", path("one")], 73, "another coordinator uses")
    refused(["coordinator", "--listen", f"127.0.0.1:{port}", "--control", "127.0.0.1:*",
             "--state-dir", path("two")], 73, "in use")
    refused(["coordinator", "--listen", "nonsense", "--state-dir", path("two")], 78,
            "is no endpoint")
    refused(["coordinator", *any_port, "--state-dir", path("two")], 78,
            "did you mean GALE_COORDINATOR_LISTEN", {"GALE_COORDINATOR_LISTENN": "x"})
    refused(["coordinator", *any_port, "--state-dir", path("two"), "--zookeeper", "127.0.0.1:1",
             "--set", "zookeeper.session=500ms"], 75, "no ZooKeeper server at 127.0.0.1:1 answered")
    refused(["supervisor", "--state-dir", "/proc/none"], 74, "supervisor.state_dir")
    first.kill()
    first.wait()
    ok("one directory or port twice, wrong settings, no ZooKeeper: refused with reason and code")


def test_embedded_store():
    """Without ZooKeeper: one coordinator, whose end and return change nothing."""
    open(path("in"), "w").close()
    with Cluster(coordinators=1, hosts=2) as cluster:
        cluster.submit("one", f"""
name: one
workers: 2
spouts:
  lines: {{ type: file, path: {path("in")}, follow: true, poll: 10ms }}
bolts:
  sink: {{ type: file, path: {path("out")}, format: raw, from: [ {{ lines: global }} ] }}
""")
        before = cluster.await_workers(2)
        for worker in before:
            words = environment_of(worker.pid)
            check(b"NOTIFY_SOCKET" not in words, "a worker could speak in its supervisor's name")
        coordinator = cluster.coordinators[0]
        check(coordinator.stop() == 0, "the coordinator's exit code")
        cluster.cli("list", "--timeout", "1s", code=69)
        with open(path("in"), "a", encoding="ascii") as file:
            file.write("1 line\n")
        wait_until(lambda: file_size(path("out")) == 7, "a line without a coordinator")
        victim = before[0]
        victim.kill()
        wait_until(lambda: cluster.pids().get(victim.index, victim.pid) != victim.pid,
                   "a worker without a coordinator")
        epoch = cluster.epoch()
        coordinator.start()
        wait_until(lambda: cluster.epoch() > epoch, "the coordinator leads anew")
        cluster.await_hosts()
        wait_until(lambda: cluster.status("one") == "active", "active again")
        check(cluster.await_pids(2)[before[1].index] == before[1].pid,
              "a healthy worker was restarted")
        with open(path("in"), "a", encoding="ascii") as file:
            file.write("2 line\n")
        wait_until(lambda: b"2 line\n" in open(path("out"), "rb").read(), "a line afterwards")
        cluster.cli("kill", "one", "--yes")
        wait_until(lambda: not cluster.workers(), "no worker")
        for daemon in cluster.hosts + cluster.coordinators:
            check(daemon.stop() == 0, f"{daemon.kind}: {daemon.tail()}")
        cluster.gone()
    ok("one coordinator with its own store: away, back, nothing moved")


def test_workers_outlive():
    """A supervisor that is stopped leaves its workers."""
    with Cluster(coordinators=1, hosts=1) as cluster:
        cluster.submit("two", "name: two\nworkers: 2\nspouts:\n"
                              "  words: { type: generator, rate: 100 }\nbolts:\n"
                              "  end: { type: \"null\", from: [ { words: shuffle } ] }\n")
        workers = cluster.await_workers(2)
        host = cluster.hosts[0]
        check(host.stop() == 0, host.tail())
        time.sleep(0.2)
        check(all(alive(worker.pid) for worker in workers), "a worker ended with its supervisor")
        host.start()
        cluster.await_hosts()
        check(cluster.await_pids(2) == {worker.index: worker.pid for worker in workers},
              "the next supervisor did not take the workers over")
    ok("a stopped supervisor leaves its workers to the next one")


def test_credentials():
    """With credentials the cluster's folder is closed to everybody else."""
    secret = path("credentials")
    with open(os.open(secret, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
        file.write("gale:open sesame\n")
    words = "name: three\nspouts:\n  words: { type: generator, rate: 100 }\nbolts:\n" \
            "  end: { type: \"null\", from: [ { words: shuffle } ] }\n"
    with Ensemble(1) as zookeeper:
        with Cluster(zookeeper, coordinators=2, hosts=1,
                     settings={"zookeeper.credentials": secret}) as cluster:
            cluster.submit("three", words)
            cluster.await_workers(1)
            # Without what is remembered the command line has to ask ZooKeeper, too.
            shutil.rmtree(os.path.join(cluster.folder, "cache"))
            check(cluster.status("three") == "active", "not active")
            stranger = start(["coordinator", "--listen", "127.0.0.1:*", "--control", "127.0.0.1:*",
                              "--state-dir", path("stranger"), "--zookeeper",
                              zookeeper.address("/gale"), "--set", "zookeeper.session=1s"],
                             {"XDG_CONFIG_HOME": DIR})
            for line in stranger.stderr:
                if b"ZooKeeper denies access" in line:
                    break
            check(stranger.poll() is None, "the stranger has ended")
            epoch = cluster.epoch()
            stranger.kill()
            check(b"leading" not in stranger.stderr.read(), "a stranger leads")
            stranger.wait()
            check(cluster.epoch() == epoch and cluster.status("three") == "active", "not active")
            os.chmod(secret, 0o644)
            refused(["coordinator", "--config", cluster.coordinators[0].config, "--state-dir",
                     path("stranger"), "--listen", "127.0.0.1:*", "--control", "127.0.0.1:*"],
                    78, "can be read by others")
    ok("credentials: daemons and command line use them, a stranger has no part")


def main():
    test_service_manager()
    test_mistakes()
    test_embedded_store()
    test_workers_outlive()
    test_credentials()


if __name__ == "__main__":
    main()
