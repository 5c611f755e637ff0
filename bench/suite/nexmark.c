/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Nexmark queries, and the check of their results: for the positions that each spout task says it
 * reached, all bids are made again and every query is computed a second time, here, by other code than
 * the module's: rows are written as msgpack by hand, hours come from gmtime, the regular expression is
 * a real one (asked once for each address), addresses are split in one pass over their bytes. Number of rows and checksum must be
 * equal, and so must be the numbers that the engine counted itself.
 */
#include "nexmark/model/checksum.h"
#include "nexmark/model/event.h"
#include "suite/catalogue.h"

#include <inttypes.h>
#include <math.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    ROW_SIZE = 512,
    TASKS_MAX = 64,
    LINE_SIZE = 160,
    URL_SIZE = 128,
    FOUND_SLOTS = 1 << 15, /* Three times the addresses that there are. */
    /* Between two looks at whether the user has had enough. */
    INTERRUPT_EVENTS = 1 << 20,
};

/* ---- Rows ----------------------------------------------------------------------------------- */

/* A row as it must arrive: msgpack in its shortest form. */
struct row {
    uint8_t bytes[ROW_SIZE];
    size_t size;
};

static void add_byte(struct row *row, unsigned byte)
{
    row->bytes[row->size++] = (uint8_t)byte;
}

static void add_big_endian(struct row *row, uint64_t value, unsigned bytes)
{
    while (bytes-- > 0) {
        add_byte(row, (unsigned)(value >> (8 * bytes)) & 0xff);
    }
}

/* No number of the queries is negative. */
static void add_number(struct row *row, int64_t number)
{
    uint64_t value = (uint64_t)number;
    if (value > 0x7f) {
        unsigned class = value > 0xff ? value > 0xffff ? value > 0xffffffff ? 3 : 2 : 1 : 0;
        add_byte(row, 0xcc + class);
        add_big_endian(row, value, 1u << class);
        return;
    }
    add_byte(row, (unsigned)value);
}

static void add_text(struct row *row, const char *text, size_t size)
{
    if (size > 31) {
        add_byte(row, 0xd9); /* No text of a bid has 256 bytes. */
    }
    add_byte(row, size > 31 ? (unsigned)size : 0xa0 + (unsigned)size);
    memcpy(row->bytes + row->size, text, size);
    row->size += size;
}

static void add_field(struct row *row, const struct nexmark_text *text)
{
    add_text(row, text->data, text->size);
}

/* Extension 1: scale, then the fewest two's-complement bytes. */
static void add_decimal(struct row *row, int64_t unscaled, unsigned scale)
{
    unsigned bytes = 1;
    while (unscaled >> (8 * bytes - 1) != 0) {
        bytes++;
    }
    unsigned size = bytes + 1;
    if (size == 2 || size == 4 || size == 8) {
        add_byte(row, size == 2 ? 0xd5 : size == 4 ? 0xd6 : 0xd7);
    } else {
        add_byte(row, 0xc7);
        add_byte(row, size);
    }
    add_byte(row, 1);
    add_byte(row, scale);
    add_big_endian(row, (uint64_t)unscaled, bytes);
}

/* ---- Queries -------------------------------------------------------------------------------- */

/* Where an address names a channel, by the address's hash. */
struct found {
    uint64_t hash; /* 0: free. */
    uint32_t start, size;
    bool is_there;
};

/* The pattern of query 21 and what it gave so far. */
struct finder {
    regex_t pattern;
    struct found slots[FOUND_SLOTS];
    size_t used;
};

static struct found find(const regex_t *pattern, const struct nexmark_text *text)
{
    char url[URL_SIZE];
    regmatch_t match[3];
    memcpy(url, text->data, text->size);
    url[text->size] = '\0';
    struct found found = {.is_there = regexec(pattern, url, 3, match, 0) == 0};
    if (found.is_there) {
        found.start = (uint32_t)match[2].rm_so;
        found.size = (uint32_t)(match[2].rm_eo - match[2].rm_so);
    }
    return found;
}

static struct found find_once(struct finder *finder, const struct nexmark_text *text)
{
    uint64_t hash = checksum_row((const uint8_t *)text->data, text->size) | 1;
    size_t at = (hash >> 32) % FOUND_SLOTS;
    while (finder->slots[at].hash != 0 && finder->slots[at].hash != hash) {
        at = (at + 1) % FOUND_SLOTS;
    }
    struct found *slot = &finder->slots[at];
    if (slot->hash == hash) {
        return *slot;
    }
    struct found found = find(&finder->pattern, text);
    found.hash = hash;
    if (finder->used < FOUND_SLOTS / 2) {
        finder->used++;
        *slot = found;
    }
    return found;
}

struct query {
    const char *name;
    /** Makes the row of a bid. @return false when the query has none. */
    bool (*row)(const struct nexmark_bid *bid, struct finder *finder, struct row *row);
};

static bool row_q0(const struct nexmark_bid *bid, struct finder *finder, struct row *row)
{
    (void)finder;
    add_number(row, bid->auction);
    add_number(row, bid->bidder);
    add_number(row, bid->price);
    add_number(row, bid->date_time_ms);
    add_field(row, &bid->extra);
    return true;
}

static bool row_q1(const struct nexmark_bid *bid, struct finder *finder, struct row *row)
{
    (void)finder;
    add_number(row, bid->auction);
    add_number(row, bid->bidder);
    add_decimal(row, bid->price * 908, 3);
    add_number(row, bid->date_time_ms);
    add_field(row, &bid->extra);
    return true;
}

static bool row_q2(const struct nexmark_bid *bid, struct finder *finder, struct row *row)
{
    (void)finder;
    add_number(row, bid->auction);
    add_number(row, bid->price);
    return bid->auction % 123 == 0;
}

static bool row_q14(const struct nexmark_bid *bid, struct finder *finder, struct row *row)
{
    (void)finder;
    /* 0.908 · p > 1,000,000 holds from p = 1,101,322 on, 0.908 · p < 50,000,000 up to 55,066,079. */
    if (bid->price < 1101322 || bid->price > 55066079) {
        return false;
    }
    time_t seconds = (time_t)(bid->date_time_ms / 1000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    const char *label = "otherTime"; /* From 7 to 8 and from 19 to 20. */
    if (utc.tm_hour != 7 && utc.tm_hour != 19) {
        label = utc.tm_hour > 7 && utc.tm_hour < 19 ? "dayTime" : "nightTime";
    }
    int64_t letters = 0;
    const char *end = bid->extra.data + bid->extra.size;
    for (const char *at = bid->extra.data; (at = memchr(at, 'c', (size_t)(end - at))) != NULL;
         at++) {
        letters++;
    }
    add_number(row, bid->auction);
    add_number(row, bid->bidder);
    add_decimal(row, bid->price * 908, 3);
    add_text(row, label, strlen(label));
    add_number(row, bid->date_time_ms);
    add_field(row, &bid->extra);
    add_number(row, letters);
    return true;
}

static bool row_q21(const struct nexmark_bid *bid, struct finder *finder, struct row *row)
{
    static const char *const big[] = {"apple", "google", "facebook", "baidu"};
    add_number(row, bid->auction);
    add_number(row, bid->bidder);
    add_number(row, bid->price);
    add_field(row, &bid->channel);
    for (unsigned i = 0; i < 4; i++) {
        if (strlen(big[i]) == bid->channel.size &&
            strncasecmp(big[i], bid->channel.data, bid->channel.size) == 0) {
            add_text(row, &"0123"[i], 1);
            return true;
        }
    }
    struct found found = find_once(finder, &bid->url);
    if (!found.is_there) {
        return false;
    }
    add_text(row, bid->url.data + found.start, found.size);
    return true;
}

static bool row_q22(const struct nexmark_bid *bid, struct finder *finder, struct row *row)
{
    (void)finder;
    add_number(row, bid->auction);
    add_number(row, bid->bidder);
    add_number(row, bid->price);
    add_field(row, &bid->channel);
    unsigned part = 0;
    size_t start = 0;
    for (size_t i = 0; i < bid->url.size && part <= 5; i++) {
        if (bid->url.data[i] != '/') {
            continue;
        }
        if (part >= 3) {
            add_text(row, bid->url.data + start, i - start);
        }
        part++;
        start = i + 1;
    }
    return true;
}

static const struct query queries[] = {
    {"q0", row_q0},   {"q1", row_q1},   {"q2", row_q2},
    {"q14", row_q14}, {"q21", row_q21}, {"q22", row_q22},
};

/* ---- The result file ------------------------------------------------------------------------ */

/* What the tasks of a run wrote at its end. */
struct outcome {
    struct nexmark_split splits[TASKS_MAX];
    uint64_t positions[TASKS_MAX];
    unsigned spouts, sinks;
    uint64_t rows, sum;
};

static bool read_line(struct outcome *outcome, const char *line)
{
    struct nexmark_split split;
    uint64_t positions;
    uint64_t rows;
    uint64_t sum;
    unsigned task;
    if (sscanf(line, "spout %" SCNu64 " %" SCNu64 " %" SCNu64, &split.index, &split.parallelism,
               &positions) == 3) {
        bool is_new = split.index < split.parallelism && outcome->spouts < TASKS_MAX;
        for (unsigned i = 0; i < outcome->spouts; i++) {
            is_new = is_new && outcome->splits[i].index != split.index &&
                     outcome->splits[i].parallelism == split.parallelism;
        }
        if (is_new) {
            outcome->splits[outcome->spouts] = split;
            outcome->positions[outcome->spouts++] = positions;
        }
        return is_new;
    }
    if (sscanf(line, "sink %u %" SCNu64 " %" SCNx64, &task, &rows, &sum) != 3) {
        return false;
    }
    outcome->sinks++;
    outcome->rows += rows;
    outcome->sum += sum;
    return true;
}

static bool read_outcome(const char *path, struct outcome *outcome, struct result *result)
{
    char line[LINE_SIZE];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        result_fail(result, "the tasks wrote no result to %s", path);
        return false;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        if (!read_line(outcome, line)) {
            result_fail(result, "%s has a line that is wrong or there twice: %s", path, line);
            fclose(file);
            return false;
        }
    }
    fclose(file);
    return true;
}

/* ---- The check ------------------------------------------------------------------------------ */

/* What a run must give. */
struct expected {
    uint64_t events, bids, rows, sum;
};

static bool expect_task(const struct nexmark_generator *generator, const struct query *query,
                        const struct nexmark_split *split, uint64_t positions,
                        struct expected *expected)
{
    struct finder *finder = calloc(1, sizeof(*finder));
    if (finder == NULL ||
        regcomp(&finder->pattern, "(&|^)channel_id=([^&]*)", REG_EXTENDED) != 0) {
        free(finder);
        return false;
    }
    struct nexmark_bid bid;
    struct row row;
    bool go_on = true;
    for (uint64_t position = 0; position < positions && go_on; position++) {
        uint64_t event = nexmark_event_at(generator, split, position);
        expected->events++;
        if (nexmark_kind_of(event) == NEXMARK_BID) {
            expected->bids++;
            row.size = 0;
            nexmark_bid(generator, event, &bid);
            if (query->row(&bid, finder, &row)) {
                expected->rows++;
                expected->sum += checksum_row(row.bytes, row.size);
            }
        }
        go_on = position % INTERRUPT_EVENTS != 0 || !bench_is_interrupted();
    }
    regfree(&finder->pattern);
    free(finder);
    return go_on;
}

/* The engine's own counters against what the tasks wrote. */
static bool check_counters(const struct bench_report *report, const struct outcome *outcome,
                           const struct expected *expected, struct result *result)
{
    const struct bench_component *events = bench_report_component(report, "events");
    const struct bench_component *query = bench_report_component(report, "query");
    const struct bench_component *sink = bench_report_component(report, "result");
    if (events == NULL || query == NULL || sink == NULL) {
        result_fail(result, "the report names no events, query and result");
        return false;
    }
    if (outcome->spouts != events->tasks || outcome->sinks != sink->tasks) {
        result_fail(result, "%u of %u spout tasks and %u of %u sink tasks wrote their result",
                    outcome->spouts, events->tasks, outcome->sinks, sink->tasks);
        return false;
    }
    if (events->total.emitted != expected->events || query->total.executed != expected->bids ||
        sink->total.executed != expected->rows) {
        result_fail(result,
                    "the engine counted %" PRIu64 " events, %" PRIu64 " bids and %" PRIu64
                    " rows, expected were %" PRIu64 ", %" PRIu64 " and %" PRIu64,
                    events->total.emitted, query->total.executed, sink->total.executed,
                    expected->events, expected->bids, expected->rows);
        return false;
    }
    return true;
}

static bool check_nexmark(const struct bench_context *context,
                          const struct bench_report *report, const char *file,
                          struct result *result)
{
    const struct query *query = context->bench->data;
    struct outcome outcome = {.spouts = 0};
    struct expected expected = {0};
    struct nexmark_config config = {
        .seed = bench_seed(context),
        .base_time_ms = NEXMARK_BASE_TIME_MS,
        .interval_ns =
            nexmark_interval_ns(context->rate > 0 ? context->rate : NEXMARK_EVENT_RATE),
        .group = 1,
    };
    if (!read_outcome(file, &outcome, result)) {
        return false;
    }
    struct nexmark_generator *generator = nexmark_generator_new(&config);
    bool is_done = generator != NULL;
    for (unsigned i = 0; i < outcome.spouts && is_done; i++) {
        is_done =
            expect_task(generator, query, &outcome.splits[i], outcome.positions[i], &expected);
    }
    nexmark_generator_free(generator);
    if (!is_done) {
        result_fail(result, "the result could not be computed a second time");
        return false;
    }
    if (!check_counters(report, &outcome, &expected, result)) {
        return false;
    }
    if (outcome.rows != expected.rows || outcome.sum != expected.sum) {
        result_fail(result,
                    "%s gave %" PRIu64 " rows with checksum %016" PRIx64
                    ", expected were %" PRIu64 " rows with %016" PRIx64,
                    query->name, outcome.rows, outcome.sum, expected.rows, expected.sum);
        return false;
    }
    result_check(result,
                 "number and checksum of all %" PRIu64
                 " rows, computed a second time from %" PRIu64 " events",
                 expected.rows, expected.events);
    return true;
}

/* ---- The table ------------------------------------------------------------------------------ */

#define NEXMARK(number, position, sentence) \
    { \
        .name = "nexmark-q" #number, .group = "nexmark", .title = "Nexmark " sentence, \
        .unit = "events", .workers = BENCH_ONE_TWO, .guarantees = BENCH_BOTH, \
        .is_rated = true, .run = kind_throughput, .file = "nexmark.yaml", \
        .defines = (const char *const[]){"query=q" #number, "grouping=shuffle", NULL}, \
        .crosses = true, .measured = "events", .check = check_nexmark, \
        .data = &queries[position] \
    }

const struct bench benches_nexmark[] = {
    NEXMARK(0, 0, "query 0: bids pass through"),
    NEXMARK(1, 1, "query 1: prices of bids in another currency, exact decimals"),
    NEXMARK(2, 2, "query 2: bids of every 123rd auction"),
    NEXMARK(14, 3, "query 14: bids by price, with time of day and a letter's count"),
    NEXMARK(21, 4, "query 21: the channel's id by cases and by pattern"),
    NEXMARK(22, 5, "query 22: parts of the address"),
    {.name = NULL},
};
