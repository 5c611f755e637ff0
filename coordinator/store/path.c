/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of the store port. Pure functions, any thread. */
#include "store/path.h"

#include <stddef.h>
#include <string.h>

static bool part_ok(const char *part, size_t size)
{
    if (size == 0 || size > STORE_PATH_PART_MAX || (size == 1 && part[0] == '.') ||
        (size == 2 && part[0] == '.' && part[1] == '.')) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        char c = part[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-') {
            return false;
        }
    }
    return true;
}

bool store_path_part_ok(const char *part)
{
    return part_ok(part, strlen(part));
}

bool store_path_ok(const char *path)
{
    if (strcmp(path, "/") == 0) {
        return true;
    }
    for (int depth = 0; depth < STORE_PATH_DEPTH_MAX; depth++) {
        if (*path++ != '/') {
            return false;
        }
        size_t size = strcspn(path, "/");
        if (!part_ok(path, size)) {
            return false;
        }
        path += size;
        if (*path == '\0') {
            return true;
        }
    }
    return false;
}

void store_path_parent(const char *path, char parent[STORE_PATH_SIZE])
{
    size_t size = (size_t)(strrchr(path, '/') - path);
    if (size == 0) {
        size = 1;
    }
    memcpy(parent, path, size);
    parent[size] = '\0';
}
