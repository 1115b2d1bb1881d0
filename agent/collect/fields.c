#include "agent/collect/fields.h"

struct row {
    uint16_t element;
    uint8_t field;
};

/* IANA, IPFIX Information Elements. In ascending order of numbers, which the lookup needs. */
static const struct row rows[] = {
    {1, FIELD_OCTETS},
    {2, FIELD_PACKETS},
    {4, FIELD_PROTOCOL},
    {6, FIELD_TCP_FLAGS},
    {7, FIELD_SRC_PORT},
    {8, FIELD_SRC_IPV4},
    {10, FIELD_INPUT_IF},
    {11, FIELD_DST_PORT},
    {12, FIELD_DST_IPV4},
    {14, FIELD_OUTPUT_IF},
    {21, FIELD_LAST_UPTIME},
    {22, FIELD_FIRST_UPTIME},
    {23, FIELD_OCTETS_OUT},
    {24, FIELD_PACKETS_OUT},
    {27, FIELD_SRC_IPV6},
    {28, FIELD_DST_IPV6},
    {32, FIELD_ICMP_TYPE_CODE},
    {34, FIELD_SAMPLE_INTERVAL},
    {48, FIELD_SAMPLER},
    {50, FIELD_SAMPLE_INTERVAL}, /* of the sampler */
    {56, FIELD_SRC_MAC},
    {58, FIELD_VLAN},
    {61, FIELD_DIRECTION},
    {80, FIELD_DST_MAC},
    {85, FIELD_OCTETS_TOTAL},
    {86, FIELD_PACKETS_TOTAL},
    {136, FIELD_END_REASON},
    {139, FIELD_ICMP_TYPE_CODE},
    {150, FIELD_FIRST_S},
    {151, FIELD_LAST_S},
    {152, FIELD_FIRST_MS},
    {153, FIELD_LAST_MS},
    {154, FIELD_FIRST_NTP}, /* microseconds and nanoseconds have the same form */
    {155, FIELD_LAST_NTP},
    {156, FIELD_FIRST_NTP},
    {157, FIELD_LAST_NTP},
    {158, FIELD_FIRST_DELTA_US},
    {159, FIELD_LAST_DELTA_US},
    {160, FIELD_BOOT_MS},
    {161, FIELD_DURATION_MS},
    {162, FIELD_DURATION_US},
    {176, FIELD_ICMP_TYPE},
    {177, FIELD_ICMP_CODE},
    {178, FIELD_ICMP_TYPE},
    {179, FIELD_ICMP_CODE},
    {231, FIELD_OCTETS}, /* initiator */
    {232, FIELD_REVERSE_OCTETS},
    {243, FIELD_VLAN},
    {298, FIELD_PACKETS},
    {299, FIELD_REVERSE_PACKETS},
    {302, FIELD_SAMPLER},
    {305, FIELD_SAMPLE_PACKETS},
    {306, FIELD_SAMPLE_SPACE},
    {309, FIELD_SAMPLE_SIZE},
    {310, FIELD_SAMPLE_POPULATION},
};

static enum field reverse_of(enum field field)
{
    if (field == FIELD_OCTETS) {
        return FIELD_REVERSE_OCTETS;
    }
    if (field == FIELD_PACKETS) {
        return FIELD_REVERSE_PACKETS;
    }
    if (field == FIELD_OCTETS_TOTAL) {
        return FIELD_REVERSE_OCTETS_TOTAL;
    }
    if (field == FIELD_PACKETS_TOTAL) {
        return FIELD_REVERSE_PACKETS_TOTAL;
    }
    return field == FIELD_TCP_FLAGS ? FIELD_REVERSE_TCP_FLAGS : FIELD_OTHER;
}

enum field field_of(uint32_t pen, uint16_t element)
{
    size_t low = 0;
    size_t high = sizeof rows / sizeof rows[0];
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (rows[middle].element < element) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool known = low < sizeof rows / sizeof rows[0] && rows[low].element == element;
    enum field field = known ? (enum field)rows[low].field : FIELD_OTHER;
    if (pen == PEN_REVERSE) {
        return reverse_of(field);
    }
    return pen == PEN_NONE ? field : FIELD_OTHER;
}

/* Numbers may be sent in fewer bytes than they have (RFC 7011, section 6.2). */
static void read_number(struct reader *r, enum field field, size_t len, struct fields *f)
{
    if (len < 1 || len > sizeof(uint64_t)) {
        reader_skip(r, len);
        return;
    }
    const uint8_t *bytes = reader_bytes(r, len);
    if (bytes == NULL) {
        return;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        value = value << 8 | bytes[i];
    }
    f->number[field] = value;
    f->present |= 1ull << field;
}

static void read_addr(struct reader *r, enum field field, size_t len, struct fields *f)
{
    bool v6 = field == FIELD_SRC_IPV6 || field == FIELD_DST_IPV6;
    bool src = field == FIELD_SRC_IPV4 || field == FIELD_SRC_IPV6;
    const uint8_t *bytes = reader_bytes(r, len);
    struct addr addr = {0};
    bool told = false;
    if (bytes == NULL || len != (v6 ? 16u : 4u)) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        addr.bytes[i] = bytes[i];
        told = told || bytes[i] != 0;
    }
    uint8_t *family = src ? &f->src_family : &f->dst_family;
    /* Some templates carry both families and leave one zero. */
    if (*family != 0 && !told) {
        return;
    }
    *family = v6 ? ADDR_IPV6 : ADDR_IPV4;
    *(src ? &f->src : &f->dst) = addr;
    f->present |= 1ull << field;
}

static void read_mac(struct reader *r, enum field field, size_t len, struct fields *f)
{
    struct mac *mac = field == FIELD_SRC_MAC ? &f->src_mac : &f->dst_mac;
    const uint8_t *bytes = reader_bytes(r, len);
    if (bytes != NULL && len == sizeof mac->bytes) {
        memcpy(mac->bytes, bytes, sizeof mac->bytes);
        f->present |= 1ull << field;
    }
}

void field_read(struct reader *r, enum field field, size_t len, struct fields *f)
{
    if (field == FIELD_OTHER) {
        reader_skip(r, len);
    } else if (field < FIELD_NUMBERS) {
        read_number(r, field, len, f);
    } else if (field == FIELD_SRC_MAC || field == FIELD_DST_MAC) {
        read_mac(r, field, len, f);
    } else {
        read_addr(r, field, len, f);
    }
}
