/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to rpc: owning the path of an ipc endpoint. A second bind would silently steal a live path,
 * so it belongs to who holds the flock on "PATH.lock"; only under that lock is a path left by a dead
 * process removed. One thread.
 */
#ifndef RPC_IPC_PATH_H
#define RPC_IPC_PATH_H

#include <gale/errors.h>
#include <sys/un.h>

#define IPC_PATH_SIZE (sizeof(((struct sockaddr_un *)0)->sun_path))

struct ipc_path {
    int lock_fd; /* -1: none */
    char path[IPC_PATH_SIZE];
    char lock_path[IPC_PATH_SIZE + sizeof(".lock")];
};

/** Takes the path: its directory is made with 0700 or is the user's own with that mode. GALE_ERR_EXISTS:
 *  a living process has it; GALE_ERR_INVALID, GALE_ERR_LIMIT (too long), GALE_ERR_IO with *error. */
enum gale_err ipc_path_take(struct ipc_path *self, const char *path, struct gale_error *error);
/** Removes the path and gives up the lock. Nothing when lock_fd is -1. */
void ipc_path_give(struct ipc_path *self);

#endif
