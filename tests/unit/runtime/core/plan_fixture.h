/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the plan's tests share: trees written as flow text with places, and a registry of small
 * components with every kind of option and of declare callback.
 */
#ifndef PLAN_FIXTURE_H
#define PLAN_FIXTURE_H

#include "core/plan.h"

/** Parses `{name: t, from: [{a: shuffle}]}`; a quoted scalar is text. Every node gets the place
 *  t.yaml, line 1, the column where it stands. Stops the test on a malformed text. */
struct gale_conf *plan_fixture_tree(const char *text);

/** Built-in spouts lines, plain; bolts split, sink, pass, project, multi, ticker, complain, moody,
 *  bad_stream, twice_stream, twice_field, wide, many_streams, bad_default. Module m.so: spout
 *  source, bolt mine, grouping pick; hooks trace and pool. Module old.so cannot be loaded. */
const struct registry *plan_fixture_registry(void);

#endif
