/* Flows as they are stored: their records of the window, added up to one row a flow. */
#include "aggregator/api/shape.h"
#include "aggregator/api/stored_inner.h"
#include "aggregator/api/stored_media.h"

#include "common/tunnel.h"
#include "common/wire/fields.h"
#include "common/wire/prints.h"
#include "common/wire/quality_row.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * $1 to $3 instance and window, $4 host, $5 client, $6 server, $7 app, $8 transport, $9 port,
 * $10 vlan, $11 status, $12 flow_id, $13 and $14 the lowest and highest score (-1: not judged),
 * $15 a fingerprint or Community ID; NULL: not asked for. The status and the score that are asked
 * for are the flow's, not a record's.
 *
 *   r      the records of the window, each also whole
 *   flows  one row a flow, in one pass without a join: the planner knows nothing of the size of
 * such tables and would join them row by row. There
 *          - sums are of what adds up; scores are means weighted by the segments that they judge;
 *          - a round trip is the median of all that the records stand on;
 *          - reason_* is of the worst record of that direction: the least of (worst, seq, …);
 *          - last and last_media are the records that know best: the newest, and the newest with
 * RTP page   the rows that were asked for: only of these are the many columns of last taken apart
 */
static const char flow_sums[] =
    "WITH r AS ("
    " SELECT f AS record, f.*, greatest(segments_c2s, rtp_packets_c2s, 1) AS weight_c2s,"
    " greatest(segments_s2c, rtp_packets_s2c, 1) AS weight_s2c"
    " FROM flow f"
    " WHERE instance_id = $1::int AND last_at >= $2::timestamptz AND last_at < $3::timestamptz"
    " AND ($4::text IS NULL OR host(client) = $4 OR host(server) = $4"
    "      OR host ILIKE '%' || $4 || '%')"
    " AND ($5::text IS NULL OR host(client) = $5)"
    " AND ($6::text IS NULL OR host(server) = $6)"
    " AND ($7::text IS NULL OR lower(app) = lower($7) OR lower(protocol) = lower($7))"
    " AND ($8::int IS NULL OR protocol_l4 = $8::int)"
    " AND ($9::int IS NULL OR client_port = $9::int OR server_port = $9::int)"
    " AND ($10::int IS NULL OR vlan = $10::int)"
    " AND ($12::bigint IS NULL OR flow_id = $12::bigint)"
    " AND ($15::text IS NULL OR $15 IN (community_id, ja4, tcp_print, tcp_print_2025,"
    "  encode(ja3, 'hex'), encode(ja3s, 'hex'), encode(hassh, 'hex'),"
    "  encode(hassh_server, 'hex')))"
    "), flows AS ("
    " SELECT epoch, flow_id,"
    " (array_agg(record ORDER BY last_at DESC, seq DESC))[1] AS last,"
    " min(ARRAY[worst_c2s, seq, reason_c2s, blame_c2s, reason_value_c2s, reason_of_c2s])"
    "  FILTER (WHERE score_c2s IS NOT NULL) AS reason_c2s,"
    " min(ARRAY[worst_s2c, seq, reason_s2c, blame_s2c, reason_value_s2c, reason_of_s2c])"
    "  FILTER (WHERE score_s2c IS NOT NULL) AS reason_s2c,"
    " (extract(epoch FROM min(first_at)) * 1000)::bigint AS first_ms,"
    " (extract(epoch FROM max(last_at)) * 1000)::bigint AS last_ms,"
    " sum(bytes_c2s)::bigint AS bytes_c2s,"
    " sum(bytes_s2c)::bigint AS bytes_s2c,"
    " sum(packets_c2s)::bigint AS packets_c2s,"
    " sum(packets_s2c)::bigint AS packets_s2c,"
    " sum(retransmitted_c2s)::bigint AS retransmitted_c2s,"
    " sum(retransmitted_s2c)::bigint AS retransmitted_s2c,"
    " sum(out_of_order_c2s)::bigint AS out_of_order_c2s,"
    " sum(out_of_order_s2c)::bigint AS out_of_order_s2c,"
    " bit_or(tcp_flags_c2s) AS flags_c2s,"
    " bit_or(tcp_flags_s2c) AS flags_s2c,"
    " max(handshake_client_us) AS handshake_client,"
    " max(handshake_server_us) AS handshake_server,"
    " bit_or(risks) AS risks,"
    " round(sum(score_c2s * weight_c2s)::numeric"
    "       / sum(weight_c2s) FILTER (WHERE score_c2s IS NOT NULL))::int AS score_c2s,"
    " round(sum(score_s2c * weight_s2c)::numeric"
    "       / sum(weight_s2c) FILTER (WHERE score_s2c IS NOT NULL))::int AS score_s2c,"
    " max(score_confidence_c2s) AS confidence_c2s,"
    " max(score_confidence_s2c) AS confidence_s2c,"
    " max(unjudged_c2s) AS unjudged_c2s,"
    " max(unjudged_s2c) AS unjudged_s2c,"
    " sum(segments_c2s)::bigint AS segments_c2s,"
    " sum(segments_s2c)::bigint AS segments_s2c,"
    " sum(lost_before_c2s)::bigint AS lost_before_c2s,"
    " sum(lost_before_s2c)::bigint AS lost_before_s2c,"
    " sum(needless_c2s)::bigint AS needless_c2s,"
    " sum(needless_s2c)::bigint AS needless_s2c,"
    " sum(duplicated_c2s)::bigint AS duplicated_c2s,"
    " sum(duplicated_s2c)::bigint AS duplicated_s2c,"
    " sum(zero_window_ms_c2s)::bigint AS zero_window_ms_c2s,"
    " sum(zero_window_ms_s2c)::bigint AS zero_window_ms_s2c,"
    " CASE WHEN count(rtt_client_us) > 1 THEN greatest(min(rtt_client_min_us),"
    "  trips_median(array_agg(rtt_client_trips), array_agg(rtt_client_us),"
    "   array_agg(rtt_client_samples)))"
    "  ELSE max(rtt_client_us) END AS rtt_client,"
    " min(rtt_client_min_us) AS rtt_client_min,"
    " (sum(rtt_client_var_us::bigint * rtt_client_samples)"
    "  / nullif(sum(rtt_client_samples), 0))::bigint AS rtt_client_var,"
    " sum(rtt_client_samples)::bigint AS rtt_client_samples,"
    " CASE WHEN count(rtt_server_us) > 1 THEN greatest(min(rtt_server_min_us),"
    "  trips_median(array_agg(rtt_server_trips), array_agg(rtt_server_us),"
    "   array_agg(rtt_server_samples)))"
    "  ELSE max(rtt_server_us) END AS rtt_server,"
    " min(rtt_server_min_us) AS rtt_server_min,"
    " (sum(rtt_server_var_us::bigint * rtt_server_samples)"
    "  / nullif(sum(rtt_server_samples), 0))::bigint AS rtt_server_var,"
    " sum(rtt_server_samples)::bigint AS rtt_server_samples,"
    " max(rtt_by) AS rtt_by,"
    " sum(dns_questions)::bigint AS dns_questions,"
    " sum(dns_failed)::bigint AS dns_failed,"
    " sum(dns_unanswered)::bigint AS dns_unanswered,"
    " (sum(dns_answer_us::bigint * dns_questions)"
    "  / nullif(sum(dns_questions) FILTER (WHERE dns_answer_us IS NOT NULL), 0))::bigint"
    "  AS dns_answer,";
static const char flows_select[] =
    " FROM r GROUP BY epoch, flow_id"
    ")"
    " SELECT flow_id, first_ms, last_ms, host((last).client), (last).client_port,"
    " host((last).server), (last).server_port, (last).vlan, (last).protocol_l4, (last).protocol,"
    " (last).app, (last).category, (last).host, (last).info, (last).status, (last).source,"
    " bytes_c2s, bytes_s2c, packets_c2s, packets_s2c,"
    " retransmitted_c2s, retransmitted_s2c, out_of_order_c2s, out_of_order_s2c,"
    " flags_c2s, flags_s2c, handshake_client, handshake_server, risks,"
    " (last).quality_class, (last).quality_profile,"
    " score_c2s, reason_c2s[1], reason_c2s[3], reason_c2s[4], confidence_c2s,"
    " reason_c2s[5], reason_c2s[6], unjudged_c2s,"
    " score_s2c, reason_s2c[1], reason_s2c[3], reason_s2c[4], confidence_s2c,"
    " reason_s2c[5], reason_s2c[6], unjudged_s2c,"
    " segments_c2s, lost_before_c2s, needless_c2s, duplicated_c2s, zero_window_ms_c2s,"
    " segments_s2c, lost_before_s2c, needless_s2c, duplicated_s2c, zero_window_ms_s2c,"
    " rtt_client, rtt_client_min, rtt_client_var, rtt_client_samples,"
    " rtt_server, rtt_server_min, rtt_server_var, rtt_server_samples, rtt_by,"
    " dns_questions, dns_failed, dns_unanswered, dns_answer,"
    " host((last).exporter), (last).input_if, (last).output_if, (last).sampling,"
    " (last).tunnel, (last).tunnel_id, (last).client_country, (last).client_asn,"
    " (last).client_as, (last).server_country, (last).server_asn, (last).server_as,"
    " (last).community_id, (last).ja4, encode((last).ja3, 'hex'), encode((last).ja3s, 'hex'),"
    " encode((last).hassh, 'hex'), encode((last).hassh_server, 'hex'), (last).user_agent,"
    " (last).tcp_print, (last).tcp_print_2025, (last).tcp_hops," STORED_MEDIA_SQL ", total"
    " FROM (SELECT *, count(*) OVER () AS total FROM flows"
    " WHERE ($11::int IS NULL OR (last).status = $11::int)"
    " AND ($13::int IS NULL"
    "      OR coalesce(least(score_c2s, score_s2c), -1) BETWEEN $13::int AND $14::int)";

/* The columns of that statement, in its order. */
enum flow_column {
    F_FLOW_ID,
    F_FIRST_MS,
    F_LAST_MS,
    F_CLIENT,
    F_CLIENT_PORT,
    F_SERVER,
    F_SERVER_PORT,
    F_VLAN,
    F_TRANSPORT,
    F_PROTOCOL,
    F_APP,
    F_CATEGORY,
    F_HOST,
    F_INFO,
    F_STATUS,
    F_SOURCE,
    F_BYTES, /* both directions, as all that follow */
    F_PACKETS = F_BYTES + 2,
    F_RETRANSMITTED = F_PACKETS + 2,
    F_OUT_OF_ORDER = F_RETRANSMITTED + 2,
    F_FLAGS = F_OUT_OF_ORDER + 2,
    F_HANDSHAKE = F_FLAGS + 2, /* client, server */
    F_RISKS = F_HANDSHAKE + 2,
    F_CLASS,
    F_PROFILE,
    F_VERDICTS,                      /* eight a direction */
    F_SEGMENTS = F_VERDICTS + 2 * 8, /* five a direction */
    F_RTT = F_SEGMENTS + 2 * 5,      /* four a side */
    F_RTT_BY = F_RTT + 2 * 4,
    F_DNS,                  /* four */
    F_EXPORTER = F_DNS + 4, /* null, as the next three: captured */
    F_INPUT_IF,
    F_OUTPUT_IF,
    F_SAMPLING,
    F_TUNNEL, /* null, as the next: in none */
    F_TUNNEL_ID,
    F_CLIENT_PLACE,                      /* country, AS number, AS name; null what is not known */
    F_SERVER_PLACE = F_CLIENT_PLACE + 3, /* likewise */
    F_COMMUNITY_ID = F_SERVER_PLACE + 3,
    F_PRINTS, /* eight */
    F_TCP_HOPS = F_PRINTS + 8,
    F_MEDIA = F_TCP_HOPS + 1, /* the call, then both directions */
    F_TOTAL = F_MEDIA + MEDIA_CALL_COLUMNS + 2 * MEDIA_COLUMNS,
};

static const struct stored_column flow_columns[] = {
    {"bytes", "bytes_c2s + bytes_s2c"},
    {"bytes_c2s", "bytes_c2s"},
    {"bytes_s2c", "bytes_s2c"},
    {"packets", "packets_c2s + packets_s2c"},
    {"first_ms", "first_ms"},
    {"last_ms", "last_ms"},
    {"client", "(last).client"},
    {"client_port", "(last).client_port"},
    {"server", "(last).server"},
    {"server_port", "(last).server_port"},
    {"protocol", "(last).protocol"},
    {"app", "(last).app"},
    {"status", "(last).status"},
    {"retransmitted", "retransmitted_c2s + retransmitted_s2c"},
    {"out_of_order", "out_of_order_c2s + out_of_order_s2c"},
    {"rtt_client_us", "coalesce(rtt_client, handshake_client, 0)"},
    {"rtt_server_us", "coalesce(rtt_server, handshake_server, 0)"},
    {"penalty", "coalesce(100 - least(score_c2s, score_s2c), 0)"},
    {NULL, NULL},
};

static int transport_number(const char *word)
{
    static const struct {
        const char *word;
        int number;
    } known[] = {{"tcp", IPPROTO_TCP},
                 {"udp", IPPROTO_UDP},
                 {"icmp", IPPROTO_ICMP},
                 {"icmpv6", IPPROTO_ICMPV6},
                 {"sctp", IPPROTO_SCTP}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcasecmp(known[i].word, word) == 0) {
            return known[i].number;
        }
    }
    bool digits = word[0] != '\0' && strspn(word, "0123456789") == strlen(word);
    return digits && strlen(word) <= 3 ? (int)strtol(word, NULL, 10) : -1;
}

static int status_number(const char *name)
{
    int status = FLOW_OPENING;
    while (status < FLOW_EVICTED && strcmp(flow_status_name((enum flow_status)status), name) != 0) {
        status++;
    }
    return status;
}

static void add_quality(struct pg_args *args, const char *word)
{
    int label = quality_label_by_name(word);
    int low = 0;
    int high = 0;
    if (label >= 0) {
        quality_label_range((enum quality_label)label, &low, &high);
    }
    stored_add_number(args, label >= 0, low);
    stored_add_number(args, label >= 0, high);
}

static struct pg_args args_of(const struct stored *s)
{
    const struct query_filter *f = &s->query.filter;
    struct pg_args args = stored_window(s);
    stored_add_word(&args, f->client);
    stored_add_word(&args, f->server);
    stored_add_word(&args, f->app);
    stored_add_number(&args, f->protocol[0] != '\0', transport_number(f->protocol));
    stored_add_number(&args, f->port != 0, f->port);
    stored_add_number(&args, f->vlan != 0, f->vlan);
    stored_add_number(&args, f->status[0] != '\0', status_number(f->status));
    stored_add_number(&args, f->flow_id != 0, (int64_t)f->flow_id);
    add_quality(&args, f->quality);
    stored_add_word(&args, f->print);
    return args;
}

/* A row being read: the number in a column, 0 when it is not known. */
struct cells {
    const struct pg_rows *rows;
    unsigned row;
};

static uint32_t small(const struct cells *c, unsigned column)
{
    int64_t number = pg_i64(c->rows, c->row, column);
    return number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
}

static struct quality read_verdict(const struct cells *c, unsigned at)
{
    if (pg_is_null(c->rows, c->row, at)) {
        return quality_without_score((enum quality_unjudged)small(c, at + 7));
    }
    return (struct quality){
        .score = (uint8_t)small(c, at),
        .worst = (uint8_t)small(c, at + 1),
        .metric = (uint8_t)small(c, at + 2),
        .blame = (uint8_t)small(c, at + 3),
        .confidence = (uint8_t)small(c, at + 4),
        .value = small(c, at + 5),
        .of = small(c, at + 6),
    };
}

/* The quality as a record would carry it, so that its row looks like an agent's. */
static void read_quality(const struct cells *c, struct flow_record *r)
{
    r->key.protocol = (uint8_t)small(c, F_TRANSPORT);
    r->quality_class = (uint8_t)small(c, F_CLASS);
    r->quality_profile = (uint8_t)small(c, F_PROFILE);
    r->handshake_client_us = small(c, F_HANDSHAKE);
    r->handshake_server_us = small(c, F_HANDSHAKE + 1);
    for (unsigned i = 0; i < 2; i++) {
        unsigned segments = F_SEGMENTS + 5 * i;
        unsigned rtt = F_RTT + 4 * i;
        r->quality[i] = read_verdict(c, F_VERDICTS + 8 * i);
        r->segments[i] = (struct flow_segments){
            .data = small(c, segments),
            .lost_before = small(c, segments + 1),
            .needless = small(c, segments + 2),
            .duplicated = small(c, segments + 3),
            .zero_window_ms = small(c, segments + 4),
        };
        r->rtt[i] = (struct flow_rtt){
            .median_us = small(c, rtt),
            .min_us = small(c, rtt + 1),
            .var_us = small(c, rtt + 2),
            .samples = small(c, rtt + 3),
        };
    }
    r->rtt_by = (uint8_t)small(c, F_RTT_BY);
    stored_media_read(c->rows, c->row, F_MEDIA, r);
    r->dns = (struct flow_dns){
        .questions = small(c, F_DNS),
        .failed = small(c, F_DNS + 1),
        .unanswered = small(c, F_DNS + 2),
        .answer_us = small(c, F_DNS + 3),
    };
}

static json_t *transport_of(int64_t number)
{
    switch (number) {
    case IPPROTO_TCP: return json_string("tcp");
    case IPPROTO_UDP: return json_string("udp");
    case IPPROTO_ICMP: return json_string("icmp");
    case IPPROTO_ICMPV6: return json_string("icmpv6");
    case IPPROTO_SCTP: return json_string("sctp");
    default: return json_sprintf("%" PRId64, number);
    }
}

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

static json_t *number_at(const struct cells *c, unsigned column)
{
    return json_integer(pg_i64(c->rows, c->row, column));
}

static json_t *text_at(const struct cells *c, unsigned column)
{
    return shape_text_or_null(pg_text(c->rows, c->row, column));
}

/* Sets a member; takes over value. Short of memory: a row without it. */
static void set(json_t *row, const char *key, json_t *value)
{
    (void)json_object_set_new(row, key, value);
}

static void set_identity(json_t *row, const struct cells *c)
{
    set(row, "flow_id", fields_id_string((uint64_t)pg_i64(c->rows, c->row, F_FLOW_ID)));
    set(row, "first_ms", number_at(c, F_FIRST_MS));
    set(row, "last_ms", number_at(c, F_LAST_MS));
    set(row, "client", text_at(c, F_CLIENT));
    set(row, "client_port", number_at(c, F_CLIENT_PORT));
    set(row, "server", text_at(c, F_SERVER));
    set(row, "server_port", number_at(c, F_SERVER_PORT));
    set(row, "vlan", number_at(c, F_VLAN));
    set(row, "transport", transport_of(pg_i64(c->rows, c->row, F_TRANSPORT)));
    set(row, "protocol", json_string(pg_text(c->rows, c->row, F_PROTOCOL)));
    set(row, "app", json_string(pg_text(c->rows, c->row, F_APP)));
    set(row, "category", text_at(c, F_CATEGORY));
    set(row, "host", text_at(c, F_HOST));
    set(row, "info", text_at(c, F_INFO));
    enum flow_status status = (enum flow_status)pg_i64(c->rows, c->row, F_STATUS);
    set(row, "status", json_string(flow_status_name(status)));
    set(row, "source", text_at(c, F_SOURCE));
    set(row, "risks", risks_of((uint64_t)pg_i64(c->rows, c->row, F_RISKS)));
    set(row, "bps", json_null());
}

/* Three members: both directions together, and each. */
static void set_sums(json_t *row, const char *name, const struct cells *c, unsigned column)
{
    char key[64]; /* of our own short names */
    int64_t c2s = pg_i64(c->rows, c->row, column);
    int64_t s2c = pg_i64(c->rows, c->row, column + 1);
    set(row, name, json_integer(c2s + s2c));
    (void)snprintf(key, sizeof key, "%s_c2s", name);
    set(row, key, json_integer(c2s));
    (void)snprintf(key, sizeof key, "%s_s2c", name);
    set(row, key, json_integer(s2c));
}

static json_t *number_or_null_at(const struct cells *c, unsigned column)
{
    return pg_is_null(c->rows, c->row, column) ? json_null() : number_at(c, column);
}

/* Who told a flow that was not captured. */
static void set_exporter(json_t *row, const struct cells *c)
{
    set(row, "exporter", text_at(c, F_EXPORTER));
    set(row, "input_if", number_or_null_at(c, F_INPUT_IF));
    set(row, "output_if", number_or_null_at(c, F_OUTPUT_IF));
    set(row, "sampling", number_at(c, F_SAMPLING));
}

/* Three members; what is not known is left out. */
static void set_place(json_t *row, const char *side, const struct cells *c, unsigned column)
{
    static const char *const names[] = {"country", "asn", "as"};
    for (unsigned i = 0; i < 3; i++) {
        char key[32]; /* of our own short names */
        (void)snprintf(key, sizeof key, "%s_%s", side, names[i]);
        if (!pg_is_null(c->rows, c->row, column + i)) {
            set(row, key, i == 1 ? number_at(c, column + i) : text_at(c, column + i));
        }
    }
}

static void set_origin(json_t *row, const struct cells *c)
{
    if (!pg_is_null(c->rows, c->row, F_TUNNEL)) {
        unsigned kind = (unsigned)pg_i64(c->rows, c->row, F_TUNNEL);
        set(row, "tunnel", json_string(tunnel_name(kind)));
        set(row, "tunnel_id", number_at(c, F_TUNNEL_ID));
    }
    set_place(row, "client", c, F_CLIENT_PLACE);
    set_place(row, "server", c, F_SERVER_PLACE);
}

static void read_text(const struct cells *c, unsigned column, char *field, size_t size)
{
    (void)snprintf(field, size, "%s", pg_text(c->rows, c->row, column)); /* stored from such one */
}

static void set_prints(json_t *row, const struct cells *c)
{
    struct print_texts t;
    read_text(c, F_PRINTS, t.ja4, sizeof t.ja4);
    read_text(c, F_PRINTS + 1, t.ja3, sizeof t.ja3);
    read_text(c, F_PRINTS + 2, t.ja3s, sizeof t.ja3s);
    read_text(c, F_PRINTS + 3, t.hassh, sizeof t.hassh);
    read_text(c, F_PRINTS + 4, t.hassh_server, sizeof t.hassh_server);
    read_text(c, F_PRINTS + 5, t.user_agent, sizeof t.user_agent);
    read_text(c, F_PRINTS + 6, t.tcp, sizeof t.tcp);
    read_text(c, F_PRINTS + 7, t.tcp_2025, sizeof t.tcp_2025);
    set(row, "fingerprints", prints_row(&t));
    if (!pg_is_null(c->rows, c->row, F_TCP_HOPS)) {
        set(row, "client_hops", number_at(c, F_TCP_HOPS));
    }
}

static json_t *shape_flow(const struct cells *c)
{
    struct flow_record record = {0};
    json_t *row = json_object();
    set_identity(row, c);
    set(row, "community_id", text_at(c, F_COMMUNITY_ID));
    set_prints(row, c);
    set_sums(row, "bytes", c, F_BYTES);
    set_sums(row, "packets", c, F_PACKETS);
    set_origin(row, c);
    if (pg_i64(c->rows, c->row, F_TRANSPORT) == IPPROTO_TCP) {
        set_sums(row, "retransmitted", c, F_RETRANSMITTED);
        set_sums(row, "out_of_order", c, F_OUT_OF_ORDER);
        set(row, "tcp_flags_c2s", number_at(c, F_FLAGS));
        set(row, "tcp_flags_s2c", number_at(c, F_FLAGS + 1));
    }
    if (!pg_is_null(c->rows, c->row, F_EXPORTER)) {
        set_exporter(row, c);
        return row; /* its quality was not measured */
    }
    read_quality(c, &record);
    json_t *quality = quality_row(&record);
    (void)json_object_update(row, quality); /* short of memory: a row without it */
    json_decref(quality);
    return row;
}

int stored_flows(const struct stored *s, struct pg *pg, struct found *found, struct err *e)
{
    static const struct stored_sorted by = {
        {flow_sums, stored_media_sums, flows_select}, ") AS page", flow_columns};
    const struct pg_args args = args_of(s);
    struct pg_rows *rows = stored_run_sorted(&s->query, pg, &by, &args, e);
    if (rows == NULL) {
        return -1;
    }
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        const struct cells c = {rows, i};
        found_add(found, shape_flow(&c), (uint64_t)pg_i64(rows, i, F_LAST_MS));
        found->total = (uint64_t)pg_i64(rows, i, F_TOTAL);
    }
    pg_rows_free(rows);
    return 0;
}
