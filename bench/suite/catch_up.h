/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A level over time (latency, lag) and the question when it is back to normal after a disturbance.
 * A level of NAN means that nothing came through at that moment, and counts as above every
 * threshold. Times in seconds, never going backwards. Owned by the caller, one thread.
 */
#ifndef SUITE_CATCH_UP_H
#define SUITE_CATCH_UP_H

#include <stddef.h>

struct level_point {
    double t_s;
    double level;
};

struct levels {
    struct level_point *points;
    size_t count;
};

/** Zero-initialise before the first. */
void levels_add(struct levels *levels, double t_s, double level);
void levels_fini(struct levels *levels);
/** Largest level in [from_s, until_s]; NAN when there is none. */
double levels_max(const struct levels *levels, double from_s, double until_s);
/**
 * When the level is back: the time of the first point at or after `since_s` from which on every
 * point for `hold_s` is at most `threshold`. The points must reach to the end of that time, so that
 * the last moments of a run prove nothing. @return NAN when it never is.
 */
double levels_back(const struct levels *levels, double since_s, double threshold,
                   double hold_s);

#endif
