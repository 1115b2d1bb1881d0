/*
 * The packed form of a flow record. Schema 1, little-endian, in the order written below;
 * docs/wire.md lists it. A later schema only adds fields at the end, which older readers skip.
 */
#include "common/wire/flows.h"

#include "common/reader.h"
#include "common/wire/text.h"
#include "common/writer.h"

#include <string.h>

/* First byte of every packed record: never GAP_MARK, so that a gap is told apart. */
enum { FLOW_FORM = 1, FLAG_FINAL = 1, FLAG_TRUNCATED = 2, CONFIDENCE_MAX = 4 };

static const char *const STATUS_NAMES[] = {
    [FLOW_OPENING] = "opening", [FLOW_ACTIVE] = "active",   [FLOW_CLOSED] = "closed",
    [FLOW_RESET] = "reset",     [FLOW_REFUSED] = "refused", [FLOW_NO_ANSWER] = "no_answer",
    [FLOW_IDLE] = "idle",       [FLOW_EVICTED] = "evicted",
};

const char *flow_status_name(enum flow_status status)
{
    unsigned i = (unsigned)status;
    return i >= FLOW_OPENING && i <= FLOW_EVICTED ? STATUS_NAMES[i] : "unknown";
}

static size_t addr_len(uint8_t family)
{
    return family == ADDR_IPV4 ? 4 : 16;
}

static void key_write(struct writer *w, const struct flow_key *key)
{
    writer_u8(w, key->family);
    writer_u8(w, key->protocol);
    writer_le16(w, key->vlan);
    writer_le16(w, key->client_port);
    writer_le16(w, key->server_port);
    writer_bytes(w, key->client.bytes, addr_len(key->family));
    writer_bytes(w, key->server.bytes, addr_len(key->family));
}

static void addr_read(struct reader *r, uint8_t family, struct addr *addr)
{
    const uint8_t *bytes = reader_bytes(r, addr_len(family));
    if (bytes != NULL) {
        memcpy(addr->bytes, bytes, addr_len(family));
    }
}

static void key_read(struct reader *r, struct flow_key *key)
{
    key->family = reader_u8(r);
    key->protocol = reader_u8(r);
    key->vlan = reader_le16(r);
    key->client_port = reader_le16(r);
    key->server_port = reader_le16(r);
    addr_read(r, key->family, &key->client);
    addr_read(r, key->family, &key->server);
}

static void mac_read(struct reader *r, struct mac *mac)
{
    const uint8_t *bytes = reader_bytes(r, sizeof mac->bytes);
    if (bytes != NULL) {
        memcpy(mac->bytes, bytes, sizeof mac->bytes);
    }
}

static void counts_write(struct writer *w, const struct flow_record *r)
{
    for (int dir = DIR_C2S; dir <= DIR_S2C; dir++) {
        writer_le64(w, r->bytes[dir]);
        writer_le64(w, r->packets[dir]);
        writer_le32(w, r->retransmitted[dir]);
        writer_le32(w, r->out_of_order[dir]);
        writer_u8(w, r->tcp_flags[dir]);
    }
}

static void counts_read(struct reader *in, struct flow_record *r)
{
    for (int dir = DIR_C2S; dir <= DIR_S2C; dir++) {
        r->bytes[dir] = reader_le64(in);
        r->packets[dir] = reader_le64(in);
        r->retransmitted[dir] = reader_le32(in);
        r->out_of_order[dir] = reader_le32(in);
        r->tcp_flags[dir] = reader_u8(in);
    }
}

size_t flow_record_pack(const struct flow_record *r, void *buf, size_t size)
{
    struct writer w = writer_of(buf, size);
    writer_u8(&w, FLOW_FORM);
    writer_u8(&w, r->status);
    writer_u8(&w, (uint8_t)((r->final ? FLAG_FINAL : 0) | (r->truncated ? FLAG_TRUNCATED : 0)));
    writer_u8(&w, r->confidence);
    writer_le64(&w, r->flow_id);
    writer_le64(&w, r->first_ns);
    writer_le64(&w, r->last_ns);
    key_write(&w, &r->key);
    writer_bytes(&w, r->client_mac.bytes, sizeof r->client_mac.bytes);
    writer_bytes(&w, r->server_mac.bytes, sizeof r->server_mac.bytes);
    counts_write(&w, r);
    writer_le32(&w, r->handshake_client_us);
    writer_le32(&w, r->handshake_server_us);
    writer_le64(&w, r->risks);
    text_write(&w, r->source);
    text_write(&w, r->protocol);
    text_write(&w, r->app);
    text_write(&w, r->category);
    text_write(&w, r->host);
    text_write(&w, r->info);
    return w.full ? 0 : writer_len(&w);
}

/* What the reader cannot know: values that no honest agent sends, and that the store refuses. */
static int record_check(const struct flow_record *r, struct err *e)
{
    if (r->status < FLOW_OPENING || r->status > FLOW_EVICTED) {
        return err_set(e, ERR_PARSE, "flow status %u", r->status);
    }
    if (r->confidence > CONFIDENCE_MAX) {
        return err_set(e, ERR_PARSE, "flow confidence %u", r->confidence);
    }
    if (r->first_ns > r->last_ns || r->last_ns > INT64_MAX) {
        return err_set(e, ERR_PARSE, "flow times out of range");
    }
    for (int dir = DIR_C2S; dir <= DIR_S2C; dir++) {
        if (r->bytes[dir] > INT64_MAX || r->packets[dir] > INT64_MAX) {
            return err_set(e, ERR_PARSE, "flow counts out of range");
        }
    }
    return 0;
}

int flow_record_unpack(const void *bytes, size_t len, struct flow_record *r, struct err *e)
{
    struct reader in = reader_of(bytes, len);
    *r = (struct flow_record){0};
    if (reader_u8(&in) != FLOW_FORM) {
        return err_set(e, ERR_PARSE, "not a flow record");
    }
    r->status = reader_u8(&in);
    uint8_t flags = reader_u8(&in);
    r->final = (flags & FLAG_FINAL) != 0;
    r->truncated = (flags & FLAG_TRUNCATED) != 0;
    r->confidence = reader_u8(&in);
    r->flow_id = reader_le64(&in);
    r->first_ns = reader_le64(&in);
    r->last_ns = reader_le64(&in);
    key_read(&in, &r->key);
    if (r->key.family != ADDR_IPV4 && r->key.family != ADDR_IPV6) {
        return err_set(e, ERR_PARSE, "flow of address family %u", r->key.family);
    }
    mac_read(&in, &r->client_mac);
    mac_read(&in, &r->server_mac);
    counts_read(&in, r);
    r->handshake_client_us = reader_le32(&in);
    r->handshake_server_us = reader_le32(&in);
    r->risks = reader_le64(&in);
    text_read(&in, r->source, sizeof r->source);
    text_read(&in, r->protocol, sizeof r->protocol);
    text_read(&in, r->app, sizeof r->app);
    text_read(&in, r->category, sizeof r->category);
    text_read(&in, r->host, sizeof r->host);
    text_read(&in, r->info, sizeof r->info);
    if (in.bad) {
        return err_set(e, ERR_PARSE, "a flow record is cut short or holds unclean text");
    }
    return record_check(r, e);
}
