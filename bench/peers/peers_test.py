#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the driver's own logic, without Java, Maven or a built gale: figures, checks, ratios, bars,
tables, the chart, the end of processes, and what is said when Maven is missing."""

import json
import os
import subprocess
import sys
import tempfile
import time
import types
import unittest
import xml.dom.minidom

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import peers
import peers_chart
import peers_engines
import peers_figures
import peers_process
import peers_result
import peers_text
import render
from peers_process import PeerError
from peers_result import ALO, AMO, EO


def task(component, **counters):
    made = {"component": component, "emitted": 0, "executed": 0, "acked": 0, "failed": 0,
            "sentences": [0] * 5, "words": {}}
    made.update(counters)
    return made


def status(now_s, tasks, pid=7):
    return {pid: {"pid": pid, "first_ns": 1, "now_ns": int(now_s * 1e9), "tasks": tasks}}


def good_run():
    """Two of the first sentence and one of the last, all counted and acked."""
    words = {"the": 4, "cow": 2, "jumped": 2, "over": 2, "moon": 2, "i": 1, "am": 1, "at": 1,
             "two": 1, "with": 1, "nature": 1, "~0": 9}
    return status(1, [task("sentences", emitted=3, acked=3, sentences=[2, 0, 0, 0, 1]),
                      task("count", executed=18, words=words)])


SETTINGS = {"runs": 3, "quick": False, "gale_warmup_s": 2, "gale_duration_s": 8,
            "jvm_warmup_s": 12, "jvm_duration_s": 15}


def made_result(storm_per_cpu=2e6, flink_identity=9e7, errors=None):
    """A whole document with figures of which the ratios are known."""
    def run(per_s, per_cpu, memory, start, **more):
        return dict({"per_s": per_s, "per_cpu_s": per_cpu, "cores": 1.0, "memory_mb": memory,
                     "daemons_mb": 0, "start_ms": start, "check": "ok"}, **more)
    figures = {
        ("wordcount", 1, ALO, "gale"): run(4e7, 4e7, 10, 20),
        ("wordcount", 1, ALO, "storm"): run(3e6, storm_per_cpu, 1000, 8000, daemons_mb=400),
        ("wordcount", 1, EO, "flink"): run(1.7e7, 1e7, 1500, 2000),
        ("wordcount", 1, AMO, "gale"): run(5e7, 5e7, 10, None),
        ("wordcount", 1, AMO, "flink"): run(1.8e7, 1e7, 1500, 2000),
        ("wordcount", 2, AMO, "gale"): run(6e7, 3e7, 20, None),
        ("wordcount", 2, AMO, "flink"): run(1.5e7, 0.9e7, 1500, 2000),
        ("identity", 1, AMO, "gale"): run(5e7, 5e7, 10, None),
        ("identity", 1, AMO, "flink"): run(flink_identity, flink_identity, 300, 2000),
        ("memory", 1, ALO, "gale"): run(4e7, 4e7, 10, 20),
        ("memory", 1, AMO, "flink"): run(1.6e7, 0.9e7, 300, 2000),
        ("latency", 1, ALO, "gale"): run(1e5, 1e6, 10, 20, p50_us=20, p99_us=100),
        ("latency", 1, ALO, "storm"): run(1e5, 1e5, 1000, 8000, p50_us=600, p99_us=1400),
        ("latency", 1, AMO, "flink"): run(1e5, 1e5, 500, 2000, p50_us=80, p99_us=400),
    }
    runs = {}
    for (bench, workers, guarantee, engine), metrics in figures.items():
        cell = peers.Cell(bench, workers, guarantee, engine, 20000 if bench == "latency" else 0, -1)
        runs[cell] = [metrics] * 3
    failed = {cell: text for cell in runs for name, text in (errors or {}).items()
              if cell.engine == name}
    return peers_result.document(runs, failed, SETTINGS, {"storm": "2.8.3", "flink": "2.3.0"},
                                 "2026-01-01T00:00:00Z")


def bar_named(result, start):
    return next(bar for bar in result["bars"] if bar["measure"].startswith(start))


class FiguresTest(unittest.TestCase):
    def test_rate_sums_jvms_by_their_own_clocks(self):
        before = dict(status(10, [task("count", executed=100)], 1))
        before.update(status(20, [task("count", executed=0)], 2))
        after = dict(status(12, [task("count", executed=300)], 1))
        after.update(status(24, [task("count", executed=400)], 2))
        self.assertAlmostEqual(peers_figures.rate(before, after, "count", "executed"), 200)

    def test_rate_refuses_a_worker_that_was_started_anew(self):
        with self.assertRaisesRegex(PeerError, "started anew"):
            peers_figures.rate(status(1, [], 1), status(2, [], 9), "count", "executed")

    def test_bucket_middle_lies_within_one_percent(self):
        # The bucket of a value by Histogram.java.
        for value in (1, 127, 128, 1000, 65535, 123456789, 10**11):
            shift = max(0, value.bit_length() - 1 - 7)
            bucket = value if value < 128 else ((shift + 1) << 7) + (value >> shift) - 128
            middle = peers_figures.bucket_middle_ns(bucket)
            self.assertLess(abs(middle - value) / value, 0.01)

    def test_percentiles_take_the_window_only(self):
        before, after = {10: 1000, 20: 5}, {10: 1000, 20: 103, 100: 2}
        found = peers_figures.percentiles_us(before, after, {"p50": 0.5, "p99": 0.99})
        self.assertEqual(found, {"p50": 0.02, "p99": 0.1})
        self.assertEqual(peers_figures.percentiles_us(after, after, {"p50": 0.5}), {})

    def test_statuses_are_read_by_pid(self):
        with tempfile.TemporaryDirectory() as directory:
            with open(os.path.join(directory, "status-7.json"), "w", encoding="utf-8") as file:
                json.dump(status(1, [])[7], file)
            with open(os.path.join(directory, "status-8.new"), "w", encoding="utf-8") as file:
                file.write("{half")
            self.assertEqual(list(peers_figures.read_statuses(directory)), [7])


class CheckTest(unittest.TestCase):
    def test_right_counts_pass_and_fillers_do_not_count(self):
        said = peers_figures.check(good_run(), "wordcount", "sentences", True)
        self.assertIn("exactly those of 3 sentences", said)

    def test_one_word_too_few_fails(self):
        run = good_run()
        run[7]["tasks"][1]["words"]["the"] -= 1
        with self.assertRaisesRegex(PeerError, "'the' was counted 3 times, it occurred 4"):
            peers_figures.check(run, "wordcount", "sentences", True)

    def test_a_word_too_many_fails(self):
        run = good_run()
        run[7]["tasks"][1]["words"]["gale"] = 1
        with self.assertRaises(PeerError):
            peers_figures.check(run, "wordcount", "sentences", False)

    def test_missing_ack_fails_only_when_acked(self):
        run = good_run()
        run[7]["tasks"][0]["acked"] = 2
        peers_figures.check(run, "wordcount", "sentences", False)
        with self.assertRaisesRegex(PeerError, "2 acked"):
            peers_figures.check(run, "wordcount", "sentences", True)

    def test_nothing_emitted_fails(self):
        with self.assertRaises(PeerError):
            peers_figures.check(status(1, [task("sentences")]), "wordcount", "sentences", False)

    def test_identity_that_lost_a_tuple_fails(self):
        tasks = [task("constant", emitted=5), task("identity", executed=5, emitted=5),
                 task("sink", executed=5)]
        peers_figures.check(status(1, tasks), "identity", "constant", False)
        tasks[2]["executed"] = 4
        with self.assertRaisesRegex(PeerError, "sink executed 4"):
            peers_figures.check(status(1, tasks), "identity", "constant", False)


class GaleReportTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.path = os.path.join(self.directory.name, "result")
        self.write("the\t2\ncow\t1\njumped\t1\nover\t1\nmoon\t1\n")
        total = {"emitted": 1, "executed": 0, "acked": 1, "failed": 0}
        self.report = {
            "guarantee": ALO,
            "spouts": {"sentences": {"failed": 0, "timed_out": 0, "total": total}},
            "bolts": {"split": {"total": dict(total, executed=1, emitted=6)},
                      "count": {"total": dict(total, executed=6)}}}

    def write(self, text):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)

    def check(self):
        return peers_engines.check_gale(self.report, "wordcount", self.path)

    def test_right_run_passes(self):
        self.assertIn("each acked once", self.check())

    def test_wrong_count_fails(self):
        self.write("the\t3\ncow\t1\njumped\t1\nover\t1\nmoon\t1\n")
        with self.assertRaisesRegex(PeerError, "'the' was counted 3"):
            self.check()

    def test_lost_sentence_fails(self):
        self.report["spouts"]["sentences"]["total"].update(emitted=2, acked=2)
        self.report["bolts"]["split"]["total"]["executed"] = 2
        with self.assertRaisesRegex(PeerError, "2 sentences were emitted"):
            self.check()

    def test_lost_word_and_failed_tuple_and_missing_ack_fail(self):
        for change in (
                lambda r: r["bolts"]["count"]["total"].update(executed=5),
                lambda r: r["spouts"]["sentences"].update(failed=1),
                lambda r: r["spouts"]["sentences"]["total"].update(acked=0)):
            self.setUp()
            change(self.report)
            with self.assertRaises(PeerError):
                self.check()

    def test_report_without_totals_is_refused(self):
        del self.report["spouts"]["sentences"]["total"]
        with self.assertRaisesRegex(PeerError, "no totals"):
            self.check()


class ResultTest(unittest.TestCase):
    def test_ratio_says_how_many_times_better_gale_is(self):
        entry = next(entry for entry in made_result()["ratios"]
                     if entry["id"] == f"wordcount/workers=1/{ALO}/storm")
        self.assertAlmostEqual(entry["factors"]["per_cpu_s"], 20)
        self.assertAlmostEqual(entry["factors"]["memory_mb"], 100)
        self.assertAlmostEqual(entry["factors"]["start_ms"], 400)

    def test_exactly_once_stands_beside_at_least_once(self):
        entry = next(entry for entry in made_result()["ratios"] if EO in entry["id"])
        self.assertEqual(entry["beside"], f"wordcount/workers=1/{ALO}/gale")

    def test_bars_say_aim_must_and_missed(self):
        bar = "acked word count, one worker"
        for per_cpu, verdict in ((2e6, "aim"), (3e6, "must"), (4e6, "MISSED")):
            self.assertEqual(bar_named(made_result(per_cpu), bar)["verdict"], verdict)

    def test_two_workers_stand_against_the_better_flink(self):
        bar = bar_named(made_result(), "word count, two workers, total, without acks")
        self.assertAlmostEqual(bar["value"], 6e7 / 1.8e7)

    def test_latency_stands_against_the_better_peer(self):
        result = made_result()
        self.assertAlmostEqual(bar_named(result, "p50")["value"], 20 / 80)
        self.assertAlmostEqual(bar_named(result, "p99")["value"], 100 / 400)

    def test_memory_is_judged_by_the_small_heap_and_both_are_named(self):
        result = made_result()
        start = "peak memory, word count, one worker, against Flink with "
        self.assertAlmostEqual(bar_named(result, start + "a 256 MB heap")["value"], 1 / 30)
        self.assertAlmostEqual(bar_named(result, start + "its heap for speed")["value"], 1 / 150)
        self.assertIn("word count, JVMs with a 256 MB heap, 1 worker", peers_text.text(result))
        entry = next(entry for entry in result["ratios"] if entry["id"].startswith("memory"))
        self.assertEqual(sorted(entry["factors"]), ["memory_mb", "per_cpu_s", "per_s"])

    def test_memory_runs_have_a_small_heap(self):
        settings = types.SimpleNamespace(seed=1)
        for name, heap, other in (("memory", "-Xmx256m", "-Xmx4g"),
                                  ("wordcount-1", "-Xmx4g", "-Xmx256m")):
            cell = next(cell for cell in peers.cells_of(name, 1) if cell.engine == "flink")
            command = peers_engines.Flink("build", "work").command(cell, settings, "control")
            self.assertIn(heap, command)
            self.assertNotIn(other, command)

    def test_missing_cell_is_not_measured(self):
        self.assertEqual(bar_named(made_result(), "acked const")["verdict"], "not measured")

    def test_failed_engine_is_named_and_counts_nowhere(self):
        result = made_result(errors={"storm": "boom"})
        self.assertEqual(len(result["failed"]), 2)
        self.assertEqual(bar_named(result, "acked word count, one")["verdict"], "not measured")
        self.assertIn("FAILED: boom", peers_text.text(result))

    def test_summary_has_median_and_range(self):
        found = peers_result.summary([3.0, 1.0, 2.0], "s", False)
        self.assertEqual((found["median"], found["min"], found["max"]), (2.0, 1.0, 3.0))


class TextTest(unittest.TestCase):
    def test_table_says_where_a_peer_wins(self):
        self.assertIn("Flink wins: const → id → null, 1 worker, at-most-once: throughput, "
                      "1.80 times better than Gale", peers_text.text(made_result()))
        self.assertIn("No peer is better",
                      peers_text.text(made_result(flink_identity=1e7)))

    def test_nothing_compared_is_not_called_a_win(self):
        result = peers_result.document({}, {}, SETTINGS, {}, "now")
        self.assertIn("Nothing was compared", peers_text.text(result))

    def test_table_has_all_rows_and_columns(self):
        lines = peers_text.markdown(made_result()).splitlines()
        heads = lines[0].count("|")
        self.assertEqual([line.count("|") for line in lines[:14]], [heads] * 14)
        self.assertIn("1000 MB (400 daemons)", lines[3])
        self.assertIn("20.0× /CPU-s", lines[3])

    def test_machine_that_was_not_quiet_is_reported(self):
        result = made_result()
        self.assertNotIn("NOT QUIET", peers_text.text(result))
        result["results"][0]["metrics"]["foreign_cores"] = {"max": 0.7}
        self.assertIn("NOT QUIET: other processes took up to 0.70 cores", peers_text.text(result))

    def test_figures_keep_three_digits(self):
        self.assertEqual([peers_text.amount(v) for v in (57.8e6, 123456, 5.0, None)],
                         ["57.8 M", "123 k", "5.00", "–"])
        self.assertEqual(peers_text.microseconds(1400), "1.40 ms")

    def test_chart_is_well_formed_and_has_each_panel(self):
        picture = peers_chart.svg(made_result())
        document = xml.dom.minidom.parseString(picture)
        bars = [r for r in document.getElementsByTagName("rect")
                if r.getAttribute("class") in ("gale", "storm", "flink")]
        self.assertEqual(len(bars), 3 + 2 + 2 + 2 + 3 + 3 + 2 + 3)
        self.assertIn("prefers-color-scheme: dark", picture)

    def test_render_writes_beside_and_into_a_readme(self):
        with tempfile.TemporaryDirectory() as directory:
            path, readme = (os.path.join(directory, name) for name in ("p.json", "README.md"))
            with open(path, "w", encoding="utf-8") as file:
                json.dump(made_result(), file)
            with open(readme, "w", encoding="utf-8") as file:
                file.write(f"head\n{render.BEGIN}old\n{render.END}tail\n")
            with open(os.devnull, "w", encoding="utf-8") as sys.stdout:
                self.addCleanup(setattr, sys, "stdout", sys.__stdout__)
                self.assertEqual(render.main([path, "--readme", readme]), 0)
            with open(readme, encoding="utf-8") as file:
                text = file.read()
            self.assertTrue(text.startswith("head\n") and text.endswith("tail\n"))
            self.assertIn("20.0× /CPU-s", text)
            self.assertNotIn("old", text)
            self.assertTrue(os.path.exists(os.path.join(directory, "p.svg")))


class ProgramTest(unittest.TestCase):
    def run_peers(self, *arguments, **environment):
        return subprocess.run([sys.executable, "-B", os.path.join(HERE, "peers.py")]
                              + list(arguments), env=dict(os.environ, **environment),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=60, check=False)

    def test_missing_maven_names_the_packages(self):
        done = self.run_peers(PATH="/nowhere")
        self.assertEqual(done.returncode, peers.EXIT_UNAVAILABLE)
        self.assertIn("mvn and java not found", done.stderr)
        self.assertIn("apt-get install maven default-jdk-headless", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_missing_gale_says_what_to_do(self):
        done = self.run_peers("--engines", "gale", GALE="/nowhere/gale", PATH="/nowhere")
        self.assertEqual(done.returncode, peers.EXIT_UNAVAILABLE)
        self.assertIn("make build", done.stderr)

    def test_unknown_names_are_refused(self):
        for option in ("--workloads", "--engines"):
            done = self.run_peers(option, "spark")
            self.assertEqual(done.returncode, 2)
            self.assertIn("spark is not one of", done.stderr)

    def test_engines_take_turns(self):
        for name in peers.WORKLOADS:
            engines = [cell.engine for cell in peers.cells_of(name, 20000)]
            self.assertEqual(set(engines), set(peers.ENGINES))
            self.assertTrue(all(a != b for a, b in zip(engines, engines[1:])))

    def test_failed_cell_is_not_run_again(self):
        class Engine:
            """Fails at the first run."""
            count = 0

            def run(self, cell, settings):
                del cell, settings
                Engine.count += 1
                raise PeerError("wrong result: x")
        cell = peers.cells_of("latency", 1)[0]
        with open(os.devnull, "w", encoding="utf-8") as sys.stderr:
            self.addCleanup(setattr, sys, "stderr", sys.__stderr__)
            runs, errors = peers.run_rounds([cell], {"gale": Engine()},
                                            types.SimpleNamespace(runs=3))
        self.assertEqual((Engine.count, runs[cell]), (1, []))
        self.assertIn("wrong result: x", errors[cell])


class ProcessTest(unittest.TestCase):
    def test_orphans_of_an_engine_end_with_the_driver(self):
        # The child's child outlives it, ignores SIGTERM and has a session of its own.
        script = ("import os, sys, time, signal; sys.path.insert(0, sys.argv[1]);"
                  "import peers_process as p; p.become_reaper();"
                  "c = p.start(['sh', '-c', \"trap '' TERM; setsid sh -c \\\"trap '' TERM; "
                  "echo \\\\$\\\\$; while :; do sleep 0.1; done\\\" & exit 0\"], sys.argv[2]);"
                  "c.wait();"
                  "\nwhile not os.path.getsize(sys.argv[2]): time.sleep(0.01)\n"
                  "p.TERM_GRACE_S = 0.5\nraise SystemExit(3)")
        with tempfile.TemporaryDirectory() as directory:
            log = os.path.join(directory, "log")
            done = subprocess.run([sys.executable, "-B", "-c", script, HERE, log], timeout=60,
                                  check=False)
            self.assertEqual(done.returncode, 3)
            with open(log, encoding="ascii") as file:
                pid = int(file.read().split()[0])
        self.assertFalse(os.path.exists(f"/proc/{pid}"))

    def test_sampler_sees_cpu_and_memory_of_a_tree(self):
        with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
            with peers_process.Sampler(lambda: [process.pid]) as sampler:
                first = sampler.sample()
                end = time.monotonic() + 30
                while sampler.sample()[1] - first[1] < 0.1 and time.monotonic() < end:
                    time.sleep(0.01)
                found = peers_process.cpu_metrics(first, sampler.sample())
            process.kill()
        self.assertGreaterEqual(found["cpu_user_s"], 0.1)
        self.assertGreater(sampler.memory_kb, 1000)

    def test_free_ports_differ(self):
        self.assertEqual(len(set(peers_process.free_ports(10))), 10)


if __name__ == "__main__":
    unittest.main()
