#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Labels: slow
"""The benchmarks of the group `cluster` of `gale bench`, as short as can be: every result is right, every
promised figure is there and within what can be; Ctrl-C in the middle leaves no process and no file
behind; a machine without ZooKeeper gets a clear word instead of a failure. Speed is not looked at."""

import json
import os
import shutil
import signal
import subprocess
import tempfile

import common_run as common
from common_run import GALE, check, ok, wait_until

# Of each benchmark: metrics that must be there, each with the least and the largest possible value.
WANTED = {
    "cluster-submit": {"first_acked_ms": (1, 60000), "submit_ms": (1, 90000),
                       "kill_ms": (1, 90000)},
    "cluster-idle": {"daemons_mb": (2, 600), "daemons_cores": (0, 2), "dev_mb": (2, 600),
                     "dev_share_mb": (0.5, 600)},
    "cluster-failover": {"adopted_ms": (1, 60000), "led_ms": (1, 60000)},
    "cluster-list": {"list_p50_ms": (0.5, 60000), "list_p99_ms": (0.5, 60000)},
    "cluster-many": {f"{verb}_{what}_ms": (0.5, 90000) for verb in ("submit", "list", "kill")
                     for what in ("first", "last", "last_max")},
    "cluster-writes": {"alone_writes_per_s": (0, 100), "writes_per_s": (0, 100)},
}
VARIANTS = {name: 2 if name == "cluster-submit" else 1 for name in WANTED}
WITH_ZOOKEEPER = ("cluster-failover", "cluster-writes")
HAS_ZOOKEEPER = shutil.which("java") is not None and all(
    os.path.exists(f"/usr/share/java/{jar}.jar") for jar in ("zookeeper", "slf4j-simple"))


def marked(temp):
    """Processes whose mark names the directory, which the bench has as TMPDIR."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/environ", "rb") as file:
                if f"SUITE_RIG={temp}".encode() in file.read():
                    found.append(int(entry))
        except OSError:
            continue
    return found


def start(temp, *arguments, path=None):
    environment = dict(os.environ, TMPDIR=temp, PATH=path or os.environ["PATH"])
    return subprocess.Popen([GALE, "bench", "--tiny", "--json", *arguments],
                            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def gone(temp):
    check(marked(temp) == [], f"processes left behind: {marked(temp)}")
    check(os.listdir(temp) == [], f"files left behind: {os.listdir(temp)}")


def right(result):
    """One variant's result."""
    name = result["id"]
    check(result["status"] == "ok" and result["check"], f"{name}: {result['error']}")
    if result["bench"] in WITH_ZOOKEEPER and not HAS_ZOOKEEPER:
        check(result["metrics"] == {} and "skipped" in result["check"], f"{result}")
        return
    for metric, (least, most) in WANTED[result["bench"]].items():
        check(metric in result["metrics"], f"{name}: no {metric}: {sorted(result['metrics'])}")
        for value in result["metrics"][metric]["runs"]:
            check(least <= value <= most, f"{name}: {metric} is {value}, not {least} to {most}")


def test_all(temp):
    bench = start(temp, "cluster", "--quiet")
    out, err = bench.communicate(timeout=500)
    found = {}
    for result in json.loads(out)["results"]:
        right(result)
        found[result["bench"]] = found.get(result["bench"], 0) + 1
    check(bench.returncode == 0, f"exit code {bench.returncode}: {err}")
    check(found == VARIANTS, f"variants: {found}, not {VARIANTS}")
    gone(temp)
    ok(f"{sum(found.values())} variants right" +
       ("" if HAS_ZOOKEEPER else "; no ZooKeeper here: two were skipped"))


def test_interrupted(temp, number):
    """While workers run: nothing outlives the suite, whether it may tidy up or not."""
    bench = start(temp, "cluster-many")

    def works():
        return any(b"worker" in open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0")[1:2]
                   for pid in marked(temp) if os.path.exists(f"/proc/{pid}/cmdline"))
    wait_until(works, "a worker of the suite's cluster")
    bench.send_signal(number)
    bench.communicate(timeout=60)
    if number == signal.SIGKILL:
        wait_until(lambda: not marked(temp), "the end of all daemons and workers")
    else:
        check(bench.returncode == 128 + number, f"exit code {bench.returncode}")
        gone(temp)
    ok(f"nothing is left after {signal.Signals(number).name}")


def test_without_zookeeper(temp):
    bench = start(temp, "cluster-failover", "cluster-writes", path="/nonexistent")
    out, err = bench.communicate(timeout=60)
    check(bench.returncode == 0, f"exit code {bench.returncode}\n{err}")
    for result in json.loads(out)["results"]:
        check(result["metrics"] == {} and "no java in PATH" in result["check"], f"{result}")
    check("is skipped: no java in PATH" in err, err)
    gone(temp)
    ok("without Java: skipped, with the reason")


def main():
    for number, test in enumerate((test_all, test_without_zookeeper,
                                   lambda temp: test_interrupted(temp, signal.SIGINT),
                                   lambda temp: test_interrupted(temp, signal.SIGKILL))):
        test(tempfile.mkdtemp(prefix=f"t{number}-", dir=common.DIR))


if __name__ == "__main__":
    main()
