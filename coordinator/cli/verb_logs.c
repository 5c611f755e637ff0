/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gale logs NAME [COMPONENT]: the logs of a topology's workers as one, in the order of their times,
 * wherever they run; -f goes on, also when a worker moves to another host.
 */
#include "base/clock.h"
#include "base/str.h"
#include "cli/cluster_client.h"
#include "cli/cluster_text.h"
#include "cli/logs_source.h"
#include "cli/verbs.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    LOGS_LINES = 100,
    LOGS_LINES_MAX = 1000000,
    LOGS_FOLLOW_MS = 200,  /* between two looks at the logs */
    LOGS_PLACES_MS = 2000, /* between two looks at where the workers are */
    LOGS_ASK_MS = 1000,    /* for one of those, so that lines are not kept waiting */
    LOGS_TASKS_MAX = INT32_MAX
};

struct logs {
    const struct invocation *call;
    struct cluster_client *client;
    const char *component; /* NULL: all */
    int64_t worker;        /* -1: all */
    int64_t task;          /* -1: all */
    int64_t lines;         /* LOGS_LINES_MAX: all */
    int64_t since_ms;      /* since 1970; 0: not asked for */
    int level;             /* least that is shown; -1: all */
    struct logs_hosts hosts;
    struct logs_source *sources;
    size_t sources_count;
    struct logs_merge merge;
    bool terminal;
    bool color;
    bool follow;
    bool partly; /* some log could not be read */
};

/* Which lines are wanted. One that names no component is of none. */
static bool keep(void *self, const char *line, size_t size)
{
    const struct logs *it = self;
    if (it->component != NULL && !logs_line_is_of(line, size, it->component)) {
        return false;
    }
    if (it->task >= 0 && !logs_line_is_of_task(line, size, it->task)) {
        return false;
    }
    return it->level < 0 || logs_line_level(line, size) >= it->level;
}

static bool print_held(struct logs *it, int64_t most);

static enum gale_err take_line(void *self, struct logs_source *source, const char *line,
                               size_t size)
{
    struct logs *it = self;
    int64_t ms = logs_line_ms(line, size);
    source->last_ms = ms >= 0 ? ms : source->last_ms;
    if (!keep(self, line, size) || source->last_ms < source->since_ms) {
        return GALE_OK;
    }
    size_t index = (size_t)(source - it->sources);
    enum gale_err err = logs_merge_add(&it->merge, index, line, size, &source->last_ms);
    if (err == GALE_ERR_LIMIT && print_held(it, LOGS_LINES_MAX)) {
        err = logs_merge_add(&it->merge, index, line, size, &source->last_ms);
    }
    return err;
}

/* ---- Where the workers are ---- */

static struct logs_source *source_of(struct logs *it, const char *endpoint, int64_t worker,
                                     const char *topology)
{
    for (size_t i = 0; i < it->sources_count; i++) {
        struct logs_source *source = &it->sources[i];
        if (source->worker == worker && strcmp(source->endpoint, endpoint) == 0 &&
            strcmp(source->topology, topology) == 0) {
            return source;
        }
    }
    if (it->sources_count == LOGS_SOURCES_MAX) {
        return NULL;
    }
    struct logs_source *source = &it->sources[it->sources_count++];
    logs_source_init(source);
    source->worker = worker;
    source->since_ms = it->since_ms;
    (void)str_copy(source->endpoint, sizeof source->endpoint, endpoint);
    (void)str_copy(source->topology, sizeof source->topology, topology);
    return source;
}

static void take_places(struct logs *it, const struct gale_conf *described)
{
    const struct gale_conf *workers = gale_conf_get(described, "workers");
    const char *topology = it->call->args[0];
    for (size_t i = 0; i < it->sources_count; i++) {
        it->sources[i].present = false;
    }
    for (size_t i = 0; i < gale_conf_count(workers); i++) {
        const struct gale_conf *worker = gale_conf_at(workers, i);
        const char *endpoint = gale_conf_string(worker, "rpc", NULL);
        int64_t index = gale_conf_int64(worker, "index", -1);
        if (endpoint == NULL || *endpoint == '\0' || index < 0 ||
            (it->worker >= 0 && index != it->worker)) {
            continue;
        }
        struct logs_source *source = source_of(it, endpoint, index, topology);
        if (source != NULL) {
            source->present = true;
            (void)str_copy(source->host, sizeof source->host,
                           gale_conf_string(worker, "host", ""));
        }
    }
}

static int check(const struct logs *it, const struct gale_conf *described)
{
    const char *name = it->call->args[0];
    if (it->component != NULL && cluster_component(described, it->component) == NULL) {
        return cluster_no_component(it->call, described, name, it->component);
    }
    size_t workers = gale_conf_count(gale_conf_get(described, "workers"));
    if (it->worker >= 0 && (size_t)it->worker >= workers) {
        return output_fail(it->call->json, EXIT_NO_INPUT, "they count from 0",
                           "%s has %zu worker%s, none is number %" PRId64, name, workers,
                           workers == 1 ? "" : "s", it->worker);
    }
    return EXIT_DONE;
}

/* ---- What is printed ---- */

static void print_json(const struct logs_source *source, const struct logs_line *line,
                       const char *text)
{
    struct jsonw json;
    char time[CLUSTER_TIME_SIZE];
    char *copy = strndup(text, line->size);
    jsonw_init(&json, stdout);
    jsonw_open_object(&json, NULL);
    jsonw_string(&json, "at", line->ms > 0 ? cluster_time(line->ms, time) : NULL);
    jsonw_string(&json, "host", source->host);
    jsonw_int(&json, "worker", source->worker);
    jsonw_string(&json, "line", copy != NULL ? copy : "");
    jsonw_close_object(&json);
    jsonw_end(&json);
    free(copy);
}

static void print_line(const struct logs *it, const struct logs_line *line)
{
    const struct logs_source *source = &it->sources[line->source];
    const char *text = logs_merge_text(&it->merge, line);
    if (it->call->json) {
        print_json(source, line, text);
        return;
    }
    if (it->sources_count > 1 && !it->call->quiet) {
        printf("%s/%" PRId64 ": ", source->host, source->worker);
    }
    int level = it->color ? logs_line_level(text, line->size) : -1;
    fputs(level == 3 ? "\033[31m" : level == 2 ? "\033[33m" : "", stdout);
    /* What a module printed must not drive the terminal. */
    for (size_t i = 0; i < line->size; i++) {
        unsigned char byte = (unsigned char)text[i];
        bool control = (byte < 0x20 && byte != '\t') || byte == 0x7f;
        putchar(it->terminal && control ? '?' : byte);
    }
    fputs(level >= 2 ? "\033[0m\n" : "\n", stdout);
}

/* Prints the last `most` of what is held. @return false: stdout is gone. */
static bool print_held(struct logs *it, int64_t most)
{
    logs_merge_sort(&it->merge);
    size_t skipped = it->merge.count > (size_t)most ? it->merge.count - (size_t)most : 0;
    for (size_t i = skipped; i < it->merge.count; i++) {
        print_line(it, &it->merge.lines[i]);
    }
    logs_merge_clear(&it->merge);
    return fflush(stdout) == 0;
}

/* ---- Reading ---- */

static void say_silent(struct logs *it, struct logs_source *source,
                       const struct gale_error *error)
{
    it->partly = true;
    if (!source->silent && !it->call->json && !it->call->quiet) {
        fflush(stdout);
        fprintf(stderr, "gale: the log of worker %" PRId64 " on %s is left out%s: %s\n",
                source->worker, source->host, it->follow ? " for now" : "", error->text);
    }
    source->silent = true;
}

/* Reads each log on; one that is new begins where the command says, or, while following, where the
 * command began. @return false: stdout is gone. */
static bool read_all(struct logs *it, const struct logs_want *want, int64_t most)
{
    for (size_t i = 0; i < it->sources_count; i++) {
        struct logs_source *source = &it->sources[i];
        struct gale_error error = {GALE_OK, ""};
        enum gale_err err = GALE_OK;
        if (!source->present && source->silent) {
            continue;
        }
        if (source->offset < 0) {
            err = logs_source_begin(source, &it->hosts, want, &error);
        }
        if (err == GALE_OK) {
            err = logs_source_read(source, &it->hosts, take_line, it, &error);
        }
        if (err != GALE_OK) {
            say_silent(it, source, &error);
        } else {
            source->silent = false;
        }
    }
    return print_held(it, most);
}

static int follow(struct logs *it)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    /* Of a worker that comes later only what is new is shown. */
    it->since_ms = (int64_t)now.tv_sec * 1000;
    const struct logs_want want = {.since_ms = it->since_ms, .keep = keep, .self = it};
    int64_t looked_ns = clock_now_ns();
    struct gale_conf *request = cluster_request("describe", it->call->args[0]);
    enum gale_err err = request != NULL ? GALE_OK : GALE_ERR_NOMEM;
    while (err != GALE_ERR_NOMEM && read_all(it, &want, LOGS_LINES_MAX)) {
        (void)poll(NULL, 0, LOGS_FOLLOW_MS);
        if (clock_now_ns() - looked_ns < LOGS_PLACES_MS * INT64_C(1000000)) {
            continue;
        }
        struct gale_error error;
        struct gale_conf *described = NULL;
        cluster_within(it->client, LOGS_ASK_MS);
        err = cluster_ask(it->client, request, NULL, 0, &described, NULL, &error);
        if (err == GALE_OK) {
            take_places(it, described);
        }
        conf_free(described);
        looked_ns = clock_now_ns();
        if (err == GALE_ERR_NOT_FOUND) {
            (void)read_all(it, &want, LOGS_LINES_MAX);
            break;
        }
    }
    conf_free(request);
    return err != GALE_ERR_NOMEM
               ? EXIT_DONE
               : output_fail(it->call->json, EXIT_INTERNAL, NULL, "out of memory");
}

static int logs(struct logs *it)
{
    struct gale_conf *described = NULL;
    int code = cluster_get(it->client, "describe", it->call->args[0], &described);
    code = code == EXIT_DONE ? check(it, described) : code;
    if (code == EXIT_DONE) {
        take_places(it, described);
    }
    conf_free(described);
    if (code != EXIT_DONE) {
        return code;
    }
    const struct logs_want want = {.lines = it->since_ms > 0 ? 0 : it->lines,
                                   .since_ms = it->since_ms,
                                   .keep = keep,
                                   .self = it};
    if (!read_all(it, &want, it->lines)) {
        return EXIT_DONE;
    }
    if (it->follow) {
        return follow(it);
    }
    if (it->sources_count == 0) {
        return output_fail(it->call->json, EXIT_TEMPORARY,
                           "`gale describe` says what it waits for",
                           "%s has no worker on a host yet", it->call->args[0]);
    }
    return it->partly ? EXIT_UNAVAILABLE : EXIT_DONE;
}

static int read_options(struct logs *it)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    const struct invocation *call = it->call;
    int64_t since_ms = 0;
    bool lines = options_given(call, "lines");
    it->lines = options_given(call, "since") && !lines ? LOGS_LINES_MAX : LOGS_LINES;
    if (!cluster_option_time(call, "since", 0, &since_ms) ||
        !cluster_option_count(call, "lines", 0, LOGS_LINES_MAX, &it->lines) ||
        !cluster_option_count(call, "worker", 0, LOGS_SOURCES_MAX, &it->worker) ||
        !cluster_option_count(call, "task", 0, LOGS_TASKS_MAX, &it->task)) {
        return EXIT_USAGE;
    }
    if (since_ms > 0) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        it->since_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - since_ms;
    }
    const char *level = options_value(call, "level");
    for (int i = 0; level != NULL && i < 4; i++) {
        it->level = strcmp(level, levels[i]) == 0 ? i : it->level;
    }
    return EXIT_DONE;
}

static int run(const struct invocation *call)
{
    struct logs *it = calloc(1, sizeof *it);
    struct logs_source *sources = calloc(LOGS_SOURCES_MAX, sizeof *sources);
    int code = it != NULL && sources != NULL
                   ? EXIT_DONE
                   : output_fail(call->json, EXIT_INTERNAL, NULL, "out of memory");
    if (code == EXIT_DONE) {
        *it = (struct logs){.call = call,
                            .component = call->args_count > 1 ? call->args[1] : NULL,
                            .worker = -1,
                            .task = -1,
                            .level = -1,
                            .sources = sources,
                            .terminal = isatty(STDOUT_FILENO) == 1,
                            .color = output_color_of(stdout, call->color),
                            .follow = options_given(call, "follow")};
        logs_merge_init(&it->merge);
        code = read_options(it);
        code = code == EXIT_DONE ? cluster_open(call, &it->client) : code;
        code = code == EXIT_DONE ? logs(it) : code;
        for (size_t i = 0; i < it->sources_count; i++) {
            logs_source_fini(&sources[i]);
        }
        logs_hosts_fini(&it->hosts);
        logs_merge_fini(&it->merge);
        cluster_close(it->client);
    }
    free(sources);
    free(it);
    return code;
}

static const struct option_spec logs_options[] = {
    {"follow", 'f', NULL, NULL, "Go on with what comes, until Ctrl-C or the topology is gone."},
    {"lines", 0, "N", NULL, "The last so many lines; default 100, with --since all."},
    {"since", 0, "TIME", NULL, "Only what is not older than this: 10m, 2h."},
    {"worker", 0, "N", NULL, "Only of this worker."},
    {"task", 0, "N", NULL, "Only of this task, wherever it runs."},
    {"level", 0, "LEVEL", "debug|info|warn|error", "Only from this level on."},
    CLUSTER_OPTIONS,
    {NULL, 0, NULL, NULL, NULL},
};

const struct verb_spec verb_logs = {
    .name = "logs",
    .arguments = "NAME [COMPONENT]",
    .summary = "Shows the logs of a topology's workers as one, wherever they run.",
    .examples = {"gale logs wordcount -f",
                 "gale logs wordcount split --since 10m --level warn"},
    .completes = "TOPOLOGY",
    .options = logs_options,
    .args_min = 1,
    .args_max = 2,
    .run = run,
    .notes =
        "Where there are several workers each line begins with HOST/WORKER. With COMPONENT, "
        "--task or --level only lines that say theirs are shown. What cannot be reached is "
        "said and left out; exit code 69 then. With --json an object in each line.",
};
