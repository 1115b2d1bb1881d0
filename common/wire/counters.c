/* The packed form of a counter record: schema 1, little-endian, listed in docs/wire.md. */
#include "common/wire/counters.h"

#include "common/reader.h"
#include "common/wire/text.h"
#include "common/writer.h"

#include <string.h>

enum { COUNTER_FORM = 1, SECONDS_MAX = 86400 };

size_t counter_record_pack(const struct counter_record *r, void *buf, size_t size)
{
    struct writer w = writer_of(buf, size);
    writer_u8(&w, COUNTER_FORM);
    writer_u8(&w, r->kind);
    writer_u8(&w, r->family);
    writer_u8(&w, r->local);
    writer_le16(&w, r->vlan);
    writer_le64(&w, r->start_ns);
    writer_le32(&w, r->seconds);
    writer_bytes(&w, r->addr.bytes, sizeof r->addr.bytes);
    writer_le64(&w, r->bytes_in);
    writer_le64(&w, r->bytes_out);
    writer_le64(&w, r->packets);
    writer_le64(&w, r->dropped);
    writer_le32(&w, r->flows);
    writer_le32(&w, r->hosts);
    text_write(&w, r->name);
    return w.full ? 0 : writer_len(&w);
}

static bool counts_fit(const struct counter_record *r)
{
    return r->bytes_in <= INT64_MAX && r->bytes_out <= INT64_MAX && r->packets <= INT64_MAX &&
           r->dropped <= INT64_MAX;
}

static int record_check(const struct counter_record *r, struct err *e)
{
    if (r->kind < COUNTER_INTERFACE || r->kind > COUNTER_TOTAL) {
        return err_set(e, ERR_PARSE, "counter kind %u", r->kind);
    }
    bool has_addr = r->family == ADDR_IPV4 || r->family == ADDR_IPV6;
    if (r->kind == COUNTER_HOST ? !has_addr : r->family != ADDR_NONE) {
        return err_set(e, ERR_PARSE, "counter kind %u with address family %u", r->kind, r->family);
    }
    if (r->start_ns > INT64_MAX || r->seconds == 0 || r->seconds > SECONDS_MAX) {
        return err_set(e, ERR_PARSE, "counter interval out of range");
    }
    return counts_fit(r) ? 0 : err_set(e, ERR_PARSE, "counts out of range");
}

int counter_record_unpack(const void *bytes, size_t len, struct counter_record *r, struct err *e)
{
    struct reader in = reader_of(bytes, len);
    *r = (struct counter_record){0};
    if (reader_u8(&in) != COUNTER_FORM) {
        return err_set(e, ERR_PARSE, "not a counter record");
    }
    r->kind = reader_u8(&in);
    r->family = reader_u8(&in);
    r->local = reader_u8(&in);
    r->vlan = reader_le16(&in);
    r->start_ns = reader_le64(&in);
    r->seconds = reader_le32(&in);
    const uint8_t *addr = reader_bytes(&in, sizeof r->addr.bytes);
    if (addr != NULL) {
        memcpy(r->addr.bytes, addr, sizeof r->addr.bytes);
    }
    r->bytes_in = reader_le64(&in);
    r->bytes_out = reader_le64(&in);
    r->packets = reader_le64(&in);
    r->dropped = reader_le64(&in);
    r->flows = reader_le32(&in);
    r->hosts = reader_le32(&in);
    text_read(&in, r->name, sizeof r->name);
    if (in.bad) {
        return err_set(e, ERR_PARSE, "a counter record is cut short or holds unclean text");
    }
    return record_check(r, e);
}
