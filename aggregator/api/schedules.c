/* Schedules: reports that the centre makes by itself, daily, weekly or monthly. */
#include "aggregator/api/endpoints.h"
#include "aggregator/api/items.h"
#include "aggregator/api/report_shared.h"
#include "aggregator/api/shape.h"

#include "aggregator/report/report.h"

enum { NAME_BYTES = 80, KEEP_MAX = 400, SCHEDULES_MAX = 100 };

static const char *const rhythms[] = {"daily", "weekly", "monthly", NULL};
static const struct http_fault fault_unknown_schedule = {404, "not_found",
                                                         "There is no such schedule.", "id", NULL};

#define SCHEDULE_COLUMNS                                                                           \
    "s.id, s.name, s.scope, s.rhythm, s.hour, s.time_zone, s.keep, s.enabled,"                     \
    " (extract(epoch FROM s.next_at) * 1000)::bigint, s.created_by,"                               \
    " (extract(epoch FROM s.created_at) * 1000)::bigint,"                                          \
    " (SELECT count(*) FROM report WHERE schedule_id = s.id)"

static json_t *shape_schedule(const struct pg_rows *r, unsigned i)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:b, s:o, s:s, s:o, s:o}", "id",
                     pg_text(r, i, 0), "name", pg_text(r, i, 1), "scope", pg_text(r, i, 2),
                     "rhythm", pg_text(r, i, 3), "hour", json_integer(pg_i64(r, i, 4)), "time_zone",
                     pg_text(r, i, 5), "keep", json_integer(pg_i64(r, i, 6)), "enabled",
                     (int)pg_bool(r, i, 7), "next_ms", json_integer(pg_i64(r, i, 8)), "created_by",
                     pg_text(r, i, 9), "created_ms", json_integer(pg_i64(r, i, 10)), "reports",
                     json_integer(pg_i64(r, i, 11)));
}

struct http_response *schedules_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {NULL};
    static const char sql[] = "SELECT " SCHEDULE_COLUMNS " FROM report_schedule s ORDER BY s.name";
    struct args args = args_of(call->request, known);
    if (args.bad) {
        return args_refusal(&args);
    }
    struct pg_rows *rows = pg_query(pg, sql, NULL, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *items = json_array();
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        (void)json_array_append_new(items, shape_schedule(rows, i)); /* short of memory: fewer */
    }
    pg_rows_free(rows);
    return http_response_json(200, shape_page(items, NULL));
}

struct new_schedule {
    const char *name, *scope, *zone;
    int rhythm;
    int64_t hour, keep;
    bool enabled;
};

static struct new_schedule read_schedule(struct args *args, const json_t *body)
{
    struct new_schedule s = {
        .name = args_member(args, body, "name", 1, NAME_BYTES),
        .scope = args_member(args, body, "scope", 1, REPORT_SCOPE_SIZE - 1),
        .zone = args_member(args, body, "time_zone", 1, REPORT_ZONE_SIZE - 1),
        .rhythm = args_member_word(args, body, "rhythm", rhythms),
        .hour = args_member_int(args, body, "hour", 0, 23, -1),
        .keep = args_member_int(args, body, "keep", 1, KEEP_MAX, -1),
        .enabled = args_member_bool(args, body, "enabled", true),
    };
    if (s.hour < 0) {
        args_fault(args, "hour", NULL, "Name the hour of the day, 0 to 23.");
    }
    if (s.keep < 0) {
        args_fault(args, "keep", NULL, "Name how many reports are kept, 1 to %d.", KEEP_MAX);
    }
    return s;
}

/* $1 name, $2 scope, $3 rhythm, $4 hour, $5 zone, $6 keep, $7 enabled, $8 actor, $9 address. */
static void add_schedule(struct pg_args *args, const struct call *call,
                         const struct new_schedule *s)
{
    pg_add_text(args, s->name);
    pg_add_text(args, s->scope);
    pg_add_text(args, rhythms[s->rhythm]);
    pg_add_i64(args, s->hour);
    pg_add_text(args, s->zone);
    pg_add_i64(args, s->keep);
    pg_add_bool(args, s->enabled);
    pg_add_text(args, call->who.user);
    pg_add_text(args, call->request->peer);
}

static const char insert_sql[] =
    "WITH s AS (INSERT INTO report_schedule (name, scope, rhythm, hour, time_zone, keep, enabled,"
    " next_at, created_by) SELECT $1, $2, $3, $4::smallint, $5, $6::int, $7::boolean,"
    " report_due($3, $4::int, $5, now()), $8"
    " WHERE (SELECT count(*) FROM report_schedule) < $10::int"
    " ON CONFLICT (name) DO NOTHING RETURNING *),"
    " noted AS (INSERT INTO audit (actor, address, action, subject, detail)"
    " SELECT $8, $9, 'schedule.add', name, rhythm || ' ' || scope FROM s)"
    " SELECT " SCHEDULE_COLUMNS " FROM s";

/* $10 the id. A change starts the counting anew, so that nothing is made up for. */
static const char update_sql[] =
    "WITH s AS (UPDATE report_schedule SET name = $1, scope = $2, rhythm = $3,"
    " hour = $4::smallint, time_zone = $5, keep = $6::int, enabled = $7::boolean,"
    " next_at = report_due($3, $4::int, $5, now()) WHERE id = $10::bigint"
    " AND NOT EXISTS (SELECT FROM report_schedule WHERE name = $1 AND id <> $10::bigint)"
    " RETURNING *), noted AS (INSERT INTO audit (actor, address, action, subject, detail)"
    " SELECT $8, $9, 'schedule.set', name, rhythm || ' ' || scope FROM s)"
    " SELECT " SCHEDULE_COLUMNS " FROM s";

/* Why nothing was written: found by what is there. */
static struct http_response *refuse(struct pg *pg, int64_t id, const char *name, struct err *e)
{
    static const char sql[] = "SELECT EXISTS (SELECT FROM report_schedule WHERE name = $1),"
                              " EXISTS (SELECT FROM report_schedule WHERE id = $2::bigint)";
    static const struct http_fault taken = {409, "conflict", "There is a schedule of this name.",
                                            "name", "Choose another name."};
    static const struct http_fault full = {409, "conflict", "There are 100 schedules.", NULL,
                                           "Delete one first."};
    static const struct item_refusal why = {
        .there = sql, .unknown = &fault_unknown_schedule, .taken = &taken, .full = &full};
    return item_refuse(pg, &why, id, name, e);
}

/* id 0: a new one. */
static struct http_response *store(struct call *call, struct pg *pg, const struct new_schedule *s,
                                   int64_t id, struct err *e)
{
    struct pg_args args = {0};
    add_schedule(&args, call, s);
    pg_add_i64(&args, id != 0 ? id : SCHEDULES_MAX);
    struct pg_rows *rows = pg_query(pg, id != 0 ? update_sql : insert_sql, &args, e);
    if (rows == NULL) {
        return NULL;
    }
    struct http_response *response =
        pg_rows_count(rows) == 0 ? refuse(pg, id, s->name, e)
                                 : http_response_json(id != 0 ? 200 : 201, shape_schedule(rows, 0));
    pg_rows_free(rows);
    return response;
}

static struct http_response *take(struct call *call, struct pg *pg, int64_t id, struct err *e)
{
    static const char *const known[] = {"name",      "scope", "rhythm",  "hour",
                                        "time_zone", "keep",  "enabled", NULL};
    struct args args = args_empty();
    json_t *body = args_body(&args, call->request, known);
    struct http_response *response = NULL;
    struct new_schedule s = {0};
    if (body != NULL) {
        s = read_schedule(&args, body);
    }
    if (args.bad || report_check(pg, &args, s.scope, s.zone, e) == 0) {
        response = args.bad ? args_refusal(&args) : store(call, pg, &s, id, e);
    }
    json_decref(body);
    return response;
}

struct http_response *schedules_post(struct call *call, struct pg *pg, struct err *e)
{
    return take(call, pg, 0, e);
}

struct http_response *schedule_put(struct call *call, struct pg *pg, struct err *e)
{
    int64_t id = call_id(call);
    return id != 0 ? take(call, pg, id, e) : http_response_error(&fault_unknown_schedule);
}

struct http_response *schedule_delete(struct call *call, struct pg *pg, struct err *e)
{
    static const char sql[] =
        "WITH gone AS (DELETE FROM report_schedule WHERE id = $1::bigint RETURNING name, scope)"
        " INSERT INTO audit (actor, address, action, subject, detail)"
        " SELECT $2, $3, 'schedule.delete', name, scope FROM gone";
    return item_delete(call, pg, sql, &fault_unknown_schedule, e);
}
