/* Texts that say who somebody is: subjects, keys and JWTs from outside. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "common/creds.h"
#include "common/token.h"
#include "common/wire/subjects.h"

static void check_subject(const char *text)
{
    char again[SUBJECT_SIZE];
    struct subject_parts parts;
    if (subject_parse_up(text, &parts)) {
        FUZZ_CHECK(name_is_valid(parts.name) && parts.shard < SHARD_COUNT);
        subject_up(again, sizeof again, parts.name, parts.word);
        FUZZ_CHECK(parts.shard != shard_of(parts.name) || strcmp(again, text) == 0);
    }
    if (subject_parse_name(text, "pk.v1.enrol.", &parts)) {
        FUZZ_CHECK(name_is_valid(parts.name));
    }
}

static void check_key(const char *text)
{
    char again[NKEY_SEED_SIZE];
    struct nkey key;
    if (nkey_from_seed(&key, text, NULL) == 0) {
        FUZZ_CHECK(strcmp(nkey_seed_text(&key, again), text) == 0);
    }
    FUZZ_CHECK(!nkey_public_is_valid(text, NKEY_USER) || text[0] == 'U');
}

static void check_token(const char *text)
{
    struct token_parts parts;
    if (token_split(text, &parts, NULL) == 0) {
        FUZZ_CHECK(strstr(text, parts.jwt) == text + sizeof TOKEN_PREFIX - 1);
        FUZZ_CHECK(parts.ca_pem[0] == '\0' || strncmp(parts.ca_pem, "-----BEGIN", 10) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct creds_claims claims;
    char *text = fuzz_text(bytes, len);
    check_subject(text);
    check_key(text);
    check_token(text);
    if (creds_jwt_claims(text, &claims, NULL) == 0) {
        FUZZ_CHECK(strlen(claims.name) < sizeof claims.name);
    }
    free(text);
    return 0;
}
