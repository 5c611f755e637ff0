/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Micro-benchmark `codec`: how long the engine's formats take. The data are one batch of records of
 * three fields (word, integer, double) as it travels between workers, made from the seed.
 *
 * A measure is a function that works through the batch `times` times and says whether what it found
 * each time was what had been written. The sum of the records (micro_sum) is computed by writers and
 * readers alike, so that a reader cannot be quick by leaving a field out.
 *
 * All on the caller's thread; the memory is the block's own.
 */
#include "micro/micro.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/hist.h"
#include "base/rng.h"
#include "codec/frame.h"
#include "codec/lz4_block.h"
#include "codec/scan.h"
#include "core/batch.h"
#include "core/frame.h"
#include "core/out.h"

#include <gale/gale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fill a batch of 32 KiB with about 17 bytes each. */
#define CODEC_RECORDS 1500u
#define CODEC_FIELDS 3u
#define CODEC_WORDS 64u
#define CODEC_WORD_SIZE_MAX 12u
#define CODEC_BATCH_ROOM (2u * BATCH_VALUES_SIZE)
/* Operations of the measures without data in one pass. */
#define CODEC_NUMBERS 4096u
#define CODEC_NUMBER_MAX 100000000u
/* A clock is read once a chunk, which is to last about this long. */
#define CODEC_CHUNK_NS 2000000

struct block {
    char words[CODEC_WORDS][CODEC_WORD_SIZE_MAX];
    struct micro_record records[CODEC_RECORDS];
    uint64_t sum; /* Of all records. */
    struct gale_task task;
    struct micro_anchor *anchor;
    uint8_t *message; /* Room for a frame's head, then the batch. */
    uint8_t *batch;   /* Head and values, in the message. */
    uint32_t batch_size;
    uint32_t values_size;
    uint8_t *copy; /* Room for another batch. */
    uint8_t *packed;
    size_t packed_size;
    struct hist hist;
    uint64_t numbers[CODEC_NUMBERS];
    uint64_t numbers_sum; /* XOR of the mixed numbers. */
    uint64_t hash_sum;    /* Of all words. */
};

struct measure {
    const char *name;
    const char *title;
    const char *unit;
    const char *check;
    bool (*pass)(struct block *block); /* False: its check failed. */
    uint32_t operations;               /* Of one pass. */
    bool has_bytes;                    /* One pass works on values_size bytes. */
};

uint64_t micro_sum(uint64_t sum, const struct micro_record *record)
{
    uint64_t real;
    memcpy(&real, &record->real, sizeof(real));
    uint64_t ends = record->word_size;
    if (record->word_size > 0) {
        ends += (uint64_t)(uint8_t)record->word[0] << 8;
        ends += (uint64_t)(uint8_t)record->word[record->word_size - 1] << 16;
    }
    sum = (sum ^ ends) * 0x9e3779b97f4a7c15u;
    sum = (sum ^ (uint64_t)record->number) * 0xd6e8feb86659fd93u;
    return (sum ^ real) + (sum >> 32);
}

/* ---- Records and batches ---------------------------------------------------------------------- */

static void put_record(struct gale_task *task, const struct micro_record *record)
{
    struct gale_out *out = gale_begin(task);
    gale_put_string(out, record->word, record->word_size);
    gale_put_int64(out, record->number);
    gale_put_double(out, record->real);
}

/* Writes all records behind a batch's head, in the way of a lane: each tuple is put into the task's
 * scratch and copied. @return the size of the batch. */
static uint32_t write_batch(struct block *block, uint8_t *to)
{
    uint8_t *at = to + BATCH_HEAD_SIZE;
    for (uint32_t i = 0; i < CODEC_RECORDS; i++) {
        put_record(&block->task, &block->records[i]);
        size_t size = (size_t)(block->task.out.at - block->task.out.base);
        memcpy(at, block->task.out.base, size);
        at += size;
    }
    struct batch_head head = {.size = (uint32_t)(at - to),
                              .target_task = 2,
                              .source_task = 1,
                              .tuples_count = CODEC_RECORDS,
                              .edge_seed = 1};
    batch_head_write(to, &head);
    return head.size;
}

static bool pass_batch_write(struct block *block)
{
    return write_batch(block, block->copy) == block->batch_size &&
           memcmp(block->copy, block->batch, block->batch_size) == 0;
}

static bool read_record(struct gale_cursor *cursor, struct micro_record *out)
{
    struct gale_value value;
    if (gale_cursor_next(cursor, &value) != GALE_OK || value.type != GALE_STRING) {
        return false;
    }
    out->word = value.as.bytes.data;
    out->word_size = (uint32_t)value.as.bytes.size;
    if (gale_cursor_next(cursor, &value) != GALE_OK || value.type != GALE_INT64) {
        return false;
    }
    out->number = value.as.int64;
    if (gale_cursor_next(cursor, &value) != GALE_OK || value.type != GALE_DOUBLE) {
        return false;
    }
    out->real = value.as.number;
    return true;
}

static bool pass_batch_read(struct block *block)
{
    struct batch_head head;
    uint64_t sum = 0;
    if (batch_head_read(block->batch, block->batch_size, &head, NULL) != GALE_OK) {
        return false;
    }
    struct gale_cursor cursor = {block->batch + BATCH_HEAD_SIZE + head.runs_size,
                                 block->batch + head.size};
    for (uint32_t i = 0; i < head.tuples_count; i++) {
        struct micro_record record;
        if (!read_record(&cursor, &record)) {
            return false;
        }
        sum = micro_sum(sum, &record);
    }
    return sum == block->sum && cursor.at == cursor.end;
}

static bool pass_scan(struct block *block)
{
    return scan_values(block->batch + BATCH_HEAD_SIZE, block->values_size,
                       (uint64_t)CODEC_RECORDS * CODEC_FIELDS) == GALE_OK;
}

static bool pass_msgpack_pack(struct block *block)
{
    const uint8_t *data = NULL;
    uint32_t size = 0;
    return micro_anchor_pack(block->anchor, block->records, CODEC_RECORDS, &data, &size) &&
           size == block->values_size &&
           memcmp(data, block->batch + BATCH_HEAD_SIZE, size) == 0;
}

static bool pass_msgpack_unpack(struct block *block)
{
    uint64_t sum = 0;
    return micro_anchor_unpack(block->anchor, block->batch + BATCH_HEAD_SIZE,
                               block->values_size, CODEC_RECORDS, &sum) &&
           sum == block->sum;
}

/* ---- Frames, compression ---------------------------------------------------------------------- */

static bool pass_frame_head(struct block *block)
{
    for (uint32_t i = 1; i <= CODEC_NUMBERS; i++) {
        struct frame_header out;
        struct frame_header header = {.version = FRAME_WIRE_VERSION,
                                      .kind = FRAME_DATA,
                                      .to = 1,
                                      .generation = 1,
                                      .epoch = 7,
                                      .incarnation = block->sum | 1,
                                      .seq = i,
                                      .payload_size = block->batch_size,
                                      .raw_size = block->batch_size};
        frame_header_write(block->message, &header);
        if (frame_header_read(block->message, FRAME_HEADER_SIZE + block->batch_size, &out,
                              NULL) != GALE_OK ||
            out.seq != i || out.incarnation != header.incarnation) {
            return false;
        }
    }
    return true;
}

static bool pass_checksum(struct block *block)
{
    const uint8_t *payload = NULL;
    size_t size = 0;
    struct frame_header header = {.version = FRAME_WIRE_VERSION,
                                  .kind = FRAME_DATA,
                                  .seq = 1,
                                  .payload_size = block->batch_size,
                                  .raw_size = block->batch_size,
                                  .checksum = frame_checksum(block->batch, block->batch_size)};
    return frame_open(block->message, FRAME_HEADER_SIZE + block->batch_size, &header, NULL,
                      &payload, &size, NULL) == GALE_OK &&
           payload == block->batch && size == block->batch_size;
}

static bool pass_lz4_compress(struct block *block)
{
    return lz4_block_compress(block->batch, block->batch_size, block->copy, CODEC_BATCH_ROOM) ==
           block->packed_size;
}

static bool pass_lz4_decompress(struct block *block)
{
    return lz4_block_decompress(block->packed, block->packed_size, block->copy,
                                block->batch_size) &&
           memcmp(block->copy, block->batch, block->batch_size) == 0;
}

/* ---- Numbers ---------------------------------------------------------------------------------- */

static bool pass_mix(struct block *block)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < CODEC_NUMBERS; i++) {
        sum ^= mix64(block->sum + i);
    }
    return sum == block->numbers_sum;
}

static bool pass_hash(struct block *block)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < CODEC_RECORDS; i++) {
        sum += hash64(block->records[i].word, block->records[i].word_size, block->sum);
    }
    return sum == block->hash_sum;
}

static bool pass_histogram(struct block *block)
{
    hist_clear(&block->hist);
    for (uint32_t i = 0; i < CODEC_NUMBERS; i++) {
        hist_record(&block->hist, block->numbers[i] % CODEC_NUMBER_MAX);
    }
    return block->hist.count == CODEC_NUMBERS && block->hist.max < CODEC_NUMBER_MAX;
}

static const struct measure measures[] = {
    {"frame-head", "frame head written and read with all its checks", "frames",
     "number and incarnation read back are those written", pass_frame_head, CODEC_NUMBERS,
     false},
    {"frame-checksum", "checksum of a batch made and verified", "batches",
     "each checksum is accepted", pass_checksum, 1, true},
    {"batch-write", "records of three fields put and copied into a batch", "tuples",
     "the batch is byte for byte that of msgpack-c", pass_batch_write, CODEC_RECORDS, true},
    {"batch-read", "the batch's head checked, all fields read by cursor", "tuples",
     "sum over all fields equals the sum of the records", pass_batch_read, CODEC_RECORDS, true},
    {"scan", "the batch's values validated as hostile bytes", "tuples",
     "exactly the number of values written is accepted", pass_scan, CODEC_RECORDS, true},
    {"msgpack-c-pack", "anchor: the same records packed by msgpack-c", "tuples",
     "the bytes equal the batch's", pass_msgpack_pack, CODEC_RECORDS, true},
    {"msgpack-c-unpack", "anchor: the same records unpacked into a zone by msgpack-c", "tuples",
     "sum over all fields equals the sum of the records", pass_msgpack_unpack, CODEC_RECORDS,
     true},
    {"lz4-compress", "the batch compressed", "batches",
     "the block is the one that decompresses to the batch", pass_lz4_compress, 1, true},
    {"lz4-decompress", "the block decompressed", "batches", "the bytes equal the batch's",
     pass_lz4_decompress, 1, true},
    {"mix64", "edge ids derived from a seed", "ids", "their XOR is the one computed before",
     pass_mix, CODEC_NUMBERS, false},
    {"hash64", "words hashed for a fields grouping", "words",
     "the sum of the hashes is the one computed before", pass_hash, CODEC_RECORDS, false},
    {"histogram", "numbers recorded in a histogram", "values", "the histogram has every number",
     pass_histogram, CODEC_NUMBERS, false},
};

/* ---- The block -------------------------------------------------------------------------------- */

static void make_records(struct block *block, uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    for (unsigned i = 0; i < CODEC_WORDS; i++) {
        uint32_t size = 3 + rng_below(&rng, CODEC_WORD_SIZE_MAX - 3);
        for (uint32_t k = 0; k < size; k++) {
            block->words[i][k] = (char)('a' + rng_below(&rng, 26));
        }
    }
    for (uint32_t i = 0; i < CODEC_RECORDS; i++) {
        struct micro_record *record = &block->records[i];
        record->word = block->words[rng_below(&rng, CODEC_WORDS)];
        record->word_size = (uint32_t)strnlen(record->word, CODEC_WORD_SIZE_MAX);
        record->number = rng_below(&rng, CODEC_NUMBER_MAX);
        record->real = (double)rng_below(&rng, CODEC_NUMBER_MAX) / 1024.0;
        block->sum = micro_sum(block->sum, record);
    }
    for (uint32_t i = 0; i < CODEC_NUMBERS; i++) {
        block->numbers[i] = rng_next(&rng);
        block->numbers_sum ^= mix64(block->sum + i);
    }
    for (uint32_t i = 0; i < CODEC_RECORDS; i++) {
        block->hash_sum +=
            hash64(block->records[i].word, block->records[i].word_size, block->sum);
    }
}

static void block_free(struct block *block)
{
    if (block == NULL) {
        return;
    }
    out_fini(&block->task.out);
    micro_anchor_free(block->anchor);
    free(block->message);
    free(block->copy);
    free(block->packed);
    free(block);
}

static struct block *block_new(uint64_t seed)
{
    struct block *block = calloc(1, sizeof(*block));
    if (block == NULL) {
        return NULL;
    }
    block->message = malloc(FRAME_HEADER_SIZE + CODEC_BATCH_ROOM);
    block->copy = malloc(CODEC_BATCH_ROOM);
    block->packed = malloc(CODEC_BATCH_ROOM);
    block->anchor = micro_anchor_new();
    bool has_out = out_init(&block->task.out, 4096);
    if (!block->message || !block->copy || !block->packed || !block->anchor || !has_out) {
        block_free(block);
        return NULL;
    }
    block->batch = block->message + FRAME_HEADER_SIZE;
    make_records(block, seed);
    block->batch_size = write_batch(block, block->batch);
    block->values_size = block->batch_size - BATCH_HEAD_SIZE;
    block->packed_size =
        lz4_block_compress(block->batch, block->batch_size, block->packed, CODEC_BATCH_ROOM);
    return block;
}

/* ---- Measuring -------------------------------------------------------------------------------- */

static int64_t cpu_now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* How many passes last about a chunk; the passes of this search also warm the caches. */
static uint64_t passes_of_chunk(const struct measure *measure, struct block *block)
{
    for (uint64_t passes = 1;; passes *= 2) {
        int64_t started = clock_now_ns();
        for (uint64_t i = 0; i < passes; i++) {
            if (!measure->pass(block)) {
                return 0;
            }
        }
        if (clock_now_ns() - started >= CODEC_CHUNK_NS) {
            return passes;
        }
    }
}

static bool run_round(const struct measure *measure, struct block *block, uint64_t chunk,
                      double seconds, struct micro_round *out)
{
    int64_t started = clock_now_ns();
    int64_t cpu_started = cpu_now_ns();
    int64_t until = started + (int64_t)(seconds * 1e9);
    int64_t now = started;
    uint64_t passes = 0;
    while (now < until || passes == 0) {
        for (uint64_t i = 0; i < chunk; i++) {
            if (!measure->pass(block)) {
                return false;
            }
        }
        passes += chunk;
        now = clock_now_ns();
    }
    double elapsed_ns = (double)(now - started);
    double operations = (double)passes * measure->operations;
    out->per_s = operations * 1e9 / elapsed_ns;
    out->ns_per_op = elapsed_ns / operations;
    out->cores = (double)(cpu_now_ns() - cpu_started) / elapsed_ns;
    if (measure->has_bytes) {
        out->bytes_per_s = (double)passes * block->values_size * 1e9 / elapsed_ns;
    }
    return true;
}

static enum gale_err run_measure(const struct measure *measure, struct block *block,
                                 const struct micro_options *options, struct micro_figure *out,
                                 struct gale_error *error)
{
    *out = (struct micro_figure){.name = measure->name,
                                 .title = measure->title,
                                 .unit = measure->unit,
                                 .check = measure->check,
                                 .has_bytes = measure->has_bytes};
    uint64_t chunk = passes_of_chunk(measure, block);
    for (unsigned i = 0; i < options->rounds && i < MICRO_ROUNDS_MAX; i++) {
        if (chunk == 0 ||
            !run_round(measure, block, chunk, options->seconds, &out->rounds[i])) {
            return gale_error_set(error, GALE_ERR_CORRUPT,
                                  "codec %s: not true: %s (seed %llu); this is a fault of the "
                                  "engine, report it with the seed",
                                  measure->name, measure->check,
                                  (unsigned long long)options->seed);
        }
        out->rounds_count++;
    }
    return GALE_OK;
}

enum gale_err micro_codec(const struct micro_options *options, micro_on_figure on_figure,
                          void *user, struct gale_error *error)
{
    struct block *block = block_new(options->seed);
    enum gale_err err = GALE_OK;
    if (block == NULL) {
        return gale_error_set(error, GALE_ERR_NOMEM, "codec: no memory for a batch");
    }
    for (size_t i = 0; i < sizeof(measures) / sizeof(measures[0]) && err == GALE_OK; i++) {
        struct micro_figure figure;
        err = run_measure(&measures[i], block, options, &figure, error);
        if (err == GALE_OK && !on_figure(&figure, user)) {
            err = GALE_ERR_CLOSED;
        }
    }
    block_free(block);
    return err;
}
