/*
 * Sessions of people. The cookie holds 256 random bits; everywhere else only their SHA-256 is
 * known. The store is the memory of valid sessions, so that reading needs no database; the table
 * `session` outlives the process and is asked anew every minute, so that a session ended
 * elsewhere ends here. Any thread; times are UTC milliseconds given by the caller.
 */
#pragma once

#include "aggregator/auth/roles.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SESSION_ID_SIZE = 44,   /* base64url of 32 bytes */
    SESSION_HASH_SIZE = 65, /* hex of SHA-256 */
    SESSION_CSRF_SIZE = 44,
    SESSION_IDLE_MS = 30 * 60 * 1000,      /* ends so long after its last use */
    SESSION_LIFE_MS = 12 * 60 * 60 * 1000, /* ends so long after signing in, used or not */
    SESSION_CHECK_MS = 60 * 1000,          /* how long memory is believed without the database */
};

struct session {
    char hash[SESSION_HASH_SIZE];
    int64_t user_id;
    char user[USER_NAME_MAX + 1];
    enum role role;
    uint64_t created_ms;
    uint64_t used_ms;
};

/* A new random id into buf of SESSION_ID_SIZE. 0, or -1 and e. */
int session_id_make(char *buf, struct err *e);
/* True when text has the form of an id. */
bool session_id_is_valid(const char *text);
/* Hex SHA-256 of an id, into buf of SESSION_HASH_SIZE. */
char *session_hash(const char *id, char *buf);
/* The CSRF token that belongs to an id: derived, so never stored. buf of SESSION_CSRF_SIZE. */
char *session_csrf(const char *id, char *buf);
/* Compares in constant time. */
bool session_csrf_matches(const char *id, const char *token);

/* When a session ends by itself if it is not used from now on. */
uint64_t session_ends_ms(const struct session *session);

struct session_store;

/* Holds at most max sessions. */
struct session_store *session_store_new(size_t max, struct err *e);
void session_store_free(struct session_store *store);

enum session_found {
    SESSION_VALID,
    SESSION_STALE,  /* valid, and the caller is the one who should now ask the database */
    SESSION_UNKNOWN /* or over: the database may know better */
};
/* Looks up by hash; a valid session counts as used now. out is filled unless unknown. */
enum session_found session_store_use(struct session_store *store, const char *hash, uint64_t now_ms,
                                     struct session *out);
/*
 * Keeps a session that the database has just confirmed. False when the store is full of sessions
 * that are all in use.
 */
bool session_store_put(struct session_store *store, const struct session *session, uint64_t now_ms);
void session_store_remove(struct session_store *store, const char *hash);
