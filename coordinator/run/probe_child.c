/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that loads one module and answers for it (`gale probe`). What the module does to
 * this process is seen from the other side of the socket; here only what a callback hands over is
 * bounded. Its stdout is stderr, so that what a constructor prints is never taken for data. One
 * thread, apart from those that the module starts.
 */
#include "base/str.h"
#include "core/declare.h"
#include "core/plan.h"
#include "run/probe.h"
#include "run/probe_wire.h"
#include "worker/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define EXIT_USAGE_CODE 64
#define LISTED_AT 3 /* argv: probe --parent PID FD */

struct child {
    int fd;
    pid_t pid;
    struct registry *registry;
};

/* Listens to a declare callback and writes down what it says. */
struct recorder {
    struct gale_declare port; /* first: what the callback gets */
    const struct gale_conf *inputs;
    struct gale_conf *calls;
    enum gale_err err; /* what kept a call from being written down */
};

static struct recorder *recorder_of(struct gale_declare *port)
{
    return (struct recorder *)port;
}

/* A new entry of the list of calls, or NULL with recorder->err set. */
static struct gale_conf *call_add(struct recorder *recorder, const char *call)
{
    struct gale_conf *item = NULL;
    if (recorder->err == GALE_OK && gale_conf_count(recorder->calls) == PROBE_CALLS_MAX) {
        recorder->err = GALE_ERR_LIMIT;
    }
    if (recorder->err == GALE_OK) {
        recorder->err = conf_add_map(recorder->calls, NULL, &item);
    }
    if (recorder->err == GALE_OK) {
        recorder->err = probe_put_text(item, "call", call);
    }
    return recorder->err == GALE_OK ? item : NULL;
}

static enum gale_err record_stream(struct gale_declare *port, const char *stream,
                                   const char *fields, bool direct)
{
    struct recorder *recorder = recorder_of(port);
    bool good = str_is_name(stream);
    for (size_t i = 0; i < gale_conf_count(recorder->calls); i++) {
        const struct gale_conf *call = gale_conf_at(recorder->calls, i);
        if (strcmp(gale_conf_string(call, "call", ""), "stream") == 0 &&
            strcmp(gale_conf_string(call, "name", ""), stream) == 0) {
            good = false; /* The other side says so when it hears the same. */
        }
    }
    struct gale_conf *item = call_add(recorder, "stream");
    if (item != NULL) {
        enum gale_err err = probe_put_text(item, "name", stream);
        err = err ? err : probe_put_text(item, "fields", fields);
        recorder->err = err ? err : probe_put_bool(item, "direct", direct);
    }
    return good && recorder->err == GALE_OK ? GALE_OK : GALE_ERR_INVALID;
}

static unsigned record_inputs(const struct gale_declare *port)
{
    return (unsigned)gale_conf_count(((const struct recorder *)port)->inputs);
}

static const char *record_input_fields(const struct gale_declare *port, unsigned input)
{
    const struct gale_conf *inputs = ((const struct recorder *)port)->inputs;
    const struct gale_conf *fields = gale_conf_at(inputs, input);
    return gale_conf_type(fields) == GALE_STRING ? gale_conf_text(fields) : NULL;
}

static bool fields_have(const char *fields, const char *field)
{
    size_t length = strlen(field);
    for (const char *at = fields; *at != '\0'; at += strcspn(at, ","), at += *at == ',') {
        if (strcspn(at, ",") == length && strncmp(at, field, length) == 0) {
            return true;
        }
    }
    return false;
}

static enum gale_err record_needs(struct gale_declare *port, unsigned input, const char *field,
                                  const char *option)
{
    struct recorder *recorder = recorder_of(port);
    struct gale_conf *item = call_add(recorder, "needs");
    if (item != NULL) {
        enum gale_err err = probe_put_int(item, "input", input);
        err = err ? err : probe_put_text(item, "field", field);
        recorder->err = err ? err : probe_put_text(item, "option", option);
    }
    const char *fields = record_input_fields(port, input);
    bool there = input < record_inputs(port) && (fields == NULL || fields_have(fields, field));
    return there ? GALE_OK : GALE_ERR_NOT_FOUND;
}

static void record_error(struct gale_declare *port, const char *option, const char *text)
{
    struct recorder *recorder = recorder_of(port);
    struct gale_conf *item = call_add(recorder, "error");
    if (item != NULL) {
        enum gale_err err = probe_put_text(item, "option", option);
        recorder->err = err ? err : probe_put_text(item, "text", text);
    }
}

static enum gale_err declare(const struct gale_module *module, const struct gale_conf *request,
                             struct gale_conf *reply, struct gale_error *error)
{
    const char *name = gale_conf_string(request, "name", "");
    const struct gale_conf *conf = gale_conf_get(request, "conf");
    gale_declare_fn callback = NULL;
    if (strcmp(gale_conf_string(request, "kind", ""), "bolt") == 0) {
        for (size_t i = 0; module->bolts[i] != NULL; i++) {
            if (strcmp(module->bolts[i]->name, name) == 0) {
                callback = module->bolts[i]->declare;
            }
        }
    } else {
        for (size_t i = 0; module->spouts[i] != NULL; i++) {
            if (strcmp(module->spouts[i]->name, name) == 0) {
                callback = module->spouts[i]->declare;
            }
        }
    }
    struct recorder recorder = {
        .port = {record_stream, record_inputs, record_input_fields, record_needs, record_error},
        .inputs = gale_conf_get(request, "inputs"),
    };
    if (callback == NULL || conf == NULL) {
        return gale_error_set(error, GALE_ERR_NOT_FOUND, "\"%.64s\" declares nothing any more",
                              name);
    }
    enum gale_err err = conf_add_list(reply, "calls", &recorder.calls);
    if (err == GALE_OK) {
        enum gale_err result = callback(&recorder.port, conf);
        err = recorder.err;
        err = err ? err : probe_put_int(reply, "result", (int64_t)result);
    }
    return err == GALE_OK ? err
                          : gale_error_set(error, err, "what \"%.64s\" declares is refused: %s",
                                           name, gale_err_name(err));
}

static const struct gale_topology_source *source_find(const struct gale_module *module,
                                                      const char *name)
{
    for (size_t i = 0; module->topologies != NULL && module->topologies[i] != NULL; i++) {
        if (name == NULL || strcmp(module->topologies[i]->name, name) == 0) {
            return module->topologies[i];
        }
    }
    return NULL;
}

static enum gale_err build(const struct gale_module *module, const struct gale_conf *request,
                           struct gale_conf *reply, struct gale_error *error)
{
    const char *path = gale_conf_string(request, "path", "");
    const char *name = gale_conf_string(request, "name", NULL);
    const struct gale_topology_source *source = source_find(module, name);
    if (source == NULL) {
        return gale_error_set(error, GALE_ERR_NOT_FOUND, "module %.200s has no topology%s%.64s",
                              path, name != NULL ? " named " : "", name != NULL ? name : "");
    }
    struct gale_topology *topology = gale_topology_new(source->name);
    enum gale_err err = topology != NULL ? source->build(topology) : GALE_ERR_NOMEM;
    if (err == GALE_OK) {
        err = conf_add_copy(reply, "tree", gale_topology_conf(topology));
    }
    gale_topology_free(topology);
    return err == GALE_OK ? err
                          : gale_error_set(error, err, "topology %.64s of %.200s: %s",
                                           source->name, path, gale_err_name(err));
}

static enum gale_err answer(struct child *child, const struct gale_conf *request,
                            struct gale_conf *reply, struct gale_error *error)
{
    const char *ask = gale_conf_string(request, "ask", "");
    const struct gale_module *module =
        registry_module(child->registry, gale_conf_string(request, "path", ""), error);
    if (module == NULL) {
        return error->code;
    }
    if (strcmp(ask, "load") == 0) {
        enum gale_err err = probe_describe(module, reply);
        return err == GALE_OK ? err
                              : gale_error_set(error, err, "the module is too large: %s",
                                               gale_err_name(err));
    }
    return strcmp(ask, "declare") == 0 ? declare(module, request, reply, error)
                                       : build(module, request, reply, error);
}

static void put_refusal(struct gale_conf *reply, const struct gale_error *error)
{
    struct gale_conf *map = NULL;
    if (conf_add_map(reply, "error", &map) == GALE_OK) {
        (void)probe_put_int(map, "code", (int64_t)error->code);
        (void)probe_put_text(map, "text", error->text);
    }
}

static bool transfer(int fd, uint8_t *bytes, size_t size, bool writes)
{
    for (size_t done = 0; done < size;) {
        ssize_t count =
            writes ? write(fd, bytes + done, size - done) : read(fd, bytes + done, size - done);
        if (count > 0) {
            done += (size_t)count;
        } else if (count == 0 || errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* The next question; NULL: none comes any more. */
static struct gale_conf *read_request(int fd)
{
    uint8_t head[PROBE_HEAD_SIZE];
    if (!transfer(fd, head, sizeof(head), false)) {
        return NULL;
    }
    size_t size =
        (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    uint8_t *bytes = size > 0 && size <= PROBE_MESSAGE_MAX ? malloc(size) : NULL;
    struct gale_conf *request = NULL;
    if (bytes != NULL && transfer(fd, bytes, size, false)) {
        (void)conf_unpack(bytes, size, &request);
    }
    free(bytes);
    return request;
}

static bool write_reply(int fd, const struct gale_conf *reply)
{
    struct buf bytes;
    uint8_t head[PROBE_HEAD_SIZE];
    buf_init(&bytes, PROBE_MESSAGE_MAX);
    bool good = conf_pack(reply, &bytes) == GALE_OK;
    for (unsigned i = 0; i < PROBE_HEAD_SIZE; i++) {
        head[i] = (uint8_t)(bytes.size >> (8 * i));
    }
    good = good && transfer(fd, head, sizeof(head), true) &&
           transfer(fd, bytes.data, bytes.size, true);
    buf_fini(&bytes);
    return good;
}

static int serve(struct child *child)
{
    struct gale_conf *request;
    while ((request = read_request(child->fd)) != NULL) {
        struct gale_error error = {.code = GALE_OK};
        struct gale_conf *reply = conf_new();
        bool good = reply != NULL;
        bool refused = good && answer(child, request, reply, &error) != GALE_OK;
        if (getpid() != child->pid) {
            _exit(EXIT_SUCCESS); /* A copy that the module forked: the original answers. */
        }
        if (refused) {
            conf_free(reply);
            reply = conf_new();
            good = reply != NULL;
            if (good) {
                put_refusal(reply, &error);
            }
        }
        (void)fflush(NULL); /* What the module printed comes before what gale says about it. */
        good = good && write_reply(child->fd, reply);
        conf_free(reply);
        conf_free(request);
        if (!good) {
            return PROBE_EXIT_LOST;
        }
    }
    return fcntl(child->fd, F_GETFD) < 0 ? PROBE_EXIT_LOST : EXIT_SUCCESS;
}

int probe_main(int argc, char **argv)
{
    const struct rlimit cpu = {.rlim_cur = PROBE_CPU_S, .rlim_max = PROBE_CPU_S};
    const struct rlimit core = {.rlim_cur = 0, .rlim_max = 0};
    struct child child = {.pid = getpid()};
    char *end = NULL;
    long fd = argc > LISTED_AT ? strtol(argv[LISTED_AT], &end, 10) : -1;
    if (fd <= STDERR_FILENO || *end != '\0' || fcntl((int)fd, F_SETFD, FD_CLOEXEC) != 0) {
        fputs("gale: probe is a part of gale's own; use `gale components --module FILE`\n",
              stderr);
        return EXIT_USAGE_CODE;
    }
    child.fd = (int)fd;
    (void)setrlimit(RLIMIT_CPU, &cpu);
    (void)setrlimit(RLIMIT_CORE, &core);
    if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0 ||
        registry_new(NULL, NULL, NULL, &child.registry) != GALE_OK) {
        return PROBE_EXIT_LOST;
    }
    int code = serve(&child);
    registry_free(child.registry);
    return code;
}
