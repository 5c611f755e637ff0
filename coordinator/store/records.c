/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding of the coordinator's records, little-endian:
 *
 *   status     0 'G'  1 'S'  2 version = 1  3 state  4 u32 workers  8 u64 epoch  16 u64 attempt
 *              24 i64 created_ms  32 i64 updated_ms  40 u64 checksum                   = 48 bytes
 *   position   0 'G'  1 'P'  2 version = 1  3 u8 name size n  4 u32 index  8 u64 low_id
 *              16 u32 data size s  20 u32 zero  24 name  24+n data  24+n+s u64 checksum
 *
 * The checksum is hash64 of all bytes before it, with the record's letter as seed. It is checked
 * before any field but magic and version, so a damaged record is never half believed. Each value
 * has exactly one encoding: what does not encode to itself is refused. Pure.
 */
#include "store/records.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/str.h"
#include <stdio.h>
#include <string.h>

#define VERSION 1
#define STATUS_SIZE 48u
#define POSITION_HEAD_SIZE 24u
#define CHECKSUM_SIZE 8u

static void u32_write(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static void u64_write(uint8_t *out, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint32_t u32_read(const uint8_t *data)
{
    return (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 |
           (uint32_t)data[3] << 24;
}

static uint64_t u64_read(const uint8_t *data)
{
    return (uint64_t)u32_read(data) | (uint64_t)u32_read(data + 4) << 32;
}

/* Magic, version and checksum of a whole record. */
static enum gale_err envelope_check(const uint8_t *data, size_t size, char letter)
{
    if (size < 3 + CHECKSUM_SIZE || data[0] != 'G' || data[1] != (uint8_t)letter) {
        return GALE_ERR_CORRUPT;
    }
    if (data[2] > VERSION) {
        return GALE_ERR_UNSUPPORTED;
    }
    uint64_t checksum = u64_read(data + size - CHECKSUM_SIZE);
    bool whole =
        data[2] == VERSION && checksum == hash64(data, size - CHECKSUM_SIZE, (uint64_t)letter);
    return whole ? GALE_OK : GALE_ERR_CORRUPT;
}

static enum gale_err checksum_append(struct buf *out, size_t start, char letter)
{
    uint8_t bytes[CHECKSUM_SIZE];
    u64_write(bytes, hash64(out->data + start, out->size - start, (uint64_t)letter));
    return buf_append(out, bytes, sizeof bytes);
}

const char *record_state_name(enum record_state state)
{
    switch (state) {
    case RECORD_ACTIVE: return "active";
    case RECORD_INACTIVE: return "inactive";
    case RECORD_KILLED: return "killed";
    }
    return "unknown";
}

static bool status_ok(const struct record_status *status)
{
    return status->state >= RECORD_ACTIVE && status->state <= RECORD_KILLED &&
           status->workers >= 1 && status->workers <= RECORD_WORKERS_MAX;
}

enum gale_err record_status_encode(const struct record_status *status, struct buf *out)
{
    uint8_t bytes[STATUS_SIZE - CHECKSUM_SIZE] = {'G', 'S', VERSION, (uint8_t)status->state};
    if (!status_ok(status)) {
        return GALE_ERR_INVALID;
    }
    enum gale_err err = buf_reserve(out, STATUS_SIZE);
    if (err) {
        return err;
    }
    size_t start = out->size;
    u32_write(bytes + 4, status->workers);
    u64_write(bytes + 8, status->epoch);
    u64_write(bytes + 16, status->attempt);
    u64_write(bytes + 24, (uint64_t)status->created_ms);
    u64_write(bytes + 32, (uint64_t)status->updated_ms);
    err = buf_append(out, bytes, sizeof bytes);
    return err ? err : checksum_append(out, start, 'S');
}

enum gale_err record_status_decode(const void *data, size_t size, struct record_status *out)
{
    const uint8_t *bytes = data;
    enum gale_err err = envelope_check(bytes, size, 'S');
    if (err) {
        return err;
    }
    if (size != STATUS_SIZE) {
        return GALE_ERR_CORRUPT;
    }
    out->state = (enum record_state)bytes[3];
    out->workers = u32_read(bytes + 4);
    out->epoch = u64_read(bytes + 8);
    out->attempt = u64_read(bytes + 16);
    out->created_ms = (int64_t)u64_read(bytes + 24);
    out->updated_ms = (int64_t)u64_read(bytes + 32);
    return status_ok(out) ? GALE_OK : GALE_ERR_CORRUPT;
}

static bool position_ok(const struct record_position *position)
{
    return memchr(position->component, 0, sizeof position->component) &&
           str_is_name(position->component) && position->index <= RECORD_INDEX_MAX &&
           position->size <= RECORD_POSITION_MAX;
}

enum gale_err record_position_encode(const struct record_position *position, struct buf *out)
{
    uint8_t head[POSITION_HEAD_SIZE] = {'G', 'P', VERSION};
    if (!position_ok(position)) {
        return GALE_ERR_INVALID;
    }
    size_t name_size = strlen(position->component);
    enum gale_err err =
        buf_reserve(out, POSITION_HEAD_SIZE + name_size + position->size + CHECKSUM_SIZE);
    if (err) {
        return err;
    }
    size_t start = out->size;
    head[3] = (uint8_t)name_size;
    u32_write(head + 4, position->index);
    u64_write(head + 8, position->low_id);
    u32_write(head + 16, (uint32_t)position->size);
    err = buf_append(out, head, sizeof head);
    err = err ? err : buf_append(out, position->component, name_size);
    if (!err && position->size) {
        err = buf_append(out, position->data, position->size);
    }
    return err ? err : checksum_append(out, start, 'P');
}

enum gale_err record_position_decode(const void *data, size_t size, struct record_position *out)
{
    const uint8_t *bytes = data;
    enum gale_err err = envelope_check(bytes, size, 'P');
    if (err) {
        return err;
    }
    if (size < POSITION_HEAD_SIZE + CHECKSUM_SIZE || u32_read(bytes + 20) != 0) {
        return GALE_ERR_CORRUPT;
    }
    size_t name_size = bytes[3];
    size_t data_size = u32_read(bytes + 16);
    size_t room = size - POSITION_HEAD_SIZE - CHECKSUM_SIZE;
    if (name_size > RECORD_NAME_MAX || name_size > room || data_size != room - name_size) {
        return GALE_ERR_CORRUPT;
    }
    memset(out, 0, sizeof *out);
    memcpy(out->component, bytes + POSITION_HEAD_SIZE, name_size);
    out->index = u32_read(bytes + 4);
    out->low_id = u64_read(bytes + 8);
    out->data = bytes + POSITION_HEAD_SIZE + name_size;
    out->size = data_size;
    bool exact = strlen(out->component) == name_size && position_ok(out);
    return exact ? GALE_OK : GALE_ERR_CORRUPT;
}

static void path_print(char out[RECORD_PATH_SIZE], const char *topology, const char *below)
{
    GALE_ASSERT(str_is_name(topology));
    int size =
        snprintf(out, RECORD_PATH_SIZE, "%s/%s%s", RECORD_TOPOLOGIES_PATH, topology, below);
    GALE_ASSERT(size > 0 && size < RECORD_PATH_SIZE);
}

void record_topology_path(const char *topology, char out[RECORD_PATH_SIZE])
{
    path_print(out, topology, "");
}

void record_status_path(const char *topology, char out[RECORD_PATH_SIZE])
{
    path_print(out, topology, "/status");
}

void record_positions_path(const char *topology, char out[RECORD_PATH_SIZE])
{
    path_print(out, topology, "/positions");
}

void record_position_path(const char *topology, const char *component, uint32_t index,
                          char out[RECORD_PATH_SIZE])
{
    char below[RECORD_NAME_MAX + 32];
    GALE_ASSERT(str_is_name(component) && index <= RECORD_INDEX_MAX);
    snprintf(below, sizeof below, "/positions/%s.%u", component, (unsigned)index);
    path_print(out, topology, below);
}
