/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port behind gale/component.h: who listens while a declare callback runs. The plan listens in the
 * process that compiles (plan_declare.c); the probe of a module listens in a process of its own and
 * sends what it heard (run/probe_child.c). One thread; lives during one callback.
 */
#ifndef CORE_DECLARE_H
#define CORE_DECLARE_H

#include <gale/component.h>

/* First member of what a listener passes as struct gale_declare. Arguments are the callback's own,
 * unchecked; each function is that of the same name in gale/component.h. */
struct gale_declare {
    enum gale_err (*stream)(struct gale_declare *declare, const char *stream,
                            const char *fields, bool direct);
    unsigned (*inputs)(const struct gale_declare *declare);
    const char *(*input_fields)(const struct gale_declare *declare, unsigned input);
    enum gale_err (*needs)(struct gale_declare *declare, unsigned input, const char *field,
                           const char *option);
    /** @param text already formatted, at most DECLARE_MESSAGE_SIZE with its end. */
    void (*error)(struct gale_declare *declare, const char *option, const char *text);
};

#define DECLARE_MESSAGE_SIZE 400 /* as a diag_item's text */

#endif
