/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bolts of the branches topology: `parse` makes an order of a text line, `price` and `weight` each
 * work out one side of it, `join` brings the two together again. The tree of an order's line is
 * complete when the join has acked both parts, or rather what was emitted from them.
 *
 * Each state belongs to one task; all calls come from its thread. Not a general join: it knows two
 * inputs and orders numbered in the order of their arrival, so that a ring of slots is enough.
 */
#include <gale/gale.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_SIZE 128
#define PARTS_COUNT 2u
/* Orders that one join task can have open or remember; above the spout's max_pending. */
#define SLOTS_COUNT 16384u
#define SEEN_BITS 65536u

struct item {
    const char *name;
    int64_t cents;
    int64_t grams;
};
static const struct item items[] = {
    {"pen", 120, 15}, {"book", 1995, 640}, {"lamp", 4250, 1800}};

static enum gale_err parse_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    (void)state;
    char text[LINE_MAX_SIZE + 1];
    char item[16];
    int64_t order;
    int64_t quantity;
    struct gale_slice line = gale_tuple_string(tuple, 0);
    size_t size = line.size < LINE_MAX_SIZE ? line.size : LINE_MAX_SIZE;
    if (size > 0) {
        memcpy(text, line.data, size);
    }
    text[size] = '\0';
    if (sscanf(text, "%" SCNd64 " %15s %" SCNd64, &order, item, &quantity) != 3 || order < 0) {
        gale_task_error(task, "no order: \"%s\"; expected: NUMBER ITEM QUANTITY", text);
        return GALE_OK;
    }
    struct gale_out *out = gale_begin(task);
    gale_put_int64(out, order);
    gale_put_string(out, item, strlen(item));
    gale_put_int64(out, quantity);
    return gale_emit(task, 0);
}

/* Emits the order's number and its quantity times what one piece costs or weighs. */
static enum gale_err emit_part(struct gale_task *task, const struct gale_tuple *tuple,
                               bool weigh)
{
    int64_t quantity = 0;
    struct gale_slice name = gale_tuple_string(tuple, 1);
    enum gale_err err = gale_tuple_int64(tuple, 2, &quantity);
    int64_t each = 0;
    for (size_t i = 0; i < sizeof(items) / sizeof(*items); i++) {
        if (strlen(items[i].name) == name.size &&
            memcmp(items[i].name, name.data, name.size) == 0) {
            each = weigh ? items[i].grams : items[i].cents;
        }
    }
    struct gale_out *out = gale_begin(task);
    err = err == GALE_OK ? gale_put_fields(out, tuple, 0, 1) : err;
    gale_put_int64(out, each * quantity);
    return err == GALE_OK ? gale_emit(task, 0) : err;
}

struct price {
    int64_t fail_every;
    uint8_t failed[SEEN_BITS / 8]; /* Orders that had their one failure. */
};

static enum gale_err price_prepare(void *state, struct gale_task *task,
                                   const struct gale_conf *conf)
{
    (void)task;
    ((struct price *)state)->fail_every = gale_conf_int64(conf, "fail_every", 0);
    return GALE_OK;
}

static enum gale_err price_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    struct price *price = state;
    int64_t order = 0;
    enum gale_err err = gale_tuple_int64(tuple, 0, &order);
    if (err == GALE_OK && price->fail_every > 0 && order % price->fail_every == 0) {
        uint32_t bit = (uint32_t)((uint64_t)(order / price->fail_every) % SEEN_BITS);
        if ((price->failed[bit / 8] >> (bit % 8) & 1u) == 0) {
            price->failed[bit / 8] |= (uint8_t)(1u << (bit % 8));
            return GALE_ERR_FAILED; /* The whole tree fails; the spout emits the order again. */
        }
    }
    return err == GALE_OK ? emit_part(task, tuple, false) : err;
}

static enum gale_err weight_execute(void *state, struct gale_task *task,
                                    const struct gale_tuple *tuple)
{
    (void)state;
    return emit_part(task, tuple, true);
}

struct slot {
    uint64_t order;
    bool done;
    struct gale_tuple *parts[PARTS_COUNT]; /* By input; kept until both are there. */
};

struct join {
    struct slot slots[SLOTS_COUNT];
};

/* Emits the joined order as a child of both parts, then lets go of them. */
static enum gale_err finish_order(struct gale_task *task, struct slot *slot)
{
    struct gale_out *out = gale_begin(task);
    (void)gale_put_fields(out, slot->parts[0], 0, 2);
    (void)gale_put_fields(out, slot->parts[1], 1, 1);
    const struct gale_tuple *anchors[PARTS_COUNT] = {slot->parts[0], slot->parts[1]};
    struct gale_emit_options options = {.struct_size = sizeof(options),
                                        .flags = GALE_EMIT_ANCHORS,
                                        .anchors = anchors,
                                        .anchors_count = PARTS_COUNT};
    enum gale_err err = gale_emit_with(task, 0, &options);
    for (unsigned i = 0; i < PARTS_COUNT; i++) {
        if (err == GALE_OK) {
            gale_ack(task, slot->parts[i]);
        } else {
            gale_fail(task, slot->parts[i]);
        }
        slot->parts[i] = NULL;
    }
    slot->done = err == GALE_OK;
    return GALE_OK;
}

static enum gale_err join_execute(void *state, struct gale_task *task,
                                  const struct gale_tuple *tuple)
{
    struct join *join = state;
    int64_t number = 0;
    if (tuple->input >= PARTS_COUNT || gale_tuple_int64(tuple, 0, &number) != GALE_OK) {
        return GALE_ERR_TYPE;
    }
    uint64_t order = (uint64_t)number;
    struct slot *slot = &join->slots[order % SLOTS_COUNT];
    bool waits = slot->parts[0] != NULL || slot->parts[1] != NULL;
    if (slot->order != order && waits) {
        return GALE_ERR_FAILED; /* Too many open orders: later again. */
    }
    if (slot->order == order && slot->done) {
        gale_ack(task, tuple); /* The late other half of an order that was emitted again. */
        return GALE_OK;
    }
    struct gale_tuple *kept = gale_tuple_keep(task, tuple);
    if (kept == NULL) {
        return GALE_ERR_FAILED;
    }
    slot->order = order;
    slot->done = false;
    if (slot->parts[tuple->input] != NULL) {
        gale_ack(task, slot->parts[tuple->input]); /* Of a tree that failed meanwhile. */
    }
    slot->parts[tuple->input] = kept;
    if (slot->parts[0] != NULL && slot->parts[1] != NULL) {
        return finish_order(task, slot);
    }
    return GALE_OK;
}

static const struct gale_option price_options[] = {
    {"fail_every", GALE_OPTION_INT, false, "0",
     "Fail every order whose number this divides, once; 0: none."},
    {NULL, GALE_OPTION_ANY, false, NULL, NULL},
};
static const struct gale_bolt_ops parse = {
    GALE_BOLT_HEAD, .name = "parse", .fields = "order,item,quantity", .execute = parse_execute};
static const struct gale_bolt_ops price = {
    GALE_BOLT_HEAD,          .name = "price",          .state_size = sizeof(struct price),
    .fields = "order,cents", .options = price_options, .prepare = price_prepare,
    .execute = price_execute};
static const struct gale_bolt_ops weight = {GALE_BOLT_HEAD, .name = "weight",
                                            .fields = "order,grams", .execute = weight_execute};
static const struct gale_bolt_ops join = {GALE_BOLT_HEAD,
                                          .name = "join",
                                          .state_size = sizeof(struct join),
                                          .flags = GALE_BOLT_MANUAL_ACK,
                                          .fields = "order,cents,grams",
                                          .execute = join_execute};
static const struct gale_bolt_ops *const bolts[] = {&parse, &price, &weight, &join, NULL};
GALE_MODULE(.bolts = bolts);
