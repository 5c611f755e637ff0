/* SPDX-License-Identifier: Apache-2.0 */
/* A list is enough: watches are few, and looked through only when something changed. */
#include "store/watches.h"

#include <stdlib.h>
#include <string.h>

struct watches_entry {
    struct watches_entry *next;
    watches_fn *fn;
    void *argument;
    int64_t set_ns;
    bool due;
    char path[];
};

void watches_fini(struct watches *watches)
{
    while (watches->first) {
        struct watches_entry *next = watches->first->next;
        free(watches->first);
        watches->first = next;
    }
    watches->count = 0;
}

enum gale_err watches_add(struct watches *watches, const char *path, watches_fn *fn,
                          void *argument, int64_t now_ns)
{
    if (watches->count >= WATCHES_MAX) {
        return GALE_ERR_LIMIT;
    }
    size_t size = strlen(path) + 1;
    struct watches_entry *entry = calloc(1, sizeof *entry + size);
    if (!entry) {
        return GALE_ERR_NOMEM;
    }
    entry->fn = fn;
    entry->argument = argument;
    entry->set_ns = now_ns;
    memcpy(entry->path, path, size);
    entry->next = watches->first;
    watches->first = entry;
    watches->count++;
    return GALE_OK;
}

bool watches_mark(struct watches *watches, const char *path)
{
    bool any = false;
    for (struct watches_entry *entry = watches->first; entry; entry = entry->next) {
        if (!path || strcmp(entry->path, path) == 0) {
            entry->due = true;
            any = true;
        }
    }
    return any;
}

void watches_mark_older(struct watches *watches, int64_t before_ns)
{
    for (struct watches_entry *entry = watches->first; entry; entry = entry->next) {
        entry->due = entry->due || entry->set_ns < before_ns;
    }
}

void watches_deliver(struct watches *watches)
{
    struct watches_entry *due = NULL;
    struct watches_entry **link = &watches->first;
    while (*link) {
        struct watches_entry *entry = *link;
        if (!entry->due) {
            link = &entry->next;
            continue;
        }
        *link = entry->next;
        entry->next = due;
        due = entry;
        watches->count--;
    }
    while (due) {
        struct watches_entry *entry = due;
        due = entry->next;
        entry->fn(entry->argument, entry->path);
        free(entry);
    }
}
