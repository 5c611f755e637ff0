/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Micro-benchmarks: what a part of the engine does alone, in a loop whose result is checked, so that
 * a change of a hot path shows where it acts. Each measure runs in rounds of a given time; a round
 * that reads back anything else than what was written ends the measure with an error.
 *
 * They call the engine's own functions in this process (the transport: in this process and one that
 * it forks), and are no measure of the engine as a whole. One thread.
 */
#ifndef BENCH_MICRO_MICRO_H
#define BENCH_MICRO_MICRO_H

#include <gale/errors.h>
#include <stdbool.h>
#include <stdint.h>

#define MICRO_ROUNDS_MAX 32

struct micro_options {
    double seconds;  /* Of one round of one measure, > 0. */
    unsigned rounds; /* 1 to MICRO_ROUNDS_MAX. */
    uint64_t seed;   /* Of the data: equal seeds make equal data. */
};

/** One round. */
struct micro_round {
    double per_s;                           /* Operations per second of wall time. */
    double ns_per_op;                       /* Wall time of one operation. */
    double bytes_per_s;                     /* 0: the operation has no bytes. */
    double cores;                           /* CPU time of all processes by wall time. */
    double p50_us, p99_us, p999_us, max_us; /* Round trips; else 0. */
};

/** What one measure gave. */
struct micro_figure {
    const char *name;  /* "batch-read", "ipc-4096" */
    const char *title; /* What was done, in words. */
    const char *unit;  /* What is counted: "tuples", "messages". */
    const char *check; /* What was checked exactly. */
    bool has_bytes;
    bool is_round_trip; /* The percentiles are set; per_s counts round trips. */
    unsigned rounds_count;
    struct micro_round rounds[MICRO_ROUNDS_MAX];
};

/** Receives each figure as soon as it is there; it is lent for the call. False: no more are wanted,
 *  and the function returns GALE_ERR_CLOSED. */
typedef bool (*micro_on_figure)(const struct micro_figure *figure, void *user);

/** Values, batches, frames, validation, LZ4, hashes and histogram; msgpack-c as the anchor.
 *  @return GALE_OK, GALE_ERR_CORRUPT (a check failed: *error says which), GALE_ERR_NOMEM,
 *  GALE_ERR_CLOSED. */
enum gale_err micro_codec(const struct micro_options *options, micro_on_figure on_figure,
                          void *user, struct gale_error *error);

/** The ZeroMQ adapter between this process and a forked one, over ipc:// and tcp://127.0.0.1.
 *  The caller has no live transport and no further thread: it forks.
 *  @return as micro_codec; also GALE_ERR_IO, GALE_ERR_LIMIT. */
enum gale_err micro_transport(const struct micro_options *options, micro_on_figure on_figure,
                              void *user, struct gale_error *error);

/* ---- The anchor (anchor_msgpack.c): the same records by msgpack-c. ---------------------------- */

/** One record of the codec measures: three fields. */
struct micro_record {
    const char *word;
    uint32_t word_size;
    int64_t number;
    double real;
};

/** Adds what a reader has found to its sum: the order of fields counts. Writers and all readers
 *  use it, so that equal sums mean equal records. */
uint64_t micro_sum(uint64_t sum, const struct micro_record *record);

struct micro_anchor; /* A packer's buffer and an unpacker's zone. */
/** NULL: no memory. */
struct micro_anchor *micro_anchor_new(void);
void micro_anchor_free(struct micro_anchor *anchor);
/** Packs `count` records of three values each; *data is valid until the next call.
 *  False: no memory. */
bool micro_anchor_pack(struct micro_anchor *anchor, const struct micro_record *records,
                       uint32_t count, const uint8_t **data, uint32_t *size);
/** Unpacks them all again into a zone and sums them by micro_sum from 0. False: not these records. */
bool micro_anchor_unpack(struct micro_anchor *anchor, const uint8_t *data, uint32_t size,
                         uint32_t count, uint64_t *sum);

#endif
