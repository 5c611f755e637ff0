/* SPDX-License-Identifier: Apache-2.0 */
/* Text that may be no UTF-8. Pure. */
#ifndef TEXT_UTF8_H
#define TEXT_UTF8_H

#include <stddef.h>

/* U+FFFD, which stands for each bad byte. */
#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/** Length of the UTF-8 sequence at text, which ends with a zero byte; 0 when it is none (overlong,
 *  surrogate, cut). */
size_t utf8_length(const unsigned char *text);

#endif
