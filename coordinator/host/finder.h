/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where coordinators may be asked: addresses from the configuration, from ZooKeeper's candidates and
 * from a file that remembers the last known ones. finder_look blocks and suits a command; the
 * supervisor, which must not wait, lets a thread of its own look (struct finder).
 *
 * A candidate's record in the store is text, its first line the endpoint of its requests.
 */
#ifndef HOST_FINDER_H
#define HOST_FINDER_H

#include "base/loop.h"
#include "config/config.h"

#define FINDER_ADDRESSES_MAX 16
#define FINDER_ADDRESS_SIZE 256
#define FINDER_FOLDER "/coordinators"

struct finder_list {
    char at[FINDER_ADDRESSES_MAX][FINDER_ADDRESS_SIZE];
    size_t count;
};

/** Adds an address that is not in the list. @return false: it is there already, the list is full or it
 *  is no address (tcp:// or ipc://). */
bool finder_add(struct finder_list *list, const char *address);
/** Adds what the configuration names: coordinator.addresses. @return how many were added. */
size_t finder_add_fixed(struct finder_list *list, const struct config *config);
/** Whether the configuration names ZooKeeper servers that may be asked. */
bool finder_has_store(const struct config *config);
/**
 * Asks ZooKeeper for the candidates and adds them, that with the smallest number, most likely the leader, first.
 * Opens a session of its own and closes it; blocks for some times within_ms at most.
 * @return GALE_OK, also when there is none; GALE_ERR_STATE: no servers in the configuration; else as
 * store_zookeeper_open and the store's calls, with *error set.
 */
enum gale_err finder_look(const struct config *config, int within_ms, struct finder_list *list,
                          struct gale_error *error);
/** Reads a file of addresses, a line each; what is no address is left out. @return how many came in. */
size_t finder_load(struct finder_list *list, const char *path);
/** Replaces the file by rename. GALE_ERR_IO, GALE_ERR_LIMIT (the path is too long). */
enum gale_err finder_save(const struct finder_list *list, const char *path);

/* Looks in a thread, one at a time. All calls from one thread. */
struct finder;

/** @param config borrowed until finder_free. @param loop woken when a look has ended. GALE_ERR_NOMEM. */
enum gale_err finder_new(const struct config *config, struct loop *loop, struct finder **out);
/** Waits for a look under way. May be NULL. */
void finder_free(struct finder *finder);
/** Begins a look; nothing when one is under way. GALE_ERR_LIMIT: no thread could be made. */
enum gale_err finder_begin(struct finder *finder, int within_ms);
/** Takes the outcome of the look. @return GALE_ERR_AGAIN: none has ended since the last call; else as
 *  finder_look, with *list replaced on GALE_OK. */
enum gale_err finder_take(struct finder *finder, struct finder_list *list,
                          struct gale_error *error);

#endif
