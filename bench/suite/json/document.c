/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The result document as JSON, written and read by jansson; the form is drawn in bench/README.md.
 * Reading is as strict as it must be: another kind or schema is refused, unknown members are
 * skipped, so that documents of later versions with the same schema can be compared.
 */
#include "suite/memory.h"
#include "suite/result.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Digits that a figure keeps. */
enum { DOCUMENT_PRECISION = 12 };

/* ---- Writing ------------------------------------------------------------------------------ */

/* Text that is not UTF-8 (the name of a machine, a path) becomes "?". */
static json_t *text_node(const char *text)
{
    json_t *node = text != NULL ? json_string(text) : json_null();
    return node != NULL ? node : json_string("?");
}

static json_t *number_node(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *metric_node(const struct result_metric *metric)
{
    json_t *runs = json_array();
    for (size_t i = 0; i < metric->runs_count; i++) {
        json_array_append_new(runs, number_node(metric->runs[i]));
    }
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:s}", "median", number_node(metric->median), "min",
                     number_node(metric->min), "max", number_node(metric->max), "runs", runs,
                     "unit", text_node(metric->unit), "better",
                     metric->better == RESULT_HIGHER ? "higher" : "lower");
}

static json_t *point_node(const struct result_point *point)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "t", number_node(point->t_s), "rate",
                     number_node(point->rate), "p50_us", number_node(point->p50_us), "p99_us",
                     number_node(point->p99_us), "cpu", number_node(point->cpu), "queue",
                     number_node(point->queue), "rss_mb", number_node(point->rss_mb));
}

static json_t *result_node(const struct result *result)
{
    json_t *metrics = json_object();
    json_t *series = json_array();
    for (size_t i = 0; i < result->metrics_count; i++) {
        json_object_set_new(metrics, result->metrics[i].name, metric_node(&result->metrics[i]));
    }
    for (size_t i = 0; i < result->series_count; i++) {
        json_array_append_new(series, point_node(&result->series[i]));
    }
    return json_pack("{s:o,s:o,s:o,s:i,s:o,s:o,s:s,s:o,s:o,s:o,s:o}", "id",
                     text_node(result->id), "bench", text_node(result->bench), "title",
                     text_node(result->title), "workers", (int)result->workers, "guarantee",
                     text_node(result->guarantee), "unit", text_node(result->unit), "status",
                     result->status == RESULT_OK ? "ok" : "failed", "error",
                     text_node(result->error), "check", text_node(result->check), "metrics",
                     metrics, "series", series);
}

static json_t *head_node(const struct result_document *document)
{
    const struct result_machine *machine = &document->machine;
    const struct result_versions *versions = &document->versions;
    return json_pack(
        "{s:i,s:s,s:{s:o,s:o},s:{s:o,s:i,s:I,s:o,s:o},s:{s:o,s:o,s:o,s:o,s:o},s:o,s:o,"
        "s:{s:i,s:o,s:o}}",
        "schema", RESULT_SCHEMA, "kind", RESULT_KIND, "gale", "version",
        text_node(document->version), "commit", text_node(document->commit), "machine", "cpu",
        text_node(machine->cpu), "cores", (int)machine->cores, "memory_mb",
        (json_int_t)machine->memory_mb, "kernel", text_node(machine->kernel), "os",
        text_node(machine->os), "versions", "compiler", text_node(versions->compiler), "zeromq",
        text_node(versions->zeromq), "msgpack", text_node(versions->msgpack), "lz4",
        text_node(versions->lz4), "sqlite", text_node(versions->sqlite), "started",
        text_node(document->started), "command", text_node(document->command), "settings",
        "runs", (int)document->runs, "warmup_s", number_node(document->warmup_s), "duration_s",
        number_node(document->duration_s));
}

enum gale_err result_write(const struct result_document *document, FILE *file)
{
    json_t *root = head_node(document);
    json_t *results = json_array();
    json_t *ratios = json_array();
    for (size_t i = 0; i < document->results_count; i++) {
        json_array_append_new(results, result_node(document->results[i]));
    }
    for (size_t i = 0; i < document->ratios_count; i++) {
        const struct result_ratio *ratio = &document->ratios[i];
        json_array_append_new(
            ratios, json_pack("{s:o,s:o,s:o,s:o,s:i,s:o}", "name", text_node(ratio->name),
                              "value", number_node(ratio->value), "min",
                              number_node(ratio->min), "max", number_node(ratio->max), "rounds",
                              (int)ratio->rounds, "unit", text_node(ratio->unit)));
    }
    bool is_whole = json_object_set_new(root, "results", results) == 0;
    is_whole = json_object_set_new(root, "ratios", ratios) == 0 && is_whole;
    enum gale_err err = GALE_ERR_NOMEM;
    if (is_whole) {
        size_t flags = JSON_INDENT(1) | JSON_REAL_PRECISION(DOCUMENT_PRECISION);
        bool is_written = json_dumpf(root, file, flags) == 0 && fputc('\n', file) != EOF;
        err = is_written && fflush(file) == 0 ? GALE_OK : GALE_ERR_IO;
    }
    json_decref(root);
    return err;
}

/* ---- Reading ------------------------------------------------------------------------------ */

static void read_text(const json_t *object, const char *key, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(object, key));
    snprintf(out, size, "%s", text != NULL ? text : "");
}

static double read_number(const json_t *object, const char *key)
{
    const json_t *node = json_object_get(object, key);
    return json_is_number(node) ? json_number_value(node) : (double)NAN;
}

static unsigned read_count(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 && value < INT32_MAX ? (unsigned)value : 0;
}

static void read_metrics(json_t *object, struct result *result)
{
    for (void *at = json_object_iter(object);
         at != NULL && result->metrics_count < RESULT_METRICS_MAX;
         at = json_object_iter_next(object, at)) {
        const json_t *node = json_object_iter_value(at);
        const json_t *runs = json_object_get(node, "runs");
        char unit[RESULT_UNIT_SIZE];
        const char *better = json_string_value(json_object_get(node, "better"));
        bool is_lower = better != NULL && strcmp(better, "lower") == 0;
        read_text(node, "unit", unit, sizeof unit);
        for (size_t i = 0; i < json_array_size(runs) && i < RESULT_RUNS_MAX; i++) {
            double value = json_is_number(json_array_get(runs, i))
                               ? json_number_value(json_array_get(runs, i))
                               : (double)NAN;
            result_metric_add(result, json_object_iter_key(at), unit,
                              is_lower ? RESULT_LOWER : RESULT_HIGHER, value);
        }
    }
}

static void read_series(const json_t *list, struct result *result)
{
    size_t count = json_array_size(list);
    struct result_point *points = suite_alloc(count, sizeof points[0]);
    for (size_t i = 0; i < count; i++) {
        const json_t *node = json_array_get(list, i);
        points[i] = (struct result_point){
            .t_s = read_number(node, "t"),
            .rate = read_number(node, "rate"),
            .p50_us = read_number(node, "p50_us"),
            .p99_us = read_number(node, "p99_us"),
            .cpu = read_number(node, "cpu"),
            .queue = read_number(node, "queue"),
            .rss_mb = read_number(node, "rss_mb"),
        };
    }
    result_series_set(result, points, count);
    free(points);
}

/* @return false when it is no result. */
static bool read_result(const json_t *node, struct result_document *document)
{
    char bench[RESULT_NAME_SIZE], title[RESULT_TITLE_SIZE], guarantee[RESULT_NAME_SIZE];
    char unit[RESULT_UNIT_SIZE], status[RESULT_UNIT_SIZE];
    read_text(node, "bench", bench, sizeof bench);
    read_text(node, "title", title, sizeof title);
    read_text(node, "guarantee", guarantee, sizeof guarantee);
    read_text(node, "unit", unit, sizeof unit);
    read_text(node, "status", status, sizeof status);
    struct result *result =
        result_add(document, bench, title, read_count(node, "workers"), guarantee, unit);
    read_text(node, "id", result->id, sizeof result->id);
    const char *error = json_string_value(json_object_get(node, "error"));
    const char *check = json_string_value(json_object_get(node, "check"));
    if (strcmp(status, "ok") != 0) {
        result_fail(result, "%s", error != NULL ? error : "it failed");
    }
    if (check != NULL) {
        result_check(result, "%s", check);
    }
    read_metrics(json_object_get(node, "metrics"), result);
    read_series(json_object_get(node, "series"), result);
    return result->id[0] != '\0' && json_is_object(json_object_get(node, "metrics"));
}

static void read_head(const json_t *root, struct result_document *document)
{
    const json_t *gale = json_object_get(root, "gale");
    const json_t *machine = json_object_get(root, "machine");
    const json_t *versions = json_object_get(root, "versions");
    const json_t *settings = json_object_get(root, "settings");
    struct result_machine *to = &document->machine;
    struct result_versions *of = &document->versions;
    read_text(gale, "version", document->version, sizeof document->version);
    read_text(gale, "commit", document->commit, sizeof document->commit);
    read_text(machine, "cpu", to->cpu, sizeof to->cpu);
    read_text(machine, "kernel", to->kernel, sizeof to->kernel);
    read_text(machine, "os", to->os, sizeof to->os);
    to->cores = read_count(machine, "cores");
    to->memory_mb = read_count(machine, "memory_mb");
    read_text(versions, "compiler", of->compiler, sizeof of->compiler);
    read_text(versions, "zeromq", of->zeromq, sizeof of->zeromq);
    read_text(versions, "msgpack", of->msgpack, sizeof of->msgpack);
    read_text(versions, "lz4", of->lz4, sizeof of->lz4);
    read_text(versions, "sqlite", of->sqlite, sizeof of->sqlite);
    read_text(root, "started", document->started, sizeof document->started);
    const char *command = json_string_value(json_object_get(root, "command"));
    free(document->command);
    document->command = suite_copy(command != NULL ? command : "");
    document->runs = read_count(settings, "runs");
    document->warmup_s = read_number(settings, "warmup_s");
    document->duration_s = read_number(settings, "duration_s");
}

static enum gale_err refuse(enum gale_err err, char *error, size_t error_size,
                            const char *format, ...) GALE_PRINTF(4, 5);
static enum gale_err refuse(enum gale_err err, char *error, size_t error_size,
                            const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, error_size, format, arguments);
    va_end(arguments);
    return err;
}

/* The file's JSON, of bounded size. */
static enum gale_err load(const char *path, json_t **out, char *error, size_t error_size)
{
    FILE *file = fopen(path, "re");
    json_error_t wrong;
    if (file == NULL) {
        return refuse(errno == ENOENT ? GALE_ERR_NOT_FOUND : GALE_ERR_IO, error, error_size,
                      "cannot read %s: %s", path, strerror(errno));
    }
    bool is_long = fseek(file, 0, SEEK_END) != 0 || ftell(file) > RESULT_FILE_SIZE_MAX;
    rewind(file);
    if (is_long) {
        fclose(file);
        return refuse(GALE_ERR_INVALID, error, error_size,
                      "%s is no result of `gale bench`: it is not a file of at most %d MB",
                      path, RESULT_FILE_SIZE_MAX / (1024 * 1024));
    }
    *out = json_loadf(file, JSON_REJECT_DUPLICATES, &wrong);
    fclose(file);
    if (*out == NULL) {
        return refuse(GALE_ERR_INVALID, error, error_size,
                      "%s:%d: not the JSON of `gale bench --json`: %s", path, wrong.line,
                      wrong.text);
    }
    return GALE_OK;
}

enum gale_err result_read(const char *path, struct result_document *document, char *error,
                          size_t error_size)
{
    json_t *root = NULL;
    enum gale_err err = load(path, &root, error, error_size);
    if (err != GALE_OK) {
        return err;
    }
    const char *kind = json_string_value(json_object_get(root, "kind"));
    const json_t *results = json_object_get(root, "results");
    const json_t *ratios = json_object_get(root, "ratios");
    if (kind == NULL || strcmp(kind, RESULT_KIND) != 0 || !json_is_array(results)) {
        err = refuse(GALE_ERR_INVALID, error, error_size,
                     "%s is no result of `gale bench --json`", path);
    } else if (read_count(root, "schema") != RESULT_SCHEMA) {
        err = refuse(GALE_ERR_INVALID, error, error_size,
                     "%s has schema %u, this gale reads schema %d: make it anew", path,
                     read_count(root, "schema"), RESULT_SCHEMA);
    }
    if (err == GALE_OK) {
        result_document_init(document);
        read_head(root, document);
        bool is_right = json_array_size(results) > 0;
        for (size_t i = 0; i < json_array_size(results); i++) {
            is_right = read_result(json_array_get(results, i), document) && is_right;
        }
        for (size_t i = 0; i < json_array_size(ratios); i++) {
            const json_t *node = json_array_get(ratios, i);
            char name[RESULT_TITLE_SIZE], unit[RESULT_UNIT_SIZE];
            read_text(node, "name", name, sizeof name);
            read_text(node, "unit", unit, sizeof unit);
            struct result_ratio *ratio =
                result_ratio(document, unit, read_number(node, "value"), "%s", name);
            if (ratio != NULL && read_count(node, "rounds") > 0) {
                ratio->min = read_number(node, "min");
                ratio->max = read_number(node, "max");
                ratio->rounds = read_count(node, "rounds");
            }
        }
        if (!is_right) {
            result_document_fini(document);
            err = refuse(GALE_ERR_INVALID, error, error_size,
                         "%s holds none, or what is not a result of a benchmark", path);
        }
    }
    json_decref(root);
    return err;
}
