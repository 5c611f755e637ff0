/* SPDX-License-Identifier: Apache-2.0 */
/* Assertions: for programmer errors only, always on. Input from outside is validated instead. */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

/** Prints place and condition to stderr and aborts. */
_Noreturn void assert_failed(const char *condition, const char *file, int line);

#define GALE_ASSERT(condition) \
    ((condition) ? (void)0 : assert_failed(#condition, __FILE__, __LINE__))

#endif
