/*
 * Unit tests of agent/print/quic_open and decode/quic_initial: the keys and the server's Initial
 * packet of RFC 9001 and RFC 9369, appendix A of each.
 */
#include "agent/print/quic_open.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { HEX_MAX = 256 };

static struct digest *digest;
static const uint8_t id[] = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08};

static size_t unhex(const char *hex, uint8_t *out)
{
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++) {
        unsigned byte = 0;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    return len;
}

static void check_keys(uint32_t version, bool of_client, const char *key, const char *iv,
                       const char *hp)
{
    struct quic_keys keys;
    uint8_t wanted[HEX_MAX];
    assert_true(quic_keys_of(digest, version, id, sizeof id, of_client, &keys));
    assert_int_equal(unhex(key, wanted), sizeof keys.key);
    assert_memory_equal(keys.key, wanted, sizeof keys.key);
    assert_int_equal(unhex(iv, wanted), sizeof keys.iv);
    assert_memory_equal(keys.iv, wanted, sizeof keys.iv);
    assert_int_equal(unhex(hp, wanted), sizeof keys.hp);
    assert_memory_equal(keys.hp, wanted, sizeof keys.hp);
}

static void keys_are_those_of_the_standards(void **state)
{
    (void)state;
    check_keys(QUIC_V1, true, "1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c",
               "9f50449e04a0e810283a1e9933adedd2");
    check_keys(QUIC_V1, false, "cf3a5331653c364c88f0f379b6067e37", "0ac1493ca1905853b0bba03e",
               "c206b8d9b9f0f37644430b490eeaa314");
    check_keys(QUIC_V2, true, "8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f",
               "45b95e15235d6f45a6b19cbcb0294ba9");
    check_keys(QUIC_V2, false, "82db637861d55e1d011f19ea71d5d2a7", "dd13c276499c0249d3310652",
               "edf6d05c83121201b436e16877593c3a");
}

static void check_same(uint32_t version, uint32_t other, bool wanted)
{
    struct quic_keys keys = {0};
    struct quic_keys others = {0};
    assert_true(quic_keys_of(digest, version, id, sizeof id, true, &keys));
    assert_true(quic_keys_of(digest, other, id, sizeof id, true, &others));
    assert_int_equal(memcmp(&keys, &others, sizeof keys) == 0, wanted);
}

static void drafts_have_the_keys_of_their_time(void **state)
{
    (void)state;
    /* draft-ietf-quic-tls-29 appendix A.1 */
    check_keys(QUIC_DRAFT_29, true, "175257a31eb09dea9366d8bb79ad80ba", "6b26114b9cba2b63a9e8dd4f",
               "9ddd12c994c0698b89374a9c077a3077");
    check_same(QUIC_DRAFT_23, QUIC_DRAFT_28, true);
    check_same(QUIC_DRAFT_28, QUIC_DRAFT_29, false);
    check_same(QUIC_DRAFT_29, QUIC_DRAFT_32, true);
    check_same(QUIC_DRAFT_32, QUIC_DRAFT_33, false);
    check_same(QUIC_DRAFT_33, QUIC_V1, true);
    check_same(QUIC_DRAFT_34, QUIC_V1, true);
}

/* Opens the packet of A.3 and checks the frames; damages it, and it stays shut. */
static void check_opens(uint32_t version, const char *packet_hex)
{
    static const char frames_hex[] =
        "02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b9a"
        "045a1200130100002e00330024001d00209d3c940d89690b84d08a60993c144eca684d1081287c834d5311bc"
        "f32bb9da1a002b00020304";
    uint8_t packet[HEX_MAX];
    uint8_t wanted[HEX_MAX];
    uint8_t frames[QUIC_PACKET_MAX];
    struct quic_initial initial;
    struct quic_keys keys;
    struct quic_crypto crypto;
    size_t len = unhex(packet_hex, packet);
    size_t frames_len = unhex(frames_hex, wanted);
    assert_true(quic_is_long(packet, len));
    assert_true(quic_find_initial(packet, len, &initial));
    assert_int_equal(initial.len, len);
    assert_true(quic_keys_of(digest, version, id, sizeof id, false, &keys));
    assert_int_equal(quic_open(digest, &keys, &initial, frames), frames_len);
    assert_memory_equal(frames, wanted, frames_len);

    struct quic_walk walk = quic_walk_begin(frames, frames_len); /* an ACK stands before it */
    assert_true(quic_walk_next(&walk, &crypto));
    assert_int_equal(crypto.offset, 0);
    assert_int_equal(crypto.len, 90);
    assert_int_equal(crypto.bytes[0], 2); /* the server's hello */
    assert_false(quic_walk_next(&walk, &crypto));

    packet[len - 1] ^= 1;
    assert_int_equal(quic_open(digest, &keys, &initial, frames), 0);
}

static void packets_of_the_standards_open(void **state)
{
    (void)state;
    check_opens(QUIC_V1, "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a"
                         "5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2493a1839b3"
                         "dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84"
                         "022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc4"
                         "2158407dd074ee");
    check_opens(QUIC_V2, "dc6b3343cf0008f067a5502a4262b5004075d92faaf16f05d8a4398c47089698"
                         "baeea26b91eb761d9b89237bbf87263017915358230035f7fd3945d88965cf17"
                         "f9af6e16886c61bfc703106fbaf3cb4cfa52382dd16a393e42757507698075b2"
                         "c984c707f0a0812d8cd5a6881eaf21ceda98f4bd23f6fe1a3e2c43edd9ce7ca8"
                         "4bed8521e2e140");
}

static void a_cut_packet_is_none(void **state)
{
    (void)state;
    uint8_t packet[HEX_MAX];
    struct quic_initial initial;
    size_t len = unhex("cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a", packet);
    for (size_t part = 0; part <= len; part++) {
        assert_false(quic_find_initial(packet, part, &initial));
    }
}

static void a_frame_that_no_initial_holds_ends_the_walk(void **state)
{
    (void)state;
    static const uint8_t frames[] = {0x00, 0x01, 0x08, 0x06, 0x00, 0x01, 0xaa};
    struct quic_walk walk = quic_walk_begin(frames, sizeof frames);
    struct quic_crypto crypto;
    assert_false(quic_walk_next(&walk, &crypto));
}

static int open_digest(void **state)
{
    (void)state;
    digest = digest_new(NULL);
    return digest == NULL ? -1 : 0;
}

static int close_digest(void **state)
{
    (void)state;
    digest_free(digest);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_those_of_the_standards),
        cmocka_unit_test(drafts_have_the_keys_of_their_time),
        cmocka_unit_test(packets_of_the_standards_open),
        cmocka_unit_test(a_cut_packet_is_none),
        cmocka_unit_test(a_frame_that_no_initial_holds_ends_the_walk),
    };
    return cmocka_run_group_tests(tests, open_digest, close_digest);
}
