/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wanted blobs and the connections over which they come; see pull.h.
 *
 *   WAITING ─▶ ASKING ─▶ (whole: the want is forgotten)
 *      ▲         │ no address is left
 *      └─ pause ─┴─▶ PAUSING
 *
 * A want that is ASKING has one question under way, to its present address. `sent_by` remembers
 * which addresses the bytes of the part came from: when the whole is wrong and one alone sent it, it
 * lied. A connection lives while some want asks over it. One thread.
 */
#include "blobs/pull.h"

#include "base/assert.h"
#include "base/str.h"
#include "rpc/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_SIZE 400
#define SENT_BEFORE (1u << PULL_ADDRESSES_MAX) /* bytes that were there when the want began */

enum want_state { WANT_WAITING, WANT_ASKING, WANT_PAUSING };

/* A connection to one address. */
struct source {
    char endpoint[RPC_ENDPOINT_SIZE];
    struct rpc_client *client; /* NULL: the place is free */
};

struct want {
    char hex[SHA256_HEX_SIZE];
    uint64_t size;
    char addresses[PULL_ADDRESSES_MAX][RPC_ENDPOINT_SIZE];
    size_t addresses_count;
    size_t current;   /* the address that is asked, or will be */
    unsigned bad;     /* bits of the addresses that lied */
    unsigned sent_by; /* bits of the addresses that the part's bytes came from */
    size_t failures;  /* addresses left in a row without a byte */
    enum want_state state;
    struct source *source; /* ASKING */
    uint64_t id;
    uint64_t offset;
    int64_t due_ns; /* ASKING: patience ends; PAUSING: the pause ends */
    char text[TEXT_SIZE];
};

struct pull {
    struct blobs *blobs;
    struct loop *loop;
    struct want **wants;
    size_t wants_count;
    size_t wants_capacity;
    size_t asking_count;
    struct source sources[PULL_CLIENTS_MAX];
    struct buf body;
};

enum gale_err pull_new(struct blobs *blobs, struct loop *loop, struct pull **out)
{
    *out = calloc(1, sizeof(**out));
    if (*out == NULL) {
        return GALE_ERR_NOMEM;
    }
    (*out)->blobs = blobs;
    (*out)->loop = loop;
    buf_init(&(*out)->body, RPC_BODY_MAX);
    return GALE_OK;
}

static void source_close(struct pull *pull, struct source *source)
{
    if (source->client != NULL) {
        loop_remove(pull->loop, rpc_client_fd(source->client));
        rpc_client_free(source->client);
        source->client = NULL;
    }
}

void pull_free(struct pull *pull)
{
    if (pull == NULL) {
        return;
    }
    for (size_t i = 0; i < PULL_CLIENTS_MAX; i++) {
        source_close(pull, &pull->sources[i]);
    }
    for (size_t i = 0; i < pull->wants_count; i++) {
        free(pull->wants[i]);
    }
    free(pull->wants);
    buf_fini(&pull->body);
    free(pull);
}

static struct want *want_find(const struct pull *pull, const char *hex)
{
    for (size_t i = 0; i < pull->wants_count; i++) {
        if (strcmp(pull->wants[i]->hex, hex) == 0) {
            return pull->wants[i];
        }
    }
    return NULL;
}

/* The one setter of a want's state; it keeps the count of those that ask. */
static void want_set(struct pull *pull, struct want *want, enum want_state state)
{
    pull->asking_count += state == WANT_ASKING;
    pull->asking_count -= want->state == WANT_ASKING;
    want->state = state;
    if (state != WANT_ASKING) {
        want->source = NULL;
    }
}

static void want_drop(struct pull *pull, struct want *want)
{
    want_set(pull, want, WANT_WAITING);
    for (size_t i = 0; i < pull->wants_count; i++) {
        if (pull->wants[i] == want) {
            /* The order is kept, because it is the order in which wants get their turn. */
            memmove(&pull->wants[i], &pull->wants[i + 1],
                    (pull->wants_count - i - 1) * sizeof(*pull->wants));
            pull->wants_count--;
            break;
        }
    }
    free(want);
}

/* Copies the addresses. */
static void want_addresses(struct want *want, const char *const *addresses, size_t count)
{
    want->addresses_count = count < PULL_ADDRESSES_MAX ? count : PULL_ADDRESSES_MAX;
    for (size_t i = 0; i < want->addresses_count; i++) {
        (void)str_copy(want->addresses[i], RPC_ENDPOINT_SIZE, addresses[i]);
    }
}

/* Takes a new list of addresses. What is known of an address stays true at its new place, and a
 * question to one that is still in the list goes on: the list may come in another order each time. */
static void want_renew(struct pull *pull, struct want *want, const char *const *addresses,
                       size_t count)
{
    const struct want old = *want;
    bool stays = false;
    want_addresses(want, addresses, count);
    want->bad = 0;
    want->sent_by = old.sent_by & SENT_BEFORE;
    for (size_t i = 0; i < old.addresses_count; i++) {
        size_t at = 0;
        while (at < want->addresses_count &&
               strcmp(want->addresses[at], old.addresses[i]) != 0) {
            at++;
        }
        bool found = at < want->addresses_count;
        unsigned sent = (old.sent_by >> i) & 1u;
        want->bad |= found ? ((old.bad >> i) & 1u) << at : 0;
        want->sent_by |= found ? sent << at : sent * SENT_BEFORE;
        if (found && i == old.current) {
            want->current = at;
            stays = true;
        }
    }
    if (!stays) {
        want->current = 0;
        want->failures = 0;
        want_set(pull, want, WANT_WAITING);
    }
}

enum gale_err pull_want(struct pull *pull, const char *hex, uint64_t size,
                        const char *const *addresses, size_t count)
{
    if (!sha256_is_hex(hex) || count == 0) {
        return GALE_ERR_INVALID;
    }
    if (size > BLOBS_SIZE_MAX) {
        return GALE_ERR_LIMIT;
    }
    if (blobs_has(pull->blobs, hex)) {
        return GALE_OK;
    }
    struct want *want = want_find(pull, hex);
    if (want != NULL) {
        want_renew(pull, want, addresses, count);
        return GALE_OK;
    }
    if (pull->wants_count == PULL_WANTS_MAX) {
        return GALE_ERR_LIMIT;
    }
    if (pull->wants_count == pull->wants_capacity) {
        size_t capacity = pull->wants_capacity ? 2 * pull->wants_capacity : 16;
        struct want **wants = realloc(pull->wants, capacity * sizeof(*wants));
        if (wants == NULL) {
            return GALE_ERR_NOMEM;
        }
        pull->wants = wants;
        pull->wants_capacity = capacity;
    }
    want = calloc(1, sizeof(*want));
    if (want == NULL) {
        return GALE_ERR_NOMEM;
    }
    (void)str_copy(want->hex, sizeof(want->hex), hex);
    want->size = size;
    want->sent_by = SENT_BEFORE;
    want_addresses(want, addresses, count);
    pull->wants[pull->wants_count++] = want;
    return GALE_OK;
}

void pull_forget(struct pull *pull, const char *hex)
{
    struct want *want = want_find(pull, hex);
    if (want != NULL) {
        want_drop(pull, want);
    }
}

enum pull_state pull_state(const struct pull *pull, const char *hex, const char **text)
{
    const struct want *want = want_find(pull, hex);
    if (text != NULL) {
        *text = want != NULL ? want->text : "";
    }
    if (blobs_has(pull->blobs, hex)) {
        return PULL_DONE;
    }
    if (want == NULL) {
        return PULL_UNKNOWN;
    }
    return want->state == WANT_PAUSING ? PULL_FAILED : PULL_COMING;
}

/* ---- Asking ----------------------------------------------------------------------------------- */

static void on_answer(void *argument, int fd, unsigned events)
{
    (void)argument;
    (void)fd;
    (void)events; /* Only ends the wait: pull_poll takes what has come. */
}

/* The connection to an address. NULL: none, with *error set. */
static struct source *source_of(struct pull *pull, const char *endpoint,
                                struct gale_error *error)
{
    struct source *place = NULL;
    for (size_t i = 0; i < PULL_CLIENTS_MAX; i++) {
        struct source *source = &pull->sources[i];
        if (source->client == NULL) {
            place = source;
        } else if (strcmp(source->endpoint, endpoint) == 0) {
            return source;
        }
    }
    GALE_ASSERT(place !=
                NULL); /* Idle ones are closed, and fewer may ask than there are places. */
    if (rpc_client_new(endpoint, &place->client, error) != GALE_OK) {
        return NULL;
    }
    (void)str_copy(place->endpoint, sizeof(place->endpoint), endpoint);
    if (loop_add(pull->loop, rpc_client_fd(place->client), LOOP_READ, on_answer, pull) !=
        GALE_OK) {
        rpc_client_free(place->client);
        place->client = NULL;
        (void)gale_error_set(error, GALE_ERR_LIMIT, "no descriptor to wait on");
        return NULL;
    }
    return place;
}

/* Closes connections over which nobody asks. */
static void sources_rest(struct pull *pull)
{
    for (size_t i = 0; i < PULL_CLIENTS_MAX; i++) {
        bool used = false;
        for (size_t k = 0; k < pull->wants_count && !used; k++) {
            used = pull->wants[k]->source == &pull->sources[i];
        }
        if (!used) {
            source_close(pull, &pull->sources[i]);
        }
    }
}

static void want_pause(struct pull *pull, struct want *want, int64_t now_ns)
{
    want_set(pull, want, WANT_PAUSING);
    want->due_ns = now_ns + PULL_PAUSE_NS;
    want->failures = 0;
    want->bad = 0;
}

/* Leaves the present address for the next that is not known as a liar. */
static void want_leave(struct pull *pull, struct want *want, int64_t now_ns)
{
    want_set(pull, want, WANT_WAITING);
    want->failures++;
    for (size_t i = 0; i < want->addresses_count; i++) {
        want->current = (want->current + 1) % want->addresses_count;
        if ((want->bad & (1u << want->current)) == 0) {
            break;
        }
    }
    if (want->failures >= want->addresses_count || (want->bad & (1u << want->current)) != 0) {
        want_pause(pull, want, now_ns);
    }
}

static enum gale_err question_send(struct want *want, struct source *source)
{
    struct gale_conf *tree = conf_new();
    enum gale_err err = tree != NULL ? GALE_OK : GALE_ERR_NOMEM;
    err = err ? err : tree_put_text(tree, "verb", "blob_get");
    err = err ? err : tree_put_text(tree, "sha", want->hex);
    err = err ? err : tree_put_int(tree, "offset", (int64_t)want->offset);
    err = err ? err : rpc_client_send(source->client, tree, NULL, 0, &want->id);
    conf_free(tree);
    return err;
}

static void want_ask(struct pull *pull, struct want *want, int64_t now_ns)
{
    struct gale_error error = {.code = GALE_OK};
    const char *address = want->addresses[want->current];
    want->offset = blobs_progress(pull->blobs, want->hex);
    if (want->offset >= want->size) {
        want->offset = 0; /* Of another size than is wanted: blobs_put makes it anew. */
    }
    if (want->offset == 0) {
        want->sent_by = 0;
    }
    struct source *source = source_of(pull, address, &error);
    enum gale_err err = source != NULL ? question_send(want, source) : error.code;
    if (err != GALE_OK) {
        snprintf(want->text, sizeof(want->text), "cannot ask %.200s: %.150s", address,
                 source == NULL ? error.text : gale_err_name(err));
        want_leave(pull, want, now_ns);
        return;
    }
    want_set(pull, want, WANT_ASKING);
    want->source = source;
    want->due_ns = now_ns + PULL_ANSWER_NS;
}

/* Puts the bytes that came to the part. */
static void want_take(struct pull *pull, struct want *want, int64_t now_ns)
{
    struct gale_error error = {.code = GALE_OK};
    uint64_t next = 0;
    unsigned bit = 1u << want->current;
    size_t size = pull->body.size;
    enum gale_err err = blobs_put(pull->blobs, want->hex, want->size, want->offset,
                                  pull->body.data, size, &next, &error);
    if (err == GALE_OK && next == want->size) {
        want_drop(pull, want);
        return;
    }
    if (err == GALE_OK || err == GALE_ERR_STALE) {
        want->sent_by |= err == GALE_OK ? bit : SENT_BEFORE;
        want->failures = 0;
        want_set(pull, want, WANT_WAITING); /* It asks on in this very round. */
        want_ask(pull, want, now_ns);
        return;
    }
    if (err != GALE_ERR_CORRUPT) {
        snprintf(want->text, sizeof(want->text), "%.390s", error.text);
        want_pause(pull, want, now_ns); /* The disk: another address would not help. */
        return;
    }
    bool alone = (want->sent_by | bit) == bit;
    want->sent_by = 0;
    if (alone) {
        want->bad |= bit;
        snprintf(want->text, sizeof(want->text), "%.200s sent other bytes than %.64s",
                 want->addresses[want->current], want->hex);
        want_leave(pull, want, now_ns);
    } else {
        want_set(pull, want, WANT_WAITING); /* Now from this address alone. */
    }
}

static void want_answer(struct pull *pull, struct want *want, const struct gale_conf *answer,
                        int64_t now_ns)
{
    struct gale_error error = {.code = GALE_OK};
    const char *address = want->addresses[want->current];
    int64_t size = gale_conf_int64(answer, "size", -1);
    if (rpc_refusal(answer, &error) != GALE_OK) {
        snprintf(want->text, sizeof(want->text), "%.150s: %.240s", address, error.text);
    } else if (size < 0 || (uint64_t)size != want->size) {
        snprintf(want->text, sizeof(want->text), "%.200s has %.64s with another size", address,
                 want->hex);
    } else if (pull->body.size > want->size - want->offset ||
               (pull->body.size == 0 && want->size > 0)) {
        snprintf(want->text, sizeof(want->text), "%.200s answered with too few or many bytes",
                 address);
    } else {
        want_take(pull, want, now_ns);
        return;
    }
    want_leave(pull, want, now_ns);
}

static void source_receive(struct pull *pull, struct source *source, int64_t now_ns)
{
    while (source->client != NULL) {
        struct gale_conf *answer = NULL;
        uint64_t id = 0;
        if (rpc_client_receive(source->client, &id, &answer, &pull->body) != GALE_OK) {
            return;
        }
        for (size_t i = 0; i < pull->wants_count; i++) {
            struct want *want = pull->wants[i];
            if (want->source == source && want->id == id) {
                want_answer(pull, want, answer, now_ns);
                break;
            }
        }
        conf_free(answer);
    }
}

/* Ends patience and pauses, and gives those that wait their turn. */
static void want_step(struct pull *pull, struct want *want, int64_t now_ns)
{
    if (want->state == WANT_ASKING && now_ns >= want->due_ns) {
        struct source *source = want->source;
        snprintf(want->text, sizeof(want->text), "%.200s does not answer",
                 want->addresses[want->current]);
        want_leave(pull, want, now_ns);
        bool shared = false;
        for (size_t i = 0; i < pull->wants_count; i++) {
            shared = shared || pull->wants[i]->source == source;
        }
        if (!shared) {
            source_close(pull, source); /* What may still come over it is late. */
        }
    }
    if (want->state == WANT_PAUSING && now_ns >= want->due_ns) {
        want_set(pull, want, WANT_WAITING);
    }
    if (want->state == WANT_WAITING && pull->asking_count < PULL_ACTIVE_MAX) {
        want_ask(pull, want, now_ns);
    }
}

void pull_poll(struct pull *pull, int64_t now_ns)
{
    for (size_t i = 0; i < PULL_CLIENTS_MAX; i++) {
        source_receive(pull, &pull->sources[i], now_ns);
    }
    for (size_t i = 0; i < pull->wants_count; i++) {
        want_step(pull, pull->wants[i], now_ns);
    }
    sources_rest(pull);
}

int64_t pull_next_ns(const struct pull *pull)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < pull->wants_count; i++) {
        const struct want *want = pull->wants[i];
        if (want->state != WANT_WAITING) {
            next = want->due_ns < next ? want->due_ns : next;
        } else if (pull->asking_count < PULL_ACTIVE_MAX) {
            return INT64_MIN;
        }
    }
    return next;
}
