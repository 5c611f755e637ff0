/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of a run for people: the live sample and the final report, summed from the tasks'. */
#include "run/run_internal.h"

#include <stdlib.h>
#include <string.h>

struct sums {
    uint64_t executed, emitted, acked, failed, timed_out, errors;
    uint64_t pending, queue_bytes, queue_bytes_max, blocked_ns;
    struct run_totals total;
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
    sums->total.executed += task->total.executed;
    sums->total.emitted += task->total.emitted;
    sums->total.acked += task->total.acked;
    sums->total.failed += task->total.failed;
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

static uint64_t beats(const struct run *run)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < run->plan->workers; i++) {
        sum += run->control.workers[i].beats_count;
    }
    return sum;
}

bool run_sample_ready(struct run *run)
{
    uint32_t up = 0;
    uint64_t heard = beats(run);
    bool fresh = heard != run->seen_beats;
    run->seen_beats = heard;
    for (uint32_t i = 0; i < run->plan->workers; i++) {
        up += run->control.workers[i].beaten ? 1u : 0u;
    }
    return fresh && heard - run->sample_beats >= up;
}

static struct process_cpu cpu_of_all(const struct run *run)
{
    struct process_cpu sum = process_stat_cpu();
    for (uint32_t i = 0; i < run->plan->workers; i++) {
        struct control_cpu cpu = control_cpu_of(&run->control.workers[i]);
        sum.user_ns += cpu.user_ns;
        sum.system_ns += cpu.system_ns;
    }
    return sum;
}

static int64_t memory_of_all_kb(const struct run *run)
{
    int64_t sum_kb;
    int64_t peak_kb;
    process_stat_memory_kb(&sum_kb, &peak_kb);
    for (uint32_t i = 0; i < run->plan->workers; i++) {
        sum_kb += run->control.workers[i].beat.rss_kb;
    }
    return sum_kb;
}

void run_look_at_memory(struct run *run)
{
    int64_t now_kb = memory_of_all_kb(run);
    run->memory_peak_kb = now_kb > run->memory_peak_kb ? now_kb : run->memory_peak_kb;
}

static void sample_component(const struct plan_component *component, const struct sums *sums,
                             struct run_sample_component *item)
{
    *item = (struct run_sample_component){.name = component->name,
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
                                          .exec_p99_ns = hist_quantile(&sums->execute_ns, 0.99),
                                          .total = sums->total};
}

static uint32_t sample_workers(const struct run *run, struct run_sample_worker *items)
{
    uint32_t up = 0;
    for (uint32_t i = 0; i < run->plan->workers; i++) {
        const struct control_worker *worker = &run->control.workers[i];
        items[i] = (struct run_sample_worker){.index = i,
                                              .up = worker->beaten,
                                              .pid = worker->pid,
                                              .rss_kb = worker->beat.rss_kb};
        up += worker->beaten ? 1u : 0u;
    }
    return up;
}

/* What is new in the complete latency since the last sample; `sums` is only room for it. */
static void sample_latency(struct run *run, const struct hist *complete, struct sums *sums,
                           struct run_sample *sample)
{
    struct hist *recent = &sums->complete_ns;
    if (!run->complete_before) {
        run->complete_before = calloc(1, sizeof(*run->complete_before));
    }
    if (!run->complete_before) {
        return;
    }
    hist_since(complete, run->complete_before, recent);
    *run->complete_before = *complete;
    sample->complete_p99_ns = hist_quantile(complete, 0.99);
    sample->recent_count = recent->count;
    sample->recent_p50_ns = hist_quantile(recent, 0.5);
    sample->recent_p99_ns = hist_quantile(recent, 0.99);
    sample->recent_p999_ns = hist_quantile(recent, 0.999);
}

void run_sample(struct run *run, int64_t now_ns)
{
    const struct plan *plan = run->plan;
    run->sample_beats = beats(run);
    if (!run->view->sample) {
        return;
    }
    struct run_sample_component *items = calloc(plan->components_count, sizeof(*items));
    struct run_sample_worker *workers = calloc(plan->workers, sizeof(*workers));
    struct sums *sums = malloc(sizeof(*sums));
    struct hist *complete = calloc(1, sizeof(*complete));
    if (items && workers && sums && complete) {
        for (uint32_t i = 0; i < plan->components_count; i++) {
            sum_component(run, &plan->components[i], sums);
            hist_merge(complete, &sums->complete_ns);
            sample_component(&plan->components[i], sums, &items[i]);
        }
        struct process_cpu cpu = cpu_of_all(run);
        struct run_sample sample = {.topology = plan->name,
                                    .elapsed_ns = now_ns - run->start_ns,
                                    .warming = run->warmup_at_ns != INT64_MAX,
                                    .draining = run->control.state >= CONTROL_DRAINING,
                                    .components = items,
                                    .components_count = plan->components_count,
                                    .workers = workers,
                                    .workers_up = sample_workers(run, workers),
                                    .workers_count = plan->workers,
                                    .restarts = run->control.restarts_count,
                                    .cpu_user_ns = cpu.user_ns,
                                    .cpu_system_ns = cpu.system_ns,
                                    .rss_kb = memory_of_all_kb(run)};
        sample_latency(run, complete, sums, &sample);
        run->view->sample(run->view->self, &sample);
    }
    free(items);
    free(workers);
    free(sums);
    free(complete);
}

/* Gives the sum of their CPU time since the end of the warm-up. */
static struct process_cpu fill_workers(struct run *run, struct run_worker_report *items)
{
    struct process_cpu sum = {0, 0};
    for (uint32_t i = 0; i < run->plan->workers; i++) {
        const struct control_worker *worker = &run->control.workers[i];
        struct control_cpu cpu = control_cpu_of(worker);
        items[i] = (struct run_worker_report){
            .index = i,
            .pid = worker->pid,
            .rss_peak_kb = worker->rss_peak_kb,
            .restarts = worker->restarts_count,
            .cpu_user_ns = cpu.user_ns - worker->cpu_base.user_ns,
            .cpu_system_ns = cpu.system_ns - worker->cpu_base.system_ns};
        sum.user_ns += items[i].cpu_user_ns;
        sum.system_ns += items[i].cpu_system_ns;
    }
    return sum;
}

/* Since the start. @return the caller's, NULL without memory. */
static uint64_t *emitted_by_task(const struct run *run, const struct plan_component *component)
{
    uint64_t *emitted = calloc(component->parallelism, sizeof(*emitted));
    for (uint32_t i = 0; emitted && i < component->parallelism; i++) {
        uint32_t task = component->first_task + i;
        emitted[i] =
            run->control.live[task].total.emitted + run->control.dead[task].total.emitted;
    }
    return emitted;
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
                                      .total = sums->total,
                                      .emitted_by_task = emitted_by_task(run, component),
                                      .exec_p50_ns = hist_quantile(&sums->execute_ns, 0.5),
                                      .exec_p99_ns = hist_quantile(&sums->execute_ns, 0.99)};
    *replayed += component->spout ? sums->failed : 0;
    free(sums);
}

static void fill_latency(const struct hist *complete, struct run_report *report)
{
    report->complete_p50_ns = hist_quantile(complete, 0.5);
    report->complete_p99_ns = hist_quantile(complete, 0.99);
    report->complete_p999_ns = hist_quantile(complete, 0.999);
    report->complete_p9999_ns = hist_quantile(complete, 0.9999);
    report->complete_max_ns = complete->max;
    report->complete_mean_ns = (uint64_t)(hist_mean(complete) + 0.5);
    report->complete_count = complete->count;
}

/* CPU time, memory and the first tree. */
static void fill_processes(struct run *run, struct process_cpu workers,
                           struct run_report *report)
{
    struct process_cpu own = process_stat_cpu();
    int64_t rss_kb;
    int64_t first_ns = run->control.first_acked_ns;
    workers.user_ns += own.user_ns - run->own_cpu_base.user_ns;
    workers.system_ns += own.system_ns - run->own_cpu_base.system_ns;
    report->cpu_user_s = (double)workers.user_ns / 1e9;
    report->cpu_system_s = (double)workers.system_ns / 1e9;
    process_stat_memory_kb(&rss_kb, &report->rss_peak_kb);
    report->memory_peak_kb = run->memory_peak_kb;
    report->first_acked_ns =
        first_ns > 0 && run->options->begin_ns > 0 ? first_ns - run->options->begin_ns : -1;
    report->first_acked_at_ns = first_ns > 0 ? first_ns : -1;
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
        struct run_report report = {.topology = plan->name,
                                    .guarantee = plan_guarantee_name(plan->guarantee),
                                    .end = run->end,
                                    .exit_code = exit_code,
                                    .elapsed_s = (double)(run->end_ns - run->baseline_ns) / 1e9,
                                    .components = components,
                                    .components_count = plan->components_count,
                                    .workers = workers,
                                    .workers_count = plan->workers,
                                    .replayed = replayed,
                                    .duplicates_dropped = run->control.duplicates_dead,
                                    .frames_refused = run->control.frames_refused_dead,
                                    .links_failed = run->control.links_failed_dead};
        fill_latency(complete, &report);
        fill_processes(run, fill_workers(run, workers), &report);
        run->view->report(run->view->self, &report);
    }
    for (uint32_t i = 0; components && i < plan->components_count; i++) {
        free(components[i].emitted_by_task);
    }
    free(components);
    free(workers);
    free(complete);
}
