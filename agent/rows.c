#include "agent/rows.h"

#include "common/alert_kinds.h"
#include "common/clock.h"
#include "common/tunnel.h"
#include "common/wire/fields.h"
#include "common/wire/prints.h"
#include "common/wire/quality_row.h"

#include <netinet/in.h>
#include <stdio.h>

static json_t *ms_of(uint64_t ns)
{
    return json_integer((json_int_t)(ns / NS_PER_MS));
}

/* A counter; what no JSON integer holds is cut at its end. */
static json_t *number_of(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

/* json_pack leaves a member out when its value is NULL and the format says "o*". */
static json_t *text_or_null(const char *text)
{
    return text[0] == '\0' ? NULL : fields_string(text);
}

static json_t *mac_or_null(const struct mac *mac)
{
    char text[MAC_TEXT_SIZE];
    bool known = false;
    for (size_t i = 0; i < sizeof mac->bytes; i++) {
        known = known || mac->bytes[i] != 0;
    }
    return known ? json_string(mac_format(mac, text)) : NULL;
}

static json_t *addr_of(uint8_t family, const struct addr *addr)
{
    char text[ADDR_TEXT_SIZE];
    return json_string(addr_format((enum addr_family)family, addr, text));
}

static json_t *transport_of(uint8_t protocol)
{
    char number[8];
    switch (protocol) {
    case IPPROTO_TCP: return json_string("tcp");
    case IPPROTO_UDP: return json_string("udp");
    case IPPROTO_ICMP: return json_string("icmp");
    case IPPROTO_ICMPV6: return json_string("icmpv6");
    case IPPROTO_SCTP: return json_string("sctp");
    default: (void)snprintf(number, sizeof number, "%u", protocol); return json_string(number);
    }
}

/* Ids of alert kinds. */
static json_t *risks_of(uint64_t risks)
{
    json_t *list = json_array();
    for (unsigned risk = 1; risk < 64; risk++) {
        if ((risks >> risk & 1) != 0) {
            (void)json_array_append_new(list, json_integer(risk)); /* short of memory: fewer */
        }
    }
    return list;
}

/* Adds the members of `more` to `row`; takes over both. NULL when either is. */
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

static json_t *flow_identity(const struct flow_record *r)
{
    char community_id[COMMUNITY_ID_SIZE];
    return json_pack("{s:o, s:o, s:i, s:o, s:i, s:i, s:o, s:o*, s:o*, s:o*, s:o*}", "flow_id",
                     fields_id_string(r->flow_id), "client", addr_of(r->key.family, &r->key.client),
                     "client_port", (int)r->key.client_port, "server",
                     addr_of(r->key.family, &r->key.server), "server_port", (int)r->key.server_port,
                     "vlan", (int)r->key.vlan, "transport", transport_of(r->key.protocol), "source",
                     text_or_null(r->source), "client_mac", mac_or_null(&r->client_mac),
                     "server_mac", mac_or_null(&r->server_mac), "community_id",
                     text_or_null(flow_key_community_id(&r->key, 0, community_id)));
}

static json_t *number_or_null(uint64_t value)
{
    return value == 0 ? NULL : number_of(value);
}

/* Of a flow that was not captured here: who told it, and how. */
static json_t *flow_exporter(const struct flow_record *r)
{
    bool tcp = r->key.protocol == IPPROTO_TCP;
    return json_pack("{s:o, s:o*, s:o*, s:o, s:o*, s:o*}", "exporter",
                     addr_of(r->exporter_family, &r->exporter), "input_if",
                     number_or_null(r->input_if), "output_if", number_or_null(r->output_if),
                     "sampling", number_of(r->sampling), "tcp_flags_c2s",
                     tcp ? number_of(r->tcp_flags[DIR_C2S]) : NULL, "tcp_flags_s2c",
                     tcp ? number_of(r->tcp_flags[DIR_S2C]) : NULL);
}

static json_t *flow_meaning(const struct flow_record *r)
{
    return json_pack("{s:o, s:o, s:o*, s:o*, s:o*, s:s, s:i, s:o, s:o, s:o, s:o}", "protocol",
                     fields_string(r->protocol), "app", fields_string(r->app), "category",
                     text_or_null(r->category), "host", text_or_null(r->host), "info",
                     text_or_null(r->info), "status", flow_status_name((enum flow_status)r->status),
                     "confidence", (int)r->confidence, "risks", risks_of(r->risks), "first_ms",
                     ms_of(r->first_ns), "last_ms", ms_of(r->last_ns), "duration_ms",
                     ms_of(r->last_ns - r->first_ns));
}

/* Out of which tunnel it came, and where its ends are; members that are not known are left out. */
static json_t *flow_origin(const struct flow_record *r)
{
    const struct geo_place *c = &r->place[SIDE_CLIENT];
    const struct geo_place *s = &r->place[SIDE_SERVER];
    return json_pack("{s:o*, s:o*, s:o*, s:o*, s:o*, s:o*, s:o*, s:o*}", "tunnel",
                     text_or_null(tunnel_name(r->tunnel)), "tunnel_id",
                     number_or_null(r->tunnel_id), "client_country", text_or_null(c->country),
                     "client_asn", number_or_null(c->asn), "client_as", text_or_null(c->as_org),
                     "server_country", text_or_null(s->country), "server_asn",
                     number_or_null(s->asn), "server_as", text_or_null(s->as_org));
}

static json_t *flow_numbers(const struct live_flow *flow)
{
    const struct flow_record *r = &flow->record;
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "bps", number_of(flow->bps), "bytes",
                     number_of(r->bytes[DIR_C2S] + r->bytes[DIR_S2C]), "bytes_c2s",
                     number_of(r->bytes[DIR_C2S]), "bytes_s2c", number_of(r->bytes[DIR_S2C]),
                     "packets", number_of(r->packets[DIR_C2S] + r->packets[DIR_S2C]), "packets_c2s",
                     number_of(r->packets[DIR_C2S]), "packets_s2c", number_of(r->packets[DIR_S2C]));
}

static json_t *flow_tcp(const struct flow_record *r)
{
    uint64_t again = (uint64_t)r->retransmitted[DIR_C2S] + r->retransmitted[DIR_S2C];
    uint64_t late = (uint64_t)r->out_of_order[DIR_C2S] + r->out_of_order[DIR_S2C];
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:i}", "retransmitted", number_of(again),
                     "retransmitted_c2s", number_of(r->retransmitted[DIR_C2S]), "retransmitted_s2c",
                     number_of(r->retransmitted[DIR_S2C]), "out_of_order", number_of(late),
                     "out_of_order_c2s", number_of(r->out_of_order[DIR_C2S]), "out_of_order_s2c",
                     number_of(r->out_of_order[DIR_S2C]), "tcp_flags_c2s",
                     (int)r->tcp_flags[DIR_C2S], "tcp_flags_s2c", (int)r->tcp_flags[DIR_S2C]);
}

static json_t *flow_prints_of(const struct flow_record *r)
{
    struct print_texts texts;
    prints_texts(&r->prints, &texts);
    json_t *row = json_pack("{s:o}", "fingerprints", prints_row(&texts));
    if (r->prints.syn.flags != 0) {
        /* Short of memory: a row without it. */
        (void)json_object_set_new(row, "client_hops", json_integer(r->prints.syn.hops));
    }
    return row;
}

json_t *row_of_flow(const struct live_flow *flow)
{
    json_t *row = joined(flow_identity(&flow->record), flow_meaning(&flow->record));
    row = joined(row, flow_numbers(flow));
    row = joined(row, flow_origin(&flow->record));
    if (flow->record.exporter_family != ADDR_NONE) {
        return joined(row, flow_exporter(&flow->record)); /* packets told nothing */
    }
    row = joined(row, flow_prints_of(&flow->record));
    if (flow->record.key.protocol == IPPROTO_TCP) {
        row = joined(row, flow_tcp(&flow->record));
    }
    return joined(row, quality_row(&flow->record));
}

/* "tcp/443", the first seen first. */
static json_t *services_of(const struct host *h)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < h->service_count; i++) {
        json_t *service = json_sprintf(
            "%s/%u", h->services[i].protocol == IPPROTO_UDP ? "udp" : "tcp", h->services[i].port);
        (void)json_array_append_new(list, service); /* short of memory: fewer */
    }
    return list;
}

json_t *row_of_host(const struct host *host, const struct geo_place *place, uint64_t now_ns)
{
    json_t *row = json_pack("{s:o, s:i, s:o*, s:o*, s:b, s:o, s:o, s:i}", "host",
                            addr_of(host->key.family, &host->key.addr), "vlan", (int)host->key.vlan,
                            "mac", mac_or_null(&host->mac), "name", text_or_null(host->name),
                            "local", (int)host->local, "first_ms", ms_of(host->first_ns), "last_ms",
                            ms_of(host->last_ns), "flows", (int)host->flows);
    row =
        joined(row, json_pack("{s:o*, s:o*, s:o*}", "country", text_or_null(place->country), "asn",
                              number_or_null(place->asn), "as", text_or_null(place->as_org)));
    json_t *numbers = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "bytes",
        number_of(host->bytes_in + host->bytes_out), "bytes_in", number_of(host->bytes_in),
        "bytes_out", number_of(host->bytes_out), "packets_in", number_of(host->packets_in),
        "packets_out", number_of(host->packets_out), "bps_in", number_of(host_bps_in(host, now_ns)),
        "bps_out", number_of(host_bps_out(host, now_ns)), "services", services_of(host));
    return joined(row, numbers);
}

json_t *row_of_alert(const struct alert_state *alert)
{
    const struct alert_kind_info *kind = alert_kind_find(alert->key.kind);
    json_t *row = json_pack(
        "{s:i, s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:o}", "kind", (int)alert->key.kind, "entity",
        alert_entity_name((enum alert_entity)alert->key.entity), "entity_id",
        fields_string(alert->key.entity_id), "key", fields_string(alert->key.key), "state",
        "engaged", "first_ms", ms_of(alert->since_ns), "last_ms", ms_of(alert->bad_ns), "count",
        number_of(alert->count), "detail", fields_string(alert->detail));
    if (kind == NULL) {
        return row;
    }
    json_t *known = json_pack(
        "{s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:{s:o, s:o}}", "name", kind->name, "title",
        kind->title, "family", kind->family, "severity", alert_severity_name(kind->severity),
        "score", (int)kind->score, "meaning", kind->meaning, "remedy", kind->remedy, "mitre",
        "technique", kind->technique[0] == '\0' ? json_null() : json_string(kind->technique),
        "tactic", kind->tactic[0] == '\0' ? json_null() : json_string(kind->tactic));
    return joined(row, known);
}

static const char *source_state_name(enum sample_source_state state)
{
    switch (state) {
    case SAMPLE_SOURCE_STARTING: return "starting";
    case SAMPLE_SOURCE_RUNNING: return "running";
    case SAMPLE_SOURCE_ENDED: return "ended";
    case SAMPLE_SOURCE_FAILED: return "failed";
    }
    return "unknown";
}

json_t *rows_of_sources(const struct agent_sample *sample)
{
    json_t *list = json_array();
    for (size_t i = 0; i < sample->source_count; i++) {
        const struct source_sample *s = &sample->sources[i];
        json_t *source =
            json_pack("{s:o, s:s, s:s, s:o*, s:o, s:o}", "name", fields_string(s->name), "kind",
                      s->collects ? "exporters" : "packets", "state", source_state_name(s->state),
                      "error", text_or_null(s->error), "packets", number_of(s->packets), "dropped",
                      number_of(s->dropped));
        (void)json_array_append_new(list, source); /* short of memory: fewer */
    }
    return list;
}

static json_t *versions_of(uint8_t versions)
{
    static const struct {
        enum collect_version bit;
        const char *name;
    } names[] = {{COLLECT_V5, "NetFlow v5"}, {COLLECT_V9, "NetFlow v9"}, {COLLECT_IPFIX, "IPFIX"}};
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((versions & names[i].bit) != 0) {
            (void)json_array_append_new(list, json_string(names[i].name)); /* no memory: fewer */
        }
    }
    return list;
}

static json_t *exporter_identity(const struct agent_sample *s, const struct exporter_view *x)
{
    const char *source = x->source < s->source_count ? s->sources[x->source].name : "";
    return json_pack("{s:o, s:s, s:b, s:o}", "address", addr_of(x->family, &x->addr), "source",
                     source, "refused", (int)(x->number == 0), "versions",
                     versions_of(x->versions));
}

static json_t *exporter_numbers(const struct exporter_view *x)
{
    return json_pack("{s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                     "first_ms", ms_of(x->first_ns), "last_ms", ms_of(x->last_ns), "clock_skew_ms",
                     (json_int_t)x->skew_ms, "templates", number_of(x->templates), "sampling",
                     number_of(x->sampling), "datagrams", number_of(x->datagrams), "flows",
                     number_of(x->flows), "lost_flows", number_of(x->lost_flows), "lost_datagrams",
                     number_of(x->lost_datagrams), "malformed", number_of(x->malformed),
                     "untemplated", number_of(x->untemplated), "duplicates",
                     number_of(x->duplicates), "restarts", number_of(x->restarts));
}

json_t *rows_of_exporters(const struct agent_sample *sample)
{
    json_t *list = json_array();
    for (size_t i = 0; i < sample->exporter_count; i++) {
        const struct exporter_view *x = &sample->exporters[i];
        json_t *row = joined(exporter_identity(sample, x), exporter_numbers(x));
        (void)json_array_append_new(list, row); /* short of memory: fewer */
    }
    return list;
}
