/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire form of messages, shared by encode.c and decode.c. A message is one msgpack map:
 *
 *     { 0: version, 1: type, 2: worker, 3: incarnation, 4: epoch, 5: attempt, 6: body, 7: topology }
 *
 * The body is a map with the keys below. Items of lists are arrays in the order drawn at their
 * encoder. Unknown keys and additional array elements are ignored, so that a newer version may add
 * some; everything known is required. Bytes are bin, or nil for "none". Keys never change meaning.
 */
#ifndef CODEC_MESSAGE_WIRE_H
#define CODEC_MESSAGE_WIRE_H

#include "codec/message.h"

/** Longest text of a message in bytes. */
#define MESSAGE_TEXT_MAX 65536u

enum {
    KEY_VERSION = 0,
    KEY_TYPE = 1,
    KEY_WORKER = 2,
    KEY_INCARNATION = 3,
    KEY_EPOCH = 4,
    KEY_ATTEMPT = 5,
    KEY_BODY = 6,
    KEY_TOPOLOGY = 7,
    KEYS_COUNT = 8
};

enum {
    HELLO_WORKER = 0,
    HELLO_INCARNATION = 1,
    HELLO_PID = 2,
    HELLO_ENDPOINT = 3,
    HELLO_RUNNING = 4,
    HELLO_KEYS = 5
};

enum {
    ASSIGN_RUN_NAME = 0,
    ASSIGN_TREE = 1,
    ASSIGN_TASK_WORKER = 2, /* array: worker of task 1, 2, … */
    ASSIGN_WORKERS_COUNT = 3,
    ASSIGN_ACTIVE = 4,
    ASSIGN_BEAT_MS = 5,
    ASSIGN_OFFSETS_MS = 6,
    ASSIGN_POSITIONS = 7, /* array: bytes or nil of task 1, 2, … */
    ASSIGN_KEYS = 8
};

enum { PEERS_ITEMS = 0, PEERS_KEYS = 1 };
enum { PEER_FIELDS = 4 }; /* worker, up, incarnation, endpoint */

enum { COMMAND_COMMAND = 0, COMMAND_LEVEL = 1, COMMAND_KEYS = 2 };

enum {
    BEAT_STATE = 0,
    BEAT_FINISH_LEVEL = 1,
    BEAT_SPOUTS_DONE = 2,
    BEAT_QUIET = 3,
    BEAT_ROUND = 4,
    BEAT_LINKS = 5,
    BEAT_STATS_ROUND = 6,
    BEAT_ACTIVITY = 7,
    BEAT_FRAMES_REFUSED = 8,
    BEAT_DUPLICATES_DROPPED = 9,
    BEAT_LINKS_FAILED = 10,
    BEAT_CPU_USER_NS = 11,
    BEAT_CPU_SYSTEM_NS = 12,
    BEAT_FIRST_ACKED_NS = 13,
    BEAT_RSS_KB = 14,
    BEAT_RSS_PEAK_KB = 15,
    BEAT_TASKS = 16,
    BEAT_KEYS = 17
};

/* task, executed, emitted, acked, failed, timed_out, errors, pending, queue_bytes,
 * queue_bytes_max, blocked_ns, total_executed, total_emitted, total_acked, total_failed,
 * execute_ns, complete_ns */
enum { STATS_FIELDS = 17 };

enum { OFFSETS_ITEMS = 0, OFFSETS_FINAL = 1, OFFSETS_KEYS = 2 };
enum { OFFSET_FIELDS = 2 }; /* task, position */

enum { EVENT_EVENT = 0, EVENT_OTHER = 1, EVENT_TASK = 2, EVENT_TEXT = 3, EVENT_KEYS = 4 };

enum { TOUCHED_WORKERS = 0, TOUCHED_KEYS = 1 };

enum { LEVEL_LEVEL = 0, LEVEL_COMPONENT = 1, LEVEL_FOR_MS = 2, LEVEL_KEYS = 3 };

enum {
    TAP_TAP = 0,
    TAP_COMPONENT = 1,
    TAP_STREAM = 2,
    TAP_RATE = 3,
    TAP_FILTER = 4,
    TAP_FOR_MS = 5,
    TAP_KEYS = 6
};

enum {
    SAMPLE_TAP = 0,
    SAMPLE_TASK = 1,
    SAMPLE_STREAM = 2,
    SAMPLE_TIME_MS = 3,
    SAMPLE_VALUES = 4,
    SAMPLE_SKIPPED = 5,
    SAMPLE_TEXT = 6,
    SAMPLE_KEYS = 7
};

#endif
