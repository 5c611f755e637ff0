/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom a supervisor asks: among some addresses of coordinators it finds the one that leads, stays with
 * it while it answers, and still asks the others now and then, because a leader that is cut off from
 * the store goes on answering in its old epoch. The highest epoch wins. Pure; one thread.
 *
 *   NONE LEADS ──who: leads, or a redirect──▶ ONE LEADS ──silent, refuses, or a higher epoch──▶ …
 *
 * To an address that does not answer no second question is sent; after SEEK_GIVE_UP_NS the connection
 * is to be made anew, so that old questions do not pile up in it.
 */
#ifndef HOST_SEEK_H
#define HOST_SEEK_H

#include "host/finder.h"

#define SEEK_REPORT_NS INT64_C(300000000)   /* between reports to the leader */
#define SEEK_HURRY_NS INT64_C(20000000)     /* and at least, when something has changed */
#define SEEK_OTHERS_NS INT64_C(1000000000)  /* between questions to those that do not lead */
#define SEEK_SEARCH_NS INT64_C(200000000)   /* the same while nobody is known to lead */
#define SEEK_PATIENCE_NS INT64_C(600000000) /* silence after which another may lead */
#define SEEK_GIVE_UP_NS INT64_C(1500000000) /* after which an answer will not come any more */
#define SEEK_LOOK_NS INT64_C(1000000000)    /* without a leader: ask the store who there is */
#define SEEK_LOOK_MAX_NS INT64_C(10000000000)

enum seek_ask { SEEK_NOTHING, SEEK_WHO, SEEK_HOST };

struct seek_peer {
    enum seek_ask waiting; /* the question that has no answer yet */
    int64_t asked_ns;      /* when the last question left; INT64_MIN: never */
};

struct seek {
    struct finder_list list;
    struct seek_peer peers[FINDER_ADDRESSES_MAX];
    int leader;     /* index; -1: none */
    uint64_t epoch; /* of the leader that was obeyed last */
    bool hurry;
    int64_t since_ns;   /* without a leader since then */
    int64_t look_at_ns; /* next look, while there is no leader */
    int64_t look_pause_ns;
};

void seek_init(struct seek *seek, int64_t now_ns);
/** Adds an address; when there is no room, in place of one that does not lead. @return its index, -1: it
 *  is no address. */
int seek_add(struct seek *seek, const char *address);
/** Something has changed that the leader should hear now. */
void seek_hurry(struct seek *seek);
/** The next question that is due and whom to ask; call it until it says SEEK_NOTHING. The question counts
 *  as asked: where it could not be sent, seek_failed. */
enum seek_ask seek_next(struct seek *seek, int64_t now_ns, size_t *peer);
void seek_failed(struct seek *seek, size_t peer);
/** One whose answer will not come: its connection is to be made anew. @return false: none. */
bool seek_expired(struct seek *seek, int64_t now_ns, size_t *peer);
/** Answer to SEEK_WHO. @param leader where the one that it follows is, or NULL. */
void seek_who(struct seek *seek, size_t peer, bool leads, uint64_t epoch, const char *leader,
              int64_t now_ns);
/** Answer to SEEK_HOST that was obeyed. */
void seek_obeyed(struct seek *seek, size_t peer, uint64_t epoch, int64_t now_ns);
/** Answer to SEEK_HOST that was no list of workers. @param leader where to ask instead, or NULL. */
void seek_refused(struct seek *seek, size_t peer, const char *leader, int64_t now_ns);
/** Whether the store should be asked for addresses now; asks again after a pause that grows. */
bool seek_wants_look(struct seek *seek, int64_t now_ns);
/** When any of the above is due next. */
int64_t seek_next_ns(const struct seek *seek);

#endif
