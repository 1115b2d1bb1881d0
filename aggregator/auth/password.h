/*
 * Passwords of people: hashed by argon2id (RFC 9106) through libsodium. One call takes 64 MiB and
 * a good part of a second: never on the web thread, and the caller sees to it that few run at once.
 */
#pragma once

#include "common/err.h"

#include <stdbool.h>

enum { PASSWORD_MIN = 10, PASSWORD_MAX = 256, PASSWORD_HASH_SIZE = 128 };

/* Says what is wrong with a new password: 0, or -1 and e. */
int password_check(const char *password, struct err *e);

/* Text of a new salted hash into hash of PASSWORD_HASH_SIZE. 0, or -1 and e. */
int password_hash(const char *password, char *hash, struct err *e);

/*
 * True when the password made this hash. hash may be NULL (no such user): the same work is done
 * and the answer is false, so that the time does not tell who exists.
 */
bool password_matches(const char *hash, const char *password);
