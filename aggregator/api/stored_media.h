/*
 * RTP of stored flows: the piece of the statement of stored_flows.c that adds up the records of a
 * flow, and what reads it back. For that file only.
 */
#pragma once

#include "aggregator/store/pg.h"
#include "common/wire/flows.h"

/*
 * Further aggregates over the records r of a flow: counts add up, means are weighted by the packets
 * that they are of; last_media is the newest record with RTP, NULL for a flow without.
 */
extern const char stored_media_sums[];

/* The columns to select: the call's, then as many for each direction. */
#define STORED_MEDIA_SQL                                                                           \
    " (last_media).call_id, (last_media).call_state, (last_media).call_held,"                      \
    " rtp_streams_c2s, (last_media).rtp_ssrc_c2s, (last_media).rtp_type_c2s,"                      \
    " (last_media).rtp_codec_c2s, (last_media).rtp_clock_hz_c2s, rtp_packets_c2s,"                 \
    " rtp_lost_c2s, rtp_duplicated_c2s, rtp_late_c2s, rtp_discarded_c2s, rtp_burst_c2s,"           \
    " rtp_jitter_c2s, rtp_jitter_max_c2s, rtp_gap_c2s, rtp_mos_c2s, rtp_mos_worst_c2s,"            \
    " (last_media).rtp_mos_reported_c2s, rtp_streams_s2c, (last_media).rtp_ssrc_s2c,"              \
    " (last_media).rtp_type_s2c, (last_media).rtp_codec_s2c,"                                      \
    " (last_media).rtp_clock_hz_s2c, rtp_packets_s2c, rtp_lost_s2c, rtp_duplicated_s2c,"           \
    " rtp_late_s2c, rtp_discarded_s2c, rtp_burst_s2c, rtp_jitter_s2c,"                             \
    " rtp_jitter_max_s2c, rtp_gap_s2c, rtp_mos_s2c, rtp_mos_worst_s2c,"                            \
    " (last_media).rtp_mos_reported_s2c"

enum { MEDIA_CALL_COLUMNS = 3, MEDIA_COLUMNS = 17 };

/* Reads the call at this column and both directions behind it. */
void stored_media_read(const struct pg_rows *rows, unsigned row, unsigned at,
                       struct flow_record *r);
