/* SPDX-License-Identifier: Apache-2.0 */
/* What `gale top --once --json` prints: one document. Rates are since the sample before. */
#ifndef CLI_TOP_JSON_H
#define CLI_TOP_JSON_H

#include "cli/top_model.h"
#include <stdio.h>

/** @param before may be NULL: rates since the start. */
void top_json_sample(const struct top_sample *before, const struct top_sample *now, FILE *file);
void top_json_list(const struct top_list *list, FILE *file);

#endif
