/* SPDX-License-Identifier: Apache-2.0 */
/* Records of processes; form and rules in slot_file.h. Blocks on the disk. One thread. */
#include "host/slot_file.h"

#include "base/hash.h"
#include "base/str.h"
#include "host/host_internal.h"
#include "rpc/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define VERSION 1
#define HEAD_SIZE 4u
#define SUM_SIZE 8u
#define SUM_SEED 'S'

static const char *keep_name(enum keep keep)
{
    switch (keep) {
    case KEEP_NONE: return "none";
    case KEEP_ENDING: return "ending";
    case KEEP_RUNNING: break;
    }
    return "running";
}

static bool keep_parse(const char *text, enum keep *out)
{
    static const enum keep all[] = {KEEP_NONE, KEEP_ENDING, KEEP_RUNNING};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(text, keep_name(all[i])) == 0) {
            *out = all[i];
            return true;
        }
    }
    return false;
}

static enum gale_err tree_of(const struct slot_record *record, struct gale_conf *map)
{
    enum gale_err err = host_spec_write(&record->spec, map);
    err = err ? err : tree_put_text(map, "keep", keep_name(record->keep));
    err = err ? err : tree_put_hex64(map, "incarnation", record->incarnation);
    err = err ? err : tree_put_int(map, "pid", record->pid);
    err = err ? err : tree_put_hex64(map, "start", record->start);
    err = err ? err : tree_put_text(map, "boot", record->boot);
    return err ? err : tree_put_int(map, "restarts", record->restarts);
}

enum gale_err slot_record_encode(const struct slot_record *record, struct buf *out)
{
    static const uint8_t head[HEAD_SIZE] = {'G', 'S', VERSION, 0};
    uint8_t sum[SUM_SIZE];
    size_t begin = out->size;
    struct gale_conf *map = conf_new();
    enum gale_err err = map ? tree_of(record, map) : GALE_ERR_NOMEM;
    err = err ? err : buf_append(out, head, sizeof head);
    err = err ? err : conf_pack(map, out);
    conf_free(map);
    if (err == GALE_OK) {
        uint64_t value = hash64(out->data + begin, out->size - begin, SUM_SEED);
        for (size_t i = 0; i < SUM_SIZE; i++) {
            sum[i] = (uint8_t)(value >> (8 * i));
        }
        err = buf_append(out, sum, sizeof sum);
    }
    return err;
}

static enum gale_err record_read(const struct gale_conf *map, struct slot_record *out)
{
    enum gale_err err = host_spec_read(map, &out->spec);
    if (err != GALE_OK) {
        return err;
    }
    int64_t restarts = gale_conf_int64(map, "restarts", -1);
    out->incarnation = tree_hex64(map, "incarnation", 0);
    out->pid = gale_conf_int64(map, "pid", 0);
    out->start = tree_hex64(map, "start", 0);
    out->restarts = (uint32_t)restarts;
    bool whole = keep_parse(gale_conf_string(map, "keep", ""), &out->keep) &&
                 str_copy(out->boot, sizeof out->boot, gale_conf_string(map, "boot", "")) &&
                 out->incarnation != 0 && out->pid > 0 && out->start != 0 && restarts >= 0 &&
                 restarts <= UINT32_MAX;
    return whole ? GALE_OK : GALE_ERR_CORRUPT;
}

enum gale_err slot_record_decode(const uint8_t *data, size_t size, struct slot_record *out)
{
    struct gale_conf *map = NULL;
    uint64_t value = 0;
    memset(out, 0, sizeof *out);
    if (size < HEAD_SIZE + SUM_SIZE || data[0] != 'G' || data[1] != 'S') {
        return GALE_ERR_CORRUPT;
    }
    for (size_t i = 0; i < SUM_SIZE; i++) {
        value |= (uint64_t)data[size - SUM_SIZE + i] << (8 * i);
    }
    if (hash64(data, size - SUM_SIZE, SUM_SEED) != value) {
        return GALE_ERR_CORRUPT;
    }
    if (data[2] != VERSION) {
        return GALE_ERR_UNSUPPORTED;
    }
    enum gale_err err = conf_unpack(data + HEAD_SIZE, size - HEAD_SIZE - SUM_SIZE, &map);
    err = err ? err : record_read(map, out);
    conf_free(map);
    return err;
}

static bool path_of(const char *dir, const char *before, uint64_t topology, uint32_t worker,
                    char out[PATH_MAX])
{
    int size =
        snprintf(out, PATH_MAX, "%s/%s%016" PRIx64 ".%" PRIu32, dir, before, topology, worker);
    return size > 0 && size < PATH_MAX;
}

static bool write_all(const char *path, const struct buf *bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    size_t done = 0;
    while (fd >= 0 && done < bytes->size) {
        ssize_t got = write(fd, bytes->data + done, bytes->size - done);
        if (got < 0 && errno != EINTR) {
            break;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    if (fd >= 0 && close(fd)) {
        done = 0;
    }
    return fd >= 0 && done == bytes->size;
}

enum gale_err slot_file_write(const char *dir, const struct slot_record *record,
                              struct gale_error *error)
{
    char path[PATH_MAX];
    char part[PATH_MAX];
    struct buf bytes;
    if (!path_of(dir, "", record->spec.topology, record->spec.worker, path) ||
        !path_of(dir, ".", record->spec.topology, record->spec.worker, part)) {
        return gale_error_set(error, GALE_ERR_LIMIT,
                              "the path of %s is too long: choose a shorter state directory",
                              dir);
    }
    buf_init(&bytes, SLOT_FILE_SIZE_MAX);
    enum gale_err err = slot_record_encode(record, &bytes);
    if (err != GALE_OK) {
        gale_error_set(error, err, "the record of worker %u of %s cannot be written: %s",
                       record->spec.worker, record->spec.name, gale_err_name(err));
    } else if (!write_all(part, &bytes) || rename(part, path)) {
        err = gale_error_set(error, GALE_ERR_IO,
                             "cannot write %s: %s; the disk may be full, or the directory "
                             "another user's",
                             path, strerror(errno));
        (void)unlink(part);
    }
    buf_fini(&bytes);
    return err;
}

void slot_file_remove(const char *dir, uint64_t topology, uint32_t worker)
{
    char path[PATH_MAX];
    if (path_of(dir, "", topology, worker, path)) {
        (void)unlink(path);
    }
}

static enum gale_err read_file(const char *path, struct buf *out)
{
    uint8_t chunk[4096];
    enum gale_err err = GALE_OK;
    ssize_t got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    while (fd >= 0 && err == GALE_OK && (got = read(fd, chunk, sizeof chunk)) > 0) {
        err = buf_append(out, chunk, (size_t)got);
    }
    if (fd >= 0) {
        close(fd);
    }
    return fd < 0 || got < 0 ? GALE_ERR_IO : err;
}

enum gale_err slot_file_scan(const char *dir, slot_file_fn *fn, void *self)
{
    char path[PATH_MAX];
    struct buf bytes;
    DIR *entries = opendir(dir);
    if (!entries) {
        return GALE_ERR_IO;
    }
    buf_init(&bytes, SLOT_FILE_SIZE_MAX);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        struct slot_record record = {0};
        int size = snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        if (size < 0 || (size_t)size >= sizeof path || strcmp(entry->d_name, ".") == 0 ||
            strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (entry->d_name[0] == '.') { /* The beginning of a record that was never believed. */
            (void)unlink(path);
            continue;
        }
        buf_clear(&bytes);
        enum gale_err err = read_file(path, &bytes);
        err = err ? err : slot_record_decode(bytes.data, bytes.size, &record);
        if (err != GALE_OK) {
            (void)unlink(path);
        }
        fn(self, path, err == GALE_OK ? &record : NULL);
        host_spec_fini(&record.spec);
    }
    closedir(entries);
    buf_fini(&bytes);
    return GALE_OK;
}
