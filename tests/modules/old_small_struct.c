/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module as an older header of the same ABI would have made it: the bolt's table ends behind
 * execute, the module's behind bolts. The bytes behind both are poison, so that a loader that
 * reads further gets wild pointers.
 */
#include <gale/gale.h>

struct old_bolt_ops {
    uint32_t abi;
    uint32_t struct_size;
    const char *name;
    size_t state_size;
    uint32_t flags;
    const char *fields;
    const struct gale_option *options;
    const char *help;
    gale_declare_fn declare;
    enum gale_err (*prepare)(void *state, struct gale_task *task, const struct gale_conf *conf);
    enum gale_err (*execute)(void *state, struct gale_task *task,
                             const struct gale_tuple *tuple);
};

struct old_module {
    uint32_t magic;
    uint32_t abi;
    uint32_t struct_size;
    uint32_t reserved;
    const struct gale_bolt_ops *const *bolts;
};

static enum gale_err execute(void *state, struct gale_task *task,
                             const struct gale_tuple *tuple)
{
    (void)state;
    (void)task;
    (void)tuple;
    return GALE_ERR_FAILED;
}

static const struct {
    struct old_bolt_ops ops;
    uintptr_t poison[8];
} old_bolt = {.ops = {.abi = GALE_ABI,
                      .struct_size = sizeof(struct old_bolt_ops),
                      .name = "old",
                      .state_size = 24,
                      .fields = "a,b",
                      .execute = execute},
              .poison = {1, 1, 1, 1, 1, 1, 1, 1}};

static const struct gale_bolt_ops *const bolts[] = {
    (const struct gale_bolt_ops *)(const void *)&old_bolt, NULL};

struct poisoned_module {
    struct old_module table;
    uintptr_t poison[8];
};

extern const struct poisoned_module gale_module_v1;
GALE_API const struct poisoned_module gale_module_v1 = {
    .table = {.magic = GALE_MODULE_MAGIC,
              .abi = GALE_ABI,
              .struct_size = sizeof(struct old_module),
              .bolts = bolts},
    .poison = {1, 1, 1, 1, 1, 1, 1, 1}};
