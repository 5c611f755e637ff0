#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The final report and the sample lines of `gale run --json --progress`: every promised field is
there, totals are exact for a bounded input with a warm-up in it, and the figures make sense
together."""
import os
import time

from common_run import Run, check, json, ok, wait_until

COUNT = 40000
RATE = 20000
YAML = """
name: report-{workers}-{guarantee}
guarantee: {guarantee}
workers: {workers}
spouts:
  lines:
    type: generator
    sentences: classic
    seed: 7
    rate: {rate}
    count: {count}
bolts:
  split:
    type: split
    from: [ {{ lines: shuffle }} ]
  count:
    type: count
    key: [word]
    from: [ {{ split: {{ fields: [word] }} }} ]
"""
LATENCIES = ("p50", "p99", "p999", "p9999", "max")
TOTALS = {"emitted", "executed", "acked", "failed"}


def start(workers, guarantee, *options, count=COUNT, rate=RATE):
    text = YAML.format(workers=workers, guarantee=guarantee, count=count, rate=rate)
    return Run(text, "--warmup", "1s", "--progress", *options, view=True)


def samples_of(run):
    """Each whole line that begins like an object is one; the log has other lines."""
    text = run.errors().rpartition("\n")[0]
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line["sample"] for line in lines if "sample" in line]


def component(sample, name):
    return next(item for item in sample["components"] if item["name"] == name)


def check_totals(report, emitted):
    spout = report["spouts"]["lines"]
    check(spout["total"] == {"emitted": emitted, "executed": 0, "acked": emitted, "failed": 0,
                             "emitted_by_task": [emitted]},
          f"totals of the spout: {spout['total']}")
    check(0 < spout["emitted"] < emitted, f"{spout['emitted']} emitted after the warm-up")
    split = report["bolts"]["split"]["total"]
    count = report["bolts"]["count"]["total"]
    check(set(split) == TOTALS and split["executed"] == split["acked"] == emitted,
          f"totals of split: {split}")
    check(count["executed"] == count["acked"] == split["emitted"] > emitted,
          f"totals of count: {count}")
    check(count["emitted"] == 0 and count["failed"] == split["failed"] == 0, f"{count} {split}")


def check_latency(report, tracked):
    latency = report["complete_latency_us"]
    if not tracked:
        check(latency["count"] == 0 and report["first_acked_ms"] is None
              and report["first_acked_at_ns"] is None, f"{latency}")
        return
    values = [latency[name] for name in LATENCIES]
    check(values == sorted(values) and values[0] > 0, f"percentiles: {latency}")
    check(0 < latency["mean"] <= latency["max"] and latency["count"] > 0, f"mean: {latency}")


def check_processes(report, wall_s):
    parts = report["cpu_user_s"] + report["cpu_system_s"]
    check(abs(report["cpu_s"] - parts) < 0.0021, f"cpu_s is no sum: {report['cpu_s']} {parts}")
    workers = sum(worker["cpu_user_s"] + worker["cpu_system_s"] for worker in report["workers"])
    check(0 < workers <= parts + 0.002 * (1 + len(report["workers"])), f"{workers} {parts}")
    check(parts < wall_s * (os.cpu_count() or 1) + 0.1, f"{parts} CPU s in {wall_s} s")
    peaks = [worker["rss_peak_kb"] for worker in report["workers"]] + [report["rss_peak_kb"]]
    # The kernel's counts of one process may be off by some dozen pages a thread.
    check(min(peaks) > 0 and max(peaks) < report["memory_peak_kb"] <= sum(peaks) + 1024 * len(peaks),
          f"memory {report['memory_peak_kb']} of {peaks}")


def check_samples(samples, workers, tracked):
    check(len(samples) >= 3, f"{len(samples)} samples")
    check(samples[0]["warming"] and not samples[-1]["warming"], "the warm-up in the samples")
    for before, now in zip(samples, samples[1:]):
        check(now["elapsed_s"] > before["elapsed_s"], "time goes on")
        for key in ("cpu_user_s", "cpu_system_s", "restarts"):
            check(now[key] >= before[key], f"{key} fell")
        for name in ("lines", "split", "count"):
            for key in ("executed", "emitted", "acked", "failed"):
                check(component(now, name)[key] >= component(before, name)[key],
                      f"{key} of {name} fell in the sample at {now['elapsed_s']}")
    last = samples[-1]
    check(last["workers_up"] == workers == len(last["workers"]), f"workers: {last}")
    check(last["rss_kb"] > sum(worker["rss_kb"] for worker in last["workers"]) > 0, f"{last}")
    check(any(sample["latency_us"] for sample in samples) == tracked, "latency of samples")
    for sample in samples:
        latency = sample["latency_us"]
        check(latency is None or 0 < latency["p50"] <= latency["p99"] <= latency["p999"],
              f"latency {latency}")
    check(component(last, "lines")["spout"] and not component(last, "split")["spout"], "spout")


for workers, guarantee in ((1, "at-least-once"), (2, "at-least-once"), (1, "at-most-once")):
    tracked = guarantee == "at-least-once"
    begin = time.monotonic()
    begin_ns = time.monotonic_ns()
    run = start(workers, guarantee)
    report = run.end(0)
    wall_s = time.monotonic() - begin
    check_totals(report, COUNT)
    check_latency(report, tracked)
    check_processes(report, wall_s)
    if tracked:
        check(0 < report["first_acked_ms"] < 1000 * (wall_s - COUNT / RATE) + 100,
              f"first tree after {report['first_acked_ms']} ms of {wall_s} s")
        # From outside it took longer: the process had to be made first.
        outside_ms = (report["first_acked_at_ns"] - begin_ns) / 1e6
        check(report["first_acked_ms"] < outside_ms < 1000 * wall_s,
              f"{outside_ms} ms from outside, {report['first_acked_ms']} ms from inside")
    check_samples(samples_of(run), workers, tracked)
    ok(f"report_{workers}_workers_{guarantee}_is_exact_and_sane")

# A worker that dies: its CPU time stays in the sums, samples show the next process.
run = start(2, "at-least-once", count=0)
wait_until(lambda: len(samples_of(run)) >= 3, "samples")
killed = samples_of(run)[-1]["workers"][0]["pid"]
os.kill(killed, 9)
wait_until(lambda: samples_of(run)[-1]["restarts"] == 1 and samples_of(run)[-1]["workers_up"] == 2,
           "the next process in a sample")
samples = samples_of(run)
os.kill(run.pid, 2)
report = run.end(130)
check(samples[-1]["workers"][0]["pid"] != killed, "the pid of the killed worker stays")
check(any('"note"' in line for line in run.errors().splitlines()), "no news of the death")
check_samples(samples, 2, True)
check(report["workers"][0]["restarts"] == 1, f"{report['workers']}")
ok("sample_after_a_death_shows_the_next_process_and_keeps_the_sums")
