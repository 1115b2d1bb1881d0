#include "agent/drill.h"

#include "agent/asset/site.h"
#include "agent/dpi/dpi.h"
#include "agent/drill_hosts.h"
#include "agent/rows.h"
#include "common/clock.h"
#include "common/version.h"
#include "common/wire/fields.h"

#include <stdlib.h>
#include <string.h>

static json_t *walls_of(uint32_t walls)
{
    json_t *list = json_array();
    static const struct {
        enum engine_wall wall;
        const char *name;
    } names[] = {{WALL_CAPABILITIES, "capabilities"},
                 {WALL_LANDLOCK, "landlock"},
                 {WALL_SECCOMP, "seccomp"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((walls & names[i].wall) != 0) {
            (void)json_array_append_new(list, json_string(names[i].name)); /* no memory: fewer */
        }
    }
    return list;
}

/* How evenly the work is spread, and which worker drops. */
static json_t *status_workers(const struct drill *d)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < d->link->workers; i++) {
        const struct health_lane *lane = &d->health->lanes[i];
        uint64_t kernel = 0;
        for (unsigned s = 0; s < ENGINE_MAX_SOURCES; s++) {
            kernel += lane->source_dropped[s].sum;
        }
        json_t *row =
            json_pack("{s:I, s:I, s:I, s:I, s:I}", "packets", (json_int_t)lane->packets.sum,
                      "flows", (json_int_t)lane->flows, "kernel_dropped", (json_int_t)kernel,
                      "table_dropped", (json_int_t)lane->table_dropped.sum, "ring_dropped",
                      (json_int_t)(lane->ring_flows.sum + lane->ring_accounts.sum));
        (void)json_array_append_new(list, row); /* short of memory: fewer */
    }
    return list;
}

static json_t *status_engine(const struct drill *d)
{
    const struct agent_sample *s = &d->health->sample;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:o, s:o}",
                     "starts", (json_int_t)s->engine_generation, "packets", (json_int_t)s->packets,
                     "bytes", (json_int_t)s->bytes, "undecoded", (json_int_t)s->undecoded,
                     "fragments_shed", (json_int_t)s->fragments_shed, "flows", (json_int_t)s->flows,
                     "flows_max", (json_int_t)s->flows_max, "table_dropped",
                     (json_int_t)s->table_dropped, "ring_dropped", (json_int_t)s->ring_dropped,
                     "dpi_states", (json_int_t)s->dpi_states, "dpi_refused",
                     (json_int_t)s->dpi_refused, "dpi_version", dpi_version(), "walls",
                     walls_of(atomic_load(&d->link->health->walls)), "workers", status_workers(d));
}

static json_t *status_uplink(const struct drill *d)
{
    struct uplink_stats s = {0};
    uplink_stats(d->uplink, &s);
    return json_pack(
        "{s:b, s:I, s:I, s:I, s:I, s:I, s:b, s:I, s:I}", "welcomed", (int)s.welcomed, "spool_bytes",
        (json_int_t)s.spool_bytes, "spool_cap_bytes", (json_int_t)s.spool_cap_bytes, "spool_age_s",
        (json_int_t)s.spool_age_s, "spool_records", (json_int_t)s.spool_records, "spool_dropped",
        (json_int_t)s.spool_dropped, "spool_failed", (int)s.spool_failed, "client_dropped",
        (json_int_t)s.client_dropped, "denied", (json_int_t)s.denied);
}

static json_t *status_hosts(const struct drill *d, uint64_t wall_ns)
{
    struct site_totals totals = site_totals(d->hosts, wall_ns);
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "active", (json_int_t)totals.active,
                     "active_local", (json_int_t)totals.active_local, "services",
                     (json_int_t)totals.services, "known", (json_int_t)host_table_count(d->hosts),
                     "refused", (json_int_t)host_table_refused(d->hosts));
}

static json_t *status_assets(const struct drill *d, uint64_t wall_ns)
{
    struct assets_stats s = assets_stats(d->assets, wall_ns);
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "known", (json_int_t)s.known, "online",
                     (json_int_t)s.online, "refused", (json_int_t)s.refused, "vendor_prefixes",
                     (json_int_t)s.vendors, "learning_until_ms",
                     (json_int_t)(s.learning_until_ns / NS_PER_MS));
}

static json_t *status_geo_file(const struct geo_view *v)
{
    return json_pack("{s:s, s:s, s:o*, s:o*, s:o*}", "state", geo_state_name(v->state), "path",
                     v->path, "type", v->type[0] == '\0' ? NULL : fields_string(v->type), "why",
                     v->why[0] == '\0' ? NULL : fields_string(v->why), "built_ms",
                     v->built_s == 0 ? NULL : json_integer((json_int_t)v->built_s * 1000));
}

static json_t *status_geo(const struct drill *d)
{
    struct geo_view country = geo_country_view(d->geo);
    struct geo_view asn = geo_asn_view(d->geo);
    return json_pack("{s:o, s:o}", "country", status_geo_file(&country), "asn",
                     status_geo_file(&asn));
}

static json_t *status_row(const struct drill *d, uint64_t wall_ns, uint64_t mono_ns)
{
    const struct health *h = d->health;
    return json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
        d->name, "version", PICKET_VERSION, "boot", h->boot, "uptime_s",
        (json_int_t)((mono_ns - h->start_mono_ns) / NS_PER_S), "memory_bytes",
        (json_int_t)h->pss_bytes, "cpu_ms", (json_int_t)h->cpu_ms, "control_starts",
        (json_int_t)h->sample.control_generation, "control_walls", d->walls, "alerts_engaged",
        (json_int_t)alert_engine_engaged(d->alerts), "sources", rows_of_sources(&h->sample),
        "engine", status_engine(d), "uplink", status_uplink(d), "hosts", status_hosts(d, wall_ns),
        "assets", status_assets(d, wall_ns), "exporters", rows_of_exporters(&h->sample), "geo",
        status_geo(d));
}

static void ask_status(struct drill *d, const struct query *question, uint64_t wall_ns,
                       uint64_t mono_ns)
{
    struct answer answer;
    answer_begin(&answer, question, d->sink, 1, false);
    answer_row(&answer, status_row(d, wall_ns, mono_ns));
    answer_end(&answer);
}

static int alert_compare(const void *a, const void *b)
{
    const struct alert_state *left = *(const struct alert_state *const *)a;
    const struct alert_state *right = *(const struct alert_state *const *)b;
    if (left->since_ns != right->since_ns) {
        return left->since_ns > right->since_ns ? -1 : 1;
    }
    return memcmp(&left->key, &right->key, sizeof left->key);
}

static bool alert_matches(const struct alert_state *alert, const struct query_filter *filter)
{
    return filter->host[0] == '\0' || strcasestr(alert->key.entity_id, filter->host) != NULL;
}

/* The engaged alerts, the newest first. */
static void ask_alerts(struct drill *d, const struct query *question)
{
    if (question->sort[0] != '\0') {
        answer_fail(question, d->sink, "bad_request", "engaged alerts stand newest first");
        return;
    }
    const struct alert_state *list[ALERTS_MAX];
    size_t count = 0;
    size_t at = 0;
    for (const struct alert_state *s = alert_engine_next(d->alerts, &at);
         s != NULL && count < ALERTS_MAX; s = alert_engine_next(d->alerts, &at)) {
        if (alert_matches(s, &question->filter)) {
            list[count++] = s;
        }
    }
    qsort(list, count, sizeof list[0], alert_compare);
    struct answer answer;
    answer_begin(&answer, question, d->sink, count, false);
    uint64_t end = (uint64_t)question->cursor + question->limit;
    for (size_t i = question->cursor; i < count && i < end; i++) {
        answer_row(&answer, row_of_alert(list[i]));
    }
    answer_end(&answer);
}

void drill_ask(struct drill *d, const struct query *question, uint64_t wall_ns, uint64_t mono_ns)
{
    switch (question->op) {
    case QUERY_STATUS: ask_status(d, question, wall_ns, mono_ns); return;
    case QUERY_HOSTS: drill_hosts_ask(d->hosts, d->geo, question, d->sink, wall_ns); return;
    case QUERY_FLOWS: drill_flows_ask(d->flows, question, mono_ns); return;
    case QUERY_FLOW:
        if (question->filter.flow_id == 0) {
            answer_fail(question, d->sink, "bad_request", "which flow? flow_id is missing");
            return;
        }
        drill_flows_ask(d->flows, question, mono_ns);
        return;
    case QUERY_ALERTS: ask_alerts(d, question); return;
    }
    answer_fail(question, d->sink, "bad_request", "no such question");
}
