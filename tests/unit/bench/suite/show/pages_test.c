/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the picture and the page: well-formed, complete, escaped, nothing from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "show_fixture.h"
#include "suite/show.h"
#include <stdlib.h>
#include <string.h>

static struct result_document document;
static char *text;
static size_t size;

static int make(void **state)
{
    (void)state;
    fixture_document(&document);
    text = NULL;
    return 0;
}

static int destroy(void **state)
{
    (void)state;
    result_document_fini(&document);
    free(text);
    return 0;
}

typedef enum gale_err writer(const struct result_document *, FILE *);

static void write_with(writer *write)
{
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    assert_int_equal(write(&document, file), GALE_OK);
    fclose(file);
    assert_true(fixture_is_xml(text));
    assert_null(strstr(text, "nan"));
}

/* Whether anything would be fetched: addresses, styles and scripts of elsewhere. The name of SVG is
 * an address, but nobody goes there. */
static bool asks_for_something(void)
{
    static const char name[] = "xmlns=\"http://www.w3.org/2000/svg\"";
    static const char *const signs[] = {"src=",    "href=",  "url(",    "@import",
                                        "<script", "<link ", "<iframe", "<object"};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (strstr(text, signs[i]) != NULL) {
            return true;
        }
    }
    return fixture_count(text, "://") != fixture_count(text, name);
}

static void svg_has_every_result_with_its_figure(void **state)
{
    (void)state;
    write_with(svg_write);
    assert_false(asks_for_something());
    assert_int_equal(fixture_count(text, ">wordcount<"), 1);
    assert_int_equal(fixture_count(text, ">4.12 M words/s<"), 1);
    assert_int_equal(fixture_count(text, ">5.50 M words/s<"), 1);
    assert_int_equal(fixture_count(text, ">6.60 ms<"), 1);
    assert_int_equal(fixture_count(text, "failed: lost 17 words"), 1);
    assert_int_equal(fixture_count(text, "class=\"whisker\""), 3);
    assert_non_null(strstr(text, "prefers-color-scheme:dark"));
    assert_non_null(strstr(text, "cpu A, 2 cores, 8000 MB, Linux 6.1"));
}

static void html_has_machine_table_charts_and_checks(void **state)
{
    (void)state;
    result_ratio(&document, "share", 0.25, "price of acks");
    write_with(html_write);
    assert_false(asks_for_something());
    assert_int_equal(fixture_count(text, "<section>"), 3);
    /* Six charts over time and one by percentile of the one benchmark that has them. */
    assert_int_equal(fixture_count(text, "class=\"chart\""), 7);
    assert_int_equal(fixture_count(text, "checked: acked = emitted"), 2);
    assert_non_null(strstr(text, "cpu A, 2 cores, 8000 MB of memory"));
    assert_non_null(strstr(text, "<td>4.12 M words/s<small>3.0 %</small></td>"));
    assert_non_null(strstr(text, "colspan=\"11\">start to first result 6.60 ms</td>"));
    assert_non_null(strstr(text, "price of acks</td><td>25.0 %"));
    assert_non_null(strstr(text, "failed: lost 17 words"));
}

static void pages_hostile_text_is_escaped(void **state)
{
    (void)state;
    free(document.command);
    document.command = strdup(FIXTURE_HOSTILE);
    snprintf(document.machine.cpu, sizeof document.machine.cpu, "%s", FIXTURE_HOSTILE);
    snprintf(document.commit, sizeof document.commit, "%s", FIXTURE_HOSTILE);
    struct result *result = result_add(&document, FIXTURE_HOSTILE, FIXTURE_HOSTILE, 1,
                                       FIXTURE_HOSTILE, FIXTURE_HOSTILE);
    result_metric_add(result, FIXTURE_HOSTILE, FIXTURE_HOSTILE, RESULT_HIGHER, 5);
    result_check(result, "%s", FIXTURE_HOSTILE);
    struct result_point point = {.t_s = 1, .rate = 2, .p50_us = 3, .p99_us = 4};
    result_series_set(result, &point, 1);
    result_fail(result_add(&document, "b", "t", 1, "", ""), "%s", FIXTURE_HOSTILE);
    result_ratio(&document, FIXTURE_HOSTILE, 1, "%s", FIXTURE_HOSTILE);
    write_with(svg_write);
    assert_null(strstr(text, "<b>"));
    free(text);
    write_with(html_write);
    assert_null(strstr(text, "<b>"));
    assert_non_null(strstr(text, "&lt;b&gt;&amp;&quot;&#39;"));
}

static void pages_without_results_are_whole(void **state)
{
    (void)state;
    result_document_fini(&document);
    result_document_init(&document);
    write_with(svg_write);
    free(text);
    write_with(html_write);
}

static void pages_full_disk_is_an_error(void **state)
{
    (void)state;
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    assert_int_equal(svg_write(&document, full), GALE_ERR_IO);
    assert_int_equal(html_write(&document, full), GALE_ERR_IO);
    fclose(full);
}

#define PAGE_TEST(function) cmocka_unit_test_setup_teardown(function, make, destroy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAGE_TEST(svg_has_every_result_with_its_figure),
        PAGE_TEST(html_has_machine_table_charts_and_checks),
        PAGE_TEST(pages_hostile_text_is_escaped),
        PAGE_TEST(pages_without_results_are_whole),
        PAGE_TEST(pages_full_disk_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
