/* SPDX-License-Identifier: Apache-2.0 */
/* Files, segments and saved positions of the file spout; see file_set.h. */
#include "spouts/file_set.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_SIZE 8
#define ENTRY_SIZE 18
#define MAGIC "GFL1"

enum gale_err file_set_add(struct file_set *set, const char *path)
{
    if (set->files_count == FILE_SET_FILES_MAX) {
        return GALE_ERR_LIMIT;
    }
    if (set->files_count == set->files_capacity) {
        size_t capacity = set->files_capacity == 0 ? 16 : set->files_capacity * 2;
        struct source_file *files = realloc(set->files, capacity * sizeof(*files));
        if (files == NULL) {
            return GALE_ERR_NOMEM;
        }
        set->files = files;
        set->files_capacity = capacity;
    }
    char *copy = strdup(path);
    if (copy == NULL) {
        return GALE_ERR_NOMEM;
    }
    set->files[set->files_count++] = (struct source_file){.path = copy, .fd = -1};
    return GALE_OK;
}

/* A file that is named outright must be there and readable: a run that quietly does without its input
 * would end as if all were well. What a glob brings is taken as it comes. */
static enum gale_err check_named(const char *path, struct gale_error *error)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        return gale_error_set(error, errno == ENOENT ? GALE_ERR_NOT_FOUND : GALE_ERR_IO,
                              "no file `%s` (%s); correct the option path", path,
                              strerror(errno));
    }
    if (!S_ISREG(info.st_mode)) {
        return gale_error_set(error, GALE_ERR_INVALID,
                              "`%s` is not a regular file; correct the option path", path);
    }
    if (access(path, R_OK) != 0) {
        return gale_error_set(error, GALE_ERR_IO, "cannot read `%s`: %s; correct its rights",
                              path, strerror(errno));
    }
    return GALE_OK;
}

/* Adds what one path or glob stands for to `found`. */
static enum gale_err expand(struct file_set *found, const char *pattern, bool follow,
                            struct gale_error *error)
{
    glob_t matches = {0};
    struct stat info;
    bool is_pattern = strpbrk(pattern, "*?[") != NULL && stat(pattern, &info) != 0;
    if (!is_pattern) {
        enum gale_err bad = follow ? GALE_OK : check_named(pattern, error);
        return bad == GALE_OK ? file_set_add(found, pattern) : bad;
    }
    int status = glob(pattern, 0, NULL, &matches);
    if (status == GLOB_NOSPACE) {
        return gale_error_set(error, GALE_ERR_NOMEM, "out of memory");
    }
    if (status != 0) {
        globfree(&matches);
        if (follow) {
            return GALE_OK;
        }
        return gale_error_set(error, GALE_ERR_NOT_FOUND,
                              "no file matches `%s`; correct the option path", pattern);
    }
    enum gale_err err = GALE_OK;
    for (size_t i = 0; i < matches.gl_pathc && err == GALE_OK; i++) {
        if (stat(matches.gl_pathv[i], &info) == 0 && S_ISREG(info.st_mode)) {
            err = file_set_add(found, matches.gl_pathv[i]);
        }
    }
    globfree(&matches);
    return err == GALE_OK ? err : gale_error_set(error, err, "too many files in `%s`", pattern);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const struct source_file *)a)->path, ((const struct source_file *)b)->path);
}

/* Keeps the task's share of the sorted list without repeats. */
static void keep_share(struct file_set *set, uint32_t index, uint32_t parallelism)
{
    size_t different = 0;
    size_t kept = 0;
    if (set->files_count > 0) {
        qsort(set->files, set->files_count, sizeof(*set->files), compare_paths);
    }
    for (size_t i = 0; i < set->files_count; i++) {
        if (different > 0 && strcmp(set->files[different - 1].path, set->files[i].path) == 0) {
            free(set->files[i].path);
            continue;
        }
        set->files[different++] = set->files[i];
    }
    for (size_t i = 0; i < different; i++) {
        if (i % parallelism == index) {
            set->files[kept++] = set->files[i];
        } else {
            free(set->files[i].path);
        }
    }
    set->files_count = kept;
}

enum gale_err file_set_load(struct file_set *set, const struct gale_conf *paths, uint32_t index,
                            uint32_t parallelism, struct gale_error *error)
{
    bool is_list = gale_conf_type(paths) == GALE_LIST;
    size_t count = is_list ? gale_conf_count(paths) : 1;
    enum gale_err err = GALE_OK;
    for (size_t i = 0; i < count && err == GALE_OK; i++) {
        const char *path = gale_conf_text(is_list ? gale_conf_at(paths, i) : paths);
        err = path != NULL && path[0] != '\0'
                  ? expand(set, path, set->follow, error)
                  : gale_error_set(error, GALE_ERR_INVALID, "path must not be empty");
    }
    keep_share(set, index, parallelism);
    if (err == GALE_OK && set->follow && set->files_count > FILE_SET_FOLLOW_MAX) {
        err = gale_error_set(error, GALE_ERR_LIMIT,
                             "one task follows at most %d files: raise parallelism",
                             FILE_SET_FOLLOW_MAX);
    }
    set->first_segment = 1;
    return err;
}

void file_set_fini(struct file_set *set)
{
    for (size_t i = 0; i < set->files_count; i++) {
        if (set->files[i].fd >= 0) {
            close(set->files[i].fd);
        }
        free(set->files[i].path);
    }
    free(set->files);
    free(set->segments);
    *set = (struct file_set){0};
}

uint64_t file_set_id(struct file_set *set, size_t file, uint64_t offset)
{
    if (set->segments_count > 0) {
        const struct segment *last = &set->segments[set->segments_count - 1];
        if (last->file == file && offset >= last->base &&
            offset - last->base < (UINT64_C(1) << FILE_SET_OFFSET_BITS)) {
            uint64_t number = set->first_segment + set->segments_count - 1;
            return number << FILE_SET_OFFSET_BITS | (offset - last->base);
        }
    }
    if (set->segments_count == set->segments_capacity) {
        size_t capacity = set->segments_capacity == 0 ? 64 : set->segments_capacity * 2;
        struct segment *segments = realloc(set->segments, capacity * sizeof(*segments));
        if (segments == NULL) {
            return 0;
        }
        set->segments = segments;
        set->segments_capacity = capacity;
    }
    set->segments[set->segments_count++] = (struct segment){(uint32_t)file, offset};
    return (set->first_segment + set->segments_count - 1) << FILE_SET_OFFSET_BITS;
}

bool file_set_find(const struct file_set *set, uint64_t id, size_t *file, uint64_t *offset)
{
    uint64_t number = id >> FILE_SET_OFFSET_BITS;
    if (number < set->first_segment || number - set->first_segment >= set->segments_count) {
        return false;
    }
    const struct segment *segment = &set->segments[number - set->first_segment];
    *file = segment->file;
    *offset = segment->base + (id & ((UINT64_C(1) << FILE_SET_OFFSET_BITS) - 1));
    return true;
}

/* Forgets segments before the one of low_id, and closes rotated files that none refers to. */
static void forget(struct file_set *set, uint64_t low_id)
{
    uint64_t low = low_id >> FILE_SET_OFFSET_BITS;
    size_t dropped = 0;
    while (dropped < set->segments_count && set->first_segment + dropped < low) {
        dropped++;
    }
    set->segments_count -= dropped;
    set->first_segment += dropped;
    if (dropped > 0) {
        memmove(set->segments, set->segments + dropped,
                set->segments_count * sizeof(*set->segments));
    }
    for (size_t i = 0; dropped > 0 && i < set->files_count; i++) {
        struct source_file *file = &set->files[i];
        bool is_used = !file->done || file->fd < 0;
        for (size_t s = 0; s < set->segments_count && !is_used; s++) {
            is_used = set->segments[s].file == i;
        }
        if (!is_used) {
            close(file->fd);
            file->fd = -1;
        }
    }
}

/* Offset from which a file must be read again: the oldest segment that is open decides. */
static uint64_t safe_offset(const struct file_set *set, size_t file, uint64_t low_id)
{
    for (size_t s = 0; s < set->segments_count; s++) {
        const struct segment *segment = &set->segments[s];
        if (segment->file != file) {
            continue;
        }
        uint64_t first_id = (set->first_segment + s) << FILE_SET_OFFSET_BITS;
        return segment->base + (low_id > first_id ? low_id - first_id : 0);
    }
    return set->files[file].consumed;
}

static void put_number(uint8_t *out, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t get_number(const uint8_t *in, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++) {
        value |= (uint64_t)in[i] << (8 * i);
    }
    return value;
}

/* The file that an entry without follow names: that of the oldest open segment, or the first one
 * that is not done. */
static size_t current_file(const struct file_set *set)
{
    if (set->segments_count > 0) {
        return set->segments[0].file;
    }
    size_t current = 0;
    while (current + 1 < set->files_count && set->files[current].done) {
        current++;
    }
    return current;
}

size_t file_set_save(struct file_set *set, uint64_t low_id, uint8_t *out, size_t out_size)
{
    size_t size = HEADER_SIZE;
    uint64_t count = 0;
    if (set->files_count == 0 || out_size < HEADER_SIZE) {
        return 0;
    }
    forget(set, low_id);
    size_t first = set->follow ? 0 : current_file(set);
    size_t end = set->follow ? set->files_count : first + 1;
    for (size_t i = first; i < end; i++) {
        const struct source_file *file = &set->files[i];
        size_t path_size = strlen(file->path);
        if (file->replaced && file->fd < 0) {
            continue;
        }
        if (path_size > UINT16_MAX || out_size - size < ENTRY_SIZE + path_size) {
            return 0;
        }
        put_number(out + size, file->inode, 8);
        put_number(out + size + 8, safe_offset(set, i, low_id), 8);
        put_number(out + size + 16, path_size, 2);
        memcpy(out + size + ENTRY_SIZE, file->path, path_size);
        size += ENTRY_SIZE + path_size;
        count++;
    }
    memcpy(out, MAGIC, 4);
    out[4] = set->follow;
    out[5] = 0;
    put_number(out + 6, count, 2);
    return size;
}

/* A file that was replaced or cut since is read from its start. */
static void resume_file(struct source_file *file, uint64_t inode, uint64_t offset)
{
    struct stat info;
    if (stat(file->path, &info) != 0 || (inode != 0 && info.st_ino != inode) ||
        (uint64_t)info.st_size < offset) {
        return;
    }
    file->consumed = offset;
    file->resumed = offset > 0;
}

enum gale_err file_set_restore(struct file_set *set, const uint8_t *data, size_t size)
{
    if (size < HEADER_SIZE || memcmp(data, MAGIC, 4) != 0 || data[4] > 1) {
        return GALE_ERR_CORRUPT;
    }
    bool follow = data[4] == 1;
    size_t at = HEADER_SIZE;
    for (uint64_t left = get_number(data + 6, 2); left > 0; left--) {
        if (size - at < ENTRY_SIZE || size - at - ENTRY_SIZE < get_number(data + at + 16, 2)) {
            return GALE_ERR_CORRUPT;
        }
        size_t path_size = (size_t)get_number(data + at + 16, 2);
        const char *path = (const char *)data + at + ENTRY_SIZE;
        for (size_t i = 0; i < set->files_count; i++) {
            struct source_file *file = &set->files[i];
            size_t own_size = strlen(file->path);
            size_t common = own_size < path_size ? own_size : path_size;
            int order = memcmp(file->path, path, common);
            if (order == 0 && own_size == path_size) {
                resume_file(file, get_number(data + at, 8), get_number(data + at + 8, 8));
            } else if (!follow && (order < 0 || (order == 0 && own_size < path_size))) {
                file->done = true;
            }
        }
        at += ENTRY_SIZE + path_size;
    }
    return at == size ? GALE_OK : GALE_ERR_CORRUPT;
}
