# SPDX-License-Identifier: Apache-2.0
"""Three hosts, three coordinators and a real three-node ZooKeeper on loopback, through which a million
lines flow while workers, supervisors, hosts, coordinators and ZooKeeper's nodes are killed, paused
and taken away, one after the other and together: every line comes out at least once, the output
resumes in time, no worker that was not hurt is restarted, and no process is left.
Labels: slow"""
import os
import random
import signal
import time

from common_cluster import Cluster, Feeder, Tally, Watch
from common_run import (check, check_lines, ok, path, slowness, wait_for_growth, wait_until)
from common_zookeeper import Ensemble

LINES = 1000000
RATE = 3000  # lines a second while faults happen; the rest comes at once in the end
WORKERS = 6
WORKER_SECONDS = 1.0  # the output resumes after a worker's death
HOST_SECONDS = 3.0    # and after a host's
PAUSE_SECONDS = 1.5 + WORKER_SECONDS  # worker.silence, and then a worker's death
STORE_AWAY_SECONDS = 60.0
SESSION_SECONDS = 2.0

INPUTS = [path("in.0"), path("in.1")]
OUTPUT = path("out")

TOPOLOGY = f"""
name: chaos
workers: {WORKERS}
timeout: 30s
spouts:
  lines: {{ type: file, path: [ {INPUTS[0]}, {INPUTS[1]} ], follow: true, poll: 10ms, parallelism: 2 }}
bolts:
  pass: {{ type: identity, parallelism: 3, from: [ {{ lines: shuffle }} ] }}
  sink: {{ type: file, path: {OUTPUT}, format: raw, from: [ {{ pass: global }} ] }}
"""


class Scene:
    """What all faults need: the cluster, the flow through it and who must not be touched."""

    def __init__(self, cluster, zookeeper, watch):
        self.cluster = cluster
        self.zookeeper = zookeeper
        self.watch = watch
        self.victims = 0  # workers killed so far, each may leave a torn line
        self.before = {}

    def begin(self):
        self.cluster.await_hosts()
        self.watch.grows()
        self.before = self.cluster.await_pids(WORKERS)
        self.watch.begin()

    def resumes(self, limit, what):
        """The output goes on, after a pause of at most so many seconds."""
        end = time.monotonic() + limit + 1
        while time.monotonic() < end:
            time.sleep(0.05)
        self.watch.grows()
        pause = self.watch.longest()
        if pause > limit:
            allowed = limit * slowness()
            check(pause <= allowed, f"{what}: no output for {pause:.2f} s, {allowed:.2f} s are allowed")
        return pause

    def untouched(self, but=()):
        """Every worker but those is the process that it was."""
        now = self.cluster.await_pids(WORKERS)
        changed = [i for i in range(WORKERS) if i not in but and now[i] != self.before[i]]
        check(not changed, f"healthy workers {changed} are other processes: {self.before} {now}")

    def lose(self, workers):
        self.victims += len(workers)
        return [worker.index for worker in workers]


def test_worker_killed(scene):
    for name in (OUTPUT, random.choice(INPUTS)):
        scene.begin()
        worker = scene.cluster.holder(name)
        worker.kill()
        pause = scene.resumes(WORKER_SECONDS, f"{worker} killed")
        scene.untouched(scene.lose([worker]))
        ok(f"worker of {os.path.basename(name)} killed: output after {pause:.2f} s")


def test_worker_paused(scene):
    scene.begin()
    worker = scene.cluster.holder(OUTPUT)
    worker.kill(signal.SIGSTOP)
    pause = scene.resumes(PAUSE_SECONDS, f"{worker} paused")
    scene.untouched(scene.lose([worker]))
    ok(f"worker paused: replaced, output after {pause:.2f} s")


def test_supervisor_killed(scene):
    scene.begin()
    host = random.choice(scene.cluster.hosts)
    host.kill()
    time.sleep(1.0)
    scene.resumes(WORKER_SECONDS, "supervisor killed")
    scene.untouched()
    host.start()
    scene.cluster.await_hosts()
    scene.untouched()
    # The new supervisor is in charge of the workers that it found.
    worker = host.workers()[0]
    worker.kill()
    scene.untouched(scene.lose([worker]))
    ok("supervisor killed: its workers lived on, were adopted and are watched")


def test_supervisor_restarted_after_a_death(scene):
    scene.begin()
    host = random.choice(scene.cluster.hosts)
    worker = host.workers()[0]
    check(host.stop() == 0, f"supervisor {host.name}: exit code {host.process.returncode}")
    worker.kill()
    time.sleep(0.3)
    host.start()
    scene.untouched(scene.lose([worker]))
    ok("worker dead while its supervisor was away: started by the next one")


def test_coordinator_killed(scene):
    scene.begin()
    leader = scene.cluster.leader()
    epoch = scene.cluster.epoch()
    leader.kill()
    begin = time.monotonic()
    wait_until(lambda: scene.cluster.epoch() > epoch, "another leader", 10.0)
    taken = time.monotonic() - begin
    scene.resumes(WORKER_SECONDS, "coordinator killed")
    scene.untouched()
    leader.start()
    scene.cluster.await_hosts()
    scene.untouched()
    ok(f"leading coordinator killed: another leads after {taken:.2f} s, nothing restarted")


def test_coordinator_paused(scene):
    scene.begin()
    leader = scene.cluster.leader()
    epoch = scene.cluster.epoch()
    leader.signal(signal.SIGSTOP)
    wait_until(lambda: scene.cluster.epoch() > epoch, "another leader", 10.0)
    time.sleep(SESSION_SECONDS)
    leader.signal(signal.SIGCONT)
    scene.resumes(WORKER_SECONDS, "coordinator paused")
    check(scene.cluster.await_hosts() is not leader, "the paused leader has the hosts again")
    scene.untouched()
    ok("leading coordinator paused and resumed: one leader, nothing restarted")


def test_zookeeper_nodes_killed(scene):
    zookeeper = scene.zookeeper
    for which in ("follower", "leader"):
        scene.begin()
        leads = zookeeper.leader()
        index = leads if which == "leader" else (leads + 1) % 3
        zookeeper.kill(index)
        scene.resumes(WORKER_SECONDS, f"ZooKeeper's {which} killed")
        scene.cluster.await_hosts()
        zookeeper.start(index)
        zookeeper.wait()
        scene.untouched()
        ok(f"ZooKeeper's {which} killed and back: nothing restarted")


def test_host_lost(scene):
    scene.begin()
    host = scene.cluster.holder(OUTPUT)
    host = next(one for one in scene.cluster.hosts if one.name == host.host)
    lost = scene.lose(host.workers())
    host.all_signal(signal.SIGKILL)
    pause = scene.resumes(HOST_SECONDS, f"host {host.name} lost")
    scene.untouched(lost)
    check(not host.workers(), "workers on a lost host")
    host.start()
    scene.cluster.await_hosts()
    scene.untouched(lost)
    ok(f"host lost: output after {pause:.2f} s, its {len(lost)} workers run elsewhere")


def test_host_paused(scene):
    scene.begin()
    host = next(one for one in scene.cluster.hosts if one.workers())
    lost = scene.lose(host.workers())
    host.all_signal(signal.SIGSTOP)
    pause = scene.resumes(HOST_SECONDS, f"host {host.name} paused")
    host.all_signal(signal.SIGCONT)
    scene.cluster.await_hosts()
    scene.untouched(lost)
    ok(f"host paused and resumed: output after {pause:.2f} s, its old workers are ended")


def test_zookeeper_away(scene):
    scene.begin()
    begin = time.monotonic()
    for index in range(3):
        scene.zookeeper.kill(index)
    time.sleep(2 * SESSION_SECONDS)
    worker = scene.cluster.holder(OUTPUT)
    worker.kill()
    scene.resumes(WORKER_SECONDS, f"{worker} killed without ZooKeeper")
    lost = scene.lose([worker])
    scene.untouched(lost)
    code = scene.cluster.cli("kill", "chaos", "--timeout", "3s", "--now", "--yes", "--json", code=None)[0]
    check(code in (69, 75), f"gale kill without ZooKeeper: exit code {code}")
    scene.untouched(lost)
    while time.monotonic() < begin + STORE_AWAY_SECONDS:
        scene.watch.grows()
        time.sleep(0.5)
    for index in range(3):
        scene.zookeeper.start(index)
    scene.zookeeper.wait()
    scene.cluster.await_hosts(60.0)
    scene.untouched(lost)
    scene.cluster.cli("list")
    ok(f"ZooKeeper away for {STORE_AWAY_SECONDS:.0f} s: a dead worker was started again, "
       "nothing else moved")


def test_together(scene):
    """Some of all faults at the same time; what was hurt may be anything, what counts is that it
    heals."""
    cluster, zookeeper = scene.cluster, scene.zookeeper
    for turn in range(3):
        scene.begin()
        index = random.randrange(3)
        host = random.choice(cluster.hosts)
        daemon = random.choice(cluster.coordinators)
        worker = random.choice(cluster.workers())
        faults = random.sample(["zookeeper", "host", "coordinator", "worker", "pause"], 3)
        if "zookeeper" in faults:
            zookeeper.kill(index)
        if "coordinator" in faults:
            daemon.kill()
        if "host" in faults:
            scene.lose(host.workers())
            host.all_signal(signal.SIGKILL)
        if "worker" in faults:
            scene.lose([worker])
            if worker.pid in cluster.pids().values():
                worker.kill()
        if "pause" in faults:
            paused = random.choice(cluster.coordinators)
            paused.signal(signal.SIGSTOP)
            time.sleep(2 * SESSION_SECONDS)
            paused.signal(signal.SIGCONT)
        time.sleep(1.0)
        for one in cluster.coordinators + cluster.hosts:
            if not one.runs():
                one.start()
        if zookeeper.processes[index] is None:
            zookeeper.start(index)
            zookeeper.wait()
        cluster.await_hosts(60.0)
        cluster.await_workers(WORKERS, 30.0)
        scene.watch.grows()
        ok(f"together, turn {turn + 1}: {', '.join(sorted(faults))}")


def finish(scene, feeder):
    """The rest of the lines at once, with one more death in between; then the end."""
    paced = feeder.finish()
    tally = Tally(OUTPUT, LINES)
    worker = scene.cluster.holder(OUTPUT)
    scene.lose([worker])
    worker.kill()
    wait_for_growth(tally.seen, LINES - 1, "lines in the output")
    scene.cluster.cli("kill", "chaos", "--yes")
    wait_until(lambda: not scene.cluster.workers(), "no worker after the kill")
    check(scene.cluster.status("chaos") is None, "a killed topology is listed")
    ok(f"{paced} lines at their rate, the others at once; killed")


def main():
    for name in INPUTS:
        open(name, "w").close()
    with Ensemble(3) as zookeeper:
        with Cluster(zookeeper, coordinators=3, hosts=3, session=f"{SESSION_SECONDS:.0f}s") as cluster:
            feeder = Feeder(INPUTS, LINES, RATE)
            cluster.submit("chaos", TOPOLOGY)
            watch = Watch(OUTPUT)
            scene = Scene(cluster, zookeeper, watch)
            for test in (test_worker_killed, test_worker_paused, test_supervisor_killed,
                         test_supervisor_restarted_after_a_death, test_coordinator_killed,
                         test_coordinator_paused, test_zookeeper_nodes_killed, test_host_lost,
                         test_host_paused, test_zookeeper_away, test_together):
                test(scene)
            watch.stop()
            finish(scene, feeder)
            twice = check_lines([OUTPUT], LINES, scene.victims)
            ok(f"every line of {LINES} came out, {twice} twice")
            for daemon in cluster.hosts + cluster.coordinators:
                check(daemon.stop() == 0, f"{daemon.kind} {daemon.name} ended with "
                      f"{daemon.process.returncode}: {daemon.tail()}")
            cluster.gone()
            ok("all daemons ended by SIGTERM, no process left")


if __name__ == "__main__":
    main()
