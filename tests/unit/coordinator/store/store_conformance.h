/* SPDX-License-Identifier: Apache-2.0 */
/* What every adapter of the store port must do, as one suite over a factory. */
#ifndef STORE_CONFORMANCE_H
#define STORE_CONFORMANCE_H

#include "store/store.h"

struct store_factory {
    /** An empty store to be opened by open; called before each case. */
    void (*make)(void *argument);
    /** Opens it; opened again after a close it must have kept everything. */
    struct store *(*open)(void *argument);
    /** Removes it, after each case. */
    void (*destroy)(void *argument);
    void *argument;
};

/** Runs the suite. @return the number of failed cases. */
int store_conformance(const struct store_factory *factory);

#endif
