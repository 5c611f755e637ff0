/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Software checks of `gale doctor`. The libraries' headers belong to their adapters alone, so their
 * versions are asked of the loaded libraries themselves by symbol.
 */
#include "cli/doctor.h"
#include "cli/toolkit.h"
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* dlsym gives an object pointer; POSIX lets it be read back as a function's. */
typedef const char *(*text_fn)(void);
typedef void (*numbers_fn)(int *major, int *minor, int *patch);

static bool ask_text(const char *symbol, char *out, size_t size)
{
    void *found = dlsym(RTLD_DEFAULT, symbol);
    text_fn fn;
    if (found == NULL) {
        return false;
    }
    memcpy(&fn, &found, sizeof fn);
    snprintf(out, size, "%s", fn());
    return true;
}

static bool ask_numbers(const char *symbol, char *out, size_t size)
{
    void *found = dlsym(RTLD_DEFAULT, symbol);
    numbers_fn fn;
    int major = 0;
    int minor = 0;
    int patch = 0;
    if (found == NULL) {
        return false;
    }
    memcpy(&fn, &found, sizeof fn);
    fn(&major, &minor, &patch);
    snprintf(out, size, "%d.%d.%d", major, minor, patch);
    return true;
}

/* Whether dotted version `found` is at least `least`. */
static bool at_least(const char *found, const char *least)
{
    int a[3] = {0};
    int b[3] = {0};
    (void)!sscanf(found, "%d.%d.%d", &a[0], &a[1], &a[2]);
    (void)!sscanf(least, "%d.%d.%d", &b[0], &b[1], &b[2]);
    for (int i = 0; i < 3; i++) {
        if (a[i] != b[i]) {
            return a[i] > b[i];
        }
    }
    return true;
}

static void check_libraries(struct doctor *doctor)
{
    static const struct {
        const char *check;
        const char *symbol;
        bool numbers;
        const char *least;
    } libraries[] = {
        {"libzmq", "zmq_version", true, "4.3.2"},
        {"libsqlite3", "sqlite3_libversion", false, "3.34.0"},
        {"liblz4", "LZ4_versionString", false, "1.9.0"},
        {"libmsgpack-c", "msgpack_version", false, "4.0.0"},
        {"libyaml", "yaml_get_version_string", false, "0.2.0"},
    };
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        char version[64];
        bool there = libraries[i].numbers
                         ? ask_numbers(libraries[i].symbol, version, sizeof version)
                         : ask_text(libraries[i].symbol, version, sizeof version);
        if (!there) {
            /* Linked statically or not used by this build: nothing to compare. */
            doctor_add(doctor, libraries[i].check, DOCTOR_OK, "", "built in");
            continue;
        }
        doctor_add(doctor, libraries[i].check,
                   at_least(version, libraries[i].least) ? DOCTOR_OK : DOCTOR_WARN,
                   "older than what gale is tested with: update the package", "%s", version);
    }
}

static void check_program(struct doctor *doctor, const char *check, const char *const *names,
                          const char *advice)
{
    char path[PATH_MAX];
    for (; *names != NULL; names++) {
        if (toolkit_program(*names, path)) {
            doctor_add(doctor, check, DOCTOR_OK, "", "%.150s", path);
            return;
        }
    }
    doctor_add(doctor, check, DOCTOR_WARN, advice, "not found");
}

void doctor_software(struct doctor *doctor)
{
    static const char *const compilers[] = {"cc", "gcc", "clang", NULL};
    static const char *const makes[] = {"make", NULL};
    static const char *const pkg_configs[] = {"pkg-config", "pkgconf", NULL};
    struct toolkit toolkit;
    check_libraries(doctor);
    check_program(doctor, "C compiler", compilers,
                  "to build bolts: apt install build-essential");
    check_program(doctor, "make", makes, "to build bolts: apt install build-essential");
    check_program(doctor, "pkg-config", pkg_configs, "to build bolts: apt install pkg-config");
    bool found = toolkit_find(&toolkit);
    doctor_add(doctor, "gale headers", found ? DOCTOR_OK : DOCTOR_WARN,
               "to build bolts: install gale with its headers and libgale", "%.150s",
               found ? toolkit.include : "not found beside this binary");
}
