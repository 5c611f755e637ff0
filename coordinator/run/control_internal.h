/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the coordinator's state machine share; control.h says which does what. */
#ifndef RUN_CONTROL_INTERNAL_H
#define RUN_CONTROL_INTERNAL_H

#include "run/control.h"

#include <gale/log.h>

#include <stdarg.h>

/* control.c */
void control_set_state(struct control *control, enum control_state state);
/** Says what the keeper should hold for a worker, unless it was said already. */
void control_keep(struct control *control, uint32_t worker, enum keep keep);
/** Lets every worker stop; those that never got tasks are ended by signal. */
void control_stop(struct control *control, int64_t now_ns);
/** Ends the run with an error, the first one. */
void control_fail(struct control *control, enum gale_err code, const char *text,
                  int64_t now_ns);
/** Every spout had ended; nobody asked for the drain. A worker that is new since then still reads
 *  what its dead one had not saved the position of. */
bool control_ends_by_itself(const struct control *control);

/* control_send.c */
void control_note(struct control *control, const char *format, ...) GALE_PRINTF(2, 3);
void control_error(struct control *control, uint32_t worker, uint32_t task, const char *text);
void control_send(struct control *control, uint32_t worker, struct message *message);
void control_send_assignment(struct control *control, uint32_t worker);
/** Only to one that has its tasks. */
void control_send_command(struct control *control, uint32_t worker,
                          enum message_command command);
void control_send_command_all(struct control *control, enum message_command command);
void control_send_peers(struct control *control, uint32_t worker);
void control_send_peers_all(struct control *control);

/* control_end.c */
/** What the workers said so far proves nothing any more. */
void control_round_restart(struct control *control);
/** A beat as the answer to the present round; one of an earlier round is none. */
void control_round_answer(struct control *control, uint32_t worker,
                          const struct message_beat *beat, int64_t now_ns);
/** Goes on towards the end when everything says so. */
void control_progress(struct control *control, int64_t now_ns);

/* control_stats.c */
/** Takes the figures of a worker's beat, which is kept as its last. */
void control_stats_take(struct control *control, uint32_t worker,
                        const struct message_beat *beat);
/** A worker's process ended: its last figures count on as those of the dead. */
void control_stats_bury(struct control *control, uint32_t worker);
/** Everything starts at 0: end of the warm-up. */
void control_stats_clear(struct control *control);
void control_task_fini(struct control_task *task);

#endif
