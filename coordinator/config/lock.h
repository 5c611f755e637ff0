/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks of state directories. A daemon that is started again right after its predecessor was killed
 * may find the lock still held: the kernel lets go of the files of a killed process a little later than
 * the process, and whoever looks into /proc keeps one open for a moment. Not for locks that are
 * held on and off.
 */
#ifndef CONFIG_LOCK_H
#define CONFIG_LOCK_H

#include <stdbool.h>

/** So long a lock may outlive its holder. */
#define LOCK_WAIT_MS 1000

/** Locks an open file alone, waiting up to LOCK_WAIT_MS. @return false: another process has it. */
bool lock_take(int fd);

#endif
