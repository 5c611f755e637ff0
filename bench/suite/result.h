/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `gale bench` measured, in memory: one document with the machine, the settings, and for each
 * variant of a benchmark (workers × guarantee) a result with its metrics by run, a series over time
 * and the outcome of its check. Everything that shows results (text, JSON, charts, comparison)
 * reads this and nothing else. Text is copied in; pointers to results stay valid until fini.
 * Running out of memory ends the program with a message: there is nothing to save. Not thread-safe.
 *
 * As JSON (result_write, result_read) it is schema RESULT_SCHEMA, drawn in bench/README.md.
 */
#ifndef SUITE_RESULT_H
#define SUITE_RESULT_H

#include <gale/errors.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define RESULT_SCHEMA 1
#define RESULT_KIND "gale-bench"

enum {
    RESULT_RUNS_MAX = 64,
    RESULT_METRICS_MAX = 48,
    RESULT_NAME_SIZE = 64,
    RESULT_TITLE_SIZE = 192,
    RESULT_UNIT_SIZE = 32,
    RESULT_SERIES_MAX = 16384,
    RESULT_FILE_SIZE_MAX = 64 * 1024 * 1024,
};

enum result_better { RESULT_HIGHER, RESULT_LOWER };
enum result_status { RESULT_OK, RESULT_FAILED };

/* One figure: a value of each run, and what follows from them. */
struct result_metric {
    char name[RESULT_NAME_SIZE]; /* "throughput_per_s" … */
    char unit[RESULT_UNIT_SIZE]; /* "words/s", "us", "MB" … */
    enum result_better better;
    double runs[RESULT_RUNS_MAX];
    size_t runs_count;
    double median, min, max;
};

/* One moment of the run that is shown; what is not known is NAN. */
struct result_point {
    double t_s;    /* Since the start of the run, warm-up included. */
    double rate;   /* Measured units a second since the point before. */
    double p50_us; /* Complete latency of the trees that ended since then. */
    double p99_us;
    double cpu;    /* Cores in use. */
    double queue;  /* Fill of the fullest inbox, 0 to 1. */
    double rss_mb; /* All processes together. */
};

struct result {
    char id[RESULT_TITLE_SIZE];    /* "wordcount/workers=1/at-least-once" */
    char bench[RESULT_NAME_SIZE];  /* "wordcount" */
    char title[RESULT_TITLE_SIZE]; /* One sentence. */
    unsigned workers;
    char guarantee[RESULT_NAME_SIZE]; /* "at-least-once"; "" where it does not apply. */
    char unit[RESULT_UNIT_SIZE];      /* What the throughput counts: "words". */
    enum result_status status;
    char *error; /* What went wrong; NULL with RESULT_OK. */
    char *check; /* What was checked exactly; NULL when nothing was yet. */
    struct result_metric *metrics;
    size_t metrics_count;
    struct result_point *series; /* Of the median run. */
    size_t series_count;
};

struct result_ratio {
    char name[RESULT_TITLE_SIZE]; /* "price of acks, wordcount, 1 worker" */
    double value;                 /* Median over the rounds. */
    double min, max;              /* Over the rounds. */
    unsigned rounds;              /* 0: not known. */
    char unit[RESULT_UNIT_SIZE];  /* "share" or "times" */
};

struct result_machine {
    char cpu[RESULT_TITLE_SIZE];
    unsigned cores;
    uint64_t memory_mb;
    char kernel[RESULT_TITLE_SIZE];
    char os[RESULT_TITLE_SIZE];
};

struct result_versions {
    char compiler[RESULT_TITLE_SIZE];
    char zeromq[RESULT_NAME_SIZE];
    char msgpack[RESULT_NAME_SIZE];
    char lz4[RESULT_NAME_SIZE];
    char sqlite[RESULT_NAME_SIZE];
};

struct result_document {
    char version[RESULT_NAME_SIZE]; /* Of gale. */
    char commit[RESULT_NAME_SIZE];
    struct result_machine machine;
    struct result_versions versions;
    char started[RESULT_NAME_SIZE]; /* UTC, ISO 8601. */
    char *command;                  /* As it was given; never NULL after init. */
    unsigned runs;
    double warmup_s, duration_s;
    struct result **results;
    size_t results_count;
    struct result_ratio *ratios;
    size_t ratios_count;
};

void result_document_init(struct result_document *document);
void result_document_fini(struct result_document *document);

/** Adds an empty result with status RESULT_OK. @param guarantee "" where it does not apply; with
 *  workers 0 and "" the id is the bare name. */
struct result *result_add(struct result_document *document, const char *bench,
                          const char *title, unsigned workers, const char *guarantee,
                          const char *unit);
/** Result by id, or NULL. */
struct result *result_find(const struct result_document *document, const char *id);

/** Appends the value of one more run to a metric, which is made when it is new, and brings its
 *  median, min and max up to date. A value that is not finite is left out. */
void result_metric_add(struct result *result, const char *name, const char *unit,
                       enum result_better better, double value);
/** Metric by name, or NULL. */
const struct result_metric *result_metric(const struct result *result, const char *name);
/** Median of a metric, NAN when it is not there. */
double result_median(const struct result *result, const char *name);

/** Replaces the series by a copy of `points`. */
void result_series_set(struct result *result, const struct result_point *points,
                       size_t points_count);

/** Marks the result as failed; the first reason stays. */
void result_fail(struct result *result, const char *format, ...) GALE_PRINTF(2, 3);
/** Takes a failure back, for a run that is made again. */
void result_forgive(struct result *result);
/** Says what was checked exactly; replaces the sentence of an earlier run. */
void result_check(struct result *result, const char *format, ...) GALE_PRINTF(2, 3);

/** Adds a ratio whose min and max are its value; a value that is not finite is left out.
 *  @return it, until the next one is added; NULL when it was left out. */
struct result_ratio *result_ratio(struct result_document *document, const char *unit,
                                  double value, const char *name_format, ...) GALE_PRINTF(4, 5);

/** Median of `count` values (1 or more); the values stay as they are. */
double result_median_of(const double *values, size_t count);

/** Writes the document as JSON. @return GALE_OK, GALE_ERR_NOMEM or GALE_ERR_IO. */
enum gale_err result_write(const struct result_document *document, FILE *file);
/**
 * Reads a document that result_write made, of this schema. @param document is initialised here, and
 * to be freed by fini only after GALE_OK. @param error receives a sentence otherwise.
 * @return GALE_OK, GALE_ERR_NOT_FOUND, GALE_ERR_IO or GALE_ERR_INVALID.
 */
enum gale_err result_read(const char *path, struct result_document *document, char *error,
                          size_t error_size);

#endif
