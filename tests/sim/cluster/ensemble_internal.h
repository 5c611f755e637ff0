/* SPDX-License-Identifier: Apache-2.0 */
/* What the servers (ensemble.c) offer to the ports in front of them (ensemble_port.c). */
#ifndef SIM_CLUSTER_ENSEMBLE_INTERNAL_H
#define SIM_CLUSTER_ENSEMBLE_INTERNAL_H

#include "ensemble.h"

int64_t ensemble_now(const struct ensemble *ensemble);
bool ensemble_chance(struct ensemble *ensemble, uint32_t of_1000);
bool ensemble_has_children(const struct ensemble *ensemble, const char *path);
/** Checks and applies a multi; session: owner of what it creates, 0: nobody. */
enum gale_err ensemble_apply(struct ensemble *ensemble, uint32_t client,
                             const struct store_op *ops, size_t ops_count, uint64_t session,
                             size_t *failed);
/** Keeps a write that may be applied later. */
void ensemble_hold(struct ensemble_client *client, const struct store_op *ops, size_t ops_count,
                   uint64_t session);
void ensemble_held_drop(struct ensemble_held *held);
uint64_t ensemble_session_new(struct ensemble *ensemble);
bool ensemble_session_hear(struct ensemble *ensemble, uint64_t session);
void ensemble_session_end(struct ensemble *ensemble, uint64_t session);

#endif
