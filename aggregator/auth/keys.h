/*
 * The centre's folder of keys: made once by `picketctl init`, read by the aggregator, which mints
 * with it the tokens and identities of agents and re-signs the account when one is revoked. The
 * files and what each is for stand in docs/operations.md.
 */
#pragma once

#include "common/creds.h"
#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

enum {
    KEYS_TOKEN_SIZE = CREDS_JWT_SIZE,
    KEYS_TOKEN_DEFAULT_S = 24 * 3600,   /* seconds that a token lives unless said otherwise */
    KEYS_ACCOUNT_JWT_SIZE = 256 * 1024, /* room for a few thousand revocations */
};

struct keys_plan {
    const char *dir;          /* made when missing; must not hold keys yet */
    const char *const *names; /* host names and addresses in the server's certificate */
    size_t name_count;
    const char *resolver_dir; /* as nats-server will see DIR/nats/jwt; NULL: by its full path */
};

/*
 * Writes everything, each file with mode 0600 and never over an existing one. On failure the
 * folder may be half written and is to be emptied.
 */
int keys_init(const struct keys_plan *plan, struct err *e);

/* A user of the account that the aggregator itself logs in as. */
struct keys_user {
    char jwt[CREDS_JWT_SIZE];
    struct nkey key;
};

/* What the aggregator holds in memory: secrets, so keys_done wipes it. */
struct keys {
    struct keys_user core;   /* for the bus: reads up, rsp, enrol; writes dn, enrolled */
    struct keys_user system; /* of the system account: presence and revocation */
    struct nkey operator_signing;
    struct nkey agents, enrol; /* scoped signing keys */
    struct nkey command;       /* signs commands and configuration */
    char account_public[NKEY_TEXT_SIZE];
    char core_signing_public[NKEY_TEXT_SIZE];
};

int keys_load(struct keys *keys, const char *dir, struct err *e);
void keys_done(struct keys *keys);

/*
 * A new token for the instance `name`: "pkt1." and a bearer JWT that may do nothing but enrol it.
 * expires_s: unix seconds. Shown once; the database keeps creds_sha256_hex of the whole text.
 */
int keys_token_new(const struct keys *keys, const char *name, uint64_t expires_s, char *buf,
                   size_t size, struct err *e);
/* The identity of an enrolled agent, for the public user NKey that it made. Unix seconds. */
int keys_agent_jwt(const struct keys *keys, const char *name, const char *nkey_public,
                   uint64_t expires_s, char *buf, size_t size, struct err *e);

/*
 * The account's JWT with its list of revoked users, {"U…": unix seconds, …} or NULL: every
 * identity of such a user that was issued up to that second is refused. To be sent as the request
 * KEYS_UPDATE_SUBJECT with the system user; keys_update_check reads the answer.
 */
#define KEYS_UPDATE_SUBJECT "$SYS.REQ.CLAIMS.UPDATE"
int keys_account_jwt(const struct keys *keys, const char *revocations_json, char *buf, size_t size,
                     struct err *e);
int keys_update_check(const void *answer, size_t len, struct err *e);
