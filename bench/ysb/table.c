/* SPDX-License-Identifier: Apache-2.0 */
/* Counts by campaign and window; see table.h. */
#include "table.h"

#include <stdlib.h>
#include <string.h>

bool table_init(struct table *table)
{
    table->slots = calloc(TABLE_SLOTS, sizeof(struct table_campaign *));
    table->list = calloc(TABLE_CAMPAIGNS_MAX, sizeof(struct table_campaign *));
    table->campaigns_count = 0;
    return table->slots != NULL && table->list != NULL;
}

void table_fini(struct table *table)
{
    for (size_t i = 0; i < table->campaigns_count; i++) {
        free(table->list[i]->windows);
        free(table->list[i]);
    }
    free(table->slots);
    free(table->list);
    *table = (struct table){0};
}

/* The ids are random digits already, so a few words of them make a hash. */
static size_t slot_of(const char *id)
{
    uint64_t head = 0;
    uint64_t tail = 0;
    memcpy(&head, id, sizeof(head));
    memcpy(&tail, id + YSB_ID_SIZE - sizeof(tail), sizeof(tail));
    return (size_t)(ysb_mix(head ^ (tail * 0x9e3779b97f4a7c15u)) & (TABLE_SLOTS - 1));
}

struct table_campaign *table_campaign(struct table *table, const char *id)
{
    size_t slot = slot_of(id);
    while (table->slots[slot] != NULL) {
        if (memcmp(table->slots[slot]->id, id, YSB_ID_SIZE) == 0) {
            return table->slots[slot];
        }
        slot = (slot + 1) & (TABLE_SLOTS - 1);
    }
    if (table->campaigns_count == TABLE_CAMPAIGNS_MAX) {
        return NULL;
    }
    struct table_campaign *campaign = calloc(1, sizeof(*campaign));
    if (campaign == NULL) {
        return NULL;
    }
    memcpy(campaign->id, id, YSB_ID_SIZE);
    table->slots[slot] = campaign;
    table->list[table->campaigns_count++] = campaign;
    return campaign;
}

/* Makes the array reach from `first` to `last`; both lie within the limit of each other. */
static bool table_stretch(struct table_campaign *campaign, int64_t first, int64_t last)
{
    size_t count = (size_t)(last - first) + 1;
    size_t room = campaign->windows_room;
    if (count > room) {
        room = count > 2 * room ? count : 2 * room;
        struct table_window *windows = realloc(campaign->windows, room * sizeof(*windows));
        if (windows == NULL) {
            return false;
        }
        campaign->windows = windows;
        campaign->windows_room = room;
    }
    size_t shift = campaign->windows_count > 0 ? (size_t)(campaign->first - first) : 0;
    size_t used = campaign->windows_count;
    memmove(campaign->windows + shift, campaign->windows, used * sizeof(*campaign->windows));
    memset(campaign->windows, 0, shift * sizeof(*campaign->windows));
    memset(campaign->windows + shift + used, 0,
           (count - shift - used) * sizeof(*campaign->windows));
    campaign->first = first;
    campaign->windows_count = count;
    return true;
}

struct table_window *table_window(struct table_campaign *campaign, int64_t number)
{
    uint64_t offset = (uint64_t)number - (uint64_t)campaign->first;
    if (offset < campaign->windows_count) {
        return &campaign->windows[offset];
    }
    int64_t first = number - TABLE_SLACK;
    int64_t last = number;
    if (campaign->windows_count > 0) {
        int64_t old_last = campaign->first + (int64_t)campaign->windows_count - 1;
        first = number < campaign->first ? first : campaign->first;
        last = number > old_last ? number : old_last;
    }
    /* Event times are milliseconds, so numbers are far from overflow here. */
    if (last - first >= TABLE_WINDOWS_MAX || !table_stretch(campaign, first, last)) {
        return NULL;
    }
    return &campaign->windows[number - first];
}
