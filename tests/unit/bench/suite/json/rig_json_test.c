/* SPDX-License-Identifier: Apache-2.0 */
/* What the cluster's verbs write, read back; and what is no such answer. */
#include "suite/json/rig_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char ready[] =
    "{\"schema\":1,\"event\":\"ready\",\"rpc\":\"tcp://127.0.0.1:41373\"}\nmore";
static const char described[] =
    "{\"name\":\"c1\",\"status\":\"active\",\"workers_up\":2,\"restarts\":3,"
    "\"first_acked_at_ns\":123456789012345,\"workers\":[{\"index\":0,\"pid\":17},"
    "{\"index\":1,\"pid\":18}]}";
static const char listed[] =
    "{\"topologies\":[{\"name\":\"a\",\"status\":\"active\",\"workers\":4,\"workers_up\":3,"
    "\"restarts\":1},{\"name\":\"b\",\"status\":\"starting\",\"workers\":2}]}";
static const char top[] =
    "{\"components\":[{\"kind\":\"spout\",\"emitted\":10,\"acked\":8,\"failed\":1,"
    "\"timed_out\":1,\"pending\":2,\"executed\":0},{\"kind\":\"spout\",\"emitted\":5,"
    "\"acked\":5},{\"kind\":\"bolt\",\"executed\":15,\"acked\":15,\"emitted\":7}]}";

static void text_of_first_line_is_read(void **state)
{
    char text[64], small[8];
    (void)state;
    assert_true(rig_json_text(ready, strlen(ready), "rpc", text, sizeof text));
    assert_string_equal(text, "tcp://127.0.0.1:41373");
    assert_false(rig_json_text(ready, strlen(ready), "control", text, sizeof text));
    assert_string_equal(text, "");
    assert_false(rig_json_text(ready, strlen(ready), "rpc", small, sizeof small));
    assert_false(rig_json_text(ready, 20, "rpc", text, sizeof text));
}

static void describe_of_two_workers_is_read(void **state)
{
    struct rig_topology it;
    (void)state;
    assert_true(rig_json_describe(described, strlen(described), &it));
    assert_string_equal(it.name, "c1");
    assert_string_equal(it.status, "active");
    assert_int_equal(it.workers, 2);
    assert_int_equal(it.workers_up, 2);
    assert_int_equal(it.restarts, 3);
    assert_int_equal(it.pids_count, 2);
    assert_int_equal(it.pids[1], 18);
    assert_true(it.first_acked_at_ns == INT64_C(123456789012345));
}

static void describe_of_nonsense_is_refused(void **state)
{
    static const char *const wrong[] = {"",
                                        "[]",
                                        "{}",
                                        "{\"name\":\"a\"}",
                                        "{\"status\":3}",
                                        "{\"name\":1,\"status\":\"active\"}"};
    struct rig_topology it;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(rig_json_describe(wrong[i], strlen(wrong[i]), &it));
    }
}

static void count_up(void *self, const struct rig_topology *topology)
{
    unsigned *up = self;
    *up += topology->workers_up * 100 + topology->workers;
}

static void list_of_two_is_walked(void **state)
{
    unsigned up = 0;
    static const char none[] = "{\"topologies\":[]}";
    (void)state;
    assert_int_equal(rig_json_list(listed, strlen(listed), count_up, &up), 2);
    assert_int_equal(up, 306);
    assert_int_equal(rig_json_list(none, strlen(none), count_up, &up), 0);
    assert_true(rig_json_list("{}", 2, count_up, &up) == SIZE_MAX);
    assert_true(rig_json_list("", 0, NULL, NULL) == SIZE_MAX);
    assert_int_equal(up, 306);
}

static void top_sums_spouts_and_bolts(void **state)
{
    struct rig_counts counts;
    (void)state;
    assert_true(rig_json_top(top, strlen(top), &counts));
    assert_int_equal(counts.emitted, 15);
    assert_int_equal(counts.acked, 13);
    assert_int_equal(counts.failed, 1);
    assert_int_equal(counts.timed_out, 1);
    assert_int_equal(counts.pending, 2);
    assert_int_equal(counts.executed, 15);
    assert_false(rig_json_top("{\"components\":[]}", 17, &counts));
}

static void hosts_count_those_alive(void **state)
{
    static const char hosts[] =
        "{\"hosts\":[{\"alive\":true},{\"alive\":false},{\"alive\":true},{}]}";
    (void)state;
    assert_int_equal(rig_json_hosts(hosts, strlen(hosts)), 2);
    assert_int_equal(rig_json_hosts("x", 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_first_line_is_read),
        cmocka_unit_test(describe_of_two_workers_is_read),
        cmocka_unit_test(describe_of_nonsense_is_refused),
        cmocka_unit_test(list_of_two_is_walked),
        cmocka_unit_test(top_sums_spouts_and_bolts),
        cmocka_unit_test(hosts_count_those_alive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
