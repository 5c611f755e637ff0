/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control frames in: acks, fails, renewals, touches and credits of a peer, applied to the ledgers and
 * credits here. The frame was checked for form (frame_control_check); entries that name no task or tree
 * here have no effect. What goes out is peer.c. Engine thread only.
 */
#include "exec/internal.h"

#include "codec/frame.h"

/* The tree went on to these workers. When its process there was replaced meanwhile (`gone`), the news
 * of that death came before this and did not fail it. */
static void apply_touch(struct exec *exec, const struct peer *peer, const uint8_t *entry,
                        uint64_t gone)
{
    uint64_t root = load_u64(entry);
    uint64_t workers = load_u64(entry + 8) & ~(UINT64_C(1) << (peer->worker & 63));
    struct task *task =
        root_task(root) <= exec->plan->tasks_count ? exec->tasks[root_task(root)] : NULL;
    if (!task || !task->component->spout) {
        return;
    }
    ledger_touch(&task->ledger, root, workers);
    if ((workers & gone) != 0) {
        fail_root(exec, root);
    }
}

/* The bit of a third worker when the process that is meant is not the one known here, else 0. */
static uint64_t replaced(struct exec *exec, const uint8_t *entry)
{
    uint32_t worker = load_u32(entry);
    uint64_t incarnation = load_u64(entry + 8);
    if (worker >= exec->options.workers_count || worker == exec->options.worker) {
        return 0;
    }
    struct peer *peer = &exec->peers[worker];
    if (!peer->up &&
        peer->out.generation == 0) { /* Not heard of here yet: judged when it is. */
        bool first = peer->said_incarnation == 0 || peer->said_incarnation == incarnation;
        peer->said_incarnation = first ? incarnation : UINT64_MAX;
        return 0;
    }
    bool same = peer->up && peer->in.incarnation == incarnation;
    return same ? 0 : UINT64_C(1) << (worker & 63);
}

static void apply_entry(struct exec *exec, struct peer *peer, uint32_t type,
                        const uint8_t *entry, uint64_t *gone)
{
    uint64_t root = load_u64(entry);
    switch ((enum frame_section)type) {
    case FRAME_KNOWN: *gone |= replaced(exec, entry); return;
    case FRAME_TOUCH: apply_touch(exec, peer, entry, *gone); return;
    case FRAME_ACK: ack_root(exec, root, load_u64(entry + 8), 0); return;
    case FRAME_FAIL: fail_root(exec, root); return;
    case FRAME_RENEW: renew_root(exec, root); return;
    case FRAME_CREDIT: {
        uint32_t id = load_u32(entry);
        uint64_t granted = load_u64(entry + 8);
        if (id <= exec->plan->tasks_count && load_u32(entry + 4) == peer->out.generation &&
            granted > peer->credits[id].granted) {
            peer->credits[id].granted = granted;
        }
        return;
    }
    }
}

/* The commonest section by far; the slots are scattered, so they are brought near ahead. */
static void apply_acks(struct exec *exec, const uint8_t *entries, uint32_t count)
{
    const uint32_t ahead = 8;
    for (uint32_t i = 0; i < count; i++) {
        if (i + ahead < count) {
            uint64_t next = load_u64(entries + (size_t)(i + ahead) * 16);
            struct task *task = root_task(next) <= exec->plan->tasks_count
                                    ? exec->tasks[root_task(next)]
                                    : NULL;
            if (task) {
                ledger_prefetch(&task->ledger, next);
            }
        }
        const uint8_t *entry = entries + (size_t)i * 16;
        ack_root(exec, load_u64(entry), load_u64(entry + 8), 0);
    }
}

void control_apply(struct exec *exec, struct peer *peer, const uint8_t *payload, size_t size)
{
    uint64_t gone = 0; /* third workers whose processes were replaced */
    for (size_t at = 0; at + 8 <= size;) {
        uint32_t type = load_u32(payload + at);
        uint32_t count = load_u32(payload + at + 4);
        size_t entry_size = frame_section_entry_size(type);
        at += 8;
        if (type == FRAME_ACK) {
            apply_acks(exec, payload + at, count);
            at += count * entry_size;
            continue;
        }
        for (uint32_t i = 0; i < count; i++, at += entry_size) {
            apply_entry(exec, peer, type, payload + at, &gone);
        }
    }
    exec->activity += size > 0 ? 1 : 0; /* A probe says nothing. */
}
