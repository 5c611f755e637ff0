/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bolt `ysb_store`: stands for the original's Redis. It holds the newest count of every campaign
 * and window with the time at which it last changed, and writes them to the result file when the
 * input has ended (record.h). One task of it, by global grouping.
 */
#include "module.h"
#include "table.h"
#include "ysb/model/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct store {
    struct table table;
    const char *result; /* Path, or "": nothing is written. */
};

static const struct gale_option options[] = {
    {"result", GALE_OPTION_STRING, false, "",
     "Path of the result file, written anew when the input has ended; empty: none."},
    {NULL, GALE_OPTION_ANY, false, NULL, NULL},
};

static enum gale_err store_prepare(void *state, struct gale_task *task,
                                   const struct gale_conf *conf)
{
    struct store *store = state;
    (void)task;
    store->result = gale_conf_string(conf, "result", "");
    return table_init(&store->table) ? GALE_OK : GALE_ERR_NOMEM;
}

static enum gale_err store_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    struct store *store = state;
    struct gale_slice id = gale_tuple_string(tuple, 0);
    int64_t start_ms = 0;
    int64_t count = 0;
    (void)task;
    if (id.size != YSB_ID_SIZE || gale_tuple_int64(tuple, 1, &start_ms) != GALE_OK ||
        gale_tuple_int64(tuple, 2, &count) != GALE_OK) {
        return GALE_ERR_TYPE;
    }
    struct table_campaign *campaign = table_campaign(&store->table, id.data);
    struct table_window *window =
        campaign != NULL ? table_window(campaign, table_number(start_ms)) : NULL;
    if (window == NULL) {
        return GALE_ERR_LIMIT;
    }
    if (window->count != count) {
        struct timespec now;
        (void)clock_gettime(CLOCK_REALTIME, &now);
        window->count = count;
        window->updated_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    }
    return GALE_OK;
}

static void write_windows(const struct table *table, FILE *file)
{
    uint64_t windows_count = 0;
    int64_t total = 0;
    (void)fputs(RECORD_HEAD "\n", file);
    for (size_t i = 0; i < table->campaigns_count; i++) {
        const struct table_campaign *campaign = table->list[i];
        for (size_t j = 0; j < campaign->windows_count; j++) {
            const struct table_window *window = &campaign->windows[j];
            if (window->count == 0) {
                continue;
            }
            (void)fprintf(file, RECORD_WINDOW " %.*s %" PRId64 " %" PRId64 " %" PRId64 "\n",
                          YSB_ID_SIZE, campaign->id,
                          (campaign->first + (int64_t)j) * YSB_WINDOW_MS, window->count,
                          window->updated_ms);
            windows_count++;
            total += window->count;
        }
    }
    (void)fprintf(file, RECORD_END " %" PRIu64 " %" PRId64 "\n", windows_count, total);
}

static enum gale_err store_finish(void *state, struct gale_task *task)
{
    const struct store *store = state;
    if (store->result[0] == '\0') {
        return GALE_OK;
    }
    FILE *file = fopen(store->result, "we");
    if (file != NULL) {
        write_windows(&store->table, file);
    }
    bool failed = file == NULL || ferror(file) != 0;
    if (file != NULL && fclose(file) != 0) {
        failed = true;
    }
    if (failed) {
        gale_task_error(task, "cannot write the result file %s: %s", store->result,
                        strerror(errno));
        return GALE_ERR_IO;
    }
    return GALE_OK;
}

static void store_cleanup(void *state, struct gale_task *task)
{
    (void)task;
    table_fini(&((struct store *)state)->table);
}

const struct gale_bolt_ops ysb_store_ops = {
    GALE_BOLT_HEAD,
    .name = "ysb_store",
    .state_size = sizeof(struct store),
    .options = options,
    .help = "Holds the newest count of each campaign and window and writes them at the end.",
    .prepare = store_prepare,
    .execute = store_execute,
    .finish = store_finish,
    .cleanup = store_cleanup,
};
