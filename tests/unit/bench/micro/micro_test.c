/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The micro-benchmarks in rounds of a millisecond: every figure is there and plausible, and what
 * checks the work (sums, order on the wire, the anchor's reader) sees a fault.
 */
#include "micro/micro.h"
#include "micro/transport_peer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIGURES_MAX 64

struct seen {
    char names[FIGURES_MAX][32];
    size_t count;
    size_t wanted; /* After so many no more are wanted. */
    unsigned rounds;
};

static bool is_sound(const struct micro_figure *figure, const struct micro_round *round)
{
    bool has_times =
        !figure->is_round_trip || (round->p50_us > 0 && round->p99_us >= round->p50_us &&
                                   round->p999_us >= round->p99_us && round->max_us > 0);
    return isfinite(round->per_s) && round->per_s > 0 && round->cores > 0 && has_times &&
           fabs(round->per_s * round->ns_per_op - 1e9) < 1e6 &&
           (round->bytes_per_s > 0) == figure->has_bytes;
}

static bool note(const struct micro_figure *figure, void *user)
{
    struct seen *seen = user;
    assert_true(seen->count < FIGURES_MAX);
    assert_int_equal(figure->rounds_count, seen->rounds);
    for (unsigned i = 0; i < figure->rounds_count; i++) {
        if (!is_sound(figure, &figure->rounds[i])) {
            fail_msg("%s: per_s %g ns_per_op %g", figure->name, figure->rounds[i].per_s,
                     figure->rounds[i].ns_per_op);
        }
    }
    for (size_t i = 0; i < seen->count; i++) {
        assert_string_not_equal(seen->names[i], figure->name);
    }
    assert_true(strlen(figure->check) > 0 && strlen(figure->title) > 0);
    snprintf(seen->names[seen->count++], sizeof(seen->names[0]), "%s", figure->name);
    return seen->count < seen->wanted;
}

static bool has(const struct seen *seen, const char *name)
{
    for (size_t i = 0; i < seen->count; i++) {
        if (strcmp(seen->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static const struct micro_options short_rounds = {.seconds = 0.001, .rounds = 2, .seed = 7};

static void codec_short_rounds_give_every_figure(void **state)
{
    (void)state;
    struct seen seen = {.wanted = FIGURES_MAX, .rounds = 2};
    struct gale_error error = {0};
    if (micro_codec(&short_rounds, note, &seen, &error) != GALE_OK) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(seen.count, 12);
    assert_true(has(&seen, "scan") && has(&seen, "msgpack-c-unpack") &&
                has(&seen, "lz4-compress"));
}

static void codec_not_wanted_ends_early(void **state)
{
    (void)state;
    struct seen seen = {.wanted = 2, .rounds = 2};
    assert_int_equal(micro_codec(&short_rounds, note, &seen, NULL), GALE_ERR_CLOSED);
    assert_int_equal(seen.count, 2);
}

static void sum_of_other_records_differs(void **state)
{
    (void)state;
    struct micro_record a = {"cow", 3, 5, 1.5};
    struct micro_record b = {"cow", 3, 6, 1.5};
    struct micro_record c = {"cot", 3, 5, 1.5};
    struct micro_record d = {"cow", 3, 5, 1.25};
    uint64_t first = micro_sum(0, &a);
    assert_true(first != micro_sum(0, &b) && first != micro_sum(0, &c) &&
                first != micro_sum(0, &d));
    assert_true(micro_sum(micro_sum(0, &a), &b) != micro_sum(micro_sum(0, &b), &a));
}

static void anchor_cut_bytes_are_refused(void **state)
{
    (void)state;
    struct micro_record records[2] = {{"moon", 4, -3, 0.5}, {"", 0, 1 << 20, 2}};
    struct micro_anchor *anchor = micro_anchor_new();
    const uint8_t *data = NULL;
    uint32_t size = 0;
    uint64_t sum = 0;
    uint64_t expected = micro_sum(micro_sum(0, &records[0]), &records[1]);
    assert_non_null(anchor);
    assert_true(micro_anchor_pack(anchor, records, 2, &data, &size));
    uint8_t copy[128];
    assert_true(size <= sizeof(copy));
    memcpy(copy, data, size);
    assert_true(micro_anchor_unpack(anchor, copy, size, 2, &sum));
    assert_true(sum == expected);
    assert_false(micro_anchor_unpack(anchor, copy, size - 1, 2, &sum));
    assert_false(micro_anchor_unpack(anchor, copy, size, 1, &sum));
    copy[1] ^= 1u;
    assert_true(micro_anchor_unpack(anchor, copy, size, 2, &sum));
    assert_true(sum != expected);
    micro_anchor_free(anchor);
}

static unsigned left_behind(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/tmp");
    char mine[32];
    assert_non_null(directory);
    snprintf(mine, sizeof(mine), "gale-micro-%d-", (int)getpid());
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        count += strncmp(entry->d_name, mine, strlen(mine)) == 0;
    }
    closedir(directory);
    return count;
}

static void transport_short_rounds_give_every_figure(void **state)
{
    (void)state;
    struct seen seen = {.wanted = FIGURES_MAX, .rounds = 2};
    struct gale_error error = {0};
    if (micro_transport(&short_rounds, note, &seen, &error) != GALE_OK) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(seen.count, 16);
    assert_true(has(&seen, "ipc-64") && has(&seen, "tcp-262144-trip"));
    assert_int_equal(left_behind(), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* The forked end under test, and this end. */
struct pair {
    struct peer_end end;
    pid_t child;
    uint8_t filling[256];
};

static void pair_open(struct pair *pair)
{
    int channel[2];
    memset(pair, 0, sizeof(*pair));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, channel), 0);
    pair->child = fork();
    if (pair->child == 0) {
        close(channel[0]);
        peer_serve("tcp://127.0.0.1:*", pair->filling, channel[1]);
        _exit(1);
    }
    assert_true(pair->child > 0);
    close(channel[1]);
    assert_int_equal(
        peer_open(&pair->end, "tcp://127.0.0.1:*", pair->filling, channel[0], NULL), GALE_OK);
    close(channel[0]);
}

static void pair_close(struct pair *pair)
{
    peer_close(&pair->end);
    assert_int_equal(kill(pair->child, SIGKILL), 0);
    assert_int_equal(waitpid(pair->child, NULL, 0), pair->child);
}

static struct peer_head exchange(struct pair *pair, uint64_t number, uint32_t command)
{
    struct peer_head head = {.number = number, .command = command, .window = 4};
    struct transport_message message;
    assert_int_equal(peer_send(&pair->end, &head, PEER_MESSAGE_MIN), GALE_OK);
    assert_int_equal(peer_receive(&pair->end, &message, &head), GALE_OK);
    assert_true(peer_is_whole(&message, &head));
    pair->end.transport->ops->release(pair->end.transport, &message);
    return head;
}

static void transport_peer_missing_number_is_told(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair);
    struct peer_head answer = exchange(&pair, 0, PEER_START);
    assert_int_equal(answer.command, PEER_CREDIT);
    answer = exchange(&pair, 1, PEER_STREAM);
    assert_int_equal(answer.command, PEER_CREDIT);
    assert_int_equal(answer.number, 1);
    answer = exchange(&pair, 3, PEER_STREAM);
    assert_int_equal(answer.command, PEER_WRONG);
    assert_int_equal(answer.number, 1);
    answer = exchange(&pair, 0, PEER_START);
    answer = exchange(&pair, 1, PEER_STREAM);
    assert_int_equal(answer.command, PEER_CREDIT);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codec_short_rounds_give_every_figure),
        cmocka_unit_test(codec_not_wanted_ends_early),
        cmocka_unit_test(sum_of_other_records_differs),
        cmocka_unit_test(anchor_cut_bytes_are_refused),
        cmocka_unit_test(transport_short_rounds_give_every_figure),
        cmocka_unit_test(transport_peer_missing_number_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
