/* SPDX-License-Identifier: Apache-2.0 */
/* Taking a lock; see lock.h. Sleeps; any thread. */
#include "config/lock.h"

#include <sys/file.h>
#include <time.h>

#define LOOK_MS 20

bool lock_take(int fd)
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    for (int waited_ms = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited_ms += LOOK_MS) {
        if (waited_ms >= LOCK_WAIT_MS) {
            return false;
        }
        nanosleep(&pause, NULL);
    }
    return true;
}
