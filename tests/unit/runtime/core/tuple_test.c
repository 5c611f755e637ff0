/* SPDX-License-Identifier: Apache-2.0 */
/* Reading fields: every type by every reader, absent fields, and tuples whose bytes do not hold the
 * fields that they promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/out.h"

#include <stdlib.h>

enum {
    FIELD_WORD,
    FIELD_SMALL,
    FIELD_LIST,
    FIELD_LARGE,
    FIELD_DOUBLE,
    FIELD_LONG,
    FIELD_BYTES,
    FIELD_NEGATIVE,
    FIELD_NIL,
    FIELDS_COUNT
};

static struct gale_task task;
static struct gale_tuple tuple;
static char text[300];

static int setup(void **state)
{
    (void)state;
    assert_true(out_init(&task.out, 4096));
    struct gale_out *out = gale_begin(&task);
    memset(text, 't', sizeof(text));
    gale_put_string(out, "word", 4);
    gale_put_int64(out, 5);
    gale_put_list(out, 2);
    gale_put_string(out, "in", 2);
    gale_put_map(out, 1);
    gale_put_int64(out, 1);
    gale_put_nil(out);
    gale_put_uint64(out, UINT64_MAX);
    gale_put_double(out, 2.5);
    gale_put_string(out, text, sizeof(text));
    gale_put_bytes(out, "\0\1", 2);
    gale_put_int64(out, -70000);
    gale_put_nil(out);
    assert_int_equal(out->values, FIELDS_COUNT);
    tuple.data = out->base;
    tuple.size = (uint32_t)(out->at - out->base);
    tuple.fields_count = FIELDS_COUNT;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    out_fini(&task.out);
    return 0;
}

static void tuple_strings_are_slices_of_it(void **state)
{
    (void)state;
    struct gale_slice slice = gale_tuple_string(&tuple, FIELD_WORD);
    assert_int_equal(slice.size, 4);
    assert_ptr_equal(slice.data, tuple.data + 1);
    slice = gale_tuple_string_any(&tuple, FIELD_WORD);
    assert_ptr_equal(slice.data, tuple.data + 1);
    slice = gale_tuple_string(&tuple, FIELD_LONG);
    assert_int_equal(slice.size, sizeof(text));
    assert_memory_equal(slice.data, text, sizeof(text));
    slice = gale_tuple_string(&tuple, FIELD_BYTES);
    assert_int_equal(slice.size, 2);
    assert_memory_equal(slice.data, "\0\1", 2);
    static const unsigned none[] = {FIELD_SMALL, FIELD_LIST, FIELD_NIL, FIELDS_COUNT, 99999};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        slice = gale_tuple_string(&tuple, none[i]);
        assert_true(slice.data == NULL && slice.size == 0);
    }
}

static void tuple_int64_only_from_integers_in_range(void **state)
{
    (void)state;
    int64_t value = 77;
    assert_int_equal(gale_tuple_int64(&tuple, FIELD_WORD, &value), GALE_ERR_TYPE);
    assert_int_equal(gale_tuple_int64(&tuple, FIELD_LARGE, &value), GALE_ERR_TYPE);
    assert_int_equal(gale_tuple_int64(&tuple, FIELD_DOUBLE, &value), GALE_ERR_TYPE);
    assert_int_equal(gale_tuple_int64(&tuple, FIELD_LIST, &value), GALE_ERR_TYPE);
    assert_int_equal(gale_tuple_int64(&tuple, FIELDS_COUNT, &value), GALE_ERR_NOT_FOUND);
    assert_int_equal(value, 77);
    assert_int_equal(gale_tuple_int64(&tuple, FIELD_SMALL, &value), GALE_OK);
    assert_int_equal(value, 5);
    assert_int_equal(gale_tuple_int64(&tuple, FIELD_NEGATIVE, &value), GALE_OK);
    assert_int_equal(value, -70000);
}

static void tuple_double_from_every_number(void **state)
{
    (void)state;
    double value = 77;
    assert_int_equal(gale_tuple_double(&tuple, FIELD_WORD, &value), GALE_ERR_TYPE);
    assert_int_equal(gale_tuple_double(&tuple, FIELD_NIL, &value), GALE_ERR_TYPE);
    assert_int_equal(gale_tuple_double(&tuple, FIELDS_COUNT, &value), GALE_ERR_NOT_FOUND);
    assert_true(value == 77);
    assert_int_equal(gale_tuple_double(&tuple, FIELD_DOUBLE, &value), GALE_OK);
    assert_true(value == 2.5);
    assert_int_equal(gale_tuple_double(&tuple, FIELD_NEGATIVE, &value), GALE_OK);
    assert_true(value == -70000);
    assert_int_equal(gale_tuple_double(&tuple, FIELD_LARGE, &value), GALE_OK);
    assert_true(value == 18446744073709551615.0);
}

static void tuple_cursor_walks_exactly_one_field(void **state)
{
    (void)state;
    static const enum gale_type types[] = {GALE_LIST, GALE_STRING, GALE_MAP, GALE_INT64,
                                           GALE_NIL};
    struct gale_cursor cursor;
    struct gale_value value;
    assert_int_equal(gale_tuple_cursor(&tuple, FIELD_LIST, &cursor), GALE_OK);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        assert_int_equal(gale_cursor_next(&cursor, &value), GALE_OK);
        assert_int_equal(value.type, types[i]);
    }
    assert_int_equal(gale_cursor_next(&cursor, &value), GALE_ERR_AGAIN);
    assert_int_equal(gale_tuple_cursor(&tuple, FIELDS_COUNT, &cursor), GALE_ERR_NOT_FOUND);
}

static void tuple_get_gives_every_type(void **state)
{
    (void)state;
    static const enum gale_type types[FIELDS_COUNT] = {GALE_STRING, GALE_INT64,  GALE_LIST,
                                                       GALE_UINT64, GALE_DOUBLE, GALE_STRING,
                                                       GALE_BYTES,  GALE_INT64,  GALE_NIL};
    struct gale_value value;
    for (unsigned field = 0; field < FIELDS_COUNT; field++) {
        assert_int_equal(gale_tuple_get(&tuple, field, &value), GALE_OK);
        assert_int_equal(value.type, types[field]);
    }
    assert_int_equal(gale_tuple_get(&tuple, FIELDS_COUNT, &value), GALE_ERR_NOT_FOUND);
}

/* Bytes are validated before, but a reader must stay inside them even if they were not. */
static void tuple_cut_bytes_are_never_read_past(void **state)
{
    (void)state;
    for (uint32_t size = 0; size < tuple.size; size++) {
        uint8_t *bytes = malloc(size + (size == 0));
        assert_non_null(bytes);
        memcpy(bytes, tuple.data, size);
        struct gale_tuple cut = {.data = bytes, .size = size, .fields_count = FIELDS_COUNT};
        struct gale_value value;
        struct gale_cursor cursor;
        int64_t number;
        for (unsigned field = 0; field < FIELDS_COUNT; field++) {
            (void)gale_tuple_get(&cut, field, &value);
            (void)gale_tuple_int64(&cut, field, &number);
            (void)gale_tuple_cursor(&cut, field, &cursor);
            (void)gale_tuple_string_any(&cut, field);
        }
        assert_int_equal(gale_tuple_get(&cut, FIELD_NIL, &value), GALE_ERR_NOT_FOUND);
        free(bytes);
    }
}

static void tuple_tick_has_no_fields(void **state)
{
    (void)state;
    struct gale_tuple tick = {.input = GALE_INPUT_TICK};
    struct gale_value value;
    assert_int_equal(gale_tuple_get(&tick, 0, &value), GALE_ERR_NOT_FOUND);
    assert_null(gale_tuple_string(&tick, 0).data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tuple_strings_are_slices_of_it),
        cmocka_unit_test(tuple_int64_only_from_integers_in_range),
        cmocka_unit_test(tuple_double_from_every_number),
        cmocka_unit_test(tuple_cursor_walks_exactly_one_field),
        cmocka_unit_test(tuple_get_gives_every_type),
        cmocka_unit_test(tuple_cut_bytes_are_never_read_past),
        cmocka_unit_test(tuple_tick_has_no_fields),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
