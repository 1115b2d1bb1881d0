/*
 * Hashes and ciphers for fingerprints: OpenSSL's, fetched once at the start, so that on the packet
 * path nothing is looked up or asked memory for. The engine's only user of OpenSSL. Worker thread
 * only.
 */
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MD5_SIZE = 16,
    SHA256_SIZE = 32,
    DIGEST_SHORT = 16,
    AES128_KEY_SIZE = 16,
    AES_BLOCK_SIZE = 16,
    GCM_NONCE_SIZE = 12,
    GCM_TAG_SIZE = 16,
};

struct digest;

/* NULL and e when OpenSSL lacks one of them, or memory is short. */
struct digest *digest_new(struct err *e);
void digest_free(struct digest *d);

/*
 * These keep what they were asked last, as the programs of a site are few and send the same again
 * and again. False only when OpenSSL refuses, as MD5 where a policy of the machine forbids it.
 */
bool digest_md5(struct digest *d, const void *bytes, size_t len, uint8_t out[MD5_SIZE]);
/* The first bytes of SHA-256. */
bool digest_short(struct digest *d, const void *bytes, size_t len, uint8_t out[DIGEST_SHORT]);
/* HMAC-SHA256 (RFC 2104) with a key of at most 64 bytes. */
bool digest_hmac(struct digest *d, const uint8_t *key, size_t key_len, const void *bytes,
                 size_t len, uint8_t out[SHA256_SIZE]);
/* One block of AES-128-ECB. */
bool digest_aes_block(struct digest *d, const uint8_t key[AES128_KEY_SIZE],
                      const uint8_t in[AES_BLOCK_SIZE], uint8_t out[AES_BLOCK_SIZE]);

/* What AES-128-GCM opens. */
struct sealed {
    const uint8_t *key;    /* AES128_KEY_SIZE */
    const uint8_t *nonce;  /* GCM_NONCE_SIZE */
    const uint8_t *header; /* authenticated, not encrypted */
    size_t header_len;
    const uint8_t *bytes; /* encrypted, GCM_TAG_SIZE of them the tag */
    size_t len;
};

/* Opens it into out, which holds len - GCM_TAG_SIZE bytes; false when the tag is wrong. */
bool digest_gcm_open(struct digest *d, const struct sealed *s, uint8_t *out);
