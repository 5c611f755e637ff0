/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the Yahoo streaming benchmark's module, libysb.so. */
#include "module.h"

static const struct gale_spout_ops *const spouts[] = {&ysb_events_ops, NULL};
static const struct gale_bolt_ops *const bolts[] = {&ysb_parse_ops,
                                                    &ysb_filter_ops,
                                                    &ysb_project_ops,
                                                    &ysb_join_ops,
                                                    &ysb_count_ops,
                                                    &ysb_store_ops,
                                                    NULL};
GALE_MODULE(.bolts = bolts, .spouts = spouts);
