/* SPDX-License-Identifier: Apache-2.0 */
/* What shows results and is called by the verb: live view, charts, comparison. Each has a file of its
 * own; none reads anything but the result document and the watcher's samples. One thread. */
#ifndef SUITE_SHOW_H
#define SUITE_SHOW_H

#include "suite/suite.h"

struct live;

/** The live view on a stream: a block drawn over itself on a terminal, otherwise a line a second.
 *  Never NULL. @param width of the terminal, 0 = it is none. */
struct live *live_new(FILE *file, unsigned width, bool color);
/** The callbacks to be given to suite_run; valid until live_free. */
struct bench_watcher live_watcher(struct live *live);
/** Leaves the screen in order. NULL is nothing. */
void live_free(struct live *live);

/** One SVG picture, respectively one self-contained page, of the document.
 *  @return GALE_OK, GALE_ERR_IO or GALE_ERR_NOMEM. */
enum gale_err svg_write(const struct result_document *document, FILE *file);
enum gale_err html_write(const struct result_document *document, FILE *file);

/**
 * Prints how the results changed, metric by metric, beside the noise that the runs of both sides
 * show. @param width of the terminal, 0 = it is none (tabs).
 * @return the number of regressions beyond the noise; a result that failed now and did not before
 * counts. Missing ones are listed only: a part of the benchmarks may have been run.
 */
size_t compare_print(const struct result_document *before, const struct result_document *now,
                     FILE *file, unsigned width, bool color);

#endif
