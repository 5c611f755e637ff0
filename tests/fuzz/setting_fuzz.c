/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as the value of any setting (the first byte chooses the key): it is refused with a
 * reason, or brought to a spelling that is taken unchanged when it is given again. One thread.
 */
#include "base/assert.h"
#include "config/config_value.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[2 * CONFIG_VALUE_MAX];
    static struct config_parsed parsed, again;
    struct config_refusal refusal;
    if (size == 0 || size > sizeof text) {
        return 0;
    }
    const struct config_key *key = config_key_at(data[0] % config_keys_count());
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (!config_value_parse(key, text, &parsed, &refusal)) {
        GALE_ASSERT(refusal.text[0] != '\0');
        return 0;
    }
    GALE_ASSERT(strlen(parsed.text) < CONFIG_VALUE_MAX);
    GALE_ASSERT(config_value_parse(key, parsed.text, &again, &refusal));
    GALE_ASSERT(strcmp(parsed.text, again.text) == 0 && parsed.number == again.number);
    return 0;
}
