/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of host/seek: whom a supervisor asks, and when. Times are made. */
#include "host/seek.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MS INT64_C(1000000)

static int64_t now;

static void begin(struct seek *seek, unsigned count)
{
    now = 5000 * MS;
    seek_init(seek, now);
    for (unsigned i = 0; i < count; i++) {
        char address[64];
        snprintf(address, sizeof(address), "tcp://c%u:7410", i);
        assert_int_equal(seek_add(seek, address), (int)i);
    }
}

/* Takes all questions that are due: which peers are asked what, as letters by index (w, h, .). */
static void asked(struct seek *seek, const char *expected)
{
    char text[FINDER_ADDRESSES_MAX + 1];
    enum seek_ask ask;
    size_t peer;
    memset(text, '.', sizeof(text));
    text[seek->list.count] = '\0';
    while ((ask = seek_next(seek, now, &peer)) != SEEK_NOTHING) {
        assert_int_equal(text[peer], '.');
        text[peer] = ask == SEEK_WHO ? 'w' : 'h';
    }
    assert_string_equal(text, expected);
}

static void lead(struct seek *seek, size_t peer, uint64_t epoch)
{
    seek_who(seek, peer, true, epoch, NULL, now);
    size_t index;
    assert_int_equal(seek_next(seek, now + 20 * MS, &index), SEEK_HOST);
    now += 20 * MS;
    assert_int_equal(index, peer);
    seek_obeyed(seek, peer, epoch, now);
}

static void seek_without_a_leader_asks_everybody(void **state)
{
    (void)state;
    struct seek seek;
    begin(&seek, 3);
    asked(&seek, "www");
    asked(&seek, "...");
    seek_who(&seek, 0, false, 0, NULL, now);
    now += 200 * MS;
    asked(&seek, "w.."); /* The others have not answered yet. */
}

static void seek_leader_is_asked_regularly_and_others_rarely(void **state)
{
    (void)state;
    struct seek seek;
    begin(&seek, 2);
    asked(&seek, "ww");
    seek_who(&seek, 0, false, 0, "tcp://c1:7410", now);
    lead(&seek, 1, 4);
    now += 299 * MS;
    asked(&seek, "..");
    now += 1 * MS;
    asked(&seek, ".h");
    seek_obeyed(&seek, 1, 4, now);
    seek_hurry(&seek);
    now += 20 * MS;
    asked(&seek, ".h");
    seek_obeyed(&seek, 1, 4, now);
    now += 700 * MS;
    asked(&seek, "wh");
}

static void seek_higher_epoch_wins_over_a_leader_that_answers(void **state)
{
    (void)state;
    struct seek seek;
    begin(&seek, 2);
    asked(&seek, "ww");
    seek_who(&seek, 1, false, 0, NULL, now);
    lead(&seek, 0, 4);
    now += 1000 * MS;
    asked(&seek, "hw");
    seek_obeyed(&seek, 0, 4, now);
    seek_who(&seek, 1, true, 4, NULL, now); /* of the same epoch: it makes no sense */
    assert_int_equal(seek.leader, 0);
    now += 1000 * MS;
    asked(&seek, "hw");
    seek_obeyed(&seek, 0, 4, now);
    seek_who(&seek, 1, true, 5, NULL, now);
    assert_int_equal(seek.leader, 1);
    now += 20 * MS;
    asked(&seek, ".h");
}

static void seek_lower_epoch_is_not_followed(void **state)
{
    (void)state;
    struct seek seek;
    begin(&seek, 2);
    asked(&seek, "ww");
    seek_who(&seek, 1, false, 0, NULL, now);
    lead(&seek, 0, 4);
    now += 300 * MS;
    asked(&seek, "h.");
    seek_refused(&seek, 0, NULL, now);
    now += 1000 * MS;
    asked(&seek, "ww");
    seek_who(&seek, 1, true, 3, NULL, now);
    assert_int_equal(seek.leader, -1);
}

static void seek_silent_leader_is_left_but_a_late_answer_counts(void **state)
{
    (void)state;
    struct seek seek;
    size_t peer;
    begin(&seek, 2);
    asked(&seek, "ww");
    seek_who(&seek, 1, false, 0, NULL, now);
    lead(&seek, 0, 4);
    now += 300 * MS;
    asked(&seek, "h.");
    now += 600 * MS;
    asked(&seek, ".w");
    assert_int_equal(seek.leader, -1);
    assert_false(seek_expired(&seek, now, &peer));
    seek_obeyed(&seek, 0, 4, now);
    assert_int_equal(seek.leader, 0);
}

static void seek_unanswered_connection_expires(void **state)
{
    (void)state;
    struct seek seek;
    size_t peer;
    begin(&seek, 1);
    asked(&seek, "w");
    now += 1500 * MS;
    assert_true(seek_next_ns(&seek) <= now);
    assert_true(seek_expired(&seek, now, &peer));
    assert_int_equal(peer, 0);
    assert_false(seek_expired(&seek, now, &peer));
    asked(&seek, "w");
}

static void seek_redirect_is_followed_once(void **state)
{
    (void)state;
    struct seek seek;
    begin(&seek, 2);
    asked(&seek, "ww");
    seek_who(&seek, 1, false, 0, NULL, now);
    seek_who(&seek, 0, true, 4, NULL, now);
    now += 300 * MS;
    asked(&seek, "h.");
    seek_refused(&seek, 0, "tcp://new:7410", now);
    assert_int_equal(seek.leader, 2);
    asked(&seek, "..h");
    seek_refused(&seek, 2, "tcp://c0:7410", now);
    asked(&seek, ".w."); /* Neither of the two: no ring without a pause. */
}

static void seek_store_is_asked_with_growing_pauses(void **state)
{
    (void)state;
    struct seek seek;
    int looks = 0;
    begin(&seek, 1);
    for (int i = 0; i < 600; i++) { /* a minute */
        looks += seek_wants_look(&seek, now);
        now += 100 * MS;
    }
    assert_in_range(looks, 7, 11);
    asked(&seek, "w");
    lead(&seek, 0, 1);
    assert_false(seek_wants_look(&seek, now + 3600000 * MS));
}

static void seek_full_list_gives_up_one_that_does_not_lead(void **state)
{
    (void)state;
    struct seek seek;
    begin(&seek, FINDER_ADDRESSES_MAX);
    seek_who(&seek, 0, true, 4, NULL, now);
    int index = seek_add(&seek, "tcp://new:7410");
    assert_true(index > 0);
    assert_string_equal(seek.list.at[0], "tcp://c0:7410");
    assert_string_equal(seek.list.at[index], "tcp://new:7410");
    assert_int_equal(seek_add(&seek, "nonsense"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seek_without_a_leader_asks_everybody),
        cmocka_unit_test(seek_leader_is_asked_regularly_and_others_rarely),
        cmocka_unit_test(seek_higher_epoch_wins_over_a_leader_that_answers),
        cmocka_unit_test(seek_lower_epoch_is_not_followed),
        cmocka_unit_test(seek_silent_leader_is_left_but_a_late_answer_counts),
        cmocka_unit_test(seek_unanswered_connection_expires),
        cmocka_unit_test(seek_redirect_is_followed_once),
        cmocka_unit_test(seek_store_is_asked_with_growing_pauses),
        cmocka_unit_test(seek_full_list_gives_up_one_that_does_not_lead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
