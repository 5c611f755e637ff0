/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a daemon tells the service manager (systemd, Type=notify): ready, stopping, alive. Without
 * one, that is without NOTIFY_SOCKET, every call is nothing. The protocol is sd_notify(3): one
 * datagram of lines NAME=VALUE. Sends never block; what the manager does not take is lost.
 * Single-threaded.
 */
#ifndef CONFIG_NOTIFY_H
#define CONFIG_NOTIFY_H

#include <gale/errors.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

struct notify {
    int fd; /* -1: no service manager */
    struct sockaddr_un address;
    unsigned address_size;
    int64_t alive_ns; /* call notify_alive this often; 0: the manager does not watch */
};

/** Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment, so that no child
 *  speaks in the daemon's name. Call it before threads are started. */
void notify_init(struct notify *notify);
void notify_fini(struct notify *notify);
/** The daemon answers requests now. @param format of the status line that `systemctl status` shows. */
void notify_ready(struct notify *notify, const char *format, ...) GALE_PRINTF(2, 3);
/** Another status line. */
void notify_status(struct notify *notify, const char *format, ...) GALE_PRINTF(2, 3);
/** The daemon ends. */
void notify_stopping(struct notify *notify);
/** The daemon's loop turns. */
void notify_alive(struct notify *notify);

#endif
