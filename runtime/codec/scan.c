/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation of msgpack bytes from outside; see scan.h. Short strings and small numbers, which are
 * nearly all of a batch, are stepped over without bounds checks as long as the longest of them
 * surely fits; everything else goes through head_walk. Pure, no recursion, no allocation.
 */
#include "codec/scan.h"

#include "core/heads.h"

_Static_assert(SCAN_DEPTH_MAX == HEAD_DEPTH_MAX, "what may be emitted must be accepted");

/* Longest value that the unchecked steps may pass: a string of 31 bytes. */
#define SCAN_STEP_MAX 32u

/* Whole size of the values that the unchecked steps pass; 0: not one of them. */
static const uint8_t step_sizes[256] = {
    [0x00 ... 0x7f] = 1, [0xc0] = 1, [0xc2] = 1, [0xc3] = 1, [0xca] = 5,
    [0xcb] = 9,          [0xcc] = 2, [0xcd] = 3, [0xce] = 5, [0xcf] = 9,
    [0xd0] = 2,          [0xd1] = 3, [0xd2] = 5, [0xd3] = 9, [0xe0 ... 0xff] = 1,
};

/* Passes up to `*left` values of the common kinds; returns where it stopped. */
static const uint8_t *step_fast(const uint8_t *at, const uint8_t *end, uint64_t *left)
{
    uint64_t count = *left;
    while (count != 0 && (size_t)(end - at) >= SCAN_STEP_MAX) {
        uint8_t first = *at;
        if ((first & 0xe0u) == 0xa0u) {
            at += 1 + (first & 0x1fu);
        } else {
            uint8_t size = step_sizes[first];
            if (size == 0) {
                break;
            }
            at += size;
        }
        count--;
    }
    *left = count;
    return at;
}

enum gale_err scan_values(const uint8_t *data, size_t size, uint64_t values_count)
{
    const uint8_t *at = data;
    const uint8_t *end = data + size;
    uint64_t left = values_count;
    uint64_t elements_left = size;
    if (values_count > size) {
        return GALE_ERR_CORRUPT;
    }
    for (;;) {
        at = step_fast(at, end, &left);
        if (left == 0) {
            return at == end ? GALE_OK : GALE_ERR_CORRUPT;
        }
        at = head_walk(at, end, true, &elements_left);
        if (at == NULL) {
            return GALE_ERR_CORRUPT;
        }
        left--;
    }
}

enum gale_err scan_message(const uint8_t *data, size_t size)
{
    uint64_t elements_left = SCAN_ELEMENTS_MAX;
    const uint8_t *end = data + size;
    return head_walk(data, end, false, &elements_left) == end ? GALE_OK : GALE_ERR_CORRUPT;
}
