/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gale tap: samples of the tuples of one stream, taken where they are emitted. The workers bound what
 * it costs and never hold the stream up; what they left out is counted and said. A new leader knows
 * nothing of a tap, so it is asked for anew when it is over too early.
 */
#include "base/clock.h"
#include "base/str.h"
#include "cli/cluster_client.h"
#include "cli/cluster_text.h"
#include "cli/verbs.h"
#include "cli/wait.h"
#include "expression/expression.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    TAP_READ_MS = 100,
    TAP_RATE = 10,
    TAP_RATE_MAX = 1000,
    TAP_NAME_SIZE = 256,
    TAP_TIME_SIZE = 64,
    NS_PER_MS = 1000000
};
static const int64_t tap_for_max_ms = INT64_C(86400000);

struct tap_call {
    const struct invocation *call;
    struct cluster_client *client;
    struct progress progress;
    char name[TAP_NAME_SIZE], component[TAP_NAME_SIZE], stream[TAP_NAME_SIZE];
    int64_t rate, limit, for_ms; /* limit 0: none */
    int64_t end_ns;
    uint64_t tap; /* 0: none */
    int64_t next; /* number of the sample that was read last */
    uint64_t shown;
    int64_t skipped;        /* by the present tap */
    int64_t skipped_before; /* by those of earlier leaders */
    char text[512];         /* what a worker said last about the tap */
};

/* ---- What to tap ---- */

/* NAME/COMPONENT or NAME/COMPONENT:STREAM. */
static bool read_target(struct tap_call *tap, const char *text)
{
    const char *slash = strchr(text, '/');
    const char *component = slash != NULL ? slash + 1 : "";
    const char *colon = strchr(component, ':');
    size_t name_size = slash != NULL ? (size_t)(slash - text) : 0;
    size_t component_size = colon != NULL ? (size_t)(colon - component) : strlen(component);
    if (name_size == 0 || name_size >= sizeof tap->name || component_size == 0 ||
        component_size >= sizeof tap->component ||
        (colon != NULL && (colon[1] == '\0' || strlen(colon + 1) >= sizeof tap->stream))) {
        (void)output_fail(tap->call->json, EXIT_USAGE,
                          "write NAME/COMPONENT, or NAME/COMPONENT:STREAM",
                          "\"%s\" names no component of a topology", text);
        return false;
    }
    memcpy(tap->name, text, name_size);
    memcpy(tap->component, component, component_size);
    (void)str_copy(tap->stream, sizeof tap->stream, colon != NULL ? colon + 1 : "");
    return true;
}

/* A condition that cannot be read is refused before anybody is asked. */
static bool check_where(const struct invocation *call)
{
    const char *text = options_value(call, "where");
    struct expression *where = NULL;
    struct gale_error error = {GALE_OK, ""};
    if (text == NULL) {
        return true;
    }
    if (expression_new(text, &where, &error) != GALE_OK) {
        (void)output_fail(call->json, EXIT_USAGE, "such as: --where \"price > 10\"",
                          "--where: %s", error.text);
        return false;
    }
    expression_free(where);
    return true;
}

static bool read_options(struct tap_call *tap)
{
    const struct invocation *call = tap->call;
    if (!read_target(tap, call->args[0]) || !check_where(call) ||
        !cluster_option_count(call, "rate", 1, TAP_RATE_MAX, &tap->rate) ||
        !cluster_option_count(call, "limit", 1, INT64_MAX, &tap->limit) ||
        !cluster_option_time(call, "duration", 0, &tap->for_ms)) {
        return false;
    }
    if (tap->for_ms < 1 || tap->for_ms > tap_for_max_ms) {
        (void)output_fail(call->json, EXIT_USAGE, "write 10s or 5m",
                          "--duration must be more than 0 and at most 24h");
        return false;
    }
    return true;
}

/* ---- Asking ---- */

static enum gale_err begin(struct tap_call *tap, struct gale_error *error)
{
    struct gale_conf *answer = NULL;
    struct gale_conf *request = cluster_request("tap", tap->name);
    int64_t left_ms = (tap->end_ns - clock_now_ns()) / NS_PER_MS;
    enum gale_err err = request != NULL ? GALE_OK : GALE_ERR_NOMEM;
    err = err ? err : tree_put_text(request, "component", tap->component);
    err = err ? err : tree_put_text(request, "stream", tap->stream[0] ? tap->stream : NULL);
    err = err ? err : tree_put_text(request, "where", options_value(tap->call, "where"));
    err = err ? err : tree_put_int(request, "rate", tap->rate);
    err = err ? err : tree_put_int(request, "for_ms", left_ms > 0 ? left_ms : 1);
    cluster_extend(tap->client, 0);
    err = err ? gale_error_set(error, err, "out of memory")
              : cluster_ask(tap->client, request, NULL, 0, &answer, NULL, error);
    if (err == GALE_OK) {
        tap->tap = tree_hex64(answer, "tap", 0);
        tap->next = 0;
        tap->skipped_before += tap->skipped;
        tap->skipped = 0;
    }
    conf_free(answer);
    conf_free(request);
    return err;
}

/* @param last the tap shall end. */
static enum gale_err read_samples(struct tap_call *tap, bool last, struct gale_conf **answer,
                                  struct gale_error *error)
{
    struct gale_conf *request = cluster_request("tap_read", NULL);
    enum gale_err err = request != NULL ? GALE_OK : GALE_ERR_NOMEM;
    err = err ? err : tree_put_hex64(request, "tap", tap->tap);
    err = err ? err : tree_put_int(request, "after", tap->next);
    err = err || !last ? err : tree_put_bool(request, "end", true);
    cluster_extend(tap->client, 0);
    err = err ? gale_error_set(error, err, "out of memory")
              : cluster_ask(tap->client, request, NULL, 0, answer, NULL, error);
    conf_free(request);
    return err;
}

/* ---- Showing ---- */

static const char *clock_text(int64_t at_ms, char out[TAP_TIME_SIZE])
{
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm parts;
    if (localtime_r(&seconds, &parts) == NULL) {
        return "-";
    }
    snprintf(out, TAP_TIME_SIZE, "%02d:%02d:%02d.%03d", parts.tm_hour % 100, parts.tm_min % 100,
             parts.tm_sec % 100, (int)(at_ms % 1000) % 1000);
    return out;
}

/* Values by the names of their fields, or as a list where the two do not go together. */
static void put_values(struct jsonw *json, const struct gale_conf *sample)
{
    const struct gale_conf *values = gale_conf_get(sample, "values");
    const struct gale_conf *fields = gale_conf_get(sample, "fields");
    size_t count = gale_conf_count(values);
    if (gale_conf_count(fields) != count) {
        cluster_json_list(json, "values", values);
        return;
    }
    jsonw_open_object(json, "values");
    for (size_t i = 0; i < count; i++) {
        const char *field = gale_conf_text(gale_conf_at(fields, i));
        cluster_json(json, field != NULL ? field : "", gale_conf_at(values, i));
    }
    jsonw_close_object(json);
}

static void print_json(const struct gale_conf *sample)
{
    struct jsonw json;
    jsonw_init(&json, stdout);
    jsonw_open_object(&json, NULL);
    jsonw_int(&json, "at_ms", gale_conf_int64(sample, "at_ms", 0));
    jsonw_string(&json, "component", gale_conf_string(sample, "component", NULL));
    jsonw_int(&json, "task", gale_conf_int64(sample, "task", 0));
    jsonw_string(&json, "stream", gale_conf_string(sample, "stream", NULL));
    put_values(&json, sample);
    jsonw_close_object(&json);
    jsonw_end(&json);
}

/* Values as JSON, so that no byte of theirs drives the terminal. */
static void print_text(const struct gale_conf *sample, bool meta)
{
    char text[TAP_TIME_SIZE];
    const struct gale_conf *values = gale_conf_get(sample, "values");
    const struct gale_conf *fields = gale_conf_get(sample, "fields");
    size_t count = gale_conf_count(values);
    if (meta) {
        printf("%s  %s[%" PRId64 "]  %s  ",
               clock_text(gale_conf_int64(sample, "at_ms", 0), text),
               gale_conf_string(sample, "component", ""), gale_conf_int64(sample, "task", 0),
               gale_conf_string(sample, "stream", ""));
    }
    for (size_t i = 0; i < count; i++) {
        struct jsonw json;
        const char *field = gale_conf_text(gale_conf_at(fields, i));
        printf("%s%s%s", i > 0 ? "  " : "", field != NULL ? field : "",
               field != NULL ? "=" : "");
        jsonw_init(&json, stdout);
        cluster_json(&json, NULL, gale_conf_at(values, i));
    }
    putchar('\n');
}

static void show(struct tap_call *tap, const struct gale_conf *answer)
{
    char detail[128];
    const struct gale_conf *samples = gale_conf_get(answer, "samples");
    size_t count = gale_conf_count(samples);
    if (count > 0) {
        progress_end(&tap->progress);
    }
    for (size_t i = 0; i < count && (tap->limit == 0 || tap->shown < (uint64_t)tap->limit);
         i++) {
        const struct gale_conf *sample = gale_conf_at(samples, i);
        if (tap->call->json) {
            print_json(sample);
        } else {
            print_text(sample, options_given(tap->call, "meta"));
        }
        tap->shown++;
    }
    fflush(stdout);
    tap->next = gale_conf_int64(answer, "next", tap->next);
    tap->skipped = gale_conf_int64(answer, "skipped", tap->skipped);
    snprintf(detail, sizeof detail, "%" PRIu64 " shown, %" PRId64 " skipped", tap->shown,
             tap->skipped_before + tap->skipped);
    if (tap->progress.mode == PROGRESS_TERMINAL) {
        progress_show(&tap->progress, "tapping", detail);
    }
}

/* What a worker says instead of samples. @return EXIT_DONE to go on. */
static int judge_text(struct tap_call *tap, const struct gale_conf *answer)
{
    const char *text = gale_conf_string(answer, "text", "");
    if (*text == '\0' || strcmp(text, tap->text) == 0) {
        return EXIT_DONE;
    }
    (void)str_copy(tap->text, sizeof tap->text, text);
    progress_end(&tap->progress);
    if (strncmp(text, "where:", strlen("where:")) == 0) {
        return output_fail(
            tap->call->json, EXIT_USAGE,
            "`gale describe` shows the components, the sample's fields are those "
            "of the stream",
            "--%s", text);
    }
    progress_say(&tap->progress, "%s", text);
    return EXIT_DONE;
}

/* ---- The verb ---- */

static bool is_over(const struct tap_call *tap)
{
    return wait_interrupted() != 0 || clock_now_ns() >= tap->end_ns ||
           (tap->limit > 0 && tap->shown >= (uint64_t)tap->limit);
}

/* Until it is over. A tap that its leader does not know is begun again. */
static int follow(struct tap_call *tap)
{
    for (;;) {
        struct gale_error error = {GALE_OK, ""};
        struct gale_conf *answer = NULL;
        bool last = is_over(tap);
        if (last && tap->tap == 0) {
            return EXIT_DONE;
        }
        enum gale_err err =
            tap->tap != 0 ? read_samples(tap, last, &answer, &error) : begin(tap, &error);
        if (err == GALE_ERR_NOT_FOUND && tap->tap != 0) {
            tap->tap = 0;
            continue;
        }
        if (err != GALE_OK) {
            return wait_interrupted() != 0 ? EXIT_DONE
                                           : cluster_fail(tap->client, err, &error, tap->name);
        }
        int code = EXIT_DONE;
        if (answer != NULL) {
            show(tap, answer);
            code = judge_text(tap, answer);
            conf_free(answer);
        }
        if (code != EXIT_DONE || last || ferror(stdout)) {
            return code;
        }
        (void)poll(NULL, 0, TAP_READ_MS);
    }
}

static int run(const struct invocation *call)
{
    struct tap_call tap = {.call = call, .rate = TAP_RATE, .for_ms = tap_for_max_ms};
    if (!read_options(&tap)) {
        return EXIT_USAGE;
    }
    int code = cluster_open(call, &tap.client);
    if (code != EXIT_DONE) {
        return code;
    }
    tap.end_ns = clock_now_ns() + tap.for_ms * NS_PER_MS;
    wait_catch_signals();
    progress_init(&tap.progress, call, tap.name);
    cluster_show(tap.client, &tap.progress);
    code = follow(&tap);
    progress_end(&tap.progress);
    if (code == EXIT_DONE) {
        progress_say(&tap.progress, "%" PRIu64 " shown, %" PRId64 " skipped", tap.shown,
                     tap.skipped_before + tap.skipped);
    }
    cluster_close(tap.client);
    bool ended = tap.limit > 0 && tap.shown >= (uint64_t)tap.limit;
    return code == EXIT_DONE && wait_interrupted() != 0 && !ended
               ? EXIT_SIGNAL_BASE + wait_interrupted()
               : code;
}

static const struct option_spec tap_options[] = {
    {"where", 0, "CONDITION", NULL, "Only tuples for which it is true, as of the filter bolt."},
    {"rate", 0, "N", NULL, "Samples a second from each worker, 1..1000; default 10."},
    {"limit", 'n', "N", NULL, "End after so many samples."},
    {"duration", 0, "TIME", NULL, "End after this time; default: at Ctrl-C, 24h at most."},
    {"meta", 0, NULL, NULL, "Time, component, task and stream before the values."},
    CLUSTER_OPTIONS,
    {NULL, 0, NULL, NULL, NULL},
};

const struct verb_spec verb_tap = {
    .name = "tap",
    .arguments = "NAME/COMPONENT[:STREAM]",
    .summary = "Shows samples of the tuples that a component emits.",
    .examples = {"gale tap wordcount/split",
                 "gale tap shop/orders --where \"price > 100\" -n 5"},
    .options = tap_options,
    .args_min = 1,
    .args_max = 1,
    .run = run,
    .notes =
        "Samples are taken where tuples are emitted and never hold them up: each worker shows "
        "at most --rate a second, looks at a bounded number, and sends only while there is "
        "room. What it left out is counted as skipped. With --json each sample is a line.",
};
