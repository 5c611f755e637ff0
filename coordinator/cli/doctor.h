/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of `gale doctor`, each a row of findings. They only look; sockets and files that
 * they try out are removed. Single-threaded. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include <gale/errors.h>
#include <stddef.h>

#define DOCTOR_ROWS_MAX 40

enum doctor_state { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };

struct doctor_row {
    const char *check; /* static */
    enum doctor_state state;
    char found[160];
    const char *advice; /* static; empty when all is well */
};

struct doctor {
    struct doctor_row rows[DOCTOR_ROWS_MAX];
    size_t rows_count;
    size_t counts[3]; /* rows by state */
};

/** Adds a row; the advice is shown unless the state is DOCTOR_OK. */
void doctor_add(struct doctor *doctor, const char *check, enum doctor_state state,
                const char *advice, const char *format, ...) GALE_PRINTF(5, 6);
/** Limits, memory, processors, disk, clock, kernel features. */
void doctor_machine(struct doctor *doctor);
/** Directory for ipc sockets, loopback. */
void doctor_sockets(struct doctor *doctor);
/** Settings, ensemble, ports and directories of the cluster, where one is set up. */
void doctor_cluster(struct doctor *doctor);
/** Libraries that gale runs with, programs and headers for building bolts. */
void doctor_software(struct doctor *doctor);

#endif
