#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Labels: slow
"""`gale bench`: the document of a tiny run has its promised form, a wrong result is found and named,
Ctrl-C leaves nothing behind. Nothing here looks at speed."""
import json
import os
import signal
import subprocess
import tempfile
import time

import common_run as common
from common_run import GALE, check, ok

BENCH = os.path.join(os.path.dirname(GALE), "bench")
NUMBER = (int, float)


def bench(*arguments, code=0, environment=None):
    done = subprocess.run([GALE, "bench", *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300,
                          text=True, check=False,
                          env=dict(os.environ, TMPDIR=common.DIR, **(environment or {})))
    if done.returncode != code and "--json" in arguments and done.stdout:
        for result in json.loads(done.stdout)["results"]:
            print(f"# {result['id']}: {result['status']}: {result['error']}")
    check(done.returncode == code, f"gale bench {arguments}: exit code {done.returncode} instead "
          f"of {code}\n{done.stdout[-1000:]}\n{done.stderr[-2000:]}")
    return done.stdout, done.stderr


def members(found, where, /, **types):
    """Checks that a map has exactly these members, each of its type."""
    check(sorted(found) == sorted(types), f"{where} has {sorted(found)}, not {sorted(types)}")
    for name, kind in types.items():
        is_right = isinstance(found[name], kind) and not isinstance(found[name], bool)
        check(is_right, f"{where}.{name} is {found[name]!r}")


def check_metric(metric, where, runs):
    members(metric, where, median=NUMBER, min=NUMBER, max=NUMBER, runs=list, unit=str, better=str)
    check(metric["better"] in ("higher", "lower"), f"{where}: better is {metric['better']}")
    # In a short run on a busy machine no tree that was timed may end behind the warm-up.
    least = 1 if ".latency_" in where else runs
    check(least <= len(metric["runs"]) <= runs,
          f"{where} has {len(metric['runs'])} runs, not {runs}")
    check(metric["min"] == min(metric["runs"]) and metric["max"] == max(metric["runs"]) and
          metric["min"] <= metric["median"] <= metric["max"], f"{where}: {metric}")


def check_result(result, runs):
    members(result, result.get("id"), id=str, bench=str, title=str, workers=int, guarantee=str,
            unit=str, status=str, error=(str, type(None)), check=(str, type(None)), metrics=dict,
            series=list)
    check(result["status"] == "ok" and result["error"] is None, f"{result['id']}: {result['error']}")
    check(result["check"], f"{result['id']} was not checked")
    for name, metric in result["metrics"].items():
        check_metric(metric, f"{result['id']}.{name}", runs)
    times = [point["t"] for point in result["series"]]
    check(times and times == sorted(times), f"{result['id']}: series at {times}")
    for point in result["series"]:
        check(sorted(point) == ["cpu", "p50_us", "p99_us", "queue", "rate", "rss_mb", "t"],
              f"{result['id']}: point {point}")


def check_document(text, runs):
    document = json.loads(text)
    members(document, "the document", schema=int, kind=str, gale=dict, machine=dict, versions=dict,
            started=str, command=str, settings=dict, results=list, ratios=list)
    check((document["schema"], document["kind"]) == (1, "gale-bench"), "schema and kind")
    members(document["gale"], "gale", version=str, commit=str)
    members(document["machine"], "machine", cpu=str, cores=int, memory_mb=int, kernel=str, os=str)
    members(document["versions"], "versions", compiler=str, zeromq=str, msgpack=str, lz4=str,
            sqlite=str)
    members(document["settings"], "settings", runs=int, warmup_s=NUMBER, duration_s=NUMBER)
    for result in document["results"]:
        check_result(result, runs)
    for ratio in document["ratios"]:
        members(ratio, "a ratio", name=str, value=NUMBER, min=NUMBER, max=NUMBER, rounds=int,
                unit=str)
        check(ratio["min"] <= ratio["value"] <= ratio["max"] and ratio["rounds"] >= 3, f"{ratio}")
    return {result["id"]: result for result in document["results"]}, document


def test_document():
    out, _ = bench("wordcount", "limit", "--tiny", "--runs", "3", "--duration", "1s", "--json",
                   "--quiet", "--workers", "1", "--guarantee", "both")
    document = json.loads(out)
    document["results"] = [r for r in document["results"] if r["bench"] == "wordcount"]
    results, document = check_document(json.dumps(document), 3)
    check(sorted(results) == ["wordcount/workers=1/at-least-once",
                              "wordcount/workers=1/at-most-once"], f"results {sorted(results)}")
    acked = results["wordcount/workers=1/at-least-once"]["metrics"]
    for name in ("throughput_per_s", "throughput_per_cpu_s", "latency_p50_us", "latency_p99_us",
                 "latency_p999_us", "latency_p9999_us", "latency_max_us", "cpu_user_s",
                 "cpu_system_s", "cores", "memory_peak_mb"):
        check(name in acked, f"{name} is missing in {sorted(acked)}")
    names = [ratio["name"] for ratio in document["ratios"]]
    for name in ("price of acks, wordcount, 1 worker",
                 "share of the limit per CPU-second, wordcount, 1 worker, at-least-once"):
        check(name in names, f"no ratio {name} in {names}")
    ok("bench_json_has_its_schema")


def test_rounds():
    """Each round has another seed, also for those who compute the result a second time, and fewer
    than three rounds give no ratio."""
    names = ("nexmark-q0", "words-count", "file-wordcount", "ysb-binary")
    out, _ = bench(*names, "--tiny", "--runs", "2", "--json", "--quiet", "--workers", "2",
                   "--guarantee", "both")
    document = json.loads(out)
    for result in document["results"]:
        check(result["status"] == "ok", f"{result['id']}: {result['error']}")
        check(len(result["metrics"]["throughput_per_s"]["runs"]) == 2, f"{result['id']}")
    check(document["ratios"] == [], f"ratios of two rounds: {document['ratios']}")
    ok("bench_later_rounds_are_right_too")


def test_everything():
    """Every benchmark that has a throughput once, as short as can be: its result is right and
    was checked. The others have bench_special.py."""
    groups = ("storm", "ysb", "nexmark")
    out, _ = bench(*groups, "--tiny", "--json", "--quiet", "--workers", "1", "--guarantee",
                   "at-least-once")
    listed = json.loads(bench("--list", "--json")[0])["benchmarks"]
    expected = [entry["name"] for entry in listed
                if entry["group"] in groups and entry["workers"] != "2"]
    results = json.loads(out)["results"]
    check([result["bench"] for result in results] == expected, f"results of {len(results)}")
    for result in results:
        check(result["status"] == "ok", f"{result['id']}: {result['error']}")
        check(result["check"], f"{result['id']} was not checked")
        check(result["metrics"], f"{result['id']} measured nothing")
    ok("bench_everything_is_checked")


def test_files():
    """Charts and the comparison with an earlier document."""
    common_arguments = ("wordcount", "--tiny", "--quiet", "--workers", "1", "--guarantee",
                        "at-least-once")
    old, svg, html = (common.path(name) for name in ("old.json", "chart.svg", "page.html"))
    out, _ = bench(*common_arguments, "--json", "--svg", svg, "--html", html)
    with open(svg, encoding="utf-8") as file:
        check(file.read(4) == "<svg", "no SVG")
    with open(html, encoding="utf-8") as file:
        text = file.read()
    check(text.lower().startswith("<!doctype html>") and "<svg" in text, "no page with a chart")
    check("http-equiv" in text or "src=" not in text, "the page loads something")
    document = json.loads(out)
    throughput = document["results"][0]["metrics"]["throughput_per_s"]
    for factor, code, said in ((1e-6, 0, "better"), (1e6, 1, "WORSE")):
        changed = json.loads(out)
        changed["results"][0]["metrics"] = {"throughput_per_s": dict(
            throughput, runs=[run * factor for run in throughput["runs"]])}
        with open(old, "w", encoding="utf-8") as file:
            json.dump(changed, file)
        shown, _ = bench(*common_arguments, "--compare", old, code=code)
        check(said in shown, f"{factor}: {shown}")
    bench(*common_arguments, "--compare", svg, code=78)
    with open(old, "w", encoding="utf-8") as file:
        file.write('{"schema":1,"kind":"gale-bench","results":[{"id":3,"metrics":[1]}],"ratios":7}')
    bench(*common_arguments, "--compare", old, code=78)
    bench(*common_arguments, "--compare", common.path("missing"), code=66)
    bench(*common_arguments, "--svg", common.path("missing/chart.svg"), code=74)
    ok("bench_charts_and_comparison")


def test_crossing():
    """What needs two workers: every word crosses, and its counts are exact."""
    out, _ = bench("wordcount-cross", "--tiny", "--json", "--quiet", "--guarantee",
                   "at-least-once")
    ids = [result["id"] for result in json.loads(out)["results"]]
    check(ids == ["wordcount-cross/workers=2/at-least-once"], f"{ids}")
    ok("bench_of_two_workers_is_checked")


def test_wrong_count():
    """A bolt that drops one word in secret: all tuples are acked, only the counts tell."""
    directory = tempfile.mkdtemp(dir=common.DIR)
    with open(os.path.join(BENCH, "wordcount.yaml"), encoding="utf-8") as file:
        text = file.read()
    broken = text.replace("  count:\n    type: count",
                          "  thief:\n    type: filter\n    where: word != 'jumped'\n"
                          "    from: [ { split: shuffle } ]\n  count:\n    type: count")
    broken = broken.replace("from: [ { split: { fields: [word] } } ]",
                            "from: [ { thief: { fields: [word] } } ]")
    check(broken.count("thief") == 2, "wordcount.yaml has another form than this test knows")
    with open(os.path.join(directory, "wordcount.yaml"), "w", encoding="utf-8") as file:
        file.write(broken)
    arguments = ("wordcount", "--tiny", "--quiet", "--workers", "1", "--guarantee",
                 "at-least-once")
    out, _ = bench(*arguments, "--json", code=1, environment={"GALE_BENCH_DIR": directory})
    result = json.loads(out)["results"][0]
    check(result["status"] == "failed" and '"jumped" was counted 0 times' in result["error"],
          f"the error is {result['error']!r}")
    out, _ = bench(*arguments[:2], *arguments[3:], code=1,
                   environment={"GALE_BENCH_DIR": directory})
    check("FAILED" in out and "jumped" in out, out)
    ok("bench_wrong_count_is_found_and_named")


def test_failing_run():
    """A topology that gale refuses: failed, with gale's own words."""
    directory = tempfile.mkdtemp(dir=common.DIR)
    with open(os.path.join(directory, "wordcount.yaml"), "w", encoding="utf-8") as file:
        file.write("name: broken\nspouts: { a: { type: nosuch } }\n")
    out, _ = bench("wordcount", "--tiny", "--quiet", "--workers", "1", "--guarantee",
                   "at-most-once", "--json", code=1, environment={"GALE_BENCH_DIR": directory})
    error = json.loads(out)["results"][0]["error"]
    check("exit code 78" in error and "nosuch" in error, error)
    ok("bench_failed_run_says_why")


def test_interrupt(number, code):
    """A signal in the middle: no process and no directory is left, and what was measured is told."""
    mark = f"bench-{os.getpid()}-{number}"
    directory = tempfile.mkdtemp(dir=common.DIR)
    process = subprocess.Popen([GALE, "bench", "wordcount", "--json", "--quiet", "--workers", "2",
                                "--duration", "60s"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=dict(os.environ, TMPDIR=directory, **{common.MARK: mark}))
    try:
        common.wait_until(lambda: len(common.marked(mark)) >= 4, "bench, run and two workers", 60)
        begin = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        check(process.returncode == code, f"exit code {process.returncode}: {err[-1000:]}")
        check(time.monotonic() - begin < 20, "it took long to stop")
        common.wait_until(lambda: not common.marked(mark), "no process left", 10)
        check(os.listdir(directory) == [], f"left behind: {os.listdir(directory)}")
        check(json.loads(out)["kind"] == "gale-bench", "no document")
    finally:
        for pid in common.marked(mark):
            os.kill(pid, signal.SIGKILL)
        process.wait()
    ok(f"bench_signal_{int(number)}_leaves_nothing")


def test_kill():
    """Even a SIGKILL of the suite leaves no process: the run finds its pipe closed."""
    mark = f"bench-{os.getpid()}-kill"
    process = subprocess.Popen([GALE, "bench", "wordcount", "--json", "--quiet", "--workers", "1",
                                "--duration", "60s"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=dict(os.environ, TMPDIR=common.DIR, **{common.MARK: mark}))
    try:
        common.wait_until(lambda: len(common.marked(mark)) >= 3, "bench, run and a worker", 60)
        process.kill()
        process.wait()
        common.wait_until(lambda: not common.marked(mark), "no process left", 10)
    finally:
        for pid in common.marked(mark):
            os.kill(pid, signal.SIGKILL)
    ok("bench_killed_leaves_no_process")


def test_dumb_terminal():
    """On a terminal that cannot move its cursor the live view is lines."""
    main, side = os.openpty()
    process = subprocess.Popen([GALE, "bench", "wordcount", "--tiny", "--workers", "1",
                                "--guarantee", "at-least-once"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=side,
                               env=dict(os.environ, TMPDIR=common.DIR, TERM="dumb"))
    os.close(side)
    said = b""
    try:
        while True:
            said += os.read(main, 4096)
    except OSError:  # The last one has closed it.
        pass
    os.close(main)
    check(process.wait() == 0 and b"run 1/1 ended" in said, f"{said!r}")
    check(b"\033" not in said, f"{said!r}")
    ok("bench_dumb_terminal_has_lines")


def test_usage():
    for arguments, code, said in (
            (("nosuch",), 66, "no benchmark"), (("--runs", "0"), 64, "--runs"),
            (("--runs", "2.5"), 64, "whole number"), (("--rate", "1e-9"), 64, "0.000001"),
            (("--duration", "0s"), 64, "500ms"), (("--rate", "nan"), 64, "--rate"),
            (("--duration", "5"), 64, "write 10s"),
            (("wordcount-cross", "--workers", "1"), 64, "does not run with"),
            (("latency", "--guarantee", "at-most-once"), 64, "does not run with"), (("--workers", "3"), 64, "1|2|1,2"),
            (("file-wordcount", "--rate", "10"), 64, "no rate")):
        out, err = bench(*arguments, code=code)
        check(out == "" and said in err, f"{arguments}: {err!r}")
    out, _ = bench("--list", "--json")
    listed = {entry["name"]: entry for entry in json.loads(out)["benchmarks"]}
    check(listed["wordcount"]["group"] == "storm", f"{listed['wordcount']}")
    names, _ = bench("--list", "--quiet")
    check(names.split() == list(listed), "the names differ from the list")
    script = subprocess.run([GALE, "completion", "bash"], stdout=subprocess.PIPE, text=True,
                            check=True).stdout
    for name in [*listed, *{entry["group"] for entry in listed.values()}, "all"]:
        check(name in script, f"completion does not know {name}")
    ok("bench_usage_list_and_completion")


test_usage()
test_dumb_terminal()
test_document()
test_rounds()
test_everything()
test_files()
test_crossing()
test_wrong_count()
test_failing_run()
test_interrupt(signal.SIGINT, 130)
test_interrupt(signal.SIGTERM, 143)
LEFT = [name for name in os.listdir(common.DIR) if name.startswith("gale-bench-")]
check(LEFT == [], f"directories left: {LEFT}")
test_kill()
