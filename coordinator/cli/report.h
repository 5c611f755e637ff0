/* SPDX-License-Identifier: Apache-2.0 */
/* The final report of a run: for people on stderr, as one JSON document on stdout; a sample and a
 * line of news as one line of JSON. Pure printing of what run.h hands over. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "run/run.h"
#include <stdio.h>

/** Aligned text. @param color titles in bold. */
void report_text(const struct run_report *report, FILE *file, bool color);
/** One document, schema RUN_REPORT_SCHEMA. */
void report_json(const struct run_report *report, FILE *file);
/** One line, {"sample":{…}}, at once. Counters are totals since the start. */
void report_sample_json(const struct run_sample *sample, FILE *file);
/** One line, {"note":"…"}, at once. */
void report_note_json(const char *line, FILE *file);
/** One line, {"warning":{…}}: a finding that does not stop the run. */
void report_warning_json(const struct diag_item *item, FILE *file);
/** "completed", "duration", "interrupted", "aborted", "failed". */
const char *report_end_name(enum run_end end);

#endif
