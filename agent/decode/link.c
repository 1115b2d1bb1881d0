/*
 * From the link layer to the IP header: Ethernet, VLAN tags, PPPoE, Linux cooked, PPP, Cisco HDLC,
 * loopback, raw IP.
 */
#include "agent/decode/decode.h"

#include "common/tunnel.h"

/* DLT numbers as capture files carry them (tcpdump.org/linktypes). */
enum {
    DLT_NULL_ = 0,
    DLT_ETHERNET_ = 1,
    DLT_PPP_ = 9,
    DLT_RAW_ = 12,
    DLT_PPP_SERIAL_ = 50,
    DLT_RAW_FILE_ = 101,
    DLT_HDLC_ = 104,
    DLT_WLAN_ = 105,
    DLT_LOOP_ = 108,
    DLT_SLL_ = 113,
    DLT_RADIOTAP_ = 127,
    DLT_IPV4_ = 228,
    DLT_IPV6_ = 229,
    DLT_SLL2_ = 276,
};

enum {
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_VLAN = 0x8100,
    ETHERTYPE_IPV6 = 0x86dd,
    ETHERTYPE_MPLS = 0x8847,
    ETHERTYPE_MPLS_MULTI = 0x8848,
    ETHERTYPE_QINQ = 0x88a8,
    ETHERTYPE_QINQ_OLD = 0x9100,
    ETHERTYPE_PPPOE = 0x8864, /* its session; what leads to one has another */
    MAX_VLAN_TAGS = 4,
    PPPOE_SESSION = 0x1100, /* version 1, type 1, code 0 (RFC 2516, section 4) */
    PPP_SHORT = 0x01,       /* a protocol of one byte is odd (RFC 1661, section 6.5) */
    PPP_IPV4 = 0x0021,
    PPP_IPV6 = 0x0057,
    PPP_ADDRESS_CONTROL = 0xff03, /* RFC 1662; often left out */
    HDLC_UNICAST = 0x0f,
    HDLC_MULTICAST = 0x8f,
    VLAN_ID_MASK = 0x0fff,
    MAC_SIZE = 6,
    SLL_ADDRESS_SIZE = 8,
};

static bool is_vlan_tag(uint16_t ethertype)
{
    return ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_QINQ ||
           ethertype == ETHERTYPE_QINQ_OLD;
}

enum decode_result decode_version(const struct reader *r, uint16_t *ethertype)
{
    if (reader_left(r) == 0) {
        return DECODE_SHORT;
    }
    unsigned version = r->at[0] >> 4;
    if (version != 4 && version != 6) {
        return DECODE_NOT_IP;
    }
    *ethertype = version == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
    return DECODE_OK;
}

static bool is_mpls(uint16_t ethertype)
{
    return ethertype == ETHERTYPE_MPLS || ethertype == ETHERTYPE_MPLS_MULTI;
}

/* Either side may leave out the high byte of a protocol below 256. */
static uint16_t read_ppp_protocol(struct reader *r)
{
    bool is_short = reader_left(r) > 0 && (r->at[0] & PPP_SHORT) != 0;
    return is_short ? reader_u8(r) : reader_be16(r);
}

enum decode_result decode_ppp(struct reader *r, uint16_t *ethertype)
{
    struct reader address = *r;
    if (reader_be16(&address) == PPP_ADDRESS_CONTROL) {
        *r = address;
    }
    uint16_t protocol = read_ppp_protocol(r);
    if (r->bad) {
        return DECODE_SHORT;
    }
    *ethertype = protocol == PPP_IPV4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
    return protocol == PPP_IPV4 || protocol == PPP_IPV6 ? DECODE_OK : DECODE_NOT_IP;
}

static enum decode_result pass_pppoe(struct reader *r, struct packet *p, uint16_t *ethertype)
{
    unsigned head = reader_be16(r);
    p->tunnel_told = reader_be16(r);
    reader_skip(r, 2); /* length: IP tells its own */
    p->ends.origin = origin_of_tunnel(TUNNEL_PPPOE, p->tunnel_told);
    if (r->bad) {
        return DECODE_SHORT;
    }
    return head == PPPOE_SESSION ? decode_ppp(r, ethertype) : DECODE_NOT_IP;
}

bool decode_knows_ethertype(uint16_t ethertype)
{
    return ethertype == ETHERTYPE_IPV4 || ethertype == ETHERTYPE_IPV6 ||
           ethertype == ETHERTYPE_PPPOE || is_vlan_tag(ethertype) || is_mpls(ethertype);
}

/* Keeps the outermost VLAN id, which tells the customer's or trunk's network. */
static enum decode_result pass_ethertype(struct reader *r, struct packet *p, uint16_t *ethertype,
                                         bool carried)
{
    for (unsigned tags = 0; is_vlan_tag(*ethertype); tags++) {
        if (tags == MAX_VLAN_TAGS) {
            return DECODE_DEEP;
        }
        uint16_t id = reader_be16(r) & VLAN_ID_MASK;
        if (tags == 0) {
            p->ends.vlan = id;
        }
        *ethertype = reader_be16(r);
    }
    if (r->bad) {
        return DECODE_SHORT;
    }
    if (is_mpls(*ethertype)) {
        return decode_mpls(r, p, ethertype, carried);
    }
    if (*ethertype == ETHERTYPE_PPPOE) {
        return pass_pppoe(r, p, ethertype);
    }
    bool ip = *ethertype == ETHERTYPE_IPV4 || *ethertype == ETHERTYPE_IPV6;
    return ip ? DECODE_OK : DECODE_NOT_IP;
}

enum decode_result decode_ethertype(struct reader *r, struct packet *p, uint16_t *ethertype)
{
    return pass_ethertype(r, p, ethertype, false);
}

static enum decode_result pass_ethernet(struct reader *r, struct packet *p, uint16_t *ethertype,
                                        bool carried)
{
    read_mac(r, &p->dst_mac);
    read_mac(r, &p->src_mac);
    *ethertype = reader_be16(r);
    return pass_ethertype(r, p, ethertype, carried);
}

enum decode_result decode_ethernet(struct reader *r, struct packet *p, uint16_t *ethertype)
{
    return pass_ethernet(r, p, ethertype, false);
}

enum decode_result decode_carried(struct reader *r, struct packet *p, uint16_t *ethertype)
{
    return pass_ethernet(r, p, ethertype, true);
}

/* The address of a cooked header is the sender's; only Ethernet-like ones are of use. */
static void read_cooked_address(struct reader *r, unsigned len, struct packet *p)
{
    struct reader address = reader_sub(r, SLL_ADDRESS_SIZE);
    if (len == MAC_SIZE) {
        read_mac(&address, &p->src_mac);
    }
}

static enum decode_result decode_sll(struct reader *r, struct packet *p, uint16_t *ethertype)
{
    reader_skip(r, 4); /* packet type, device type */
    unsigned address_len = reader_be16(r);
    read_cooked_address(r, address_len, p);
    *ethertype = reader_be16(r);
    return decode_ethertype(r, p, ethertype);
}

static enum decode_result decode_sll2(struct reader *r, struct packet *p, uint16_t *ethertype)
{
    *ethertype = reader_be16(r);
    reader_skip(r, 9); /* reserved, interface index, device type, packet type */
    unsigned address_len = reader_u8(r);
    read_cooked_address(r, address_len, p);
    return decode_ethertype(r, p, ethertype);
}

/* Address, control, and the same types as Ethernet. */
static enum decode_result decode_hdlc(struct reader *r, struct packet *p, uint16_t *ethertype)
{
    reader_skip(r, 2);
    *ethertype = reader_be16(r);
    return decode_ethertype(r, p, ethertype);
}

/* Files call both PPP: what begins with an HDLC address is that. */
static enum decode_result decode_serial(struct reader *r, struct packet *p, uint16_t *ethertype)
{
    if (reader_left(r) > 0 && (r->at[0] == HDLC_UNICAST || r->at[0] == HDLC_MULTICAST)) {
        return decode_hdlc(r, p, ethertype);
    }
    return decode_ppp(r, ethertype);
}

enum decode_result decode_link(int link_type, struct reader *r, struct packet *p,
                               uint16_t *ethertype)
{
    switch (link_type) {
    case DLT_ETHERNET_: return decode_ethernet(r, p, ethertype);
    case DLT_SLL_: return decode_sll(r, p, ethertype);
    case DLT_SLL2_: return decode_sll2(r, p, ethertype);
    case DLT_PPP_:
    case DLT_PPP_SERIAL_: return decode_serial(r, p, ethertype);
    case DLT_HDLC_: return decode_hdlc(r, p, ethertype);
    case DLT_WLAN_: return decode_wlan(r, p, ethertype);
    case DLT_RADIOTAP_: return decode_radiotap(r, p, ethertype);
    case DLT_NULL_:
    case DLT_LOOP_:
        reader_skip(r, 4); /* the family; its numbers differ by system, the version does not */
        return r->bad ? DECODE_SHORT : decode_version(r, ethertype);
    case DLT_RAW_:
    case DLT_RAW_FILE_:
    case DLT_IPV4_:
    case DLT_IPV6_: return decode_version(r, ethertype);
    default: return DECODE_LINK;
    }
}

bool decode_knows_link(int link_type)
{
    struct packet p = {0};
    struct reader nothing = reader_of(&p, 0);
    uint16_t ethertype = 0;
    return decode_link(link_type, &nothing, &p, &ethertype) != DECODE_LINK;
}
