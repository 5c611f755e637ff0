/* SPDX-License-Identifier: Apache-2.0 */
/* What a report says about where it comes from: machine, kernel, versions, commit; and where the
 * suite's topologies lie. The commit and the libraries' versions are those of the build. */
#include "suite/suite.h"

#include "suite/memory.h"
#include <gale/version.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#ifndef GALE_COMMIT
#define GALE_COMMIT "unknown"
#endif
#ifndef GALE_BENCH_INSTALLED
#define GALE_BENCH_INSTALLED "lib/gale/bench"
#endif
#ifndef VERSION_ZEROMQ
#define VERSION_ZEROMQ "unknown"
#define VERSION_MSGPACK "unknown"
#define VERSION_LZ4 "unknown"
#define VERSION_SQLITE "unknown"
#endif
#ifdef __clang__
#define DESCRIBE_COMPILER "clang " __clang_version__
#else
#define DESCRIBE_COMPILER "gcc " __VERSION__
#endif

enum { DESCRIBE_LINE_SIZE = 1024 };

static void copy(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text);
}

/* The value of the first line that starts with `key` in a file of "key: value" or key="value". */
static void value_of(const char *path, const char *key, char separator, char *out, size_t size)
{
    char line[DESCRIBE_LINE_SIZE];
    FILE *file = fopen(path, "re");
    copy(out, size, "unknown");
    if (file == NULL) {
        return;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        char *value = strchr(line, separator);
        if (strncmp(line, key, strlen(key)) != 0 || value == NULL) {
            continue;
        }
        value += 1 + strspn(value + 1, " \t\"");
        value[strcspn(value, "\"\n")] = 0;
        copy(out, size, value);
        break;
    }
    fclose(file);
}

static void describe_machine(struct result_machine *machine)
{
    struct utsname names;
    value_of("/proc/cpuinfo", "model name", ':', machine->cpu, sizeof machine->cpu);
    value_of("/etc/os-release", "PRETTY_NAME", '=', machine->os, sizeof machine->os);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    long pages = sysconf(_SC_PHYS_PAGES);
    long page_size = sysconf(_SC_PAGESIZE);
    machine->cores = cores > 0 ? (unsigned)cores : 1;
    machine->memory_mb = (uint64_t)pages * (uint64_t)page_size / (1024 * 1024);
    copy(machine->kernel, sizeof machine->kernel, "unknown");
    if (uname(&names) == 0) {
        snprintf(machine->kernel, sizeof machine->kernel, "%.60s %.60s %.60s", names.sysname,
                 names.release, names.machine);
    }
}

void suite_describe(struct result_document *document, const char *command)
{
    struct result_versions *versions = &document->versions;
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(document->started, sizeof document->started, "%Y-%m-%dT%H:%M:%SZ", &utc);
    copy(document->version, sizeof document->version, gale_version());
    copy(document->commit, sizeof document->commit, GALE_COMMIT);
    describe_machine(&document->machine);
    copy(versions->compiler, sizeof versions->compiler, DESCRIBE_COMPILER);
    copy(versions->zeromq, sizeof versions->zeromq, VERSION_ZEROMQ);
    copy(versions->msgpack, sizeof versions->msgpack, VERSION_MSGPACK);
    copy(versions->lz4, sizeof versions->lz4, VERSION_LZ4);
    copy(versions->sqlite, sizeof versions->sqlite, VERSION_SQLITE);
    free(document->command);
    document->command = suite_copy(command);
}

/* A directory of the suite holds the topology of `gale bench` without arguments. */
static bool is_bench_dir(const char *dir)
{
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, "%s/wordcount.yaml", dir);
    return size > 0 && (size_t)size < sizeof path && access(path, R_OK) == 0;
}

bool suite_find_dir(const char *gale, char dir[PATH_MAX])
{
    const char *own = getenv("GALE_BENCH_DIR");
    if (own != NULL && own[0] != 0) {
        return realpath(own, dir) != NULL && is_bench_dir(dir);
    }
    static const char *const places[] = {"bench", "../" GALE_BENCH_INSTALLED};
    const char *slash = strrchr(gale, '/');
    int folder = slash != NULL ? (int)(slash - gale) : 0;
    for (size_t i = 0; slash != NULL && i < sizeof places / sizeof places[0]; i++) {
        char path[PATH_MAX];
        int size = snprintf(path, sizeof path, "%.*s/%s", folder, gale, places[i]);
        if (size > 0 && (size_t)size < sizeof path && realpath(path, dir) != NULL &&
            is_bench_dir(dir)) {
            return true;
        }
    }
    return false;
}
