/* Unit tests of agent/print/print: what the packets of one flow give away, in pieces as well. */
#include "agent/print/print.h"

#include "agent/print/quic_open.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

enum { BIG = 8000, FLOWS = 2000 };

/* A flow as far as it matters here. */
struct one {
    uint32_t number;
    uint8_t looked;
};

static struct one a_flow(void)
{
    static uint32_t last;
    last = last % FLOWS + 1;
    return (struct one){.number = last};
}

static bool is_due(const struct one *f)
{
    return f->looked != PRINT_LOOKED_ENOUGH;
}

/* JA4 of the hello below; the first part can be read from it, the hashes are held by ja.c. */
#define HELLO_JA4 "13d0204h2_62ed6f6ca7ad_7418e7913c75"

struct bytes {
    uint8_t at[BIG];
    size_t len;
};

static void put(struct bytes *b, const void *bytes, size_t len)
{
    assert_true(b->len + len <= sizeof b->at);
    memcpy(b->at + b->len, bytes, len);
    b->len += len;
}

static void put16(struct bytes *b, size_t value)
{
    const uint8_t two[] = {(uint8_t)(value >> 8), (uint8_t)value};
    put(b, two, 2);
}

/* A client's hello as a handshake message; padding makes it longer than a segment. */
static struct bytes hello(size_t padding)
{
    static const uint8_t zeros[BIG];
    struct bytes b = {0};
    put(&b, "\x01\x00", 2);
    put16(&b, 0); /* length, set below */
    put(&b, "\x03\x03", 2);
    put(&b, zeros, 32 + 1); /* random; no session */
    put(&b, "\x00\x06\x1a\x1a\x13\x01\x13\x02\x01\x00", 10);
    put16(&b, 0); /* length of extensions, set below */
    size_t from = b.len;
    put(&b, "\x00\x00\x00\x06\x00\x04\x00\x00\x01x", 10);
    put(&b, "\x00\x10\x00\x05\x00\x03\x02h2", 9);
    put(&b, "\x00\x2b\x00\x03\x02\x03\x04", 7);
    put(&b, "\x00\x15", 2);
    put16(&b, padding);
    put(&b, zeros, padding);
    b.at[2] = (uint8_t)((b.len - 4) >> 8);
    b.at[3] = (uint8_t)(b.len - 4);
    b.at[from - 2] = (uint8_t)((b.len - from) >> 8);
    b.at[from - 1] = (uint8_t)(b.len - from);
    return b;
}

static struct bytes in_records(const struct bytes *message, size_t most)
{
    struct bytes b = {0};
    for (size_t at = 0; at < message->len; at += most) {
        size_t len = message->len - at < most ? message->len - at : most;
        put(&b, "\x16\x03\x01", 3);
        put16(&b, len);
        put(&b, message->at + at, len);
    }
    return b;
}

static void look(struct prints *ps, struct one *f, const struct bytes *stream, size_t from,
                 size_t to, bool from_client)
{
    const struct packet p = {
        .ends = {.protocol = PROTO_TCP, .family = ADDR_IPV4},
        .payload = stream->at + from,
        .payload_len = (uint32_t)(to - from),
        .tcp = {.seq = 0xfffffff0u + (uint32_t)from, .len = (uint32_t)(to - from)},
    };
    prints_look(ps, f->number, &f->looked, &p, from_client);
}

static struct print_texts texts_of(struct prints *ps, const struct one *f)
{
    struct flow_prints prints;
    struct print_texts texts;
    prints_fill(ps, f->number, &prints);
    prints_texts(&prints, &texts);
    return texts;
}

static void a_hello_in_one_segment_is_read_where_it_is(void **state)
{
    struct one f = a_flow();
    struct bytes message = hello(4);
    struct bytes stream = in_records(&message, BIG);
    look(*state, &f, &stream, 0, stream.len, true);
    assert_string_equal(texts_of(*state, &f).ja4, "t" HELLO_JA4);
    assert_true(is_due(&f)); /* the server has yet to answer */
    prints_drop(*state, f.number);
}

static void a_hello_in_many_segments_and_records_is_put_together(void **state)
{
    struct bytes message = hello(2000);
    struct bytes stream = in_records(&message, 700);
    for (size_t step = 64; step < 1500; step += 97) {
        struct one f = a_flow();
        for (size_t at = 0; at < stream.len && is_due(&f); at += step) {
            size_t end = at + step < stream.len ? at + step : stream.len;
            look(*state, &f, &stream, at, end, true);
        }
        assert_string_equal(texts_of(*state, &f).ja4, stream.len / step < 22 ? "t" HELLO_JA4 : "");
        prints_drop(*state, f.number);
    }
}

static void segments_may_come_in_another_order(void **state)
{
    struct one f = a_flow();
    struct bytes message = hello(2000);
    struct bytes stream = in_records(&message, BIG);
    look(*state, &f, &stream, 0, 600, true);
    look(*state, &f, &stream, 1200, stream.len, true);
    assert_string_equal(texts_of(*state, &f).ja4, "");
    look(*state, &f, &stream, 500, 1300, true);
    assert_string_equal(texts_of(*state, &f).ja4, "t" HELLO_JA4);
    prints_drop(*state, f.number);
}

static void a_server_answers_after_a_warning(void **state)
{
    static const uint8_t answer[] = "\x15\x03\x03\x00\x02\x01\x70"
                                    "\x16\x03\x03\x00\x31\x02\x00\x00\x2d\x03\x03"
                                    "................................"
                                    "\x00\xc0\x2f\x00\x00\x05\x00\x17\x00\x01";
    struct one f = a_flow();
    struct bytes message = hello(4);
    struct bytes stream = in_records(&message, BIG);
    struct bytes reply = {0};
    put(&reply, answer, sizeof answer - 1);
    put(&reply, "\x00", 1);
    look(*state, &f, &stream, 0, stream.len, true);
    look(*state, &f, &reply, 0, reply.len, false);
    /* MD5 of "771,49199,23" */
    assert_string_equal(texts_of(*state, &f).ja3s, "083a17d1eee567193ca26e03736db9e5");
    assert_false(is_due(&f));
    prints_drop(*state, f.number);
}

static void noise_costs_nothing(void **state)
{
    struct flow_prints prints;
    struct one f = a_flow();
    struct bytes noise = {0};
    put(&noise, "\x17\x03\x03\x00\x10................", 21);
    for (int i = 0; i < 40 && is_due(&f); i++) {
        look(*state, &f, &noise, 0, noise.len, i % 2 == 0);
    }
    assert_false(is_due(&f));
    prints_fill(*state, f.number, &prints);
    assert_int_equal(prints.program.kind, PRINT_NONE);
}

static void a_browser_in_clear_tells_its_name(void **state)
{
    struct one f = a_flow();
    struct bytes request = {0};
    put(&request, "GET / HTTP/1.1\r\nHost: a.test\r\nuser-agent:  Pick\xc3\xa9t/1 (X)\r\n\r\n", 61);
    look(*state, &f, &request, 0, request.len, true);
    assert_string_equal(texts_of(*state, &f).user_agent, "Pick??t/1 (X)");
    assert_false(is_due(&f));
    prints_drop(*state, f.number);
    assert_string_equal(texts_of(*state, &f).user_agent, "");
}

static struct bytes ssh_side(const char *cipher_s2c)
{
    const char *const lists[] = {"kex", "host", "c2s",  cipher_s2c, "mac",
                                 "mac", "none", "none", "",         ""};
    struct bytes packet = {0};
    struct bytes b = {0};
    put(&packet, "\x04\x14................", 18);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        put16(&packet, 0);
        put16(&packet, strlen(lists[i]));
        put(&packet, lists[i], strlen(lists[i]));
    }
    put(&packet, "\0\0\0\0\0pppp", 9);
    put(&b, "SSH-2.0-Test_1.0\r\n", 18);
    put16(&b, 0);
    put16(&b, packet.len);
    put(&b, packet.at, packet.len);
    return b;
}

static void both_ends_of_ssh_are_told_apart(void **state)
{
    struct one f = a_flow();
    struct bytes client = ssh_side("s2c");
    struct bytes server = ssh_side("other");
    look(*state, &f, &server, 0, 18, false); /* the server may speak first */
    look(*state, &f, &client, 0, 18, true);
    look(*state, &f, &client, 18, client.len, true);
    look(*state, &f, &server, 18, 60, false);
    look(*state, &f, &server, 60, server.len, false);
    struct print_texts t = texts_of(*state, &f);
    /* MD5 of "kex;c2s;mac;none" and "kex;other;mac;none" */
    assert_string_equal(t.hassh, "90725202e0cde8e332959e4190105a05");
    assert_string_equal(t.hassh_server, "b0b3ad694a14519af91c5333a990ccd9");
    assert_false(is_due(&f));
    prints_drop(*state, f.number);
}

static void dtls_is_read(void **state)
{
    struct one f = a_flow();
    struct bytes message = hello(4);
    struct bytes b = {0};
    struct bytes body = {0};
    put(&body, message.at + 4, 2 + 33); /* up to the session, then an empty cookie */
    put(&body, "\x00", 1);
    put(&body, message.at + 4 + 35, message.len - 4 - 35);
    body.at[0] = 0xfe;
    body.at[1] = 0xfd;
    put(&b, "\x16\xfe\xff\x00\x00\x00\x00\x00\x00\x00\x00", 11);
    put16(&b, body.len + 12);
    put(&b, "\x01\x00", 2);
    put16(&b, body.len);
    put(&b, "\x00\x00\x00\x00\x00\x00", 6);
    put16(&b, body.len);
    put(&b, body.at, body.len);
    const struct packet p = {
        .ends = {.protocol = PROTO_UDP}, .payload = b.at, .payload_len = (uint32_t)b.len};
    prints_look(*state, f.number, &f.looked, &p, true);
    assert_memory_equal(texts_of(*state, &f).ja4, "dd2d0204h2_", 11);
    assert_false(is_due(&f));
    prints_drop(*state, f.number);
}

/* Hellos with large keys: of 8 kB, all is kept. */
static void a_hello_of_seven_kilobytes_is_put_together(void **state)
{
    struct one f = a_flow();
    struct bytes message = hello(7000);
    struct bytes stream = in_records(&message, BIG);
    for (size_t from = 0; from < stream.len; from += 1400) {
        assert_string_equal(texts_of(*state, &f).ja4, "");
        look(*state, &f, &stream, from, from + 1400 < stream.len ? from + 1400 : stream.len, true);
    }
    assert_string_equal(texts_of(*state, &f).ja4, "t" HELLO_JA4);
    prints_drop(*state, f.number);
}

/* Seals frames into a client's Initial packet, as a client would. */
static struct bytes seal(uint32_t version, uint8_t number, const struct bytes *frames)
{
    static const uint8_t id[] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct digest *d = digest_new(NULL);
    struct quic_keys keys;
    uint8_t mask[AES_BLOCK_SIZE];
    struct bytes b = {0};
    int len = 0;
    assert_non_null(d);
    assert_true(quic_keys_of(d, version, id, sizeof id, true, &keys));
    put(&b, version == QUIC_V2 ? "\xd0" : "\xc0", 1);
    put16(&b, version >> 16);
    put16(&b, version & 0xffff);
    put(&b, "\x08", 1);
    put(&b, id, sizeof id);
    put(&b, "\x00\x00", 2);                               /* no source id, no token */
    put16(&b, 0x4000 | (1 + frames->len + GCM_TAG_SIZE)); /* number, frames and tag */
    size_t number_at = b.len;
    put(&b, &number, 1);
    keys.iv[GCM_NONCE_SIZE - 1] ^= number;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    assert_int_equal(EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, keys.key, keys.iv), 1);
    assert_int_equal(EVP_EncryptUpdate(c, NULL, &len, b.at, (int)b.len), 1);
    assert_int_equal(EVP_EncryptUpdate(c, b.at + b.len, &len, frames->at, (int)frames->len), 1);
    b.len += (size_t)len;
    assert_int_equal(EVP_EncryptFinal_ex(c, b.at + b.len, &len), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_SIZE, b.at + b.len), 1);
    b.len += GCM_TAG_SIZE;
    EVP_CIPHER_CTX_free(c);
    assert_true(digest_aes_block(d, keys.hp, b.at + number_at + 4, mask));
    b.at[0] ^= mask[0] & 0x0f;
    b.at[number_at] ^= mask[1];
    digest_free(d);
    return b;
}

static void put_crypto(struct bytes *frames, const struct bytes *message, size_t from, size_t to)
{
    put(frames, "\x06", 1);
    put16(frames, 0x4000 | from);
    put16(frames, 0x4000 | (to - from));
    put(frames, message->at + from, to - from);
}

static void look_quic(struct prints *ps, struct one *f, const struct bytes *datagram)
{
    const struct packet p = {.ends = {.protocol = PROTO_UDP},
                             .payload = datagram->at,
                             .payload_len = (uint32_t)datagram->len};
    prints_look(ps, f->number, &f->looked, &p, true);
}

/* As browsers do: many pieces, out of order, over two packets, which come the wrong way round. */
static void check_quic(struct prints *ps, uint32_t version)
{
    struct one f = a_flow();
    struct bytes message = hello(1500);
    struct bytes first = {0};
    struct bytes second = {0};
    put_crypto(&first, &message, 300, 1000);
    put(&first, "\x01\x00\x00", 3); /* PING and PADDING */
    put_crypto(&first, &message, 0, 50);
    put_crypto(&second, &message, 1000, message.len);
    put_crypto(&second, &message, 40, 310);
    struct bytes one = seal(version, 0, &first);
    struct bytes two = seal(version, 1, &second);
    look_quic(ps, &f, &two);
    assert_string_equal(texts_of(ps, &f).ja4, "");
    look_quic(ps, &f, &one);
    assert_string_equal(texts_of(ps, &f).ja4, "q" HELLO_JA4);
    assert_false(is_due(&f));
    prints_drop(ps, f.number);
}

static void quic_of_both_versions_is_opened(void **state)
{
    check_quic(*state, QUIC_V1);
    check_quic(*state, QUIC_V2);
    check_quic(*state, QUIC_DRAFT_29);
}

/* More half-seen hellos than there are buffers: those in excess go without, nothing breaks. */
static void buffers_are_bounded_and_come_back(void **state)
{
    enum { MANY = 1100 };
    static struct one flows[MANY];
    struct bytes message = hello(2000);
    struct bytes stream = in_records(&message, BIG);
    unsigned found = 0;
    for (unsigned i = 0; i < MANY; i++) {
        flows[i] = a_flow();
        look(*state, &flows[i], &stream, 0, 1000, true);
    }
    for (unsigned i = 0; i < MANY; i++) {
        look(*state, &flows[i], &stream, 1000, stream.len, true);
        found += texts_of(*state, &flows[i]).ja4[0] != '\0';
        prints_drop(*state, flows[i].number);
    }
    assert_int_equal(found, 1024);
    a_hello_in_many_segments_and_records_is_put_together(state);
}

static int open_prints(void **state)
{
    *state = prints_new(FLOWS, NULL);
    return *state == NULL ? -1 : 0;
}

static int close_prints(void **state)
{
    prints_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hello_in_one_segment_is_read_where_it_is),
        cmocka_unit_test(a_hello_in_many_segments_and_records_is_put_together),
        cmocka_unit_test(segments_may_come_in_another_order),
        cmocka_unit_test(a_server_answers_after_a_warning),
        cmocka_unit_test(noise_costs_nothing),
        cmocka_unit_test(a_browser_in_clear_tells_its_name),
        cmocka_unit_test(both_ends_of_ssh_are_told_apart),
        cmocka_unit_test(dtls_is_read),
        cmocka_unit_test(a_hello_of_seven_kilobytes_is_put_together),
        cmocka_unit_test(quic_of_both_versions_is_opened),
        cmocka_unit_test(buffers_are_bounded_and_come_back),
    };
    return cmocka_run_group_tests(tests, open_prints, close_prints);
}
