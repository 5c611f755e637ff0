/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the leader; see cluster_client.h.
 *
 * A question goes to the connection at hand. No answer within an attempt, or an address that
 * refuses connections meanwhile, closes it and the next candidate is tried. Each candidate's last
 * fate is kept for the sentence that explains a failure.
 */
#include "cli/cluster_client.h"

#include "base/clock.h"
#include "base/str.h"
#include "cli/cluster_address.h"
#include "cli/cluster_text.h"
#include "cli/wait.h"
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)

enum {
    LOOK_AGAIN_MS = 50,   /* between two rounds over all candidates */
    STILL_THERE_MS = 250, /* without an answer: is the process still there? */
    CONNECT_MS = 1000,
    HOPS_MAX = 8,        /* redirects followed without a pause */
    NAMES_MAX = 1000,    /* looked at for the nearest one */
    COMPONENTS_MAX = 256 /* likewise */
};

struct cluster_client {
    const struct invocation *call;
    struct config *config;
    struct cluster_addresses addresses;
    struct rpc_client *rpc; /* NULL: nobody at the moment */
    size_t at;              /* candidate of rpc, or the one to be tried next */
    struct progress *progress;
    int64_t timeout_ms;
    int64_t begin_ns;
    int64_t deadline_ns;
    unsigned hops;
    bool met;   /* a leader has answered in this process */
    bool alive; /* somebody accepted a connection */
    bool twice; /* the present question was sent more than once */
    bool sent;
};

/* Nothing is left after Ctrl-C, so that every loop here ends. */
static int64_t left_ms(const struct cluster_client *client)
{
    if (wait_interrupted() != 0) {
        return 0;
    }
    int64_t left = (client->deadline_ns - clock_now_ns()) / NS_PER_MS;
    return left > 0 ? left : 0;
}

static int64_t at_most(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int report_config(const struct invocation *call, const struct diag *diag)
{
    struct buf text;
    if (call->json || diag->count == 0) {
        return output_fail(call->json, EXIT_INVALID, "`gale config show` reads them too",
                           "the settings are wrong: %s",
                           diag->count > 0 ? diag->items[0].text : "out of memory");
    }
    buf_init(&text, 0);
    if (diag_render(diag, &text) == GALE_OK) {
        fwrite(text.data, 1, text.size, stderr);
    }
    buf_fini(&text);
    return EXIT_INVALID;
}

int cluster_open(const struct invocation *call, struct cluster_client **out)
{
    const struct config_flag flags[] = {
        {"coordinator.addresses", options_value(call, "coordinator"), "coordinator"},
        {"zookeeper.servers", options_value(call, "zookeeper"), "zookeeper"},
    };
    const struct config_options options = {.file = options_value(call, "config"),
                                           .flags = flags,
                                           .flags_count = sizeof flags / sizeof flags[0]};
    struct config *config = NULL;
    struct diag diag;
    int64_t timeout_ms = CLUSTER_TIMEOUT_MS;
    *out = NULL;
    if (!cluster_option_time(call, "timeout", 0, &timeout_ms)) {
        return EXIT_USAGE;
    }
    diag_init(&diag);
    int code = config_load(&options, &diag, &config) == GALE_OK ? EXIT_DONE
                                                                : report_config(call, &diag);
    diag_fini(&diag);
    struct cluster_client *client = code == EXIT_DONE ? calloc(1, sizeof *client) : NULL;
    if (code == EXIT_DONE && client == NULL) {
        code = output_fail(call->json, EXIT_INTERNAL, NULL, "out of memory");
    }
    if (code == EXIT_DONE) {
        client->call = call;
        client->timeout_ms = timeout_ms;
        client->begin_ns = clock_now_ns();
        client->deadline_ns = client->begin_ns + timeout_ms * NS_PER_MS;
        client->config = config;
        cluster_addresses_init(&client->addresses, config);
        *out = client;
    } else {
        config_free(config);
    }
    return code;
}

void cluster_close(struct cluster_client *client)
{
    if (client != NULL) {
        rpc_client_free(client->rpc);
        config_free(client->config);
        free(client);
    }
}

void cluster_show(struct cluster_client *client, struct progress *progress)
{
    client->progress = progress;
}

int64_t cluster_deadline_ns(const struct cluster_client *client)
{
    return client->deadline_ns;
}

void cluster_extend(struct cluster_client *client, int64_t more_ms)
{
    client->deadline_ns = clock_now_ns() + (client->timeout_ms + more_ms) * NS_PER_MS;
}

void cluster_within(struct cluster_client *client, int64_t within_ms)
{
    client->deadline_ns = clock_now_ns() + within_ms * NS_PER_MS;
}

bool cluster_asked_twice(const struct cluster_client *client)
{
    return client->twice;
}

struct rpc_client *cluster_rpc(struct cluster_client *client)
{
    return client->rpc;
}

void cluster_leave(struct cluster_client *client)
{
    rpc_client_free(client->rpc);
    client->rpc = NULL;
}

/* ---- Finding somebody ---- */

static void pause_ms(struct cluster_client *client, const char *why)
{
    if (client->progress != NULL) {
        progress_show(client->progress, "waiting for the coordinator", why);
    }
    (void)poll(NULL, 0, (int)at_most(LOOK_AGAIN_MS, left_ms(client)));
}

/* Leaves the present candidate, with what is to be said of it, for the next one. */
static void give_up(struct cluster_client *client, const char *why)
{
    struct cluster_candidate *item = &client->addresses.items[client->at];
    (void)str_copy(item->result, sizeof item->result, why);
    cluster_leave(client);
    client->at++;
}

static bool try_candidate(struct cluster_client *client, struct gale_error *error)
{
    struct cluster_candidate *item = &client->addresses.items[client->at];
    char why[sizeof item->result];
    if (!cluster_reaches(item->endpoint, at_most(CONNECT_MS, left_ms(client)), why,
                         sizeof why)) {
        bool said = *item->result == 'n' && strncmp(item->endpoint, "ipc://", 6) == 0;
        give_up(client, said ? item->result : why);
        return false;
    }
    client->alive = true;
    if (rpc_client_new(item->endpoint, &client->rpc, error) != GALE_OK) {
        client->rpc = NULL;
        give_up(client, error->text);
        return false;
    }
    return true;
}

/* Connects to the next candidate that accepts connections. Nobody in a whole round: fails, unless
 * somebody was there before and may come again. */
static enum gale_err find(struct cluster_client *client, struct gale_error *error)
{
    for (;;) {
        if (left_ms(client) == 0 && client->met) {
            return gale_error_set(error, GALE_ERR_TIMEOUT, "no coordinator answered in time");
        }
        while (client->at < client->addresses.count) {
            if (try_candidate(client, error)) {
                return GALE_OK;
            }
        }
        size_t known = client->addresses.count;
        cluster_addresses_look(&client->addresses, at_most(CLUSTER_FIRST_MS, left_ms(client)));
        if (client->addresses.count > known) {
            continue;
        }
        bool early = clock_now_ns() - client->begin_ns < CLUSTER_FIRST_MS * NS_PER_MS;
        if (left_ms(client) == 0 || (!client->met && !(client->alive && early))) {
            char text[sizeof error->text - 1];
            cluster_addresses_explain(&client->addresses, text, sizeof text);
            return gale_error_set(error, GALE_ERR_CLOSED, "%s", text);
        }
        client->at = 0;
        pause_ms(client, client->addresses.items[0].result);
    }
}

/* ---- One question ---- */

/* Waits for the answer to `id` for an attempt's time, less when nobody listens there any more. */
static enum gale_err await(struct cluster_client *client, uint64_t id,
                           struct gale_conf **answer, struct buf *answer_body)
{
    struct pollfd ready = {.fd = rpc_client_fd(client->rpc), .events = POLLIN};
    const char *endpoint = rpc_client_endpoint(client->rpc);
    int64_t end_ns = clock_now_ns() + at_most(CLUSTER_ATTEMPT_MS, left_ms(client)) * NS_PER_MS;
    int64_t look_ns = clock_now_ns() + STILL_THERE_MS * NS_PER_MS;
    for (;;) {
        uint64_t came = 0;
        struct gale_conf *tree = NULL;
        enum gale_err err = rpc_client_receive(client->rpc, &came, &tree, answer_body);
        if (err == GALE_OK && came == id) {
            *answer = tree;
            return GALE_OK;
        }
        conf_free(tree);
        if (err == GALE_OK) {
            continue;
        }
        if (err != GALE_ERR_AGAIN) {
            return err;
        }
        int64_t now_ns = clock_now_ns();
        char why[96];
        if (now_ns >= end_ns || left_ms(client) == 0) {
            return GALE_ERR_TIMEOUT;
        }
        if (now_ns >= look_ns) {
            if (!cluster_reaches(endpoint, STILL_THERE_MS, why, sizeof why)) {
                return GALE_ERR_CLOSED;
            }
            look_ns = clock_now_ns() + STILL_THERE_MS * NS_PER_MS;
        }
        int64_t until = at_most(end_ns, look_ns) - now_ns;
        (void)poll(&ready, 1, (int)(until / NS_PER_MS) + 1);
    }
}

/* Goes to the leader that the answer names. */
static void follow(struct cluster_client *client, const char *endpoint)
{
    char why[160];
    snprintf(why, sizeof why, "redirects to %.100s", endpoint);
    give_up(client, why);
    int index = cluster_addresses_add(&client->addresses, endpoint);
    client->at = index >= 0 ? (size_t)index : 0;
    if (++client->hops > HOPS_MAX) {
        client->hops = 0;
        pause_ms(client, why);
    }
}

/* What a refusal means for the way on: true, ask again. */
static bool ask_again(struct cluster_client *client, enum gale_err err,
                      const struct gale_error *error)
{
    if (err == GALE_ERR_TIMEOUT || err == GALE_ERR_CLOSED) {
        give_up(client, err == GALE_ERR_TIMEOUT ? "no answer in time" : "connection refused");
        return true;
    }
    if (err != GALE_ERR_AGAIN || left_ms(client) == 0) {
        return false;
    }
    /* No leader yet, or one without its store: others may know more, so the next is asked. */
    give_up(client, error->text);
    client->alive = client->met = true;
    pause_ms(client, error->text);
    return true;
}

enum gale_err cluster_ask(struct cluster_client *client, const struct gale_conf *request,
                          const void *body, size_t body_size, struct gale_conf **answer,
                          struct buf *answer_body, struct gale_error *error)
{
    struct gale_error refusal = {GALE_OK, ""};
    client->twice = client->sent = false;
    if (answer != NULL) {
        *answer = NULL;
    }
    for (;;) {
        struct gale_conf *tree = NULL;
        uint64_t id = 0;
        enum gale_err err = client->rpc != NULL ? GALE_OK : find(client, error);
        if (err != GALE_OK) {
            return err == GALE_ERR_TIMEOUT && refusal.code != GALE_OK
                       ? gale_error_set(error, refusal.code, "%s", refusal.text)
                       : err;
        }
        err = rpc_client_send(client->rpc, request, body, body_size, &id);
        client->twice = client->sent;
        client->sent = true;
        err = err == GALE_OK ? await(client, id, &tree, answer_body) : err;
        bool judged = err == GALE_OK;
        err = judged ? rpc_refusal(tree, error)
                     : gale_error_set(error, err, "%s does not answer",
                                      rpc_client_endpoint(client->rpc));
        const char *elsewhere = gale_conf_string(tree, "redirect", NULL);
        if (err == GALE_OK && elsewhere != NULL) {
            follow(client, elsewhere);
            conf_free(tree);
            continue;
        }
        if (err == GALE_OK && answer != NULL) {
            *answer = tree;
        } else {
            conf_free(tree);
        }
        if (judged && err != GALE_ERR_AGAIN) {
            client->met = true;
            client->hops = 0;
            cluster_addresses_remember(&client->addresses, rpc_client_endpoint(client->rpc));
            return err;
        }
        refusal = judged ? *error : refusal;
        if (!ask_again(client, err, error)) {
            return err;
        }
    }
}

/* ---- For the verbs ---- */

struct gale_conf *cluster_request(const char *verb, const char *name)
{
    struct gale_conf *tree = conf_new();
    enum gale_err err = tree != NULL ? tree_put_text(tree, "verb", verb) : GALE_ERR_NOMEM;
    err = err == GALE_OK ? tree_put_text(tree, "name", name) : err;
    if (err != GALE_OK) {
        conf_free(tree);
        return NULL;
    }
    return tree;
}

/* The nearest name of a topology, into out; false: none is near. */
static bool suggest(struct cluster_client *client, const char *name, char *out, size_t size)
{
    struct gale_error error;
    struct gale_conf *answer = NULL;
    struct gale_conf *request = cluster_request("list", NULL);
    const char **names = calloc(NAMES_MAX + 1, sizeof *names);
    bool found = false;
    if (request != NULL && names != NULL &&
        cluster_ask(client, request, NULL, 0, &answer, NULL, &error) == GALE_OK) {
        const struct gale_conf *list = gale_conf_get(answer, "topologies");
        size_t count = 0;
        for (size_t i = 0; i < gale_conf_count(list) && count < NAMES_MAX; i++) {
            const char *other = gale_conf_string(gale_conf_at(list, i), "name", NULL);
            if (other != NULL) {
                names[count++] = other;
            }
        }
        const char *near = str_suggest(name, names);
        found = near != NULL &&
                strcmp(near, name) != 0; /* It is there: what it lacks is another. */
        if (found) {
            snprintf(out, size, "did you mean %s?", near);
        }
    }
    free(names);
    conf_free(answer);
    conf_free(request);
    return found;
}

static int code_of(enum gale_err err)
{
    /* A topology that is just being changed: the same command works later. */
    bool busy = err == GALE_ERR_STATE || err == GALE_ERR_STALE;
    return busy ? EXIT_TEMPORARY : output_code_of(err);
}

int cluster_fail(struct cluster_client *client, enum gale_err err,
                 const struct gale_error *error, const char *name)
{
    char text[sizeof error->text];
    char hint[sizeof error->text] = "";
    (void)str_copy(text, sizeof text, error->text);
    char *bar = strstr(text, " | ");
    if (bar != NULL) {
        *bar = '\0';
        (void)str_copy(hint, sizeof hint, bar + 3);
    }
    progress_plain(text);
    progress_plain(hint);
    if (client->progress != NULL) {
        progress_end(client->progress);
    }
    if (wait_interrupted() != 0) {
        return output_fail(client->call->json, EXIT_SIGNAL_BASE + wait_interrupted(), NULL,
                           "interrupted");
    }
    if (err == GALE_ERR_CLOSED && *hint == '\0') {
        (void)str_copy(hint, sizeof hint, client->addresses.hint);
    } else if (err == GALE_ERR_NOT_FOUND && name != NULL &&
               !suggest(client, name, hint, sizeof hint) && *hint == '\0') {
        (void)str_copy(hint, sizeof hint, "`gale list` shows what is there");
    }
    return output_fail(client->call->json, code_of(err), *hint != '\0' ? hint : NULL, "%s",
                       *text != '\0' ? text : gale_err_name(err));
}

int cluster_get(struct cluster_client *client, const char *verb, const char *name,
                struct gale_conf **answer)
{
    struct gale_error error = {GALE_OK, ""};
    struct gale_conf *request = cluster_request(verb, name);
    enum gale_err err = request == NULL
                            ? gale_error_set(&error, GALE_ERR_NOMEM, "out of memory")
                            : cluster_ask(client, request, NULL, 0, answer, NULL, &error);
    conf_free(request);
    return err == GALE_OK ? EXIT_DONE : cluster_fail(client, err, &error, name);
}

int cluster_query(const struct invocation *call, const char *verb, const char *name,
                  int (*show)(const struct invocation *call, const struct gale_conf *answer))
{
    struct cluster_client *client;
    struct progress progress;
    struct gale_conf *answer = NULL;
    int code = cluster_open(call, &client);
    if (code != EXIT_DONE) {
        return code;
    }
    progress_init(&progress, call, NULL);
    cluster_show(client, &progress);
    code = cluster_get(client, verb, name, &answer);
    progress_end(&progress);
    code = code == EXIT_DONE ? show(call, answer) : code;
    conf_free(answer);
    cluster_close(client);
    return code;
}

const struct gale_conf *cluster_component(const struct gale_conf *described, const char *name)
{
    const struct gale_conf *list = gale_conf_get(described, "components");
    for (size_t i = 0; i < gale_conf_count(list); i++) {
        const struct gale_conf *item = gale_conf_at(list, i);
        if (strcmp(gale_conf_string(item, "name", ""), name) == 0) {
            return item;
        }
    }
    return NULL;
}

int cluster_no_component(const struct invocation *call, const struct gale_conf *described,
                         const char *topology, const char *name)
{
    const char *names[COMPONENTS_MAX + 1] = {NULL};
    char hint[160];
    const struct gale_conf *list = gale_conf_get(described, "components");
    for (size_t i = 0; i < gale_conf_count(list) && i < COMPONENTS_MAX; i++) {
        names[i] = gale_conf_string(gale_conf_at(list, i), "name", "");
    }
    const char *near = str_suggest(name, names);
    if (near != NULL) {
        snprintf(hint, sizeof hint, "did you mean %.64s?", near);
    } else {
        snprintf(hint, sizeof hint, "`gale describe %.64s` lists them", topology);
    }
    return output_fail(call->json, EXIT_NO_INPUT, hint, "%s has no component \"%.64s\"",
                       topology, name);
}
