/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The low mark; see positions.h. Invariants: ids in [head, tail) strictly increase; the entry at head
 * is not done; low_id is the id at head, or high_id when the ring is empty.
 */
#include "core/positions.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

#define POSITIONS_ROOM_MAX (UINT64_C(1) << 24)

void positions_init(struct positions *positions)
{
    memset(positions, 0, sizeof(*positions));
}

void positions_fini(struct positions *positions)
{
    free(positions->ring);
    memset(positions, 0, sizeof(*positions));
}

static enum gale_err grow(struct positions *positions)
{
    uint64_t room = positions->room ? positions->room * 2 : 256;
    if (room > POSITIONS_ROOM_MAX) {
        return GALE_ERR_LIMIT;
    }
    struct positions_entry *ring = malloc(room * sizeof(*ring));
    if (!ring) {
        return GALE_ERR_NOMEM;
    }
    for (uint64_t place = positions->head; place != positions->tail; place++) {
        ring[place & (room - 1)] = positions->ring[place & (positions->room - 1)];
    }
    free(positions->ring);
    positions->ring = ring;
    positions->room = room;
    return GALE_OK;
}

static enum gale_err find(const struct positions *positions, uint64_t id, uint64_t *place)
{
    uint64_t low = positions->head;
    uint64_t high = positions->tail;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        uint64_t seen = positions->ring[middle & (positions->room - 1)].id;
        if (seen == id) {
            *place = middle;
            return GALE_OK;
        }
        if (seen < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return GALE_ERR_INVALID;
}

enum gale_err positions_emit(struct positions *positions, uint64_t id, uint64_t *place)
{
    if (id < positions->high_id) {
        return find(positions, id, place);
    }
    if (positions->tail - positions->head == positions->room) {
        enum gale_err err = positions->lost ? GALE_ERR_LIMIT : grow(positions);
        if (err != GALE_OK) {
            positions->lost = true;
            return err;
        }
    }
    if (positions->head == positions->tail && !positions->lost) {
        positions->low_id = id;
    }
    struct positions_entry *entry = &positions->ring[positions->tail & (positions->room - 1)];
    entry->id = id;
    entry->done = false;
    *place = positions->tail++;
    positions->high_id = id + 1;
    return GALE_OK;
}

void positions_done(struct positions *positions, uint64_t place)
{
    if (place < positions->head || place >= positions->tail) {
        return; /* A replay whose first try was acked meanwhile. */
    }
    positions->ring[place & (positions->room - 1)].done = true;
    while (positions->head != positions->tail &&
           positions->ring[positions->head & (positions->room - 1)].done) {
        positions->head++;
    }
    if (positions->lost) {
        return;
    }
    positions->low_id = positions->head == positions->tail
                            ? positions->high_id
                            : positions->ring[positions->head & (positions->room - 1)].id;
}
