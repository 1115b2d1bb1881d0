/*
 * NATS identities: NKeys (Ed25519, base32 with CRC16) and the JWTs of operator, account and
 * user (alg "ed25519-nkey"), minted and checked by us. Any thread; no state.
 * Source: NATS NKeys and JWT documentation; figures in docs/decisions.
 */
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nkey_kind { NKEY_OPERATOR, NKEY_ACCOUNT, NKEY_USER };
enum { NKEY_TEXT_SIZE = 64, NKEY_SEED_SIZE = 64, CREDS_JWT_SIZE = 4096 };

struct nkey {
    enum nkey_kind kind;
    uint8_t seed[32]; /* secret: nkey_done wipes it */
    uint8_t public[32];
};

int nkey_make(struct nkey *key, enum nkey_kind kind, struct err *e);
void nkey_done(struct nkey *key);
/* "O…", "A…" or "U…" into buf of NKEY_TEXT_SIZE. */
char *nkey_public_text(const struct nkey *key, char *buf);
/* "SO…", "SA…", "SU…" into buf of NKEY_SEED_SIZE: secret, wipe after use. */
char *nkey_seed_text(const struct nkey *key, char *buf);
int nkey_from_seed(struct nkey *key, const char *seed, struct err *e);
/* True when text is a well-formed public key of that kind (prefix, length, CRC). */
bool nkey_public_is_valid(const char *text, enum nkey_kind kind);
/* 64 bytes of Ed25519 signature. */
int nkey_sign(const struct nkey *key, const void *bytes, size_t len, uint8_t signature[64],
              struct err *e);
bool nkey_verify(const char *public_text, const void *bytes, size_t len,
                 const uint8_t signature[64]);
/* Seed files: mode 0600, atomically replaced; reading refuses files that others may read. */
int nkey_save(const struct nkey *key, const char *path, struct err *e);
int nkey_load(struct nkey *key, const char *path, struct err *e);

/* The scopes of DESIGN: what a user JWT of each may do is fixed by its scoped signing key. */
enum creds_scope { SCOPE_AGENT, SCOPE_ENROL, SCOPE_CORE };

/* Texts of new JWTs into buf of CREDS_JWT_SIZE (may be larger: size is given). 0 or -1 with e. */
int creds_operator_jwt(const struct nkey *oper, const char *oper_signing_public,
                       const char *system_account_public, char *buf, size_t size, struct err *e);
/*
 * The second up to which the identities of a revoked key are refused: for ever, since one may be
 * renewed in the very moment of its revocation, and no revoked key comes back. (End of 9999.)
 */
#define CREDS_REVOKED_UNTIL_S 253402300799ll
/* revoked: pairs of (user public key, unix second) as a JSON object text, or NULL. */
struct creds_account {
    const char *name;
    const char *public;
    const char *signing_agents, *signing_enrol, *signing_core; /* NULL for the system account */
    const char *revocations_json;                              /* {"U…": seconds, …} or NULL */
};
int creds_account_jwt(const struct creds_account *a, const struct nkey *signer, char *buf,
                      size_t size, struct err *e);
/*
 * A user of `name` under the account, signed by the scoped key. expires_s: unix seconds or 0.
 * Enrol users are bearer tokens: their scope frees them from signing, so user_public is a key
 * made for this one token, whose private half is thrown away.
 */
int creds_user_jwt(const char *name, const char *user_public, enum creds_scope scope,
                   const char *account_public, const struct nkey *signer, uint64_t expires_s,
                   char *buf, size_t size, struct err *e);
/* A user of the system account (no scope; signed by the account key itself). */
int creds_system_user_jwt(const char *name, const char *user_public, const char *account_public,
                          const struct nkey *signer, char *buf, size_t size, struct err *e);
/* Reads claims without checking the signature (the NATS server does). Any member may be NULL. */
struct creds_claims {
    char name[64];
    char sub[NKEY_TEXT_SIZE];
    char issuer[NKEY_TEXT_SIZE];
    uint64_t issued_s, expires_s;
};
int creds_jwt_claims(const char *jwt, struct creds_claims *claims, struct err *e);
/* Hex SHA-256 of text into buf of 65 bytes. */
char *creds_sha256_hex(const void *bytes, size_t len, char *buf);
