/* SPDX-License-Identifier: Apache-2.0 */
/* The benchmark's spout and bolts one by one on the test bench, right input and wrong. */
#include "ysb/module.h"

#include "testing/bench.h"

#include <gale/test.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define IP "\\\"ip_address\\\": \\\"1.2.3.4\\\""

static struct gale_bench *bolt(const struct gale_bolt_ops *ops, const char *fields,
                               const char *options)
{
    struct gale_error error = {0};
    struct gale_bench *bench = gale_bench_bolt(ops, fields, options, &error);
    if (bench == NULL) {
        fail_msg("no bench: %s", error.text);
    }
    return bench;
}

static struct gale_bench *spout(const char *options)
{
    struct gale_error error = {0};
    struct gale_bench *bench = gale_bench_spout(&ysb_events_ops, options, &error);
    if (bench == NULL) {
        fail_msg("no bench: %s", error.text);
    }
    return bench;
}

static void takes(struct gale_bench *bench, const char *expected)
{
    const char *taken = gale_bench_take(bench);
    if (expected == NULL) {
        assert_null(taken);
        return;
    }
    assert_non_null(taken);
    assert_string_equal(taken, expected);
}

static void gives(struct gale_bench *bench, const char *tuple)
{
    assert_int_equal(gale_bench_give(bench, tuple), GALE_OK);
}

/* ---- ysb_parse ---- */

static void parse_event_gives_its_fields(void **state)
{
    (void)state;
    struct gale_bench *bench = bolt(&ysb_parse_ops, "event", NULL);
    for (int i = 0; i < 3; i++) {
        gives(bench,
              "[\"{\\\"user_id\\\": \\\"u\\\", \\\"page_id\\\": \\\"p\\\", \\\"ad_id\\\": "
              "\\\"a\\\", \\\"ad_type\\\": \\\"mail\\\", \\\"event_type\\\": "
              "\\\"view\\\", \\\"event_time\\\": \\\"1700000000123\\\", " IP "}\"]");
        takes(bench, "default [\"u\",\"p\",\"a\",\"mail\",\"view\",1700000000123,\"1.2.3.4\"]");
    }
    /* Any order, any blanks, other keys, nested values, escapes. */
    gives(bench,
          "[\" {" IP ",\\\"event_time\\\":\\\"7\\\",\\\"event_type\\\":\\\"a\\\\u0062\\\","
          "\\\"more\\\":{\\\"ad_id\\\":\\\"x\\\",\\\"l\\\":[1,{}]},\\\"n\\\":null,"
          "\\\"ad_type\\\":\\\"\\\\\\\"q\\\\\\\"\\\",\\\"ad_id\\\":\\\"\\\","
          "\\\"page_id\\\":\\\"p\\\",\\\"user_id\\\":\\\"u\\\"}\\n\"]");
    takes(bench, "default [\"u\",\"p\",\"\",\"\\\"q\\\"\",\"ab\",7,\"1.2.3.4\"]");
    takes(bench, NULL);
    assert_int_equal(gale_bench_acked(bench), 4);
    gale_bench_free(bench);
}

static void parse_malformed_event_is_dropped_and_reported(void **state)
{
    (void)state;
    static const char good[] =
        "[\"{\\\"user_id\\\":\\\"u\\\",\\\"page_id\\\":\\\"p\\\",\\\"ad_id\\\":\\\"a\\\","
        "\\\"ad_type\\\":\\\"t\\\",\\\"event_type\\\":\\\"v\\\",\\\"event_time\\\":"
        "\\\"1\\\"," IP "}\"]";
    static const char *const bad[] = {
        "[\"\"]",
        "[\"{\"]",
        "[\"{}\"]",
        "[\"{} {}\"]",
        "[\"[]\"]",
        "[\"{\\\"user_id\\\"}\"]",
        "[\"no json\"]",
        "[\"{\\\"user_id\\\":\\\"u\\\",\\\"page_id\\\":\\\"p\\\",\\\"ad_id\\\":\\\"a\\\","
        "\\\"ad_type\\\":\\\"t\\\",\\\"event_type\\\":\\\"v\\\",\\\"event_time\\\":"
        "\\\"1x\\\"," IP "}\"]",
        "[\"{\\\"user_id\\\":\\\"u\\\",\\\"page_id\\\":\\\"p\\\",\\\"ad_id\\\":\\\"a\\\","
        "\\\"ad_type\\\":\\\"t\\\",\\\"event_type\\\":\\\"v\\\",\\\"event_time\\\":"
        "\\\"1234567890123456789\\\"," IP "}\"]",
        "[\"{\\\"user_id\\\":\\\"u\\\",\\\"page_id\\\":\\\"p\\\",\\\"ad_id\\\":\\\"a\\\","
        "\\\"ad_type\\\":\\\"t\\\",\\\"event_type\\\":\\\"v\\\",\\\"event_time\\\":"
        "\\\"1\\\"," IP "\"]",
    };
    struct gale_bench *bench = bolt(&ysb_parse_ops, "event", NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        gives(bench, bad[i]);
        takes(bench, NULL);
        assert_non_null(strstr(bench_error(bench), "dropped an event"));
        gives(bench, good); /* The parser is as good as new. */
        takes(bench, "default [\"u\",\"p\",\"a\",\"t\",\"v\",1,\"1.2.3.4\"]");
    }
    assert_int_equal(gale_bench_failed(bench), 0);
    gives(bench, "[5]");
    assert_int_equal(gale_bench_failed(bench), 1);
    gale_bench_free(bench);
}

/* ---- ysb_filter, ysb_project, ysb_join ---- */

static void filter_keeps_views_whole(void **state)
{
    (void)state;
    struct gale_bench *bench = bolt(&ysb_filter_ops, "a,event_type,b", NULL);
    gives(bench, "[1,\"view\",\"x\"]");
    gives(bench, "[2,\"click\",\"x\"]");
    gives(bench, "[3,\"views\",\"x\"]");
    gives(bench, "[4,5,\"x\"]");
    gives(bench, "[5,\"view\",null]");
    takes(bench, "default [1,\"view\",\"x\"]");
    takes(bench, "default [5,\"view\",null]");
    takes(bench, NULL);
    gale_bench_free(bench);
}

static void project_keeps_ad_and_time(void **state)
{
    (void)state;
    struct gale_bench *bench = bolt(&ysb_project_ops, YSB_EVENT_FIELDS, NULL);
    gives(bench, "[\"u\",\"p\",\"a\",\"t\",\"view\",12,\"ip\"]");
    takes(bench, "default [\"a\",12]");
    gale_bench_free(bench);
}

static void join_adds_the_campaign(void **state)
{
    (void)state;
    struct ysb_ids *ids = malloc(sizeof(*ids));
    assert_non_null(ids);
    ysb_ids_init(ids, 5);
    struct gale_bench *bench = bolt(&ysb_join_ops, "ad_id,event_time", "seed: 5");
    for (size_t ad = 0; ad < YSB_ADS; ad++) {
        char tuple[128];
        char expected[256];
        (void)snprintf(tuple, sizeof(tuple), "[\"%.36s\",%zu]", ids->ads[ad], ad);
        (void)snprintf(expected, sizeof(expected), "default [\"%.36s\",\"%.36s\",%zu]",
                       ids->campaigns[ad / 10], ids->ads[ad], ad);
        gives(bench, tuple);
        takes(bench, expected);
    }
    gives(bench, "[\"00000000-0000-4000-8000-000000000000\",1]");
    takes(bench, NULL);
    assert_non_null(strstr(bench_error(bench), "unknown ad 00000000"));
    gives(bench, "[\"\",1]");
    takes(bench, NULL);
    gale_bench_free(bench);
    free(ids);
}

/* ---- ysb_count, ysb_store ---- */

#define ONE "11111111-1111-4111-8111-111111111111"
#define TWO "22222222-2222-4222-8222-222222222222"

static void count_tells_changed_windows_at_ticks(void **state)
{
    (void)state;
    struct gale_bench *bench = bolt(&ysb_count_ops, YSB_JOINED_FIELDS, "tick: 1s");
    gives(bench, "[\"" ONE "\",\"a\",20000]");
    gives(bench, "[\"" ONE "\",\"b\",29999]");
    gives(bench, "[\"" TWO "\",\"b\",30000]");
    takes(bench, NULL);
    gale_bench_advance(bench, 1000);
    takes(bench, "default [\"" ONE "\",20000,2]");
    takes(bench, "default [\"" TWO "\",30000,1]");
    takes(bench, NULL);
    /* A late one, one before 1970, and one far ahead; only what changed is told. */
    gives(bench, "[\"" ONE "\",\"a\",9999]");
    gives(bench, "[\"" ONE "\",\"a\",-1]");
    gives(bench, "[\"" ONE "\",\"a\",9000000]");
    gale_bench_advance(bench, 1000);
    takes(bench, "default [\"" ONE "\",-10000,1]");
    takes(bench, "default [\"" ONE "\",0,1]");
    takes(bench, "default [\"" ONE "\",9000000,1]");
    takes(bench, NULL);
    gale_bench_finish(bench);
    takes(bench, "default [\"" ONE "\",-10000,1]");
    takes(bench, "default [\"" ONE "\",0,1]");
    takes(bench, "default [\"" ONE "\",20000,2]");
    takes(bench, "default [\"" ONE "\",9000000,1]");
    takes(bench, "default [\"" TWO "\",30000,1]");
    takes(bench, NULL);
    gale_bench_free(bench);
}

static void count_refuses_what_it_cannot_hold(void **state)
{
    (void)state;
    struct gale_bench *bench = bolt(&ysb_count_ops, YSB_JOINED_FIELDS, NULL);
    gives(bench, "[\"short\",\"a\",1]");
    gives(bench, "[\"" ONE "\",\"a\",\"1\"]");
    gives(bench, "[\"" ONE "\",\"a\",1]");
    gives(bench, "[\"" ONE "\",\"a\",9000000000000000000]"); /* 10^14 windows apart. */
    assert_int_equal(gale_bench_failed(bench), 3);
    assert_int_equal(gale_bench_acked(bench), 1);
    gale_bench_free(bench);
}

static void count_with_journal_goes_on_from_it(void **state)
{
    (void)state;
    char dir[] = "/tmp/ysb-journal-XXXXXX";
    char options[128];
    char path[64];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/j.0", dir);
    (void)snprintf(options, sizeof(options), "tick: 1s\njournal: %s/j", dir);
    struct gale_bench *bench = bolt(&ysb_count_ops, YSB_JOINED_FIELDS, options);
    gives(bench, "[\"" ONE "\",\"a\",20000]");
    gives(bench, "[\"" ONE "\",\"a\",20000]");
    gives(bench, "[\"" TWO "\",\"a\",0]");
    assert_int_equal(gale_bench_acked(bench), 0); /* Not before it is written. */
    gale_bench_advance(bench, 1000);
    assert_int_equal(gale_bench_acked(bench), 3);
    gives(bench, "[\"" ONE "\",\"a\",20000]"); /* Lost with the task. */
    gale_bench_free(bench);
    /* A killed writer may leave part of a line. */
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    assert_true(fputs(ONE " 2 9", file) >= 0);
    assert_int_equal(fclose(file), 0);

    bench = bolt(&ysb_count_ops, YSB_JOINED_FIELDS, options);
    gives(bench, "[\"" ONE "\",\"a\",20001]");
    gale_bench_advance(bench, 1000);
    takes(bench, "default [\"" ONE "\",20000,3]");
    takes(bench, NULL);
    gale_bench_free(bench);

    file = fopen(path, "a");
    assert_non_null(file);
    assert_true(fputs("no line of a journal\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    struct gale_error error = {0};
    assert_null(gale_bench_bolt(&ysb_count_ops, YSB_JOINED_FIELDS, options, &error));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void store_writes_the_newest_counts_at_the_end(void **state)
{
    (void)state;
    char dir[] = "/tmp/ysb-store-XXXXXX";
    char options[128];
    char path[64];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/result", dir);
    (void)snprintf(options, sizeof(options), "result: %s", path);
    struct gale_bench *bench = bolt(&ysb_store_ops, YSB_COUNT_FIELDS, options);
    gives(bench, "[\"" ONE "\",20000,2]");
    gives(bench, "[\"" TWO "\",20000,5]");
    gives(bench, "[\"" ONE "\",20000,4]");
    assert_int_not_equal(access(path, F_OK), 0);
    gale_bench_finish(bench);
    gale_bench_free(bench);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char text[512] = "";
    long long at[2] = {0, 0};
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    assert_true(size > 0);
    assert_int_equal(sscanf(text,
                            "ysb 1\nwindow " ONE " 20000 4 %lld\nwindow " TWO
                            " 20000 5 %lld\nend 2 9\n",
                            &at[0], &at[1]),
                     2);
    assert_true(at[0] > 1600000000000 && at[1] >= 1600000000000);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

/* ---- ysb_events ---- */

static void expect_text(const struct ysb_stream *stream, uint64_t number, char *out,
                        size_t size)
{
    struct ysb_ids *ids = malloc(sizeof(*ids));
    assert_non_null(ids);
    ysb_ids_init(ids, stream->seed);
    struct ysb_event event = ysb_event_at(stream, number);
    (void)snprintf(
        out, size,
        "default [\"%.36s\",\"%.36s\",\"%.36s\",\"%s\",\"%s\",%lld,\"1.2.3.4\"] #%llu",
        ids->users[event.user], ids->pages[event.page], ids->ads[event.ad],
        ysb_ad_types[event.ad_type].text, ysb_event_types[event.event_type].text,
        (long long)event.time_ms, (unsigned long long)number);
    free(ids);
}

static void events_are_those_of_the_model_and_come_again_after_a_fail(void **state)
{
    (void)state;
    char expected[512];
    struct ysb_stream stream = {
        .seed = 3, .start_ms = YSB_START_MS, .step_ns = 5000000, .skew = true};
    struct gale_bench *bench =
        spout("format: binary\nseed: 3\ncount: 100\nskew: true\nstep_us: 5000");
    assert_int_equal(gale_bench_next(bench, 10), GALE_NEXT_DONE);
    for (uint64_t number = 0; number < 100; number++) {
        expect_text(&stream, number, expected, sizeof(expected));
        takes(bench, expected);
    }
    takes(bench, NULL);
    gale_bench_end(bench, 41, false);
    gale_bench_end(bench, 40, true);
    assert_int_equal(gale_bench_next(bench, 2), GALE_NEXT_DONE);
    expect_text(&stream, 41, expected, sizeof(expected));
    takes(bench, expected);
    takes(bench, NULL);
    gale_bench_free(bench);
}

static void events_with_a_rate_come_when_they_are_due(void **state)
{
    (void)state;
    struct gale_bench *bench = spout("format: binary\nrate: 1000\nstart_ms: 5");
    unsigned count = 0;
    assert_int_equal(gale_bench_next(bench, 5), GALE_NEXT_IDLE);
    while (gale_bench_take(bench) != NULL) {
        count++;
    }
    assert_int_equal(count, 1);
    gale_bench_advance(bench, 10);
    assert_int_equal(gale_bench_next(bench, 5), GALE_NEXT_IDLE);
    for (count = 0; gale_bench_take(bench) != NULL;) {
        count++;
    }
    assert_int_equal(count, 10);
    gale_bench_free(bench);
}

static void events_resume_from_a_saved_position(void **state)
{
    (void)state;
    uint8_t position[64];
    char expected[512];
    struct gale_error error = {0};
    const char *options = "format: binary\ncount: 60";
    struct ysb_stream stream = {.seed = 1, .start_ms = YSB_START_MS, .step_ns = 10000};
    struct gale_bench *bench = spout(options);
    (void)gale_bench_next(bench, 1);
    size_t size = bench_save(bench, 17, position, sizeof(position));
    assert_true(size > 0);
    assert_int_equal(bench_save(bench, 17, position, size - 1), 0);
    assert_int_equal(bench_save(bench, 17, position, sizeof(position)), size);
    gale_bench_free(bench);
    bench = bench_spout_at(&ysb_events_ops, options, position, size, &error);
    assert_non_null(bench);
    /* Nothing was acked yet in this run: the position must not fall back. */
    uint8_t again[64];
    assert_int_equal(bench_save(bench, 0, again, sizeof(again)), size);
    assert_memory_equal(position, again, size);
    assert_int_equal(gale_bench_next(bench, 10), GALE_NEXT_DONE);
    for (uint64_t number = 17; number < 60; number++) {
        expect_text(&stream, number, expected, sizeof(expected));
        takes(bench, expected);
    }
    takes(bench, NULL);
    gale_bench_free(bench);
    position[0] ^= 1;
    assert_null(bench_spout_at(&ysb_events_ops, options, position, size, &error));
}

static void events_refuse_wrong_options(void **state)
{
    (void)state;
    static const char *const wrong[] = {"format: xml", "rate: -1",    "rate: 1e9",
                                        "count: -1",   "step_us: -1", "step_us: 3600000001"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct gale_error error = {0};
        assert_null(gale_bench_spout(&ysb_events_ops, wrong[i], &error));
        assert_true(error.text[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_event_gives_its_fields),
        cmocka_unit_test(parse_malformed_event_is_dropped_and_reported),
        cmocka_unit_test(filter_keeps_views_whole),
        cmocka_unit_test(project_keeps_ad_and_time),
        cmocka_unit_test(join_adds_the_campaign),
        cmocka_unit_test(count_tells_changed_windows_at_ticks),
        cmocka_unit_test(count_refuses_what_it_cannot_hold),
        cmocka_unit_test(count_with_journal_goes_on_from_it),
        cmocka_unit_test(store_writes_the_newest_counts_at_the_end),
        cmocka_unit_test(events_are_those_of_the_model_and_come_again_after_a_fail),
        cmocka_unit_test(events_with_a_rate_come_when_they_are_due),
        cmocka_unit_test(events_resume_from_a_saved_position),
        cmocka_unit_test(events_refuse_wrong_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
