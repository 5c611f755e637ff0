/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One ZooKeeper server of the suite's own, on a free port of loopback and in a directory of the run:
 * Debian's, with tickTime=200, so that sessions of 400 ms are possible. It dies with the suite. One
 * thread; calls block, zookeeper_start until it serves.
 */
#ifndef SUITE_ZOOKEEPER_H
#define SUITE_ZOOKEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct zookeeper {
    pid_t pid; /* 0: it does not run. */
    uint16_t port;
};

/** Whether this machine has Java and ZooKeeper. @param why receives what is missing. */
bool zookeeper_is_there(char *why, size_t size);
/** Starts it and waits until it serves. @param dir an existing directory. @param environment of the
 *  process. @return false when it does not serve; `why` says how it is. Interrupted: false, "". */
bool zookeeper_start(struct zookeeper *zookeeper, const char *dir, char *const *environment,
                     char *why, size_t size);
void zookeeper_end(struct zookeeper *zookeeper);

/** The number of the last transaction: it grows by one with each change, whether of one node or of
 *  several at once, and with each session that begins or ends. @return false: no answer. */
bool zookeeper_transaction(const struct zookeeper *zookeeper, uint64_t *number);
/** How many nodes that end with their session lie below a path such as "/gale/coordinators/". */
size_t zookeeper_ephemerals(const struct zookeeper *zookeeper, const char *path);

#endif
