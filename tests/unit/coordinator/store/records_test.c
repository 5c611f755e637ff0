/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of store/records: round trips, ranges, every single damaged bit and byte cut off. */
#include "base/hash.h"
#include "base/rng.h"
#include "store/records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS_COUNT 20000

static struct buf buf;

static int setup(void **state)
{
    (void)state;
    buf_init(&buf, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_fini(&buf);
    return 0;
}

static const struct record_status status_sample = {.state = RECORD_INACTIVE,
                                                   .workers = 3,
                                                   .epoch = UINT64_MAX,
                                                   .attempt = 258,
                                                   .created_ms = 1700000000000,
                                                   .updated_ms = -5};

static struct record_position position_sample(void)
{
    static const uint8_t data[] = {0, 1, 255, 'x'};
    struct record_position position = {
        .component = "lines", .index = 1023, .low_id = 77, .data = data, .size = sizeof data};
    return position;
}

static void status_check(const struct record_status *a, const struct record_status *b)
{
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->workers, b->workers);
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->attempt, b->attempt);
    assert_int_equal(a->created_ms, b->created_ms);
    assert_int_equal(a->updated_ms, b->updated_ms);
}

static void position_check(const struct record_position *a, const struct record_position *b)
{
    assert_string_equal(a->component, b->component);
    assert_int_equal(a->index, b->index);
    assert_int_equal(a->low_id, b->low_id);
    assert_int_equal(a->size, b->size);
    assert_memory_equal(a->size ? a->data : (const uint8_t *)"",
                        b->size ? b->data : (const uint8_t *)"", a->size);
}

static void records_status_comes_back(void **state)
{
    (void)state;
    struct record_status found;
    assert_int_equal(record_status_encode(&status_sample, &buf), GALE_OK);
    assert_int_equal(buf.size, 48);
    assert_int_equal(record_status_decode(buf.data, buf.size, &found), GALE_OK);
    status_check(&found, &status_sample);
}

static void records_position_comes_back(void **state)
{
    (void)state;
    struct record_position found, given = position_sample();
    assert_int_equal(record_position_encode(&given, &buf), GALE_OK);
    assert_int_equal(record_position_decode(buf.data, buf.size, &found), GALE_OK);
    position_check(&found, &given);
    buf_clear(&buf);
    given.size = 0;
    given.data = NULL;
    assert_int_equal(record_position_encode(&given, &buf), GALE_OK);
    assert_int_equal(record_position_decode(buf.data, buf.size, &found), GALE_OK);
    position_check(&found, &given);
}

static void records_largest_position_comes_back(void **state)
{
    (void)state;
    struct record_position found, given = position_sample();
    uint8_t *large = calloc(1, RECORD_POSITION_MAX + 1);
    assert_non_null(large);
    memset(given.component, 'n', RECORD_NAME_MAX);
    given.component[RECORD_NAME_MAX] = '\0';
    given.data = large;
    given.size = RECORD_POSITION_MAX;
    assert_int_equal(record_position_encode(&given, &buf), GALE_OK);
    assert_int_equal(record_position_decode(buf.data, buf.size, &found), GALE_OK);
    position_check(&found, &given);
    given.size++;
    assert_int_equal(record_position_encode(&given, &buf), GALE_ERR_INVALID);
    free(large);
}

static void records_out_of_range_are_not_encoded(void **state)
{
    (void)state;
    struct record_status status = status_sample;
    struct record_position position = position_sample();
    status.workers = 0;
    assert_int_equal(record_status_encode(&status, &buf), GALE_ERR_INVALID);
    status.workers = RECORD_WORKERS_MAX + 1;
    assert_int_equal(record_status_encode(&status, &buf), GALE_ERR_INVALID);
    status = status_sample;
    status.state = (enum record_state)0;
    assert_int_equal(record_status_encode(&status, &buf), GALE_ERR_INVALID);
    position.index = RECORD_INDEX_MAX + 1;
    assert_int_equal(record_position_encode(&position, &buf), GALE_ERR_INVALID);
    position = position_sample();
    position.component[0] = '/';
    assert_int_equal(record_position_encode(&position, &buf), GALE_ERR_INVALID);
    position.component[0] = '\0';
    assert_int_equal(record_position_encode(&position, &buf), GALE_ERR_INVALID);
    assert_int_equal(buf.size, 0);
}

/* Every bit flipped and every shorter or longer size must be refused. */
static void damage_check(bool is_status)
{
    struct record_status status;
    struct record_position position;
    for (size_t bit = 0; bit < buf.size * 8; bit++) {
        buf.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        enum gale_err err = is_status ? record_status_decode(buf.data, buf.size, &status)
                                      : record_position_decode(buf.data, buf.size, &position);
        assert_true(err == GALE_ERR_CORRUPT || (bit / 8 == 2 && err == GALE_ERR_UNSUPPORTED));
        buf.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    size_t whole = buf.size;
    assert_int_equal(buf_append(&buf, "", 1), GALE_OK);
    for (size_t size = 0; size <= buf.size; size++) {
        uint8_t *exact = malloc(size + 1);
        assert_non_null(exact);
        memcpy(exact, buf.data, size);
        enum gale_err err = is_status ? record_status_decode(exact, size, &status)
                                      : record_position_decode(exact, size, &position);
        assert_int_equal(err, size == whole ? GALE_OK : GALE_ERR_CORRUPT);
        free(exact);
    }
}

static void records_damaged_status_is_refused(void **state)
{
    (void)state;
    assert_int_equal(record_status_encode(&status_sample, &buf), GALE_OK);
    damage_check(true);
}

static void records_damaged_position_is_refused(void **state)
{
    (void)state;
    struct record_position given = position_sample();
    assert_int_equal(record_position_encode(&given, &buf), GALE_OK);
    damage_check(false);
}

static void checksum_fix(char letter)
{
    uint64_t checksum = hash64(buf.data, buf.size - 8, (uint64_t)letter);
    for (size_t i = 0; i < 8; i++) {
        buf.data[buf.size - 8 + i] = (uint8_t)(checksum >> (8 * i));
    }
}

/* Bytes that somebody wrote on purpose, with a right checksum: accepted ones re-encode equally. */
static void records_forged_fields_are_refused_or_exact(void **state)
{
    (void)state;
    struct rng rng;
    assert_int_equal(rng_seed_os(&rng), GALE_OK);
    uint64_t seed = rng_next(&rng);
    print_message("seed %llu\n", (unsigned long long)seed);
    rng_seed(&rng, seed);
    struct buf again;
    buf_init(&again, 0);
    int accepted = 0;
    for (int round = 0; round < ROUNDS_COUNT; round++) {
        struct record_position found, given = position_sample();
        buf_clear(&buf);
        buf_clear(&again);
        assert_int_equal(record_position_encode(&given, &buf), GALE_OK);
        size_t where = 3 + rng_below(&rng, (uint32_t)buf.size - 11);
        buf.data[where] = (uint8_t)rng_next(&rng);
        checksum_fix('P');
        if (record_position_decode(buf.data, buf.size, &found) == GALE_OK) {
            accepted++;
            assert_int_equal(record_position_encode(&found, &again), GALE_OK);
            assert_int_equal(again.size, buf.size);
            assert_memory_equal(again.data, buf.data, buf.size);
        }
    }
    assert_true(accepted > 0 && accepted < ROUNDS_COUNT);
    buf_fini(&again);
}

static void records_newer_version_is_told_from_damage(void **state)
{
    (void)state;
    struct record_status found;
    assert_int_equal(record_status_encode(&status_sample, &buf), GALE_OK);
    buf.data[2] = 2;
    assert_int_equal(record_status_decode(buf.data, buf.size, &found), GALE_ERR_UNSUPPORTED);
    buf.data[2] = 0;
    checksum_fix('S');
    assert_int_equal(record_status_decode(buf.data, buf.size, &found), GALE_ERR_CORRUPT);
}

static void records_one_kind_is_not_taken_for_the_other(void **state)
{
    (void)state;
    struct record_position position;
    assert_int_equal(record_status_encode(&status_sample, &buf), GALE_OK);
    assert_int_equal(record_position_decode(buf.data, buf.size, &position), GALE_ERR_CORRUPT);
}

static void records_paths_are_as_documented(void **state)
{
    (void)state;
    char path[RECORD_PATH_SIZE];
    char name[RECORD_NAME_MAX + 1];
    record_topology_path("wc", path);
    assert_string_equal(path, "/topologies/wc");
    record_status_path("wc", path);
    assert_string_equal(path, "/topologies/wc/status");
    record_positions_path("wc", path);
    assert_string_equal(path, "/topologies/wc/positions");
    record_position_path("wc", "lines", 3, path);
    assert_string_equal(path, "/topologies/wc/positions/lines.3");
    memset(name, 'n', RECORD_NAME_MAX);
    name[RECORD_NAME_MAX] = '\0';
    record_position_path(name, name, RECORD_INDEX_MAX, path);
    assert_int_equal(strlen(path), 12 + 64 + 11 + 64 + 5);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(records_status_comes_back),
        CASE(records_position_comes_back),
        CASE(records_largest_position_comes_back),
        CASE(records_out_of_range_are_not_encoded),
        CASE(records_damaged_status_is_refused),
        CASE(records_damaged_position_is_refused),
        CASE(records_forged_fields_are_refused_or_exact),
        CASE(records_newer_version_is_told_from_damage),
        CASE(records_one_kind_is_not_taken_for_the_other),
        CASE(records_paths_are_as_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
