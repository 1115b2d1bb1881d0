#include "common/token.h"

#include "common/encode.h"
#include "common/file.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CA_FILE_MAX = 1024 * 1024, JWT_DOTS = 2 };

static const char PEM_NAME[] = "CERTIFICATE";

/* The next certificate in the BIO as DER, to be freed by OPENSSL_free; its length, or 0: none. */
static long next_certificate(BIO *bio, unsigned char **der)
{
    char *name = NULL, *header = NULL;
    long len = 0;
    *der = NULL;
    while (PEM_read_bio(bio, &name, &header, der, &len) == 1) {
        bool found = strcmp(name, PEM_NAME) == 0;
        OPENSSL_free(name);
        OPENSSL_free(header);
        if (found) {
            return len;
        }
        OPENSSL_free(*der);
        *der = NULL;
    }
    return 0;
}

static int add_der(char *token, size_t size, const unsigned char *der, size_t der_len,
                   struct err *e)
{
    size_t len = strlen(token);
    if (der_len > TOKEN_CA_DER_MAX || len + 2 + BASE64URL_LEN(der_len) > size) {
        return err_set(e, ERR_FULL,
                       "the authority's certificate (%zu bytes) is too large for a "
                       "token",
                       der_len);
    }
    token[len] = '.';
    (void)base64url_encode(der, der_len, token + len + 1);
    return 0;
}

int token_add_authority(char *token, size_t size, const char *ca_file, struct err *e)
{
    if (ca_file == NULL || ca_file[0] == '\0') {
        return 0;
    }
    size_t len = 0;
    char *pem = file_read(ca_file, CA_FILE_MAX, &len, e);
    BIO *bio = pem != NULL ? BIO_new_mem_buf(pem, (int)len) : NULL;
    unsigned char *der = NULL, *second = NULL;
    int result = -1;
    if (pem != NULL && bio == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for %s", ca_file);
    } else if (pem != NULL) {
        long der_len = next_certificate(bio, &der);
        if (der_len <= 0) {
            (void)err_set(e, ERR_CONFIG, "%s holds no certificate in PEM form", ca_file);
        } else if (next_certificate(bio, &second) > 0) {
            result = 0; /* a bundle: agents are given the file */
        } else {
            result = add_der(token, size, der, (size_t)der_len, e);
        }
    }
    OPENSSL_free(der);
    OPENSSL_free(second);
    BIO_free(bio);
    free(pem);
    return result;
}

/* Where the JWT ends: at the third dot, or the end. */
static size_t jwt_len(const char *text)
{
    size_t len = strcspn(text, ".");
    for (int dots = 0; dots < JWT_DOTS && text[len] == '.'; dots++) {
        len += 1 + strcspn(text + len + 1, ".");
    }
    return len;
}

static int take_authority(const char *text, char *pem, size_t size)
{
    uint8_t der[TOKEN_CA_DER_MAX];
    long len = base64url_decode(text, strlen(text), der, sizeof der);
    if (len <= 0) {
        return -1;
    }
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes = NULL;
    int result = -1;
    if (bio != NULL && PEM_write_bio(bio, PEM_NAME, "", der, len) > 0) {
        long pem_len = BIO_get_mem_data(bio, &bytes);
        if (pem_len > 0 && (size_t)pem_len < size) {
            memcpy(pem, bytes, (size_t)pem_len);
            pem[pem_len] = '\0';
            result = 0;
        }
    }
    BIO_free(bio);
    return result;
}

int token_split(const char *token, struct token_parts *parts, struct err *e)
{
    *parts = (struct token_parts){0};
    size_t prefix_len = sizeof TOKEN_PREFIX - 1;
    if (strncmp(token, TOKEN_PREFIX, prefix_len) != 0) {
        return err_set(e, ERR_CONFIG, "what was given as the token is none: it begins with %s",
                       TOKEN_PREFIX);
    }
    const char *jwt = token + prefix_len;
    size_t len = jwt_len(jwt);
    if (len >= sizeof parts->jwt) {
        return err_set(e, ERR_CONFIG, "the token is too long");
    }
    memcpy(parts->jwt, jwt, len);
    if (jwt[len] == '.' &&
        take_authority(jwt + len + 1, parts->ca_pem, sizeof parts->ca_pem) != 0) {
        explicit_bzero(parts, sizeof *parts);
        return err_set(e, ERR_CONFIG, "the authority in the token is cut short or garbled");
    }
    return 0;
}
