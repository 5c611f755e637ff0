/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: the drawn layout byte by byte, every lie of a head, checksum, LZ4 and control sections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/frame.h"
#include "core/batch.h"
#include "unit/runtime/value_oracle.h"

#define PAYLOAD_SIZE 20u

static struct frame_header example(void)
{
    struct frame_header header = {
        .version = FRAME_WIRE_VERSION,
        .kind = FRAME_DATA,
        .from = 0x0102,
        .to = 0x0304,
        .attempt = 0x05060708,
        .generation = 0x090a0b0c,
        .epoch = 0x1112131415161718,
        .incarnation = 0x2122232425262728,
        .seq = 0x3132333435363738,
        .payload_size = PAYLOAD_SIZE,
        .raw_size = PAYLOAD_SIZE,
        .checksum = 0x4142434445464748,
    };
    return header;
}

static void frame_header_has_the_drawn_bytes(void **state)
{
    (void)state;
    static const uint8_t expected[FRAME_HEADER_SIZE] = {
        'G',  'F',  1,    2,    0,    0,    0x02, 0x01, 0x04, 0x03, 0,    0,    0x08,
        0x07, 0x06, 0x05, 0x0c, 0x0b, 0x0a, 0x09, 20,   0,    0,    0,    20,   0,
        0,    0,    0,    0,    0,    0,    0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12,
        0x11, 0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21, 0x38, 0x37, 0x36, 0x35,
        0x34, 0x33, 0x32, 0x31, 0x48, 0x47, 0x46, 0x45, 0x44, 0x43, 0x42, 0x41,
    };
    struct frame_header header = example();
    uint8_t bytes[FRAME_HEADER_SIZE];
    frame_header_write(bytes, &header);
    assert_memory_equal(bytes, expected, sizeof(bytes));
}

static void frame_header_survives(void **state)
{
    (void)state;
    struct frame_header header = example();
    struct frame_header back;
    uint8_t bytes[FRAME_HEADER_SIZE + PAYLOAD_SIZE] = {0};
    frame_header_write(bytes, &header);
    assert_true(frame_is_frame(bytes, sizeof(bytes)));
    assert_int_equal(frame_header_read(bytes, sizeof(bytes), &back, NULL), GALE_OK);
    assert_int_equal(back.kind, FRAME_DATA);
    assert_true(back.from == header.from && back.to == header.to &&
                back.attempt == header.attempt && back.generation == header.generation &&
                back.epoch == header.epoch && back.incarnation == header.incarnation &&
                back.seq == header.seq && back.payload_size == PAYLOAD_SIZE &&
                back.raw_size == PAYLOAD_SIZE && back.checksum == header.checksum &&
                back.version == FRAME_WIRE_VERSION && back.lz4 == 0);
}

static void frame_header_with_a_lie_is_refused(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t byte;
    } lies[] = {
        {0, 'g'}, {1, 0x87}, {2, 0},   {2, 2},   {3, 0},   {3, 4},  {3, 255}, {4, 2},
        {5, 1},   {10, 1},   {20, 21}, {20, 19}, {24, 21}, {23, 1}, {28, 1},  {31, 1},
    };
    struct frame_header header = example();
    struct frame_header back;
    uint8_t bytes[FRAME_HEADER_SIZE + PAYLOAD_SIZE] = {0};
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct gale_error error = {.code = GALE_OK};
        frame_header_write(bytes, &header);
        bytes[lies[i].at] = lies[i].byte;
        assert_int_equal(frame_header_read(bytes, sizeof(bytes), &back, &error),
                         GALE_ERR_CORRUPT);
        assert_int_equal(error.code, GALE_ERR_CORRUPT);
        assert_true(error.text[0] != '\0');
    }
    frame_header_write(bytes, &header);
    for (size_t size = 0; size < sizeof(bytes); size++) {
        assert_int_equal(frame_header_read(bytes, size, &back, NULL), GALE_ERR_CORRUPT);
    }
}

static void frame_header_over_the_limits_is_refused(void **state)
{
    (void)state;
    struct frame_header header = example();
    struct frame_header back;
    uint8_t bytes[FRAME_HEADER_SIZE + PAYLOAD_SIZE] = {0};
    header.lz4 = 1;
    header.raw_size = 255 * PAYLOAD_SIZE;
    frame_header_write(bytes, &header);
    assert_int_equal(frame_header_read(bytes, sizeof(bytes), &back, NULL), GALE_OK);
    header.raw_size++;
    frame_header_write(bytes, &header);
    assert_int_equal(frame_header_read(bytes, sizeof(bytes), &back, NULL), GALE_ERR_CORRUPT);
    header.raw_size = 0;
    frame_header_write(bytes, &header);
    assert_int_equal(frame_header_read(bytes, sizeof(bytes), &back, NULL), GALE_ERR_CORRUPT);

    size_t size = FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX + 1;
    uint8_t *large = calloc(1, size);
    assert_non_null(large);
    header.lz4 = 0;
    header.payload_size = header.raw_size = FRAME_PAYLOAD_MAX;
    frame_header_write(large, &header);
    assert_int_equal(frame_header_read(large, size - 1, &back, NULL), GALE_OK);
    header.payload_size = header.raw_size = FRAME_PAYLOAD_MAX + 1;
    frame_header_write(large, &header);
    assert_int_equal(frame_header_read(large, size, &back, NULL), GALE_ERR_CORRUPT);
    free(large);
}

/* A frame of words as on the wire; the caller frees out. */
static void build(struct buf *out, struct buf *raw, bool lz4, bool checksum)
{
    struct buf block;
    buf_init(&block, 0);
    buf_init(raw, 0);
    buf_init(out, 0);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(buf_append(raw,
                                    i % 3 != 0 ? "\xa3"
                                                 "cow"
                                               : "\xa4"
                                                 "moon",
                                    i % 3 != 0 ? 4 : 5),
                         GALE_OK);
    }
    struct frame_header header = example();
    const struct buf *payload = raw;
    if (lz4) {
        assert_int_equal(frame_compress(raw->data, raw->size, &block), GALE_OK);
        assert_true(block.size < raw->size * 7 / 8);
        payload = &block;
    }
    header.lz4 = lz4;
    header.payload_size = (uint32_t)payload->size;
    header.raw_size = (uint32_t)raw->size;
    header.checksum = checksum ? frame_checksum(payload->data, payload->size) : 0;
    uint8_t head[FRAME_HEADER_SIZE];
    frame_header_write(head, &header);
    assert_int_equal(buf_append(out, head, sizeof(head)), GALE_OK);
    assert_int_equal(buf_append(out, payload->data, payload->size), GALE_OK);
    buf_fini(&block);
}

static void frame_payload_survives(void **state)
{
    (void)state;
    for (int variant = 0; variant < 4; variant++) {
        struct buf frame;
        struct buf raw;
        struct buf scratch;
        struct frame_header header;
        const uint8_t *payload;
        size_t size;
        build(&frame, &raw, (variant & 1) != 0, (variant & 2) != 0);
        buf_init(&scratch, 0);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(frame_header_read(frame.data, frame.size, &header, NULL), GALE_OK);
            assert_int_equal(
                frame_open(frame.data, frame.size, &header, &scratch, &payload, &size, NULL),
                GALE_OK);
            assert_int_equal(size, raw.size);
            assert_memory_equal(payload, raw.data, size);
        }
        buf_fini(&scratch);
        buf_fini(&frame);
        buf_fini(&raw);
    }
}

static void frame_changed_payload_is_refused(void **state)
{
    (void)state;
    for (int lz4 = 0; lz4 < 2; lz4++) {
        struct buf frame;
        struct buf raw;
        struct buf scratch;
        struct frame_header header;
        struct gale_error error;
        const uint8_t *payload;
        size_t size;
        build(&frame, &raw, lz4 != 0, true);
        buf_init(&scratch, 0);
        assert_int_equal(frame_header_read(frame.data, frame.size, &header, NULL), GALE_OK);
        for (size_t at = FRAME_HEADER_SIZE; at < frame.size; at++) {
            frame.data[at] ^= 0x10;
            assert_int_equal(
                frame_open(frame.data, frame.size, &header, &scratch, &payload, &size, &error),
                GALE_ERR_CORRUPT);
            frame.data[at] ^= 0x10;
        }
        buf_fini(&scratch);
        buf_fini(&frame);
        buf_fini(&raw);
    }
}

/* Without a checksum a damaged block must give an error or bytes of the declared size. */
static void frame_damaged_block_never_harms(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, oracle_seed(__func__));
    struct buf frame;
    struct buf raw;
    struct buf scratch;
    build(&frame, &raw, true, false);
    buf_init(&scratch, 0);
    for (int round = 0; round < 20000; round++) {
        struct frame_header header;
        const uint8_t *payload;
        size_t size;
        size_t at =
            FRAME_HEADER_SIZE + rng_below(&rng, (uint32_t)(frame.size - FRAME_HEADER_SIZE));
        uint8_t before = frame.data[at];
        frame.data[at] = (uint8_t)rng_next(&rng);
        assert_int_equal(frame_header_read(frame.data, frame.size, &header, NULL), GALE_OK);
        if (frame_open(frame.data, frame.size, &header, &scratch, &payload, &size, NULL) ==
            GALE_OK) {
            assert_int_equal(size, header.raw_size);
        }
        frame.data[at] = before;
    }
    buf_fini(&scratch);
    buf_fini(&frame);
    buf_fini(&raw);
}

static void frame_wrong_raw_size_is_refused(void **state)
{
    (void)state;
    struct buf frame;
    struct buf raw;
    struct buf scratch;
    struct frame_header header;
    const uint8_t *payload;
    size_t size;
    build(&frame, &raw, true, true);
    buf_init(&scratch, 0);
    for (int delta = -1; delta <= 1; delta += 2) {
        assert_int_equal(frame_header_read(frame.data, frame.size, &header, NULL), GALE_OK);
        header.raw_size = (uint32_t)((int)header.raw_size + delta);
        assert_int_equal(
            frame_open(frame.data, frame.size, &header, &scratch, &payload, &size, NULL),
            GALE_ERR_CORRUPT);
    }
    buf_fini(&scratch);
    buf_fini(&frame);
    buf_fini(&raw);
}

static void frame_incompressible_payload_is_sent_raw(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, oracle_seed(__func__));
    uint8_t noise[4096];
    struct buf out;
    buf_init(&out, 0);
    for (size_t i = 0; i < sizeof(noise); i++) {
        noise[i] = (uint8_t)rng_next(&rng);
    }
    assert_int_equal(frame_compress(noise, sizeof(noise), &out), GALE_ERR_AGAIN);
    assert_int_equal(frame_compress(noise, 0, &out), GALE_ERR_AGAIN);
    memset(noise, 0, sizeof(noise));
    assert_int_equal(frame_compress(noise, 16, &out), GALE_ERR_AGAIN);
    assert_int_equal(frame_compress(noise, sizeof(noise), &out), GALE_OK);
    buf_fini(&out);
}

static size_t put_section(uint8_t *at, uint32_t type, uint32_t count)
{
    size_t size = 8 + count * frame_section_entry_size(type);
    memset(at, 0xee, size);
    store_u32(at, type);
    store_u32(at + 4, count);
    return size;
}

static void control_sections_are_checked(void **state)
{
    (void)state;
    uint8_t payload[512];
    size_t size = 0;
    for (uint32_t type = FRAME_TOUCH; type <= FRAME_KNOWN; type++) {
        size += put_section(payload + size, type, type % 3);
    }
    assert_int_equal(frame_control_check(payload, size, NULL), GALE_OK);
    assert_int_equal(frame_control_check(payload, 0, NULL), GALE_OK);
    struct gale_error error;
    assert_int_equal(frame_control_check(payload, size - 1, &error), GALE_ERR_CORRUPT);
    size_t more = put_section(payload + size, FRAME_ACK, 0);
    assert_int_equal(frame_control_check(payload, size + more - 1, &error), GALE_ERR_CORRUPT);
    store_u32(payload + size + 4, UINT32_MAX); /* 4 G acks in no byte */
    assert_int_equal(frame_control_check(payload, size + more, &error), GALE_ERR_CORRUPT);
    store_u32(payload, FRAME_KNOWN + 1);
    assert_int_equal(frame_control_check(payload, size, &error), GALE_ERR_CORRUPT);
    store_u32(payload, 0);
    assert_int_equal(frame_control_check(payload, size, &error), GALE_ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame_header_has_the_drawn_bytes),
        cmocka_unit_test(frame_header_survives),
        cmocka_unit_test(frame_header_with_a_lie_is_refused),
        cmocka_unit_test(frame_header_over_the_limits_is_refused),
        cmocka_unit_test(frame_payload_survives),
        cmocka_unit_test(frame_changed_payload_is_refused),
        cmocka_unit_test(frame_damaged_block_never_harms),
        cmocka_unit_test(frame_wrong_raw_size_is_refused),
        cmocka_unit_test(frame_incompressible_payload_is_sent_raw),
        cmocka_unit_test(control_sections_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
