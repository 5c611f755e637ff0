# SPDX-License-Identifier: Apache-2.0
# Labels: slow
"""Storm's behaviours of a topology's life (NimbusClojurePortTest: assignment, executor split, kill,
squeezed topology, rebalance), by its commands against a real coordinator and real supervisors with
the embedded store. Each test bears the name of Storm's case. What differs here: a task is what
Storm calls an executor with one task, so that there are never more tasks than executors; a component
has at least one; waits default to the topology's `drain`, not to its message timeout; and what runs
is spread over new hosts by `rebalance`, not by itself, because that restarts its workers.
storm_faults.py has the cases of failures; tests/unit/coordinator/{schedule,cluster} have all those of
scheduling once more, alone and without processes."""
import time

from common_cluster import Cluster
from common_run import alive, check
from common_storm import (Beside, await_status, described, moved, nothing_left, places, processes,
                          run, split, submit, topology, used)


def kill(cluster, *names):
    cluster.cli("kill", *names, "--now", "--yes")


# ---- assignment, executor split: four hosts of two slots each ----

def storm_assignment_twenty_workers_asked_with_eight_slots_free_uses_eight(cluster):
    submit(cluster, "wide", topology("wide", workers=20, spouts=10, bolts=10))
    check(sum(places(cluster, "wide").values()) == 8, f"{places(cluster, 'wide')}")
    check(set(places(cluster, "wide").values()) == {2}, f"not even: {places(cluster, 'wide')}")
    check(split(cluster, "wide") == [3, 3, 3, 3, 2, 2, 2, 2], f"{split(cluster, 'wide')}")
    cluster.await_workers(8)


def storm_two_topologies_never_share_a_slot(cluster):
    """All eight slots are taken: the next one waits, says for what, and starts when there is room."""
    code, _, err = submit(cluster, "next", topology("next", workers=2), "--timeout", "2s",
                                  code=None)
    check(code == 75 and "slot" in err, f"it says what it waits for: {code} {err}")
    check(cluster.status("next") == "waiting", f"{cluster.status('next')}")
    check("slot" in described(cluster, "next")["waiting_for"], "describe says it, too")
    check(len(cluster.workers()) == 8 and set(used(cluster).values()) == {2}, f"{used(cluster)}")
    kill(cluster, "wide")
    await_status(cluster, "next", "active")
    submit(cluster, "third", topology("third", workers=6, spouts=3, bolts=3))
    owners = {w.pid: w.topology for w in cluster.workers()}
    check(len(owners) == 8 and sorted(list(owners.values()).count(t)
                                      for t in set(owners.values())) == [2, 6], f"{owners}")
    check(set(used(cluster).values()) == {2}, f"{used(cluster)}")
    kill(cluster, "next", "third")


def storm_rebalance_of_one_that_waits_holds_as_soon_as_it_starts(cluster):
    submit(cluster, "all", topology("all", workers=8, spouts=4, bolts=4))
    submit(cluster, "next", topology("next", workers=3, bolts=4), "--wait", "none")
    beside = Beside(cluster, "rebalance", "next", "-n", "2", "-e", "b=5")
    time.sleep(0.5)
    check(cluster.status("next") == "waiting" and beside.is_alive(), "there is no room yet")
    kill(cluster, "all")
    beside.finish()
    check(split(cluster, "next") == [3, 3], f"{split(cluster, 'next')}")
    kill(cluster, "next")


def storm_assignment_no_more_workers_than_executors(cluster):
    submit(cluster, "small", topology("small", workers=8, spouts=1, bolts=2))
    check(split(cluster, "small") == [1, 1, 1], f"{split(cluster, 'small')}")
    cluster.await_workers(3)
    kill(cluster, "small")


def storm_assignment_component_of_no_tasks_is_rejected(cluster):
    """In Storm it is left out without a word."""
    code, _, err = submit(cluster, "none", topology("none", bolts=0), code=None)
    check(code == 78 and "parallelism" in err, f"{code} {err}")
    check(cluster.status("none") is None, "it was submitted")


def storm_executor_split_is_even(cluster):
    for tasks, workers, wanted in ((3, 2, [3, 2]), (6, 3, [3, 3, 2]), (10, 4, [3, 3, 3, 3])):
        submit(cluster, "even", topology("even", workers=workers, spouts=2, bolts=tasks))
        check(split(cluster, "even") == wanted, f"{tasks}: {split(cluster, 'even')}")
        kill(cluster, "even")
    nothing_left(cluster)


# ---- squeezed topology: hosts of one slot, one after the other ----

def storm_squeezed_topology_spreads_as_slots_appear():
    cluster = Cluster(coordinators=1, hosts=4, settings={"supervisor.slots": 1})
    try:
        cluster.coordinators[0].start()
        cluster.hosts[0].start()
        cluster.await_hosts()
        submit(cluster, "tight", topology("tight", workers=4, spouts=3, bolts=6))
        check(split(cluster, "tight") == [9], f"{split(cluster, 'tight')}")
        for hosts, wanted in ((3, [3, 3, 3]), (4, [3, 2, 2, 2])):
            for host in cluster.hosts[:hosts]:
                if not host.runs():
                    host.start()
            cluster.await_hosts()
            before = processes(cluster, "tight")
            time.sleep(1.0)
            check(processes(cluster, "tight") == before, "it moved without being told to")
            cluster.cli("rebalance", "tight")
            check(split(cluster, "tight") == wanted, f"{hosts} hosts: {split(cluster, 'tight')}")
            check(set(places(cluster, "tight").values()) == {1}, f"{places(cluster, 'tight')}")
        kill(cluster, "tight")
        nothing_left(cluster)
    finally:
        cluster.destroy()


# ---- kill: three hosts of eight slots ----

def storm_kill_unknown_is_not_alive(cluster):
    _, _, err = cluster.cli("kill", "nobody", "--yes", code=66)
    check("nobody" in err, err)


def storm_kill_waits_by_default_as_long_as_the_topology_says(cluster):
    """During the wait it is killed, keeps its assignment, and its name is in use."""
    submit(cluster, "held", topology("held", workers=2, drain="4s", hold=True))
    before = processes(cluster, "held")
    beside = Beside(cluster, "kill", "held", "--yes")
    await_status(cluster, "held", "killed", 3)
    _, _, err = submit(cluster, "held", topology("held"), code=73)
    check("held" in err, err)
    check(processes(cluster, "held") == before, "its workers changed during the wait")
    check(sum(used(cluster).values()) == 2, f"{used(cluster)}")
    beside.finish()
    check(4.0 <= beside.seconds < 15.0, f"gone after {beside.seconds:.2f} s")
    check(not any(alive(pid) for pid, _ in before.values()), "a worker is left")
    cluster.cli("describe", "held", code=66)
    nothing_left(cluster)  # What Storm's monitor cleans of heartbeats.


def storm_kill_w_is_honoured(cluster):
    submit(cluster, "held", topology("held", drain="60s", hold=True))
    beside = Beside(cluster, "kill", "held", "-w", "2", "--yes")
    beside.finish()
    check(2.0 <= beside.seconds < 12.0, f"gone after {beside.seconds:.2f} s")
    submit(cluster, "held", topology("held"))  # The name is free as soon as kill is back.
    kill(cluster, "held")


def storm_changes_at_the_same_time_have_one_winner(cluster):
    submit(cluster, "one", topology("one", bolts=4))
    kill(cluster, "one")
    file = f"{cluster.folder}/one.yaml"
    for command, losers in ((("submit", file, "-w"), 73), (("rebalance", "one", "-n"), 75)):
        tries = [Beside(cluster, *command, str(n)) for n in range(1, 5)]
        for one in tries:
            one.join()
        won = [n for n, one in enumerate(tries, 1) if one.result[0] == 0]
        check(won and all(one.result[0] in (0, losers) for one in tries),
              f"{command}: {[one.result for one in tries]}")
        check(command[0] != "submit" or len(won) == 1, f"{len(won)} of one name")
        check(len(processes(cluster, "one")) in won, f"{won}: {processes(cluster, 'one')}")
    tries = [Beside(cluster, "kill", "one", "--yes") for _ in range(3)]
    for one in tries:
        one.join()
    check(any(one.result[0] == 0 for one in tries) and
          all(one.result[0] in (0, 66) for one in tries), f"{[one.result for one in tries]}")
    nothing_left(cluster)


def storm_kill_repeated_changes_the_wait(cluster):
    submit(cluster, "held", topology("held", hold=True))
    first = Beside(cluster, "kill", "held", "-w", "600", "--timeout", "60s", "--yes")
    await_status(cluster, "held", "killed")
    second = Beside(cluster, "kill", "held", "-w", "1", "--yes")
    second.finish()
    first.finish()
    check(first.seconds < 30.0, f"{first.seconds:.1f} s")


def storm_kill_refuses_to_wake_or_rebalance_what_is_killed(cluster):
    submit(cluster, "held", topology("held", hold=True))
    beside = Beside(cluster, "kill", "held", "-w", "600", "--yes")
    await_status(cluster, "held", "killed")
    for words in (("activate", "held"), ("rebalance", "held", "-w", "1")):
        cluster.cli(*words, code=75)
    check(cluster.status("held") == "killed", f"{cluster.status('held')}")
    kill(cluster, "held")
    beside.finish()


# ---- rebalance ----

def storm_rebalance_moves_nothing_during_the_wait(cluster):
    submit(cluster, "held", topology("held", workers=2, bolts=4, drain="60s", hold=True))
    before = processes(cluster, "held")
    beside = Beside(cluster, "rebalance", "held", "-n", "3", "--wait", "4s")
    await_status(cluster, "held", "rebalancing", 3)
    while time.monotonic() - beside.begin < 3.0:
        check({w.index: (w.pid, w.host) for w in cluster.workers()} == before, "moved too early")
        time.sleep(0.1)
    beside.finish()
    check(beside.seconds >= 4.0, f"after {beside.seconds:.2f} s")
    check(places(cluster, "held") == {"h1": 1, "h2": 1, "h3": 1}, f"{places(cluster, 'held')}")
    check(cluster.status("held") == "active", f"{cluster.status('held')}")
    kill(cluster, "held")


def storm_rebalance_changes_workers_and_executors(cluster):
    submit(cluster, "r", topology("r", workers=3, bolts=5))
    check(split(cluster, "r") == [2, 2, 2], f"{split(cluster, 'r')}")
    cluster.cli("rebalance", "r", "-n", "6")
    check(split(cluster, "r") == [1] * 6, f"{split(cluster, 'r')}")
    check(places(cluster, "r") == {"h1": 2, "h2": 2, "h3": 2}, f"{places(cluster, 'r')}")
    cluster.cli("rebalance", "r", "-e", "b=1")
    check(split(cluster, "r") == [1, 1], f"{split(cluster, 'r')}")
    cluster.cli("rebalance", "r", "-n", "4", "-e", "b=7")
    check(split(cluster, "r") == [2, 2, 2, 2], f"{split(cluster, 'r')}")
    check(len(processes(cluster, "r")) == 4, "four workers")


def storm_rebalance_of_nothing_is_rejected(cluster):
    """Zero executors, too many workers, an unknown component: nothing changes."""
    before = processes(cluster, "r")
    attempt = described(cluster, "r")["attempt"]
    for words in (("-e", "b=0"), ("-n", "0"), ("-e", "nope=2"), ("-n", "100000")):
        code, _, err = cluster.cli("rebalance", "r", *words, code=None)
        check(code in (64, 66, 78), f"{words}: {code} {err}")
    check(described(cluster, "r")["attempt"] == attempt, "an attempt")
    check(moved(before, processes(cluster, "r")) == [], "a worker was touched")


def storm_rebalance_returns_to_the_state_before(cluster):
    cluster.cli("deactivate", "r")
    cluster.cli("rebalance", "r", "-n", "2")
    check(cluster.status("r") == "inactive", f"{cluster.status('r')}")
    cluster.cli("activate", "r")
    check(cluster.status("r") == "active", f"{cluster.status('r')}")
    kill(cluster, "r")


def storm_rebalance_may_be_followed_by_kill(cluster):
    submit(cluster, "held", topology("held", workers=2, hold=True))
    beside = Beside(cluster, "rebalance", "held", "--wait", "60s", "-n", "1")
    await_status(cluster, "held", "rebalancing")
    cluster.cli("kill", "held", "-w", "1", "--yes")
    beside.join()
    check(beside.result[0] != 0, f"the rebalance says that it was not done: {beside.result}")
    nothing_left(cluster)


def storm_submit_inactive_opens_nothing_until_activate(cluster):
    """The spout's file is not there: an active one would say so."""
    submit(cluster, "later", f"name: later\nspouts:\n  s: {{ type: file, path: "
                   f"{cluster.folder}/later }}\nbolts:\n  b: {{ type: \"null\", "
                   "from: [ { s: shuffle } ] }\n", "--inactive")
    check(cluster.status("later") == "inactive", f"{cluster.status('later')}")
    time.sleep(0.5)
    errors = cluster.ask("errors", "later")["errors"]
    with open(f"{cluster.folder}/later", "w", encoding="ascii") as file:
        file.write("a line\n")
    begin = time.monotonic()
    _, _, err = cluster.cli("activate", "later")
    check(time.monotonic() - begin < 20, "activate waited for what was over")
    await_status(cluster, "later", "finished")
    check("later: " in err, err)
    cluster.cli("activate", "later", code=75)
    cluster.cli("deactivate", "later", code=75)
    check(errors == [], f"it was opened before: {errors}")
    kill(cluster, "later")


def main():
    with Cluster(coordinators=1, hosts=4, settings={"supervisor.slots": 2}) as cluster:
        run([storm_assignment_twenty_workers_asked_with_eight_slots_free_uses_eight,
             storm_two_topologies_never_share_a_slot,
             storm_rebalance_of_one_that_waits_holds_as_soon_as_it_starts,
             storm_assignment_no_more_workers_than_executors,
             storm_assignment_component_of_no_tasks_is_rejected,
             storm_executor_split_is_even], cluster)
    run([storm_squeezed_topology_spreads_as_slots_appear])
    with Cluster(coordinators=1, hosts=3, settings={"supervisor.slots": 8}) as cluster:
        run([storm_kill_unknown_is_not_alive,
             storm_kill_waits_by_default_as_long_as_the_topology_says,
             storm_kill_w_is_honoured,
             storm_kill_repeated_changes_the_wait,
             storm_changes_at_the_same_time_have_one_winner,
             storm_kill_refuses_to_wake_or_rebalance_what_is_killed,
             storm_rebalance_moves_nothing_during_the_wait,
             storm_rebalance_changes_workers_and_executors,
             storm_rebalance_of_nothing_is_rejected,
             storm_rebalance_returns_to_the_state_before,
             storm_rebalance_may_be_followed_by_kill,
             storm_submit_inactive_opens_nothing_until_activate], cluster)


if __name__ == "__main__":
    main()
