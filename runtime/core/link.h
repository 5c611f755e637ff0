/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link: one direction between two workers above a wire that loses, repeats and reorders. It gives
 * what the trees above need: each frame of a generation exactly once and in order, or the knowledge
 * that the generation is lost. Pure: time is given, sending and receiving are the caller's.
 *
 * Sender's end:                                 Receiver's end:
 *
 *   CLOSED --open--> HELLO --seen--> OPEN         CLOSED --expect--> HELLO --HELLO frame--> OPEN
 *     ^                ^ |            |              ^                 ^                    |  ^
 *     |                | +----fail----+              |                 |       gap in seq   |  | HELLO of a
 *     |               open     |                     |                 |                    v  | higher
 *     |                |       v                     |                 +--- expect ---- FAILED-+ generation
 *     +----close------ +--- FAILED                   +--expect(0)-- from any state
 *
 * The sender greets every LINK_HELLO_NS until the receiver's own HELLO says that it has seen this
 * incarnation and generation, then sends frames 1, 2, 3 … . A receiver that misses one fails the
 * generation and says so in its HELLO (LINK_HELLO_REFUSED) every LINK_HELLO_NS until a higher
 * generation greets it. That travels in HELLO because HELLO has no place in the sequence: two links
 * that fail each other at the same time still hear of it.
 *
 * What a caller does:
 *   peer up       link_out_open, link_in_expect; peer down: link_out_close, link_in_expect(0)
 *   frame in      link_in_frame; ACCEPT: obey it. HELLO: link_hello_read, link_out_on_hello (opened
 *                 or failed: the trees that used the link fail, then link_out_open). GAP: as failed.
 *   each pass     link_out_hello_due → send FRAME_HELLO (seq 0) with link_hello_write, then
 *                 link_out_hello_sent; link_out_probe_due → send an empty FRAME_CONTROL
 *   frame out     only if link_out_is_open; seq = link_out_take_seq when the head is written; a
 *                 frame that the wire did not take yet keeps its seq and goes first
 */
#ifndef CORE_LINK_H
#define CORE_LINK_H

#include "core/frame.h"

#include <stdbool.h>
#include <stdint.h>

#define LINK_HELLO_NS INT64_C(100000000)
/* Silence after a frame until a probe makes the loss of the last frames visible. A probe may be lost as
 * well, so another follows after twice the time, and so on, in the end each LINK_PROBE_MAX_NS. */
#define LINK_PROBE_NS INT64_C(500000000)
#define LINK_PROBE_MAX_NS INT64_C(8000000000)
#define LINK_HELLO_SIZE 16

enum link_state { LINK_STATE_CLOSED, LINK_STATE_HELLO, LINK_STATE_OPEN, LINK_STATE_FAILED };

enum link_verdict {
    LINK_ACCEPT,         /* the next frame: obey it */
    LINK_HELLO,          /* read its payload, never a batch */
    LINK_DROP_DUPLICATE, /* came before */
    LINK_DROP_STALE, /* of a lower epoch, attempt, generation, another incarnation or addressee,
                            of an attempt not begun here, or of a failed generation */
    LINK_GAP,        /* frames are missing: the generation has failed now; said once */
    LINK_VERDICTS_COUNT
};

/* What a HELLO did to the link out. */
enum link_event {
    LINK_EVENT_NONE,
    LINK_EVENT_OPENED, /* frames may go */
    LINK_EVENT_REFUSED /* the peer missed frames of this generation: it has failed now */
};

/* Negative controls of the simulation switch checks off; production has all of them. */
struct link_options {
    bool check_duplicates;
    bool check_epoch; /* epoch and attempt */
};

#define LINK_OPTIONS_DEFAULT ((struct link_options){true, true})

/* Flags of a HELLO's payload. */
#define LINK_HELLO_WANTED 1u  /* the sender waits to be seen: answer with a HELLO */
#define LINK_HELLO_REFUSED 2u /* the generation named as seen has failed at the sender */

/* Payload of FRAME_HELLO: what its sender has seen of the addressee's link. */
struct link_hello {
    uint64_t seen_incarnation; /* 0: nothing */
    uint32_t seen_generation;
    uint32_t flags;
};

struct link_in {
    struct link_options options;
    enum link_state state;
    uint32_t generation;  /* highest that greeted; 0: none of this incarnation */
    uint64_t incarnation; /* the only one allowed; 0: none */
    uint64_t seq;         /* last accepted */
    uint64_t verdicts[LINK_VERDICTS_COUNT]; /* how often each was given */
};

struct link_out {
    enum link_state state;
    uint32_t generation; /* of the last opening; 0: never */
    uint64_t seq;        /* last given away */
    bool answer_owed;    /* the peer asked for a HELLO */
    bool probe_owed;     /* frames went out in this generation */
    int64_t probe_wait_ns,
        probe_wait_before_ns; /* silence until the next probe; until the last */
    int64_t hello_ns;         /* when the next repeated HELLO may go */
    int64_t sent_ns;          /* when the last frame was numbered */
    uint64_t opened_count, refused_count;
};

void link_in_init(struct link_in *in, struct link_options options);
/** Sets the incarnation of the peer's process that may speak; 0: nobody. Another one than before
 *  forgets everything; the same one changes nothing. */
void link_in_expect(struct link_in *in, uint64_t incarnation);
/** Judges a frame that frame_header_read accepted. epoch and attempt are the receiver's own, `self`
 *  its worker index; that header->from is this link's peer is the caller's to see to. */
enum link_verdict link_in_frame(struct link_in *in, const struct frame_header *header,
                                uint64_t epoch, uint32_t attempt, uint16_t self);

/** An accepted frame turned out to be useless: the generation has failed. Only while open. */
void link_in_fail(struct link_in *in);
void link_out_init(struct link_out *out);
/** From any state: begins the next generation, which greets at once. */
void link_out_open(struct link_out *out, int64_t now_ns);
/** From any state: the peer is down. */
void link_out_close(struct link_out *out);
/** The generation is lost for a reason of the caller's, such as a wire error; not when closed. */
void link_out_fail(struct link_out *out);
bool link_out_is_open(const struct link_out *out);
/** The number of the next frame. Only while open. */
uint64_t link_out_take_seq(struct link_out *out, int64_t now_ns);
/** Obeys the HELLO of the peer (verdict LINK_HELLO of its link in). `self_incarnation` is this
 *  process's own. */
enum link_event link_out_on_hello(struct link_out *out, const struct link_hello *hello,
                                  uint64_t self_incarnation);
/** Whether a HELLO should go now: to be seen, to refuse (`in` is the link of the same peer), or as
 *  an answer. */
bool link_out_hello_due(const struct link_out *out, const struct link_in *in, int64_t now_ns);
/** A HELLO was given to the wire, or the wire had no room for it: the next one waits. */
void link_out_hello_sent(struct link_out *out, int64_t now_ns);
/** Whether an empty control frame should go now; taking its seq makes it not due for a while. */
bool link_out_probe_due(const struct link_out *out, int64_t now_ns);
/** The frame numbered last was a probe: the next one waits twice as long, unless others go. */
void link_out_probe_sent(struct link_out *out);
/** When either of the two becomes due; INT64_MAX: never. */
int64_t link_out_next_ns(const struct link_out *out, const struct link_in *in);

/** The payload to send to a peer: 16 bytes, little-endian: u64 seen_incarnation, u32
 *  seen_generation, u32 flags. */
void link_hello_write(uint8_t bytes[LINK_HELLO_SIZE], const struct link_out *out,
                      const struct link_in *in);
/** False when the payload has another size or unknown flags. */
bool link_hello_read(const uint8_t *bytes, uint64_t size, struct link_hello *hello);

const char *link_state_name(enum link_state state);

#endif
