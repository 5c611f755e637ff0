/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of coordinators; rules in finder.h. The thread of a look owns its store and its list until
 * it has set `ended` under the lock; nothing else is shared. It has all signals blocked.
 */
#include "host/finder.h"

#include "base/str.h"
#include "store/store.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_DIGITS 10 /* of a candidate's name, at its end */

bool finder_add(struct finder_list *list, const char *address)
{
    bool form = strncmp(address, "tcp://", 6) == 0 || strncmp(address, "ipc:///", 7) == 0;
    if (!form || list->count == FINDER_ADDRESSES_MAX ||
        strlen(address) >= FINDER_ADDRESS_SIZE || strpbrk(address, " \t\r\n*") != NULL) {
        return false;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->at[i], address) == 0) {
            return false;
        }
    }
    return str_copy(list->at[list->count++], FINDER_ADDRESS_SIZE, address);
}

size_t finder_add_fixed(struct finder_list *list, const struct config *config)
{
    size_t before = list->count;
    size_t count = config_list_count(config, "coordinator.addresses");
    for (size_t i = 0; i < count; i++) {
        char address[FINDER_ADDRESS_SIZE];
        const char *text = config_list_at(config, "coordinator.addresses", i);
        int size = snprintf(address, sizeof(address), "%s%s",
                            strstr(text, "://") ? "" : "tcp://", text);
        if (size > 0 && (size_t)size < sizeof(address)) {
            (void)finder_add(list, address);
        }
    }
    return list->count - before;
}

bool finder_has_store(const struct config *config)
{
    return config_list_count(config, "zookeeper.servers") > 0;
}

/* ---- The store --------------------------------------------------------------------------------- */

/* Candidates are numbered by their last digits; GUIDs before them sort by chance. */
static int by_number(const void *a, const void *b)
{
    const char *left = *(const char *const *)a;
    const char *right = *(const char *const *)b;
    size_t left_size = strlen(left);
    size_t right_size = strlen(right);
    if (left_size < NUMBER_DIGITS || right_size < NUMBER_DIGITS) {
        return strcmp(left, right);
    }
    return strcmp(left + left_size - NUMBER_DIGITS, right + right_size - NUMBER_DIGITS);
}

static void add_candidate(struct store *store, const char *name, struct finder_list *list)
{
    char path[sizeof(FINDER_FOLDER) + STORE_NAME_SIZE];
    char address[FINDER_ADDRESS_SIZE];
    struct buf value;
    int size = snprintf(path, sizeof(path), "%s/%s", FINDER_FOLDER, name);
    if (size < 0 || (size_t)size >= sizeof(path)) {
        return;
    }
    buf_init(&value, STORE_VALUE_MAX);
    if (store->ops->get(store, path, &value, NULL) == GALE_OK) {
        size_t end = 0;
        while (end < value.size && end < sizeof(address) - 1 && value.data[end] != '\n' &&
               value.data[end] != '\0') {
            address[end] = (char)value.data[end];
            end++;
        }
        address[end] = '\0';
        (void)finder_add(list, address);
    }
    buf_fini(&value);
}

static enum gale_err add_candidates(struct store *store, struct finder_list *list)
{
    const char *names[FINDER_ADDRESSES_MAX];
    size_t count = 0;
    struct buf children;
    buf_init(&children, STORE_VALUE_MAX);
    enum gale_err err = store->ops->children(store, FINDER_FOLDER, &children);
    for (size_t at = 0; err == GALE_OK && at < children.size && count < FINDER_ADDRESSES_MAX;
         at += strlen((const char *)children.data + at) + 1) {
        names[count++] = (const char *)children.data + at;
    }
    if (count > 0) {
        qsort(names, count, sizeof(names[0]), by_number);
    }
    for (size_t i = 0; i < count; i++) {
        add_candidate(store, names[i], list);
    }
    buf_fini(&children);
    return err == GALE_ERR_NOT_FOUND ? GALE_OK : err; /* No coordinator was ever started. */
}

enum gale_err finder_look(const struct config *config, int within_ms, struct finder_list *list,
                          struct gale_error *error)
{
    struct store *store = NULL;
    const char *credentials = config_text(config, "zookeeper.credentials");
    struct store_zookeeper_options options = {
        .servers = config_text(config, "zookeeper.servers"),
        .credentials_path = credentials[0] != '\0' ? credentials : NULL,
        .session_ms = (int)config_duration_ms(config, "zookeeper.session"),
        .operation_ms = within_ms};
    if (!finder_has_store(config)) {
        return gale_error_set(error, GALE_ERR_STATE,
                              "no ZooKeeper servers are configured (zookeeper.servers)");
    }
    enum gale_err err = store_zookeeper_open(&options, &store, error);
    if (err != GALE_OK) {
        return err;
    }
    err = add_candidates(store, list);
    store->ops->close(store);
    if (err != GALE_OK) {
        gale_error_set(error, err, "cannot read the coordinators from ZooKeeper (%s): %s",
                       options.servers, gale_err_name(err));
    }
    return err;
}

/* ---- The file ---------------------------------------------------------------------------------- */

size_t finder_load(struct finder_list *list, const char *path)
{
    char line[FINDER_ADDRESS_SIZE + 1];
    size_t before = list->count;
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        (void)finder_add(list, line);
    }
    if (file) {
        fclose(file);
    }
    return list->count - before;
}

enum gale_err finder_save(const struct finder_list *list, const char *path)
{
    char part[PATH_MAX];
    int size = snprintf(part, sizeof(part), "%s.part", path);
    if (size < 0 || (size_t)size >= sizeof(part)) {
        return GALE_ERR_LIMIT;
    }
    FILE *file = fopen(part, "we");
    if (!file) {
        return GALE_ERR_IO;
    }
    for (size_t i = 0; i < list->count; i++) {
        fprintf(file, "%s\n", list->at[i]);
    }
    bool whole = ferror(file) == 0;
    whole = fclose(file) == 0 && whole;
    if (!whole || rename(part, path)) {
        (void)remove(part);
        return GALE_ERR_IO;
    }
    return GALE_OK;
}

/* ---- The thread -------------------------------------------------------------------------------- */

struct finder {
    const struct config *config;
    struct loop *loop;
    pthread_t thread;
    bool running; /* the thread was made and not joined; the owner's */
    int within_ms;
    pthread_mutex_t lock; /* guards `ended` alone */
    bool ended;
    /* The thread's until it has ended, then the owner's. */
    enum gale_err outcome;
    struct gale_error error;
    struct finder_list list;
};

enum gale_err finder_new(const struct config *config, struct loop *loop, struct finder **out)
{
    struct finder *finder = calloc(1, sizeof(*finder));
    if (!finder) {
        return GALE_ERR_NOMEM;
    }
    finder->config = config;
    finder->loop = loop;
    if (pthread_mutex_init(&finder->lock, NULL)) {
        free(finder);
        return GALE_ERR_NOMEM;
    }
    *out = finder;
    return GALE_OK;
}

void finder_free(struct finder *finder)
{
    if (!finder) {
        return;
    }
    if (finder->running) {
        pthread_join(finder->thread, NULL);
    }
    pthread_mutex_destroy(&finder->lock);
    free(finder);
}

static void *look(void *argument)
{
    struct finder *finder = argument;
    finder->outcome =
        finder_look(finder->config, finder->within_ms, &finder->list, &finder->error);
    pthread_mutex_lock(&finder->lock);
    finder->ended = true;
    pthread_mutex_unlock(&finder->lock);
    loop_wake(finder->loop);
    return NULL;
}

enum gale_err finder_begin(struct finder *finder, int within_ms)
{
    sigset_t all, before;
    if (finder->running) {
        return GALE_OK;
    }
    finder->within_ms = within_ms;
    finder->ended = false;
    finder->error = (struct gale_error){0};
    finder->list.count = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    finder->running = pthread_create(&finder->thread, NULL, look, finder) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return finder->running ? GALE_OK : GALE_ERR_LIMIT;
}

enum gale_err finder_take(struct finder *finder, struct finder_list *list,
                          struct gale_error *error)
{
    if (!finder->running) {
        return GALE_ERR_AGAIN;
    }
    pthread_mutex_lock(&finder->lock);
    bool ended = finder->ended;
    pthread_mutex_unlock(&finder->lock);
    if (!ended) {
        return GALE_ERR_AGAIN;
    }
    pthread_join(finder->thread, NULL);
    finder->running = false;
    if (error) {
        *error = finder->error;
    }
    if (finder->outcome == GALE_OK) {
        *list = finder->list;
    }
    return finder->outcome;
}
