/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shared object that is no module. Its constructor leaves a mark, by which a test sees that it
 * was refused before its code ran.
 */
#include <stdlib.h>

__attribute__((constructor)) static void leave_mark(void)
{
    (void)setenv("GALE_TEST_CONSTRUCTOR_RAN", "1", 1);
}
