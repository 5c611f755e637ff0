#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the same work on Gale, Apache Storm and Apache Flink, in turns, and prints the ratios.

Maven fetches the peers once into build/peers. Each round runs every chosen cell (workload, engine,
guarantee) once, engines in turns, so that a machine that slows down slows all of them. Every run is
checked exactly; a wrong result makes the program exit with 1. Without Maven or Java nothing is run
and the exit code is 69. All processes live below this one and end with it, however it ends.
"""

import argparse
import collections
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import peers_process
import peers_result
import peers_text
from peers_engines import (FLINK_OPTIONS, SMALL_HEAP_OPTIONS, STORM_PRODUCER_BATCH, STORM_SETTINGS,
                           STORM_TRANSFER_BATCH, STORM_WORKER_OPTIONS, Flink, Gale, Storm)
from peers_process import PeerError
from peers_result import ALO, AMO, EO

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("GALE_BUILD", os.path.join(ROOT, "build", "release"))
GALE = os.environ.get("GALE", os.path.join(BUILD, "gale"))
PEERS = os.environ.get("GALE_PEERS_BUILD", os.path.join(ROOT, "build", "peers"))
# sysexits.h: a needed service is not there.
EXIT_WRONG, EXIT_USAGE, EXIT_UNAVAILABLE = 1, 64, 69
MISSING = """peers: {missing} not found. Maven fetches Storm and Flink, Java runs them; on Debian:
    sudo apt-get install maven default-jdk-headless
Everything else of the suite works without them: gale bench, make bench, or here --engines gale"""

Cell = collections.namedtuple("Cell", "workload workers guarantee engine rate buffer_timeout_ms")
DEFAULT_RATE = 20000


def cells_of(name, rate):
    """The cells of a workload in the order in which they run: engines in turns."""
    if name == "latency":
        return [Cell("latency", 1, ALO, "gale", rate, -1),
                Cell("latency", 1, ALO, "storm", rate, -1),
                Cell("latency", 1, AMO, "flink", rate, 0)]
    if name == "memory":
        return [Cell("memory", 1, ALO, "gale", 0, -1), Cell("memory", 1, ALO, "storm", 0, -1),
                Cell("memory", 1, AMO, "flink", 0, -1)]
    workload, _, workers = name.partition("-")
    engines = [("gale", ALO), ("storm", ALO), ("flink", EO),
               ("gale", AMO), ("storm", AMO), ("flink", AMO)]
    if workload == "identity":
        # A checkpoint of a job without state is no work: one run of Flink says all.
        engines.remove(("flink", EO))
    return [Cell(workload, int(workers), guarantee, engine, 0, -1)
            for engine, guarantee in engines]


WORKLOADS = ("wordcount-1", "wordcount-2", "identity-1", "latency", "memory")
ENGINES = ("gale", "storm", "flink")


# ---- Maven -------------------------------------------------------------------------------------

def missing_programs():
    return [name for name in ("mvn", "java") if shutil.which(name) is None]


def maven(project, goals, log):
    command = ["mvn", "-q", "-B", "-f", os.path.join(HERE, project, "pom.xml"),
               f"-Dpeers.build={PEERS}/{project}/target"] + goals
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    with open(log, "a", encoding="utf-8") as file:
        file.write(done.stdout)
    if done.returncode != 0:
        raise PeerError(f"{' '.join(command)}: exit code {done.returncode}\n"
                        f"{done.stdout[-2000:]}")


def source_stamp(project):
    """Changes when a source or the pom of the project does."""
    times = []
    for folder in (os.path.join(HERE, project), os.path.join(HERE, "common")):
        for path, _, names in os.walk(folder):
            times += [f"{os.path.join(path, name)} {os.path.getmtime(os.path.join(path, name))}"
                      for name in sorted(names)]
    return "\n".join(sorted(times))


def build_peer(project, libraries):
    """Jar and dependencies into build/peers/PROJECT, unless they are there. libraries: folder →
    options of Maven. The stamp is written last, so that a broken download is made again."""
    target = os.path.join(PEERS, project)
    stamp = os.path.join(target, "stamp")
    wanted = source_stamp(project)
    if os.path.exists(stamp):
        with open(stamp, encoding="utf-8") as file:
            if file.read() == wanted:
                return
    print(f"peers: building {project} (Maven fetches it once)", file=sys.stderr)
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    log = os.path.join(target, "maven.log")
    maven(project, ["package"], log)
    for folder, options in libraries.items():
        maven(project, options + ["dependency:copy-dependencies",
                                  f"-DoutputDirectory={target}/{folder}"], log)
    shutil.copy(os.path.join(target, "target", f"{project}-peer.jar"), target)
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(wanted)


def library_version(project, folder, prefix):
    """Version in the name of a jar, prefix-VERSION.jar."""
    for name in os.listdir(os.path.join(PEERS, project, folder)):
        if name.startswith(prefix + "-") and name[len(prefix) + 1].isdigit():
            return name[len(prefix) + 1:-len(".jar")]
    return "unknown"


def make_engines(names, work):
    """Engine by name, and versions for the result file."""
    engines, versions = {}, {}
    if "gale" in names:
        engines["gale"] = Gale(GALE, os.path.dirname(HERE), work)
        versions["gale"] = engines["gale"].version()
        versions["gale_commit"] = engines["gale"].commit()
    if "storm" in names:
        build_peer("storm", {"lib-worker": [], "lib": ["-Pserver"]})
        engines["storm"] = Storm(PEERS, work)
        versions["storm"] = library_version("storm", "lib-worker", "storm-client")
    if "flink" in names:
        build_peer("flink", {"lib": []})
        engines["flink"] = Flink(PEERS, work)
        versions["flink"] = library_version("flink", "lib", "flink-runtime")
    if "storm" in names or "flink" in names:
        done = subprocess.run(["java", "-version"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        versions["java"] = done.stdout.strip().splitlines()[0]
    return engines, versions


# ---- rounds ------------------------------------------------------------------------------------

def run_rounds(cells, engines, settings):
    """All runs by cell, and errors by cell; a cell that failed is not run again."""
    runs, errors = {cell: [] for cell in cells}, {}
    for number in range(settings.runs):
        for cell in cells:
            if cell in errors:
                continue
            label = f"{cell.workload}, {cell.workers} worker(s), {cell.guarantee}, {cell.engine}"
            began = time.monotonic()
            try:
                metrics = engines[cell.engine].run(cell, settings)
            except (PeerError, OSError, KeyError, ValueError,
                    subprocess.SubprocessError) as error:
                errors[cell] = f"{type(error).__name__}: {error}"
                print(f"peers: {label}: FAILED: {error}", file=sys.stderr)
                continue
            runs[cell].append(metrics)
            print(f"round {number + 1}/{settings.runs}: {label}: "
                  f"{peers_text.short_line(metrics, cell.rate)} "
                  f"({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)
    return runs, errors


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workloads", default=",".join(WORKLOADS), metavar="LIST",
                        help="some of " + ",".join(WORKLOADS))
    parser.add_argument("--engines", default=",".join(ENGINES), metavar="LIST",
                        help="some of " + ",".join(ENGINES))
    parser.add_argument("--runs", type=int, default=3, help="rounds (3)")
    parser.add_argument("--rate", type=int, default=DEFAULT_RATE,
                        help=f"sentences/s of latency ({DEFAULT_RATE})")
    parser.add_argument("--seed", type=int, default=1, help="of the sentences (1)")
    parser.add_argument("--storm", action="append", default=[], metavar="KEY=VALUE",
                        help="another setting of Storm's topologies (repeatable)")
    parser.add_argument("--quick", action="store_true",
                        help="one short round that shows that everything works, no figures to keep")
    parser.add_argument("--json", metavar="FILE", help="write the result document")
    args = parser.parse_args(arguments)
    for key, known in (("workloads", WORKLOADS), ("engines", ENGINES)):
        chosen = [name for name in getattr(args, key).split(",") if name]
        unknown = [name for name in chosen if name not in known]
        if unknown or not chosen:
            parser.error(f"--{key}: {unknown[0] if unknown else 'nothing'} is not one of "
                         f"{', '.join(known)}")
        setattr(args, key, chosen)
    if args.runs < 1 or args.rate < 1:
        parser.error("--runs and --rate must be at least 1")
    if any("=" not in setting or "." not in setting for setting in args.storm):
        parser.error("--storm: write topology.some.key=value")
    args.storm = dict(setting.split("=", 1) for setting in args.storm)
    args.gale_warmup_s, args.gale_duration_s = 2.0, 8.0
    args.jvm_warmup_s, args.jvm_duration_s = 12.0, 15.0
    if args.quick:
        args.runs = 1
        args.gale_warmup_s, args.gale_duration_s = 0.5, 2.0
        args.jvm_warmup_s, args.jvm_duration_s = 2.0, 3.0
    return args


def measure(args, work):
    """Everything chosen; the result document."""
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    engines, versions = make_engines(args.engines, work)
    cells = [cell for name in args.workloads for cell in cells_of(name, args.rate)
             if cell.engine in args.engines]
    try:
        runs, errors = run_rounds(cells, engines, args)
    finally:
        for engine in engines.values():
            engine.close()
    settings = {"storm_worker": STORM_WORKER_OPTIONS,
                "storm": dict(STORM_SETTINGS, **args.storm),
                "storm_producer_batch": {"/".join(key): value
                                         for key, value in STORM_PRODUCER_BATCH.items()},
                "storm_transfer_batch": STORM_TRANSFER_BATCH,
                "small_heap": " ".join(SMALL_HEAP_OPTIONS),
                "flink": " ".join(FLINK_OPTIONS)}
    settings.update({key: getattr(args, key) for key in (
        "runs", "rate", "seed", "quick", "gale_warmup_s", "gale_duration_s", "jvm_warmup_s",
        "jvm_duration_s")})
    return peers_result.document(runs, errors, settings, versions, started)


def end_by_signal(number, frame):
    del number, frame
    raise KeyboardInterrupt


def main():
    args = parse_arguments()
    missing = missing_programs() if set(args.engines) - {"gale"} else []
    if missing:
        print(MISSING.format(missing=" and ".join(missing)), file=sys.stderr)
        return EXIT_UNAVAILABLE
    if "gale" in args.engines and not os.access(GALE, os.X_OK):
        print(f"peers: {GALE} is missing; build the project first (make build)", file=sys.stderr)
        return EXIT_UNAVAILABLE
    peers_process.become_reaper()
    signal.signal(signal.SIGTERM, end_by_signal)
    signal.signal(signal.SIGHUP, end_by_signal)
    try:
        with tempfile.TemporaryDirectory(prefix="gale-peers-") as work:
            try:
                result = measure(args, work)
            finally:
                # An impatient second Ctrl-C must not leave anything behind.
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    signal.signal(number, signal.SIG_IGN)
                peers_process.stop_all()
    except PeerError as error:
        print(f"peers: {error}", file=sys.stderr)
        return EXIT_WRONG
    except KeyboardInterrupt:
        print("peers: stopped, all processes have ended", file=sys.stderr)
        return 128 + signal.SIGINT
    print(peers_text.text(result))
    if args.json:
        os.makedirs(os.path.dirname(os.path.abspath(args.json)), exist_ok=True)
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
            file.write("\n")
    return EXIT_WRONG if result["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
