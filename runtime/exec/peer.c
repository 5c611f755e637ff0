/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links to the other workers: frames out and in, credits in bytes, collected acks. The link rules
 * (HELLO, sequence, gaps) are core/link.c; the wire below may lose anything.
 *
 * Credits: the receiver lets each sender have inbox_size bytes under way for each of its tasks; it
 * tells absolute totals of a generation, so a repeated grant does no harm and a late one of an earlier
 * generation has no effect. A generation begins with none: the receiver grants what is free beside
 * the batches of earlier ones that still lie in the inbox, so a link that fails again and again fills
 * no inbox beyond its bound. Data leaves only with credit, so nothing of it waits in the wire for
 * long and control frames pass at once.
 */
#include "exec/internal.h"

#include "codec/frame.h"

#include <stdio.h>
#include <stdlib.h>

#define ACKS_FRAME_MAX 32768u /* entries of one section in one frame */

enum gale_err peers_init(struct exec *exec)
{
    exec->peers = calloc(exec->options.workers_count, sizeof(*exec->peers));
    if (!exec->peers) {
        return GALE_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < exec->options.workers_count; i++) {
        exec->peers[i].exec = exec;
        exec->peers[i].worker = i;
        link_out_init(&exec->peers[i].out);
        link_in_init(&exec->peers[i].in, exec->options.link);
    }
    return GALE_OK;
}

static void lists_clear(struct peer *peer)
{
    peer->acks.count = peer->touches.count = peer->fails.count = peer->renews.count = 0;
}

static void disconnect(struct exec *exec, struct peer *peer)
{
    struct transport *transport = exec->options.ports.transport;
    if (peer->wire) {
        transport->ops->disconnect(transport, peer->wire);
        peer->wire = NULL;
    }
    link_out_close(&peer->out);
}

void peers_fini(struct exec *exec)
{
    for (uint32_t i = 0; exec->peers && i < exec->options.workers_count; i++) {
        struct peer *peer = &exec->peers[i];
        disconnect(exec, peer);
        free(peer->endpoint);
        free(peer->credits);
        free(peer->consumed);
        free(peer->grants);
        free(peer->grant_listed);
        free(peer->acks.items);
        free(peer->touches.items);
        free(peer->fails.items);
        free(peer->renews.items);
    }
    free(exec->peers);
    exec->peers = NULL;
}

/* Tuples that wait for a peer that lost what it had: their trees fail and are replayed. */
static void discard_lanes(struct exec *exec, const struct peer *peer)
{
    for (uint32_t i = 0; i < exec->local_count; i++) {
        struct task *task = exec->local[i];
        for (uint32_t s = 0; s < task->routes_count; s++) {
            for (uint32_t o = 0; o < task->routes[s].outputs_count; o++) {
                const struct output *output = &task->routes[s].outputs[o];
                for (uint32_t t = 0; t < output->targets_count; t++) {
                    struct lane *lane = output->targets[t].lane;
                    if (lane && lane->peer == peer) {
                        lane_fail(exec, lane);
                    }
                }
            }
        }
    }
}

static enum gale_err tables_alloc(struct exec *exec, struct peer *peer)
{
    size_t count = exec->plan->tasks_count + 1u;
    if (!peer->credits) {
        peer->credits = calloc(count, sizeof(*peer->credits));
        peer->consumed = calloc(count, sizeof(*peer->consumed));
        peer->grants = calloc(count, sizeof(*peer->grants));
        peer->grant_listed = calloc(count, sizeof(*peer->grant_listed));
    }
    return peer->credits && peer->consumed && peer->grants && peer->grant_listed
               ? GALE_OK
               : GALE_ERR_NOMEM;
}

static void credits_reset(struct exec *exec, struct peer *peer)
{
    for (uint32_t id = 0; id <= exec->plan->tasks_count; id++) {
        peer->credits[id] = (struct credit){0, 0};
    }
}

/* What the peer may have sent to a task here in this generation. */
static uint64_t grant_total(const struct exec *exec, const struct consumed *consumed)
{
    uint64_t room = consumed->consumed + exec->plan->inbox_size;
    return room > consumed->base ? room - consumed->base : 0;
}

static void grant_list(struct peer *peer, uint32_t id)
{
    if (!peer->grant_listed[id]) {
        peer->grant_listed[id] = true;
        peer->grants[peer->grants_count++] = id;
    }
}

/* Lists the task's credit to be told once a quarter of the inbox is free beyond what was told. */
static bool grant_due(struct exec *exec, struct peer *peer, uint32_t id)
{
    const struct consumed *consumed = &peer->consumed[id];
    uint64_t quarter = exec->plan->inbox_size / 4;
    if (grant_total(exec, consumed) < consumed->granted + quarter || peer->grant_listed[id]) {
        return false;
    }
    grant_list(peer, id);
    return true;
}

static void consumed_reset(struct exec *exec, struct peer *peer)
{
    peer->grants_count = 0;
    for (uint32_t id = 1; id <= exec->plan->tasks_count; id++) {
        struct consumed *consumed = &peer->consumed[id];
        *consumed = (struct consumed){.held = consumed->held, .base = consumed->held};
        peer->grant_listed[id] = false;
        if (exec->tasks[id] && exec->tasks[id]->component->bolt) {
            grant_due(exec, peer, id);
        }
    }
}

/* What was granted may have been lost with the generation that told it: it is told again. */
static void grants_relist(struct exec *exec, struct peer *peer)
{
    for (uint32_t id = 1; id <= exec->plan->tasks_count; id++) {
        if (peer->consumed[id].granted > 0) {
            grant_list(peer, id);
        }
    }
}

/* Opens the way out anew: next generation, no credit yet, everything lost fails. */
static enum gale_err connect_peer(struct exec *exec, struct peer *peer,
                                  struct gale_error *error)
{
    struct transport *transport = exec->options.ports.transport;
    disconnect(exec, peer);
    if (peer->out.generation > 0) { /* Before the first opening nothing can have been lost. */
        lists_clear(peer);
        discard_lanes(exec, peer); /* Its fails of the peer's own trees go with the new link. */
    }
    enum gale_err err = transport->ops->connect(transport, peer->endpoint, &peer->wire, error);
    if (err != GALE_OK) {
        return err;
    }
    credits_reset(exec, peer);
    grants_relist(exec, peer);
    link_out_open(&peer->out, exec->now_ns);
    return GALE_OK;
}

enum gale_err exec_peer(struct exec *exec, uint32_t worker, bool up, uint64_t incarnation,
                        const char *endpoint, struct gale_error *error)
{
    if (worker >= exec->options.workers_count || worker == exec->options.worker) {
        return GALE_OK;
    }
    struct peer *peer = &exec->peers[worker];
    if (peer->up == up && (!up || peer->in.incarnation == incarnation)) {
        return GALE_OK;
    }
    if (tables_alloc(exec, peer) != GALE_OK) {
        return gale_error_set(error, GALE_ERR_NOMEM, "no memory for the link to worker %u",
                              worker);
    }
    peer->up = up;
    exec->activity++;
    if (!up) {
        disconnect(exec, peer);
        link_in_expect(&peer->in, 0);
        discard_lanes(exec, peer);
        lists_clear(peer);
        acks_fail_touched(exec, UINT64_C(1) << (worker & 63));
        return GALE_OK;
    }
    free(peer->endpoint);
    peer->endpoint = strdup(endpoint);
    peer->use_checks = strncmp(endpoint, "tcp:", 4) == 0;
    if (!peer->endpoint) {
        return gale_error_set(error, GALE_ERR_NOMEM, "no memory for an endpoint");
    }
    link_in_expect(&peer->in, incarnation);
    consumed_reset(exec, peer);
    bool replaced = peer->said_incarnation != 0 && peer->said_incarnation != incarnation;
    peer->said_incarnation = 0;
    if (peer->out.generation > 0 || replaced) {
        /* Trees whose way through the lost process became known only after its death. */
        acks_fail_touched(exec, UINT64_C(1) << (worker & 63));
    }
    return connect_peer(exec, peer, error);
}

static void header_init(const struct exec *exec, const struct peer *peer, enum frame_kind kind,
                        struct frame_header *header)
{
    *header = (struct frame_header){.version = FRAME_WIRE_VERSION,
                                    .kind = kind,
                                    .from = (uint16_t)exec->options.worker,
                                    .to = (uint16_t)peer->worker,
                                    .attempt = exec->options.attempt,
                                    .generation = peer->out.generation,
                                    .epoch = exec->options.epoch,
                                    .incarnation = exec->options.incarnation,
                                    .seq = kind == FRAME_HELLO ? 0 : peer->out.seq + 1};
}

/* Sends a prepared message whose head was written. True when it left. */
static bool send_prepared(struct exec *exec, struct peer *peer, void *handle, bool hello)
{
    struct transport *transport = exec->options.ports.transport;
    enum gale_err err = transport->ops->send(transport, peer->wire, handle);
    if (err == GALE_OK) {
        peer->stalled = false;
        if (!hello) {
            link_out_take_seq(&peer->out, exec->now_ns);
        }
        return true;
    }
    if (err == GALE_ERR_AGAIN) {
        transport->ops->drop(transport, handle);
    }
    peer->stalled = true;
    return false;
}

/* Writes a frame around a payload and sends it. */
static bool send_payload(struct exec *exec, struct peer *peer, enum frame_kind kind,
                         const uint8_t *payload, size_t size)
{
    struct transport *transport = exec->options.ports.transport;
    struct frame_header header;
    header_init(exec, peer, kind, &header);
    header.raw_size = (uint32_t)size;
    if (peer->use_checks && kind == FRAME_DATA &&
        frame_compress(payload, size, &exec->compressed) == GALE_OK) {
        header.lz4 = 1;
        payload = exec->compressed.data;
        size = exec->compressed.size;
    }
    header.payload_size = (uint32_t)size;
    header.checksum = peer->use_checks && size > 0 ? frame_checksum(payload, size) : 0;
    void *handle;
    uint8_t *data;
    if (transport->ops->prepare(transport, FRAME_HEADER_SIZE + size, &handle, &data) !=
        GALE_OK) {
        peer->stalled = true;
        return false;
    }
    frame_header_write(data, &header);
    if (size > 0) {
        memcpy(data + FRAME_HEADER_SIZE, payload, size);
    }
    return send_prepared(exec, peer, handle, kind == FRAME_HELLO);
}

bool peer_has_credit(const struct peer *peer, uint32_t task)
{
    return peer->up && link_out_is_open(&peer->out) && !peer->stalled &&
           peer->credits[task].sent < peer->credits[task].granted;
}

static void block_write(const struct lane *lane, const struct block *block, uint32_t size,
                        uint8_t *to)
{
    struct batch_head head = {.size = size,
                              .target_task = lane->target_task,
                              .source_task = lane->source->id,
                              .input = lane->input,
                              .tuples_count = block->tuples_count,
                              .runs_size = block->runs_size,
                              .edge_seed = block->edge_seed};
    batch_head_write(to, &head);
    memcpy(to + BATCH_HEAD_SIZE, block->runs, block->runs_size);
    memcpy(to + BATCH_HEAD_SIZE + block->runs_size, block->values, block->values_size);
}

/* The fast way: the block is written straight into the message. */
static bool send_block_raw(struct exec *exec, struct lane *lane, const struct block *block,
                           uint32_t size)
{
    struct transport *transport = exec->options.ports.transport;
    struct peer *peer = lane->peer;
    struct frame_header header;
    header_init(exec, peer, FRAME_DATA, &header);
    header.raw_size = header.payload_size = size;
    void *handle;
    uint8_t *data;
    if (transport->ops->prepare(transport, FRAME_HEADER_SIZE + size, &handle, &data) !=
        GALE_OK) {
        peer->stalled = true;
        return false;
    }
    frame_header_write(data, &header);
    block_write(lane, block, size, data + FRAME_HEADER_SIZE);
    return send_prepared(exec, peer, handle, false);
}

bool peer_send_block(struct exec *exec, struct lane *lane, struct block *block)
{
    struct peer *peer = lane->peer;
    if (!peer_has_credit(peer, lane->target_task)) {
        return false;
    }
    uint32_t size = BATCH_HEAD_SIZE + block->runs_size + block->values_size;
    bool sent;
    if (peer->use_checks) {
        buf_clear(&exec->scratch);
        if (buf_reserve(&exec->scratch, size) != GALE_OK) {
            return false;
        }
        block_write(lane, block, size, exec->scratch.data);
        sent = send_payload(exec, peer, FRAME_DATA, exec->scratch.data, size);
    } else {
        sent = send_block_raw(exec, lane, block, size);
    }
    if (sent) {
        peer->credits[lane->target_task].sent += size;
        exec->batches_sent++;
        block_release(exec, block);
    }
    return sent;
}

void peer_consumed(struct exec *exec, struct peer *peer, uint32_t task, uint32_t size)
{
    struct consumed *consumed = &peer->consumed[task];
    consumed->held -= size;
    consumed->consumed += size;
    if (peer->up && grant_due(exec, peer, task)) {
        exec->flush_due = true;
    }
}

static void section_head(struct buf *out, uint32_t type, uint32_t count)
{
    uint8_t head[8];
    store_u32(head, type);
    store_u32(head + 4, count);
    buf_append(out, head, sizeof(head));
}

static void section_acks(struct buf *out, uint32_t type, const struct ack_list *list,
                         bool with_value)
{
    uint32_t count = list->count < ACKS_FRAME_MAX ? list->count : ACKS_FRAME_MAX;
    if (count == 0) {
        return;
    }
    section_head(out, type, count);
    if (with_value) {
        buf_append(out, list->items, count * sizeof(*list->items));
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        buf_append(out, &list->items[i].root, sizeof(uint64_t));
    }
}

/* Says which processes the touches mean: the owner may know of later ones. */
static void section_known(struct exec *exec, const struct peer *to, struct buf *out)
{
    uint64_t workers = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < to->touches.count; i++) {
        workers |= to->touches.items[i].value;
    }
    size_t head = out->size;
    section_head(out, FRAME_KNOWN, 0);
    for (uint32_t i = 0; i < exec->options.workers_count; i++) {
        const struct peer *peer = &exec->peers[i];
        if (peer->up && peer != to && (workers >> (i & 63) & 1) != 0) {
            uint8_t entry[16] = {0};
            store_u32(entry, i);
            store_u64(entry + 8, peer->in.incarnation);
            buf_append(out, entry, sizeof(entry));
            count++;
        }
    }
    store_u32(out->data + head + 4, count);
}

static void section_grants(struct exec *exec, struct peer *peer, struct buf *out)
{
    section_head(out, FRAME_CREDIT, peer->grants_count);
    for (uint32_t i = 0; i < peer->grants_count; i++) {
        uint8_t entry[16] = {0};
        uint32_t task = peer->grants[i];
        store_u32(entry, task);
        store_u32(entry + 4, peer->in.generation);
        store_u64(entry + 8, grant_total(exec, &peer->consumed[task]));
        buf_append(out, entry, sizeof(entry));
    }
}

static void list_shift(struct ack_list *list)
{
    uint32_t count = list->count < ACKS_FRAME_MAX ? list->count : ACKS_FRAME_MAX;
    if (count < list->count) {
        memmove(list->items, list->items + count, (list->count - count) * sizeof(*list->items));
    }
    list->count -= count;
}

static void grants_told(struct exec *exec, struct peer *peer)
{
    for (uint32_t i = 0; i < peer->grants_count; i++) {
        uint32_t task = peer->grants[i];
        peer->grant_listed[task] = false;
        peer->consumed[task].granted = grant_total(exec, &peer->consumed[task]);
    }
    peer->grants_count = 0;
}

/* Touches go before the acks of the same frame: the owner must know how far a tree went before it
 * may see it complete or fail. */
static bool send_control(struct exec *exec, struct peer *peer, bool probe)
{
    if (peer->acks.count + peer->touches.count + peer->fails.count + peer->renews.count +
                peer->grants_count ==
            0 &&
        !probe) {
        return false;
    }
    struct buf *out = &exec->scratch;
    bool acks =
        peer->touches.count <= ACKS_FRAME_MAX; /* Else they wait for the other touches. */
    buf_clear(out);
    if (peer->touches.count > 0) {
        section_known(exec, peer, out);
    }
    section_acks(out, FRAME_TOUCH, &peer->touches, true);
    section_acks(out, FRAME_FAIL, &peer->fails, false);
    section_acks(out, FRAME_RENEW, &peer->renews, false);
    if (acks) {
        section_acks(out, FRAME_ACK, &peer->acks, true);
    }
    if (peer->grants_count > 0) {
        section_grants(exec, peer, out);
    }
    if (!send_payload(exec, peer, FRAME_CONTROL, out->data, out->size)) {
        return false;
    }
    list_shift(&peer->touches);
    list_shift(&peer->fails);
    list_shift(&peer->renews);
    if (acks) {
        list_shift(&peer->acks);
    }
    grants_told(exec, peer);
    return true;
}

static void send_hello(struct exec *exec, struct peer *peer)
{
    uint8_t payload[LINK_HELLO_SIZE];
    link_hello_write(payload, &peer->out, &peer->in);
    send_payload(exec, peer, FRAME_HELLO, payload, sizeof(payload));
    link_out_hello_sent(&peer->out, exec->now_ns);
    peer->stalled = false;
}

void peers_flush(struct exec *exec)
{
    exec->flush_due = false;
    exec->flushed_ns = exec->now_ns;
    for (uint32_t i = 0; i < exec->options.workers_count; i++) {
        struct peer *peer = &exec->peers[i];
        if (!peer->up || !peer->wire) {
            continue;
        }
        peer->stalled = false;
        if (link_out_hello_due(&peer->out, &peer->in, exec->now_ns)) {
            send_hello(exec, peer);
        }
        while (link_out_is_open(&peer->out) && send_control(exec, peer, false)) {
        }
        if (link_out_probe_due(&peer->out, exec->now_ns) && send_control(exec, peer, true)) {
            link_out_probe_sent(&peer->out);
        }
    }
}

int64_t peers_next_ns(const struct exec *exec)
{
    int64_t next = INT64_MAX;
    for (uint32_t i = 0; i < exec->options.workers_count; i++) {
        const struct peer *peer = &exec->peers[i];
        if (!peer->up) {
            continue;
        }
        int64_t at = link_out_next_ns(&peer->out, &peer->in);
        if (peer->stalled) { /* What is overdue waits for the wire's room as well. */
            at = exec->now_ns + 1000000;
        }
        next = at < next ? at : next;
    }
    return next;
}

bool peers_quiet(const struct exec *exec)
{
    for (uint32_t i = 0; i < exec->options.workers_count; i++) {
        const struct peer *peer = &exec->peers[i];
        if (peer->up && (peer->acks.count || peer->touches.count || peer->fails.count ||
                         peer->renews.count)) {
            return false;
        }
    }
    return true;
}

/* One direction of a link as its one end sees it. */
static uint64_t digest_of(uint32_t from, uint64_t from_incarnation, uint32_t to,
                          uint64_t to_incarnation)
{
    return mix64(mix64(from_incarnation + from) + to_incarnation + to);
}

uint64_t peers_digest(const struct exec *exec)
{
    uint32_t self = exec->options.worker;
    uint64_t incarnation = exec->options.incarnation;
    uint64_t digest = 0;
    for (uint32_t i = 0; i < exec->options.workers_count; i++) {
        const struct peer *peer = &exec->peers[i];
        if (!peer->up) {
            continue;
        }
        uint64_t out = digest_of(self, incarnation, i, peer->in.incarnation);
        uint64_t in = digest_of(i, peer->in.incarnation, self, incarnation);
        digest ^= mix64(mix64(out + peer->out.generation) + peer->out.seq);
        digest ^= mix64(mix64(in + peer->in.generation) + peer->in.seq);
    }
    return digest;
}

static void fail_link(struct exec *exec, struct peer *peer, const char *why)
{
    char text[200];
    snprintf(text, sizeof(text),
             "link from worker %u: %s; it is opened anew and what it carried "
             "is replayed",
             peer->worker, why);
    exec->flush_due = true; /* The HELLO that is due now refuses the generation. */
    acks_fail_touched(exec, UINT64_C(1) << (peer->worker & 63));
    if (exec->options.ports.event) {
        exec->options.ports.event(exec->options.ports.self, EVENT_LINK_FAILED, peer->worker, 0,
                                  text);
    }
}

/* The peer missed frames of this link: opens it anew. */
static void reopen(struct exec *exec, struct peer *peer)
{
    struct gale_error error;
    acks_fail_touched(exec, UINT64_C(1) << (peer->worker & 63));
    if (connect_peer(exec, peer, &error) != GALE_OK && exec->options.ports.event) {
        exec->options.ports.event(exec->options.ports.self, EVENT_LINK_FAILED, peer->worker, 0,
                                  error.text);
    }
    exec->flush_due = true;
}

static void refused(struct exec *exec, const char *text)
{
    exec->frames_refused++;
    if (exec->options.ports.event && exec->frames_refused <= 10) {
        exec->options.ports.event(exec->options.ports.self, EVENT_REFUSED, 0, 0, text);
    }
}

/* A frame of the link's next seq: its content counts, or the link has failed. */
static void accept_frame(struct exec *exec, struct peer *peer,
                         const struct frame_header *header, struct transport_message *message)
{
    struct gale_error error = {0};
    struct shared_message *shared = calloc(1, sizeof(*shared));
    const uint8_t *payload = NULL;
    size_t size = 0;
    if (!shared) {
        link_in_fail(&peer->in);
        fail_link(exec, peer, "no memory for a frame");
        return;
    }
    struct buf raw;
    buf_init(&raw, FRAME_PAYLOAD_MAX + 64u);
    shared->references = 1;
    shared->message = *message;
    message->handle = NULL;
    enum gale_err err = frame_open(shared->message.data, shared->message.size, header, &raw,
                                   &payload, &size, &error);
    shared->raw = raw.data;
    if (err == GALE_OK && raw.data) { /* What follows reads the unpacked bytes alone. */
        exec->options.ports.transport->ops->release(exec->options.ports.transport,
                                                    &shared->message);
    }
    if (err == GALE_OK && header->kind == FRAME_CONTROL) {
        err = frame_control_check(payload, size, &error);
        if (err == GALE_OK) {
            control_apply(exec, peer, payload, size);
        }
    } else if (err == GALE_OK) {
        err = header->kind == FRAME_DATA
                  ? inbox_put_payload(exec, peer, payload, size, shared, &error)
                  : gale_error_set(&error, GALE_ERR_UNSUPPORTED, "frame kind %d is not known",
                                   (int)header->kind);
    }
    if (err != GALE_OK) {
        refused(exec, error.text);
        link_in_fail(&peer->in);
        fail_link(exec, peer, error.text);
    }
    shared_release(exec, shared);
}

/* Frames of the failed generation that came after its gap were refused, and its sender forgot what it
 * still had to say: trees that went there since then would wait for acks in vain. */
static void generation_renewed(struct exec *exec, struct peer *peer, bool had_failed)
{
    consumed_reset(exec, peer);
    if (!had_failed) {
        return;
    }
    acks_fail_touched(exec, UINT64_C(1) << (peer->worker & 63));
    if (exec->options.ports.event) { /* So that the owners of other trees hear of it as well. */
        char text[120];
        snprintf(text, sizeof(text),
                 "link from worker %u: open again; what was refused meanwhile is replayed",
                 peer->worker);
        exec->options.ports.event(exec->options.ports.self, EVENT_LINK_FAILED, peer->worker, 0,
                                  text);
    }
}

static void hello(struct exec *exec, struct peer *peer, const struct frame_header *header,
                  const uint8_t *data)
{
    struct link_hello said;
    if (!link_hello_read(data + FRAME_HEADER_SIZE, header->payload_size, &said)) {
        refused(exec, "a HELLO frame has another form");
        return;
    }
    exec->flush_due = true;
    if (link_out_on_hello(&peer->out, &said, exec->options.incarnation) == LINK_EVENT_REFUSED) {
        reopen(exec, peer);
    }
}

void exec_frame(struct exec *exec, struct transport_message *message, int64_t now_ns)
{
    struct transport *transport = exec->options.ports.transport;
    struct frame_header header;
    struct gale_error error;
    exec->now_ns = now_ns;
    if (frame_header_read(message->data, message->size, &header, &error) != GALE_OK) {
        refused(exec, error.text);
    } else if (header.from >= exec->options.workers_count ||
               header.from == exec->options.worker) {
        exec->frames_refused++;
    } else if (exec->peers[header.from].up) { /* Else it greets again once it is known here. */
        struct peer *peer = &exec->peers[header.from];
        uint32_t generation = peer->in.generation;
        bool had_failed = peer->in.state == LINK_STATE_FAILED;
        switch (link_in_frame(&peer->in, &header, exec->options.epoch, exec->options.attempt,
                              (uint16_t)exec->options.worker)) {
        case LINK_ACCEPT: accept_frame(exec, peer, &header, message); break;
        case LINK_HELLO:
            if (generation != peer->in.generation) {
                generation_renewed(exec, peer, had_failed);
            }
            hello(exec, peer, &header, message->data);
            break;
        case LINK_GAP: fail_link(exec, peer, "frames were lost"); break;
        case LINK_DROP_DUPLICATE:
        case LINK_DROP_STALE:
        case LINK_VERDICTS_COUNT: break;
        }
    }
    if (message->handle) {
        transport->ops->release(transport, message);
    }
}
