/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bolts that misbehave, for tests of what the engine does then: `crash` dies of SIGSEGV at its n-th
 * tuple (or before its first, with `at: 0`), `hoard` never gives back the memory it takes.
 */
#include <gale/gale.h>
#include <signal.h>
#include <stdlib.h>

struct crash {
    int64_t at;
    int64_t seen;
};

static enum gale_err crash_prepare(void *state, struct gale_task *task,
                                   const struct gale_conf *conf)
{
    (void)task;
    struct crash *crash = state;
    crash->at = gale_conf_int64(conf, "at", 0);
    if (crash->at == 0) {
        (void)raise(SIGSEGV);
    }
    return GALE_OK;
}

static enum gale_err crash_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    struct crash *crash = state;
    if (++crash->seen == crash->at) {
        (void)raise(SIGSEGV);
    }
    (void)gale_put_fields(gale_begin(task), tuple, 0, 1);
    return gale_emit(task, 0);
}

static enum gale_err hoard_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    (void)state;
    (void)tuple;
    size_t size = (size_t)1 << 20;
    volatile char *memory = malloc(size);
    if (memory == NULL) {
        gale_task_error(task, "no memory for one more MiB");
        abort();
    }
    for (size_t i = 0; i < size; i += 1024) {
        memory[i] = 1; /* Only written pages are resident. */
    }
    return GALE_OK;
}

static const struct gale_option crash_options[] = {
    {"at", GALE_OPTION_INT, false, "0", "Tuple at which to crash; 0: in prepare."},
    {NULL, GALE_OPTION_ANY, false, NULL, NULL},
};
static const struct gale_bolt_ops crash = {
    GALE_BOLT_HEAD,          .name = "crash",          .state_size = sizeof(struct crash),
    .fields = "value",       .options = crash_options, .prepare = crash_prepare,
    .execute = crash_execute};
static const struct gale_bolt_ops hoard = {GALE_BOLT_HEAD, .name = "hoard",
                                           .execute = hoard_execute};
static const struct gale_bolt_ops *const bolts[] = {&crash, &hoard, NULL};
GALE_MODULE(.bolts = bolts);
