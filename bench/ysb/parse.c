/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bolt `ysb_parse`: an event as JSON text → its seven fields. YAJL is the parser: README.md has
 * the measurement that chose it, and this is the only file that knows it. One parser serves all
 * events of a task (it takes several values one after the other); it is made anew only after a
 * malformed one.
 *
 * Texts are not copied: YAJL points into the event itself, except for those with an escape, which
 * it decodes into a buffer of its own that lasts for one callback; those go to `decoded`.
 *
 * A malformed event is reported and dropped, since emitting it again would not mend it.
 */
#include "module.h"

#include <string.h>
#include <yajl/yajl_parse.h>

enum { DECODED_SIZE = 4096, TIME_DIGITS_MAX = 18 };

/* In the order of YSB_EVENT_FIELDS. */
enum field {
    FIELD_NONE = -1,
    FIELD_USER_ID,
    FIELD_PAGE_ID,
    FIELD_AD_ID,
    FIELD_AD_TYPE,
    FIELD_EVENT_TYPE,
    FIELD_EVENT_TIME,
    FIELD_IP_ADDRESS,
};

struct parse {
    yajl_handle parser;
    const char *text; /* Of the event. */
    size_t text_size;
    struct gale_slice fields[YSB_EVENT_FIELDS_COUNT]; /* data NULL: not seen. */
    enum field field;                                 /* That the next value is for. */
    unsigned depth;                                   /* Maps and lists that are open. */
    unsigned events;                                  /* Maps that ended at depth 0. */
    size_t decoded_size;
    char decoded[DECODED_SIZE];
};

/* By size first: then each comparison has a fixed size and is two words, no call. */
static enum field field_of(const unsigned char *key, size_t size)
{
    switch (size) {
    case 5: return memcmp(key, "ad_id", 5) == 0 ? FIELD_AD_ID : FIELD_NONE;
    case 7:
        return memcmp(key, "user_id", 7) == 0   ? FIELD_USER_ID
               : memcmp(key, "page_id", 7) == 0 ? FIELD_PAGE_ID
               : memcmp(key, "ad_type", 7) == 0 ? FIELD_AD_TYPE
                                                : FIELD_NONE;
    case 10:
        return memcmp(key, "event_type", 10) == 0   ? FIELD_EVENT_TYPE
               : memcmp(key, "event_time", 10) == 0 ? FIELD_EVENT_TIME
               : memcmp(key, "ip_address", 10) == 0 ? FIELD_IP_ADDRESS
                                                    : FIELD_NONE;
    default: return FIELD_NONE;
    }
}

static int on_key(void *context, const unsigned char *key, size_t size)
{
    struct parse *parse = context;
    parse->field = parse->depth == 1 ? field_of(key, size) : FIELD_NONE;
    return 1;
}

static int on_string(void *context, const unsigned char *data, size_t size)
{
    struct parse *parse = context;
    if (parse->field == FIELD_NONE || parse->depth != 1) {
        return 1;
    }
    struct gale_slice value = {(const char *)data, size};
    uintptr_t offset = (uintptr_t)data - (uintptr_t)parse->text;
    if (offset > parse->text_size) {
        if (size > DECODED_SIZE - parse->decoded_size) {
            return 0;
        }
        value.data = parse->decoded + parse->decoded_size;
        memcpy(parse->decoded + parse->decoded_size, data, size);
        parse->decoded_size += size;
    }
    parse->fields[parse->field] = value;
    return 1;
}

static int on_open(void *context)
{
    ((struct parse *)context)->depth++;
    return 1;
}

static int on_close(void *context)
{
    struct parse *parse = context;
    parse->depth--;
    parse->events += parse->depth == 0;
    return 1;
}

static const yajl_callbacks callbacks = {
    .yajl_string = on_string,
    .yajl_map_key = on_key,
    .yajl_start_map = on_open,
    .yajl_end_map = on_close,
    .yajl_start_array = on_open,
    .yajl_end_array = on_close,
};

static enum gale_err open_parser(struct parse *parse)
{
    if (parse->parser != NULL) {
        yajl_free(parse->parser);
    }
    parse->parser = yajl_alloc(&callbacks, NULL, parse);
    if (parse->parser == NULL ||
        yajl_config(parse->parser, yajl_allow_multiple_values, 1) == 0) {
        return GALE_ERR_NOMEM;
    }
    return GALE_OK;
}

static enum gale_err parse_prepare(void *state, struct gale_task *task,
                                   const struct gale_conf *conf)
{
    (void)task;
    (void)conf;
    return open_parser(state);
}

/* Decimal digits only, so that what is no time is no event. */
static bool read_time(struct gale_slice text, int64_t *out)
{
    if (text.size == 0 || text.size > TIME_DIGITS_MAX) {
        return false;
    }
    int64_t time_ms = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        time_ms = time_ms * 10 + (text.data[i] - '0');
    }
    *out = time_ms;
    return true;
}

static enum gale_err drop(struct parse *parse, struct gale_task *task, const char *why)
{
    gale_task_error(task, "dropped an event that is %s: %.*s", why,
                    (int)(parse->text_size < 64 ? parse->text_size : 64), parse->text);
    return open_parser(parse);
}

static enum gale_err parse_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    struct parse *parse = state;
    struct gale_slice text = gale_tuple_string(tuple, 0);
    if (text.data == NULL) {
        return GALE_ERR_TYPE;
    }
    parse->text = text.data;
    parse->text_size = text.size;
    parse->field = FIELD_NONE;
    parse->depth = 0;
    parse->events = 0;
    parse->decoded_size = 0;
    memset(parse->fields, 0, sizeof(parse->fields));
    if (yajl_parse(parse->parser, (const unsigned char *)text.data, text.size) !=
            yajl_status_ok ||
        parse->events != 1 || parse->depth != 0) {
        return drop(parse, task, "no JSON object");
    }
    int64_t time_ms = 0;
    struct gale_out *out = gale_begin(task);
    for (int i = 0; i < YSB_EVENT_FIELDS_COUNT; i++) {
        if (parse->fields[i].data == NULL) {
            return drop(parse, task, "not complete");
        }
        if (i != FIELD_EVENT_TIME) {
            gale_put_string(out, parse->fields[i].data, parse->fields[i].size);
        } else if (read_time(parse->fields[i], &time_ms)) {
            gale_put_int64(out, time_ms);
        } else {
            return drop(parse, task, "without a time");
        }
    }
    return gale_emit(task, 0);
}

static void parse_cleanup(void *state, struct gale_task *task)
{
    struct parse *parse = state;
    (void)task;
    if (parse->parser != NULL) {
        yajl_free(parse->parser);
    }
}

const struct gale_bolt_ops ysb_parse_ops = {
    GALE_BOLT_HEAD,
    .name = "ysb_parse",
    .state_size = sizeof(struct parse),
    .fields = YSB_EVENT_FIELDS,
    .help = "Parses an ad event from its JSON text into seven fields.",
    .prepare = parse_prepare,
    .execute = parse_execute,
    .cleanup = parse_cleanup,
};
