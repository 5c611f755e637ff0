# SPDX-License-Identifier: Apache-2.0
"""`gale explain`, docs/errors.md and the codes of core/diag.h are the same table."""
import json
import os
import re
import subprocess

from common_run import GALE, check, ok

SOURCE = os.environ["GALE_SOURCE"]


def explain(*arguments, code=0):
    done = subprocess.run([GALE, "explain", *arguments], capture_output=True, text=True,
                          check=False)
    check(done.returncode == code, f"explain {arguments}: {done.returncode}, {done.stderr}")
    return done.stdout


def documented():
    """Rows of docs/errors.md; a link counts as the file that it leads to."""
    with open(os.path.join(SOURCE, "docs", "errors.md"), encoding="utf-8") as file:
        rows = re.findall(r"^\| ([EW]\d+) \| (.*) \| (.*) \|$", file.read(), re.MULTILINE)
    return [tuple(re.sub(r"\[[^\]]*\]\(([^)]*)\)", r"docs/\1", cell) for cell in row)
            for row in rows]


def declared():
    with open(os.path.join(SOURCE, "runtime", "core", "diag.h"), encoding="utf-8") as file:
        numbers = re.findall(r"^    DIAG_\w+ = (\d+)", file.read(), re.MULTILINE)
    return [("W" if int(number) >= 500 else "E") + number for number in numbers]


document = json.loads(explain("--json"))
table = [(item["code"], item["meaning"], item["advice"]) for item in document["codes"]]
check(document["schema"] == 1 and len(table) > 20, f"{len(table)} codes")
check(table == documented(), f"docs/errors.md differs: {set(table) ^ set(documented())}")
check([row[0] for row in table] == declared(), f"core/diag.h has {declared()}")
for code, meaning, _ in table:
    check(" ".join(explain(code.lower()).split()).startswith(f"{code}: {meaning}"), code)
check(explain("-q").split() == [row[0] for row in table], "-q lists the codes")
check(explain("E999", code=66) == "", "an unknown code prints nothing on stdout")
ok(f"{len(table)} codes are declared, explained and documented alike")
