/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What two samples of the same components say together: rates, shares of time, and who causes the
 * back-pressure. The views of `gale run` and of `gale top` show these. Components are matched by
 * index. Pure.
 */
#ifndef CLI_VIEW_FIGURES_H
#define CLI_VIEW_FIGURES_H

#include "run/run.h"

/* Rates are over one to two of these, as workers report only a few times a second. */
#define VIEW_WINDOW_NS INT64_C(1000000000)

/** The counter's growth since `before`; a counter that fell was reset (end of the warm-up). */
uint64_t view_growth(uint64_t before, uint64_t now);
/** Seconds between two samples; before NULL: since the start. 0 when time stood still. */
double view_interval_s(const struct run_sample *before, const struct run_sample *now);
/** A component of a sample, all zero where there is none; never NULL. sample may be NULL. */
const struct run_sample_component *view_component(const struct run_sample *sample,
                                                  size_t index);
/** How full the inbox is, 0 … 1. */
double view_fill(const struct run_sample_component *component);
/** Share of the time in which a component's tasks could not send, 0 … 1. */
double view_blocked(const struct run_sample *before, const struct run_sample *now,
                    size_t index);
/** Share of the time that a bolt's tasks spend in execute. */
double view_busy(const struct run_sample *before, const struct run_sample *now, size_t index);

/**
 * The component that holds the others up, from two consecutive samples: among the bolts whose
 * inbox is at least half full, the one whose own output is blocked least (the most downstream of
 * equals), provided that some task was blocked or the inbox was as full before. Where a task was
 * blocked and no inbox is that full at the moment: the bolt that spends most time in execute.
 * @param before may be NULL. @return component index, -1 = nobody.
 */
int view_pressure(const struct run_sample *before, const struct run_sample *now);

#endif
