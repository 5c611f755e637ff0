# SPDX-License-Identifier: Apache-2.0
"""The result document: medians and spread of each cell, Gale's ratios, the bars, who won."""

import os
import platform
import statistics

ALO, AMO, EO = "at-least-once", "at-most-once", "exactly-once"

# Of a metric: its unit, and whether more is better.
METRICS = {
    "per_s": ("1/s", True), "per_cpu_s": ("1/CPU-s", True), "cores": ("cores", False),
    "cpu_user_s": ("s", False), "cpu_system_s": ("s", False),
    "p50_us": ("us", False), "p99_us": ("us", False), "p999_us": ("us", False),
    "complete_p50_us": ("us", False), "complete_p99_us": ("us", False),
    "complete_p999_us": ("us", False), "memory_mb": ("MB", False), "daemons_mb": ("MB", False),
    "start_ms": ("ms", False), "foreign_cores": ("cores", False),
}
# What is compared between engines, by kind of workload. At a fixed rate throughput is given.
COMPARED = ("per_s", "per_cpu_s", "memory_mb", "start_ms")
COMPARED_AT_RATE = ("p50_us", "p99_us", "cores", "memory_mb", "start_ms")
# With a small heap memory is the point, and what speed is left beside it.
COMPARED_FOR_MEMORY = ("per_s", "per_cpu_s", "memory_mb")
# So much of a core may go to other processes (Storm's idle daemons among them) in a quiet run.
FOREIGN_CORES_MAX = 0.15
# Within this share two medians are equal for the table's purpose.
EQUAL_SHARE = 0.02


# ---- machine -----------------------------------------------------------------------------------

def first_match(path, start):
    """The value of the first "start : value" line of a file; "unknown" when there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith(start):
                    return line.replace("=", ":", 1).partition(":")[2].strip().strip('"')
    except OSError:
        pass
    return "unknown"


def machine():
    memory = first_match("/proc/meminfo", "MemTotal").split()
    return {"cpu": first_match("/proc/cpuinfo", "model name"), "cores": os.cpu_count(),
            "memory_mb": int(memory[0]) // 1024 if memory[0].isdigit() else None,
            "kernel": platform.release(), "os": first_match("/etc/os-release", "PRETTY_NAME")}


# ---- document ----------------------------------------------------------------------------------

def summary(values, unit, is_more_better):
    return {"median": statistics.median(values), "min": min(values), "max": max(values),
            "runs": values, "unit": unit, "better": "higher" if is_more_better else "lower"}


def metrics_of(runs):
    """Summary by metric over the runs of a cell; what no run has is left out."""
    found = {}
    for name, (unit, is_more_better) in METRICS.items():
        values = [run[name] for run in runs if run.get(name) is not None]
        if values:
            found[name] = summary(values, unit, is_more_better)
    return found


def document(runs, errors, settings, versions, started):
    """runs: metrics of each run by cell; errors: text by cell that failed."""
    results = []
    for cell, made in runs.items():
        is_ok = cell not in errors and bool(made)
        results.append({
            "id": f"{cell.workload}/workers={cell.workers}/{cell.guarantee}/{cell.engine}",
            "bench": cell.workload, "workers": cell.workers, "guarantee": cell.guarantee,
            "engine": cell.engine, "rate": cell.rate,
            "unit": "tuples" if cell.workload == "identity" else "words",
            "status": "ok" if is_ok else "failed", "error": errors.get(cell),
            "check": made[-1]["check"] if made else None, "metrics": metrics_of(made)})
    result = {"schema": 1, "kind": "gale-peers", "gale": {"commit": versions.pop("gale_commit", "unknown")},
              "machine": machine(), "versions": versions, "started": started,
              "settings": settings, "results": results,
              "failed": [row["id"] for row in results if row["status"] != "ok"]}
    result["ratios"] = ratios(results)
    result["bars"] = bars(results)
    return result


# ---- ratios ------------------------------------------------------------------------------------

def find(results, bench, workers, guarantee, engine):
    """The row of a cell that ran well; None when there is none."""
    for row in results:
        if (row["bench"], row["workers"], row["guarantee"], row["engine"]) == \
                (bench, workers, guarantee, engine) and row["status"] == "ok":
            return row
    return None


def median(row, metric):
    """None when the row or the metric is missing."""
    return row["metrics"].get(metric, {}).get("median") if row else None


def gale_beside(results, row):
    """Gale's row of the same work and of at least the same guarantee as that of a peer. Flink's
    exactly-once stands beside at-least-once; latency and memory have one run of each engine."""
    guarantee = ALO if row["guarantee"] != AMO or row["bench"] in ("latency", "memory") else AMO
    return find(results, row["bench"], row["workers"], guarantee, "gale")


def factor(gale, peer, metric):
    """How many times better Gale is; below 1 the peer is better; None when one has no value."""
    ours, theirs = median(gale, metric), median(peer, metric)
    if not ours or not theirs:
        return None
    return ours / theirs if METRICS[metric][1] else theirs / ours


def ratios(results):
    """Of each row of a peer: by metric, how many times better Gale is."""
    found = []
    for row in results:
        gale = gale_beside(results, row) if row["engine"] != "gale" else None
        if gale is None or row["status"] != "ok":
            continue
        compared = COMPARED_FOR_MEMORY if row["bench"] == "memory" \
            else COMPARED_AT_RATE if row["rate"] else COMPARED
        values = {metric: factor(gale, row, metric) for metric in compared}
        # Without acks gale run has no first acked tuple; the start is the same with them.
        if "start_ms" in values and values["start_ms"] is None:
            acked = find(results, row["bench"], row["workers"], ALO, "gale")
            values["start_ms"] = factor(acked, row, "start_ms")
        found.append({"id": row["id"], "beside": gale["id"],
                      "factors": {k: v for k, v in values.items() if v is not None}})
    return found


def peer_wins(result):
    """(ratio entry, metric, factor) wherever a peer is better than Gale."""
    return [(entry, metric, value) for entry in result["ratios"]
            for metric, value in entry["factors"].items() if value < 1 - EQUAL_SHARE]


def disturbed(result):
    """Rows in a run of which other processes took part of the machine."""
    return [row for row in result["results"]
            if row["metrics"].get("foreign_cores", {}).get("max", 0) > FOREIGN_CORES_MAX]


# ---- bars --------------------------------------------------------------------------------------

def bar(measure, must, aim, value, is_less=False):
    """A bar; value None: not measured."""
    def reached(limit):
        return value <= limit if is_less else value >= limit
    verdict = "not measured"
    if value is not None:
        verdict = "aim" if reached(aim) else "must" if reached(must) else "MISSED"
    return {"measure": measure, "must": must, "aim": aim, "value": value,
            "better": "lower" if is_less else "higher", "verdict": verdict}


def inverse(value):
    return None if value is None else 1 / value


def best(rows, metric, is_more_better):
    """The row with the best median of a metric; None when no row has it."""
    rows = [row for row in rows if median(row, metric) is not None]
    choose = max if is_more_better else min
    return choose(rows, key=lambda row: median(row, metric)) if rows else None


def bars(results):
    """The bars of the suite, in the order in which they were set."""
    def row(bench, workers, guarantee, engine):
        return find(results, bench, workers, guarantee, engine)

    def against(bench, workers, guarantee, engine, metric):
        return factor(row(bench, workers, guarantee, "gale"),
                      row(bench, workers, guarantee, engine), metric)

    found = [
        bar("acked word count, one worker, per CPU-second, against Storm", 12, 20,
            against("wordcount", 1, ALO, "storm", "per_cpu_s")),
        bar("acked word count across two workers, total, against Storm", 30, 50,
            against("wordcount", 2, ALO, "storm", "per_s")),
        bar("acked const → id → null, per CPU-second, against Storm", 15, 40,
            against("identity", 1, ALO, "storm", "per_cpu_s")),
        bar("word count without acks, per CPU-second, against Storm", 4, 6,
            against("wordcount", 1, AMO, "storm", "per_cpu_s")),
        bar("word count without acks, per CPU-second, against Flink without checkpoints", 2, 3.5,
            against("wordcount", 1, AMO, "flink", "per_cpu_s"))]
    for ours, theirs, said in ((AMO, AMO, "without acks, against Flink without checkpoints"),
                               (ALO, EO, "acked, against Flink exactly-once")):
        both = best([row("wordcount", n, theirs, "flink") for n in (1, 2)], "per_s", True)
        found.append(bar(f"word count, two workers, total, {said}, both cores", 1.5, 2.5,
                         factor(row("wordcount", 2, ours, "gale"), both, "per_s")))
    return found + latency_bars(results) + footprint_bars(results)


def latency_bars(results):
    gale = find(results, "latency", 1, ALO, "gale")
    peers = [find(results, "latency", 1, ALO, "storm"), find(results, "latency", 1, AMO, "flink")]
    p50, p99 = best(peers, "p50_us", False), best(peers, "p99_us", False)
    return [
        bar("p50 at the fixed rate, against the better peer", 0.7, 0.45,
            inverse(factor(gale, p50, "p50_us")), True),
        bar("p99 at the fixed rate, against the better peer", 0.7, 0.3,
            inverse(factor(gale, p99, "p99_us")), True),
        bar("CPU at that rate, against the peer of the better p50", 1.2, 0.6,
            inverse(factor(gale, p50, "cores")), True)]


def footprint_bars(results):
    found = []
    gale = find(results, "wordcount", 1, ALO, "gale")
    for engine, guarantee, name in (("storm", ALO, "Storm"), ("flink", AMO, "Flink")):
        peer = find(results, "wordcount", 1, guarantee, engine)
        # The smaller of the two is the one to judge by: a heap for speed flatters Gale.
        small = factor(find(results, "memory", 1, ALO, "gale"),
                       find(results, "memory", 1, guarantee, engine), "memory_mb")
        for said, value in (
                (f"peak memory, word count, one worker, against {name} with a 256 MB heap", small),
                (f"peak memory, word count, one worker, against {name} with its heap for speed",
                 factor(gale, peer, "memory_mb")),
                (f"start to first result, word count, one worker, against {name}",
                 factor(gale, peer, "start_ms"))):
            found.append(bar(said, 1 / 20, 1 / 100, inverse(value), True))
    return found
