# SPDX-License-Identifier: Apache-2.0
"""Real runs of `gale run` for the black-box tests: start one in a session of its own, watch its
worker processes and its output, hurt them, and find whatever is left of it. Not a test itself."""
import atexit
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

GALE = os.environ["GALE"]
MODULES = os.path.join(os.environ.get("GALE_BUILD", "."), "tests", "modules")
MARK = "GALE_TEST_MARK"
SEED = int(os.environ.get("GALE_TEST_SEED", "0")) or random.randrange(1, 1 << 32)
DIR = tempfile.mkdtemp(prefix="gale-blackbox-")

random.seed(SEED)
print(f"# seed {SEED} (GALE_TEST_SEED repeats it)", flush=True)
atexit.register(shutil.rmtree, DIR, ignore_errors=True)


def path(name):
    return os.path.join(DIR, name)


def ok(name):
    print(f"ok - {name}", flush=True)


def check(condition, text):
    """Ends the test with a sentence unless the condition holds."""
    if not condition:
        print(f"not ok - {text}", flush=True)
        sys.exit(1)


def slowness():
    """How many times longer work takes now than on a machine with nothing but a run on it: others
    may keep it busy. A run of two workers alone takes half of each processor from this."""
    begin = time.monotonic()
    spin = "import time\nwhile time.process_time() < 0.1: pass"
    spinners = [subprocess.Popen([sys.executable, "-S", "-c", spin])
                for _ in range(os.cpu_count() or 1)]
    for spinner in spinners:
        spinner.wait()
    return max(1.0, (time.monotonic() - begin) / 0.1 / 2)


class Patience:
    """A limit of time for what should be over by then, longer on a machine that is busy."""

    def __init__(self, seconds):
        self.begin = time.monotonic()
        self.seconds = self.limit = seconds

    def spent(self):
        return time.monotonic() - self.begin

    def is_over(self):
        if self.spent() > self.limit:
            self.limit = max(self.limit, self.seconds * slowness())
        return self.spent() > self.limit


def wait_until(condition, what, seconds=20.0):
    """Polls; returns how long it took."""
    patience = Patience(seconds)
    while not condition():
        check(not patience.is_over(), f"{what}: not within {patience.limit:.1f} s")
        time.sleep(0.005)
    return patience.spent()


def wait_for_growth(measure, goal, what):
    """Waits until a number is above the goal, however slowly it gets there; but it must grow."""
    seen = measure()
    while seen <= goal:
        wait_until(lambda: measure() > seen, f"{what}: {seen} of {goal}, more")
        seen = measure()


def alive(pid):
    """True for a process that is neither gone nor a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def resident_kb(pid):
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def marked(mark):
    """Every living process whose environment holds the mark, wherever it was moved to."""
    found = []
    wanted = f"{MARK}={mark}".encode()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/environ", "rb") as file:
                    if wanted in file.read().split(b"\0") and alive(int(entry)):
                        found.append(int(entry))
            except OSError:
                pass
    return found


class Run:
    """One `gale run`, with --json: the report on stdout."""

    count = 0

    def __init__(self, yaml, *options, stdin=subprocess.DEVNULL, state=None, fresh=True,
                 view=False):
        Run.count += 1
        self.mark = f"{os.getpid()}-{Run.count}"
        self.file = path(f"run{Run.count}.yaml")
        self.out = path(f"run{Run.count}.out")
        self.err = path(f"run{Run.count}.err")
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(yaml)
        command = [GALE, "run", self.file, "--json", "--state-dir",
                   state or path(f"state{Run.count}"), *options]
        if not view:
            command.append("--no-view")
        if fresh:
            command.append("--fresh")
        environment = dict(os.environ)
        environment[MARK] = self.mark
        self.begin = time.monotonic()
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(command, stdin=stdin, stdout=out, stderr=err,
                                            env=environment, start_new_session=True)
        self.pid = self.process.pid
        atexit.register(self.destroy)

    def destroy(self):
        for pid in marked(self.mark):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        if self.process.poll() is None:
            self.process.wait()

    def workers(self):
        """The worker processes now."""
        return [pid for pid in marked(self.mark) if pid != self.pid]

    def await_workers(self, count):
        wait_until(lambda: len(self.workers()) == count, f"{count} workers of {self.file}")
        return self.workers()

    def errors(self):
        with open(self.err, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait(self, seconds=60.0):
        """The exit code, or a text that says that there is none."""
        patience = Patience(seconds)
        while True:
            try:
                return self.process.wait(seconds / 10)
            except subprocess.TimeoutExpired:
                if patience.is_over():
                    return f"none within {patience.limit:.1f} s"

    def end(self, code, seconds=60.0):
        """Waits for the end, checks the exit code and that nothing is left; gives the report."""
        found = self.wait(seconds)
        check(found == code, f"exit code {found} instead of {code}: {self.errors()[-3000:]}")
        self.gone()
        with open(self.out, encoding="utf-8", errors="replace") as file:
            text = file.read()
        return json.loads(text) if text.strip() else None

    def gone(self, seconds=1.0):
        """Checks that no process of the run is left."""
        patience = Patience(seconds)
        while marked(self.mark):
            if patience.is_over():
                ids = ",".join(str(pid) for pid in marked(self.mark))
                subprocess.run(["ps", "-o", "pid,ppid,stat,wchan:20,args", "-p", ids], check=False)
                check(False, f"processes left after {patience.limit:.1f} s")
            time.sleep(0.005)


def file_size(name):
    try:
        return os.stat(name).st_size
    except OSError:
        return 0


def numbered_lines(name, count):
    """Writes lines "1 …" to "count …"."""
    with open(name, "w", encoding="ascii") as file:
        for first in range(1, count + 1, 10000):
            last = min(first + 10000, count + 1)
            file.write("".join(f"{n} line\n" for n in range(first, last)))


def check_lines(names, count, torn_max=0):
    """Every line 1 … count is there, and no other; returns how many are there once more. So many
    as torn_max may be cut short: a writer killed in its write leaves part of a line that was never
    acked, and its successor ends that line and writes it again."""
    seen = bytearray(count + 1)
    total = 0
    torn = 0
    for name in names:
        with open(name, "rb") as file:
            for line in file:
                number, _, rest = line.partition(b" ")
                if rest != b"line\n" and b"line\n".startswith(rest.rstrip(b"\n")):
                    torn += 1
                    check(torn <= torn_max, f"{name} holds {line[:80]!r}, torn line no. {torn}")
                    continue
                check(rest == b"line\n" and number.isdigit() and 1 <= int(number) <= count,
                      f"{name} holds {line[:80]!r}")
                seen[int(number)] = 1
                total += 1
    missing = count - sum(seen)
    check(missing == 0, f"{missing} of {count} lines are missing, the first is {seen.find(0, 1)}")
    return total - count
