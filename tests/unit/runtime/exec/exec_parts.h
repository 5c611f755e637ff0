/* SPDX-License-Identifier: Apache-2.0 */
/* Between the harness's two files: its registry of components. */
#ifndef EXEC_PARTS_H
#define EXEC_PARTS_H

#include "core/registry.h"

const struct registry *parts_registry(void);
/** Forgets what was fed, noted, kept and added. */
void parts_clear(void);

#endif
