/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C builder of gale/topology.h. It writes the tree that a topology file would give and checks
 * nothing but repeated names: all checks are the plan's, so that file and builder cannot differ.
 *
 * Nodes keep their address as long as they are in the tree, so components point at their maps;
 * what replaces a node forgets the pointers to it. Not thread-safe.
 */
#include "base/conf.h"
#include <gale/topology.h>

#include <stdlib.h>
#include <string.h>

struct gale_component {
    struct gale_component *next;
    struct gale_topology *topology;
    struct gale_conf *map;  /* its options; owned by the tree */
    struct gale_conf *from; /* its list of inputs, NULL before the first */
    const char *kind;       /* "spout" or "bolt": the key beside `module` */
};

/* A list option that gale_component_append made, to be found again for the next element. */
struct list_option {
    struct list_option *next;
    const struct gale_component *component;
    struct gale_conf *list;
    char key[]; /* NUL-terminated */
};

struct gale_topology {
    struct gale_conf *root;
    struct gale_conf *spouts; /* NULL before the first */
    struct gale_conf *bolts;
    struct gale_component *components;
    struct list_option *lists;
};

struct gale_topology *gale_topology_new(const char *name)
{
    struct gale_topology *topology = calloc(1, sizeof(*topology));
    if (topology == NULL) {
        return NULL;
    }
    topology->root = conf_new();
    if (topology->root == NULL ||
        conf_add_scalar(topology->root, "name", name, true, NULL) != GALE_OK) {
        gale_topology_free(topology);
        return NULL;
    }
    return topology;
}

void gale_topology_free(struct gale_topology *topology)
{
    if (topology == NULL) {
        return;
    }
    while (topology->components != NULL) {
        struct gale_component *component = topology->components;
        topology->components = component->next;
        free(component);
    }
    while (topology->lists != NULL) {
        struct list_option *list = topology->lists;
        topology->lists = list->next;
        free(list);
    }
    conf_free(topology->root);
    free(topology);
}

/* The last setting of a key wins; its position becomes the last one. */
static enum gale_err scalar_set(struct gale_conf *map, const char *key, const char *value)
{
    conf_remove(map, key);
    return conf_add_scalar(map, key, value, false, NULL);
}

/* A name stays a text, also where a file would need quotes: the bolt "null". */
static enum gale_err name_set(struct gale_conf *map, const char *key, const char *name)
{
    conf_remove(map, key);
    return conf_add_scalar(map, key, name, true, NULL);
}

enum gale_err gale_topology_set(struct gale_topology *topology, const char *key,
                                const char *value)
{
    /* The components' maps are made by gale_topology_spout and _bolt and must outlive this. */
    if (strcmp(key, "spouts") == 0 || strcmp(key, "bolts") == 0) {
        return GALE_ERR_INVALID;
    }
    return scalar_set(topology->root, key, value);
}

static struct gale_component *component_add(struct gale_topology *topology, const char *section,
                                            struct gale_conf **map, const char *id)
{
    if (gale_conf_get(topology->spouts, id) != NULL ||
        gale_conf_get(topology->bolts, id) != NULL) {
        return NULL;
    }
    if (*map == NULL && conf_add_map(topology->root, section, map) != GALE_OK) {
        return NULL;
    }
    struct gale_component *component = calloc(1, sizeof(*component));
    if (component == NULL) {
        return NULL;
    }
    if (conf_add_map(*map, id, &component->map) != GALE_OK) {
        free(component);
        return NULL;
    }
    component->topology = topology;
    component->kind = map == &topology->spouts ? "spout" : "bolt";
    component->next = topology->components;
    topology->components = component;
    return component;
}

struct gale_component *gale_topology_spout(struct gale_topology *topology, const char *id,
                                           const char *type)
{
    struct gale_component *component = component_add(topology, "spouts", &topology->spouts, id);
    if (component == NULL || name_set(component->map, "type", type) != GALE_OK) {
        return NULL;
    }
    return component;
}

struct gale_component *gale_topology_bolt(struct gale_topology *topology, const char *id,
                                          const char *type)
{
    struct gale_component *component = component_add(topology, "bolts", &topology->bolts, id);
    if (component == NULL || name_set(component->map, "type", type) != GALE_OK) {
        return NULL;
    }
    return component;
}

enum gale_err gale_component_module(struct gale_component *component, const char *path,
                                    const char *name)
{
    conf_remove(component->map, "type");
    enum gale_err err = name_set(component->map, "module", path);
    return err == GALE_OK ? name_set(component->map, component->kind, name) : err;
}

static struct list_option **list_find(const struct gale_component *component, const char *key)
{
    struct list_option **at = &component->topology->lists;
    while (*at != NULL && ((*at)->component != component || strcmp((*at)->key, key) != 0)) {
        at = &(*at)->next;
    }
    return at;
}

/* A replaced list is gone from the tree: forget the pointer to it. */
static void list_forget(const struct gale_component *component, const char *key)
{
    struct list_option **at = list_find(component, key);
    if (*at != NULL) {
        struct list_option *list = *at;
        *at = list->next;
        free(list);
    }
}

enum gale_err gale_component_set(struct gale_component *component, const char *key,
                                 const char *value)
{
    list_forget(component, key);
    if (strcmp(key, "from") == 0) {
        component->from = NULL;
    }
    return scalar_set(component->map, key, value);
}

enum gale_err gale_component_append(struct gale_component *component, const char *key,
                                    const char *value)
{
    struct list_option *list = *list_find(component, key);
    if (list == NULL) {
        size_t size = strlen(key) + 1;
        list = calloc(1, sizeof(*list) + size);
        if (list == NULL) {
            return GALE_ERR_NOMEM;
        }
        memcpy(list->key, key, size);
        list->component = component;
        conf_remove(component->map, key);
        enum gale_err err = conf_add_list(component->map, key, &list->list);
        if (err != GALE_OK) {
            free(list);
            return err;
        }
        list->next = component->topology->lists;
        component->topology->lists = list;
    }
    return conf_add_scalar(list->list, NULL, value, false, NULL);
}

/* One more entry of `from`: a map to be filled with SOURCE: GROUPING. */
static enum gale_err input_add(struct gale_component *component, struct gale_conf **entry)
{
    if (component->from == NULL) {
        list_forget(component, "from");
        conf_remove(component->map, "from");
        enum gale_err err = conf_add_list(component->map, "from", &component->from);
        if (err != GALE_OK) {
            return err;
        }
    }
    return conf_add_map(component->from, NULL, entry);
}

enum gale_err gale_component_from(struct gale_component *component, const char *source,
                                  const char *grouping)
{
    struct gale_conf *entry = NULL;
    enum gale_err err = input_add(component, &entry);
    return err == GALE_OK ? conf_add_scalar(entry, source, grouping, true, NULL) : err;
}

enum gale_err gale_component_from_fields(struct gale_component *component, const char *source,
                                         const char *grouping, const char *fields)
{
    struct gale_conf *entry = NULL;
    struct gale_conf *named = NULL;
    struct gale_conf *list = NULL;
    char *copy = strdup(fields);
    enum gale_err err = copy != NULL ? input_add(component, &entry) : GALE_ERR_NOMEM;
    if (err == GALE_OK) {
        err = conf_add_map(entry, source, &named);
    }
    if (err == GALE_OK) {
        err = conf_add_list(named, grouping, &list);
    }
    char *rest = copy;
    char *field = NULL;
    while (err == GALE_OK && (field = strsep(&rest, ",")) != NULL) {
        field += strspn(field, " ");
        field[strcspn(field, " ")] = '\0';
        if (*field != '\0') {
            err = conf_add_scalar(list, NULL, field, true, NULL);
        }
    }
    free(copy);
    return err;
}

enum gale_err gale_component_from_custom(struct gale_component *component, const char *source,
                                         const char *path, const char *name)
{
    struct gale_conf *entry = NULL;
    struct gale_conf *named = NULL;
    struct gale_conf *custom = NULL;
    enum gale_err err = input_add(component, &entry);
    if (err == GALE_OK) {
        err = conf_add_map(entry, source, &named);
    }
    if (err == GALE_OK) {
        err = conf_add_map(named, "custom", &custom);
    }
    if (err == GALE_OK) {
        err = conf_add_scalar(custom, "module", path, true, NULL);
    }
    return err == GALE_OK ? conf_add_scalar(custom, "grouping", name, true, NULL) : err;
}

const struct gale_conf *gale_topology_conf(const struct gale_topology *topology)
{
    return topology->root;
}
