/*
 * UDP payloads of one flow: RTP, RTCP, QUIC and SIP from any bytes. Verdicts stay in their range,
 * streams within their rooms, texts clean; what was taken is given back.
 */
#include "tests/fuzz/fuzz.h"

#include "agent/qoe/media.h"
#include "agent/qoe/quic.h"

#include <string.h>

enum { ROOM = 16 };

static void check_record(const struct flow_record *r)
{
    FUZZ_CHECK(flow_media_is_sound(r));
    FUZZ_CHECK(memchr(r->call_id, '\0', sizeof r->call_id) != NULL);
    for (unsigned dir = 0; dir < 2; dir++) {
        FUZZ_CHECK(quality_is_sound(&r->quality[dir]));
        FUZZ_CHECK(r->media[dir].streams <= QOE_MEDIA_STREAMS);
        FUZZ_CHECK(r->media[dir].jitter_us <= r->media[dir].jitter_max_us);
    }
}

static void try_sip(struct qoe_media_pool *pool, const struct packet *p)
{
    struct sip_message m;
    if (!sip_read(p->payload, p->payload_len, &m)) {
        return;
    }
    FUZZ_CHECK(m.media <= SDP_MEDIA_MAX);
    for (unsigned i = 0; i < m.media; i++) {
        FUZZ_CHECK(m.sdp[i].formats <= SDP_FORMATS_MAX && m.sdp[i].port != 0);
    }
    calls_note(pool->calls, &m, p->time_ns);
}

static void take_in(struct qoe_media_pool *pool, struct qoe_media *m, struct qoe_quic *quic,
                    const struct packet *p, unsigned dir)
{
    struct flow_record r = {0};
    try_sip(pool, p);
    qoe_quic_note(quic, p, dir, CLASS_WEB);
    (void)qoe_media_note(pool, m, p, dir);
    qoe_media_note_rtcp(pool, m, p, 1 - dir);
    qoe_media_fill(pool, m, QOE_NEWEST, &r);
    check_record(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct qoe_media_pool pool;
    struct qoe_quic quic;
    struct flow_record r = {0};
    uint32_t handle = 0;
    uint64_t now_ns = 1000000000;
    if (qoe_media_pool_init(&pool, ROOM, NULL) != 0) {
        return 0;
    }
    struct qoe_media *m = qoe_media_take(&pool, &handle);
    qoe_quic_begin(&quic);
    /* A byte of direction and time, a byte of length, then so much of a datagram. */
    for (size_t at = 0; at + 2 <= len;) {
        size_t size = bytes[at + 1] * 2u;
        size = size > len - at - 2 ? len - at - 2 : size;
        now_ns += (uint64_t)(bytes[at] >> 1) * 5000000;
        struct packet p = {
            .time_ns = now_ns, .payload = bytes + at + 2, .payload_len = (uint32_t)size};
        p.ends.dst_port = 4000;
        p.ends.family = ADDR_IPV4;
        take_in(&pool, m, &quic, &p, bytes[at] & 1);
        at += 2 + size;
    }
    qoe_quic_close(&quic, CLASS_WEB, true);
    qoe_media_close(&pool, m, true);
    qoe_media_fill(&pool, m, QOE_NEWS, &r);
    check_record(&r);
    qoe_media_told(&pool, m);
    qoe_media_put(&pool, handle);
    FUZZ_CHECK(pool.flows.used == 0 && pool.streams.used == 0);
    qoe_media_pool_done(&pool);
    return 0;
}
