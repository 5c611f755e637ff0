/* SPDX-License-Identifier: Apache-2.0 */
/* The general case of stepping over a trusted value; see skip.h. Nested values are counted, not
 * recursed into. */
#include "core/skip.h"

#include "core/heads.h"

const uint8_t *skip_value_any(const uint8_t *at)
{
    /* Numbers of 1, 2, 4 or 8 bytes and strings below 256 are nearly all of what comes here. */
    if (*at >= 0xcc && *at <= 0xd3) {
        return at + 1 + (1u << (*at & 3u));
    }
    if (*at == 0xd9) {
        return at + 2 + at[1];
    }
    uint64_t pending = 1;
    do {
        const struct head_rule *rule = &head_rules[*at];
        uint64_t count = rule->count;
        if (rule->length_size != 0) {
            count = head_length(at + 1, rule->length_size);
        }
        at += rule->size;
        if (rule->children != 0) {
            pending += count * rule->children;
        } else {
            at += count;
        }
    } while (--pending != 0);
    return at;
}
