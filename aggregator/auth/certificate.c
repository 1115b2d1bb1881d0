#include "aggregator/auth/certificate.h"

#include "common/addr.h"
#include "common/file.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

enum {
    CA_DAYS = 3650,
    SERVER_DAYS = 825, /* the most that browsers take from a private authority */
    SERIAL_BITS = 127,
    ALT_NAMES_SIZE = 4096,
    SECONDS_A_DAY = 86400
};

/* A certificate with the key that is written beside it. */
struct pair {
    EVP_PKEY *key;
    X509 *cert;
};

static void pair_done(struct pair *p)
{
    EVP_PKEY_free(p->key);
    X509_free(p->cert);
}

static int openssl_fault(struct err *e)
{
    return err_set(e, ERR_NOMEM, "cannot make a certificate");
}

static int set_serial(X509 *cert)
{
    BIGNUM *number = BN_new();
    int ok = number != NULL && BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
             BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
    BN_free(number);
    return ok;
}

static int add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    int ok = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

/* A new key and an unsigned certificate for it, valid from an hour ago (clocks differ). */
static int pair_begin(struct pair *p, const char *common_name, int days)
{
    p->key = EVP_EC_gen("P-256");
    p->cert = X509_new();
    if (p->key == NULL || p->cert == NULL) {
        return 0;
    }
    X509_NAME *subject = X509_get_subject_name(p->cert);
    return X509_set_version(p->cert, X509_VERSION_3) && set_serial(p->cert) &&
           X509_gmtime_adj(X509_getm_notBefore(p->cert), -3600) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(p->cert), (long)days * SECONDS_A_DAY) != NULL &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                      (const unsigned char *)common_name, -1, -1, 0) &&
           X509_set_pubkey(p->cert, p->key);
}

static int pair_sign(struct pair *p, const struct pair *issuer)
{
    return X509_set_issuer_name(p->cert, X509_get_subject_name(issuer->cert)) &&
           X509_sign(p->cert, issuer->key, EVP_sha256()) != 0;
}

static int make_authority(struct pair *ca)
{
    return pair_begin(ca, "Picket centre", CA_DAYS) &&
           add_extension(ca->cert, ca->cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           add_extension(ca->cert, ca->cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
           add_extension(ca->cert, ca->cert, NID_subject_key_identifier, "hash") &&
           pair_sign(ca, ca);
}

/* "DNS:centre,IP:192.0.2.1" for OpenSSL, whose separators no name may hold. */
static int alt_names(const char *const *names, size_t count, char *buf, size_t size, struct err *e)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        struct addr unused;
        bool is_address = addr_parse(names[i], &unused) != ADDR_NONE;
        bool is_host_name = names[i][0] != '\0' && strpbrk(names[i], ",:= \t\n") == NULL;
        if (!is_address && !is_host_name) {
            return err_set(e, ERR_ARG, "\"%s\" is neither a host name nor an address", names[i]);
        }
        int len = snprintf(buf + used, size - used, "%s%s:%s", i > 0 ? "," : "",
                           is_address ? "IP" : "DNS", names[i]);
        if (len < 0 || (size_t)len >= size - used) {
            return err_set(e, ERR_FULL, "too many names for one certificate");
        }
        used += (size_t)len;
    }
    return 0;
}

static int make_server(struct pair *server, const struct pair *ca, const char *first_name,
                       const char *names)
{
    return pair_begin(server, first_name, SERVER_DAYS) &&
           add_extension(server->cert, ca->cert, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(server->cert, ca->cert, NID_key_usage, "critical,digitalSignature") &&
           add_extension(server->cert, ca->cert, NID_ext_key_usage, "serverAuth") &&
           add_extension(server->cert, ca->cert, NID_subject_alt_name, names) &&
           add_extension(server->cert, ca->cert, NID_subject_key_identifier, "hash") &&
           add_extension(server->cert, ca->cert, NID_authority_key_identifier, "keyid") &&
           pair_sign(server, ca);
}

/* What was written into the memory BIO, as a new file. */
static int write_pem(const char *dir, const char *name, BIO *pem, struct err *e)
{
    char path[PATH_MAX];
    char *bytes = NULL;
    long len = BIO_get_mem_data(pem, &bytes);
    int path_len = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (path_len < 0 || (size_t)path_len >= sizeof path || len <= 0) {
        return err_set(e, ERR_ARG, "cannot write %s", name);
    }
    return file_create(path, bytes, (size_t)len, 0600, e);
}

static int write_pair(const char *dir, const struct pair *p, const char *key_name,
                      const char *cert_name, struct err *e)
{
    BIO *key = BIO_new(BIO_s_secmem());
    BIO *cert = BIO_new(BIO_s_mem());
    int result = -1;
    if (key == NULL || cert == NULL ||
        PEM_write_bio_PrivateKey(key, p->key, NULL, NULL, 0, NULL, NULL) != 1 ||
        PEM_write_bio_X509(cert, p->cert) != 1) {
        (void)openssl_fault(e);
    } else if (write_pem(dir, key_name, key, e) == 0 && write_pem(dir, cert_name, cert, e) == 0) {
        result = 0;
    }
    BIO_free(key);
    BIO_free(cert);
    return result;
}

int certificate_write(const char *dir, const char *const *names, size_t name_count, struct err *e)
{
    char alternatives[ALT_NAMES_SIZE];
    struct pair ca = {0}, server = {0};
    int result = -1;
    if (name_count == 0) {
        return err_set(e, ERR_ARG, "a certificate needs a name");
    }
    if (alt_names(names, name_count, alternatives, sizeof alternatives, e) != 0) {
        return -1;
    }
    if (!make_authority(&ca) || !make_server(&server, &ca, names[0], alternatives)) {
        (void)openssl_fault(e);
    } else if (write_pair(dir, &ca, "ca.key", "ca.pem", e) == 0 &&
               write_pair(dir, &server, "server.key", "server.pem", e) == 0) {
        result = 0;
    }
    pair_done(&server);
    pair_done(&ca);
    return result;
}
