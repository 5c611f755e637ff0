/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal of a full-screen view; see top_term.h. The handlers call only what may be called in
 * one (tcsetattr, write, raise); `saved` is written before they are installed.
 */
#include "cli/top_term.h"

#include "text/term.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum {
    ESCAPE_MS = 30, /* the rest of a key's sequence comes within that time */
    SEQUENCE_MAX = 8,
    MS_PER_S = 1000,
    NS_PER_MS = 1000000
};

/* What `entered` says. */
enum { TERM_FREE, TERM_TAKEN, TERM_STOPPED };

static const int ending_signals[] = {SIGINT,  SIGTERM, SIGHUP, SIGQUIT, SIGPIPE,
                                     SIGSEGV, SIGBUS,  SIGFPE, SIGILL,  SIGABRT};
static const char enter_text[] = "\033[?1049h\033[?25l\033[H\033[2J";
static const char leave_text[] = "\033[0m\033[?25h\033[?1049l";

static struct termios saved;
static volatile sig_atomic_t entered;
static volatile sig_atomic_t redraw;
static int ahead = -1;       /* a byte that was read too early; -1: none */
static sigset_t mask_before; /* WINCH and CONT are let in while it waits only */

static void put(const char *text, size_t size)
{
    while (size > 0) {
        ssize_t written = write(STDOUT_FILENO, text, size);
        if (written < 0 && errno != EINTR) {
            return;
        }
        text += written > 0 ? written : 0;
        size -= written > 0 ? (size_t)written : 0;
    }
}

static void put_back(void)
{
    if (entered == TERM_TAKEN) {
        entered = TERM_FREE;
        put(leave_text, sizeof leave_text - 1);
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &saved);
    }
}

static bool take(void)
{
    struct termios raw = saved;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
    raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL | INLCR);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    entered = TERM_TAKEN;
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0) {
        entered = TERM_FREE;
        return false;
    }
    put(enter_text, sizeof enter_text - 1);
    return true;
}

static void on_ending(int number)
{
    int before = errno;
    put_back();
    signal(number, SIG_DFL);
    (void)raise(number); /* It is delivered, and ends the process, when the handler returns. */
    errno = before;
}

/* Stops as the shell expects it; goes on in on_continue. */
static void on_stop(int number)
{
    int before = errno;
    (void)number;
    if (entered == TERM_TAKEN) {
        put_back();
        entered = TERM_STOPPED;
    }
    (void)raise(SIGSTOP);
    errno = before;
}

static void on_continue(int number)
{
    int before = errno;
    (void)number;
    if (entered !=
        TERM_FREE) { /* Also after a SIGSTOP: the shell may have set its own modes. */
        (void)take();
    }
    redraw = 1;
    errno = before;
}

static void on_resize(int number)
{
    (void)number;
    redraw = 1;
}

static void install(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    (void)sigaction(number, &action, NULL);
}

static void handlers(bool ours)
{
    for (size_t i = 0; i < sizeof ending_signals / sizeof ending_signals[0]; i++) {
        install(ending_signals[i], ours ? on_ending : SIG_DFL);
    }
    install(SIGTSTP, ours ? on_stop : SIG_DFL);
    install(SIGCONT, ours ? on_continue : SIG_DFL);
    install(SIGWINCH, ours ? on_resize : SIG_DFL);
}

bool top_term_enter(void)
{
    sigset_t held;
    if (isatty(STDIN_FILENO) != 1 || isatty(STDOUT_FILENO) != 1 || !term_moves_cursor() ||
        tcgetattr(STDIN_FILENO, &saved) != 0) {
        return false;
    }
    handlers(true);
    sigemptyset(&held);
    sigaddset(&held, SIGWINCH);
    (void)sigprocmask(SIG_BLOCK, &held, &mask_before);
    if (!take()) {
        top_term_leave();
        return false;
    }
    return true;
}

void top_term_leave(void)
{
    put_back();
    (void)sigprocmask(SIG_SETMASK, &mask_before, NULL);
    handlers(false);
}

void top_term_size(unsigned *width, unsigned *height)
{
    struct winsize size;
    bool said = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
    *width = said && size.ws_col > 0 ? size.ws_col : TERM_WIDTH_DEFAULT;
    *height = said && size.ws_row > 0 ? size.ws_row : TERM_HEIGHT_DEFAULT;
}

/* One byte; -1: none within the time, -2: the terminal is gone. */
static int read_byte(int64_t within_ms)
{
    unsigned char byte;
    struct pollfd wait = {.fd = STDIN_FILENO, .events = POLLIN};
    struct timespec left = {.tv_sec = (time_t)(within_ms / MS_PER_S),
                            .tv_nsec = (long)(within_ms % MS_PER_S) * NS_PER_MS};
    if (ahead >= 0) {
        int before = ahead;
        ahead = -1;
        return before;
    }
    if (ppoll(&wait, 1, &left, &mask_before) <= 0) {
        return -1;
    }
    ssize_t size = read(STDIN_FILENO, &byte, 1);
    if (size == 1) {
        return byte;
    }
    return size == 0 || errno != EINTR ? -2 : -1;
}

static int sequence_key(const char *text)
{
    static const struct {
        const char *text;
        enum top_key key;
    } keys[] = {
        {"[A", TOP_KEY_UP},    {"[B", TOP_KEY_DOWN},     {"[C", TOP_KEY_RIGHT},
        {"[D", TOP_KEY_LEFT},  {"OA", TOP_KEY_UP},       {"OB", TOP_KEY_DOWN},
        {"OC", TOP_KEY_RIGHT}, {"OD", TOP_KEY_LEFT},     {"[H", TOP_KEY_HOME},
        {"[F", TOP_KEY_END},   {"OH", TOP_KEY_HOME},     {"OF", TOP_KEY_END},
        {"[1~", TOP_KEY_HOME}, {"[4~", TOP_KEY_END},     {"[7~", TOP_KEY_HOME},
        {"[8~", TOP_KEY_END},  {"[5~", TOP_KEY_PAGE_UP}, {"[6~", TOP_KEY_PAGE_DOWN},
        {"OM", TOP_KEY_ENTER},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(text, keys[i].text) == 0) {
            return (int)keys[i].key;
        }
    }
    return TOP_KEY_NONE;
}

/* Behind an escape byte: one of the keys that send several, or the escape key itself. */
static int read_sequence(void)
{
    char text[SEQUENCE_MAX + 1] = "";
    for (size_t i = 0; i < SEQUENCE_MAX; i++) {
        int byte = read_byte(ESCAPE_MS);
        if (byte < 0) {
            return i == 0 ? TOP_KEY_ESCAPE : TOP_KEY_NONE;
        }
        if (i == 0 && byte != '[' && byte != 'O') {
            ahead = byte; /* Typed one after the other, while it was busy. */
            return TOP_KEY_ESCAPE;
        }
        text[i] = (char)byte;
        if (i > 0 && byte >= '@' && byte <= '~') {
            break;
        }
    }
    return sequence_key(text);
}

int top_term_key(int64_t within_ms)
{
    if (redraw) {
        redraw = 0;
        return TOP_KEY_REDRAW;
    }
    int byte = read_byte(within_ms > 0 ? within_ms : 0);
    if (redraw) {
        redraw = 0;
        return TOP_KEY_REDRAW;
    }
    switch (byte) {
    case -1: return TOP_KEY_NONE;
    case -2: return TOP_KEY_CLOSED;
    case '\033': return read_sequence();
    case '\r':
    case '\n': return TOP_KEY_ENTER;
    case 0x7f:
    case '\b': return TOP_KEY_BACKSPACE;
    default: return byte == 0 ? TOP_KEY_NONE : byte;
    }
}
