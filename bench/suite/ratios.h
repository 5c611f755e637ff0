/* SPDX-License-Identifier: Apache-2.0 */
/* What one variant says about another of the same rounds: the price of acks, the price of the wire,
 * the share of the hand-written limit. Pure. */
#ifndef SUITE_RATIOS_H
#define SUITE_RATIOS_H

#include "suite/result.h"

/** Adds every ratio whose two results are there and have at least three rounds. A ratio is the median
 *  over the rounds of the two values of the same round, since those saw the same machine, with the
 *  least and the largest. The price of the wire is only given where something crosses. */
void ratios_add(struct result_document *document);

#endif
