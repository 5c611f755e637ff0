/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gale top: the cluster's topologies, or one topology's components and tasks, live on the whole
 * screen. Questions to the leader wait for a short time only, so that keys are obeyed soon even while
 * a new leader is looked for. Where stdin or stdout is no terminal, or with --once or --json, it is
 * printed once.
 */
#include "base/clock.h"
#include "base/str.h"
#include "cli/cluster_client.h"
#include "cli/cluster_text.h"
#include "cli/top_json.h"
#include "cli/top_screen.h"
#include "cli/top_term.h"
#include "cli/verbs.h"
#include "text/term.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TOP_INTERVAL_MS = 1000,
    TOP_INTERVAL_MIN_MS = 100,
    TOP_INTERVAL_MAX_MS = 3600000,
    TOP_ASK_MS = 700,   /* for one answer, the search for another leader included */
    TOP_RETRY_MS = 250, /* after a question without an answer */
    TOP_PAGE = 10,
    NS_PER_MS = 1000000
};

struct top {
    const struct invocation *call;
    struct cluster_client *client;
    struct top_state state;
    struct top_list *list;
    /* Two samples a window apart and the newest one: rates are over one to two windows. */
    struct top_sample *before, *newer, *now;
    int64_t interval_ms, timeout_ms;
    int64_t ask_ns; /* when to ask next */
    bool quit;
};

/* ---- Asking ---- */

static void forget_samples(struct top *top)
{
    top_sample_drop(top->before);
    top_sample_drop(top->newer);
    top_sample_drop(top->now);
    top->before = top->newer = top->now = NULL;
    top->state.before = top->state.now = NULL;
}

static void take_sample(struct top *top, struct top_sample *sample)
{
    top_sample_drop(top->now);
    top->now = sample;
    if (top->newer == NULL) {
        top->newer = top_sample_keep(sample);
    } else if (sample->run.elapsed_ns - top->newer->run.elapsed_ns >= VIEW_WINDOW_NS ||
               sample->run.elapsed_ns < top->newer->run.elapsed_ns) {
        top_sample_drop(top->before);
        top->before = top->newer;
        top->newer = top_sample_keep(sample);
    }
    top->state.now = top->now;
    top->state.before = top->before;
}

static struct gale_conf *request_of(const struct top *top)
{
    if (top->state.level == TOP_TOPOLOGIES) {
        return cluster_request("list", NULL);
    }
    struct gale_conf *request = cluster_request("sample", top->state.topology);
    /* Tasks are asked for from the start, so that going into a component shows rates at once. */
    if (request != NULL && tree_put_bool(request, "tasks", true) != GALE_OK) {
        conf_free(request);
        return NULL;
    }
    return request;
}

static enum gale_err ask(struct top *top, struct gale_error *error)
{
    struct gale_conf *answer = NULL;
    struct gale_conf *request = request_of(top);
    enum gale_err err = request != NULL
                            ? cluster_ask(top->client, request, NULL, 0, &answer, NULL, error)
                            : gale_error_set(error, GALE_ERR_NOMEM, "out of memory");
    conf_free(request);
    if (err != GALE_OK) {
        return err;
    }
    if (top->state.level == TOP_TOPOLOGIES) {
        struct top_list *list = top_list_new(answer);
        if (list != NULL) {
            top_list_free(top->list);
            top->list = list;
            top->state.list = list;
        }
        return GALE_OK;
    }
    struct top_sample *sample = top_sample_new(answer, top->state.topology);
    if (sample != NULL) {
        take_sample(top, sample);
    }
    return GALE_OK;
}

/* The question of a live view: short, and its trouble is a line on the screen. */
static void refresh(struct top *top)
{
    struct gale_error error = {GALE_OK, ""};
    cluster_extend(top->client, TOP_ASK_MS - top->timeout_ms);
    enum gale_err err = ask(top, &error);
    int64_t wait_ms = top->interval_ms;
    top->state.note[0] = '\0';
    if (err != GALE_OK) {
        char *hint = strstr(error.text, " | ");
        if (hint != NULL) {
            *hint = '\0';
        }
        snprintf(top->state.note, sizeof top->state.note, "%s%s",
                 error.text[0] != '\0' ? error.text : gale_err_name(err),
                 err == GALE_ERR_NOT_FOUND ? "" : "; trying again");
        wait_ms = wait_ms > TOP_RETRY_MS ? TOP_RETRY_MS : wait_ms;
    }
    top->ask_ns = clock_now_ns() + wait_ms * NS_PER_MS;
}

/* ---- Keys ---- */

static void go_to(struct top *top, enum top_level level)
{
    top->state.level = level;
    top->state.selected = 0;
    top->state.filter[0] = '\0';
    top->state.note[0] = '\0';
    top->ask_ns = 0;
}

static void go_in(struct top *top)
{
    struct top_state *state = &top->state;
    int index = top_screen_index(state, state->selected);
    if (index < 0 || state->level == TOP_TASKS) {
        return;
    }
    if (state->level == TOP_TOPOLOGIES) {
        (void)str_copy(state->topology, sizeof state->topology, top->list->items[index].name);
        forget_samples(top);
        go_to(top, TOP_COMPONENTS);
    } else {
        (void)str_copy(state->component, sizeof state->component,
                       top->now->components[index].name);
        go_to(top, TOP_TASKS);
    }
}

static void go_back(struct top *top)
{
    struct top_state *state = &top->state;
    if (state->filter[0] != '\0') {
        state->filter[0] = '\0';
    } else if (state->level == TOP_TASKS) {
        go_to(top, TOP_COMPONENTS);
    } else if (state->level == TOP_COMPONENTS && !state->entered_here) {
        go_to(top, TOP_TOPOLOGIES);
    }
}

static void move(struct top *top, int key)
{
    size_t rows = top_screen_rows(&top->state);
    size_t last = rows > 0 ? rows - 1 : 0;
    size_t at = top->state.selected < rows ? top->state.selected : last;
    switch (key) {
    case TOP_KEY_UP: at = at > 0 ? at - 1 : 0; break;
    case TOP_KEY_DOWN: at = at < last ? at + 1 : last; break;
    case TOP_KEY_PAGE_UP: at = at > TOP_PAGE ? at - TOP_PAGE : 0; break;
    case TOP_KEY_PAGE_DOWN: at = at + TOP_PAGE < last ? at + TOP_PAGE : last; break;
    case TOP_KEY_HOME: at = 0; break;
    case TOP_KEY_END: at = last; break;
    default: break;
    }
    top->state.selected = at;
}

static void type_filter(struct top_state *state, int key)
{
    size_t size = strlen(state->filter);
    if (key == TOP_KEY_ENTER) {
        state->typing = false;
    } else if (key == TOP_KEY_ESCAPE) {
        state->typing = false;
        state->filter[0] = '\0';
    } else if (key == TOP_KEY_BACKSPACE && size > 0) {
        state->filter[size - 1] = '\0';
    } else if (key >= ' ' && key < 0x7f && size + 1 < sizeof state->filter) {
        state->filter[size] = (char)key;
        state->filter[size + 1] = '\0';
    }
    state->selected = 0;
}

static void on_key(struct top *top, int key)
{
    struct top_state *state = &top->state;
    if (key == TOP_KEY_CLOSED) {
        top->quit = true;
    } else if (state->help) {
        state->help = false;
    } else if (state->typing) {
        type_filter(state, key);
    } else {
        switch (key) {
        case 'q': top->quit = true; break;
        case 's': top_screen_sort_next(state); break;
        case 'r': state->reversed = !state->reversed; break;
        case 'p':
            state->paused = !state->paused;
            top->ask_ns = 0;
            break;
        case '/': state->typing = true; break;
        case '?':
        case 'h': state->help = true; break;
        case 't':
        case TOP_KEY_ENTER:
        case TOP_KEY_RIGHT: go_in(top); break;
        case TOP_KEY_ESCAPE:
        case TOP_KEY_LEFT:
        case TOP_KEY_BACKSPACE: go_back(top); break;
        case 'k': move(top, TOP_KEY_UP); break;
        case 'j': move(top, TOP_KEY_DOWN); break;
        default: move(top, key); break;
        }
    }
}

/* ---- The live view ---- */

static void draw(const struct top *top)
{
    unsigned width, height;
    char *text = NULL;
    size_t size = 0;
    top_term_size(&width, &height);
    FILE *memory = open_memstream(&text, &size);
    if (memory == NULL) {
        return;
    }
    top_screen_draw(&top->state, width, height, memory);
    if (fclose(memory) == 0) {
        term_frame_draw(stdout, text, width, height);
    }
    free(text);
}

static int live(struct top *top)
{
    while (!top->quit) {
        if (!top->state.paused && clock_now_ns() >= top->ask_ns) {
            refresh(top);
        }
        draw(top);
        int64_t left_ms = top->state.paused ? TOP_INTERVAL_MAX_MS
                                            : (top->ask_ns - clock_now_ns()) / NS_PER_MS + 1;
        int key = top_term_key(left_ms);
        if (key != TOP_KEY_NONE && key != TOP_KEY_REDRAW) {
            on_key(top, key);
        }
    }
    top_term_leave();
    return EXIT_DONE;
}

/* ---- Once ---- */

/* A topology is looked at twice, so that rates are those of now. */
static int once(struct top *top)
{
    struct gale_error error = {GALE_OK, ""};
    enum gale_err err = GALE_OK;
    if (top->state.level != TOP_TOPOLOGIES) {
        (void)poll(NULL, 0, (int)top->interval_ms);
        err = ask(top, &error);
    }
    if (err != GALE_OK) {
        return cluster_fail(top->client, err, &error, top->state.topology);
    }
    if (top->newer != top->now && top->before == NULL) { /* Less than a window apart. */
        top->state.before = top->newer;
    }
    if (top->call->json && top->state.level == TOP_TOPOLOGIES) {
        top_json_list(top->list, stdout);
    } else if (top->call->json) {
        top_json_sample(top->state.before, top->now, stdout);
    } else {
        top_screen_once(&top->state, term_width_of(stdout), stdout);
    }
    return EXIT_DONE;
}

/* NAME or NAME/COMPONENT. */
static bool read_name(struct top *top, const char *text)
{
    const char *slash = strchr(text, '/');
    size_t size = slash != NULL ? (size_t)(slash - text) : strlen(text);
    struct top_state *state = &top->state;
    state->entered_here = true;
    state->level = slash != NULL ? TOP_TASKS : TOP_COMPONENTS;
    if (size == 0 || size >= sizeof state->topology ||
        (slash != NULL && (slash[1] == '\0' || strlen(slash + 1) >= sizeof state->component))) {
        (void)output_fail(top->call->json, EXIT_USAGE, "write NAME or NAME/COMPONENT",
                          "\"%s\" names neither a topology nor a component", text);
        return false;
    }
    memcpy(state->topology, text, size);
    state->topology[size] = '\0';
    if (slash != NULL) {
        (void)str_copy(state->component, sizeof state->component, slash + 1);
    }
    return true;
}

/* The first answer decides whether there is anything to show. */
static int begin(struct top *top)
{
    struct gale_error error = {GALE_OK, ""};
    struct progress progress;
    progress_init(&progress, top->call, NULL);
    cluster_show(top->client, &progress);
    enum gale_err err = ask(top, &error);
    progress_end(&progress);
    cluster_show(top->client, NULL);
    bool named = top->state.level != TOP_TOPOLOGIES;
    if (err != GALE_OK) {
        return cluster_fail(top->client, err, &error, named ? top->state.topology : NULL);
    }
    if (named ? top->now == NULL : top->list == NULL) {
        return output_fail(top->call->json, EXIT_INTERNAL, NULL, "out of memory");
    }
    if (top->state.level == TOP_TASKS && top_sample_find(top->now, top->state.component) < 0) {
        return output_fail(top->call->json, EXIT_NO_INPUT, "`gale describe` lists them",
                           "topology \"%s\" has no component \"%s\"", top->state.topology,
                           top->state.component);
    }
    return EXIT_DONE;
}

static int run(const struct invocation *call)
{
    struct top top = {.call = call, .interval_ms = TOP_INTERVAL_MS};
    if (call->args_count > 0 && !read_name(&top, call->args[0])) {
        return EXIT_USAGE;
    }
    if (!cluster_option_time(call, "interval", 0, &top.interval_ms)) {
        return EXIT_USAGE;
    }
    if (top.interval_ms < TOP_INTERVAL_MIN_MS || top.interval_ms > TOP_INTERVAL_MAX_MS) {
        return output_fail(call->json, EXIT_USAGE, "write 1s or 500ms",
                           "--interval must be 100ms to 1h");
    }
    int code = cluster_open(call, &top.client);
    if (code != EXIT_DONE) {
        return code;
    }
    top.timeout_ms = (cluster_deadline_ns(top.client) - clock_now_ns()) / NS_PER_MS + 1;
    top.state.color = output_color_of(stdout, call->color);
    code = begin(&top);
    if (code == EXIT_DONE) {
        bool whole = !call->json && !options_given(call, "once") && top_term_enter();
        code = whole ? live(&top) : once(&top);
    }
    forget_samples(&top);
    top_list_free(top.list);
    cluster_close(top.client);
    return code;
}

static const struct option_spec top_options[] = {
    {"once", 0, NULL, NULL,
     "Print it once and end; so it is, too, where there is no terminal."},
    {"interval", 0, "TIME", NULL, "Between two looks, 100ms to 1h; default 1s."},
    CLUSTER_OPTIONS,
    {NULL, 0, NULL, NULL, NULL},
};

const struct verb_spec verb_top = {
    .name = "top",
    .arguments = "[NAME[/COMPONENT]]",
    .summary = "Shows topologies live: rates, latencies, queues, back-pressure.",
    .examples = {"gale top wordcount", "gale top wordcount --once --json"},
    .options = top_options,
    .completes = "TOPOLOGY",
    .args_max = 1,
    .run = run,
    .notes =
        "Without NAME all topologies are listed. Keys: up and down select, enter or t goes "
        "into a topology or a component's tasks, esc back, s sorts by the next column, r "
        "reverses, / shows only names that hold a text, p pauses, ? helps, q quits. Rates "
        "are over the last one to two seconds. The component that holds the others up is "
        "marked.",
};
