/* SPDX-License-Identifier: Apache-2.0 */
/* Exact checks of results; see checks.h. */
#include "suite/checks.h"

#include "suite/memory.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CHECK_ERROR_SIZE = 512, CHECK_TEXT_MAX = 64 * 1024 * 1024 };

/* The generator's sentences and, of each, a word that is in no other. */
static const struct {
    const char *text, *own;
} classic[] = {
    {"the cow jumped over the moon", "cow"},
    {"an apple a day keeps the doctor away", "apple"},
    {"four score and seven years ago", "four"},
    {"snow white and the seven dwarfs", "snow"},
    {"i am at two with nature", "nature"},
};
enum { CLASSIC_COUNT = sizeof classic / sizeof classic[0] };

static const char *const words[] = {"nathan", "mike", "jackson", "golda",  "bertels", "marz",
                                    "storm",  "gale", "wind",    "breeze", "gust",    "squall"};
enum { WORDS_COUNT = sizeof words / sizeof words[0] };

/* Adds every word of a text, `times` times. */
static void add_words(struct tally *tally, const char *text, size_t size, uint64_t times)
{
    static const char blanks[] = " \t\n\r";
    const char *end = text + size;
    while (text < end && times > 0) {
        size_t length = 0;
        while (text + length < end && strchr(blanks, text[length]) == NULL) {
            length++;
        }
        if (length > 0) {
            tally_add(tally, text, length, times);
        }
        text += length + 1;
    }
}

/* ---- Everything was executed ---------------------------------------------------------------- */

bool check_all_executed(const struct bench_context *context, const struct bench_report *report,
                        const char *file, struct result *result)
{
    uint64_t emitted = bench_report_spouts(report).emitted;
    (void)context;
    (void)file;
    for (size_t i = 0; i < report->components_count; i++) {
        const struct bench_component *at = &report->components[i];
        if (!at->is_spout && at->total.executed != emitted) {
            result_fail(result,
                        "%s executed %" PRIu64 " tuples, the spout had emitted %" PRIu64,
                        at->name, at->total.executed, emitted);
            return false;
        }
    }
    result_check(result, "each bolt executed exactly the %" PRIu64 " tuples that were emitted",
                 emitted);
    return true;
}

/* ---- Classic sentences ---------------------------------------------------------------------- */

bool check_classic_counts(const struct tally *found, uint64_t emitted, char *error,
                          size_t error_size)
{
    struct tally wanted;
    uint64_t sum = 0;
    bool is_right = true;
    tally_init(&wanted);
    for (size_t i = 0; i < CLASSIC_COUNT; i++) {
        uint64_t times = tally_of(found, classic[i].own);
        add_words(&wanted, classic[i].text, strlen(classic[i].text), times);
        sum += times;
    }
    if (sum != emitted) {
        snprintf(error, error_size,
                 "%" PRIu64 " sentences were emitted, the counts come from %" PRIu64, emitted,
                 sum);
        is_right = false;
    } else {
        is_right = tally_equal(found, &wanted, error, error_size);
    }
    tally_fini(&wanted);
    return is_right;
}

bool check_classic(const struct bench_context *context, const struct bench_report *report,
                   const char *file, struct result *result)
{
    char error[CHECK_ERROR_SIZE];
    struct tally found;
    uint64_t emitted = bench_report_spouts(report).emitted;
    (void)context;
    tally_init(&found);
    bool is_right = tally_read(&found, file, error, sizeof error) &&
                    check_classic_counts(&found, emitted, error, sizeof error);
    if (is_right) {
        result_check(result,
                     "the counts of all %zu words are those of the %" PRIu64
                     " sentences that were emitted, %" PRIu64 " words in all",
                     found.count, emitted, found.sum);
    } else {
        result_fail(result, "wrong counts: %s", error);
    }
    tally_fini(&found);
    return is_right;
}

/* ---- Single words --------------------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
    return x ^ (x >> 32);
}

/* The words of one task of the generator, by the rule of spouts/generator.c: a function of the seed,
 * the task and the number of the word. */
static void draw_words(uint64_t seed, uint64_t task, uint64_t emitted,
                       uint64_t times[WORDS_COUNT])
{
    uint64_t from = mix(seed * 0x9e3779b97f4a7c15u + task);
    for (uint64_t id = 0; id < emitted; id++) {
        uint64_t x = (from + id) * 0x9e3779b97f4a7c15u;
        x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
        times[((((x ^ (x >> 32)) >> 32) * WORDS_COUNT) >> 32)]++;
    }
}

bool check_words_counts(const struct tally *found, uint64_t seed,
                        const struct bench_component *spout, char *error, size_t error_size)
{
    uint64_t times[WORDS_COUNT] = {0}, sum = 0;
    struct tally wanted;
    for (size_t i = 0; i < spout->emitted_by_task_count; i++) {
        draw_words(seed, i, spout->emitted_by_task[i], times);
        sum += spout->emitted_by_task[i];
    }
    if (sum != spout->total.emitted) {
        snprintf(error, error_size,
                 "%" PRIu64 " words were emitted, %" PRIu64 " by the single tasks",
                 spout->total.emitted, sum);
        return false;
    }
    tally_init(&wanted);
    for (size_t i = 0; i < WORDS_COUNT; i++) {
        if (times[i] > 0) {
            tally_add(&wanted, words[i], strlen(words[i]), times[i]);
        }
    }
    bool is_right = tally_equal(found, &wanted, error, error_size);
    tally_fini(&wanted);
    return is_right;
}

bool check_words(const struct bench_context *context, const struct bench_report *report,
                 const char *file, struct result *result)
{
    char error[CHECK_ERROR_SIZE];
    struct tally found;
    const struct bench_component *spout = bench_report_component(report, "words");
    snprintf(error, sizeof error, "the report has no spout \"words\"");
    tally_init(&found);
    bool is_right = spout != NULL && tally_read(&found, file, error, sizeof error) &&
                    check_words_counts(&found, bench_seed(context), spout, error, sizeof error);
    if (is_right) {
        result_check(result,
                     "the count of each of %zu words is how often the generator draws it among "
                     "the %" PRIu64 " that were emitted, drawn again beside it",
                     found.count, spout->total.emitted);
    } else {
        result_fail(result, "wrong counts: %s", error);
    }
    tally_fini(&found);
    return is_right;
}

/* ---- Lines of a file ------------------------------------------------------------------------ */

void check_count_lines(const char *text, size_t size, uint64_t lines, struct tally *out)
{
    uint64_t all = 0;
    for (size_t i = 0; i < size; i++) {
        all += text[i] == '\n';
    }
    if (all == 0) {
        return;
    }
    add_words(out, text, size, lines / all);
    uint64_t rest = lines % all;
    size_t end = 0;
    while (rest > 0) {
        rest -= text[end++] == '\n';
    }
    add_words(out, text, end, 1);
}

static char *load(const char *path, size_t *size)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    *size = 0;
    if (file == NULL) {
        return NULL;
    }
    if (fseek(file, 0, SEEK_END) == 0 && ftell(file) >= 0 && ftell(file) <= CHECK_TEXT_MAX) {
        size_t wanted = (size_t)ftell(file);
        rewind(file);
        text = suite_alloc(wanted + 1, 1);
        *size = fread(text, 1, wanted, file);
    }
    fclose(file);
    return text;
}

bool check_file(const struct bench_context *context, const struct bench_report *report,
                const char *file, struct result *result)
{
    char error[CHECK_ERROR_SIZE], path[PATH_MAX];
    struct tally found, wanted;
    uint64_t lines = bench_report_spouts(report).emitted;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/words.txt", context->temp);
    char *text = load(path, &size);
    tally_init(&found);
    tally_init(&wanted);
    bool is_right = tally_read(&found, file, error, sizeof error);
    if (is_right && text == NULL) {
        snprintf(error, sizeof error, "the input words.txt cannot be read: %s",
                 strerror(errno));
        is_right = false;
    } else if (is_right) {
        check_count_lines(text, size, lines, &wanted);
        is_right = tally_equal(&found, &wanted, error, sizeof error);
    }
    if (is_right) {
        result_check(result,
                     "the counts of all %zu words equal a count of the same %" PRIu64
                     " lines made beside it, %" PRIu64 " words in all",
                     found.count, lines, found.sum);
    } else {
        result_fail(result, "wrong counts: %s", error);
    }
    tally_fini(&wanted);
    tally_fini(&found);
    free(text);
    return is_right;
}
