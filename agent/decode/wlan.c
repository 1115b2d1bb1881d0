/*
 * IEEE 802.11 data frames in the clear, as CAPWAP and monitor mode carry them: 802.11-2020, section
 * 9.3.2.1, then LLC with SNAP (802.2, RFC 1042). Frames that are encrypted or that hold several
 * (A-MSDU) are left alone.
 */
#include "agent/decode/decode.h"

enum {
    TYPE_MASK = 0x0f, /* protocol version 0 and type */
    TYPE_DATA = 0x08,
    SUBTYPE_NO_DATA = 0x40,
    SUBTYPE_QOS = 0x80,
    FLAG_TO_DS = 0x01,
    FLAG_FROM_DS = 0x02,
    FLAG_PROTECTED = 0x40,
    FLAG_ORDER = 0x80, /* of a QoS frame: four more bytes of control */
    QOS_AMSDU = 0x80,
    RADIOTAP_LEN_AT = 2,
};

/* Which of the three or four addresses is whose: table 9-30. */
static void read_addresses(struct reader *r, unsigned flags, struct packet *p)
{
    struct mac at[4] = {0};
    for (unsigned i = 0; i < 3; i++) {
        read_mac(r, &at[i]);
    }
    reader_skip(r, 2); /* sequence control */
    bool to = (flags & FLAG_TO_DS) != 0;
    bool from = (flags & FLAG_FROM_DS) != 0;
    if (to && from) {
        read_mac(r, &at[3]);
    }
    p->dst_mac = to ? at[2] : at[0];
    p->src_mac = !from ? at[1] : to ? at[3] : at[2];
}

static enum decode_result pass_snap(struct reader *r, struct packet *p, uint16_t *ethertype)
{
    unsigned service = reader_be16(r); /* both access points */
    unsigned control = reader_u8(r);
    reader_skip(r, 3); /* organisation: 0, or that of bridges (802.1H) */
    *ethertype = reader_be16(r);
    if (r->bad) {
        return DECODE_SHORT;
    }
    return service == 0xaaaa && control == 3 ? decode_ethertype(r, p, ethertype) : DECODE_NOT_IP;
}

enum decode_result decode_wlan(struct reader *r, struct packet *p, uint16_t *ethertype)
{
    unsigned type = reader_u8(r);
    unsigned flags = reader_u8(r);
    if ((type & TYPE_MASK) != TYPE_DATA && (flags & TYPE_MASK) == TYPE_DATA) {
        unsigned swapped = type; /* some access points turn these two bytes round in CAPWAP */
        type = flags;
        flags = swapped;
    }
    reader_skip(r, 2); /* duration */
    if (r->bad) {
        return DECODE_SHORT;
    }
    if ((type & TYPE_MASK) != TYPE_DATA || (type & SUBTYPE_NO_DATA) != 0 ||
        (flags & FLAG_PROTECTED) != 0) {
        return DECODE_NOT_IP;
    }
    read_addresses(r, flags, p);
    if ((type & SUBTYPE_QOS) != 0) {
        bool several = (reader_u8(r) & QOS_AMSDU) != 0;
        reader_skip(r, (flags & FLAG_ORDER) != 0 ? 5 : 1);
        if (several) {
            return DECODE_NOT_IP;
        }
    }
    return pass_snap(r, p, ethertype);
}

enum decode_result decode_radiotap(struct reader *r, struct packet *p, uint16_t *ethertype)
{
    struct reader head = *r;
    reader_skip(&head, RADIOTAP_LEN_AT);
    reader_skip(r, reader_le16(&head)); /* counts from the header's first byte */
    return head.bad ? DECODE_SHORT : decode_wlan(r, p, ethertype);
}
