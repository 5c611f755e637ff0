/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A package is made of a topology whose module would end this process (tests/modules/reclusive.c),
 * taken apart, put together elsewhere and compiled: the plan is the one of the file. Modules are
 * looked into by the built gale binary ($GALE).
 */
#include "cluster/package.h"

#include "base/rng.h"
#include "blobs/blobs.h"
#include "core/locate.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TOPOLOGY \
    "name: packed\n" \
    "workers: 2\n" \
    "hooks: [reclusive_trace]\n" \
    "files: { dict: words.txt, copy: ./words.txt }\n" \
    "conf: { note: \"in ${file.copy}, not $${file.copy}\" }\n" \
    "spouts:\n" \
    "  in: { module: ./libreclusive.so, spout: words, dict: \"${file.dict}\" }\n" \
    "bolts:\n" \
    "  one: { module: ./libreclusive.so, bolt: pick, field: word, parallelism: 2,\n" \
    "         from: [ { in: { fields: [word] } } ] }\n" \
    "  two: { module: ./libreclusive.so, bolt: pick, field: word,\n" \
    "         from: [ { one.picked: shuffle } ] }\n"

struct fixture {
    char directory[64];
    char file[96];
    struct worker_builtins builtins;
    struct load_options options;
    struct diag diag;
    struct gale_error error;
    struct package made;
    struct buf bytes;
};

static void write_file(const struct fixture *fixture, const char *name, const char *text)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    const char *build = getenv("GALE_BUILD");
    const char *gale = getenv("GALE");
    char target[PATH_MAX];
    char link[PATH_MAX];
    *state = fixture;
    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/gale-package-XXXXXX");
    if (build == NULL || gale == NULL || access(gale, X_OK) != 0 ||
        mkdtemp(fixture->directory) == NULL) {
        fprintf(stderr, "GALE_BUILD and GALE must name a build with the gale binary\n");
        return -1;
    }
    snprintf(target, sizeof(target), "%s/tests/modules/libreclusive.so", build);
    snprintf(link, sizeof(link), "%s/libreclusive.so", fixture->directory);
    snprintf(fixture->file, sizeof(fixture->file), "%s/t.yaml", fixture->directory);
    assert_int_equal(symlink(target, link), 0);
    write_file(fixture, "words.txt", "word,number\nmore\n");
    write_file(fixture, "t.yaml", TOPOLOGY);
    fixture->options = (struct load_options){
        .file = fixture->file, .builtins = &fixture->builtins, .gale_path = gale};
    diag_init(&fixture->diag);
    buf_init(&fixture->bytes, 0);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];
    package_fini(&fixture->made);
    diag_fini(&fixture->diag);
    buf_fini(&fixture->bytes);
    snprintf(command, sizeof(command), "rm -rf '%s'", fixture->directory);
    int rc = system(command);
    free(fixture);
    return rc;
}

static void print_diag(const struct diag *diag)
{
    for (size_t i = 0; i < diag->count; i++) {
        print_message("%s\n", diag->items[i].text);
    }
}

static void make(struct fixture *fixture)
{
    enum gale_err err =
        package_make(&fixture->options, &fixture->diag, &fixture->made, &fixture->error);
    print_diag(&fixture->diag);
    if (err != GALE_OK) {
        print_message("%s\n", fixture->error.text);
    }
    assert_int_equal(err, GALE_OK);
    assert_int_equal(fixture->diag.errors_count, 0);
    assert_int_equal(package_encode(&fixture->made, &fixture->bytes), GALE_OK);
}

static void assert_same_plan(const struct plan *a, const struct plan *b)
{
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->workers, b->workers);
    assert_int_equal(a->tasks_count, b->tasks_count);
    assert_int_equal(a->components_count, b->components_count);
    assert_int_equal(a->levels_count, b->levels_count);
    for (size_t i = 0; i < a->components_count; i++) {
        const struct plan_component *x = &a->components[i];
        const struct plan_component *y = &b->components[i];
        assert_string_equal(x->name, y->name);
        assert_string_equal(x->type, y->type);
        assert_int_equal(x->parallelism, y->parallelism);
        assert_int_equal(x->first_task, y->first_task);
        assert_int_equal(x->level, y->level);
        assert_int_equal(x->hooks_count, y->hooks_count);
        assert_int_equal(x->streams_count, y->streams_count);
        assert_int_equal(x->inputs_count, y->inputs_count);
        assert_int_equal(gale_conf_size(x->conf, "size", 0),
                         gale_conf_size(y->conf, "size", 0));
        for (size_t k = 0; k < x->streams_count; k++) {
            assert_string_equal(x->streams[k].name, y->streams[k].name);
            assert_int_equal(x->streams[k].fields_count, y->streams[k].fields_count);
            for (size_t n = 0; n < x->streams[k].fields_count; n++) {
                assert_string_equal(x->streams[k].fields[n], y->streams[k].fields[n]);
            }
        }
        for (size_t k = 0; k < x->inputs_count; k++) {
            assert_int_equal(x->inputs[k].source, y->inputs[k].source);
            assert_int_equal(x->inputs[k].stream, y->inputs[k].stream);
            assert_int_equal(x->inputs[k].grouping, y->inputs[k].grouping);
        }
    }
}

static void package_decoded_elsewhere_compiles_to_the_plan_of_the_file(void **state)
{
    struct fixture *fixture = *state;
    struct loaded loaded;
    struct package package;
    struct plan *plan = NULL;
    make(fixture);
    assert_int_equal(load_topology(&fixture->options, &loaded, &fixture->error), GALE_OK);
    assert_non_null(loaded.plan);
    assert_int_equal(
        package_decode(fixture->bytes.data, fixture->bytes.size, &package, &fixture->error),
        GALE_OK);
    assert_string_equal(package.name, "packed");
    assert_int_equal(package.blobs_count, 2); /* the module, and one file under two names */
    enum gale_err err =
        package_plan(&package, &fixture->builtins, 0, NULL, &plan, &fixture->diag);
    print_diag(&fixture->diag);
    assert_int_equal(err, GALE_OK);
    assert_same_plan(plan, loaded.plan);
    assert_int_equal(plan->components[0].hooks_count, 1);
    assert_string_equal(plan->components[0].streams[0].fields[1], "number");
    plan_free(plan);
    loaded_fini(&loaded);
    package_fini(&package);
}

static void package_on_a_host_names_its_blobs(void **state)
{
    struct fixture *fixture = *state;
    struct package package;
    struct gale_conf *located = NULL;
    char wanted[128];
    make(fixture);
    assert_int_equal(
        package_decode(fixture->bytes.data, fixture->bytes.size, &package, &fixture->error),
        GALE_OK);
    assert_int_equal(locate_blobs("/b", package.tree, &located), GALE_OK);
    const struct gale_conf *spout = gale_conf_get(gale_conf_get(located, "spouts"), "in");
    for (size_t i = 0; i < 2; i++) {
        const struct package_blob *blob = &fixture->made.blobs[i];
        bool module = strcmp(blob->name, "words.txt") != 0;
        assert_int_equal(strlen(blob->hex), 64);
        assert_string_equal(blob->hex, package.blobs[i].hex);
        assert_int_equal(blob->size, package.blobs[i].size);
        snprintf(wanted, sizeof(wanted), "/b/%s", blob->hex);
        assert_string_equal(gale_conf_string(spout, module ? "module" : "dict", ""), wanted);
        if (!module) {
            char note[256];
            assert_int_equal(blob->size, 17);
            snprintf(note, sizeof(note), "in %s, not ${file.copy}", wanted);
            assert_string_equal(gale_conf_string(gale_conf_get(located, "conf"), "note", ""),
                                note);
        }
    }
    assert_null(gale_conf_get(located, "files"));
    conf_free(located);
    package_fini(&package);
}

static void package_plan_follows_other_workers_and_parallelism(void **state)
{
    struct fixture *fixture = *state;
    struct plan *plan = NULL;
    struct gale_conf *parallelism = conf_new();
    make(fixture);
    assert_int_equal(conf_add_scalar(parallelism, "two", "5", false, NULL), GALE_OK);
    assert_int_equal(
        package_plan(&fixture->made, &fixture->builtins, 3, parallelism, &plan, &fixture->diag),
        GALE_OK);
    assert_int_equal(plan->workers, 3);
    assert_int_equal(plan->components[2].parallelism, 5);
    assert_int_equal(plan->components[1].parallelism, 2);
    plan_free(plan);
    assert_int_equal(conf_add_scalar(parallelism, "three", "1", false, NULL), GALE_OK);
    assert_int_equal(
        package_plan(&fixture->made, &fixture->builtins, 0, parallelism, &plan, &fixture->diag),
        GALE_ERR_INVALID);
    assert_null(plan);
    assert_int_equal(fixture->diag.items[0].code, DIAG_UNKNOWN_COMPONENT);
    conf_free(parallelism);
    assert_int_equal(
        package_plan(&fixture->made, &fixture->builtins, 0, NULL, &plan, &fixture->diag),
        GALE_OK); /* It is as it was. */
    assert_int_equal(plan->components[2].parallelism, 1);
    plan_free(plan);
}

static void package_of_a_faulty_topology_has_all_errors_and_is_empty(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "t.yaml",
               "name: t\nfiles: { dict: missing.txt }\n"
               "spouts: { in: { module: ./libnone.so, spout: words, dict: x } }\n"
               "bolts: { b: { type: nothing, from: [in] } }\n");
    assert_int_equal(
        package_make(&fixture->options, &fixture->diag, &fixture->made, &fixture->error),
        GALE_OK);
    bool codes[3] = {false};
    for (size_t i = 0; i < fixture->diag.count; i++) {
        const struct diag_item *item = &fixture->diag.items[i];
        codes[0] = codes[0] || item->code == DIAG_INCLUDE;
        codes[1] = codes[1] || (item->code == DIAG_MODULE && strstr(item->text, "libnone.so"));
        codes[2] = codes[2] || item->code == DIAG_UNKNOWN_TYPE;
        assert_true(item->place.line > 0);
    }
    assert_true(codes[0] && codes[1] && codes[2]);
    assert_null(fixture->made.document);
    assert_int_equal(fixture->made.blobs_count, 0);
}

static void package_leaves_out_what_the_topology_does_not_use(void **state)
{
    struct fixture *fixture = *state;
    make(fixture);
    assert_true(fixture->bytes.size < 2048); /* Help texts and unused components stay behind. */
    assert_null(memmem(fixture->bytes.data, fixture->bytes.size, "unused", 6));
}

/* ---- Hostile definitions ---------------------------------------------------------------------- */

static enum gale_err decode(struct fixture *fixture, const void *data, size_t size)
{
    struct package package;
    enum gale_err err = package_decode(data, size, &package, &fixture->error);
    assert_true(err == GALE_OK || package.document == NULL);
    package_fini(&package);
    return err;
}

static void package_damaged_anywhere_is_refused(void **state)
{
    struct fixture *fixture = *state;
    make(fixture);
    for (size_t i = 0; i < fixture->bytes.size; i++) {
        fixture->bytes.data[i] ^= 0x10;
        enum gale_err err = decode(fixture, fixture->bytes.data, fixture->bytes.size);
        assert_true(err == GALE_ERR_CORRUPT || (i == 2 && err == GALE_ERR_UNSUPPORTED));
        assert_true(strlen(fixture->error.text) > 20);
        fixture->bytes.data[i] ^= 0x10;
        assert_int_equal(decode(fixture, fixture->bytes.data, i), GALE_ERR_CORRUPT);
    }
    assert_int_equal(decode(fixture, fixture->bytes.data, fixture->bytes.size), GALE_OK);
}

/* Encodes a document as it is, right checksum included. */
static void seal(const struct gale_conf *document, struct buf *out)
{
    struct package package = {.document = (struct gale_conf *)(uintptr_t)document};
    buf_clear(out);
    assert_int_equal(package_encode(&package, out), GALE_OK);
}

static struct gale_conf *document_of(const char *name, const char *module, const char *sha)
{
    struct gale_conf *document = conf_new();
    struct gale_conf *topology = NULL;
    struct gale_conf *section = NULL;
    struct gale_conf *spout = NULL;
    struct gale_conf *blobs = NULL;
    struct gale_conf *blob = NULL;
    assert_int_equal(conf_add_map(document, "topology", &topology), GALE_OK);
    assert_int_equal(conf_add_scalar(topology, "name", name, true, NULL), GALE_OK);
    assert_int_equal(conf_add_map(topology, "spouts", &section), GALE_OK);
    assert_int_equal(conf_add_map(section, "in", &spout), GALE_OK);
    assert_int_equal(conf_add_scalar(spout, "module", module, true, NULL), GALE_OK);
    assert_int_equal(conf_add_scalar(spout, "spout", "s", true, NULL), GALE_OK);
    assert_int_equal(conf_add_list(document, "blobs", &blobs), GALE_OK);
    assert_int_equal(conf_add_map(blobs, NULL, &blob), GALE_OK);
    assert_int_equal(conf_add_scalar(blob, "sha", sha, true, NULL), GALE_OK);
    assert_int_equal(conf_add_scalar(blob, "name", "../x\n", true, NULL), GALE_OK);
    assert_int_equal(conf_add_scalar(blob, "size", "5", false, NULL), GALE_OK);
    return document;
}

#define HEX "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define OTHER "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void package_that_names_files_of_the_host_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *name, *module, *sha;
        enum gale_err err;
    } samples[] = {
        {"t", "sha256:" HEX, HEX, GALE_OK},
        {"t", "/usr/lib/evil.so", HEX, GALE_ERR_CORRUPT},
        {"t", "sha256:../../evil", HEX, GALE_ERR_CORRUPT},
        {"t", "sha256:" OTHER, HEX, GALE_ERR_CORRUPT},
        {"t", "sha256:" HEX, "short", GALE_ERR_CORRUPT},
        {"../t", "sha256:" HEX, HEX, GALE_ERR_CORRUPT},
        {"", "sha256:" HEX, HEX, GALE_ERR_CORRUPT},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        struct gale_conf *document =
            document_of(samples[i].name, samples[i].module, samples[i].sha);
        seal(document, &fixture->bytes);
        assert_int_equal(decode(fixture, fixture->bytes.data, fixture->bytes.size),
                         samples[i].err);
        conf_free(document);
    }
}

static void package_without_descriptions_does_not_compile(void **state)
{
    struct fixture *fixture = *state;
    struct package package;
    struct plan *plan = NULL;
    struct gale_conf *document = document_of("t", "sha256:" HEX, HEX);
    seal(document, &fixture->bytes);
    assert_int_equal(
        package_decode(fixture->bytes.data, fixture->bytes.size, &package, &fixture->error),
        GALE_OK);
    assert_string_equal(package.blobs[0].name, ".._x_");
    assert_int_equal(package_plan(&package, &fixture->builtins, 0, NULL, &plan, &fixture->diag),
                     GALE_ERR_INVALID);
    assert_int_equal(fixture->diag.items[0].code, DIAG_MODULE);
    package_fini(&package);
    conf_free(document);
}

static void package_answer_is_given_to_its_own_question_only(void **state)
{
    struct fixture *fixture = *state;
    struct plan *plan = NULL;
    make(fixture);
    /* Another option than the one that was asked with. */
    const struct gale_conf *bolts = gale_conf_get(fixture->made.tree, "bolts");
    struct gale_conf *two = (struct gale_conf *)(uintptr_t)gale_conf_get(bolts, "two");
    conf_remove(two, "field");
    assert_int_equal(conf_add_scalar(two, "field", "number", true, NULL), GALE_OK);
    assert_int_equal(
        package_plan(&fixture->made, &fixture->builtins, 0, NULL, &plan, &fixture->diag),
        GALE_ERR_INVALID);
    assert_null(plan);
    assert_int_equal(fixture->diag.items[0].code, DIAG_OPTION);
    assert_non_null(strstr(fixture->diag.items[0].text, "were not recorded"));
}

static void package_too_large_for_the_store_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct gale_conf *document = document_of("t", "sha256:" HEX, HEX);
    struct package package = {.document = document};
    struct rng rng;
    char *noise = malloc(STORE_VALUE_MAX + 1);
    rng_seed(&rng, 1);
    for (size_t i = 0; i < STORE_VALUE_MAX; i++) {
        noise[i] = (char)('!' + (char)rng_below(&rng, 90)); /* LZ4 makes no less of it. */
    }
    noise[STORE_VALUE_MAX] = '\0';
    assert_int_equal(conf_add_scalar(document, "more", noise, true, NULL), GALE_OK);
    assert_int_equal(package_encode(&package, &fixture->bytes), GALE_ERR_LIMIT);
    assert_int_equal(fixture->bytes.size, 0);
    free(noise);
    conf_free(document);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(package_decoded_elsewhere_compiles_to_the_plan_of_the_file),
        TEST(package_on_a_host_names_its_blobs),
        TEST(package_plan_follows_other_workers_and_parallelism),
        TEST(package_of_a_faulty_topology_has_all_errors_and_is_empty),
        TEST(package_leaves_out_what_the_topology_does_not_use),
        TEST(package_damaged_anywhere_is_refused),
        TEST(package_that_names_files_of_the_host_is_refused),
        TEST(package_without_descriptions_does_not_compile),
        TEST(package_answer_is_given_to_its_own_question_only),
        TEST(package_too_large_for_the_store_is_refused),
    };
    return cmocka_run_group_tests_name("package", tests, NULL, NULL);
}
