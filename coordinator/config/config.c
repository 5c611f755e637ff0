/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sources of settings in their order. Each source hands its texts to value_set, which checks
 * them and lets them replace what an earlier source said; so a wrong value is an error even where
 * a later source would have replaced it.
 */
#include "config/config.h"

#include "base/assert.h"
#include "base/str.h"
#include "config/config_value.h"
#include "topology/topology_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ETC_DEFAULT "/etc/gale"
#define VARIABLE_SIZE 64
#define FILES_ALL (CONFIG_FILES_MAX + 3) /* conf.d and the three others. */

struct config_value {
    char *text;   /* owned */
    char *origin; /* owned */
    char *parts;  /* owned: a list's parts, each NUL-terminated; NULL: no list */
    size_t parts_count;
    int64_t number;
    bool given;
};

struct config {
    struct config_value *values; /* as many as there are keys, in their order */
    char *files[FILES_ALL];
    size_t files_count;
};

/* One loading. */
struct loading {
    struct config *config;
    struct diag *diag;
    bool no_memory;
};

/* A text that a source gives for a key. */
struct given {
    const char *name; /* the key, as written */
    const char *text; /* its value */
    const char *origin;
    struct conf_place place;
    struct conf_place key_place;
};

static size_t key_index(const char *name)
{
    for (size_t i = 0; i < config_keys_count(); i++) {
        if (strcmp(config_key_at(i)->name, name) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

static const struct config_value *value_of(const struct config *config, const char *key)
{
    size_t index = key_index(key);
    GALE_ASSERT(index != SIZE_MAX);
    return &config->values[index];
}

static void value_fini(struct config_value *value)
{
    free(value->text);
    free(value->origin);
    free(value->parts);
    *value = (struct config_value){0};
}

/* Cuts a list's text at the commas. */
static bool value_split(struct config_value *value)
{
    value->parts = strdup(value->text);
    if (value->parts == NULL) {
        return false;
    }
    value->parts_count = *value->parts != '\0';
    for (char *at = value->parts; *at != '\0'; at++) {
        if (*at == ',') {
            *at = '\0';
            value->parts_count++;
            at++;
        }
    }
    return true;
}

static bool value_store(struct config_value *value, const struct config_key *key,
                        const struct config_parsed *parsed, const char *origin)
{
    value_fini(value);
    value->text = strdup(parsed->text);
    value->origin = strdup(origin);
    value->number = parsed->number;
    bool is_list = key->kind == CONFIG_LIST || key->kind == CONFIG_ENDPOINTS;
    return value->text != NULL && value->origin != NULL && (!is_list || value_split(value));
}

static void report_unknown(struct loading *loading, const struct given *given)
{
    char hint[160];
    const char *near = config_key_suggest(given->name);
    snprintf(hint, sizeof hint, near ? "did you mean \"%.100s\"?" : "%s",
             near ? near : "`gale config show` lists the keys");
    diag_add(loading->diag, DIAG_UNKNOWN_KEY, &given->key_place, hint,
             "there is no setting \"%.100s\"", given->name);
}

/* Checks a text and makes it the key's value. */
static void value_set(struct loading *loading, const struct given *given)
{
    struct config_parsed parsed;
    struct config_refusal refusal;
    size_t index = key_index(given->name);
    if (index == SIZE_MAX) {
        report_unknown(loading, given);
        return;
    }
    const struct config_key *key = config_key_at(index);
    if (!config_value_parse(key, given->text, &parsed, &refusal)) {
        diag_add(loading->diag, DIAG_BAD_VALUE, &given->place, refusal.hint, "%s \"%.100s\" %s",
                 key->name, given->text, refusal.text);
        return;
    }
    struct config_value *value = &loading->config->values[index];
    if (!value_store(value, key, &parsed, given->origin)) {
        loading->no_memory = true;
    }
    value->given = true;
}

/* ---- Built in ------------------------------------------------------------------------------- */

/* The host's name with what no name may hold left out. */
static void host_name(char *out, size_t size)
{
    char name[256] = "";
    struct config_parsed parsed;
    struct config_refusal refusal;
    if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0' ||
        !config_value_parse(config_key_find("supervisor.name"), name, &parsed, &refusal)) {
        str_copy(name, sizeof name, "localhost");
    }
    str_copy(out, size, name);
}

static void set_built_in(struct loading *loading)
{
    for (size_t i = 0; i < config_keys_count() && !loading->no_memory; i++) {
        const struct config_key *key = config_key_at(i);
        struct config_parsed parsed;
        struct config_refusal refusal;
        char name[CONFIG_VALUE_MAX];
        str_copy(name, sizeof name, key->fallback);
        const char *origin = "built in";
        if (key->kind == CONFIG_NAME) {
            host_name(name, sizeof name);
            origin = "host name";
        }
        bool valid = config_value_parse(key, name, &parsed, &refusal);
        GALE_ASSERT(valid);
        loading->no_memory = !value_store(&loading->config->values[i], key, &parsed, origin);
    }
}

/* ---- Files ---------------------------------------------------------------------------------- */

/* A text of comments and blank lines only: valid, and to the YAML reader no map. */
static bool is_blank(const char *text, size_t size)
{
    bool comment = false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n') {
            comment = false;
        } else if (text[i] == '#') {
            comment = true;
        } else if (!comment && text[i] != ' ' && text[i] != '\t' && text[i] != '\r') {
            return false;
        }
    }
    return true;
}

/* The elements of a list, joined by commas. False: reported. */
static bool join_list(struct loading *loading, const struct gale_conf *list, const char *name,
                      char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < gale_conf_count(list); i++) {
        const struct gale_conf *part = gale_conf_at(list, i);
        const char *text = gale_conf_text(part);
        struct conf_place place = conf_place_of(part);
        if (text == NULL || strchr(text, ',') != NULL || used + strlen(text) + 2 > size) {
            diag_add(loading->diag, DIAG_WRONG_TYPE, &place, "write host:port",
                     "a part of %s is no address", name);
            return false;
        }
        used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? "," : "", text);
    }
    return true;
}

/* A key of a file and its value. */
static void set_node(struct loading *loading, const char *name, const struct gale_conf *node)
{
    char joined[CONFIG_VALUE_MAX];
    char origin[PATH_MAX + 16];
    struct given given = {.name = name,
                          .text = gale_conf_text(node),
                          .origin = origin,
                          .place = conf_place_of(node),
                          .key_place = conf_key_place_of(node)};
    const struct config_key *key = config_key_find(name);
    enum gale_type type = gale_conf_type(node);
    if (key == NULL) {
        report_unknown(loading, &given);
        return;
    }
    if (type == GALE_NIL) {
        return;
    }
    bool is_list = key->kind == CONFIG_LIST || key->kind == CONFIG_ENDPOINTS;
    if (type == GALE_LIST && is_list) {
        if (!join_list(loading, node, name, joined, sizeof joined)) {
            return;
        }
        given.text = joined;
    } else if (type == GALE_LIST || type == GALE_MAP) {
        diag_add(loading->diag, DIAG_WRONG_TYPE, &given.place, "write a single value",
                 "%s is a %s", name, type == GALE_MAP ? "map" : "list");
        return;
    }
    snprintf(origin, sizeof origin, "%s:%u", given.key_place.file ? given.key_place.file : "",
             given.key_place.line);
    value_set(loading, &given);
}

/* Whether some key starts with "NAME.". */
static bool is_section(const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < config_keys_count(); i++) {
        const char *key = config_key_at(i)->name;
        if (strncmp(key, name, size) == 0 && key[size] == '.') {
            return true;
        }
    }
    return false;
}

static void set_tree(struct loading *loading, const struct gale_conf *tree)
{
    for (size_t i = 0; i < gale_conf_count(tree); i++) {
        const char *section = gale_conf_key(tree, i);
        const struct gale_conf *node = gale_conf_at(tree, i);
        if (is_section(section) && gale_conf_type(node) == GALE_NIL) {
            continue; /* all of its keys are commented out */
        }
        if (!is_section(section) || gale_conf_type(node) != GALE_MAP) {
            set_node(loading, section, node);
            continue;
        }
        for (size_t k = 0; k < gale_conf_count(node); k++) {
            char name[160];
            snprintf(name, sizeof name, "%.60s.%.90s", section, gale_conf_key(node, k));
            set_node(loading, name, gale_conf_at(node, k));
        }
    }
}

static void report_file(struct loading *loading, const char *path, const char *why)
{
    const struct conf_place place = {.file = path};
    diag_add(loading->diag, DIAG_INCLUDE, &place, NULL, "the configuration cannot be read: %s",
             why);
}

/* Reads a file whole. @return bytes; -1: absent or reported. */
static ssize_t read_file(struct loading *loading, const char *path, bool must, char *out,
                         size_t size)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        if (must || errno != ENOENT) {
            report_file(loading, path, strerror(errno));
        }
        return -1;
    }
    ssize_t got = -1;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        report_file(loading, path, "it is no regular file");
    } else if ((uintmax_t)info.st_size >= size) {
        report_file(loading, path, "it is larger than 64 KiB");
    } else {
        size_t used = 0;
        do {
            got = read(fd, out + used, size - used);
            used += got > 0 ? (size_t)got : 0;
        } while (got > 0 && used < size);
        if (got < 0) {
            report_file(loading, path, strerror(errno));
        }
        got = got < 0 ? -1 : (ssize_t)used;
    }
    close(fd);
    return got;
}

static void set_file(struct loading *loading, const char *path, bool must)
{
    struct config *config = loading->config;
    char *text = malloc(CONFIG_FILE_MAX);
    if (text == NULL) {
        loading->no_memory = true;
        return;
    }
    ssize_t size = read_file(loading, path, must, text, CONFIG_FILE_MAX);
    if (size >= 0) {
        GALE_ASSERT(config->files_count < FILES_ALL);
        char *copy = strdup(path);
        loading->no_memory = loading->no_memory || copy == NULL;
        if (copy != NULL) {
            config->files[config->files_count++] = copy;
        }
    }
    if (size >= 0 && !is_blank(text, (size_t)size)) {
        struct gale_conf *tree = NULL;
        enum gale_err err =
            topology_text_load(path, text, (size_t)size, NULL, loading->diag, &tree);
        loading->no_memory = loading->no_memory || err == GALE_ERR_NOMEM;
        if (tree != NULL) {
            set_tree(loading, tree);
        }
        conf_free(tree);
    }
    free(text);
}

static int is_yaml(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return entry->d_name[0] != '.' && dot != NULL && strcmp(dot, ".yaml") == 0;
}

/* The files of conf.d in the order of their names, whatever the locale is. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void set_folder(struct loading *loading, const char *folder)
{
    struct dirent **names = NULL;
    int count = scandir(folder, &names, is_yaml, by_name);
    if (count < 0 && errno != ENOENT) {
        report_file(loading, folder, strerror(errno));
    }
    if (count > CONFIG_FILES_MAX) {
        report_file(loading, folder, "it holds more than 64 files");
    }
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX + NAME_MAX + 2];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        if (i < CONFIG_FILES_MAX) {
            set_file(loading, path, true);
        }
        free(names[i]);
    }
    free(names);
}

static void set_files(struct loading *loading, const struct config_options *options)
{
    char path[PATH_MAX];
    const char *etc = options->etc != NULL ? options->etc : ETC_DEFAULT;
    snprintf(path, sizeof path, "%s/gale.yaml", etc);
    set_file(loading, path, false);
    snprintf(path, sizeof path, "%s/conf.d", etc);
    set_folder(loading, path);
    const char *user = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    if (user != NULL && user[0] == '/') {
        snprintf(path, sizeof path, "%s/gale/gale.yaml", user);
        set_file(loading, path, false);
    } else if (home != NULL && home[0] == '/') {
        snprintf(path, sizeof path, "%s/.config/gale/gale.yaml", home);
        set_file(loading, path, false);
    }
    const char *named = options->file != NULL ? options->file : getenv("GALE_CONFIG");
    if (named != NULL && *named != '\0') {
        set_file(loading, named, true);
    }
}

/* ---- Environment and command line ----------------------------------------------------------- */

/* GALE_SECTION_…: a setting, known or misspelt. Other names that start with GALE_ have nothing to
 * do with settings. */
static bool variable_is_setting(const char *name)
{
    for (size_t i = 0; i < config_keys_count(); i++) {
        char variable[VARIABLE_SIZE];
        config_key_variable(config_key_at(i), variable, sizeof variable);
        const char *key = config_key_at(i)->name;
        size_t section = strcspn(key, ".");
        if (key[section] == '.' &&
            strncmp(name, variable, sizeof "GALE_" - 1 + section + 1) == 0) {
            return true;
        }
    }
    return false;
}

static void report_variable(struct loading *loading, const char *name)
{
    char variables[64][VARIABLE_SIZE];
    const char *names[65] = {0};
    for (size_t i = 0; i < config_keys_count() && i < 64; i++) {
        config_key_variable(config_key_at(i), variables[i], VARIABLE_SIZE);
        names[i] = variables[i];
    }
    const char *near = str_suggest(name, names);
    char hint[160];
    snprintf(hint, sizeof hint, near ? "did you mean %.100s?" : "%s",
             near ? near : "`gale config show` lists the keys; unset it if it is not gale's");
    diag_add(loading->diag, DIAG_UNKNOWN_KEY, NULL, hint,
             "environment: %.100s is no setting of gale", name);
}

static void set_environment(struct loading *loading)
{
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
        char name[VARIABLE_SIZE];
        char variable[VARIABLE_SIZE];
        const char *equals = strchr(*entry, '=');
        if (strncmp(*entry, "GALE_", 5) != 0 || equals == NULL || equals[1] == '\0' ||
            (size_t)(equals - *entry) >= sizeof name) {
            continue;
        }
        memcpy(name, *entry, (size_t)(equals - *entry));
        name[equals - *entry] = '\0';
        const struct config_key *found = NULL;
        for (size_t i = 0; i < config_keys_count() && found == NULL; i++) {
            config_key_variable(config_key_at(i), variable, sizeof variable);
            found = strcmp(variable, name) == 0 ? config_key_at(i) : NULL;
        }
        if (found != NULL) {
            const struct given given = {.name = found->name,
                                        .text = equals + 1,
                                        .origin = name,
                                        .place = {.file = name},
                                        .key_place = {.file = name}};
            value_set(loading, &given);
        } else if (variable_is_setting(name)) {
            report_variable(loading, name);
        }
    }
}

static void set_flags(struct loading *loading, const struct config_options *options)
{
    for (size_t i = 0; i < options->flags_count; i++) {
        const struct config_flag *flag = &options->flags[i];
        char origin[96];
        GALE_ASSERT(config_key_find(flag->key) != NULL);
        if (flag->value == NULL) {
            continue;
        }
        snprintf(origin, sizeof origin, "flag --%s", flag->option);
        const char *option = origin + sizeof "flag " - 1;
        const struct given given = {.name = flag->key,
                                    .text = flag->value,
                                    .origin = origin,
                                    .place = {.file = option},
                                    .key_place = {.file = option}};
        value_set(loading, &given);
    }
}

/* ---- Public --------------------------------------------------------------------------------- */

enum gale_err config_load(const struct config_options *options, struct diag *diag,
                          struct config **out)
{
    *out = NULL;
    size_t errors_before = diag->errors_count;
    struct config *config = calloc(1, sizeof *config);
    if (config == NULL) {
        return GALE_ERR_NOMEM;
    }
    config->values = calloc(config_keys_count(), sizeof *config->values);
    struct loading loading = {
        .config = config, .diag = diag, .no_memory = config->values == NULL};
    if (!loading.no_memory) {
        set_built_in(&loading);
        set_files(&loading, options);
        set_environment(&loading);
        set_flags(&loading, options);
    }
    if (loading.no_memory || diag->errors_count > errors_before) {
        config_free(config);
        return loading.no_memory ? GALE_ERR_NOMEM : GALE_ERR_INVALID;
    }
    *out = config;
    return GALE_OK;
}

void config_free(struct config *config)
{
    if (config == NULL) {
        return;
    }
    for (size_t i = 0; config->values != NULL && i < config_keys_count(); i++) {
        value_fini(&config->values[i]);
    }
    for (size_t i = 0; i < config->files_count; i++) {
        free(config->files[i]);
    }
    free(config->values);
    free(config);
}

const char *config_text(const struct config *config, const char *key)
{
    return value_of(config, key)->text;
}

static int64_t number_of(const struct config *config, const char *key, enum config_kind kind)
{
    GALE_ASSERT(config_key_find(key)->kind == kind);
    return value_of(config, key)->number;
}

int64_t config_int(const struct config *config, const char *key)
{
    return number_of(config, key, CONFIG_INT);
}

int64_t config_duration_ms(const struct config *config, const char *key)
{
    return number_of(config, key, CONFIG_DURATION);
}

int64_t config_size(const struct config *config, const char *key)
{
    return number_of(config, key, CONFIG_SIZE);
}

bool config_bool(const struct config *config, const char *key)
{
    return number_of(config, key, CONFIG_BOOL) != 0;
}

size_t config_list_count(const struct config *config, const char *key)
{
    const struct config_value *value = value_of(config, key);
    GALE_ASSERT(value->parts != NULL);
    return value->parts_count;
}

const char *config_list_at(const struct config *config, const char *key, size_t index)
{
    const struct config_value *value = value_of(config, key);
    GALE_ASSERT(value->parts != NULL);
    if (index >= value->parts_count) {
        return NULL;
    }
    const char *part = value->parts;
    while (index-- > 0) {
        part += strlen(part) + 1;
    }
    return part;
}

const char *config_origin(const struct config *config, const char *key)
{
    return value_of(config, key)->origin;
}

bool config_given(const struct config *config, const char *key)
{
    return value_of(config, key)->given;
}

const char *config_file_at(const struct config *config, size_t index)
{
    return index < config->files_count ? config->files[index] : NULL;
}
