/*
 * One RTP stream (one SSRC in one direction) as seen at the tap: what is missing, told by a window
 * of 64 packets behind the newest, and how evenly packets come. A plain state.
 */
#pragma once

#include "agent/decode/codec.h"
#include "agent/decode/rtp.h"
#include "agent/qoe/score.h"

#include <stdbool.h>
#include <stdint.h>

/* Packets since the stream began. */
struct qoe_rtp_sum {
    uint32_t received; /* each counted once */
    uint32_t lost;     /* still missing when 64 later ones had come, or at the end */
    uint32_t bursts;   /* runs of lost ones */
    uint32_t duplicated;
    uint32_t late;      /* came after one with a higher number */
    uint32_t discarded; /* later than a receiver's buffer would wait */
};

/* Running figures between two looks. */
struct qoe_rtp_pace {
    uint64_t jitter_sum_ns; /* of the running jitter at each packet */
    uint32_t packets;
    uint32_t jitter_max_ns;
    uint32_t media_bytes;
};

/* What the receiver's reports (RTCP) say that it got. */
struct qoe_rtp_heard {
    int32_t lost;
    uint32_t highest;
    uint32_t window_lost; /* in the open window, of … */
    uint32_t window_of;
    bool once; /* a report has come, against which the next one counts */
};

enum { QOE_RTP_SURE = 255 };

struct qoe_rtp {
    uint64_t seen;  /* bit n: the packet n before `highest` came */
    uint64_t at_ns; /* the newest packet */
    uint64_t first_ns;
    int64_t transit_ns; /* of the newest packet, against the first */
    int64_t least_ns;   /* the least in this window */
    int64_t base_ns;    /* the least in the window before: how fast the way can be */
    uint32_t ssrc;
    uint32_t base;    /* extended sequence number of the first */
    uint32_t highest; /* of the newest */
    uint32_t jump;    /* number that would confirm a jump; above 16 bits: none */
    uint32_t stamp;
    uint32_t first_stamp;
    uint32_t clock_hz; /* 0 not known yet: no jitter */
    uint32_t jitter_ns;
    uint32_t step; /* the least distance of two time stamps: one packet's length; 0 unknown */
    uint32_t next; /* handle of the next stream of this flow and direction, 0 none */
    struct qoe_rtp_sum sum;
    struct qoe_rtp_sum begun; /* sum when the open window began */
    struct qoe_rtp_sum told;  /* sum at the last record */
    struct qoe_rtp_pace window;
    struct qoe_rtp_pace since; /* the last record */
    struct qoe_rtp_heard heard;
    uint64_t mos_points;   /* thousandths × packets, since the last record */
    uint32_t mos_weight;   /* packets */
    uint32_t gap_us;       /* the longest silence since the last record */
    uint16_t mos_worst;    /* thousandths; 0 none */
    uint16_t mos_before;   /* of the newest window */
    uint16_t mos_reported; /* by the receiver itself */
    uint8_t type;
    uint8_t codec; /* enum codec */
    uint8_t run;   /* packets in a row before it was sure; then QOE_RTP_SURE */
    bool in_burst;
    bool comfort; /* comfort noise was seen: silence is meant */
};

void qoe_rtp_begin(struct qoe_rtp *s, const struct rtp_packet *rtp, uint64_t now_ns);
/* What the payload type means, from SDP; CODEC_UNKNOWN and 0: by itself. */
void qoe_rtp_learn(struct qoe_rtp *s, enum codec codec, uint32_t clock_hz);
/* The next packet of this stream. */
void qoe_rtp_note(struct qoe_rtp *s, const struct rtp_packet *rtp, uint64_t now_ns);
/* The stream is over, or looked at as if it were: what is missing is lost. */
void qoe_rtp_flush(struct qoe_rtp *s);

/* What a window of one stream says beside what it adds to the stream. */
struct qoe_rtp_window {
    uint32_t packets;     /* that should have come; 0: too few, the window stays open */
    uint32_t lost;        /* of these */
    uint32_t discarded;   /* of these: came, but later than a receiver would wait */
    uint32_t lost_behind; /* further ones, between tap and receiver, as that one says */
    struct qoe_measures measures;
};
/* What the receiver tells of the whole way. */
struct qoe_rtp_far {
    uint32_t rtt_us; /* both sides; 0 unknown */
    uint32_t lost;   /* of … */
    uint32_t of;     /* 0: it told nothing */
};
struct qoe_rtp_window qoe_rtp_close(struct qoe_rtp *s, const struct qoe_rtp_far *far, bool last);
/* A record has left. */
void qoe_rtp_told(struct qoe_rtp *s);
/* The clock was set back: times begin anew with the next packet. */
void qoe_rtp_time_moved(struct qoe_rtp *s);

/* What was counted from then to now. */
struct qoe_rtp_sum qoe_rtp_since(const struct qoe_rtp_sum *now, const struct qoe_rtp_sum *then);
/* Mean of the running jitter, µs. */
uint32_t qoe_rtp_jitter_us(const struct qoe_rtp_pace *pace);
