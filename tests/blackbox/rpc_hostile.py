# SPDX-License-Identifier: Apache-2.0
"""Clients that no gale is, against real daemons: garbage frames, trees beyond every limit, verbs
with wrong types, clients that ask and never read, uploads that are begun and left, and connections
that say nothing. Coordinator and supervisor go on answering, soon, and stay small."""
import hashlib
import os
import random
import struct
import time

from common_cluster import Cluster
from common_run import check, ok, wait_until
from common_zmtp import Connection, pack

SEED = random.SystemRandom().getrandbits(32)
YAML = """name: words
workers: 1
spouts:
  lines: { type: generator, constant: "the quick brown fox", rate: 100 }
bolts:
  split: { type: split, parallelism: 2, from: [ { lines: shuffle } ] }
"""
VERBS = ("who host submit rebalance list describe sample errors hosts log_level tap tap_read "
         "blob_has blob_get blob_put status poke log_read nope").split()
KEYS = ("name parallelism workers wait_ms fresh owner component stream rate where for_ms tap after "
        "level tasks sha size offset limit topology worker rpc held gone incarnation").split()
NUMBERS = [0, 1, -1, 2**31, 2**32, 2**63 - 1, -2**63, 65536]
TEXTS = ["", "words", "split", "..", "/", "a/b", "x" * 3000, b"\xff\xfe", "\x1b[2J", "0" * 64]


def memory_kb(daemon):
    with open(f"/proc/{daemon.pid()}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def well(cluster):
    """Both daemons live and the command line is served."""
    for daemon in cluster.coordinators + cluster.hosts:
        check(daemon.runs(), f"{daemon.kind} died: {daemon.tail()}")
    found = cluster.ask("list")["topologies"]
    check([item["name"] for item in found] == ["words"], f"list: {found}")


def endpoints(cluster):
    return [cluster.settings["coordinator.addresses"], cluster.ask("hosts")["hosts"][0]["rpc"]]


def garbage(cluster):
    who = pack({"verb": "who"})
    hostile = [[b""], [b"GR"], [b"x" * 12, who], [b"", who], [who], [who] * 20]
    trees = [b"", b"\xc1", b"\x80", b"\x90", b"\xdf\xff\xff\xff\xff", b"\xdd\x03\xff\xff\xff",
             b"\x82\xa4verb\xa3who\xa1x" + b"\x91" * 100000 + b"\xc0",
             b"\x82\xa4verb\xa3who\xa1x\xdd" + struct.pack(">I", 4000000) + b"\xc0" * 4000000,
             pack({"verb": ["who"]}), pack({"verb": "x" * 1000000}), pack({"verb": b"\xff"})]
    for endpoint in endpoints(cluster):
        for frames in hostile:
            Connection(endpoint).send(frames)
        one = Connection(endpoint)
        for tree in trees:
            one.send([one.head(), tree])
        one.send([one.head(version=9), who])
        one.send([one.head(kind=2), who])
        one.ask({"verb": "status"})  # Refused or not: what was garbage broke nothing.
        check(one.answer() is not None, "an answer behind garbage")
        late = Connection(endpoint)
        late.socket.sendall(b"\x02" + struct.pack(">Q", 1 << 40))  # A frame of a tebibyte.
    well(cluster)


def value(chance, depth=0):
    kind = chance.randrange(6 if depth < 3 else 3)
    if kind == 0:
        return chance.choice(NUMBERS)
    if kind in (1, 2):
        return chance.choice(TEXTS)
    if kind == 3:
        return chance.choice([None, True, False])
    if kind == 4:
        return [value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {chance.choice(KEYS): value(chance, depth + 1) for _ in range(chance.randrange(4))}


def wrong_types(cluster):
    chance = random.Random(SEED)
    for endpoint in endpoints(cluster):
        one = Connection(endpoint)
        for _ in range(3000):
            tree = {"verb": chance.choice(VERBS)}
            if chance.random() < 0.5:
                tree["name"] = "words"
            for _ in range(chance.randrange(5)):
                tree.setdefault(chance.choice(KEYS), value(chance))
            if tree["verb"] == "rebalance":
                tree["dry"] = True
            if tree["verb"] == "host":
                tree["name"] = "another"
            one.ask(tree, chance.randbytes(chance.randrange(40)))
            check(one.answer() is not None, f"an answer to {tree}")
    well(cluster)


def never_read(cluster):
    """What waits for clients that do not read is little, however much they ask for."""
    data = random.Random(SEED).randbytes(1 << 20)
    sha = hashlib.sha256(data).hexdigest()
    coordinator = cluster.coordinators[0]
    endpoint = endpoints(cluster)[0]
    first = Connection(endpoint)
    first.ask({"verb": "blob_put", "sha": sha, "size": len(data), "offset": 0}, data)
    check(first.answer() is not None, "blob_put is answered")
    before = memory_kb(coordinator)
    clients = [Connection(endpoint, receive_size=4096) for _ in range(4)]
    for client in clients:
        for _ in range(200):
            client.ask({"verb": "blob_get", "sha": sha, "offset": 0})
        client.ping()
    last = Connection(endpoint)
    for _ in range(400):  # Clients are served in turn: all that was asked has been answered then.
        last.ask({"verb": "who"})
        check(last.answer() is not None, "others are answered")
    grown = memory_kb(coordinator) - before
    check(grown < 4 * 48 * 1024, f"4 clients that do not read take {grown} KiB")
    for client in clients:
        client.close()
    well(cluster)


def left_uploads(cluster):
    endpoint = endpoints(cluster)[0]
    one = Connection(endpoint)
    refused = 0
    for number in range(300):
        one.ask({"verb": "blob_put", "sha": f"{number:064x}", "size": 100, "offset": 0}, b"half")
        refused += b"error" in one.answer()[1]
    check(refused == 300 - 256, f"{refused} uploads were refused")
    well(cluster)


def silent_connections(cluster):
    """More than wait at once: each is cut when it says nothing for a while."""
    coordinator = cluster.coordinators[0]
    silent = [Connection(endpoints(cluster)[0]) for _ in range(300)]
    begin = time.monotonic()
    well(cluster)
    check(time.monotonic() - begin < 5.0, "list beside 300 silent connections takes long")
    wait_until(lambda: cluster.ask("list") and count_files(coordinator) < 200,
               "silent connections are cut", 30.0)
    for connection in silent:
        connection.close()


def count_files(daemon):
    return len(os.listdir(f"/proc/{daemon.pid()}/fd"))


print(f"seed {SEED}")
with Cluster(hosts=1) as running:
    running.submit("words", YAML)
    for test in (garbage, wrong_types, never_read, left_uploads, silent_connections):
        test(running)
        ok(test.__name__.replace("_", " "))
