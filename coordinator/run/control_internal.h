/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the coordinator's state machine share: figures taken from beats. */
#ifndef RUN_CONTROL_INTERNAL_H
#define RUN_CONTROL_INTERNAL_H

#include "run/control.h"

#include <gale/log.h>

#include <stdarg.h>

/** Takes the figures of a worker's beat, which is kept as its last. */
void control_stats_take(struct control *control, uint32_t worker,
                        const struct message_beat *beat);
/** A worker's process ended: its last figures count on as those of the dead. */
void control_stats_bury(struct control *control, uint32_t worker);
/** Everything starts at 0: end of the warm-up. */
void control_stats_clear(struct control *control);
void control_task_fini(struct control_task *task);

#endif
