# SPDX-License-Identifier: Apache-2.0
# Labels: slow
"""The command line against real daemons: a topology's whole life by its commands, errors of workers,
logs of both hosts, many submits and kills of one name, and what is seen while the leader dies."""
import json
import os
import signal
import subprocess
import time

from common_cluster import Cluster
from common_run import GALE, check, ok, slowness, wait_until
from common_zookeeper import Ensemble

NAME = "words"
YAML = """name: words
workers: 2
drain: 2s
spouts:
  lines: { type: generator, constant: "the quick brown fox", rate: 2000 }
bolts:
  split: { type: split, parallelism: 2, from: [ { lines: shuffle } ] }
  count: { type: count, from: [ { split: { fields: [word] } } ] }
"""
BROKEN = """name: broken
workers: 1
spouts:
  lines: { type: file, path: /nonexistent/words.txt }
bolts:
  away: { type: "null", from: [ { lines: shuffle } ] }
"""


def item(cluster, name=NAME):
    found = [one for one in cluster.ask("list")["topologies"] if one["name"] == name]
    check(len(found) == 1, f"{name} in the list")
    return found[0]


def life(cluster):
    code, out, err = cluster.submit(NAME, YAML)
    check(out == f"{NAME}\n" and f"{NAME}: active after" in err, f"submit: {out}{err}")
    one = item(cluster)
    check((one["status"], one["workers"], one["workers_up"], one["tasks"]) == ("active", 2, 2, 4),
          f"list: {one}")
    wait_until(lambda: item(cluster)["rate"] > 500, "a rate in the list")
    told = cluster.ask("describe", NAME)
    check([c["name"] for c in told["components"]] == ["lines", "split", "count"], f"{told}")
    check(sorted(w["pid"] for w in told["workers"]) == sorted(cluster.pids().values()),
          "describe names the processes")
    cluster.cli("submit", os.path.join(cluster.folder, f"{NAME}.yaml"), code=73)
    cluster.cli("deactivate", NAME)
    check(item(cluster)["status"] == "inactive", "inactive")
    cluster.cli("activate", NAME)
    check(item(cluster)["status"] == "active", "active")
    before = cluster.pids()
    code, out, err = cluster.cli("rebalance", NAME, "-w", "3", "-e", "split=4", "--dry-run")
    check(cluster.pids() == before and "workers\t2\t3\tchanges" in out, f"--dry-run: {out}{err}")
    code, out, err = cluster.cli("rebalance", NAME, "-w", "3", "-e", "split=4")
    told = cluster.ask("describe", NAME)
    check(len(told["workers"]) == 3 and [c["parallelism"] for c in told["components"]] == [1, 4, 1]
          and told["attempt"] == 2, f"rebalanced: {told}")
    check("split\t2\t4\tchanges" in out and "paused for" in err, f"rebalance: {out}{err}")
    cluster.await_workers(3)
    check(cluster.ask("errors", NAME)["errors"] == [], "ends that were wanted are no errors")
    cluster.cli("rebalance", NAME, "-e", "lines=0", code=64)
    cluster.cli("describe", "wrods", code=66)
    code, out, err = cluster.cli("kill", NAME, "--wait", "1s")
    check(cluster.workers() == [] and cluster.ask("list")["topologies"] == [], f"killed: {err}")
    ok("cli_leads_a_topology_through_its_life")


def logs_and_levels(cluster):
    cluster.submit(NAME, YAML)
    lines = [json.loads(line) for line in
             cluster.cli("logs", NAME, "--json", "--lines", "1000")[1].splitlines()]
    check({line["worker"] for line in lines} == {0, 1}, f"both workers: {lines}")
    hosts = {w["index"]: w["host"] for w in cluster.ask("describe", NAME)["workers"]}
    check(all(hosts[line["worker"]] == line["host"] for line in lines), f"hosts: {lines}")
    cluster.cli("log-level", NAME, "debug", "--for", "1s")
    cluster.cli("log-level", NAME, "-r", "*")
    cluster.cli("log-level", NAME, "nothing=debug", code=66)
    cluster.cli("kill", NAME, "--now")
    ok("cli_reads_logs_of_all_hosts")


def broken(cluster):
    begin = time.monotonic()
    file = os.path.join(cluster.folder, "broken.yaml")
    with open(file, "w", encoding="utf-8") as out:
        out.write(BROKEN)
    code, out, err = cluster.cli("submit", file, "--timeout", "20s", code=None)
    check(code in (70, 78) and "/nonexistent/words.txt" in err and out == "",
          f"submit: {code} {err}")
    check(time.monotonic() - begin < 15, "it did not wait for the deadline")
    errors = cluster.ask("errors", "broken")["errors"]
    check(any("/nonexistent/words.txt" in error["text"] for error in errors), f"{errors}")
    check(all(error["count"] >= 1 and error["first_ms"] <= error["last_ms"] for error in errors),
          f"{errors}")
    cluster.cli("kill", "broken", "--now")
    ok("cli_submit_says_why_a_worker_cannot_start")


def again_and_again(cluster):
    """STORM-193: kill comes back when the name is free."""
    for _ in range(5):
        cluster.submit(NAME, YAML, "--inactive")
        check(item(cluster)["status"] == "inactive", "inactive from the start")
        cluster.cli("kill", NAME, "--now")
    check(cluster.workers() == [], "nothing is left")
    ok("cli_kill_and_submit_of_one_name_do_not_race")


def list_is_fast(cluster):
    environment = {**cluster.environment(), "GALE_CONFIG": cluster.client}
    times = []
    for _ in range(11):
        begin = time.monotonic()
        subprocess.run([GALE, "list"], stdout=subprocess.DEVNULL, env=environment, check=True)
        times.append((time.monotonic() - begin) * 1000)
    times.sort()
    print(f"# gale list: median {times[5]:.1f} ms, fastest {times[0]:.1f} ms")
    check(times[0] <= 20 * slowness(), f"gale list takes {times[0]:.1f} ms at best")
    ok("cli_list_takes_20_ms_at_most")


def logs_follow(cluster):
    """A worker dies and starts anew, then its whole host goes: its log is followed to the other."""
    cluster.submit(NAME, YAML, "-w", "1")
    environment = {**cluster.environment(), "GALE_CONFIG": cluster.client}
    name = os.path.join(cluster.folder, "followed")
    with open(name, "wb") as out:
        follower = subprocess.Popen([GALE, "logs", NAME, "-f", "--json"], stdout=out,
                                    stdin=subprocess.DEVNULL, env=environment)

    def hosts():
        with open(name, encoding="utf-8") as file:
            return [json.loads(line)["host"] for line in file if line.endswith("\n")]
    wait_until(hosts, "the first line")
    worker = cluster.await_workers(1)[0]
    seen = len(hosts())
    worker.kill()
    wait_until(lambda: len(hosts()) > seen, "a line of the worker that was started anew")
    home = next(host for host in cluster.hosts if host.name == hosts()[-1])
    home.all_signal(signal.SIGKILL)
    wait_until(lambda: hosts()[-1] != home.name, "a line from the other host")
    cluster.cli("kill", NAME, "--now")
    check(follower.wait(20) == 0, f"the follower ends with the topology: {follower.returncode}")
    silent = [host for host in cluster.ask("hosts")["hosts"] if host["name"] == home.name]
    check(not silent or not silent[0]["alive"], f"the dead host: {silent}")
    ok("cli_logs_follow_a_worker_to_another_host")


def leader_dies(cluster):
    cluster.submit(NAME, YAML)
    check([host["name"] for host in cluster.ask("hosts")["hosts"]] == ["h1", "h2"], "hosts")
    leader = cluster.leader()
    before = cluster.pids()
    leader.kill()
    begin = time.monotonic()
    check(item(cluster)["name"] == NAME, "listed while nobody leads")
    print(f"# list answered {time.monotonic() - begin:.2f} s after the leader's death")
    cluster.await_hosts()
    cluster.cli("deactivate", NAME)
    check(cluster.pids() == before, "no worker was restarted")
    for other in cluster.coordinators:
        if other.runs() and other is not cluster.leader():
            code, out, _ = cluster.cli("list", "-q", "--coordinator", other.listen)
            check(out == f"{NAME}\n", "who does not lead says who does")
    cluster.cli("kill", NAME)
    for one in cluster.coordinators:
        one.kill()
    begin = time.monotonic()
    _, _, err = cluster.cli("list", "--timeout", "3s", code=69)
    check("ZooKeeper" in err and "no cluster answers" in err, err)
    check(time.monotonic() - begin < 20, f"{time.monotonic() - begin:.1f} s")
    ok("cli_goes_on_with_the_next_leader")


with Cluster(coordinators=1, hosts=2) as small:
    life(small)
    logs_and_levels(small)
    broken(small)
    again_and_again(small)
    list_is_fast(small)
    logs_follow(small)
with Ensemble(3) as zookeeper:
    with Cluster(zookeeper, coordinators=2, hosts=2) as large:
        for one in large.coordinators:
            with open(one.config, encoding="utf-8") as file:
                one.listen = [line.split('"')[1] for line in file
                              if line.startswith("coordinator.listen")][0]
        leader_dies(large)
