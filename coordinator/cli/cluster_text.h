/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the verbs of the cluster share in reading options and in showing answers: times, ages,
 * trees as JSON. Pure but for the messages of option readers, which go to stderr. Single-threaded.
 */
#ifndef CLI_CLUSTER_TEXT_H
#define CLI_CLUSTER_TEXT_H

#include "base/conf.h"
#include "cli/json_writer.h"
#include "cli/options.h"

#include <stdint.h>

enum { CLUSTER_AGE_SIZE = 24, CLUSTER_TIME_SIZE = 32, CLUSTER_SIZE_SIZE = 24 };

/** "45s", "9m12s", "3h2m", "2d4h"; below a second "0s". Negative counts as 0. */
const char *cluster_age(int64_t ms, char out[CLUSTER_AGE_SIZE]);
/** "2026-11-21T10:17:43Z"; "-" for 0 and what no calendar has. */
const char *cluster_time(int64_t unix_ms, char out[CLUSTER_TIME_SIZE]);
/** "512 KiB", "1.2 GiB"; 0 is "-". */
const char *cluster_size(double bytes, char out[CLUSTER_SIZE_SIZE]);
/** Upper case, as tables show a status; cut at 23 characters. */
const char *cluster_status(const char *status, char out[CLUSTER_AGE_SIZE]);

/** A node and what is below it as JSON; NULL is null. What lies deeper than the writer can nest
 *  is null too. */
void cluster_json(struct jsonw *json, const char *key, const struct gale_conf *node);
/** The same for a list, [] when the node is absent. */
void cluster_json_list(struct jsonw *json, const char *key, const struct gale_conf *node);

/** Reads a time with its unit from an option. @param bare_unit_ms what a bare number counts in, as
 *  Storm's spellings do; 0: it is refused because seconds and milliseconds would be a fair guess.
 *  @param out_ms untouched when the option was not given. @return false: refused, reported. */
bool cluster_option_time(const struct invocation *call, const char *option,
                         int64_t bare_unit_ms, int64_t *out_ms);
/** Reads a whole number from an option. @param out untouched when it was not given.
 *  @return false: refused, reported. */
bool cluster_option_count(const struct invocation *call, const char *option, int64_t min,
                          int64_t max, int64_t *out);
/** A whole number in a text; false: it is none or out of bounds. */
bool cluster_number(const char *text, int64_t min, int64_t max, int64_t *out);

#endif
