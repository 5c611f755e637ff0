/* SPDX-License-Identifier: Apache-2.0 */
/* msgpack-c as the oracle for our own writer, cursor and scan: random values packed by it, and the
 * comparison of what a cursor reads with what it unpacked. For tests only; include after cmocka. */
#ifndef TESTS_VALUE_ORACLE_H
#define TESTS_VALUE_ORACLE_H

#include "base/rng.h"

#include <gale/value.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** The seed of a random test: GALE_TEST_SEED or a new one, printed so that a failure can be had
 *  again. */
static inline uint64_t oracle_seed(const char *test)
{
    struct rng rng;
    const char *given = getenv("GALE_TEST_SEED");
    assert_int_equal(rng_seed_os(&rng), GALE_OK);
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : rng_next(&rng);
    printf("%s: GALE_TEST_SEED=%llu\n", test, (unsigned long long)seed);
    return seed;
}

/** A number whose size in bits is uniform, so that all forms of integers come up. */
static inline uint64_t oracle_bits(struct rng *rng)
{
    return rng_next(rng) >> rng_below(rng, 64);
}

static inline void oracle_pack_body(msgpack_packer *packer, struct rng *rng, uint32_t kind)
{
    static const uint32_t sizes[] = {0, 1, 5, 31, 32, 255, 256, 300, 65535, 65536, 70000};
    uint32_t size = sizes[rng_below(rng, rng_below(rng, 50) == 0 ? 11 : 8)];
    char *bytes = malloc(size + 1u);
    assert_non_null(bytes);
    for (uint32_t i = 0; i < size; i++) {
        bytes[i] = (char)rng_next(rng);
    }
    if (kind == 0) {
        msgpack_pack_str_with_body(packer, bytes, size);
    } else if (kind == 1) {
        msgpack_pack_bin_with_body(packer, bytes, size);
    } else {
        /* A decimal of up to 15 bytes is in range whatever its digits. */
        char body[16];
        size = 1 + rng_below(rng, 15);
        body[0] = (char)((int)rng_below(rng, 77) - 38);
        for (uint32_t i = 1; i <= size; i++) {
            body[i] = (char)rng_next(rng);
        }
        msgpack_pack_ext_with_body(packer, body, size + 1, 1);
    }
    free(bytes);
}

/** Packs one random value; lists and maps nest at most `depth` deep. Recursion is bounded by it. */
static inline void oracle_pack_random(msgpack_packer *packer, struct rng *rng, unsigned depth)
{
    uint64_t bits = oracle_bits(rng);
    uint32_t kind = rng_below(rng, depth > 0 ? 12 : 10);
    uint32_t count = rng_below(rng, 20);
    switch (kind) {
    case 0: msgpack_pack_nil(packer); break;
    case 1:
        (void)((bits & 1) != 0 ? msgpack_pack_true(packer) : msgpack_pack_false(packer));
        break;
    case 2: msgpack_pack_uint64(packer, bits); break;
    case 3: msgpack_pack_int64(packer, -(int64_t)(bits >> 1) - 1); break;
    case 4: msgpack_pack_double(packer, (double)bits / 7.0); break;
    case 5: msgpack_pack_float(packer, (float)bits / 3.0f); break;
    case 6:
    case 7: oracle_pack_body(packer, rng, 0); break;
    case 8:
    case 9: oracle_pack_body(packer, rng, kind - 7); break;
    case 10:
        msgpack_pack_array(packer, count);
        for (uint32_t i = 0; i < count; i++) {
            oracle_pack_random(packer, rng, depth - 1);
        }
        break;
    default:
        msgpack_pack_map(packer, count);
        for (uint32_t i = 0; i < 2 * count; i++) {
            oracle_pack_random(packer, rng, depth - 1);
        }
        break;
    }
}

/** Reads one whole value and asserts that it is `object`. */
static inline void oracle_assert_equal(struct gale_cursor *cursor, const msgpack_object *object)
{
    struct gale_value value;
    assert_int_equal(gale_cursor_next(cursor, &value), GALE_OK);
    switch (value.type) {
    case GALE_NIL: assert_int_equal(object->type, MSGPACK_OBJECT_NIL); break;
    case GALE_BOOL:
        assert_int_equal(object->type, MSGPACK_OBJECT_BOOLEAN);
        assert_int_equal(object->via.boolean, value.as.boolean);
        break;
    case GALE_INT64:
        assert_int_equal(object->type, value.as.int64 < 0 ? MSGPACK_OBJECT_NEGATIVE_INTEGER
                                                          : MSGPACK_OBJECT_POSITIVE_INTEGER);
        assert_true(object->via.i64 == value.as.int64);
        break;
    case GALE_UINT64:
        assert_int_equal(object->type, MSGPACK_OBJECT_POSITIVE_INTEGER);
        assert_true(object->via.u64 == value.as.uint64 && value.as.uint64 > INT64_MAX);
        break;
    case GALE_DOUBLE:
        assert_true(object->type == MSGPACK_OBJECT_FLOAT64 ||
                    object->type == MSGPACK_OBJECT_FLOAT32);
        assert_memory_equal(&object->via.f64, &value.as.number, sizeof(double));
        break;
    case GALE_STRING:
        assert_int_equal(object->type, MSGPACK_OBJECT_STR);
        assert_int_equal(object->via.str.size, value.as.bytes.size);
        assert_memory_equal(object->via.str.ptr, value.as.bytes.data, value.as.bytes.size);
        break;
    case GALE_BYTES:
        assert_int_equal(object->type, MSGPACK_OBJECT_BIN);
        assert_int_equal(object->via.bin.size, value.as.bytes.size);
        assert_memory_equal(object->via.bin.ptr, value.as.bytes.data, value.as.bytes.size);
        break;
    case GALE_DECIMAL:
        assert_int_equal(object->type, MSGPACK_OBJECT_EXT);
        assert_int_equal(object->via.ext.type, 1);
        assert_int_equal(object->via.ext.ptr[0], value.as.decimal.scale);
        assert_int_equal((uint8_t)object->via.ext.ptr[object->via.ext.size - 1],
                         value.as.decimal.low & 0xff);
        break;
    case GALE_LIST:
        assert_int_equal(object->type, MSGPACK_OBJECT_ARRAY);
        assert_int_equal(object->via.array.size, value.as.count);
        for (uint32_t i = 0; i < value.as.count; i++) {
            oracle_assert_equal(cursor, &object->via.array.ptr[i]);
        }
        break;
    case GALE_MAP:
        assert_int_equal(object->type, MSGPACK_OBJECT_MAP);
        assert_int_equal(object->via.map.size, value.as.count);
        for (uint32_t i = 0; i < value.as.count; i++) {
            oracle_assert_equal(cursor, &object->via.map.ptr[i].key);
            oracle_assert_equal(cursor, &object->via.map.ptr[i].val);
        }
        break;
    }
}

#endif
