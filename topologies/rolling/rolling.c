/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bolts of the rolling top words. `window` counts words in slots; at each tick it tells every word's
 * sum over all slots, then the oldest slot becomes the new one. `rank` finds the top words among
 * those that it owns, `total` merges the rankings of all rank tasks; both speak at each tick. At the
 * end of a bounded input each tells its last state once more, upstream first.
 *
 * Each state belongs to one task; all calls come from its thread.
 */
#include "words.h"

#include <gale/gale.h>
#include <inttypes.h>
#include <stdio.h>

#define SLOTS_MAX 3600
#define TOP_MAX 100
#define SOURCES_MAX 1024
#define RANKING_TEXT_MAX 65536

struct window {
    struct words words; /* Numbers: the count in each slot. */
    size_t slots_count;
    size_t slot; /* Where counts go now. */
};

static enum gale_err window_prepare(void *state, struct gale_task *task,
                                    const struct gale_conf *conf)
{
    struct window *window = state;
    int64_t slots_count = gale_conf_int64(conf, "slots", 3);
    if (slots_count < 1 || slots_count > SLOTS_MAX) {
        gale_task_error(task, "slots is %" PRId64 "; write 1 to %d", slots_count, SLOTS_MAX);
        return GALE_ERR_INVALID;
    }
    window->slots_count = (size_t)slots_count;
    return words_init(&window->words, window->slots_count) ? GALE_OK : GALE_ERR_NOMEM;
}

static enum gale_err window_execute(void *state, struct gale_task *task,
                                    const struct gale_tuple *tuple)
{
    (void)task;
    struct window *window = state;
    struct gale_slice text = gale_tuple_string(tuple, 0);
    if (text.data == NULL) {
        return GALE_ERR_TYPE;
    }
    struct word *word = words_get(&window->words, text.data, text.size);
    if (word == NULL) {
        return GALE_ERR_NOMEM;
    }
    word->numbers[window->slot]++;
    return GALE_OK;
}

static int64_t window_sum(const struct window *window, const struct word *word)
{
    int64_t sum = 0;
    for (size_t i = 0; i < window->slots_count; i++) {
        sum += word->numbers[i];
    }
    return sum;
}

/* Tells the sum of every word, 0 included, so that rankings forget what has slid out. */
static enum gale_err window_tell(struct window *window, struct gale_task *task)
{
    enum gale_err result = GALE_OK;
    for (size_t i = 0; i < window->words.chains_count; i++) {
        for (struct word *word = window->words.chains[i]; word != NULL; word = word->next) {
            struct gale_out *out = gale_begin(task);
            gale_put_string(out, word->text, word->size);
            gale_put_int64(out, window_sum(window, word));
            enum gale_err err = gale_emit(task, 0);
            result = err != GALE_OK ? err : result;
        }
    }
    return result;
}

static enum gale_err window_finish(void *state, struct gale_task *task)
{
    return window_tell(state, task);
}

static enum gale_err window_tick(void *state, struct gale_task *task)
{
    struct window *window = state;
    enum gale_err err = window_tell(window, task);
    window->slot = (window->slot + 1) % window->slots_count;
    for (size_t i = 0; i < window->words.chains_count; i++) {
        for (struct word **link = &window->words.chains[i]; *link != NULL;) {
            struct word *word = *link;
            if (window_sum(window, word) == 0) { /* Its 0 was told just now. */
                *link = word->next;
                window->words.words_count--;
                free(word);
                continue;
            }
            word->numbers[window->slot] = 0;
            link = &word->next;
        }
    }
    return err;
}

static void window_cleanup(void *state, struct gale_task *task)
{
    (void)task;
    words_fini(&((struct window *)state)->words);
}

/* The largest counts, largest first; equal ones by the bytes of the word. */
struct ranking {
    size_t top;
    size_t count;
    struct {
        const char *text;
        size_t size;
        int64_t number;
    } items[TOP_MAX + 1];
};

static void ranking_add(struct ranking *ranking, const char *text, size_t size, int64_t number)
{
    size_t at = ranking->count;
    while (at > 0) {
        size_t other = ranking->items[at - 1].size;
        int order = memcmp(ranking->items[at - 1].text, text, other < size ? other : size);
        if (ranking->items[at - 1].number > number ||
            (ranking->items[at - 1].number == number &&
             (order < 0 || (order == 0 && other < size)))) {
            break;
        }
        ranking->items[at] = ranking->items[at - 1];
        at--;
    }
    ranking->items[at].text = text;
    ranking->items[at].size = size;
    ranking->items[at].number = number;
    ranking->count += ranking->count < ranking->top;
}

static enum gale_err read_top(struct gale_task *task, const struct gale_conf *conf, size_t *top)
{
    int64_t value = gale_conf_int64(conf, "top", 5);
    if (value < 1 || value > TOP_MAX) {
        gale_task_error(task, "top is %" PRId64 "; write 1 to %d", value, TOP_MAX);
        return GALE_ERR_INVALID;
    }
    *top = (size_t)value;
    return GALE_OK;
}

struct rank {
    struct words words; /* Number: the last count told. */
    size_t top;
};

static enum gale_err rank_prepare(void *state, struct gale_task *task,
                                  const struct gale_conf *conf)
{
    struct rank *rank = state;
    if (!words_init(&rank->words, 1)) {
        return GALE_ERR_NOMEM;
    }
    return read_top(task, conf, &rank->top);
}

static enum gale_err rank_execute(void *state, struct gale_task *task,
                                  const struct gale_tuple *tuple)
{
    (void)task;
    struct rank *rank = state;
    struct gale_slice text = gale_tuple_string(tuple, 0);
    struct word *word = words_get(&rank->words, text.data != NULL ? text.data : "", text.size);
    return word != NULL ? gale_tuple_int64(tuple, 1, &word->numbers[0]) : GALE_ERR_NOMEM;
}

/* Emits the ranking as a list of word and count in turn, and forgets the words that are at 0. */
static enum gale_err rank_tell(void *state, struct gale_task *task)
{
    struct rank *rank = state;
    struct ranking ranking = {.top = rank->top};
    for (size_t i = 0; i < rank->words.chains_count; i++) {
        for (struct word **link = &rank->words.chains[i]; *link != NULL;) {
            struct word *word = *link;
            if (word->numbers[0] == 0) {
                *link = word->next;
                rank->words.words_count--;
                free(word);
                continue;
            }
            ranking_add(&ranking, word->text, word->size, word->numbers[0]);
            link = &word->next;
        }
    }
    struct gale_out *out = gale_begin(task);
    gale_put_list(out, (uint32_t)(2 * ranking.count));
    for (size_t i = 0; i < ranking.count; i++) {
        gale_put_string(out, ranking.items[i].text, ranking.items[i].size);
        gale_put_int64(out, ranking.items[i].number);
    }
    return gale_emit(task, 0);
}

static void rank_cleanup(void *state, struct gale_task *task)
{
    (void)task;
    words_fini(&((struct rank *)state)->words);
}

/* The last ranking of each rank task: a copy of its list. */
struct total {
    size_t top;
    size_t sources_count;
    struct {
        uint32_t task;
        size_t size;
        uint8_t *data;
    } sources[SOURCES_MAX];
};

static enum gale_err total_prepare(void *state, struct gale_task *task,
                                   const struct gale_conf *conf)
{
    return read_top(task, conf, &((struct total *)state)->top);
}

static enum gale_err total_execute(void *state, struct gale_task *task,
                                   const struct gale_tuple *tuple)
{
    struct total *total = state;
    size_t at = 0;
    while (at < total->sources_count && total->sources[at].task != tuple->source_task) {
        at++;
    }
    if (at == SOURCES_MAX) {
        gale_task_error(task, "rankings of more than %d tasks", SOURCES_MAX);
        return GALE_OK;
    }
    uint8_t *data = malloc(tuple->size + 1u);
    if (data == NULL) {
        return GALE_ERR_NOMEM;
    }
    memcpy(data, tuple->data, tuple->size);
    total->sources_count += at == total->sources_count;
    free(total->sources[at].data);
    total->sources[at].task = tuple->source_task;
    total->sources[at].data = data;
    total->sources[at].size = tuple->size;
    return GALE_OK;
}

/* Emits "word:count word:count …", or "-" when no word is left. */
static enum gale_err total_tell(void *state, struct gale_task *task)
{
    struct total *total = state;
    struct ranking ranking = {.top = total->top};
    for (size_t i = 0; i < total->sources_count; i++) {
        struct gale_cursor cursor = {total->sources[i].data,
                                     total->sources[i].data + total->sources[i].size};
        struct gale_value list;
        struct gale_value word;
        struct gale_value number;
        if (gale_cursor_next(&cursor, &list) != GALE_OK) {
            continue;
        }
        while (gale_cursor_next(&cursor, &word) == GALE_OK &&
               gale_cursor_next(&cursor, &number) == GALE_OK) {
            ranking_add(&ranking, word.as.bytes.data, word.as.bytes.size, number.as.int64);
        }
    }
    char text[RANKING_TEXT_MAX] = "-";
    size_t size = ranking.count == 0;
    for (size_t i = 0; i < ranking.count && size + ranking.items[i].size + 32 < sizeof(text);
         i++) {
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%s%.*s:%" PRId64,
                                 i > 0 ? " " : "", (int)ranking.items[i].size,
                                 ranking.items[i].text, ranking.items[i].number);
    }
    gale_put_string(gale_begin(task), text, size);
    return gale_emit(task, 0);
}

static void total_cleanup(void *state, struct gale_task *task)
{
    (void)task;
    struct total *total = state;
    for (size_t i = 0; i < total->sources_count; i++) {
        free(total->sources[i].data);
    }
}

static const struct gale_option window_options[] = {
    {"slots", GALE_OPTION_INT, false, "3", "Ticks that the window is long, 1 to 3600."},
    {NULL, GALE_OPTION_ANY, false, NULL, NULL},
};
static const struct gale_option top_options[] = {
    {"top", GALE_OPTION_INT, false, "5", "Words of the ranking, 1 to 100."},
    {NULL, GALE_OPTION_ANY, false, NULL, NULL},
};
static const struct gale_bolt_ops window = {GALE_BOLT_HEAD,
                                            .name = "window",
                                            .state_size = sizeof(struct window),
                                            .fields = "word,count",
                                            .options = window_options,
                                            .prepare = window_prepare,
                                            .execute = window_execute,
                                            .tick = window_tick,
                                            .finish = window_finish,
                                            .cleanup = window_cleanup};
static const struct gale_bolt_ops rank = {
    GALE_BOLT_HEAD,          .name = "rank",         .state_size = sizeof(struct rank),
    .fields = "ranking",     .options = top_options, .prepare = rank_prepare,
    .execute = rank_execute, .tick = rank_tell,      .finish = rank_tell,
    .cleanup = rank_cleanup};
static const struct gale_bolt_ops total = {
    GALE_BOLT_HEAD,           .name = "total",        .state_size = sizeof(struct total),
    .fields = "ranking",      .options = top_options, .prepare = total_prepare,
    .execute = total_execute, .tick = total_tell,     .finish = total_tell,
    .cleanup = total_cleanup};
static const struct gale_bolt_ops *const bolts[] = {&window, &rank, &total, NULL};
GALE_MODULE(.bolts = bolts);
