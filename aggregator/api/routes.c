/* The API at a glance: method, path, least role, whether it changes something, and who answers. */
#include "aggregator/api/endpoints.h"

#define HERE(fn)  (&(const struct endpoint){.here = (fn)})
#define THERE(fn) (&(const struct endpoint){.there = (fn)})

enum { ANYBODY = ROLE_NONE, READS = false, CHANGES = true };

static const struct route table[] = {
    /* Signing in has no session yet, so nothing that a foreign page could ride on. */
    {HTTP_POST, "/api/v1/session", ANYBODY, READS, THERE(session_post)},
    {HTTP_GET, "/api/v1/session", ROLE_VIEWER, READS, HERE(session_get)},
    {HTTP_DELETE, "/api/v1/session", ROLE_VIEWER, CHANGES, THERE(session_delete)},

    {HTTP_GET, "/api/v1/fleet", ROLE_VIEWER, READS, HERE(fleet_get)},
    {HTTP_POST, "/api/v1/instances", ROLE_ADMIN, CHANGES, HERE(instances_post)},
    {HTTP_GET, "/api/v1/instances/{name}", ROLE_VIEWER, READS, HERE(instance_get)},
    {HTTP_DELETE, "/api/v1/instances/{name}", ROLE_ADMIN, CHANGES, HERE(instance_delete)},
    {HTTP_GET, "/api/v1/instances/{name}/states", ROLE_VIEWER, READS, THERE(instance_states_get)},
    {HTTP_GET, "/api/v1/instances/{name}/counters", ROLE_VIEWER, READS,
     THERE(instance_counters_get)},
    {HTTP_GET, "/api/v1/instances/{name}/top", ROLE_VIEWER, READS, THERE(instance_top_get)},
    {HTTP_GET, "/api/v1/instances/{name}/quality", ROLE_VIEWER, READS, THERE(instance_quality_get)},
    {HTTP_GET, "/api/v1/instances/{name}/flows/{flow_id}/history", ROLE_VIEWER, READS,
     THERE(flow_history_get)},
    {HTTP_GET, "/api/v1/instances/{name}/gaps", ROLE_VIEWER, READS, THERE(instance_gaps_get)},
    {HTTP_GET, "/api/v1/instances/{name}/query", ROLE_VIEWER, READS, HERE(instance_query_get)},

    {HTTP_GET, "/api/v1/drops", ROLE_VIEWER, READS, THERE(drops_get)},
    {HTTP_GET, "/api/v1/quarantine", ROLE_ADMIN, READS, THERE(quarantine_get)},

    {HTTP_GET, "/api/v1/alerts", ROLE_VIEWER, READS, THERE(alerts_get)},
    {HTTP_GET, "/api/v1/alerts/{id}", ROLE_VIEWER, READS, THERE(alert_get)},
    {HTTP_GET, "/api/v1/alert-kinds", ROLE_VIEWER, READS, HERE(alert_kinds_get)},

    {HTTP_GET, "/api/v1/assets", ROLE_VIEWER, READS, THERE(assets_get)},
    {HTTP_GET, "/api/v1/assets.csv", ROLE_VIEWER, READS, THERE(assets_csv_get)},
    {HTTP_GET, "/api/v1/assets/{id}", ROLE_VIEWER, READS, THERE(asset_get)},
    {HTTP_DELETE, "/api/v1/assets/{id}", ROLE_OPERATOR, CHANGES, THERE(asset_delete)},

    {HTTP_GET, "/api/v1/config/{section}", ROLE_VIEWER, READS, THERE(config_list_get)},
    {HTTP_POST, "/api/v1/config/{section}", ROLE_OPERATOR, CHANGES, THERE(config_post)},
    {HTTP_PUT, "/api/v1/config/{section}/{id}", ROLE_OPERATOR, CHANGES, THERE(config_put)},
    {HTTP_DELETE, "/api/v1/config/{section}/{id}", ROLE_OPERATOR, CHANGES, THERE(config_delete)},
    {HTTP_GET, "/api/v1/config/{section}/{id}/history", ROLE_VIEWER, READS,
     THERE(config_history_get)},

    {HTTP_GET, "/api/v1/snmp/devices", ROLE_VIEWER, READS, THERE(devices_get)},
    {HTTP_GET, "/api/v1/snmp/devices/{name}/{device}", ROLE_VIEWER, READS, THERE(device_get)},
    {HTTP_GET, "/api/v1/snmp/devices/{name}/{device}/series", ROLE_VIEWER, READS,
     THERE(device_series_get)},
    {HTTP_GET, "/api/v1/snmp/interfaces", ROLE_VIEWER, READS, THERE(device_interfaces_get)},
    {HTTP_GET, "/api/v1/probes", ROLE_VIEWER, READS, THERE(probes_get)},
    {HTTP_GET, "/api/v1/probes/{name}/{probe}/series", ROLE_VIEWER, READS, THERE(probe_series_get)},

    {HTTP_GET, "/api/v1/users", ROLE_ADMIN, READS, THERE(users_get)},
    {HTTP_POST, "/api/v1/users", ROLE_ADMIN, CHANGES, THERE(users_post)},

    {HTTP_GET, "/api/v1/reports", ROLE_VIEWER, READS, THERE(reports_get)},
    {HTTP_POST, "/api/v1/reports", ROLE_OPERATOR, CHANGES, THERE(reports_post)},
    {HTTP_GET, "/api/v1/reports/{id}", ROLE_VIEWER, READS, THERE(report_get)},
    {HTTP_DELETE, "/api/v1/reports/{id}", ROLE_OPERATOR, CHANGES, THERE(report_delete)},
    {HTTP_GET, "/api/v1/reports/{id}/html", ROLE_VIEWER, READS, THERE(report_html_get)},
    {HTTP_GET, "/api/v1/report-schedules", ROLE_VIEWER, READS, THERE(schedules_get)},
    {HTTP_POST, "/api/v1/report-schedules", ROLE_OPERATOR, CHANGES, THERE(schedules_post)},
    {HTTP_PUT, "/api/v1/report-schedules/{id}", ROLE_OPERATOR, CHANGES, THERE(schedule_put)},
    {HTTP_DELETE, "/api/v1/report-schedules/{id}", ROLE_OPERATOR, CHANGES, THERE(schedule_delete)},

    {HTTP_GET, "/api/v1/retention", ROLE_ADMIN, READS, THERE(retention_get)},
    {HTTP_POST, "/api/v1/retention", ROLE_ADMIN, CHANGES, THERE(retention_post)},
    {HTTP_GET, "/api/v1/retention/preview", ROLE_ADMIN, READS, THERE(retention_preview_get)},

    {HTTP_GET, "/api/v1/recipients", ROLE_ADMIN, READS, THERE(recipients_get)},
    {HTTP_POST, "/api/v1/recipients", ROLE_ADMIN, CHANGES, THERE(recipients_post)},
    {HTTP_PUT, "/api/v1/recipients/{id}", ROLE_ADMIN, CHANGES, THERE(recipient_put)},
    {HTTP_DELETE, "/api/v1/recipients/{id}", ROLE_ADMIN, CHANGES, THERE(recipient_delete)},
    {HTTP_POST, "/api/v1/recipients/{id}/test", ROLE_ADMIN, CHANGES, THERE(recipient_test_post)},
    {HTTP_GET, "/api/v1/deliveries", ROLE_ADMIN, READS, THERE(deliveries_get)},
    {HTTP_GET, "/api/v1/mail-server", ROLE_ADMIN, READS, THERE(mail_server_get)},
    {HTTP_PUT, "/api/v1/mail-server", ROLE_ADMIN, CHANGES, THERE(mail_server_put)},

    {HTTP_GET, "/healthz", ANYBODY, READS, HERE(healthz_get)},
    {HTTP_GET, "/readyz", ANYBODY, READS, HERE(readyz_get)},
    {HTTP_GET, "/metrics", ANYBODY, READS, HERE(metrics_get)},
};

const struct route *routes(size_t *count)
{
    *count = sizeof table / sizeof table[0];
    return table;
}
