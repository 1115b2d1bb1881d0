/*
 * Packets of any link type, one after the other: what is decoded lies within the bytes, in tunnels
 * and in datagrams put together from fragments as well.
 */
#include "tests/fuzz/fuzz.h"

#include "agent/decode/decode.h"
#include "agent/decode/fragment.h"

static const int links[] = {0, 1, 12, 101, 108, 113, 228, 229, 276, 9, 104, 105, 127};

enum { ALL_TUNNELS = ~0, FRAGMENT_MEMORY = 200000, PACKETS = 16, MANY = 0x80 };

static void check(const struct packet *p, const uint8_t *bytes, size_t len, size_t extra)
{
    FUZZ_CHECK(p->ip >= bytes && p->ip + p->ip_captured <= bytes + len);
    FUZZ_CHECK(p->payload >= p->ip);
    FUZZ_CHECK(p->payload + p->payload_len <= p->ip + p->ip_captured);
    FUZZ_CHECK(p->ip_captured <= p->ip_len && p->ip_len <= len + extra);
    FUZZ_CHECK(p->tcp.len <= p->ip_len);
}

static void join(struct fragments *f, struct packet *p)
{
    struct datagram whole;
    for (unsigned depth = 0; p->fragment && depth <= DECODE_MAX_TUNNELS; depth++) {
        enum fragment_result result = fragments_take(f, p, &whole);
        if (result != FRAGMENT_WHOLE) {
            return;
        }
        if (decode_datagram((unsigned)ALL_TUNNELS, whole.bytes, whole.len, p) == DECODE_OK) {
            check(p, whole.bytes, whole.len, 0);
        } else {
            return;
        }
    }
}

static void one(struct fragments *f, int link, const uint8_t *bytes, size_t len, size_t extra)
{
    struct packet p = {0};
    if (decode_packet(link, (unsigned)ALL_TUNNELS, bytes, len, len + extra, &p) != DECODE_OK) {
        return;
    }
    check(&p, bytes, len, extra);
    if (p.fragment) {
        join(f, &p);
        while (fragments_give_up(f, 0, &p)) {
            FUZZ_CHECK(p.payload == NULL && p.ip_len > 0);
        }
    }
}

/* Link type and bytes that were not captured; with MANY, packets of a length byte each. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 2) {
        return 0;
    }
    struct fragments *f = fragments_new(FRAGMENT_MEMORY, NULL);
    FUZZ_CHECK(f != NULL);
    bool many = (bytes[0] & MANY) != 0;
    int link = links[(bytes[0] % MANY) % (sizeof links / sizeof links[0])];
    struct reader r = reader_of(bytes + 2, len - 2);
    if (!many) {
        one(f, link, r.at, reader_left(&r), bytes[1]);
    }
    for (unsigned i = 0; many && i < PACKETS && reader_left(&r) > 0; i++) {
        size_t size = reader_u8(&r);
        struct reader packet = reader_sub(&r, size < reader_left(&r) ? size : reader_left(&r));
        one(f, link, packet.at, reader_left(&packet), bytes[1]);
    }
    struct packet rest;
    while (fragments_give_up(f, UINT64_MAX, &rest)) {
        FUZZ_CHECK(rest.payload == NULL && rest.ip_len > 0);
    }
    fragments_free(f);
    return 0;
}
