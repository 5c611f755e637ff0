/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link state machine; drawn and explained in link.h. Each change of state goes through one of
 * the two setters, which know the allowed ones. Pure, no allocation; one owner thread. It does not
 * resend: what a failed generation carried is replayed by the spouts whose trees fail with it.
 */
#include "core/link.h"

#include "base/assert.h"

static const char *const state_names[] = {"closed", "hello", "open", "failed"};

/* Allowed changes, a bit for each state that may follow. */
#define TO(state) (1u << (state))

static const unsigned in_allowed[] = {
    [LINK_STATE_CLOSED] = TO(LINK_STATE_CLOSED) | TO(LINK_STATE_HELLO),
    [LINK_STATE_HELLO] = TO(LINK_STATE_CLOSED) | TO(LINK_STATE_HELLO) | TO(LINK_STATE_OPEN),
    [LINK_STATE_OPEN] = TO(LINK_STATE_CLOSED) | TO(LINK_STATE_HELLO) | TO(LINK_STATE_OPEN) |
                        TO(LINK_STATE_FAILED),
    [LINK_STATE_FAILED] = TO(LINK_STATE_CLOSED) | TO(LINK_STATE_HELLO) | TO(LINK_STATE_OPEN),
};

static const unsigned out_allowed[] = {
    [LINK_STATE_CLOSED] = TO(LINK_STATE_CLOSED) | TO(LINK_STATE_HELLO),
    [LINK_STATE_HELLO] = TO(LINK_STATE_CLOSED) | TO(LINK_STATE_HELLO) | TO(LINK_STATE_OPEN) |
                         TO(LINK_STATE_FAILED),
    [LINK_STATE_OPEN] = TO(LINK_STATE_CLOSED) | TO(LINK_STATE_HELLO) | TO(LINK_STATE_FAILED),
    [LINK_STATE_FAILED] = TO(LINK_STATE_CLOSED) | TO(LINK_STATE_HELLO) | TO(LINK_STATE_FAILED),
};

static void in_set_state(struct link_in *in, enum link_state state)
{
    GALE_ASSERT((in_allowed[in->state] & TO(state)) != 0);
    in->state = state;
}

static void out_set_state(struct link_out *out, enum link_state state)
{
    GALE_ASSERT((out_allowed[out->state] & TO(state)) != 0);
    out->state = state;
}

const char *link_state_name(enum link_state state)
{
    return state_names[state];
}

/* ---- in ------------------------------------------------------------------------------------- */

void link_in_init(struct link_in *in, struct link_options options)
{
    *in = (struct link_in){.options = options, .state = LINK_STATE_CLOSED};
}

void link_in_expect(struct link_in *in, uint64_t incarnation)
{
    if (incarnation == in->incarnation) {
        return;
    }
    in->incarnation = incarnation;
    in->generation = 0;
    in->seq = 0;
    in_set_state(in, incarnation == 0 ? LINK_STATE_CLOSED : LINK_STATE_HELLO);
}

/* Lower ones are refused. A higher epoch only means that the sender heard of a new coordinator
 * first, but a higher attempt is of state that this worker has not gone back to yet: its sender
 * greets until it has. */
static bool is_current(const struct frame_header *header, uint64_t epoch, uint32_t attempt)
{
    return header->epoch >= epoch && header->attempt == attempt;
}

static enum link_verdict judge_hello(struct link_in *in, const struct frame_header *header)
{
    if (header->generation < in->generation || header->generation == 0) {
        return LINK_DROP_STALE;
    }
    if (header->generation > in->generation) {
        in_set_state(in, LINK_STATE_OPEN);
        in->generation = header->generation;
        in->seq = 0;
    }
    return LINK_HELLO;
}

static enum link_verdict judge_sequenced(struct link_in *in, const struct frame_header *header)
{
    /* A generation above the known one is stale as well: its sender may not send before its HELLO
     * was answered, so it can only be of a link that greeted another life of this process. */
    if (in->state != LINK_STATE_OPEN || header->generation != in->generation ||
        header->seq == 0) {
        return LINK_DROP_STALE;
    }
    if (header->seq <= in->seq) {
        return in->options.check_duplicates ? LINK_DROP_DUPLICATE : LINK_ACCEPT;
    }
    if (header->seq - in->seq > 1) {
        in_set_state(in, LINK_STATE_FAILED);
        return LINK_GAP;
    }
    in->seq = header->seq;
    return LINK_ACCEPT;
}

enum link_verdict link_in_frame(struct link_in *in, const struct frame_header *header,
                                uint64_t epoch, uint32_t attempt, uint16_t self)
{
    enum link_verdict verdict;
    if (in->incarnation == 0 || header->incarnation != in->incarnation || header->to != self ||
        (in->options.check_epoch && !is_current(header, epoch, attempt))) {
        verdict = LINK_DROP_STALE;
    } else if (header->kind == FRAME_HELLO) {
        verdict = judge_hello(in, header);
    } else {
        verdict = judge_sequenced(in, header);
    }
    in->verdicts[verdict]++;
    return verdict;
}

void link_in_fail(struct link_in *in)
{
    GALE_ASSERT(in->state == LINK_STATE_OPEN);
    in_set_state(in, LINK_STATE_FAILED);
}

/* ---- out ------------------------------------------------------------------------------------ */

void link_out_init(struct link_out *out)
{
    *out = (struct link_out){.state = LINK_STATE_CLOSED};
}

void link_out_open(struct link_out *out, int64_t now_ns)
{
    GALE_ASSERT(out->generation < UINT32_MAX);
    out_set_state(out, LINK_STATE_HELLO);
    out->generation++;
    out->seq = 0;
    out->hello_ns = now_ns;
    out->probe_owed = false;
}

void link_out_close(struct link_out *out)
{
    out_set_state(out, LINK_STATE_CLOSED);
    out->answer_owed = false;
    out->probe_owed = false;
}

void link_out_fail(struct link_out *out)
{
    out_set_state(out, LINK_STATE_FAILED);
    out->probe_owed = false;
}

bool link_out_is_open(const struct link_out *out)
{
    return out->state == LINK_STATE_OPEN;
}

uint64_t link_out_take_seq(struct link_out *out, int64_t now_ns)
{
    GALE_ASSERT(out->state == LINK_STATE_OPEN);
    out->sent_ns = now_ns;
    out->probe_owed = true;
    out->probe_wait_before_ns = out->probe_wait_ns;
    out->probe_wait_ns = LINK_PROBE_NS;
    return ++out->seq;
}

static enum link_event on_refusal(struct link_out *out, uint64_t incarnation,
                                  uint32_t generation, uint64_t self_incarnation)
{
    /* A link that only greets cannot have a gap: such a refusal is of an older generation, or the
     * answer that opened it was lost; both are mended by a new generation all the same. */
    if (incarnation != self_incarnation || generation != out->generation ||
        (out->state != LINK_STATE_OPEN && out->state != LINK_STATE_HELLO)) {
        return LINK_EVENT_NONE;
    }
    link_out_fail(out);
    out->refused_count++;
    return LINK_EVENT_REFUSED;
}

enum link_event link_out_on_hello(struct link_out *out, const struct link_hello *hello,
                                  uint64_t self_incarnation)
{
    if ((hello->flags & LINK_HELLO_WANTED) != 0 && out->state != LINK_STATE_CLOSED) {
        out->answer_owed = true;
    }
    if ((hello->flags & LINK_HELLO_REFUSED) != 0) {
        return on_refusal(out, hello->seen_incarnation, hello->seen_generation,
                          self_incarnation);
    }
    if (out->state != LINK_STATE_HELLO || hello->seen_incarnation != self_incarnation ||
        hello->seen_generation != out->generation) {
        return LINK_EVENT_NONE;
    }
    out_set_state(out, LINK_STATE_OPEN);
    out->opened_count++;
    return LINK_EVENT_OPENED;
}

/* When the next HELLO should go. An answer does not wait for the interval: it is asked for at most
 * once in it. */
static int64_t hello_at(const struct link_out *out, const struct link_in *in)
{
    if (out->state == LINK_STATE_CLOSED) {
        return INT64_MAX;
    }
    if (out->answer_owed) {
        return INT64_MIN;
    }
    bool repeats = out->state == LINK_STATE_HELLO || in->state == LINK_STATE_FAILED;
    return repeats ? out->hello_ns : INT64_MAX;
}

static int64_t probe_at(const struct link_out *out)
{
    return out->probe_owed ? out->sent_ns + out->probe_wait_ns : INT64_MAX;
}

bool link_out_hello_due(const struct link_out *out, const struct link_in *in, int64_t now_ns)
{
    return hello_at(out, in) <= now_ns;
}

void link_out_hello_sent(struct link_out *out, int64_t now_ns)
{
    out->answer_owed = false;
    out->hello_ns = now_ns + LINK_HELLO_NS;
}

bool link_out_probe_due(const struct link_out *out, int64_t now_ns)
{
    return probe_at(out) <= now_ns;
}

void link_out_probe_sent(struct link_out *out)
{
    int64_t wait_ns = 2 * out->probe_wait_before_ns;
    out->probe_wait_ns = wait_ns < LINK_PROBE_MAX_NS ? wait_ns : LINK_PROBE_MAX_NS;
}

int64_t link_out_next_ns(const struct link_out *out, const struct link_in *in)
{
    int64_t hello = hello_at(out, in);
    int64_t probe = probe_at(out);
    return hello < probe ? hello : probe;
}

/* ---- HELLO payload -------------------------------------------------------------------------- */

static void put_le(uint8_t *bytes, uint64_t value, int bytes_count)
{
    for (int i = 0; i < bytes_count; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t get_le(const uint8_t *bytes, int bytes_count)
{
    uint64_t value = 0;
    for (int i = bytes_count - 1; i >= 0; i--) {
        value = value << 8 | bytes[i];
    }
    return value;
}

void link_hello_write(uint8_t bytes[LINK_HELLO_SIZE], const struct link_out *out,
                      const struct link_in *in)
{
    uint32_t flags = 0;
    if (out->state == LINK_STATE_HELLO) {
        flags |= LINK_HELLO_WANTED;
    }
    if (in->state == LINK_STATE_FAILED) {
        flags |= LINK_HELLO_REFUSED;
    }
    put_le(bytes, in->generation != 0 ? in->incarnation : 0, 8);
    put_le(bytes + 8, in->generation, 4);
    put_le(bytes + 12, flags, 4);
}

bool link_hello_read(const uint8_t *bytes, uint64_t size, struct link_hello *hello)
{
    if (size != LINK_HELLO_SIZE) {
        return false;
    }
    hello->seen_incarnation = get_le(bytes, 8);
    hello->seen_generation = (uint32_t)get_le(bytes + 8, 4);
    hello->flags = (uint32_t)get_le(bytes + 12, 4);
    return (hello->flags & ~(LINK_HELLO_WANTED | LINK_HELLO_REFUSED)) == 0;
}
