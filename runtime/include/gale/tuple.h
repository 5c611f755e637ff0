/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a tuple. A tuple is valid during the execute call that received it, unless it is kept
 * (gale_tuple_keep, task.h). Its fields are msgpack values one after the other; the common cases
 * are read inline here, everything else by a call. Used only from the task's own callbacks.
 */
#ifndef GALE_TUPLE_H
#define GALE_TUPLE_H

#include <gale/value.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gale_tuple_private;

/** A tuple as a bolt sees it. Read the members; never write them. */
struct gale_tuple {
    const uint8_t *data;   /**< First byte of the first field. */
    uint32_t size;         /**< Bytes of all fields together. */
    uint16_t fields_count; /**< Number of fields. */
    uint16_t input;        /**< Which entry of the bolt's `from` list it came by, 0-based;
                                GALE_INPUT_TICK for a tick. */
    uint32_t source_task;  /**< Task id that emitted it. */
    uint32_t reserved;     /**< Always 0. */
    struct gale_tuple_private *engine; /**< The engine's own; do not touch. */
};

/** gale_tuple.input of a tick tuple: it has no fields and no source task (0). */
#define GALE_INPUT_TICK 0xffffu

/**
 * Reads one field of any type.
 * @param tuple the tuple. @param field index, 0-based. @param out slices point into the tuple.
 * @return GALE_OK, or GALE_ERR_NOT_FOUND when there is no such field.
 */
GALE_API enum gale_err gale_tuple_get(const struct gale_tuple *tuple, unsigned field,
                                      struct gale_value *out);

/**
 * Positions a cursor at a field, to walk a list or map.
 * @param tuple the tuple. @param field index, 0-based. @param out ends behind that field.
 * @return GALE_OK or GALE_ERR_NOT_FOUND.
 */
GALE_API enum gale_err gale_tuple_cursor(const struct gale_tuple *tuple, unsigned field,
                                         struct gale_cursor *out);

/**
 * Reads a string or bytes field: the general case behind gale_tuple_string.
 * @param tuple the tuple. @param field index, 0-based.
 * @return the bytes, or {NULL, 0} when the field is absent or of another type.
 */
GALE_API struct gale_slice gale_tuple_string_any(const struct gale_tuple *tuple,
                                                 unsigned field);

/**
 * Reads a string or bytes field without a copy.
 * @param tuple the tuple. @param field index, 0-based.
 * @return the bytes (valid as long as the tuple), or {NULL, 0} when the field is absent or of
 * another type.
 */
static inline struct gale_slice gale_tuple_string(const struct gale_tuple *tuple,
                                                  unsigned field)
{
    if (GALE_LIKELY(field == 0 && tuple->size > 0 && (tuple->data[0] & 0xe0u) == 0xa0u)) {
        struct gale_slice slice = {(const char *)tuple->data + 1, tuple->data[0] & 0x1fu};
        return slice;
    }
    return gale_tuple_string_any(tuple, field);
}

/**
 * Reads an integer field.
 * @param tuple the tuple. @param field index, 0-based. @param out untouched on error.
 * @return GALE_OK, GALE_ERR_NOT_FOUND, or GALE_ERR_TYPE when it is no integer in int64's range.
 */
GALE_API enum gale_err gale_tuple_int64(const struct gale_tuple *tuple, unsigned field,
                                        int64_t *out);

/**
 * Reads a number as a double (integers are converted).
 * @param tuple the tuple. @param field index, 0-based. @param out untouched on error.
 * @return GALE_OK, GALE_ERR_NOT_FOUND or GALE_ERR_TYPE.
 */
GALE_API enum gale_err gale_tuple_double(const struct gale_tuple *tuple, unsigned field,
                                         double *out);

#ifdef __cplusplus
}
#endif
#endif
