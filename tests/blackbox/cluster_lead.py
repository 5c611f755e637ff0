# SPDX-License-Identifier: Apache-2.0
"""Two coordinators and a three-node ZooKeeper with a session of 400 ms: what the leader has, the other
has before it leads, blobs too; it takes over within two seconds, and goes on with what was pending; a
steady topology costs at most two writes a second; many topologies come and go without slowing down.
Labels: slow"""
import hashlib
import os
import signal
import socket
import threading
import time

from common_cluster import Cluster
from common_run import check, ok, path, slowness, wait_until
from common_zookeeper import Ensemble

MODULE = os.path.join(os.environ.get("GALE_BUILD", "."), "topologies", "wordcount", "libsplit.so")
FAILOVER_SECONDS = 2.0
WRITES_A_SECOND = 2.0
MANY = 30
STEADY = """name: steady
workers: 2
drain: 20s
spouts:
  lines: { type: file, path: "%s", follow: true }
bolts:
  out: { type: "null", parallelism: 2, from: [ { lines: shuffle } ] }
"""
SLOW = """name: slow
workers: 1
drain: 30s
spouts:
  s: { type: generator, constant: x, rate: 100 }
bolts:
  b: { type: delay, ms: 4s, from: [ { s: shuffle } ] }
"""
SPLIT = """name: split
workers: 1
spouts:
  s: { type: generator, constant: "a b c", rate: 10, field: line }
bolts:
  b: { module: %s, bolt: split, from: [ { s: shuffle } ] }
"""


def zxid(zookeeper):
    """Number of the last write that the ensemble took."""
    with socket.create_connection(("127.0.0.1", zookeeper.ports[0][0]), 5) as ask:
        ask.sendall(b"srvr")
        text = b""
        while part := ask.recv(4096):
            text += part
    line = next(line for line in text.decode().splitlines() if line.startswith("Zxid"))
    return int(line.split()[1], 16)


def lose_leader(cluster):
    """Kills the leader; gives the seconds until another one answers a question that only it can."""
    leader = cluster.leader()
    begin = time.monotonic()
    leader.signal(signal.SIGKILL)
    while cluster.cli("list", "--timeout", "10s", code=None)[0] != 0:
        check(time.monotonic() - begin < 30, "nobody leads")
    spent = time.monotonic() - begin
    leader.process.wait()
    return leader, spent


def test_blobs_are_with_both(cluster):
    with open(MODULE, "rb") as file:
        name = hashlib.sha256(file.read()).hexdigest()
    cluster.submit("split", SPLIT % MODULE)
    places = [os.path.join(one.folder, "blobs", name) for one in cluster.coordinators]
    wait_until(lambda: all(os.path.exists(place) for place in places),
               "the module with both coordinators", 10)
    ok("lead_candidate_has_the_blobs_before_it_leads")


def test_takes_over(cluster):
    pids = cluster.pids()
    leader, spent = lose_leader(cluster)
    print(f"# another one leads {spent:.2f} s after the leader's death", flush=True)
    check(spent <= FAILOVER_SECONDS * slowness(), f"{spent:.2f} s until another one led")
    cluster.await_hosts()
    wait_until(lambda: cluster.status("split") == "active", "an active topology", 10)
    time.sleep(4)  # Longer than a host may be silent after an election.
    check(cluster.pids() == pids, f"workers {pids} have become {cluster.pids()}")
    leader.start()
    cluster.cli("kill", "split", "--yes", "--now")
    ok("lead_failover_is_fast_and_moves_nothing")


def test_pending_kill(cluster):
    cluster.submit("slow", SLOW)
    time.sleep(1)  # What is under way takes four seconds.
    asked = threading.Thread(target=cluster.cli, args=("kill", "slow", "--yes"))
    asked.start()
    wait_until(lambda: cluster.status("slow") == "killed", "the kill", 3)
    leader, _ = lose_leader(cluster)
    check(cluster.status("slow") == "killed", f"with the next leader: {cluster.status('slow')}")
    asked.join()  # Its command followed the lead.
    check(cluster.status("slow") is None, f"after the kill: {cluster.status('slow')}")
    wait_until(lambda: not cluster.workers(), "no worker", 10)
    leader.start()
    cluster.await_hosts()
    ok("lead_pending_kill_goes_on_with_the_next_leader")


def test_writes(cluster, zookeeper):
    name = path("steady.txt")
    with open(name, "w", encoding="ascii") as file:
        cluster.submit("steady", STEADY % name)
        end = time.monotonic() + 4
        first = None
        while time.monotonic() < end + 10:
            file.write("line\n" * 100)
            file.flush()
            time.sleep(0.05)
            if first is None and time.monotonic() >= end:
                first, begin = zxid(zookeeper), time.monotonic()
        writes = (zxid(zookeeper) - first) / (time.monotonic() - begin)
    print(f"# {writes:.2f} writes a second", flush=True)
    check(0 < writes <= WRITES_A_SECOND, f"{writes:.2f} writes a second")
    cluster.cli("kill", "steady", "--yes", "--now")
    ok("lead_steady_topology_writes_twice_a_second_at_most")


def test_many(cluster):
    spent = []
    for n in range(MANY):
        begin = time.monotonic()
        cluster.submit(f"many{n}", SPLIT.replace("name: split", f"name: many{n}") % MODULE)
        spent.append(time.monotonic() - begin)
    check(len(cluster.ask("list")["topologies"]) == MANY, "not all of them are listed")
    print(f"# submit: first {spent[0]:.3f} s, last {spent[-1]:.3f} s", flush=True)
    check(sorted(spent[-5:])[2] <= 1.0 * slowness(), f"the last submits took {spent[-5:]} s")
    begin = time.monotonic()
    for n in range(MANY):
        cluster.cli("kill", f"many{n}", "--yes", "--now")
    print(f"# kill: {(time.monotonic() - begin) / MANY:.3f} s each", flush=True)
    wait_until(lambda: not cluster.workers(), "no worker", 10)
    ok("lead_many_topologies_come_and_go")


def main():
    with Ensemble(3) as zookeeper:
        with Cluster(zookeeper, coordinators=2, hosts=2, session="400ms") as cluster:
            test_blobs_are_with_both(cluster)
            test_takes_over(cluster)
            test_pending_kill(cluster)
            test_writes(cluster, zookeeper)
            test_many(cluster)


main()
