/* SPDX-License-Identifier: Apache-2.0 */
/* Small string helpers: copying, names, suggestions. Pure; any thread. */
#include "base/str.h"

#include <string.h>

#define NAME_LENGTH_MAX 64

bool str_copy(char *out, size_t size, const char *text)
{
    size_t length = strlen(text);
    bool whole = length < size;
    if (!whole) {
        length = size - 1;
    }
    memcpy(out, text, length);
    out[length] = '\0';
    return whole;
}

bool str_is_name(const char *text)
{
    size_t length = 0;
    for (; text[length]; length++) {
        char c = text[length];
        bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!allowed || length >= NAME_LENGTH_MAX) {
            return false;
        }
    }
    return length > 0 && strncmp(text, "__", 2) != 0;
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Edit distance that counts two exchanged neighbours as one step, the most common slip of all.
 * Both lengths are at most NAME_LENGTH_MAX. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][NAME_LENGTH_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b_length; j++) {
        last[j] = j;
        before[j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + change);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < now[j]) {
                now[j] = before[j - 2] + 1;
            }
        }
        size_t *reused = before;
        before = last;
        last = now;
        now = reused;
    }
    return last[b_length];
}

const char *str_suggest(const char *word, const char *const *names)
{
    size_t length = strlen(word);
    if (length == 0 || length > NAME_LENGTH_MAX) {
        return NULL;
    }
    const char *nearest = NULL;
    size_t best = 1 + length / 4 + 1;
    for (; *names; names++) {
        size_t name_length = strlen(*names);
        if (name_length > NAME_LENGTH_MAX) {
            continue;
        }
        size_t distance = edit_distance(word, length, *names, name_length);
        /* Something of the word must be left, or "a" would suggest "b". */
        if (distance < best && distance < length) {
            best = distance;
            nearest = *names;
        }
    }
    return nearest;
}
