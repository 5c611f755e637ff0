/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of a worker's process share: worker.c the loop and the start, worker_leader.c whom it
 * serves, worker_say.c what it says, worker_obey.c what it does when it is told. One thread.
 */
#ifndef WORKER_INTERNAL_H
#define WORKER_INTERNAL_H

#include "base/log.h"
#include "base/loop.h"
#include "codec/message.h"
#include "exec/exec.h"
#include "worker/leader_file.h"
#include "worker/registry.h"
#include "worker/worker.h"

#include <gale/log.h>

#define WORKER_FATAL_SIZE 512 /* of the sentence that ends the run */

/* A log level for a while. */
struct worker_level {
    char component[LOG_COMPONENT_SIZE]; /* "": the process */
    int64_t revert_ns;
};

struct worker {
    struct worker_builtins builtins;
    const char *control_endpoint;   /* fixed one; NULL: leader_file */
    struct leader_file leader_file; /* its path NULL: control_endpoint */
    const char *pulse_endpoint;
    const char *bind_endpoint;
    const char *modules_dir; /* of modules and files named by content; NULL: there are none */
    char endpoint[256];
    uint64_t topology;
    uint32_t index;
    uint64_t incarnation;
    uint64_t epoch; /* of the frames, as started with */
    uint32_t attempt;
    struct leader leader; /* whose commands count; epoch 0: none known yet */
    bool greeted;         /* the leader has answered */
    bool offsets_all;     /* it has not been told the positions yet */
    struct transport *transport;
    struct transport_peer *control; /* NULL: no leader known */
    struct loop *loop;
    struct registry *registry;
    struct plan *plan;
    struct exec *exec;
    bool prepared;
    bool stopping; /* cleanup done; the last beat is repeated until SIGTERM or COMMAND_EXIT */
    bool fatal;
    bool quit;
    enum message_command state;
    uint32_t finish_level;
    uint64_t stats_round;
    uint32_t round;              /* of the leader's COUNT */
    int64_t beat_ns, offsets_ns; /* intervals */
    int64_t beat_at_ns, offsets_at_ns, hello_at_ns;
    int64_t hello_ns;                                  /* until the next HELLO is repeated */
    struct worker_level levels[LOG_OVERRIDES_MAX + 1]; /* of the process and of components */
    size_t levels_count;
    bool has_spouts; /* one task here at least */
    bool beat_fast;
    uint32_t beats_count;
    bool told_stop; /* by the coordinator */
    bool all_told;  /* every histogram was in a beat since it is stopping */
    struct message_offsets last_offsets; /* once stopping; owned by the executor */
    char fatal_text[WORKER_FATAL_SIZE];  /* said with each beat until it is told to stop */
    struct buf out;
};

/* worker_leader.c */
/** Opens the way to the coordinator that was named at the start, if one was. */
enum gale_err worker_leader_start(struct worker *worker, struct gale_error *error);
/** Looks whether another coordinator leads now and turns to it. */
void worker_leader_look(struct worker *worker, int64_t now_ns);
/** A message of the leader came: it knows this worker. */
void worker_leader_heard(struct worker *worker, int64_t now_ns);

/* worker_say.c */
/** True when it left; whether it arrives is another matter. */
bool worker_send(struct worker *worker, struct message *message);
/** Whether it says HELLO: until the tasks, or the answer of another leader, have come. */
bool worker_waits(const struct worker *worker);
/** Says HELLO when it is due. */
void worker_hello(struct worker *worker, int64_t now_ns);
void worker_send_offsets(struct worker *worker, int64_t now_ns);
void worker_send_beat(struct worker *worker, int64_t now_ns);
/** Whether the coordinator may be waiting for the beats of this worker. */
bool worker_end_is_near(const struct worker *worker);
/** Port of the executor. */
void worker_on_event(void *self, enum message_event event, uint32_t other, uint32_t task,
                     const char *text);
/** Port of the executor: what a tap shows. */
bool worker_on_sample(void *self, struct message_sample *sample);
/** The worker cannot work: said again with each beat. */
void worker_fatal(struct worker *worker, const char *text);
/** Says by a thread of its own that this process lives: a long call of a component delays beats. */
enum gale_err worker_start_pulse(struct worker *worker, struct gale_error *error);

/* worker_obey.c */
/** Bytes from the wire that are no frame. */
/** Log levels whose time is over go back to what they were. */
void worker_levels_revert(struct worker *worker, int64_t now_ns);
void worker_on_message(struct worker *worker, const uint8_t *data, size_t size, int64_t now_ns);

#endif
