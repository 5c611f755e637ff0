/* SPDX-License-Identifier: Apache-2.0 */
/* A module of a newer header of the same ABI: its tables are larger than the ones known here. */
#include <gale/gale.h>

struct newer_bolt_ops {
    struct gale_bolt_ops known;
    void (*unheard_of)(void *state);
};

struct newer_module {
    struct gale_module known;
    const void *const *unheard_of;
};

static enum gale_err execute(void *state, struct gale_task *task,
                             const struct gale_tuple *tuple)
{
    (void)state;
    (void)task;
    (void)tuple;
    return GALE_OK;
}

static const struct newer_bolt_ops newer = {
    .known = {
        .abi = GALE_ABI, .struct_size = sizeof(newer), .name = "newer", .execute = execute}};
static const struct gale_bolt_ops *const bolts[] = {&newer.known, NULL};

extern const struct newer_module gale_module_v1;
GALE_API const struct newer_module gale_module_v1 = {
    .known = {.magic = GALE_MODULE_MAGIC,
              .abi = GALE_ABI,
              .struct_size = sizeof(gale_module_v1),
              .bolts = bolts}};
