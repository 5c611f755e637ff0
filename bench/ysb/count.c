/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bolt `ysb_count`: counts views by campaign and window of ten seconds of event time, and at each
 * tick, and at the end, tells the store the count of every window that changed, as the original
 * does to Redis once a second. A count is told whole, so telling it twice does no harm.
 *
 * Counts live in the task's memory and die with a killed worker, while what they counted was
 * acked. With a journal (option) each tuple is kept until its count was written there, and a task
 * that starts anew reads its counts back: then at-least-once means that nothing is missing at the
 * end. That costs a kept tuple for each view, so it is for tests of the guarantee, not for speed.
 */
#include "journal.h"
#include "module.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Kept tuples before the journal is written: well below the engine's limit of 65536. */
enum { COUNT_KEPT_MAX = 8192 };

struct count {
    struct table table;
    struct journal journal; /* fd −1: none. */
    struct gale_tuple **kept;
    size_t kept_count;
};

static const struct gale_option options[] = {
    {"journal", GALE_OPTION_STRING, false, "",
     "Path of a file in which counts outlive a killed worker, `.` and the task's index are "
     "appended; empty: none."},
    {NULL, GALE_OPTION_ANY, false, NULL, NULL},
};

static enum gale_err open_journal(struct count *count, struct gale_task *task, const char *path)
{
    char *name = NULL;
    if (asprintf(&name, "%s.%" PRIu32, path, gale_task_index(task)) < 0) {
        return GALE_ERR_NOMEM;
    }
    count->kept = calloc(COUNT_KEPT_MAX, sizeof(struct gale_tuple *));
    enum gale_err err = count->kept != NULL ? journal_open(&count->journal, name, &count->table)
                                            : GALE_ERR_NOMEM;
    if (err != GALE_OK) {
        gale_task_error(task, "cannot use the journal %s: %s; give another path or remove it",
                        name, gale_err_name(err));
    }
    free(name);
    return err;
}

static enum gale_err count_prepare(void *state, struct gale_task *task,
                                   const struct gale_conf *conf)
{
    struct count *count = state;
    const char *path = gale_conf_string(conf, "journal", "");
    count->journal.fd = -1;
    if (!table_init(&count->table)) {
        return GALE_ERR_NOMEM;
    }
    return path[0] != '\0' ? open_journal(count, task, path) : GALE_OK;
}

/* Tells the store every window that changed, and the journal before that. */
static enum gale_err tell(struct count *count, struct gale_task *task)
{
    if (count->journal.fd >= 0) {
        enum gale_err err = journal_write(&count->journal, &count->table);
        for (size_t i = 0; i < count->kept_count; i++) {
            if (err == GALE_OK) {
                gale_ack(task, count->kept[i]);
            } else {
                gale_fail(task, count->kept[i]);
            }
        }
        count->kept_count = 0;
        if (err != GALE_OK) {
            return err;
        }
    }
    for (size_t i = 0; i < count->table.campaigns_count; i++) {
        struct table_campaign *campaign = count->table.list[i];
        for (size_t j = 0; j < campaign->windows_count; j++) {
            struct table_window *window = &campaign->windows[j];
            if (!window->changed) {
                continue;
            }
            struct gale_emit_options unanchored = {.struct_size = sizeof(unanchored),
                                                   .flags = GALE_EMIT_ANCHORS};
            struct gale_out *out = gale_begin(task);
            gale_put_string(out, campaign->id, YSB_ID_SIZE);
            gale_put_int64(out, (campaign->first + (int64_t)j) * YSB_WINDOW_MS);
            gale_put_int64(out, window->count);
            enum gale_err err = gale_emit_with(task, 0, &unanchored);
            if (err != GALE_OK) {
                return err; /* It stays changed: the next tick tells it. */
            }
            window->changed = false;
        }
    }
    return GALE_OK;
}

static enum gale_err count_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    struct count *count = state;
    struct gale_slice id = gale_tuple_string(tuple, 0);
    int64_t time_ms = 0;
    enum gale_err err = gale_tuple_int64(tuple, 2, &time_ms);
    if (err != GALE_OK || id.size != YSB_ID_SIZE) {
        return GALE_ERR_TYPE;
    }
    struct table_campaign *campaign = table_campaign(&count->table, id.data);
    struct table_window *window =
        campaign != NULL ? table_window(campaign, table_number(time_ms)) : NULL;
    if (window == NULL) {
        return GALE_ERR_LIMIT;
    }
    if (count->journal.fd >= 0) {
        struct gale_tuple *kept = gale_tuple_keep(task, tuple);
        if (kept == NULL) {
            return GALE_ERR_FAILED;
        }
        count->kept[count->kept_count++] = kept;
    }
    window->count++;
    window->changed = true;
    return count->kept_count == COUNT_KEPT_MAX ? tell(count, task) : GALE_OK;
}

static enum gale_err count_tick(void *state, struct gale_task *task)
{
    return tell(state, task);
}

/* Every window once more, so that the end does not hang on what the ticks told: the store may have
 * been started anew. */
static enum gale_err count_finish(void *state, struct gale_task *task)
{
    struct count *count = state;
    for (size_t i = 0; i < count->table.campaigns_count; i++) {
        struct table_campaign *campaign = count->table.list[i];
        for (size_t j = 0; j < campaign->windows_count; j++) {
            campaign->windows[j].changed = campaign->windows[j].count > 0;
        }
    }
    return tell(count, task);
}

static void count_cleanup(void *state, struct gale_task *task)
{
    struct count *count = state;
    (void)task;
    table_fini(&count->table);
    journal_close(&count->journal);
    free(count->kept);
}

const struct gale_bolt_ops ysb_count_ops = {
    GALE_BOLT_HEAD,
    .name = "ysb_count",
    .state_size = sizeof(struct count),
    .fields = YSB_COUNT_FIELDS,
    .options = options,
    .help = "Counts views by campaign and window of ten seconds of event time.",
    .prepare = count_prepare,
    .execute = count_execute,
    .tick = count_tick,
    .finish = count_finish,
    .cleanup = count_cleanup,
};
