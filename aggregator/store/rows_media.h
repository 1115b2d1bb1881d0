/* The columns of a flow's row that tell its RTP (migration 0014), and what fills them. */
#pragma once

#include "aggregator/store/copy.h"
#include "common/wire/flows.h"

#define ROWS_MEDIA_SQL                                                                             \
    "call_id, call_state, call_held, rtp_streams_c2s, rtp_ssrc_c2s, rtp_type_c2s, "                \
    "rtp_codec_c2s, rtp_clock_hz_c2s, rtp_packets_c2s, rtp_lost_c2s, "                             \
    "rtp_duplicated_c2s, rtp_late_c2s, rtp_discarded_c2s, rtp_burst_c2s, "                         \
    "rtp_jitter_us_c2s, rtp_jitter_max_us_c2s, rtp_gap_ms_c2s, rtp_mos_c2s, "                      \
    "rtp_mos_worst_c2s, rtp_mos_reported_c2s, rtp_streams_s2c, rtp_ssrc_s2c, "                     \
    "rtp_type_s2c, rtp_codec_s2c, rtp_clock_hz_s2c, rtp_packets_s2c, rtp_lost_s2c, "               \
    "rtp_duplicated_s2c, rtp_late_s2c, rtp_discarded_s2c, rtp_burst_s2c, "                         \
    "rtp_jitter_us_s2c, rtp_jitter_max_us_s2c, rtp_gap_ms_s2c, rtp_mos_s2c, "                      \
    "rtp_mos_worst_s2c, rtp_mos_reported_s2c"

enum { ROWS_MEDIA_COLUMNS = 37 };

void rows_media_copy(struct copy *c, const struct flow_record *r);
