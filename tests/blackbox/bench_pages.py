#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Labels: slow
"""`gale bench --svg --html --compare` and its live view: files are whole and ask for nothing, a
regression beyond the noise is exit code 1, and on a terminal the block follows its size. Nothing
here looks at speed."""
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from xml.dom import minidom

from common_run import DIR, GALE, check, ok, path

VARIANT = ["wordcount", "--tiny", "--workers", "1", "--guarantee", "at-least-once"]
SVG_NAME = 'xmlns="http://www.w3.org/2000/svg"'


def bench(*arguments, code=0):
    done = subprocess.run([GALE, "bench", *VARIANT, *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=120, text=True, check=False,
                          env=dict(os.environ, TMPDIR=DIR))
    check(done.returncode == code, f"gale bench {arguments}: exit code {done.returncode} instead "
          f"of {code}\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}")
    return done.stdout, done.stderr


def changed(document, name, throughput=1.0, spread=0.0, **machine):
    """The document as an older one: its throughput times a factor, three runs, another machine."""
    copy = json.loads(json.dumps(document))
    copy["machine"].update(machine)
    for result in copy["results"]:
        metric = result["metrics"]["throughput_per_s"]
        middle = metric["median"] * throughput
        runs = [middle, middle * (1 + spread), middle * (1 - spread)]
        metric.update(median=middle, min=min(runs), max=max(runs), runs=runs)
        result["metrics"] = {"throughput_per_s": metric}
    with open(path(name), "w", encoding="utf-8") as file:
        json.dump(copy, file)
    return path(name)


def check_page(name):
    with open(path(name), encoding="utf-8") as file:
        text = file.read()
    minidom.parseString(text.encode())
    check("://" not in text.replace(SVG_NAME, ""), f"{name} names an address")
    check(not re.search(r"src=|href=|url\(|@import|<script|<link", text), f"{name} fetches")
    check("M words/s" in text or "k words/s" in text, f"{name} has no throughput")
    return text


stdout, _ = bench("--json", "--svg", path("a.svg"), "--html", path("a.html"))
found = json.loads(stdout)
check_page("a.svg")
page = check_page("a.html")
for part in ("Rate, words/s", "Latency p99", "Memory, MB", "Fullest queue", "CPU in use, cores",
             "Latency by percentile", found["machine"]["kernel"], found["gale"]["commit"]):
    check(part in page, f"the page lacks {part}")
ok("pages_are_well_formed_and_whole")

stdout, _ = bench("--compare", changed(found, "fast.json", throughput=1000), code=1)
check("WORSE" in stdout and "1 regression beyond the noise" in stdout, stdout)
ok("compare_regression_is_exit_code_1")

stdout, _ = bench("--compare", changed(found, "slow.json", throughput=0.001))
check("better" in stdout and "0 regressions beyond the noise" in stdout, stdout)
ok("compare_gain_is_exit_code_0")

stdout, _ = bench("--compare", changed(found, "noisy.json", throughput=1000, spread=0.999))
check("same within the noise" in stdout, stdout)
ok("compare_change_within_the_noise_is_exit_code_0")

old = changed(found, "other.json", throughput=0.001, cpu="another", cores=99)
stdout, stderr = bench("--json", "--compare", old)
check(json.loads(stdout)["kind"] == "gale-bench", "stdout holds more than the document")
check("another machine" in stderr and "cores: 99, now" in stderr, stderr)
ok("compare_with_json_goes_to_stderr_and_names_the_other_machine")

for name, text, code in (("garbage.json", b"\x00\xff{[", 78), ("other.json", b"{}", 78),
                         ("cut.json", json.dumps(found).encode()[:-20], 78)):
    with open(path(name), "wb") as file:
        file.write(text)
    begin = time.monotonic()
    stdout, stderr = bench("--compare", path(name), code=code)
    check(stdout == "" and stderr, f"{name}: {stdout}")
bench("--compare", path("missing.json"), code=66)
_, stderr = bench("--svg", path("no/such/directory.svg"), code=74)
check("cannot write" in stderr, stderr)
ok("files_that_cannot_be_used_end_it_before_the_first_run")


def on_terminal(sizes, **environment):
    """What a run shows on a terminal that gets one size after the other."""
    process, terminal = pty.fork()
    if process == 0:
        os.execve(GALE, [GALE, "bench", *VARIANT, "--duration", "2s"],
                  dict(os.environ, TERM="xterm", LC_ALL="C.UTF-8", TMPDIR=DIR, **environment))
    shown = b""
    begin = time.monotonic()
    widths = []
    while time.monotonic() - begin < 60:
        wanted = sizes[min(int((time.monotonic() - begin) / 0.5), len(sizes) - 1)]
        if not widths or widths[-1] != wanted:
            widths.append(wanted)
            fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", wanted[0], wanted[1], 0, 0))
        if select.select([terminal], [], [], 0.05)[0]:
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                piece = b""
            if not piece:
                break
            shown += piece
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    check(os.waitstatus_to_exitcode(status) == 0, f"on a terminal: {shown[-2000:]}")
    return shown.decode()


text = on_terminal([(24, 100), (24, 60), (10, 40), (30, 120)])
blocks = text.split("\x1b[J")
check(len(blocks) > 4, f"{len(blocks) - 1} blocks were drawn over")
check("rate " in text and "\x1b[36m" in text and "\u2588" in text, "the block lacks its figures")
# Each block but the last is followed by the sequence that takes exactly its lines away.
for block in blocks[1:-1]:
    body, up = block.rsplit("\x1b[", 1)
    check(int(up.split("A")[0]) >= min(body.count("\r\n"), 2), f"too little is erased: {block!r}")
    widest = max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in body.split("\r\n"))
    check(widest <= 120, f"a line of {widest} columns")
plain = on_terminal([(24, 80)], NO_COLOR="1")
check("\x1b[3" not in plain and "\x1b[1m" not in plain, "colours despite NO_COLOR")
ok("live_view_on_a_terminal_is_drawn_over_itself_and_obeys_NO_COLOR")
