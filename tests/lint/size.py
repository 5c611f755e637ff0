#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what clang-format does not: length of files and functions, the licence line, leftovers.
A function may be longer when a comment in it or above it says "Longer than 70 lines because".
Usage: size.py ROOT | size.py --self-test"""

import os
import re
import sys

FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70
FOLDERS = ("runtime", "coordinator", "spouts", "bolts", "topologies", "tests", "bench")
EXCUSE = "Longer than 70 lines because"
LEFTOVER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def check(name, text):
    errors = []
    lines = text.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    if len(lines) > FILE_LINES_MAX:
        errors.append(f"{name}: {len(lines)} lines; split it (at most {FILE_LINES_MAX})")
    if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(lines[:3]):
        errors.append(f"{name}:1: no SPDX line")
    if not text.endswith("\n"):
        errors.append(f"{name}:{len(lines)}: no newline at the end")
    opened = None
    for number, line in enumerate(lines, 1):
        if line != line.rstrip() or "\t" in line and name.endswith((".c", ".h")):
            errors.append(f"{name}:{number}: tab or blank at the end of the line")
        if LEFTOVER.search(line) and not name.endswith("size.py"):
            errors.append(f"{name}:{number}: leftover {LEFTOVER.search(line).group()}")
        if not name.endswith((".c", ".h")):
            continue
        if line == "{":
            opened = number
        elif line == "}" and opened is not None:
            length = number - opened + 1
            context = "\n".join(lines[max(0, opened - 12):number])
            if length > FUNCTION_LINES_MAX and EXCUSE not in context:
                errors.append(f"{name}:{opened}: function of {length} lines "
                              f"(at most {FUNCTION_LINES_MAX})")
            opened = None
    return errors


def self_test():
    head = "/* SPDX-License-Identifier: Apache-2.0 */\n"
    samples = [
        (head + "int f(void)\n{\n" + "    a();\n" * 68 + "}\n", None),
        (head + "int f(void)\n{\n" + "    a();\n" * 69 + "}\n", "function of 71"),
        (head + f"/* {EXCUSE} x. */\nint f(void)\n{{\n" + "    a();\n" * 69 + "}\n", None),
        (head + "int a;\n" * 800, "801 lines"), ("int a;\n", "no SPDX"),
        (head + "/* " + "TO" + "DO: it */\n", "leftover"), (head + "int a; \n", "blank"),
        (head + "int a;", "no newline"),
    ]
    for text, wanted in samples:
        errors = check("a.c", text)
        if (wanted is None) != (not errors) or wanted and wanted not in errors[0]:
            sys.exit(f"self-test: {text[-40:]!r} gave {errors}")
    print(f"{len(samples)} samples judged rightly")


def main():
    if sys.argv[1] == "--self-test":
        self_test()
        return
    errors, count = [], 0
    for top in FOLDERS:
        for folder, folders, names in os.walk(os.path.join(sys.argv[1], top)):
            folders[:] = [f for f in folders if not f.startswith((".", "build", "corpus"))]
            for name in names:
                if name.endswith((".c", ".h", ".sh", ".py")):
                    path = os.path.join(folder, name)
                    with open(path, encoding="utf-8") as file:
                        errors += check(os.path.relpath(path, sys.argv[1]), file.read())
                    count += 1
    for error in errors:
        print(error)
    if errors or count == 0:
        sys.exit(f"{len(errors)} errors in {count} files")
    print(f"{count} files, all in size")


main()
