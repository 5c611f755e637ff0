/* SPDX-License-Identifier: Apache-2.0 */
/* The result document in memory; see result.h. Its JSON form is in json/document.c. */
#include "suite/result.h"

#include "base/assert.h"
#include "suite/memory.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { RESULT_SENTENCE_SIZE = 4096 };

void result_document_init(struct result_document *document)
{
    memset(document, 0, sizeof *document);
    document->command = suite_copy("");
}

static void result_free(struct result *result)
{
    free(result->error);
    free(result->check);
    free(result->metrics);
    free(result->series);
    free(result);
}

void result_document_fini(struct result_document *document)
{
    for (size_t i = 0; i < document->results_count; i++) {
        result_free(document->results[i]);
    }
    free(document->results);
    free(document->ratios);
    free(document->command);
    memset(document, 0, sizeof *document);
}

static void copy(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text != NULL ? text : "");
}

struct result *result_add(struct result_document *document, const char *bench,
                          const char *title, unsigned workers, const char *guarantee,
                          const char *unit)
{
    struct result *result = suite_alloc(1, sizeof *result);
    document->results =
        suite_grow(document->results, document->results_count, sizeof document->results[0]);
    document->results[document->results_count++] = result;
    copy(result->bench, sizeof result->bench, bench);
    copy(result->title, sizeof result->title, title);
    copy(result->guarantee, sizeof result->guarantee, guarantee);
    copy(result->unit, sizeof result->unit, unit);
    result->workers = workers;
    char numbered[RESULT_NAME_SIZE] = "";
    if (workers > 0) {
        snprintf(numbered, sizeof numbered, "/workers=%u", workers);
    }
    snprintf(result->id, sizeof result->id, "%s%s%s%s", result->bench, numbered,
             result->guarantee[0] != 0 ? "/" : "", result->guarantee);
    return result;
}

struct result *result_find(const struct result_document *document, const char *id)
{
    for (size_t i = 0; i < document->results_count; i++) {
        if (strcmp(document->results[i]->id, id) == 0) {
            return document->results[i];
        }
    }
    return NULL;
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

double result_median_of(const double *values, size_t count)
{
    double sorted[RESULT_RUNS_MAX];
    GALE_ASSERT(count > 0 && count <= RESULT_RUNS_MAX);
    memcpy(sorted, values, count * sizeof sorted[0]);
    qsort(sorted, count, sizeof sorted[0], by_value);
    return count % 2 == 1 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

static struct result_metric *metric_of(struct result *result, const char *name)
{
    for (size_t i = 0; i < result->metrics_count; i++) {
        if (strcmp(result->metrics[i].name, name) == 0) {
            return &result->metrics[i];
        }
    }
    return NULL;
}

void result_metric_add(struct result *result, const char *name, const char *unit,
                       enum result_better better, double value)
{
    struct result_metric *metric = metric_of(result, name);
    if (!isfinite(value)) {
        return;
    }
    if (metric == NULL) {
        GALE_ASSERT(result->metrics_count < RESULT_METRICS_MAX);
        result->metrics =
            suite_grow(result->metrics, result->metrics_count, sizeof result->metrics[0]);
        metric = &result->metrics[result->metrics_count++];
        memset(metric, 0, sizeof *metric);
        copy(metric->name, sizeof metric->name, name);
        copy(metric->unit, sizeof metric->unit, unit);
        metric->better = better;
        metric->min = value;
        metric->max = value;
    }
    GALE_ASSERT(metric->runs_count < RESULT_RUNS_MAX);
    metric->runs[metric->runs_count++] = value;
    metric->min = fmin(metric->min, value);
    metric->max = fmax(metric->max, value);
    metric->median = result_median_of(metric->runs, metric->runs_count);
}

const struct result_metric *result_metric(const struct result *result, const char *name)
{
    for (size_t i = 0; i < result->metrics_count; i++) {
        if (strcmp(result->metrics[i].name, name) == 0) {
            return &result->metrics[i];
        }
    }
    return NULL;
}

double result_median(const struct result *result, const char *name)
{
    const struct result_metric *metric = result_metric(result, name);
    return metric != NULL ? metric->median : (double)NAN;
}

void result_series_set(struct result *result, const struct result_point *points,
                       size_t points_count)
{
    size_t count = points_count < RESULT_SERIES_MAX ? points_count : RESULT_SERIES_MAX;
    free(result->series);
    result->series = suite_alloc(count, sizeof points[0]);
    if (count > 0) {
        memcpy(result->series, points, count * sizeof points[0]);
    }
    result->series_count = count;
}

static char *sentence(const char *format, va_list arguments) GALE_PRINTF(1, 0);
static char *sentence(const char *format, va_list arguments)
{
    char text[RESULT_SENTENCE_SIZE];
    vsnprintf(text, sizeof text, format, arguments);
    return suite_copy(text);
}

void result_fail(struct result *result, const char *format, ...)
{
    if (result->status == RESULT_FAILED) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    result->status = RESULT_FAILED;
    result->error = sentence(format, arguments);
    va_end(arguments);
}

void result_forgive(struct result *result)
{
    free(result->error);
    result->error = NULL;
    result->status = RESULT_OK;
}

void result_check(struct result *result, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    free(result->check);
    result->check = sentence(format, arguments);
    va_end(arguments);
}

struct result_ratio *result_ratio(struct result_document *document, const char *unit,
                                  double value, const char *name_format, ...)
{
    if (!isfinite(value)) {
        return NULL;
    }
    va_list arguments;
    va_start(arguments, name_format);
    document->ratios =
        suite_grow(document->ratios, document->ratios_count, sizeof document->ratios[0]);
    struct result_ratio *ratio = &document->ratios[document->ratios_count++];
    vsnprintf(ratio->name, sizeof ratio->name, name_format, arguments);
    copy(ratio->unit, sizeof ratio->unit, unit);
    ratio->value = ratio->min = ratio->max = value;
    ratio->rounds = 0;
    va_end(arguments);
    return ratio;
}
