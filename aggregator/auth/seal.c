#include "aggregator/auth/seal.h"

#include "common/encode.h"
#include "common/file.h"

#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    NONCE = crypto_secretbox_NONCEBYTES,
    OVERHEAD = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES,
};
_Static_assert(sizeof(((struct seal_key *)0)->bytes) == crypto_secretbox_KEYBYTES, "a key fits");
_Static_assert(BASE64URL_LEN(SEAL_PLAIN_MAX + OVERHEAD) < SEAL_TEXT_SIZE, "a sealed text fits");

static int make_key(struct seal_key *key, const char *path, struct err *e)
{
    char text[HEX_LEN(sizeof key->bytes) + 1];
    randombytes_buf(key->bytes, sizeof key->bytes);
    (void)hex_encode(key->bytes, sizeof key->bytes, text);
    int result = file_create(path, text, strlen(text), 0600, e);
    sodium_memzero(text, sizeof text);
    return result;
}

static int read_key(struct seal_key *key, const char *path, struct err *e)
{
    size_t len = 0, used = 0;
    char *text = file_read_secret(path, 2 * HEX_LEN(sizeof key->bytes), &len, e);
    if (text == NULL) {
        return -1;
    }
    int bad = sodium_hex2bin(key->bytes, sizeof key->bytes, text, len, "\r\n", &used, NULL);
    sodium_memzero(text, len);
    free(text);
    return bad == 0 && used == sizeof key->bytes
               ? 0
               : err_set(e, ERR_PARSE, "%s holds no key of %zu bytes in hex", path,
                         sizeof key->bytes);
}

int seal_key_load(struct seal_key *key, const char *dir, struct err *e)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/config.key", dir);
    if (len < 0 || (size_t)len >= sizeof path) {
        return err_set(e, ERR_ARG, "the path %s is too long", dir);
    }
    if (sodium_init() < 0) {
        return err_set(e, ERR_NOMEM, "libsodium does not start");
    }
    return access(path, F_OK) == 0 ? read_key(key, path, e) : make_key(key, path, e);
}

void seal_key_done(struct seal_key *key)
{
    sodium_memzero(key, sizeof *key);
}

int seal_close(const struct seal_key *key, const char *text, char *buf, struct err *e)
{
    uint8_t box[SEAL_PLAIN_MAX + OVERHEAD];
    size_t len = strlen(text);
    if (len > SEAL_PLAIN_MAX) {
        return err_set(e, ERR_ARG, "a secret of %zu bytes; at most %d", len, SEAL_PLAIN_MAX);
    }
    randombytes_buf(box, NONCE);
    if (crypto_secretbox_easy(box + NONCE, (const uint8_t *)text, len, box, key->bytes) != 0) {
        return err_set(e, ERR_NOMEM, "a secret cannot be sealed");
    }
    (void)base64url_encode(box, len + OVERHEAD, buf);
    return 0;
}

int seal_open(const struct seal_key *key, const char *sealed, char *buf, struct err *e)
{
    uint8_t box[SEAL_PLAIN_MAX + OVERHEAD];
    long len = base64url_decode(sealed, strlen(sealed), box, sizeof box);
    if (len < OVERHEAD ||
        crypto_secretbox_open_easy((uint8_t *)buf, box + NONCE, (unsigned long long)len - NONCE,
                                   box, key->bytes) != 0) {
        return err_set(e, ERR_CONFIG,
                       "a secret was sealed with another key than the centre's config.key: set it "
                       "anew");
    }
    buf[len - OVERHEAD] = '\0';
    return 0;
}
