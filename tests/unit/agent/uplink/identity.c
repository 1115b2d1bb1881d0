/* Unit tests of the agent's identity, its token and the exchange between them. */
#include "agent/uplink/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/uplink/enrol.h"
#include "common/file.h"

/* Of some token. */
static const char HASH[] = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";

struct scene {
    char dir[64];
    char token_file[96];
    struct identity id;
};

static int open_scene(void **state)
{
    struct err e = {0};
    struct scene *s = calloc(1, sizeof *s);
    (void)snprintf(s->dir, sizeof s->dir, "/tmp/picket-identity-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    (void)snprintf(s->token_file, sizeof s->token_file, "%s/token", s->dir);
    assert_int_equal(identity_open(&s->id, s->dir, "rome", &e), 0);
    *state = s;
    return 0;
}

static int close_scene(void **state)
{
    struct scene *s = *state;
    static const char *const names[] = {"identity/agent.nk",     "identity/agent.jwt",
                                        "identity/centre.pub",   "identity/ca.pem",
                                        "identity/token.sha256", "token"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", s->dir, names[i]);
        (void)unlink(path); /* not every test makes it */
    }
    (void)snprintf(path, sizeof path, "%s/identity", s->dir);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(s->dir), 0);
    identity_done(&s->id);
    free(s);
    return 0;
}

static void mint_until(uint64_t expires_s, const char *name, const struct nkey *key, char *jwt,
                       size_t size)
{
    struct err e = {0};
    struct nkey signing;
    char public[NKEY_TEXT_SIZE];
    assert_int_equal(nkey_make(&signing, NKEY_ACCOUNT, &e), 0);
    assert_int_equal(creds_user_jwt(name, nkey_public_text(key, public), SCOPE_AGENT, "A1",
                                    &signing, expires_s, jwt, size, &e),
                     0);
}

static void mint(const char *name, const struct nkey *key, char *jwt, size_t size)
{
    mint_until(0, name, key, jwt, size);
}

static void the_key_and_the_jwt_survive_a_restart(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    struct identity again;
    char jwt[CREDS_JWT_SIZE];
    assert_false(identity_is_enrolled(&s->id));
    mint("rome", &s->id.key, jwt, sizeof jwt);
    assert_int_equal(identity_enrol(&s->id, jwt, "", HASH, &e), 0);
    assert_true(identity_is_enrolled(&s->id));
    assert_int_equal(identity_open(&again, s->dir, "rome", &e), 0);
    assert_string_equal(again.jwt, jwt);
    assert_memory_equal(again.key.public, s->id.key.public, sizeof again.key.public);
    identity_done(&again);
}

static void the_authority_that_came_with_the_token_survives_a_restart(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    struct identity again;
    char jwt[CREDS_JWT_SIZE];
    mint("rome", &s->id.key, jwt, sizeof jwt);
    (void)snprintf(s->id.ca_pem, sizeof s->id.ca_pem, "a certificate\n");
    assert_int_equal(identity_enrol(&s->id, jwt, "", HASH, &e), 0);
    assert_int_equal(identity_open(&again, s->dir, "rome", &e), 0);
    assert_string_equal(again.ca_pem, "a certificate\n");
    again.ca_pem[0] = '\0'; /* a new token without one */
    assert_int_equal(identity_enrol(&again, jwt, "", HASH, &e), 0);
    assert_int_equal(identity_open(&again, s->dir, "rome", &e), 0);
    assert_string_equal(again.ca_pem, "");
    identity_done(&again);
}

static void a_jwt_for_another_key_or_name_is_not_kept(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    struct nkey other;
    char jwt[CREDS_JWT_SIZE];
    assert_int_equal(nkey_make(&other, NKEY_USER, &e), 0);
    mint("rome", &other, jwt, sizeof jwt);
    assert_int_equal(identity_enrol(&s->id, jwt, "", HASH, &e), -1);
    mint("pisa", &s->id.key, jwt, sizeof jwt);
    assert_int_equal(identity_enrol(&s->id, jwt, "", HASH, &e), -1);
    assert_false(identity_is_enrolled(&s->id));
}

static void the_first_command_key_that_the_centre_tells_is_kept_and_no_other(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    struct identity again;
    struct nkey centre, other;
    char key[NKEY_TEXT_SIZE], foreign[NKEY_TEXT_SIZE];
    assert_int_equal(nkey_make(&centre, NKEY_USER, &e), 0);
    assert_int_equal(nkey_make(&other, NKEY_USER, &e), 0);
    (void)nkey_public_text(&centre, key);
    (void)nkey_public_text(&other, foreign);
    assert_int_equal(identity_pin(&s->id, "", &e), 0);
    assert_string_equal(s->id.centre, "");
    assert_int_equal(identity_pin(&s->id, "no key", &e), -1);
    assert_int_equal(identity_pin(&s->id, key, &e), 0);
    assert_int_equal(identity_pin(&s->id, key, &e), 0);
    assert_int_equal(identity_pin(&s->id, foreign, &e), -1);
    assert_int_equal(identity_open(&again, s->dir, "rome", &e), 0);
    assert_string_equal(again.centre, key);
    identity_done(&again);
}

static void a_new_enrolment_changes_the_command_key(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    struct nkey centre;
    char jwt[CREDS_JWT_SIZE], key[NKEY_TEXT_SIZE];
    assert_int_equal(nkey_make(&centre, NKEY_USER, &e), 0);
    mint("rome", &s->id.key, jwt, sizeof jwt);
    assert_int_equal(identity_pin(&s->id, nkey_public_text(&centre, key), &e), 0);
    assert_int_equal(nkey_make(&centre, NKEY_USER, &e), 0);
    assert_int_equal(identity_enrol(&s->id, jwt, nkey_public_text(&centre, key), HASH, &e), 0);
    assert_string_equal(s->id.centre, key);
}

static void an_identity_is_renewed_after_two_thirds_of_its_life(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    struct identity again;
    char jwt[CREDS_JWT_SIZE];
    mint("rome", &s->id.key, jwt, sizeof jwt);
    assert_int_equal(identity_enrol(&s->id, jwt, "", HASH, &e), 0);
    assert_int_equal(identity_renewal_s(&s->id), UINT64_MAX);
    mint_until((uint64_t)time(NULL) + 300, "rome", &s->id.key, jwt, sizeof jwt);
    assert_int_equal(identity_renew(&s->id, jwt, &e), 0);
    assert_int_equal(identity_renewal_s(&s->id),
                     s->id.issued_s + (s->id.expires_s - s->id.issued_s) * 2 / 3);
    assert_int_equal(identity_open(&again, s->dir, "rome", &e), 0);
    assert_string_equal(again.jwt, jwt);
    assert_string_equal(again.token_hash, HASH);
    assert_int_equal(again.expires_s, s->id.expires_s);
    identity_done(&again);
    mint("pisa", &s->id.key, jwt, sizeof jwt);
    assert_int_equal(identity_renew(&s->id, jwt, &e), -1);
}

static void a_refused_identity_is_given_up_only_for_a_new_one(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    struct identity again;
    char jwt[CREDS_JWT_SIZE], old[CREDS_JWT_SIZE];
    uint8_t first[32];
    memcpy(first, s->id.key.public, sizeof first);
    mint("rome", &s->id.key, old, sizeof old);
    assert_int_equal(identity_enrol(&s->id, old, "", HASH, &e), 0);
    assert_int_equal(identity_forget(&s->id, &e), 0);
    assert_false(identity_is_enrolled(&s->id));
    assert_memory_not_equal(s->id.key.public, first, sizeof first);
    assert_int_equal(identity_open(&again, s->dir, "rome", &e), 0); /* a crash now loses nothing */
    assert_string_equal(again.jwt, old);
    assert_memory_equal(again.key.public, first, sizeof first);
    identity_done(&again);
    assert_int_equal(identity_recall(&s->id, &e), 0); /* the new token did not help */
    assert_string_equal(s->id.jwt, old);
    assert_memory_equal(s->id.key.public, first, sizeof first);
    assert_int_equal(identity_forget(&s->id, &e), 0);
    mint("rome", &s->id.key, jwt, sizeof jwt);
    assert_int_equal(identity_enrol(&s->id, jwt, "", HASH, &e), 0);
    assert_int_equal(identity_open(&again, s->dir, "rome", &e), 0);
    assert_string_equal(again.jwt, jwt);
    assert_memory_equal(again.key.public, s->id.key.public, sizeof first);
    identity_done(&again);
}

static void an_agent_that_was_renamed_is_told_so(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    struct identity again;
    char jwt[CREDS_JWT_SIZE];
    mint("rome", &s->id.key, jwt, sizeof jwt);
    assert_int_equal(identity_enrol(&s->id, jwt, "", HASH, &e), 0);
    assert_int_equal(identity_open(&again, s->dir, "pisa", &e), -1);
    assert_non_null(strstr(e.what, "an identity for rome, but this agent is called pisa"));
}

static void a_token_is_read_from_its_file_or_the_environment(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    char token[IDENTITY_TOKEN_SIZE];
    assert_int_equal(file_replace(s->token_file, "pkt1.abc\n", 9, 0600, &e), 0);
    assert_int_equal(identity_token(s->token_file, token, &e), 0);
    assert_string_equal(token, "pkt1.abc");
    assert_int_equal(setenv("PICKET_TOKEN", "pkt1.def", 1), 0);
    assert_int_equal(identity_token("", token, &e), 0);
    assert_string_equal(token, "pkt1.def");
    assert_int_equal(unsetenv("PICKET_TOKEN"), 0);
    assert_int_equal(identity_token(NULL, token, &e), -1);
    assert_string_equal(e.what, "no token: set token_file or PICKET_TOKEN");
}

static void what_is_no_token_is_refused_without_being_shown(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    char token[IDENTITY_TOKEN_SIZE];
    assert_int_equal(file_replace(s->token_file, "hunter2", 7, 0600, &e), 0);
    struct token_parts parts;
    assert_int_equal(identity_token(s->token_file, token, &e), 0);
    assert_int_equal(identity_token_split(token, "rome", &parts, &e), -1);
    assert_null(strstr(e.what, "hunter2"));
}

static void a_token_that_the_centre_did_not_make_for_this_agent_is_refused(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    char token[CREDS_JWT_SIZE + 8] = "pkt1.";
    struct token_parts parts;
    assert_int_equal(identity_token_split("pkt1.garbled", "pisa", &parts, &e), -1);
    assert_non_null(strstr(e.what, "picketctl agent add pisa"));
    mint("rome", &s->id.key, token + 5, CREDS_JWT_SIZE);
    assert_int_equal(identity_token_split(token, "pisa", &parts, &e), -1);
    assert_non_null(strstr(e.what, "made for rome"));
    assert_int_equal(identity_token_split(token, "rome", &parts, &e), 0);
}

static void a_question_is_asked_every_two_seconds(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    struct enrol en;
    struct enrol_request request;
    char buf[DELIVERY_MAX], hash[65];
    assert_int_equal(enrol_begin(&en, &s->id, "pkt1.abc", &e), 0);
    size_t len = enrol_ask(&en, 1000, buf, sizeof buf);
    assert_int_equal(enrol_request_unpack(buf, len, &request, &e), 0);
    assert_string_equal(request.token_hash, creds_sha256_hex("pkt1.abc", 8, hash));
    assert_int_equal(enrol_ask(&en, 2999, buf, sizeof buf), 0);
    assert_true(enrol_ask(&en, 3000, buf, sizeof buf) > 0);
}

static void only_an_answer_with_our_nonce_counts(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    struct enrol en;
    struct enrol_answer answer = {.ok = true, .nonce = "other", .jwt = "a.b.c"};
    struct enrol_answer heard;
    char buf[DELIVERY_MAX];
    assert_int_equal(enrol_begin(&en, &s->id, "pkt1.abc", &e), 0);
    size_t len = enrol_answer_pack(&answer, buf, sizeof buf);
    assert_int_equal(enrol_answered(&en, buf, len, 0, &heard, &e), 0);
    assert_int_equal(enrol_answered(&en, "{", 1, 0, &heard, &e), 0);
    memcpy(answer.nonce, en.request.nonce, sizeof answer.nonce);
    len = enrol_answer_pack(&answer, buf, sizeof buf);
    assert_int_equal(enrol_answered(&en, buf, len, 0, &heard, &e), 1);
    assert_string_equal(heard.jwt, "a.b.c");
}

static void a_refusal_is_told_and_the_next_question_waits(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    struct enrol en;
    struct enrol_answer answer = {.reason = "token used up"};
    struct enrol_answer heard;
    char buf[DELIVERY_MAX];
    assert_int_equal(enrol_begin(&en, &s->id, "pkt1.abc", &e), 0);
    memcpy(answer.nonce, en.request.nonce, sizeof answer.nonce);
    size_t len = enrol_answer_pack(&answer, buf, sizeof buf);
    assert_int_equal(enrol_answered(&en, buf, len, 0, &heard, &e), -1);
    assert_string_equal(e.what, "token used up");
    assert_int_equal(enrol_ask(&en, ENROL_REFUSED_MS - 1, buf, sizeof buf), 0);
    assert_true(enrol_ask(&en, ENROL_REFUSED_MS, buf, sizeof buf) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define SCENE(f) cmocka_unit_test_setup_teardown(f, open_scene, close_scene)
        SCENE(the_key_and_the_jwt_survive_a_restart),
        SCENE(the_authority_that_came_with_the_token_survives_a_restart),
        SCENE(a_jwt_for_another_key_or_name_is_not_kept),
        SCENE(the_first_command_key_that_the_centre_tells_is_kept_and_no_other),
        SCENE(a_new_enrolment_changes_the_command_key),
        SCENE(an_identity_is_renewed_after_two_thirds_of_its_life),
        SCENE(a_refused_identity_is_given_up_only_for_a_new_one),
        SCENE(an_agent_that_was_renamed_is_told_so),
        SCENE(a_token_is_read_from_its_file_or_the_environment),
        SCENE(what_is_no_token_is_refused_without_being_shown),
        SCENE(a_token_that_the_centre_did_not_make_for_this_agent_is_refused),
        SCENE(a_question_is_asked_every_two_seconds),
        SCENE(only_an_answer_with_our_nonce_counts),
        SCENE(a_refusal_is_told_and_the_next_question_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
