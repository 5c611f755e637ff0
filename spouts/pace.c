/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and checking the generator's pace; what it means is in pace.h. */
#include "spouts/pace.h"

#include <stdlib.h>
#include <string.h>

static bool is_rate(double rate)
{
    return rate >= 0 && rate <= PACE_RATE_MAX;
}

/* A step but the last has a duration; the last has none and a rate. */
static const char *wrong_with_step(const struct gale_conf *step, bool is_last)
{
    if (gale_conf_type(step) != GALE_MAP) {
        return "is not { rate: …, for: … }";
    }
    for (size_t i = 0; i < gale_conf_count(step); i++) {
        const char *key = gale_conf_key(step, i);
        if (strcmp(key, "rate") != 0 && strcmp(key, "for") != 0) {
            return "has a key that is neither rate nor for";
        }
    }
    double rate = gale_conf_double(step, "rate", -1);
    if (!is_rate(rate)) {
        return "needs a rate of 0 to 1000000000 per second";
    }
    if (is_last) {
        if (gale_conf_get(step, "for") != NULL) {
            return "is the last and lasts until the end: leave `for` out";
        }
        return rate > 0 ? NULL : "is the last and needs a rate above 0";
    }
    int64_t for_ms = gale_conf_duration_ms(step, "for", 0);
    return for_ms >= 1 && for_ms <= PACE_STEP_MS_MAX ? NULL
                                                     : "needs a duration `for` of 1ms to 366d";
}

enum gale_err pace_check(struct gale_declare *declare, const struct gale_conf *conf)
{
    const struct gale_conf *steps = gale_conf_get(conf, "steps");
    if (!is_rate(gale_conf_double(conf, "rate", 0))) {
        gale_declare_error(declare, "rate",
                           "rate must be 0 (no limit) to 1000000000 per second");
        return GALE_ERR_INVALID;
    }
    if (steps == NULL) {
        return GALE_OK;
    }
    size_t count = gale_conf_count(steps);
    if (gale_conf_double(conf, "rate", 0) > 0) {
        gale_declare_error(declare, "steps", "choose one of rate and steps");
        return GALE_ERR_INVALID;
    }
    if (gale_conf_type(steps) != GALE_LIST || count == 0 || count > PACE_STEPS_MAX) {
        gale_declare_error(declare, "steps",
                           "steps must be a list of 1 to %d maps { rate: …, for: … }",
                           PACE_STEPS_MAX);
        return GALE_ERR_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        const char *wrong = wrong_with_step(gale_conf_at(steps, i), i + 1 == count);
        if (wrong != NULL) {
            gale_declare_error(declare, "steps", "step %zu of steps %s", i + 1, wrong);
            return GALE_ERR_INVALID;
        }
    }
    return GALE_OK;
}

/* Never infinite: the first tuple of a step is due at its start, however low the rate. */
static double interval_of(double rate)
{
    double interval_ns = rate > 0 ? 1e9 / rate : 0;
    return interval_ns < (double)PACE_DUE_NS_MAX ? interval_ns : (double)PACE_DUE_NS_MAX;
}

enum gale_err pace_init(struct pace *pace, const struct gale_conf *conf, uint64_t index,
                        uint64_t tasks)
{
    const struct gale_conf *steps = gale_conf_get(conf, "steps");
    double rate = gale_conf_double(conf, "rate", 0);
    size_t count = steps != NULL ? gale_conf_count(steps) : 1;
    if (steps == NULL && rate <= 0) {
        return GALE_OK;
    }
    pace->steps = calloc(count, sizeof(*pace->steps));
    if (pace->steps == NULL) {
        return GALE_ERR_NOMEM;
    }
    pace->count = count;
    pace->stride = (double)tasks;
    pace->shift = (double)index;
    struct pace_step next = {0};
    for (size_t i = 0; i < count; i++) {
        const struct gale_conf *step = steps != NULL ? gale_conf_at(steps, i) : NULL;
        double for_ms = step != NULL ? (double)gale_conf_duration_ms(step, "for", 0) : 0;
        rate = step != NULL ? gale_conf_double(step, "rate", 0) : rate;
        pace->steps[i] = next;
        pace->steps[i].interval_ns = interval_of(rate);
        next.first += rate * for_ms / 1e3;
        next.start_ns += for_ms * 1e6;
    }
    return GALE_OK;
}

void pace_fini(struct pace *pace)
{
    free(pace->steps);
    pace->steps = NULL;
}
