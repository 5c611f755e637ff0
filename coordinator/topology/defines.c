/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The -D texts: splitting them, and setting what they name in the tree. A -D that substituted
 * somewhere did its work; any other must name a key: a setting of the topology ("workers"), a key
 * of a component ("bolts.count.parallelism") or anything below "conf" or "files". One that does
 * neither is an error, because a misspelt one would silently do nothing. One thread.
 */
#include "topology/load.h"

#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE_MAX 512
#define NAMES_MAX 1100

static const char *const top_scalars[] = {
    "name", "guarantee",  "workers",        "max_pending", "timeout",       "drain",
    "tick", "memory_max", "open_files_max", "inbox_size",  "isolate_hosts", NULL};

enum gale_err load_init(struct load *load, const struct topology_defines *defines,
                        struct diag *diag)
{
    *load = (struct load){.diag = diag};
    size_t count = defines ? defines->count : 0;
    if (count == 0) {
        return GALE_OK;
    }
    load->defines = calloc(count, sizeof *load->defines);
    if (!load->defines) {
        return GALE_ERR_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const char *text = defines->texts[i];
        const char *equals = strchr(text, '=');
        if (!equals || equals == text || equals - text >= PATH_SIZE_MAX) {
            diag_add(diag, DIAG_SUBSTITUTION, NULL, "write -D key=value",
                     "-D %.100s: no key and value", text);
            continue;
        }
        size_t key_size = (size_t)(equals - text);
        struct load_define *earlier = load_define_find(load, text, key_size);
        if (earlier) {
            earlier->shadowed = true;
        }
        char *key = strndup(text, key_size);
        if (!key) {
            return GALE_ERR_NOMEM;
        }
        load->defines[load->defines_count++] =
            (struct load_define){.key = key, .value = equals + 1, .text = text};
    }
    return GALE_OK;
}

void load_fini(struct load *load)
{
    for (size_t i = 0; i < load->defines_count; i++) {
        free(load->defines[i].key);
    }
    free(load->defines);
    load->defines = NULL;
    load->defines_count = 0;
}

struct load_define *load_define_find(struct load *load, const char *key, size_t key_size)
{
    for (size_t i = load->defines_count; i > 0; i--) {
        struct load_define *define = &load->defines[i - 1];
        if (strncmp(define->key, key, key_size) == 0 && define->key[key_size] == '\0') {
            return define;
        }
    }
    return NULL;
}

static void report_unused(struct load *load, const struct load_define *define, const char *part,
                          const char *const *names)
{
    const char *nearest = str_suggest(part, names);
    char hint[160];
    snprintf(hint, sizeof hint, nearest ? "did you mean \"%.100s\"?" : "%s",
             nearest ? nearest
                     : "name ${key}, a setting, conf.KEY, spouts.NAME.KEY or bolts.NAME.KEY");
    diag_add(load->diag, DIAG_SUBSTITUTION, NULL, hint,
             "-D %.150s: nothing in the topology uses \"%.100s\"", define->text, part);
}

/* As report_unused with the keys of a map to choose from. */
static enum gale_err report_unused_in(struct load *load, const struct load_define *define,
                                      const char *part, const struct gale_conf *map)
{
    const char **names = calloc(NAMES_MAX + 1, sizeof(char *));
    if (!names) {
        return GALE_ERR_NOMEM;
    }
    for (size_t i = 0; i < NAMES_MAX && i < gale_conf_count(map); i++) {
        names[i] = gale_conf_key(map, i);
    }
    report_unused(load, define, part, names);
    free((void *)names);
    return GALE_OK;
}

/* Nodes of the tree being built are not const; only the reading interface is. */
static struct gale_conf *child_of(struct gale_conf *map, const char *key)
{
    return (struct gale_conf *)(uintptr_t)gale_conf_get(map, key);
}

static enum gale_err set_scalar(struct load *load, const struct load_define *define,
                                struct gale_conf *map, const char *key)
{
    enum gale_type type = gale_conf_type(gale_conf_get(map, key));
    if (type == GALE_MAP || type == GALE_LIST) {
        diag_add(load->diag, DIAG_WRONG_TYPE, NULL, "-D sets single values only",
                 "-D %.150s: \"%.100s\" is a %s", define->text, key,
                 type == GALE_MAP ? "map" : "list");
        return GALE_OK;
    }
    conf_remove(map, key);
    struct gale_conf *node;
    enum gale_err err = conf_add_scalar(map, key, define->value, false, &node);
    if (err) {
        return err;
    }
    /* Errors about the value then name the -D instead of a file. */
    struct buf file;
    buf_init(&file, 0);
    err = buf_printf(&file, "-D %s", define->text);
    if (!err) {
        struct conf_place place = {.file = (const char *)file.data};
        conf_set_place(node, &place);
        conf_set_key_place(node, &place);
    }
    buf_fini(&file);
    return err;
}

/* A path into one of the maps whose keys are the user's. */
static bool is_free_map(const char *path)
{
    return strncmp(path, "conf.", 5) == 0 || strncmp(path, "files.", 6) == 0;
}

/* Follows all parts of the path but the last, which *part holds in the end. Below `conf` and
 * `files` missing maps are made. *map NULL: reported. */
static enum gale_err path_walk(struct load *load, const struct load_define *define, char *path,
                               struct gale_conf **map, char **part)
{
    bool may_make = is_free_map(path);
    *part = path;
    for (char *dot = strchr(path, '.'); dot; dot = strchr(*part, '.')) {
        *dot = '\0';
        struct gale_conf *next = child_of(*map, *part);
        enum gale_err err = GALE_OK;
        if (!next && may_make) {
            err = conf_add_map(*map, *part, &next);
        } else if (gale_conf_type(next) != GALE_MAP) {
            err = report_unused_in(load, define, *part, *map);
            next = NULL;
        }
        *map = next;
        if (err || !next) {
            return err;
        }
        *part = dot + 1;
    }
    return GALE_OK;
}

static enum gale_err override_one(struct load *load, const struct load_define *define,
                                  struct gale_conf *tree)
{
    char path[PATH_SIZE_MAX];
    str_copy(path, sizeof path, define->key);
    struct gale_conf *map = tree;
    char *part;
    enum gale_err err = path_walk(load, define, path, &map, &part);
    if (err || !map) {
        return err;
    }
    if (map == tree) {
        for (const char *const *name = top_scalars; *name; name++) {
            if (strcmp(*name, part) == 0) {
                return set_scalar(load, define, map, part);
            }
        }
        report_unused(load, define, part, top_scalars);
        return GALE_OK;
    }
    bool component_map =
        strchr(define->key, '.') == strrchr(define->key, '.') && !is_free_map(define->key);
    if (component_map || !*part) {
        /* "bolts.count=…": a component is a map, so the name of its key is missing. */
        return report_unused_in(load, define, part, map);
    }
    return set_scalar(load, define, map, part);
}

enum gale_err load_override(struct load *load, struct gale_conf *tree)
{
    enum gale_err err = GALE_OK;
    for (size_t i = 0; i < load->defines_count && !err; i++) {
        const struct load_define *define = &load->defines[i];
        if (!define->used && !define->shadowed) {
            err = override_one(load, define, tree);
        }
    }
    return err;
}
