/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the live view: the block on a pseudo-terminal whose size changes, lines elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "show_fixture.h"
#include "suite/show.h"
#include <math.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { MARK = 5 };

static struct result_document document;
static int master, slave;
static FILE *terminal;
static struct live *live;
static struct bench_watcher watcher;
static char shown[1 << 16];

static void resize(unsigned short rows, unsigned short columns)
{
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    assert_int_equal(ioctl(slave, TIOCSWINSZ, &size), 0);
}

static int make(void **state)
{
    (void)state;
    fixture_document(&document);
    unsetenv("COLUMNS");
    setenv("LC_ALL", "C.UTF-8", 1);
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    resize(24, 80);
    terminal = fdopen(slave, "w");
    assert_non_null(terminal);
    live = live_new(terminal, 80, false);
    watcher = live_watcher(live);
    return 0;
}

static int destroy(void **state)
{
    (void)state;
    live_free(live);
    fclose(terminal);
    close(master);
    result_document_fini(&document);
    return 0;
}

/* What came on the screen since the last look, without carriage returns. */
static const char *look(void)
{
    char c = '\0';
    size_t kept = 0;
    fputc(MARK, terminal); /* It comes out in pieces; this is the end. */
    fflush(terminal);
    while (read(master, &c, 1) == 1 && c != MARK && kept < sizeof shown - 1) {
        if (c != '\r') {
            shown[kept++] = c;
        }
    }
    assert_int_equal(c, MARK);
    shown[kept] = '\0';
    return shown;
}

/* Columns of the longest line; escape sequences of erasing take none. */
static size_t longest_line(const char *text)
{
    size_t longest = 0;
    size_t columns = 0;
    for (; *text != '\0'; text++) {
        if (*text == '\033') {
            text += strcspn(text, "mAJ");
        } else if (*text == '\n') {
            columns = 0;
        } else if (((unsigned char)*text & 0xc0u) != 0x80u) {
            columns++;
            longest = columns > longest ? columns : longest;
        }
    }
    return longest;
}

static size_t lines_of(const char *text)
{
    return fixture_count(text, "\n");
}

static struct bench_sample sample_of(double elapsed_s, double rate)
{
    return (struct bench_sample){.elapsed_s = elapsed_s,
                                 .workers_up = 1,
                                 .rss_kb = 12288,
                                 .p50_us = 150,
                                 .p99_us = 1200,
                                 .p999_us = 2500,
                                 .rate = rate,
                                 .cpu = 1.25,
                                 .queue = 0.4};
}

static void live_block_shows_what_runs(void **state)
{
    (void)state;
    const struct result *result = document.results[0];
    watcher.on_begin(watcher.self, result, 1, 3, 4, 12);
    assert_non_null(strstr(look(),
                           "wordcount \xc2\xb7 1 worker \xc2\xb7 at-least-once \xc2\xb7 "
                           "run 2 of 3\n"));
    assert_non_null(strstr(shown, "[##########....................] 4 of 12 runs done"));
    assert_int_equal(lines_of(shown), 2);
    struct bench_sample sample = sample_of(0.5, 2e6);
    watcher.on_sample(watcher.self, result, &sample);
    sample = sample_of(0.75, 4e6);
    (void)look();
    watcher.on_sample(watcher.self, result, &sample);
    assert_int_equal(strncmp(look(), "\033[7A\033[J", 7), 0); /* over the seven lines */
    assert_non_null(strstr(shown, "rate     4.0 M words/s"));
    assert_non_null(strstr(shown, "\xe2\x96\x84\xe2\x96\x88\n")); /* half, then the top */
    assert_non_null(strstr(shown, "latency  p50 150us p99 1.2ms p99.9 2.5ms"));
    assert_non_null(strstr(shown, "cpu      1.25 cores"));
    assert_non_null(strstr(shown, "queue    40 % full"));
    assert_non_null(strstr(shown, "memory   12.0 MB"));
    assert_null(strstr(shown, "\033[3")); /* no colour was asked for */
}

static void live_block_follows_the_terminal(void **state)
{
    (void)state;
    static const unsigned short widths[] = {80, 40, 20, 132, 21};
    const struct result *result = document.results[0];
    watcher.on_begin(watcher.self, result, 0, 3, 0, 12);
    (void)look();
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        resize(24, widths[i]);
        for (int j = 0; j < 150; j++) {
            struct bench_sample sample = sample_of(j, 1e6 + j);
            watcher.on_sample(watcher.self, result, &sample);
            assert_true(longest_line(look()) <= widths[i]);
            assert_int_equal(lines_of(shown), 7);
        }
    }
    resize(4, 80); /* Four lines: three of the block, one for the cursor. */
    struct bench_sample sample = sample_of(200, 1e6);
    watcher.on_sample(watcher.self, result, &sample);
    assert_int_equal(lines_of(look()), 3);
}

static void live_end_scrolls_up_above_the_block(void **state)
{
    (void)state;
    const struct result *result = document.results[0];
    watcher.on_begin(watcher.self, result, 2, 3, 0, 12);
    (void)look();
    watcher.on_note(watcher.self, "worker 0 died");
    assert_string_equal(look(), "\033[2A\033[Jworker 0 died\n");
    watcher.on_begin(watcher.self, result, 2, 3, 0, 12);
    (void)look();
    watcher.on_end(watcher.self, result, 2);
    assert_string_equal(look(), "\033[2A\033[Jwordcount/workers=1/at-least-once run 3/3 ended  "
                                "4.1 M words/s  p99 1.2ms\n");
    watcher.on_begin(watcher.self, document.results[3], 0, 1, 1, 12);
    assert_non_null(strstr(look(), "left\n")); /* One run is done: the rest is judged by it. */
    watcher.on_end(watcher.self, document.results[3], 0);
    assert_non_null(strstr(look(), "recovery/workers=2 run 1/1 ended  FAILED lost 17 words\n"));
}

static void live_without_utf8_is_ascii(void **state)
{
    (void)state;
    setenv("LC_ALL", "C", 1);
    struct live *plain = live_new(terminal, 80, false);
    struct bench_watcher plain_watcher = live_watcher(plain);
    plain_watcher.on_begin(plain_watcher.self, document.results[0], 0, 3, 0, 12);
    for (int i = 1; i <= 8; i++) {
        struct bench_sample sample = sample_of(i, i);
        plain_watcher.on_sample(plain_watcher.self, document.results[0], &sample);
    }
    for (const char *at = look(); *at != '\0'; at++) {
        assert_true((unsigned char)*at < 0x80);
    }
    assert_non_null(strstr(shown, "_.:-=+*#")); /* of rising rates */
    live_free(plain);
}

static void live_colour_ends_in_every_line(void **state)
{
    (void)state;
    struct live *bright = live_new(terminal, 80, true);
    struct bench_watcher bright_watcher = live_watcher(bright);
    bright_watcher.on_begin(bright_watcher.self, document.results[0], 0, 3, 0, 12);
    struct bench_sample sample = sample_of(1, 5);
    sample.warming = true;
    bright_watcher.on_sample(bright_watcher.self, document.results[0], &sample);
    (void)look();
    assert_non_null(strstr(shown, "\033[33mwarming up\033[0m"));
    size_t ends = fixture_count(shown, "\033[0m");
    assert_int_equal(ends, fixture_count(shown, "\033[1m") + fixture_count(shown, "\033[33m") +
                               fixture_count(shown, "\033[36m"));
    live_free(bright);
}

static void live_elsewhere_is_a_line_a_second(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    struct live *lines = live_new(file, 0, false);
    struct bench_watcher lines_watcher = live_watcher(lines);
    lines_watcher.on_begin(lines_watcher.self, document.results[0], 0, 3, 0, 12);
    for (int i = 1; i <= 12; i++) { /* three seconds */
        struct bench_sample sample = sample_of(0.25 * i, i == 1 ? NAN : 4.1e6);
        sample.warming = i < 4;
        lines_watcher.on_sample(lines_watcher.self, document.results[0], &sample);
    }
    lines_watcher.on_end(lines_watcher.self, document.results[0], 0);
    live_free(lines);
    fclose(file);
    assert_int_equal(lines_of(text), 4);
    assert_null(strchr(text, '\033'));
    assert_non_null(strstr(text,
                           "wordcount/workers=1/at-least-once run 1/3 0.2s warming up  -  "
                           "p50 150us p99 1.2ms p99.9 2.5ms  cpu 1.25  queue 40%  memory "
                           "12.0 MB\n"));
    assert_non_null(strstr(text, "1.2s  4.1 M words/s  p50"));
    free(text);
}

#define LIVE_TEST(function) cmocka_unit_test_setup_teardown(function, make, destroy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIVE_TEST(live_block_shows_what_runs),
        LIVE_TEST(live_block_follows_the_terminal),
        LIVE_TEST(live_end_scrolls_up_above_the_block),
        LIVE_TEST(live_without_utf8_is_ascii),
        LIVE_TEST(live_colour_ends_in_every_line),
        LIVE_TEST(live_elsewhere_is_a_line_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
