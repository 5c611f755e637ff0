# SPDX-License-Identifier: Apache-2.0
"""A hostile module ends in a clear error: whatever its constructor, declare or build callback does,
`gale validate`, `graph`, `run` and `components` survive it, end with the documented exit code and
one sentence that names the module, leave no process behind and keep stdout clean. One that only
misbehaves in a worker ends the run with a sentence, too."""
import json
import os
import shutil
import subprocess
import time

from common_run import GALE, MARK, MODULES, check, marked, ok, path, wait_until

MODULE = os.path.join(MODULES, "libhostile.so")
DEADLINE_S = 5.0  # PROBE_DEADLINE_MS
INVALID = 78
FILE = path("hostile.yaml")
LOOK = {"load": "while it was loaded; look at its constructors",
        "declare": 'while its bolt "pass" declared its streams; look at its declare callback',
        "build": "while it built its topology; look at its build callback"}
SAID = {"segv": "killed by SIGSEGV (signal 11)", "exit0": "exited with 0",
        "exit3": "exited with 3", "close": "it closed descriptors that are not its own",
        "garbage": "it wrote to descriptors that are not its own",
        "hang": "no answer within 5 s", "stop": "no answer within 5 s"}

with open(FILE, "w", encoding="ascii") as out:
    out.write(f"""name: hostile
spouts:
  numbers: {{ type: generator, constant: x, count: 3 }}
bolts:
  pass: {{ module: {MODULE}, bolt: pass, from: [ {{ numbers: shuffle }} ] }}
""")


class Call:
    """One gale under way, with $HOSTILE set."""

    def __init__(self, wish, *arguments):
        self.wish = wish
        self.arguments = arguments
        self.mark = f"hostile-{os.getpid()}-{wish}-{arguments[0]}"
        environment = dict(os.environ, HOSTILE=wish)
        environment[MARK] = self.mark
        self.begin = time.monotonic()
        self.process = subprocess.Popen([GALE, *arguments], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=environment, text=True, errors="replace")

    def end(self, code):
        """stdout and stderr, after checking the exit code and that nothing is left."""
        out, err = self.process.communicate(timeout=60)
        name = f"{self.wish}: gale {self.arguments[0]}"
        check(self.process.returncode == code,
              f"{name} ended with {self.process.returncode}, not {code}: {out} {err}")
        wait_until(lambda: not marked(self.mark), f"{name}: a process is left", 5)
        return out, err


    def json_lines(self):
        for line in self.end(0)[1].splitlines():
            json.loads(line)


def calls(wish):
    """The verbs that look into a module when $HOSTILE is `wish`."""
    file = MODULE if wish.startswith("build") else FILE
    state = path("state")
    verbs = [("validate", file), ("graph", file), ("run", file, "--state-dir", state, "--fresh")]
    if wish.startswith("load"):
        verbs.append(("components", "--module", MODULE))
    return [Call(wish, *verb) for verb in verbs]


def check_sentence(call, when, what):
    out, err = call.end(INVALID)
    said = out + err
    check(MODULE in said and SAID[what] in said and LOOK[when] in said,
          f"{call.wish}: gale {call.arguments[0]} says: {said}")
    if call.arguments[0] != "validate" and what != "garbage":
        check(out == "", f"{call.wish}: gale {call.arguments[0]} wrote to stdout: {out}")


def test_ends():
    for when in LOOK:
        for what in ("segv", "exit0", "exit3", "close", "garbage"):
            for call in calls(f"{when}-{what}"):
                check_sentence(call, when, what)
                check(time.monotonic() - call.begin < 4 * DEADLINE_S, f"{call.wish} took long")
    ok("crash, exit, closed and spoiled descriptors: exit code 78 and a sentence")


def test_hangs():
    under_way = [(when, what, call) for when, what in
                 (("load", "hang"), ("load", "stop"), ("declare", "hang"), ("build", "stop"))
                 for call in calls(f"{when}-{what}")]
    for when, what, call in under_way:
        check_sentence(call, when, what)
    ok("hang and SIGSTOP: exit code 78 and a sentence after the deadline")


def test_harmless():
    for what in ("print", "fork", "linger"):
        for when in ("load", "declare", "build"):
            file = MODULE if when == "build" else FILE
            out, err = Call(f"{when}-{what}", "validate", file).end(0)
            check(out.count("\n") == 1 and ": ok: topology " in out,
                  f"{when}-{what}: stdout has: {out}")
            if what == "print":
                check("printed by a module" in err, f"{when}-{what}: stderr has: {err}")
    ok("a module that prints or forks: stdout stays clean and no process is left")


def test_json():
    out, _ = Call("load-segv", "validate", "--json", FILE).end(INVALID)
    items = json.loads(out)["files"][0]["diagnostics"]
    check(len(items) == 1 and items[0]["code"] == "E205" and items[0]["line"] == 5,
          f"diagnostics are {items}")
    for verb in (("run", "--json", MODULE), ("graph", "--json", MODULE)):
        out, err = Call("build-exit3", *verb).end(INVALID)
        error = json.loads(err)["error"]
        check(out == "" and error["code"] == "invalid_topology" and MODULE in error["message"],
              f"{verb}: {err}")
    call = Call("worker-segv", "run", "--json", "--log-level", "debug", FILE, "--state-dir",
                path("state"), "--fresh")
    out, err = call.end(70)
    lines = [json.loads(line) for line in err.splitlines()]
    check(json.loads(out)["end"] == "failed", out)
    for key in ("level", "note", "error"):
        check(any(key in line for line in lines), f"no {key} among {lines}")
    Call("load-none", "run", "--json", "--log-level", "debug", "--workers", "2", FILE,
         "--state-dir", path("state"), "--fresh").json_lines()
    ok("the same as JSON, each line of stderr by itself")


def test_one_report_for_a_module():
    file = path("twice.yaml")
    with open(FILE, encoding="ascii") as source, open(file, "w", encoding="ascii") as target:
        target.write(source.read())
        target.write(f"  again: {{ module: {MODULE}, bolt: pass, from: [ {{ numbers: all }} ] }}\n")
    begin = time.monotonic()
    out, _ = Call("load-hang", "validate", file).end(INVALID)
    check(time.monotonic() - begin < 2 * DEADLINE_S, "the module was tried twice")
    check(out.count("error[E205]") == 2, f"both places are told: {out}")
    Call("none", "validate", file).end(0)
    ok("a module that failed is not tried again")


def test_worker():
    for what, said in (("segv", "killed by SIGSEGV"), ("exit3", "exited with 3")):
        call = Call(f"worker-{what}", "run", FILE, "--state-dir", path("state"), "--fresh")
        out, err = call.end(70)
        check(out == "" and said in err and "worker 0" in err, f"worker-{what}: {err}")
    ok("a module that crashes in the worker alone ends the run with a sentence")


def test_no_probe_without_module():
    file = path("plain.yaml")
    with open(file, "w", encoding="ascii") as target:
        target.write("name: plain\nspouts:\n  a: { type: generator, constant: x, count: 1 }\n"
                     'bolts:\n  b: { type: "null", from: [ { a: shuffle } ] }\n')
    if shutil.which("strace") is None:
        return
    trace = subprocess.run(["strace", "-f", "-e", "trace=execve,clone,clone3,vfork", "-o",
                            path("trace"), GALE, "validate", file], check=False)
    with open(path("trace"), encoding="ascii", errors="replace") as lines:
        starts = [line for line in lines if "clone" in line or "vfork" in line]
    check(trace.returncode == 0 and not starts, f"processes were started: {starts}")
    ok("a topology without modules starts no process")


test_ends()
test_hangs()
test_harmless()
test_json()
test_one_report_for_a_module()
test_worker()
test_no_probe_without_module()
