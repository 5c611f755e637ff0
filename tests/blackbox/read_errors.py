# SPDX-License-Identifier: Apache-2.0
"""An input that fails in the middle has not ended: the run ends with exit code 70 and the sentence
that says which byte could not be read, and the next run goes on there, so that nothing is lost."""
import os
import subprocess

from common_run import DIR, GALE, MODULES, check, check_lines, numbered_lines, ok, path

LINES = 20000
INTERNAL = 70
FAULT = os.path.join(MODULES, "libread_fault.so")


def run(yaml, code, at=None, stdin=subprocess.DEVNULL):
    """stderr of a run whose reads fail at byte `at` of the file `lines`, or of stdin."""
    environment = dict(os.environ)
    if at is not None:
        environment.update(LD_PRELOAD=FAULT, FAULT_AT=str(at), FAULT_PATH=path("lines"))
    with open(path("topology.yaml"), "w", encoding="ascii") as file:
        file.write(yaml)
    done = subprocess.run([GALE, "run", path("topology.yaml"), "--state-dir", path("state")],
                          stdin=stdin, capture_output=True, text=True, env=environment,
                          timeout=60, check=False)
    check(done.returncode == code, f"exit code {done.returncode}, not {code}: {done.stderr}")
    return done.stderr


def topology(name, spout):
    return f"""
name: {name}
spouts:
  lines: {spout}
bolts:
  sink: {{ type: file, path: {DIR}/{name}, format: raw, from: [ {{ lines: shuffle }} ] }}
"""


def test_file():
    size = os.path.getsize(path("lines"))
    for more in ("", ", follow: true"):
        name = "plain" if not more else "follow"
        yaml = topology(name, f"{{ type: file, path: {DIR}/lines{more} }}")
        at = size // 2
        errors = run(yaml, INTERNAL, at)
        check(f'spout "lines": cannot read `{DIR}/lines` at byte {at}: Input/output error' in
              errors, f"no sentence: {errors}")
    run(topology("plain", f"{{ type: file, path: {DIR}/lines }}"), 0)
    check_lines([path("plain")], LINES)
    ok("a file whose read fails: an error, and the next run goes on there")


def test_stdin():
    size = os.path.getsize(path("lines"))
    with open(path("lines"), "rb") as lines:
        errors = run(topology("input", "{ type: stdin }"), INTERNAL, size // 2, lines)
    check('spout "lines": cannot read standard input behind line ' in errors and
          "Input/output error" in errors, f"no sentence: {errors}")
    with open(path("lines"), "rb") as lines:
        run(topology("input2", "{ type: stdin }"), 0, None, lines)
    check_lines([path("input2")], LINES)
    ok("stdin whose read fails: an error")


numbered_lines(path("lines"), LINES)
test_file()
test_stdin()
