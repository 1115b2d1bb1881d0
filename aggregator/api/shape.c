/* Values of the core written as JSON; what the heartbeat carries is null until the first one. */
#include "aggregator/api/shape.h"

#include "common/wire/fields.h"
#include "common/wire/heartbeat.h"

#include <stdio.h>
#include <string.h>

json_t *shape_number(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

json_t *shape_text_or_null(const char *text)
{
    return text[0] == '\0' ? json_null() : fields_string(text);
}

static json_t *number_if(bool known, uint64_t value)
{
    return known ? shape_number(value) : json_null();
}

json_t *shape_reasons(unsigned reasons)
{
    json_t *list = json_array();
    for (unsigned bit = 1; bit != 0 && bit <= reasons; bit <<= 1) {
        const char *word = agent_reason_word((enum agent_reason)(reasons & bit));
        if ((reasons & bit) != 0 && word != NULL) {
            (void)json_array_append_new(list, json_string(word)); /* short of memory: fewer */
        }
    }
    return list;
}

static json_t *spark_of(const struct instance_view *v)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < v->spark_count && i < SPARK_POINTS; i++) {
        json_t *point = number_if(v->spark_bps[i] != SPARK_NONE, v->spark_bps[i]);
        (void)json_array_append_new(list, point); /* short of memory: fewer */
    }
    return list;
}

static json_t *drops_of(const struct instance_view *v)
{
    if (!v->has_beat) {
        return json_null();
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "kernel",
                     shape_number(v->drops_kernel), "ring", shape_number(v->drops_ring), "table",
                     shape_number(v->drops_table), "queue", shape_number(v->drops_queue), "spool",
                     shape_number(v->drops_spool), "client", shape_number(v->drops_client),
                     "half_open", shape_number(v->drops_half_open), "early",
                     shape_number(v->drops_early));
}

static json_t *identity_of(const struct instance_view *v)
{
    const char *cause = presence_cause_name(v->cause);
    return json_pack("{s:i, s:s, s:o, s:s, s:s, s:o, s:s?, s:o, s:o, s:o, s:b, s:o}", "id",
                     (int)v->id, "name", v->name, "title", fields_string(v->title), "site", v->site,
                     "state", presence_state_name(v->state), "reasons", shape_reasons(v->reasons),
                     "cause", cause, "state_since_ms", shape_number(v->state_since_ms), "outage_ms",
                     number_if(v->has_outage, v->outage_ms), "last_seen_ms",
                     number_if(v->last_seen_ms != 0, v->last_seen_ms), "answering",
                     (int)v->answering, "version", shape_text_or_null(v->version));
}

static json_t *traffic_of(const struct instance_view *v)
{
    bool b = v->has_beat;
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "uptime_s", number_if(b, v->uptime_s),
                     "throughput_bps", number_if(b, v->throughput_bps), "packets_pps",
                     number_if(b, v->packets_pps), "hosts", number_if(b, v->hosts), "flows",
                     number_if(b, v->flows), "alerts_engaged", shape_number(v->alerts_engaged),
                     "flow_alerts", number_if(b, v->flow_alerts));
}

static json_t *health_of(const struct instance_view *v)
{
    bool b = v->has_beat;
    uint64_t drops = v->drops_kernel + v->drops_ring + v->drops_table + v->drops_queue +
                     v->drops_spool + v->drops_client + v->drops_half_open;
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "drops", number_if(b, drops), "drops_by",
        drops_of(v), "spool_bytes", number_if(b, v->spool_bytes), "spool_age_s",
        number_if(b, v->spool_age_s), "memory_bytes", number_if(b, v->memory_bytes), "cpu_ratio",
        b ? json_real(v->cpu_permille / 1000.0) : json_null(), "spark_bps", spark_of(v));
}

/* Moves all members of `more` into `row`; NULL when either is. */
static json_t *joined(json_t *row, json_t *more)
{
    bool done = row != NULL && more != NULL && json_object_update(row, more) == 0;
    json_decref(more);
    if (!done) {
        json_decref(row);
        return NULL;
    }
    return row;
}

/* Of revisions, 0 is none. */
static json_t *config_of(const struct instance_view *v)
{
    const struct instance_config *c = &v->config;
    enum config_rollout rollout = config_rollout_of(c);
    return json_pack("{s:{s:s, s:o, s:o, s:o}}", "config", "state", config_rollout_name(rollout),
                     "wanted", number_if(c->wanted != 0, c->wanted), "in_force",
                     number_if(c->in_force != 0, c->in_force), "reason",
                     shape_text_or_null(rollout == CONFIG_REFUSED ? c->reason : ""));
}

json_t *shape_instance(const struct instance_view *view)
{
    json_t *row = joined(joined(identity_of(view), traffic_of(view)), health_of(view));
    return joined(row, config_of(view));
}

/* The members that shape_figures tells, in both of its views. */
static void hide_figures(struct instance_view *v)
{
    v->last_seen_ms = v->uptime_s = v->throughput_bps = v->packets_pps = v->hosts = v->flows = 0;
    v->alerts_engaged = v->flow_alerts = v->spool_bytes = v->spool_age_s = v->memory_bytes = 0;
    v->cpu_permille = v->spark_count = 0;
    memset(v->spark_bps, 0, sizeof v->spark_bps);
}

static bool only_figures_differ(const struct instance_view *a, const struct instance_view *b)
{
    struct instance_view x = *a, y = *b;
    hide_figures(&x);
    hide_figures(&y);
    return memcmp(&x, &y, sizeof x) == 0; /* other padding: then the row is told whole */
}

/* How many points came at the end of the spark line; all of them when it is another line. */
static unsigned spark_added(const struct instance_view *before, const struct instance_view *now)
{
    for (unsigned added = 0; added < now->spark_count; added++) {
        unsigned kept = now->spark_count - added;
        bool follows = kept <= before->spark_count &&
                       (kept == before->spark_count || now->spark_count == SPARK_POINTS) &&
                       memcmp(before->spark_bps + before->spark_count - kept, now->spark_bps,
                              kept * sizeof now->spark_bps[0]) == 0;
        if (follows) {
            return added;
        }
    }
    return now->spark_count;
}

static void put_points(json_t *row, const struct instance_view *before,
                       const struct instance_view *now)
{
    unsigned added = spark_added(before, now);
    json_t *list = added > 0 ? json_array() : NULL;
    for (unsigned i = now->spark_count - added; list != NULL && i < now->spark_count; i++) {
        json_t *point = number_if(now->spark_bps[i] != SPARK_NONE, now->spark_bps[i]);
        (void)json_array_append_new(list, point); /* short of memory: fewer, here and below */
    }
    if (list != NULL) {
        (void)json_object_set_new(row, added < now->spark_count ? "spark_add" : "spark_bps", list);
    }
}

json_t *shape_figures(const struct instance_view *before, const struct instance_view *now)
{
    const struct {
        const char *name;
        uint64_t before, now;
    } figures[] = {
        {"last_seen_ms", before->last_seen_ms, now->last_seen_ms},
        {"uptime_s", before->uptime_s, now->uptime_s},
        {"throughput_bps", before->throughput_bps, now->throughput_bps},
        {"packets_pps", before->packets_pps, now->packets_pps},
        {"hosts", before->hosts, now->hosts},
        {"flows", before->flows, now->flows},
        {"alerts_engaged", before->alerts_engaged, now->alerts_engaged},
        {"flow_alerts", before->flow_alerts, now->flow_alerts},
        {"spool_bytes", before->spool_bytes, now->spool_bytes},
        {"spool_age_s", before->spool_age_s, now->spool_age_s},
        {"memory_bytes", before->memory_bytes, now->memory_bytes},
    };
    if (!before->has_beat || !only_figures_differ(before, now)) {
        return NULL;
    }
    json_t *row = json_pack("{s:i}", "id", (int)now->id);
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        if (figures[i].before != figures[i].now) {
            (void)json_object_set_new(row, figures[i].name, shape_number(figures[i].now));
        }
    }
    if (before->cpu_permille != now->cpu_permille) {
        (void)json_object_set_new(row, "cpu_ratio", json_real(now->cpu_permille / 1000.0));
    }
    put_points(row, before, now);
    return row;
}

json_t *shape_centre(const struct centre_view *centre)
{
    return json_pack("{s:s, s:s?}", "state", centre_state_name(centre->state), "reason",
                     centre_reason_name(centre->reason));
}

json_t *shape_mitre(const struct alert_kind_info *kind)
{
    return json_pack("{s:o, s:o}", "technique", shape_text_or_null(kind ? kind->technique : ""),
                     "tactic", shape_text_or_null(kind ? kind->tactic : ""));
}

static json_t *alert_kind_part(unsigned id)
{
    static const struct alert_kind_info newer = {
        .name = "unknown",
        .title = "Unknown kind of alert",
        .family = "unknown",
        .severity = ALERT_SEVERITY_NOTICE,
        .technique = "",
        .tactic = "",
        .meaning = "An agent that is newer than this centre raised it.",
        .remedy = "Update the centre.",
    };
    const struct alert_kind_info *kind = alert_kind_find(id);
    if (kind == NULL) {
        kind = &newer;
    }
    return json_pack("{s:i, s:s, s:s, s:s, s:s, s:o, s:s, s:s}", "kind", (int)id, "name",
                     kind->name, "title", kind->title, "family", kind->family, "severity",
                     alert_severity_name(kind->severity), "mitre", shape_mitre(kind), "meaning",
                     kind->meaning, "remedy", kind->remedy);
}

static json_t *alert_life(const struct alert_view *v)
{
    char id[24];
    (void)snprintf(id, sizeof id, "%lld", (long long)v->id); /* 20 signs at most */
    return json_pack("{s:s, s:i, s:o, s:o, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "id", id,
                     "score", (int)v->score, "instance", shape_text_or_null(v->instance), "site",
                     shape_text_or_null(v->site), "entity",
                     alert_entity_name((enum alert_entity)v->entity), "entity_id",
                     fields_string(v->entity_id), "state", alert_state_name(v->state), "first_ms",
                     shape_number(v->first_ms), "last_ms", shape_number(v->last_ms), "released_ms",
                     number_if(v->released_ms != 0, v->released_ms), "arrived_ms",
                     number_if(v->arrived_ms != 0, v->arrived_ms), "count", shape_number(v->count));
}

static json_t *alert_evidence(const struct alert_view *v)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "client", shape_text_or_null(v->client),
                     "server", shape_text_or_null(v->server), "protocol",
                     shape_text_or_null(v->protocol), "app", shape_text_or_null(v->app), "host",
                     shape_text_or_null(v->host), "detail", fields_string(v->detail));
}

json_t *shape_alert(const struct alert_view *view)
{
    return joined(joined(alert_life(view), alert_kind_part(view->kind)), alert_evidence(view));
}

json_t *shape_alert_kind(const struct alert_kind_info *kind)
{
    return json_pack("{s:i, s:s, s:s, s:s, s:s, s:i, s:o, s:s, s:s}", "id", (int)kind->id, "name",
                     kind->name, "title", kind->title, "family", kind->family, "severity",
                     alert_severity_name(kind->severity), "score", (int)kind->score, "mitre",
                     shape_mitre(kind), "meaning", kind->meaning, "remedy", kind->remedy);
}

json_t *shape_point(const struct live_point *point)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "at_ms", shape_number(point->at_ms), "bps",
                     shape_number(point->bps), "pps", shape_number(point->pps), "flows",
                     shape_number(point->flows), "hosts", shape_number(point->hosts), "dropped",
                     shape_number(point->drops));
}

json_t *shape_page(json_t *items, const char *next)
{
    return json_pack("{s:o, s:s?}", "items", items, "next", next);
}
