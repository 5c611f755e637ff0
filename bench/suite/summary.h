/* SPDX-License-Identifier: Apache-2.0 */
/* What the picture and the page say alike: names of metrics and variants, the chart of bars that sums
 * up a document. One thread. */
#ifndef SUITE_SUMMARY_H
#define SUITE_SUMMARY_H

#include "suite/result.h"

enum { SUMMARY_NAME_SIZE = 128, SUMMARY_WIDTH = 940 };

/** "throughput_per_s" as people say it: "throughput". */
const char *summary_metric_name(const char *name, char out[SUMMARY_NAME_SIZE]);
/** "2 workers, at-least-once"; "" where neither applies. */
const char *summary_variant(const struct result *result, char out[SUMMARY_NAME_SIZE]);
/** Colour of a result's guarantee among the bars. */
unsigned summary_color(const struct result *result);

/** Draws the bars of all results below each other as the content of an <svg> of SUMMARY_WIDTH, one
 *  part for each metric and unit. @param file NULL only measures. @return the height that it
 *  takes. */
double summary_draw(const struct result_document *document, FILE *file);

#endif
