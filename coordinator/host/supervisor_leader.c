/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A supervisor's questions to the coordinators: whom to ask is seek.c's, what an answer means
 * host_wire.c's. Here are the connections, and the addresses: of the configuration, of the file
 * `candidates`, of answers, and of ZooKeeper when nobody known leads.
 */
#include "host/supervisor_internal.h"

#include "base/str.h"
#include <gale/log.h>

#include <stdio.h>
#include <string.h>

/* The loop only has to wake: every step looks at all connections. */
static void on_wire(void *argument, int fd, unsigned events)
{
    (void)argument;
    (void)fd;
    (void)events;
}

static void peer_close(struct supervisor *supervisor, struct supervisor_peer *peer)
{
    if (peer->client) {
        loop_remove(supervisor->loop, rpc_client_fd(peer->client));
        rpc_client_free(peer->client);
    }
    *peer = (struct supervisor_peer){0};
}

static bool peer_open(struct supervisor *supervisor, size_t index)
{
    struct supervisor_peer *peer = &supervisor->peers[index];
    const char *address = supervisor->seek.list.at[index];
    struct gale_error error = {0};
    if (peer->client && strcmp(peer->address, address) == 0) {
        return true;
    }
    peer_close(supervisor, peer);
    enum gale_err err = rpc_client_new(address, &peer->client, &error);
    if (err == GALE_OK) {
        err = loop_add(supervisor->loop, rpc_client_fd(peer->client), LOOP_READ, on_wire, NULL);
    }
    if (err != GALE_OK) {
        gale_log(GALE_LOG_WARN, "coordinator %s: %s", address,
                 error.text[0] ? error.text : gale_err_name(err));
        rpc_client_free(peer->client);
        *peer = (struct supervisor_peer){0};
        return false;
    }
    (void)str_copy(peer->address, sizeof(peer->address), address);
    return true;
}

static bool ask(struct supervisor *supervisor, size_t index, enum seek_ask what)
{
    struct supervisor_peer *peer = &supervisor->peers[index];
    if (!peer_open(supervisor, index)) {
        return false;
    }
    struct gale_conf *tree = conf_new();
    enum gale_err err = tree ? GALE_OK : GALE_ERR_NOMEM;
    if (err == GALE_OK && what == SEEK_HOST) {
        supervisor->facts.number++;
        err = host_core_report(&supervisor->core, &supervisor->facts, tree, &peer->gone_count);
    } else if (err == GALE_OK) {
        err = tree_put_text(tree, "verb", "who");
    }
    err = err ? err : rpc_client_send(peer->client, tree, NULL, 0, &peer->id);
    peer->asked = what;
    conf_free(tree);
    if (err != GALE_OK) {
        gale_log(GALE_LOG_WARN, "coordinator %s cannot be asked: %s", peer->address,
                 gale_err_name(err));
    }
    return err == GALE_OK;
}

/* ---- Answers ----------------------------------------------------------------------------------- */

static void on_who(struct supervisor *supervisor, size_t index, const struct gale_conf *tree,
                   int64_t now_ns)
{
    int64_t epoch = gale_conf_int64(tree, "epoch", 0);
    seek_who(&supervisor->seek, index, gale_conf_bool(tree, "leads", false),
             epoch > 0 ? (uint64_t)epoch : 0, gale_conf_string(tree, "leader", NULL), now_ns);
}

static void learn_others(struct supervisor *supervisor, const struct gale_conf *list)
{
    for (size_t i = 0; i < gale_conf_count(list) && !supervisor->fixed; i++) {
        const char *address = gale_conf_text(gale_conf_at(list, i));
        if (address) {
            (void)seek_add(&supervisor->seek, address);
        }
    }
}

/* The same is refused several times a second, and said now and then. */
static void complain(struct supervisor *supervisor, size_t index, enum gale_err err,
                     const char *text, int64_t now_ns)
{
    char hint[PATH_MAX + 128] = "";
    if (now_ns < supervisor->complain_at_ns) {
        return;
    }
    supervisor->complain_at_ns = now_ns + SUPERVISOR_COMPLAIN_NS;
    if (err == GALE_ERR_STALE) {
        snprintf(hint, sizeof(hint),
                 "; when the cluster's store was made anew, end this supervisor with "
                 "--stop-workers and remove %s",
                 supervisor->dirs.coordinator);
    }
    gale_log(GALE_LOG_WARN, "coordinator %s: %s%s", supervisor->seek.list.at[index], text,
             hint);
}

static void on_host(struct supervisor *supervisor, size_t index, const struct gale_conf *tree,
                    int64_t now_ns)
{
    struct gale_error error = {0};
    const char *redirect = gale_conf_string(tree, "redirect", NULL);
    enum gale_err err = redirect ? GALE_ERR_AGAIN : rpc_refusal(tree, &error);
    if (err != GALE_OK) {
        if (err != GALE_ERR_AGAIN) {
            complain(supervisor, index, err, error.text, now_ns);
        }
        seek_refused(&supervisor->seek, index, redirect, now_ns);
        return;
    }
    supervisor->renew = true;
    err = host_core_answer(&supervisor->core, tree, supervisor->peers[index].gone_count, now_ns,
                           &error);
    supervisor->renew = false;
    if (err == GALE_OK || err == GALE_ERR_NOMEM) {
        seek_obeyed(&supervisor->seek, index, supervisor->core.epoch, now_ns);
        learn_others(supervisor, gale_conf_get(tree, "coordinators"));
    } else {
        seek_refused(&supervisor->seek, index, NULL, now_ns);
    }
    if (err != GALE_OK && err != GALE_ERR_STATE) {
        complain(supervisor, index, err, error.text, now_ns);
    }
}

static void take_answers(struct supervisor *supervisor, size_t index, int64_t now_ns)
{
    struct supervisor_peer *peer = &supervisor->peers[index];
    struct gale_conf *tree = NULL;
    uint64_t id;
    while (peer->client && rpc_client_receive(peer->client, &id, &tree, NULL) == GALE_OK) {
        /* One that came too late is of no use: what it answers has changed. */
        if (id == peer->id && peer->asked != SEEK_NOTHING) {
            enum seek_ask asked = peer->asked;
            peer->asked = SEEK_NOTHING;
            if (asked == SEEK_WHO) {
                on_who(supervisor, index, tree, now_ns);
            } else {
                on_host(supervisor, index, tree, now_ns);
            }
        }
        conf_free(tree);
        tree = NULL;
    }
}

/* ---- Addresses --------------------------------------------------------------------------------- */

static void add_all(struct supervisor *supervisor, const struct finder_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        (void)seek_add(&supervisor->seek, list->at[i]);
    }
}

static void look_around(struct supervisor *supervisor, int64_t now_ns)
{
    struct finder_list found = {.count = 0};
    struct gale_error error = {0};
    /* Also without a store to look into: seek_next_ns goes by the time of the next look. */
    bool looks = seek_wants_look(&supervisor->seek, now_ns);
    if (!supervisor->finder) {
        return;
    }
    enum gale_err err = finder_take(supervisor->finder, &found, &error);
    if (err == GALE_OK) {
        add_all(supervisor, &found);
    } else if (err != GALE_ERR_AGAIN) {
        gale_log(GALE_LOG_WARN, "%s; asking the coordinators that were known last", error.text);
    }
    if (looks && finder_begin(supervisor->finder, SUPERVISOR_LOOK_WITHIN_MS) != GALE_OK) {
        gale_log(GALE_LOG_WARN, "no thread could be started to ask ZooKeeper");
    }
}

/* The next life begins with what is known now, also when the store is away then. */
static void remember(struct supervisor *supervisor)
{
    const struct finder_list *list = &supervisor->seek.list;
    if (supervisor->fixed || supervisor->seek.leader < 0 ||
        (list->count == supervisor->saved.count &&
         memcmp(list->at, supervisor->saved.at, list->count * sizeof(list->at[0])) == 0)) {
        return;
    }
    supervisor->saved = *list;
    if (finder_save(list, supervisor->dirs.candidates) != GALE_OK) {
        gale_log(GALE_LOG_WARN, "cannot write %s", supervisor->dirs.candidates);
    }
}

void supervisor_leader_open(struct supervisor *supervisor, const char *only)
{
    struct finder_list list = {.count = 0};
    const struct config *config = supervisor->config;
    seek_init(&supervisor->seek, loop_now_ns(supervisor->loop));
    supervisor->fixed = only != NULL;
    if (only) {
        (void)finder_add(&list, only);
    } else {
        (void)finder_add_fixed(&list, config);
        (void)finder_load(&list, supervisor->dirs.candidates);
    }
    /* Without any word about where, it is on this machine. */
    if (!only && !finder_has_store(config) && list.count == 0) {
        (void)finder_add(&list, config_text(config, "coordinator.listen"));
    }
    add_all(supervisor, &list);
    if (!only && finder_has_store(config) &&
        finder_new(config, supervisor->loop, &supervisor->finder) != GALE_OK) {
        gale_log(GALE_LOG_WARN, "no memory to ask ZooKeeper for coordinators");
    }
}

void supervisor_leader_step(struct supervisor *supervisor, int64_t now_ns)
{
    size_t index;
    enum seek_ask what;
    for (size_t i = 0; i < supervisor->seek.list.count; i++) {
        take_answers(supervisor, i, now_ns);
    }
    look_around(supervisor, now_ns);
    while (seek_expired(&supervisor->seek, now_ns, &index)) {
        peer_close(supervisor, &supervisor->peers[index]);
    }
    if (host_core_take_changed(&supervisor->core)) {
        seek_hurry(&supervisor->seek);
    }
    while ((what = seek_next(&supervisor->seek, now_ns, &index)) != SEEK_NOTHING) {
        if (!ask(supervisor, index, what)) {
            seek_failed(&supervisor->seek, index);
        }
    }
    remember(supervisor);
}

void supervisor_leader_close(struct supervisor *supervisor)
{
    for (size_t i = 0; i < FINDER_ADDRESSES_MAX; i++) {
        peer_close(supervisor, &supervisor->peers[i]);
    }
    finder_free(supervisor->finder);
    supervisor->finder = NULL;
}
