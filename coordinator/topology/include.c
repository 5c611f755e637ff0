/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Included files. `include: [a.yaml, b.yaml]` at the top of a file merges those files into it:
 * spouts and bolts by name (a name in two files is an error), conf and files by key, everything else
 * key by key, and the including file wins; of two included files the first one wins.
 *
 * Reading a file and its includes is one recursion, bounded by TOPOLOGY_INCLUDE_DEPTH_MAX and not
 * by the input; a cycle is found earlier by the identity (device, inode) of the open files. One
 * thread; blocks on files.
 */
#include "topology/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INCLUDE_PATH_SIZE_MAX 4096

static const struct conf_place *place_or_null(const struct conf_place *place)
{
    return place->file ? place : NULL;
}

/* A file that is being read: known by identity, so that two paths to it are one. */
struct include_frame {
    const struct include_frame *outer;
    dev_t device;
    ino_t inode;
};

static enum gale_err file_read_bytes(struct load *load, int fd, const char *path,
                                     const struct conf_place *place, struct buf *out)
{
    for (;;) {
        enum gale_err err = buf_reserve(out, 65536);
        if (err) {
            return err;
        }
        ssize_t got = read(fd, out->data + out->size, 65536);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            diag_add(load->diag, DIAG_INCLUDE, place_or_null(place), NULL,
                     "cannot read %.200s: %s", path, strerror(errno));
            return GALE_ERR_INVALID;
        }
        if (got == 0) {
            return GALE_OK;
        }
        out->size += (size_t)got;
        if (out->size > TOPOLOGY_FILE_SIZE_MAX) {
            diag_add(load->diag, DIAG_LIMIT, place_or_null(place),
                     "split the file with include", "%.200s is larger than %zu bytes", path,
                     TOPOLOGY_FILE_SIZE_MAX);
            return GALE_ERR_INVALID;
        }
    }
}

/* Opens a file and checks that it may be read here. @return the descriptor; -1: reported. */
static int file_open(struct load *load, const char *path, const struct conf_place *place,
                     const struct include_frame *outer, struct stat *status)
{
    /* Not blocking, so that an include that names a pipe is refused instead of waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | (outer ? O_NONBLOCK : 0));
    if (fd < 0 || fstat(fd, status) < 0) {
        diag_add(load->diag, DIAG_INCLUDE, place_or_null(place),
                 outer ? "a path is relative to the file that includes it" : NULL,
                 "cannot open %.200s: %s", path, strerror(errno));
    } else if (S_ISDIR(status->st_mode) || (outer && !S_ISREG(status->st_mode))) {
        diag_add(load->diag, DIAG_INCLUDE, place_or_null(place), NULL,
                 "%.200s is no regular file", path);
    } else {
        const struct include_frame *frame = outer;
        while (frame && (frame->device != status->st_dev || frame->inode != status->st_ino)) {
            frame = frame->outer;
        }
        if (!frame) {
            return fd;
        }
        diag_add(load->diag, DIAG_INCLUDE, place_or_null(place), "remove one of the includes",
                 "%.200s includes itself, directly or through others", path);
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

static enum gale_err includes_merge(struct load *load, const char *file, struct gale_conf *tree,
                                    const struct include_frame *outer);

/* Reads one file and what it includes. */
static enum gale_err file_load(struct load *load, const char *path,
                               const struct conf_place *place,
                               const struct include_frame *outer, struct gale_conf **out)
{
    *out = NULL;
    unsigned depth = 0;
    for (const struct include_frame *frame = outer; frame; frame = frame->outer) {
        depth++;
    }
    if (depth > TOPOLOGY_INCLUDE_DEPTH_MAX || load->files_count >= TOPOLOGY_FILES_MAX) {
        diag_add(load->diag, DIAG_LIMIT, place_or_null(place), "include fewer files",
                 "too many includes (limits: %d within each other, %d in all)",
                 TOPOLOGY_INCLUDE_DEPTH_MAX, TOPOLOGY_FILES_MAX);
        load->broken = true;
        return GALE_OK;
    }
    load->files_count++;
    struct stat status;
    int fd = file_open(load, path, place, outer, &status);
    if (fd < 0) {
        load->broken = true;
        return GALE_OK;
    }
    struct buf text;
    buf_init(&text, TOPOLOGY_FILE_SIZE_MAX + 2 * (size_t)65536);
    enum gale_err err = file_read_bytes(load, fd, path, place, &text);
    close(fd);
    if (!err) {
        err = yaml_read(load, path, (const char *)text.data, text.size, out);
    }
    buf_fini(&text);
    if (!err && *out) {
        struct include_frame frame = {
            .outer = outer, .device = status.st_dev, .inode = status.st_ino};
        err = includes_merge(load, path, *out, &frame);
    }
    if (err == GALE_ERR_INVALID) {
        load->broken = true;
        err = GALE_OK;
    }
    return err;
}

static bool is_map(const struct gale_conf *node)
{
    return gale_conf_type(node) == GALE_MAP;
}

/* Adds the children of an included map that the including one does not have. */
static enum gale_err map_merge(struct load *load, struct gale_conf *into,
                               const struct gale_conf *from, bool names_unique)
{
    for (size_t i = 0; i < gale_conf_count(from); i++) {
        const char *key = gale_conf_key(from, i);
        const struct gale_conf *have = gale_conf_get(into, key);
        enum gale_err err = GALE_OK;
        if (!have) {
            err = conf_add_copy(into, key, gale_conf_at(from, i));
        } else if (names_unique) {
            struct conf_place here = conf_key_place_of(gale_conf_at(from, i));
            struct conf_place there = conf_key_place_of(have);
            char hint[160];
            snprintf(hint, sizeof hint, "also in %.120s:%u", there.file ? there.file : "?",
                     there.line);
            diag_add(load->diag, DIAG_DUPLICATE_NAME, &here, hint,
                     "component \"%.100s\" is defined in two files", key);
        }
        if (err) {
            return err;
        }
    }
    return GALE_OK;
}

static enum gale_err tree_merge(struct load *load, struct gale_conf *into,
                                const struct gale_conf *from)
{
    for (size_t i = 0; i < gale_conf_count(from); i++) {
        const char *key = gale_conf_key(from, i);
        const struct gale_conf *source = gale_conf_at(from, i);
        const struct gale_conf *have = gale_conf_get(into, key);
        bool components = strcmp(key, "spouts") == 0 || strcmp(key, "bolts") == 0;
        bool by_key = strcmp(key, "conf") == 0 || strcmp(key, "files") == 0;
        enum gale_err err = GALE_OK;
        if (!have) {
            err = conf_add_copy(into, key, source);
        } else if ((components || by_key) && is_map(have) && is_map(source)) {
            /* The tree is still being built; only the reading interface is const. */
            struct gale_conf *map = (struct gale_conf *)(uintptr_t)have;
            err = map_merge(load, map, source, components);
        }
        if (err) {
            return err;
        }
    }
    return GALE_OK;
}

/* Loads one included file and merges it. */
static enum gale_err include_one(struct load *load, const char *file, struct gale_conf *tree,
                                 const struct include_frame *outer,
                                 const struct gale_conf *entry)
{
    struct conf_place place = conf_place_of(entry);
    const char *name = gale_conf_text(entry);
    if (gale_conf_type(entry) != GALE_STRING || !*name) {
        diag_add(load->diag, DIAG_WRONG_TYPE, &place, "write include: [other.yaml]",
                 "an include is the path of a file");
        return GALE_OK;
    }
    const char *slash = strrchr(file, '/');
    int folder_size = slash && *name != '/' ? (int)(slash - file + 1) : 0;
    char path[INCLUDE_PATH_SIZE_MAX];
    int length = snprintf(path, sizeof path, "%.*s%s", folder_size, file, name);
    if (length < 0 || (size_t)length >= sizeof path) {
        diag_add(load->diag, DIAG_LIMIT, &place, NULL, "the path is longer than %d bytes",
                 INCLUDE_PATH_SIZE_MAX - 1);
        load->broken = true;
        return GALE_OK;
    }
    struct gale_conf *included;
    enum gale_err err = file_load(load, path, &place, outer, &included);
    if (!err && included) {
        err = tree_merge(load, tree, included);
    }
    conf_free(included);
    return err;
}

static enum gale_err includes_merge(struct load *load, const char *file, struct gale_conf *tree,
                                    const struct include_frame *outer)
{
    const struct gale_conf *include = gale_conf_get(tree, "include");
    if (!include) {
        return GALE_OK;
    }
    enum gale_err err = GALE_OK;
    struct conf_place place = conf_key_place_of(include);
    if (!load->includes_allowed) {
        diag_add(load->diag, DIAG_INCLUDE, &place, "put the text into a file",
                 "a text in memory cannot include files");
        load->broken = true;
    } else if (gale_conf_type(include) == GALE_LIST) {
        for (size_t i = 0; i < gale_conf_count(include) && !err; i++) {
            err = include_one(load, file, tree, outer, gale_conf_at(include, i));
        }
    } else {
        err = include_one(load, file, tree, outer, include);
    }
    conf_remove(tree, "include");
    return err;
}

enum gale_err load_file(struct load *load, const char *path, struct gale_conf **out)
{
    static const struct conf_place none;
    return file_load(load, path, &none, NULL, out);
}

enum gale_err load_includes(struct load *load, const char *file, struct gale_conf *tree)
{
    return includes_merge(load, file, tree, NULL);
}
