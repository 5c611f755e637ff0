/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a declare callback asks and says, as it travels: its inputs there, and its calls back, which
 * are said again to who listens here. The calls come from foreign code, so each is checked for its
 * form; what they mean is checked by the listener. Pure.
 */
#include "run/probe_wire.h"

#include <gale/component.h>
#include <stdint.h>
#include <string.h>

enum gale_err probe_put_inputs(struct gale_conf *request, const struct gale_declare *declare)
{
    struct gale_conf *inputs = NULL;
    enum gale_err err = conf_add_list(request, "inputs", &inputs);
    for (unsigned i = 0; err == GALE_OK && i < gale_declare_inputs(declare); i++) {
        const char *fields = gale_declare_input_fields(declare, i);
        err = fields != NULL ? conf_add_scalar(inputs, NULL, fields, true, NULL)
                             : conf_add_scalar(inputs, NULL, "null", false, NULL);
    }
    return err;
}

/* Says one recorded call again, here. @return false: it is none. */
static bool replay_one(struct gale_declare *declare, const struct gale_conf *call)
{
    const char *kind = gale_conf_string(call, "call", "");
    const char *option = gale_conf_string(call, "option", NULL);
    if (strcmp(kind, "stream") == 0) {
        const char *name = gale_conf_string(call, "name", NULL);
        const char *fields = gale_conf_string(call, "fields", NULL);
        if (name == NULL || fields == NULL) {
            return false;
        }
        (void)gale_declare_stream(declare, name, fields, gale_conf_bool(call, "direct", false));
        return true;
    }
    if (strcmp(kind, "needs") == 0) {
        const char *field = gale_conf_string(call, "field", NULL);
        int64_t input = gale_conf_int64(call, "input", -1);
        if (field == NULL || input < 0 || input > UINT32_MAX) {
            return false;
        }
        (void)gale_declare_needs(declare, (unsigned)input, field, option);
        return true;
    }
    const char *text = gale_conf_string(call, "text", NULL);
    if (strcmp(kind, "error") != 0 || text == NULL) {
        return false;
    }
    gale_declare_error(declare, option, "%s", text);
    return true;
}

enum gale_err probe_replay(struct gale_declare *declare, const struct gale_conf *reply,
                           const char *path)
{
    const struct gale_conf *calls = gale_conf_get(reply, "calls");
    int64_t result = gale_conf_int64(reply, "result", -1);
    bool good = result >= GALE_OK && result <= GALE_ERR_UNKNOWN &&
                gale_conf_count(calls) <= PROBE_CALLS_MAX;
    for (size_t i = 0; good && i < gale_conf_count(calls); i++) {
        good = replay_one(declare, gale_conf_at(calls, i));
    }
    if (!good) {
        gale_declare_error(declare, NULL,
                           "module %.200s answered with nonsense when it declared its streams: "
                           "look at its declare callback",
                           path);
        return GALE_ERR_INVALID;
    }
    return (enum gale_err)result;
}
