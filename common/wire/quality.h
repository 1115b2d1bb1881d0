/*
 * Words for how well one direction of a flow goes: the engine judges, records carry it, the store
 * keeps it and the console shows it. Numbers are permanent: they stand in records and in tables.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum quality_label {
    QUALITY_NONE = 0, /* too little was seen to say */
    QUALITY_POOR = 1,
    QUALITY_FAIR = 2,
    QUALITY_GOOD = 3,
    QUALITY_EXCELLENT = 4,
};

/* What was measured. Its value is µs for times, thousandths for MOS, else how many of how many. */
enum quality_metric {
    METRIC_NONE = 0,
    METRIC_RTT = 1,          /* round trip, both sides of the tap together */
    METRIC_RTT_VAR = 2,      /* mean difference between successive round trips */
    METRIC_LOSS = 3,         /* segments lost or sent again, of all with data */
    METRIC_OUT_OF_ORDER = 4, /* segments that came late, of all with data */
    METRIC_ZERO_WINDOW = 5,  /* ms without room at the receiver, of ms in all */
    METRIC_DNS_ANSWER = 6,   /* from the first asking to the answer */
    METRIC_DNS_FAILED = 7,   /* questions that failed or went unanswered, of all */
    METRIC_MOS = 8,          /* mean opinion score by the E-model, in thousandths; more is better */
    METRIC_RTP_JITTER = 9,   /* RFC 3550 */
    METRIC_PACKET_LOSS = 10, /* RTP packets that never came or came too late, of all */
};
enum { QUALITY_METRICS = 11 };

/* Which side of the tap cost the points. */
enum quality_blame {
    BLAME_NONE = 0,
    BLAME_CLIENT_SIDE = 1, /* the network between client and tap */
    BLAME_SERVER_SIDE = 2,
    BLAME_BOTH_SIDES = 3,
    BLAME_CLIENT_HOST = 4, /* the client itself takes its data too slowly */
    BLAME_SERVER_HOST = 5,
};

/* How much stands behind a score. */
enum quality_confidence {
    CONFIDENCE_NONE = 0,
    CONFIDENCE_LOW = 1,
    CONFIDENCE_MEDIUM = 2,
    CONFIDENCE_HIGH = 3,
};

/* Why a direction has no score. */
enum quality_unjudged {
    UNJUDGED_NONE = 0,    /* it has one; or an agent before schema 4 did not say */
    UNJUDGED_LITTLE = 1,  /* too little was seen */
    UNJUDGED_CAPTURE = 2, /* the tap itself lost packets, or sees only one direction */
    UNJUDGED_CLASS = 3,   /* nothing of its class is measured */
};

/* What a flow is judged as. */
enum quality_class {
    CLASS_NONE = 0, /* neither TCP, QUIC, DNS nor RTP */
    CLASS_WEB = 1,  /* and everything not named below */
    CLASS_INTERACTIVE = 2,
    CLASS_BULK = 3,
    CLASS_DNS = 4,
    CLASS_VOICE = 5,      /* RTP of speech */
    CLASS_VIDEO_CALL = 6, /* RTP of pictures */
};
enum { QUALITY_CLASSES = 7 };

enum { QUALITY_SCORE_NONE = 255 };

/* The verdict on one direction. */
struct quality {
    uint8_t score;      /* 0-100, the mean of its windows; QUALITY_SCORE_NONE */
    uint8_t worst;      /* of its worst window; likewise */
    uint8_t metric;     /* enum quality_metric: what decided in the worst window */
    uint8_t blame;      /* enum quality_blame */
    uint8_t confidence; /* enum quality_confidence */
    uint8_t unjudged;   /* enum quality_unjudged; UNJUDGED_NONE when there is a score */
    uint32_t value;     /* of metric, in the worst window */
    uint32_t of;        /* 0 for times and MOS */
};

enum quality_label quality_label_of(unsigned score);
/* "excellent", "none"; "unknown" for a number that has no name. */
const char *quality_label_name(enum quality_label label);
const char *quality_metric_name(enum quality_metric metric);
const char *quality_blame_name(enum quality_blame blame);
const char *quality_confidence_name(enum quality_confidence confidence);
const char *quality_class_name(enum quality_class class);
const char *quality_unjudged_name(enum quality_unjudged unjudged);
/* A verdict without a score. */
struct quality quality_without_score(enum quality_unjudged why);
/* The label by its name, or -1. */
int quality_label_by_name(const char *name);
/* False for numbers that no honest agent sends. */
bool quality_is_sound(const struct quality *q);
/* The lowest and highest score of a label; both -1 for QUALITY_NONE. */
void quality_label_range(enum quality_label label, int *low, int *high);
/* Of two scores the one that tells more: the lower, when both are known. */
unsigned quality_worse(unsigned a, unsigned b);
