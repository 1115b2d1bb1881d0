#include "aggregator/api/asset_rows.h"

#include "aggregator/api/rows.h"
#include "aggregator/api/shape.h"
#include "common/addr.h"
#include "common/wire/fields.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_MAX = 63, SEARCH_MAX = 128, NETWORK_MAX = 49, SERVICE_MAX = 31, VLAN_MAX = 4095 };

/* The last millisecond of the year 9999, which PostgreSQL and JavaScript can write. */
static const int64_t time_max = 253402300799999;

const char *const asset_states[] = {"online", "offline", "unknown", NULL};

const char *const asset_params[] = {
    "q",    "state",   "site", "instance",      "network",     "mac",          "vendor",
    "name", "service", "vlan", "first_from_ms", "first_to_ms", "last_from_ms", "last_to_ms",
    "os",   "device",  "sort", "desc",          "cursor",      "limit",        NULL};

#define MS_SQL(column) "(extract(epoch FROM " column ") * 1000)::bigint"

/*
 * $1 instance, $2 site, $3 network, $4 beginning of the MAC, $5 part of the vendor, $6 part of a
 * name, $7 service by word, $8 by port, $9 by transport, $10 VLAN, $11 to $14 first and last from
 * and to, $15 searched text, $16 state, $17 system, $18 device; NULL: any.
 */
const char asset_filter_sql[] =
    " FROM asset a JOIN instance i ON i.id = a.instance_id"
    " WHERE ($1::text IS NULL OR i.name = $1) AND ($2::text IS NULL OR i.site = $2)"
    " AND ($3::inet IS NULL OR a.host <<= $3::inet)"
    " AND ($4::text IS NULL OR strpos(a.mac::text, $4) = 1)"
    " AND ($5::text IS NULL OR strpos(lower(a.vendor), lower($5)) > 0)"
    " AND ($6::text IS NULL OR EXISTS (SELECT FROM asset_name n WHERE n.asset_id = a.id"
    " AND strpos(lower(n.name), lower($6)) > 0))"
    " AND (($7::text IS NULL AND $8::int IS NULL) OR EXISTS (SELECT FROM asset_service s"
    " WHERE s.asset_id = a.id AND (s.name = lower($7) OR lower(s.protocol) = lower($7)"
    " OR s.port = $8::int) AND ($9::int IS NULL OR s.l4 = $9::int)))"
    " AND ($10::int IS NULL OR a.vlan = $10::int)"
    " AND ($11::timestamptz IS NULL OR a.first_at >= $11::timestamptz)"
    " AND ($12::timestamptz IS NULL OR a.first_at < $12::timestamptz)"
    " AND ($13::timestamptz IS NULL OR a.last_at >= $13::timestamptz)"
    " AND ($14::timestamptz IS NULL OR a.last_at < $14::timestamptz)"
    " AND ($15::text IS NULL OR strpos(a.search, lower($15)) > 0)"
    " AND ($16::text IS NULL OR " ASSET_STATE_SQL " = $16)"
    " AND ($17::text IS NULL OR a.os = $17) AND ($18::text IS NULL OR a.device = $18)";

#define SERVICE_SQL                                                                                \
    "json_build_object('transport', CASE s.l4 WHEN 6 THEN 'tcp' ELSE 'udp' END, 'port', s.port,"   \
    " 'name', nullif(s.name, ''), 'protocol', nullif(s.protocol, ''), 'first_ms', " MS_SQL(        \
        "s.first_at") ", 'last_ms', " MS_SQL("s.last_at") ")"
#define TIMES_SQL MS_SQL("a.since_at") ", " MS_SQL("a.first_at") ", " MS_SQL("a.last_at")

/* The seventeenth: the second bit of a MAC's first byte says that a system made it up. */
const char asset_columns_sql[] =
    "a.id, host(a.host), a.vlan, a.mac::text, a.mac_shared, a.vendor, a.name, " ASSET_STATE_SQL ","
    " a.always_on, a.missing, " TIMES_SQL ", i.name, i.site,"
    " (SELECT json_agg(" SERVICE_SQL " ORDER BY s.port, s.l4) FROM asset_service s"
    " WHERE s.asset_id = a.id), a.mac::text ~ '^.[2367abef]', a.os, a.os_score, a.device,"
    " a.device_score, a.clues::text";

/* ---- the order ---- */

/* Texts that are empty stand last: behind every other in either direction. */
#define LAST_UP(expression)                                                                        \
    "coalesce(nullif(lower(" expression "), ''), U&'\\+10FFFF') COLLATE \"C\""
#define LAST_DOWN(expression) "coalesce(lower(" expression "), '') COLLATE \"C\""

static const struct {
    const char *word, *up, *down, *type;
} orders[] = {
    {"last_ms", "a.last_at", "a.last_at", "timestamptz"},
    {"first_ms", "a.first_at", "a.first_at", "timestamptz"},
    {"host", "a.host", "a.host", "inet"},
    {"name", LAST_UP("a.name"), LAST_DOWN("a.name"), "text"},
    {"mac", LAST_UP("a.mac::text"), LAST_DOWN("a.mac::text"), "text"},
    {"vendor", LAST_UP("a.vendor"), LAST_DOWN("a.vendor"), "text"},
    {"site", "i.site COLLATE \"C\"", "i.site COLLATE \"C\"", "text"},
    {"instance", "i.name COLLATE \"C\"", "i.name COLLATE \"C\"", "text"},
    {"vlan", "a.vlan", "a.vlan", "smallint"},
    {"os", LAST_UP("a.os"), LAST_DOWN("a.os"), "text"},
    {"device", LAST_UP("a.device"), LAST_DOWN("a.device"), "text"},
};
static const char *const order_words[] = {"last_ms", "first_ms", "host", "name", "mac",    "vendor",
                                          "site",    "instance", "vlan", "os",   "device", NULL};
enum { ORDER_TIMES = 2 /* the first ones, which begin with the latest */ };
_Static_assert(sizeof orders / sizeof orders[0] + 1 == sizeof order_words / sizeof order_words[0],
               "each order has its word");

const char *asset_order_sql(const struct asset_filter *f, const char **type)
{
    *type = orders[f->sort].type;
    return f->desc ? orders[f->sort].down : orders[f->sort].up;
}

/* ---- the filter ---- */

static const char *const os_words[] = {"windows", "macos", "ios",     "apple",
                                       "android", "linux", "freebsd", NULL};
static const char *const device_words[] = {"computer", "mobile",  "printer", "network", "camera",
                                           "voip",     "storage", "media",   NULL};

static void read_network(struct args *args, struct asset_filter *f)
{
    struct addr_prefix prefix;
    f->network = args_text(args, "network", NETWORK_MAX);
    if (f->network != NULL && addr_prefix_parse(f->network, &prefix) != 0) {
        args_fault(args, "network", "Use the form 10.1.0.0/16 with all host bits zero.",
                   "This is no network.");
    }
}

static void read_mac(struct args *args, struct asset_filter *f)
{
    const char *text = args_text(args, "mac", sizeof f->mac - 1);
    if (text == NULL) {
        return;
    }
    if (strspn(text, "0123456789abcdefABCDEF:-") != strlen(text)) {
        args_fault(args, "mac", "Use the form 00:1b:21 or 00:1b:21:3c:9d:f8.",
                   "This is no beginning of a MAC.");
        return;
    }
    for (size_t i = 0; text[i] != '\0'; i++) {
        char c = text[i] == '-' ? ':' : text[i];
        f->mac[i] = c >= 'A' && c <= 'F' ? (char)(c | 0x20) : c;
    }
}

/* "ssh", "22" or "tcp/22". */
static void read_service(struct args *args, struct asset_filter *f)
{
    const char *text = args_text(args, "service", SERVICE_MAX);
    f->service_port = f->service_l4 = -1;
    if (text == NULL) {
        return;
    }
    if (strncmp(text, "tcp/", 4) == 0 || strncmp(text, "udp/", 4) == 0) {
        f->service_l4 = text[0] == 't' ? IPPROTO_TCP : IPPROTO_UDP;
        text += 4;
    }
    bool number = text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
    if (number && strlen(text) <= 5 && strtol(text, NULL, 10) <= UINT16_MAX) {
        f->service_port = strtol(text, NULL, 10);
    } else if (number || text[0] == '\0') {
        args_fault(args, "service", "Use a name such as ssh, a port, or tcp/22.",
                   "There is no such port.");
    } else {
        f->service = text;
    }
}

struct asset_filter asset_filter_read(struct args *args)
{
    struct asset_filter f = {
        .instance = args_text(args, "instance", WORD_MAX),
        .site = args_text(args, "site", WORD_MAX),
        .vendor = args_text(args, "vendor", WORD_MAX),
        .name = args_text(args, "name", SEARCH_MAX - 1),
        .search = args_text(args, "q", SEARCH_MAX),
        .vlan = args_int(args, "vlan", 0, VLAN_MAX, -1),
        .first_from_ms = args_int(args, "first_from_ms", 0, time_max, -1),
        .first_to_ms = args_int(args, "first_to_ms", 0, time_max, -1),
        .last_from_ms = args_int(args, "last_from_ms", 0, time_max, -1),
        .last_to_ms = args_int(args, "last_to_ms", 0, time_max, -1),
        .state = args_word(args, "state", asset_states),
        .os = args_word(args, "os", os_words),
        .device = args_word(args, "device", device_words),
        .sort = args_word(args, "sort", order_words),
    };
    read_network(args, &f);
    read_mac(args, &f);
    read_service(args, &f);
    f.sort = f.sort < 0 ? 0 : f.sort;
    f.desc = args_bool(args, "desc", f.sort < ORDER_TIMES);
    return f;
}

static void add_number(struct pg_args *args, int64_t number)
{
    if (number < 0) {
        pg_add_text(args, NULL);
    } else {
        pg_add_i64(args, number);
    }
}

/* A millisecond of 1970 stands for the epoch itself: 0 would be NULL. */
static void add_time(struct pg_args *args, int64_t ms)
{
    if (ms < 0) {
        pg_add_text(args, NULL);
    } else {
        add_time_ms(args, ms == 0 ? 1 : (uint64_t)ms);
    }
}

void asset_filter_add(struct pg_args *args, const struct asset_filter *f, bool with_state)
{
    pg_add_text(args, f->instance);
    pg_add_text(args, f->site);
    pg_add_text(args, f->network);
    pg_add_text(args, f->mac[0] != '\0' ? f->mac : NULL);
    pg_add_text(args, f->vendor);
    pg_add_text(args, f->name);
    pg_add_text(args, f->service);
    add_number(args, f->service_port);
    add_number(args, f->service_l4);
    add_number(args, f->vlan);
    add_time(args, f->first_from_ms);
    add_time(args, f->first_to_ms);
    add_time(args, f->last_from_ms);
    add_time(args, f->last_to_ms);
    pg_add_text(args, f->search);
    pg_add_text(args, with_state && f->state >= 0 ? asset_states[f->state] : NULL);
    pg_add_text(args, f->os >= 0 ? os_words[f->os] : NULL);
    pg_add_text(args, f->device >= 0 ? device_words[f->device] : NULL);
}

/* ---- one asset ---- */

static json_t *list_at(const struct pg_rows *rows, unsigned row, unsigned column)
{
    json_t *list = pg_is_null(rows, row, column)
                       ? NULL
                       : json_loads(pg_text(rows, row, column), 0, NULL); /* our own database's */
    return list != NULL ? list : json_array();
}

/* What it runs or is; null when nothing is known. */
static json_t *verdict_at(const struct pg_rows *r, unsigned i, unsigned column)
{
    const char *word = pg_text(r, i, column);
    return word[0] == '\0'
               ? json_null()
               : json_pack("{s:s, s:I}", "is", word, "score", (json_int_t)pg_i64(r, i, column + 1));
}

json_t *asset_shape(const struct pg_rows *r, unsigned i)
{
    return json_pack(
        "{s:s, s:s, s:I, s:o, s:b, s:b, s:o, s:o, s:s, s:b, s:b, s:I, s:I, s:I, s:s, s:s, s:o,"
        " s:o, s:o, s:o}",
        "id", pg_text(r, i, 0), "host", pg_text(r, i, 1), "vlan", (json_int_t)pg_i64(r, i, 2),
        "mac", shape_text_or_null(pg_text(r, i, 3)), "mac_shared", (int)pg_bool(r, i, 4),
        "mac_made_up", (int)pg_bool(r, i, 16), "vendor", shape_text_or_null(pg_text(r, i, 5)),
        "name", shape_text_or_null(pg_text(r, i, 6)), "state", pg_text(r, i, 7), "always_on",
        (int)pg_bool(r, i, 8), "missing", (int)pg_bool(r, i, 9), "since_ms",
        (json_int_t)pg_i64(r, i, 10), "first_ms", (json_int_t)pg_i64(r, i, 11), "last_ms",
        (json_int_t)pg_i64(r, i, 12), "instance", pg_text(r, i, 13), "site", pg_text(r, i, 14),
        "services", list_at(r, i, 15), "os", verdict_at(r, i, 17), "device", verdict_at(r, i, 19),
        "clues", list_at(r, i, 21));
}
