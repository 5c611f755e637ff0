/* SPDX-License-Identifier: Apache-2.0 */
/* Levels over time; see catch_up.h. */
#include "suite/catch_up.h"

#include "suite/memory.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

void levels_add(struct levels *levels, double t_s, double level)
{
    levels->points = suite_grow(levels->points, levels->count, sizeof levels->points[0]);
    levels->points[levels->count++] = (struct level_point){t_s, level};
}

void levels_fini(struct levels *levels)
{
    free(levels->points);
    *levels = (struct levels){0};
}

double levels_max(const struct levels *levels, double from_s, double until_s)
{
    double max = (double)NAN;
    for (size_t i = 0; i < levels->count; i++) {
        const struct level_point *point = &levels->points[i];
        if (point->t_s >= from_s && point->t_s <= until_s) {
            max = fmax(max, point->level);
        }
    }
    return max;
}

double levels_back(const struct levels *levels, double since_s, double threshold, double hold_s)
{
    double back_s = (double)NAN;
    for (size_t i = 0; i < levels->count; i++) {
        const struct level_point *point = &levels->points[i];
        bool is_low = point->level <= threshold; /* False for NAN. */
        if (point->t_s < since_s) {
            continue;
        }
        if (!is_low) {
            back_s = (double)NAN;
            continue;
        }
        back_s = isnan(back_s) ? point->t_s : back_s;
        if (point->t_s - back_s >= hold_s) {
            return back_s;
        }
    }
    return (double)NAN;
}
