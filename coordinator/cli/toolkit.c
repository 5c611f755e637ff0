/* SPDX-License-Identifier: Apache-2.0 */
/* See toolkit.h. */
#include "cli/toolkit.h"

#include "base/str.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#define TOOLKIT_TRIPLET "x86_64-linux-gnu"
#elif defined(__aarch64__)
#define TOOLKIT_TRIPLET "aarch64-linux-gnu"
#else
#define TOOLKIT_TRIPLET "unknown"
#endif

/* Sets out to base/tail, without "..", when base/tail/probe is there. */
static bool try_directory(const char *base, const char *tail, const char *probe, char *out)
{
    char path[PATH_MAX];
    char real[PATH_MAX];
    int size = snprintf(path, sizeof path, "%s/%s/%s", base, tail, probe);
    if (size < 0 || (size_t)size >= sizeof path || access(path, R_OK) != 0) {
        return false;
    }
    path[(size_t)size - strlen(probe) - 1] = '\0';
    return realpath(path, real) != NULL && str_copy(out, PATH_MAX, real);
}

/* The source directory that a build tree notes in its cache. */
static bool source_of_build(const char *build, char *out)
{
    static const char key[] = "CMAKE_HOME_DIRECTORY:INTERNAL=";
    char line[PATH_MAX + sizeof key];
    int size = snprintf(line, sizeof line, "%s/CMakeCache.txt", build);
    FILE *file = size > 0 && (size_t)size < sizeof line ? fopen(line, "re") : NULL;
    bool found = false;
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, sizeof key - 1) == 0) {
            line[strcspn(line, "\n")] = '\0';
            found = str_copy(out, PATH_MAX, line + sizeof key - 1);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

bool toolkit_find(struct toolkit *toolkit)
{
    static const char *const libraries[] = {".", ("../lib/" TOOLKIT_TRIPLET), "../lib",
                                            "../lib64", "runtime/testing"};
    char home[PATH_MAX];
    char source[PATH_MAX];
    memset(toolkit, 0, sizeof *toolkit);
    ssize_t size = readlink("/proc/self/exe", toolkit->binary, sizeof toolkit->binary - 1);
    char *slash = size > 0 ? strrchr(toolkit->binary, '/') : NULL;
    if (slash == NULL) {
        return false;
    }
    snprintf(home, sizeof home, "%.*s", (int)(slash - toolkit->binary), toolkit->binary);
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        if (toolkit->library[0] == '\0') {
            (void)try_directory(home, libraries[i], "libgale.so", toolkit->library);
        }
        if (toolkit->bench[0] == '\0') {
            (void)try_directory(home, libraries[i], "libgale_bench.a", toolkit->bench);
        }
    }
    bool found = try_directory(home, "../include", "gale/gale.h", toolkit->include);
    if (!found && source_of_build(home, source)) {
        found = try_directory(source, "runtime/include", "gale/gale.h", toolkit->include);
    }
    return found && toolkit->library[0] != '\0';
}

bool toolkit_program(const char *name, char *path)
{
    const char *at = getenv("PATH");
    while (at != NULL && *at != '\0') {
        int length = (int)strcspn(at, ":");
        int size = snprintf(path, PATH_MAX, "%.*s/%s", length, at, name);
        if (length > 0 && size > 0 && size < PATH_MAX && access(path, X_OK) == 0) {
            return true;
        }
        at += length;
        at += *at == ':';
    }
    path[0] = '\0';
    return false;
}
