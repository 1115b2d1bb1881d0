/*
 * RTP of stored flows: the piece of the statement of stored_flows.c that adds up the records of a
 * flow, and what reads it back. For that file only.
 */
#pragma once

#include "aggregator/store/pg.h"
#include "common/wire/flows.h"

/*
 * Two tables by (epoch, flow_id) of its r: media_sums, where counts add up and means are weighted
 * by packets, and media_last, what the newest record knows best; in it only flows with RTP.
 */
extern const char stored_media_with[];

/* The columns to select: the call's, then as many for each direction. */
#define STORED_MEDIA_SQL                                                                                     \
    " call_id, call_state, call_held, rtp_streams_c2s, rtp_ssrc_c2s, rtp_type_c2s, rtp_codec_c2s,"           \
    " rtp_clock_hz_c2s, rtp_packets_c2s, rtp_lost_c2s, rtp_duplicated_c2s, rtp_late_c2s, rtp_discarded_c2s," \
    " rtp_burst_c2s, rtp_jitter_c2s, rtp_jitter_max_c2s, rtp_gap_c2s, rtp_mos_c2s, rtp_mos_worst_c2s,"       \
    " rtp_mos_reported_c2s, rtp_streams_s2c, rtp_ssrc_s2c, rtp_type_s2c, rtp_codec_s2c,"                     \
    " rtp_clock_hz_s2c, rtp_packets_s2c, rtp_lost_s2c, rtp_duplicated_s2c, rtp_late_s2c, rtp_discarded_s2c," \
    " rtp_burst_s2c, rtp_jitter_s2c, rtp_jitter_max_s2c, rtp_gap_s2c, rtp_mos_s2c, rtp_mos_worst_s2c,"       \
    " rtp_mos_reported_s2c"

enum { MEDIA_CALL_COLUMNS = 3, MEDIA_COLUMNS = 17 };

/* Reads the call at this column and both directions behind it. */
void stored_media_read(const struct pg_rows *rows, unsigned row, unsigned at,
                       struct flow_record *r);
