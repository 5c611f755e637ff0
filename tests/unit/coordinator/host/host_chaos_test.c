/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/host_core under random answers, deaths, silence and restarts of the supervisor itself. It must
 * never start a second process of a worker that has one, obey no lower epoch, tell every end, and bring
 * about what was wanted last once faults stop. Seeds are printed.
 */
#include "host/host_core.h"

#include "base/rng.h"
#include "rpc/tree.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define TOPOLOGY UINT64_C(77)
#define WORKERS 6u
#define SEEDS 300u
#define STEPS 400u

struct fake {
    uint64_t incarnation; /* 0: no process */
    uint32_t attempt;
    bool deaf;       /* stopped: neither pulses nor ends by SIGTERM */
    int64_t ends_at; /* INT64_MAX: not told to end */
    bool recorded;   /* the record of a process, which may be dead */
    uint64_t record; /* its incarnation */
    uint32_t record_attempt;
    enum keep record_keep;
};

struct world {
    struct rng rng;
    struct host_core core;
    struct host_ports ports;
    struct fake fakes[WORKERS];
    enum keep wanted[WORKERS];
    uint32_t attempt;
    int64_t epoch;
    int64_t now;
    uint64_t next_incarnation;
    uint64_t ends, told; /* ends that had to be told, and those acknowledged */
    bool faults, closing;
};

static bool chance(struct world *w, uint32_t of_thousand)
{
    return rng_below(&w->rng, 1000) < of_thousand;
}

static enum gale_err spawn(void *self, struct host_worker *worker, uint64_t incarnation)
{
    struct world *w = self;
    struct fake *fake = &w->fakes[worker->spec.worker];
    assert_true(fake->incarnation == 0); /* Never two of one worker. */
    w->ends += 1; /* It will end some time, or could not be started, which is told as well. */
    if (w->faults && chance(w, 50)) {
        return GALE_ERR_IO;
    }
    *fake = (struct fake){.incarnation = incarnation,
                          .attempt = worker->spec.attempt,
                          .ends_at = INT64_MAX,
                          .recorded = true,
                          .record = incarnation,
                          .record_attempt = worker->spec.attempt,
                          .record_keep = worker->keep};
    return GALE_OK;
}

static void send_signal(void *self, struct host_worker *worker, int signal)
{
    struct world *w = self;
    struct fake *fake = &w->fakes[worker->spec.worker];
    if (signal == SIGKILL) {
        fake->ends_at = w->now;
    } else if (!fake->deaf && fake->ends_at == INT64_MAX) {
        fake->ends_at = w->now + rng_below(&w->rng, 500) * MS;
    }
}

static bool ready(void *self, struct host_worker *worker)
{
    struct world *w = self;
    /* At a restart they are here: a failure to start is spawn's to make up and count. */
    return !w->faults || worker->slot || !chance(w, 200);
}

static void keeps(void *self, struct host_worker *worker)
{
    struct world *w = self;
    w->fakes[worker->spec.worker].record_keep = worker->keep;
}

static void forgotten(void *self, struct host_worker *worker)
{
    struct world *w = self;
    struct fake *fake = &w->fakes[worker->spec.worker];
    if (!w->closing) {
        assert_true(fake->incarnation == 0); /* Nobody would look after it any more. */
        fake->recorded = false;
    }
}

static void leader(void *self, uint64_t epoch, const char *control)
{
    struct world *w = self;
    assert_true((int64_t)epoch == w->epoch);
    assert_non_null(control);
}

static void note(void *self, const char *line)
{
    (void)self;
    (void)line;
}

static uint64_t next_random(void *self)
{
    struct world *w = self;
    return ++w->next_incarnation;
}

static void core_begin(struct world *w, uint64_t epoch)
{
    assert_int_equal(host_core_init(&w->core, &w->ports, slot_limits_default(), epoch, w->now),
                     GALE_OK);
}

static struct gale_conf *answer_of(const struct world *w, int64_t epoch)
{
    struct gale_conf *tree = conf_new();
    struct gale_conf *list, *map;
    assert_non_null(tree);
    assert_int_equal(tree_put_int(tree, "epoch", epoch), GALE_OK);
    assert_int_equal(tree_put_text(tree, "control", "tcp://c:1"), GALE_OK);
    assert_int_equal(tree_put_int(tree, "acknowledged_gone", INT32_MAX), GALE_OK);
    assert_int_equal(conf_add_list(tree, "wanted", &list), GALE_OK);
    for (uint32_t i = 0; i < WORKERS; i++) {
        if (w->wanted[i] == KEEP_NONE || epoch != w->epoch) {
            continue;
        }
        assert_int_equal(conf_add_map(list, NULL, &map), GALE_OK);
        assert_int_equal(tree_put_hex64(map, "topology", TOPOLOGY), GALE_OK);
        assert_int_equal(tree_put_text(map, "name", "t"), GALE_OK);
        assert_int_equal(tree_put_int(map, "worker", i), GALE_OK);
        assert_int_equal(
            tree_put_text(map, "keep", w->wanted[i] == KEEP_RUNNING ? "running" : "ending"),
            GALE_OK);
        assert_int_equal(tree_put_int(map, "attempt", w->attempt), GALE_OK);
        assert_int_equal(tree_put_int(map, "epoch", 1), GALE_OK);
    }
    return tree;
}

static void give(struct world *w, int64_t epoch)
{
    struct gale_error error;
    struct gale_conf *tree = answer_of(w, epoch);
    size_t gone = w->core.gone_count;
    enum gale_err err = host_core_answer(&w->core, tree, gone, w->now, &error);
    assert_int_equal(err, epoch == w->epoch ? GALE_OK : GALE_ERR_STALE);
    w->told += err == GALE_OK ? gone : 0;
    conf_free(tree);
}

static void want_something_else(struct world *w)
{
    for (uint32_t i = 0; i < WORKERS; i++) {
        if (chance(w, 300)) {
            w->wanted[i] = chance(w, 600)   ? KEEP_RUNNING
                           : chance(w, 500) ? KEEP_ENDING
                                            : KEEP_NONE;
        }
    }
    w->attempt += chance(w, 150);
    w->epoch += chance(w, 100);
}

static void end_process(struct world *w, uint32_t index)
{
    struct host_worker *worker = host_core_find(&w->core, TOPOLOGY, index);
    assert_non_null(worker);
    w->fakes[index].incarnation = 0;
    host_core_exited(&w->core, worker, "ended", w->now);
}

/* Dies and lives again: ends that were not acknowledged are forgotten, and whatever died meanwhile is
 * found dead. */
static void restart_supervisor(struct world *w)
{
    uint64_t epoch = w->core.epoch;
    w->ends -= w->core.gone_count;
    w->closing = true;
    host_core_fini(&w->core);
    w->closing = false;
    w->now += rng_below(&w->rng, 3000) * MS;
    core_begin(w, epoch);
    for (uint32_t i = 0; i < WORKERS; i++) {
        struct fake *fake = &w->fakes[i];
        if (!fake->recorded) {
            continue;
        }
        struct host_spec spec = {.topology = TOPOLOGY, .worker = i, .epoch = 1, .name = "t"};
        bool was = fake->incarnation != 0;
        bool alive = was && !chance(w, 300) && fake->ends_at > w->now;
        spec.attempt = fake->record_attempt;
        w->ends += !was; /* Its end was told before, and is told again. */
        if (!alive) {
            fake->incarnation = 0;
        }
        assert_int_equal(host_core_restore(&w->core, &spec, fake->record_keep, fake->record,
                                           alive, "away", w->now, NULL),
                         GALE_OK);
    }
}

static void pass(struct world *w, int64_t ms)
{
    w->now += ms * MS;
    for (uint32_t i = 0; i < WORKERS; i++) {
        struct fake *fake = &w->fakes[i];
        if (fake->incarnation != 0 && fake->ends_at <= w->now) {
            end_process(w, i);
        } else if (fake->incarnation != 0 && !fake->deaf) {
            host_core_pulse(&w->core, TOPOLOGY, i, fake->incarnation, w->now);
        }
    }
    host_core_tick(&w->core, w->now);
}

static void fault(struct world *w)
{
    uint32_t index = rng_below(&w->rng, WORKERS);
    struct fake *fake = &w->fakes[index];
    if (chance(w, 100)) {
        restart_supervisor(w);
    } else if (fake->incarnation != 0 && chance(w, 500)) {
        end_process(w, index);
    } else if (fake->incarnation != 0) {
        fake->deaf = true;
    }
}

static void check_end(const struct world *w)
{
    uint64_t alive = 0;
    for (uint32_t i = 0; i < WORKERS; i++) {
        const struct fake *fake = &w->fakes[i];
        alive += fake->incarnation != 0;
        if (w->wanted[i] == KEEP_RUNNING) {
            assert_true(fake->incarnation != 0);
        }
        if (w->wanted[i] == KEEP_NONE) {
            assert_true(fake->incarnation == 0 && !fake->recorded);
        }
        if (fake->incarnation != 0) {
            assert_int_equal(fake->attempt, w->attempt);
        }
    }
    assert_true(w->told + w->core.gone_count + alive == w->ends);
    assert_int_equal(host_core_processes(&w->core), alive);
}

static void live(struct world *w)
{
    core_begin(w, 0);
    w->faults = true;
    for (uint32_t step = 0; step < STEPS; step++) {
        if (chance(w, 100)) {
            want_something_else(w);
            give(w, w->epoch);
        } else if (chance(w, 300)) {
            give(w, w->epoch);
        } else if (chance(w, 50) && w->epoch > 1 && (int64_t)w->core.epoch == w->epoch) {
            give(w, w->epoch - 1);
        }
        if (chance(w, 100)) {
            fault(w);
        }
        pass(w, 1 + rng_below(&w->rng, 400));
    }
    w->faults = false;
    for (int i = 0; i < 200; i++) { /* longer than the longest back-off and all graces */
        give(w, w->epoch);
        pass(w, 300);
    }
    check_end(w);
    w->closing = true;
    host_core_fini(&w->core);
}

static void host_core_under_faults_brings_about_what_is_wanted(void **state)
{
    (void)state;
    struct rng seeds;
    assert_int_equal(rng_seed_os(&seeds), GALE_OK);
    const char *given = getenv("GALE_TEST_SEED");
    uint64_t base = given ? strtoull(given, NULL, 10) : rng_next(&seeds) >> 16;
    print_message("seeds from %llu (GALE_TEST_SEED)\n", (unsigned long long)base);
    for (uint64_t i = 0; i < SEEDS; i++) {
        struct world w = {.epoch = 1, .attempt = 1, .now = 1000 * MS};
        w.ports = (struct host_ports){.self = &w,
                                      .spawn = spawn,
                                      .signal = send_signal,
                                      .ready = ready,
                                      .keeps = keeps,
                                      .forgotten = forgotten,
                                      .leader = leader,
                                      .note = note,
                                      .random = next_random};
        rng_seed(&w.rng, base + i);
        live(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_core_under_faults_brings_about_what_is_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
