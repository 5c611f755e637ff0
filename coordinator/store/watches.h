/* SPDX-License-Identifier: Apache-2.0 */
/* The one-shot watches of one open store: a list of hints, marked when their path may have changed
 * and delivered by the adapter's poll. One owner thread. */
#ifndef STORE_WATCHES_H
#define STORE_WATCHES_H

#include <gale/errors.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WATCHES_MAX 1024

typedef void watches_fn(void *argument, const char *path);

struct watches_entry;
struct watches {
    struct watches_entry *first;
    size_t count;
};

void watches_fini(struct watches *watches);
/** GALE_ERR_LIMIT beyond WATCHES_MAX, GALE_ERR_NOMEM. @param now_ns its age counts from here. */
enum gale_err watches_add(struct watches *watches, const char *path, watches_fn *fn,
                          void *argument, int64_t now_ns);
/** Marks those of a path; NULL marks all. @return true when there was one. */
bool watches_mark(struct watches *watches, const char *path);
/** Marks those that were set before `before_ns`. */
void watches_mark_older(struct watches *watches, int64_t before_ns);
/** Calls and forgets the marked ones. Watches set by these calls wait for the next change. */
void watches_deliver(struct watches *watches);

#endif
