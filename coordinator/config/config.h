/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of this machine's gale: one table of keys, one value for each, and where it came
 * from. A later source wins over an earlier one: built in, /etc/gale/gale.yaml, /etc/gale/conf.d/
 * *.yaml (by name), ~/.config/gale/gale.yaml, the file of --config, GALE_* of the environment, the
 * command line. docs/cluster.md is the user's view.
 *
 * Invariants: every key has a value that was checked against its kind and bounds; what is not a key
 * is an error with the nearest one. A configuration does not change after config_load and may be
 * read from any thread. It is no place for secrets (they are files that a key names) and knows
 * nothing of topologies.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "core/diag.h"

#include <limits.h>

#define CONFIG_VALUE_MAX 1024 /* Bytes of one value with its NUL. */
#define CONFIG_FILE_MAX 65536 /* Bytes of one file. */
#define CONFIG_FILES_MAX 64   /* Files of conf.d. */
#define CONFIG_PARTS_MAX 32   /* Parts of a list. */

struct config;

/* What a value is. */
enum config_kind {
    CONFIG_TEXT,
    CONFIG_LIST,      /* comma-separated; in a file also a list */
    CONFIG_ENDPOINTS, /* a list of CONFIG_ENDPOINT */
    CONFIG_INT,
    CONFIG_DURATION,
    CONFIG_SIZE,
    CONFIG_BOOL,
    CONFIG_NAME,     /* [A-Za-z0-9._-], 1 to 64 characters */
    CONFIG_ENDPOINT, /* tcp://ADDRESS:PORT (port * = any) or ipc://PATH; "tcp://" may be left out */
    CONFIG_PATH,
    CONFIG_LEVEL /* debug, info, warn, error */
};

/* One key. The strings are static. */
struct config_key {
    const char *name; /* "coordinator.listen" */
    enum config_kind kind;
    const char *fallback; /* built in; "" = not set */
    int64_t min, max;     /* of CONFIG_INT, CONFIG_DURATION (ms) and CONFIG_SIZE */
    const char *help;     /* one sentence */
};

/* A value from the command line. */
struct config_flag {
    const char *key;    /* "zookeeper.servers" */
    const char *value;  /* NULL: was not given, counts as absent */
    const char *option; /* its long form without dashes, "zookeeper" */
};

struct config_options {
    const char *file; /* of --config; NULL: GALE_CONFIG, or none */
    const struct config_flag *flags;
    size_t flags_count;
    const char *etc; /* instead of /etc/gale (tests); NULL: /etc/gale */
};

/**
 * Reads all sources.
 * @param diag receives every error with its place; render it with diag_render.
 * @param out freed with config_free.
 * @return GALE_OK; GALE_ERR_INVALID with errors in diag (also for a --config file that cannot be
 * read) and *out NULL; GALE_ERR_NOMEM. A file of the other places that does not exist is none.
 * Blocks on files; reads the environment and the host's name.
 */
enum gale_err config_load(const struct config_options *options, struct diag *diag,
                          struct config **out);
/** NULL is nothing. */
void config_free(struct config *config);

/* A key that is not in the table is a programmer error. The texts live as long as the
 * configuration. */

/** Any value as text; "" = not set. A list is comma-separated, without blanks. */
const char *config_text(const struct config *config, const char *key);
/** Value of a CONFIG_INT. */
int64_t config_int(const struct config *config, const char *key);
/** Value of a CONFIG_DURATION in milliseconds. */
int64_t config_duration_ms(const struct config *config, const char *key);
/** Value of a CONFIG_SIZE in bytes. */
int64_t config_size(const struct config *config, const char *key);
/** Value of a CONFIG_BOOL. */
bool config_bool(const struct config *config, const char *key);
/** Number of parts of a CONFIG_LIST or CONFIG_ENDPOINTS; 0 = not set. */
size_t config_list_count(const struct config *config, const char *key);
/** One part of such a list; NULL behind the last. */
const char *config_list_at(const struct config *config, const char *key, size_t index);
/** Where the value came from: "flag --zookeeper", "GALE_ZOOKEEPER_SERVERS", "/etc/gale/gale.yaml:3",
 *  "built in". */
const char *config_origin(const struct config *config, const char *key);
/** Whether any source but the built-in one gave the value. */
bool config_given(const struct config *config, const char *key);

/** Number of keys. */
size_t config_keys_count(void);
/** Key by position in the order of the table. */
const struct config_key *config_key_at(size_t index);
/** Key by name, or NULL. */
const struct config_key *config_key_find(const char *name);
/** The nearest key to a misspelt one, or NULL. */
const char *config_key_suggest(const char *name);
/** Name of the environment variable of a key: "GALE_COORDINATOR_LISTEN". @param size ≥ 64. */
void config_key_variable(const struct config_key *key, char *out, size_t size);

/** A file that was read (its path), by position; NULL behind the last. */
const char *config_file_at(const struct config *config, size_t index);

#endif
