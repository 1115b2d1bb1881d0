/* One flow over time, as its stored records tell it: a point for each, at most a minute apart. */
#include "aggregator/api/args.h"
#include "aggregator/api/endpoints.h"
#include "aggregator/api/range.h"
#include "aggregator/api/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS_MAX = 1500, FLOW_ID_MAX = 20 };

/*
 * $1 instance, $2 and $3 the time, $4 the flow, $5 how many. The time bounds what is read: a B-tree
 * by flow would cost the hottest table a third of its rate, and the caller knows when the flow
 * lived, so the BRIN by last_at leaves only the blocks of that time. A flow's number may come again
 * after the engine was started anew: the newest flow of it is meant, and its records share the time
 * of its first packet.
 */
static const char history_sql[] =
    "WITH r AS ("
    " SELECT * FROM flow"
    " WHERE instance_id = $1::int AND last_at >= $2::timestamptz AND last_at < $3::timestamptz"
    " AND flow_id = $4::bigint"
    "), newest AS ("
    " SELECT first_at FROM r ORDER BY last_at DESC, seq DESC LIMIT 1"
    "), latest AS ("
    " SELECT * FROM r WHERE first_at = (SELECT first_at FROM newest)"
    " ORDER BY last_at DESC, seq DESC LIMIT $5::bigint"
    ")"
    " SELECT (extract(epoch FROM last_at) * 1000)::bigint, score_c2s, score_s2c,"
    " rtt_client_us, rtt_server_us, rtt_client_var_us, rtt_server_var_us,"
    " retransmitted_c2s + lost_before_c2s, segments_c2s,"
    " retransmitted_s2c + lost_before_s2c, segments_s2c,"
    " rtp_jitter_us_c2s, rtp_jitter_us_s2c, rtp_mos_c2s, rtp_mos_s2c,"
    " rtp_lost_c2s, rtp_packets_c2s + rtp_lost_c2s, rtp_lost_s2c, rtp_packets_s2c + rtp_lost_s2c"
    " FROM latest ORDER BY last_at, seq";

/* The members of a point, in the order of the columns. */
static const char *const members[] = {
    "at_ms",         "score_c2s",         "score_s2c",         "rtt_client_us",
    "rtt_server_us", "rtt_client_var_us", "rtt_server_var_us", "lost_c2s",
    "segments_c2s",  "lost_s2c",          "segments_s2c",      "jitter_us_c2s",
    "jitter_us_s2c", "mos_c2s",           "mos_s2c",           "rtp_lost_c2s",
    "rtp_all_c2s",   "rtp_lost_s2c",      "rtp_all_s2c",
};

/* What a record did not know is left out. */
static json_t *shape_point(const struct pg_rows *rows, unsigned row)
{
    json_t *point = json_object();
    for (unsigned i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (!pg_is_null(rows, row, i)) {
            /* No memory: fewer. */
            (void)json_object_set_new(point, members[i], json_integer(pg_i64(rows, row, i)));
        }
    }
    return point;
}

static json_t *shape_points(const struct pg_rows *rows)
{
    json_t *points = json_array();
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        (void)json_array_append_new(points, shape_point(rows, i)); /* no memory: fewer */
    }
    return points;
}

/* A number of 64 bits without sign, stored as it is; false for anything else. */
static bool read_flow_id(const char *text, int64_t *id)
{
    size_t len = strlen(text);
    if (len == 0 || len > FLOW_ID_MAX || strspn(text, "0123456789") != len) {
        return false;
    }
    errno = 0;
    *id = (int64_t)strtoull(text, NULL, 10);
    return errno == 0;
}

struct http_response *flow_history_get(struct call *call, struct pg *pg, struct err *e)
{
    static const char *const known[] = {"from_ms", "to_ms", NULL};
    static const struct http_fault unknown_flow = {.status = 404,
                                                   .code = "not_found",
                                                   .message =
                                                       "There is no such flow: an id is a number.",
                                                   .field = "flow_id"};
    struct args args = args_of(call->request, known);
    struct range range = range_read(&args, now_ms());
    if (args.bad) {
        return args_refusal(&args);
    }
    int32_t id = 0;
    int64_t flow_id = 0;
    int found = instance_id_find(pg, call->values.items[0], &id, e);
    if (found <= 0) {
        return found == 0 ? http_response_error(&fault_unknown_instance) : NULL;
    }
    if (!read_flow_id(call->values.items[1], &flow_id)) {
        return http_response_error(&unknown_flow);
    }
    struct pg_args values = {0};
    pg_add_i64(&values, id);
    add_time_ms(&values, (uint64_t)range.from_ms);
    add_time_ms(&values, (uint64_t)range.to_ms);
    pg_add_i64(&values, flow_id);
    pg_add_i64(&values, POINTS_MAX);
    struct pg_rows *rows = pg_query(pg, history_sql, &values, e);
    if (rows == NULL) {
        return NULL;
    }
    json_t *body =
        json_pack("{s:s, s:s, s:o, s:o, s:o}", "instance", call->values.items[0], "flow_id",
                  call->values.items[1], "from_ms", json_integer(range.from_ms), "to_ms",
                  json_integer(range.to_ms), "points", shape_points(rows));
    pg_rows_free(rows);
    return http_response_json(200, body);
}
