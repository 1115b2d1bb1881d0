/*
 * Sources: DNS RFC 1035 section 4; SLP RFC 2608 section 8 and RFC 2165 section 6; BACnet/IP ASHRAE
 * 135 annex J.2; Kafka's protocol guide (request header v1); Zabbix' "Header" page of its manual;
 * Discord's "Voice Connections" (IP discovery); RakNet's offline messages; Tuya's local protocol
 * 3.x (frame prefix and suffix) and TP-Link's smart home protocol as their users have described.
 */
#include "agent/dpi/signatures.h"

#include "common/reader.h"

#include <string.h>

static bool has_port(const struct packet *p, uint16_t port)
{
    return p->ends.src_port == port || p->ends.dst_port == port;
}

static bool is_udp(const struct packet *p)
{
    return p->ends.protocol == PROTO_UDP;
}

/* A reader over the payload; over TCP a length of two bytes comes first and must be its own. */
static struct reader dns_message(const struct packet *p)
{
    struct reader r = reader_of(p->payload, p->payload_len);
    if (!is_udp(p) && reader_be16(&r) != reader_left(&r)) {
        r.bad = true;
    }
    return r;
}

static bool skip_name(struct reader *r)
{
    enum { LABEL_MAX = 63, WHOLE_MAX = 254 };
    unsigned whole = 0;
    for (uint8_t len = reader_u8(r); len != 0; len = reader_u8(r)) {
        whole += len + 1u;
        if (len > LABEL_MAX || whole > WHOLE_MAX) {
            return false;
        }
        reader_skip(r, len);
    }
    return !r->bad && whole > 0;
}

/* One question of a known type in class IN; a query holds nothing else but one record of EDNS. */
static bool is_dns(const struct packet *p)
{
    static const uint16_t types[] = {1, 2, 5, 6, 12, 15, 16, 28, 33, 43, 48, 64, 65, 255};
    enum { OPCODE_AND_Z = 0x7840, RESPONSE = 0x8000, RECORDS_MAX = 64 };
    struct reader r = dns_message(p);
    reader_skip(&r, 2);
    uint16_t flags = reader_be16(&r), questions = reader_be16(&r), answers = reader_be16(&r);
    uint16_t authorities = reader_be16(&r), others = reader_be16(&r);
    bool asks = (flags & RESPONSE) == 0;
    bool counts = questions == 1 && others <= (asks ? 1 : RECORDS_MAX) &&
                  answers <= (asks ? 0 : RECORDS_MAX) && authorities <= (asks ? 0 : RECORDS_MAX);
    if (r.bad || (flags & OPCODE_AND_Z) != 0 || !counts || !skip_name(&r)) {
        return false;
    }
    uint16_t type = reader_be16(&r), class = reader_be16(&r);
    bool known = false;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        known = known || types[i] == type;
    }
    return !r.bad && known && class == 1 && (!asks || others == 1 || reader_left(&r) == 0);
}

static bool is_slp(const struct packet *p)
{
    enum { PORT = 427, FUNCTIONS = 11 };
    struct reader r = reader_of(p->payload, p->payload_len);
    uint8_t version = reader_u8(&r), function = reader_u8(&r);
    uint32_t len = version == 2 ? (uint32_t)reader_u8(&r) << 16 : 0;
    len |= reader_be16(&r);
    return has_port(p, PORT) && (version == 1 || version == 2) && function >= 1 &&
           function <= FUNCTIONS && !r.bad && len == p->payload_len;
}

static bool is_bacnet(const struct packet *p)
{
    enum { PORT = 0xbac0, TYPE_IP = 0x81, FUNCTIONS = 0x0c };
    struct reader r = reader_of(p->payload, p->payload_len);
    uint8_t type = reader_u8(&r), function = reader_u8(&r);
    uint16_t len = reader_be16(&r);
    return is_udp(p) && has_port(p, PORT) && type == TYPE_IP && function <= FUNCTIONS && !r.bad &&
           len == p->payload_len;
}

/* The first request of a client: ApiVersions or Metadata, with the client's name. */
static bool is_kafka(const struct packet *p)
{
    enum { METADATA = 3, API_VERSIONS = 18, VERSION_MAX = 20, NAME_MAX_LEN = 200 };
    struct reader r = reader_of(p->payload, p->payload_len);
    uint32_t len = reader_be32(&r);
    uint16_t api = reader_be16(&r), version = reader_be16(&r);
    reader_skip(&r, 4); /* correlation id */
    uint16_t name_len = reader_be16(&r);
    const uint8_t *name = reader_bytes(&r, name_len);
    if (is_udp(p) || r.bad || len + 4 != p->payload_len || version > VERSION_MAX ||
        (api != METADATA && api != API_VERSIONS) || name_len == 0 || name_len > NAME_MAX_LEN) {
        return false;
    }
    for (uint16_t i = 0; i < name_len; i++) {
        if (name[i] <= ' ' || name[i] > '~') {
            return false;
        }
    }
    return true;
}

static bool is_zabbix(const struct packet *p)
{
    enum { HEADER = 13, FLAGS_MAX = 7 };
    const uint8_t *b = p->payload;
    return !is_udp(p) && p->payload_len >= HEADER && memcmp(b, "ZBXD", 4) == 0 && b[4] >= 1 &&
           b[4] <= FLAGS_MAX;
}

static bool is_discord(const struct packet *p)
{
    enum { WHOLE = 74, REST = 70 };
    struct reader r = reader_of(p->payload, p->payload_len);
    uint16_t type = reader_be16(&r), len = reader_be16(&r);
    return is_udp(p) && p->payload_len == WHOLE && (type == 1 || type == 2) && len == REST;
}

static bool is_raknet(const struct packet *p)
{
    static const uint8_t magic[] = {0x00, 0xff, 0xff, 0x00, 0xfe, 0xfe, 0xfe, 0xfe,
                                    0xfd, 0xfd, 0xfd, 0xfd, 0x12, 0x34, 0x56, 0x78};
    static const struct {
        uint8_t id, at;
    } places[] = {{0x01, 9}, {0x02, 9}, {0x1c, 17}, {0x05, 1}, {0x06, 1}, {0x07, 1}, {0x08, 1}};
    for (size_t i = 0; is_udp(p) && i < sizeof places / sizeof places[0]; i++) {
        struct reader r = reader_of(p->payload, p->payload_len);
        bool same = reader_u8(&r) == places[i].id;
        reader_skip(&r, places[i].at - 1u);
        const uint8_t *found = reader_bytes(&r, sizeof magic);
        if (same && found != NULL && memcmp(found, magic, sizeof magic) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_tuya(const struct packet *p)
{
    enum { LEAST = 24 };
    return p->payload_len >= LEAST && memcmp(p->payload, "\0\0\x55\xaa", 4) == 0 &&
           memcmp(p->payload + p->payload_len - 4, "\0\0\xaa\x55", 4) == 0;
}

/* JSON, each byte xored with the one before it as sent, the first with 171. */
static bool is_tplink(const struct packet *p)
{
    enum { PORT = 9999, BRACE = '{' ^ 171, QUOTE = BRACE ^ '"' };
    struct reader r = reader_of(p->payload, p->payload_len);
    if (!is_udp(p) && reader_be32(&r) != reader_left(&r)) {
        return false;
    }
    return has_port(p, PORT) && reader_u8(&r) == BRACE && reader_u8(&r) == QUOTE;
}

static const struct {
    struct signature names;
    bool (*fits)(const struct packet *p);
} table[] = {
    {{"Service_Location_Protocol", "RPC"}, is_slp},
    {{"BACnet", "IoT-Scada"}, is_bacnet},
    {{"Kafka", "RPC"}, is_kafka},
    {{"Zabbix", "Network"}, is_zabbix},
    {{"Discord", "Collaborative"}, is_discord},
    {{"RakNet", "Game"}, is_raknet},
    {{"TuyaLP", "IoT-Scada"}, is_tuya},
    {{"TPLINK_SHP", "IoT-Scada"}, is_tplink},
    {{"DNS", "Network"}, is_dns},
    {{"OpenVPN", "VPN"}, NULL}, /* see evasion.h */
};
enum { SIGNATURES = sizeof table / sizeof table[0] };
const uint8_t signature_openvpn = SIGNATURES;

uint8_t signature_of(const struct packet *p)
{
    bool carries = p->ends.protocol == PROTO_UDP || p->ends.protocol == PROTO_TCP;
    for (uint8_t i = 0; carries && p->payload_len > 0 && i < SIGNATURES; i++) {
        if (table[i].fits != NULL && table[i].fits(p)) {
            return (uint8_t)(i + 1);
        }
    }
    return 0;
}

const struct signature *signature_at(uint8_t number)
{
    return number == 0 || number > SIGNATURES ? NULL : &table[number - 1].names;
}
