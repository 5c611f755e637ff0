/* SPDX-License-Identifier: Apache-2.0 */
/* Writing request and answer trees; see tree.h. Pure. */
#include "rpc/tree.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_SIZE 40
#define HEX_DIGITS_MAX 16

enum gale_err tree_put_text(struct gale_conf *parent, const char *key, const char *text)
{
    return text != NULL ? conf_add_scalar(parent, key, text, true, NULL) : GALE_OK;
}

enum gale_err tree_put_int(struct gale_conf *parent, const char *key, int64_t value)
{
    char text[NUMBER_SIZE];
    snprintf(text, sizeof(text), "%" PRId64, value);
    return conf_add_scalar(parent, key, text, false, NULL);
}

enum gale_err tree_put_bool(struct gale_conf *parent, const char *key, bool value)
{
    return conf_add_scalar(parent, key, value ? "true" : "false", false, NULL);
}

enum gale_err tree_put_double(struct gale_conf *parent, const char *key, double value)
{
    char text[NUMBER_SIZE];
    if (!isfinite(value)) {
        const char *name = isnan(value) ? ".nan" : value > 0 ? ".inf" : "-.inf";
        return conf_add_scalar(parent, key, name, false, NULL);
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (!(strtod(text, NULL) < value) && !(strtod(text, NULL) > value)) {
            break;
        }
    }
    if (strpbrk(text, ".e") == NULL) {
        strcat(text, ".0"); /* Else it would read back as an integer. */
    }
    return conf_add_scalar(parent, key, text, false, NULL);
}

enum gale_err tree_put_hex64(struct gale_conf *parent, const char *key, uint64_t value)
{
    char text[NUMBER_SIZE];
    snprintf(text, sizeof(text), "%016" PRIx64, value);
    return conf_add_scalar(parent, key, text, true, NULL);
}

uint64_t tree_hex64(const struct gale_conf *map, const char *key, uint64_t fallback)
{
    const char *text = gale_conf_string(map, key, "");
    size_t size = strlen(text);
    if (size == 0 || size > HEX_DIGITS_MAX || strspn(text, "0123456789abcdefABCDEF") != size) {
        return fallback;
    }
    return strtoull(text, NULL, 16);
}

void tree_clear(struct gale_conf *map)
{
    while (gale_conf_count(map) > 0) {
        conf_remove(map, gale_conf_key(map, gale_conf_count(map) - 1));
    }
}
