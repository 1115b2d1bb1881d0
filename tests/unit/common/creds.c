/* Unit tests of NKeys, JWTs and the encodings under them. */
#include "common/creds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/encode.h"
#include "common/file.h"

/* RFC 4648, section 10, without padding. */
static void encodings_give_the_published_values(void **state)
{
    (void)state;
    static const char *const base32[] = {"",        "MY",       "MZXQ",      "MZXW6",
                                         "MZXW6YQ", "MZXW6YTB", "MZXW6YTBOI"};
    static const char *const base64[] = {"", "Zg", "Zm8", "Zm9v", "Zm9vYg", "Zm9vYmE", "Zm9vYmFy"};
    char buf[32];
    uint8_t back[16];
    for (size_t len = 0; len <= 6; len++) {
        assert_string_equal(base32_encode("foobar", len, buf), base32[len]);
        assert_int_equal(strlen(buf), BASE32_LEN(len));
        assert_int_equal(base32_decode(buf, strlen(buf), back, sizeof back), len);
        assert_memory_equal(back, "foobar", len);
        assert_string_equal(base64url_encode("foobar", len, buf), base64[len]);
        assert_int_equal(strlen(buf), BASE64URL_LEN(len));
        assert_int_equal(base64url_decode(buf, strlen(buf), back, sizeof back), len);
        assert_memory_equal(back, "foobar", len);
    }
    assert_string_equal(base64url_encode("\xFB\xFF", 2, buf), "-_8");
    assert_string_equal(hex_encode("\x01\xAB", 2, buf), "01ab");
}

static void text_that_is_not_canonical_is_not_decoded(void **state)
{
    (void)state;
    uint8_t back[16];
    assert_int_equal(base64url_decode("Zh", 2, back, sizeof back), -1);
    assert_int_equal(base64url_decode("Z", 1, back, sizeof back), -1);
    assert_int_equal(base64url_decode("Zm+v", 4, back, sizeof back), -1);
    assert_int_equal(base32_decode("mzxq", 4, back, sizeof back), -1);
    assert_int_equal(base64url_decode("Zm9vYmFy", 8, back, 5), -1);
}

static void an_nkey_survives_its_seed(void **state)
{
    (void)state;
    static const enum nkey_kind kinds[] = {NKEY_OPERATOR, NKEY_ACCOUNT, NKEY_USER};
    static const char first[] = "OAU";
    for (size_t i = 0; i < 3; i++) {
        struct err e = {0};
        struct nkey key, again;
        char seed[NKEY_SEED_SIZE], public[NKEY_TEXT_SIZE], public_again[NKEY_TEXT_SIZE];
        assert_int_equal(nkey_make(&key, kinds[i], &e), 0);
        (void)nkey_seed_text(&key, seed);
        (void)nkey_public_text(&key, public);
        assert_int_equal(seed[0], 'S');
        assert_int_equal(seed[1], first[i]);
        assert_int_equal(public[0], first[i]);
        assert_int_equal(strlen(public), 56);
        assert_int_equal(strlen(seed), 58);
        assert_true(nkey_public_is_valid(public, kinds[i]));
        assert_false(nkey_public_is_valid(public, kinds[(i + 1) % 3]));
        assert_int_equal(nkey_from_seed(&again, seed, &e), 0);
        assert_string_equal(nkey_public_text(&again, public_again), public);
    }
}

static void an_nkey_with_a_wrong_letter_is_invalid(void **state)
{
    (void)state;
    struct err e = {0};
    struct nkey key, again;
    char seed[NKEY_SEED_SIZE], public[NKEY_TEXT_SIZE];
    assert_int_equal(nkey_make(&key, NKEY_USER, &e), 0);
    (void)nkey_seed_text(&key, seed);
    (void)nkey_public_text(&key, public);
    public[20] = public[20] == 'A' ? 'B' : 'A';
    seed[20] = seed[20] == 'A' ? 'B' : 'A';
    assert_false(nkey_public_is_valid(public, NKEY_USER));
    assert_false(nkey_public_is_valid("", NKEY_USER));
    assert_int_equal(nkey_from_seed(&again, seed, &e), -1);
}

static void a_signature_holds_for_its_text_and_key_only(void **state)
{
    (void)state;
    struct err e = {0};
    struct nkey key, other;
    uint8_t signature[64];
    char public[NKEY_TEXT_SIZE];
    assert_int_equal(nkey_make(&key, NKEY_USER, &e), 0);
    assert_int_equal(nkey_make(&other, NKEY_USER, &e), 0);
    assert_int_equal(nkey_sign(&key, "bye", 3, signature, &e), 0);
    assert_true(nkey_verify(nkey_public_text(&key, public), "bye", 3, signature));
    assert_false(nkey_verify(public, "bya", 3, signature));
    assert_false(nkey_verify(nkey_public_text(&other, public), "bye", 3, signature));
}

static void a_seed_file_that_others_may_read_is_refused(void **state)
{
    (void)state;
    struct err e = {0};
    struct nkey key, again;
    struct stat st;
    char dir[] = "/tmp/picket-creds-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/a.nk", dir);
    assert_int_equal(nkey_make(&key, NKEY_USER, &e), 0);
    assert_int_equal(nkey_save(&key, path, &e), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(nkey_load(&again, path, &e), 0);
    assert_memory_equal(again.public, key.public, sizeof key.public);
    assert_int_equal(file_create(path, "x", 1, 0600, &e), -1);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(nkey_load(&again, path, &e), -1);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

/* The claims of a JWT, after its signature was checked against its issuer. */
static json_t *checked_claims(const char *jwt)
{
    struct err e = {0};
    struct creds_claims claims;
    uint8_t signature[64], body[8192];
    const char *start = strchr(jwt, '.') + 1, *end = strrchr(jwt, '.');
    assert_int_equal(creds_jwt_claims(jwt, &claims, &e), 0);
    assert_int_equal(base64url_decode(end + 1, strlen(end + 1), signature, sizeof signature), 64);
    assert_true(nkey_verify(claims.issuer, jwt, (size_t)(end - jwt), signature));
    long len = base64url_decode(start, (size_t)(end - start), body, sizeof body);
    assert_true(len > 0);
    json_t *root = json_loadb((const char *)body, (size_t)len, 0, NULL);
    assert_non_null(root);
    return root;
}

static void a_users_jwt_carries_no_rights_of_its_own(void **state)
{
    (void)state;
    struct err e = {0};
    struct nkey account, signing, user;
    struct creds_claims claims;
    char account_public[NKEY_TEXT_SIZE], user_public[NKEY_TEXT_SIZE], issuer[NKEY_TEXT_SIZE];
    char jwt[CREDS_JWT_SIZE];
    assert_int_equal(nkey_make(&account, NKEY_ACCOUNT, &e), 0);
    assert_int_equal(nkey_make(&signing, NKEY_ACCOUNT, &e), 0);
    assert_int_equal(nkey_make(&user, NKEY_USER, &e), 0);
    assert_int_equal(creds_user_jwt("rome", nkey_public_text(&user, user_public), SCOPE_AGENT,
                                    nkey_public_text(&account, account_public), &signing,
                                    2000000000, jwt, sizeof jwt, &e),
                     0);
    assert_int_equal(creds_jwt_claims(jwt, &claims, &e), 0);
    assert_string_equal(claims.name, "rome");
    assert_string_equal(claims.sub, user_public);
    assert_string_equal(claims.issuer, nkey_public_text(&signing, issuer));
    assert_int_equal(claims.expires_s, 2000000000);
    json_t *root = checked_claims(jwt);
    const json_t *nats = json_object_get(root, "nats");
    assert_null(json_object_get(nats, "pub"));
    assert_null(json_object_get(nats, "sub"));
    assert_string_equal(json_string_value(json_object_get(nats, "issuer_account")), account_public);
    json_decref(root);
}

static void an_accounts_jwt_holds_scopes_and_revocations(void **state)
{
    (void)state;
    struct err e = {0};
    struct nkey signer;
    char jwt[8192];
    assert_int_equal(nkey_make(&signer, NKEY_OPERATOR, &e), 0);
    struct creds_account account = {.name = "PICKET",
                                    .public = "A1",
                                    .signing_agents = "A2",
                                    .signing_enrol = "A3",
                                    .signing_core = "A4",
                                    .revocations_json = "{\"U1\": 5}"};
    assert_int_equal(creds_account_jwt(&account, &signer, jwt, sizeof jwt, &e), 0);
    json_t *root = checked_claims(jwt);
    const json_t *nats = json_object_get(root, "nats");
    const json_t *revoked = json_object_get(nats, "revocations");
    assert_int_equal(json_integer_value(json_object_get(revoked, "U1")), 5);
    const json_t *scopes = json_object_get(nats, "signing_keys");
    assert_int_equal(json_array_size(scopes), 3);
    const json_t *agents = json_object_get(json_array_get(scopes, 0), "template");
    const json_t *allowed = json_object_get(json_object_get(agents, "sub"), "allow");
    assert_int_equal(json_array_size(allowed), 1);
    assert_string_equal(json_string_value(json_array_get(allowed, 0)), "pk.v1.dn.{{name()}}.>");
    json_decref(root);

    account.revocations_json = "[]";
    assert_int_equal(creds_account_jwt(&account, &signer, jwt, sizeof jwt, &e), -1);
}

static void what_is_no_jwt_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "a", "a.b", "a..c", "a.W10.c", "a.!!.c"};
    struct creds_claims claims;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err e = {0};
        assert_int_equal(creds_jwt_claims(bad[i], &claims, &e), -1);
    }
}

static void a_jwt_that_does_not_fit_is_an_error(void **state)
{
    (void)state;
    struct err e = {0};
    struct nkey signer;
    char jwt[64];
    assert_int_equal(nkey_make(&signer, NKEY_ACCOUNT, &e), 0);
    assert_int_equal(
        creds_user_jwt("rome", "U1", SCOPE_AGENT, "A1", &signer, 0, jwt, sizeof jwt, &e), -1);
    assert_int_equal(e.code, ERR_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodings_give_the_published_values),
        cmocka_unit_test(text_that_is_not_canonical_is_not_decoded),
        cmocka_unit_test(an_nkey_survives_its_seed),
        cmocka_unit_test(an_nkey_with_a_wrong_letter_is_invalid),
        cmocka_unit_test(a_signature_holds_for_its_text_and_key_only),
        cmocka_unit_test(a_seed_file_that_others_may_read_is_refused),
        cmocka_unit_test(a_users_jwt_carries_no_rights_of_its_own),
        cmocka_unit_test(an_accounts_jwt_holds_scopes_and_revocations),
        cmocka_unit_test(what_is_no_jwt_is_refused),
        cmocka_unit_test(a_jwt_that_does_not_fit_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
