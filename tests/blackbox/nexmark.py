#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Labels: asan
"""The rows of every Nexmark query equal those that SQLite computes by the queries' SQL text from the
same events, printed without the engine: with one and two workers, both guarantees, bids that cross
between the workers, disorder, and through a run that is interrupted and taken up again. The checksums
that the benchmark compares are computed a third time here."""
import os
import re
import signal
import sqlite3
import subprocess
import time

import common_run
from common_run import GALE, SEED, check, ok, path

BENCH = os.path.join(os.environ["GALE_BUILD"], "bench")
EVENTS = 20000
# 20,000 events in 27.8 hours, so that every hour of the day is met; the base is midnight UTC.
EVENT_RATE = 0.2
BASE_TIME = 1436918400000

TABLES = {
    "person": "id INTEGER, name TEXT, email TEXT, creditCard TEXT, city TEXT, state TEXT, "
              "dateTime INTEGER, extra TEXT",
    "auction": "id INTEGER, itemName TEXT, description TEXT, initialBid INTEGER, "
               "reserve INTEGER, dateTime INTEGER, expires INTEGER, seller INTEGER, "
               "category INTEGER, extra TEXT",
    "bid": "auction INTEGER, bidder INTEGER, price INTEGER, channel TEXT, url TEXT, "
           "dateTime INTEGER, extra TEXT",
}

# The queries of the Nexmark reference. SQLite has no decimals: 0.908 * price is written as thousandths
# in whole numbers. Its missing functions are defined below.
CHANNEL_ID = "REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2)"
QUERIES = {
    "q0": "SELECT auction, bidder, price, dateTime, extra FROM bid",
    "q1": "SELECT auction, bidder, THOUSANDTHS(908 * price) AS price, dateTime, extra FROM bid",
    "q2": "SELECT auction, price FROM bid WHERE MOD(auction, 123) = 0",
    "q14": """SELECT auction, bidder, THOUSANDTHS(908 * price) AS price,
        CASE WHEN HOUR(dateTime) >= 8 AND HOUR(dateTime) <= 18 THEN 'dayTime'
             WHEN HOUR(dateTime) <= 6 OR HOUR(dateTime) >= 20 THEN 'nightTime'
             ELSE 'otherTime' END AS bidTimeType,
        dateTime, extra, LENGTH(extra) - LENGTH(REPLACE(extra, 'c', '')) AS c_counts
        FROM bid WHERE 908 * price > 1000000 * 1000 AND 908 * price < 50000000 * 1000""",
    "q21": f"""SELECT auction, bidder, price, channel,
        CASE WHEN lower(channel) = 'apple' THEN '0'
             WHEN lower(channel) = 'google' THEN '1'
             WHEN lower(channel) = 'facebook' THEN '2'
             WHEN lower(channel) = 'baidu' THEN '3'
             ELSE {CHANNEL_ID} END AS channel_id
        FROM bid WHERE {CHANNEL_ID} IS NOT NULL
            OR lower(channel) IN ('apple', 'google', 'facebook', 'baidu')""",
    "q22": """SELECT auction, bidder, price, channel, SPLIT_INDEX(url, '/', 3) AS dir1,
        SPLIT_INDEX(url, '/', 4) AS dir2, SPLIT_INDEX(url, '/', 5) AS dir3 FROM bid""",
}


class Thousandths(str):
    """A decimal of three digits behind the point, as text."""


def regexp_extract(text, pattern, group):
    found = re.search(pattern, text)
    return found.group(group) if found else None


def split_index(text, separator, index):
    parts = text.split(separator)
    return parts[index] if index < len(parts) else None


def dump(kind, seed):
    done = subprocess.run(
        [os.path.join(BENCH, "nexmark_dump"), "--seed", str(seed), "--count", str(EVENTS),
         "--event-rate", str(EVENT_RATE), kind],
        stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    return [line.split("\t") for line in done.stdout.splitlines()]


def load(seed):
    base = sqlite3.connect(":memory:")
    base.create_function("REGEXP_EXTRACT", 3, regexp_extract, deterministic=True)
    base.create_function("SPLIT_INDEX", 3, split_index, deterministic=True)
    base.create_function("MOD", 2, lambda a, b: a % b, deterministic=True)
    base.create_function("HOUR", 1, lambda ms: time.gmtime(ms // 1000).tm_hour,
                         deterministic=True)
    base.create_function("THOUSANDTHS", 1, lambda n: f"{n // 1000}.{n % 1000:03}",
                         deterministic=True)
    for table, columns in TABLES.items():
        base.execute(f"CREATE TABLE {table} ({columns})")
        marks = ",".join("?" * (columns.count(",") + 1))
        base.executemany(f"INSERT INTO {table} VALUES ({marks})", dump(table, seed))
    return base


def one(base, sql):
    return base.execute(sql).fetchone()[0]


def check_events(base):
    """The rules that a join or a range shows in the data itself."""
    counts = {table: one(base, f"SELECT count(*) FROM {table}") for table in TABLES}
    check(counts == {"person": EVENTS // 50, "auction": EVENTS // 50 * 3,
                     "bid": EVENTS // 50 * 46}, f"shares are not 1:3:46: {counts}")
    check(one(base, "SELECT count(DISTINCT id) FROM auction WHERE id BETWEEN 1000 AND "
                    f"{999 + counts['auction']}") == counts["auction"], "ids of auctions")
    check(one(base, "SELECT count(*) FROM bid WHERE price NOT BETWEEN 100 AND 100000000") == 0,
          "prices of bids")
    check(one(base, "SELECT count(*) FROM auction WHERE expires <= dateTime "
                    "OR reserve <= initialBid OR category NOT BETWEEN 10 AND 14") == 0,
          "auctions")
    check(one(base, "SELECT count(*) FROM person WHERE state NOT IN "
                    "('AZ','CA','ID','OR','WA','WY') OR email NOT LIKE '%@%.com' "
                    "OR creditCard NOT LIKE '____ ____ ____ ____'") == 0, "persons")
    # All but the ids that may be named a little before they are there.
    unknown = one(base, "SELECT count(*) FROM bid WHERE auction NOT IN "
                        "(SELECT id FROM auction)")
    check(unknown < EVENTS / 1000, f"{unknown} bids on unknown auctions")
    times = [one(base, f"SELECT {what}(dateTime) FROM bid") for what in ("min", "max")]
    check(times == [BASE_TIME + 4 * 5000, BASE_TIME + (EVENTS - 1) * 5000], f"times: {times}")
    hours = one(base, "SELECT count(DISTINCT HOUR(dateTime)) FROM bid")
    check(hours == 24, f"{hours} of 24 hours are met")


# ---- The checksum, by its description ------------------------------------------------------------

MASK = (1 << 64) - 1


def fold(left, right):
    product = left * right
    return (product ^ (product >> 64)) & MASK


def checksum(row):
    first, second = 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b
    value = (len(row) * first + second) & MASK
    end = len(row) // 16 * 16
    padded = row[end:].ljust(16, b"\0")
    for piece in [row[at:at + 16] for at in range(0, end, 16)] + [padded]:
        value = fold(int.from_bytes(piece[:8], "little") ^ first ^ value,
                     int.from_bytes(piece[8:], "little") ^ second)
    return fold(value ^ first, second)


def pack(value):
    if isinstance(value, Thousandths):
        number = int(value.replace(".", ""))
        digits = number.to_bytes(number.bit_length() // 8 + 1, "big")
        body = b"\x03" + digits
        heads = {2: b"\xd5", 4: b"\xd6", 8: b"\xd7"}
        return heads.get(len(body), b"\xc7" + bytes([len(body)])) + b"\x01" + body
    if isinstance(value, str):
        data = value.encode()
        head = bytes([0xa0 + len(data)]) if len(data) < 32 else b"\xd9" + bytes([len(data)])
        return head + data
    if value < 128:
        return bytes([value])
    for code, size in ((0xcc, 1), (0xcd, 2), (0xce, 4), (0xcf, 8)):
        if value < 1 << (8 * size):
            return bytes([code]) + value.to_bytes(size, "big")
    raise ValueError(value)


def sum_of(rows, query):
    total = 0
    for row in rows:
        values = list(row)
        if query in ("q1", "q14"):
            values[2] = Thousandths(values[2])
        total += checksum(b"".join(map(pack, values)))
    return total & MASK


# ---- Runs ----------------------------------------------------------------------------------------

def topology():
    """The benchmark's own, and beside its sink one that writes the rows."""
    name = path("rows.yaml")
    with open(name, "w", encoding="utf-8") as file:
        file.write(f"""name: nexmark-rows
include: {BENCH}/nexmark.yaml
bolts:
  rows:
    type: file
    path: "${{rows}}-{{task}}"
    parallelism: ${{workers:-1}}
    from: [ {{ query: local-or-shuffle }} ]
""")
    return name


def command(query, name, defines):
    result = [GALE, "run", topology(), "--no-view", "--state-dir", path("state")]
    values = {"lib": BENCH, "query": query, "seed": SEED % 1000, "count": EVENTS,
              "event_rate": EVENT_RATE, "result": path(name + ".result"),
              "rows": path(name + ".rows"), **defines}
    for key, value in values.items():
        result += ["-D", f"{key}={value}"]
    return result


def run(arguments):
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=100, check=False)
    check(done.returncode == 0, f"{' '.join(arguments)}: {done.returncode}\n{done.stdout}")


def read_rows(name):
    lines = []
    for entry in os.listdir(common_run.DIR):
        if entry.startswith(name + ".rows-"):
            with open(path(entry), encoding="utf-8") as file:
                lines += file.read().splitlines()
    return sorted(lines)


def read_result(name):
    spouts, rows, total = [], 0, 0
    with open(path(name + ".result"), encoding="utf-8") as file:
        for line in file:
            what, *numbers = line.split()
            if what == "spout":
                spouts.append([int(number) for number in numbers])
            else:
                rows += int(numbers[1])
                total += int(numbers[2], 16)
    return sorted(spouts), rows, total & MASK


def compare(base, query, name, defines, expected):
    run(command(query, name, defines) + ["--fresh"])
    rows = read_rows(name)
    lines = sorted("\t".join(map(str, row)) for row in expected)
    check(len(lines) > EVENTS / 1000, f"{query}: only {len(lines)} rows to compare")
    for ours, theirs in zip(rows, lines):
        check(ours == theirs, f"{query} {name}: gale has\n{ours}\nSQLite has\n{theirs}")
    check(len(rows) == len(lines), f"{query} {name}: {len(rows)} rows, SQLite {len(lines)}")
    spouts, count, total = read_result(name)
    check(count == len(expected), f"{query} {name}: the sink counted {count} rows")
    check(total == sum_of(expected, query), f"{query} {name}: checksum {total:016x}")
    workers = defines.get("workers", 1)
    check([spout[:2] for spout in spouts] == [[i, workers] for i in range(workers)] and
          sum(spout[2] for spout in spouts) == EVENTS, f"{query} {name}: positions {spouts}")


VARIANTS = {
    "one": {},
    "two": {"workers": 2, "grouping": "shuffle"},
    "lossy": {"workers": 2, "guarantee": "at-most-once"},
    "disorder": {"group": 1000, "streams": "bid"},
}


def check_queries(base):
    for query, sql in QUERIES.items():
        expected = base.execute(sql).fetchall()
        for variant, defines in VARIANTS.items():
            # Positions are those of all events, whichever of them are wanted.
            compare(base, query, f"{query}-{variant}", defines, expected)
        ok(f"{query}: {len(expected)} rows as in SQLite, {len(VARIANTS)} variants")


def check_resumed(base):
    """A run that was stopped goes on where it was: nothing lost, nothing twice."""
    expected = base.execute(QUERIES["q0"]).fetchall()
    # Four seconds at this rate; it is interrupted as soon as rows are there.
    with subprocess.Popen(command("q0", "resumed", {"rate": 5000}) + ["--fresh"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        common_run.wait_until(lambda: len(read_rows("resumed")) > 100, "rows of the first part")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    first = len(read_rows("resumed"))
    check(0 < first < len(expected), f"the first part has {first} of {len(expected)} rows")
    run(command("q0", "resumed", {}))
    check(read_rows("resumed") == sorted("\t".join(map(str, row)) for row in expected),
          "the two parts are not the whole")
    ok(f"a run that was stopped after {first} rows goes on")
    arguments = command("q0", "resumed", {"workers": 2})
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=100, check=False)
    check(done.returncode != 0 and "old parallelism" in done.stdout,
          f"positions of one task were taken for two: {done.stdout}")
    ok("positions of another parallelism are refused")


# What the benchmark's own check must notice: the change to its topology, the benchmark and a part of
# what it says.
WRONG = {
    "other events": ("seed: ${seed:-1}", "seed: 7${seed:-1}", "nexmark-q0", "rows with checksum"),
    "doubled rows": ("from: [ { query: local-or-shuffle } ]",
                     "from: [ { query: local-or-shuffle }, { query: local-or-shuffle } ]",
                     "nexmark-q2", "rows, expected were"),
    "lost bids": ('streams: "${streams:-person,auction,bid}"', "streams: person,auction",
                  "nexmark-q22", " 0 bids"),
}


def check_bench():
    """`gale bench` accepts right runs and refuses wrong ones."""
    with open(os.path.join(BENCH, "nexmark.yaml"), encoding="utf-8") as file:
        # Every -D of the benchmark must have its use, also where a case takes its place away.
        right = file.read().replace("name: bench-nexmark", "name: nexmark-${query:-q0}")
    directory = path("bench")
    os.mkdir(directory)
    for entry in os.listdir(BENCH):
        if entry != "nexmark.yaml":
            os.symlink(os.path.join(BENCH, entry), os.path.join(directory, entry))
    cases = {"nothing": ("", "", "nexmark-q14", None), **WRONG}
    for what, (old, new, bench, part) in cases.items():
        check(old in right, f"{what}: nexmark.yaml has no {old}")
        with open(os.path.join(directory, "nexmark.yaml"), "w", encoding="utf-8") as file:
            file.write(right.replace(old, new, 1) if old else right)
        done = subprocess.run(
            [GALE, "bench", bench, "--tiny", "--workers", "1", "--guarantee", "at-least-once"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=100,
            check=False, env=dict(os.environ, GALE_BENCH_DIR=directory))
        if old:
            check(done.returncode == 1 and part in done.stdout,
                  f"{what}: exit code {done.returncode}\n{done.stdout}")
        else:
            check(done.returncode == 0 and "number and checksum of all" in done.stdout,
                  f"{bench}: exit code {done.returncode}\n{done.stdout}")
    ok(f"the benchmark's check notices {', '.join(WRONG)}")


def check_refused():
    for define, part in (("streams=", "person, auction and bid"), ("streams=bids", "streams"),
                         ("group=953", "953"), ("event_rate=-1", "event_rate"),
                         ("count=-1", "count"), ("rate=-1", "rate")):
        done = subprocess.run([GALE, "validate", os.path.join(BENCH, "nexmark.yaml"), "-D",
                               define], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=60, check=False)
        check(done.returncode != 0 and part in done.stdout, f"{define}: {done.stdout}")
    ok("invalid options are refused")


def main():
    base = load(SEED % 1000)
    check_events(base)
    ok("the events obey the rules")
    check_queries(base)
    check_resumed(base)
    check_refused()
    check_bench()


main()
