/* SPDX-License-Identifier: Apache-2.0 */
/* The table of msgpack heads and the bounded walk over one value; see heads.h. Pure, no recursion:
 * the counts of the open lists and maps lie in an array of HEAD_DEPTH_MAX entries. */
#include "core/heads.h"

#include "core/decimal.h"

#define FIX4(first, kind) kind(first), kind(first + 1), kind(first + 2), kind(first + 3)
#define FIX16(first, kind) \
    FIX4(first, kind), FIX4(first + 4, kind), FIX4(first + 8, kind), FIX4(first + 12, kind)
#define FIX_STR(byte) [byte] = {1, 0, 0, (byte)&0x1f}
#define FIX_LIST(byte) [byte] = {1, 0, 1, (byte)&0x0f}
#define FIX_MAP(byte) [byte] = {1, 0, 2, (byte)&0x0f}

const struct head_rule head_rules[256] = {
    [0x00 ... 0x7f] = {1, 0, 0, 0}, /* positive fixint */
    FIX16(0x80, FIX_MAP),           FIX16(0x90, FIX_LIST), FIX16(0xa0, FIX_STR),
    FIX16(0xb0, FIX_STR),           [0xc0] = {1, 0, 0, 0}, /* nil */
    [0xc1] = {0, 0, 0, 0},                                 /* never used */
    [0xc2] = {1, 0, 0, 0},                                 /* false */
    [0xc3] = {1, 0, 0, 0},                                 /* true */
    [0xc4] = {2, 1, 0, 0},                                 /* bin 8 */
    [0xc5] = {3, 2, 0, 0},                                 /* bin 16 */
    [0xc6] = {5, 4, 0, 0},                                 /* bin 32 */
    [0xc7] = {3, 1, 0, 0},          /* ext 8: the type byte belongs to the head */
    [0xc8] = {4, 2, 0, 0},          /* ext 16 */
    [0xc9] = {6, 4, 0, 0},          /* ext 32 */
    [0xca] = {1, 0, 0, 4},          /* float 32 */
    [0xcb] = {1, 0, 0, 8},          /* float 64 */
    [0xcc] = {1, 0, 0, 1},          /* uint 8 */
    [0xcd] = {1, 0, 0, 2},          /* uint 16 */
    [0xce] = {1, 0, 0, 4},          /* uint 32 */
    [0xcf] = {1, 0, 0, 8},          /* uint 64 */
    [0xd0] = {1, 0, 0, 1},          /* int 8 */
    [0xd1] = {1, 0, 0, 2},          /* int 16 */
    [0xd2] = {1, 0, 0, 4},          /* int 32 */
    [0xd3] = {1, 0, 0, 8},          /* int 64 */
    [0xd4] = {2, 0, 0, 1},          /* fixext 1 */
    [0xd5] = {2, 0, 0, 2},          /* fixext 2 */
    [0xd6] = {2, 0, 0, 4},          /* fixext 4 */
    [0xd7] = {2, 0, 0, 8},          /* fixext 8 */
    [0xd8] = {2, 0, 0, 16},         /* fixext 16 */
    [0xd9] = {2, 1, 0, 0},          /* str 8 */
    [0xda] = {3, 2, 0, 0},          /* str 16 */
    [0xdb] = {5, 4, 0, 0},          /* str 32 */
    [0xdc] = {3, 2, 1, 0},          /* array 16 */
    [0xdd] = {5, 4, 1, 0},          /* array 32 */
    [0xde] = {3, 2, 2, 0},          /* map 16 */
    [0xdf] = {5, 4, 2, 0},          /* map 32 */
    [0xe0 ... 0xff] = {1, 0, 0, 0}, /* negative fixint */
};

const uint8_t *head_walk(const uint8_t *at, const uint8_t *end, bool decimals,
                         uint64_t *elements_left)
{
    uint64_t pending[HEAD_DEPTH_MAX + 1] = {1};
    unsigned depth = 0;
    for (;;) {
        struct head head;
        if (!head_read(at, (size_t)(end - at), &head) || *elements_left == 0) {
            return NULL;
        }
        --*elements_left;
        --pending[depth];
        const uint8_t *body = at + head.size;
        if (head.children != 0) {
            if (depth == HEAD_DEPTH_MAX) {
                return NULL;
            }
            pending[++depth] = (uint64_t)head.count * head.children;
            at = body;
        } else {
            struct gale_decimal decimal;
            if (head_is_ext(*at) &&
                (!decimals || !decimal_decode(body - 1, head.count + 1u, &decimal))) {
                return NULL;
            }
            at = body + head.count;
        }
        while (pending[depth] == 0) {
            if (depth == 0) {
                return at;
            }
            --depth;
        }
    }
}
