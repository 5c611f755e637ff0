/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A package as bytes and back, and its plan; see package.h for the form. What comes from outside is
 * checked here as far as it could do harm later: every path in the tree must be a blob of the list,
 * or a host would load a file of its own choosing; descriptions are checked by run/described.c, the
 * topology by the plan. One thread.
 */
#include "cluster/package.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/str.h"
#include "blobs/blobs.h"
#include "codec/lz4_block.h"
#include "core/locate.h"
#include "run/described.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_SIZE 8u
#define CHECKSUM_SIZE 8u
#define FORM_PLAIN 0
#define FORM_LZ4 1
#define CHECKSUM_SEED 'D'

void package_fini(struct package *package)
{
    described_free(package->described);
    for (size_t i = 0; i < package->blobs_count; i++) {
        free(package->blobs[i].path);
    }
    free(package->blobs);
    conf_free(package->document);
    memset(package, 0, sizeof(*package));
}

static void number_write(uint8_t *out, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t number_read(const uint8_t *data, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)data[i] << (8 * i);
    }
    return value;
}

/* ---- Encoding --------------------------------------------------------------------------------- */

/* Appends the document, as a block when that is smaller. */
static enum gale_err append_document(const struct buf *raw, struct buf *out)
{
    uint8_t head[HEAD_SIZE] = {'G', 'D', PACKAGE_VERSION, FORM_PLAIN};
    uint8_t *block = raw->size > 1 ? malloc(raw->size - 1) : NULL;
    size_t block_size =
        block ? lz4_block_compress(raw->data, raw->size, block, raw->size - 1) : 0;
    head[3] = block_size > 0 ? FORM_LZ4 : FORM_PLAIN;
    number_write(head + 4, raw->size, 4);
    enum gale_err err = buf_append(out, head, sizeof(head));
    if (err == GALE_OK) {
        err = block_size > 0 ? buf_append(out, block, block_size)
                             : buf_append(out, raw->data, raw->size);
    }
    free(block);
    return err;
}

enum gale_err package_encode(const struct package *package, struct buf *out)
{
    struct buf raw;
    uint8_t checksum[CHECKSUM_SIZE];
    size_t start = out->size;
    buf_init(&raw, PACKAGE_DOCUMENT_MAX);
    enum gale_err err = conf_pack(package->document, &raw);
    err = err ? err : append_document(&raw, out);
    buf_fini(&raw);
    if (err == GALE_OK) {
        number_write(checksum, hash64(out->data + start, out->size - start, CHECKSUM_SEED),
                     sizeof(checksum));
        err = buf_append(out, checksum, sizeof(checksum));
    }
    if (err == GALE_OK && out->size - start > STORE_VALUE_MAX) {
        err = GALE_ERR_LIMIT;
    }
    if (err != GALE_OK) {
        out->size = start;
    }
    return err;
}

/* ---- Decoding --------------------------------------------------------------------------------- */

static enum gale_err damaged(struct gale_error *error, const char *what)
{
    return gale_error_set(error, GALE_ERR_CORRUPT,
                          "the topology's definition is damaged (%s): submit it again", what);
}

/* Whatever else can be wrong with bytes from outside is damage to who reads the message. */
static enum gale_err unread(struct gale_error *error, enum gale_err err, const char *what)
{
    return err == GALE_ERR_NOMEM ? gale_error_set(error, err, "no memory for a definition")
                                 : damaged(error, what);
}

/* Checks the envelope and reads the document. */
static enum gale_err read_document(const uint8_t *data, size_t size, struct gale_conf **out,
                                   struct gale_error *error)
{
    if (size < HEAD_SIZE + CHECKSUM_SIZE || size > STORE_VALUE_MAX || data[0] != 'G' ||
        data[1] != 'D') {
        return damaged(error, "it is none");
    }
    if (data[2] > PACKAGE_VERSION) {
        return gale_error_set(error, GALE_ERR_UNSUPPORTED,
                              "the topology's definition has version %u, this gale reads %d: "
                              "use the same version of gale everywhere",
                              data[2], PACKAGE_VERSION);
    }
    size_t body_size = size - HEAD_SIZE - CHECKSUM_SIZE;
    size_t raw_size = (size_t)number_read(data + 4, 4);
    if (data[2] != PACKAGE_VERSION || data[3] > FORM_LZ4 || raw_size > PACKAGE_DOCUMENT_MAX ||
        number_read(data + size - CHECKSUM_SIZE, CHECKSUM_SIZE) !=
            hash64(data, size - CHECKSUM_SIZE, CHECKSUM_SEED)) {
        return damaged(error, "its checksum");
    }
    const uint8_t *body = data + HEAD_SIZE;
    uint8_t *raw = NULL;
    enum gale_err err = GALE_ERR_CORRUPT;
    if (data[3] == FORM_PLAIN && raw_size == body_size) {
        err = conf_unpack(body, body_size, out);
    } else if (data[3] == FORM_LZ4) {
        raw = malloc(raw_size > 0 ? raw_size : 1);
        err = raw == NULL ? GALE_ERR_NOMEM : GALE_ERR_CORRUPT;
        if (raw != NULL && lz4_block_decompress(body, body_size, raw, raw_size)) {
            err = conf_unpack(raw, raw_size, out);
        }
        free(raw);
    }
    return err ? unread(error, err, "its document") : GALE_OK;
}

static enum gale_err read_blobs(struct package *package, const struct gale_conf *list,
                                struct gale_error *error)
{
    size_t count = gale_conf_count(list);
    if (gale_conf_type(list) != GALE_LIST || count > PACKAGE_BLOBS_MAX) {
        return damaged(error, "its list of files");
    }
    package->blobs = calloc(count + 1, sizeof(*package->blobs));
    if (package->blobs == NULL) {
        return unread(error, GALE_ERR_NOMEM, "");
    }
    for (size_t i = 0; i < count; i++) {
        const struct gale_conf *item = gale_conf_at(list, i);
        struct package_blob *blob = &package->blobs[i];
        const char *hex = gale_conf_string(item, "sha", "");
        int64_t size = gale_conf_int64(item, "size", -1);
        if (!sha256_is_hex(hex) || size < 0 || (uint64_t)size > BLOBS_SIZE_MAX) {
            return damaged(error, "a file of it");
        }
        (void)str_copy(blob->hex, sizeof(blob->hex), hex);
        (void)str_copy(blob->name, sizeof(blob->name), gale_conf_string(item, "name", ""));
        for (char *at = blob->name; *at != '\0'; at++) {
            *at = (unsigned char)*at < ' ' || *at == 0x7f || *at == '/' ? '_' : *at;
        }
        blob->size = (uint64_t)size;
        package->blobs_count++;
    }
    return GALE_OK;
}

/* Ends the walk at a path that is none of the package's blobs. */
static enum gale_err check_path(void *self, const char *path, char out[PATH_MAX])
{
    const struct package *package = self;
    const char *hex = locate_hex(path);
    for (size_t i = 0; hex != NULL && i < package->blobs_count; i++) {
        if (strcmp(package->blobs[i].hex, hex) == 0) {
            (void)str_copy(out, PATH_MAX, path);
            return GALE_OK;
        }
    }
    return GALE_ERR_CORRUPT;
}

static enum gale_err check_tree(struct package *package, struct gale_error *error)
{
    struct gale_conf *copy = NULL;
    const char *name = gale_conf_string(package->tree, "name", "");
    if (gale_conf_type(package->tree) != GALE_MAP || !str_is_name(name)) {
        return damaged(error, "its topology has no name");
    }
    (void)str_copy(package->name, sizeof(package->name), name);
    enum gale_err err = locate_map(package->tree, check_path, package, &copy);
    conf_free(copy);
    return err ? unread(error, err, "it names a file that is not in its list") : GALE_OK;
}

enum gale_err package_decode(const void *data, size_t size, struct package *out,
                             struct gale_error *error)
{
    memset(out, 0, sizeof(*out));
    enum gale_err err = read_document(data, size, &out->document, error);
    if (err == GALE_OK) {
        out->tree = gale_conf_get(out->document, "topology");
        err = read_blobs(out, gale_conf_get(out->document, "blobs"), error);
        err = err ? err : check_tree(out, error);
    }
    if (err != GALE_OK) {
        package_fini(out);
    }
    return err;
}

/* ---- The plan --------------------------------------------------------------------------------- */

/* A component of a tree by name. Nodes of a tree of ours are not const; only the reading interface
 * is. NULL: there is none. */
static struct gale_conf *component_of(struct gale_conf *tree, const char *name)
{
    static const char *const sections[] = {"spouts", "bolts"};
    for (size_t i = 0; i < 2; i++) {
        const struct gale_conf *found = gale_conf_get(gale_conf_get(tree, sections[i]), name);
        if (gale_conf_type(found) == GALE_MAP) {
            return (struct gale_conf *)(uintptr_t)found;
        }
    }
    return NULL;
}

static enum gale_err set_parallelism(struct gale_conf *tree,
                                     const struct gale_conf *parallelism, struct diag *diag)
{
    enum gale_err err = GALE_OK;
    for (size_t i = 0; i < gale_conf_count(parallelism) && err == GALE_OK; i++) {
        const char *name = gale_conf_key(parallelism, i);
        struct gale_conf *component = name != NULL ? component_of(tree, name) : NULL;
        if (component == NULL) {
            diag_add(diag, DIAG_UNKNOWN_COMPONENT, NULL, "`gale describe` lists them",
                     "the topology has no component \"%.64s\"", name != NULL ? name : "");
            err = GALE_ERR_INVALID;
        } else {
            conf_remove(component, "parallelism");
            err = conf_add_copy(component, "parallelism", gale_conf_at(parallelism, i));
        }
    }
    return err;
}

static enum gale_err set_workers(struct gale_conf *tree, uint32_t workers)
{
    char text[16];
    if (workers == 0) {
        return GALE_OK;
    }
    snprintf(text, sizeof(text), "%u", workers);
    conf_remove(tree, "workers");
    return conf_add_scalar(tree, "workers", text, false, NULL);
}

enum gale_err package_plan(struct package *package, const struct worker_builtins *builtins,
                           uint32_t workers, const struct gale_conf *parallelism,
                           struct plan **out, struct diag *diag)
{
    struct gale_conf *tree = NULL;
    enum gale_err err = GALE_OK;
    *out = NULL;
    if (package->described == NULL) {
        err = described_new(builtins, gale_conf_get(package->document, "modules"),
                            gale_conf_get(package->document, "declares"), &package->described);
        if (err == GALE_ERR_CORRUPT) {
            diag_add(diag, DIAG_MODULE, NULL, "submit the topology again",
                     "the definition describes its modules with nonsense");
            return GALE_ERR_INVALID;
        }
    }
    err = err ? err : locate_map(package->tree, NULL, NULL, &tree);
    err = err ? err : set_workers(tree, workers);
    err = err ? err : set_parallelism(tree, parallelism, diag);
    err = err ? err : plan_compile(tree, described_registry(package->described), diag, out);
    conf_free(tree);
    return err;
}
