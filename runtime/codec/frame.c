/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames between workers. The head, little-endian; every reserved byte is zero and checked, so that
 * it can be given a meaning later:
 *
 *      0  u8  'G'
 *      1  u8  'F'
 *      2  u8  version        FRAME_WIRE_VERSION
 *      3  u8  kind           enum frame_kind
 *      4  u8  lz4            0 or 1
 *      5  u8  zero
 *      6  u16 from           worker index of the sender
 *      8  u16 to             worker index of the addressee
 *     10  u16 zero
 *     12  u32 attempt
 *     16  u32 generation
 *     20  u32 payload_size   bytes behind this head
 *     24  u32 raw_size       bytes after decompression
 *     28  u32 zero
 *     32  u64 epoch
 *     40  u64 incarnation
 *     48  u64 seq
 *     56  u64 checksum       of the payload as it is sent; 0: none
 *     64      payload
 *
 * The link decides whether epoch, incarnation and seq are acceptable; here only the form is judged.
 * Pure functions, any thread.
 */
#include "codec/frame.h"

#include "base/hash.h"
#include "codec/lz4_block.h"
#include "core/batch.h"

/* Below this a block saves less than its handling costs. */
#define FRAME_COMPRESS_MIN 128u
#define FRAME_SECTION_HEAD_SIZE 8u

static void store_u16(uint8_t *at, uint16_t value)
{
    memcpy(at, &value, sizeof(value));
}

static uint16_t load_u16(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

void frame_header_write(uint8_t out[FRAME_HEADER_SIZE], const struct frame_header *header)
{
    memset(out, 0, FRAME_HEADER_SIZE);
    out[0] = FRAME_MAGIC_0;
    out[1] = FRAME_MAGIC_1;
    out[2] = header->version;
    out[3] = (uint8_t)header->kind;
    out[4] = header->lz4;
    store_u16(out + 6, header->from);
    store_u16(out + 8, header->to);
    store_u32(out + 12, header->attempt);
    store_u32(out + 16, header->generation);
    store_u32(out + 20, header->payload_size);
    store_u32(out + 24, header->raw_size);
    store_u64(out + 32, header->epoch);
    store_u64(out + 40, header->incarnation);
    store_u64(out + 48, header->seq);
    store_u64(out + 56, header->checksum);
}

static enum gale_err check_sizes(const struct frame_header *header, size_t size,
                                 struct gale_error *error)
{
    if ((uint64_t)header->payload_size + FRAME_HEADER_SIZE != size) {
        return gale_error_set(error, GALE_ERR_CORRUPT,
                              "frame: its head announces %u bytes of payload, %zu came",
                              header->payload_size, size - FRAME_HEADER_SIZE);
    }
    if (header->payload_size > FRAME_PAYLOAD_MAX || header->raw_size > FRAME_PAYLOAD_MAX) {
        return gale_error_set(error, GALE_ERR_CORRUPT,
                              "frame: %u bytes (%u decompressed) are over the limit of %u",
                              header->payload_size, header->raw_size, FRAME_PAYLOAD_MAX);
    }
    if (header->lz4 == 0 && header->raw_size != header->payload_size) {
        return gale_error_set(error, GALE_ERR_CORRUPT,
                              "frame: not compressed, but sizes %u and %u differ",
                              header->payload_size, header->raw_size);
    }
    if (header->lz4 != 0 &&
        (header->raw_size == 0 ||
         header->raw_size > (uint64_t)header->payload_size * LZ4_BLOCK_RATIO_MAX)) {
        return gale_error_set(error, GALE_ERR_CORRUPT,
                              "frame: %u bytes cannot decompress to %u", header->payload_size,
                              header->raw_size);
    }
    return GALE_OK;
}

static enum gale_err check_form(const uint8_t *data, struct gale_error *error)
{
    if (data[2] != FRAME_WIRE_VERSION) {
        return gale_error_set(error, GALE_ERR_CORRUPT,
                              "frame: wire version %u, this worker speaks %u; run the same "
                              "version of gale everywhere",
                              data[2], FRAME_WIRE_VERSION);
    }
    if (data[3] < FRAME_HELLO || data[3] > FRAME_CONTROL) {
        return gale_error_set(error, GALE_ERR_CORRUPT, "frame: unknown kind %u", data[3]);
    }
    if (data[4] > 1 || data[5] != 0 || load_u16(data + 10) != 0 || load_u32(data + 28) != 0) {
        return gale_error_set(error, GALE_ERR_CORRUPT, "frame: reserved bytes are not zero");
    }
    return GALE_OK;
}

enum gale_err frame_header_read(const uint8_t *data, size_t size, struct frame_header *out,
                                struct gale_error *error)
{
    if (size < FRAME_HEADER_SIZE || !frame_is_frame(data, size)) {
        return gale_error_set(error, GALE_ERR_CORRUPT,
                              "frame: %zu bytes do not begin with a head", size);
    }
    enum gale_err err = check_form(data, error);
    if (err != GALE_OK) {
        return err;
    }
    struct frame_header header = {
        .version = data[2],
        .kind = (enum frame_kind)data[3],
        .lz4 = data[4],
        .from = load_u16(data + 6),
        .to = load_u16(data + 8),
        .attempt = load_u32(data + 12),
        .generation = load_u32(data + 16),
        .payload_size = load_u32(data + 20),
        .raw_size = load_u32(data + 24),
        .epoch = load_u64(data + 32),
        .incarnation = load_u64(data + 40),
        .seq = load_u64(data + 48),
        .checksum = load_u64(data + 56),
    };
    err = check_sizes(&header, size, error);
    if (err == GALE_OK) {
        *out = header;
    }
    return err;
}

uint64_t frame_checksum(const uint8_t *payload, size_t size)
{
    uint64_t checksum = hash64(payload, size, 0);
    return checksum != 0 ? checksum : 1; /* 0 says that there is none */
}

enum gale_err frame_open(const uint8_t *data, size_t size, const struct frame_header *header,
                         struct buf *scratch, const uint8_t **payload, size_t *payload_size,
                         struct gale_error *error)
{
    enum gale_err err = check_sizes(header, size, error);
    if (err != GALE_OK) {
        return err;
    }
    const uint8_t *body = data + FRAME_HEADER_SIZE;
    if (header->checksum != 0 &&
        header->checksum != frame_checksum(body, header->payload_size)) {
        return gale_error_set(error, GALE_ERR_CORRUPT,
                              "frame %llu of worker %u: wrong checksum",
                              (unsigned long long)header->seq, header->from);
    }
    if (header->lz4 == 0) {
        *payload = body;
        *payload_size = header->payload_size;
        return GALE_OK;
    }
    buf_clear(scratch);
    err = buf_reserve(scratch, header->raw_size);
    if (err != GALE_OK) {
        return gale_error_set(error, err, "frame: no room for %u bytes", header->raw_size);
    }
    if (!lz4_block_decompress(body, header->payload_size, scratch->data, header->raw_size)) {
        return gale_error_set(error, GALE_ERR_CORRUPT,
                              "frame %llu of worker %u: damaged LZ4 block",
                              (unsigned long long)header->seq, header->from);
    }
    scratch->size = header->raw_size;
    *payload = scratch->data;
    *payload_size = header->raw_size;
    return GALE_OK;
}

enum gale_err frame_compress(const uint8_t *raw, size_t size, struct buf *out)
{
    buf_clear(out);
    size_t room = size - size / 8;
    if (size < FRAME_COMPRESS_MIN || size > FRAME_PAYLOAD_MAX ||
        buf_reserve(out, room) != GALE_OK) {
        return GALE_ERR_AGAIN;
    }
    out->size = lz4_block_compress(raw, size, out->data, room);
    return out->size > 0 ? GALE_OK : GALE_ERR_AGAIN;
}

size_t frame_section_entry_size(uint32_t type)
{
    switch (type) {
    case FRAME_TOUCH:
    case FRAME_ACK:
    case FRAME_CREDIT:
    case FRAME_KNOWN: return 16;
    case FRAME_FAIL:
    case FRAME_RENEW: return 8;
    default: return 0;
    }
}

enum gale_err frame_control_check(const uint8_t *payload, size_t size, struct gale_error *error)
{
    for (size_t at = 0; at < size;) {
        if (size - at < FRAME_SECTION_HEAD_SIZE) {
            return gale_error_set(error, GALE_ERR_CORRUPT,
                                  "control frame: %zu bytes behind the last section",
                                  size - at);
        }
        uint32_t type = load_u32(payload + at);
        uint32_t count = load_u32(payload + at + 4);
        size_t entry_size = frame_section_entry_size(type);
        at += FRAME_SECTION_HEAD_SIZE;
        if (entry_size == 0) {
            return gale_error_set(error, GALE_ERR_CORRUPT, "control frame: unknown section %u",
                                  type);
        }
        if (count > (size - at) / entry_size) {
            return gale_error_set(error, GALE_ERR_CORRUPT,
                                  "control frame: section %u of %u entries does not fit", type,
                                  count);
        }
        at += count * entry_size;
    }
    return GALE_OK;
}
