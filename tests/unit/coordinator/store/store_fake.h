/* SPDX-License-Identifier: Apache-2.0 */
/* A store in memory that several sessions share, whose links, losses and answers the test sets. */
#ifndef STORE_FAKE_H
#define STORE_FAKE_H

#include "store/store.h"

#define FAKE_RECORDS_MAX 32
#define FAKE_WATCHES_MAX 16
#define FAKE_PATH_SIZE 256

struct fake_record {
    char path[FAKE_PATH_SIZE]; /* empty: not used */
    int64_t version;
    const struct fake_store *owner; /* of an ephemeral record */
};

struct fake_watch {
    char path[FAKE_PATH_SIZE]; /* empty: not used */
    void (*fn)(void *argument, const char *path);
    void *argument;
    bool due;
};

struct fake_cluster {
    struct fake_record records[FAKE_RECORDS_MAX];
    uint32_t sequence;
    struct fake_store *stores[4];
    int stores_count;
};

struct fake_store {
    struct store base;
    struct fake_cluster *cluster;
    struct store_session session;
    struct fake_watch watches[FAKE_WATCHES_MAX];
    int watches_set;  /* ever */
    bool answer_lost; /* the next multi takes effect and is GALE_ERR_UNKNOWN */
    bool unreachable; /* every call is GALE_ERR_TIMEOUT */
};

void fake_open(struct fake_cluster *cluster, struct fake_store *fake);
/** The servers end the session: its records go. What the store itself knows stays as it is. */
void fake_expire(struct fake_store *fake);
/** The store learns of it and has a new session. */
void fake_renew(struct fake_store *fake, int64_t now_ns);

#endif
