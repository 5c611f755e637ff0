/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pulling and pushing over real sockets, all in one thread but for the push, whose calls block. The
 * sources are servers of the test: honest ones, one that lies, one that breaks off, one that is not
 * there. Time is given to pull_poll by the test, so that patience ends without waiting.
 */
#include "blobs/pull.h"
#include "blobs/push.h"

#include "base/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SIZE (((size_t)2 << 20) + 4711) /* three chunks */
#define PATIENCE_NS INT64_C(20000000000)
#define NOBODY "tcp://127.0.0.1:1"

struct source {
    struct blobs *blobs;
    struct rpc_server *server;
    unsigned gets;
    unsigned answers_max; /* then it is silent */
    bool lies;
};

struct fixture {
    char directory[64];
    char path[96]; /* of the file that the honest sources have */
    char hex[SHA256_HEX_SIZE];
    struct source sources[2];
    struct blobs *blobs; /* of the one who pulls */
    struct loop *loop;
    struct pull *pull;
    int64_t ahead_ns; /* how far the test's time is ahead */
    struct gale_error error;
};

static void handle(void *self, const struct rpc_request *request, struct rpc_answer *answer)
{
    struct source *source = self;
    source->gets += strcmp(request->verb, "blob_get") == 0;
    assert_true(blobs_serve(source->blobs, request, answer));
    if (source->lies && answer->body->size > 0) {
        answer->body->data[0] ^= 1;
    }
}

static struct blobs *blobs_at(struct fixture *fixture, const char *name)
{
    char dir[96];
    struct blobs *blobs = NULL;
    snprintf(dir, sizeof(dir), "%s/%s", fixture->directory, name);
    assert_int_equal(blobs_open(dir, &blobs, &fixture->error), GALE_OK);
    return blobs;
}

static int setup(void **state)
{
    static const char *const any[] = {"tcp://127.0.0.1:*"};
    static const char *const names[] = {"one", "two"};
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    uint8_t *data = malloc(SIZE);
    *state = fixture;
    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/gale-pull-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    snprintf(fixture->path, sizeof(fixture->path), "%s/file", fixture->directory);
    for (size_t i = 0; i < SIZE; i++) {
        data[i] = (uint8_t)(i * 7 + i / 509);
    }
    FILE *file = fopen(fixture->path, "wb");
    assert_int_equal(fwrite(data, 1, SIZE, file), SIZE);
    fclose(file);
    free(data);
    for (size_t i = 0; i < 2; i++) {
        struct source *source = &fixture->sources[i];
        source->answers_max = UINT32_MAX;
        source->blobs = blobs_at(fixture, names[i]);
        assert_int_equal(
            blobs_add_file(source->blobs, fixture->path, fixture->hex, NULL, &fixture->error),
            GALE_OK);
        assert_int_equal(
            rpc_server_new(any, 1, handle, source, &source->server, &fixture->error), GALE_OK);
    }
    fixture->blobs = blobs_at(fixture, "mine");
    assert_int_equal(loop_new(&fixture->loop, &fixture->error), GALE_OK);
    assert_int_equal(pull_new(fixture->blobs, fixture->loop, &fixture->pull), GALE_OK);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];
    pull_free(fixture->pull);
    loop_free(fixture->loop);
    for (size_t i = 0; i < 2; i++) {
        rpc_server_free(fixture->sources[i].server);
        blobs_free(fixture->sources[i].blobs);
    }
    blobs_free(fixture->blobs);
    snprintf(command, sizeof(command), "rm -rf '%s'", fixture->directory);
    int rc = system(command);
    free(fixture);
    return rc;
}

static void round_once(struct fixture *fixture)
{
    for (size_t i = 0; i < 2; i++) {
        struct source *source = &fixture->sources[i];
        if (source->server != NULL && source->gets < source->answers_max) {
            (void)rpc_server_poll(source->server);
        }
    }
    pull_poll(fixture->pull, clock_now_ns() + fixture->ahead_ns);
    (void)loop_run_once(fixture->loop, 1000000);
}

/* Runs until the blob has that state. */
static void run_until(struct fixture *fixture, enum pull_state state)
{
    int64_t end = clock_now_ns() + PATIENCE_NS;
    while (pull_state(fixture->pull, fixture->hex, NULL) != state) {
        assert_true(clock_now_ns() < end);
        round_once(fixture);
    }
}

static const char *address(const struct fixture *fixture, size_t index)
{
    return rpc_server_endpoint(fixture->sources[index].server, 0);
}

static void want(struct fixture *fixture, const char *first, const char *second)
{
    const char *const addresses[] = {first, second};
    assert_int_equal(
        pull_want(fixture->pull, fixture->hex, SIZE, addresses, second != NULL ? 2 : 1),
        GALE_OK);
    assert_int_equal(pull_state(fixture->pull, fixture->hex, NULL), PULL_COMING);
}

static void check_whole(struct fixture *fixture)
{
    assert_int_equal(blobs_verify(fixture->blobs, fixture->hex, &fixture->error), GALE_OK);
    assert_true(pull_next_ns(fixture->pull) == INT64_MAX); /* Nothing is left to do. */
}

static void pull_brings_a_blob_in_chunks(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(pull_state(fixture->pull, fixture->hex, NULL), PULL_UNKNOWN);
    want(fixture, address(fixture, 0), NULL);
    run_until(fixture, PULL_DONE);
    check_whole(fixture);
    assert_int_equal(fixture->sources[0].gets, 3);
}

static void pull_cut_in_the_middle_is_resumed_by_a_new_one(void **state)
{
    struct fixture *fixture = *state;
    fixture->sources[0].answers_max = 1;
    want(fixture, address(fixture, 0), NULL);
    int64_t end = clock_now_ns() + PATIENCE_NS;
    while (blobs_progress(fixture->blobs, fixture->hex) == 0) {
        assert_true(clock_now_ns() < end);
        round_once(fixture);
    }
    pull_free(fixture->pull); /* As if the process had died. */
    blobs_free(fixture->blobs);
    fixture->blobs = blobs_at(fixture, "mine");
    assert_int_equal(pull_new(fixture->blobs, fixture->loop, &fixture->pull), GALE_OK);
    want(fixture, address(fixture, 1), NULL);
    run_until(fixture, PULL_DONE);
    check_whole(fixture);
    assert_int_equal(fixture->sources[1].gets, 2); /* The first chunk came only once. */
}

static void pull_leaves_a_silent_source_for_another(void **state)
{
    struct fixture *fixture = *state;
    fixture->sources[0].answers_max = 1;
    want(fixture, address(fixture, 0), address(fixture, 1));
    int64_t end = clock_now_ns() + PATIENCE_NS;
    while (blobs_progress(fixture->blobs, fixture->hex) == 0) {
        assert_true(clock_now_ns() < end);
        round_once(fixture);
    }
    fixture->ahead_ns = PULL_ANSWER_NS;
    run_until(fixture, PULL_DONE);
    check_whole(fixture);
    assert_int_equal(fixture->sources[0].gets, 1);
    assert_int_equal(fixture->sources[1].gets, 2);
}

static void pull_source_that_lies_is_not_asked_again(void **state)
{
    struct fixture *fixture = *state;
    fixture->sources[0].lies = true;
    want(fixture, address(fixture, 0), address(fixture, 1));
    run_until(fixture, PULL_DONE);
    check_whole(fixture);
    assert_int_equal(fixture->sources[0].gets, 3);
    assert_int_equal(fixture->sources[1].gets, 3);
}

static void pull_bytes_of_a_liar_and_an_honest_one_come_anew(void **state)
{
    struct fixture *fixture = *state;
    fixture->sources[0].lies = true;
    fixture->sources[0].answers_max = 1;
    want(fixture, address(fixture, 0), address(fixture, 1));
    int64_t end = clock_now_ns() + PATIENCE_NS;
    while (blobs_progress(fixture->blobs, fixture->hex) == 0) {
        assert_true(clock_now_ns() < end);
        round_once(fixture);
    }
    fixture->ahead_ns = PULL_ANSWER_NS;
    run_until(fixture, PULL_DONE);
    check_whole(fixture);
    assert_int_equal(fixture->sources[1].gets, 5); /* two, and then all three */
}

static void pull_list_in_another_order_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    int64_t end = clock_now_ns() + PATIENCE_NS;
    bool turned = false;
    fixture->sources[0].lies = true;
    want(fixture, address(fixture, 0), address(fixture, 1));
    while (pull_state(fixture->pull, fixture->hex, NULL) != PULL_DONE) {
        const char *const addresses[] = {address(fixture, turned), address(fixture, !turned)};
        assert_true(clock_now_ns() < end);
        round_once(fixture);
        turned = !turned;
        assert_int_equal(pull_want(fixture->pull, fixture->hex, SIZE, addresses, 2), GALE_OK);
    }
    check_whole(fixture);
    assert_int_equal(fixture->sources[0].gets, 3); /* The liar was found, and is remembered. */
    assert_int_equal(fixture->sources[1].gets, 3);
}

static void pull_only_liars_fail_with_their_name_and_are_tried_again(void **state)
{
    struct fixture *fixture = *state;
    const char *text = NULL;
    fixture->sources[0].lies = true;
    want(fixture, address(fixture, 0), NULL);
    run_until(fixture, PULL_FAILED);
    assert_int_equal(pull_state(fixture->pull, fixture->hex, &text), PULL_FAILED);
    assert_non_null(strstr(text, address(fixture, 0)));
    assert_false(blobs_has(fixture->blobs, fixture->hex));
    fixture->sources[0].lies = false;
    fixture->ahead_ns += PULL_PAUSE_NS;
    run_until(fixture, PULL_DONE);
    check_whole(fixture);
}

static void pull_absent_source_fails_and_a_better_address_helps(void **state)
{
    struct fixture *fixture = *state;
    want(fixture, NOBODY, NULL);
    round_once(fixture);
    fixture->ahead_ns = PULL_ANSWER_NS;
    run_until(fixture, PULL_FAILED);
    want(fixture, address(fixture, 1), NULL);
    run_until(fixture, PULL_DONE);
    check_whole(fixture);
}

static void pull_unknown_blob_is_refused_by_its_source(void **state)
{
    struct fixture *fixture = *state;
    const char *text = NULL;
    memset(fixture->hex, 'a', SHA256_HEX_SIZE - 1);
    want(fixture, address(fixture, 0), address(fixture, 1));
    run_until(fixture, PULL_FAILED);
    (void)pull_state(fixture->pull, fixture->hex, &text);
    assert_non_null(strstr(text, "cannot read"));
    pull_forget(fixture->pull, fixture->hex);
    assert_int_equal(pull_state(fixture->pull, fixture->hex, NULL), PULL_UNKNOWN);
    assert_true(pull_next_ns(fixture->pull) == INT64_MAX);
}

static void pull_blob_of_another_size_is_not_taken(void **state)
{
    struct fixture *fixture = *state;
    const char *const addresses[] = {address(fixture, 0)};
    assert_int_equal(pull_want(fixture->pull, fixture->hex, SIZE - 1, addresses, 1), GALE_OK);
    run_until(fixture, PULL_FAILED);
    assert_int_equal(blobs_progress(fixture->blobs, fixture->hex), 0);
}

static void pull_many_blobs_take_turns(void **state)
{
    struct fixture *fixture = *state;
    char hexes[12][SHA256_HEX_SIZE];
    const char *const addresses[] = {address(fixture, 0), address(fixture, 1)};
    int64_t end = clock_now_ns() + PATIENCE_NS;
    for (int i = 0; i < 12; i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/f%d", fixture->directory, i);
        FILE *file = fopen(path, "wb");
        fprintf(file, "file %d", i);
        fclose(file);
        assert_int_equal(
            blobs_add_file(fixture->sources[0].blobs, path, hexes[i], NULL, &fixture->error),
            GALE_OK);
        assert_int_equal(pull_want(fixture->pull, hexes[i], i < 10 ? 6 : 7, addresses, 2),
                         GALE_OK);
    }
    for (size_t done = 0; done < 12;) {
        assert_true(clock_now_ns() < end);
        round_once(fixture);
        done = 0;
        for (size_t i = 0; i < 12; i++) {
            done += pull_state(fixture->pull, hexes[i], NULL) == PULL_DONE;
        }
    }
    assert_true(pull_next_ns(fixture->pull) == INT64_MAX);
}

static void pull_wants_nothing_that_cannot_be(void **state)
{
    struct fixture *fixture = *state;
    const char *const addresses[] = {NOBODY};
    assert_int_equal(pull_want(fixture->pull, "abc", 1, addresses, 1), GALE_ERR_INVALID);
    assert_int_equal(pull_want(fixture->pull, fixture->hex, 1, addresses, 0), GALE_ERR_INVALID);
    assert_int_equal(pull_want(fixture->pull, fixture->hex, BLOBS_SIZE_MAX + 1, addresses, 1),
                     GALE_ERR_LIMIT);
}

/* ---- Push ------------------------------------------------------------------------------------- */

struct pushing {
    struct fixture *fixture;
    char endpoint[RPC_ENDPOINT_SIZE];
    enum gale_err err;
    struct gale_error error;
    atomic_bool done;
};

static void *push_thread(void *argument)
{
    struct pushing *pushing = argument;
    struct rpc_client *client = NULL;
    pushing->err = rpc_client_new(pushing->endpoint, &client, &pushing->error);
    if (pushing->err == GALE_OK) {
        pushing->err = blobs_push(client, pushing->fixture->hex, SIZE, pushing->fixture->path,
                                  20000, &pushing->error);
    }
    rpc_client_free(client);
    atomic_store(&pushing->done, true);
    return NULL;
}

/* Pushes the fixture's file to `blobs` and returns the outcome. */
static enum gale_err push(struct fixture *fixture, struct blobs *blobs)
{
    static const char *const any[] = {"tcp://127.0.0.1:*"};
    struct source target = {.blobs = blobs};
    struct pushing pushing = {.fixture = fixture};
    pthread_t thread;
    assert_int_equal(rpc_server_new(any, 1, handle, &target, &target.server, &fixture->error),
                     GALE_OK);
    snprintf(pushing.endpoint, sizeof(pushing.endpoint), "%s",
             rpc_server_endpoint(target.server, 0));
    assert_int_equal(pthread_create(&thread, NULL, push_thread, &pushing), 0);
    while (!atomic_load(&pushing.done)) {
        (void)rpc_server_poll(target.server);
        usleep(200); /* Leaves the processor to the thread. */
    }
    pthread_join(thread, NULL);
    rpc_server_free(target.server);
    return pushing.err;
}

static void push_sends_what_is_missing(void **state)
{
    struct fixture *fixture = *state;
    struct buf begin;
    uint64_t size = 0;
    uint64_t next = 0;
    buf_init(&begin, 0);
    assert_int_equal(blobs_read(fixture->sources[0].blobs, fixture->hex, 0, &begin, &size),
                     GALE_OK);
    assert_int_equal(blobs_put(fixture->blobs, fixture->hex, SIZE, 0, begin.data, 1000, &next,
                               &fixture->error),
                     GALE_OK);
    assert_int_equal(push(fixture, fixture->blobs), GALE_OK);
    assert_int_equal(blobs_verify(fixture->blobs, fixture->hex, &fixture->error), GALE_OK);
    assert_int_equal(push(fixture, fixture->blobs), GALE_OK); /* It is there: nothing to do. */
    buf_fini(&begin);
}

static void push_of_a_changed_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    FILE *file = fopen(fixture->path, "r+b");
    assert_int_equal(fputc('x', file), 'x');
    fclose(file);
    assert_int_equal(push(fixture, fixture->blobs), GALE_ERR_CORRUPT);
    assert_int_equal(truncate(fixture->path, 10), 0);
    assert_int_equal(push(fixture, fixture->blobs), GALE_ERR_CORRUPT);
    assert_false(blobs_has(fixture->blobs, fixture->hex));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pull_brings_a_blob_in_chunks),
        TEST(pull_cut_in_the_middle_is_resumed_by_a_new_one),
        TEST(pull_leaves_a_silent_source_for_another),
        TEST(pull_source_that_lies_is_not_asked_again),
        TEST(pull_bytes_of_a_liar_and_an_honest_one_come_anew),
        TEST(pull_list_in_another_order_changes_nothing),
        TEST(pull_only_liars_fail_with_their_name_and_are_tried_again),
        TEST(pull_absent_source_fails_and_a_better_address_helps),
        TEST(pull_unknown_blob_is_refused_by_its_source),
        TEST(pull_blob_of_another_size_is_not_taken),
        TEST(pull_many_blobs_take_turns),
        TEST(pull_wants_nothing_that_cannot_be),
        TEST(push_sends_what_is_missing),
        TEST(push_of_a_changed_file_is_refused),
    };
    return cmocka_run_group_tests_name("pull", tests, NULL, NULL);
}
