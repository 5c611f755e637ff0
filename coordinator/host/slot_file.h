/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of a worker's process in the supervisor's directory: what the next life of the supervisor
 * needs to find it and to start it again. One file each, slots/TOPOLOGY.WORKER, replaced by rename.
 * It is not made durable: a machine that goes down takes the processes with it, and the boot's id tells.
 *
 *   'G' 'S' version(1) 0   document in the form of conf_pack   u64 hash64 of all before it, seed 'S',
 *                                                              little-endian
 *   document  what host_spec_write writes, and {keep, incarnation, pid, start, boot, restarts}
 */
#ifndef HOST_SLOT_FILE_H
#define HOST_SLOT_FILE_H

#include "host/host_core.h"
#include "supervise/process.h"

#define SLOT_FILE_SIZE_MAX (1u << 20)

struct slot_record {
    struct host_spec spec; /* attempt and epoch are those of the process */
    enum keep keep;
    uint64_t incarnation;
    int64_t pid;
    uint64_t start; /* process_start_time */
    char boot[PROCESS_BOOT_SIZE];
    uint32_t restarts;
};

/** Appends the bytes of a record. GALE_ERR_LIMIT, GALE_ERR_NOMEM. */
enum gale_err slot_record_encode(const struct slot_record *record, struct buf *out);
/** Any bytes are safe. @param out to be ended by host_spec_fini(&out->spec) in any case.
 *  GALE_ERR_CORRUPT, GALE_ERR_UNSUPPORTED (of another version), GALE_ERR_NOMEM. */
enum gale_err slot_record_decode(const uint8_t *data, size_t size, struct slot_record *out);

/** Writes or replaces a record's file in the directory. GALE_ERR_IO, GALE_ERR_LIMIT, GALE_ERR_NOMEM with
 *  *error set. */
enum gale_err slot_file_write(const char *dir, const struct slot_record *record,
                              struct gale_error *error);
/** Nothing when it is not there. */
void slot_file_remove(const char *dir, uint64_t topology, uint32_t worker);

/** @param record NULL: the file is damaged and was removed; the record's spec may be taken. */
typedef void slot_file_fn(void *self, const char *path, struct slot_record *record);
/** Goes through all records. GALE_ERR_IO: the directory cannot be read. */
enum gale_err slot_file_scan(const char *dir, slot_file_fn *fn, void *self);

#endif
