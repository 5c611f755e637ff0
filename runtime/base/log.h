/* SPDX-License-Identifier: Apache-2.0 */
/* The log's process-wide settings (writing: gale/log.h). Set once at start, before threads; a level may be
 * overridden later. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <gale/log.h>
#include <stdbool.h>

#define LOG_OVERRIDES_MAX 32  /* components with a level of their own */
#define LOG_COMPONENT_SIZE 65 /* holds the name of one, NUL included */

enum log_form {
    LOG_FORM_LOGFMT, /* ts= level= msg= topology= component= task= worker= */
    LOG_FORM_PRETTY, /* short, for a terminal */
    LOG_FORM_JSON    /* an object in each line, with the keys of logfmt */
};

/** Lines below `level` are dropped. `who` (copied, ≤ 63 characters) is shown as worker=/process.
 *  At most 20 lines a second and call site pass; the rest is counted and said. */
void log_init(enum gale_log_level level, const char *who, enum log_form form);
enum gale_log_level log_level(void);
/** Another level for a while: of the process (component "") or of what is said in a component's callbacks
 *  (copied, < LOG_COMPONENT_SIZE), whatever the level of the process is. A new one replaces that of the same
 *  component. GALE_ERR_LIMIT beyond LOG_OVERRIDES_MAX components. From the thread of the callbacks;
 *  others may log meanwhile. */
enum gale_err log_override(const char *component, enum gale_log_level level);
/** Back to what was set at the start: "" the process, NULL everything. Thread as above. */
void log_override_end(const char *component);
/** Names the component and task whose callback runs now on this thread (NULL: none). The strings
 *  stay the caller's and must live until changed. */
void log_set_task(const char *topology, const char *component, unsigned task);
/** "debug", "info", "warn", "error" → level; false when unknown. */
bool log_level_parse(const char *text, enum gale_log_level *out);

#endif
