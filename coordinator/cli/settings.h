/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a verb gets at the settings (config/config.h): its option table holds SETTINGS_OPTIONS, and
 * settings_load turns what was given into a configuration, or into an error as every verb prints
 * it. Single-threaded.
 */
#ifndef CLI_SETTINGS_H
#define CLI_SETTINGS_H

#include "cli/options.h"
#include "config/config.h"

/* Lines for the option table of a verb that has settings. */
#define SETTINGS_OPTIONS \
    {"config", 0, "FILE", "FILE", \
     "Settings from this file, before those of the user and /etc."}, \
    { \
        "set", 0, "KEY=VALUE", NULL, \
            "One setting (`gale config show` lists them); may be repeated." \
    }

/* An option of a verb that is a setting. A table ends with a NULL option. */
struct settings_flag {
    const char *option; /* long form without dashes */
    const char *key;
};

/**
 * Loads the configuration of a call.
 * @param flags the verb's own options that are settings; NULL = none.
 * @param out freed with config_free; NULL on an error.
 * @return EXIT_DONE, or the exit code of what was printed on stderr.
 */
int settings_load(const struct invocation *call, const struct settings_flag *flags,
                  struct config **out);

#endif
