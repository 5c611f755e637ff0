# SPDX-License-Identifier: Apache-2.0
"""Figures of the peers' JVMs: reading what Meter.java writes, differences, percentiles, the check."""

import glob
import json
import os

from peers_process import PeerError

TEXTS = (
    "the cow jumped over the moon",
    "an apple a day keeps the doctor away",
    "four score and seven years ago",
    "snow white and the seven dwarfs",
    "i am at two with nature",
)
# Of each sentence a word that no other one has.
OWN_WORDS = ("cow", "apple", "score", "snow", "nature")
# Trickle.java: words with this pushed out what waited in Storm's batches after the stop.
FILLER = "~"
# Histogram.java: 128 linear steps a power of two.
STEP_BITS = 7
STEPS = 1 << STEP_BITS


def read_statuses(directory):
    """Status by pid of all JVMs of a run."""
    found = {}
    for path in glob.glob(os.path.join(directory, "status-*.json")):
        with open(path, encoding="utf-8") as file:
            status = json.load(file)
        found[status["pid"]] = status
    return found


def total(statuses, component, key):
    """Sum of a counter over the tasks of a component."""
    return sum(task[key] for status in statuses.values() for task in status["tasks"]
               if task["component"] == component)


def rate(before, after, component, key):
    """Growth of a counter a second, each JVM by its own clock readings."""
    result = 0.0
    for pid, status in after.items():
        if pid not in before:
            raise PeerError(f"a worker was started anew during the run (pid {pid})")
        seconds = (status["now_ns"] - before[pid]["now_ns"]) / 1e9
        if seconds <= 0:
            raise PeerError(f"the figures of pid {pid} stood still")
        grown = total({pid: status}, component, key) - total({pid: before[pid]}, component, key)
        result += grown / seconds
    return result


def bucket_middle_ns(bucket):
    """The middle of a bucket of Histogram.java."""
    if bucket < STEPS:
        return float(bucket)
    shift = (bucket >> STEP_BITS) - 1
    return ((bucket & (STEPS - 1)) + STEPS + 0.5) * (1 << shift)


def latency_counts(statuses, component):
    """Buckets of all tasks of a component, added."""
    counts = {}
    for status in statuses.values():
        for task in status["tasks"]:
            if task["component"] == component:
                for bucket, count in task.get("latency", {}).items():
                    counts[int(bucket)] = counts.get(int(bucket), 0) + count
    return counts


def percentiles_us(before, after, shares):
    """Percentiles of what was recorded between two readings; empty when nothing was."""
    counts = {bucket: count - before.get(bucket, 0) for bucket, count in after.items()}
    whole = sum(counts.values())
    if whole == 0:
        return {}
    result, passed, left = {}, 0, sorted(shares.items(), key=lambda item: item[1])
    for bucket in sorted(counts):
        passed += counts[bucket]
        while left and passed >= left[0][1] * whole:
            result[left.pop(0)[0]] = bucket_middle_ns(bucket) / 1000
    return result


def expected_words(sentences):
    """Count by word for so many of each sentence."""
    words = {}
    for text, times in zip(TEXTS, sentences):
        for word in text.split():
            words[word] = words.get(word, 0) + times
    return {word: count for word, count in words.items() if count}


def compare_words(sentences, words):
    """Every word of so many of each sentence was counted exactly once."""
    if sum(sentences) == 0:
        raise PeerError("wrong result: no sentence was emitted")
    expected = expected_words(sentences)
    for word in sorted(set(expected) | set(words)):
        if expected.get(word, 0) != words.get(word, 0):
            raise PeerError(f"wrong result: {word!r} was counted {words.get(word, 0)} times, "
                            f"it occurred {expected.get(word, 0)} times")
    return f"the counts of {len(words)} words are exactly those of {sum(sentences)} sentences"


def check_words(statuses):
    """What the tasks of a JVM engine counted, against what its sources emitted."""
    sentences, words = [0] * len(TEXTS), {}
    for status in statuses.values():
        for task in status["tasks"]:
            sentences = [a + b for a, b in zip(sentences, task["sentences"])]
            for word, count in task["words"].items():
                if not word.startswith(FILLER):
                    words[word] = words.get(word, 0) + count
    if total(statuses, "sentences", "emitted") != sum(sentences):
        raise PeerError("wrong result: the sentences do not add up")
    return compare_words(sentences, words)


def check_result_file(path, emitted):
    """Final counts of a run of Gale, one "word TAB count" a line. How often each sentence occurred
    follows from a word that no other sentence has; all other words must agree with it."""
    words = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            word, _, count = line.rstrip("\n").partition("\t")
            if word in words or not count.isdigit():
                raise PeerError(f"wrong result: the line {line!r} of the counts")
            words[word] = int(count)
    sentences = [words.get(word, 0) for word in OWN_WORDS]
    if sum(sentences) != emitted:
        raise PeerError(f"wrong result: {emitted} sentences were emitted, the counts are those of "
                        f"{sum(sentences)}")
    return compare_words(sentences, words)


def check_identity(statuses):
    """Every tuple came through both steps."""
    emitted = total(statuses, "constant", "emitted")
    for component in ("identity", "sink"):
        executed = total(statuses, component, "executed")
        if executed != emitted or emitted == 0:
            raise PeerError(f"wrong result: {emitted} tuples were emitted, "
                            f"{component} executed {executed}")
    return f"all of {emitted} tuples came through both steps"


def check(statuses, workload, spout, is_acked):
    """The check of a run that has come to rest; a sentence that says what was checked."""
    said = check_identity(statuses) if workload == "identity" else check_words(statuses)
    if is_acked:
        emitted = total(statuses, spout, "emitted")
        acked, failed = total(statuses, spout, "acked"), total(statuses, spout, "failed")
        if acked != emitted or failed:
            raise PeerError(f"wrong result: {emitted} emitted, {acked} acked, {failed} failed")
        said += ", each acked once, none failed"
    return said
