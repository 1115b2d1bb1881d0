#include "agent/decode/rtp.h"

#include "common/reader.h"

enum {
    VERSION = 2,
    TYPE_STATIC_END = 35, /* RFC 3551: assigned up to 34 */
    TYPE_DYNAMIC = 96,
    RTCP_SR = 200, /* from here to the last any may open a compound packet (RFC 5506) */
    RTCP_RR = 201,
    RTCP_XR = 207,
    XR_VOIP_METRICS = 7,
    MOS_UNAVAILABLE = 127,
};

bool rtp_read(const uint8_t *bytes, size_t len, struct rtp_packet *out)
{
    struct reader r = reader_of(bytes, len);
    uint8_t first = reader_u8(&r);
    uint8_t second = reader_u8(&r);
    uint8_t type = second & 0x7f;
    bool plausible = type < TYPE_STATIC_END || type >= TYPE_DYNAMIC;
    if (first >> 6 != VERSION || !plausible) {
        return false;
    }
    *out = (struct rtp_packet){.type = type, .marker = (second & 0x80) != 0};
    out->seq = reader_be16(&r);
    out->stamp = reader_be32(&r);
    out->ssrc = reader_be32(&r);
    reader_skip(&r, (size_t)(first & 0x0f) * 4); /* contributing sources */
    if ((first & 0x10) != 0) {
        reader_skip(&r, 2); /* what kind of extension */
        reader_skip(&r, (size_t)reader_be16(&r) * 4);
    }
    out->media_len = (uint32_t)reader_left(&r);
    return !r.bad;
}

bool rtcp_begins(const uint8_t *bytes, size_t len)
{
    return len >= 2 && bytes[0] >> 6 == VERSION && bytes[1] >= RTCP_SR && bytes[1] <= RTCP_XR;
}

static void read_reports(struct reader *r, unsigned count, struct rtcp_packet *out)
{
    for (unsigned i = 0; i < count; i++) {
        struct rtcp_report report = {.about = reader_be32(r)};
        uint32_t lost = reader_be32(r) & 0xffffff; /* the upper byte is a share */
        report.lost = (int32_t)(lost << 8) / 256;
        report.highest = reader_be32(r);
        reader_skip(r, 4); /* jitter, as the receiver's own clock sees it */
        report.sender_stamp = reader_be32(r);
        report.delay = reader_be32(r);
        if (r->bad) {
            return;
        }
        if (out->reports < RTCP_REPORTS_MAX) {
            out->report[out->reports++] = report;
        }
    }
}

static void read_sender(struct reader *r, struct rtcp_packet *out)
{
    uint64_t ntp = reader_be64(r);
    reader_skip(r, 12); /* RTP time, packets, octets */
    if (!r->bad) {
        out->sends = true;
        out->sender_stamp = (uint32_t)(ntp >> 16);
    }
}

/* RFC 3611 section 4.7; MOS is told in tenths. */
static void read_voip_metrics(struct reader *block, struct rtcp_packet *out)
{
    uint32_t rated = reader_be32(block);
    reader_skip(block, 18); /* loss, bursts, delays, levels, R factors */
    uint8_t listening = reader_u8(block);
    uint8_t conversation = reader_u8(block);
    uint8_t mos = conversation != MOS_UNAVAILABLE ? conversation : listening;
    if (!block->bad && mos >= 10 && mos <= 50) {
        out->rated = rated;
        out->mos = (uint16_t)(mos * 10);
    }
}

static void read_extended(struct reader *r, struct rtcp_packet *out)
{
    while (!r->bad && reader_left(r) >= 4) {
        uint8_t kind = reader_u8(r);
        reader_skip(r, 1);
        struct reader block = reader_sub(r, (size_t)reader_be16(r) * 4);
        if (kind == XR_VOIP_METRICS) {
            read_voip_metrics(&block, out);
        }
    }
}

static void read_part(struct reader *part, unsigned type, unsigned count, struct rtcp_packet *out)
{
    uint32_t ssrc = reader_be32(part);
    if (out->ssrc == 0) {
        out->ssrc = ssrc;
    }
    if (type == RTCP_SR) {
        read_sender(part, out);
    }
    if (type == RTCP_SR || type == RTCP_RR) {
        read_reports(part, count, out);
    } else if (type == RTCP_XR) {
        read_extended(part, out);
    }
}

bool rtcp_read(const uint8_t *bytes, size_t len, struct rtcp_packet *out)
{
    struct reader r = reader_of(bytes, len);
    *out = (struct rtcp_packet){0};
    bool any = false;
    while (reader_left(&r) >= 8) {
        uint8_t first = reader_u8(&r);
        uint8_t type = reader_u8(&r);
        struct reader part = reader_sub(&r, (size_t)reader_be16(&r) * 4);
        bool right = first >> 6 == VERSION && type >= RTCP_SR && type <= RTCP_XR;
        if (!right || r.bad) {
            break; /* also the encrypted tail of SRTCP */
        }
        any = true;
        read_part(&part, type, first & 0x1f, out);
    }
    return any;
}
