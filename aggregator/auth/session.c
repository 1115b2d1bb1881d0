/* Session ids, their derived values, and the table of valid sessions behind one lock. */
#include "aggregator/auth/session.h"

#include "common/table.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { ID_BYTES = 32 };

struct session_store {
    pthread_mutex_t lock;
    struct table *table; /* of struct entry, by hash */
};

struct entry {
    struct session session; /* begins with its key, the hash */
    uint64_t checked_ms;
};

int session_id_make(char *buf, struct err *e)
{
    if (sodium_init() < 0) {
        return err_set(e, ERR_IO, "libsodium cannot be initialised");
    }
    unsigned char bytes[ID_BYTES];
    randombytes_buf(bytes, sizeof bytes);
    (void)sodium_bin2base64(buf, SESSION_ID_SIZE, bytes, sizeof bytes,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING); /* returns buf */
    sodium_memzero(bytes, sizeof bytes);
    return 0;
}

bool session_id_is_valid(const char *text)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t len = strnlen(text, SESSION_ID_SIZE);
    return len == SESSION_ID_SIZE - 1 && strspn(text, alphabet) == len;
}

char *session_hash(const char *id, char *buf)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256(digest, (const unsigned char *)id, strlen(id)); /* always 0 */
    return sodium_bin2hex(buf, SESSION_HASH_SIZE, digest, sizeof digest);
}

char *session_csrf(const char *id, char *buf)
{
    static const unsigned char purpose[] = "picket csrf";
    unsigned char digest[ID_BYTES];
    /* Keyed BLAKE2b: whoever knows the token cannot work back to the id. */
    (void)crypto_generichash(digest, sizeof digest, purpose, sizeof purpose - 1,
                             (const unsigned char *)id, strlen(id)); /* lengths are in range */
    return sodium_bin2base64(buf, SESSION_CSRF_SIZE, digest, sizeof digest,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool session_csrf_matches(const char *id, const char *token)
{
    char expected[SESSION_CSRF_SIZE];
    (void)session_csrf(id, expected);
    return strlen(token) == sizeof expected - 1 &&
           sodium_memcmp(token, expected, sizeof expected - 1) == 0;
}

uint64_t session_ends_ms(const struct session *session)
{
    uint64_t idle = session->used_ms + SESSION_IDLE_MS;
    uint64_t life = session->created_ms + SESSION_LIFE_MS;
    return idle < life ? idle : life;
}

struct session_store *session_store_new(size_t max, struct err *e)
{
    struct session_store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for sessions");
        return NULL;
    }
    store->table = table_new(SESSION_HASH_SIZE, sizeof(struct entry), max, e);
    if (store->table == NULL) {
        free(store);
        return NULL;
    }
    (void)pthread_mutex_init(&store->lock, NULL); /* default attributes cannot fail */
    return store;
}

void session_store_free(struct session_store *store)
{
    if (store != NULL) {
        table_free(store->table);
        (void)pthread_mutex_destroy(&store->lock);
        free(store);
    }
}

/* Copies a hash into a key without bytes of chance behind its end. */
static void key_of(const char *hash, char key[SESSION_HASH_SIZE])
{
    memset(key, 0, SESSION_HASH_SIZE);
    memcpy(key, hash, strnlen(hash, SESSION_HASH_SIZE - 1));
}

enum session_found session_store_use(struct session_store *store, const char *hash, uint64_t now_ms,
                                     struct session *out)
{
    char key[SESSION_HASH_SIZE];
    key_of(hash, key);
    enum session_found found = SESSION_UNKNOWN;
    (void)pthread_mutex_lock(&store->lock);
    struct entry *entry = table_get(store->table, key);
    if (entry != NULL && session_ends_ms(&entry->session) > now_ms) {
        entry->session.used_ms = now_ms;
        found = SESSION_VALID;
        if (now_ms >= entry->checked_ms + SESSION_CHECK_MS) {
            entry->checked_ms = now_ms; /* nobody else asks for the next minute */
            found = SESSION_STALE;
        }
        *out = entry->session;
    }
    (void)pthread_mutex_unlock(&store->lock);
    return found;
}

static void remove_ended(struct table *table, uint64_t now_ms)
{
    size_t at = 0;
    for (struct entry *entry; (entry = table_next(table, &at)) != NULL;) {
        if (session_ends_ms(&entry->session) <= now_ms) {
            (void)table_remove(table, entry->session.hash); /* it was just seen */
        }
    }
}

bool session_store_put(struct session_store *store, const struct session *session, uint64_t now_ms)
{
    struct session clean = *session;
    key_of(session->hash, clean.hash);
    bool made = false;
    (void)pthread_mutex_lock(&store->lock);
    struct entry *entry = table_put(store->table, clean.hash, &made);
    if (entry == NULL) {
        remove_ended(store->table, now_ms);
        entry = table_put(store->table, clean.hash, &made);
    }
    if (entry != NULL) {
        if (!made && entry->session.used_ms > clean.used_ms) {
            clean.used_ms = entry->session.used_ms;
        }
        *entry = (struct entry){.session = clean, .checked_ms = now_ms};
    }
    (void)pthread_mutex_unlock(&store->lock);
    return entry != NULL;
}

void session_store_remove(struct session_store *store, const char *hash)
{
    char key[SESSION_HASH_SIZE];
    key_of(hash, key);
    (void)pthread_mutex_lock(&store->lock);
    (void)table_remove(store->table, key); /* gone already is as well */
    (void)pthread_mutex_unlock(&store->lock);
}
