/* SPDX-License-Identifier: Apache-2.0 */
/* What an executor tells in its beats: with the largest number of tasks each must fit a message. */
#include "exec_harness.h"

#include "base/hist.h"
#include "codec/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FILLED_COUNT 3000u /* tasks whose histograms use every bucket: 40 MB when packed */

static char placement[PLAN_TASKS_MAX + 1];
static bool told[PLAN_TASKS_MAX + 1];

static void fill(struct hist *hist)
{
    for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
        hist->buckets[i] = 1;
    }
    hist->count = HIST_BUCKETS;
    hist->max = 1;
}

static void beats_of_the_largest_topology_fit_a_message_and_tell_all(void **state)
{
    (void)state;
    struct buf out;
    char text[2000] = "{name: t, spouts: {s: {type: feed}}, bolts: {";
    memset(placement, '0', PLAN_TASKS_MAX);
    for (uint32_t left = PLAN_TASKS_MAX - 1, i = 0; left > 0; i++) {
        uint32_t parallelism = left < 1024 ? left : 1024;
        size_t used = strlen(text);
        left -= parallelism;
        (void)snprintf(text + used, sizeof(text) - used,
                       "b%u: {type: void, parallelism: %u, from: [{s: shuffle}]}%s", i,
                       parallelism, left > 0 ? "," : "}}");
    }
    harness_open(text, placement);
    for (uint32_t i = 0; i < FILLED_COUNT; i++) {
        fill(harness_task(2 + 5 * i)->execute_ns);
    }
    buf_init(&out, MESSAGE_SIZE_MAX);
    bool whole = false;
    uint32_t beats = 0;
    for (; !whole; beats++) {
        struct message message = {.type = MESSAGE_BEAT};
        struct message back;
        struct gale_error error;
        whole = exec_beat(harness_exec(0), &message.as.beat);
        assert_int_equal(message.as.beat.tasks_count, PLAN_TASKS_MAX);
        buf_clear(&out);
        assert_int_equal(message_encode(&message, &out), GALE_OK);
        assert_int_equal(message_decode(out.data, out.size, &back, &error), GALE_OK);
        for (uint32_t i = 0; i < back.as.beat.tasks_count; i++) {
            const struct message_task_stats *stats = &back.as.beat.tasks[i];
            assert_false(told[stats->task] && stats->execute_ns.size > 0);
            told[stats->task] = told[stats->task] || stats->execute_ns.size > 0;
        }
        message_fini(&back);
    }
    assert_in_range(beats, 3, 8);
    for (uint32_t i = 0; i < FILLED_COUNT; i++) {
        assert_true(told[2 + 5 * i]);
    }
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(beats_of_the_largest_topology_fit_a_message_and_tell_all,
                                  harness_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
