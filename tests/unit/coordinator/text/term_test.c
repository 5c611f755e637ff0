/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the terminal's width rules, of the block that is drawn over itself and of text tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "text/term.h"
#include "text/text_table.h"
#include <fcntl.h>
#include <locale.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { MARK = 5 };

static char *text;
static size_t size;
static FILE *file;

static int open_text(void **state)
{
    (void)state;
    text = NULL;
    file = open_memstream(&text, &size);
    return file == NULL;
}

static int free_text(void **state)
{
    (void)state;
    free(text);
    return 0;
}

static void term_columns_counts_wide_and_broken_text(void **state)
{
    (void)state;
    assert_int_equal(term_columns("storm"), 5);
    assert_int_equal(term_columns("\xe6\xb5\x81"), 2);
    assert_int_equal(term_columns("\xff\xfe"), 2);
    assert_int_equal(term_columns(""), 0);
}

static void term_utf8_first_value_that_is_set_decides(void **state)
{
    (void)state;
    assert_true(term_utf8(NULL, NULL, "en_US.UTF-8"));
    assert_true(term_utf8("", "C.utf8", "C"));
    assert_false(term_utf8("C", "C.UTF-8", "C.UTF-8"));
    assert_false(term_utf8(NULL, "", NULL));
}

/* Everything that the terminal's other side got so far. */
static const char *shown(FILE *terminal, int master, char *out, size_t room)
{
    size_t got = 0;
    fputc(MARK, terminal); /* It comes out in pieces; this is the end. */
    fflush(terminal);
    while (got < room && read(master, out + got, 1) == 1 && out[got] != MARK) {
        got++;
    }
    assert_true(got < room && out[got] == MARK);
    out[got] = '\0';
    return out;
}

static void term_block_follows_the_size_of_the_terminal(void **state)
{
    (void)state;
    char out[4096];
    int master;
    int slave;
    struct winsize narrow = {.ws_row = 4, .ws_col = 5};
    struct winsize wide = {.ws_row = 24, .ws_col = 12};
    unsetenv("COLUMNS");
    assert_int_equal(openpty(&master, &slave, NULL, NULL, &wide), 0);
    FILE *terminal = fdopen(slave, "w");
    assert_non_null(terminal);
    struct term_block block = {.file = terminal};
    term_block_draw(&block, "0123456789abcdef\nshort\n\nlast\n");
    assert_string_equal(shown(terminal, master, out, sizeof out),
                        "0123456789ab\r\nshort\r\n\r\nlast\r\n");
    /* Twelve columns are three rows of five now; four lines leave room for three of the block. */
    assert_int_equal(ioctl(slave, TIOCSWINSZ, &narrow), 0);
    term_block_draw(&block, "0123456789\n1\n2\n3\n");
    assert_string_equal(shown(terminal, master, out, sizeof out),
                        "\033[6A\r\033[J01234\r\n1\r\n2\r\n");
    term_block_leave(&block);
    term_block_draw(&block, "x\n");
    assert_string_equal(shown(terminal, master, out, sizeof out), "x\r\n");
    term_block_erase(&block);
    term_block_erase(&block);
    assert_string_equal(shown(terminal, master, out, sizeof out), "\033[1A\r\033[J");
    fclose(terminal);
    close(master);
}

static void term_block_cut_in_colour_ends_the_colour(void **state)
{
    (void)state;
    struct term_block block = {.file = file, .color = true};
    char line[200] = "\033[1m";
    memset(line + 4, 'x', 90);
    memcpy(line + 94, "\033[0m\n", 6);
    term_block_draw(&block, line);
    fclose(file);
    assert_int_equal(size, 4 + TERM_WIDTH_DEFAULT + 5);
    assert_string_equal(text + size - 6, "x\033[0m\n");
}

static void fill(struct text_table *table)
{
    text_table_init(table);
    text_table_column(table, "NAME", false);
    text_table_column(table, "RATE", true);
    text_table_column(table, "WHAT", false);
    text_table_cell(table, "\xe6\xb5\x81");
    text_table_cellf(table, "%d", 7);
    text_table_cell(table, "short");
    text_table_cell(table, "split");
    text_table_cell(table, "412 k");
    text_table_cell(table, "a long sentence\nof two lines");
}

static void table_on_terminal_is_aligned_and_cut(void **state)
{
    (void)state;
    struct text_table table;
    fill(&table);
    assert_int_equal(text_table_print(&table, file, 30, false), GALE_OK);
    text_table_fini(&table);
    fclose(file);
    assert_string_equal(text, "NAME    RATE  WHAT\n"
                              "\xe6\xb5\x81         7  short\n"
                              "split  412 k  a long sentence\xe2\x80\xa6\n");
}

static void table_in_a_pipe_is_tabs_and_whole(void **state)
{
    (void)state;
    struct text_table table;
    fill(&table);
    assert_int_equal(text_table_print(&table, file, 0, true), GALE_OK);
    text_table_fini(&table);
    fclose(file);
    assert_string_equal(text, "NAME\tRATE\tWHAT\n\xe6\xb5\x81\t7\tshort\n"
                              "split\t412 k\ta long sentence?of two lines\n");
}

static void table_without_rows_has_titles(void **state)
{
    (void)state;
    struct text_table table;
    text_table_init(&table);
    text_table_column(&table, "NAME", false);
    assert_int_equal(text_table_print(&table, file, 80, true), GALE_OK);
    text_table_fini(&table);
    fclose(file);
    assert_string_equal(text, "\033[1mNAME\n\033[0m");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(term_columns_counts_wide_and_broken_text),
        cmocka_unit_test(term_utf8_first_value_that_is_set_decides),
        cmocka_unit_test(term_block_follows_the_size_of_the_terminal),
        cmocka_unit_test_setup_teardown(term_block_cut_in_colour_ends_the_colour, open_text,
                                        free_text),
        cmocka_unit_test_setup_teardown(table_on_terminal_is_aligned_and_cut, open_text,
                                        free_text),
        cmocka_unit_test_setup_teardown(table_in_a_pipe_is_tabs_and_whole, open_text,
                                        free_text),
        cmocka_unit_test_setup_teardown(table_without_rows_has_titles, open_text, free_text),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
