/* SPDX-License-Identifier: Apache-2.0 */
/* See show_fixture.h. The XML parser is that of Python, which the tests need anyway. */
#include "show_fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIXTURE_POINTS = 6 };

void fixture_metric(struct result *result, const char *name, const char *unit,
                    enum result_better better, const double *runs, size_t runs_count)
{
    for (size_t i = 0; i < runs_count; i++) {
        result_metric_add(result, name, unit, better, runs[i]);
    }
}

static void add_wordcount(struct result_document *document, unsigned workers, double rate)
{
    struct result *result = result_add(document, "wordcount", "Words are counted", workers,
                                       "at-least-once", "words");
    const double rates[] = {rate, rate * 1.02, rate * 0.99};
    const double p50s[] = {150, 151, 149};
    const double p99s[] = {1200, 1210, 1250};
    struct result_point points[FIXTURE_POINTS];
    fixture_metric(result, "throughput_per_s", "words/s", RESULT_HIGHER, rates, 3);
    fixture_metric(result, "latency_p50_us", "us", RESULT_LOWER, p50s, 3);
    fixture_metric(result, "latency_p99_us", "us", RESULT_LOWER, p99s, 3);
    for (size_t i = 0; i < FIXTURE_POINTS; i++) {
        points[i] = (struct result_point){.t_s = 0.5 * (double)(i + 1),
                                          .rate = i == 0 ? NAN : rate,
                                          .p50_us = i == 3 ? NAN : 150,
                                          .p99_us = 1200,
                                          .cpu = 1,
                                          .queue = 0.25,
                                          .rss_mb = 12};
    }
    result_series_set(result, points, FIXTURE_POINTS);
    result_check(result, "acked = emitted");
}

void fixture_document(struct result_document *document)
{
    static const double starts[] = {6.5, 7, 6.6};
    result_document_init(document);
    snprintf(document->version, sizeof document->version, "1.2.3");
    snprintf(document->commit, sizeof document->commit, "abcdef0");
    snprintf(document->started, sizeof document->started, "2026-11-21T07:30:00Z");
    snprintf(document->machine.cpu, sizeof document->machine.cpu, "cpu A");
    snprintf(document->machine.kernel, sizeof document->machine.kernel, "Linux 6.1");
    snprintf(document->machine.os, sizeof document->machine.os, "Debian 12");
    document->machine.cores = 2;
    document->machine.memory_mb = 8000;
    document->runs = 3;
    document->warmup_s = 1;
    document->duration_s = 2;
    add_wordcount(document, 1, 4.12e6);
    add_wordcount(document, 2, 5.5e6);
    struct result *startup = result_add(document, "startup", "Start", 0, "", "");
    fixture_metric(startup, "first_acked_ms", "ms", RESULT_LOWER, starts, 3);
    result_fail(result_add(document, "recovery", "A worker is killed", 2, "", "words"),
                "lost %d words", 17);
}

bool fixture_is_xml(const char *text)
{
    FILE *parser = popen("python3 -c 'import sys, xml.dom.minidom as m; "
                         "m.parseString(sys.stdin.buffer.read())' 2>/dev/null",
                         "w");
    if (parser == NULL) {
        return false;
    }
    fputs(text, parser);
    return pclose(parser) == 0;
}

size_t fixture_count(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        count++;
    }
    return count;
}
