/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a topology; see wait.h. */
#include "cli/wait.h"

#include "base/clock.h"
#include <poll.h>
#include <signal.h>
#include <string.h>

/* Set by the handler alone. */
static volatile sig_atomic_t caught_signal;

static void on_signal(int number)
{
    caught_signal = number;
}

void wait_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    /* A second one ends the process at once. */
    action.sa_flags = (int)SA_RESETHAND;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

int wait_interrupted(void)
{
    return caught_signal;
}

int wait_report_signal(const struct wait *wait)
{
    progress_end(wait->progress);
    return output_fail(wait->call->json, EXIT_SIGNAL_BASE + wait_interrupted(),
                       "it goes on in the cluster; `gale list` shows how far it is",
                       "stopped waiting: %s", wait->until);
}

static int report_deadline(const struct wait *wait)
{
    char phase[sizeof wait->progress->phase];
    memcpy(phase, wait->progress->phase, sizeof phase);
    progress_end(wait->progress);
    return output_fail(wait->call->json, EXIT_TEMPORARY,
                       "it goes on in the cluster; `gale describe` and `gale errors` say more, "
                       "--timeout waits longer",
                       "%s after %.0f s (%s)", wait->until, progress_seconds(wait->progress),
                       *phase != '\0' ? phase : "no news of it");
}

/* One look. @return WAIT_GO_ON or an exit code. */
static int look(const struct wait *wait, const struct gale_conf *request)
{
    struct gale_error error = {GALE_OK, ""};
    struct gale_conf *described = NULL;
    int code = WAIT_GO_ON;
    enum gale_err err = cluster_ask(wait->client, request, NULL, 0, &described, NULL, &error);
    if (err == GALE_OK || err == GALE_ERR_NOT_FOUND) {
        code = wait->judge(wait->self, described);
    } else if (err == GALE_ERR_TIMEOUT || err == GALE_ERR_AGAIN) {
        code = WAIT_GO_ON; /* The deadline has passed, which the caller says. */
    } else if (wait_interrupted() == 0) {
        code = cluster_fail(wait->client, err, &error, NULL);
    }
    conf_free(described);
    return code;
}

int wait_until(const struct wait *wait)
{
    struct gale_conf *request = cluster_request("describe", wait->name);
    if (request == NULL) {
        return output_fail(wait->call->json, EXIT_INTERNAL, NULL, "out of memory");
    }
    int code = WAIT_GO_ON;
    for (unsigned looks = 0; code == WAIT_GO_ON; looks++) {
        code = look(wait, request);
        if (code != WAIT_GO_ON) {
            break;
        }
        if (wait_interrupted() != 0) {
            code = wait_report_signal(wait);
        } else if (clock_now_ns() >= cluster_deadline_ns(wait->client)) {
            code = report_deadline(wait);
        } else {
            (void)poll(NULL, 0, looks < WAIT_FIRST_LOOKS ? WAIT_FIRST_LOOK_MS : WAIT_LOOK_MS);
        }
    }
    conf_free(request);
    return code;
}
