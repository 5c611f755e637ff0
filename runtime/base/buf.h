/* SPDX-License-Identifier: Apache-2.0 */
/* A growable run of bytes. The owner calls buf_fini; growth beyond `max` fails, so that every
 * buffer has a bound. Not thread-safe. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <gale/errors.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t max; /* Bytes; 0 = 1 GiB. */
};

void buf_init(struct buf *buf, size_t max);
void buf_fini(struct buf *buf);
/** Makes room for `more` bytes behind size. GALE_ERR_LIMIT past max, GALE_ERR_NOMEM. */
enum gale_err buf_reserve(struct buf *buf, size_t more);
enum gale_err buf_append(struct buf *buf, const void *data, size_t size);
/** printf behind the present end; keeps a NUL behind size (not counted). */
enum gale_err buf_printf(struct buf *buf, const char *format, ...) GALE_PRINTF(2, 3);
/** Forgets the contents, keeps the room. */
void buf_clear(struct buf *buf);

#endif
