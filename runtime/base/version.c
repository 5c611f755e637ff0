/* SPDX-License-Identifier: Apache-2.0 */
/* Version of the library and of each format that carries a number of its own. No state. */
#include <gale/version.h>

#include <stddef.h>
#include <string.h>

const char *gale_version(void)
{
    return GALE_VERSION_STRING;
}

int gale_format_version(const char *name)
{
    static const struct {
        const char *name;
        int version;
    } formats[] = {
        {"abi", GALE_ABI}, {"wire", 1}, {"control", 3}, {"store", 1}, {"report", 1},
    };
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(formats[i].name, name) == 0) {
            return formats[i].version;
        }
    }
    return -1;
}
