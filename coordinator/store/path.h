/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of the store port (store.h), as every adapter checks them. Pure functions, any thread. */
#ifndef STORE_PATH_H
#define STORE_PATH_H

#include <stdbool.h>

#define STORE_PATH_DEPTH_MAX 16
#define STORE_PATH_PART_MAX 128
/** Holds every path, NUL included. */
#define STORE_PATH_SIZE (STORE_PATH_DEPTH_MAX * (STORE_PATH_PART_MAX + 1) + 1)

/** True for "/" and for "/a/b" with good parts. */
bool store_path_ok(const char *path);
/** One part alone: [A-Za-z0-9._-]{1,128}, neither "." nor "..". */
bool store_path_part_ok(const char *part);
/** Parent of a good path other than "/". */
void store_path_parent(const char *path, char parent[STORE_PATH_SIZE]);

#endif
