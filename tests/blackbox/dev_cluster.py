# SPDX-License-Identifier: Apache-2.0
"""`gale dev`: a cluster of one machine in one process. The other commands find it by themselves; Ctrl-C
ends its workers in good order and a second one at once; killed, it leaves no process; topologies
go on with the next one; --fresh forgets them; a second one for the same place is refused.
Labels: asan"""
import json
import os
import signal
import stat
import subprocess
import time

from common_run import (DIR, GALE, MARK, Patience, alive, check, check_lines, file_size, marked,
                        numbered_lines, ok, path, wait_for_growth, wait_until)

LINES = 200000
BASE = {key: value for key, value in os.environ.items() if not key.startswith("GALE_") or
        key.startswith("GALE_TEST")}


def environment():
    """A user of his own, whose home and sockets are here."""
    for variable in ("HOME", "XDG_RUNTIME_DIR"):
        os.makedirs(path(variable), 0o700, exist_ok=True)
    found = {**BASE, "HOME": path("HOME"), "XDG_RUNTIME_DIR": path("XDG_RUNTIME_DIR")}
    for variable in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        found.pop(variable, None)
    return found


class Dev:
    """A `gale dev --json`, ready."""

    count = 0

    def __init__(self, *options, ready=True):
        Dev.count += 1
        self.mark = f"{os.getpid()}-dev{Dev.count}"
        self.err = path(f"dev{Dev.count}.err")
        with open(self.err, "wb") as err:
            self.process = subprocess.Popen(
                [GALE, "dev", "--json", *options], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=err, env={**environment(), MARK: self.mark},
                start_new_session=True)
        self.ready = json.loads(self.process.stdout.readline() or "{}") if ready else None
        if ready:
            check(self.ready.get("event") == "ready", f"gale dev is not ready: {self.errors()}")

    def errors(self):
        with open(self.err, encoding="utf-8", errors="replace") as file:
            return file.read()[-3000:]

    def workers(self):
        return [pid for pid in marked(self.mark) if pid != self.process.pid]

    def wait(self, seconds=30.0):
        patience = Patience(seconds)
        while self.process.poll() is None:
            check(not patience.is_over(), f"gale dev does not end: {self.errors()}")
            time.sleep(0.01)
        return self.process.returncode

    def end(self, code, seconds=30.0):
        found = self.wait(seconds)
        check(found == code, f"gale dev: exit code {found} instead of {code}: {self.errors()}")
        wait_until(lambda: not marked(self.mark), "no process after gale dev", 2.0)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.end(0)


def gale(*words, code=0, more=None):
    done = subprocess.run([GALE, *words], stdin=subprocess.DEVNULL, capture_output=True,
                          env={**environment(), **(more or {})}, timeout=300, check=False)
    text = done.stdout.decode() + done.stderr.decode()
    check(code in (None, done.returncode),
          f"gale {' '.join(words)}: exit code {done.returncode} instead of {code}: {text}")
    return done.stdout.decode()


def names():
    return sorted(item["name"] for item in json.loads(gale("list", "--json"))["topologies"])


def topology(name, sleep_us=0):
    file = path(f"{name}.yaml")
    with open(file, "w", encoding="utf-8") as out:
        out.write(f"""
name: {name}
workers: 2
spouts:
  lines: {{ type: file, path: {DIR}/lines, follow: true }}
bolts:
  slow: {{ type: delay, sleep_us: {sleep_us}, parallelism: 2, from: [ {{ lines: shuffle }} ] }}
  sink: {{ type: file, path: {path(name)}, format: raw, from: [ {{ slow: global }} ] }}
""")
    return file


def test_submit_and_end():
    dev = Dev()
    sockets = path("XDG_RUNTIME_DIR") + "/gale-dev"
    check(dev.ready["dir"] == path("HOME") + "/.local/state/gale/dev", f"{dev.ready}")
    check(stat.S_IMODE(os.stat(sockets).st_mode) == 0o700, "others may enter the sockets")
    gale("submit", topology("quick"))
    check(names() == ["quick"], f"{names()} is listed")
    wait_for_growth(lambda: lines_in("quick"), LINES - 1, "lines")
    check_lines([path("quick")], LINES)
    check(len(dev.workers()) == 2, f"{len(dev.workers())} workers")
    ok("submitted without a word of where: every line")
    other = Dev(ready=False)
    other.end(75)
    check("runs already" in other.errors(), other.errors())
    ok("a second one is refused")
    dev.stop()
    gale("list", code=69)
    ok("Ctrl-C: ended, no process left")


def lines_in(name):
    try:
        with open(path(name), "rb") as file:
            return sum(1 for _ in file)
    except OSError:
        return 0


def test_goes_on():
    dev = Dev()
    check(names() == ["quick"], f"{names()} is listed after a restart")
    gale("kill", "quick", "--yes")
    gale("submit", topology("slow", 100))
    wait_until(lambda: file_size(path("slow")) > 100000, "output before the end")
    dev.stop()
    size = file_size(path("slow"))
    dev = Dev()
    wait_until(lambda: file_size(path("slow")) > size + 50000, "output of the next one")
    # Ctrl-C twice: it does not wait for anybody.
    dev.process.send_signal(signal.SIGTERM)
    dev.process.send_signal(signal.SIGINT)
    code = dev.wait(5.0)
    check(code in (130, 143, 0), f"exit code {code} after two signals")
    wait_until(lambda: not marked(dev.mark), "no process after two signals", 2.0)
    ok("restarted twice: the topology goes on; two signals end it at once")
    dev = Dev()
    size = file_size(path("slow"))
    wait_until(lambda: file_size(path("slow")) > size, "output before SIGKILL")
    dev.process.kill()
    dev.process.wait()
    wait_until(lambda: not marked(dev.mark), "no process after SIGKILL", 2.0)
    ok("killed -9: no process left")
    dev = Dev()
    wait_for_growth(lambda: file_size(path("slow")), file_size(path("lines")) - 1, "the rest")
    wait_until(lambda: distinct("slow") == LINES, "every line", 60.0)
    ok("every line in spite of all that")
    dev.stop()


def distinct(name):
    with open(path(name), "rb") as file:
        return len({line for line in file if line.endswith(b" line\n")})


def test_fresh():
    dev = Dev("--fresh")
    check(names() == [], f"{names()} is listed after --fresh")
    gale("submit", topology("quick"))
    check(alive(dev.process.pid), "gale dev has ended")
    dev.stop()
    ok("--fresh forgets the topologies")


def test_own_place():
    dev = Dev("--dir", path("place"))
    gale("list", code=69)
    check(json.loads(gale("list", "--json", more={"GALE_DEV_DIR": path("place")}))["topologies"]
          == [], "GALE_DEV_DIR leads elsewhere")
    dev.stop()
    os.chmod(path("place"), 0o777)
    refused = Dev("--dir", path("place"), ready=False)
    refused.end(77)
    ok("--dir: a place of its own; one that others may write to is refused")


def main():
    numbered_lines(path("lines"), LINES)
    test_submit_and_end()
    test_goes_on()
    test_fresh()
    test_own_place()


if __name__ == "__main__":
    main()
