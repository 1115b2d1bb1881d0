#include "agent/control_measure.h"

#include <string.h>

static struct health_outside outside(const struct control *c, const struct uplink_stats *uplink)
{
    return (struct health_outside){
        .hosts = c->site.active,
        .engaged = alert_engine_engaged(c->alerts),
        .flow_alerts = c->flow_alerts_before + alert_engine_flow_alerts(c->alerts),
        .denied = uplink->denied,
        .records = c->intake.taken,
        .queue_dropped = alert_engine_refused(c->alerts) + c->intake.malformed,
        .client_dropped = uplink->client_dropped,
        .config_revision = uplink->config_revision,
        .config_refused = uplink->config_refused,
    };
}

struct health_outside control_measure(struct control *c, uint64_t wall_ns, uint64_t mono_ns)
{
    struct uplink_stats uplink = {0};
    uplink_stats(c->uplink, &uplink);
    uint32_t generation = c->health.sample.engine_generation;
    health_read(&c->health, c->link, wall_ns, mono_ns);
    if (generation != 0 && c->health.sample.engine_generation != generation) {
        host_table_forget_flows(c->hosts);
    }
    struct agent_sample *s = &c->health.sample;
    s->spool_records = uplink.spool_records;
    s->spool_bytes = uplink.spool_bytes;
    s->spool_cap_bytes = uplink.spool_cap_bytes;
    s->spool_age_s = uplink.spool_age_s;
    s->spool_dropped = uplink.spool_dropped;
    s->config_revision = uplink.config_revision;
    s->reloads = c->reloads;
    s->alerts_refused = alert_engine_refused(c->alerts);
    exporters_sweep(&c->exporters, wall_ns);
    s->exporters = c->exporters.rows;
    s->exporter_count = c->exporters.count;
    struct health_outside known = outside(c, &uplink);
    atomic_store(&c->link->health->flow_alerts, known.flow_alerts); /* for our successor */
    return known;
}

struct counters_gauges control_gauges(const struct control *c, const struct health_outside *o)
{
    const struct agent_sample *s = &c->health.sample;
    struct counters_gauges gauges = {.flows = (uint32_t)s->flows,
                                     .hosts = (uint32_t)o->hosts,
                                     .dropped = health_dropped(&c->health, o),
                                     .source_count = s->source_count};
    for (size_t i = 0; i < s->source_count; i++) {
        memcpy(gauges.sources[i].name, s->sources[i].name, sizeof gauges.sources[i].name);
        gauges.sources[i].dropped = s->sources[i].dropped;
    }
    return gauges;
}
