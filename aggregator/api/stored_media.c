#include "aggregator/api/stored_media.h"

#include <stdio.h>

const char stored_media_sums[] =
    " (array_agg(record ORDER BY last_at DESC, seq DESC)"
    "  FILTER (WHERE rtp_streams_c2s IS NOT NULL OR rtp_streams_s2c IS NOT NULL))[1] AS last_media,"
    " max(rtp_streams_c2s) AS rtp_streams_c2s, sum(rtp_packets_c2s)::bigint AS rtp_packets_c2s,"
    " sum(rtp_lost_c2s)::bigint AS rtp_lost_c2s,"
    " sum(rtp_duplicated_c2s)::bigint AS rtp_duplicated_c2s,"
    " sum(rtp_late_c2s)::bigint AS rtp_late_c2s,"
    " sum(rtp_discarded_c2s)::bigint AS rtp_discarded_c2s,"
    " (sum(rtp_burst_c2s::bigint * rtp_lost_c2s)"
    "  / nullif(sum(rtp_lost_c2s), 0))::int AS rtp_burst_c2s,"
    " (sum(rtp_jitter_us_c2s::bigint * rtp_packets_c2s)"
    "  / nullif(sum(rtp_packets_c2s) FILTER (WHERE rtp_jitter_us_c2s IS NOT NULL), 0))::int"
    "  AS rtp_jitter_c2s,"
    " max(rtp_jitter_max_us_c2s) AS rtp_jitter_max_c2s, max(rtp_gap_ms_c2s) AS rtp_gap_c2s,"
    " (sum(rtp_mos_c2s::bigint * rtp_packets_c2s) / nullif(sum(rtp_packets_c2s)"
    "  FILTER (WHERE rtp_mos_c2s IS NOT NULL), 0))::int AS rtp_mos_c2s,"
    " min(rtp_mos_worst_c2s) AS rtp_mos_worst_c2s, max(rtp_streams_s2c) AS rtp_streams_s2c,"
    " sum(rtp_packets_s2c)::bigint AS rtp_packets_s2c, sum(rtp_lost_s2c)::bigint AS rtp_lost_s2c,"
    " sum(rtp_duplicated_s2c)::bigint AS rtp_duplicated_s2c,"
    " sum(rtp_late_s2c)::bigint AS rtp_late_s2c,"
    " sum(rtp_discarded_s2c)::bigint AS rtp_discarded_s2c,"
    " (sum(rtp_burst_s2c::bigint * rtp_lost_s2c)"
    "  / nullif(sum(rtp_lost_s2c), 0))::int AS rtp_burst_s2c,"
    " (sum(rtp_jitter_us_s2c::bigint * rtp_packets_s2c)"
    "  / nullif(sum(rtp_packets_s2c) FILTER (WHERE rtp_jitter_us_s2c IS NOT NULL), 0))::int"
    "  AS rtp_jitter_s2c,"
    " max(rtp_jitter_max_us_s2c) AS rtp_jitter_max_s2c, max(rtp_gap_ms_s2c) AS rtp_gap_s2c,"
    " (sum(rtp_mos_s2c::bigint * rtp_packets_s2c) / nullif(sum(rtp_packets_s2c)"
    "  FILTER (WHERE rtp_mos_s2c IS NOT NULL), 0))::int AS rtp_mos_s2c,"
    " min(rtp_mos_worst_s2c) AS rtp_mos_worst_s2c";

static uint32_t number(const struct pg_rows *rows, unsigned row, unsigned column)
{
    int64_t value = pg_i64(rows, row, column);
    return value < 0 ? 0 : value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static struct flow_media direction(const struct pg_rows *rows, unsigned row, unsigned at)
{
    struct flow_media m = {
        .streams = (uint8_t)number(rows, row, at),
        .ssrc = number(rows, row, at + 1),
        .payload_type = (uint8_t)number(rows, row, at + 2),
        .clock_hz = number(rows, row, at + 4),
        .packets = number(rows, row, at + 5),
        .lost = number(rows, row, at + 6),
        .duplicated = number(rows, row, at + 7),
        .late = number(rows, row, at + 8),
        .discarded = number(rows, row, at + 9),
        .burst = (uint16_t)number(rows, row, at + 10),
        .jitter_us = number(rows, row, at + 11),
        .jitter_max_us = number(rows, row, at + 12),
        .gap_ms = number(rows, row, at + 13),
        .mos = (uint16_t)number(rows, row, at + 14),
        .mos_worst = (uint16_t)number(rows, row, at + 15),
        .mos_reported = (uint16_t)number(rows, row, at + 16),
    };
    /* As an agent's record told it: it fits. */
    (void)snprintf(m.codec, sizeof m.codec, "%s", pg_text(rows, row, at + 3));
    return m;
}

void stored_media_read(const struct pg_rows *rows, unsigned row, unsigned at, struct flow_record *r)
{
    r->call_state = (uint8_t)number(rows, row, at + 1);
    r->call_held = pg_text(rows, row, at + 2)[0] == 't';
    (void)snprintf(r->call_id, sizeof r->call_id, "%s", pg_text(rows, row, at)); /* likewise */
    for (unsigned dir = 0; dir < 2; dir++) {
        r->media[dir] = direction(rows, row, at + MEDIA_CALL_COLUMNS + dir * MEDIA_COLUMNS);
    }
}
