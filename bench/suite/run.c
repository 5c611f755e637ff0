/* SPDX-License-Identifier: Apache-2.0 */
/* One `gale run` as a child: its command line, its samples, its report; see suite.h. */
#include "suite/suite.h"

#include "suite/child.h"
#include "suite/json/run_json.h"
#include "suite/memory.h"
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum {
    RUN_ARGUMENT_SIZE = PATH_MAX + 128,
    RUN_ARGUMENTS_MAX = 64,
    RUN_LINE_SIZE = 512,
    RUN_INTERRUPTED = 130, /* Exit code of `gale run` after Ctrl-C. */
    RUN_FILE_SIZE_MAX = 256 * 1024,
};
/* A run may take this long beyond its own time: start, drain, a machine that has more to do. */
static const double deadline_more_s = 60;
static const double deadline_times = 4;

/* ---- Command line --------------------------------------------------------------------------- */

struct arguments {
    char text[RUN_ARGUMENTS_MAX][RUN_ARGUMENT_SIZE];
    const char *list[RUN_ARGUMENTS_MAX + 1];
    size_t count;
};

static void add(struct arguments *arguments, const char *format, ...) GALE_PRINTF(2, 3);
static void add(struct arguments *arguments, const char *format, ...)
{
    va_list values;
    if (arguments->count == RUN_ARGUMENTS_MAX) {
        return;
    }
    va_start(values, format);
    char *text = arguments->text[arguments->count];
    vsnprintf(text, RUN_ARGUMENT_SIZE, format, values);
    arguments->list[arguments->count++] = text;
    arguments->list[arguments->count] = NULL;
    va_end(values);
}

static const char *file_name(const struct arguments *arguments)
{
    return arguments->list[2];
}

/* "-D KEY=VALUE" with @temp@ replaced by the run's directory. */
static void add_defines(struct arguments *arguments, const char *const *defines,
                        const char *temp)
{
    static const char mark[] = "@temp@";
    for (size_t i = 0; defines != NULL && defines[i] != NULL; i++) {
        const char *at = strstr(defines[i], mark);
        add(arguments, "-D");
        if (at == NULL) {
            add(arguments, "%s", defines[i]);
        } else {
            add(arguments, "%.*s%s%s", (int)(at - defines[i]), defines[i], temp,
                at + sizeof mark - 1);
        }
    }
}

/* Whether a topology file has ${KEY…}: `gale run` refuses a definition that nothing uses, and not
 * every topology has a rate or a seed. */
static bool mentions(const char *file_text, const char *key)
{
    char mark[BENCH_NAME_SIZE];
    size_t size = (size_t)snprintf(mark, sizeof mark, "${%s", key);
    const char *at = strstr(file_text, mark);
    while (at != NULL && at[size] != '}' && at[size] != ':') {
        at = strstr(at + 1, mark);
    }
    return at != NULL;
}

/* The text of a topology file; empty when it cannot be read, which `gale run` will report. */
static char *load_text(const char *path)
{
    char *text = suite_alloc(RUN_FILE_SIZE_MAX + 1, 1);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        text[fread(text, 1, RUN_FILE_SIZE_MAX, file)] = '\0';
        fclose(file);
    }
    return text;
}

static void add_times(struct arguments *arguments, const struct bench_launch *launch)
{
    if (launch->duration_s > 0) {
        add(arguments, "--duration");
        add(arguments, "%.0fms", (launch->duration_s + launch->warmup_s) * 1000);
    }
    if (launch->warmup_s > 0) {
        add(arguments, "--warmup");
        add(arguments, "%.0fms", launch->warmup_s * 1000);
    }
}

/* What every topology may take. */
static void add_standard(struct arguments *arguments, const struct bench_context *context,
                         unsigned workers)
{
    char *text = load_text(file_name(arguments));
    char values[5][RUN_ARGUMENT_SIZE];
    static const char *const keys[] = {"workers", "guarantee", "rate", "seed", "result"};
    snprintf(values[0], sizeof values[0], "%u", workers);
    snprintf(values[1], sizeof values[1], "%s", context->guarantee);
    snprintf(values[2], sizeof values[2], "%.6f", context->rate);
    snprintf(values[3], sizeof values[3], "%" PRIu64, bench_seed(context));
    snprintf(values[4], sizeof values[4], "%s/result", context->temp);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (values[i][0] != '\0' && mentions(text, keys[i])) {
            add(arguments, "-D");
            add(arguments, "%s=%s", keys[i], values[i]);
        }
    }
    free(text);
}

static void make_arguments(struct arguments *arguments, const struct bench_context *context,
                           const struct bench_launch *launch)
{
    const char *file = launch->file != NULL ? launch->file : context->bench->file;
    unsigned workers = launch->workers > 0 ? launch->workers : context->workers;
    arguments->count = 0;
    add(arguments, "%s", context->gale);
    add(arguments, "run");
    if (file[0] == '/') {
        add(arguments, "%s", file);
    } else {
        add(arguments, "%s/%s", context->dir, file);
    }
    add(arguments, "--json");
    add(arguments, "--progress");
    add(arguments, "--fresh");
    add(arguments, "--state-dir");
    add(arguments, "%s/state", context->temp);
    add_times(arguments, launch);
    add_standard(arguments, context, workers > 0 ? workers : 1);
    add_defines(arguments, context->bench->defines, context->temp);
    add_defines(arguments, launch->defines, context->temp);
    for (size_t i = 0; launch->options != NULL && launch->options[i] != NULL; i++) {
        add(arguments, "%s", launch->options[i]);
    }
}

/* ---- Samples -------------------------------------------------------------------------------- */

struct look {
    const struct bench_context *context;
    const struct bench_launch *launch;
    struct result *result;
    struct bench_sample sample, before;
    bool has_before;
    pid_t pid;
    bool is_ended; /* By on_tick: the run then says that it was interrupted. */
    struct result_point *points;
    size_t points_count;
};

static uint64_t measured_of(const struct bench_component *component)
{
    return component->is_spout ? component->since.emitted : component->since.executed;
}

/* Rates come from two samples; counters that fell were set to 0 between them. */
static void derive(const struct bench *bench, struct bench_sample *now,
                   const struct bench_sample *before)
{
    const struct bench_component *component =
        bench->measured != NULL ? bench_sample_component(now, bench->measured) : NULL;
    now->rate = (double)NAN;
    now->cpu = (double)NAN;
    for (size_t i = 0; i < now->components_count; i++) {
        const struct bench_component *at = &now->components[i];
        if (at->queue_bytes_max > 0) {
            double fill = (double)at->queue_bytes / (double)at->queue_bytes_max;
            now->queue = fmax(now->queue, fmin(fill, 1));
        }
    }
    double passed_s = before != NULL ? now->elapsed_s - before->elapsed_s : 0;
    if (passed_s <= 0) {
        return;
    }
    double cpu =
        now->cpu_user_s + now->cpu_system_s - before->cpu_user_s - before->cpu_system_s;
    if (cpu >= 0) {
        now->cpu = cpu / passed_s;
    }
    const struct bench_component *old =
        component != NULL ? bench_sample_component(before, component->name) : NULL;
    if (old != NULL && measured_of(component) >= measured_of(old)) {
        now->rate = (double)(measured_of(component) - measured_of(old)) / passed_s;
    }
}

static void keep_point(struct look *look, const struct bench_sample *sample)
{
    if (!look->launch->is_shown || look->points_count >= RESULT_SERIES_MAX) {
        return;
    }
    look->points = suite_grow(look->points, look->points_count, sizeof look->points[0]);
    look->points[look->points_count++] = (struct result_point){
        .t_s = sample->elapsed_s,
        .rate = sample->rate,
        .p50_us = sample->p50_us,
        .p99_us = sample->p99_us,
        .cpu = sample->cpu,
        .queue = sample->queue,
        .rss_mb = (double)sample->rss_kb / 1024,
    };
}

static bool on_line(void *self, const char *line, size_t size)
{
    struct look *look = self;
    struct bench_sample *sample = &look->sample;
    const struct bench_watcher *watcher = look->context->watcher;
    if (!run_json_sample(line, size, sample)) {
        return false;
    }
    sample->run_pid = look->pid;
    derive(look->context->bench, sample, look->has_before ? &look->before : NULL);
    keep_point(look, sample);
    if (watcher->on_sample != NULL) {
        watcher->on_sample(watcher->self, look->result, sample);
    }
    if (look->launch->on_sample != NULL) {
        look->launch->on_sample(look->launch->self, sample);
    }
    look->before = *sample;
    look->has_before = true;
    return true;
}

static bool on_tick(void *self, pid_t pid)
{
    struct look *look = self;
    bool goes_on =
        look->launch->on_tick == NULL || look->launch->on_tick(look->launch->self, pid);
    look->is_ended = look->is_ended || !goes_on;
    return goes_on;
}

/* ---- A run ---------------------------------------------------------------------------------- */

static enum bench_end judge(const struct child *child, const struct arguments *arguments,
                            bool is_ended, struct bench_report *report, struct result *result)
{
    const char *file = file_name(arguments);
    const char *said = child->tail[0] != 0 ? child->tail : "it said nothing";
    if (WIFSIGNALED(child->status)) {
        result_fail(result, "`gale run %s` was killed by signal %d after %.1f s: %s", file,
                    WTERMSIG(child->status),
                    (double)(child->ended_ns - child->started_ns) / 1e9, said);
        return BENCH_WRONG;
    }
    int code = WEXITSTATUS(child->status);
    if (code != 0 && !(is_ended && code == RUN_INTERRUPTED)) {
        result_fail(result, "`gale run %s` ended with exit code %d: %s", file, code, said);
        return BENCH_WRONG;
    }
    if (!run_json_report((const char *)child->output.data, child->output.size,
                         child->started_ns, report)) {
        result_fail(result, "`gale run %s` printed no report: %s", file, said);
        return BENCH_WRONG;
    }
    report->wall_s = (double)(child->ended_ns - child->started_ns) / 1e9;
    return BENCH_DONE;
}

enum bench_end bench_run(const struct bench_context *context, const struct bench_launch *launch,
                         struct bench_report *report, struct result *result)
{
    struct arguments *arguments = suite_alloc(1, sizeof *arguments);
    struct look *look = suite_alloc(1, sizeof *look);
    struct child child;
    enum bench_end end = BENCH_WRONG;
    double deadline_s =
        launch->deadline_s > 0
            ? launch->deadline_s
            : (launch->duration_s + launch->warmup_s) * deadline_times + deadline_more_s;
    make_arguments(arguments, context, launch);
    look->context = context;
    look->launch = launch;
    look->result = result;
    const struct child_watch watch = {.self = look, .on_line = on_line, .on_tick = on_tick};
    int number = child_start(&child, arguments->list);
    if (number != 0) {
        result_fail(result, "cannot start %s: %s", context->gale, strerror(number));
    } else {
        look->pid = child.pid;
        enum child_end how = child_wait(&child, &watch, deadline_s);
        if (how == CHILD_INTERRUPTED) {
            end = BENCH_INTERRUPTED;
        } else if (how == CHILD_TIMED_OUT) {
            result_fail(result, "`gale run %s` had not ended after %.0f s and was stopped: %s",
                        file_name(arguments), deadline_s,
                        child.tail[0] != 0 ? child.tail : "it said nothing");
        } else {
            end = judge(&child, arguments, look->is_ended, report, result);
        }
        child_fini(&child);
    }
    if (launch->is_shown && end == BENCH_DONE) {
        result_series_set(result, look->points, look->points_count);
    }
    free(look->points);
    free(look);
    free(arguments);
    return end;
}

/* ---- What kinds ask ------------------------------------------------------------------------- */

static const struct bench_component *by_name(const struct bench_component *components,
                                             size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(components[i].name, name) == 0) {
            return &components[i];
        }
    }
    return NULL;
}

const struct bench_component *bench_report_component(const struct bench_report *report,
                                                     const char *name)
{
    return by_name(report->components, report->components_count, name);
}

const struct bench_component *bench_sample_component(const struct bench_sample *sample,
                                                     const char *name)
{
    return by_name(sample->components, sample->components_count, name);
}

struct bench_counters bench_report_spouts(const struct bench_report *report)
{
    struct bench_counters sum = {0};
    for (size_t i = 0; i < report->components_count; i++) {
        const struct bench_component *at = &report->components[i];
        if (at->is_spout) {
            sum.emitted += at->total.emitted;
            sum.acked += at->total.acked;
            sum.failed += at->total.failed;
            sum.timed_out += at->total.timed_out;
        }
    }
    return sum;
}

double bench_measured(const struct bench *bench, const struct bench_report *report)
{
    const struct bench_component *component =
        bench->measured != NULL ? bench_report_component(report, bench->measured) : NULL;
    return component != NULL ? (double)measured_of(component) : (double)NAN;
}

void bench_note(const struct bench_context *context, const char *format, ...)
{
    char line[RUN_LINE_SIZE];
    va_list arguments;
    if (context->watcher->on_note == NULL) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    context->watcher->on_note(context->watcher->self, line);
}

uint64_t bench_seed(const struct bench_context *context)
{
    return context->settings->seed + context->round;
}

bool bench_is_interrupted(void)
{
    return child_signal() != 0;
}
