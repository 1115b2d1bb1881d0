#define XXH_INLINE_ALL
#include "agent/print/digest.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

enum { HMAC_BLOCK = 64, MEMORY = 1024, REMEMBERED = DIGEST_SHORT };
_Static_assert((int)DIGEST_SHORT == (int)MD5_SIZE, "both are kept alike");

/* A hash that was computed before, by a keyed hash of what it is of; SHA-256 up to REMEMBERED. */
struct remembered {
    uint64_t low, high;
    uint8_t hash[REMEMBERED];
};

/* A context that has been begun once begins again without asking for memory. */
struct digest {
    EVP_MD *md5;
    EVP_MD *sha256;
    EVP_MD_CTX *md5_context;
    EVP_MD_CTX *sha256_context;
    EVP_CIPHER *ecb;
    EVP_CIPHER *gcm;
    EVP_CIPHER_CTX *ecb_context;
    EVP_CIPHER_CTX *gcm_context;
    uint64_t seed; /* random, so that nobody outside can choose what is mistaken for another */
    struct remembered memory[2][MEMORY]; /* of MD5, of SHA-256 */
};

static bool begin_hashes(struct digest *d)
{
    d->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    /* JA3 and HASSH are defined by it: a name for lists, not for safety. */
    d->md5 = EVP_MD_fetch(NULL, "MD5", "-fips");
    d->md5_context = EVP_MD_CTX_new();
    d->sha256_context = EVP_MD_CTX_new();
    return d->sha256 != NULL && d->md5_context != NULL && d->sha256_context != NULL &&
           EVP_DigestInit_ex2(d->sha256_context, d->sha256, NULL) == 1 &&
           (d->md5 == NULL || EVP_DigestInit_ex2(d->md5_context, d->md5, NULL) == 1);
}

static bool begin_ciphers(struct digest *d)
{
    static const uint8_t key[AES128_KEY_SIZE];
    static const uint8_t nonce[GCM_NONCE_SIZE];
    d->ecb = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
    d->gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
    d->ecb_context = EVP_CIPHER_CTX_new();
    d->gcm_context = EVP_CIPHER_CTX_new();
    return d->ecb != NULL && d->gcm != NULL && d->ecb_context != NULL && d->gcm_context != NULL &&
           EVP_EncryptInit_ex2(d->ecb_context, d->ecb, key, NULL, NULL) == 1 &&
           EVP_CIPHER_CTX_set_padding(d->ecb_context, 0) == 1 &&
           EVP_DecryptInit_ex2(d->gcm_context, d->gcm, key, nonce, NULL) == 1;
}

struct digest *digest_new(struct err *e)
{
    struct digest *d = calloc(1, sizeof *d);
    if (d == NULL || !begin_hashes(d) || !begin_ciphers(d) ||
        getrandom(&d->seed, sizeof d->seed, 0) != (ssize_t)sizeof d->seed) {
        (void)err_set(e, ERR_NOMEM, "OpenSSL has no SHA-256 or AES-128-GCM for us");
        digest_free(d);
        return NULL;
    }
    return d;
}

void digest_free(struct digest *d)
{
    if (d == NULL) {
        return;
    }
    EVP_MD_CTX_free(d->md5_context);
    EVP_MD_CTX_free(d->sha256_context);
    EVP_CIPHER_CTX_free(d->ecb_context);
    EVP_CIPHER_CTX_free(d->gcm_context);
    EVP_MD_free(d->md5);
    EVP_MD_free(d->sha256);
    EVP_CIPHER_free(d->ecb);
    EVP_CIPHER_free(d->gcm);
    free(d);
}

static bool hash(EVP_MD_CTX *context, const void *bytes, size_t len, uint8_t *out)
{
    return EVP_DigestInit_ex2(context, NULL, NULL) == 1 &&
           EVP_DigestUpdate(context, bytes, len) == 1 &&
           EVP_DigestFinal_ex(context, out, NULL) == 1;
}

/* Finds or computes the first bytes of a hash. */
static bool recall(struct digest *d, unsigned kind, const void *bytes, size_t len,
                   uint8_t out[REMEMBERED])
{
    uint8_t whole[SHA256_SIZE];
    XXH128_hash_t of = XXH3_128bits_withSeed(bytes, len, d->seed);
    struct remembered *place = &d->memory[kind][of.low64 % MEMORY];
    if (place->low != of.low64 || place->high != of.high64) {
        EVP_MD_CTX *context = kind == 0 ? d->md5_context : d->sha256_context;
        if (!hash(context, bytes, len, whole)) {
            return false;
        }
        *place = (struct remembered){.low = of.low64, .high = of.high64};
        memcpy(place->hash, whole, sizeof place->hash);
    }
    memcpy(out, place->hash, sizeof place->hash);
    return true;
}

bool digest_md5(struct digest *d, const void *bytes, size_t len, uint8_t out[MD5_SIZE])
{
    return d->md5 != NULL && recall(d, 0, bytes, len, out);
}

bool digest_short(struct digest *d, const void *bytes, size_t len, uint8_t out[DIGEST_SHORT])
{
    return recall(d, 1, bytes, len, out);
}

bool digest_hmac(struct digest *d, const uint8_t *key, size_t key_len, const void *bytes,
                 size_t len, uint8_t out[SHA256_SIZE])
{
    uint8_t inner[HMAC_BLOCK];
    uint8_t outer[HMAC_BLOCK];
    if (key_len > HMAC_BLOCK) {
        return false;
    }
    memset(inner, 0x36, sizeof inner);
    memset(outer, 0x5c, sizeof outer);
    for (size_t i = 0; i < key_len; i++) {
        inner[i] ^= key[i];
        outer[i] ^= key[i];
    }
    EVP_MD_CTX *c = d->sha256_context;
    return EVP_DigestInit_ex2(c, NULL, NULL) == 1 &&
           EVP_DigestUpdate(c, inner, sizeof inner) == 1 && EVP_DigestUpdate(c, bytes, len) == 1 &&
           EVP_DigestFinal_ex(c, out, NULL) == 1 && EVP_DigestInit_ex2(c, NULL, NULL) == 1 &&
           EVP_DigestUpdate(c, outer, sizeof outer) == 1 &&
           EVP_DigestUpdate(c, out, SHA256_SIZE) == 1 && EVP_DigestFinal_ex(c, out, NULL) == 1;
}

bool digest_aes_block(struct digest *d, const uint8_t key[AES128_KEY_SIZE],
                      const uint8_t in[AES_BLOCK_SIZE], uint8_t out[AES_BLOCK_SIZE])
{
    int len = 0;
    return EVP_EncryptInit_ex2(d->ecb_context, NULL, key, NULL, NULL) == 1 &&
           EVP_EncryptUpdate(d->ecb_context, out, &len, in, AES_BLOCK_SIZE) == 1 &&
           len == AES_BLOCK_SIZE;
}

bool digest_gcm_open(struct digest *d, const struct sealed *s, uint8_t *out)
{
    int len = 0;
    if (s->len < GCM_TAG_SIZE || s->len > INT_MAX || s->header_len > INT_MAX) {
        return false;
    }
    size_t text_len = s->len - GCM_TAG_SIZE;
    uint8_t tag[GCM_TAG_SIZE];
    memcpy(tag, s->bytes + text_len, sizeof tag);
    EVP_CIPHER_CTX *c = d->gcm_context;
    return EVP_DecryptInit_ex2(c, NULL, s->key, s->nonce, NULL) == 1 &&
           EVP_DecryptUpdate(c, NULL, &len, s->header, (int)s->header_len) == 1 &&
           EVP_DecryptUpdate(c, out, &len, s->bytes, (int)text_len) == 1 &&
           EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) == 1 &&
           EVP_DecryptFinal_ex(c, out + len, &len) == 1;
}
