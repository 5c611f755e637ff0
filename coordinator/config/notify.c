/* SPDX-License-Identifier: Apache-2.0 */
/* The sending side of sd_notify(3); see notify.h. No library for it: it is one datagram. */
#include "config/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NOTIFY_TEXT_MAX = 512, WATCHDOG_PARTS = 2 /* alive is said twice in each period */ };

/* A number from the environment; 0 when absent or malformed. */
static int64_t number_of(const char *text)
{
    char *end = NULL;
    errno = 0;
    long long value = text != NULL ? strtoll(text, &end, 10) : 0;
    return end != NULL && end != text && *end == '\0' && errno == 0 && value > 0 ? value : 0;
}

static int64_t watchdog_ns(void)
{
    const char *pid = getenv("WATCHDOG_PID");
    int64_t us = number_of(getenv("WATCHDOG_USEC"));
    bool ours = pid == NULL || number_of(pid) == getpid();
    return ours && us < INT64_MAX / 1000 ? us * 1000 / WATCHDOG_PARTS : 0;
}

/* An absolute path or, with '@' first, a name of the abstract space. */
static bool address_set(struct notify *notify, const char *text)
{
    struct sockaddr_un *address = &notify->address;
    size_t size = text != NULL ? strlen(text) : 0;
    if (size < 2 || size >= sizeof address->sun_path || (text[0] != '/' && text[0] != '@')) {
        return false;
    }
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, text, size);
    if (text[0] == '@') {
        address->sun_path[0] = '\0';
    }
    notify->address_size = (unsigned)(offsetof(struct sockaddr_un, sun_path) + size);
    return true;
}

void notify_init(struct notify *notify)
{
    *notify = (struct notify){.fd = -1};
    if (address_set(notify, getenv("NOTIFY_SOCKET"))) {
        notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        notify->alive_ns = notify->fd >= 0 ? watchdog_ns() : 0;
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void notify_fini(struct notify *notify)
{
    if (notify->fd >= 0) {
        close(notify->fd);
        notify->fd = -1;
    }
}

static void send_text(const struct notify *notify, const char *text)
{
    if (notify->fd >= 0) {
        (void)sendto(notify->fd, text, strlen(text), MSG_NOSIGNAL,
                     (const struct sockaddr *)&notify->address, notify->address_size);
    }
}

/* A status line, the text in front of it first; a line break would end it. */
GALE_PRINTF(3, 0)
static void send_status(const struct notify *notify, const char *first, const char *format,
                        va_list args)
{
    char text[NOTIFY_TEXT_MAX];
    size_t used = (size_t)snprintf(text, sizeof text, "%sSTATUS=", first);
    size_t start = used;
    vsnprintf(text + used, sizeof text - used, format, args);
    for (char *at = text + start; *at != '\0'; at++) {
        *at = *at == '\n' ? ' ' : *at;
    }
    send_text(notify, text);
}

void notify_ready(struct notify *notify, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    send_status(notify, "READY=1\n", format, args);
    va_end(args);
}

void notify_status(struct notify *notify, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    send_status(notify, "", format, args);
    va_end(args);
}

void notify_stopping(struct notify *notify)
{
    send_text(notify, "STOPPING=1");
}

void notify_alive(struct notify *notify)
{
    send_text(notify, "WATCHDOG=1");
}
