/* Every endpoint, by the file that holds it; routes.c puts them behind their paths. */
#pragma once

#include "aggregator/api/call.h"

/* session.c */
struct http_response *session_post(struct call *call, struct pg *pg, struct err *e);
void session_get(struct call *call);
struct http_response *session_delete(struct call *call, struct pg *pg, struct err *e);

/* users.c */
struct http_response *users_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *users_post(struct call *call, struct pg *pg, struct err *e);

/* fleet.c */
void fleet_get(struct call *call);
void instance_get(struct call *call);
void instances_post(struct call *call);
void instance_delete(struct call *call);
struct http_response *instance_states_get(struct call *call, struct pg *pg, struct err *e);

/* counters.c */
struct http_response *instance_counters_get(struct call *call, struct pg *pg, struct err *e);

/* top.c */
struct http_response *instance_top_get(struct call *call, struct pg *pg, struct err *e);

/* quality.c */
struct http_response *flow_history_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *instance_quality_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *instance_gaps_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *drops_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *quarantine_get(struct call *call, struct pg *pg, struct err *e);

/* question.c */
void instance_query_get(struct call *call);

/* alerts.c */
struct http_response *alerts_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *alert_get(struct call *call, struct pg *pg, struct err *e);
void alert_kinds_get(struct call *call);

/* assets.c and asset.c */
struct http_response *assets_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *assets_csv_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *asset_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *asset_delete(struct call *call, struct pg *pg, struct err *e);

/* config.c and config_change.c */
struct http_response *config_list_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *config_history_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *config_post(struct call *call, struct pg *pg, struct err *e);
struct http_response *config_put(struct call *call, struct pg *pg, struct err *e);
struct http_response *config_delete(struct call *call, struct pg *pg, struct err *e);

/* reports.c */
struct http_response *reports_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *reports_post(struct call *call, struct pg *pg, struct err *e);
struct http_response *report_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *report_html_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *report_delete(struct call *call, struct pg *pg, struct err *e);

/* schedules.c */
struct http_response *schedules_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *schedules_post(struct call *call, struct pg *pg, struct err *e);
struct http_response *schedule_put(struct call *call, struct pg *pg, struct err *e);
struct http_response *schedule_delete(struct call *call, struct pg *pg, struct err *e);

/* retention.c */
struct http_response *retention_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *retention_preview_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *retention_post(struct call *call, struct pg *pg, struct err *e);

/* recipients.c */
struct http_response *recipients_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *recipients_post(struct call *call, struct pg *pg, struct err *e);
struct http_response *recipient_put(struct call *call, struct pg *pg, struct err *e);
struct http_response *recipient_delete(struct call *call, struct pg *pg, struct err *e);
struct http_response *recipient_test_post(struct call *call, struct pg *pg, struct err *e);

/* deliveries.c */
struct http_response *deliveries_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *mail_server_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *mail_server_put(struct call *call, struct pg *pg, struct err *e);

/* devices.c */
struct http_response *devices_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *device_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *device_series_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *device_interfaces_get(struct call *call, struct pg *pg, struct err *e);

/* probes.c */
struct http_response *probes_get(struct call *call, struct pg *pg, struct err *e);
struct http_response *probe_series_get(struct call *call, struct pg *pg, struct err *e);

/* service.c */
void healthz_get(struct call *call);
void readyz_get(struct call *call);
void metrics_get(struct call *call);
