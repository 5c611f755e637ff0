/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records that the coordinator keeps in the store, and where:
 *
 *   /epoch                                        the coordinator's epoch: the version of the record
 *   /topologies/<name>/status                     struct record_status
 *   /topologies/<name>/positions/<spout>.<index>  struct record_position of one spout task
 *
 * The directories are empty records. Each record of ours is versioned and ends in a checksum; any
 * bytes are safe to decode. Pure functions, any thread.
 */
#ifndef STORE_RECORDS_H
#define STORE_RECORDS_H

#include "base/buf.h"

#define RECORD_EPOCH_PATH "/epoch"
#define RECORD_TOPOLOGIES_PATH "/topologies"
#define RECORD_NAME_MAX 64         /* of a topology or component, as str_is_name */
#define RECORD_POSITION_MAX 65536u /* bytes of one spout task's position */
#define RECORD_PATH_SIZE 192       /* holds every path above, NUL included */
#define RECORD_INDEX_MAX 1023u     /* largest task index within a component */
#define RECORD_WORKERS_MAX 256u

enum record_state { RECORD_ACTIVE = 1, RECORD_INACTIVE = 2, RECORD_KILLED = 3 };

struct record_status {
    enum record_state state;
    uint32_t workers; /* 1 … RECORD_WORKERS_MAX */
    uint64_t epoch;   /* of the coordinator that wrote it */
    uint64_t attempt;
    int64_t created_ms; /* wall clock since 1970 */
    int64_t updated_ms;
};

struct record_position {
    char component[RECORD_NAME_MAX + 1];
    uint32_t index;      /* of the task within its component */
    uint64_t low_id;     /* every message with a smaller id was acked; 0 = not known */
    const uint8_t *data; /* what the spout saved; borrowed: from decode, inside its input */
    size_t size;
};

/** Appends the record to out. GALE_ERR_INVALID: a field is out of its range; GALE_ERR_NOMEM and
 *  GALE_ERR_LIMIT of the buffer. */
enum gale_err record_status_encode(const struct record_status *status, struct buf *out);
/** GALE_ERR_CORRUPT: not such a record, or damaged; GALE_ERR_UNSUPPORTED: of a newer gale. */
enum gale_err record_status_decode(const void *data, size_t size, struct record_status *out);

/** As record_status_encode; component must be a name. */
enum gale_err record_position_encode(const struct record_position *position, struct buf *out);
/** As record_status_decode; out->data points into data. */
enum gale_err record_position_decode(const void *data, size_t size,
                                     struct record_position *out);

/** "active", "inactive", "killed"; "unknown" for others. */
const char *record_state_name(enum record_state state);

/** Paths, into RECORD_PATH_SIZE bytes. Names must be names (str_is_name): asserted. */
void record_topology_path(const char *topology, char out[RECORD_PATH_SIZE]);
void record_status_path(const char *topology, char out[RECORD_PATH_SIZE]);
void record_positions_path(const char *topology, char out[RECORD_PATH_SIZE]);
void record_position_path(const char *topology, const char *component, uint32_t index,
                          char out[RECORD_PATH_SIZE]);

#endif
