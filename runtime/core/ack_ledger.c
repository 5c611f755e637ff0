/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ack ledger; see ack_ledger.h for the root's layout and the rules. Slots lie in one array that
 * grows by doubling and never shrinks; free slots form a stack, so the hot ones stay in cache, and
 * each slot is one cache line.
 * Invariants: a slot is free exactly when root == 0; open_count counts the others; a tree ends at
 * most once.
 */
#include "core/ack_ledger.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct ledger_slot) == 64, "a slot is one cache line");

void ledger_init(struct ledger *ledger, uint32_t task, uint64_t seed)
{
    GALE_ASSERT(task > 0 && task <= LEDGER_TASK_MAX);
    memset(ledger, 0, sizeof(*ledger));
    ledger->task_bits = (uint64_t)task << 50;
    rng_seed(&ledger->rng, seed);
}

void ledger_fini(struct ledger *ledger)
{
    free(ledger->slots);
    memset(ledger, 0, sizeof(*ledger));
}

static enum gale_err grow(struct ledger *ledger)
{
    if (ledger->slots_room >= LEDGER_SLOTS_MAX) {
        return GALE_ERR_LIMIT;
    }
    uint32_t room = ledger->slots_room ? ledger->slots_room * 2 : 256;
    struct ledger_slot *slots = aligned_alloc(64, room * sizeof(*slots));
    if (!slots) {
        return GALE_ERR_NOMEM;
    }
    if (ledger->slots) {
        memcpy(slots, ledger->slots, ledger->slots_count * sizeof(*slots));
        free(ledger->slots);
    }
    ledger->slots = slots;
    ledger->slots_room = room;
    return GALE_OK;
}

enum gale_err ledger_open(struct ledger *ledger, uint64_t *root)
{
    uint32_t index;
    if (ledger->free_head) {
        index = ledger->free_head - 1;
        ledger->free_head = ledger->slots[index].next_free;
    } else {
        if (ledger->slots_count == ledger->slots_room) {
            enum gale_err err = grow(ledger);
            if (err != GALE_OK) {
                return err;
            }
        }
        index = ledger->slots_count++;
    }
    struct ledger_slot *slot = &ledger->slots[index];
    uint64_t nonce = (rng_next(&ledger->rng) & ((1u << 30) - 1)) | 1u;
    slot->root = ledger->task_bits | ((uint64_t)index << 30) | nonce;
    slot->value = 0;
    slot->workers = 0;
    slot->sealed = false;
    slot->failed = false;
    ledger->open_count++;
    *root = slot->root;
    return GALE_OK;
}

static void release(struct ledger *ledger, struct ledger_slot *slot)
{
    slot->root = 0;
    slot->next_free = ledger->free_head;
    ledger->free_head = (uint32_t)(slot - ledger->slots) + 1;
    ledger->open_count--;
}

static struct ledger_slot *find(struct ledger *ledger, uint64_t root)
{
    uint32_t index = root_slot(root);
    if (index >= ledger->slots_count || ledger->slots[index].root != root || root == 0) {
        return NULL;
    }
    return &ledger->slots[index];
}

static enum ledger_answer end(struct ledger *ledger, struct ledger_slot *slot,
                              struct ledger_slot *ended)
{
    *ended = *slot;
    release(ledger, slot);
    return LEDGER_DONE;
}

void ledger_cancel(struct ledger *ledger, uint64_t root)
{
    struct ledger_slot *slot = find(ledger, root);
    GALE_ASSERT(slot && !slot->sealed);
    release(ledger, slot);
}

enum ledger_answer ledger_seal(struct ledger *ledger, uint64_t root,
                               const struct ledger_slot *values, struct ledger_slot *ended)
{
    struct ledger_slot *slot = find(ledger, root);
    GALE_ASSERT(slot && !slot->sealed);
    slot->message_id = values->message_id;
    slot->start_ns = values->start_ns;
    slot->deadline_ns = values->deadline_ns;
    slot->position = values->position;
    slot->value ^= values->value;
    slot->workers |= values->workers;
    slot->sealed = true;
    if (slot->failed || slot->value == 0) {
        return end(ledger, slot, ended);
    }
    return LEDGER_OPEN;
}

enum ledger_answer ledger_ack(struct ledger *ledger, uint64_t root, uint64_t value,
                              uint64_t workers, struct ledger_slot *ended)
{
    struct ledger_slot *slot = find(ledger, root);
    if (!slot) {
        return LEDGER_UNKNOWN;
    }
    slot->value ^= value;
    slot->workers |= workers;
    if (slot->value == 0 && slot->sealed) {
        return end(ledger, slot, ended);
    }
    return LEDGER_OPEN;
}

enum ledger_answer ledger_fail(struct ledger *ledger, uint64_t root, struct ledger_slot *ended)
{
    struct ledger_slot *slot = find(ledger, root);
    if (!slot) {
        return LEDGER_UNKNOWN;
    }
    slot->failed = true;
    return slot->sealed ? end(ledger, slot, ended) : LEDGER_OPEN;
}

void ledger_touch(struct ledger *ledger, uint64_t root, uint64_t workers)
{
    struct ledger_slot *slot = find(ledger, root);
    if (slot) {
        slot->workers |= workers;
    }
}

void ledger_renew(struct ledger *ledger, uint64_t root, int64_t deadline_ns)
{
    struct ledger_slot *slot = find(ledger, root);
    if (slot && slot->sealed && slot->deadline_ns != INT64_MAX) {
        slot->deadline_ns = deadline_ns;
    }
}

bool ledger_sweep(struct ledger *ledger, int64_t now_ns, uint64_t workers, uint32_t *from,
                  struct ledger_slot *ended)
{
    for (; *from < ledger->slots_count; (*from)++) {
        struct ledger_slot *slot = &ledger->slots[*from];
        if (slot->root == 0 || !slot->sealed) {
            continue;
        }
        if ((slot->workers & workers) != 0 || slot->deadline_ns <= now_ns) {
            slot->failed = true;
            (*from)++;
            end(ledger, slot, ended);
            return true;
        }
    }
    return false;
}
