/* SPDX-License-Identifier: Apache-2.0 */
/* The stock components of the executor's tests, what they note, and the registry; exec_harness.h. */
#include "exec_parts.h"
#include "exec_harness.h"

#include "base/assert.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEEDS_MAX 8
#define ADDED_MAX 8
#define HELD_MAX 65536

struct item {
    uint64_t id;
    char *values;
    char stream[16];
    uint32_t target;
};

/* What tests and a spout share, by the spout's name. */
struct feed {
    char name[32];
    struct item *items;
    uint32_t count, next, again_count;
    uint32_t *again; /* items to be given once more */
    uint64_t *acks, *fails;
    uint32_t acks_count, fails_count, refusals, given;
    enum gale_err last_refusal;
};

struct held {
    struct gale_task *task;
    struct gale_tuple *tuple;
};

static struct {
    struct feed feeds[FEEDS_MAX];
    struct harness_note *notes;
    uint32_t notes_count;
    struct held *held;
    uint32_t held_count, held_next;
    const struct gale_bolt_ops *bolts[ADDED_MAX];
    const struct gale_spout_ops *spouts[ADDED_MAX];
    const struct gale_grouping_ops *groupings[ADDED_MAX];
    const struct gale_task_hooks *hooks[ADDED_MAX];
    const struct gale_worker_hooks *worker_hooks[ADDED_MAX];
    uint32_t bolts_count, spouts_count, groupings_count, hooks_count, worker_hooks_count;
} parts;

/* Arrays here grow by doubling at powers of two; a test may run out of memory. */
static void *grow(void *items, uint32_t count, size_t size)
{
    if ((count & (count - 1)) == 0) {
        items = realloc(items, (count ? 2 * (size_t)count : 1) * size);
        GALE_ASSERT(items != NULL);
    }
    return items;
}

static struct feed *feed_of(const char *name)
{
    for (uint32_t i = 0; i < FEEDS_MAX; i++) {
        struct feed *feed = &parts.feeds[i];
        if (feed->name[0] == '\0') {
            (void)snprintf(feed->name, sizeof(feed->name), "%s", name);
        }
        if (strcmp(feed->name, name) == 0) {
            return feed;
        }
    }
    abort();
}

/* ---- Notes ---- */

static struct harness_note *note_new(struct gale_task *task)
{
    GALE_ASSERT(parts.notes_count < HARNESS_NOTES_MAX);
    parts.notes = grow(parts.notes, parts.notes_count, sizeof(*parts.notes));
    struct harness_note *note = &parts.notes[parts.notes_count++];
    memset(note, 0, sizeof(*note));
    note->component = gale_task_component(task);
    note->task = gale_task_id(task);
    return note;
}

void harness_note(struct gale_task *task, const struct gale_tuple *tuple)
{
    struct harness_note *note = note_new(task);
    size_t used = 0;
    note->source = tuple->source_task;
    note->input = tuple->input;
    for (unsigned i = 0; i < tuple->fields_count && used < sizeof(note->text); i++) {
        struct gale_slice text = gale_tuple_string(tuple, i);
        int64_t number = 0;
        const char *space = i > 0 ? " " : "";
        if (text.data != NULL) {
            used += (size_t)snprintf(note->text + used, sizeof(note->text) - used, "%s%.*s",
                                     space, (int)text.size, text.data);
        } else if (gale_tuple_int64(tuple, i, &number) == GALE_OK) {
            used += (size_t)snprintf(note->text + used, sizeof(note->text) - used, "%s%" PRId64,
                                     space, number);
        }
    }
}

void harness_say(struct gale_task *task, const char *format, ...)
{
    struct harness_note *note = note_new(task);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(note->text, sizeof(note->text), format, args);
    va_end(args);
}

const struct harness_note *harness_note_at(const char *component, uint32_t index)
{
    for (uint32_t i = 0; i < parts.notes_count; i++) {
        if ((!component || strcmp(parts.notes[i].component, component) == 0) && index-- == 0) {
            return &parts.notes[i];
        }
    }
    return NULL;
}

uint32_t harness_notes(const char *component)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < parts.notes_count; i++) {
        count += !component || strcmp(parts.notes[i].component, component) == 0 ? 1 : 0;
    }
    return count;
}

uint32_t harness_notes_of(const char *component, const char *text)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < parts.notes_count; i++) {
        count += strcmp(parts.notes[i].component, component) == 0 &&
                         strcmp(parts.notes[i].text, text) == 0
                     ? 1
                     : 0;
    }
    return count;
}

void harness_forget(void)
{
    parts.notes_count = 0;
    free(parts.notes);
    parts.notes = NULL;
}

/* ---- Spouts ---- */

void harness_feed_to(const char *spout, uint64_t id, const char *stream, uint32_t target,
                     const char *values)
{
    struct feed *feed = feed_of(spout);
    feed->items = grow(feed->items, feed->count, sizeof(*feed->items));
    struct item *item = &feed->items[feed->count++];
    *item = (struct item){.id = id, .values = strdup(values), .target = target};
    (void)snprintf(item->stream, sizeof(item->stream), "%s", stream);
}

void harness_feed(const char *spout, uint64_t id, const char *values)
{
    harness_feed_to(spout, id, "default", 0, values);
}

uint32_t harness_refusals(const char *spout, enum gale_err *last)
{
    struct feed *feed = feed_of(spout);
    if (last) {
        *last = feed->last_refusal;
    }
    return feed->refusals;
}

static uint32_t count_ids(const uint64_t *ids, uint32_t count, uint64_t id)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        found += id == 0 || ids[i] == id ? 1 : 0;
    }
    return found;
}

uint32_t harness_acks(const char *spout, uint64_t id)
{
    return count_ids(feed_of(spout)->acks, feed_of(spout)->acks_count, id);
}

uint32_t harness_fails(const char *spout, uint64_t id)
{
    return count_ids(feed_of(spout)->fails, feed_of(spout)->fails_count, id);
}

uint32_t harness_given(const char *spout)
{
    return feed_of(spout)->given;
}

struct feed_state {
    struct feed *feed;
    bool done, replay;
    uint64_t count, size;
    uint64_t position; /* a tape's items before this id are not given again */
};

static enum gale_err feed_open(void *state, struct gale_task *task,
                               const struct gale_conf *conf)
{
    struct feed_state *self = state;
    self->feed = feed_of(gale_task_component(task));
    self->done = gale_conf_bool(conf, "done", false);
    self->replay = gale_conf_bool(conf, "replay", false);
    self->count = (uint64_t)gale_conf_int64(conf, "count", 0);
    self->size = (uint64_t)gale_conf_int64(conf, "size", 1);
    return GALE_OK;
}

static void put_values(struct gale_task *task, const char *values)
{
    struct gale_out *out = gale_begin(task);
    const char *at = values + strspn(values, " ");
    while (*at) {
        size_t size = strcspn(at, " ");
        if (strspn(at, "0123456789") == size) {
            gale_put_int64(out, strtoll(at, NULL, 10));
        } else {
            gale_put_string(out, at, size);
        }
        at += size;
        at += strspn(at, " ");
    }
}

static void give(struct feed_state *self, struct gale_task *task, const struct item *item)
{
    put_values(task, item->values);
    int stream = gale_task_stream(task, item->stream);
    struct gale_emit_options options = {
        .struct_size = sizeof(options), .message_id = item->id, .target_task = item->target};
    options.flags = (item->id ? GALE_EMIT_ROOT : 0) | (item->target ? GALE_EMIT_DIRECT : 0);
    unsigned index = stream < 0 ? 99 : (unsigned)stream;
    enum gale_err err = gale_emit_with(task, index, &options);
    self->feed->given += err == GALE_OK ? 1 : 0;
    if (err != GALE_OK) {
        self->feed->refusals++;
        self->feed->last_refusal = err;
    }
}

static enum gale_next feed_next(void *state, struct gale_task *task)
{
    struct feed_state *self = state;
    struct feed *feed = self->feed;
    if (feed->again_count > 0) {
        give(self, task, &feed->items[feed->again[--feed->again_count]]);
        return GALE_NEXT_MORE;
    }
    while (feed->next < feed->count && feed->items[feed->next].id != 0 &&
           feed->items[feed->next].id < self->position) {
        feed->next++;
    }
    if (feed->next == feed->count) {
        return self->done ? GALE_NEXT_DONE : GALE_NEXT_IDLE;
    }
    give(self, task, &feed->items[feed->next++]);
    return GALE_NEXT_MORE;
}

static void feed_ack(void *state, struct gale_task *task, uint64_t id)
{
    struct feed *feed = ((struct feed_state *)state)->feed;
    (void)task;
    feed->acks = grow(feed->acks, feed->acks_count, sizeof(*feed->acks));
    feed->acks[feed->acks_count++] = id;
}

static void feed_fail(void *state, struct gale_task *task, uint64_t id)
{
    struct feed_state *self = state;
    struct feed *feed = self->feed;
    (void)task;
    feed->fails = grow(feed->fails, feed->fails_count, sizeof(*feed->fails));
    feed->fails[feed->fails_count++] = id;
    for (uint32_t i = 0; self->replay && i < feed->count; i++) {
        if (feed->items[i].id == id) {
            feed->again = grow(feed->again, feed->again_count, sizeof(*feed->again));
            feed->again[feed->again_count++] = i;
        }
    }
}

static void feed_activate(void *state, struct gale_task *task)
{
    (void)state;
    harness_say(task, "activate");
}

static void feed_deactivate(void *state, struct gale_task *task)
{
    (void)state;
    harness_say(task, "deactivate");
}

static void feed_close(void *state, struct gale_task *task)
{
    (void)state;
    (void)task;
}

static size_t tape_save(void *state, struct gale_task *task, uint64_t low_id, void *out,
                        size_t out_size)
{
    (void)state;
    (void)task;
    GALE_ASSERT(out_size >= sizeof(low_id));
    memcpy(out, &low_id, sizeof(low_id));
    return sizeof(low_id);
}

static enum gale_err tape_restore(void *state, struct gale_task *task, const void *data,
                                  size_t size)
{
    struct feed_state *self = state;
    (void)task;
    if (size != sizeof(self->position)) {
        return GALE_ERR_CORRUPT;
    }
    memcpy(&self->position, data, size);
    return GALE_OK;
}

static enum gale_next flood_next(void *state, struct gale_task *task)
{
    struct feed_state *self = state;
    char text[8192];
    if (self->feed->given == self->count) {
        return GALE_NEXT_DONE;
    }
    GALE_ASSERT(self->size <= sizeof(text));
    memset(text, 'x', self->size);
    gale_put_string(gale_begin(task), text, self->size);
    if (gale_emit_root(task, 0, self->feed->given + 1) == GALE_OK) {
        self->feed->given++;
    } else {
        self->feed->refusals++;
    }
    return GALE_NEXT_MORE;
}

static enum gale_err feed_declare(struct gale_declare *declare, const struct gale_conf *conf)
{
    char fields[256] = "";
    const struct gale_conf *list = gale_conf_get(conf, "fields");
    if (list && gale_conf_text(list)) {
        (void)snprintf(fields, sizeof(fields), "%s", gale_conf_text(list));
    }
    for (size_t i = 0; list && i < gale_conf_count(list); i++) {
        size_t used = strlen(fields);
        (void)snprintf(fields + used, sizeof(fields) - used, "%s%s", i > 0 ? "," : "",
                       gale_conf_text(gale_conf_at(list, i)));
    }
    enum gale_err err =
        gale_declare_stream(declare, "default", fields[0] ? fields : "word", false);
    if (err == GALE_OK && gale_conf_bool(conf, "other", false)) {
        err = gale_declare_stream(declare, "other", "word", false);
    }
    if (err == GALE_OK && gale_conf_bool(conf, "direct", false)) {
        err = gale_declare_stream(declare, "straight", "word", true);
    }
    return err;
}

static const struct gale_option feed_options[] = {
    {"fields", GALE_OPTION_FIELDS, false, NULL, "Fields."},
    {"done", GALE_OPTION_BOOL, false, NULL, "Ends when empty."},
    {"replay", GALE_OPTION_BOOL, false, NULL, "Gives failed tuples again."},
    {"other", GALE_OPTION_BOOL, false, NULL, "Declares other."},
    {"direct", GALE_OPTION_BOOL, false, NULL, "Declares straight."},
    {"count", GALE_OPTION_INT, false, NULL, "Tuples of a flood."},
    {"size", GALE_OPTION_INT, false, NULL, "Their bytes."},
    {NULL, GALE_OPTION_STRING, false, NULL, NULL}};

#define FEED_SPOUT \
    GALE_SPOUT_HEAD, .state_size = sizeof(struct feed_state), .options = feed_options, \
                     .declare = feed_declare, .open = feed_open, .ack = feed_ack, \
                     .fail = feed_fail, .close = feed_close

static const struct gale_spout_ops stock_spouts[] = {
    {FEED_SPOUT, .name = "feed", .next = feed_next, .activate = feed_activate,
     .deactivate = feed_deactivate},
    {FEED_SPOUT, .name = "tape", .next = feed_next, .save = tape_save, .restore = tape_restore},
    {FEED_SPOUT, .name = "flood", .next = flood_next},
};

/* ---- Bolts ---- */

static enum gale_err sink_execute(void *state, struct gale_task *task,
                                  const struct gale_tuple *tuple)
{
    (void)state;
    harness_note(task, tuple);
    return GALE_OK;
}

static enum gale_err null_execute(void *state, struct gale_task *task,
                                  const struct gale_tuple *tuple)
{
    (void)state;
    (void)task;
    (void)tuple;
    return GALE_OK;
}

static enum gale_err pass_declare(struct gale_declare *declare, const struct gale_conf *conf)
{
    (void)conf;
    const char *fields = gale_declare_input_fields(declare, 0);
    return gale_declare_stream(declare, "default", fields ? fields : "word", false);
}

static enum gale_err pass_on(struct gale_task *task, const struct gale_tuple *tuple)
{
    enum gale_err err = gale_put_fields(gale_begin(task), tuple, 0, tuple->fields_count);
    return err != GALE_OK ? err : gale_emit(task, 0);
}

static enum gale_err pass_execute(void *state, struct gale_task *task,
                                  const struct gale_tuple *tuple)
{
    (void)state;
    return pass_on(task, tuple);
}

struct many_state {
    uint32_t n, kept_count;
    struct gale_tuple *kept[16];
};

static enum gale_err many_prepare(void *state, struct gale_task *task,
                                  const struct gale_conf *conf)
{
    (void)task;
    ((struct many_state *)state)->n = (uint32_t)gale_conf_int64(conf, "n", 2);
    return GALE_OK;
}

static enum gale_err copy_execute(void *state, struct gale_task *task,
                                  const struct gale_tuple *tuple)
{
    enum gale_err err = GALE_OK;
    for (uint32_t i = 0; err == GALE_OK && i < ((struct many_state *)state)->n; i++) {
        err = pass_on(task, tuple);
    }
    return err;
}

static enum gale_err merge_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    struct many_state *self = state;
    struct gale_tuple *kept = gale_tuple_keep(task, tuple);
    if (kept == NULL) {
        return GALE_ERR_FAILED;
    }
    self->kept[self->kept_count++] = kept;
    if (self->kept_count < self->n) {
        return GALE_OK;
    }
    struct gale_emit_options options = {.struct_size = sizeof(options),
                                        .flags = GALE_EMIT_ANCHORS,
                                        .anchors = (const struct gale_tuple *const *)self->kept,
                                        .anchors_count = self->kept_count};
    enum gale_err err = gale_put_fields(gale_begin(task), tuple, 0, tuple->fields_count);
    err = err != GALE_OK ? err : gale_emit_with(task, 0, &options);
    for (uint32_t i = 0; i < self->kept_count; i++) {
        gale_ack(task, self->kept[i]);
    }
    self->kept_count = 0;
    return err;
}

static enum gale_err hold_execute(void *state, struct gale_task *task,
                                  const struct gale_tuple *tuple)
{
    (void)state;
    struct gale_tuple *kept = gale_tuple_keep(task, tuple);
    if (kept == NULL) {
        return GALE_ERR_FAILED;
    }
    GALE_ASSERT(parts.held_count < HELD_MAX);
    parts.held = grow(parts.held, parts.held_count, sizeof(*parts.held));
    parts.held[parts.held_count++] = (struct held){task, kept};
    return GALE_OK;
}

uint32_t harness_held(void)
{
    return parts.held_count - parts.held_next;
}

void harness_release(bool acked)
{
    GALE_ASSERT(harness_held() > 0);
    struct held held = parts.held[parts.held_next++];
    (acked ? gale_ack : gale_fail)(held.task, held.tuple);
}

static enum gale_err reject_execute(void *state, struct gale_task *task,
                                    const struct gale_tuple *tuple)
{
    (void)state;
    harness_note(task, tuple);
    return GALE_ERR_FAILED;
}

/* Words of this task in the order of their first coming, with how often they came. */
struct sum_state {
    uint32_t count;
    struct {
        char word[16];
        int64_t times;
    } words[32];
};

static enum gale_err sum_execute(void *state, struct gale_task *task,
                                 const struct gale_tuple *tuple)
{
    struct sum_state *self = state;
    struct gale_slice word = gale_tuple_string(tuple, 0);
    uint32_t at = 0;
    while (at < self->count && (strlen(self->words[at].word) != word.size ||
                                memcmp(self->words[at].word, word.data, word.size) != 0)) {
        at++;
    }
    GALE_ASSERT(at < 32 && word.size < sizeof(self->words[0].word));
    if (at == self->count) {
        self->count++;
        memcpy(self->words[at].word, word.data, word.size);
    }
    int64_t times = ++self->words[at].times;
    harness_say(task, "%s %" PRId64, self->words[at].word, times);
    struct gale_out *out = gale_begin(task);
    gale_put_string(out, word.data, word.size);
    gale_put_int64(out, times);
    return gale_emit(task, 0);
}

static const struct gale_option many_options[] = {
    {"n", GALE_OPTION_INT, false, NULL, "How many."},
    {NULL, GALE_OPTION_STRING, false, NULL, NULL}};

static const struct gale_bolt_ops stock_bolts[] = {
    {GALE_BOLT_HEAD, .name = "sink", .execute = sink_execute},
    {GALE_BOLT_HEAD, .name = "void", .execute = null_execute},
    {GALE_BOLT_HEAD, .name = "pass", .declare = pass_declare, .execute = pass_execute},
    {GALE_BOLT_HEAD, .name = "copy", .state_size = sizeof(struct many_state),
     .options = many_options, .declare = pass_declare, .prepare = many_prepare,
     .execute = copy_execute},
    {GALE_BOLT_HEAD, .name = "merge", .state_size = sizeof(struct many_state),
     .options = many_options, .declare = pass_declare, .prepare = many_prepare,
     .execute = merge_execute},
    {GALE_BOLT_HEAD, .name = "hold", .execute = hold_execute},
    {GALE_BOLT_HEAD, .name = "reject", .execute = reject_execute},
    {GALE_BOLT_HEAD, .name = "sum", .state_size = sizeof(struct sum_state),
     .fields = "word,count", .execute = sum_execute},
};

/* ---- Registry ---- */

#define FIND(items, count) \
    for (uint32_t i = 0; i < (count); i++) { \
        if (strcmp((items)[i]->name, name) == 0) { \
            return (items)[i]; \
        } \
    }

static void not_found(const char *name, struct gale_error *error)
{
    gale_error_set(error, GALE_ERR_NOT_FOUND, "no component \"%s\"", name);
}

static const struct gale_spout_ops *find_spout(void *self, const char *module, const char *name,
                                               struct gale_error *error)
{
    (void)self;
    (void)module;
    FIND(parts.spouts, parts.spouts_count)
    for (size_t i = 0; i < sizeof(stock_spouts) / sizeof(stock_spouts[0]); i++) {
        if (strcmp(stock_spouts[i].name, name) == 0) {
            return &stock_spouts[i];
        }
    }
    not_found(name, error);
    return NULL;
}

static const struct gale_bolt_ops *find_bolt(void *self, const char *module, const char *name,
                                             struct gale_error *error)
{
    (void)self;
    (void)module;
    FIND(parts.bolts, parts.bolts_count)
    for (size_t i = 0; i < sizeof(stock_bolts) / sizeof(stock_bolts[0]); i++) {
        if (strcmp(stock_bolts[i].name, name) == 0) {
            return &stock_bolts[i];
        }
    }
    not_found(name, error);
    return NULL;
}

static const struct gale_grouping_ops *find_grouping(void *self, const char *module,
                                                     const char *name, struct gale_error *error)
{
    (void)self;
    (void)module;
    FIND(parts.groupings, parts.groupings_count)
    not_found(name, error);
    return NULL;
}

static const struct gale_task_hooks *find_hooks(void *self, const char *name,
                                                struct gale_error *error)
{
    (void)self;
    FIND(parts.hooks, parts.hooks_count)
    not_found(name, error);
    return NULL;
}

static const struct gale_worker_hooks *find_worker_hooks(void *self, const char *name,
                                                         struct gale_error *error)
{
    (void)self;
    FIND(parts.worker_hooks, parts.worker_hooks_count)
    not_found(name, error);
    return NULL;
}

static const char *const *names(void *self, const char *module, char kind)
{
    static const char *const none[] = {NULL};
    (void)self;
    (void)module;
    (void)kind;
    return none;
}

const struct registry *parts_registry(void)
{
    static const struct registry registry = {.spout = find_spout,
                                             .bolt = find_bolt,
                                             .grouping = find_grouping,
                                             .task_hooks = find_hooks,
                                             .worker_hooks = find_worker_hooks,
                                             .names = names};
    return &registry;
}

void harness_add_bolt(const struct gale_bolt_ops *ops)
{
    GALE_ASSERT(parts.bolts_count < ADDED_MAX);
    parts.bolts[parts.bolts_count++] = ops;
}

void harness_add_spout(const struct gale_spout_ops *ops)
{
    GALE_ASSERT(parts.spouts_count < ADDED_MAX);
    parts.spouts[parts.spouts_count++] = ops;
}

void harness_add_grouping(const struct gale_grouping_ops *ops)
{
    GALE_ASSERT(parts.groupings_count < ADDED_MAX);
    parts.groupings[parts.groupings_count++] = ops;
}

void harness_add_hooks(const struct gale_task_hooks *hooks)
{
    GALE_ASSERT(parts.hooks_count < ADDED_MAX);
    parts.hooks[parts.hooks_count++] = hooks;
}

void harness_add_worker_hooks(const struct gale_worker_hooks *hooks)
{
    GALE_ASSERT(parts.worker_hooks_count < ADDED_MAX);
    parts.worker_hooks[parts.worker_hooks_count++] = hooks;
}

void parts_clear(void)
{
    for (uint32_t f = 0; f < FEEDS_MAX; f++) {
        struct feed *feed = &parts.feeds[f];
        for (uint32_t i = 0; i < feed->count; i++) {
            free(feed->items[i].values);
        }
        free(feed->items);
        free(feed->again);
        free(feed->acks);
        free(feed->fails);
    }
    free(parts.notes);
    free(parts.held);
    memset(&parts, 0, sizeof(parts));
}
