/* SPDX-License-Identifier: Apache-2.0 */
/* The form of a value: checked and brought to one spelling. Private to coordinator/config; pure. */
#ifndef CONFIG_CONFIG_VALUE_H
#define CONFIG_CONFIG_VALUE_H

#include "config/config.h"

/* A value in its one spelling. */
struct config_parsed {
    char text[CONFIG_VALUE_MAX]; /* "tcp://h:1", "true", "a:1,b:2" … */
    int64_t number;              /* of an int, duration (ms), size (bytes) or bool */
};

/* Why a value was refused. */
struct config_refusal {
    char text[160]; /* "is no duration" … */
    char hint[120]; /* what to write instead */
};

/** Checks the text of a value. The empty text is allowed where the key's fallback is empty: "not
 *  set". @return false with *refusal filled. */
bool config_value_parse(const struct config_key *key, const char *text,
                        struct config_parsed *out, struct config_refusal *refusal);

#endif
