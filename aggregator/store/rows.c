/* One function a table; each names its columns in the statement and fills them in that order. */
#include "aggregator/store/rows.h"

#include "aggregator/store/assets.h"
#include "aggregator/store/rows_media.h"
#include "aggregator/store/rows_prints.h"
#include "aggregator/store/rows_quality.h"
#include "common/clock.h"
#include "common/tunnel.h"
#include "common/wire/counters.h"
#include "common/wire/flows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const copy_sql[ROW_TABLES] = {
    [ROWS_FLOW] = "COPY flow (instance_id, epoch, seq, flow_id, first_at, last_at, client, server,"
                  " client_port, server_port, vlan, protocol_l4, status, final, truncated,"
                  " confidence, bytes_c2s, bytes_s2c, packets_c2s, packets_s2c,"
                  " retransmitted_c2s, retransmitted_s2c, out_of_order_c2s, out_of_order_s2c,"
                  " tcp_flags_c2s, tcp_flags_s2c, handshake_client_us, handshake_server_us, risks,"
                  " client_mac, server_mac, source, protocol, app, category, host,"
                  " info, " ROWS_QUALITY_SQL ", exporter, input_if, output_if, sampling,"
                  " tunnel, tunnel_id, client_country, client_asn, client_as, server_country,"
                  " server_asn, server_as, " ROWS_PRINTS_SQL ", " ROWS_MEDIA_SQL ")"
                  " FROM STDIN (FORMAT binary)",
    [ROWS_TOTAL] = "COPY counter_total (instance_id, epoch, seq, start_at, seconds, bytes_in,"
                   " bytes_out, packets, dropped, flows, hosts, late) FROM STDIN (FORMAT binary)",
    [ROWS_INTERFACE] = "COPY counter_interface (instance_id, epoch, seq, start_at, seconds, name,"
                       " bytes_in, bytes_out, packets, dropped, flows)"
                       " FROM STDIN (FORMAT binary)",
    [ROWS_APP] = "COPY counter_app (instance_id, epoch, seq, start_at, seconds, app, bytes_in,"
                 " bytes_out, packets, flows) FROM STDIN (FORMAT binary)",
    [ROWS_HOST] = "COPY counter_host_top (instance_id, epoch, seq, start_at, seconds, host, vlan,"
                  " local, bytes_in, bytes_out, packets, flows) FROM STDIN (FORMAT binary)",
    [ROWS_ALERT_EVENT] = "COPY alert_event (instance_id, epoch, seq, at, kind, action, score,"
                         " entity, entity_id, key, flow_id, client, server, client_port,"
                         " server_port, protocol_l4, protocol, app, host, detail)"
                         " FROM STDIN (FORMAT binary)",
    [ROWS_DEVICE] = target_device_copy_sql,
    [ROWS_DEVICE_INTERFACE] = target_interface_copy_sql,
    [ROWS_PROBE] = target_probe_copy_sql,
    [ROWS_DIRTY] = "COPY rollup_dirty (instance_id, facts, at) FROM STDIN (FORMAT binary)",
};

enum {
    FLOW_COLUMNS = 49 + ROWS_QUALITY_COLUMNS + ROWS_PRINTS_COLUMNS + ROWS_MEDIA_COLUMNS,
    TOTAL_COLUMNS = 12,
    INTERFACE_COLUMNS = 11,
    APP_COLUMNS = 10,
    HOST_COLUMNS = 12,
    EVENT_COLUMNS = 20,
    DIRTY_COLUMNS = 3,
    LATE_S = 60, /* older than this when sent: it waited in a spool */
};

/* Begins a row with the three columns that say which record it is. */
static struct copy *begin_row(struct rows *rows, enum row_table table, uint64_t seq,
                              int16_t columns)
{
    struct copy *c = &rows->tables->copies[table];
    copy_row(c, columns);
    copy_i32(c, rows->instance_id);
    copy_i64(c, rows->epoch);
    copy_i64(c, seq);
    return c;
}

/*
 * Notes that roll-ups of this time must be made anew. Records come in order of time, nearly: each
 * minute is noted once a batch, or a few times.
 */
static void note_dirty(struct rows *rows, const char *facts, uint64_t at_ns)
{
    static const uint64_t minute_ns = UINT64_C(60) * NS_PER_S;
    uint64_t at = at_ns - at_ns % minute_ns;
    if (at == rows->dirty_ns) {
        return;
    }
    rows->dirty_ns = at;
    struct copy *c = &rows->tables->copies[ROWS_DIRTY];
    copy_row(c, DIRTY_COLUMNS);
    copy_i32(c, rows->instance_id);
    copy_text(c, facts);
    copy_time(c, at);
}

static void flow_identity(struct copy *c, const struct flow_record *r)
{
    copy_i64(c, r->flow_id);
    copy_time(c, r->first_ns);
    copy_time(c, r->last_ns);
    copy_inet(c, (enum addr_family)r->key.family, &r->key.client);
    copy_inet(c, (enum addr_family)r->key.family, &r->key.server);
    copy_i32(c, r->key.client_port);
    copy_i32(c, r->key.server_port);
    copy_i16(c, (int16_t)r->key.vlan);
    copy_i16(c, r->key.protocol);
    copy_i16(c, r->status);
    copy_bool(c, r->final);
    copy_bool(c, r->truncated);
    copy_i16(c, r->confidence);
}

static void flow_measures(struct copy *c, const struct flow_record *r)
{
    copy_i64(c, r->bytes[DIR_C2S]);
    copy_i64(c, r->bytes[DIR_S2C]);
    copy_i64(c, r->packets[DIR_C2S]);
    copy_i64(c, r->packets[DIR_S2C]);
    copy_i64(c, r->retransmitted[DIR_C2S]);
    copy_i64(c, r->retransmitted[DIR_S2C]);
    copy_i64(c, r->out_of_order[DIR_C2S]);
    copy_i64(c, r->out_of_order[DIR_S2C]);
    copy_i16(c, r->tcp_flags[DIR_C2S]);
    copy_i16(c, r->tcp_flags[DIR_S2C]);
    copy_i64_or_null(c, r->handshake_client_us);
    copy_i64_or_null(c, r->handshake_server_us);
}

static void flow_exporter(struct copy *c, const struct flow_record *r)
{
    if (r->exporter_family == ADDR_NONE) {
        for (int i = 0; i < 4; i++) { /* exporter to sampling */
            copy_null(c);
        }
        return;
    }
    copy_inet(c, (enum addr_family)r->exporter_family, &r->exporter);
    copy_i64_or_null(c, r->input_if);
    copy_i64_or_null(c, r->output_if);
    copy_i32(c, (int32_t)(r->sampling & INT32_MAX));
}

static void flow_place(struct copy *c, const struct geo_place *p)
{
    copy_text_or_null(c, p->country);
    copy_i64_or_null(c, p->asn);
    copy_text_or_null(c, p->as_org);
}

static void flow_origin(struct copy *c, const struct flow_record *r)
{
    if (r->tunnel == TUNNEL_NONE) {
        copy_null(c);
        copy_null(c);
    } else {
        copy_i16(c, r->tunnel);
        copy_i64(c, r->tunnel_id);
    }
    flow_place(c, &r->place[SIDE_CLIENT]);
    flow_place(c, &r->place[SIDE_SERVER]);
}

static int add_flow(struct rows *rows, const struct batch_record *record, struct err *e)
{
    struct flow_record r;
    if (flow_record_unpack(record->bytes, record->len, &r, e) != 0) {
        return -1;
    }
    note_dirty(rows, "flow", r.last_ns);
    struct copy *c = begin_row(rows, ROWS_FLOW, record->seq, FLOW_COLUMNS);
    flow_identity(c, &r);
    flow_measures(c, &r);
    copy_i64(c, r.risks);
    copy_mac(c, &r.client_mac);
    copy_mac(c, &r.server_mac);
    copy_text(c, r.source);
    copy_text(c, r.protocol);
    copy_text(c, r.app);
    copy_text(c, r.category);
    copy_text(c, r.host);
    copy_text(c, r.info);
    rows_quality_copy(c, &r);
    flow_exporter(c, &r);
    flow_origin(c, &r);
    rows_prints_copy(c, &r);
    rows_media_copy(c, &r);
    return 0;
}

static void counter_time(struct copy *c, const struct counter_record *r)
{
    copy_time(c, r->start_ns);
    copy_i32(c, (int32_t)r->seconds);
}

static void counter_traffic(struct copy *c, const struct counter_record *r)
{
    copy_i64(c, r->bytes_in);
    copy_i64(c, r->bytes_out);
    copy_i64(c, r->packets);
}

static void add_total(struct rows *rows, uint64_t seq, const struct counter_record *r)
{
    struct copy *c = begin_row(rows, ROWS_TOTAL, seq, TOTAL_COLUMNS);
    counter_time(c, r);
    counter_traffic(c, r);
    copy_i64(c, r->dropped);
    copy_i32(c, (int32_t)r->flows);
    copy_i32(c, (int32_t)r->hosts);
    copy_bool(c, rows->sent_ns > r->start_ns + (r->seconds + (uint64_t)LATE_S) * NS_PER_S);
}

static void add_interface(struct rows *rows, uint64_t seq, const struct counter_record *r)
{
    struct copy *c = begin_row(rows, ROWS_INTERFACE, seq, INTERFACE_COLUMNS);
    counter_time(c, r);
    copy_text(c, r->name);
    counter_traffic(c, r);
    copy_i64(c, r->dropped);
    copy_i32(c, (int32_t)r->flows);
}

static void add_app(struct rows *rows, uint64_t seq, const struct counter_record *r)
{
    struct copy *c = begin_row(rows, ROWS_APP, seq, APP_COLUMNS);
    counter_time(c, r);
    copy_text(c, r->name);
    counter_traffic(c, r);
    copy_i32(c, (int32_t)r->flows);
}

static void add_host(struct rows *rows, uint64_t seq, const struct counter_record *r)
{
    struct copy *c = begin_row(rows, ROWS_HOST, seq, HOST_COLUMNS);
    counter_time(c, r);
    copy_inet(c, (enum addr_family)r->family, &r->addr);
    copy_i16(c, (int16_t)r->vlan);
    copy_bool(c, r->local != 0);
    counter_traffic(c, r);
    copy_i32(c, (int32_t)r->flows);
}

static int add_counter(struct rows *rows, const struct batch_record *record, struct err *e)
{
    struct counter_record r;
    if (counter_record_unpack(record->bytes, record->len, &r, e) != 0) {
        return -1;
    }
    note_dirty(rows, "counter", r.start_ns);
    switch ((enum counter_kind)r.kind) {
    case COUNTER_TOTAL: add_total(rows, record->seq, &r); return 0;
    case COUNTER_INTERFACE: add_interface(rows, record->seq, &r); return 0;
    case COUNTER_APP: add_app(rows, record->seq, &r); return 0;
    case COUNTER_HOST: add_host(rows, record->seq, &r); return 0;
    }
    return err_set(e, ERR_PARSE, "counter kind %u", r.kind);
}

static void event_flow(struct copy *c, const struct wire_alert *a)
{
    if (!a->has_flow) {
        for (int i = 0; i < 6; i++) { /* flow_id to protocol_l4 */
            copy_null(c);
        }
        return;
    }
    copy_i64(c, a->flow_id);
    copy_inet(c, (enum addr_family)a->flow.family, &a->flow.client);
    copy_inet(c, (enum addr_family)a->flow.family, &a->flow.server);
    copy_i32(c, a->flow.client_port);
    copy_i32(c, a->flow.server_port);
    copy_i16(c, a->flow.protocol);
}

static int add_alert(struct rows *rows, const struct batch_record *record, struct err *e)
{
    struct row_alert *next = &rows->alerts[rows->alert_count];
    struct wire_alert *a = &next->alert;
    if (wire_alert_unpack(record->bytes, record->len, a, e) != 0) {
        return -1;
    }
    next->seq = record->seq;
    rows->alert_count++;
    struct copy *c = begin_row(rows, ROWS_ALERT_EVENT, record->seq, EVENT_COLUMNS);
    copy_time(c, a->at_ns);
    copy_i16(c, (int16_t)a->kind);
    copy_i16(c, a->action);
    copy_i16(c, (int16_t)a->score);
    copy_i16(c, a->entity);
    copy_text(c, a->entity_id);
    copy_text(c, a->key);
    event_flow(c, a);
    copy_text(c, a->protocol);
    copy_text(c, a->app);
    copy_text(c, a->host);
    copy_text(c, a->detail);
    return 0;
}

static int add_asset(struct rows *rows, const struct batch_record *record, struct err *e)
{
    struct wire_asset asset;
    if (wire_asset_unpack(record->bytes, record->len, &asset, e) != 0) {
        return -1;
    }
    if (json_array_append_new(rows->assets, asset_row(&asset, record->seq)) != 0) {
        return err_set(e, ERR_NOMEM, "an asset's row");
    }
    return 0;
}

static int add_target(struct rows *rows, enum wire_stream stream, const struct batch_record *record,
                      struct err *e)
{
    struct copy *to = rows->tables->copies;
    const struct target_copies copies = {.device = &to[ROWS_DEVICE],
                                         .interface = &to[ROWS_DEVICE_INTERFACE],
                                         .probe = &to[ROWS_PROBE]};
    const struct target_origin origin = {
        .instance_id = rows->instance_id, .epoch = rows->epoch, .seq = record->seq};
    return stream == STREAM_SNMP ? targets_add_device(&rows->targets, &copies, &origin, record, e)
                                 : targets_add_probe(&rows->targets, &copies, &origin, record, e);
}

static int add_record(struct rows *rows, enum wire_stream stream, const struct batch_record *record,
                      struct err *e)
{
    switch (stream) {
    case STREAM_ALERT: return add_alert(rows, record, e);
    case STREAM_COUNTER: return add_counter(rows, record, e);
    case STREAM_FLOW: return add_flow(rows, record, e);
    case STREAM_ASSET: return add_asset(rows, record, e);
    case STREAM_SNMP:
    case STREAM_PROBE: return add_target(rows, stream, record, e);
    }
    return err_set(e, ERR_PARSE, "stream %u", (unsigned)stream);
}

static void put_aside(struct rows *rows, const struct batch_record *record, const struct err *why)
{
    rows->bad[rows->bad_count++] = (struct bad_record){.record = record, .why = *why};
}

static int rows_alloc(struct rows *rows, const struct batch *batch, struct err *e)
{
    bool alerts = batch->env.kind == STREAM_ALERT;
    rows->bad = calloc(batch->count, sizeof *rows->bad);
    rows->alerts = alerts ? calloc(batch->count, sizeof *rows->alerts) : NULL;
    bool assets = batch->env.kind == STREAM_ASSET;
    rows->assets = assets ? json_array() : NULL;
    if (rows->bad == NULL || (alerts && rows->alerts == NULL) || (assets && rows->assets == NULL)) {
        return err_set(e, ERR_NOMEM, "no memory for the rows of %u records", batch->count);
    }
    return 0;
}

int rows_open(struct rows *rows, struct row_tables *tables, int32_t instance_id,
              const struct batch *batch, struct err *e)
{
    *rows = (struct rows){
        .instance_id = instance_id,
        .epoch = batch->env.epoch,
        .tables = tables,
        .sent_ns = batch->env.wall_ns,
    };
    if (rows_alloc(rows, batch, e) != 0) {
        return -1;
    }
    for (unsigned i = 0; i < batch->count; i++) {
        const struct batch_record *record = &batch->records[i];
        struct err why = {0};
        if (record->is_gap) {
            continue;
        }
        if (add_record(rows, (enum wire_stream)batch->env.kind, record, &why) != 0) {
            put_aside(rows, record, &why);
        } else {
            rows->stored++;
        }
    }
    return 0;
}

void rows_close(struct rows *rows)
{
    json_decref(rows->assets);
    targets_done(&rows->targets);
    free(rows->alerts);
    free(rows->bad);
    *rows = (struct rows){0};
}

int row_tables_copy(struct row_tables *tables, struct pg *pg, struct err *e)
{
    for (int i = 0; i < ROW_TABLES; i++) {
        struct copy *c = &tables->copies[i];
        if (c->rows == 0) {
            continue;
        }
        if (!copy_finish(c)) {
            return err_set(e, ERR_NOMEM, "no memory for %u rows", c->rows);
        }
        if (pg_copy(pg, copy_sql[i], c->bytes, c->len, e) != 0) {
            return -1;
        }
    }
    return 0;
}

void row_tables_done(struct row_tables *tables)
{
    for (int i = 0; i < ROW_TABLES; i++) {
        copy_done(&tables->copies[i]);
    }
}
