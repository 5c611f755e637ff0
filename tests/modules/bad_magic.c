/* SPDX-License-Identifier: Apache-2.0 */
/* Exports the right symbol, but no table of Gale. */
#include <gale/gale.h>

extern const struct gale_module gale_module_v1;
GALE_API const struct gale_module gale_module_v1 = {
    .magic = 1, .abi = GALE_ABI, .struct_size = sizeof(struct gale_module)};
