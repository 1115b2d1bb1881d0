#include "agent/print/quic_open.h"

#include <string.h>

enum { SALT_SIZE = 20, LABEL_MAX = 32, LONG_PROTECTED = 0x0f, NUMBER_MAX = 4 };

/* RFC 9001 section 5.2, RFC 9369 section 3.3. */
static const struct version {
    uint32_t first; /* and last number that has these */
    uint32_t last;
    uint8_t salt[SALT_SIZE];
    const char *key;
    const char *iv;
    const char *hp;
} versions[] = {
    {QUIC_V1,
     QUIC_V1,
     {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
      0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a},
     "quic key",
     "quic iv",
     "quic hp"},
    {QUIC_V2,
     QUIC_V2,
     {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
      0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9},
     "quicv2 key",
     "quicv2 iv",
     "quicv2 hp"},
    {QUIC_DRAFT_23,
     QUIC_DRAFT_28,
     {0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7,
      0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02},
     "quic key",
     "quic iv",
     "quic hp"},
    {QUIC_DRAFT_29,
     QUIC_DRAFT_32,
     {0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97,
      0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99},
     "quic key",
     "quic iv",
     "quic hp"},
};

static const struct version *version_of(uint32_t number)
{
    if (number == QUIC_DRAFT_33 || number == QUIC_DRAFT_34) {
        number = QUIC_V1; /* draft-ietf-quic-tls-33 section 5.2: the last change of the salt */
    }
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        if (versions[i].first <= number && number <= versions[i].last) {
            return &versions[i];
        }
    }
    return NULL;
}

/* HKDF-Expand-Label (RFC 8446 section 7.1) without context, for at most one block of SHA-256. */
static bool expand(struct digest *d, const uint8_t secret[SHA256_SIZE], const char *label,
                   uint8_t *out, size_t len)
{
    uint8_t info[LABEL_MAX];
    uint8_t block[SHA256_SIZE] = {0};
    size_t label_len = strlen(label);
    size_t used = 0;
    info[used++] = 0;
    info[used++] = (uint8_t)len;
    info[used++] = (uint8_t)(label_len + 6);
    memcpy(info + used, "tls13 ", 6);
    used += 6;
    memcpy(info + used, label, label_len);
    used += label_len;
    info[used++] = 0; /* no context */
    info[used++] = 1; /* the first block of HKDF-Expand (RFC 5869 section 2.3) */
    bool done = digest_hmac(d, secret, SHA256_SIZE, info, used, block);
    memcpy(out, block, len);
    return done;
}

bool quic_keys_of(struct digest *d, uint32_t version, const uint8_t *id, size_t id_len,
                  bool of_client, struct quic_keys *keys)
{
    const struct version *v = version_of(version);
    uint8_t initial[SHA256_SIZE];
    uint8_t secret[SHA256_SIZE];
    return v != NULL && digest_hmac(d, v->salt, SALT_SIZE, id, id_len, initial) &&
           expand(d, initial, of_client ? "client in" : "server in", secret, sizeof secret) &&
           expand(d, secret, v->key, keys->key, sizeof keys->key) &&
           expand(d, secret, v->iv, keys->iv, sizeof keys->iv) &&
           expand(d, secret, v->hp, keys->hp, sizeof keys->hp);
}

size_t quic_open(struct digest *d, const struct quic_keys *keys, const struct quic_initial *q,
                 uint8_t frames[QUIC_PACKET_MAX])
{
    uint8_t header[QUIC_PACKET_MAX];
    uint8_t mask[AES_BLOCK_SIZE];
    uint8_t nonce[GCM_NONCE_SIZE];
    if (q->len > QUIC_PACKET_MAX ||
        !digest_aes_block(d, keys->hp, q->packet + q->number_at + NUMBER_MAX, mask)) {
        return 0;
    }
    uint8_t first = q->packet[0] ^ (mask[0] & LONG_PROTECTED);
    size_t number_len = (first & 3u) + 1;
    size_t header_len = q->number_at + number_len;
    memcpy(header, q->packet, header_len);
    memcpy(nonce, keys->iv, sizeof nonce);
    header[0] = first;
    for (size_t i = 0; i < number_len; i++) {
        header[q->number_at + i] ^= mask[1 + i];
        nonce[GCM_NONCE_SIZE - number_len + i] ^= header[q->number_at + i];
    }
    const struct sealed sealed = {
        .key = keys->key,
        .nonce = nonce,
        .header = header,
        .header_len = header_len,
        .bytes = q->packet + header_len,
        .len = q->len - header_len,
    };
    return digest_gcm_open(d, &sealed, frames) ? sealed.len - GCM_TAG_SIZE : 0;
}
