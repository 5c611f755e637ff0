/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three small bolts between parsing and counting, each its own as in the original:
 * `ysb_filter` keeps views, `ysb_project` keeps ad_id and event_time, `ysb_join` adds the ad's
 * campaign from a table that each task builds from the seed (the original asks Redis and caches).
 * Fields are found by name once, in prepare. One task, one thread.
 */
#include "module.h"

#include <stdlib.h>
#include <string.h>

static unsigned field_of(const struct gale_task *task, const char *name)
{
    return (unsigned)gale_task_field(task, 0, name); /* Declared as needed, so it is there. */
}

/* ---- ysb_filter ---- */

struct filter {
    unsigned event_type;
    unsigned fields_count;
};

static enum gale_err filter_declare(struct gale_declare *declare, const struct gale_conf *conf)
{
    (void)conf;
    enum gale_err err = gale_declare_needs(declare, 0, "event_type", NULL);
    const char *fields = gale_declare_input_fields(declare, 0);
    if (err != GALE_OK) {
        return err;
    }
    return gale_declare_stream(declare, "default", fields != NULL ? fields : "", false);
}

static enum gale_err filter_prepare(void *state, struct gale_task *task,
                                    const struct gale_conf *conf)
{
    struct filter *filter = state;
    (void)conf;
    filter->event_type = field_of(task, "event_type");
    filter->fields_count = gale_task_fields(task, 0);
    return GALE_OK;
}

static enum gale_err filter_execute(void *state, struct gale_task *task,
                                    const struct gale_tuple *tuple)
{
    const struct filter *filter = state;
    struct gale_slice type = gale_tuple_string(tuple, filter->event_type);
    if (type.size != sizeof(YSB_VIEW_TEXT) - 1 ||
        memcmp(type.data, YSB_VIEW_TEXT, sizeof(YSB_VIEW_TEXT) - 1) != 0) {
        return GALE_OK;
    }
    enum gale_err err = gale_put_fields(gale_begin(task), tuple, 0, filter->fields_count);
    return err != GALE_OK ? err : gale_emit(task, 0);
}

const struct gale_bolt_ops ysb_filter_ops = {
    GALE_BOLT_HEAD,
    .name = "ysb_filter",
    .state_size = sizeof(struct filter),
    .help = "Keeps the ad events that are views.",
    .declare = filter_declare,
    .prepare = filter_prepare,
    .execute = filter_execute,
};

/* ---- ysb_project ---- */

struct project {
    unsigned ad_id;
    unsigned event_time;
};

static enum gale_err needs_ad_and_time(struct gale_declare *declare)
{
    enum gale_err err = gale_declare_needs(declare, 0, "ad_id", NULL);
    return err != GALE_OK ? err : gale_declare_needs(declare, 0, "event_time", NULL);
}

static enum gale_err project_declare(struct gale_declare *declare, const struct gale_conf *conf)
{
    (void)conf;
    enum gale_err err = needs_ad_and_time(declare);
    return err != GALE_OK ? err
                          : gale_declare_stream(declare, "default", "ad_id,event_time", false);
}

static enum gale_err project_prepare(void *state, struct gale_task *task,
                                     const struct gale_conf *conf)
{
    struct project *project = state;
    (void)conf;
    project->ad_id = field_of(task, "ad_id");
    project->event_time = field_of(task, "event_time");
    return GALE_OK;
}

static enum gale_err project_execute(void *state, struct gale_task *task,
                                     const struct gale_tuple *tuple)
{
    const struct project *project = state;
    struct gale_out *out = gale_begin(task);
    enum gale_err err = gale_put_fields(out, tuple, project->ad_id, 1);
    if (err == GALE_OK) {
        err = gale_put_fields(out, tuple, project->event_time, 1);
    }
    return err != GALE_OK ? err : gale_emit(task, 0);
}

const struct gale_bolt_ops ysb_project_ops = {
    GALE_BOLT_HEAD,
    .name = "ysb_project",
    .state_size = sizeof(struct project),
    .help = "Keeps an ad event's ad_id and event_time.",
    .declare = project_declare,
    .prepare = project_prepare,
    .execute = project_execute,
};

/* ---- ysb_join ---- */

enum { JOIN_SLOTS = 4096 }; /* A power of two, a quarter of it used. */

struct join {
    unsigned ad_id;
    unsigned event_time;
    struct ysb_ids *ids;
    uint16_t slots[JOIN_SLOTS]; /* Index of the ad + 1 by hash of its id; 0: empty. */
};

static const struct gale_option join_options[] = {
    {"seed", GALE_OPTION_INT, false, "1",
     "That of ysb_events: ads and campaigns follow from it."},
    {NULL, GALE_OPTION_ANY, false, NULL, NULL},
};

static enum gale_err join_declare(struct gale_declare *declare, const struct gale_conf *conf)
{
    (void)conf;
    enum gale_err err = needs_ad_and_time(declare);
    return err != GALE_OK ? err
                          : gale_declare_stream(declare, "default", YSB_JOINED_FIELDS, false);
}

/* The first eight characters are random digits. */
static size_t slot_of(const char *ad_id)
{
    uint64_t head = 0;
    memcpy(&head, ad_id, sizeof(head));
    return (size_t)((head * 0x9e3779b97f4a7c15u) >> 52);
}

static enum gale_err join_prepare(void *state, struct gale_task *task,
                                  const struct gale_conf *conf)
{
    struct join *join = state;
    join->ad_id = field_of(task, "ad_id");
    join->event_time = field_of(task, "event_time");
    join->ids = malloc(sizeof(*join->ids));
    if (join->ids == NULL) {
        return GALE_ERR_NOMEM;
    }
    ysb_ids_init(join->ids, (uint64_t)gale_conf_int64(conf, "seed", 1));
    for (unsigned ad = 0; ad < YSB_ADS; ad++) {
        size_t slot = slot_of(join->ids->ads[ad]);
        while (join->slots[slot] != 0) {
            slot = (slot + 1) % JOIN_SLOTS;
        }
        join->slots[slot] = (uint16_t)(ad + 1);
    }
    return GALE_OK;
}

static const char *campaign_of(const struct join *join, struct gale_slice ad_id)
{
    if (ad_id.size != YSB_ID_SIZE) {
        return NULL;
    }
    for (size_t slot = slot_of(ad_id.data); join->slots[slot] != 0;
         slot = (slot + 1) % JOIN_SLOTS) {
        size_t ad = join->slots[slot] - 1u;
        if (memcmp(join->ids->ads[ad], ad_id.data, YSB_ID_SIZE) == 0) {
            return join->ids->campaigns[ad / YSB_ADS_PER_CAMPAIGN];
        }
    }
    return NULL;
}

static enum gale_err join_execute(void *state, struct gale_task *task,
                                  const struct gale_tuple *tuple)
{
    const struct join *join = state;
    struct gale_slice ad_id = gale_tuple_string(tuple, join->ad_id);
    const char *campaign = campaign_of(join, ad_id);
    if (campaign == NULL) {
        gale_task_error(task,
                        "dropped an event of the unknown ad %.*s; give ysb_join the seed "
                        "of ysb_events",
                        (int)(ad_id.size < 64 ? ad_id.size : 64), ad_id.data);
        return GALE_OK;
    }
    struct gale_out *out = gale_begin(task);
    gale_put_string(out, campaign, YSB_ID_SIZE);
    gale_put_string(out, ad_id.data, ad_id.size);
    enum gale_err err = gale_put_fields(out, tuple, join->event_time, 1);
    return err != GALE_OK ? err : gale_emit(task, 0);
}

static void join_cleanup(void *state, struct gale_task *task)
{
    (void)task;
    free(((struct join *)state)->ids);
}

const struct gale_bolt_ops ysb_join_ops = {
    GALE_BOLT_HEAD,
    .name = "ysb_join",
    .state_size = sizeof(struct join),
    .options = join_options,
    .help = "Adds the campaign of an event's ad.",
    .declare = join_declare,
    .prepare = join_prepare,
    .execute = join_execute,
    .cleanup = join_cleanup,
};
