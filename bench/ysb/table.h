/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts by campaign and window: a small hash table of campaigns, each with a dense array of
 * windows from its first to its last, so that a count is an index away. Used by the counting bolt
 * and by the store. Owned by one task; not thread-safe; memory grows only with new campaigns and
 * windows and is bounded by the limits below.
 */
#ifndef YSB_TABLE_H
#define YSB_TABLE_H

#include "ysb/model/events.h"

enum {
    TABLE_CAMPAIGNS_MAX = 4096,
    TABLE_SLOTS = 2 * TABLE_CAMPAIGNS_MAX, /* A power of two: half stays empty. */
    TABLE_WINDOWS_MAX = 16 * 1024 * 1024,  /* Of one campaign, from first to last. */
    TABLE_SLACK = 8,                       /* Windows left free before a new first one. */
};

struct table_window {
    int64_t count;      /* 0: no event was seen. */
    int64_t updated_ms; /* For the store: when the count last changed. */
    bool changed;       /* For the counting bolt: since it was last told. */
};

struct table_campaign {
    char id[YSB_ID_SIZE];
    int64_t first; /* Number of windows[0]: event time / YSB_WINDOW_MS, rounded down. */
    struct table_window *windows;
    size_t windows_count;
    size_t windows_room;
};

struct table {
    struct table_campaign **slots; /* By hash of the id, linear probing. */
    struct table_campaign **list;  /* In the order of arrival. */
    size_t campaigns_count;
};

/** @return false without memory. */
bool table_init(struct table *table);
/** Frees all; an all-zero table is fine. */
void table_fini(struct table *table);
/** The campaign, new if need be. @param id YSB_ID_SIZE bytes. @return NULL without memory or
 *  beyond the limit. */
struct table_campaign *table_campaign(struct table *table, const char *id);
/** The window, new if need be. @return NULL without memory or beyond the limit. */
struct table_window *table_window(struct table_campaign *campaign, int64_t number);

/* Number of the window that an event time falls in; also right before 1970. */
static inline int64_t table_number(int64_t time_ms)
{
    return time_ms / YSB_WINDOW_MS - (time_ms % YSB_WINDOW_MS < 0);
}

#endif
