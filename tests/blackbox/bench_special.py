#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Labels: slow
"""The special kinds and the micro-benchmarks of `gale bench`, as short as can be: every result is
right, and what a kind promises is there and within what can be. Speed is not looked at."""

import json
import os
import subprocess
import sys
import tempfile

GALE = os.environ["GALE"]
# Of each kind: metrics that must be there, each with the least and the largest possible value.
WANTED = {
    "startup": {"first_acked_ms": (0.5, 60000), "whole_run_ms": (1, 60000)},
    "recovery": {"output_pause_ms": (0.01, 60000), "lag_max_ms": (0, 60000),
                 "came_twice": (0, 6000)},
    "idle": {"idle_run_mb": (1, 200), "idle_worker_mb": (1, 200), "idle_cores": (0, 2)},
    "keys": {"bytes_per_key_short": (32, 400), "bytes_per_key_long": (60, 600),
             "key_size_long": (37, 48)},
    "overload": {"sustainable_per_s": (100, 1e9), "memory_end_mb": (1, 2000)},
    "scaling": {"wordcount_share_of_two": (0.001, 10), "const_id_null_times": (0.001, 20)},
    "transport": {"ipc-64_per_s": (100, 1e9), "tcp-262144_gb_per_s": (0.001, 1000),
                  "tcp-64-trip_p50_us": (0.1, 1e6)},
    "codec": {"scan_ns": (0.1, 1e5), "lz4-decompress_gb_per_s": (0.001, 1000),
              "msgpack-c-unpack_per_s": (1000, 1e10)},
}
VARIANTS = {"startup": 2, "recovery": 1, "idle": 2, "keys": 1, "overload": 2, "scaling": 2,
            "transport": 1, "codec": 1}


def run(temp, *arguments):
    """The document of a tiny run."""
    done = subprocess.run([GALE, "bench", "--tiny", "--json", "--quiet", *arguments],
                          env=dict(os.environ, TMPDIR=temp), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=400, check=False)
    if done.returncode != 0:
        sys.exit(f"gale bench {arguments}: exit code {done.returncode}\n{done.stdout}\n"
                 f"{done.stderr}")
    return json.loads(done.stdout)


def check(result):
    """One variant's result."""
    name = result["id"]
    if result["status"] != "ok" or not result["check"]:
        sys.exit(f"{name}: {result['status']}: {result['error']}")
    for metric, (least, most) in WANTED[result["bench"]].items():
        if metric not in result["metrics"]:
            sys.exit(f"{name}: no {metric}; there are {sorted(result['metrics'])}")
        for value in result["metrics"][metric]["runs"]:
            if not least <= value <= most:
                sys.exit(f"{name}: {metric} is {value}, not within {least} to {most}")


def main():
    with tempfile.TemporaryDirectory(prefix="gale-bench-special-") as temp:
        document = run(temp, "special", "micro")
        left = os.listdir(temp)
    found = {}
    for result in document["results"]:
        check(result)
        found[result["bench"]] = found.get(result["bench"], 0) + 1
    if found != VARIANTS:
        sys.exit(f"variants: {found}, not {VARIANTS}")
    if left:
        sys.exit(f"left behind: {left}")
    print(f"{sum(found.values())} variants right")


main()
