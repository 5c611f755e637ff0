# SPDX-License-Identifier: Apache-2.0
"""A module and files go to the hosts with the topology: its sources may be gone as soon as it is
submitted; each host has them by their content, and a damaged copy is fetched anew before it is used.
Labels: slow"""
import hashlib
import os
import shutil
import signal

from common_cluster import Cluster
from common_run import check, ok, path, wait_until

LINES = 2000
TOPOLOGIES = os.path.join(os.environ.get("GALE_BUILD", "."), "topologies")
MODULE = os.path.join(TOPOLOGIES, "wordcount", "libsplit.so")
BUILDER = os.path.join(TOPOLOGIES, "exclamation", "libexclaim.so")


def digest(name):
    with open(name, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def word(letter, number):
    """A word of its own for each number; split takes runs of letters."""
    return letter + str(number).translate(str.maketrans("0123456789", "klmnopqrst"))


def topology(name, out):
    return f"""
name: {name}
workers: 2
files: {{ lines: lines.txt }}
spouts: {{ in: {{ type: file, path: "${{file.lines}}", follow: true }} }}
bolts:
  split: {{ module: ./libsplit.so, bolt: split, parallelism: 2, from: [ {{ in: shuffle }} ] }}
  sink: {{ type: file, path: {out}, format: raw, from: [ {{ split: global }} ] }}
"""


def words_of(name):
    try:
        with open(name, encoding="ascii") as file:
            return set(file.read().split("\n")) - {""}
    except OSError:
        return set()


def submit(cluster, name):
    """Submits from a folder that is gone afterwards. Gives the names of the blobs."""
    folder = path(f"from-{name}")
    os.mkdir(folder)
    shutil.copy(MODULE, folder)
    with open(os.path.join(folder, "lines.txt"), "w", encoding="ascii") as file:
        file.write("".join(f"{word('a', n)} {word('b', n)}\n" for n in range(LINES)))
    with open(os.path.join(folder, "t.yaml"), "w", encoding="ascii") as file:
        file.write(topology(name, path(name)))
    blobs = [digest(os.path.join(folder, entry)) for entry in ("lines.txt", "libsplit.so")]
    cluster.cli("submit", os.path.join(folder, "t.yaml"), "--inactive")
    shutil.rmtree(folder)
    cluster.cli("activate", name)
    return blobs


def test_sources_may_go(cluster):
    blobs = submit(cluster, "first")
    wanted = {word(letter, n) for letter in "ab" for n in range(LINES)}
    wait_until(lambda: words_of(path("first")) == wanted, "every word at the sink", 30)
    for host in cluster.hosts:
        if host.workers():
            for blob in blobs:
                check(digest(os.path.join(host.folder, "blobs", blob)) == blob,
                      f"no good copy of {blob} on {host.name}")
    ok("module and file came by their content; the submitter's are gone")


def test_module_builds_its_topology(cluster):
    folder = path("built")
    os.mkdir(folder)
    shutil.copy(BUILDER, folder)
    os.chdir(folder)  # Where paths of such a topology begin.
    cluster.cli("submit", "./libexclaim.so")
    os.chdir("/")
    shutil.rmtree(folder)
    wait_until(lambda: cluster.status("exclamation") == "finished", "the end of its spout", 30)
    printed = ""
    for host in cluster.hosts:
        for worker in range(2):
            name = os.path.join(host.folder, "log", "exclamation", f"worker-{worker}.log")
            if os.path.exists(name):
                with open(name, encoding="utf-8") as file:
                    printed += file.read()
    check("nathan!!!!!!" in printed, f"no exclamation in the workers' logs: {printed[-500:]}")
    ok("a module whose topology is built in C is submitted as it is")


def test_damage_is_found():
    """A supervisor looks at a copy before it starts the first worker of its life with it."""
    with Cluster(coordinators=1, hosts=1) as cluster:
        host = cluster.hosts[0]
        blobs = submit(cluster, "second")
        cluster.await_workers(2)
        host.all_signal(signal.SIGKILL)
        for blob in blobs:
            name = os.path.join(host.folder, "blobs", blob)
            os.chmod(name, 0o600)
            with open(name, "r+b") as file:
                file.write(b"damage")
        host.start()
        cluster.await_workers(2)
        for blob in blobs:
            check(digest(os.path.join(host.folder, "blobs", blob)) == blob,
                  f"{blob} is still damaged")
    ok("a damaged copy is fetched anew before a worker starts with it")


def main():
    with Cluster(coordinators=1, hosts=2) as cluster:
        test_sources_may_go(cluster)
        test_module_builds_its_topology(cluster)
    test_damage_is_found()


main()
