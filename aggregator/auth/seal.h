/*
 * Secrets of the configuration (SNMP communities and the like) at rest: sealed with a key in the
 * centre's folder, so that the database and its backups alone do not give them away. libsodium's
 * secretbox (XSalsa20-Poly1305) with a random nonce; the text form is base64url. Any thread.
 */
#pragma once

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

enum { SEAL_PLAIN_MAX = 1024, SEAL_TEXT_SIZE = 1536 };

struct seal_key {
    uint8_t bytes[32]; /* secret: seal_key_done wipes it */
};

/* Reads DIR/config.key, or makes it: centres from before there was one have none. */
int seal_key_load(struct seal_key *key, const char *dir, struct err *e);
void seal_key_done(struct seal_key *key);
/* buf of SEAL_TEXT_SIZE; text of at most SEAL_PLAIN_MAX bytes. */
int seal_close(const struct seal_key *key, const char *text, char *buf, struct err *e);
/* buf of SEAL_PLAIN_MAX + 1, a secret then; -1 and e when it was sealed by another key. */
int seal_open(const struct seal_key *key, const char *sealed, char *buf, struct err *e);
