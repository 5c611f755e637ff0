/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of `gale new`; see skeleton.h. tests/blackbox/cli_new.sh builds and runs them. */
#include "cli/skeleton.h"

static const char bolt_source[] =
    "/* Bolt @NAME@: emits the first field of each tuple in upper case. */\n"
    "#include <ctype.h>\n"
    "#include <gale/gale.h>\n"
    "\n"
    "static enum gale_err execute(void *state, struct gale_task *task,\n"
    "                             const struct gale_tuple *tuple)\n"
    "{\n"
    "    char text[256];\n"
    "    struct gale_slice in = gale_tuple_string(tuple, 0);\n"
    "    size_t size = in.size < sizeof text ? in.size : sizeof text;\n"
    "    (void)state;\n"
    "    for (size_t i = 0; i < size; i++) {\n"
    "        text[i] = (char)toupper((unsigned char)in.data[i]);\n"
    "    }\n"
    "    gale_put_string(gale_begin(task), text, size);\n"
    "    return gale_emit(task, 0); /* GALE_OK also acks the tuple. */\n"
    "}\n"
    "\n"
    "static const struct gale_bolt_ops @ID@_ops = {\n"
    "    GALE_BOLT_HEAD,\n"
    "    .name = \"@NAME@\",\n"
    "    .fields = \"text\",\n"
    "    .help = \"Emits the first field in upper case.\",\n"
    "    .execute = execute,\n"
    "};\n"
    "GALE_MODULE_BOLT(@ID@_ops);\n";

static const char bolt_test[] =
    "/* Test of the bolt @NAME@: no processes, no network, a bench around the one bolt. */\n"
    "#include <gale/gale.h>\n"
    "#include <gale/test.h>\n"
    "#include <stdio.h>\n"
    "#include <string.h>\n"
    "\n"
    "extern const struct gale_module gale_module_v1; /* from @NAME@.c */\n"
    "\n"
    "static int expect(const char *what, const char *found, const char *wanted)\n"
    "{\n"
    "    if (found != NULL && strcmp(found, wanted) == 0) {\n"
    "        printf(\"ok - %s\\n\", what);\n"
    "        return 0;\n"
    "    }\n"
    "    printf(\"not ok - %s: found %s, wanted %s\\n\", what,\n"
    "           found != NULL ? found : \"nothing\", wanted);\n"
    "    return 1;\n"
    "}\n"
    "\n"
    "int main(void)\n"
    "{\n"
    "    struct gale_error error = {GALE_OK, \"\"};\n"
    "    struct gale_bench *bench =\n"
    "        gale_bench_bolt(gale_module_v1.bolts[0], \"sentence\", NULL, &error);\n"
    "    if (bench == NULL) {\n"
    "        printf(\"not ok - the bench: %s\\n\", error.text);\n"
    "        return 1;\n"
    "    }\n"
    "    int failures = 0;\n"
    "    gale_bench_give(bench, \"[\\\"storm\\\"]\");\n"
    "    failures += expect(\"upper case\", gale_bench_take(bench), \"default "
    "[\\\"STORM\\\"]\");\n"
    "    failures += expect(\"acked\", gale_bench_acked(bench) == 1 ? \"yes\" : \"no\", "
    "\"yes\");\n"
    "    gale_bench_free(bench);\n"
    "    return failures != 0;\n"
    "}\n";

static const char bolt_topology[] =
    "# Runs the bolt @NAME@ on made-up sentences and prints what it emits.\n"
    "name: @NAME@-demo\n"
    "spouts:\n"
    "  sentences: { type: generator, sentences: classic, count: 10 }\n"
    "bolts:\n"
    "  @NAME@: { module: ./lib@NAME@.so, bolt: @NAME@, from: [ { sentences: shuffle } ] }\n"
    "  out: { type: print, from: [ { @NAME@: shuffle } ] }\n";

static const char spout_source[] =
    "/* Spout @NAME@: emits the numbers 1 to `count`, again those that failed. */\n"
    "#include <gale/gale.h>\n"
    "#include <string.h>\n"
    "\n"
    "enum { FAILED_MAX = 1024 };\n"
    "\n"
    "struct @ID@ {\n"
    "    int64_t next, count;\n"
    "    uint64_t failed[FAILED_MAX]; /* to be emitted again */\n"
    "    unsigned failed_count;\n"
    "};\n"
    "\n"
    "static const struct gale_option options[] = {\n"
    "    {\"count\", GALE_OPTION_INT, false, \"10\", \"How many numbers to emit.\"},\n"
    "    {NULL, GALE_OPTION_ANY, false, NULL, NULL},\n"
    "};\n"
    "\n"
    "static enum gale_err open_spout(void *state, struct gale_task *task,\n"
    "                                const struct gale_conf *conf)\n"
    "{\n"
    "    struct @ID@ *self = state;\n"
    "    (void)task;\n"
    "    self->count = gale_conf_int64(conf, \"count\", 10);\n"
    "    return GALE_OK;\n"
    "}\n"
    "\n"
    "static enum gale_next next(void *state, struct gale_task *task)\n"
    "{\n"
    "    struct @ID@ *self = state;\n"
    "    uint64_t id;\n"
    "    if (self->failed_count > 0) {\n"
    "        id = self->failed[--self->failed_count];\n"
    "    } else if (self->next < self->count) {\n"
    "        id = (uint64_t)++self->next;\n"
    "    } else {\n"
    "        return GALE_NEXT_DONE;\n"
    "    }\n"
    "    gale_put_int64(gale_begin(task), (int64_t)id);\n"
    "    gale_emit_root(task, 0, id); /* Tracked: ends in ack or fail with this id. */\n"
    "    return GALE_NEXT_MORE;\n"
    "}\n"
    "\n"
    "static void fail(void *state, struct gale_task *task, uint64_t message_id)\n"
    "{\n"
    "    struct @ID@ *self = state;\n"
    "    if (self->failed_count < FAILED_MAX) {\n"
    "        self->failed[self->failed_count++] = message_id;\n"
    "    } else {\n"
    "        gale_task_error(task, \"too many failed numbers; lower max_pending\");\n"
    "    }\n"
    "}\n"
    "\n"
    "static const struct gale_spout_ops @ID@_ops = {\n"
    "    GALE_SPOUT_HEAD,\n"
    "    .name = \"@NAME@\",\n"
    "    .state_size = sizeof(struct @ID@),\n"
    "    .fields = \"number\",\n"
    "    .options = options,\n"
    "    .help = \"Emits the numbers 1 to count.\",\n"
    "    .open = open_spout,\n"
    "    .next = next,\n"
    "    .fail = fail,\n"
    "};\n"
    "static const struct gale_spout_ops *const spouts[] = {&@ID@_ops, NULL};\n"
    "GALE_MODULE(.spouts = spouts);\n";

static const char spout_test[] =
    "/* Test of the spout @NAME@: no processes, no network, a bench around the one spout. */\n"
    "#include <gale/gale.h>\n"
    "#include <gale/test.h>\n"
    "#include <stdio.h>\n"
    "#include <string.h>\n"
    "\n"
    "extern const struct gale_module gale_module_v1; /* from @NAME@.c */\n"
    "\n"
    "static int expect(const char *what, const char *found, const char *wanted)\n"
    "{\n"
    "    if (found != NULL && strcmp(found, wanted) == 0) {\n"
    "        printf(\"ok - %s\\n\", what);\n"
    "        return 0;\n"
    "    }\n"
    "    printf(\"not ok - %s: found %s, wanted %s\\n\", what,\n"
    "           found != NULL ? found : \"nothing\", wanted);\n"
    "    return 1;\n"
    "}\n"
    "\n"
    "int main(void)\n"
    "{\n"
    "    struct gale_error error = {GALE_OK, \"\"};\n"
    "    struct gale_bench *bench =\n"
    "        gale_bench_spout(gale_module_v1.spouts[0], \"count: 2\", &error);\n"
    "    if (bench == NULL) {\n"
    "        printf(\"not ok - the bench: %s\\n\", error.text);\n"
    "        return 1;\n"
    "    }\n"
    "    int failures = 0;\n"
    "    gale_bench_next(bench, 2);\n"
    "    failures += expect(\"first\", gale_bench_take(bench), \"default [1] #1\");\n"
    "    failures += expect(\"second\", gale_bench_take(bench), \"default [2] #2\");\n"
    "    gale_bench_end(bench, 1, true);\n"
    "    gale_bench_end(bench, 2, false);\n"
    "    gale_bench_next(bench, 1);\n"
    "    failures += expect(\"again after a fail\", gale_bench_take(bench), \"default [2] "
    "#2\");\n"
    "    gale_bench_free(bench);\n"
    "    return failures != 0;\n"
    "}\n";

static const char spout_topology[] =
    "# Runs the spout @NAME@ and prints what it emits.\n"
    "name: @NAME@-demo\n"
    "spouts:\n"
    "  @NAME@: { module: ./lib@NAME@.so, spout: @NAME@, count: 10 }\n"
    "bolts:\n"
    "  out: { type: print, from: [ { @NAME@: shuffle } ] }\n";

static const char module_makefile[] =
    "# Builds lib@NAME@.so and its test. Headers and library come from pkg-config or, where it "
    "does\n"
    "# not know gale, from the gale that wrote this file.\n"
    "CFLAGS ?= -O2 -g -Wall -Wextra\n"
    "GALE ?= $(shell command -v gale || echo @BINARY@)\n"
    "ifeq ($(shell pkg-config --exists gale 2>/dev/null && echo yes),yes)\n"
    "GALE_CFLAGS := $(shell pkg-config --cflags gale)\n"
    "GALE_BENCH := -L$(shell pkg-config --variable=libdir gale)\n"
    "else\n"
    "GALE_CFLAGS := -I@INCLUDE@\n"
    "GALE_BENCH := -L@BENCH@\n"
    "endif\n"
    "\n"
    "all: lib@NAME@.so\n"
    "\n"
    "lib@NAME@.so: @NAME@.c\n"
    "\t$(CC) -std=c11 $(CFLAGS) $(GALE_CFLAGS) -fPIC -fvisibility=hidden -shared -o $@ $<\n"
    "\n"
    "test_@NAME@: test_@NAME@.c @NAME@.c\n"
    "\t$(CC) -std=c11 $(CFLAGS) $(GALE_CFLAGS) -o $@ $^ $(GALE_BENCH) -lgale_bench -ljansson "
    "-lm\n"
    "\n"
    "test: test_@NAME@\n"
    "\t./test_@NAME@\n"
    "\n"
    "run: lib@NAME@.so\n"
    "\t$(GALE) run @NAME@.yaml\n"
    "\n"
    "clean:\n"
    "\trm -f lib@NAME@.so test_@NAME@\n"
    "\n"
    ".PHONY: all test run clean\n";

static const char module_cmake[] =
    "cmake_minimum_required(VERSION 3.18)\n"
    "project(@ID@ C)\n"
    "set(CMAKE_C_STANDARD 11)\n"
    "set(CMAKE_C_VISIBILITY_PRESET hidden)\n"
    "find_package(gale REQUIRED)\n"
    "\n"
    "# The module lies beside the topology file, which names it as ./lib@NAME@.so.\n"
    "add_library(@NAME@ MODULE @NAME@.c)\n"
    "target_link_libraries(@NAME@ PRIVATE gale::gale)\n"
    "set_target_properties(@NAME@ PROPERTIES\n"
    "    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_SOURCE_DIR})\n"
    "\n"
    "enable_testing()\n"
    "add_executable(test_@NAME@ test_@NAME@.c @NAME@.c)\n"
    "target_link_libraries(test_@NAME@ PRIVATE gale::gale_bench)\n"
    "add_test(NAME @NAME@ COMMAND test_@NAME@)\n";

static const char module_readme[] =
    "# @NAME@\n"
    "\n"
    "    make                    # builds lib@NAME@.so\n"
    "    make test               # runs test_@NAME@.c\n"
    "    gale run @NAME@.yaml    # runs it in a topology\n"
    "\n"
    "The code is in `@NAME@.c`; `gale components --module ./lib@NAME@.so` shows what the "
    "module\n"
    "offers. With CMake: `cmake -B build && cmake --build build && ctest --test-dir build`.\n";

static const char topology_file[] =
    "# Counts words: `gale run @NAME@.yaml`, or `gale run @NAME@.yaml -D count=100000`.\n"
    "name: @NAME@\n"
    "workers: 1\n"
    "spouts:\n"
    "  sentences: { type: generator, sentences: classic, count: ${count:-1000} }\n"
    "bolts:\n"
    "  split: { type: split, parallelism: 2, from: [ { sentences: shuffle } ] }\n"
    "  count: { type: count, key: [word], emit: end, parallelism: 2,\n"
    "           from: [ { split: { fields: [word] } } ] }\n"
    "  out: { type: print, from: [ { count: global } ] }\n";

static const char topology_makefile[] = "GALE ?= $(shell command -v gale || echo @BINARY@)\n"
                                        "\n"
                                        "all: test\n"
                                        "\n"
                                        "test:\n"
                                        "\t$(GALE) validate --strict @NAME@.yaml\n"
                                        "\n"
                                        "run:\n"
                                        "\t$(GALE) run @NAME@.yaml\n"
                                        "\n"
                                        ".PHONY: all test run\n";

static const char topology_readme[] =
    "# @NAME@\n"
    "\n"
    "    gale validate @NAME@.yaml\n"
    "    gale graph @NAME@.yaml\n"
    "    gale run @NAME@.yaml\n"
    "\n"
    "`gale components` lists the built-in spouts and bolts with their options;\n"
    "`gale new bolt NAME` writes one of your own.\n";

static const struct skeleton_file bolt_files[] = {
    {"@NAME@.c", bolt_source},        {"test_@NAME@.c", bolt_test},
    {"@NAME@.yaml", bolt_topology},   {"Makefile", module_makefile},
    {"CMakeLists.txt", module_cmake}, {"README.md", module_readme},
};

static const struct skeleton_file spout_files[] = {
    {"@NAME@.c", spout_source},       {"test_@NAME@.c", spout_test},
    {"@NAME@.yaml", spout_topology},  {"Makefile", module_makefile},
    {"CMakeLists.txt", module_cmake}, {"README.md", module_readme},
};

static const struct skeleton_file topology_files[] = {
    {"@NAME@.yaml", topology_file},
    {"Makefile", topology_makefile},
    {"README.md", topology_readme},
};

#define SKELETON_COUNT(files) (sizeof(files) / sizeof((files)[0]))

const struct skeleton skeletons[] = {
    {"bolt", bolt_files, SKELETON_COUNT(bolt_files)},
    {"spout", spout_files, SKELETON_COUNT(spout_files)},
    {"topology", topology_files, SKELETON_COUNT(topology_files)},
};
const size_t skeletons_count = SKELETON_COUNT(skeletons);
