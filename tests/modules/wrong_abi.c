/* SPDX-License-Identifier: Apache-2.0 */
/* A module that was built for another ABI; what follows the head cannot be read. */
#include <gale/gale.h>

extern const struct gale_module gale_module_v1;
GALE_API const struct gale_module gale_module_v1 = {
    .magic = GALE_MODULE_MAGIC, .abi = 2, .struct_size = sizeof(struct gale_module)};
