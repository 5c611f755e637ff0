/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model workers: what a worker's process says and obeys (runtime/worker), without an executor. Its
 * spouts' positions grow while it is active; it sends a frame to each peer now and then. A pulse
 * reaches the supervisor of its host at once, or is lost while that is not there.
 */
#include "world.h"

#include "base/assert.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEAT_NS (250 * WORLD_MS)
#define BEAT_FAST_NS (5 * WORLD_MS)
#define OFFSETS_NS (1000 * WORLD_MS)
#define PULSE_NS (400 * WORLD_MS)
#define WORK_NS (250 * WORLD_MS)
#define FRAME_NS (300 * WORLD_MS)
#define HELLO_FIRST_NS (20 * WORLD_MS)
#define HELLO_MAX_NS (200 * WORLD_MS)

struct model *model_new(struct site *site, const struct host_spec *spec, uint64_t incarnation)
{
    struct world *world = site->world;
    if (world->models_count == WORLD_PROCESSES_MAX) {
        world_violation(world, "more than %u processes were started", WORLD_PROCESSES_MAX);
        return NULL;
    }
    struct model *model = calloc(1, sizeof(*model));
    GALE_ASSERT(model != NULL);
    int64_t first_ns = world->now_ns + world_between(world, 2 * WORLD_MS, 60 * WORLD_MS);
    model->world = world;
    model->number = world->models_count;
    model->site = site->index;
    model->topology = spec->topology;
    model->index = spec->worker;
    model->attempt = spec->attempt;
    model->incarnation = incarnation;
    model->job = client_job_of(world, spec->name);
    model->alive = true;
    model->exit_ns = INT64_MAX;
    model->node = UINT32_MAX;
    model->hello_ns = HELLO_FIRST_NS;
    model->hello_at_ns = model->pulse_at_ns = first_ns;
    model->beat_at_ns = first_ns + BEAT_NS;
    model->offsets_at_ns = model->frame_at_ns = model->work_at_ns = INT64_MAX;
    world->models[world->models_count++] = model;
    world->changes_count++;
    world_trace(world, "%s starts worker %u of %s, attempt %u, as process %u", site->name,
                model->index, spec->name, model->attempt, model->number);
    oracle_started(world, model);
    return model;
}

void model_end(struct model *model, const char *text)
{
    if (!model->alive) {
        return;
    }
    model->alive = false;
    model->exit_ns = model->world->now_ns + WORLD_MS;
    snprintf(model->text, sizeof(model->text), "%s", text);
    model->world->changes_count++;
    world_trace(model->world, "process %u (worker %u) ends: %s", model->number, model->index,
                text);
}

void model_terminate(struct model *model)
{
    model->exiting = true;
    model->beat_at_ns = model->world->now_ns; /* It wakes up. */
}

/* ---- What it says ---------------------------------------------------------------------------- */

static void say(struct model *model, struct message *message)
{
    struct world *world = model->world;
    if (model->node == UINT32_MAX) {
        return;
    }
    message->topology = model->topology;
    message->worker = model->index;
    message->incarnation = model->incarnation;
    message->epoch = model->epoch;
    message->attempt = model->attempt;
    struct packet *packet = packet_new(PACKET_UP, PLACE_SITE + model->site, model->node);
    if (message_encode(message, &packet->bytes) != GALE_OK) {
        world_violation(world, "a message of type %d cannot be encoded", message->type);
    }
    world_send(world, packet);
}

static void look_for_leader(struct model *model)
{
    const struct site *site = &model->world->sites[model->site];
    if (site->file_epoch < model->epoch || site->file_epoch == 0 ||
        (site->file_epoch == model->epoch && site->file_node == model->node)) {
        return;
    }
    model->epoch = site->file_epoch;
    model->node = site->file_node;
    model->heard = false;
    model->round = 0;
    model->hello_ns = HELLO_FIRST_NS;
    model->hello_at_ns = model->world->now_ns;
}

static void say_hello(struct model *model)
{
    char endpoint[48];
    struct message message = {.type = MESSAGE_HELLO};
    look_for_leader(model);
    snprintf(endpoint, sizeof(endpoint), "tcp://10.0.1.%u:%u", model->site + 1, model->number);
    message.as.hello.worker = model->index;
    message.as.hello.incarnation = model->incarnation;
    message.as.hello.pid = model->number + 1;
    message.as.hello.data_endpoint = endpoint;
    message.as.hello.running = model->running;
    say(model, &message);
    model->hello_at_ns = model->world->now_ns + model->hello_ns;
    model->hello_ns = model->hello_ns * 2 < HELLO_MAX_NS ? model->hello_ns * 2 : HELLO_MAX_NS;
}

static void say_offsets(struct model *model, bool final)
{
    struct message message = {.type = MESSAGE_OFFSETS};
    struct message_offset items[WORLD_SPOUTS_MAX];
    uint32_t count = 0;
    bool all = final || model->tell_all;
    for (uint32_t i = 0; i < model->spouts_count; i++) {
        if (all || model->sent[i] != model->positions[i]) {
            model->sent[i] = model->positions[i];
            items[count++] = (struct message_offset){
                model->spout_tasks[i],
                {(const uint8_t *)&model->positions[i], sizeof(model->positions[i])}};
        }
    }
    model->tell_all = false;
    model->offsets_at_ns = model->world->now_ns + OFFSETS_NS;
    if (count > 0 || final) {
        message.as.offsets = (struct message_offsets){items, count, final};
        say(model, &message);
    }
}

/* Whether its spouts have come to their end, or were told to stop. One without any is always done. */
static bool is_done(const struct model *model)
{
    uint64_t limit = model->world->jobs[model->job].limit;
    bool done = model->running;
    for (uint32_t i = 0; i < model->spouts_count; i++) {
        done = done && limit > 0 && model->positions[i] >= limit;
    }
    return done || (model->running && model->state >= COMMAND_DRAIN);
}

static void say_beat(struct model *model)
{
    struct message message = {.type = MESSAGE_BEAT};
    struct message_beat *beat = &message.as.beat;
    bool done = is_done(model);
    bool near = model->spouts_count > 0 || model->state >= COMMAND_DRAIN;
    look_for_leader(model);
    beat->state = model->state;
    beat->finish_level = model->finish_level;
    beat->spouts_done = done;
    beat->quiet = model->running;
    beat->round = model->round;
    for (uint32_t i = 0; i < model->spouts_count; i++) {
        beat->activity += model->positions[i];
    }
    model->beat_at_ns =
        model->world->now_ns + ((done && near) || model->stopping ? BEAT_FAST_NS : BEAT_NS);
    if (model->stopping) {
        say_offsets(model, true);
    } else if (done && model->state >= COMMAND_DRAIN) {
        say_offsets(model, false);
    }
    say(model, &message);
}

static void send_frames(struct model *model)
{
    model->frame_at_ns = model->world->now_ns + FRAME_NS;
    for (uint32_t i = 0; i < model->workers_count; i++) {
        const struct model_peer *peer = &model->peers[i];
        if (i == model->index || peer->incarnation == 0) {
            continue;
        }
        struct packet *packet =
            packet_new(PACKET_FRAME, PLACE_SITE + model->site,
                       PLACE_SITE + model->world->models[peer->process]->site);
        packet->process = peer->process;
        packet->frame = (struct packet_frame){.topology = model->topology,
                                              .from_incarnation = model->incarnation,
                                              .to_incarnation = peer->incarnation,
                                              .attempt = model->attempt,
                                              .from = model->index,
                                              .to = i};
        world_send(model->world, packet);
    }
}

/* ---- What it obeys --------------------------------------------------------------------------- */

static void on_assign(struct model *model, const struct message_assign *assign)
{
    struct world *world = model->world;
    int64_t now_ns = world->now_ns;
    if (model->running || model->stopping) {
        return;
    }
    if (assign->workers_count > WORLD_WORKERS_MAX || model->index >= assign->workers_count) {
        world_violation(world, "worker %u is assigned to %u workers", model->index,
                        assign->workers_count);
        return;
    }
    model->running = true;
    model->workers_count = assign->workers_count;
    for (uint32_t id = 1; id <= world->jobs[model->job].spouts; id++) {
        if (assign->task_worker[id] != model->index) {
            continue;
        }
        uint32_t at = model->spouts_count++;
        model->spout_tasks[at] = id;
        if (assign->positions && assign->positions[id].size == sizeof(model->positions[at])) {
            memcpy(&model->positions[at], assign->positions[id].data,
                   sizeof(model->positions[at]));
        }
        model->sent[at] = model->positions[at];
    }
    model->state = assign->active ? COMMAND_ACTIVATE : model->state;
    model->offsets_at_ns = now_ns + OFFSETS_NS;
    model->frame_at_ns = now_ns + FRAME_NS;
    model->work_at_ns = now_ns + WORK_NS;
    say_beat(model);
}

static void on_peers(struct model *model, const struct message *message)
{
    for (uint32_t i = 0; model->running && i < message->as.peers.items_count; i++) {
        const struct message_peer *item = &message->as.peers.items[i];
        if (item->worker >= model->workers_count) {
            world_violation(model->world, "worker %u is told of worker %u of %u", model->index,
                            item->worker, model->workers_count);
            return;
        }
        struct model_peer *peer = &model->peers[item->worker];
        peer->incarnation = item->up ? item->incarnation : 0;
        if (item->up) {
            peer->process = (uint32_t)strtoul(strrchr(item->data_endpoint, ':') + 1, NULL, 10);
            GALE_ASSERT(peer->process < model->world->models_count);
        }
    }
}

static void on_command(struct model *model, enum message_command command, uint32_t level)
{
    world_trace(model->world, "process %u is told command %d, level %u", model->number,
                (int)command, level);
    if (command == COMMAND_EXIT) {
        model->exiting = model->exiting || model->stopping;
        return;
    }
    if (!model->running && command != COMMAND_STOP) {
        return;
    }
    switch (command) {
    case COMMAND_ACTIVATE:
    case COMMAND_DEACTIVATE:
    case COMMAND_DRAIN: model->state = command; break;
    case COMMAND_FINISH:
        model->finish_level = level + 1 > model->finish_level ? level + 1 : model->finish_level;
        model->state = command;
        break;
    case COMMAND_STOP:
        model->stopping = true;
        model->state = command;
        break;
    case COMMAND_COUNT: model->round = level; break;
    case COMMAND_RESET_STATS:
    case COMMAND_EXIT: break;
    }
    say_beat(model);
}

static void obey(struct model *model, const struct message *message)
{
    if (message->topology != model->topology || message->epoch != model->epoch ||
        message->attempt != model->attempt || message->worker != model->index ||
        message->incarnation != model->incarnation) {
        model->world->counts.refused++;
        return;
    }
    if (!model->heard) {
        model->heard = true;
        model->tell_all = true;
        model->offsets_at_ns = model->running ? model->world->now_ns : INT64_MAX;
    }
    if (message->type == MESSAGE_ASSIGN) {
        on_assign(model, &message->as.assign);
    } else if (message->type == MESSAGE_PEERS) {
        on_peers(model, message);
    } else if (message->type == MESSAGE_COMMAND) {
        on_command(model, message->as.command.command, message->as.command.level);
    }
}

static void on_frame(struct model *model, const struct packet_frame *frame)
{
    if (model->running && !model->stopping && frame->topology == model->topology &&
        frame->attempt == model->attempt && frame->to == model->index &&
        frame->to_incarnation == model->incarnation &&
        frame->from_incarnation == model->peers[frame->from].incarnation) {
        oracle_frame(model, frame);
    }
}

void model_packet(struct model *model, struct packet *packet)
{
    struct message message;
    struct gale_error error;
    if (!model->alive) {
        return;
    }
    if (packet->kind == PACKET_FRAME) {
        on_frame(model, &packet->frame);
        return;
    }
    if (message_decode(packet->bytes.data, packet->bytes.size, &message, &error) != GALE_OK) {
        world_violation(model->world, "a coordinator's message cannot be read: %s", error.text);
        return;
    }
    obey(model, &message);
    message_fini(&message);
}

/* ---- Time ------------------------------------------------------------------------------------ */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool waits(const struct model *model)
{
    return !model->running || !model->heard;
}

int64_t model_next_ns(const struct model *model)
{
    const struct site *site = &model->world->sites[model->site];
    if (!model->alive) {
        bool late = model->exit_ns != INT64_MAX && site->paused_until_ns > model->exit_ns;
        return late ? site->paused_until_ns : model->exit_ns;
    }
    int64_t next_ns = earlier(model->beat_at_ns, model->pulse_at_ns);
    next_ns = earlier(next_ns, model->offsets_at_ns);
    next_ns = earlier(next_ns, model->frame_at_ns);
    next_ns = earlier(next_ns, model->work_at_ns);
    next_ns = waits(model) ? earlier(next_ns, model->hello_at_ns) : next_ns;
    return next_ns > model->paused_until_ns ? next_ns : model->paused_until_ns;
}

static void work(struct model *model)
{
    struct job *job = &model->world->jobs[model->job];
    for (uint32_t i = 0; model->state == COMMAND_ACTIVATE && i < model->spouts_count; i++) {
        uint64_t *emitted = &job->emitted[model->spout_tasks[i] - 1];
        model->positions[i] += world_below(model->world, 6);
        if (job->limit && model->positions[i] > job->limit) {
            model->positions[i] = job->limit;
        }
        *emitted = model->positions[i] > *emitted ? model->positions[i] : *emitted;
    }
}

void model_turn(struct model *model)
{
    struct world *world = model->world;
    int64_t now_ns = world->now_ns;
    if (!model->alive) {
        model->exit_ns = INT64_MAX;
        if (world->sites[model->site].alive) {
            site_exited(&world->sites[model->site], model);
        }
        return;
    }
    model->paused_until_ns = 0;
    if (model->exiting) {
        model_end(model, "exit 0");
        return;
    }
    if (now_ns >= model->pulse_at_ns) {
        model->pulse_at_ns = now_ns + PULSE_NS;
        site_pulse(&world->sites[model->site], model);
    }
    if (now_ns >= model->work_at_ns) {
        model->work_at_ns = now_ns + WORK_NS;
        work(model);
    }
    if (waits(model) && now_ns >= model->hello_at_ns) {
        say_hello(model);
    }
    if (now_ns >= model->beat_at_ns) {
        say_beat(model);
    }
    if (now_ns >= model->offsets_at_ns) {
        say_offsets(model, false);
    }
    if (now_ns >= model->frame_at_ns) {
        send_frames(model);
    }
}
