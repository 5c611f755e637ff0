/* SPDX-License-Identifier: Apache-2.0 */
/* A document for the tests of what shows results, and a look at text that was written. */
#ifndef TESTS_SHOW_FIXTURE_H
#define TESTS_SHOW_FIXTURE_H

#include "suite/result.h"
#include <stdbool.h>

/* Markup, quotes, control characters and bytes that are no UTF-8. */
#define FIXTURE_HOSTILE "<b>&\"'\x01\xff ]]> \xe6\xb5\x81 http://example.org/x"

/** Two variants of "wordcount" with series, one of "startup", one that failed; machine "cpu A". */
void fixture_document(struct result_document *document);
/** Adds a metric with these runs. */
void fixture_metric(struct result *result, const char *name, const char *unit,
                    enum result_better better, const double *runs, size_t runs_count);
/** Whether a real XML parser takes the text. */
bool fixture_is_xml(const char *text);
/** How often `part` occurs. */
size_t fixture_count(const char *text, const char *part);

#endif
