/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link: every transition and verdict by itself, then two ends over a wire that loses, repeats
 * and reorders under printed seeds. Oracle there: what one generation accepts is 1, 2, 3 … without a
 * hole or a repeat, and when the faults stop both directions open again.
 */
#include "core/link.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#define EPOCH 7
#define ATTEMPT 3
#define SELF 1
#define PEER_INCARNATION 0xabcdu
#define OWN_INCARNATION 0x1234u

static struct frame_header head(enum frame_kind kind, uint32_t generation, uint64_t seq)
{
    return (struct frame_header){.version = FRAME_WIRE_VERSION,
                                 .kind = kind,
                                 .from = 0,
                                 .to = SELF,
                                 .attempt = ATTEMPT,
                                 .generation = generation,
                                 .epoch = EPOCH,
                                 .incarnation = PEER_INCARNATION,
                                 .seq = seq};
}

static enum link_verdict judge(struct link_in *in, struct frame_header header)
{
    return link_in_frame(in, &header, EPOCH, ATTEMPT, SELF);
}

static enum link_verdict judge_data(struct link_in *in, uint32_t generation, uint64_t seq)
{
    return judge(in, head(FRAME_DATA, generation, seq));
}

static enum link_verdict judge_hello(struct link_in *in, uint32_t generation)
{
    return judge(in, head(FRAME_HELLO, generation, 0));
}

static struct link_in new_in(void)
{
    struct link_in in;
    link_in_init(&in, LINK_OPTIONS_DEFAULT);
    return in;
}

static struct link_in open_in(uint32_t generation)
{
    struct link_in in = new_in();
    link_in_expect(&in, PEER_INCARNATION);
    assert_int_equal(judge_hello(&in, generation), LINK_HELLO);
    return in;
}

/* ---- in ------------------------------------------------------------------------------------- */

static void link_in_without_expectation_all_is_stale(void **state)
{
    (void)state;
    struct link_in in = new_in();
    assert_int_equal(in.state, LINK_STATE_CLOSED);
    assert_int_equal(judge_hello(&in, 1), LINK_DROP_STALE);
    struct frame_header zero = head(FRAME_HELLO, 1, 0);
    zero.incarnation = 0;
    assert_int_equal(judge(&in, zero), LINK_DROP_STALE);
    assert_int_equal(in.verdicts[LINK_DROP_STALE], 2);
    assert_int_equal(in.state, LINK_STATE_CLOSED);
}

static void link_in_data_before_hello_is_stale(void **state)
{
    (void)state;
    struct link_in in = new_in();
    link_in_expect(&in, PEER_INCARNATION);
    assert_int_equal(in.state, LINK_STATE_HELLO);
    assert_int_equal(judge_data(&in, 1, 1), LINK_DROP_STALE);
    assert_int_equal(judge_data(&in, 0, 1), LINK_DROP_STALE);
    assert_int_equal(judge_hello(&in, 0), LINK_DROP_STALE);
    assert_int_equal(in.state, LINK_STATE_HELLO);
}

static void link_in_order_is_accepted_and_repeats_are_dropped(void **state)
{
    (void)state;
    struct link_in in = open_in(1);
    assert_int_equal(judge_data(&in, 1, 1), LINK_ACCEPT);
    assert_int_equal(judge(&in, head(FRAME_CONTROL, 1, 2)), LINK_ACCEPT);
    assert_int_equal(judge_data(&in, 1, 3), LINK_ACCEPT);
    assert_int_equal(judge_data(&in, 1, 3), LINK_DROP_DUPLICATE);
    assert_int_equal(judge_data(&in, 1, 1), LINK_DROP_DUPLICATE);
    assert_int_equal(judge_data(&in, 1, 0), LINK_DROP_STALE);
    assert_int_equal(judge_data(&in, 1, 4), LINK_ACCEPT);
    assert_int_equal(in.verdicts[LINK_ACCEPT], 4);
    assert_int_equal(in.verdicts[LINK_DROP_DUPLICATE], 2);
}

static void link_in_gap_fails_the_generation_once(void **state)
{
    (void)state;
    struct link_in in = open_in(4);
    assert_int_equal(judge_data(&in, 4, 1), LINK_ACCEPT);
    assert_int_equal(judge_data(&in, 4, 3), LINK_GAP);
    assert_int_equal(in.state, LINK_STATE_FAILED);
    assert_int_equal(judge_data(&in, 4, 2), LINK_DROP_STALE);
    assert_int_equal(judge_data(&in, 4, 4), LINK_DROP_STALE);
    /* The peer's repeated HELLO is still read, for what it says of the other direction. */
    assert_int_equal(judge_hello(&in, 4), LINK_HELLO);
    assert_int_equal(in.state, LINK_STATE_FAILED);
    assert_int_equal(in.verdicts[LINK_GAP], 1);
}

static void link_in_first_frame_missing_is_a_gap(void **state)
{
    (void)state;
    struct link_in in = open_in(1);
    assert_int_equal(judge_data(&in, 1, 2), LINK_GAP);
    in = open_in(1);
    assert_int_equal(judge_data(&in, 1, UINT64_MAX), LINK_GAP);
}

static void link_in_higher_generation_opens_a_failed_link(void **state)
{
    (void)state;
    struct link_in in = open_in(1);
    assert_int_equal(judge_data(&in, 1, 9), LINK_GAP);
    assert_int_equal(judge_hello(&in, 3), LINK_HELLO);
    assert_int_equal(in.state, LINK_STATE_OPEN);
    assert_int_equal(judge_data(&in, 3, 1), LINK_ACCEPT);
    assert_int_equal(judge_hello(&in, 2), LINK_DROP_STALE);
    assert_int_equal(judge_data(&in, 2, 1), LINK_DROP_STALE);
    assert_int_equal(judge_data(&in, 4, 2), LINK_DROP_STALE);
    assert_int_equal(judge_data(&in, 3, 2), LINK_ACCEPT);
}

static void link_in_repeated_hello_keeps_the_sequence(void **state)
{
    (void)state;
    struct link_in in = open_in(1);
    assert_int_equal(judge_data(&in, 1, 1), LINK_ACCEPT);
    assert_int_equal(judge_hello(&in, 1), LINK_HELLO);
    assert_int_equal(judge_data(&in, 1, 1), LINK_DROP_DUPLICATE);
    assert_int_equal(judge_data(&in, 1, 2), LINK_ACCEPT);
}

static void link_in_generation_at_its_maximum_works(void **state)
{
    (void)state;
    struct link_in in = open_in(UINT32_MAX);
    assert_int_equal(judge_data(&in, UINT32_MAX, 1), LINK_ACCEPT);
    in.seq = UINT64_MAX - 1;
    assert_int_equal(judge_data(&in, UINT32_MAX, UINT64_MAX), LINK_ACCEPT);
    assert_int_equal(judge_data(&in, UINT32_MAX, 1), LINK_DROP_DUPLICATE);
}

static void link_in_lower_epoch_or_other_attempt_is_stale(void **state)
{
    (void)state;
    struct link_in in = open_in(1);
    struct frame_header header = head(FRAME_DATA, 1, 1);
    header.epoch = EPOCH - 1;
    assert_int_equal(judge(&in, header), LINK_DROP_STALE);
    header = head(FRAME_DATA, 1, 1);
    header.attempt = ATTEMPT - 1;
    assert_int_equal(judge(&in, header), LINK_DROP_STALE);
    header.attempt = ATTEMPT + 1;
    assert_int_equal(judge(&in, header), LINK_DROP_STALE);
    header = head(FRAME_HELLO, 2, 0);
    header.epoch = EPOCH - 1;
    assert_int_equal(judge(&in, header), LINK_DROP_STALE);
    assert_int_equal(in.generation, 1);
    header = head(FRAME_DATA, 1, 1);
    header.epoch = EPOCH + 1;
    assert_int_equal(judge(&in, header), LINK_ACCEPT);
}

static void link_in_wrong_addressee_is_stale(void **state)
{
    (void)state;
    struct link_in in = open_in(1);
    struct frame_header header = head(FRAME_DATA, 1, 1);
    header.to = SELF + 1;
    assert_int_equal(judge(&in, header), LINK_DROP_STALE);
    assert_int_equal(judge_data(&in, 1, 1), LINK_ACCEPT);
}

static void link_in_new_incarnation_forgets_the_old_one(void **state)
{
    (void)state;
    struct link_in in = open_in(5);
    assert_int_equal(judge_data(&in, 5, 1), LINK_ACCEPT);
    link_in_expect(&in, PEER_INCARNATION);
    assert_int_equal(judge_data(&in, 5, 2), LINK_ACCEPT);
    link_in_expect(&in, PEER_INCARNATION + 1);
    assert_int_equal(in.state, LINK_STATE_HELLO);
    assert_int_equal(judge_data(&in, 5, 3), LINK_DROP_STALE);
    assert_int_equal(judge_hello(&in, 6), LINK_DROP_STALE);
    struct frame_header header = head(FRAME_HELLO, 1, 0);
    header.incarnation = PEER_INCARNATION + 1;
    assert_int_equal(judge(&in, header), LINK_HELLO);
    assert_int_equal(in.generation, 1);
    link_in_expect(&in, 0);
    assert_int_equal(in.state, LINK_STATE_CLOSED);
    assert_int_equal(judge(&in, header), LINK_DROP_STALE);
}

static void link_in_failed_by_its_owner_waits_for_a_new_generation(void **state)
{
    (void)state;
    struct link_in in = open_in(1);
    link_in_fail(&in);
    assert_int_equal(judge_data(&in, 1, 1), LINK_DROP_STALE);
    assert_int_equal(judge_hello(&in, 2), LINK_HELLO);
    assert_int_equal(judge_data(&in, 2, 1), LINK_ACCEPT);
}

static void link_in_checks_off_let_the_bad_through(void **state)
{
    (void)state;
    struct link_in in;
    link_in_init(&in, (struct link_options){false, false});
    link_in_expect(&in, PEER_INCARNATION);
    struct frame_header header = head(FRAME_HELLO, 1, 0);
    header.epoch = 0;
    assert_int_equal(judge(&in, header), LINK_HELLO);
    assert_int_equal(judge_data(&in, 1, 1), LINK_ACCEPT);
    assert_int_equal(judge_data(&in, 1, 1), LINK_ACCEPT);
    header = head(FRAME_DATA, 1, 2);
    header.attempt = 0;
    assert_int_equal(judge(&in, header), LINK_ACCEPT);
    assert_int_equal(judge_data(&in, 1, 4), LINK_GAP);
}

/* ---- out ------------------------------------------------------------------------------------ */

static struct link_hello seen(uint32_t generation, uint32_t flags)
{
    return (struct link_hello){OWN_INCARNATION, generation, flags};
}

static enum link_event hear(struct link_out *out, struct link_hello hello)
{
    return link_out_on_hello(out, &hello, OWN_INCARNATION);
}

static void link_out_greets_until_it_is_seen(void **state)
{
    (void)state;
    struct link_in in = new_in();
    struct link_out out;
    link_out_init(&out);
    assert_false(link_out_hello_due(&out, &in, INT64_MAX - 1));
    assert_int_equal(link_out_next_ns(&out, &in), INT64_MAX);
    link_out_open(&out, 1000);
    assert_int_equal(out.state, LINK_STATE_HELLO);
    assert_int_equal(out.generation, 1);
    assert_true(link_out_hello_due(&out, &in, 1000));
    link_out_hello_sent(&out, 1000);
    assert_false(link_out_hello_due(&out, &in, 1000 + LINK_HELLO_NS - 1));
    assert_int_equal(link_out_next_ns(&out, &in), 1000 + LINK_HELLO_NS);
    assert_true(link_out_hello_due(&out, &in, 1000 + LINK_HELLO_NS));
    assert_int_equal(hear(&out, (struct link_hello){0, 0, 0}), LINK_EVENT_NONE);
    assert_int_equal(hear(&out, seen(2, 0)), LINK_EVENT_NONE);
    assert_int_equal(hear(&out, (struct link_hello){OWN_INCARNATION + 1, 1, 0}),
                     LINK_EVENT_NONE);
    assert_false(link_out_is_open(&out));
    assert_int_equal(hear(&out, seen(1, 0)), LINK_EVENT_OPENED);
    assert_true(link_out_is_open(&out));
    assert_int_equal(hear(&out, seen(1, 0)), LINK_EVENT_NONE);
    assert_int_equal(link_out_next_ns(&out, &in), INT64_MAX);
}

static void link_out_wanted_hello_is_answered_once(void **state)
{
    (void)state;
    struct link_in in = open_in(1);
    struct link_out out;
    link_out_init(&out);
    assert_int_equal(hear(&out, seen(0, LINK_HELLO_WANTED)), LINK_EVENT_NONE);
    assert_false(link_out_hello_due(&out, &in, INT64_MAX - 1));
    link_out_open(&out, 0);
    assert_int_equal(hear(&out, seen(1, LINK_HELLO_WANTED)), LINK_EVENT_OPENED);
    link_out_hello_sent(&out, 5);
    assert_false(link_out_hello_due(&out, &in, INT64_MAX - 1));
    hear(&out, seen(1, LINK_HELLO_WANTED));
    assert_true(link_out_hello_due(&out, &in, 6));
    link_out_hello_sent(&out, 6);
    assert_false(link_out_hello_due(&out, &in, INT64_MAX - 1));
}

static void link_out_numbers_start_anew_in_each_generation(void **state)
{
    (void)state;
    struct link_out out;
    link_out_init(&out);
    for (uint32_t generation = 1; generation <= 3; generation++) {
        link_out_open(&out, 0);
        assert_int_equal(out.generation, generation);
        assert_int_equal(hear(&out, seen(generation, 0)), LINK_EVENT_OPENED);
        assert_int_equal(link_out_take_seq(&out, 0), 1);
        assert_int_equal(link_out_take_seq(&out, 0), 2);
    }
    link_out_close(&out);
    assert_false(link_out_is_open(&out));
    link_out_open(&out, 0);
    assert_int_equal(out.generation, 4);
}

static void link_out_refusal_fails_its_own_generation_only(void **state)
{
    (void)state;
    struct link_out out;
    link_out_init(&out);
    link_out_open(&out, 0);
    hear(&out, seen(1, 0));
    link_out_open(&out, 0);
    hear(&out, seen(2, 0));
    assert_int_equal(hear(&out, seen(1, LINK_HELLO_REFUSED)), LINK_EVENT_NONE);
    struct link_hello other = seen(2, LINK_HELLO_REFUSED);
    other.seen_incarnation = OWN_INCARNATION + 1;
    assert_int_equal(hear(&out, other), LINK_EVENT_NONE);
    assert_true(link_out_is_open(&out));
    assert_int_equal(hear(&out, seen(2, LINK_HELLO_REFUSED)), LINK_EVENT_REFUSED);
    assert_int_equal(out.state, LINK_STATE_FAILED);
    assert_int_equal(hear(&out, seen(2, LINK_HELLO_REFUSED)), LINK_EVENT_NONE);
    assert_int_equal(out.refused_count, 1);
    assert_int_equal(hear(&out, seen(2, 0)), LINK_EVENT_NONE);
    link_out_open(&out, 0);
    assert_int_equal(out.state, LINK_STATE_HELLO);
}

static void link_out_failed_link_in_is_refused_until_it_reopens(void **state)
{
    (void)state;
    struct link_in in = open_in(1);
    struct link_out out;
    link_out_init(&out);
    link_out_open(&out, 0);
    hear(&out, seen(1, 0));
    link_out_hello_sent(&out, 0);
    assert_false(link_out_hello_due(&out, &in, INT64_MAX - 1));
    judge_data(&in, 1, 2);
    assert_true(link_out_hello_due(&out, &in, LINK_HELLO_NS));
    link_out_hello_sent(&out, LINK_HELLO_NS);
    assert_int_equal(link_out_next_ns(&out, &in), 2 * LINK_HELLO_NS);
    uint8_t bytes[LINK_HELLO_SIZE];
    struct link_hello hello;
    link_hello_write(bytes, &out, &in);
    assert_true(link_hello_read(bytes, sizeof bytes, &hello));
    assert_int_equal(hello.flags, LINK_HELLO_REFUSED);
    assert_int_equal(hello.seen_generation, 1);
    judge_hello(&in, 2);
    assert_int_equal(link_out_next_ns(&out, &in), INT64_MAX);
}

static void link_out_silence_after_frames_is_probed_ever_more_rarely(void **state)
{
    (void)state;
    struct link_in in = new_in();
    struct link_out out;
    link_out_init(&out);
    link_out_open(&out, 0);
    hear(&out, seen(1, 0));
    assert_false(link_out_probe_due(&out, INT64_MAX - 1));
    link_out_take_seq(&out, 100);
    assert_false(link_out_probe_due(&out, 100 + LINK_PROBE_NS - 1));
    assert_int_equal(link_out_next_ns(&out, &in), 100 + LINK_PROBE_NS);
    assert_true(link_out_probe_due(&out, 100 + LINK_PROBE_NS));
    int64_t sent_ns = 100 + LINK_PROBE_NS;
    for (int64_t wait_ns = 2 * LINK_PROBE_NS; wait_ns < 4 * LINK_PROBE_MAX_NS; wait_ns *= 2) {
        link_out_take_seq(&out, sent_ns);
        link_out_probe_sent(&out);
        int64_t next_ns = sent_ns + (wait_ns < LINK_PROBE_MAX_NS ? wait_ns : LINK_PROBE_MAX_NS);
        assert_false(link_out_probe_due(&out, next_ns - 1));
        assert_true(link_out_probe_due(&out, next_ns));
        sent_ns = next_ns;
    }
    link_out_take_seq(&out, sent_ns);
    assert_int_equal(link_out_next_ns(&out, &in), sent_ns + LINK_PROBE_NS);
}

static void link_hello_other_size_or_flags_are_refused(void **state)
{
    (void)state;
    uint8_t bytes[LINK_HELLO_SIZE + 1] = {0};
    struct link_hello hello;
    assert_true(link_hello_read(bytes, LINK_HELLO_SIZE, &hello));
    assert_false(link_hello_read(bytes, LINK_HELLO_SIZE - 1, &hello));
    assert_false(link_hello_read(bytes, LINK_HELLO_SIZE + 1, &hello));
    assert_false(link_hello_read(NULL, 0, &hello));
    bytes[12] = 4;
    assert_false(link_hello_read(bytes, LINK_HELLO_SIZE, &hello));
    struct link_in in = open_in(0x01020304);
    struct link_out out;
    link_out_init(&out);
    link_out_open(&out, 0);
    link_hello_write(bytes, &out, &in);
    assert_memory_equal(bytes, "\xcd\xab\0\0\0\0\0\0\x04\x03\x02\x01\x01\0\0\0", 16);
}

/* ---- two ends over a bad wire --------------------------------------------------------------- */

#define WIRE_MAX 64
#define MODEL_STEPS 3000
#define MODEL_SEEDS 300
#define STEP_NS INT64_C(5000000)

struct flying {
    struct frame_header header;
    uint8_t payload[LINK_HELLO_SIZE];
};

struct end {
    struct link_in in;
    struct link_out out;
    uint64_t incarnation;
    uint64_t accepted; /* oracle: last number accepted in this generation */
    uint32_t accepted_generation;
    bool violated;
    struct flying inbox[WIRE_MAX];
    int inbox_count;
};

struct model {
    struct rng rng;
    struct end ends[2];
    uint32_t fault_percent;
    int64_t now_ns;
};

static void wire_put(struct model *model, int to, const struct flying *frame)
{
    struct end *end = &model->ends[to];
    bool faulty = rng_below(&model->rng, 100) < model->fault_percent;
    uint32_t copies = faulty ? rng_below(&model->rng, 3) : 1;
    for (uint32_t i = 0; i < copies && end->inbox_count < WIRE_MAX; i++) {
        int place = end->inbox_count++;
        end->inbox[place] = *frame;
        if (faulty) {
            int other = (int)rng_below(&model->rng, (uint32_t)end->inbox_count);
            struct flying held = end->inbox[other];
            end->inbox[other] = end->inbox[place];
            end->inbox[place] = held;
        }
    }
}

static void model_send(struct model *model, int from, enum frame_kind kind)
{
    struct end *end = &model->ends[from];
    uint64_t seq = kind == FRAME_HELLO ? 0 : link_out_take_seq(&end->out, model->now_ns);
    struct flying frame = {.header = head(kind, end->out.generation, seq)};
    frame.header.from = (uint16_t)from;
    frame.header.to = (uint16_t)(1 - from);
    frame.header.incarnation = end->incarnation;
    link_hello_write(frame.payload, &end->out, &end->in);
    wire_put(model, 1 - from, &frame);
}

static void model_receive(struct model *model, int to)
{
    struct end *end = &model->ends[to];
    if (end->inbox_count == 0) {
        return;
    }
    struct flying frame = end->inbox[0];
    end->inbox_count--;
    memmove(end->inbox, end->inbox + 1, (size_t)end->inbox_count * sizeof frame);
    enum link_verdict verdict =
        link_in_frame(&end->in, &frame.header, EPOCH, ATTEMPT, (uint16_t)to);
    if (verdict == LINK_HELLO) {
        struct link_hello hello;
        assert_true(link_hello_read(frame.payload, LINK_HELLO_SIZE, &hello));
        if (link_out_on_hello(&end->out, &hello, end->incarnation) == LINK_EVENT_REFUSED) {
            link_out_open(&end->out, model->now_ns);
        }
    } else if (verdict == LINK_ACCEPT) {
        if (frame.header.generation != end->accepted_generation) {
            end->violated |= frame.header.generation < end->accepted_generation;
            end->accepted_generation = frame.header.generation;
            end->accepted = 0;
        }
        end->violated |= frame.header.seq != end->accepted + 1;
        end->accepted = frame.header.seq;
    }
}

static void model_step(struct model *model)
{
    model->now_ns += STEP_NS;
    for (int i = 0; i < 2; i++) {
        struct end *end = &model->ends[i];
        if (link_out_hello_due(&end->out, &end->in, model->now_ns)) {
            model_send(model, i, FRAME_HELLO);
            link_out_hello_sent(&end->out, model->now_ns);
        }
        if (link_out_is_open(&end->out) && rng_below(&model->rng, 4) == 0) {
            model_send(model, i, FRAME_DATA);
        } else if (link_out_probe_due(&end->out, model->now_ns)) {
            model_send(model, i, FRAME_CONTROL);
            link_out_probe_sent(&end->out);
        }
        model_receive(model, i);
        model_receive(model, i);
    }
}

static struct model model_new(uint64_t seed, struct link_options options)
{
    struct model model = {.fault_percent = 20};
    rng_seed(&model.rng, seed);
    for (int i = 0; i < 2; i++) {
        model.ends[i].incarnation = 100 + (uint64_t)i;
        link_in_init(&model.ends[i].in, options);
        link_out_init(&model.ends[i].out);
        link_in_expect(&model.ends[i].in, 101 - (uint64_t)i);
        link_out_open(&model.ends[i].out, 0);
    }
    return model;
}

static void link_pair_over_a_bad_wire_keeps_order_and_recovers(void **state)
{
    (void)state;
    uint64_t gaps_count = 0;
    for (uint64_t seed = 1; seed <= MODEL_SEEDS; seed++) {
        struct model model = model_new(seed, LINK_OPTIONS_DEFAULT);
        for (int step = 0; step < MODEL_STEPS; step++) {
            model_step(&model);
        }
        model.fault_percent = 0;
        /* Long enough for a probe, a refusal and a new HELLO each way. */
        for (int64_t ns = 0; ns < 2 * LINK_PROBE_NS; ns += STEP_NS) {
            model_step(&model);
        }
        for (int i = 0; i < 2; i++) {
            struct end *end = &model.ends[i];
            gaps_count += end->in.verdicts[LINK_GAP];
            if (end->violated || !link_out_is_open(&end->out) ||
                end->in.state != LINK_STATE_OPEN) {
                fail_msg("seed %llu end %d: violated %d, out %s, in %s",
                         (unsigned long long)seed, i, end->violated,
                         link_state_name(end->out.state), link_state_name(end->in.state));
            }
        }
    }
    /* The wire was bad enough to prove something. */
    assert_true(gaps_count > MODEL_SEEDS);
}

static void link_pair_without_duplicate_check_breaks_the_oracle(void **state)
{
    (void)state;
    int violated_count = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct model model = model_new(seed, (struct link_options){false, true});
        for (int step = 0; step < MODEL_STEPS; step++) {
            model_step(&model);
        }
        violated_count += model.ends[0].violated || model.ends[1].violated;
    }
    assert_int_equal(violated_count, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(link_in_without_expectation_all_is_stale),
        cmocka_unit_test(link_in_data_before_hello_is_stale),
        cmocka_unit_test(link_in_order_is_accepted_and_repeats_are_dropped),
        cmocka_unit_test(link_in_gap_fails_the_generation_once),
        cmocka_unit_test(link_in_first_frame_missing_is_a_gap),
        cmocka_unit_test(link_in_higher_generation_opens_a_failed_link),
        cmocka_unit_test(link_in_repeated_hello_keeps_the_sequence),
        cmocka_unit_test(link_in_generation_at_its_maximum_works),
        cmocka_unit_test(link_in_lower_epoch_or_other_attempt_is_stale),
        cmocka_unit_test(link_in_wrong_addressee_is_stale),
        cmocka_unit_test(link_in_new_incarnation_forgets_the_old_one),
        cmocka_unit_test(link_in_failed_by_its_owner_waits_for_a_new_generation),
        cmocka_unit_test(link_in_checks_off_let_the_bad_through),
        cmocka_unit_test(link_out_greets_until_it_is_seen),
        cmocka_unit_test(link_out_wanted_hello_is_answered_once),
        cmocka_unit_test(link_out_numbers_start_anew_in_each_generation),
        cmocka_unit_test(link_out_refusal_fails_its_own_generation_only),
        cmocka_unit_test(link_out_failed_link_in_is_refused_until_it_reopens),
        cmocka_unit_test(link_out_silence_after_frames_is_probed_ever_more_rarely),
        cmocka_unit_test(link_hello_other_size_or_flags_are_refused),
        cmocka_unit_test(link_pair_over_a_bad_wire_keeps_order_and_recovers),
        cmocka_unit_test(link_pair_without_duplicate_check_breaks_the_oracle),
    };
    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
