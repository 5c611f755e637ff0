/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The anchor of the codec measures: the same records packed and unpacked by msgpack-c in the way its
 * users do it (one buffer, one zone that is cleared and used again). Not a part of the engine; it is
 * here to say what a good library of general use costs on the same machine in the same run.
 */
#include "micro/micro.h"

#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

#define ANCHOR_FIELDS 3u

struct micro_anchor {
    msgpack_sbuffer buffer;
    msgpack_packer packer;
    msgpack_zone zone;
};

struct micro_anchor *micro_anchor_new(void)
{
    struct micro_anchor *anchor = calloc(1, sizeof(*anchor));
    if (anchor == NULL) {
        return NULL;
    }
    if (!msgpack_zone_init(&anchor->zone, MSGPACK_ZONE_CHUNK_SIZE)) {
        free(anchor);
        return NULL;
    }
    msgpack_sbuffer_init(&anchor->buffer);
    msgpack_packer_init(&anchor->packer, &anchor->buffer, msgpack_sbuffer_write);
    return anchor;
}

void micro_anchor_free(struct micro_anchor *anchor)
{
    if (anchor == NULL) {
        return;
    }
    msgpack_zone_destroy(&anchor->zone);
    msgpack_sbuffer_destroy(&anchor->buffer);
    free(anchor);
}

bool micro_anchor_pack(struct micro_anchor *anchor, const struct micro_record *records,
                       uint32_t count, const uint8_t **data, uint32_t *size)
{
    msgpack_packer *packer = &anchor->packer;
    bool is_packed = true;
    msgpack_sbuffer_clear(&anchor->buffer);
    for (uint32_t i = 0; i < count; i++) {
        const struct micro_record *record = &records[i];
        is_packed = is_packed && msgpack_pack_str(packer, record->word_size) == 0 &&
                    msgpack_pack_str_body(packer, record->word, record->word_size) == 0 &&
                    msgpack_pack_int64(packer, record->number) == 0 &&
                    msgpack_pack_double(packer, record->real) == 0;
    }
    *data = (const uint8_t *)anchor->buffer.data;
    *size = (uint32_t)anchor->buffer.size;
    return is_packed;
}

static bool read_record(const msgpack_object *fields, struct micro_record *out)
{
    if (fields[0].type != MSGPACK_OBJECT_STR ||
        (fields[1].type != MSGPACK_OBJECT_POSITIVE_INTEGER &&
         fields[1].type != MSGPACK_OBJECT_NEGATIVE_INTEGER) ||
        fields[2].type != MSGPACK_OBJECT_FLOAT64) {
        return false;
    }
    out->word = fields[0].via.str.ptr;
    out->word_size = fields[0].via.str.size;
    out->number = fields[1].via.i64;
    out->real = fields[2].via.f64;
    return true;
}

bool micro_anchor_unpack(struct micro_anchor *anchor, const uint8_t *data, uint32_t size,
                         uint32_t count, uint64_t *sum)
{
    size_t at = 0;
    *sum = 0;
    msgpack_zone_clear(&anchor->zone);
    for (uint32_t i = 0; i < count; i++) {
        msgpack_object fields[ANCHOR_FIELDS];
        struct micro_record record;
        for (unsigned field = 0; field < ANCHOR_FIELDS; field++) {
            msgpack_unpack_return end =
                msgpack_unpack((const char *)data, size, &at, &anchor->zone, &fields[field]);
            if (end != MSGPACK_UNPACK_SUCCESS && end != MSGPACK_UNPACK_EXTRA_BYTES) {
                return false;
            }
        }
        if (!read_record(fields, &record)) {
            return false;
        }
        *sum = micro_sum(*sum, &record);
    }
    return at == size;
}
