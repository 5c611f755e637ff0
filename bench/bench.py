#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmarks beside the hand-written limits and prints medians.

Each round runs every chosen measure once, the limit program right before the engine's run, so
that both see the same machine; a machine that slows down slows both. Throughput counts what the
bolts executed after the warm-up, latency runs from the intended emit to the completed tree. Every
run is checked: nothing failed or timed out, everything emitted was executed, the limit's counts
are exact; a run that is wrong makes the program exit with 1.

It starts only the public command line (`gale run FILE --json`) and has no other way in.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
BUILD = os.environ.get("GALE_BUILD", os.path.join(ROOT, "build", "release"))
GALE = os.environ.get("GALE", os.path.join(BUILD, "gale"))
LIMIT = os.path.join(BUILD, "bench", "limit", "wordcount")
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024
# Emitted just before the last look may not be executed yet at the last look, and the other way
# round at the end of the warm-up; beyond this share something is lost.
IN_FLIGHT_SHARE = 0.05


class BenchError(Exception):
    """A run that could not be made or gave a wrong result."""


def throughput(file, bolt, workers, guarantee, limit, per_cpu, must, aim, share):
    """A measure at full speed; `per_cpu`: its bar is per CPU-second, else in all."""
    return {"kind": "throughput", "file": file, "bolt": bolt, "workers": workers,
            "guarantee": guarantee, "limit": limit, "per_cpu": per_cpu, "must": must,
            "aim": aim, "share": share}


ALO, AMO = "at-least-once", "at-most-once"
MEASURES = {
    "wordcount-1-acked": throughput("wordcount", "count", 1, ALO, "one_process_acked",
                                    True, 20e6, 32e6, 0.25),
    "wordcount-1": throughput("wordcount", "count", 1, AMO, "one_process",
                              True, None, None, None),
    "wordcount-2-acked": throughput("wordcount", "count", 2, ALO, "two_process_acked",
                                    False, 25e6, 40e6, 0.35),
    "wordcount-2": throughput("wordcount", "count", 2, AMO, "two_process",
                              False, 35e6, 55e6, None),
    "identity-1-acked": throughput("identity", "sink", 1, ALO, None, True, 18e6, 50e6, None),
    "identity-1": throughput("identity", "sink", 1, AMO, None, True, None, None, None),
    "latency-1": {"kind": "latency", "workers": 1, "must": (45, 250, 0.6),
                  "aim": (32, 120, 0.3)},
    "latency-2": {"kind": "latency", "workers": 2, "must": (150, 800, 1.2),
                  "aim": (80, 250, 0.6)},
    "idle-1": {"kind": "idle", "workers": 1, "must": (8.0, 0.01), "aim": (4.0, 0.01)},
    "startup-1": {"kind": "startup", "workers": 1, "must": 200, "aim": 50},
}


# ---- running -----------------------------------------------------------------------------------

def gale_command(file, defines, options, state_dir):
    command = [GALE, "run", os.path.join(HERE, file + ".yaml"), "--fresh"]
    for key, value in defines.items():
        command += ["-D", f"{key}={value}"]
    environment = dict(os.environ, XDG_STATE_HOME=state_dir)
    return command + options, environment


def gale_report(file, defines, args):
    """One run of `gale run`; its report."""
    options = ["--json", "--duration", f"{args.duration:g}s",
               "--warmup", f"{args.warmup * 1000:.0f}ms"]
    with tempfile.TemporaryDirectory(prefix="gale-bench-") as state_dir:
        command, environment = gale_command(file, defines, options, state_dir)
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True,
                              timeout=args.duration * 4 + 60, check=False)
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise BenchError(f"{' '.join(command)}: no report: {error}") from error


def check_report(report, bolt):
    """Nothing failed, nothing lost."""
    for name, spout in report["spouts"].items():
        if spout["failed"] or spout["timed_out"]:
            raise BenchError(f"spout {name}: {spout['failed']} failed, "
                             f"{spout['timed_out']} timed out")
    if report["bolts"][bolt]["executed"] == 0:
        raise BenchError(f"bolt {bolt} executed nothing")
    if bolt == "count":
        emitted = report["bolts"]["split"]["emitted"]
        executed = report["bolts"]["count"]["executed"]
        if abs(emitted - executed) > IN_FLIGHT_SHARE * emitted:
            raise BenchError(f"split emitted {emitted} words, count executed {executed}")


def run_limit(name, args):
    done = subprocess.run([LIMIT, name, "--seconds", str(args.limit_seconds)],
                          stdout=subprocess.PIPE, text=True, check=False,
                          timeout=args.limit_seconds + 60)
    if done.returncode != 0:
        raise BenchError(f"{LIMIT} {name}: exit code {done.returncode} {done.stdout}")
    return json.loads(done.stdout)


def run_throughput(measure, args):
    result = {}
    if measure["limit"]:
        limit = run_limit(measure["limit"], args)
        result["limit_per_s"] = limit["words_per_s"]
        result["limit_per_cpu_s"] = limit["words_per_cpu_s"]
    report = gale_report(measure["file"], {"workers": measure["workers"],
                                           "guarantee": measure["guarantee"]}, args)
    check_report(report, measure["bolt"])
    executed = report["bolts"][measure["bolt"]]["executed"]
    result["per_s"] = executed / report["elapsed_s"]
    result["per_cpu_s"] = executed / report["cpu_s"]
    result["rss_peak_mb"] = max(w["rss_peak_kb"] for w in report["workers"]) / 1024
    if measure["limit"]:
        which = "per_cpu_s" if measure["per_cpu"] else "per_s"
        result["share"] = result[which] / result["limit_" + which]
    return result


def run_latency(measure, args):
    report = gale_report("latency", {"workers": measure["workers"], "rate": args.rate}, args)
    check_report(report, "count")
    latency = report["complete_latency_us"]
    emitted = sum(s["emitted"] for s in report["spouts"].values())
    result = {key: latency[key] for key in ("p50", "p99", "p999", "max")}
    result["cores"] = report["cpu_s"] / report["elapsed_s"]
    result["sentences_per_s"] = emitted / report["elapsed_s"]
    if result["sentences_per_s"] < 0.95 * args.rate:
        raise BenchError(f"the rate of {args.rate}/s was not kept: "
                         f"{result['sentences_per_s']:.0f}/s")
    return result


def descendants(pid):
    """The process and all below it."""
    found = [pid]
    for at in found:
        try:
            with open(f"/proc/{at}/task/{at}/children", encoding="ascii") as file:
                found += [int(child) for child in file.read().split()]
        except OSError:
            continue
    return found


def process_figures(pid):
    """(CPU seconds so far, resident MB) of one process; zeros when it has gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0, 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS, int(fields[21]) * PAGE_KB / 1024


def run_idle(measure, args):
    """Looks twice at a run that has nothing to do."""
    with tempfile.TemporaryDirectory(prefix="gale-bench-") as state_dir:
        command, environment = gale_command(
            "idle", {"workers": measure["workers"]},
            ["--duration", f"{args.duration + 60:g}s"], state_dir)
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as process:
            time.sleep(args.warmup)
            first = {pid: process_figures(pid) for pid in descendants(process.pid)}
            started = time.monotonic()
            time.sleep(args.duration)
            last = {pid: process_figures(pid) for pid in first}
            elapsed = time.monotonic() - started
            is_alive = process.poll() is None
            process.terminate()
            process.wait(30)
    if not is_alive or len(first) < 2:
        raise BenchError("the idle run ended early or had no worker")
    cpu = {pid: (last[pid][0] - first[pid][0]) / elapsed for pid in first}
    return {"run_mb": last[process.pid][1],
            "worker_mb": max(last[pid][1] for pid in first if pid != process.pid),
            "cpu": sum(cpu.values())}


def run_startup(measure, args):
    """Time to the first line that a bolt prints, and to the end of a run of one tuple. The first
    acked tuple lies between the two."""
    del args
    with tempfile.TemporaryDirectory(prefix="gale-bench-") as state_dir:
        command, environment = gale_command("startup", {"workers": measure["workers"]}, [],
                                            state_dir)
        started = time.monotonic()
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as process:
            # A run that hangs is killed, which ends the reading below.
            guard = threading.Timer(60, process.kill)
            guard.start()
            process.stdout.readline()
            first_ms = (time.monotonic() - started) * 1000
            process.stdout.read()
            process.wait()
            guard.cancel()
    end_ms = (time.monotonic() - started) * 1000
    if process.returncode != 0:
        raise BenchError(f"the run of one tuple ended with {process.returncode}")
    return {"first_ms": first_ms, "end_ms": end_ms}


RUNNERS = {"throughput": run_throughput, "latency": run_latency, "idle": run_idle,
           "startup": run_startup}


# ---- results -----------------------------------------------------------------------------------

def medians(rounds):
    return {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}


def spread(rounds, key):
    values = [r[key] for r in rounds]
    return (max(values) - min(values)) / statistics.median(values)


def verdict(value, must, aim, less=False):
    """must and aim: None = no bar."""
    if must is None:
        return ""
    reached = (lambda bar: value <= bar) if less else (lambda bar: value >= bar)
    if not reached(must):
        return "below"
    return "aim" if aim is not None and reached(aim) else "must"


def ack_price(results, name):
    """1 − acked / unacked per CPU-second, by rounds."""
    acked, plain = results.get(name + "-acked"), results.get(name)
    if not acked or not plain:
        return None
    return statistics.median(1 - a["per_cpu_s"] / p["per_cpu_s"]
                             for a, p in zip(acked, plain))


def machine():
    model = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                            check=False).stdout.strip()
    return {"commit": commit or "unknown", "cpu": model, "cores": os.cpu_count(),
            "kernel": platform.release()}


def million(value):
    return f"{value / 1e6:.1f} M"


def throughput_row(name, measure, rounds):
    value = medians(rounds)
    which = "per_cpu_s" if measure["per_cpu"] else "per_s"
    bar = verdict(value[which], measure["must"], measure["aim"])
    share = f"{value['share']:.2f}" if "share" in value else ""
    if measure["share"] and value["share"] < measure["share"]:
        bar = f"below (share {measure['share']})"
    return (name, million(value["per_s"]), million(value["per_cpu_s"]), share,
            f"{spread(rounds, which) * 100:.0f} %", f"{value['rss_peak_mb']:.1f} MB", bar)


def print_tables(results):
    rows = [("measure", "in all /s", "per CPU-s", "of limit", "spread", "peak", "bar")]
    for name, rounds in results.items():
        if MEASURES[name]["kind"] == "throughput":
            rows.append(throughput_row(name, MEASURES[name], rounds))
    if len(rows) > 1:
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    for name in ("wordcount-1", "identity-1"):
        price = ack_price(results, name)
        if price is not None:
            print(f"price of acks, {name}: {price * 100:.1f} %")
    for name, rounds in results.items():
        print_other(name, MEASURES[name], medians(rounds))


def print_other(name, measure, value):
    if measure["kind"] == "latency":
        figures = (value["p50"], value["p99"], value["cores"])
        bars = [verdict(v, m, a, True)
                for v, m, a in zip(figures, measure["must"], measure["aim"])]
        print(f"{name}: p50 {value['p50']:.0f} µs ({bars[0]}), p99 {value['p99']:.0f} µs "
              f"({bars[1]}), p99.9 {value['p999']:.0f} µs, max {value['max']:.0f} µs, "
              f"{value['cores'] * 100:.0f} % of a core ({bars[2]})")
    elif measure["kind"] == "idle":
        memory = max(value["run_mb"], value["worker_mb"])
        print(f"{name}: gale run {value['run_mb']:.1f} MB, worker {value['worker_mb']:.1f} MB "
              f"({verdict(memory, measure['must'][0], measure['aim'][0], True)}), "
              f"{value['cpu'] * 100:.2f} % of a core in all "
              f"({verdict(value['cpu'], measure['must'][1], measure['aim'][1], True)})")
    elif measure["kind"] == "startup":
        print(f"{name}: first output {value['first_ms']:.0f} ms, one tuple and its end "
              f"{value['end_ms']:.0f} ms "
              f"({verdict(value['first_ms'], measure['must'], measure['aim'], True)})")


def parse_arguments():
    parser = argparse.ArgumentParser(
        description="Benchmarks of the engine beside hand-written limits.",
        epilog="measures: " + " ".join(MEASURES))
    parser.add_argument("measure", nargs="*", help="which ones (all)")
    parser.add_argument("--runs", type=int, default=5, help="rounds (5)")
    parser.add_argument("--duration", type=float, default=8, help="seconds of each run (8)")
    parser.add_argument("--warmup", type=float, default=2, help="seconds left out of it (2)")
    parser.add_argument("--rate", type=int, default=20000, help="sentences/s of latency (20000)")
    parser.add_argument("--limit-seconds", type=float, default=3, help="seconds of a limit (3)")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--tiny", action="store_true",
                        help="one short round that only checks results")
    args = parser.parse_args()
    if args.tiny:
        args.runs, args.duration, args.warmup, args.limit_seconds = 1, 1.0, 0.3, 0.2
        args.rate = min(args.rate, 2000)
    unknown = [name for name in args.measure if name not in MEASURES]
    if unknown:
        parser.error(f"unknown measure {unknown[0]}; one of: {' '.join(MEASURES)}")
    if args.runs < 1 or args.duration <= 0 or args.warmup < 0:
        parser.error("--runs and --duration must be positive, --warmup not negative")
    return args


def run_rounds(chosen, args):
    """All rounds: results by measure, and the measures that failed, which are left out of the
    rounds after and of the results."""
    results = {name: [] for name in chosen}
    failed = []
    for number in range(args.runs):
        for name in [name for name in chosen if name in results]:
            print(f"round {number + 1}/{args.runs}: {name}", file=sys.stderr)
            try:
                results[name].append(RUNNERS[MEASURES[name]["kind"]](MEASURES[name], args))
            except (BenchError, KeyError, subprocess.TimeoutExpired) as error:
                print(f"bench: {name}: {error!s}", file=sys.stderr)
                failed.append(name)
                del results[name]
    return results, failed


def main():
    args = parse_arguments()
    chosen = args.measure or list(MEASURES)
    for needed in (GALE, LIMIT):
        if not shutil.which(needed):
            print(f"bench: {needed} is missing; build the project first (make build)",
                  file=sys.stderr)
            return 2
    results, failed = run_rounds(chosen, args)
    if args.json:
        document = {"schema": 1, "machine": machine(), "runs": args.runs,
                    "duration_s": args.duration, "warmup_s": args.warmup,
                    "measures": {name: {"median": medians(rounds), "rounds": rounds}
                                 for name, rounds in results.items()}}
        prices = {name: ack_price(results, name) for name in ("wordcount-1", "identity-1")}
        document["ack_price"] = {k: v for k, v in prices.items() if v is not None}
        document["failed"] = failed
        print(json.dumps(document, indent=2))
        return 1 if failed else 0
    for key, value in machine().items():
        print(f"{key}: {value}")
    print(f"runs: {args.runs} of {args.duration:g} s, the first {args.warmup:g} s left out")
    print_tables(results)
    for name in failed:
        print(f"{name}: FAILED, see above")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
