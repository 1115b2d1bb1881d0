#include "agent/decode/codec.h"

#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    uint8_t kind; /* enum media_kind */
} codecs[CODECS] = {
    [CODEC_UNKNOWN] = {"", MEDIA_UNKNOWN},
    [CODEC_PCMU] = {"PCMU", MEDIA_AUDIO},
    [CODEC_PCMA] = {"PCMA", MEDIA_AUDIO},
    [CODEC_G722] = {"G722", MEDIA_AUDIO},
    [CODEC_G723] = {"G723", MEDIA_AUDIO},
    [CODEC_G728] = {"G728", MEDIA_AUDIO},
    [CODEC_G729] = {"G729", MEDIA_AUDIO},
    [CODEC_G726] = {"G726-32", MEDIA_AUDIO},
    [CODEC_GSM] = {"GSM", MEDIA_AUDIO},
    [CODEC_GSM_EFR] = {"GSM-EFR", MEDIA_AUDIO},
    [CODEC_ILBC] = {"iLBC", MEDIA_AUDIO},
    [CODEC_SPEEX] = {"speex", MEDIA_AUDIO},
    [CODEC_OPUS] = {"opus", MEDIA_AUDIO},
    [CODEC_AMR] = {"AMR", MEDIA_AUDIO},
    [CODEC_AMR_WB] = {"AMR-WB", MEDIA_AUDIO},
    [CODEC_EVS] = {"EVS", MEDIA_AUDIO},
    [CODEC_SILK] = {"SILK", MEDIA_AUDIO},
    [CODEC_L16] = {"L16", MEDIA_AUDIO},
    [CODEC_MPA] = {"MPA", MEDIA_AUDIO},
    [CODEC_OTHER_AUDIO] = {"audio", MEDIA_AUDIO},
    [CODEC_COMFORT_NOISE] = {"CN", MEDIA_AUDIO},
    [CODEC_TELEPHONE_EVENT] = {"telephone-event", MEDIA_AUDIO},
    [CODEC_H261] = {"H261", MEDIA_VIDEO},
    [CODEC_H263] = {"H263", MEDIA_VIDEO},
    [CODEC_H264] = {"H264", MEDIA_VIDEO},
    [CODEC_H265] = {"H265", MEDIA_VIDEO},
    [CODEC_VP8] = {"VP8", MEDIA_VIDEO},
    [CODEC_VP9] = {"VP9", MEDIA_VIDEO},
    [CODEC_AV1] = {"AV1", MEDIA_VIDEO},
    [CODEC_MP2T] = {"MP2T", MEDIA_VIDEO},
    [CODEC_OTHER_VIDEO] = {"video", MEDIA_VIDEO},
};

/* RFC 3551 tables 4 and 5. G722 samples at 16 kHz, but its RTP clock is 8 kHz. */
static const struct {
    uint8_t codec;
    uint32_t clock_hz;
} payload_types[] = {
    [0] = {CODEC_PCMU, 8000},          [3] = {CODEC_GSM, 8000},
    [4] = {CODEC_G723, 8000},          [5] = {CODEC_OTHER_AUDIO, 8000},
    [6] = {CODEC_OTHER_AUDIO, 16000},  [7] = {CODEC_OTHER_AUDIO, 8000},
    [8] = {CODEC_PCMA, 8000},          [9] = {CODEC_G722, 8000},
    [10] = {CODEC_L16, 44100},         [11] = {CODEC_L16, 44100},
    [12] = {CODEC_OTHER_AUDIO, 8000},  [13] = {CODEC_COMFORT_NOISE, 8000},
    [14] = {CODEC_MPA, 90000},         [15] = {CODEC_G728, 8000},
    [16] = {CODEC_OTHER_AUDIO, 11025}, [17] = {CODEC_OTHER_AUDIO, 22050},
    [18] = {CODEC_G729, 8000},         [25] = {CODEC_OTHER_VIDEO, 90000},
    [26] = {CODEC_OTHER_VIDEO, 90000}, [28] = {CODEC_OTHER_VIDEO, 90000},
    [31] = {CODEC_H261, 90000},        [32] = {CODEC_OTHER_VIDEO, 90000},
    [33] = {CODEC_MP2T, 90000},        [34] = {CODEC_H263, 90000},
};

const char *codec_name(enum codec codec)
{
    return (unsigned)codec < CODECS ? codecs[codec].name : "";
}

enum media_kind codec_kind(enum codec codec)
{
    return (unsigned)codec < CODECS ? (enum media_kind)codecs[codec].kind : MEDIA_UNKNOWN;
}

enum codec codec_by_name(const char *name, size_t len)
{
    for (unsigned i = CODEC_UNKNOWN + 1; i < CODECS; i++) {
        if (strlen(codecs[i].name) == len && strncasecmp(codecs[i].name, name, len) == 0) {
            return (enum codec)i;
        }
    }
    return CODEC_UNKNOWN;
}

enum codec codec_of_payload_type(uint8_t type, uint32_t *clock_hz)
{
    *clock_hz = 0;
    if (type >= sizeof payload_types / sizeof payload_types[0]) {
        return CODEC_UNKNOWN;
    }
    *clock_hz = payload_types[type].clock_hz;
    return (enum codec)payload_types[type].codec;
}
