/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bringing blobs from other processes (verb blob_get, blobs/blobs.h). Each blob has one or more
 * addresses; one that is silent, refuses or breaks off is left for the next, and what has come is
 * kept. When all bytes have come and are not the blob, the address that sent them all is not asked
 * again for it; after bytes of several addresses one of them sends it whole. While none delivers,
 * the blob counts as failed and is tried again after PULL_PAUSE_NS, and so on until it is forgotten.
 *
 * One thread, on its loop. Nothing blocks but the disk.
 */
#ifndef BLOBS_PULL_H
#define BLOBS_PULL_H

#include "base/loop.h"
#include "blobs/blobs.h"

#define PULL_WANTS_MAX 4096  /* blobs wanted at once */
#define PULL_ACTIVE_MAX 4    /* of these asked for at once, the others wait their turn */
#define PULL_ADDRESSES_MAX 8 /* of one blob; more are left out */
#define PULL_CLIENTS_MAX 16  /* connections kept */
#define PULL_ANSWER_NS INT64_C(3000000000) /* silence after which an address is left */
#define PULL_PAUSE_NS INT64_C(1000000000)

enum pull_state {
    PULL_UNKNOWN, /* neither here nor wanted */
    PULL_COMING,
    PULL_DONE,
    PULL_FAILED /* no address delivers; tried again by itself */
};

struct pull;

/** @param blobs,loop borrowed until pull_free. @return GALE_OK or GALE_ERR_NOMEM. */
enum gale_err pull_new(struct blobs *blobs, struct loop *loop, struct pull **out);
/** Parts stay on the disk. May be NULL. */
void pull_free(struct pull *pull);
/**
 * Wants a blob, or renews the addresses of one that is wanted; nothing when it is here.
 * @param addresses rpc endpoints, copied. @return GALE_OK; GALE_ERR_INVALID (no name of a blob, no
 * address); GALE_ERR_LIMIT (PULL_WANTS_MAX, BLOBS_SIZE_MAX); GALE_ERR_NOMEM.
 */
enum gale_err pull_want(struct pull *pull, const char *hex, uint64_t size,
                        const char *const *addresses, size_t count);
/** Wants it no longer. */
void pull_forget(struct pull *pull, const char *hex);
/** @param text receives the reason of the last failure ("" when none), living until the next call
 *  that is given the pull; may be NULL. */
enum pull_state pull_state(const struct pull *pull, const char *hex, const char **text);
/** Takes answers, asks on, gives up on silent addresses. To be called in each round of the loop. */
void pull_poll(struct pull *pull, int64_t now_ns);
/** When pull_poll is due at the latest; INT64_MAX: nothing under way. */
int64_t pull_next_ns(const struct pull *pull);

#endif
