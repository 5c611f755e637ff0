/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module that misbehaves as $HOSTILE says, "WHEN-WHAT": WHEN is load (its constructor), worker
 * (its constructor, but only in a worker), declare or build; WHAT is one of the names in act().
 * Without $HOSTILE it is a good module with the bolt "pass" and the topology "built".
 */
#include <gale/gale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void crash(void)
{
    volatile int *nowhere = NULL;
    *nowhere = 1;
}

/* Bytes into every descriptor that is open. */
static void write_everywhere(void)
{
    for (int fd = 1; fd < 64; fd++) {
        (void)!write(fd, "garbage", 7);
    }
}

static void act(const char *what)
{
    if (strcmp(what, "segv") == 0) {
        crash();
    } else if (strcmp(what, "exit0") == 0) {
        exit(0);
    } else if (strcmp(what, "exit3") == 0) {
        _exit(3);
    } else if (strcmp(what, "hang") == 0) {
        for (;;) {
            pause();
        }
    } else if (strcmp(what, "stop") == 0) {
        raise(SIGSTOP);
    } else if (strcmp(what, "print") == 0) {
        puts("printed by a module");
    } else if (strcmp(what, "close") == 0) {
        (void)syscall(SYS_close_range, 0u, ~0u, 0u);
    } else if (strcmp(what, "garbage") == 0) {
        write_everywhere();
    } else if (strcmp(what, "fork") == 0) {
        (void)!fork();
    } else if (strcmp(what, "linger") == 0 && fork() == 0) {
        for (;;) {
            pause();
        }
    }
}

/* Does what $HOSTILE wants at this moment. */
static void moment(const char *when)
{
    const char *wish = getenv("HOSTILE");
    size_t length = strlen(when);
    if (wish != NULL && strncmp(wish, when, length) == 0 && wish[length] == '-') {
        act(wish + length + 1);
    }
}

static int in_worker(void)
{
    char line[256] = "";
    FILE *file = fopen("/proc/self/cmdline", "rb");
    size_t size = file != NULL ? fread(line, 1, sizeof(line) - 1, file) : 0;
    if (file != NULL) {
        (void)fclose(file);
    }
    size_t program = strlen(line) + 1;
    return program < size && strcmp(line + program, "worker") == 0;
}

__attribute__((constructor)) static void constructor(void)
{
    moment("load");
    if (in_worker()) {
        moment("worker");
    }
}

static enum gale_err pass_declare(struct gale_declare *declare, const struct gale_conf *conf)
{
    (void)conf;
    moment("declare");
    return gale_declare_stream(declare, "default", gale_declare_input_fields(declare, 0),
                               false);
}

static enum gale_err pass_execute(void *state, struct gale_task *task,
                                  const struct gale_tuple *tuple)
{
    (void)state;
    (void)task;
    (void)tuple;
    return GALE_OK;
}

static enum gale_err built_build(struct gale_topology *topology)
{
    moment("build");
    struct gale_component *numbers = gale_topology_spout(topology, "numbers", "generator");
    gale_component_set(numbers, "constant", "x");
    gale_component_set(numbers, "count", "3");
    struct gale_component *away = gale_topology_bolt(topology, "away", "null");
    gale_component_from(away, "numbers", "shuffle");
    return GALE_OK;
}

static const struct gale_bolt_ops pass = {
    GALE_BOLT_HEAD,
    .name = "pass",
    .declare = pass_declare,
    .execute = pass_execute,
};
static const struct gale_bolt_ops *const bolts[] = {&pass, NULL};
static const struct gale_topology_source built = {"built", built_build};
static const struct gale_topology_source *const topologies[] = {&built, NULL};

GALE_MODULE(.bolts = bolts, .topologies = topologies);
