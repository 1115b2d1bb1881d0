/*
 * State travels to PostgreSQL as the JSON that came, once it was read without a fault: the
 * statements take what they need of it. Of two records about one thing in a batch the newer one
 * counts, and an older one never overwrites a newer row.
 */
#include "aggregator/store/targets.h"

#include "common/wire/devices.h"
#include "common/wire/fields.h"
#include "common/wire/probes.h"

#include <stdlib.h>

const char target_device_copy_sql[] =
    "COPY snmp_device_sample (instance_id, epoch, seq, at, device, state, duration_ms, cpu,"
    " memory_used, memory_total) FROM STDIN (FORMAT binary)";
const char target_interface_copy_sql[] =
    "COPY snmp_sample (instance_id, epoch, seq, at, device, interface, span_ms, speed_bps,"
    " octets_in, octets_out, packets_in, packets_out, errors_in, errors_out, discards_in,"
    " discards_out) FROM STDIN (FORMAT binary)";
const char target_probe_copy_sql[] =
    "COPY probe_sample (instance_id, epoch, seq, at, probe, ok, state, rtt_us, rtt_min_us,"
    " rtt_max_us, jitter_us, sent, received, name_us, connect_us, tls_us, total_us, status)"
    " FROM STDIN (FORMAT binary)";
enum { DEVICE_COLUMNS = 10, INTERFACE_COLUMNS = 16, PROBE_COLUMNS = 18 };

#define AT(ns) "to_timestamp(" ns "::numeric / 1000000000)"

/* $1 instance, $2 the list. What a device that does not answer told before stays. */
static const char device_sql[] =
    "INSERT INTO snmp_device AS d (instance_id, device, name, host, state, error, since,"
    " polled_at, answered_at, version, interval_s, duration_ms, failures, sys_name, sys_descr,"
    " object_id, location, model, serial, uptime_s, cpu, memory_used, memory_total, interfaces)"
    " SELECT $1::int, device, coalesce(name, ''), coalesce(host, ''), state, coalesce(error, ''),"
    " " AT("at_ns") ", " AT("at_ns") ", CASE WHEN state = 'up' THEN " AT(
        "at_ns") " END,"
                 " coalesce(version, 0), coalesce(interval_s, 0), coalesce(duration_ms, 0),"
                 " coalesce(failures, 0), coalesce(sys_name, ''), coalesce(sys_descr, ''),"
                 " coalesce(object_id, ''), coalesce(location, ''), coalesce(model, ''), coalesce(serial, ''),"
                 " coalesce(uptime_s, 0), cpu, CASE WHEN memory_total > 0 THEN coalesce(memory_used, 0) END,"
                 " memory_total, coalesce(interfaces, 0)"
                 " FROM (SELECT DISTINCT ON (device) * FROM json_to_recordset($2::json) AS r (device text,"
                 " at_ns bigint, name text, host text, state text, error text, version smallint,"
                 " interval_s int, duration_ms int, failures int, sys_name text, sys_descr text,"
                 " object_id text, location text, model text, serial text, uptime_s bigint, cpu smallint,"
                 " memory_used bigint, memory_total bigint, interfaces int) ORDER BY device, at_ns DESC) r"
                 " ON CONFLICT (instance_id, device) DO UPDATE SET name = excluded.name,"
                 " host = excluded.host, state = excluded.state, error = excluded.error,"
                 " since = CASE WHEN d.state = excluded.state THEN d.since ELSE excluded.since END,"
                 " polled_at = excluded.polled_at, answered_at = coalesce(excluded.answered_at,"
                 " d.answered_at), version = excluded.version, interval_s = excluded.interval_s,"
                 " duration_ms = excluded.duration_ms, failures = excluded.failures,"
                 " (sys_name, sys_descr, object_id, location, model, serial, uptime_s, cpu, memory_used,"
                 " memory_total, interfaces) = (SELECT n.* FROM (SELECT excluded.sys_name,"
                 " excluded.sys_descr, excluded.object_id, excluded.location, excluded.model,"
                 " excluded.serial, excluded.uptime_s, excluded.cpu, excluded.memory_used,"
                 " excluded.memory_total, excluded.interfaces WHERE excluded.state = 'up' UNION ALL SELECT"
                 " d.sys_name, d.sys_descr, d.object_id, d.location, d.model, d.serial, d.uptime_s, d.cpu,"
                 " d.memory_used, d.memory_total, d.interfaces WHERE excluded.state <> 'up') n)"
                 " WHERE d.polled_at <= excluded.polled_at";

#define BPS(direction) "(" direction "->>0)::bigint * 8000 / span_ms"
#define PPS(direction) "(" direction "->>1)::bigint * 1000 / span_ms"
#define BOTH(place)    "(\"in\"->>" place ")::bigint + (\"out\"->>" place ")::bigint"

static const char interface_sql[] =
    "INSERT INTO snmp_interface AS i (instance_id, device, key, if_index, name, alias, descr,"
    " type, admin, oper, oper_since, mac, speed_bps, bits, in_bps, out_bps, in_pps, out_pps,"
    " errors, discards, span_ms, seen_at)"
    " SELECT $1::int, device, key, coalesce(index, 0), coalesce(name, ''), coalesce(alias, ''),"
    " coalesce(descr, ''), coalesce(type, 0), coalesce(admin, 0), coalesce(oper, 0), " AT("at_ns") ", mac, speed_bps, coalesce(bits, 0), " BPS("\"in\"") ", " BPS(
        "\"out\"") ", " PPS("\"in\"") ", " PPS("\"out\"") ", " BOTH("2") ", " BOTH("3") ", span_ms, " AT("at_ns") " FROM (SELECT DISTINCT ON (device, key) * FROM json_to_recordset($2::json) AS r (device text,"
                                                                                                                  " at_ns bigint, key text, index int, name text, alias text, descr text, type int,"
                                                                                                                  " admin smallint, oper smallint, mac macaddr, speed_bps bigint, bits smallint, span_ms int,"
                                                                                                                  " \"in\" json, \"out\" json) ORDER BY device, key, at_ns DESC) r"
                                                                                                                  " ON CONFLICT (instance_id, device, key) DO UPDATE SET if_index = excluded.if_index,"
                                                                                                                  " name = excluded.name, alias = excluded.alias, descr = excluded.descr, type = excluded.type,"
                                                                                                                  " admin = excluded.admin, oper = excluded.oper, oper_since = CASE WHEN i.oper = excluded.oper"
                                                                                                                  " THEN i.oper_since ELSE excluded.oper_since END, mac = excluded.mac,"
                                                                                                                  " speed_bps = excluded.speed_bps, bits = excluded.bits, in_bps = excluded.in_bps,"
                                                                                                                  " out_bps = excluded.out_bps, in_pps = excluded.in_pps, out_pps = excluded.out_pps,"
                                                                                                                  " errors = excluded.errors, discards = excluded.discards, span_ms = excluded.span_ms,"
                                                                                                                  " seen_at = excluded.seen_at WHERE i.seen_at <= excluded.seen_at";

static const char neighbour_sql[] =
    "INSERT INTO snmp_neighbour AS n (instance_id, device, protocol, local, chassis, port,"
    " port_descr, sys_name, sys_descr, address, first_at, last_at)"
    " SELECT $1::int, device, protocol, coalesce(local, ''), coalesce(chassis, ''),"
    " coalesce(port, ''), coalesce(port_descr, ''), coalesce(sys_name, ''),"
    " coalesce(sys_descr, ''), coalesce(address, ''), " AT("at_ns") ", " AT(
        "at_ns") " FROM (SELECT DISTINCT ON (r.device, protocol, local, chassis, port) r.device, r.at_ns, i.*"
                 " FROM json_to_recordset($2::json) AS r (device text, at_ns bigint, items json),"
                 " json_to_recordset(r.items) AS i (protocol text, local text, chassis text, port text,"
                 " port_descr text, sys_name text, sys_descr text, address text)"
                 " ORDER BY r.device, protocol, local, chassis, port, r.at_ns DESC) r"
                 " ON CONFLICT (instance_id, device, protocol, local, chassis, port) DO UPDATE SET"
                 " port_descr = excluded.port_descr, sys_name = excluded.sys_name,"
                 " sys_descr = excluded.sys_descr, address = excluded.address, last_at = excluded.last_at"
                 " WHERE n.last_at <= excluded.last_at";

/* Who was not told in a poll that told all of them is gone. */
static const char gone_sql[] =
    "DELETE FROM snmp_neighbour n USING json_to_recordset($2::json) AS r (device text,"
    " at_ns bigint) WHERE n.instance_id = $1::int AND n.device = r.device"
    " AND n.last_at < " AT("r.at_ns");

static const char probe_sql[] =
    "INSERT INTO probe AS p (instance_id, probe, name, kind, target, address, state, error, since,"
    " ran_at, interval_s, rtt_us, jitter_us, sent, received, name_us, connect_us, tls_us,"
    " total_us, status, cert_end)"
    " SELECT $1::int, probe, coalesce(name, ''), kind, coalesce(target, ''),"
    " coalesce(address, ''), state, coalesce(error, ''), " AT("at_ns") ", " AT(
        "at_ns") ","
                 " coalesce(interval_s, 0), rtt_us, jitter_us, sent, coalesce(received, 0), name_us,"
                 " connect_us, tls_us, total_us, status, to_timestamp(cert_end_s)"
                 " FROM (SELECT DISTINCT ON (probe) * FROM json_to_recordset($2::json) AS r (probe text,"
                 " at_ns bigint, name text, kind text, target text, address text, state text, error text,"
                 " interval_s int, rtt_us bigint, jitter_us bigint, sent int, received int, name_us bigint,"
                 " connect_us bigint, tls_us bigint, total_us bigint, status int, cert_end_s bigint)"
                 " ORDER BY probe, at_ns DESC) r"
                 " ON CONFLICT (instance_id, probe) DO UPDATE SET name = excluded.name, kind = excluded.kind,"
                 " target = excluded.target, address = excluded.address, state = excluded.state,"
                 " error = excluded.error, since = CASE WHEN (p.state = 'ok') = (excluded.state = 'ok')"
                 " THEN p.since ELSE excluded.since END, ran_at = excluded.ran_at,"
                 " interval_s = excluded.interval_s, rtt_us = excluded.rtt_us, jitter_us = excluded.jitter_us,"
                 " sent = excluded.sent, received = excluded.received, name_us = excluded.name_us,"
                 " connect_us = excluded.connect_us, tls_us = excluded.tls_us, total_us = excluded.total_us,"
                 " status = excluded.status, cert_end = coalesce(excluded.cert_end, p.cert_end)"
                 " WHERE p.ran_at <= excluded.ran_at";

void targets_done(struct targets *t)
{
    for (int i = 0; i < TARGET_STATES; i++) {
        json_decref(t->lists[i]);
    }
    json_decref(t->complete);
    *t = (struct targets){0};
}

/* Adds the record's own JSON, or with take a value made for it, to a list. */
static int append(json_t **list, json_t *value, struct err *e)
{
    if (*list == NULL) {
        *list = json_array();
    }
    return json_array_append_new(*list, value) == 0 ? 0
                                                    : err_set(e, ERR_NOMEM, "no memory for rows");
}

static json_t *as_json(const struct batch_record *record)
{
    return json_loadb((const char *)record->bytes, record->len, 0, NULL);
}

static void begin_row(struct copy *c, const struct target_origin *origin, int16_t columns,
                      uint64_t at_ns)
{
    copy_row(c, columns);
    copy_i32(c, origin->instance_id);
    copy_i64(c, origin->epoch);
    copy_i64(c, origin->seq);
    copy_time(c, at_ns);
}

static void copy_status(struct copy *c, const struct device_record *r)
{
    const struct device_status *s = &r->status;
    copy_text(c, r->device);
    copy_text(c, device_state_name((enum device_state)s->state));
    copy_i32(c, (int32_t)s->duration_ms);
    if (s->cpu == CPU_UNKNOWN) {
        copy_null(c);
    } else {
        copy_i16(c, (int16_t)s->cpu);
    }
    if (s->memory_total == 0) {
        copy_null(c);
        copy_null(c);
    } else {
        copy_i64(c, s->memory_used);
        copy_i64(c, s->memory_total);
    }
}

static void copy_interface(struct copy *c, const struct device_record *r)
{
    const struct device_interface *i = &r->interface;
    copy_text(c, r->device);
    copy_text(c, i->key);
    copy_i32(c, (int32_t)i->span_ms);
    copy_i64_or_null(c, i->speed_bps);
    copy_i64(c, i->in.octets);
    copy_i64(c, i->out.octets);
    copy_i64(c, i->in.packets);
    copy_i64(c, i->out.packets);
    copy_i64(c, i->in.errors);
    copy_i64(c, i->out.errors);
    copy_i64(c, i->in.discards);
    copy_i64(c, i->out.discards);
}

static int add_neighbours(struct targets *t, const struct device_record *r,
                          const struct batch_record *record, struct err *e)
{
    if (append(&t->lists[TARGET_NEIGHBOUR], as_json(record), e) != 0) {
        return -1;
    }
    return r->neighbours.last
               ? append(&t->complete,
                        json_pack("{s:s, s:I}", "device", r->device, "at_ns", (json_int_t)r->at_ns),
                        e)
               : 0;
}

int targets_add_device(struct targets *t, const struct target_copies *copies,
                       const struct target_origin *origin, const struct batch_record *record,
                       struct err *e)
{
    struct device_record r;
    if (device_record_unpack(record->bytes, record->len, &r, e) != 0) {
        return -1;
    }
    switch ((enum device_record_kind)r.kind) {
    case DEVICE_STATUS:
        begin_row(copies->device, origin, DEVICE_COLUMNS, r.at_ns);
        copy_status(copies->device, &r);
        return append(&t->lists[TARGET_DEVICE], as_json(record), e);
    case DEVICE_INTERFACE:
        if (r.interface.span_ms != 0) {
            begin_row(copies->interface, origin, INTERFACE_COLUMNS, r.at_ns);
            copy_interface(copies->interface, &r);
        }
        return append(&t->lists[TARGET_INTERFACE], as_json(record), e);
    case DEVICE_NEIGHBOURS: return add_neighbours(t, &r, record, e);
    }
    return err_set(e, ERR_PARSE, "device record of kind %u", r.kind);
}

int targets_add_probe(struct targets *t, const struct target_copies *copies,
                      const struct target_origin *origin, const struct batch_record *record,
                      struct err *e)
{
    struct probe_record r;
    struct copy *c = copies->probe;
    if (probe_record_unpack(record->bytes, record->len, &r, e) != 0) {
        return -1;
    }
    begin_row(c, origin, PROBE_COLUMNS, r.at_ns);
    copy_text(c, r.probe);
    copy_bool(c, r.state == PROBE_OK);
    copy_text(c, probe_state_name((enum probe_state)r.state));
    copy_i64_or_null(c, r.rtt_us);
    copy_i64_or_null(c, r.rtt_min_us);
    copy_i64_or_null(c, r.rtt_max_us);
    copy_i64_or_null(c, r.jitter_us);
    copy_i32(c, r.sent);
    copy_i32(c, r.received);
    copy_i64_or_null(c, r.name_us);
    copy_i64_or_null(c, r.connect_us);
    copy_i64_or_null(c, r.tls_us);
    copy_i64_or_null(c, r.total_us);
    copy_i32(c, r.status);
    return append(&t->lists[TARGET_PROBE], as_json(record), e);
}

static int apply(const char *sql, int32_t instance_id, const json_t *list, struct pg *pg,
                 struct err *e)
{
    if (list == NULL) {
        return 0;
    }
    char *text = json_dumps(list, JSON_COMPACT);
    if (text == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for rows of state");
    }
    struct pg_args args = {0};
    pg_add_i64(&args, instance_id);
    pg_add_text(&args, text);
    int result = pg_run(pg, sql, &args, e);
    free(text);
    return result;
}

int targets_apply(const struct targets *t, int32_t instance_id, struct pg *pg, struct err *e)
{
    static const char *const statements[TARGET_STATES] = {
        [TARGET_DEVICE] = device_sql,
        [TARGET_INTERFACE] = interface_sql,
        [TARGET_NEIGHBOUR] = neighbour_sql,
        [TARGET_PROBE] = probe_sql,
    };
    for (int i = 0; i < TARGET_STATES; i++) {
        if (apply(statements[i], instance_id, t->lists[i], pg, e) != 0) {
            return -1;
        }
    }
    return apply(gone_sql, instance_id, t->complete, pg, e);
}
