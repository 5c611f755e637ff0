/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bolt `exclaim` (a word comes in, the word with "!!!" goes out), and the topology of
 * exclamation.yaml once more, built in C. No state; nothing here is shared between threads.
 */
#include <gale/gale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 250
#define MODULE_PATH_MAX 4096

static enum gale_err exclaim_execute(void *state, struct gale_task *task,
                                     const struct gale_tuple *tuple)
{
    (void)state;
    char text[WORD_MAX + 4];
    struct gale_slice word = gale_tuple_string(tuple, 0);
    if (word.size > WORD_MAX) {
        gale_task_error(task, "a word of %zu bytes, allowed are %d: left out", word.size,
                        WORD_MAX);
        return GALE_OK;
    }
    int size = snprintf(text, sizeof(text), "%.*s!!!", (int)word.size, word.data);
    gale_put_string(gale_begin(task), text, (size_t)size);
    return gale_emit(task, 0);
}

static const struct gale_bolt_ops exclaim = {GALE_BOLT_HEAD, .name = "exclaim",
                                             .fields = "word", .execute = exclaim_execute};

/* Text of an environment variable, as ${name:-fallback} in the YAML file. */
static const char *setting(const char *name, const char *fallback)
{
    const char *text = getenv(name);
    return text != NULL && *text != '\0' ? text : fallback;
}

static enum gale_err add_exclaim(struct gale_topology *topology, const char *id,
                                 const char *parallelism, const char *source)
{
    char path[MODULE_PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/libexclaim.so", setting("lib", "."));
    struct gale_component *bolt = gale_topology_bolt(topology, id, "exclaim");
    if (bolt == NULL || gale_component_module(bolt, path, "exclaim") != GALE_OK ||
        gale_component_set(bolt, "parallelism", parallelism) != GALE_OK) {
        return GALE_ERR_NOMEM;
    }
    return gale_component_from(bolt, source, "shuffle");
}

static enum gale_err build_exclamation(struct gale_topology *topology)
{
    static const char *const words[] = {"nathan", "mike", "jackson", "golda", "bertels"};
    struct gale_component *word = gale_topology_spout(topology, "word", "generator");
    if (word == NULL || gale_topology_set(topology, "workers", setting("workers", "2")) ||
        gale_component_set(word, "field", "word") ||
        gale_component_set(word, "count", setting("count", "20")) ||
        gale_component_set(word, "seed", setting("seed", "1"))) {
        return GALE_ERR_NOMEM;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (gale_component_append(word, "sentences", words[i])) {
            return GALE_ERR_NOMEM;
        }
    }
    if (add_exclaim(topology, "exclaim1", "3", "word") ||
        add_exclaim(topology, "exclaim2", "2", "exclaim1")) {
        return GALE_ERR_NOMEM;
    }
    struct gale_component *print = gale_topology_bolt(topology, "print", "print");
    return print != NULL ? gale_component_from(print, "exclaim2", "global") : GALE_ERR_NOMEM;
}

static const struct gale_topology_source exclamation = {"exclamation", build_exclamation};
static const struct gale_bolt_ops *const bolts[] = {&exclaim, NULL};
static const struct gale_topology_source *const topologies[] = {&exclamation, NULL};
GALE_MODULE(.bolts = bolts, .topologies = topologies);
