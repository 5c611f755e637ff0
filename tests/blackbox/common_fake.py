# SPDX-License-Identifier: Apache-2.0
"""A fake coordinator (tests/support/fake_coordinator.c) whose answers are Python functions, and the
command line run against it, with pipes or on a terminal of its own. Not a test itself."""
import atexit
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import tempfile
import shutil
import termios
import threading
import time

GALE = os.environ["GALE"]
FAKE = os.path.join(os.environ.get("GALE_BUILD", "."), "tests", "support", "fake_coordinator")
DIR = tempfile.mkdtemp(prefix="gale-fake-")
atexit.register(shutil.rmtree, DIR, ignore_errors=True)

# Names of enum gale_err that tests need.
ERRORS = {"invalid": 1, "not_found": 3, "exists": 4, "limit": 5, "again": 6, "state": 13}


def refusal(code, text, hint=None):
    """An answer that refuses."""
    error = {"code": ERRORS[code], "text": text}
    if hint:
        error["hint"] = hint
    return {"error": error}


class Fake:
    """Answers requests by `handler(request) -> tree`, or (tree, bytes), or by a dictionary of
    them by verb, whose values may be trees. None as the answer: says nothing until the end."""

    def __init__(self, handler, endpoint="tcp://127.0.0.1:*"):
        self.handler = handler
        self.requests = []
        self.process = subprocess.Popen([FAKE, endpoint], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        atexit.register(self.stop)
        line = self.process.stdout.readline()
        self.endpoint = json.loads(line)["endpoints"][0] if line else None
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _answer(self, request):
        handler = self.handler
        if isinstance(handler, dict):
            handler = handler.get(request["verb"], refusal("invalid", "no such verb"))
        return handler(request) if callable(handler) else handler

    def _serve(self):
        for line in self.process.stdout:
            request = json.loads(line)
            self.requests.append(request)
            answer = self._answer(request)
            if answer is None:
                return
            tree, body = answer if isinstance(answer, tuple) else (answer, b"")
            try:
                self.process.stdin.write(json.dumps({"tree": tree, "body": body.hex()}) + "\n")
                self.process.stdin.flush()
            except (BrokenPipeError, ValueError):
                return

    def verbs(self):
        return [request["verb"] for request in self.requests]

    def asked(self, verb):
        """All requests of a verb."""
        return [request for request in self.requests if request["verb"] == verb]

    def kill(self):
        """As kill -9: connections break, the address refuses."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.kill()
        self.thread.join(5)
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                pipe.close()
            except BrokenPipeError:
                pass


def environment(**more):
    """Nothing of this machine's own settings, and a cache of the test's own."""
    kept = {key: value for key, value in os.environ.items()
            if not key.startswith(("GALE_", "XDG_")) and key not in ("COLUMNS", "NO_COLOR",
                                                                     "FORCE_COLOR")}
    kept.update({"HOME": DIR, "XDG_CACHE_HOME": os.path.join(DIR, "cache"),
                 "XDG_RUNTIME_DIR": DIR, "XDG_CONFIG_HOME": os.path.join(DIR, "config"),
                 "GALE_CONFIG": "", "TERM": "xterm"})
    kept.pop("GALE_CONFIG")
    kept.update(more)
    return kept


class Done:
    """What a finished command left."""

    def __init__(self, code, out, err, seconds):
        self.code, self.out, self.err, self.seconds = code, out, err, seconds

    def json(self):
        return json.loads(self.out)


def gale(*arguments, fake=None, timeout=60, stdin=None, env=None):
    """Runs the command line with pipes. @param fake one Fake or a list of them."""
    fakes = fake if isinstance(fake, (list, tuple)) else [fake] if fake else []
    command = [GALE, *arguments]
    if fakes:
        command += ["--coordinator", ",".join(f if isinstance(f, str) else f.endpoint
                                              for f in fakes)]
    begin = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False,
                          env=environment(**(env or {})), input=stdin,
                          stdin=subprocess.DEVNULL if stdin is None else None)
    return Done(done.returncode, done.stdout, done.stderr, time.monotonic() - begin)


class Terminal:
    """A command on a terminal of its own, of so many columns and lines."""

    def __init__(self, *arguments, fake=None, columns=100, lines=30, env=None):
        command = [GALE, *arguments]
        if fake:
            command += ["--coordinator", fake.endpoint]
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(GALE, command, environment(**(env or {})))
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.text = ""
        self.code = None
        atexit.register(self.close)

    def _read(self, seconds):
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if not ready:
            return True
        try:
            piece = os.read(self.fd, 65536)
        except OSError:
            return False
        self.text += piece.decode("utf-8", "replace")
        return bool(piece)

    def wait_for(self, pattern, seconds=20):
        """Reads until the pattern was shown. @return whether it was."""
        end = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            if time.monotonic() > end or not self._read(0.1):
                return bool(re.search(pattern, self.text))
        return True

    def type(self, text):
        os.write(self.fd, text.encode())

    def finish(self, seconds=30):
        """Waits for the end. @return the exit code."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._read(0.1):
            pass
        if time.monotonic() >= end:
            os.kill(self.pid, 9)
        _, status = os.waitpid(self.pid, 0)
        self.code = os.waitstatus_to_exitcode(status)
        os.close(self.fd)
        self.fd = -1
        return self.code

    def close(self):
        if self.code is None and self.fd >= 0:
            try:
                os.kill(self.pid, 9)
                os.waitpid(self.pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass

    def screen(self):
        """What stands on the terminal at the end, by the few sequences that gale uses."""
        rows, row, column = [""], 0, 0
        at = 0
        for match in re.finditer(r"\x1b\[(\d*)([A-Za-z])|\r|\n|[^\x1b\r\n]", self.text):
            at = match.end()
            token = match.group(0)
            if token == "\r":
                column = 0
            elif token == "\n":
                row, column = row + 1, 0
                rows += [""] * (row + 1 - len(rows))
            elif token[0] != "\x1b":
                line = rows[row].ljust(column)
                rows[row] = line[:column] + token + line[column + 1:]
                column += 1
            elif match.group(2) == "A":
                row = max(0, row - int(match.group(1) or 1))
            elif match.group(2) == "J":
                rows = rows[:row] + [rows[row][:column]]
            elif match.group(2) == "K":
                rows[row] = rows[row][:column]
        assert at == len(self.text) or "\x1b" in self.text[at:], repr(self.text[at:])
        return [line.rstrip() for line in rows]
