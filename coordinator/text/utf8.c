/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 sequences; see utf8.h. */
#include "text/utf8.h"

#include <stdbool.h>

size_t utf8_length(const unsigned char *text)
{
    unsigned char c = text[0];
    size_t length = c < 0x80                ? 1
                    : c >= 0xf0 && c < 0xf5 ? 4
                    : c >= 0xe0 && c < 0xf0 ? 3
                    : c >= 0xc2 && c < 0xe0 ? 2
                                            : 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0u) != 0x80u) {
            return 0;
        }
    }
    bool bad = (c == 0xe0 && text[1] < 0xa0) || (c == 0xed && text[1] > 0x9f) ||
               (c == 0xf0 && text[1] < 0x90) || (c == 0xf4 && text[1] > 0x8f);
    return bad ? 0 : length;
}
