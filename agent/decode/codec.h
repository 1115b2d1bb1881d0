/*
 * Media codecs as RTP and SDP name them: payload types with a fixed meaning (RFC 3551 section 6)
 * and encoding names of a=rtpmap (RFC 8866 section 6.6).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Numbers stay inside one run of the engine; records carry the name. */
enum codec {
    CODEC_UNKNOWN = 0,
    CODEC_PCMU,
    CODEC_PCMA,
    CODEC_G722,
    CODEC_G723,
    CODEC_G728,
    CODEC_G729,
    CODEC_G726,
    CODEC_GSM,
    CODEC_GSM_EFR,
    CODEC_ILBC,
    CODEC_SPEEX,
    CODEC_OPUS,
    CODEC_AMR,
    CODEC_AMR_WB,
    CODEC_EVS,
    CODEC_SILK,
    CODEC_L16,
    CODEC_MPA,
    CODEC_OTHER_AUDIO,
    CODEC_COMFORT_NOISE,
    CODEC_TELEPHONE_EVENT,
    CODEC_H261,
    CODEC_H263,
    CODEC_H264,
    CODEC_H265,
    CODEC_VP8,
    CODEC_VP9,
    CODEC_AV1,
    CODEC_MP2T,
    CODEC_OTHER_VIDEO,
    CODECS
};

enum media_kind { MEDIA_UNKNOWN = 0, MEDIA_AUDIO = 1, MEDIA_VIDEO = 2 };

/* "PCMU", "opus"; "" when unknown. Static text, shorter than CODEC_NAME_SIZE. */
enum { CODEC_NAME_SIZE = 16 };
const char *codec_name(enum codec codec);
enum media_kind codec_kind(enum codec codec);
/* By the encoding name, any case; CODEC_UNKNOWN when it is not ours. */
enum codec codec_by_name(const char *name, size_t len);
/* What a payload type below 96 means; *clock_hz is 0 when it has no fixed meaning. */
enum codec codec_of_payload_type(uint8_t type, uint32_t *clock_hz);
