/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of one worker, read from its supervisor wherever that runs, and the connections to the
 * supervisors. Single-threaded; blocks.
 */
#ifndef CLI_LOGS_SOURCE_H
#define CLI_LOGS_SOURCE_H

#include "cli/logs_merge.h"
#include "rpc/client.h"

#define LOGS_SOURCES_MAX 1024
#define LOGS_HOSTS_MAX 256
#define LOGS_READ_MAX (1u << 20)
#define LOGS_CALL_MS INT64_C(2000)

/* A supervisor. */
struct logs_host {
    char endpoint[RPC_ENDPOINT_SIZE];
    struct rpc_client *rpc; /* NULL: not connected */
};

struct logs_hosts {
    struct logs_host items[LOGS_HOSTS_MAX];
    size_t count;
};

struct logs_source {
    char topology[65]; /* its name: logs outlive the topology of an id */
    char host[65];
    char endpoint[RPC_ENDPOINT_SIZE]; /* of the host's supervisor */
    int64_t worker;
    int64_t offset;   /* where to read on; -1: not begun */
    int64_t last_ms;  /* of the line read last, since 1970 */
    int64_t since_ms; /* earlier lines are not shown */
    struct buf rest;  /* of a line that is not whole yet */
    bool silent;      /* could not be read the last time */
    bool present;     /* the worker is there now */
};

/* What to do with a whole line. An error from it ends the reading; the line counts as read. */
typedef enum gale_err logs_line_fn(void *self, struct logs_source *source, const char *line,
                                   size_t size);

/* From where on a log is wanted. */
struct logs_want {
    int64_t lines;    /* the last so many of those that are kept; 0: does not matter */
    int64_t since_ms; /* and all of this time or later, since 1970; 0: does not matter */
    bool (*keep)(void *self, const char *line, size_t size);
    void *self;
};

void logs_hosts_fini(struct logs_hosts *hosts);
void logs_source_init(struct logs_source *source);
void logs_source_fini(struct logs_source *source);
/** Finds where to begin: reads backwards until enough is there, or to the begin of what is kept.
 *  @return GALE_OK and source->offset set; else *error says why the log cannot be read. */
enum gale_err logs_source_begin(struct logs_source *source, struct logs_hosts *hosts,
                                const struct logs_want *want, struct gale_error *error);
/** Reads what lies behind source->offset. @return GALE_OK; what `line` returned; else *error says why
 *  the log cannot be read at the moment. */
enum gale_err logs_source_read(struct logs_source *source, struct logs_hosts *hosts,
                               logs_line_fn *line, void *self, struct gale_error *error);

#endif
