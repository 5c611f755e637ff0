# SPDX-License-Identifier: Apache-2.0
"""What soak.sh runs: two workers at full rate; most tuples end in a bolt that is far too slow for
them, so that every queue between is full all the time. Called by soak.sh only."""
import os
import random
import signal
import statistics
import sys
import time

from common_run import DIR, Run, check, resident_kb

SECONDS = float(os.environ.get("SOAK_SECONDS", "600"))
WARM = min(60.0, SECONDS / 3)
EVERY = min(2.0, SECONDS / 60)
ROWS = 20
# Of the many samples of the warm-up one in so many is shown.
WARM_SHARE = 20
# Far more than queues of 256 KiB need, far less than the silence that counts as a stop (1.5 s).
HALT_MAX = 0.2
# In a short run a single step of the allocator's is still part of the warm-up.
TOLERANCE = 0.05 if SECONDS >= 300 else 0.1
# Pages come and go one by one; below this a difference says nothing about growth.
TOLERANCE_KB = 256

# Words cross between the workers at full rate and are counted; from each worker, and to the other
# one too, the counts go on to a bolt that takes 20 µs for each.
TOPOLOGY = f"""
name: soak
workers: 2
spouts:
  sentences: {{ type: generator, sentences: classic, parallelism: 2 }}
  flood: {{ type: generator, template: "record {{seq}} of {{rand:1000000}}", parallelism: 2 }}
bolts:
  split: {{ type: split, parallelism: 2, from: [ {{ sentences: local-or-shuffle }} ] }}
  count: {{ type: count, key: [word], parallelism: 2, from: [ {{ split: {{ fields: [word] }} }} ] }}
  slow: {{ type: delay, busy_us: 20, parallelism: 2, from: [ {{ flood: shuffle }} ] }}
  slower: {{ type: delay, ms: 5, parallelism: 2, from: [ {{ slow: shuffle }} ] }}
  sink: {{ type: "null", parallelism: 2, from: [ {{ slower: shuffle }}, {{ count: shuffle }} ] }}
"""


def fill_queues(run, workers):
    """Halts one worker or the other again and again for moments, so that every queue before and
    behind it fills up to its bound. Memory has then seen its largest use, and what the machine does
    beside the test cannot make it grow later; a leak still would."""
    while time.monotonic() - run.begin < WARM * 0.8:
        pid = random.choice(workers)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(random.uniform(0, HALT_MAX))
        os.kill(pid, signal.SIGCONT)
        time.sleep(random.uniform(0, HALT_MAX))
        yield [resident_kb(pid) for pid in workers]


def sample(run, workers):
    """(seconds, resident kB of each worker) until the time is over."""
    rows = []
    for sizes in fill_queues(run, workers):
        rows.append((time.monotonic() - run.begin, sizes))
    while time.monotonic() - run.begin < SECONDS:
        check(run.process.poll() is None, f"the run ended early: {run.errors()[-2000:]}")
        rows.append((time.monotonic() - run.begin, [resident_kb(pid) for pid in workers]))
        time.sleep(EVERY)
    return rows


def main():
    run = Run(TOPOLOGY, "--duration", f"{int(SECONDS * 1000) + 1000}ms")
    workers = sorted(run.await_workers(2))
    rows = sample(run, workers)
    report = run.end(0, 60)
    check(all(worker["restarts"] == 0 for worker in report["workers"]),
          f"a worker was restarted: {run.errors()[-2000:]}")
    print("   SECONDS" + "".join(f"  WORKER {i} kB" for i in range(len(workers))))
    shown = [row for i, row in enumerate(rows) if row[0] >= WARM or i % WARM_SHARE == 0]
    for at, sizes in shown[:: max(1, len(shown) // ROWS)]:
        mark = "  (warming up)" if at < WARM else ""
        print(f"{at:10.1f}" + "".join(f"{size:13d}" for size in sizes) + mark)
    flat = True
    for i in range(len(workers)):
        sizes = [row[1][i] for row in rows if row[0] >= WARM]
        middle = statistics.median(sizes)
        worst = max(abs(size - middle) for size in sizes)
        good = worst <= max(TOLERANCE * middle, TOLERANCE_KB)
        flat = flat and good
        print(f"worker {i}: {min(sizes)} to {max(sizes)} kB, middle {middle:.0f} kB, at most "
              f"{100 * worst / middle:.1f} % away: {'flat' if good else 'NOT FLAT'}")
    words = report["bolts"]["count"]["executed"] / report["elapsed_s"] / 1e6
    slow = report["bolts"]["slow"]["executed"] / report["elapsed_s"]
    failed = sum(spout["failed"] for spout in report["spouts"].values())
    print(f"{report['elapsed_s']:.0f} s, {words:.1f} M words/s counted, {slow:.0f} records/s through "
          f"the slow bolt, {failed} failed, {report['cpu_s']:.0f} s of CPU")
    sys.exit(0 if flat else 1)


main()
