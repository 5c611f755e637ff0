/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a tuple's fields: the cases that tuple.h does not read inline. A field is found by
 * stepping over those before it, which for the few short fields of a tuple is faster than any index.
 * The bytes were validated on the way in; the cursor still keeps each read inside the tuple. Used on
 * the engine thread, but pure.
 */
#include "core/heads.h"

#include <gale/tuple.h>

static inline bool step(struct gale_cursor *cursor)
{
    size_t left = (size_t)(cursor->end - cursor->at);
    uint8_t first = left > 0 ? *cursor->at : 0xc1;
    size_t size = first < 0x80 ? 1 : 1 + (size_t)(first & 0x1fu);
    if (GALE_LIKELY((first < 0x80 || (first & 0xe0u) == 0xa0u) && size <= left)) {
        cursor->at += size;
        return true;
    }
    return gale_cursor_skip(cursor) == GALE_OK;
}

static bool find(const struct gale_tuple *tuple, unsigned field, struct gale_cursor *out)
{
    if (field >= tuple->fields_count) {
        return false;
    }
    out->at = tuple->data;
    out->end = tuple->data + tuple->size;
    for (unsigned i = 0; i < field; i++) {
        if (!step(out)) {
            return false;
        }
    }
    return out->at < out->end;
}

enum gale_err gale_tuple_get(const struct gale_tuple *tuple, unsigned field,
                             struct gale_value *out)
{
    struct gale_cursor cursor;
    if (!find(tuple, field, &cursor) || gale_cursor_next(&cursor, out) != GALE_OK) {
        return GALE_ERR_NOT_FOUND;
    }
    return GALE_OK;
}

enum gale_err gale_tuple_cursor(const struct gale_tuple *tuple, unsigned field,
                                struct gale_cursor *out)
{
    struct gale_cursor cursor;
    if (!find(tuple, field, &cursor)) {
        return GALE_ERR_NOT_FOUND;
    }
    struct gale_cursor behind = cursor;
    if (!step(&behind)) {
        return GALE_ERR_NOT_FOUND;
    }
    out->at = cursor.at;
    out->end = behind.at;
    return GALE_OK;
}

struct gale_slice gale_tuple_string_any(const struct gale_tuple *tuple, unsigned field)
{
    struct gale_value value;
    struct gale_slice none = {NULL, 0};
    if (gale_tuple_get(tuple, field, &value) != GALE_OK ||
        (value.type != GALE_STRING && value.type != GALE_BYTES)) {
        return none;
    }
    return value.as.bytes;
}

enum gale_err gale_tuple_int64(const struct gale_tuple *tuple, unsigned field, int64_t *out)
{
    struct gale_cursor cursor;
    if (!find(tuple, field, &cursor)) {
        return GALE_ERR_NOT_FOUND;
    }
    if (GALE_LIKELY(*cursor.at < 0x80)) {
        *out = *cursor.at;
        return GALE_OK;
    }
    struct gale_value value;
    if (gale_cursor_next(&cursor, &value) != GALE_OK) {
        return GALE_ERR_NOT_FOUND;
    }
    if (value.type != GALE_INT64) {
        return GALE_ERR_TYPE;
    }
    *out = value.as.int64;
    return GALE_OK;
}

enum gale_err gale_tuple_double(const struct gale_tuple *tuple, unsigned field, double *out)
{
    struct gale_value value;
    enum gale_err err = gale_tuple_get(tuple, field, &value);
    if (err != GALE_OK) {
        return err;
    }
    if (value.type == GALE_DOUBLE) {
        *out = value.as.number;
    } else if (value.type == GALE_INT64) {
        *out = (double)value.as.int64;
    } else if (value.type == GALE_UINT64) {
        *out = (double)value.as.uint64;
    } else {
        return GALE_ERR_TYPE;
    }
    return GALE_OK;
}
