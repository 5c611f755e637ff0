# SPDX-License-Identifier: Apache-2.0
"""What the tests of Storm's behaviours share: small topologies by their numbers of workers and tasks,
what a cluster says of them, and commands that run beside the test. Not a test itself."""
import os
import threading
import time

from common_run import check, ok, wait_until


def topology(name, workers=1, spouts=1, bolts=1, drain="2s", hold=False, more=""):
    """A topology of spouts + bolts tasks. With hold nothing that was emitted is ever acked, so that
    it never drains by itself."""
    bolt = "delay, ms: 1h" if hold else "identity"
    return (f"name: {name}\nworkers: {workers}\ndrain: {drain}\n{more}spouts:\n"
            f"  s: {{ type: generator, constant: x, rate: 100, parallelism: {spouts} }}\n"
            f"bolts:\n  b: {{ type: {bolt}, parallelism: {bolts}, from: [ {{ s: shuffle }} ] }}\n")


def submit(cluster, name, yaml, *options, code=0):
    """Submits; checks the exit code (None: any). Gives (code, stdout, stderr)."""
    file = os.path.join(cluster.folder, f"{name}.yaml")
    with open(file, "w", encoding="utf-8") as out:
        out.write(yaml)
    return cluster.cli("submit", file, *options, code=code)


def described(cluster, name):
    return cluster.ask("describe", name)


def split(cluster, name):
    """How many tasks each worker has, most first."""
    return sorted((len(w["tasks"]) for w in described(cluster, name)["workers"]), reverse=True)


def places(cluster, name):
    """host → how many workers of the topology it has; "" for those without a place."""
    found = {}
    for worker in described(cluster, name)["workers"]:
        found[worker["host"]] = found.get(worker["host"], 0) + 1
    return found


def processes(cluster, name):
    """worker → (process, host), once every worker of the topology runs as the cluster says."""
    result = {}

    def agreed():
        told = {w["index"]: (w["pid"], w["host"]) for w in described(cluster, name)["workers"]}
        identity = described(cluster, name)["id"]
        seen = [w for w in cluster.workers() if int(w.topology, 16) == int(identity, 16)]
        result.clear()
        result.update({w.index: (w.pid, w.host) for w in seen})
        return told == result and len(seen) == len(result)
    wait_until(agreed, f"the workers of {name} as they are described", 30)
    return dict(result)


def moved(before, after):
    """Which workers are other processes than before."""
    return sorted(index for index in before if after.get(index) != before[index])


def used(cluster):
    """host → slots in use."""
    return {host["name"]: host["used"] for host in cluster.ask("hosts")["hosts"]}


def await_status(cluster, name, status, seconds=30):
    wait_until(lambda: cluster.status(name) == status, f"{name} is {status}", seconds)


class Beside(threading.Thread):
    """gale runs beside the test. finish() waits for it; seconds is what it took."""

    def __init__(self, cluster, *words):
        super().__init__(daemon=True)
        self.cluster = cluster
        self.words = words
        self.result = None
        self.begin = time.monotonic()
        self.seconds = 0.0
        self.start()

    def run(self):
        self.result = self.cluster.cli(*self.words, code=None, seconds=120.0)
        self.seconds = time.monotonic() - self.begin

    def finish(self, code=0):
        self.join()
        check(self.result is not None and self.result[0] == code,
              f"gale {' '.join(self.words)}: {self.result}, exit code {code} was expected")
        return self.result


def nothing_left(cluster, hosts=None):
    """No process of a worker, no record of one, no place that is taken."""
    wait_until(lambda: not cluster.workers(), "no worker")
    for host in hosts or cluster.hosts:
        for folder in ("slots", "run"):
            name = os.path.join(host.folder, folder)
            wait_until(lambda: not os.path.isdir(name) or not os.listdir(name),
                       f"nothing in {name}")
    wait_until(lambda: not any(used(cluster).values()), "no slot in use")


def run(tests, *given):
    """Each test in turn, told with its name and time."""
    for test in tests:
        begin = time.monotonic()
        test(*given)
        ok(f"{test.__name__} ({time.monotonic() - begin:.1f} s)")
