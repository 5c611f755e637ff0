/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gale run FILE: turns options into struct run_options, looks on through the live view, prints the
 * report. stdout belongs to the topology's own data (the print bolt) or, with --json, to the
 * report; everything else goes to stderr.
 */
#include "base/conf.h"
#include "base/log.h"
#include "bolts/builtin.h"
#include "cli/cluster_text.h"
#include "cli/compile.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "cli/view.h"
#include "run/run.h"
#include "spouts/builtin.h"
#include "text/term.h"
#include "worker/process_stat.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RUN_WORKERS_MAX = 256,
    RUN_BLOCK_SAMPLE_MS = 500,
    RUN_LINE_SAMPLE_MS = 1000,
    RUN_JSON_SAMPLE_MS = 200, /* each waits for the next beats: about one in 250 ms */
    RUN_JSON_RARE_MS = 10000, /* without --progress */
};
static const int64_t line_every_ns = INT64_C(10000000000);
static const int64_t progress_every_ns = INT64_C(950000000);

static const struct option_spec run_option_table[] = {
    {"duration", 0, "TIME", NULL, "End after this time (10s, 5m); default: when input ends."},
    {"warmup", 0, "TIME", NULL, "Leave the first seconds out of the figures."},
    {"workers", 'w', "N", NULL, "Worker processes, 1..256; default: as in the file."},
    {"define", 'D', "KEY=VALUE", NULL, "Value of ${KEY} in the file; may be repeated."},
    {"name", 0, "NAME", NULL, "Run under another name (offsets are kept by name)."},
    {"fresh", 0, NULL, NULL, "Start over: forget the offsets of earlier runs."},
    {"transport", 0, "KIND", "ipc|tcp", "How workers are joined here; default ipc."},
    {"state-dir", 0, "DIR", "DIR", "Where offsets are kept; default ~/.local/state/gale."},
    {"log-level", 0, "LEVEL", "debug|info|warn|error", "What the log shows; default warn."},
    {"no-view", 0, NULL, NULL, "No live view and no progress lines."},
    {"progress", 0, NULL, NULL,
     "A progress line a second instead of the view; --json: as JSON."},
    {NULL, 0, NULL, NULL, NULL},
};

/* What the callbacks need. */
struct run_look {
    const struct invocation *call;
    struct view view;
    int stdout_fd; /* with --json: the real stdout while the run has stderr instead; -1: none */
    bool samples;  /* samples are lines of JSON: --json --progress */
    bool said;     /* an error was printed already */
};

static void on_sample(void *self, const struct run_sample *sample)
{
    struct run_look *look = self;
    if (look->samples) {
        report_sample_json(sample, stderr);
    } else {
        view_sample(&look->view, sample);
    }
}

static void on_note(void *self, const char *line)
{
    struct run_look *look = self;
    if (look->samples || (look->call->json && !look->call->quiet)) {
        report_note_json(line, stderr);
    } else if (!look->call->quiet) {
        view_note(&look->view, line);
    }
}

static void on_diagnostics(void *self, const struct diag *diag)
{
    struct run_look *look = self;
    struct buf text;
    if (diag->count == 0) {
        return;
    }
    if (look->call->json && diag->errors_count > 0) {
        char hint[512];
        snprintf(hint, sizeof hint, "gale validate --json %s lists all of them",
                 look->call->args[0]);
        look->said = true;
        (void)output_fail(true, EXIT_INVALID, hint, "%s: %zu error%s, the first: %s",
                          look->call->args[0], diag->errors_count,
                          diag->errors_count == 1 ? "" : "s", diag->items[0].text);
        return;
    }
    if (look->call->json) {
        for (size_t i = 0; i < diag->count; i++) {
            report_warning_json(&diag->items[i], stderr);
        }
        return;
    }
    buf_init(&text, 0);
    if (diag_render(diag, &text) == GALE_OK) {
        view_end(&look->view);
        fwrite(text.data, 1, text.size, stderr);
    }
    buf_fini(&text);
    look->said = look->said || diag->errors_count > 0;
}

static void on_error(void *self, int exit_code, const struct gale_error *error)
{
    struct run_look *look = self;
    view_end(&look->view);
    (void)output_fail(look->call->json, exit_code, NULL, "%s",
                      error->text[0] != '\0' ? error->text : gale_err_name(error->code));
    look->said = true;
}

/* With --json stdout holds the report alone: what the topology prints goes to stderr meanwhile. */
static void take_stdout(struct run_look *look)
{
    look->stdout_fd = look->call->json ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3) : -1;
    if (look->stdout_fd >= 0) {
        (void)dup2(STDERR_FILENO, STDOUT_FILENO);
    }
}

static void give_stdout_back(struct run_look *look)
{
    if (look->stdout_fd >= 0) {
        (void)dup2(look->stdout_fd, STDOUT_FILENO);
        close(look->stdout_fd);
        look->stdout_fd = -1;
    }
}

static void on_report(void *self, const struct run_report *report)
{
    struct run_look *look = self;
    view_end(&look->view);
    if (look->call->json) {
        give_stdout_back(look);
        report_json(report, stdout);
    } else if (!look->call->quiet) {
        report_text(report, stderr, output_color_of(stderr, look->call->color));
    }
}

static bool read_workers(const struct invocation *call, uint32_t *out)
{
    const char *text = options_value(call, "workers");
    *out = 0;
    if (text == NULL) {
        return true;
    }
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || errno != 0 || value < 1 || value > RUN_WORKERS_MAX) {
        (void)output_fail(call->json, EXIT_USAGE, "one worker for each core is a good number",
                          "--workers must be 1..%d, not \"%s\"", RUN_WORKERS_MAX, text);
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

static void choose_view(struct run_look *look, struct run_options *options)
{
    const struct invocation *call = look->call;
    bool tty = isatty(STDERR_FILENO) == 1;
    enum view_mode mode = VIEW_LINES;
    bool progress = options_given(call, "progress");
    if (options_given(call, "no-view") || (call->quiet && !progress)) {
        mode = VIEW_NONE;
    } else if (tty && !progress && term_moves_cursor()) {
        mode = VIEW_BLOCK;
    }
    view_init(&look->view, stderr, mode, progress ? progress_every_ns : line_every_ns);
    look->view.color = output_color_of(stderr, call->color);
    look->view.shared = isatty(STDOUT_FILENO) == 1;
    look->samples = call->json && mode != VIEW_NONE;
    options->sample_ms = mode == VIEW_NONE ? 0
                         : look->samples   ? (progress ? RUN_JSON_SAMPLE_MS : RUN_JSON_RARE_MS)
                         : mode == VIEW_BLOCK ? RUN_BLOCK_SAMPLE_MS
                                              : RUN_LINE_SAMPLE_MS;
}

static int run(const struct invocation *call)
{
    static char self_path[PATH_MAX];
    static const char *defines[OPTIONS_VALUES_MAX];
    static const struct worker_builtins builtins = {spouts_builtin, bolts_builtin};
    struct run_look look = {.call = call};
    struct run_options options = {
        .file = call->args[0],
        .defines = defines,
        .fresh = options_given(call, "fresh"),
        .json = call->json,
        .state_dir = options_value(call, "state-dir"),
        .name = options_value(call, "name"),
        .log_level = GALE_LOG_WARN,
        .begin_ns = process_stat_begin_ns(),
        .gale_path = self_path,
        .builtins = &builtins,
    };
    const char *transport = options_value(call, "transport");
    options.tcp = transport && strcmp(transport, "tcp") == 0;
    if (transport && !options.tcp && strcmp(transport, "ipc") != 0) {
        return output_fail(call->json, EXIT_USAGE, "write ipc or tcp",
                           "--transport cannot be \"%s\"", transport);
    }
    struct topology_defines given;
    if (!cluster_option_time(call, "duration", 0, &options.duration_ms) ||
        !cluster_option_time(call, "warmup", 0, &options.warmup_ms) ||
        !read_workers(call, &options.workers) ||
        compile_defines(call, defines, &given) != EXIT_DONE) {
        return EXIT_USAGE;
    }
    options.defines_count = given.count;
    const char *level = options_value(call, "log-level");
    if (level != NULL) {
        (void)log_level_parse(level, &options.log_level);
    }
    ssize_t size = readlink("/proc/self/exe", self_path, sizeof self_path - 1);
    if (size <= 0) {
        return output_fail(call->json, EXIT_INTERNAL, "mount /proc",
                           "cannot find gale's own path: %s", strerror(errno));
    }
    if (strchr(options.file, ':') == NULL && access(options.file, R_OK) != 0) {
        return output_fail(call->json, errno == EACCES ? EXIT_DENIED : EXIT_NO_INPUT,
                           "`gale new topology NAME` writes one to start from",
                           "cannot read %s: %s", options.file, strerror(errno));
    }
    choose_view(&look, &options);
    const struct run_view view = {.self = &look,
                                  .sample = on_sample,
                                  .note = on_note,
                                  .diagnostics = on_diagnostics,
                                  .error = on_error,
                                  .report = on_report};
    take_stdout(&look);
    int code = run_topology(&options, &view);
    give_stdout_back(&look);
    view_fini(&look.view);
    if (code == EXIT_INTERNAL && !look.said) {
        (void)output_fail(call->json, code, "run it again with --log-level debug",
                          "the run failed");
    }
    return code;
}

const struct verb_spec verb_run = {
    .name = "run",
    .arguments = "FILE",
    .summary = "Runs a topology here and now, worker processes included.",
    .examples = {"gale run wordcount.yaml",
                 "gale run wordcount.yaml --duration 10s -D rate=20000"},
    .completes = "FILE",
    .options = run_option_table,
    .args_min = 1,
    .args_max = 1,
    .run = run,
    .notes =
        "FILE is a topology file, or module.so[:topology] for one built in C. Ctrl-C stops the "
        "spouts and drains; a second one stops at once. The report goes to stderr; with "
        "--json it is the one document on stdout, and what the topology prints goes to "
        "stderr. Exit code 0: everything was processed; 78: the topology is invalid; 130 or "
        "143: stopped by a signal.",
};
