/* SPDX-License-Identifier: Apache-2.0 */
/* What two samples say together; see view_figures.h. */
#include "cli/view_figures.h"

/* A queue half full is one that is not drained as fast as it fills; a task that could not send for
 * a twentieth of the time is held up. */
static const double pressure_fill_min = 0.5;
static const double pressure_blocked_min = 0.05;
static const double pressure_busy_min = 0.3;
static const double pressure_busy_near = 0.6;

uint64_t view_growth(uint64_t before, uint64_t now)
{
    return now >= before ? now - before : now;
}

double view_interval_s(const struct run_sample *before, const struct run_sample *now)
{
    int64_t since = before != NULL ? before->elapsed_ns : 0;
    return now->elapsed_ns > since ? (double)(now->elapsed_ns - since) / 1e9 : 0;
}

const struct run_sample_component *view_component(const struct run_sample *sample, size_t index)
{
    static const struct run_sample_component none;
    return sample != NULL && index < sample->components_count ? &sample->components[index]
                                                              : &none;
}

double view_fill(const struct run_sample_component *component)
{
    return component->queue_bytes_max > 0
               ? (double)component->queue_bytes / (double)component->queue_bytes_max
               : 0;
}

double view_blocked(const struct run_sample *before, const struct run_sample *now, size_t index)
{
    const struct run_sample_component *component = &now->components[index];
    double span = view_interval_s(before, now) * (component->tasks > 0 ? component->tasks : 1);
    uint64_t blocked =
        view_growth(view_component(before, index)->blocked_ns, component->blocked_ns);
    double share = span > 0 ? (double)blocked / 1e9 / span : 0;
    return share > 1 ? 1 : share;
}

double view_busy(const struct run_sample *before, const struct run_sample *now, size_t index)
{
    const struct run_sample_component *component = &now->components[index];
    double span = view_interval_s(before, now) * (component->tasks > 0 ? component->tasks : 1);
    uint64_t count = view_growth(view_component(before, index)->executed, component->executed);
    return span > 0 ? (double)count * (double)component->exec_p50_ns / 1e9 / span : 0;
}

/* Where no inbox is full: the bolt that works most. A chained bolt's time counts for those above it
 * too, so of those near the top the most downstream one is meant. */
static int busiest(const struct run_sample *before, const struct run_sample *now)
{
    int best = -1;
    double most = pressure_busy_min;
    for (size_t i = 0; i < now->components_count; i++) {
        double busy = now->components[i].spout ? 0 : view_busy(before, now, i);
        most = busy > most ? busy : most;
    }
    for (size_t i = 0; i < now->components_count; i++) {
        const struct run_sample_component *component = &now->components[i];
        if (!component->spout && view_busy(before, now, i) >= most * pressure_busy_near &&
            (best < 0 || component->level > now->components[best].level)) {
            best = (int)i;
        }
    }
    return best;
}

int view_pressure(const struct run_sample *before, const struct run_sample *now)
{
    int best = -1;
    double best_blocked = 0;
    bool somebody_waits = false;
    for (size_t i = 0; i < now->components_count; i++) {
        const struct run_sample_component *component = &now->components[i];
        double blocked = view_blocked(before, now, i);
        somebody_waits = somebody_waits || blocked >= pressure_blocked_min;
        if (component->spout || view_fill(component) < pressure_fill_min) {
            continue;
        }
        /* Shares within one threshold of each other are equal: samples are not that exact. */
        bool less = best < 0 || blocked + pressure_blocked_min < best_blocked;
        bool same = best >= 0 && blocked < best_blocked + pressure_blocked_min;
        if (less || (same && component->level > now->components[best].level)) {
            best = (int)i;
            best_blocked = blocked;
        }
    }
    /* Tasks of one worker take turns, so a sender there shows no waiting of its own; an inbox that
     * stays half full says it as well. */
    bool stays =
        best >= 0 && view_fill(view_component(before, (size_t)best)) >= pressure_fill_min;
    if (best < 0 && somebody_waits) {
        return busiest(before, now);
    }
    return somebody_waits || stays ? best : -1;
}
