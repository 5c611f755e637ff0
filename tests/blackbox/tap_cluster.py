# SPDX-License-Identifier: Apache-2.0
"""`gale tap` and `gale top` on a real cluster of one machine (`gale dev`) while numbered lines flow: the
tap shows real tuples and goes on when workers die, no line is lost, top's figures are those of the
run."""
import json
import os
import re
import signal
import subprocess
import time

from common_run import (DIR, GALE, MARK, check, check_lines, file_size, marked, numbered_lines,
                        ok, path, wait_for_growth, wait_until)

LINES = 300000


def environment():
    """A user of his own, whose home and sockets are here."""
    found = {key: value for key, value in os.environ.items()
             if not key.startswith(("GALE_", "XDG_")) or key.startswith("GALE_TEST")}
    for variable in ("HOME", "XDG_RUNTIME_DIR"):
        os.makedirs(path(variable), 0o700, exist_ok=True)
        found[variable] = path(variable)
    return found


def gale(*words, code=0):
    done = subprocess.run([GALE, *words], stdin=subprocess.DEVNULL, capture_output=True,
                          env=environment(), timeout=100, check=False, text=True)
    check(done.returncode == code,
          f"gale {' '.join(words)}: exit code {done.returncode}: {done.stdout}{done.stderr}")
    return done


def start(*words):
    return subprocess.Popen([GALE, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=environment(), text=True)


class Dev:
    """A `gale dev`, ready; its processes are gone at the end of the test however that comes."""

    def __init__(self):
        self.mark = f"{os.getpid()}-tap"
        with open(path("dev.err"), "wb") as err:
            self.process = subprocess.Popen(
                [GALE, "dev", "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=err, env={**environment(), MARK: self.mark}, start_new_session=True)
        check(json.loads(self.process.stdout.readline() or "{}").get("event") == "ready",
              "gale dev is not ready")

    def workers(self):
        return [pid for pid in marked(self.mark) if pid != self.process.pid]

    def end(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        for pid in marked(self.mark):
            os.kill(pid, signal.SIGKILL)


def submit():
    file = path("lines.yaml")
    numbered_lines(path("lines"), LINES)
    with open(file, "w", encoding="utf-8") as out:
        out.write(f"""
name: lines
workers: 2
spouts:
  lines: {{ type: file, path: {DIR}/lines, follow: true }}
bolts:
  slow: {{ type: delay, sleep_us: 30, parallelism: 2, from: [ {{ lines: shuffle }} ] }}
  sink: {{ type: file, path: {path("out")}, format: raw, from: [ {{ slow: global }} ] }}
""")
    gale("submit", file)
    wait_until(lambda: file_size(path("out")) > 10000, "output")


def tap_shows_what_flows():
    done = gale("tap", "lines/lines", "-n", "20", "--json", "--duration", "20s")
    samples = [json.loads(line) for line in done.stdout.splitlines()]
    check(len(samples) == 20, f"{len(samples)} samples: {done.stderr}")
    for sample in samples:
        values = list(sample["values"].values())
        check(sample["component"] == "lines" and re.fullmatch(r"\d+ line", str(values[0])),
              f"{sample}")
    field = next(iter(samples[0]["values"]))
    done = gale("tap", "lines/slow", "--where", f"{field} ends_with '7 line'", "-n", "5",
                "--duration", "20s")
    lines = done.stdout.splitlines()
    check(len(lines) == 5 and all("7 line" in line for line in lines), done.stdout)
    check(re.search(r"5 shown, [1-9]\d* skipped", done.stderr), done.stderr)
    done = gale("tap", "lines/lines", "--where", "nix == 1", "--duration", "20s", code=64)
    check("no field `nix`" in done.stderr, done.stderr)
    gale("tap", "lines/nobody", code=66)
    ok("a tap shows the tuples that flow, and those alone that pass its condition")


def tap_outlives_a_worker(dev):
    tap = start("tap", "lines/slow", "--rate", "20", "--json")
    tasks = set()
    while len(tasks) < 2:
        line = tap.stdout.readline()
        check(line, "the tap ended")
        tasks.add(json.loads(line)["task"])
    for pid in dev.workers():
        os.kill(pid, signal.SIGKILL)
    # What had been printed before is read away; what the new processes show comes after the time.
    after_ms = time.time() * 1000 + 200
    tasks = set()
    while len(tasks) < 2:
        line = tap.stdout.readline()
        check(line, "the tap ended with the workers")
        sample = json.loads(line)
        if sample["at_ms"] > after_ms:
            tasks.add(sample["task"])
    tap.send_signal(signal.SIGINT)
    check(tap.wait(20) == 130, f"exit code {tap.returncode}")
    ok("killed workers show samples again once they are back")


def top_tells_the_run():
    found = json.loads(gale("top", "lines", "--json").stdout)
    components = {item["name"]: item for item in found["components"]}
    check(found["status"] == "active" and found["workers_up"] == 2, f"{found}")
    check(components["slow"]["in_per_s"] > 0 and components["slow"]["tasks"] == 2, f"{found}")
    check(len(components["slow"]["task"]) == 2, f"{found}")
    text = gale("top", "lines/slow").stdout
    check(len(text.splitlines()) == 6, text)
    check("lines\tactive" in gale("top").stdout, "lines is not listed")
    ok("top tells rates, tasks and status of the run")


def every_line_came():
    tap = start("tap", "lines/lines", "--rate", "1000", "--where", "1 == 2")
    wait_for_growth(different_lines, LINES - 1, "lines")
    tap.kill()
    tap.wait()
    check_lines([path("out")], LINES, torn_max=4)
    ok("every line came while it was tapped")


def different_lines():
    """Those that were replayed are there twice."""
    with open(path("out"), "rb") as file:
        return len({line.split(b" ")[0] for line in file if line.endswith(b" line\n")})


cluster = Dev()
try:
    submit()
    tap_shows_what_flows()
    top_tells_the_run()
    tap_outlives_a_worker(cluster)
    every_line_came()
finally:
    cluster.end()
