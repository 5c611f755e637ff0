/* SPDX-License-Identifier: Apache-2.0 */
/* What the coordinator tells workers and people. */
#include "run/control_internal.h"

#include <stdio.h>

void control_note(struct control *control, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (control->ports->note) {
        control->ports->note(control->ports->self, text);
    }
}

void control_error(struct control *control, uint32_t worker, uint32_t task, const char *text)
{
    if (control->ports->error) {
        control->ports->error(control->ports->self, worker, task, text);
    }
}

void control_send(struct control *control, uint32_t worker, struct message *message)
{
    message->topology = control->topology;
    message->worker = worker;
    message->incarnation = control->workers[worker].incarnation;
    message->epoch = control->epoch;
    message->attempt = control->attempt;
    control->ports->send(control->ports->self, worker, message);
}

void control_tell(struct control *control, const struct message *message)
{
    for (uint32_t i = 0; i < control->workers_count; i++) {
        struct message copy = *message;
        if (control->workers[i].assigned) {
            control_send(control, i, &copy);
        }
    }
}

void control_send_assignment(struct control *control, uint32_t worker)
{
    struct message message = {.type = MESSAGE_ASSIGN};
    message.as.assign = (struct message_assign){
        .run_name = control->plan->name,
        .tree = {control->tree.data, control->tree.size},
        .task_worker = control->task_worker,
        .tasks_count = control->plan->tasks_count,
        .workers_count = control->workers_count,
        .active = control->state <= CONTROL_ACTIVE || control_ends_by_itself(control),
        .beat_ms = CONTROL_BEAT_MS,
        .offsets_ms = CONTROL_OFFSETS_MS,
        .positions = control->positions};
    control_send(control, worker, &message);
}

void control_send_command(struct control *control, uint32_t worker,
                          enum message_command command)
{
    if (!control->workers[worker].assigned) {
        return;
    }
    struct message message = {.type = MESSAGE_COMMAND};
    message.as.command.command = command;
    message.as.command.level = command == COMMAND_RESET_STATS ? (uint32_t)control->stats_round
                               : command == COMMAND_COUNT     ? control->round
                                                              : control->level;
    control_send(control, worker, &message);
}

void control_send_command_all(struct control *control, enum message_command command)
{
    for (uint32_t i = 0; i < control->workers_count; i++) {
        control_send_command(control, i, command);
    }
}

/* Those that nothing is known of after a take-over are left out: they may be well. */
static uint32_t list_peers(const struct control *control,
                           struct message_peer items[MESSAGE_WORKERS_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < control->workers_count; i++) {
        const struct control_worker *worker = &control->workers[i];
        if (worker->known) {
            items[count++] = (struct message_peer){
                .worker = i,
                .up = worker->assigned,
                .incarnation = worker->incarnation,
                .data_endpoint = worker->assigned ? worker->endpoint : ""};
        }
    }
    return count;
}

void control_send_peers(struct control *control, uint32_t index)
{
    struct message_peer items[MESSAGE_WORKERS_MAX];
    struct message message = {.type = MESSAGE_PEERS};
    message.as.peers.items_count = list_peers(control, items);
    message.as.peers.items = items;
    control_send(control, index, &message);
}

void control_send_peers_all(struct control *control)
{
    for (uint32_t i = 0; i < control->workers_count; i++) {
        if (control->workers[i].assigned) {
            control_send_peers(control, i);
        }
    }
}
