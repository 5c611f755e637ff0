/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of a run for people: the live sample and the final report, summed from the tasks'. */
#include "run/run_internal.h"

#include "worker/process_stat.h"

#include <stdlib.h>
#include <string.h>

struct sums {
    uint64_t executed, emitted, acked, failed, timed_out, errors;
    uint64_t pending, queue_bytes, queue_bytes_max, blocked_ns;
    struct hist execute_ns, complete_ns;
};

static void add(struct sums *sums, const struct control_task *task)
{
    sums->executed += task->executed;
    sums->emitted += task->emitted;
    sums->acked += task->acked;
    sums->failed += task->failed;
    sums->timed_out += task->timed_out;
    sums->errors += task->errors;
    sums->pending += task->pending;
    sums->queue_bytes += task->queue_bytes;
    sums->queue_bytes_max += task->queue_bytes_max;
    sums->blocked_ns += task->blocked_ns;
    if (task->execute_ns) {
        hist_merge(&sums->execute_ns, task->execute_ns);
    }
    if (task->complete_ns) {
        hist_merge(&sums->complete_ns, task->complete_ns);
    }
}

static void sum_component(const struct run *run, const struct plan_component *component,
                          struct sums *sums)
{
    memset(sums, 0, sizeof(*sums));
    for (uint32_t i = 0; i < component->parallelism; i++) {
        add(sums, &run->control.live[component->first_task + i]);
        add(sums, &run->control.dead[component->first_task + i]);
    }
}

void run_sample(struct run *run, int64_t now_ns)
{
    if (!run->view->sample) {
        return;
    }
    const struct plan *plan = run->plan;
    struct run_sample_component *items = calloc(plan->components_count, sizeof(*items));
    struct sums *sums = malloc(sizeof(*sums));
    struct hist *complete = calloc(1, sizeof(*complete));
    if (items && sums && complete) {
        for (uint32_t i = 0; i < plan->components_count; i++) {
            const struct plan_component *component = &plan->components[i];
            sum_component(run, component, sums);
            hist_merge(complete, &sums->complete_ns);
            items[i] = (struct run_sample_component){
                .name = component->name,
                .type = component->type,
                .spout = component->spout != NULL,
                .tasks = component->parallelism,
                .level = component->level,
                .executed = sums->executed,
                .emitted = sums->emitted,
                .acked = sums->acked,
                .failed = sums->failed,
                .pending = sums->pending,
                .queue_bytes = sums->queue_bytes,
                .queue_bytes_max = sums->queue_bytes_max,
                .blocked_ns = sums->blocked_ns,
                .exec_p50_ns = hist_quantile(&sums->execute_ns, 0.5),
                .exec_p99_ns = hist_quantile(&sums->execute_ns, 0.99)};
        }
        uint32_t up = 0;
        for (uint32_t i = 0; i < plan->workers; i++) {
            up += run->control.workers[i].beaten ? 1u : 0u;
        }
        struct run_sample sample = {.topology = plan->name,
                                    .elapsed_ns = now_ns - run->start_ns,
                                    .warming = run->warmup_at_ns != INT64_MAX,
                                    .draining = run->control.state >= CONTROL_DRAINING,
                                    .components = items,
                                    .components_count = plan->components_count,
                                    .complete_p99_ns = hist_quantile(complete, 0.99),
                                    .workers_up = up,
                                    .workers_count = plan->workers,
                                    .restarts = run->control.restarts_count};
        run->view->sample(run->view->self, &sample);
    }
    free(items);
    free(sums);
    free(complete);
}

static int64_t fill_workers(struct run *run, struct run_worker_report *items)
{
    int64_t cpu_ns = 0;
    for (uint32_t i = 0; i < run->plan->workers; i++) {
        const struct control_worker *worker = &run->control.workers[i];
        items[i] = (struct run_worker_report){.index = i,
                                              .pid = worker->pid,
                                              .rss_peak_kb = worker->rss_peak_kb,
                                              .restarts = worker->slot.restarts_count,
                                              .cpu_ns = worker->cpu_dead_ns};
        cpu_ns += worker->cpu_dead_ns;
    }
    return cpu_ns;
}

static void fill_component(struct run *run, const struct plan_component *component,
                           struct run_component_report *item, struct hist *complete,
                           uint64_t *replayed)
{
    struct sums *sums = malloc(sizeof(*sums));
    if (!sums) {
        return;
    }
    sum_component(run, component, sums);
    hist_merge(complete, &sums->complete_ns);
    *item =
        (struct run_component_report){.name = component->name,
                                      .spout = component->spout != NULL,
                                      .tasks = component->parallelism,
                                      .executed = sums->executed,
                                      .emitted = sums->emitted,
                                      .acked = sums->acked,
                                      .failed = sums->failed,
                                      .timed_out = sums->timed_out,
                                      .errors = sums->errors,
                                      .exec_p50_ns = hist_quantile(&sums->execute_ns, 0.5),
                                      .exec_p99_ns = hist_quantile(&sums->execute_ns, 0.99)};
    *replayed += component->spout ? sums->failed : 0;
    free(sums);
}

void run_report(struct run *run, int exit_code)
{
    const struct plan *plan = run->plan;
    struct run_component_report *components =
        calloc(plan->components_count, sizeof(*components));
    struct run_worker_report *workers = calloc(plan->workers, sizeof(*workers));
    struct hist *complete = calloc(1, sizeof(*complete));
    if (run->view->report && components && workers && complete) {
        uint64_t replayed = 0;
        for (uint32_t i = 0; i < plan->components_count; i++) {
            fill_component(run, &plan->components[i], &components[i], complete, &replayed);
        }
        int64_t cpu_ns =
            fill_workers(run, workers) + process_stat_cpu_ns() - run->own_cpu_base_ns;
        struct run_report report = {.topology = plan->name,
                                    .guarantee = plan_guarantee_name(plan->guarantee),
                                    .end = run->end,
                                    .exit_code = exit_code,
                                    .elapsed_s = (double)(run->end_ns - run->baseline_ns) / 1e9,
                                    .cpu_s = (double)cpu_ns / 1e9,
                                    .components = components,
                                    .components_count = plan->components_count,
                                    .complete_p50_ns = hist_quantile(complete, 0.5),
                                    .complete_p99_ns = hist_quantile(complete, 0.99),
                                    .complete_p999_ns = hist_quantile(complete, 0.999),
                                    .complete_max_ns = complete->max,
                                    .complete_count = complete->count,
                                    .workers = workers,
                                    .workers_count = plan->workers,
                                    .replayed = replayed,
                                    .duplicates_dropped = run->control.duplicates_dead,
                                    .frames_refused = run->control.frames_refused_dead,
                                    .links_failed = run->control.links_failed_dead};
        run->view->report(run->view->self, &report);
    }
    free(components);
    free(workers);
    free(complete);
}
