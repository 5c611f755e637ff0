/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a topology file: loading ends with a tree or with errors, within bounds, and what
 * was loaded survives its way to a worker (pack, unpack) unchanged. Includes are off, since a text
 * in memory has none; the environment is left as it is. One thread.
 */
#include "base/assert.h"
#include "topology/topology_file.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_way_to_worker(const struct gale_conf *tree)
{
    struct buf packed, again;
    buf_init(&packed, 0);
    buf_init(&again, 0);
    GALE_ASSERT(conf_pack(tree, &packed) == GALE_OK);
    struct gale_conf *copy = NULL;
    GALE_ASSERT(conf_unpack(packed.data, packed.size, &copy) == GALE_OK);
    GALE_ASSERT(conf_equal(tree, copy));
    GALE_ASSERT(conf_pack(copy, &again) == GALE_OK);
    GALE_ASSERT(packed.size == again.size && memcmp(packed.data, again.data, again.size) == 0);
    conf_free(copy);
    buf_fini(&again);
    buf_fini(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const texts[] = {"w=4", "bolts.a.b=1", "conf.x=y", "long=0123456789"};
    const struct topology_defines defines = {.texts = texts, .count = 4};
    struct diag diag;
    struct gale_conf *tree = NULL;
    diag_init(&diag);
    enum gale_err err = topology_text_load("fuzz.yaml", size ? (const char *)data : "", size,
                                           &defines, &diag, &tree);
    GALE_ASSERT(err == GALE_OK || err == GALE_ERR_INVALID);
    GALE_ASSERT((err == GALE_OK) == (diag.errors_count == 0));
    GALE_ASSERT(err || tree);
    if (tree) {
        check_way_to_worker(tree);
    }
    struct buf out;
    buf_init(&out, 0);
    diag_sort(&diag);
    GALE_ASSERT(diag_render(&diag, &out) == GALE_OK);
    buf_fini(&out);
    conf_free(tree);
    diag_fini(&diag);
    /* The same bytes are also a hostile form of what a worker is sent. */
    struct gale_conf *unpacked = NULL;
    if (conf_unpack(data, size, &unpacked) == GALE_OK) {
        check_way_to_worker(unpacked);
        conf_free(unpacked);
    }
    return 0;
}
