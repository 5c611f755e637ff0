# SPDX-License-Identifier: Apache-2.0
# Labels: slow
"""Storm's behaviours when something fails (NimbusClojurePortTest: reassignment, leadership, isolation;
HeartbeatCacheTest; ClusterStateTest; SlotTest) by real coordinators, supervisors and workers. Each
test bears the name of Storm's case. What has no counterpart: credentials, profiler actions, heartbeats
by way of ZooKeeper. The launch timeout is slot_without_first_beat_is_killed_after_start_limit of
tests/unit/coordinator/supervise/slot_test.c; that blobs are kept, replaced when damaged and removed
is in tests/unit/coordinator/blobs and cluster_files.py. storm_life.py has the cases without faults."""
import hashlib
import os
import shutil
import signal
import time

from common_cluster import Cluster
from common_run import alive, check, path, wait_until
from common_storm import (Beside, await_status, described, moved, nothing_left, places, processes,
                          run, split, submit, topology, used)
from common_zookeeper import Ensemble

HOST_TIMEOUT = 1.5  # seconds: the setting host_timeout as it is by default
MODULE = os.path.join(os.environ.get("GALE_BUILD", "."), "topologies", "wordcount", "libsplit.so")


def kill(cluster, *names):
    cluster.cli("kill", *names, "--now", "--yes")


def host_of(cluster, name):
    return next(host for host in cluster.hosts if host.name == name)


# ---- isolation: six hosts of four slots ----

def storm_isolation_gives_disjoint_and_stable_hosts(cluster):
    """tester1 has three hosts, tester2 two, everybody else the one that remains."""
    for name, hosts, workers in (("tester1", 3, 6), ("tester2", 2, 6), ("rest1", 0, 2),
                                 ("rest2", 0, 2)):
        submit(cluster, name, topology(name, workers=workers, bolts=5,
                                       more=f"isolate_hosts: {hosts}\n" if hosts else ""))
    found = {name: places(cluster, name) for name in ("tester1", "tester2", "rest1", "rest2")}
    check(sorted(found["tester1"].values()) == [2, 2, 2], f"{found}")
    check(sorted(found["tester2"].values()) == [3, 3], f"{found}")
    check(found["rest1"] == found["rest2"] and list(found["rest1"].values()) == [2], f"{found}")
    check(not set(found["tester1"]) & set(found["tester2"]), f"{found}")
    check(not (set(found["tester1"]) | set(found["tester2"])) & set(found["rest1"]), f"{found}")
    before = processes(cluster, "tester1")
    os.kill(before[0][0], signal.SIGKILL)
    wait_until(lambda: not alive(before[0][0]), "it is dead")
    cluster.cli("rebalance", "rest1")
    kill(cluster, "rest2")
    check(moved(before, processes(cluster, "tester1")) == [0], "others were touched")
    for name in ("tester1", "tester2"):
        cluster.cli("rebalance", name)
    check({name: set(places(cluster, name)) for name in ("tester1", "tester2", "rest1")} ==
          {name: set(found[name]) for name in ("tester1", "tester2", "rest1")}, "not stable")
    kill(cluster, "tester1", "tester2", "rest1")
    nothing_left(cluster)


def storm_isolation_frees_its_hosts_of_others(cluster):
    """Others run on every host already: they make room and go on elsewhere; a lost host of the
    isolated one is replaced."""
    submit(cluster, "rest", topology("rest", workers=4, bolts=7))
    check(len(places(cluster, "rest")) == 4, f"{places(cluster, 'rest')}")
    _, _, err = submit(cluster, "much", topology("much", more="isolate_hosts: 7\n"), "--timeout",
                       "1s", code=75)
    check("7 hosts" in err, f"it does not say what it waits for: {err}")
    kill(cluster, "much")
    submit(cluster, "tester", topology("tester", workers=4, bolts=5, more="isolate_hosts: 4\n"))
    await_status(cluster, "rest", "active")
    own = set(places(cluster, "tester"))
    check(len(own) == 4 and not own & set(places(cluster, "rest")), f"{places(cluster, 'rest')}")
    lost = host_of(cluster, sorted(own)[0])
    lost.all_signal(signal.SIGKILL)
    wait_until(lambda: lost.name not in places(cluster, "tester") and
               "" not in {**places(cluster, "tester"), **places(cluster, "rest")}, "replaced", 20)
    own = set(places(cluster, "tester"))
    check(len(own) == 4 and not own & set(places(cluster, "rest")), f"{places(cluster, 'rest')}")
    check(sum(places(cluster, "rest").values()) == 4, f"{places(cluster, 'rest')}")
    lost.start()
    cluster.await_hosts()
    kill(cluster, "rest", "tester")
    nothing_left(cluster)


# ---- cluster state: errors ----

def storm_cluster_state_errors_are_newest_first_and_bounded(cluster):
    submit(cluster, "frail", topology("frail", workers=22, spouts=11, bolts=11))
    before = processes(cluster, "frail")
    check(len(before) == 22, f"{before}")

    def errors():
        return cluster.ask("errors", "frail")["errors"]
    for index in range(22):
        os.kill(before[index][0], signal.SIGKILL)
        wait_until(lambda: errors() and errors()[0]["worker"] == index, f"worker {index} first")
    found = errors()
    check([one["worker"] for one in found] == list(range(21, 1, -1)), f"{found}")
    check(all("SIGKILL" in one["text"] and one["host"] == before[one["worker"]][1] and
              one["count"] == 1 for one in found), f"{found}")
    check([one["last_ms"] for one in found] ==
          sorted((one["last_ms"] for one in found), reverse=True), f"{found}")
    pid = processes(cluster, "frail")[5][0]
    os.kill(pid, signal.SIGKILL)  # The same once more is one entry, with its count.
    wait_until(lambda: errors()[0]["worker"] == 5, "worker 5 first")
    found = errors()
    check(found[0]["count"] == 2 and found[0]["first_ms"] < found[0]["last_ms"], f"{found[0]}")
    check(len(found) == 20 and len({one["worker"] for one in found}) == 20, f"{found}")
    kill(cluster, "frail")
    submit(cluster, "frail", topology("frail"))
    check(errors() == [], "errors of the one that had the name before")
    kill(cluster, "frail")


# ---- slots ----

def storm_slots_empty_then_launched_then_empty(cluster):
    nothing_left(cluster)
    submit(cluster, "one", topology("one"))
    found = processes(cluster, "one")
    check(len(found) == 1 and sum(used(cluster).values()) == 1, f"{found}")
    kill(cluster, "one")
    nothing_left(cluster)


def storm_slots_relaunched_on_timeout(cluster):
    """One that gives no heartbeat is killed and started anew in its place; the others stay."""
    submit(cluster, "one", topology("one", workers=3, bolts=2))
    before = processes(cluster, "one")
    begin = time.monotonic()
    os.kill(before[1][0], signal.SIGSTOP)
    wait_until(lambda: not alive(before[1][0]), "killed")
    took = time.monotonic() - begin
    after = processes(cluster, "one")
    check(moved(before, after) == [1] and after[1][1] == before[1][1], f"{before} {after}")
    check(took >= 1.0, f"killed after {took:.2f} s already")
    await_status(cluster, "one", "active")
    kill(cluster, "one")


def storm_slots_reschedule_kills_the_old_before_the_new_starts(cluster):
    submit(cluster, "one", topology("one", workers=3, bolts=8))
    processes(cluster, "one")
    before = {w.incarnation for w in cluster.workers()}
    beside = Beside(cluster, "rebalance", "one", "-n", "4")
    while beside.is_alive():
        workers = cluster.workers()
        old = [w for w in workers if w.incarnation in before]
        new = [w for w in workers if w.incarnation not in before]
        # First all are looked at, then those that were seen are asked whether they live still.
        both = [(a, b) for a in old for b in new if a.index == b.index and
                alive(b.pid) and alive(a.pid)]
        check(not both, f"two of one worker at a time: {both}")
    beside.finish()
    check(len(processes(cluster, "one")) == 4, "four workers")
    kill(cluster, "one")


def storm_slots_localisation_failure_is_tried_again(cluster):
    """Something is in the way of a file on every host: the worker waits, and says that it fetches; it
    starts when that is mended."""
    folder = path("modules")
    os.mkdir(folder)
    shutil.copy(MODULE, folder)
    with open(os.path.join(folder, "lines"), "w", encoding="ascii") as file:
        file.write("a b c\n")
    with open(os.path.join(folder, "split.yaml"), "w", encoding="ascii") as file:
        file.write("name: split\nfiles: { lines: lines }\nspouts:\n"
                   "  in: { type: file, path: \"${file.lines}\", follow: true }\nbolts:\n"
                   "  split: { module: ./libsplit.so, bolt: split, from: [ { in: shuffle } ] }\n"
                   f"  out: {{ type: file, path: {path('split')}, format: raw, "
                   "from: [ { split: global } ] }\n")
    with open(os.path.join(folder, "lines"), "rb") as file:
        blob = hashlib.sha256(file.read()).hexdigest()
    blocks = [os.path.join(host.folder, "blobs", "part", blob) for host in cluster.hosts]
    for block in blocks:
        os.mkdir(block)
    _, _, err = cluster.cli("submit", os.path.join(folder, "split.yaml"), "--timeout", "3s",
                            code=75)
    check("waits for a file" in err, f"submit does not say why: {err}")
    check("waits for a file" in described(cluster, "split")["waiting_for"], "nor does describe")
    told = described(cluster, "split")["workers"]
    check(all(worker["state"] == "fetching" and worker["pid"] == 0 for worker in told), f"{told}")
    check(cluster.status("split") == "starting" and not cluster.workers(), f"{err}")
    for block in blocks:
        os.rmdir(block)
    await_status(cluster, "split", "active")
    check(described(cluster, "split").get("waiting_for", "") == "", "it waits no more")
    wait_until(lambda: os.path.exists(path("split")) and
               open(path("split"), encoding="ascii").read().split() == ["a", "b", "c"],
               "the words at the sink")
    kill(cluster, "split")


# ---- heartbeats, reassignment: who is silent, and who is only thought to be ----

def storm_heartbeats_of_one_that_repeats_itself_keep_it_alive(cluster):
    """Nothing happens in an idle topology, so that each beat is as the one before."""
    open(path("idle"), "w", encoding="ascii").close()
    submit(cluster, "idle", f"name: idle\nworkers: 2\nspouts:\n  s: {{ type: file, path: "
           f"{path('idle')}, follow: true, poll: 10s }}\nbolts:\n  b: {{ type: \"null\", "
           "parallelism: 3, from: [ { s: shuffle } ] }\n")
    before = processes(cluster, "idle")
    time.sleep(3 * HOST_TIMEOUT)
    check(moved(before, processes(cluster, "idle")) == [], "a healthy worker was replaced")
    check(cluster.ask("errors", "idle")["errors"] == [], "errors")


def storm_reassignment_dead_supervisor_but_live_executors_moves_nothing(cluster):
    """Those of the heartbeats' test, which beat on to the coordinator."""
    before = processes(cluster, "idle")
    host = host_of(cluster, before[0][1])
    host.kill()

    def alive_told():
        return {one["name"]: one["alive"] for one in cluster.ask("hosts")["hosts"]}[host.name]
    wait_until(lambda: not alive_told(), "the host is told dead", 4 * HOST_TIMEOUT)
    time.sleep(2 * HOST_TIMEOUT)
    check(moved(before, processes(cluster, "idle")) == [], "a worker that beats was moved")
    check(cluster.status("idle") == "active", f"{cluster.status('idle')}")
    host.start()
    cluster.await_hosts()
    wait_until(alive_told, "the host is alive again")
    check(moved(before, processes(cluster, "idle")) == [], "the next supervisor moved a worker")


def storm_reassignment_supervisor_and_executor_dead_moves_that_one_only(cluster):
    before = processes(cluster, "idle")
    lost, stays = before[0][1], before[1][1]
    check(lost != stays, f"{before}")
    host_of(cluster, lost).all_signal(signal.SIGKILL)
    wait_until(lambda: lost not in places(cluster, "idle"), "moved", 10)
    after = processes(cluster, "idle")
    check(moved(before, after) == [0] and after[0][1] != lost, f"{before} {after}")
    host_of(cluster, lost).start()
    cluster.await_hosts()
    time.sleep(HOST_TIMEOUT)
    check(processes(cluster, "idle") == after, "what works went back to the host that returned")
    kill(cluster, "idle")


def storm_kill_with_a_dead_supervisor_ends_its_live_executors(cluster):
    """Nobody but themselves can, and what the next supervisor finds of them is no harm."""
    for words in (("kill", "one", "--yes"), ("rebalance", "one", "-n", "1")):
        submit(cluster, "one", topology("one", workers=3, bolts=2))
        before = processes(cluster, "one")
        host = host_of(cluster, before[0][1])
        host.kill()
        cluster.cli(*words)
        wait_until(lambda: not any(alive(pid) for pid, _ in before.values()), "all have ended", 10)
        host.start()
        cluster.await_hosts()
        if words[0] == "rebalance":
            check(len(processes(cluster, "one")) == 1, "one worker")
            check(cluster.ask("errors", "one")["errors"] == [], "it had to end")
            kill(cluster, "one")
        nothing_left(cluster)


def storm_kill_with_all_supervisors_and_executors_dead_ends(cluster):
    submit(cluster, "one", topology("one", workers=3, bolts=2))
    for host in cluster.hosts:
        host.all_signal(signal.SIGKILL)
    cluster.cli("kill", "one", "--yes")
    check(cluster.status("one") is None, "it is still there")
    for host in cluster.hosts:
        host.start()
    cluster.await_hosts()
    nothing_left(cluster)


def storm_reassignment_all_supervisors_dead_is_unassigned_until_one_is_there(cluster):
    submit(cluster, "all", topology("all", workers=2, bolts=3))
    for host in cluster.hosts:
        host.all_signal(signal.SIGKILL)
    wait_until(lambda: places(cluster, "all") == {"": 2}, "no places", 20)
    told = described(cluster, "all")
    check(told["workers_up"] == 0 and told["status"] != "active" and told["waiting_for"] != "",
          f"{told}")
    check(all(worker["state"] == "waiting" for worker in told["workers"]), f"{told['workers']}")
    check(not any(one["alive"] for one in cluster.ask("hosts")["hosts"]), "a host is alive")
    cluster.hosts[-1].start()
    wait_until(lambda: places(cluster, "all") == {cluster.hosts[-1].name: 2}, "places", 20)
    await_status(cluster, "all", "active")
    for host in cluster.hosts[:-1]:
        host.start()
    cluster.await_hosts()
    check(split(cluster, "all") == [2, 2], f"{split(cluster, 'all')}")
    kill(cluster, "all")
    nothing_left(cluster)


# ---- leadership: two coordinators and a real ZooKeeper ----

def other(cluster, leader):
    return next(one for one in cluster.coordinators if one is not leader)


def listens(coordinator):
    with open(coordinator.config, encoding="utf-8") as file:
        return next(line.split('"')[1] for line in file if line.startswith("coordinator.listen"))


def storm_leadership_non_leader_refuses_changes(cluster):
    """The leader is stopped for less than its session: the other one is asked and does nothing."""
    submit(cluster, "kept", topology("kept"))
    before = described(cluster, "kept")
    leader = cluster.leader()
    follower = listens(other(cluster, leader))
    leader.signal(signal.SIGSTOP)
    try:
        tries = [Beside(cluster, *words, "--coordinator", follower, "--timeout", "1s")
                 for words in (("submit", os.path.join(cluster.folder, "kept.yaml"), "--name", "new"),
                               ("kill", "kept", "--now", "--yes"), ("rebalance", "kept", "-n", "2"),
                               ("deactivate", "kept"), ("activate", "kept"))]
        for one in tries:
            one.join()
            check(one.result[0] in (69, 75), f"gale {' '.join(one.words)}: {one.result}")
    finally:
        leader.signal(signal.SIGCONT)
    check(cluster.leader() is leader, "the session ended: no matter for this test")
    after = described(cluster, "kept")
    check(after["status"] == "active" and after["attempt"] == before["attempt"] and
          after["id"] == before["id"], f"{after}")
    check(cluster.status("new") is None, "submitted by who does not lead")
    # Both asked the same way while the leader answers: the follower says who leads.
    cluster.cli("deactivate", "kept", "--coordinator", follower)
    check(cluster.status("kept") == "inactive", "not handed on")
    kill(cluster, "kept")


def storm_leadership_new_leader_goes_on_with_a_pending_kill(cluster):
    """Its time is what was said at first, whoever leads then."""
    submit(cluster, "held", topology("held", workers=2, hold=True))
    before = processes(cluster, "held")
    beside = Beside(cluster, "kill", "held", "-w", "14", "--yes")
    await_status(cluster, "held", "killed")
    leader, epoch = cluster.leader(), cluster.epoch()
    leader.kill()
    wait_until(lambda: cluster.epoch() > epoch, "another leader", 20)
    cluster.await_hosts()
    check(cluster.status("held") == "killed", f"{cluster.status('held')}")
    check(moved(before, processes(cluster, "held")) == [], "workers changed")
    submit(cluster, "held", topology("held"), code=73)
    beside.finish()
    check(14.0 <= beside.seconds < 25.0, f"gone after {beside.seconds:.1f} s")
    leader.start()
    nothing_left(cluster)


def storm_leadership_new_leader_goes_on_with_a_pending_rebalance(cluster):
    submit(cluster, "held", topology("held", workers=2, bolts=3, hold=True))
    beside = Beside(cluster, "rebalance", "held", "-n", "4", "--wait", "10s")
    await_status(cluster, "held", "rebalancing")
    leader, epoch = cluster.leader(), cluster.epoch()
    leader.kill()
    wait_until(lambda: cluster.epoch() > epoch, "another leader", 20)
    beside.finish()
    check(split(cluster, "held") == [1, 1, 1, 1], f"{split(cluster, 'held')}")
    leader.start()
    kill(cluster, "held")
    nothing_left(cluster)


def storm_cluster_state_errors_and_settings_outlive_the_leader(cluster):
    submit(cluster, "kept", topology("kept", workers=2), "--inactive")
    before = processes(cluster, "kept")
    os.kill(before[1][0], signal.SIGKILL)
    wait_until(lambda: cluster.ask("errors", "kept")["errors"], "an error")
    found = cluster.ask("errors", "kept")["errors"]
    after = processes(cluster, "kept")
    time.sleep(6.0)  # They are written every five seconds at most.
    leader, epoch = cluster.leader(), cluster.epoch()
    leader.kill()
    wait_until(lambda: cluster.epoch() > epoch, "another leader", 20)
    cluster.await_hosts()
    wait_until(lambda: cluster.status("kept") == "inactive", "inactive as before")
    check(cluster.ask("errors", "kept")["errors"] == found, "other errors")
    check(moved(after, processes(cluster, "kept")) == [], "workers changed")
    leader.start()
    kill(cluster, "kept")


def main():
    with Cluster(coordinators=1, hosts=6, settings={"supervisor.slots": 4}) as cluster:
        run([storm_isolation_gives_disjoint_and_stable_hosts,
             storm_isolation_frees_its_hosts_of_others,
             storm_cluster_state_errors_are_newest_first_and_bounded,
             storm_slots_empty_then_launched_then_empty], cluster)
    with Cluster(coordinators=1, hosts=3, settings={"supervisor.slots": 4}) as cluster:
        run([storm_slots_relaunched_on_timeout,
             storm_slots_reschedule_kills_the_old_before_the_new_starts,
             storm_slots_localisation_failure_is_tried_again,
             storm_heartbeats_of_one_that_repeats_itself_keep_it_alive,
             storm_reassignment_dead_supervisor_but_live_executors_moves_nothing,
             storm_reassignment_supervisor_and_executor_dead_moves_that_one_only,
             storm_kill_with_a_dead_supervisor_ends_its_live_executors,
             storm_kill_with_all_supervisors_and_executors_dead_ends,
             storm_reassignment_all_supervisors_dead_is_unassigned_until_one_is_there], cluster)
    with Ensemble(1, tick_ms=500) as zookeeper:
        with Cluster(zookeeper, coordinators=2, hosts=2, session="6s") as cluster:
            run([storm_leadership_non_leader_refuses_changes,
                 storm_leadership_new_leader_goes_on_with_a_pending_kill,
                 storm_leadership_new_leader_goes_on_with_a_pending_rebalance,
                 storm_cluster_state_errors_and_settings_outlive_the_leader], cluster)


if __name__ == "__main__":
    main()
