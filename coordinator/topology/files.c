/* SPDX-License-Identifier: Apache-2.0 */
/*
 * References ${file.NAME} to the topology's `files`. Substitution leaves them as they are, because
 * the path is another on each host (core/locate.h); here, with all files included and all -D set, it
 * is checked that each names a file and stands where it has a meaning. One thread; no recursion.
 */
#include "base/assert.h"
#include "base/str.h"
#include "core/locate.h"
#include "topology/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 1024

/* Where the walk stands. */
struct walk {
    struct load *load;
    const struct gale_conf *files; /* NULL: the topology has none */
    bool in_options;               /* below spouts, bolts or conf */
    bool escaped;                  /* "$${file." was seen */
};

static void report_unknown(const struct walk *walk, const struct gale_conf *node,
                           const char *name, size_t name_size)
{
    char copy[128];
    char hint[160] = "add, for example, files: { dict: words.txt } to the topology";
    struct conf_place place = conf_place_of(node);
    const char **names = calloc(NAMES_MAX + 1, sizeof(*names));
    snprintf(copy, sizeof(copy), "%.*s", (int)name_size, name);
    for (size_t i = 0; names != NULL && i < gale_conf_count(walk->files) && i < NAMES_MAX;
         i++) {
        names[i] = gale_conf_key(walk->files, i);
    }
    const char *nearest = names != NULL ? str_suggest(copy, names) : NULL;
    if (nearest != NULL) {
        snprintf(hint, sizeof(hint), "did you mean \"%.100s\"?", nearest);
    }
    diag_add(walk->load->diag, DIAG_SUBSTITUTION, place.file ? &place : NULL, hint,
             "${file.%.100s} names none of the topology's files", copy);
    free(names);
}

static void check_text(struct walk *walk, const struct gale_conf *node)
{
    const char *text = gale_conf_type(node) == GALE_STRING ? gale_conf_text(node) : NULL;
    const char *name = NULL;
    size_t name_size = 0;
    size_t size = 0;
    if (text == NULL || strstr(text, "${file.") == NULL) {
        return;
    }
    walk->escaped = walk->escaped || strstr(text, "$${file.") != NULL;
    for (text = locate_next(text, &name, &name_size, &size); text != NULL;
         text = locate_next(text + size, &name, &name_size, &size)) {
        char copy[128];
        struct conf_place place = conf_place_of(node);
        snprintf(copy, sizeof(copy), "%.*s", (int)name_size, name);
        if (!walk->in_options) {
            diag_add(walk->load->diag, DIAG_SUBSTITUTION, place.file ? &place : NULL,
                     "only options of components and conf may refer to files",
                     "${file.%.100s} has no meaning here", copy);
        } else if (gale_conf_get(walk->files, copy) == NULL) {
            report_unknown(walk, node, name, name_size);
        }
    }
}

/* Looks at every text below a node. */
static void check_below(struct walk *walk, const struct gale_conf *top)
{
    struct {
        const struct gale_conf *node;
        size_t next;
    } stack[CONF_DEPTH_MAX];
    size_t depth = 1;
    check_text(walk, top);
    stack[0].node = top;
    stack[0].next = 0;
    while (depth > 0) {
        if (stack[depth - 1].next >= gale_conf_count(stack[depth - 1].node)) {
            depth--;
            continue;
        }
        const struct gale_conf *child =
            gale_conf_at(stack[depth - 1].node, stack[depth - 1].next++);
        check_text(walk, child);
        if (gale_conf_count(child) > 0) {
            GALE_ASSERT(depth < CONF_DEPTH_MAX); /* conf.h bounds the depth of a tree. */
            stack[depth].node = child;
            stack[depth++].next = 0;
        }
    }
}

enum gale_err load_check_files(struct load *load, struct gale_conf *tree)
{
    struct walk walk = {.load = load, .files = gale_conf_get(tree, "files")};
    struct gale_conf *files = NULL;
    for (size_t i = 0; i < gale_conf_count(tree); i++) {
        const char *key = gale_conf_key(tree, i);
        walk.in_options =
            strcmp(key, "spouts") == 0 || strcmp(key, "bolts") == 0 || strcmp(key, "conf") == 0;
        check_below(&walk, gale_conf_at(tree, i));
    }
    if (walk.escaped && walk.files == NULL) {
        /* Only in a tree with `files` the escape has a meaning; see core/locate.h. */
        return conf_add_map(tree, "files", &files);
    }
    return GALE_OK;
}
