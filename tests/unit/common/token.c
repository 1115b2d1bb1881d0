/* Unit tests of common/token: what a person carries, and what of it is refused. */
#include "common/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"

struct scene {
    char dir[64];
    char ca[96];
    char pem[4096];
};

static void make_certificate(char *pem, size_t size)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(bio, cert), 1);
    int len = BIO_read(bio, pem, (int)size - 1);
    assert_true(len > 0);
    pem[len] = '\0';
    BIO_free(bio);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static int open_scene(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    struct err e = {0};
    (void)snprintf(s->dir, sizeof s->dir, "/tmp/picket-token-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    (void)snprintf(s->ca, sizeof s->ca, "%s/ca.pem", s->dir);
    make_certificate(s->pem, sizeof s->pem);
    assert_int_equal(file_replace(s->ca, s->pem, strlen(s->pem), 0644, &e), 0);
    *state = s;
    return 0;
}

static int close_scene(void **state)
{
    struct scene *s = *state;
    assert_int_equal(unlink(s->ca), 0);
    assert_int_equal(rmdir(s->dir), 0);
    free(s);
    return 0;
}

static void the_authority_travels_in_the_token(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    char token[4096] = "pkt1.head.claims.signature";
    struct token_parts parts;
    assert_int_equal(token_add_authority(token, sizeof token, s->ca, &e), 0);
    assert_null(strpbrk(token, " \n+/="));
    assert_int_equal(token_split(token, &parts, &e), 0);
    assert_string_equal(parts.jwt, "head.claims.signature");
    assert_string_equal(parts.ca_pem, s->pem);
}

static void without_an_authority_of_its_own_the_token_is_bare(void **state)
{
    struct err e = {0};
    char token[4096] = "pkt1.head.claims.signature";
    struct token_parts parts;
    (void)state;
    assert_int_equal(token_add_authority(token, sizeof token, "", &e), 0);
    assert_string_equal(token, "pkt1.head.claims.signature");
    assert_int_equal(token_split(token, &parts, &e), 0);
    assert_string_equal(parts.ca_pem, "");
}

static void a_bundle_stays_a_file(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    char both[8192], token[4096] = "pkt1.a.b.c";
    (void)snprintf(both, sizeof both, "%s%s", s->pem, s->pem);
    assert_int_equal(file_replace(s->ca, both, strlen(both), 0644, &e), 0);
    assert_int_equal(token_add_authority(token, sizeof token, s->ca, &e), 0);
    assert_string_equal(token, "pkt1.a.b.c");
}

static void a_file_without_a_certificate_is_named(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    char token[4096] = "pkt1.a.b.c";
    assert_int_equal(file_replace(s->ca, "nothing\n", 8, 0644, &e), 0);
    assert_int_equal(token_add_authority(token, sizeof token, s->ca, &e), -1);
    assert_non_null(strstr(e.what, "holds no certificate"));
}

static void a_token_without_room_is_left_as_it_was(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    char token[64] = "pkt1.a.b.c";
    assert_int_equal(token_add_authority(token, sizeof token, s->ca, &e), -1);
    assert_string_equal(token, "pkt1.a.b.c");
}

static void what_is_garbled_is_refused_without_being_shown(void **state)
{
    struct err e = {0};
    struct token_parts parts;
    (void)state;
    assert_int_equal(token_split("hunter2", &parts, &e), -1);
    assert_null(strstr(e.what, "hunter2"));
    assert_int_equal(token_split("pkt1.a.b.c.n*t-base64", &parts, &e), -1);
    assert_int_equal(token_split("pkt1.a.b.c.", &parts, &e), -1);
    assert_string_equal(parts.jwt, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define SCENE(f) cmocka_unit_test_setup_teardown(f, open_scene, close_scene)
        SCENE(the_authority_travels_in_the_token),
        SCENE(without_an_authority_of_its_own_the_token_is_bare),
        SCENE(a_bundle_stays_a_file),
        SCENE(a_file_without_a_certificate_is_named),
        SCENE(a_token_without_room_is_left_as_it_was),
        SCENE(what_is_garbled_is_refused_without_being_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
