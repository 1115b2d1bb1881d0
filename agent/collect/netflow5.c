/* NetFlow version 5 (Cisco, NetFlow Export Datagram Formats): fixed records, IPv4 only. */
#include "agent/collect/inner.h"

enum {
    RECORDS_MAX = 30,
    RECORD_SIZE = 48,
    INTERVAL_MASK = 0x3fff, /* the two bits above tell how it samples */
};
#define NS_OF_MS 1000000ull
#define NS_OF_S  1000000000ull

static void set(struct fields *f, enum field field, uint64_t value)
{
    f->number[field] = value;
    f->present |= 1ull << field;
}

static void read_record(struct reader *r, struct fields *f)
{
    *f = (struct fields){0};
    field_read(r, FIELD_SRC_IPV4, 4, f);
    field_read(r, FIELD_DST_IPV4, 4, f);
    reader_skip(r, 4); /* next hop */
    set(f, FIELD_INPUT_IF, reader_be16(r));
    set(f, FIELD_OUTPUT_IF, reader_be16(r));
    set(f, FIELD_PACKETS, reader_be32(r));
    set(f, FIELD_OCTETS, reader_be32(r));
    set(f, FIELD_FIRST_UPTIME, reader_be32(r));
    set(f, FIELD_LAST_UPTIME, reader_be32(r));
    set(f, FIELD_SRC_PORT, reader_be16(r));
    uint16_t dst_port = reader_be16(r);
    set(f, FIELD_DST_PORT, dst_port);
    reader_skip(r, 1);
    set(f, FIELD_TCP_FLAGS, reader_u8(r));
    uint8_t protocol = reader_u8(r);
    set(f, FIELD_PROTOCOL, protocol);
    if (protocol == 1) { /* ICMP's type and code stand in the destination port */
        set(f, FIELD_ICMP_TYPE_CODE, dst_port);
    }
    reader_skip(r, 9); /* type of service, autonomous systems, masks, padding */
}

bool netflow5_read(struct message *m, struct reader *r)
{
    unsigned count = reader_be16(r);
    uint32_t uptime_ms = reader_be32(r);
    uint64_t export_ns = reader_be32(r) * NS_OF_S;
    export_ns += reader_be32(r);
    uint32_t sequence = reader_be32(r);
    uint32_t engine = reader_be16(r); /* type and number */
    unsigned sampling = reader_be16(r) & INTERVAL_MASK;
    if (r->bad || count == 0 || count > RECORDS_MAX ||
        reader_left(r) < (size_t)count * RECORD_SIZE) {
        return false;
    }
    exporter_stream(m, engine, COLLECT_V5);
    exporter_clock(m, export_ns);
    exporter_uptime(m, uptime_ms);
    m->boot_ns = export_ns - uptime_ms * NS_OF_MS;
    m->header_rate = sampling;
    m->exporter->view.lost_flows += exporter_sequence(m, sequence, count);
    for (unsigned i = 0; i < count; i++) {
        struct fields f;
        read_record(r, &f);
        record_take(m, &f);
    }
    return true;
}
