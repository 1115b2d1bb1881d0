/*
 * What hostile packets of one flow may do to its fingerprints: the input is a row of packets, each
 * a byte that says how it comes and one for its length. All that comes out is sound.
 */
#include "tests/fuzz/fuzz.h"

#include "agent/decode/http.h"
#include "agent/decode/quic_initial.h"
#include "agent/print/ja.h"
#include "agent/print/print.h"
#include "agent/print/syn.h"

#include <string.h>

enum { UDP = 1, FROM_SERVER = 2, LATE = 4, LONG = 8 };

static void try_frames(const uint8_t *bytes, size_t len)
{
    struct quic_walk walk = quic_walk_begin(bytes, len);
    struct quic_crypto crypto;
    while (quic_walk_next(&walk, &crypto)) {
        FUZZ_CHECK(crypto.bytes >= bytes && crypto.bytes + crypto.len <= bytes + len);
    }
}

/* Behind QUIC's seal stands the hello itself: it is tried without one. */
static void try_hello(struct digest *d, const uint8_t *bytes, size_t len, bool datagram)
{
    static struct tls_client client;
    static struct tls_server server;
    const struct tls_body body = {.bytes = bytes, .len = len};
    char ja4[PRINT_JA4_SIZE];
    uint8_t md5[PRINT_MD5_SIZE];
    if (tls_read_client(&body, datagram, &client)) {
        ja4_of(d, &client, datagram ? JA_DTLS : JA_QUIC, ja4);
        FUZZ_CHECK(strnlen(ja4, sizeof ja4) == sizeof ja4 - 1 || ja4[0] == '\0');
        (void)ja3_of(d, &client, md5);
    }
    if (tls_read_server(&body, &server)) {
        (void)ja3s_of(d, &server, md5);
    }
}

static void try_syn(struct digest *d, const uint8_t *bytes, size_t len)
{
    struct print_syn syn = {.flags = 2};
    syn.option_len = (uint8_t)(len < PRINT_SYN_OPTIONS_MAX ? len : PRINT_SYN_OPTIONS_MAX);
    memcpy(syn.options, bytes, syn.option_len);
    char text[SYN_TEXT_MAX];
    FUZZ_CHECK(syn_text(&syn, text) <= SYN_TEXT_MAX);
    FUZZ_CHECK(syn_text_2025(&syn, text) <= SYN_TEXT_MAX);
    FUZZ_CHECK(syn_hash(d, &syn));
}

static void try_packets(struct prints *ps, const uint8_t *bytes, size_t len)
{
    const uint32_t flow = 3;
    uint8_t looked = 0;
    uint32_t seq = 0;
    while (len > 2) {
        unsigned how = bytes[0];
        size_t part = (how & LONG) != 0 ? bytes[1] * 16u : bytes[1];
        part = part < len - 2 ? part : len - 2;
        const struct packet p = {
            .ends = {.protocol = (how & UDP) != 0 ? PROTO_UDP : PROTO_TCP},
            .payload = bytes + 2,
            .payload_len = (uint32_t)part,
            .tcp = {.seq = (how & LATE) != 0 ? seq - how : seq},
        };
        if (looked != PRINT_LOOKED_ENOUGH) {
            prints_look(ps, flow, &looked, &p, (how & FROM_SERVER) == 0);
        }
        seq += (uint32_t)part;
        bytes += 2 + part;
        len -= 2 + part;
    }
    struct flow_prints prints;
    prints_fill(ps, flow, &prints);
    FUZZ_CHECK(prints_are_sound(&prints));
    prints_drop(ps, flow);
    prints_fill(ps, flow, &prints);
    FUZZ_CHECK(prints.program.kind == PRINT_NONE && prints.syn.flags == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct prints *ps;
    static struct digest *d;
    char agent[HTTP_AGENT_SIZE];
    ps = ps == NULL ? prints_new(4, NULL) : ps;
    d = d == NULL ? digest_new(NULL) : d;
    FUZZ_CHECK(ps != NULL && d != NULL);
    if (len == 0) {
        return 0;
    }
    switch (bytes[0] % 6) {
    case 0: try_hello(d, bytes + 1, len - 1, false); break;
    case 1: try_hello(d, bytes + 1, len - 1, true); break;
    case 2: try_syn(d, bytes + 1, len - 1); break;
    case 3: try_frames(bytes + 1, len - 1); break;
    case 4: (void)http_user_agent(bytes + 1, len - 1, agent); break;
    default: try_packets(ps, bytes + 1, len - 1); break;
    }
    return 0;
}
