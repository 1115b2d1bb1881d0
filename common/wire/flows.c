/*
 * The packed form of a flow record. Schema 7, little-endian, in the order written below;
 * docs/wire.md lists it. A later schema only adds fields at the end, which older readers skip.
 */
#include "common/wire/flows.h"

#include "common/reader.h"
#include "common/tunnel.h"
#include "common/wire/text.h"
#include "common/writer.h"

#include <string.h>

/* First byte of every packed record: never GAP_MARK, so that a gap is told apart. */
enum { FLOW_FORM = 1, FLAG_FINAL = 1, FLAG_TRUNCATED = 2, CONFIDENCE_MAX = 4 };
enum { MOS_LEAST = 1000, MOS_MOST = 5000, PAYLOAD_TYPE_MAX = 127 };

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

static const char *const CALL_NAMES[] = {
    [CALL_NONE] = "none", [CALL_TRYING] = "trying", [CALL_RINGING] = "ringing",
    [CALL_UP] = "up",     [CALL_OVER] = "over",     [CALL_FAILED] = "failed",
};

const char *flow_call_name(enum flow_call_state state)
{
    unsigned i = (unsigned)state;
    return i <= CALL_FAILED ? CALL_NAMES[i] : "unknown";
}

const char *flow_rtt_by_name(unsigned by)
{
    static const char *const names[RTT_BY_END] = {
        [RTT_BY_HANDSHAKE] = "handshake",
        [RTT_BY_SPIN_BIT] = "spin_bit",
        [RTT_BY_ACK] = "ack",
        [RTT_BY_RTCP] = "rtcp",
    };
    return by < RTT_BY_END ? names[by] : NULL;
}

static void quality_write(struct writer *w, const struct flow_record *r)
{
    writer_u8(w, r->quality_class);
    writer_u8(w, r->quality_profile);
    for (int dir = DIR_C2S; dir <= DIR_S2C; dir++) {
        const struct quality *q = &r->quality[dir];
        const struct flow_segments *s = &r->segments[dir];
        writer_u8(w, q->score);
        writer_u8(w, q->worst);
        writer_u8(w, q->metric);
        writer_u8(w, q->blame);
        writer_u8(w, q->confidence);
        writer_le32(w, q->value);
        writer_le32(w, q->of);
        writer_le32(w, s->data);
        writer_le32(w, s->lost_before);
        writer_le32(w, s->needless);
        writer_le32(w, s->duplicated);
        writer_le32(w, s->zero_window_ms);
    }
    for (int side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
        writer_le32(w, r->rtt[side].median_us);
        writer_le32(w, r->rtt[side].min_us);
        writer_le32(w, r->rtt[side].var_us);
        writer_le32(w, r->rtt[side].samples);
    }
    writer_le32(w, r->dns.questions);
    writer_le32(w, r->dns.failed);
    writer_le32(w, r->dns.unanswered);
    writer_le32(w, r->dns.answer_us);
}

static void quality_read(struct reader *in, struct flow_record *r)
{
    r->quality_class = reader_u8(in);
    r->quality_profile = reader_u8(in);
    for (int dir = DIR_C2S; dir <= DIR_S2C; dir++) {
        struct quality *q = &r->quality[dir];
        struct flow_segments *s = &r->segments[dir];
        q->score = reader_u8(in);
        q->worst = reader_u8(in);
        q->metric = reader_u8(in);
        q->blame = reader_u8(in);
        q->confidence = reader_u8(in);
        q->value = reader_le32(in);
        q->of = reader_le32(in);
        s->data = reader_le32(in);
        s->lost_before = reader_le32(in);
        s->needless = reader_le32(in);
        s->duplicated = reader_le32(in);
        s->zero_window_ms = reader_le32(in);
    }
    for (int side = SIDE_CLIENT; side <= SIDE_SERVER; side++) {
        r->rtt[side].median_us = reader_le32(in);
        r->rtt[side].min_us = reader_le32(in);
        r->rtt[side].var_us = reader_le32(in);
        r->rtt[side].samples = reader_le32(in);
    }
    r->dns.questions = reader_le32(in);
    r->dns.failed = reader_le32(in);
    r->dns.unanswered = reader_le32(in);
    r->dns.answer_us = reader_le32(in);
}

/* A record of schema 1 ends here: nothing is known of its quality. */
static void quality_unknown(struct flow_record *r)
{
    for (int dir = DIR_C2S; dir <= DIR_S2C; dir++) {
        r->quality[dir].score = QUALITY_SCORE_NONE;
        r->quality[dir].worst = QUALITY_SCORE_NONE;
    }
}

/* Schema 3: an address family, and only for ADDR_IPV4 and ADDR_IPV6 the rest. */
static void exporter_write(struct writer *w, const struct flow_record *r)
{
    writer_u8(w, r->exporter_family);
    if (r->exporter_family == ADDR_NONE) {
        return;
    }
    writer_bytes(w, r->exporter.bytes, addr_len(r->exporter_family));
    writer_le32(w, r->input_if);
    writer_le32(w, r->output_if);
    writer_le32(w, r->sampling);
}

/* Records of schema 2 end before it. */
static void exporter_read(struct reader *in, struct flow_record *r)
{
    if (reader_left(in) == 0) {
        return;
    }
    r->exporter_family = reader_u8(in);
    if (r->exporter_family == ADDR_NONE) {
        return;
    }
    addr_read(in, r->exporter_family, &r->exporter);
    r->input_if = reader_le32(in);
    r->output_if = reader_le32(in);
    r->sampling = reader_le32(in);
}

/* Schema 4: why a direction has no score. */
static void unjudged_write(struct writer *w, const struct flow_record *r)
{
    writer_u8(w, r->quality[DIR_C2S].unjudged);
    writer_u8(w, r->quality[DIR_S2C].unjudged);
}

/* Records of schema 3 end before it. */
static void unjudged_read(struct reader *in, struct flow_record *r)
{
    if (reader_left(in) > 0) {
        r->quality[DIR_C2S].unjudged = reader_u8(in);
        r->quality[DIR_S2C].unjudged = reader_u8(in);
    }
}

/* Schema 5: a tunnel's kind, and only with one its id; then both places. */
static void origin_write(struct writer *w, const struct flow_record *r)
{
    writer_u8(w, r->tunnel);
    if (r->tunnel != TUNNEL_NONE) {
        writer_le32(w, r->tunnel_id);
    }
    geo_place_write(w, &r->place[SIDE_CLIENT]);
    geo_place_write(w, &r->place[SIDE_SERVER]);
}

/* Records of schema 4 end before it. */
static void origin_read(struct reader *in, struct flow_record *r)
{
    if (reader_left(in) == 0) {
        return;
    }
    r->tunnel = reader_u8(in);
    if (r->tunnel != TUNNEL_NONE) {
        r->tunnel_id = reader_le32(in);
    }
    geo_place_read(in, &r->place[SIDE_CLIENT]);
    geo_place_read(in, &r->place[SIDE_SERVER]);
}

/* Schema 6. Records of schema 5 end before it; prints of another definition are none of ours. */
static void fingerprints_read(struct reader *in, struct flow_record *r)
{
    static const struct flow_prints none;
    if (reader_left(in) == 0) {
        return;
    }
    bool ours = reader_u8(in) == PRINTS_VERSION;
    prints_read(in, &r->prints);
    if (!ours) {
        r->prints = none;
    }
}

/* Schema 7: for each direction how many streams, and only for some the rest; then the call. */
static void media_write(struct writer *w, const struct flow_record *r)
{
    for (int dir = DIR_C2S; dir <= DIR_S2C; dir++) {
        const struct flow_media *m = &r->media[dir];
        writer_u8(w, m->streams);
        if (m->streams == 0) {
            continue;
        }
        writer_u8(w, m->payload_type);
        writer_le32(w, m->ssrc);
        writer_le32(w, m->packets);
        writer_le32(w, m->lost);
        writer_le32(w, m->duplicated);
        writer_le32(w, m->late);
        writer_le32(w, m->discarded);
        writer_le32(w, m->jitter_us);
        writer_le32(w, m->jitter_max_us);
        writer_le32(w, m->gap_ms);
        writer_le32(w, m->clock_hz);
        writer_le16(w, m->mos);
        writer_le16(w, m->mos_worst);
        writer_le16(w, m->mos_reported);
        writer_le16(w, m->burst);
        text_write(w, m->codec);
    }
    writer_u8(w, r->call_state);
    if (r->call_state != CALL_NONE) {
        writer_u8(w, r->call_held ? 1 : 0);
        text_write(w, r->call_id);
    }
}

/* Records of schema 6 end before it. */
static void media_read(struct reader *in, struct flow_record *r)
{
    if (reader_left(in) == 0) {
        return;
    }
    for (int dir = DIR_C2S; dir <= DIR_S2C; dir++) {
        struct flow_media *m = &r->media[dir];
        m->streams = reader_u8(in);
        if (m->streams == 0) {
            continue;
        }
        m->payload_type = reader_u8(in);
        m->ssrc = reader_le32(in);
        m->packets = reader_le32(in);
        m->lost = reader_le32(in);
        m->duplicated = reader_le32(in);
        m->late = reader_le32(in);
        m->discarded = reader_le32(in);
        m->jitter_us = reader_le32(in);
        m->jitter_max_us = reader_le32(in);
        m->gap_ms = reader_le32(in);
        m->clock_hz = reader_le32(in);
        m->mos = reader_le16(in);
        m->mos_worst = reader_le16(in);
        m->mos_reported = reader_le16(in);
        m->burst = reader_le16(in);
        text_read(in, m->codec, sizeof m->codec);
    }
    r->call_state = reader_u8(in);
    if (r->call_state != CALL_NONE) {
        r->call_held = reader_u8(in) != 0;
        text_read(in, r->call_id, sizeof r->call_id);
    }
}

/* Schema 8. */
static void trips_write(struct writer *w, const struct flow_record *r)
{
    latencies_write(w, &r->trips[SIDE_CLIENT]);
    latencies_write(w, &r->trips[SIDE_SERVER]);
    writer_u8(w, r->rtt_by);
}

/* Records of schema 7 end before it. */
static void trips_read(struct reader *in, struct flow_record *r)
{
    if (reader_left(in) > 0) {
        latencies_read(in, &r->trips[SIDE_CLIENT]);
        latencies_read(in, &r->trips[SIDE_SERVER]);
        r->rtt_by = reader_u8(in);
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
    quality_write(&w, r);
    exporter_write(&w, r);
    unjudged_write(&w, r);
    origin_write(&w, r);
    writer_u8(&w, PRINTS_VERSION);
    prints_write(&w, &r->prints);
    media_write(&w, r);
    trips_write(&w, r);
    return w.full ? 0 : writer_len(&w);
}

static bool mos_is_sound(uint16_t mos)
{
    return mos == 0 || (mos >= MOS_LEAST && mos <= MOS_MOST);
}

bool flow_media_is_sound(const struct flow_record *r)
{
    bool sound = r->call_state <= CALL_FAILED;
    for (int dir = DIR_C2S; dir <= DIR_S2C; dir++) {
        const struct flow_media *m = &r->media[dir];
        sound = sound && mos_is_sound(m->mos) && mos_is_sound(m->mos_worst) &&
                mos_is_sound(m->mos_reported) && m->payload_type <= PAYLOAD_TYPE_MAX;
    }
    return sound;
}

bool flow_trips_are_sound(const struct flow_record *r)
{
    return r->rtt_by < RTT_BY_END && latencies_are_sound(&r->trips[SIDE_CLIENT]) &&
           latencies_are_sound(&r->trips[SIDE_SERVER]);
}

static int quality_check(const struct flow_record *r, struct err *e)
{
    if (r->quality_class >= QUALITY_CLASSES) {
        return err_set(e, ERR_PARSE, "flow quality class %u", r->quality_class);
    }
    for (int dir = DIR_C2S; dir <= DIR_S2C; dir++) {
        if (!quality_is_sound(&r->quality[dir])) {
            return err_set(e, ERR_PARSE, "flow quality out of range");
        }
    }
    if (!flow_trips_are_sound(r)) {
        return err_set(e, ERR_PARSE, "flow round trips out of range");
    }
    return flow_media_is_sound(r) ? 0 : err_set(e, ERR_PARSE, "flow media out of range");
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
    bool exporter = r->exporter_family == ADDR_NONE || r->exporter_family == ADDR_IPV4 ||
                    r->exporter_family == ADDR_IPV6;
    if (!exporter) {
        return err_set(e, ERR_PARSE, "exporter of address family %u", r->exporter_family);
    }
    if (r->tunnel >= TUNNEL_END) {
        return err_set(e, ERR_PARSE, "flow of tunnel kind %u", r->tunnel);
    }
    if (r->first_ns > r->last_ns || r->last_ns > INT64_MAX) {
        return err_set(e, ERR_PARSE, "flow times out of range");
    }
    for (int dir = DIR_C2S; dir <= DIR_S2C; dir++) {
        if (r->bytes[dir] > INT64_MAX || r->packets[dir] > INT64_MAX) {
            return err_set(e, ERR_PARSE, "flow counts out of range");
        }
    }
    if (!prints_are_sound(&r->prints)) {
        return err_set(e, ERR_PARSE, "a fingerprint is none");
    }
    return quality_check(r, e);
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
    if (reader_left(&in) > 0) {
        quality_read(&in, r);
    } else {
        quality_unknown(r);
    }
    exporter_read(&in, r);
    unjudged_read(&in, r);
    origin_read(&in, r);
    fingerprints_read(&in, r);
    media_read(&in, r);
    trips_read(&in, r);
    if (in.bad) {
        return err_set(e, ERR_PARSE, "a flow record is cut short or holds unclean text");
    }
    return record_check(r, e);
}
