/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spout `nexmark_events`: persons, auctions and bids on three streams, from a seed. Position k of a
 * task names one event (event.h), and k is the message id, so that a failed event is made again from
 * its id and a run resumes by the number; the saved position says for how many tasks it holds.
 *
 * With a rate the spout works in open loop: each position has its due time, and is emitted with that
 * intended time however late it is. Kinds of events that are not wanted pass by without being made,
 * but take their time slot.
 *
 * At the end it writes how far it got to the result file: "spout TASK TASKS POSITIONS". Owned by its
 * task; all calls on the engine thread.
 */
#include "nexmark/model/event.h"
#include "nexmark/module.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Events of one call of next: enough to spread the call's cost, few for the pending limit. */
#define BURST 32
#define RATE_MAX 1e9
#define EVENT_RATE_MIN 0.001
#define FAILED_FIRST 64
#define POSITION_MAGIC "NXM1"
#define POSITION_SIZE 16 /* Magic, tasks (4 bytes), position (8), little-endian. */

/* Failed positions that wait to be emitted again, in any order: bounded by max_pending. */
struct failed {
    uint64_t *positions;
    size_t count, capacity;
};

struct spout {
    struct nexmark_generator *generator;
    struct nexmark_split split;
    bool is_wanted[NEXMARK_KINDS];
    uint64_t at;
    uint64_t end; /* One past the last; UINT64_MAX: endless. */
    struct failed failed;
    double interval_ns; /* Between two positions of this task; 0: as fast as it can. */
    double shift_ns;    /* So that the tasks take turns. */
    int64_t start_ns;   /* Due time of position `start_at`. */
    uint64_t start_at;
    uint64_t restored_at;
    const char *result; /* Owned by the configuration. */
    union {
        struct nexmark_person person;
        struct nexmark_auction auction;
        struct nexmark_bid bid;
    } event;
};

static const char *const kind_names[NEXMARK_KINDS] = {"person", "auction", "bid"};

static const struct gale_option options[] = {
    {"streams", GALE_OPTION_STRING, false, "person,auction,bid",
     "Kinds of events to make, comma-separated."},
    {"rate", GALE_OPTION_DOUBLE, false, "0",
     "Events per second of all tasks together, 0 to 1000000000; 0: as fast as it can."},
    {"count", GALE_OPTION_INT, false, "0",
     "Events of all tasks together, of every kind; 0: endless."},
    {"seed", GALE_OPTION_INT, false, "1", "Equal seeds make equal events."},
    {"event_rate", GALE_OPTION_DOUBLE, false, "0",
     "Events per second of event time, 0.001 to 1000000000; 0: the rate, or 10000 without "
     "one."},
    {"base_time", GALE_OPTION_INT, false, "1436918400000",
     "Event time of the first event in milliseconds since 1970."},
    {"group", GALE_OPTION_INT, false, "1",
     "Events are out of order within groups of so many, 1 to 1000000, no multiple of 953."},
    {"result", GALE_OPTION_STRING, false, "",
     "File to which the number of positions is appended at the end."},
    {NULL, GALE_OPTION_ANY, false, NULL, NULL},
};

/* Reads a list such as "person,bid". False for an unknown or no name. */
static bool read_streams(const char *text, bool wanted[NEXMARK_KINDS])
{
    bool is_any = false;
    for (const char *at = text; *at != '\0';) {
        at += strspn(at, ", ");
        size_t size = strcspn(at, ", ");
        bool is_known = size == 0;
        for (unsigned kind = 0; kind < NEXMARK_KINDS; kind++) {
            if (size == strlen(kind_names[kind]) && memcmp(at, kind_names[kind], size) == 0) {
                wanted[kind] = is_known = is_any = true;
            }
        }
        if (!is_known) {
            return false;
        }
        at += size;
    }
    return is_any;
}

static enum gale_err refuse(struct gale_declare *declare, const char *option, const char *text)
{
    gale_declare_error(declare, option, "%s must be %s", option, text);
    return GALE_ERR_INVALID;
}

static enum gale_err spout_declare(struct gale_declare *declare, const struct gale_conf *conf)
{
    bool wanted[NEXMARK_KINDS] = {false};
    double rate = gale_conf_double(conf, "rate", 0);
    double event_rate = gale_conf_double(conf, "event_rate", 0);
    if (!read_streams(gale_conf_string(conf, "streams", ""), wanted)) {
        return refuse(declare, "streams", "one or more of person, auction and bid");
    }
    if (!(rate >= 0 && rate <= RATE_MAX)) {
        return refuse(declare, "rate", "0 (no limit) to 1000000000 per second");
    }
    if (event_rate != 0 && !(event_rate >= EVENT_RATE_MIN && event_rate <= RATE_MAX)) {
        return refuse(declare, "event_rate", "0 (as rate) or 0.001 to 1000000000 per second");
    }
    if (gale_conf_int64(conf, "count", 0) < 0) {
        return refuse(declare, "count", "0 (endless) or more");
    }
    if (!nexmark_group_is_valid(gale_conf_int64(conf, "group", 1))) {
        return refuse(declare, "group", "1 to 1000000 and no multiple of 953");
    }
    static const char *const fields[NEXMARK_KINDS] = {
        NEXMARK_PERSON_FIELDS, NEXMARK_AUCTION_FIELDS, NEXMARK_BID_FIELDS};
    enum gale_err err = GALE_OK;
    for (unsigned kind = 0; kind < NEXMARK_KINDS && err == GALE_OK; kind++) {
        err = gale_declare_stream(declare, kind_names[kind], fields[kind], false);
    }
    return err;
}

static enum gale_err spout_open(void *state, struct gale_task *task,
                                const struct gale_conf *conf)
{
    struct spout *spout = state;
    double rate = gale_conf_double(conf, "rate", 0);
    double event_rate = gale_conf_double(conf, "event_rate", 0);
    uint64_t count = (uint64_t)gale_conf_int64(conf, "count", 0);
    if (event_rate == 0) {
        event_rate = rate >= EVENT_RATE_MIN ? rate : NEXMARK_EVENT_RATE;
    }
    struct nexmark_config config = {
        .seed = (uint64_t)gale_conf_int64(conf, "seed", 1),
        .base_time_ms = gale_conf_int64(conf, "base_time", NEXMARK_BASE_TIME_MS),
        .interval_ns = nexmark_interval_ns(event_rate),
        .group = (uint64_t)gale_conf_int64(conf, "group", 1),
    };
    spout->generator = nexmark_generator_new(&config);
    if (spout->generator == NULL) {
        return GALE_ERR_NOMEM;
    }
    read_streams(gale_conf_string(conf, "streams", ""), spout->is_wanted);
    spout->split.index = gale_task_index(task);
    spout->split.parallelism = gale_task_parallelism(task);
    spout->end = count > 0 ? nexmark_positions(&spout->split, count) : UINT64_MAX;
    if (rate > 0) {
        spout->interval_ns = 1e9 * (double)spout->split.parallelism / rate;
        spout->shift_ns = 1e9 * (double)spout->split.index / rate;
    }
    spout->result = gale_conf_string(conf, "result", "");
    spout->at = spout->restored_at;
    spout->start_at = spout->at;
    spout->start_ns = gale_task_now_ns(task);
    return GALE_OK;
}

/* The schedule starts anew, so that a pause is not followed by a burst. */
static void spout_activate(void *state, struct gale_task *task)
{
    struct spout *spout = state;
    spout->start_at = spout->at;
    spout->start_ns = gale_task_now_ns(task);
}

static inline void put_text(struct gale_out *out, struct nexmark_text text)
{
    gale_put_string(out, text.data, text.size);
}

static void put_person(struct spout *spout, struct gale_out *out, uint64_t event)
{
    struct nexmark_person *person = &spout->event.person;
    nexmark_person(spout->generator, event, person);
    gale_put_int64(out, person->id);
    put_text(out, person->name);
    put_text(out, person->email);
    put_text(out, person->credit_card);
    put_text(out, person->city);
    put_text(out, person->state);
    gale_put_int64(out, person->date_time_ms);
    put_text(out, person->extra);
}

static void put_auction(struct spout *spout, struct gale_out *out, uint64_t event)
{
    struct nexmark_auction *auction = &spout->event.auction;
    nexmark_auction(spout->generator, event, auction);
    gale_put_int64(out, auction->id);
    put_text(out, auction->item_name);
    put_text(out, auction->description);
    gale_put_int64(out, auction->initial_bid);
    gale_put_int64(out, auction->reserve);
    gale_put_int64(out, auction->date_time_ms);
    gale_put_int64(out, auction->expires_ms);
    gale_put_int64(out, auction->seller);
    gale_put_int64(out, auction->category);
    put_text(out, auction->extra);
}

static void put_bid(struct spout *spout, struct gale_out *out, uint64_t event)
{
    struct nexmark_bid *bid = &spout->event.bid;
    nexmark_bid(spout->generator, event, bid);
    gale_put_int64(out, bid->auction);
    gale_put_int64(out, bid->bidder);
    gale_put_int64(out, bid->price);
    put_text(out, bid->channel);
    put_text(out, bid->url);
    gale_put_int64(out, bid->date_time_ms);
    put_text(out, bid->extra);
}

/* Emits the event of a position, if its kind is wanted; intended_ns 0 means now. False when too much
 * waits downstream: the position is tried again. */
static bool emit_position(struct spout *spout, struct gale_task *task, uint64_t position,
                          int64_t intended_ns)
{
    uint64_t event = nexmark_event_at(spout->generator, &spout->split, position);
    enum nexmark_kind kind = nexmark_kind_of(event);
    if (!spout->is_wanted[kind]) {
        return true;
    }
    struct gale_out *out = gale_begin(task);
    switch (kind) {
    case NEXMARK_PERSON: put_person(spout, out, event); break;
    case NEXMARK_AUCTION: put_auction(spout, out, event); break;
    case NEXMARK_BID: put_bid(spout, out, event); break;
    }
    if (intended_ns == 0) {
        return gale_emit_root(task, kind, position) != GALE_ERR_LIMIT;
    }
    struct gale_emit_options emit = {
        .struct_size = sizeof(emit),
        .flags = GALE_EMIT_ROOT,
        .message_id = position,
        .intended_ns = intended_ns,
    };
    return gale_emit_with(task, kind, &emit) != GALE_ERR_LIMIT;
}

/* What was put is forgotten; the same position is tried again a little later. */
static enum gale_next after_refusal(struct gale_task *task)
{
    gale_begin(task);
    return GALE_NEXT_IDLE;
}

static enum gale_next next_failed(struct spout *spout, struct gale_task *task)
{
    for (unsigned i = 0; i < BURST && spout->failed.count > 0; i++) {
        /* Taken before the emit, which may fail at once and come back here. */
        uint64_t position = spout->failed.positions[--spout->failed.count];
        if (!emit_position(spout, task, position, 0)) {
            spout->failed.positions[spout->failed.count++] = position;
            return after_refusal(task);
        }
    }
    return GALE_NEXT_MORE;
}

static enum gale_next next_by_rate(struct spout *spout, struct gale_task *task)
{
    int64_t now = gale_task_now_ns(task);
    for (unsigned i = 0; i < BURST && spout->at < spout->end; i++) {
        double since = (double)(spout->at - spout->start_at) * spout->interval_ns;
        int64_t due = spout->start_ns + (int64_t)(since + spout->shift_ns);
        if (due > now) {
            gale_spout_wait(task, due);
            return GALE_NEXT_IDLE;
        }
        if (!emit_position(spout, task, spout->at, due)) {
            return after_refusal(task);
        }
        spout->at++;
    }
    return spout->at < spout->end ? GALE_NEXT_MORE : GALE_NEXT_DONE;
}

static enum gale_next spout_next(void *state, struct gale_task *task)
{
    struct spout *spout = state;
    if (spout->failed.count > 0) {
        return next_failed(spout, task);
    }
    if (spout->interval_ns > 0) {
        return next_by_rate(spout, task);
    }
    for (unsigned i = 0; i < BURST && spout->at < spout->end; i++) {
        if (!emit_position(spout, task, spout->at, 0)) {
            return after_refusal(task);
        }
        spout->at++;
    }
    return spout->at < spout->end ? GALE_NEXT_MORE : GALE_NEXT_DONE;
}

static void spout_fail(void *state, struct gale_task *task, uint64_t message_id)
{
    struct failed *failed = &((struct spout *)state)->failed;
    if (failed->count == failed->capacity) {
        size_t capacity = failed->capacity > 0 ? 2 * failed->capacity : FAILED_FIRST;
        uint64_t *positions = realloc(failed->positions, capacity * sizeof(*positions));
        if (positions == NULL) {
            gale_task_error(task,
                            "event at position %" PRIu64 " is not emitted again: no memory; "
                            "lower max_pending",
                            message_id);
            return;
        }
        failed->positions = positions;
        failed->capacity = capacity;
    }
    failed->positions[failed->count++] = message_id;
}

static void spout_close(void *state, struct gale_task *task)
{
    struct spout *spout = state;
    if (spout->generator != NULL) {
        nexmark_result_line(task, spout->result, "spout %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
                            spout->split.index, spout->split.parallelism, spout->at);
    }
    nexmark_generator_free(spout->generator);
    free(spout->failed.positions);
}

static size_t spout_save(void *state, struct gale_task *task, uint64_t low_id, void *out,
                         size_t out_size)
{
    const struct spout *spout = state;
    uint64_t position = low_id > spout->restored_at ? low_id : spout->restored_at;
    uint32_t tasks = gale_task_parallelism(task);
    uint8_t *bytes = out;
    if (out_size < POSITION_SIZE) {
        return 0;
    }
    memcpy(bytes, POSITION_MAGIC, 4);
    for (unsigned i = 0; i < 4; i++) {
        bytes[4 + i] = (uint8_t)(tasks >> (8 * i));
    }
    for (unsigned i = 0; i < 8; i++) {
        bytes[8 + i] = (uint8_t)(position >> (8 * i));
    }
    return POSITION_SIZE;
}

static enum gale_err spout_restore(void *state, struct gale_task *task, const void *data,
                                   size_t size)
{
    struct spout *spout = state;
    const uint8_t *bytes = data;
    if (size != POSITION_SIZE || memcmp(bytes, POSITION_MAGIC, 4) != 0) {
        gale_task_error(task, "the saved position is not a Nexmark spout's; run with --fresh");
        return GALE_ERR_CORRUPT;
    }
    uint32_t tasks = 0;
    uint64_t position = 0;
    for (unsigned i = 0; i < 4; i++) {
        tasks |= (uint32_t)bytes[4 + i] << (8 * i);
    }
    for (unsigned i = 0; i < 8; i++) {
        position |= (uint64_t)bytes[8 + i] << (8 * i);
    }
    if (tasks != gale_task_parallelism(task)) {
        gale_task_error(task,
                        "the saved position is one of %" PRIu32 " tasks, now there are %" PRIu32
                        "; run with the old parallelism or with --fresh",
                        tasks, gale_task_parallelism(task));
        return GALE_ERR_INVALID;
    }
    spout->restored_at = position;
    return GALE_OK;
}

const struct gale_spout_ops nexmark_spout_ops = {
    GALE_SPOUT_HEAD,
    .name = "nexmark_events",
    .state_size = sizeof(struct spout),
    .options = options,
    .help = "Makes the persons, auctions and bids of Nexmark from a seed.",
    .declare = spout_declare,
    .open = spout_open,
    .next = spout_next,
    .fail = spout_fail,
    .activate = spout_activate,
    .close = spout_close,
    .save = spout_save,
    .restore = spout_restore,
};
