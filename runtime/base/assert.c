/* SPDX-License-Identifier: Apache-2.0 */
/* The one place where a broken invariant ends the process. Any thread; no state. */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void assert_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "gale: assertion failed at %s:%d: %s (a bug in gale; please report it)\n",
            file, line, condition);
    abort();
}
