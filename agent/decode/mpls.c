/*
 * MPLS labels (RFC 3032) and what lies behind them. Labels do not tell what they carry, so the
 * first half byte does, as routers guess it too (RFC 4928): 4 and 6 are IP when the header is
 * sound, 0 is the control word of a pseudowire (RFC 4385) with an Ethernet frame (RFC 4448), and
 * all else is taken for such a frame without a control word. In that frame labels may stand again,
 * but no second pseudowire. Labels are passed like VLAN tags and not kept: they differ by
 * direction, and the last router but one takes them off.
 */
#include "agent/decode/decode.h"

enum {
    MAX_LABELS = 8,
    LABEL_BOTTOM = 0x100, /* RFC 3032, section 2.1 */
    CONTROL_WORD = 4,
    TYPE_AT = 12, /* in an Ethernet frame, behind two addresses */
    IPV4_MIN_HEADER = 20,
    IPV6_HEADER = 40,
};

/* A frame may begin with a 4 or a 6 as well: then what would be lengths make no sense. */
static bool is_ip(struct reader r)
{
    size_t left = reader_left(&r);
    unsigned first = reader_u8(&r);
    reader_skip(&r, 1);
    unsigned total = reader_be16(&r);
    if (r.bad) {
        return false;
    }
    if (first >> 4 == 4) {
        size_t header = (size_t)(first & 0x0f) * 4;
        return header >= IPV4_MIN_HEADER && (total == 0 || (total >= header && left >= header));
    }
    return first >> 4 == 6 && left >= IPV6_HEADER;
}

/* Whether a frame of a type that we pass begins so many bytes on. */
static bool frame_follows(struct reader r, size_t after)
{
    reader_skip(&r, after + TYPE_AT);
    unsigned ethertype = reader_be16(&r);
    return !r.bad && decode_knows_ethertype((uint16_t)ethertype);
}

/*
 * The types in the frame decide, looked at and not followed. Both readings may be right, as when
 * the type behind a VLAN tag stands where a control word would put the first one: then the bits
 * that a sender leaves zero tell.
 */
static bool has_control_word(const struct reader *r)
{
    if (r->at[0] >> 4 != 0 || !frame_follows(*r, CONTROL_WORD)) {
        return false;
    }
    struct reader word = *r;
    return reader_be16(&word) == 0 || !frame_follows(*r, 0);
}

static enum decode_result pass_pseudowire(struct reader *r, struct packet *p, uint16_t *ethertype)
{
    if (r->at[0] >> 4 == 1) {
        return DECODE_NOT_IP; /* the pseudowire's own channel (RFC 4385, section 5) */
    }
    if (has_control_word(r)) {
        reader_skip(r, CONTROL_WORD);
    }
    return decode_carried(r, p, ethertype);
}

enum decode_result decode_mpls(struct reader *r, struct packet *p, uint16_t *ethertype,
                               bool carried)
{
    uint32_t label = 0;
    for (unsigned labels = 0; (label & LABEL_BOTTOM) == 0; labels++) {
        if (labels == MAX_LABELS) {
            return DECODE_DEEP;
        }
        label = reader_be32(r);
        if (r->bad) {
            return DECODE_SHORT;
        }
    }
    if (is_ip(*r)) {
        return decode_version(r, ethertype);
    }
    if (reader_left(r) == 0) {
        return DECODE_SHORT;
    }
    return carried ? DECODE_DEEP : pass_pseudowire(r, p, ethertype);
}
