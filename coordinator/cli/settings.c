/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of a verb; see settings.h. --set is the weaker of two flags for one key: a verb's own
 * option says the same with fewer words, so it is the more deliberate one. */
#include "cli/settings.h"

#include <stdlib.h>
#include <string.h>

enum { SETTINGS_FLAGS_MAX = OPTIONS_VALUES_MAX + OPTIONS_PER_VERB_MAX };

/* What settings_load collects. */
struct collected {
    struct config_flag flags[SETTINGS_FLAGS_MAX];
    char *texts[OPTIONS_VALUES_MAX]; /* owned: --set split at its '=' */
    size_t flags_count;
    size_t texts_count;
};

static void collected_fini(struct collected *collected)
{
    for (size_t i = 0; i < collected->texts_count; i++) {
        free(collected->texts[i]);
    }
}

/* One --set KEY=VALUE. */
static int collect_one(const struct invocation *call, struct collected *collected,
                       const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL) {
        return output_fail(call->json, EXIT_INTERNAL, NULL, "out of memory");
    }
    collected->texts[collected->texts_count++] = copy;
    char *equals = strchr(copy, '=');
    if (equals == NULL || equals == copy) {
        return output_fail(call->json, EXIT_USAGE, "write --set key=value",
                           "--set \"%.100s\" is no setting", text);
    }
    *equals = '\0';
    if (config_key_find(copy) == NULL) {
        char hint[160];
        const char *near = config_key_suggest(copy);
        snprintf(hint, sizeof hint, near != NULL ? "did you mean %.100s?" : "%s",
                 near != NULL ? near : "`gale config show` lists the settings");
        return output_fail(call->json, EXIT_USAGE, hint, "there is no setting \"%.100s\"",
                           copy);
    }
    collected->flags[collected->flags_count++] =
        (struct config_flag){.key = copy, .value = equals + 1, .option = "set"};
    return EXIT_DONE;
}

static int fail_invalid(const struct invocation *call, const struct diag *diag)
{
    struct buf text;
    if (call->json) {
        const struct diag_item *first = &diag->items[0];
        char place[320] = "";
        if (diag->count == 0) {
            return output_fail(true, EXIT_INVALID, NULL, "the settings are invalid");
        }
        if (first->place.file != NULL && first->place.line > 0) {
            snprintf(place, sizeof place, "%.255s:%u:%u: ", first->place.file,
                     first->place.line, first->place.column);
        } else if (first->place.file != NULL) {
            snprintf(place, sizeof place, "%.255s: ", first->place.file);
        }
        return output_fail(true, EXIT_INVALID, first->hint[0] != '\0' ? first->hint : NULL,
                           "%s%s", place, first->text);
    }
    buf_init(&text, 0);
    if (diag_render(diag, &text) == GALE_OK) {
        fwrite(text.data, 1, text.size, stderr);
    }
    buf_fini(&text);
    return EXIT_INVALID;
}

int settings_load(const struct invocation *call, const struct settings_flag *flags,
                  struct config **out)
{
    struct collected collected = {.flags_count = 0};
    struct diag diag;
    const char *text;
    int code = EXIT_DONE;
    *out = NULL;
    for (size_t i = 0; code == EXIT_DONE && (text = options_value_at(call, "set", i)) != NULL;
         i++) {
        code = collect_one(call, &collected, text);
    }
    for (; flags != NULL && flags->option != NULL; flags++) {
        text = options_value(call, flags->option);
        collected.flags[collected.flags_count++] =
            (struct config_flag){.key = flags->key, .value = text, .option = flags->option};
    }
    if (code != EXIT_DONE) {
        collected_fini(&collected);
        return code;
    }
    const struct config_options options = {.file = options_value(call, "config"),
                                           .flags = collected.flags,
                                           .flags_count = collected.flags_count};
    diag_init(&diag);
    enum gale_err err = config_load(&options, &diag, out);
    if (err == GALE_ERR_INVALID) {
        diag_sort(&diag);
        code = fail_invalid(call, &diag);
    } else if (err != GALE_OK) {
        code = output_fail(call->json, EXIT_INTERNAL, NULL, "out of memory");
    }
    diag_fini(&diag);
    collected_fini(&collected);
    return code;
}
