/* SPDX-License-Identifier: Apache-2.0 */
/* The flow-text reader and the test registry of plan_fixture.h. */
#include "plan_fixture.h"
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Trees from flow text ---- */

struct reader {
    const char *text;
    const char *at;
};

static void skip_space(struct reader *reader)
{
    reader->at += strspn(reader->at, " \n");
}

static void expect(struct reader *reader, char wanted)
{
    skip_space(reader);
    if (*reader->at != wanted) {
        (void)fprintf(stderr, "fixture: '%c' wanted at: %s\n", wanted, reader->at);
        abort();
    }
    reader->at++;
}

static struct conf_place place_at(const struct reader *reader, const char *at, size_t length)
{
    return (struct conf_place){.file = "t.yaml",
                               .line = 1,
                               .column = (uint32_t)(at - reader->text) + 1,
                               .length = (uint32_t)length};
}

/* A word up to a delimiter, or what stands between quotes. */
static void read_word(struct reader *reader, char *out, size_t size, bool *quoted)
{
    skip_space(reader);
    *quoted = *reader->at == '"';
    reader->at += *quoted ? 1 : 0;
    size_t length = strcspn(reader->at, *quoted ? "\"" : ":,{}[]");
    GALE_ASSERT(length < size);
    memcpy(out, reader->at, length);
    reader->at += length + (*quoted ? 1 : 0);
    while (!*quoted && length > 0 && out[length - 1] == ' ') {
        length--;
    }
    out[length] = '\0';
}

static void read_children(struct reader *reader, struct gale_conf *parent, char close);

static void read_value(struct reader *reader, struct gale_conf *parent, const char *key,
                       const struct conf_place *key_place)
{
    skip_space(reader);
    const char *start = reader->at;
    struct gale_conf *node = NULL;
    char open = *start;
    if (open == '{' || open == '[') {
        reader->at++;
        GALE_ASSERT((open == '{' ? conf_add_map(parent, key, &node)
                                 : conf_add_list(parent, key, &node)) == GALE_OK);
        read_children(reader, node, open == '{' ? '}' : ']');
    } else {
        char word[256];
        bool quoted = false;
        read_word(reader, word, sizeof(word), &quoted);
        GALE_ASSERT(conf_add_scalar(parent, key, word, quoted, &node) == GALE_OK);
    }
    struct conf_place place = place_at(reader, start, (size_t)(reader->at - start));
    conf_set_place(node, &place);
    if (key_place != NULL) {
        conf_set_key_place(node, key_place);
    }
}

static void read_children(struct reader *reader, struct gale_conf *parent, char close)
{
    skip_space(reader);
    while (*reader->at != close) {
        char key[256];
        bool quoted = false;
        skip_space(reader);
        const char *start = reader->at;
        if (close == '}') {
            read_word(reader, key, sizeof(key), &quoted);
            struct conf_place place = place_at(reader, start, strlen(key));
            expect(reader, ':');
            read_value(reader, parent, key, &place);
        } else {
            read_value(reader, parent, NULL, NULL);
        }
        skip_space(reader);
        if (*reader->at != close) {
            expect(reader, ',');
            skip_space(reader);
        }
    }
    expect(reader, close);
}

struct gale_conf *plan_fixture_tree(const char *text)
{
    struct reader reader = {.text = text, .at = text};
    struct gale_conf *root = conf_new();
    GALE_ASSERT(root != NULL);
    struct conf_place place = place_at(&reader, text, 1);
    conf_set_place(root, &place);
    expect(&reader, '{');
    read_children(&reader, root, '}');
    return root;
}

/* ---- Components ---- */

static enum gale_next next_done(void *state, struct gale_task *task)
{
    (void)state;
    (void)task;
    return GALE_NEXT_DONE;
}

static enum gale_err execute_nothing(void *state, struct gale_task *task,
                                     const struct gale_tuple *tuple)
{
    (void)state;
    (void)task;
    (void)tuple;
    return GALE_OK;
}

static enum gale_err tick_nothing(void *state, struct gale_task *task)
{
    (void)state;
    (void)task;
    return GALE_OK;
}

static enum gale_err declare_pass(struct gale_declare *declare, const struct gale_conf *conf)
{
    (void)conf;
    const char *fields = gale_declare_input_fields(declare, 0);
    return gale_declare_stream(declare, "default", fields != NULL ? fields : "unknown", false);
}

static enum gale_err declare_project(struct gale_declare *declare, const struct gale_conf *conf)
{
    const struct gale_conf *fields = gale_conf_get(conf, "fields");
    char text[512] = "";
    for (size_t i = 0; i < gale_conf_count(fields); i++) {
        const char *field = gale_conf_text(gale_conf_at(fields, i));
        for (unsigned input = 0; input < gale_declare_inputs(declare); input++) {
            if (gale_declare_needs(declare, input, field, "fields") != GALE_OK) {
                return GALE_ERR_NOT_FOUND;
            }
        }
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
                       i > 0 ? ", " : "", field);
    }
    return gale_declare_stream(declare, "default", text, false);
}

static enum gale_err declare_multi(struct gale_declare *declare, const struct gale_conf *conf)
{
    (void)conf;
    if (gale_declare_stream(declare, "default", "a,b", false) != GALE_OK ||
        gale_declare_stream(declare, "errors", "why", false) != GALE_OK) {
        return GALE_ERR_INVALID;
    }
    return gale_declare_stream(declare, "straight", "d", true);
}

static enum gale_err declare_complain(struct gale_declare *declare,
                                      const struct gale_conf *conf)
{
    gale_declare_error(declare, "mode", "mode \"%s\" is unknown: write fast or slow",
                       gale_conf_string(conf, "mode", "?"));
    return GALE_ERR_INVALID;
}

static enum gale_err declare_moody(struct gale_declare *declare, const struct gale_conf *conf)
{
    (void)declare;
    (void)conf;
    return GALE_ERR_UNSUPPORTED;
}

static enum gale_err declare_bad_stream(struct gale_declare *declare,
                                        const struct gale_conf *conf)
{
    (void)conf;
    return gale_declare_stream(declare, "no good", "a", false);
}

static enum gale_err declare_twice_stream(struct gale_declare *declare,
                                          const struct gale_conf *conf)
{
    (void)conf;
    (void)gale_declare_stream(declare, "default", "a", false);
    return gale_declare_stream(declare, "default", "a", false);
}

static enum gale_err declare_twice_field(struct gale_declare *declare,
                                         const struct gale_conf *conf)
{
    (void)conf;
    return gale_declare_stream(declare, "default", "a,b,a", false);
}

static enum gale_err declare_wide(struct gale_declare *declare, const struct gale_conf *conf)
{
    char fields[4096] = "f0";
    int64_t count = gale_conf_int64(conf, "count", 0);
    for (int64_t i = 1; i < count; i++) {
        (void)snprintf(fields + strlen(fields), sizeof(fields) - strlen(fields), ",f%d",
                       (int)i);
    }
    return gale_declare_stream(declare, "default", fields, false);
}

static enum gale_err declare_many_streams(struct gale_declare *declare,
                                          const struct gale_conf *conf)
{
    enum gale_err err = GALE_OK;
    for (int64_t i = 0; i < gale_conf_int64(conf, "count", 0) && err == GALE_OK; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "s%d", (int)i);
        err = gale_declare_stream(declare, name, "a", false);
    }
    return err;
}

static const struct gale_option lines_options[] = {
    {"path", GALE_OPTION_STRING, true, NULL, "The file to be read."},
    {"rate", GALE_OPTION_DOUBLE, false, NULL, "Lines a second."},
    {"limit", GALE_OPTION_INT, false, "10", "Lines in all."},
    {"follow", GALE_OPTION_BOOL, false, NULL, "Wait for more."},
    {"every", GALE_OPTION_DURATION, false, "250ms", "Time between two looks."},
    {"block", GALE_OPTION_SIZE, false, "64KiB", "Bytes of one read."},
    {"keep", GALE_OPTION_FIELDS, false, NULL, "Fields to be kept."},
    {"tags", GALE_OPTION_LIST, false, "a, b", "Words."},
    {"extra", GALE_OPTION_ANY, false, NULL, "Any tree."},
    {NULL, GALE_OPTION_STRING, false, NULL, NULL}};
static const struct gale_option mode_options[] = {
    {"mode", GALE_OPTION_STRING, false, NULL, "fast or slow."},
    {NULL, GALE_OPTION_STRING, false, NULL, NULL}};
static const struct gale_option fields_options[] = {
    {"fields", GALE_OPTION_FIELDS, true, NULL, "Fields to be kept."},
    {NULL, GALE_OPTION_STRING, false, NULL, NULL}};
static const struct gale_option count_options[] = {
    {"count", GALE_OPTION_INT, true, NULL, "How many."},
    {NULL, GALE_OPTION_STRING, false, NULL, NULL}};
static const struct gale_option bad_default_options[] = {
    {"size", GALE_OPTION_INT, false, "large", "A table with a fault."},
    {NULL, GALE_OPTION_STRING, false, NULL, NULL}};

#define TEST_BOLT GALE_BOLT_HEAD, .execute = execute_nothing

static const struct gale_spout_ops spouts[] = {
    {GALE_SPOUT_HEAD, .name = "lines", .fields = "line", .options = lines_options,
     .next = next_done},
    {GALE_SPOUT_HEAD, .name = "plain", .fields = "x, y", .next = next_done},
};

static const struct gale_bolt_ops bolts[] = {
    {TEST_BOLT, .name = "split", .fields = "word"},
    {TEST_BOLT, .name = "sink"},
    {TEST_BOLT, .name = "pass", .declare = declare_pass},
    {TEST_BOLT, .name = "project", .declare = declare_project, .options = fields_options},
    {TEST_BOLT, .name = "multi", .declare = declare_multi},
    {TEST_BOLT, .name = "ticker", .tick = tick_nothing},
    {TEST_BOLT, .name = "complain", .declare = declare_complain, .options = mode_options},
    {TEST_BOLT, .name = "moody", .declare = declare_moody},
    {TEST_BOLT, .name = "bad_stream", .declare = declare_bad_stream},
    {TEST_BOLT, .name = "twice_stream", .declare = declare_twice_stream},
    {TEST_BOLT, .name = "twice_field", .declare = declare_twice_field},
    {TEST_BOLT, .name = "wide", .declare = declare_wide, .options = count_options},
    {TEST_BOLT, .name = "many_streams", .declare = declare_many_streams,
     .options = count_options},
    {TEST_BOLT, .name = "bad_default", .options = bad_default_options},
};

static uint32_t choose_first(void *state, const struct gale_tuple *tuple, uint32_t *chosen,
                             uint32_t chosen_max)
{
    (void)state;
    (void)tuple;
    (void)chosen_max;
    chosen[0] = 0;
    return 1;
}

static const struct gale_spout_ops source_ops = {GALE_SPOUT_HEAD, .name = "source",
                                                 .fields = "s", .next = next_done};
static const struct gale_bolt_ops mine_ops = {TEST_BOLT, .name = "mine", .fields = "m"};
static const struct gale_grouping_ops pick_ops = {
    .abi = GALE_ABI, .struct_size = sizeof(pick_ops), .name = "pick", .choose = choose_first};
static const struct gale_task_hooks trace_hooks = {
    .abi = GALE_ABI, .struct_size = sizeof(trace_hooks), .name = "trace"};
static const struct gale_worker_hooks pool_hooks = {
    .abi = GALE_ABI, .struct_size = sizeof(pool_hooks), .name = "pool"};

/* ---- Registry ---- */

/* Whether a module may be searched; old.so stands for one that cannot be loaded. */
static bool module_opens(const char *module, const char *name, struct gale_error *error)
{
    if (module != NULL && strcmp(module, "old.so") == 0) {
        (void)gale_error_set(error, GALE_ERR_ABI, "module old.so was built for ABI 0");
        return false;
    }
    (void)gale_error_set(error, GALE_ERR_NOT_FOUND, "module %s has no \"%s\"",
                         module != NULL ? module : "-", name);
    return true;
}

static const struct gale_spout_ops *find_spout(void *self, const char *module, const char *name,
                                               struct gale_error *error)
{
    (void)self;
    if (!module_opens(module, name, error)) {
        return NULL;
    }
    for (size_t i = 0; module == NULL && i < sizeof(spouts) / sizeof(spouts[0]); i++) {
        if (strcmp(spouts[i].name, name) == 0) {
            return &spouts[i];
        }
    }
    return module != NULL && strcmp(name, "source") == 0 ? &source_ops : NULL;
}

static const struct gale_bolt_ops *find_bolt(void *self, const char *module, const char *name,
                                             struct gale_error *error)
{
    (void)self;
    if (!module_opens(module, name, error)) {
        return NULL;
    }
    for (size_t i = 0; module == NULL && i < sizeof(bolts) / sizeof(bolts[0]); i++) {
        if (strcmp(bolts[i].name, name) == 0) {
            return &bolts[i];
        }
    }
    return module != NULL && strcmp(name, "mine") == 0 ? &mine_ops : NULL;
}

static const struct gale_grouping_ops *find_grouping(void *self, const char *module,
                                                     const char *name, struct gale_error *error)
{
    (void)self;
    return module_opens(module, name, error) && strcmp(name, "pick") == 0 ? &pick_ops : NULL;
}

static const struct gale_task_hooks *find_task_hooks(void *self, const char *name,
                                                     struct gale_error *error)
{
    (void)self;
    (void)error;
    return strcmp(name, "trace") == 0 ? &trace_hooks : NULL;
}

static const struct gale_worker_hooks *find_worker_hooks(void *self, const char *name,
                                                         struct gale_error *error)
{
    (void)self;
    (void)error;
    return strcmp(name, "pool") == 0 ? &pool_hooks : NULL;
}

static const char *const *names(void *self, const char *module, char kind)
{
    static const char *const built_in_spouts[] = {"lines", "plain", NULL};
    static const char *const built_in_bolts[] = {"split", "sink", "pass", "multi", NULL};
    static const char *const module_spouts[] = {"source", NULL};
    static const char *const module_bolts[] = {"mine", NULL};
    static const char *const module_groupings[] = {"pick", NULL};
    static const char *const none[] = {NULL};
    (void)self;
    switch (kind) {
    case 's': return module == NULL ? built_in_spouts : module_spouts;
    case 'b': return module == NULL ? built_in_bolts : module_bolts;
    case 'g': return module == NULL ? none : module_groupings;
    default: return none;
    }
}

const struct registry *plan_fixture_registry(void)
{
    static const struct registry registry = {
        .spout = find_spout,
        .bolt = find_bolt,
        .grouping = find_grouping,
        .task_hooks = find_task_hooks,
        .worker_hooks = find_worker_hooks,
        .names = names,
    };
    return &registry;
}
