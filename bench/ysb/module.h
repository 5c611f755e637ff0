/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The components of the module, and the names of the fields that they hand on. Each state belongs
 * to one task; no static variables.
 */
#ifndef YSB_MODULE_H
#define YSB_MODULE_H

#include "ysb/model/events.h"

#include <gale/gale.h>

#define YSB_EVENT_FIELDS "user_id,page_id,ad_id,ad_type,event_type,event_time,ip_address"
#define YSB_JOINED_FIELDS "campaign_id,ad_id,event_time"
#define YSB_COUNT_FIELDS "campaign_id,window_time,seen_count"

enum { YSB_EVENT_FIELDS_COUNT = 7 };

extern const struct gale_spout_ops ysb_events_ops;
extern const struct gale_bolt_ops ysb_parse_ops;
extern const struct gale_bolt_ops ysb_filter_ops;
extern const struct gale_bolt_ops ysb_project_ops;
extern const struct gale_bolt_ops ysb_join_ops;
extern const struct gale_bolt_ops ysb_count_ops;
extern const struct gale_bolt_ops ysb_store_ops;

#endif
