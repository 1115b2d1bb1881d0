/* argon2id with fixed costs; the text of a hash carries its own parameters. */
#include "aggregator/auth/password.h"

#include <sodium.h>
#include <string.h>

/* RFC 9106, section 4, second recommended option: 3 passes over 64 MiB. */
enum { PASSES = 3, MEMORY = 64 * 1024 * 1024 };

_Static_assert(PASSWORD_HASH_SIZE >= crypto_pwhash_STRBYTES, "the text of a hash fits");

/* A hash of random bytes with the costs above: nobody's password, and the same work to check. */
static const char nobody[] = "$argon2id$v=19$m=65536,t=3,p=1$Od3xqzA2MwZn1Er4PyxhQA$"
                             "f1fVtPQs08x321pTMLqOKwh4sNuRhQ7AdeXhRVWrpu4";

int password_check(const char *password, struct err *e)
{
    size_t len = strlen(password);
    if (len < PASSWORD_MIN || len > PASSWORD_MAX) {
        return err_set(e, ERR_ARG, "a password has %d to %d bytes", PASSWORD_MIN, PASSWORD_MAX);
    }
    return 0;
}

int password_hash(const char *password, char *hash, struct err *e)
{
    if (sodium_init() < 0) {
        return err_set(e, ERR_IO, "libsodium cannot be initialised");
    }
    if (crypto_pwhash_str(hash, password, strlen(password), PASSES, MEMORY) != 0) {
        return err_set(e, ERR_NOMEM, "no memory to hash a password");
    }
    return 0;
}

bool password_matches(const char *hash, const char *password)
{
    if (sodium_init() < 0) {
        return false;
    }
    bool known = hash != NULL;
    bool matches = crypto_pwhash_str_verify(known ? hash : nobody, password, strlen(password)) == 0;
    return known && matches;
}
