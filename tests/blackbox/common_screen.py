# SPDX-License-Identifier: Apache-2.0
"""What stands on a terminal that a full-screen command drew on, by the sequences that gale uses, and
golden screens: goldens/NAME.txt, written anew with GALE_GOLDENS=write. Not a test itself."""
import fcntl
import os
import re
import struct
import termios
import time

from common_run import check

GOLDENS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens")
TOKEN = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z])|[^\x1b]")


class Screen:
    """The screen after a text, of so many columns and lines. `marked` are the rows in reverse."""

    def __init__(self, text, columns, lines):
        self.columns, self.lines = columns, lines
        self.row = self.column = 0
        self.other = False  # the other screen is shown
        self.cursor = True
        self.reverse = False
        self._clear()
        for match in TOKEN.finditer(text):
            token = match.group(0)
            if token[0] == "\x1b":
                self._sequence(match.group(1), match.group(2), match.group(3))
            elif token == "\r":
                self.column = 0
            elif token == "\n":
                self._feed()
            else:
                self._put(token)

    def _clear(self):
        self.cells = [[" "] * self.columns for _ in range(self.lines)]
        self.marked = set()

    def _feed(self):
        if self.row + 1 < self.lines:
            self.row += 1
        else:
            self.cells = self.cells[1:] + [[" "] * self.columns]

    def _put(self, character):
        if self.column == self.columns:
            self.column = 0
            self._feed()
        self.cells[self.row][self.column] = character
        if self.reverse:
            self.marked.add(self.row)
        self.column += 1

    def _sequence(self, private, numbers, kind):
        if private:
            if numbers == "1049":
                self.other = kind == "h"
                self._clear()
            elif numbers == "25":
                self.cursor = kind == "h"
            else:
                raise ValueError(f"private mode {numbers}")
        elif kind == "H":
            self.row = self.column = 0
        elif kind == "K":
            self._erase(self.row, min(self.column, self.columns - 1))
        elif kind == "J":
            if numbers == "2":
                self._clear()
                return
            self._erase(self.row, min(self.column, self.columns - 1))
            for row in range(self.row + 1, self.lines):
                self._erase(row, 0)
        elif kind == "m":
            self.reverse = "7" in numbers.split(";") or (self.reverse and numbers != "0")
        elif kind != "A":
            raise ValueError(f"sequence {numbers}{kind}")

    def _erase(self, row, column):
        self.cells[row][column:] = [" "] * (self.columns - column)
        if column == 0:
            self.marked.discard(row)

    def text(self):
        rows = [("".join(row)).rstrip() for row in self.cells]
        return "\n".join(rows).rstrip("\n") + "\n"


def golden_text(name):
    with open(os.path.join(GOLDENS, name + ".txt"), encoding="utf-8") as file:
        return file.read()


def golden_write(name, text):
    """Only when it was asked for; else nothing."""
    if os.environ.get("GALE_GOLDENS") == "write":
        os.makedirs(GOLDENS, exist_ok=True)
        with open(os.path.join(GOLDENS, name + ".txt"), "w", encoding="utf-8") as file:
            file.write(text)


def same_as_golden(name, text):
    golden_write(name, text)
    check(text == golden_text(name), f"not the golden {name}:\n{text}")


class View:
    """A full-screen command on a terminal (common_fake.Terminal)."""

    def __init__(self, terminal, columns, lines):
        self.terminal, self.columns, self.lines = terminal, columns, lines

    def screen(self):
        return Screen(self.terminal.text, self.columns, self.lines)

    def until(self, judge, what, seconds=20):
        """Reads on until the judge is content with the screen."""
        end = time.monotonic() + seconds
        while True:
            screen = self.screen()
            if judge(screen):
                return screen
            if time.monotonic() > end or not self.terminal._read(0.05):
                check(judge(self.screen()), f"{what}; the screen is:\n{self.screen().text()}")
                return self.screen()

    def shows(self, pattern, seconds=20):
        return self.until(lambda screen: re.search(pattern, screen.text()), f"no {pattern}",
                          seconds)

    def lacks(self, pattern, seconds=20):
        return self.until(lambda screen: not re.search(pattern, screen.text()),
                          f"still {pattern}", seconds)

    def is_golden(self, name, seconds=20):
        if os.environ.get("GALE_GOLDENS") == "write":
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                self.terminal._read(0.1)
            golden_write(name, self.screen().text())
        wanted = golden_text(name)
        return self.until(lambda screen: screen.text() == wanted,
                          f"not the golden {name}:\n{wanted}", seconds)

    def type(self, text):
        self.terminal.type(text)

    def resize(self, columns, lines):
        """The kernel tells the command by SIGWINCH."""
        self.terminal.text = ""
        self.columns, self.lines = columns, lines
        fcntl.ioctl(self.terminal.fd, termios.TIOCSWINSZ,
                    struct.pack("HHHH", lines, columns, 0, 0))

    def modes(self):
        return termios.tcgetattr(self.terminal.fd)
