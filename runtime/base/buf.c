/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growable run of bytes. Invariants: size ≤ capacity ≤ max, and data is NULL only while capacity
 * is 0. Room doubles, so appending costs amortised constant time. One owner; not thread-safe.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_MAX_DEFAULT ((size_t)1 << 30)
#define BUF_CAPACITY_MIN 64

void buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){.max = max ? max : BUF_MAX_DEFAULT};
}

void buf_fini(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){.max = buf->max};
}

enum gale_err buf_reserve(struct buf *buf, size_t more)
{
    /* A buffer that was only zeroed has the default bound as well. */
    size_t max = buf->max ? buf->max : BUF_MAX_DEFAULT;
    if (more > max || buf->size > max - more) {
        return GALE_ERR_LIMIT;
    }
    size_t need = buf->size + more;
    if (need <= buf->capacity) {
        return GALE_OK;
    }
    size_t capacity = buf->capacity ? buf->capacity : BUF_CAPACITY_MIN;
    while (capacity < need) {
        capacity *= 2;
    }
    if (capacity > max) {
        capacity = max;
    }
    uint8_t *data = realloc(buf->data, capacity);
    if (!data) {
        return GALE_ERR_NOMEM;
    }
    buf->data = data;
    buf->capacity = capacity;
    return GALE_OK;
}

enum gale_err buf_append(struct buf *buf, const void *data, size_t size)
{
    if (size == 0) {
        return GALE_OK;
    }
    enum gale_err err = buf_reserve(buf, size);
    if (err) {
        return err;
    }
    memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    return GALE_OK;
}

enum gale_err buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0) {
        return GALE_ERR_INVALID;
    }
    size_t room = (size_t)length + 1;
    enum gale_err err = buf_reserve(buf, room);
    if (err) {
        return err;
    }
    va_start(args, format);
    vsnprintf((char *)buf->data + buf->size, room, format, args);
    va_end(args);
    buf->size += (size_t)length;
    return GALE_OK;
}

void buf_clear(struct buf *buf)
{
    buf->size = 0;
}
