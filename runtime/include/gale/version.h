/* SPDX-License-Identifier: Apache-2.0 */
/* Version numbers and the macros that every public header uses. */
#ifndef GALE_VERSION_H
#define GALE_VERSION_H

/** Product version, semantic versioning. */
#define GALE_VERSION_MAJOR 0
#define GALE_VERSION_MINOR 1
#define GALE_VERSION_PATCH 0
#define GALE_VERSION_STRING "0.1.0"

/** ABI of modules: a module built with another number is refused at load. */
#define GALE_ABI 1

/** Marks a symbol that the shared library exports. */
#if defined(__GNUC__)
#define GALE_API __attribute__((visibility("default")))
#define GALE_PRINTF(format_index, first_arg) \
    __attribute__((format(printf, format_index, first_arg)))
#define GALE_LIKELY(condition) __builtin_expect(!!(condition), 1)
#else
#define GALE_API
#define GALE_PRINTF(format_index, first_arg)
#define GALE_LIKELY(condition) (condition)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Version of the library that runs, which may be newer than the headers a module saw.
 * @return a static string such as "0.1.0". Any thread, never blocks.
 */
GALE_API const char *gale_version(void);

/**
 * Integers of the formats that carry a version of their own.
 * @param name one of "abi", "wire", "control", "store", "report".
 * @return the number, or -1 for an unknown name. Any thread, never blocks.
 */
GALE_API int gale_format_version(const char *name);

#ifdef __cplusplus
}
#endif
#endif
