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
/** "completed", "duration", "interrupted", "aborted", "failed". */
const char *report_end_name(enum run_end end);

enum { REPORT_NUMBER_SIZE = 24 };
/** A count or rate in four characters or so: "999", "58 k", "4.1 M". */
const char *report_rate(double value, char out[REPORT_NUMBER_SIZE]);
/** A time: "850ns", "1.1us", "22us", "8.1ms", "1.2s"; 0 is "-". */
const char *report_time(uint64_t ns, char out[REPORT_NUMBER_SIZE]);

#endif
