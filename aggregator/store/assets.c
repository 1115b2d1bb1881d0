/*
 * The rows travel as one JSON text and are spread by the database: a statement a table, not a
 * statement a record. Several records of one asset in a batch are folded before they meet the
 * table, since one statement may touch a row only once.
 */
#include "aggregator/store/assets.h"

#include "common/clock.h"
#include "common/wire/fields.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHANGES_KEPT = 200, NAMES_KEPT = 64, SEARCH_SIZE = 2048 };

#define TIME(column) "'epoch'::timestamptz + " column " * interval '1 us'"
/* $1 instance, $2 the rows. */
#define ROWS_SQL(columns)                                                                          \
    "jsonb_to_recordset($2::jsonb) AS r(host inet, vlan smallint, " columns ")"
#define JOIN_SQL " JOIN asset a ON a.instance_id = $1::int AND a.host = r.host AND a.vlan = r.vlan"

/* clang-format would set each macro on a line of its own. */
/* clang-format off */
static const char assets_sql[] =
    "INSERT INTO asset AS a (instance_id, host, vlan, mac, mac_shared, vendor, name, online,"
    " always_on, missing, since_at, first_at, last_at, search, os, os_score, device, device_score,"
    " clues)"
    " SELECT DISTINCT ON (host, vlan) $1::int, host, vlan, mac, mac_shared, vendor, name, online,"
    " always_on, missing, " TIME("since_us") ", " TIME("first_us") ", " TIME("last_us")
    ", search, os, os_score, device, device_score, clues FROM "
    ROWS_SQL("mac macaddr, mac_shared boolean, vendor text, name text, online boolean,"
             " always_on boolean, missing boolean, since_us bigint, first_us bigint,"
             " last_us bigint, search text, os text, os_score smallint, device text,"
             " device_score smallint, clues jsonb, seq bigint")
    " ORDER BY host, vlan, seq DESC"
    " ON CONFLICT (instance_id, host, vlan) DO UPDATE SET mac = coalesce(excluded.mac, a.mac),"
    " mac_shared = excluded.mac_shared, vendor = excluded.vendor,"
    " name = coalesce(nullif(excluded.name, ''), a.name), online = excluded.online,"
    " always_on = excluded.always_on, missing = excluded.missing, since_at = excluded.since_at,"
    " first_at = least(a.first_at, excluded.first_at),"
    " last_at = greatest(a.last_at, excluded.last_at), search = excluded.search,"
    " os = excluded.os, os_score = excluded.os_score, device = excluded.device,"
    " device_score = excluded.device_score, clues = excluded.clues, updated_at = now()";
/* clang-format on */

static const char names_sql[] =
    "INSERT INTO asset_name AS o (asset_id, source, name, first_at, last_at)"
    " SELECT a.id, n.source, n.name, " TIME("min(n.first_us)") ", " TIME(
        "max(n.last_us)") " FROM " ROWS_SQL("names jsonb") JOIN_SQL
    " CROSS JOIN jsonb_to_recordset(r.names) AS n(source text, name text, first_us bigint,"
    " last_us bigint) GROUP BY a.id, n.source, n.name"
    " ON CONFLICT (asset_id, source, name) DO UPDATE"
    " SET first_at = least(o.first_at, excluded.first_at), last_at = excluded.last_at"
    " WHERE excluded.last_at > o.last_at";

static const char services_sql[] =
    "INSERT INTO asset_service AS o (asset_id, l4, port, name, protocol, first_at, last_at)"
    " SELECT a.id, s.l4, s.port, max(s.name), max(s.protocol), " TIME("min(s.first_us)") ", " TIME(
        "max(s.last_us)") " FROM " ROWS_SQL("services jsonb") JOIN_SQL
    " CROSS JOIN jsonb_to_recordset(r.services) AS s(l4 smallint, port integer, name text,"
    " protocol text, first_us bigint, last_us bigint) GROUP BY a.id, s.l4, s.port"
    " ON CONFLICT (asset_id, l4, port) DO UPDATE SET name = excluded.name,"
    " protocol = coalesce(nullif(excluded.protocol, ''), o.protocol),"
    " first_at = least(o.first_at, excluded.first_at), last_at = excluded.last_at"
    " WHERE excluded.last_at > o.last_at OR excluded.protocol > o.protocol";

static const char changes_sql[] =
    "INSERT INTO asset_change (asset_id, at, what, before, after)"
    " SELECT a.id, " TIME("c.at_us") ", c.what, c.before, c.after"
                                     " FROM " ROWS_SQL("changes jsonb") JOIN_SQL
    " CROSS JOIN jsonb_to_recordset(r.changes) AS c(at_us bigint, what text, before text,"
    " after text) ORDER BY c.at_us ON CONFLICT DO NOTHING";

/* Keeps what one asset may pile up within bounds; $3 of each. Only assets of this batch. */
static const char trim_changes_sql[] =
    "DELETE FROM asset_change WHERE id IN (SELECT id FROM (SELECT c.id,"
    " row_number() OVER (PARTITION BY c.asset_id ORDER BY c.at DESC, c.id DESC) AS place"
    " FROM " ROWS_SQL("changes jsonb") JOIN_SQL
    " JOIN asset_change c ON c.asset_id = a.id"
    " WHERE jsonb_array_length(r.changes) > 0) d WHERE place > $3::int)";
static const char trim_names_sql[] =
    "DELETE FROM asset_name o USING (SELECT n.asset_id, n.source, n.name,"
    " row_number() OVER (PARTITION BY n.asset_id ORDER BY n.last_at DESC) AS place"
    " FROM " ROWS_SQL("names jsonb") JOIN_SQL
    " JOIN asset_name n ON n.asset_id = a.id) d"
    " WHERE d.place > $3::int AND o.asset_id = d.asset_id AND o.source = d.source"
    " AND o.name = d.name";

/* ---- a record as a row ---- */

static json_t *time_us(uint64_t ns)
{
    return json_integer((json_int_t)(ns / NS_PER_US));
}

static void search_add(char text[SEARCH_SIZE], const char *word)
{
    size_t len = strlen(text);
    (void)snprintf(text + len, SEARCH_SIZE - len, "%s%s", len > 0 ? " " : "", word);
}

/* All that somebody may type to find it; the names of a full asset fit. */
static json_t *search_text(const struct wire_asset *w, const char *host, const char *mac)
{
    char text[SEARCH_SIZE] = "";
    search_add(text, host);
    search_add(text, mac);
    search_add(text, w->vendor);
    for (unsigned i = 0; i < w->name_count; i++) {
        search_add(text, w->names[i].name);
    }
    for (char *at = text; *at != '\0'; at++) {
        *at = (char)tolower((unsigned char)*at); /* in the C locale: ASCII only */
    }
    return json_string(text);
}

_Static_assert(SEARCH_SIZE > ADDR_TEXT_SIZE + MAC_TEXT_SIZE + ASSET_VENDOR_SIZE +
                                 ASSET_NAMES_MAX * ASSET_NAME_SIZE,
               "the search text is never cut");

static json_t *names_of(const struct wire_asset *w)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < w->name_count; i++) {
        const struct asset_name *n = &w->names[i];
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s, s:o, s:o}", "source",
                            asset_source_word((enum asset_source)n->source), "name", n->name,
                            "first_us", time_us(n->first_ns), "last_us", time_us(n->last_ns)));
    }
    return list;
}

static json_t *services_of(const struct wire_asset *w)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < w->service_count; i++) {
        const struct asset_service *s = &w->services[i];
        (void)json_array_append_new(
            list, json_pack("{s:i, s:i, s:s, s:s, s:o, s:o}", "l4", (int)s->transport, "port",
                            (int)s->port, "name", s->name, "protocol", s->protocol, "first_us",
                            time_us(s->first_ns), "last_us", time_us(s->last_ns)));
    }
    return list;
}

static json_t *changes_of(const struct wire_asset *w)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < w->change_count; i++) {
        const struct asset_change *c = &w->changes[i];
        (void)json_array_append_new(
            list, json_pack("{s:s, s:o, s:s, s:s}", "what",
                            asset_change_word((enum asset_change_kind)c->kind), "at_us",
                            time_us(c->at_ns), "before", c->before, "after", c->after));
    }
    return list;
}

/* As the API gives them. */
static json_t *clues_of(const struct wire_asset *w)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < w->clue_count; i++) {
        const struct asset_clue *c = &w->clues[i];
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:i, s:I}", "kind",
                                                    asset_clue_word((enum asset_clue_kind)c->kind),
                                                    "value", c->value, "says", c->says, "weight",
                                                    (int)c->weight, "last_ms",
                                                    (json_int_t)(c->last_ns / NS_PER_MS)));
    }
    return list;
}

static json_t *verdict_of(const struct wire_asset *w)
{
    return json_pack("{s:s, s:i, s:s, s:i, s:o}", "os", asset_os_word((enum asset_os)w->os),
                     "os_score", (int)w->os_score, "device",
                     asset_device_word((enum asset_device)w->device), "device_score",
                     (int)w->device_score, "clues", clues_of(w));
}

json_t *asset_row(const struct wire_asset *w, uint64_t seq)
{
    static const struct mac none;
    char host[ADDR_TEXT_SIZE];
    char mac[MAC_TEXT_SIZE] = "";
    (void)addr_format((enum addr_family)w->family, &w->addr, host);
    if (!mac_equal(&w->mac, &none)) {
        (void)mac_format(&w->mac, mac);
    }
    json_t *row = json_pack(
        "{s:s, s:i, s:o, s:b, s:s, s:s, s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o,"
        " s:o, s:I}",
        "host", host, "vlan", (int)w->vlan, "mac", mac[0] != '\0' ? json_string(mac) : json_null(),
        "mac_shared", (int)w->mac_shared, "vendor", w->vendor, "name", wire_asset_name(w), "online",
        (int)w->online, "always_on", (int)w->always_on, "missing", (int)w->missing, "since_us",
        time_us(w->since_ns), "first_us", time_us(w->first_ns), "last_us", time_us(w->last_ns),
        "search", search_text(w, host, mac), "names", names_of(w), "services", services_of(w),
        "changes", changes_of(w), "seq", (json_int_t)seq);
    json_t *verdict = verdict_of(w);
    if (row == NULL || verdict == NULL || json_object_update(row, verdict) != 0) {
        json_decref(row);
        row = NULL;
    }
    json_decref(verdict);
    return row;
}

/* ---- a batch ---- */

int assets_apply(struct pg *pg, int32_t instance_id, const json_t *rows, struct err *e)
{
    char *text = json_dumps(rows, JSON_COMPACT);
    if (text == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for %zu assets", json_array_size(rows));
    }
    struct pg_args args = {0};
    pg_add_i64(&args, instance_id);
    pg_add_text(&args, text);
    struct pg_args changes = args;
    struct pg_args names = args;
    pg_add_i64(&changes, CHANGES_KEPT);
    pg_add_i64(&names, NAMES_KEPT);
    int result = -1;
    if (pg_run(pg, assets_sql, &args, e) == 0 && pg_run(pg, names_sql, &args, e) == 0 &&
        pg_run(pg, services_sql, &args, e) == 0 && pg_run(pg, changes_sql, &args, e) == 0 &&
        pg_run(pg, trim_changes_sql, &changes, e) == 0) {
        result = pg_run(pg, trim_names_sql, &names, e);
    }
    free(text);
    return result == 0 ? 0 : err_wrap(e, "assets");
}
