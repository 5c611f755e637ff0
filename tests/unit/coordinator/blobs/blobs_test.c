/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of blobs: what is put comes out, in pieces and after a break; what is not the blob is
 * refused. */
#include "blobs/blobs.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* SHA-256 of "abc" (FIPS 180-2) and of nothing. */
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct fixture {
    char directory[64];
    char dir[96]; /* of the blobs */
    struct blobs *blobs;
    struct gale_error error;
    uint64_t next;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    *state = fixture;
    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/gale-blobs-XXXXXX");
    if (mkdtemp(fixture->directory) == NULL) {
        return -1;
    }
    snprintf(fixture->dir, sizeof(fixture->dir), "%s/blobs", fixture->directory);
    return blobs_open(fixture->dir, &fixture->blobs, &fixture->error) == GALE_OK ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];
    blobs_free(fixture->blobs);
    snprintf(command, sizeof(command), "rm -rf '%s'", fixture->directory);
    int rc = system(command);
    free(fixture);
    return rc;
}

static enum gale_err put(struct fixture *fixture, const char *hex, uint64_t size,
                         uint64_t offset, const char *text)
{
    return blobs_put(fixture->blobs, hex, size, offset, text, strlen(text), &fixture->next,
                     &fixture->error);
}

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

static void blobs_parts_become_a_read_only_blob(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH_MAX];
    struct stat info;
    struct buf out;
    uint64_t size = 0;
    buf_init(&out, 0);
    assert_int_equal(put(fixture, ABC, 3, 0, "a"), GALE_OK);
    assert_int_equal(fixture->next, 1);
    assert_false(blobs_has(fixture->blobs, ABC));
    assert_int_equal(blobs_progress(fixture->blobs, ABC), 1);
    assert_int_equal(put(fixture, ABC, 3, 1, "bc"), GALE_OK);
    assert_int_equal(fixture->next, 3);
    assert_true(blobs_has(fixture->blobs, ABC));
    assert_int_equal(blobs_verify(fixture->blobs, ABC, &fixture->error), GALE_OK);
    assert_int_equal(blobs_read(fixture->blobs, ABC, 1, &out, &size), GALE_OK);
    assert_int_equal(size, 3);
    assert_int_equal(out.size, 2);
    assert_memory_equal(out.data, "bc", 2);
    assert_int_equal(blobs_read(fixture->blobs, ABC, 4, &out, &size), GALE_ERR_INVALID);
    blobs_path(fixture->blobs, ABC, path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0444);
    buf_fini(&out);
}

static void blobs_part_goes_on_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(put(fixture, ABC, 3, 0, "ab"), GALE_OK);
    blobs_free(fixture->blobs);
    assert_int_equal(blobs_open(fixture->dir, &fixture->blobs, &fixture->error), GALE_OK);
    assert_int_equal(put(fixture, ABC, 3, 0, "ab"), GALE_ERR_STALE);
    assert_int_equal(fixture->next, 2);
    assert_int_equal(put(fixture, ABC, 3, 2, "c"), GALE_OK);
    assert_true(blobs_has(fixture->blobs, ABC));
}

static void blobs_wrong_content_is_refused_and_may_begin_anew(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(put(fixture, ABC, 3, 0, "abd"), GALE_ERR_CORRUPT);
    assert_int_equal(fixture->next, 0);
    assert_false(blobs_has(fixture->blobs, ABC));
    assert_int_equal(blobs_progress(fixture->blobs, ABC), 0);
    assert_int_equal(put(fixture, ABC, 3, 0, "abc"), GALE_OK);
    assert_true(blobs_has(fixture->blobs, ABC));
    assert_int_equal(put(fixture, ABC, 3, 0, "xyz"), GALE_OK); /* It is here: nothing to do. */
    assert_int_equal(blobs_verify(fixture->blobs, ABC, &fixture->error), GALE_OK);
}

static void blobs_bytes_out_of_turn_say_where_to_go_on(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(put(fixture, ABC, 3, 1, "bc"), GALE_ERR_STALE);
    assert_int_equal(fixture->next, 0);
    assert_int_equal(put(fixture, ABC, 3, 0, "a"), GALE_OK);
    assert_int_equal(put(fixture, ABC, 3, 2, "c"), GALE_ERR_STALE);
    assert_int_equal(fixture->next, 1);
    /* A part that is as long as the whole is none: of another size, or its naming was cut off. */
    assert_int_equal(put(fixture, ABC, 1, 1, ""), GALE_ERR_STALE);
    assert_int_equal(fixture->next, 0);
}

static void blobs_impossible_requests_are_refused(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(put(fixture, "../../etc/passwd", 3, 0, "abc"), GALE_ERR_INVALID);
    assert_int_equal(put(fixture, ABC "0", 3, 0, "abc"), GALE_ERR_INVALID);
    assert_int_equal(put(fixture, "BA" ABC, 3, 0, "abc"), GALE_ERR_INVALID);
    assert_int_equal(put(fixture, ABC, 2, 0, "abc"), GALE_ERR_INVALID);
    assert_int_equal(put(fixture, ABC, 3, 4, ""), GALE_ERR_INVALID);
    assert_int_equal(put(fixture, ABC, 3, UINT64_MAX, "abc"), GALE_ERR_INVALID);
    assert_int_equal(put(fixture, ABC, BLOBS_SIZE_MAX + 1, 0, "abc"), GALE_ERR_INVALID);
    assert_false(blobs_has(fixture->blobs, "part"));
    assert_false(blobs_has(fixture->blobs, NULL));
}

static void blobs_nothing_is_a_blob_too(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(put(fixture, NOTHING, 0, 0, ""), GALE_OK);
    assert_true(blobs_has(fixture->blobs, NOTHING));
}

static void blobs_damage_is_found_and_the_blob_removed(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH_MAX];
    assert_int_equal(put(fixture, ABC, 3, 0, "abc"), GALE_OK);
    blobs_path(fixture->blobs, ABC, path);
    assert_int_equal(chmod(path, 0600), 0);
    write_file(path, "abd", 3);
    assert_int_equal(blobs_verify(fixture->blobs, ABC, &fixture->error), GALE_ERR_CORRUPT);
    assert_false(blobs_has(fixture->blobs, ABC));
    assert_int_equal(blobs_verify(fixture->blobs, ABC, &fixture->error), GALE_ERR_NOT_FOUND);
}

static void blobs_large_file_comes_out_as_it_went_in(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH_MAX];
    char hex[SHA256_HEX_SIZE];
    char same[SHA256_HEX_SIZE];
    const size_t large = ((size_t)3 << 20) + 17;
    uint8_t *data = malloc(large);
    struct buf out;
    uint64_t size = 0;
    for (size_t i = 0; i < large; i++) {
        data[i] = (uint8_t)(i * 31 + i / 251);
    }
    snprintf(path, sizeof(path), "%s/source", fixture->directory);
    write_file(path, data, large);
    assert_int_equal(blobs_add_file(fixture->blobs, path, hex, &size, &fixture->error),
                     GALE_OK);
    assert_int_equal(size, large);
    assert_int_equal(sha256_file(path, same, &size, &fixture->error), GALE_OK);
    assert_string_equal(hex, same);
    buf_init(&out, 0);
    while (out.size < large) {
        size_t before = out.size;
        assert_int_equal(blobs_read(fixture->blobs, hex, out.size, &out, &size), GALE_OK);
        assert_true(out.size > before && out.size - before <= BLOBS_CHUNK_MAX);
    }
    assert_int_equal(out.size, large);
    assert_memory_equal(out.data, data, large);
    assert_int_equal(blobs_read(fixture->blobs, hex, out.size, &out, &size), GALE_OK);
    assert_int_equal(out.size, large);
    buf_fini(&out);
    free(data);
    assert_int_equal(blobs_add_file(fixture->blobs, "/dev/null", hex, &size, &fixture->error),
                     GALE_ERR_INVALID);
    assert_int_equal(
        blobs_add_file(fixture->blobs, "/nowhere/at/all", hex, &size, &fixture->error),
        GALE_ERR_NOT_FOUND);
}

static void blobs_collect_removes_what_nobody_needs(void **state)
{
    struct fixture *fixture = *state;
    const char *const keep[] = {ABC};
    assert_int_equal(put(fixture, ABC, 3, 0, "abc"), GALE_OK);
    assert_int_equal(put(fixture, NOTHING, 5, 0, "part"), GALE_OK);
    assert_int_equal(blobs_collect(fixture->blobs, NULL, 0, 3600000), 0); /* too young */
    assert_int_equal(blobs_collect(fixture->blobs, keep, 1, 0), 1);
    assert_int_equal(blobs_progress(fixture->blobs, NOTHING), 0);
    assert_true(blobs_has(fixture->blobs, ABC));
    assert_int_equal(blobs_collect(fixture->blobs, NULL, 0, 0), 1);
    assert_false(blobs_has(fixture->blobs, ABC));
}

static void blobs_too_many_parts_are_refused(void **state)
{
    struct fixture *fixture = *state;
    char hex[SHA256_HEX_SIZE];
    for (int i = 0; i <= BLOBS_PARTS_MAX; i++) {
        snprintf(hex, sizeof(hex), "%064x", (unsigned)i);
        assert_int_equal(put(fixture, hex, 2, 0, "a"),
                         i < BLOBS_PARTS_MAX ? GALE_OK : GALE_ERR_LIMIT);
    }
    snprintf(hex, sizeof(hex), "%064x", 1u);
    assert_int_equal(put(fixture, hex, 3, 1, "b"), GALE_OK); /* One that began goes on. */
}

static void blobs_part_that_was_left_alone_makes_way(void **state)
{
    struct fixture *fixture = *state;
    const struct timespec before[2] = {{.tv_sec = time(NULL) - 2 * BLOBS_PART_LEFT_S},
                                       {.tv_sec = time(NULL) - 2 * BLOBS_PART_LEFT_S}};
    char hex[SHA256_HEX_SIZE];
    char left[SHA256_HEX_SIZE];
    char path[PATH_MAX];
    for (int i = 0; i < BLOBS_PARTS_MAX; i++) {
        snprintf(hex, sizeof(hex), "%064x", (unsigned)i);
        assert_int_equal(put(fixture, hex, 2, 0, "a"), GALE_OK);
    }
    snprintf(left, sizeof(left), "%064x", 7u);
    snprintf(path, sizeof(path), "%s/part/%s", blobs_dir(fixture->blobs), left);
    assert_int_equal(utimensat(AT_FDCWD, path, before, 0), 0);
    assert_int_equal(put(fixture, ABC, 3, 0, "ab"), GALE_OK);
    assert_int_equal(blobs_progress(fixture->blobs, left), 0);
    assert_int_equal(put(fixture, left, 2, 0, "a"), GALE_ERR_LIMIT); /* The others are new. */
    assert_int_equal(put(fixture, ABC, 3, 2, "c"), GALE_OK);
    assert_true(blobs_has(fixture->blobs, ABC));
    assert_int_equal(put(fixture, left, 2, 0, "a"), GALE_OK);
}

/* ---- The verbs -------------------------------------------------------------------------------- */

struct ask {
    struct gale_conf *tree;
    struct gale_conf *answer;
    struct buf body;
};

static bool serve(struct fixture *fixture, struct ask *ask, const char *verb, const char *sha,
                  int64_t offset, const char *body)
{
    memset(ask, 0, sizeof(*ask));
    ask->tree = conf_new();
    ask->answer = conf_new();
    buf_init(&ask->body, RPC_BODY_MAX);
    assert_int_equal(tree_put_text(ask->tree, "sha", sha), GALE_OK);
    if (offset >= 0) {
        assert_int_equal(tree_put_int(ask->tree, "offset", offset), GALE_OK);
    }
    assert_int_equal(tree_put_int(ask->tree, "size", 3), GALE_OK);
    const struct rpc_request request = {.tree = ask->tree,
                                        .verb = verb,
                                        .body = (const uint8_t *)body,
                                        .body_size = strlen(body)};
    struct rpc_answer answer = {.tree = ask->answer, .body = &ask->body};
    return blobs_serve(fixture->blobs, &request, &answer);
}

static void ask_end(struct ask *ask)
{
    conf_free(ask->tree);
    conf_free(ask->answer);
    buf_fini(&ask->body);
}

static void blobs_verbs_put_ask_and_get(void **state)
{
    struct fixture *fixture = *state;
    struct ask ask;
    assert_true(serve(fixture, &ask, "blob_put", ABC, 0, "ab"));
    assert_int_equal(gale_conf_int64(ask.answer, "next", -1), 2);
    ask_end(&ask);
    assert_true(serve(fixture, &ask, "blob_has", ABC, -1, ""));
    assert_false(gale_conf_bool(ask.answer, "has", true));
    assert_int_equal(gale_conf_int64(ask.answer, "next", -1), 2);
    ask_end(&ask);
    assert_true(serve(fixture, &ask, "blob_put", ABC, 0, "ab"));
    assert_int_equal(gale_conf_int64(ask.answer, "next", -1), 2); /* no refusal: go on there */
    ask_end(&ask);
    assert_true(serve(fixture, &ask, "blob_put", ABC, 2, "c"));
    assert_int_equal(gale_conf_int64(ask.answer, "next", -1), 3);
    ask_end(&ask);
    assert_true(serve(fixture, &ask, "blob_has", ABC, -1, ""));
    assert_true(gale_conf_bool(ask.answer, "has", false));
    ask_end(&ask);
    assert_true(serve(fixture, &ask, "blob_get", ABC, 1, ""));
    assert_int_equal(gale_conf_int64(ask.answer, "size", -1), 3);
    assert_int_equal(ask.body.size, 2);
    assert_memory_equal(ask.body.data, "bc", 2);
    ask_end(&ask);
}

static void blobs_verbs_refuse_nonsense(void **state)
{
    struct fixture *fixture = *state;
    const struct {
        const char *verb, *sha;
        int64_t offset;
    } samples[] = {{"blob_get", "../x", 0}, {"blob_get", ABC, 0},  {"blob_get", ABC, -1},
                   {"blob_put", ABC, -1},   {"blob_put", ABC, 99}, {"blob_has", "", 0}};
    struct ask ask;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        assert_true(
            serve(fixture, &ask, samples[i].verb, samples[i].sha, samples[i].offset, "x"));
        assert_non_null(gale_conf_get(ask.answer, "error"));
        assert_int_equal(ask.body.size, 0);
        ask_end(&ask);
    }
    assert_false(serve(fixture, &ask, "list", ABC, 0, ""));
    assert_int_equal(gale_conf_count(ask.answer), 0);
    ask_end(&ask);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(blobs_parts_become_a_read_only_blob),
        TEST(blobs_part_goes_on_after_a_restart),
        TEST(blobs_wrong_content_is_refused_and_may_begin_anew),
        TEST(blobs_bytes_out_of_turn_say_where_to_go_on),
        TEST(blobs_impossible_requests_are_refused),
        TEST(blobs_nothing_is_a_blob_too),
        TEST(blobs_damage_is_found_and_the_blob_removed),
        TEST(blobs_large_file_comes_out_as_it_went_in),
        TEST(blobs_collect_removes_what_nobody_needs),
        TEST(blobs_too_many_parts_are_refused),
        TEST(blobs_part_that_was_left_alone_makes_way),
        TEST(blobs_verbs_put_ask_and_get),
        TEST(blobs_verbs_refuse_nonsense),
    };
    return cmocka_run_group_tests_name("blobs", tests, NULL, NULL);
}
