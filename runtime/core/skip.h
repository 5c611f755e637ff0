/* SPDX-License-Identifier: Apache-2.0 */
/* Stepping over values that were written by our own writer or validated by codec/scan.h: no bounds
 * are checked. Bytes from outside go through gale_cursor_skip instead. Pure. */
#ifndef CORE_SKIP_H
#define CORE_SKIP_H

#include <gale/version.h>
#include <stdint.h>

/** The general case behind skip_value: any value, nested ones included, without recursion. */
const uint8_t *skip_value_any(const uint8_t *at);

/** Steps over one whole valid value. @return the byte behind it. */
static inline const uint8_t *skip_value(const uint8_t *at)
{
    uint8_t first = *at;
    if (GALE_LIKELY((first & 0xe0u) == 0xa0u)) {
        return at + 1 + (first & 0x1fu);
    }
    if (first < 0x80 || first >= 0xe0) {
        return at + 1;
    }
    return skip_value_any(at);
}

#endif
