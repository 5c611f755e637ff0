/* SPDX-License-Identifier: Apache-2.0 */
/* Loads a module as a stranger's program would and looks at its table. */
#include <dlfcn.h>
#include <gale/gale.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: load MODULE.so\n");
        return 2;
    }
    void *module = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (module == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    const struct gale_module *table =
        (const struct gale_module *)dlsym(module, GALE_MODULE_SYMBOL);
    if (table == NULL || table->magic != GALE_MODULE_MAGIC || table->abi != GALE_ABI ||
        table->bolts == NULL || table->bolts[0] == NULL ||
        strcmp(table->bolts[0]->name, "split") != 0) {
        fprintf(stderr, "%s: no module table with the bolt split\n", argv[1]);
        return 1;
    }
    printf("split of a module for ABI %u, libgale %s\n", table->abi, gale_version());
    return 0;
}
