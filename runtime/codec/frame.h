/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames between workers: head, checksum, LZ4, and the sections of control frames. Everything that
 * arrives is hostile until frame_open said GALE_OK. Pure functions, any thread.
 */
#ifndef CODEC_FRAME_H
#define CODEC_FRAME_H

#include "base/buf.h"
#include "core/frame.h"

/** First bytes of every frame. A message (codec/message.h) begins with a msgpack map, whose first
 *  byte is 0x80..0x8f, 0xde or 0xdf, so the two cannot be taken for each other. */
#define FRAME_MAGIC_0 'G'
#define FRAME_MAGIC_1 'F'

/** Tells a frame from a message on a socket that carries both; says nothing about its validity. */
static inline bool frame_is_frame(const uint8_t *data, size_t size)
{
    return size >= 2 && data[0] == FRAME_MAGIC_0 && data[1] == FRAME_MAGIC_1;
}

/** Writes the 64 bytes of the head, little-endian (layout drawn in frame.c). */
void frame_header_write(uint8_t out[FRAME_HEADER_SIZE], const struct frame_header *header);
/** Reads and checks a head against the size of the whole message: magic, version, kind, sizes
 *  (payload_size + head == size, raw_size ≤ FRAME_PAYLOAD_MAX and ≤ 255 × payload_size).
 *  GALE_ERR_CORRUPT with a sentence in *error (may be NULL). */
enum gale_err frame_header_read(const uint8_t *data, size_t size, struct frame_header *out,
                                struct gale_error *error);
/** Checks the checksum (if any) and decompresses (if lz4) into `scratch`; *payload, *payload_size
 *  then are the raw bytes, in `data` or in scratch. */
enum gale_err frame_open(const uint8_t *data, size_t size, const struct frame_header *header,
                         struct buf *scratch, const uint8_t **payload, size_t *payload_size,
                         struct gale_error *error);
/** Compresses when that saves at least an eighth: GALE_OK and bytes in out (cleared first), else
 *  GALE_ERR_AGAIN (send it raw). */
enum gale_err frame_compress(const uint8_t *raw, size_t size, struct buf *out);
uint64_t frame_checksum(const uint8_t *payload, size_t size);

/* Control frame payload: sections {u32 type, u32 entries_count, entries}. */
enum frame_section {
    FRAME_TOUCH =
        1, /* {u64 root, u64 workers}: bit (index mod 64) of workers that the tree also reached */
    FRAME_ACK = 2,   /* {u64 root, u64 xor} */
    FRAME_FAIL = 3,  /* {u64 root} */
    FRAME_RENEW = 4, /* {u64 root}: timeout starts anew */
    /* {u32 task, u32 generation, u64 granted_total}: bytes, absolute since that generation of the
     * addressee's link began */
    FRAME_CREDIT = 5,
    /* {u32 worker, u32 0, u64 incarnation}: which process of a third worker the touches of this frame
     * mean; before them */
    FRAME_KNOWN = 6
};

size_t frame_section_entry_size(uint32_t type); /* 0 = unknown type */
/** Checks a whole control payload: known sections, counts inside the bytes. */
enum gale_err frame_control_check(const uint8_t *payload, size_t size,
                                  struct gale_error *error);

#endif
