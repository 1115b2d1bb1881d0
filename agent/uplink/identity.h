/*
 * Who this agent is: an NKey that it made itself and whose private half never leaves the state
 * folder, the JWT that the centre gave for it, and, until then, the token that asks for one. And
 * who the centre is: the public half of the key that it signs configuration with.
 * Called by uplink.c on the loop's thread.
 */
#pragma once

#include "common/creds.h"
#include "common/err.h"
#include "common/token.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IDENTITY_PATH_SIZE = 1024, IDENTITY_TOKEN_SIZE = CREDS_JWT_SIZE };

struct identity {
    char dir[IDENTITY_PATH_SIZE];
    const char *name; /* the instance; borrowed */
    struct nkey key;
    bool key_kept;                  /* the key is on disk */
    char jwt[CREDS_JWT_SIZE];       /* "" until enrolled */
    uint64_t issued_s;              /* of the JWT, unix seconds… */
    uint64_t expires_s;             /* …0: never */
    char token_hash[65];            /* hex SHA-256 of the token that made it; "" not known */
    char ca_pem[TOKEN_CA_PEM_SIZE]; /* the authority that came with the token, "" for none */
    char centre[NKEY_TEXT_SIZE];    /* the centre's command key; "" until it has told it */
};

/* Reads STATE_DIR/identity, or makes it with a new key. */
int identity_open(struct identity *id, const char *state_dir, const char *name, struct err *e);
/* Wipes the key from memory. */
void identity_done(struct identity *id);
bool identity_is_enrolled(const struct identity *id);
/*
 * Keeps the JWT that the centre gave, its command key ("": it told none), ca_pem and the hash of
 * the token; refuses a JWT that is not for our key and name.
 */
int identity_enrol(struct identity *id, const char *jwt, const char *centre, const char *token_hash,
                   struct err *e);
/* Keeps a JWT that the centre gave for longer; refuses one that is not for our key and name. */
int identity_renew(struct identity *id, const char *jwt, struct err *e);
/* When two thirds of its life are over, unix seconds; UINT64_MAX for one that never expires. */
uint64_t identity_renewal_s(const struct identity *id);
/*
 * Begins anew with a key that was never used: what is on disk stays until identity_enrol. For an
 * identity that the server refuses.
 */
int identity_forget(struct identity *id, struct err *e);
/* Takes back what is on disk. */
int identity_recall(struct identity *id, struct err *e);
/*
 * Keeps the centre's command key when none is known yet, for agents that enrolled before there was
 * one. Refuses another key than the known one: only a new enrolment changes it.
 */
int identity_pin(struct identity *id, const char *centre, struct err *e);

/*
 * Reads the enrolment token from the file, or from PICKET_TOKEN when file is NULL or "".
 * buf of IDENTITY_TOKEN_SIZE holds a secret then.
 */
int identity_token(const char *file, char *buf, struct err *e);
/*
 * Takes the token apart; refuses one that cannot be one of the centre's, or was made for another
 * agent. parts holds a secret then.
 */
int identity_token_split(const char *token, const char *name, struct token_parts *parts,
                         struct err *e);
