/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where `gale dev` lives: its directory of state, the short directory of its sockets and the
 * endpoint at which the command line finds it. A function of the configuration and the
 * environment, so that both sides come to the same place; nothing is made here. Any thread.
 */
#ifndef CONFIG_DEV_PLACE_H
#define CONFIG_DEV_PLACE_H

#include "config/config.h"

#define DEV_SOCKETS_MAX \
    80 /* Bytes of the sockets' directory with its NUL: ipc paths are short. */

struct dev_place {
    char state[PATH_MAX];                /* dev.dir, or gale/dev below ~/.local/state */
    char sockets[DEV_SOCKETS_MAX];       /* 0700, the user's own */
    char rpc[DEV_SOCKETS_MAX + 16];      /* ipc://…/rpc: the coordinator's requests */
    char control[DEV_SOCKETS_MAX + 16];  /* ipc://…/control: its workers' messages */
    char host_rpc[DEV_SOCKETS_MAX + 16]; /* ipc://…/host: the supervisor's requests */
};

/** Finds the place. @return GALE_OK; GALE_ERR_INVALID with *error (may be NULL): no home directory
 *  is known, or a path is too long. */
enum gale_err dev_place_find(const struct config *config, struct dev_place *out,
                             struct gale_error *error);
/** Whether a `gale dev` seems to run there: its socket exists, belongs to this user and lies in a
 *  directory that nobody else can write to. A hint only: it may just have died. */
bool dev_place_runs(const struct dev_place *place);

#endif
