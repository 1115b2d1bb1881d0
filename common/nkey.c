/*
 * NKeys: Ed25519 keys in text. A public key is prefix byte, key, CRC16; a seed is two bytes that
 * hold "seed" and the kind, the seed, CRC16; both in base32. CRC16 is XMODEM's (polynomial
 * 0x1021, from 0), stored little-endian. Source: the NATS documentation of NKeys.
 */
#include "common/creds.h"
#include "common/encode.h"
#include "common/file.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_SIZE = 32,
    SIGNATURE_SIZE = 64,
    CRC_SIZE = 2,
    PUBLIC_SIZE = 1 + KEY_SIZE + CRC_SIZE,
    SEED_SIZE = 2 + KEY_SIZE + CRC_SIZE,
    PREFIX_SEED = 18 << 3,
    SEED_FILE_MAX = 128
};

/* What makes the text begin with O, A or U. */
static const uint8_t PREFIXES[] = {
    [NKEY_OPERATOR] = 14 << 3, [NKEY_ACCOUNT] = 0, [NKEY_USER] = 20 << 3};
enum { KIND_COUNT = sizeof PREFIXES / sizeof PREFIXES[0] };

static uint16_t crc16(const uint8_t *bytes, size_t len)
{
    unsigned crc = 0;
    for (size_t i = 0; i < len; i++) {
        crc ^= (unsigned)bytes[i] << 8;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 0x8000) != 0 ? crc << 1 ^ 0x1021 : crc << 1;
        }
        crc &= 0xFFFF;
    }
    return (uint16_t)crc;
}

/* Puts the CRC of the first len bytes behind them. */
static void crc_append(uint8_t *bytes, size_t len)
{
    uint16_t crc = crc16(bytes, len);
    bytes[len] = (uint8_t)crc;
    bytes[len + 1] = (uint8_t)(crc >> 8);
}

static bool crc_matches(const uint8_t *bytes, size_t len)
{
    return crc16(bytes, len) == (bytes[len] | bytes[len + 1] << 8);
}

static EVP_PKEY *private_key(const struct nkey *key)
{
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->seed, sizeof key->seed);
}

static int derive_public(struct nkey *key, struct err *e)
{
    size_t len = sizeof key->public;
    EVP_PKEY *pkey = private_key(key);
    int ok = pkey != NULL && EVP_PKEY_get_raw_public_key(pkey, key->public, &len) == 1;
    EVP_PKEY_free(pkey);
    return ok ? 0 : err_set(e, ERR_NOMEM, "cannot derive a public key");
}

int nkey_make(struct nkey *key, enum nkey_kind kind, struct err *e)
{
    *key = (struct nkey){.kind = kind};
    size_t len = sizeof key->seed;
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    int ok = pkey != NULL && EVP_PKEY_get_raw_private_key(pkey, key->seed, &len) == 1;
    EVP_PKEY_free(pkey);
    return ok ? derive_public(key, e) : err_set(e, ERR_NOMEM, "cannot make a key");
}

void nkey_done(struct nkey *key)
{
    explicit_bzero(key, sizeof *key);
}

char *nkey_public_text(const struct nkey *key, char *buf)
{
    uint8_t bytes[PUBLIC_SIZE];
    bytes[0] = PREFIXES[key->kind];
    memcpy(bytes + 1, key->public, KEY_SIZE);
    crc_append(bytes, 1 + KEY_SIZE);
    return base32_encode(bytes, sizeof bytes, buf);
}

char *nkey_seed_text(const struct nkey *key, char *buf)
{
    uint8_t bytes[SEED_SIZE];
    uint8_t prefix = PREFIXES[key->kind];
    bytes[0] = (uint8_t)(PREFIX_SEED | prefix >> 5);
    bytes[1] = (uint8_t)((prefix & 31) << 3);
    memcpy(bytes + 2, key->seed, KEY_SIZE);
    crc_append(bytes, 2 + KEY_SIZE);
    (void)base32_encode(bytes, sizeof bytes, buf);
    explicit_bzero(bytes, sizeof bytes);
    return buf;
}

int nkey_from_seed(struct nkey *key, const char *seed, struct err *e)
{
    uint8_t bytes[SEED_SIZE];
    int result = -1;
    *key = (struct nkey){0};
    long len = base32_decode(seed, strlen(seed), bytes, sizeof bytes);
    if (len != SEED_SIZE || (bytes[0] & 0xF8) != PREFIX_SEED || !crc_matches(bytes, 2 + KEY_SIZE)) {
        (void)err_set(e, ERR_PARSE, "not an NKey seed");
        goto out;
    }
    uint8_t prefix = (uint8_t)((bytes[0] & 7) << 5 | bytes[1] >> 3);
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        if (PREFIXES[kind] == prefix) {
            key->kind = (enum nkey_kind)kind;
            memcpy(key->seed, bytes + 2, KEY_SIZE);
            result = derive_public(key, e);
            goto out;
        }
    }
    (void)err_set(e, ERR_PARSE, "an NKey seed of another kind");
out:
    explicit_bzero(bytes, sizeof bytes);
    return result;
}

/* Takes a public key's text apart; false when it is not well formed. */
static bool public_from_text(const char *text, uint8_t *prefix, uint8_t public[KEY_SIZE])
{
    uint8_t bytes[PUBLIC_SIZE];
    long len = base32_decode(text, strlen(text), bytes, sizeof bytes);
    if (len != PUBLIC_SIZE || !crc_matches(bytes, 1 + KEY_SIZE)) {
        return false;
    }
    *prefix = bytes[0];
    memcpy(public, bytes + 1, KEY_SIZE);
    return true;
}

bool nkey_public_is_valid(const char *text, enum nkey_kind kind)
{
    uint8_t prefix, public[KEY_SIZE];
    return public_from_text(text, &prefix, public) && prefix == PREFIXES[kind];
}

int nkey_sign(const struct nkey *key, const void *bytes, size_t len, uint8_t signature[64],
              struct err *e)
{
    size_t signature_len = SIGNATURE_SIZE;
    EVP_PKEY *pkey = private_key(key);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int ok = pkey != NULL && ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
             EVP_DigestSign(ctx, signature, &signature_len, bytes, len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return ok ? 0 : err_set(e, ERR_NOMEM, "cannot sign");
}

bool nkey_verify(const char *public_text, const void *bytes, size_t len,
                 const uint8_t signature[64])
{
    uint8_t prefix, public[KEY_SIZE];
    if (!public_from_text(public_text, &prefix, public)) {
        return false;
    }
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public, sizeof public);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = pkey != NULL && ctx != NULL &&
              EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
              EVP_DigestVerify(ctx, signature, SIGNATURE_SIZE, bytes, len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return ok;
}

int nkey_save(const struct nkey *key, const char *path, struct err *e)
{
    char text[NKEY_SEED_SIZE + 1];
    (void)nkey_seed_text(key, text);
    size_t len = strlen(text);
    text[len] = '\n';
    int result = file_replace(path, text, len + 1, 0600, e);
    explicit_bzero(text, sizeof text);
    return result;
}

int nkey_load(struct nkey *key, const char *path, struct err *e)
{
    size_t len;
    *key = (struct nkey){0};
    char *text = file_read_secret(path, SEED_FILE_MAX, &len, e);
    if (text == NULL) {
        return -1;
    }
    text[strcspn(text, "\r\n")] = '\0';
    int result = nkey_from_seed(key, text, e);
    explicit_bzero(text, len);
    free(text);
    return result == 0 ? 0 : err_wrap(e, "%s", path);
}
