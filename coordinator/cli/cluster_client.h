/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line's way to the cluster: finds the leading coordinator, asks it, follows redirects,
 * finds it again when it dies, all within one deadline.
 *
 * Where it looks, in this order: the leader that answered last (a file below XDG_CACHE_HOME/gale),
 * --coordinator or coordinator.addresses, the coordinators that ZooKeeper knows, a running `gale
 * dev`, coordinator.listen of this machine. ZooKeeper is asked only when nothing before it
 * answers, so a usual command costs one connection. A wrong or old file costs one refused
 * connection and nothing else: whoever does not lead says who does.
 *
 * One thread; calls block. Not for daemons.
 */
#ifndef CLI_CLUSTER_CLIENT_H
#define CLI_CLUSTER_CLIENT_H

#include "cli/options.h"
#include "cli/progress.h"
#include "rpc/client.h"
#include "rpc/tree.h"

#define CLUSTER_TIMEOUT_MS INT64_C(60000) /* of --timeout when it is not given */
#define CLUSTER_ATTEMPT_MS INT64_C(2000)  /* for one answer before another is looked for */
#define CLUSTER_FIRST_MS INT64_C(5000)    /* for any sign of life at all */
#define CLUSTER_CANDIDATES_MAX 32         /* addresses kept */

/* What every verb that talks to a cluster takes. */
#define CLUSTER_OPTIONS \
    {"timeout", 0, "TIME", NULL, "How long to wait at most; default 60s."}, \
        {"coordinator", 0, "ADDRESS", NULL, \
         "Coordinators: tcp://HOST:PORT, comma-separated."}, \
        {"zookeeper", 0, "SERVERS", NULL, "ZooKeeper that knows them: HOST:PORT,...."}, \
    { \
        "config", 0, "FILE", "FILE", "Settings instead of ~/.config/gale/gale.yaml." \
    }

struct cluster_client;

/**
 * Reads the settings; connects to nobody yet.
 * @param call borrowed as long as the client lives.
 * @return EXIT_DONE and *out, to be closed; else the exit code, reported.
 */
int cluster_open(const struct invocation *call, struct cluster_client **out);
/** May be NULL. */
void cluster_close(struct cluster_client *client);
/** From now on waits are shown there; NULL: nowhere. Borrowed. */
void cluster_show(struct cluster_client *client, struct progress *progress);
/** The command's deadline, by clock_now_ns. */
int64_t cluster_deadline_ns(const struct cluster_client *client);
/** Moves it: so much more than --timeout, counted from now. */
void cluster_extend(struct cluster_client *client, int64_t more_ms);
/** Moves it to so long from now, whatever --timeout says. */
void cluster_within(struct cluster_client *client, int64_t within_ms);

/**
 * Asks the leader.
 * @param request with its "verb"; sent again when it may not have arrived.
 * @param answer to be freed by conf_free, NULL on an error; may be NULL. @param answer_body may be
 * NULL.
 * @return GALE_OK; GALE_ERR_CLOSED: no cluster, *error says what was tried; GALE_ERR_TIMEOUT: the
 * deadline passed; else the leader's refusal. *error is set, its hint behind " | ".
 */
enum gale_err cluster_ask(struct cluster_client *client, const struct gale_conf *request,
                          const void *body, size_t body_size, struct gale_conf **answer,
                          struct buf *answer_body, struct gale_error *error);
/** Whether the last question was asked more than once, so that its first time may have had its
 *  effect already. */
bool cluster_asked_twice(const struct cluster_client *client);
/** The connection that answered last, for what goes on over it (blobs_push); NULL: none. */
struct rpc_client *cluster_rpc(struct cluster_client *client);
/** Drops that connection: the next question looks for the leader anew. */
void cluster_leave(struct cluster_client *client);

/** A request {verb, name}; name may be NULL. NULL: no memory. To be freed by conf_free. */
struct gale_conf *cluster_request(const char *verb, const char *name);
/** Asks {verb, name} with its answer. @return EXIT_DONE or the exit code, reported, with the
 *  nearest name where there is no such topology. */
int cluster_get(struct cluster_client *client, const char *verb, const char *name,
                struct gale_conf **answer);
/** A whole verb that asks {verb, name} once and shows the answer: opens, asks, shows, closes.
 *  @param show is given the answer, borrowed, and returns the exit code. @return the exit code. */
int cluster_query(const struct invocation *call, const char *verb, const char *name,
                  int (*show)(const struct invocation *call, const struct gale_conf *answer));
/** Reports an error of cluster_ask. @param name the topology that was asked for, or NULL.
 *  @return the exit code. */
int cluster_fail(struct cluster_client *client, enum gale_err err,
                 const struct gale_error *error, const char *name);
/** A component of a topology by name, in the answer of `describe`; NULL: it has none. */
const struct gale_conf *cluster_component(const struct gale_conf *described, const char *name);
/** Reports that a topology has no component of a name, with the nearest. @return the exit code. */
int cluster_no_component(const struct invocation *call, const struct gale_conf *described,
                         const char *topology, const char *name);
/** Whether somebody accepts connections there, asked within so many milliseconds.
 *  @param why receives how it is else: "connection refused". */
bool cluster_reaches(const char *endpoint, int64_t within_ms, char *why, size_t size);

#endif
