/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of one task of the file spout, and the way from message ids to places in them.
 *
 * Reading goes in segments: runs of bytes of one file, numbered from 1 in the order of reading. A
 * message id is (segment << 24 | offset of the line's start behind the segment's base), so ids grow
 * although a spout that follows several files switches between them. A new segment starts with each
 * switch and after 16 MiB.
 *
 * A saved position (little-endian):
 *   "GFL1"  u8 follow  u8 0  u16 count  count × { u64 inode  u64 offset  u16 size  path }
 * Without follow it has one entry, the file being read, and all files sorted before it are done.
 * An offset may lie inside a line that was acked: reading then starts behind that line.
 *
 * One owner task; reads directories and files' metadata, never their contents.
 */
#ifndef SPOUTS_FILE_SET_H
#define SPOUTS_FILE_SET_H

#include <gale/conf.h>
#include <sys/types.h>

#define FILE_SET_OFFSET_BITS 24
/** Most files of one task without and with follow (a saved position has 64 KiB). */
#define FILE_SET_FILES_MAX 1000000
#define FILE_SET_FOLLOW_MAX 200

struct source_file {
    char *path;
    int fd;            /* -1: not open. */
    ino_t inode;       /* 0: not known yet. */
    uint64_t consumed; /* Offset behind the last line that was emitted or skipped. */
    bool done;         /* Nothing more will be read. */
    bool replaced;     /* Rotated away: the fd is all that is left of it. */
    bool resumed;      /* consumed may lie inside a line that is to be skipped. */
};

struct segment {
    uint32_t file;
    uint64_t base;
};

/** Zero-initialise before use. */
struct file_set {
    struct source_file *files;
    size_t files_count;
    size_t files_capacity;
    struct segment *segments;
    size_t segments_count;
    size_t segments_capacity;
    uint64_t first_segment; /* Number of segments[0]. */
    bool follow;
};

/** Expands paths and globs (a scalar or list), sorts them, drops repeats and keeps every
 *  `parallelism`-th from `index`. A path without wildcards that does not exist is GALE_ERR_NOT_FOUND
 *  unless `follow`. */
enum gale_err file_set_load(struct file_set *set, const struct gale_conf *paths, uint32_t index,
                            uint32_t parallelism, struct gale_error *error);
void file_set_fini(struct file_set *set);
/** Adds the successor of a rotated file. GALE_ERR_NOMEM, GALE_ERR_LIMIT. */
enum gale_err file_set_add(struct file_set *set, const char *path);
/** Id of a line that starts at `offset` of a file; 0 when memory could not be had. */
uint64_t file_set_id(struct file_set *set, size_t file, uint64_t offset);
/** Where the line of an id starts; false for an id that is not known. */
bool file_set_find(const struct file_set *set, uint64_t id, size_t *file, uint64_t *offset);
/** Writes the position of low_id and forgets what lies before it. @return bytes, 0 = no room. */
size_t file_set_save(struct file_set *set, uint64_t low_id, uint8_t *out, size_t out_size);
/** Applies a saved position to the loaded files. GALE_ERR_CORRUPT (set may be half changed). */
enum gale_err file_set_restore(struct file_set *set, const uint8_t *data, size_t size);

#endif
