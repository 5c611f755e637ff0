/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the log: form, levels, escaping and the limit of lines. Standard error is led into a
 * file while a test runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char output[262144];
static int saved_fd;
static int output_fd;

static void capture_start(void)
{
    char path[] = "/tmp/gale-log-XXXXXX";
    output_fd = mkstemp(path);
    assert_true(output_fd >= 0);
    unlink(path);
    saved_fd = dup(STDERR_FILENO);
    dup2(output_fd, STDERR_FILENO);
}

static void capture_stop(void)
{
    dup2(saved_fd, STDERR_FILENO);
    close(saved_fd);
    ssize_t size = pread(output_fd, output, sizeof output - 1, 0);
    output[size > 0 ? size : 0] = '\0';
    close(output_fd);
}

static void log_line_has_all_pairs_and_escapes(void **state)
{
    (void)state;
    log_init(GALE_LOG_INFO, "w1", LOG_FORM_LOGFMT);
    log_set_task("topo", "split", 3);
    capture_start();
    gale_log(GALE_LOG_WARN, "say \"%s\"", "a\nb\x1b");
    gale_log(GALE_LOG_DEBUG, "not shown");
    capture_stop();
    log_set_task(NULL, NULL, 0);
    assert_memory_equal(output, "ts=20", 5);
    assert_non_null(strstr(output, "Z level=warn msg=\"say \\\"a\\nb\\x1b\\\"\" topology=topo "
                                   "component=split task=3 worker=w1\n"));
    assert_null(strstr(output, "not shown"));
}

static void log_pretty_line_is_short_and_long_messages_stay_one_line(void **state)
{
    (void)state;
    static char text[5000];
    memset(text, '"', sizeof text - 1);
    log_init(GALE_LOG_DEBUG, "gale", LOG_FORM_PRETTY);
    capture_start();
    gale_log(GALE_LOG_INFO, "started");
    log_init(GALE_LOG_DEBUG, "gale", LOG_FORM_LOGFMT);
    gale_log(GALE_LOG_INFO, "%s", text);
    capture_stop();
    assert_non_null(strstr(output, " info gale: started\n"));
    char *newline = strchr(output, '\n');
    assert_non_null(newline);
    newline = strchr(newline + 1, '\n');
    assert_non_null(newline);
    assert_int_equal(newline[1], '\0');
}

static void log_json_line_is_a_document_whatever_the_message(void **state)
{
    (void)state;
    static char text[3000];
    memset(text, '\x01', sizeof text - 1);
    log_init(GALE_LOG_INFO, "w1", LOG_FORM_JSON);
    log_set_task("topo", "split", 3);
    capture_start();
    gale_log(GALE_LOG_WARN, "say \"%s\"", "a\nb\\ \xc3\xa4 \xc3 \xc0\x80 \xed\xa0\x80");
    gale_log(GALE_LOG_ERROR, "%s", text);
    capture_stop();
    log_set_task(NULL, NULL, 0);
    assert_memory_equal(output, "{\"ts\":\"20", 9);
    assert_non_null(strstr(output,
                           "Z\",\"level\":\"warn\",\"msg\":\"say \\\"a\\u000ab\\\\ \xc3\xa4 "
                           "\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd "
                           "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\\\"\",\"topology\":\"topo\","
                           "\"component\":\"split\",\"task\":3,\"worker\":\"w1\"}\n"));
    char *newline = strchr(output, '\n');
    assert_non_null(strstr(newline, "\\u0001\",\"topology\":\"topo\",\"component\":\"split\","
                                    "\"task\":3,\"worker\":\"w1\"}\n"));
}

static void log_site_over_its_limit_is_cut_off_others_are_not(void **state)
{
    (void)state;
    log_init(GALE_LOG_INFO, "", LOG_FORM_LOGFMT);
    capture_start();
    for (int i = 0; i < 1000; i++) {
        gale_log(GALE_LOG_INFO, "storm %d", i);
    }
    gale_log(GALE_LOG_INFO, "calm");
    capture_stop();
    int lines_count = 0;
    for (const char *at = output; (at = strstr(at, "storm")); at++) {
        lines_count++;
    }
    /* The loop may cross into a second second. */
    assert_in_range(lines_count, 20, 40);
    assert_non_null(strstr(output, "calm"));
}

static void log_level_names_are_parsed(void **state)
{
    (void)state;
    enum gale_log_level level = GALE_LOG_INFO;
    assert_true(log_level_parse("error", &level));
    assert_int_equal(level, GALE_LOG_ERROR);
    assert_false(log_level_parse("ERROR", &level));
    assert_int_equal(level, GALE_LOG_ERROR);
    log_init(GALE_LOG_WARN, NULL, LOG_FORM_LOGFMT);
    assert_int_equal(log_level(), GALE_LOG_WARN);
}

static void log_override_of_the_process_holds_until_it_ends(void **state)
{
    (void)state;
    log_init(GALE_LOG_WARN, "", LOG_FORM_LOGFMT);
    (void)log_override("", GALE_LOG_DEBUG);
    assert_int_equal(log_level(), GALE_LOG_DEBUG);
    capture_start();
    gale_log(GALE_LOG_DEBUG, "while");
    (void)log_override("", GALE_LOG_ERROR);
    gale_log(GALE_LOG_WARN, "louder");
    log_override_end(NULL);
    gale_log(GALE_LOG_WARN, "again");
    gale_log(GALE_LOG_INFO, "after");
    capture_stop();
    assert_non_null(strstr(output, "while"));
    assert_null(strstr(output, "louder"));
    assert_non_null(strstr(output, "again"));
    assert_null(strstr(output, "after"));
}

static void log_override_of_a_component_leaves_others_alone(void **state)
{
    (void)state;
    log_init(GALE_LOG_WARN, "", LOG_FORM_LOGFMT);
    (void)log_override("split", GALE_LOG_DEBUG);
    capture_start();
    gale_log(GALE_LOG_INFO, "of nobody");
    log_set_task("t", "split", 1);
    gale_log(GALE_LOG_DEBUG, "of split");
    log_set_task("t", "count", 2);
    gale_log(GALE_LOG_INFO, "of count");
    gale_log(GALE_LOG_WARN, "count warns");
    log_set_task("t", "split", 1);
    log_override_end(NULL);
    gale_log(GALE_LOG_INFO, "too late");
    log_set_task(NULL, NULL, 0);
    capture_stop();
    assert_null(strstr(output, "of nobody"));
    assert_non_null(strstr(output, "of split"));
    assert_null(strstr(output, "of count"));
    assert_non_null(strstr(output, "count warns"));
    assert_null(strstr(output, "too late"));
}

static void log_override_of_several_components_end_one_by_one(void **state)
{
    (void)state;
    log_init(GALE_LOG_WARN, "", LOG_FORM_LOGFMT);
    assert_int_equal(log_override("split", GALE_LOG_DEBUG), GALE_OK);
    assert_int_equal(log_override("count", GALE_LOG_ERROR), GALE_OK);
    capture_start();
    log_set_task("t", "split", 1);
    gale_log(GALE_LOG_DEBUG, "split one");
    log_set_task("t", "count", 2);
    gale_log(GALE_LOG_WARN, "count one");
    log_override_end("split");
    gale_log(GALE_LOG_WARN, "count two");
    log_set_task("t", "split", 1);
    gale_log(GALE_LOG_INFO, "split two");
    log_override_end("");
    log_set_task("t", "count", 2);
    gale_log(GALE_LOG_WARN, "count three");
    log_override_end(NULL);
    gale_log(GALE_LOG_WARN, "count four");
    log_set_task(NULL, NULL, 0);
    capture_stop();
    assert_non_null(strstr(output, "split one"));
    assert_null(strstr(output, "count one"));
    assert_null(strstr(output, "count two"));
    assert_null(strstr(output, "split two"));
    assert_null(strstr(output, "count three"));
    assert_non_null(strstr(output, "count four"));
}

static void log_override_of_too_many_components_is_refused(void **state)
{
    char name[16];
    (void)state;
    log_init(GALE_LOG_WARN, "", LOG_FORM_LOGFMT);
    for (unsigned i = 0; i < LOG_OVERRIDES_MAX; i++) {
        snprintf(name, sizeof name, "c%u", i);
        assert_int_equal(log_override(name, GALE_LOG_DEBUG), GALE_OK);
    }
    assert_int_equal(log_override("other", GALE_LOG_DEBUG), GALE_ERR_LIMIT);
    assert_int_equal(log_override("c0", GALE_LOG_ERROR), GALE_OK);
    log_override_end("c1");
    assert_int_equal(log_override("other", GALE_LOG_DEBUG), GALE_OK);
    log_override_end(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_line_has_all_pairs_and_escapes),
        cmocka_unit_test(log_pretty_line_is_short_and_long_messages_stay_one_line),
        cmocka_unit_test(log_json_line_is_a_document_whatever_the_message),
        cmocka_unit_test(log_site_over_its_limit_is_cut_off_others_are_not),
        cmocka_unit_test(log_level_names_are_parsed),
        cmocka_unit_test(log_override_of_the_process_holds_until_it_ends),
        cmocka_unit_test(log_override_of_a_component_leaves_others_alone),
        cmocka_unit_test(log_override_of_several_components_end_one_by_one),
        cmocka_unit_test(log_override_of_too_many_components_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
