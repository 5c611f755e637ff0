/* SPDX-License-Identifier: Apache-2.0 */
/* The start of a verb that stays; see daemon.h. */
#include "cli/daemon.h"

#include "base/log.h"
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

void daemon_log(const struct invocation *call, const struct config *config, const char *who)
{
    enum gale_log_level level = GALE_LOG_INFO;
    enum log_form form = isatty(STDERR_FILENO) == 1 ? LOG_FORM_PRETTY : LOG_FORM_LOGFMT;
    (void)log_level_parse(config_text(config, "log.level"), &level);
    log_init(level, who, call->json || config_bool(config, "log.json") ? LOG_FORM_JSON : form);
}

void daemon_process(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    (void)signal(SIGPIPE, SIG_IGN);
}

int daemon_loop(const struct invocation *call, loop_signal_fn *fn, void *argument,
                struct loop **out)
{
    struct gale_error error = {.text = ""};
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    enum gale_err err = loop_new(out, &error);
    if (err == GALE_OK) {
        err = loop_signals(*out, &signals, fn, argument);
    }
    return err == GALE_OK ? EXIT_DONE : daemon_fail(call, err, &error);
}

int daemon_path(const struct invocation *call, char out[PATH_MAX])
{
    ssize_t size = readlink("/proc/self/exe", out, PATH_MAX - 1);
    if (size <= 0) {
        return output_fail(call->json, EXIT_INTERNAL, "mount /proc",
                           "cannot find gale's own path: %s", strerror(errno));
    }
    out[size] = '\0';
    return EXIT_DONE;
}

int daemon_fail(const struct invocation *call, enum gale_err err,
                const struct gale_error *error)
{
    return output_fail(call->json, output_code_of(err), NULL, "%s cannot start: %s",
                       call->verb->name,
                       error->text[0] != '\0' ? error->text : gale_err_name(err));
}
