/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two sides of a probe say to each other, over a stream socket, and what of it is kept in a
 * package (run/described.h). Private to probe*.c, described.c and the package's making.
 *
 *   message   u32 size (little-endian, at most PROBE_MESSAGE_MAX) + a map in conf_pack's form
 *   question  {ask: "load", path} → {bolts, spouts: [{name, fields, help, declares, ticks,
 *             finishes, options: [{name, kind, required, default, help}]}],
 *             groupings, task_hooks, worker_hooks: [name]}
 *             {ask: "declare", path, kind: "bolt" | "spout", name, conf, inputs: [text | null]}
 *             → {result, calls: [{call: "stream", name, fields, direct}
 *             | {call: "needs", input, field, option} | {call: "error", option, text}]}
 *             {ask: "topology", path, name} → {tree}
 *   refusal   {error: {code, text}} in place of any answer
 *
 * A text that was NULL is left out.
 */
#ifndef RUN_PROBE_WIRE_H
#define RUN_PROBE_WIRE_H

#include "base/conf.h"
#include "supervise/supervise.h"

#define PROBE_MESSAGE_MAX (16u << 20)
#define PROBE_DEADLINE_MS 5000 /* for one answer, the start of the process included */
#define PROBE_CPU_S 20         /* of one process in all */
#define PROBE_MEMORY_MAX (INT64_C(4) << 30)
#define PROBE_CALLS_MAX 1024 /* of one declare callback */
#define PROBE_LIST_MAX 1024  /* components of one kind in a module */
#define PROBE_ALIVE_MAX 16   /* processes at a time */
#define PROBE_EXIT_LOST 120  /* the socket is gone from under the process */
#define PROBE_HEAD_SIZE 4

/* One question and its way back; all members are borrowed. */
struct probe_question {
    const char *path;
    const char *doing; /* "it was loaded": follows "while" in errors */
    const char *look;  /* "its constructors": follows "look at" in errors */
    const struct gale_conf *request;
};

/* The process that has one module, and the socket to it. */
struct probe_channel {
    struct process process;
    int fd; /* −1: none */
};

void probe_channel_init(struct probe_channel *channel);
/** Asks, starting the process first if there is none. On an error the process is gone.
 *  @param reply to be freed by conf_free. @return GALE_OK; else *error has the sentence. */
enum gale_err probe_ask(struct probe_channel *channel, const char *program,
                        const struct probe_question *question, struct gale_conf **reply,
                        struct gale_error *error);
/** Kills the process and its group and takes its status. */
void probe_channel_close(struct probe_channel *channel);

/* probe_describe.c: the child's side of "load". */
struct gale_module;
enum gale_err probe_describe(const struct gale_module *module, struct gale_conf *reply);
/* The one way to write these into a message; a NULL text is left out. */
enum gale_err probe_put_text(struct gale_conf *map, const char *key, const char *text);
enum gale_err probe_put_int(struct gale_conf *map, const char *key, int64_t value);
enum gale_err probe_put_bool(struct gale_conf *map, const char *key, bool value);

/* probe_declare.c: what "declare" asks and answers. */
struct gale_declare;
/** Adds the inputs that a callback may ask about. */
enum gale_err probe_put_inputs(struct gale_conf *request, const struct gale_declare *declare);
/** Says the calls of a reply again to `declare`, and its result. @param path names the module in the
 *  complaint about a reply without the form of one. */
enum gale_err probe_replay(struct gale_declare *declare, const struct gale_conf *reply,
                           const char *path);

/* probe_tables.c: the other side of "load". */
struct probe_tables;
/** Makes tables of a description; its texts stay in `reply`, which must outlive them.
 *  @return NULL: no memory, or (*bad) the description is none. */
struct probe_tables *probe_tables_new(const struct gale_conf *reply, bool *bad);
void probe_tables_free(struct probe_tables *tables);
const struct gale_module *probe_tables_module(const struct probe_tables *tables);
/** Names of the components of a kind ('s', 'b', 'g'), NULL-terminated. */
const char *const *probe_tables_names(const struct probe_tables *tables, char kind);

#endif
