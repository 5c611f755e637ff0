/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a topology: when the spouts have ended, rounds of counting prove that everything was
 * processed; then the levels finish one after the other. A beat answers a round only when it was said to
 * this coordinator: workers forget the rounds of an earlier one. */
#include "run/control_internal.h"

/* Begins a round of counting: each worker is asked for a beat that it makes after it was asked. */
static void round_begin(struct control *control, int64_t now_ns)
{
    control->round++;
    control->round_ns = now_ns;
    for (uint32_t i = 0; i < control->workers_count; i++) {
        control->workers[i].answer.given = false;
        control->workers[i].answer.asked_ns = now_ns;
    }
    control_send_command_all(control, COMMAND_COUNT);
}

void control_round_restart(struct control *control)
{
    for (uint32_t i = 0; i < control->workers_count; i++) {
        control->workers[i].answer.done = false;
    }
}

void control_round_answer(struct control *control, uint32_t index,
                          const struct message_beat *beat, int64_t now_ns)
{
    struct control_answer *answer = &control->workers[index].answer;
    if (answer->given || control->round == 0 || !control->workers[index].assigned) {
        return;
    }
    if (beat->round != control->round) {
        if (now_ns - answer->asked_ns >=
            CONTROL_ASK_NS) { /* The question or the answer was lost. */
            answer->asked_ns = now_ns;
            control_send_command(control, index, COMMAND_COUNT);
        }
        return;
    }
    bool done = beat->quiet && beat->spouts_done &&
                (control->state != CONTROL_FINISHING || beat->finish_level > control->level);
    answer->still = done && answer->done && answer->activity == beat->activity &&
                    answer->links == beat->links;
    answer->done = done;
    answer->activity = beat->activity;
    answer->links = beat->links;
    answer->given = true;
}

/* Whether everything was processed. Each answer to the last round came before the first question of
 * this one; a worker whose two answers are the same did nothing in between. So there was a moment at
 * which all of them were quiet at once, and the sum of their links says that nothing was under way. */
static bool all_quiet(const struct control *control)
{
    uint64_t links = 0;
    for (uint32_t i = 0; i < control->workers_count; i++) {
        const struct control_answer *answer = &control->workers[i].answer;
        if (!answer->given || !answer->still) {
            return false;
        }
        links ^= answer->links;
    }
    return links == 0;
}

/* Whether the next round may begin: all have answered, and the answers promise something or some
 * time has passed. */
static bool round_due(const struct control *control, int64_t now_ns)
{
    bool done = true;
    bool still = true;
    for (uint32_t i = 0; control->round > 0 && i < control->workers_count; i++) {
        const struct control_answer *answer = &control->workers[i].answer;
        if (!answer->given) {
            return false;
        }
        done = done && answer->done;
        still = still && answer->still;
    }
    return control->round == 0 || (done && !still) ||
           now_ns - control->round_ns >= CONTROL_ROUND_NS;
}

static bool level_has_finish(const struct control *control, uint32_t level)
{
    for (uint32_t i = 0; i < control->plan->components_count; i++) {
        const struct plan_component *component = &control->plan->components[i];
        if (component->level == level && component->bolt && component->bolt->finish) {
            return true;
        }
    }
    return false;
}

/* Goes to the next level that has something to finish, or stops. */
static void finish_next(struct control *control, uint32_t level, int64_t now_ns)
{
    while (level < control->plan->levels_count && !level_has_finish(control, level)) {
        level++;
    }
    if (control->halting || level >= control->plan->levels_count) {
        control_stop(control, now_ns);
        return;
    }
    control->level = level;
    control_round_restart(control);
    control_send_command_all(control, COMMAND_FINISH);
    round_begin(control, now_ns);
}

static bool spouts_ended(const struct control *control)
{
    for (uint32_t i = 0; i < control->workers_count; i++) {
        if (!control->workers[i].beaten || !control->workers[i].beat.spouts_done) {
            return false;
        }
    }
    return true;
}

void control_progress(struct control *control, int64_t now_ns)
{
    if (control->state == CONTROL_ACTIVE && spouts_ended(control)) {
        control_set_state(control, CONTROL_DRAINING); /* By itself, so without a deadline. */
        control_round_restart(control);
        control_send_command_all(control, COMMAND_DRAIN);
    }
    if (control->state != CONTROL_DRAINING && control->state != CONTROL_FINISHING) {
        return;
    }
    if (all_quiet(control)) {
        uint32_t level = control->state == CONTROL_DRAINING ? 0 : control->level + 1;
        if (control->state == CONTROL_DRAINING) {
            control_set_state(control, CONTROL_FINISHING);
        }
        finish_next(control, level, now_ns);
    } else if (round_due(control, now_ns)) {
        round_begin(control, now_ns);
    }
}
