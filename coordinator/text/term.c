/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal behind a stream; see term.h. */
#include "text/term.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

unsigned term_width_of(FILE *file)
{
    struct winsize size;
    if (isatty(fileno(file)) != 1) {
        return 0;
    }
    const char *columns = getenv("COLUMNS");
    unsigned long wanted = columns != NULL ? strtoul(columns, NULL, 10) : 0;
    if (wanted >= 20 && wanted <= 1000) {
        return (unsigned)wanted;
    }
    if (ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return size.ws_col;
    }
    return TERM_WIDTH_DEFAULT;
}

unsigned term_columns(const char *text)
{
    unsigned columns = 0;
    mbstate_t state = {0};
    size_t left = strlen(text);
    while (left > 0) {
        wchar_t wide;
        size_t used = mbrtowc(&wide, text, left, &state);
        int width = 1;
        if (used == (size_t)-1 || used == (size_t)-2 || used == 0) {
            used = 1;
            memset(&state, 0, sizeof state);
        } else {
            width = wcwidth(wide);
        }
        columns += width > 0 ? (unsigned)width : 0;
        text += used;
        left -= used;
    }
    return columns;
}

unsigned term_height_of(FILE *file)
{
    struct winsize size;
    if (ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_row > 0) {
        return size.ws_row;
    }
    return TERM_HEIGHT_DEFAULT;
}

bool term_moves_cursor(void)
{
    const char *term = getenv("TERM");
    return term != NULL && *term != '\0' && strcmp(term, "dumb") != 0;
}

bool term_utf8(const char *lc_all, const char *lc_ctype, const char *lang)
{
    const char *const values[] = {lc_all, lc_ctype, lang};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (values[i] != NULL && *values[i] != '\0') {
            return strcasestr(values[i], "utf-8") != NULL ||
                   strcasestr(values[i], "utf8") != NULL;
        }
    }
    return false;
}

bool term_utf8_of_environment(void)
{
    return term_utf8(getenv("LC_ALL"), getenv("LC_CTYPE"), getenv("LANG"));
}

/* Bytes of a line that fit into `width` columns; escape sequences take no room. */
static size_t cut_line(const char *line, size_t size, unsigned width, unsigned *columns)
{
    *columns = 0;
    for (size_t i = 0; i < size; i++) {
        if (line[i] == '\033') {
            while (i < size && line[i] != 'm') {
                i++;
            }
        } else if (((unsigned char)line[i] & 0xc0u) != 0x80u) {
            if (*columns == width) {
                return i;
            }
            ++*columns;
        }
    }
    return size;
}

static unsigned width_of(const struct term_block *block)
{
    unsigned width = term_width_of(block->file);
    return width > 0 ? width : TERM_WIDTH_DEFAULT;
}

/* What moves the cursor to the block's first line and clears all below. */
static void put_erase(struct term_block *block, unsigned width, FILE *file)
{
    unsigned rows = 0;
    for (unsigned i = 0; i < block->lines_count; i++) {
        unsigned columns = block->columns[i];
        rows += columns > width ? (columns + width - 1) / width : 1;
    }
    if (rows > 0) {
        fprintf(file, "\033[%uA\r\033[J", rows);
    }
    block->lines_count = 0;
}

void term_block_erase(struct term_block *block)
{
    put_erase(block, width_of(block), block->file);
}

void term_block_leave(struct term_block *block)
{
    block->lines_count = 0;
}

/* All of it goes out in one piece, so that no half of a block is ever seen. */
void term_block_draw(struct term_block *block, const char *text)
{
    unsigned width = width_of(block);
    unsigned height = term_height_of(block->file);
    unsigned lines_max = height > 2 ? height - 1 : 1; /* The cursor stands on the last one. */
    lines_max = lines_max < TERM_BLOCK_LINES_MAX ? lines_max : TERM_BLOCK_LINES_MAX;
    char *piece = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&piece, &size);
    if (file == NULL) {
        return;
    }
    put_erase(block, width, file);
    for (const char *at = text; *at != '\0' && block->lines_count < lines_max;) {
        size_t length = strcspn(at, "\n");
        size_t kept = cut_line(at, length, width, &block->columns[block->lines_count]);
        fwrite(at, 1, kept, file);
        fputs(kept < length && block->color ? "\033[0m\n" : "\n", file);
        block->lines_count++;
        at += length;
        at += *at == '\n';
    }
    if (fclose(file) == 0) {
        fwrite(piece, 1, size, block->file);
        fflush(block->file);
    }
    free(piece);
}

void term_frame_draw(FILE *file, const char *text, unsigned width, unsigned height)
{
    char *piece = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&piece, &size);
    if (memory == NULL) {
        return;
    }
    fputs("\033[H", memory);
    for (unsigned line = 0; line < height && *text != '\0'; line++) {
        unsigned columns;
        size_t length = strcspn(text, "\n");
        size_t kept = cut_line(text, length, width, &columns);
        const char *next = text + length + (text[length] == '\n');
        bool last = *next == '\0' || line + 1 == height;
        /* A line feed behind the last line would scroll the screen, and clearing behind a full
         * line may take its last character away. */
        fputs(line > 0 ? "\r\n" : "", memory);
        fputs(last ? "\033[J" : "\033[K", memory);
        fwrite(text, 1, kept, memory);
        fputs(kept < length ? "\033[0m" : "", memory);
        text = next;
    }
    if (fclose(memory) == 0) {
        fwrite(piece, 1, size, file);
        fflush(file);
    }
    free(piece);
}
