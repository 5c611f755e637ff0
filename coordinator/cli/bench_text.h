/* SPDX-License-Identifier: Apache-2.0 */
/* The report of `gale bench` for people: where it ran, one row for each variant, the ratios, the
 * checks and the errors. On a terminal aligned, elsewhere tab-separated. Pure printing. */
#ifndef CLI_BENCH_TEXT_H
#define CLI_BENCH_TEXT_H

#include "suite/suite.h"

/** @param width of the terminal, 0 = it is none. @param quiet only the rows.
 *  @return GALE_OK or GALE_ERR_NOMEM. */
enum gale_err bench_text_report(const struct result_document *document, FILE *file,
                                unsigned width, bool color, bool quiet);
/** The catalogue as one JSON document. */
void bench_json_list(FILE *file);
/** The catalogue. @param names_only one name a line. */
enum gale_err bench_text_list(FILE *file, unsigned width, bool color, bool names_only);

#endif
