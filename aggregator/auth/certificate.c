#include "aggregator/auth/certificate.h"

#include "common/addr.h"
#include "common/file.h"

#include <arpa/inet.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    CA_DAYS = 3650,
    SERVER_DAYS = 825, /* the most that browsers take from a private authority */
    SERIAL_BITS = 127,
    ALT_NAMES_SIZE = 4096,
    STEM_MAX = 32,
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

/* names: as OpenSSL takes them. Nobody reads the common name where there are such. */
static int make_server(struct pair *server, const struct pair *ca, const char *names)
{
    return pair_begin(server, "Picket server", SERVER_DAYS) &&
           add_extension(server->cert, ca->cert, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(server->cert, ca->cert, NID_key_usage, "critical,digitalSignature") &&
           add_extension(server->cert, ca->cert, NID_ext_key_usage, "serverAuth") &&
           add_extension(server->cert, ca->cert, NID_subject_alt_name, names) &&
           add_extension(server->cert, ca->cert, NID_subject_key_identifier, "hash") &&
           add_extension(server->cert, ca->cert, NID_authority_key_identifier, "keyid") &&
           pair_sign(server, ca);
}

static int path_in(const char *dir, const char *name, char path[PATH_MAX], struct err *e)
{
    int len = snprintf(path, PATH_MAX, "%s/%s", dir, name);
    return len > 0 && len < PATH_MAX ? 0 : err_set(e, ERR_ARG, "the path %s is too long", dir);
}

/* What was written into the memory BIO, as a file. */
static int write_pem(const char *dir, const char *name, BIO *pem, bool replace, struct err *e)
{
    char path[PATH_MAX];
    char *bytes = NULL;
    long len = BIO_get_mem_data(pem, &bytes);
    if (path_in(dir, name, path, e) != 0) {
        return -1;
    }
    if (len <= 0) {
        return err_set(e, ERR_NOMEM, "nothing to write into %s", path);
    }
    return replace ? file_replace(path, bytes, (size_t)len, 0600, e)
                   : file_create(path, bytes, (size_t)len, 0600, e);
}

static int write_pair(const char *dir, const struct pair *p, const char *stem, bool replace,
                      struct err *e)
{
    char key_name[64], cert_name[64];
    (void)snprintf(key_name, sizeof key_name, "%s.key", stem); /* STEM_MAX leaves room */
    (void)snprintf(cert_name, sizeof cert_name, "%s.pem", stem);
    BIO *key = BIO_new(BIO_s_secmem());
    BIO *cert = BIO_new(BIO_s_mem());
    int result = -1;
    if (key == NULL || cert == NULL ||
        PEM_write_bio_PrivateKey(key, p->key, NULL, NULL, 0, NULL, NULL) != 1 ||
        PEM_write_bio_X509(cert, p->cert) != 1) {
        (void)openssl_fault(e);
    } else if (write_pem(dir, key_name, key, replace, e) == 0 &&
               write_pem(dir, cert_name, cert, replace, e) == 0) {
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
    if (!make_authority(&ca) || !make_server(&server, &ca, alternatives)) {
        (void)openssl_fault(e);
    } else if (write_pair(dir, &ca, "ca", false, e) == 0 &&
               write_pair(dir, &server, "server", false, e) == 0) {
        result = 0;
    }
    pair_done(&server);
    pair_done(&ca);
    return result;
}

/* ---- again, with the authority that is there ---- */

static BIO *open_pem(const char *dir, const char *name, struct err *e)
{
    char path[PATH_MAX];
    if (path_in(dir, name, path, e) != 0) {
        return NULL;
    }
    BIO *bio = BIO_new_file(path, "r");
    if (bio == NULL) {
        (void)err_set(e, ERR_IO, "cannot read %s", path);
    }
    return bio;
}

static int load_authority(const char *dir, struct pair *ca, struct err *e)
{
    BIO *key = open_pem(dir, "ca.key", e);
    BIO *cert = key != NULL ? open_pem(dir, "ca.pem", e) : NULL;
    if (cert != NULL) {
        ca->key = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
        ca->cert = PEM_read_bio_X509(cert, NULL, NULL, NULL);
        if (ca->key == NULL || ca->cert == NULL || X509_check_private_key(ca->cert, ca->key) != 1) {
            (void)err_set(e, ERR_CONFIG, "ca.key and ca.pem in %s are not one authority", dir);
        }
    }
    BIO_free(key);
    BIO_free(cert);
    return ca->key != NULL && ca->cert != NULL && X509_check_private_key(ca->cert, ca->key) == 1
               ? 0
               : -1;
}

/* One name of a certificate as text; false for kinds that we never write. */
static bool name_text(const GENERAL_NAME *name, char *buf, size_t size, bool *is_address)
{
    int type = 0;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
    const unsigned char *bytes = ASN1_STRING_get0_data(value);
    int len = ASN1_STRING_length(value);
    *is_address = type == GEN_IPADD;
    if (type == GEN_IPADD) {
        int family = len == 4 ? AF_INET : AF_INET6;
        return (len == 4 || len == 16) && inet_ntop(family, bytes, buf, (socklen_t)size) != NULL;
    }
    if (type != GEN_DNS || len <= 0 || (size_t)len >= size) {
        return false;
    }
    memcpy(buf, bytes, (size_t)len);
    buf[len] = '\0';
    return true;
}

/* The names of a certificate: as OpenSSL takes them, or separated by blanks for people. */
static int names_of(const X509 *cert, bool for_openssl, char *buf, size_t size, struct err *e)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    size_t used = 0;
    buf[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        char text[256];
        bool is_address = false;
        if (!name_text(sk_GENERAL_NAME_value(names, i), text, sizeof text, &is_address)) {
            continue;
        }
        const char *kind = is_address ? "IP:" : "DNS:";
        int len =
            snprintf(buf + used, size - used, "%s%s%s", used == 0 ? "" : (for_openssl ? "," : " "),
                     for_openssl ? kind : "", text);
        if (len < 0 || (size_t)len >= size - used) {
            break; /* cut: only what people read is so short */
        }
        used += (size_t)len;
    }
    GENERAL_NAMES_free(names);
    return used > 0 ? 0 : err_set(e, ERR_CONFIG, "the certificate is for no name");
}

static X509 *load_certificate(const char *dir, const char *name, struct err *e)
{
    BIO *bio = open_pem(dir, name, e);
    X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    if (bio != NULL && cert == NULL) {
        (void)err_set(e, ERR_CONFIG, "%s/%s holds no certificate", dir, name);
    }
    BIO_free(bio);
    return cert;
}

static int present_names(const char *dir, const char *stem, char *buf, size_t size, struct err *e)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s.pem", stem); /* STEM_MAX leaves room */
    X509 *cert = load_certificate(dir, name, e);
    if (cert == NULL) {
        return err_wrap(e, "whose names are wanted (or give --name HOST)");
    }
    int result = names_of(cert, true, buf, size, e);
    X509_free(cert);
    return result;
}

static bool stem_is_valid(const char *stem)
{
    size_t len = strspn(stem, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return len > 0 && len <= STEM_MAX && stem[len] == '\0' && strcmp(stem, "ca") != 0;
}

int certificate_issue(const char *dir, const char *stem, const char *const *names,
                      size_t name_count, struct err *e)
{
    char alternatives[ALT_NAMES_SIZE];
    struct pair ca = {0}, server = {0};
    int result = -1;
    if (!stem_is_valid(stem)) {
        return err_set(e, ERR_ARG, "\"%s\" cannot name a certificate; use a word such as server",
                       stem);
    }
    int named = name_count > 0 ? alt_names(names, name_count, alternatives, sizeof alternatives, e)
                               : present_names(dir, stem, alternatives, sizeof alternatives, e);
    if (named != 0 || load_authority(dir, &ca, e) != 0) {
        result = -1;
    } else if (!make_server(&server, &ca, alternatives)) {
        (void)openssl_fault(e);
    } else {
        result = write_pair(dir, &server, stem, true, e);
    }
    pair_done(&server);
    pair_done(&ca);
    return result;
}

int certificate_facts(const char *path, struct certificate_facts *facts, struct err *e)
{
    struct tm until = {0};
    *facts = (struct certificate_facts){0};
    BIO *bio = BIO_new_file(path, "r");
    X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    int result = cert != NULL ? 0 : err_set(e, ERR_CONFIG, "%s holds no certificate", path);
    if (result == 0 && ASN1_TIME_to_tm(X509_get0_notAfter(cert), &until) == 1) {
        facts->expires_s = (uint64_t)timegm(&until);
        struct err nameless = {0};
        (void)names_of(cert, false, facts->names, sizeof facts->names,
                       &nameless); /* ca.pem has none */
    }
    X509_free(cert);
    BIO_free(bio);
    return result;
}
