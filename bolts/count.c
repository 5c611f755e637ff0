/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bolt `count`: counts tuples by key, in memory. The key is the msgpack bytes of the key fields, so
 * keys are equal when their values and types are. Output: the key fields, then the count so far.
 *
 *   emit: each   after every tuple, for its key (default); costs nothing when nobody subscribes
 *   emit: tick   at each tick (`tick: 1s`), and at the end, for the keys that changed since the last
 *   emit: end    once, when all input has ended
 *
 * With tick or end, `top: n` emits the n largest counts of all keys, largest first, equal counts in
 * the order of their key bytes. At most max_keys keys are held; a tuple with one more key fails.
 * Counts are lost when the worker dies; replayed tuples are counted again (at least once).
 *
 * Owned by its task; all calls on the engine thread.
 */
#include "bolts/builtin.h"
#include "bolts/inputs.h"
#include "bolts/table.h"

#include <gale/gale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_KEYS_MAX 16
#define COUNT_INPUTS_MAX 64
#define COUNT_FIELDS_SIZE 2048
#define COUNT_TOP_MAX 100000
#define COUNT_SLICE_TUPLES \
    1024u /* emitted by one call; the engine calls again when there is room */
#define COUNT_SLICE_SIZE (256u << 10) /* likewise, in bytes of keys */
#define COUNT_MEMORY_KEYS_MAX ((int64_t)1 << 28)

enum emit_mode { EMIT_EACH = 0, EMIT_TICK = 1, EMIT_END = 2 };

struct count {
    struct table table;
    enum emit_mode mode;
    bool emits;                   /* Mode each, and somebody subscribes. */
    bool whole[COUNT_INPUTS_MAX]; /* The key is all of the tuple. */
    uint16_t keys[COUNT_INPUTS_MAX][COUNT_KEYS_MAX];
    unsigned keys_count; /* 0: all fields. */
    uint64_t top;        /* 0: no limit. */
    /* An output in slices that has not ended. */
    uint64_t emit_at, emit_mask; /* Next slot, and the table's mask that it is for. */
    struct table_slot *best;     /* With top: copies, largest first; NULL: none. */
    size_t best_count, best_at;
    uint8_t *scratch; /* Key of several fields, put together. */
    size_t scratch_size;
};

static const struct gale_option options[] = {
    {"key", GALE_OPTION_FIELDS, false, NULL,
     "Fields that form the key, at most 16; by default all fields of the input."},
    {"as", GALE_OPTION_STRING, false, "count", "Name of the field that holds the count."},
    {"emit", GALE_OPTION_STRING, false, "each",
     "When to emit: each (after every tuple), tick (changed keys, needs `tick`) or end."},
    {"top", GALE_OPTION_INT, false, "0",
     "With tick or end: emit only the largest counts, 1 to 100000; 0: all."},
    {"max_keys", GALE_OPTION_INT, false, "16777216",
     "Most keys of one task, 1 to 268435456; tuples with further keys fail."},
    {NULL, GALE_OPTION_ANY, false, NULL, NULL},
};

static bool parse_mode(const char *text, enum emit_mode *out)
{
    static const char *const names[] = {"each", "tick", "end"};
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum emit_mode)i;
            return true;
        }
    }
    return false;
}

/* The key option is a list of names or one name. */
static size_t key_count(const struct gale_conf *key)
{
    return gale_conf_type(key) == GALE_LIST ? gale_conf_count(key) : key != NULL;
}

static const char *key_name(const struct gale_conf *key, size_t index)
{
    return gale_conf_text(gale_conf_type(key) == GALE_LIST ? gale_conf_at(key, index) : key);
}

static enum gale_err check_options(struct gale_declare *declare, const struct gale_conf *conf)
{
    enum emit_mode mode = EMIT_EACH;
    int64_t top = gale_conf_int64(conf, "top", 0);
    int64_t keys_max = gale_conf_int64(conf, "max_keys", COUNT_MEMORY_KEYS_MAX);
    if (!parse_mode(gale_conf_string(conf, "emit", "each"), &mode)) {
        gale_declare_error(declare, "emit", "emit must be each, tick or end");
        return GALE_ERR_INVALID;
    }
    if (top < 0 || top > COUNT_TOP_MAX || (top > 0 && mode == EMIT_EACH)) {
        gale_declare_error(declare, "top",
                           "top must be 1 to %d and needs `emit: tick` or `emit: end`",
                           COUNT_TOP_MAX);
        return GALE_ERR_INVALID;
    }
    if (keys_max < 1 || keys_max > COUNT_MEMORY_KEYS_MAX) {
        gale_declare_error(declare, "max_keys", "max_keys must be 1 to %lld",
                           (long long)COUNT_MEMORY_KEYS_MAX);
        return GALE_ERR_INVALID;
    }
    if (key_count(gale_conf_get(conf, "key")) > COUNT_KEYS_MAX) {
        gale_declare_error(declare, "key", "key must name at most %d fields", COUNT_KEYS_MAX);
        return GALE_ERR_LIMIT;
    }
    if (gale_declare_inputs(declare) > COUNT_INPUTS_MAX) {
        gale_declare_error(declare, NULL, "count takes at most %d inputs", COUNT_INPUTS_MAX);
        return GALE_ERR_LIMIT;
    }
    return GALE_OK;
}

static enum gale_err count_declare(struct gale_declare *declare, const struct gale_conf *conf)
{
    char fields[COUNT_FIELDS_SIZE] = "";
    size_t size = 0;
    const struct gale_conf *key = gale_conf_get(conf, "key");
    const char *as = gale_conf_string(conf, "as", "count");
    enum gale_err result = check_options(declare, conf);
    if (result != GALE_OK) {
        return result;
    }
    for (size_t i = 0; i < key_count(key); i++) {
        const char *name = key_name(key, i);
        enum gale_err err = inputs_need(declare, name != NULL ? name : "", "key");
        result = result == GALE_OK ? err : result;
        int added = snprintf(fields + size, sizeof(fields) - size, "%s,", name ? name : "");
        size += added > 0 && (size_t)added < sizeof(fields) - size ? (size_t)added : 0;
    }
    if (result != GALE_OK) {
        return result;
    }
    const char *all = key_count(key) == 0 ? inputs_same_fields(declare) : "";
    if (all == NULL) {
        return GALE_ERR_INVALID;
    }
    int added = snprintf(fields + size, sizeof(fields) - size, "%s%s%s", all,
                         all[0] != '\0' ? "," : "", as);
    if (added < 0 || (size_t)added >= sizeof(fields) - size) {
        gale_declare_error(declare, "key", "the names of the key fields are too long");
        return GALE_ERR_LIMIT;
    }
    return gale_declare_stream(declare, "default", fields, false);
}

static enum gale_err resolve_keys(struct count *count, struct gale_task *task,
                                  const struct gale_conf *key)
{
    unsigned inputs = gale_task_inputs(task);
    for (unsigned i = 0; i < inputs && i < COUNT_INPUTS_MAX; i++) {
        bool in_order = true;
        for (unsigned k = 0; k < count->keys_count; k++) {
            const char *name = key_name(key, k);
            int index = name != NULL ? gale_task_field(task, i, name) : -1;
            if (index < 0) {
                gale_task_error(task, "input %u has no field `%s`; correct the option key", i,
                                name != NULL ? name : "");
                return GALE_ERR_NOT_FOUND;
            }
            count->keys[i][k] = (uint16_t)index;
            in_order = in_order && (unsigned)index == k;
        }
        count->whole[i] = count->keys_count == 0 ||
                          (in_order && count->keys_count == gale_task_fields(task, i));
    }
    return GALE_OK;
}

static enum gale_err count_prepare(void *state, struct gale_task *task,
                                   const struct gale_conf *conf)
{
    struct count *count = state;
    const struct gale_conf *key = gale_conf_get(conf, "key");
    parse_mode(gale_conf_string(conf, "emit", "each"), &count->mode);
    count->top = (uint64_t)gale_conf_int64(conf, "top", 0);
    count->keys_count = (unsigned)key_count(key);
    count->emits = count->mode == EMIT_EACH && gale_task_stream_used(task, 0);
    enum gale_err err = resolve_keys(count, task, key);
    if (err != GALE_OK) {
        return err;
    }
    return table_init(&count->table,
                      (uint64_t)gale_conf_int64(conf, "max_keys", COUNT_MEMORY_KEYS_MAX));
}

/* Puts the key of several fields together in the scratch. */
static enum gale_err build_key(struct count *count, const struct gale_tuple *tuple,
                               size_t *size)
{
    if (count->scratch_size < tuple->size * (size_t)COUNT_KEYS_MAX) {
        size_t room = tuple->size * (size_t)COUNT_KEYS_MAX * 2;
        uint8_t *scratch = realloc(count->scratch, room);
        if (scratch == NULL) {
            return GALE_ERR_NOMEM;
        }
        count->scratch = scratch;
        count->scratch_size = room;
    }
    *size = 0;
    for (unsigned k = 0; k < count->keys_count; k++) {
        struct gale_cursor cursor;
        enum gale_err err = gale_tuple_cursor(tuple, count->keys[tuple->input][k], &cursor);
        if (err != GALE_OK) {
            return err;
        }
        size_t field_size = (size_t)(cursor.end - cursor.at);
        memcpy(count->scratch + *size, cursor.at, field_size);
        *size += field_size;
    }
    return GALE_OK;
}

static enum gale_err emit_each(const struct count *count, struct gale_task *task,
                               const struct gale_tuple *tuple, uint64_t value)
{
    struct gale_out *out = gale_begin(task);
    enum gale_err err = GALE_OK;
    if (count->whole[tuple->input]) {
        err = gale_put_fields(out, tuple, 0, tuple->fields_count);
    } else {
        for (unsigned k = 0; k < count->keys_count && err == GALE_OK; k++) {
            err = gale_put_fields(out, tuple, count->keys[tuple->input][k], 1);
        }
    }
    gale_put_int64(out, (int64_t)value);
    return err != GALE_OK ? err : gale_emit(task, 0);
}

static enum gale_err count_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    struct count *count = state;
    const uint8_t *key = tuple->data;
    size_t size = tuple->size;
    uint64_t *value = NULL;
    if (tuple->input >= COUNT_INPUTS_MAX) {
        return GALE_OK;
    }
    if (!count->whole[tuple->input]) {
        enum gale_err err = build_key(count, tuple, &size);
        if (err != GALE_OK) {
            return err;
        }
        key = count->scratch;
    }
    enum gale_err err = table_add(&count->table, key, size, &value);
    if (err != GALE_OK) {
        return err;
    }
    ++*value;
    return count->emits ? emit_each(count, task, tuple, *value) : GALE_OK;
}

/* What one call may still emit. */
struct slice {
    uint32_t tuples_left;
    size_t size_left;
};

static struct slice slice_begin(void)
{
    return (struct slice){COUNT_SLICE_TUPLES, COUNT_SLICE_SIZE};
}

/* Counts one tuple off; true when it was the slice's last. */
static bool slice_ends(struct slice *slice, const struct table_slot *slot)
{
    slice->tuples_left--;
    slice->size_left -= slot->size < slice->size_left ? slot->size : slice->size_left;
    return slice->tuples_left == 0 || slice->size_left == 0;
}

/* The key bytes are values one after the other: copied value by value, nested ones in turn. */
static enum gale_err emit_slot(struct gale_task *task, const struct table_slot *slot)
{
    size_t size = 0;
    const uint8_t *key = table_key(slot, &size);
    struct gale_cursor cursor = {key, key + size};
    struct gale_out *out = gale_begin(task);
    struct gale_value value;
    while (gale_cursor_next(&cursor, &value) == GALE_OK) {
        gale_put_value(out, &value);
    }
    gale_put_int64(out, (int64_t)slot->count);
    return gale_emit(task, 0);
}

/* Largest count first; equal counts by key bytes. */
static int compare_slots(const void *a, const void *b)
{
    const struct table_slot *left = *(const struct table_slot *const *)a;
    const struct table_slot *right = *(const struct table_slot *const *)b;
    if (left->count != right->count) {
        return left->count > right->count ? -1 : 1;
    }
    size_t left_size = 0;
    size_t right_size = 0;
    const uint8_t *left_key = table_key(left, &left_size);
    const uint8_t *right_key = table_key(right, &right_size);
    int order = memcmp(left_key, right_key, left_size < right_size ? left_size : right_size);
    if (order != 0) {
        return order;
    }
    return (left_size > right_size) - (left_size < right_size);
}

static void sift_down(struct table_slot **heap, size_t count, size_t at)
{
    for (;;) {
        size_t worst = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++) {
            worst = compare_slots(&heap[child], &heap[worst]) > 0 ? child : worst;
        }
        if (worst == at) {
            return;
        }
        struct table_slot *moved = heap[at];
        heap[at] = heap[worst];
        heap[worst] = moved;
        at = worst;
    }
}

/* A heap of the best `top` slots with the worst of them on top, sorted at the end; returns copies, whose
 * keys stay where they are while the table grows. */
static enum gale_err collect_top(struct count *count)
{
    size_t capacity = count->top < count->table.used ? count->top : count->table.used;
    struct table_slot **best = malloc((capacity + 1) * sizeof(struct table_slot *));
    count->best = malloc((capacity + 1) * sizeof(struct table_slot));
    if (best == NULL || count->best == NULL) {
        free(best);
        free(count->best);
        count->best = NULL;
        return GALE_ERR_NOMEM;
    }
    size_t filled = 0;
    for (uint64_t i = 0; capacity > 0 && i <= count->table.mask; i++) {
        struct table_slot *slot = &count->table.slots[i];
        if (slot->size == 0) {
            continue;
        }
        if (filled < capacity) {
            best[filled++] = slot;
            for (size_t at = capacity / 2; filled == capacity && at-- > 0;) {
                sift_down(best, filled, at);
            }
        } else if (compare_slots(&slot, &best[0]) < 0) {
            best[0] = slot;
            sift_down(best, filled, 0);
        }
    }
    qsort(best, filled, sizeof(struct table_slot *), compare_slots);
    for (size_t i = 0; i < filled; i++) {
        count->best[i] = *best[i];
    }
    count->best_count = filled;
    count->best_at = 0;
    free(best);
    return GALE_OK;
}

/* One slice of the largest counts; GALE_ERR_AGAIN when there are more. */
static enum gale_err emit_top(struct count *count, struct gale_task *task)
{
    struct slice slice = slice_begin();
    enum gale_err err = count->best == NULL ? collect_top(count) : GALE_OK;
    while (err == GALE_OK && count->best_at < count->best_count) {
        const struct table_slot *slot = &count->best[count->best_at++];
        err = emit_slot(task, slot);
        if (err == GALE_OK && slice_ends(&slice, slot) && count->best_at < count->best_count) {
            return GALE_ERR_AGAIN;
        }
    }
    free(count->best);
    count->best = NULL;
    return err;
}

/* One slice of the changed keys; GALE_ERR_AGAIN when there may be more. */
static enum gale_err emit_changed(struct count *count, struct gale_task *task)
{
    struct slice slice = slice_begin();
    enum gale_err err = GALE_OK;
    if (count->emit_mask !=
        count->table.mask) { /* The table has grown: all slots are elsewhere. */
        count->emit_mask = count->table.mask;
        count->emit_at = 0;
    }
    while (err == GALE_OK && count->emit_at <= count->table.mask) {
        struct table_slot *slot = &count->table.slots[count->emit_at++];
        if (slot->size == 0 || slot->changed == 0) {
            continue;
        }
        err = emit_slot(task, slot);
        if (err == GALE_OK) {
            slot->changed = 0;
            if (slice_ends(&slice, slot)) {
                return GALE_ERR_AGAIN;
            }
        }
    }
    count->emit_at = 0;
    return err;
}

static enum gale_err count_tick(void *state, struct gale_task *task)
{
    struct count *count = state;
    if (count->mode != EMIT_TICK) {
        return GALE_OK;
    }
    return count->top > 0 ? emit_top(count, task) : emit_changed(count, task);
}

static enum gale_err count_finish(void *state, struct gale_task *task)
{
    struct count *count = state;
    if (count->mode == EMIT_EACH) {
        return GALE_OK;
    }
    return count->top > 0 ? emit_top(count, task) : emit_changed(count, task);
}

static void count_cleanup(void *state, struct gale_task *task)
{
    struct count *count = state;
    (void)task;
    table_fini(&count->table);
    free(count->scratch);
    free(count->best);
}

const struct gale_bolt_ops count_bolt_ops = {
    GALE_BOLT_HEAD,
    .name = "count",
    .state_size = sizeof(struct count),
    .options = options,
    .help = "Counts tuples by key, in memory.",
    .declare = count_declare,
    .prepare = count_prepare,
    .execute = count_execute,
    .tick = count_tick,
    .finish = count_finish,
    .cleanup = count_cleanup,
};
