/*
 * RTP headers and RTCP compound packets (RFC 3550; extended reports of VoIP metrics: RFC 3611
 * section 4.7). Neither has a magic number: what comes out right here may still be something else.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rtp_packet {
    uint32_t ssrc;
    uint32_t stamp; /* in units of the payload type's clock */
    uint16_t seq;
    uint8_t type;
    bool marker;
    uint32_t media_len; /* bytes behind the header, of those given */
};

/* False when the bytes cannot be RTP: version, payload type or a length that contradicts. */
bool rtp_read(const uint8_t *bytes, size_t len, struct rtp_packet *out);

/* The second byte of RTCP where it shares a port with RTP (RFC 5761 section 4). */
enum { RTCP_FIRST = 192, RTCP_LAST = 223 };

enum { RTCP_REPORTS_MAX = 4 };

/* What a receiver says of one stream that it gets. */
struct rtcp_report {
    uint32_t about;        /* SSRC */
    int32_t lost;          /* since it began; negative when copies outnumber losses */
    uint32_t highest;      /* extended sequence number */
    uint32_t sender_stamp; /* middle 32 bits of the last sender report's NTP time; 0 none */
    uint32_t delay;        /* since it came, 1/65536 s */
};

/* What one endpoint says in a compound packet. */
struct rtcp_packet {
    uint32_t ssrc;         /* who reports */
    uint32_t sender_stamp; /* of its own sender report, middle 32 bits of NTP time */
    bool sends;            /* there is a sender report */
    uint8_t reports;       /* in report[]; further ones are passed over */
    struct rtcp_report report[RTCP_REPORTS_MAX];
    uint32_t rated; /* SSRC that the endpoint rates (VoIP metrics), when mos is not 0 */
    uint16_t mos;   /* its own MOS-CQ, else MOS-LQ, in hundredths; 0 none */
};

/* True when the first two bytes are those of an RTCP type that we read: cheap, for every packet. */
bool rtcp_begins(const uint8_t *bytes, size_t len);
/* False when it is no RTCP. A cut tail is no fault: what came whole counts. */
bool rtcp_read(const uint8_t *bytes, size_t len, struct rtcp_packet *out);
