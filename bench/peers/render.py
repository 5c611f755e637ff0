#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the Markdown tables and the chart from a result document of peers.py.

`render.py bench/results/peers.json` writes peers.md and peers.svg beside it. With --readme FILE the
tables also replace what stands in FILE between the lines <!-- peers --> and <!-- /peers -->, so that
no figure there is typed by hand.
"""

import argparse
import json
import os
import sys

import peers_chart
import peers_text

BEGIN, END = "<!-- peers -->\n", "<!-- /peers -->\n"


def replaced(text, tables):
    """The text with new tables between the marks; None when it has no marks."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    return head + begin + tables + end + tail if begin and end else None


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("result", help="a document of peers.py --json")
    parser.add_argument("--readme", metavar="FILE", help="replace the tables of this file")
    args = parser.parse_args(arguments)
    with open(args.result, encoding="utf-8") as file:
        result = json.load(file)
    if result.get("kind") != "gale-peers":
        print(f"render: {args.result} is no result of peers.py", file=sys.stderr)
        return 65
    base = os.path.splitext(args.result)[0]
    tables = peers_text.markdown(result)
    for path, content in ((base + ".md", tables), (base + ".svg", peers_chart.svg(result))):
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        print(path)
    if args.readme:
        with open(args.readme, encoding="utf-8") as file:
            content = replaced(file.read(), tables)
        if content is None:
            print(f"render: {args.readme} has no lines {BEGIN.strip()} and {END.strip()}",
                  file=sys.stderr)
            return 65
        with open(args.readme, "w", encoding="utf-8") as file:
            file.write(content)
        print(args.readme)
    return 0


if __name__ == "__main__":
    sys.exit(main())
