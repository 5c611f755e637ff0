/* SPDX-License-Identifier: Apache-2.0 */
/* gale version: product version, format integers and how this binary was built. */
#include "cli/json_writer.h"
#include "cli/verbs.h"
#include <gale/version.h>

#ifndef GALE_BUILD_TYPE
#ifdef __OPTIMIZE__
#define GALE_BUILD_TYPE "optimised"
#else
#define GALE_BUILD_TYPE "unoptimised"
#endif
#endif
#ifndef GALE_COMMIT
#define GALE_COMMIT "unknown"
#endif
#ifdef __clang__
#define VERSION_COMPILER "clang " __clang_version__
#else
#define VERSION_COMPILER "gcc " __VERSION__
#endif

static const char *const formats[] = {"abi", "wire", "control", "store", "report"};
enum { FORMATS_COUNT = sizeof formats / sizeof formats[0] };

static void print_json(void)
{
    struct jsonw json;
    jsonw_init(&json, stdout);
    jsonw_open_object(&json, NULL);
    jsonw_int(&json, "schema", 1);
    jsonw_string(&json, "version", gale_version());
    jsonw_open_object(&json, "formats");
    for (size_t i = 0; i < FORMATS_COUNT; i++) {
        jsonw_int(&json, formats[i], gale_format_version(formats[i]));
    }
    jsonw_close_object(&json);
    jsonw_string(&json, "build_type", GALE_BUILD_TYPE);
    jsonw_string(&json, "compiler", VERSION_COMPILER);
    jsonw_string(&json, "commit", GALE_COMMIT);
    jsonw_close_object(&json);
    jsonw_end(&json);
}

static int run(const struct invocation *call)
{
    if (call->json) {
        print_json();
        return EXIT_DONE;
    }
    if (call->quiet) {
        printf("%s\n", gale_version());
        return EXIT_DONE;
    }
    printf("gale %s\nformats:", gale_version());
    for (size_t i = 0; i < FORMATS_COUNT; i++) {
        printf(" %s %d%s", formats[i], gale_format_version(formats[i]),
               i + 1 < FORMATS_COUNT ? "," : "\n");
    }
    printf("build: %s, %s, commit %s\n", GALE_BUILD_TYPE, VERSION_COMPILER, GALE_COMMIT);
    return EXIT_DONE;
}

const struct verb_spec verb_version = {
    .name = "version",
    .summary = "Shows the version, the format numbers and how gale was built.",
    .examples = {"gale version", "gale version --json"},
    .run = run,
};
