/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A topology's definition from hostile bytes: as it is, and behind a right envelope (plain form), so
 * that the document is reached. What is accepted survives its way to the store and back, and is
 * compiled: to a plan, or to errors, and on a host no path of it lies outside of the blobs.
 */
#include "base/assert.h"
#include "base/hash.h"
#include "cluster/package.h"
#include "core/locate.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD_SIZE 8
#define CHECKSUM_SIZE 8

static void check_plan(struct package *package)
{
    const struct worker_builtins builtins = {NULL, NULL};
    struct diag diag;
    struct plan *plan = NULL;
    struct gale_conf *located = NULL;
    diag_init(&diag);
    enum gale_err err = package_plan(package, &builtins, 0, NULL, &plan, &diag);
    GALE_ASSERT((err == GALE_OK) == (plan != NULL));
    GALE_ASSERT(err == GALE_OK || diag.errors_count > 0);
    plan_free(plan);
    diag_fini(&diag);
    GALE_ASSERT(locate_blobs("/blobs", package->tree, &located) == GALE_OK);
    conf_free(located);
}

static void check(const uint8_t *data, size_t size)
{
    struct package package;
    struct package again;
    struct gale_error error;
    struct buf out;
    if (package_decode(data, size, &package, &error) != GALE_OK) {
        GALE_ASSERT(package.document == NULL && error.text[0] != '\0');
        return;
    }
    buf_init(&out, 0);
    GALE_ASSERT(package_encode(&package, &out) == GALE_OK);
    GALE_ASSERT(package_decode(out.data, out.size, &again, &error) == GALE_OK);
    GALE_ASSERT(conf_equal(package.document, again.document));
    check_plan(&package);
    package_fini(&package);
    package_fini(&again);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(data, size);
    uint8_t *sealed = malloc(HEAD_SIZE + size + CHECKSUM_SIZE);
    GALE_ASSERT(sealed != NULL);
    memcpy(sealed, "GD\1\0", 4);
    for (unsigned i = 0; i < 4; i++) {
        sealed[4 + i] = (uint8_t)(size >> (8 * i));
    }
    if (size > 0) {
        memcpy(sealed + HEAD_SIZE, data, size);
    }
    uint64_t checksum = hash64(sealed, HEAD_SIZE + size, 'D');
    for (unsigned i = 0; i < CHECKSUM_SIZE; i++) {
        sealed[HEAD_SIZE + size + i] = (uint8_t)(checksum >> (8 * i));
    }
    check(sealed, HEAD_SIZE + size + CHECKSUM_SIZE);
    free(sealed);
    return 0;
}
