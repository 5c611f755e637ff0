/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walking a topology's tree for paths; see locate.h. Pure. The walk knows the form of a topology, so its
 * depth is that of enum level, whatever the input; options below a component are walked by a stack
 * of their own, since their form is the user's.
 */
#include "core/locate.h"

#include "base/assert.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char reference_start[] = "${file.";
static const char escaped_start[] = "$${file.";

/* Where the walk stands in a topology's form. */
enum level {
    LEVEL_ROOT,      /* children by key: spouts, bolts, files, conf */
    LEVEL_FILES,     /* every child is a path */
    LEVEL_SECTION,   /* every child is a component */
    LEVEL_COMPONENT, /* children by key: module, from; others are options */
    LEVEL_FROM,      /* every child is an entry, or SOURCE: GROUPING */
    LEVEL_ENTRY,     /* every child is a grouping */
    LEVEL_GROUPING,  /* child by key: custom */
    LEVEL_CUSTOM,    /* child by key: module */
    LEVEL_LEAF       /* nothing of interest below */
};

/* What is done to a tree on its way. */
struct work {
    locate_fn *fn; /* NULL: paths stay */
    void *self;
    const struct gale_conf *files; /* not NULL: references are replaced by these */
};

static void places_copy(struct gale_conf *to, const struct gale_conf *from)
{
    struct conf_place place = conf_place_of(from);
    struct conf_place key_place = conf_key_place_of(from);
    conf_set_place(to, &place);
    conf_set_key_place(to, &key_place);
}

/* ---- References ------------------------------------------------------------------------------- */

static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '-';
}

const char *locate_next(const char *text, const char **name, size_t *name_size, size_t *size)
{
    const size_t start_size = strlen(reference_start);
    for (const char *at = strchr(text, '$'); at != NULL; at = strchr(at, '$')) {
        if (strncmp(at, escaped_start, strlen(escaped_start)) == 0) {
            at += strlen(escaped_start);
            continue;
        }
        size_t length = 0;
        if (strncmp(at, reference_start, start_size) == 0) {
            while (is_name_character(at[start_size + length])) {
                length++;
            }
        }
        if (length > 0 && at[start_size + length] == '}') {
            *name = at + start_size;
            *name_size = length;
            *size = start_size + length + 1;
            return at;
        }
        at++;
    }
    return NULL;
}

/* The path of a file by name, or NULL. */
static const char *file_path(const struct gale_conf *files, const char *name, size_t name_size)
{
    size_t count = gale_conf_type(files) == GALE_MAP ? gale_conf_count(files) : 0;
    for (size_t i = 0; i < count; i++) {
        const char *key = gale_conf_key(files, i);
        if (strncmp(key, name, name_size) == 0 && key[name_size] == '\0') {
            return gale_conf_text(gale_conf_at(files, i));
        }
    }
    return NULL;
}

/* Appends plain text, in which "$${file." stands for "${file.". */
static enum gale_err append_plain(struct buf *out, const char *text, size_t size)
{
    enum gale_err err = GALE_OK;
    const char *end = text + size;
    while (err == GALE_OK && text < end) {
        const char *escape =
            memmem(text, (size_t)(end - text), escaped_start, strlen(escaped_start));
        const char *stop = escape != NULL ? escape : end;
        err = buf_append(out, text, (size_t)(stop - text));
        text = stop;
        if (err == GALE_OK && escape != NULL) {
            err = buf_append(out, reference_start, strlen(reference_start));
            text += strlen(escaped_start);
        }
    }
    return err;
}

/* The text with its references replaced, in `out`, NUL-terminated. */
static enum gale_err text_replace(const struct gale_conf *files, const char *text,
                                  struct buf *out)
{
    const char *name = NULL;
    size_t name_size = 0;
    size_t size = 0;
    enum gale_err err = GALE_OK;
    buf_clear(out);
    for (const char *at = locate_next(text, &name, &name_size, &size);
         at != NULL && err == GALE_OK; at = locate_next(text, &name, &name_size, &size)) {
        const char *path = file_path(files, name, name_size);
        err = append_plain(out, text, (size_t)(at - text));
        if (err == GALE_OK) {
            err =
                path != NULL ? buf_append(out, path, strlen(path)) : buf_append(out, at, size);
        }
        text = at + size;
    }
    err = err ? err : append_plain(out, text, strlen(text));
    return err ? err : buf_append(out, "", 1);
}

/* Adds a scalar, its references replaced if the work says so. */
static enum gale_err scalar_copy(const struct work *work, struct gale_conf *parent,
                                 const char *key, const struct gale_conf *source)
{
    const char *text = gale_conf_text(source);
    if (work->files == NULL || gale_conf_type(source) != GALE_STRING ||
        strstr(text, reference_start) == NULL) {
        return conf_add_copy(parent, key, source);
    }
    struct buf replaced;
    struct gale_conf *node = NULL;
    buf_init(&replaced, 0);
    enum gale_err err = text_replace(work->files, text, &replaced);
    err = err ? err : conf_add_scalar(parent, key, (const char *)replaced.data, true, &node);
    if (err == GALE_OK) {
        places_copy(node, source);
    }
    buf_fini(&replaced);
    return err;
}

static bool is_collection(const struct gale_conf *node)
{
    return gale_conf_type(node) == GALE_MAP || gale_conf_type(node) == GALE_LIST;
}

static enum gale_err collection_add(struct gale_conf *parent, const char *key,
                                    const struct gale_conf *source, struct gale_conf **out)
{
    enum gale_err err = gale_conf_type(source) == GALE_MAP ? conf_add_map(parent, key, out)
                                                           : conf_add_list(parent, key, out);
    if (err == GALE_OK) {
        places_copy(*out, source);
    }
    return err;
}

/* Copies what lies below an option; deeper than a tree may be is not possible. */
static enum gale_err below_copy(const struct work *work, struct gale_conf *to,
                                const struct gale_conf *from)
{
    struct {
        const struct gale_conf *from;
        struct gale_conf *to;
        size_t next;
    } stack[CONF_DEPTH_MAX];
    size_t depth = 0;
    enum gale_err err = GALE_OK;
    stack[depth].from = from;
    stack[depth].to = to;
    stack[depth++].next = 0;
    while (depth > 0 && err == GALE_OK) {
        const struct gale_conf *parent = stack[depth - 1].from;
        size_t index = stack[depth - 1].next++;
        if (index >= gale_conf_count(parent)) {
            depth--;
            continue;
        }
        const struct gale_conf *child = gale_conf_at(parent, index);
        const char *key = gale_conf_key(parent, index);
        struct gale_conf *copy = NULL;
        if (!is_collection(child)) {
            err = scalar_copy(work, stack[depth - 1].to, key, child);
            continue;
        }
        err = collection_add(stack[depth - 1].to, key, child, &copy);
        if (err == GALE_OK) {
            GALE_ASSERT(depth < CONF_DEPTH_MAX); /* conf.h bounds the depth of a tree. */
            stack[depth].from = child;
            stack[depth].to = copy;
            stack[depth++].next = 0;
        }
    }
    return err;
}

/* Adds an option or any other value whose form is the user's. */
static enum gale_err value_copy(const struct work *work, struct gale_conf *parent,
                                const char *key, const struct gale_conf *source)
{
    struct gale_conf *copy = NULL;
    if (work->files == NULL) {
        return conf_add_copy(parent, key, source);
    }
    if (!is_collection(source)) {
        return scalar_copy(work, parent, key, source);
    }
    enum gale_err err = collection_add(parent, key, source, &copy);
    return err ? err : below_copy(work, copy, source);
}

/* ---- The walk --------------------------------------------------------------------------------- */

/* Adds a path in its new form, at the place where it was written. */
static enum gale_err path_copy(const struct work *work, struct gale_conf *parent,
                               const char *key, const struct gale_conf *source)
{
    const char *path = gale_conf_text(source);
    char changed[PATH_MAX];
    struct gale_conf *node = NULL;
    if (path == NULL || work->fn == NULL) {
        return conf_add_copy(parent, key, source);
    }
    enum gale_err err = work->fn(work->self, path, changed);
    err = err ? err : conf_add_scalar(parent, key, changed, true, &node);
    if (err == GALE_OK) {
        places_copy(node, source);
    }
    return err;
}

static enum level level_below(enum level level, const struct gale_conf *parent, const char *key)
{
    bool in_list = key == NULL;
    switch (level) {
    case LEVEL_ROOT:
        if (!in_list && strcmp(key, "files") == 0) {
            return LEVEL_FILES;
        }
        return !in_list && (strcmp(key, "spouts") == 0 || strcmp(key, "bolts") == 0)
                   ? LEVEL_SECTION
                   : LEVEL_LEAF;
    case LEVEL_SECTION: return LEVEL_COMPONENT;
    case LEVEL_COMPONENT: return !in_list && strcmp(key, "from") == 0 ? LEVEL_FROM : LEVEL_LEAF;
    case LEVEL_FROM: return gale_conf_type(parent) == GALE_LIST ? LEVEL_ENTRY : LEVEL_GROUPING;
    case LEVEL_ENTRY: return LEVEL_GROUPING;
    case LEVEL_GROUPING:
        return !in_list && strcmp(key, "custom") == 0 ? LEVEL_CUSTOM : LEVEL_LEAF;
    case LEVEL_FILES:
    case LEVEL_CUSTOM:
    case LEVEL_LEAF:
    default: return LEVEL_LEAF;
    }
}

static bool is_path(enum level level, const char *key)
{
    bool module = (level == LEVEL_COMPONENT || level == LEVEL_CUSTOM) && key != NULL &&
                  strcmp(key, "module") == 0;
    return module || (level == LEVEL_FILES && key != NULL);
}

/* A component's options, and the topology's `conf`, are where references may stand. */
static bool is_option(enum level level, const char *key)
{
    return level == LEVEL_COMPONENT || (level == LEVEL_ROOT && key && strcmp(key, "conf") == 0);
}

/* Copies the children of one node. */
static enum gale_err children_copy(const struct work *work, enum level level,
                                   const struct gale_conf *from, struct gale_conf *to)
{
    enum gale_err err = GALE_OK;
    for (size_t i = 0; i < gale_conf_count(from) && err == GALE_OK; i++) {
        const struct gale_conf *child = gale_conf_at(from, i);
        const char *key = gale_conf_key(from, i);
        enum level below = level_below(level, from, key);
        struct gale_conf *copy = NULL;
        if (below == LEVEL_FILES && work->files != NULL) {
            continue; /* Nothing refers to them any more. */
        }
        if (is_path(level, key)) {
            err = path_copy(work, to, key, child);
        } else if (below == LEVEL_LEAF || !is_collection(child)) {
            err = is_option(level, key) ? value_copy(work, to, key, child)
                                        : conf_add_copy(to, key, child);
        } else {
            err = collection_add(to, key, child, &copy);
            err = err ? err : children_copy(work, below, child, copy);
        }
    }
    return err;
}

static enum gale_err tree_copy(const struct work *work, const struct gale_conf *tree,
                               struct gale_conf **out)
{
    *out = conf_new();
    if (*out == NULL) {
        return GALE_ERR_NOMEM;
    }
    struct conf_place place = conf_place_of(tree);
    conf_set_place(*out, &place);
    enum gale_err err = children_copy(work, LEVEL_ROOT, tree, *out);
    if (err != GALE_OK) {
        conf_free(*out);
        *out = NULL;
    }
    return err;
}

enum gale_err locate_map(const struct gale_conf *tree, locate_fn *fn, void *self,
                         struct gale_conf **out)
{
    const struct work work = {.fn = fn, .self = self};
    return tree_copy(&work, tree, out);
}

enum gale_err locate_references(const struct gale_conf *tree, struct gale_conf **out)
{
    const struct work work = {.files = gale_conf_get(tree, "files")};
    return tree_copy(&work, tree, out);
}

enum gale_err locate_options(const struct gale_conf *files, const struct gale_conf *options,
                             struct gale_conf **out)
{
    const struct work work = {.files = files};
    enum gale_err err = GALE_OK;
    *out = conf_new();
    if (*out == NULL) {
        return GALE_ERR_NOMEM;
    }
    for (size_t i = 0; i < gale_conf_count(options) && err == GALE_OK; i++) {
        err = value_copy(&work, *out, gale_conf_key(options, i), gale_conf_at(options, i));
    }
    if (err != GALE_OK) {
        conf_free(*out);
        *out = NULL;
    }
    return err;
}

/* ---- The forms of a path ---------------------------------------------------------------------- */

const char *locate_hex(const char *path)
{
    const size_t prefix_size = strlen(LOCATE_SHA_PREFIX);
    if (strncmp(path, LOCATE_SHA_PREFIX, prefix_size) != 0) {
        return NULL;
    }
    const char *hex = path + prefix_size;
    bool good = strspn(hex, "0123456789abcdef") == LOCATE_HEX_SIZE && !hex[LOCATE_HEX_SIZE];
    return good ? hex : NULL;
}

static enum gale_err to_blob(void *self, const char *path, char out[PATH_MAX])
{
    const char *dir = self;
    const char *hex = locate_hex(path);
    int size = hex != NULL ? snprintf(out, PATH_MAX, "%s/%s", dir, hex)
                           : snprintf(out, PATH_MAX, "%s", path);
    return size >= 0 && size < PATH_MAX ? GALE_OK : GALE_ERR_LIMIT;
}

enum gale_err locate_blobs(const char *dir, const struct gale_conf *tree,
                           struct gale_conf **out)
{
    struct gale_conf *located = NULL;
    *out = NULL;
    enum gale_err err = locate_map(tree, to_blob, (void *)(uintptr_t)dir, &located);
    err = err ? err : locate_references(located, out);
    conf_free(located);
    return err;
}
