/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spout `generator`: makes one string field from a seed, as fast as it can or at a rate, bounded or
 * endless. Three modes: sentences (the five classic ones or a list, picked pseudo-randomly), a
 * template (template.h), or a constant.
 *
 * Replayable: the message id of a tuple is its sequence number, and its content is a function of
 * (seed, task, sequence number) alone, so a failed tuple is made again from its id and a run
 * resumes by the number.
 *
 * With a rate the spout works in open loop: tuple n is due at start + n/rate (pace.h) and is emitted
 * with that intended time, however late it is, so that a stall shows in the latency. Without a rate,
 * sentences and constants take a short path with no division, no call but the emit's, and no ack
 * callback.
 *
 * Owned by its task; all calls on the engine thread.
 */
#include "spouts/builtin.h"
#include "spouts/pace.h"
#include "spouts/retry.h"
#include "spouts/template.h"

#include <gale/gale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Tuples of one call of next: enough to spread the call's cost, few for the pending limit. */
#define GENERATOR_BURST 32
#define GENERATOR_TEXTS_MAX 4096
#define GENERATOR_START_MS_MAX INT64_C(4102444800000) /* the year 2100 */
#define GENERATOR_POSITION_SIZE 12
#define GENERATOR_POSITION_MAGIC "GGN1"

struct text {
    const char *data;
    size_t size;
};

struct generator {
    const struct text *texts; /* Sentences or the constant; NULL with a template. */
    uint64_t texts_count;
    uint64_t seed;      /* Of this task. */
    uint64_t at;        /* Next sequence number. */
    uint64_t end;       /* One past the last; UINT64_MAX: endless. */
    struct retry retry; /* Failed sequence numbers. */
    struct pace pace;   /* When tuples are due, if not as fast as it can. */
    int64_t start_ns;   /* Of the pace, with tuple `start_at`. */
    uint64_t start_at;
    int64_t wanted_start_ms; /* Unix time of tuple 0; 0: the start of the spout. */
    uint64_t restored_at;    /* Position of the earlier run. */
    uint64_t index;
    uint64_t parallelism;
    struct template *template;
    struct text *list; /* Memory of `texts` when it is no static table. */
};

#define TEXT(literal) \
    { \
        literal, sizeof(literal) - 1 \
    }

static const struct text classic[] = {
    TEXT("the cow jumped over the moon"),   TEXT("an apple a day keeps the doctor away"),
    TEXT("four score and seven years ago"), TEXT("snow white and the seven dwarfs"),
    TEXT("i am at two with nature"),
};

static const struct gale_option options[] = {
    {"sentences", GALE_OPTION_ANY, false, NULL,
     "Emit sentences picked pseudo-randomly: `classic` (the default mode) or a list of texts."},
    {"template", GALE_OPTION_STRING, false, NULL,
     "Emit records made from a text with {seq}, {rand:N}, {rand:A:B} and {choice:a|b|c}."},
    {"constant", GALE_OPTION_STRING, false, NULL, "Emit this text every time."},
    {"field", GALE_OPTION_STRING, false, NULL,
     "Name of the field; by default sentence, record or value, by mode."},
    {"rate", GALE_OPTION_DOUBLE, false, "0",
     "Tuples per second of all tasks together, 0 to 1000000000; 0: as fast as it can."},
    {"steps", GALE_OPTION_ANY, false, NULL,
     "A rate that changes: list of { rate: 1000, for: 10s }; the last step is without `for`."},
    {"start", GALE_OPTION_INT, false, "0",
     "Unix time in milliseconds at which tuple 0 is due: the rate then holds across deaths of "
     "the "
     "worker; 0: counts from the spout's start."},
    {"count", GALE_OPTION_INT, false, "0",
     "Tuples of all tasks together, then the input has ended; 0: endless."},
    {"seed", GALE_OPTION_INT, false, "1", "Equal seeds make equal tuples."},
    {NULL, GALE_OPTION_ANY, false, NULL, NULL},
};

static const char *default_field(const struct gale_conf *conf)
{
    if (gale_conf_get(conf, "template") != NULL) {
        return "record";
    }
    return gale_conf_get(conf, "constant") != NULL ? "value" : "sentence";
}

static enum gale_err check_sentences(struct gale_declare *declare, const struct gale_conf *node)
{
    if (node == NULL) {
        return GALE_OK;
    }
    const char *text = gale_conf_text(node);
    size_t count = gale_conf_count(node);
    bool valid = text != NULL && strcmp(text, "classic") == 0;
    if (gale_conf_type(node) == GALE_LIST) {
        valid = count > 0 && count <= GENERATOR_TEXTS_MAX;
        for (size_t i = 0; i < count; i++) {
            const char *item = gale_conf_text(gale_conf_at(node, i));
            valid = valid && item != NULL && strlen(item) <= TEMPLATE_RECORD_MAX;
        }
    }
    if (!valid) {
        gale_declare_error(declare, "sentences",
                           "sentences must be `classic` or a list of 1 to %d texts of at most "
                           "%zu bytes",
                           GENERATOR_TEXTS_MAX, TEMPLATE_RECORD_MAX);
        return GALE_ERR_INVALID;
    }
    return GALE_OK;
}

static enum gale_err check_template(struct gale_declare *declare, const char *text)
{
    if (text == NULL) {
        return GALE_OK;
    }
    struct gale_error error = {0};
    struct template *template = NULL;
    enum gale_err err = template_new(text, &template, &error);
    template_free(template);
    if (err != GALE_OK) {
        gale_declare_error(declare, "template", "template: %s", error.text);
    }
    return err;
}

static enum gale_err generator_declare(struct gale_declare *declare,
                                       const struct gale_conf *conf)
{
    const struct gale_conf *sentences = gale_conf_get(conf, "sentences");
    const char *template = gale_conf_string(conf, "template", NULL);
    bool is_constant = gale_conf_get(conf, "constant") != NULL;
    if ((sentences != NULL) + (template != NULL) + is_constant > 1) {
        gale_declare_error(declare, template != NULL ? "template" : "constant",
                           "choose one of sentences, template and constant");
        return GALE_ERR_INVALID;
    }
    if (strlen(gale_conf_string(conf, "constant", "")) > TEMPLATE_RECORD_MAX) {
        gale_declare_error(declare, "constant", "constant must have at most %zu bytes",
                           TEMPLATE_RECORD_MAX);
        return GALE_ERR_LIMIT;
    }
    int64_t start_ms = gale_conf_int64(conf, "start", 0);
    if (start_ms < 0 || start_ms > GENERATOR_START_MS_MAX) {
        gale_declare_error(declare, "start",
                           "start must be 0 or a Unix time in milliseconds, before 2100");
        return GALE_ERR_INVALID;
    }
    if (gale_conf_int64(conf, "count", 0) < 0) {
        gale_declare_error(declare, "count", "count must be 0 (endless) or more");
        return GALE_ERR_INVALID;
    }
    enum gale_err err = pace_check(declare, conf);
    if (err == GALE_OK) {
        err = check_sentences(declare, sentences);
    }
    if (err == GALE_OK) {
        err = check_template(declare, template);
    }
    if (err != GALE_OK) {
        return err;
    }
    return gale_declare_stream(declare, "default",
                               gale_conf_string(conf, "field", default_field(conf)), false);
}

static enum gale_err load_list(struct generator *generator, const struct gale_conf *node)
{
    size_t count = gale_conf_type(node) == GALE_LIST ? gale_conf_count(node) : 1;
    struct text *list = calloc(count, sizeof(*list));
    if (list == NULL) {
        return GALE_ERR_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct gale_conf *item =
            gale_conf_type(node) == GALE_LIST ? gale_conf_at(node, i) : node;
        const char *text = gale_conf_text(item);
        list[i].data = text != NULL ? text : "";
        list[i].size = strlen(list[i].data);
    }
    generator->list = list;
    generator->texts = list;
    generator->texts_count = count;
    return GALE_OK;
}

static enum gale_err load_mode(struct generator *generator, const struct gale_conf *conf)
{
    const struct gale_conf *sentences = gale_conf_get(conf, "sentences");
    const struct gale_conf *constant = gale_conf_get(conf, "constant");
    const char *template = gale_conf_string(conf, "template", NULL);
    if (template != NULL) {
        return template_new(template, &generator->template, NULL);
    }
    if (constant != NULL) {
        return load_list(generator, constant);
    }
    if (gale_conf_type(sentences) == GALE_LIST) {
        return load_list(generator, sentences);
    }
    generator->texts = classic;
    generator->texts_count = sizeof(classic) / sizeof(classic[0]);
    return GALE_OK;
}

static void start_pace(struct generator *generator, struct gale_task *task)
{
    pace_restart(&generator->pace);
    generator->start_at = generator->at;
    generator->start_ns = gale_task_now_ns(task);
    if (generator->wanted_start_ms > 0) {
        struct timespec ts;
        clock_gettime(CLOCK_REALTIME, &ts);
        int64_t now_ns = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
        generator->start_at = 0;
        generator->start_ns += generator->wanted_start_ms * 1000000 - now_ns;
    }
}

static enum gale_err generator_open(void *state, struct gale_task *task,
                                    const struct gale_conf *conf)
{
    struct generator *generator = state;
    uint64_t count = (uint64_t)gale_conf_int64(conf, "count", 0);
    generator->index = gale_task_index(task);
    generator->parallelism = gale_task_parallelism(task);
    generator->seed = template_mix(
        (uint64_t)gale_conf_int64(conf, "seed", 1) * 0x9e3779b97f4a7c15u + generator->index);
    generator->end = UINT64_MAX;
    if (count > 0) {
        generator->end = count / generator->parallelism +
                         (generator->index < count % generator->parallelism);
    }
    generator->at = generator->restored_at;
    generator->wanted_start_ms = gale_conf_int64(conf, "start", 0);
    start_pace(generator, task);
    enum gale_err err =
        pace_init(&generator->pace, conf, generator->index, generator->parallelism);
    return err == GALE_OK ? load_mode(generator, conf) : err;
}

/* The schedule starts anew, so that a pause is not followed by a burst; one with a fixed start goes
 * on, and what was missed is overdue. */
static void generator_activate(void *state, struct gale_task *task)
{
    start_pace(state, task);
}

static inline uint64_t random_of(const struct generator *generator, uint64_t id)
{
    uint64_t x = (generator->seed + id) * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
    return x ^ (x >> 32);
}

static inline const struct text *text_of(const struct generator *generator, uint64_t id)
{
    uint64_t random = random_of(generator, id);
    return &generator->texts[((random >> 32) * generator->texts_count) >> 32];
}

static int64_t due_ns(struct generator *generator, uint64_t id)
{
    return generator->start_ns + pace_due_ns(&generator->pace, id - generator->start_at);
}

static void put_content(const struct generator *generator, struct gale_out *out, uint64_t id)
{
    if (generator->template != NULL) {
        struct gale_slice record =
            template_render(generator->template, random_of(generator, id),
                            id * generator->parallelism + generator->index);
        gale_put_string(out, record.data, record.size);
        return;
    }
    const struct text *text = text_of(generator, id);
    gale_put_string(out, text->data, text->size);
}

/* Emits one tuple; intended_ns 0 means now. False when the call's output is full. */
static bool emit_one(struct generator *generator, struct gale_task *task, uint64_t id,
                     int64_t intended_ns)
{
    put_content(generator, gale_begin(task), id);
    struct gale_emit_options emit = {
        .struct_size = sizeof(emit),
        .flags = GALE_EMIT_ROOT,
        .message_id = id,
        .intended_ns = intended_ns,
    };
    return gale_emit_with(task, 0, &emit) != GALE_ERR_LIMIT;
}

/* Emits failed tuples again. */
static enum gale_next next_retry(struct generator *generator, struct gale_task *task)
{
    uint64_t id = 0;
    for (unsigned i = 0; i < GENERATOR_BURST && retry_peek(&generator->retry, &id); i++) {
        if (!emit_one(generator, task, id, 0)) {
            return GALE_NEXT_IDLE;
        }
        retry_drop(&generator->retry);
    }
    return GALE_NEXT_MORE;
}

/* Contents are bounded at declare, so a refusal means that too much waits downstream: the same tuple
 * is tried again a little later. */
static enum gale_next after_refusal(struct gale_task *task)
{
    gale_begin(task);
    return GALE_NEXT_IDLE;
}

static enum gale_next next_by_rate(struct generator *generator, struct gale_task *task)
{
    int64_t now = gale_task_now_ns(task);
    for (unsigned i = 0; i < GENERATOR_BURST; i++) {
        if (generator->at >= generator->end) {
            return GALE_NEXT_DONE;
        }
        int64_t due = due_ns(generator, generator->at);
        if (due > now) {
            gale_spout_wait(task, due);
            return GALE_NEXT_IDLE;
        }
        if (!emit_one(generator, task, generator->at, due)) {
            return after_refusal(task);
        }
        generator->at++;
    }
    return GALE_NEXT_MORE;
}

static enum gale_next next_fast(struct generator *generator, struct gale_task *task)
{
    uint64_t first = generator->at;
    uint64_t end = generator->end;
    if (end - first > GENERATOR_BURST) {
        end = first + GENERATOR_BURST;
    }
    for (uint64_t at = first; at < end; at++) {
        struct gale_out *out = gale_begin(task);
        const struct text *text = text_of(generator, at);
        gale_put_string(out, text->data, text->size);
        if (gale_emit_root(task, 0, at) == GALE_ERR_LIMIT) {
            generator->at = at;
            return after_refusal(task);
        }
    }
    generator->at = end;
    return end == generator->end ? GALE_NEXT_DONE : GALE_NEXT_MORE;
}

static enum gale_next next_template(struct generator *generator, struct gale_task *task)
{
    for (unsigned i = 0; i < GENERATOR_BURST && generator->at < generator->end; i++) {
        if (!emit_one(generator, task, generator->at, 0)) {
            return after_refusal(task);
        }
        generator->at++;
    }
    return generator->at >= generator->end ? GALE_NEXT_DONE : GALE_NEXT_MORE;
}

static enum gale_next generator_next(void *state, struct gale_task *task)
{
    struct generator *generator = state;
    if (generator->retry.count > 0) {
        return next_retry(generator, task);
    }
    if (generator->at >= generator->end) {
        return GALE_NEXT_DONE;
    }
    if (generator->pace.steps != NULL) {
        return next_by_rate(generator, task);
    }
    return generator->template == NULL ? next_fast(generator, task)
                                       : next_template(generator, task);
}

static void generator_fail(void *state, struct gale_task *task, uint64_t message_id)
{
    struct generator *generator = state;
    if (retry_push(&generator->retry, message_id) != GALE_OK) {
        gale_task_error(task,
                        "tuple %llu is not emitted again: no room for failed tuples; "
                        "lower max_pending",
                        (unsigned long long)message_id);
    }
}

static void generator_close(void *state, struct gale_task *task)
{
    struct generator *generator = state;
    (void)task;
    template_free(generator->template);
    free(generator->list);
    retry_fini(&generator->retry);
    pace_fini(&generator->pace);
}

/* Position: magic, then the sequence number, little-endian. */
static size_t generator_save(void *state, struct gale_task *task, uint64_t low_id, void *out,
                             size_t out_size)
{
    const struct generator *generator = state;
    (void)task;
    uint64_t at = low_id > generator->restored_at ? low_id : generator->restored_at;
    uint8_t *bytes = out;
    if (out_size < GENERATOR_POSITION_SIZE) {
        return 0;
    }
    memcpy(bytes, GENERATOR_POSITION_MAGIC, 4);
    for (unsigned i = 0; i < 8; i++) {
        bytes[4 + i] = (uint8_t)(at >> (8 * i));
    }
    return GENERATOR_POSITION_SIZE;
}

static enum gale_err generator_restore(void *state, struct gale_task *task, const void *data,
                                       size_t size)
{
    struct generator *generator = state;
    const uint8_t *bytes = data;
    if (size != GENERATOR_POSITION_SIZE || memcmp(bytes, GENERATOR_POSITION_MAGIC, 4) != 0) {
        gale_task_error(task, "the saved position is not a generator's; run with --fresh");
        return GALE_ERR_CORRUPT;
    }
    uint64_t at = 0;
    for (unsigned i = 0; i < 8; i++) {
        at |= (uint64_t)bytes[4 + i] << (8 * i);
    }
    generator->restored_at = at;
    return GALE_OK;
}

const struct gale_spout_ops generator_spout_ops = {
    GALE_SPOUT_HEAD,
    .name = "generator",
    .state_size = sizeof(struct generator),
    .options = options,
    .help = "Makes sentences, records from a template, or a constant, from a seed.",
    .declare = generator_declare,
    .open = generator_open,
    .next = generator_next,
    .fail = generator_fail,
    .activate = generator_activate,
    .close = generator_close,
    .save = generator_save,
    .restore = generator_restore,
};
