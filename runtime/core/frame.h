/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame's head as core code sees it; bytes are drawn and coded in codec/frame.c. Every frame of a
 * link, data and control alike, has the next seq of that link. Pure.
 */
#ifndef CORE_FRAME_H
#define CORE_FRAME_H

#include <stdint.h>

#define FRAME_WIRE_VERSION 1
#define FRAME_HEADER_SIZE 64
#define FRAME_PAYLOAD_MAX (4u << 20)

enum frame_kind {
    FRAME_HELLO = 1,   /* payload: struct link_hello (core/link.h); seq 0 */
    FRAME_DATA = 2,    /* payload: batches (core/batch.h) */
    FRAME_CONTROL = 3, /* payload: sections (codec/frame.h): acks, fails, credits, … */
    FRAME_BARRIER = 4  /* exactly-once's place; refused as unknown today */
};

struct frame_header {
    uint8_t version;
    enum frame_kind kind;
    uint8_t lz4;   /* 1: payload is an LZ4 block */
    uint16_t from; /* worker index */
    uint16_t to;
    uint32_t attempt;      /* of the topology */
    uint32_t generation;   /* of this link: +1 each time the sender opens it anew */
    uint64_t epoch;        /* of the coordinator */
    uint64_t incarnation;  /* of the sending worker process, random, never 0 */
    uint64_t seq;          /* 1, 2, 3 … in this generation; 0 for HELLO */
    uint32_t payload_size; /* bytes as they follow the head */
    uint32_t raw_size;     /* bytes after decompression; = payload_size without lz4 */
    uint64_t checksum;     /* XXH3 of the payload; 0 = none (ipc) */
};

#endif
