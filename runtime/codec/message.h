/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between the coordinator and its workers: msgpack maps with integer keys, packed by
 * msgpack-c, scanned by our own validator before msgpack-c may see them. Any bytes are safe.
 * Strings in a decoded message point into the decoded arena: valid until message_fini.
 */
#ifndef CODEC_MESSAGE_H
#define CODEC_MESSAGE_H

#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_VERSION 3
#define MESSAGE_SIZE_MAX (16u << 20)
#define MESSAGE_WORKERS_MAX 256
#define MESSAGE_TASKS_MAX 16384

enum message_type {
    MESSAGE_HELLO = 1,   /* worker → coordinator: I live; my endpoint */
    MESSAGE_ASSIGN = 2,  /* coordinator → worker: topology, tasks of all workers, settings */
    MESSAGE_PEERS = 3,   /* → worker: who is up where; changes at each death and restart */
    MESSAGE_COMMAND = 4, /* → worker: run state */
    MESSAGE_BEAT = 5,    /* worker →: I live; counters; quiet or not */
    MESSAGE_OFFSETS = 6, /* worker →: positions of replayable spout tasks */
    MESSAGE_EVENT = 7,   /* worker →: link failed, component error, fatal error */
    MESSAGE_TOUCHED = 8, /* → worker: fail every tree that reached these workers */
    MESSAGE_PULSE =
        9, /* worker → its keeper: the process lives, whatever its engine thread is at */
    MESSAGE_LOG_LEVEL = 10, /* → worker: another level for a while */
    MESSAGE_TAP = 11,       /* → worker: say samples of a stream for a while */
    MESSAGE_SAMPLE = 12     /* worker →: one tuple of a tap */
};

enum message_command {
    COMMAND_ACTIVATE = 1,
    COMMAND_DEACTIVATE = 2,
    COMMAND_DRAIN = 3,  /* spouts stop for good */
    COMMAND_FINISH = 4, /* run finish of all bolts of `level` */
    COMMAND_STOP = 5,   /* cleanup, last beat and offsets, exit 0 */
    COMMAND_RESET_STATS =
        6,             /* end of warm-up number `level`: counters and histograms start at 0 */
    COMMAND_COUNT = 7, /* answer with a beat of round `level`; changes no state */
    COMMAND_EXIT = 8   /* to one that has stopped or failed: all it said was taken, exit now */
};

enum message_event {
    EVENT_LINK_FAILED = 1,     /* other = worker index whose link to me has a gap */
    EVENT_COMPONENT_ERROR = 2, /* task, text */
    EVENT_FATAL = 3,  /* prepare/open failed, bad module …: text; a run ends with it */
    EVENT_REFUSED = 4 /* a hostile or stale frame was dropped: text */
};

/* Data pointers are borrowed: when encoding, the caller's; when decoded, the message's arena. */
struct message_bytes {
    const uint8_t *data;
    size_t size;
};

struct message_hello {
    uint32_t worker;
    uint64_t incarnation;
    int64_t pid;
    const char *data_endpoint; /* frames and messages both arrive here; the first byte tells */
    bool running;              /* it has its tasks: told by an earlier coordinator */
};

struct message_assign {
    const char *run_name;        /* topology name */
    struct message_bytes tree;   /* conf_pack */
    const uint16_t *task_worker; /* [tasks_count + 1]: worker of each task id; 0 unused */
    uint32_t tasks_count;
    uint32_t workers_count;
    bool active; /* start active */
    uint32_t beat_ms;
    uint32_t offsets_ms;
    const struct message_bytes *positions; /* [tasks_count + 1] saved positions or {NULL,0} */
};

struct message_peer {
    uint32_t worker;
    bool up;
    uint64_t incarnation;      /* 0 when never up */
    const char *data_endpoint; /* "" when not up */
};

struct message_task_stats {
    uint32_t task;
    uint64_t executed, emitted, acked, failed, timed_out, errors;
    uint64_t pending;                      /* spouts: open trees; bolts: kept tuples */
    uint64_t queue_bytes, queue_bytes_max; /* bolts: inbox fill and its bound */
    uint64_t blocked_ns;                   /* time its output had no room */
    /* The same since the start of the process: RESET_STATS leaves them alone. */
    uint64_t total_executed, total_emitted, total_acked, total_failed;
    struct message_bytes execute_ns;  /* packed hist (bolts); absent: as said before */
    struct message_bytes complete_ns; /* packed hist (spouts) */
};

struct message_beat {
    uint32_t state;        /* last command obeyed, enum message_command; 0 = starting */
    uint32_t finish_level; /* last FINISH level done + 1 */
    bool spouts_done;      /* all spout tasks said DONE (or drained) and nothing is pending */
    bool quiet;            /* nothing runnable, inboxes and open batches empty, nothing kept */
    uint32_t round;        /* number of the COUNT obeyed last; with `links` it proves the end */
    uint64_t links; /* what it sent and received on each link, as one number: the XOR over all
                       workers is 0 when nothing is under way */
    uint64_t stats_round; /* number of the RESET_STATS obeyed last */
    uint64_t activity;    /* changes whenever anything was executed or emitted */
    uint64_t frames_refused, duplicates_dropped, links_failed;
    int64_t cpu_user_ns, cpu_system_ns; /* of the process so far */
    int64_t first_acked_ns; /* CLOCK_MONOTONIC of its first completed tree; 0: none */
    int64_t rss_kb, rss_peak_kb;
    const struct message_task_stats *tasks;
    uint32_t tasks_count;
};

struct message_offset {
    uint32_t task;
    struct message_bytes position;
};

struct message_offsets {
    const struct message_offset *items;
    uint32_t items_count;
    bool final; /* the last ones: goes with each last beat, so that it may be lost */
};

/* The level comes back to that of the start after for_ms, or with another message. */
struct message_log_level {
    uint32_t level;        /* enum gale_log_level */
    const char *component; /* "": everything in the process */
    uint64_t for_ms;       /* 0: back to that of the start now */
};

struct message_tap {
    uint64_t tap;          /* id of its samples */
    const char *component; /* whose output */
    const char *stream;
    uint32_t rate_per_s; /* samples; 0 ends the tap */
    const char *filter;  /* expression as of the filter bolt; "": all */
    uint64_t for_ms;
};

struct message_sample {
    uint64_t tap;
    uint32_t task;
    const char *stream;
    int64_t time_ms;             /* wall clock */
    struct message_bytes values; /* msgpack array */
    uint64_t skipped;            /* so far, that would have been samples */
    const char *text;            /* "", or why there will be none: a bad filter … */
};

struct message {
    enum message_type type;
    uint64_t topology;    /* 0 with `gale run` */
    uint32_t worker;      /* sender or addressee */
    uint64_t incarnation; /* of the worker process */
    uint64_t epoch;       /* of the coordinator; of a pulse: the frames' */
    uint32_t attempt;     /* of the topology */
    union {
        struct message_hello hello;
        struct message_assign assign;
        struct {
            const struct message_peer *items;
            uint32_t items_count;
        } peers;
        struct {
            enum message_command command;
            uint32_t level;
        } command;
        struct message_beat beat;
        struct message_offsets offsets;
        struct {
            enum message_event event;
            uint32_t other;
            uint32_t task;
            const char *text;
        } event;
        struct {
            uint64_t workers;
        } touched; /* mask, bit index mod 64 */
        struct message_log_level log_level;
        struct message_tap tap;
        struct message_sample sample;
    } as;
    void *arena; /* of a decoded message; NULL when built by hand */
};

/** Appends the encoded message to out. GALE_ERR_LIMIT beyond MESSAGE_SIZE_MAX. */
enum gale_err message_encode(const struct message *message, struct buf *out);
/** Decodes and validates everything (enums, counts, sizes, required members). On GALE_OK the
 *  caller calls message_fini. `data` need not outlive the call. */
enum gale_err message_decode(const uint8_t *data, size_t size, struct message *out,
                             struct gale_error *error);
void message_fini(struct message *message);

#endif
