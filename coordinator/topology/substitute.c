/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Substitution in scalars: ${NAME}, ${NAME:-default}, and $${ for a literal ${. Values come from
 * -D first, then from the environment, and are not substituted again, so nothing can loop.
 * ${file.NAME} is left as it is, and so is its escape: files.c.
 *
 * The mask: in a YAML flow collection "{ workers: ${workers} }" the inner brace would open a map.
 * Before YAML sees the text, the characters { } [ ] and , inside a ${…} on one line become
 * private-use characters U+E000 + code: one character for one, so that columns stay true. A text
 * that holds such characters already is left unmasked and may use ${…} in block style only.
 */
#include "topology/substitute.h"

#include "base/str.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_SIZE_MAX 128
#define CANDIDATES_MAX 1024
#define MASKED_SIZE 3

static const char masked_characters[] = "{}[],";
static const char file_prefix[] = "file.";

static bool is_name_character(char c, bool first)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    return letter || (!first && ((c >= '0' && c <= '9') || c == '.' || c == '-'));
}

/* Length of the name at text; a '-' or '.' may be inside, "${a.b:-1}". 0: none. */
static size_t name_size(const char *text)
{
    size_t size = 0;
    while (is_name_character(text[size], size == 0)) {
        size++;
    }
    return size;
}

/* Nearest known name: of the -D keys first, they are fewer and more likely meant. */
static bool suggest(const struct load *load, const char *name, char *hint, size_t hint_size)
{
    const char **names = calloc(CANDIDATES_MAX + 1, sizeof(char *));
    if (!names) {
        return false;
    }
    size_t count = 0;
    for (size_t i = 0; i < load->defines_count && count < CANDIDATES_MAX; i++) {
        names[count++] = load->defines[i].key;
    }
    const char *found = str_suggest(name, names);
    char copy[NAME_SIZE_MAX];
    copy[0] = '\0';
    for (char **entry = environ; !found && entry && *entry; entry++) {
        const char *equals = strchr(*entry, '=');
        size_t size = equals ? (size_t)(equals - *entry) : 0;
        if (size == 0 || size >= sizeof copy) {
            continue;
        }
        memcpy(copy, *entry, size);
        copy[size] = '\0';
        const char *const one[] = {copy, NULL};
        found = str_suggest(name, one);
    }
    if (found) {
        struct buf out;
        buf_init(&out, 0);
        if (buf_printf(&out, "did you mean \"%s\"?", found) == GALE_OK) {
            str_copy(hint, hint_size, (const char *)out.data);
        }
        buf_fini(&out);
    }
    free((void *)names);
    return found != NULL;
}

static void report_malformed(struct load *load, const struct conf_place *place)
{
    diag_add(load->diag, DIAG_SUBSTITUTION, place,
             "write $${ for the two characters themselves",
             "\"${\" is not followed by NAME} or NAME:-default}");
    load->broken = true;
}

static void report_missing(struct load *load, const struct conf_place *place, const char *name)
{
    char hint[160];
    if (!suggest(load, name, hint, sizeof hint)) {
        str_copy(hint, sizeof hint, "give it with -D NAME=value or write ${NAME:-default}");
    }
    diag_add(load->diag, DIAG_SUBSTITUTION, place, hint,
             "${%s} has no value: neither -D nor the environment sets it", name);
    load->broken = true;
}

/* Appends the value of the reference at text ("${…"). @return bytes of the reference, 0 when it
 * was reported or, with *err, failed. */
static size_t substitute_one(struct load *load, const struct conf_place *place,
                             const char *text, struct buf *out, enum gale_err *err)
{
    const char *name = text + 2;
    size_t size = name_size(name);
    const char *behind = name + size;
    bool has_default = strncmp(behind, ":-", 2) == 0;
    const char *fallback = has_default ? behind + 2 : behind;
    const char *end = has_default ? strchr(fallback, '}') : behind;
    struct load_define *define = load_define_find(load, name, size);
    bool is_file = !define && strncmp(name, file_prefix, strlen(file_prefix)) == 0;
    const char *file = name + strlen(file_prefix);
    bool bad_file = is_file && (has_default || file == behind ||
                                memchr(file, '.', (size_t)(behind - file)) != NULL);
    if (size == 0 || size >= NAME_SIZE_MAX || !end || *end != '}' || bad_file) {
        report_malformed(load, place);
        return 0;
    }
    if (is_file) {
        /* Stays for core/locate.h: the path is another on each host. */
        *err = buf_append(out, text, (size_t)(end + 1 - text));
        return *err ? 0 : (size_t)(end + 1 - text);
    }
    char copy[NAME_SIZE_MAX];
    memcpy(copy, name, size);
    copy[size] = '\0';
    const char *value = define ? define->value : getenv(copy);
    if (define) {
        define->used = true;
    }
    size_t value_size = value ? strlen(value) : 0;
    if (!value && has_default) {
        value = fallback;
        value_size = (size_t)(end - fallback);
    }
    if (!value) {
        report_missing(load, place, copy);
        return 0;
    }
    load->substituted_size += value_size;
    if (load->substituted_size > TOPOLOGY_SUBSTITUTED_SIZE_MAX) {
        /* Only the first one over the limit is said. */
        if (load->substituted_size - value_size <= TOPOLOGY_SUBSTITUTED_SIZE_MAX) {
            diag_add(load->diag, DIAG_LIMIT, place, "use shorter values",
                     "substitution makes more than %zu bytes", TOPOLOGY_SUBSTITUTED_SIZE_MAX);
        }
        load->broken = true;
        return 0;
    }
    *err = buf_append(out, value, value_size);
    return *err ? 0 : (size_t)(end + 1 - text);
}

enum gale_err substitute_text(struct load *load, const struct conf_place *place,
                              const char *text, struct buf *out)
{
    buf_clear(out);
    const char *at = text;
    enum gale_err err = GALE_OK;
    while (!err) {
        const char *dollar = strchr(at, '$');
        size_t plain_size = dollar ? (size_t)(dollar - at) : strlen(at);
        err = buf_append(out, at, plain_size);
        if (err || !dollar) {
            break;
        }
        at = dollar;
        if (strncmp(at, "$${", 3) == 0) {
            /* What could be taken for a reference to a file keeps its escape until then. */
            bool is_file = strncmp(at + 3, file_prefix, strlen(file_prefix)) == 0;
            err = buf_append(out, is_file ? "$${" : "${", is_file ? 3 : 2);
            at += 3;
        } else if (strncmp(at, "${", 2) == 0) {
            size_t taken = substitute_one(load, place, at, out, &err);
            if (taken == 0 && !err) {
                buf_clear(out);
                err = buf_append(out, text, strlen(text));
                break;
            }
            at += taken;
        } else {
            err = buf_append(out, at, 1);
            at++;
        }
    }
    if (!err) {
        err = buf_reserve(out, 1);
    }
    if (!err) {
        out->data[out->size] = '\0';
    }
    /* The values were bounded above, so a full buffer can only mean a lack of memory. */
    return err ? GALE_ERR_NOMEM : GALE_OK;
}

/* U+E000 + c in UTF-8. */
static void masked_form(char c, char out[MASKED_SIZE])
{
    unsigned code = 0xe000u + (unsigned char)c;
    out[0] = (char)(0xe0u | (code >> 12));
    out[1] = (char)(0x80u | ((code >> 6) & 0x3fu));
    out[2] = (char)(0x80u | (code & 0x3fu));
}

/* The character that the bytes at text stand for, 0 when they are no masked form. */
static char unmasked(const char *text, size_t size)
{
    for (const char *c = masked_characters; *c && size >= MASKED_SIZE; c++) {
        char form[MASKED_SIZE];
        masked_form(*c, form);
        if (memcmp(text, form, MASKED_SIZE) == 0) {
            return *c;
        }
    }
    return '\0';
}

static bool has_masked_form(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] == 0xee && unmasked(text + i, size - i)) {
            return true;
        }
    }
    return false;
}

/* Bytes from "${" to its "}" on the same line, both included; 0 when there is none. */
static size_t reference_size(const char *text, size_t size)
{
    if (size < 3 || text[0] != '$' || text[1] != '{') {
        return 0;
    }
    for (size_t i = 2; i < size && text[i] != '\n' && text[i] != '\r'; i++) {
        if (text[i] == '}') {
            return i + 1;
        }
    }
    return 0;
}

enum gale_err substitute_mask(const char *text, size_t size, struct buf *out)
{
    bool mask = !has_masked_form(text, size);
    /* libyaml wants an address even for an empty text. */
    enum gale_err err = buf_reserve(out, size + 1);
    size_t inside = 0; /* bytes left of the present reference */
    /* A line full of "${" without "}" is searched once, not once for each. */
    const char *none_before = text;
    for (size_t i = 0; i < size && !err; i++) {
        if (inside == 0 && mask && text[i] == '$' && text + i >= none_before) {
            inside = reference_size(text + i, size - i);
            if (inside == 0 && i + 1 < size && text[i + 1] == '{') {
                const char *newline = memchr(text + i, '\n', size - i);
                none_before = newline ? newline : text + size;
            }
        }
        char form[MASKED_SIZE];
        if (inside && text[i] && strchr(masked_characters, text[i])) {
            masked_form(text[i], form);
            err = buf_append(out, form, sizeof form);
        } else {
            err = buf_append(out, text + i, 1);
        }
        inside -= inside > 0;
    }
    return err;
}

void substitute_unmask(char *text)
{
    size_t size = strlen(text), to = 0;
    for (size_t from = 0; from < size;) {
        char c = (unsigned char)text[from] == 0xee ? unmasked(text + from, size - from) : '\0';
        text[to++] = c ? c : text[from];
        from += c ? MASKED_SIZE : 1;
    }
    text[to] = '\0';
}
