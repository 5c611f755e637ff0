/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gale new KIND NAME: writes a directory that builds, tests and runs as it stands. Never
 * overwrites: the directory is made here or the command fails; what was written of a failed try
 * is removed again.
 */
#include "base/buf.h"
#include "base/conf.h"
#include "base/str.h"
#include "cli/json_writer.h"
#include "cli/skeleton.h"
#include "cli/toolkit.h"
#include "cli/verbs.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NEW_NAME_SIZE = 65, NEW_QUOTED_SIZE = 72, NEW_TEXT_MAX = 1 << 20, NEW_FILES_MAX = 16 };

static const char demo_suffix[] = "-demo";

struct filling {
    char name[NEW_NAME_SIZE];
    char id[NEW_NAME_SIZE];     /* in C */
    char yaml[NEW_QUOTED_SIZE]; /* in a topology file: quoted where it would be no text */
    char demo[NEW_NAME_SIZE];   /* the topology that shows it */
    const char *source, *sink;  /* the other components there */
    struct toolkit toolkit;
};

/* Appends text with every @WORD@ that is known filled in. */
static enum gale_err fill(const struct filling *filling, const char *text, struct buf *out)
{
    const struct {
        const char *mark;
        const char *value;
    } places[] = {
        {"@NAME@", filling->name},
        {"@ID@", filling->id},
        {"@YAML@", filling->yaml},
        {"@DEMO@", filling->demo},
        {"@SOURCE@", filling->source},
        {"@SINK@", filling->sink},
        {"@BINARY@", filling->toolkit.binary},
        {"@INCLUDE@", filling->toolkit.include},
        {"@LIBRARY@", filling->toolkit.library},
        {"@BENCH@", filling->toolkit.bench},
    };
    enum gale_err err = GALE_OK;
    while (*text != '\0' && err == GALE_OK) {
        size_t plain = strcspn(text, "@");
        err = buf_append(out, text, plain);
        text += plain;
        if (*text == '\0' || err != GALE_OK) {
            break;
        }
        const char *value = NULL;
        for (size_t i = 0; i < sizeof places / sizeof places[0] && value == NULL; i++) {
            size_t length = strlen(places[i].mark);
            if (strncmp(text, places[i].mark, length) == 0) {
                value = places[i].value;
                text += length;
            }
        }
        err =
            value != NULL ? buf_append(out, value, strlen(value)) : buf_append(out, text++, 1);
    }
    return err;
}

static int write_file(const struct invocation *call, int directory, const char *path,
                      const struct buf *text)
{
    int fd =
        openat(directory, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    size_t done = 0;
    while (fd >= 0 && done < text->size) {
        ssize_t size = write(fd, text->data + done, text->size - done);
        if (size < 0 && errno != EINTR) {
            break;
        }
        done += size > 0 ? (size_t)size : 0;
    }
    int error = errno;
    if (fd >= 0 && close(fd) == 0 && done == text->size) {
        return EXIT_DONE;
    }
    return output_fail(call->json, error == EEXIST ? EXIT_CANT_CREATE : EXIT_IO,
                       "choose another --dir", "cannot write %s: %s", path, strerror(error));
}

/* Writes the files of a skeleton; names (filled) of those written are kept for report and undo. */
static int write_all(const struct invocation *call, const struct skeleton *skeleton,
                     const struct filling *filling, int directory, struct buf *names)
{
    int code = EXIT_DONE;
    for (size_t i = 0; i < skeleton->files_count && code == EXIT_DONE; i++) {
        struct buf text;
        buf_init(&text, NEW_TEXT_MAX);
        buf_clear(&names[i]);
        if (fill(filling, skeleton->files[i].path, &names[i]) != GALE_OK ||
            buf_append(&names[i], "", 1) != GALE_OK ||
            fill(filling, skeleton->files[i].text, &text) != GALE_OK) {
            code = output_fail(call->json, EXIT_INTERNAL, NULL, "out of memory");
        } else {
            code = write_file(call, directory, (const char *)names[i].data, &text);
        }
        buf_fini(&text);
    }
    return code;
}

static void report(const struct invocation *call, const struct skeleton *skeleton,
                   const struct buf *names, const char *path, const char *name)
{
    if (call->json) {
        struct jsonw json;
        jsonw_init(&json, stdout);
        jsonw_open_object(&json, NULL);
        jsonw_int(&json, "schema", 1);
        jsonw_string(&json, "kind", skeleton->kind);
        jsonw_string(&json, "name", name);
        jsonw_string(&json, "directory", path);
        jsonw_open_list(&json, "files");
        for (size_t i = 0; i < skeleton->files_count; i++) {
            jsonw_string(&json, NULL, (const char *)names[i].data);
        }
        jsonw_close_list(&json);
        jsonw_close_object(&json);
        jsonw_end(&json);
        return;
    }
    for (size_t i = 0; i < skeleton->files_count; i++) {
        printf("%s/%s\n", path, (const char *)names[i].data);
    }
    if (!call->quiet) {
        fprintf(stderr, "next: cd %s && make && make test && gale run %s.yaml\n", path, name);
    }
}

static int create(const struct invocation *call, const struct skeleton *skeleton,
                  const struct filling *filling, const char *path)
{
    struct buf names[NEW_FILES_MAX];
    if (mkdir(path, 0777) != 0) {
        return output_fail(call->json,
                           errno == EEXIST   ? EXIT_CANT_CREATE
                           : errno == EACCES ? EXIT_DENIED
                                             : EXIT_IO,
                           errno == EEXIST
                               ? "choose another name or --dir; nothing is overwritten"
                               : "choose another --dir",
                           "cannot make the directory %s: %s", path, strerror(errno));
    }
    for (size_t i = 0; i < NEW_FILES_MAX; i++) {
        buf_init(&names[i], NEW_TEXT_MAX);
    }
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int code = directory < 0 ? output_fail(call->json, EXIT_IO, NULL, "cannot open %s: %s",
                                           path, strerror(errno))
                             : write_all(call, skeleton, filling, directory, names);
    if (code == EXIT_DONE) {
        report(call, skeleton, names, path, filling->name);
    } else {
        for (size_t i = 0; directory >= 0 && i < NEW_FILES_MAX; i++) {
            if (names[i].size > 0) {
                (void)unlinkat(directory, (const char *)names[i].data, 0);
            }
        }
        (void)rmdir(path);
    }
    for (size_t i = 0; i < NEW_FILES_MAX; i++) {
        buf_fini(&names[i]);
    }
    if (directory >= 0) {
        close(directory);
    }
    return code;
}

/* Whether an unquoted name in a topology file is a text, and not null or true. */
static bool is_plain_text(const char *name)
{
    struct gale_conf *conf = conf_new();
    bool plain = conf != NULL && conf_add_scalar(conf, "name", name, false, NULL) == GALE_OK &&
                 gale_conf_type(gale_conf_get(conf, "name")) == GALE_STRING;
    conf_free(conf);
    return plain;
}

/* All forms of a good name, and names for its company that are not the same. */
static void filling_names(struct filling *filling, const char *name)
{
    const char *quote = is_plain_text(name) ? "" : "\"";
    (void)str_copy(filling->name, sizeof filling->name, name);
    (void)str_copy(filling->id, sizeof filling->id, name);
    for (char *at = filling->id; *at != '\0'; at++) {
        *at = *at == '-' ? '_' : *at;
    }
    snprintf(filling->yaml, sizeof filling->yaml, "%s%s%s", quote, name, quote);
    snprintf(filling->demo, sizeof filling->demo, "%.*s%s",
             (int)(sizeof filling->demo - sizeof demo_suffix), name, demo_suffix);
    filling->source = strcmp(name, "sentences") == 0 ? "source" : "sentences";
    filling->sink = strcmp(name, "out") == 0 ? "sink" : "out";
}

static int run(const struct invocation *call)
{
    static struct filling filling;
    const char *kind = call->args[0];
    const char *name = call->args[1];
    const struct skeleton *skeleton = NULL;
    for (size_t i = 0; i < skeletons_count; i++) {
        if (strcmp(skeletons[i].kind, kind) == 0) {
            skeleton = &skeletons[i];
        }
    }
    if (skeleton == NULL) {
        return output_fail(call->json, EXIT_USAGE, "use bolt, spout or topology",
                           "gale cannot make a new \"%s\"", kind);
    }
    if (!str_is_name(name) || !isalpha((unsigned char)name[0])) {
        return output_fail(call->json, EXIT_USAGE,
                           "use a letter, then letters, digits, \"-\" and \"_\", 64 at most",
                           "\"%s\" cannot be a component's name", name);
    }
    filling_names(&filling, name);
    bool found = toolkit_find(&filling.toolkit);
    if (!found && strcmp(kind, "topology") != 0 && !call->quiet && !call->json) {
        fprintf(stderr, "note: no headers and library beside this gale; the Makefile needs "
                        "pkg-config to know gale\n");
    }
    char path[PATH_MAX];
    const char *base = options_value(call, "dir");
    int size = base != NULL ? snprintf(path, sizeof path, "%s/%s", base, name)
                            : snprintf(path, sizeof path, "%s", name);
    if (size < 0 || (size_t)size >= sizeof path) {
        return output_fail(call->json, EXIT_USAGE, "choose a shorter --dir", "path too long");
    }
    return create(call, skeleton, &filling, path);
}

static const struct option_spec new_options[] = {
    {"dir", 0, "DIR", "DIR", "Where the new directory NAME is made; default: here."},
    {NULL, 0, NULL, NULL, NULL},
};

const struct verb_spec verb_new = {
    .name = "new",
    .arguments = "bolt|spout|topology NAME",
    .summary = "Writes a bolt, spout or topology that builds, tests and runs as it stands.",
    .examples = {"gale new bolt upper", "gale new topology hello --dir ~/streams"},
    .completes = "bolt|spout|topology",
    .options = new_options,
    .args_min = 2,
    .args_max = 2,
    .run = run,
};
