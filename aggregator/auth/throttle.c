/* A table of recent failures; what has been quiet long enough makes room for others. */
#include "aggregator/auth/throttle.h"

#include "common/table.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_SIZE = 72, ENTRIES_MAX = 8192 };

struct entry {
    char key[KEY_SIZE];
    unsigned failures;
    uint64_t last_ms;  /* the latest failure */
    uint64_t until_ms; /* tries before this time are refused */
};

struct throttle {
    pthread_mutex_t lock;
    struct table *table;
};

struct throttle *throttle_new(struct err *e)
{
    struct throttle *t = calloc(1, sizeof *t);
    if (t == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory to count refused sign-ins");
        return NULL;
    }
    t->table = table_new(KEY_SIZE, sizeof(struct entry), ENTRIES_MAX, e);
    if (t->table == NULL) {
        free(t);
        return NULL;
    }
    (void)pthread_mutex_init(&t->lock, NULL); /* default attributes cannot fail */
    return t;
}

void throttle_free(struct throttle *t)
{
    if (t != NULL) {
        table_free(t->table);
        (void)pthread_mutex_destroy(&t->lock);
        free(t);
    }
}

static void key_of(enum throttle_kind kind, const char *name, char key[KEY_SIZE])
{
    memset(key, 0, KEY_SIZE);
    (void)snprintf(key, KEY_SIZE, "%c%s", (char)kind, name); /* longer names share a count */
}

static bool is_over(const struct entry *entry, uint64_t now_ms)
{
    return now_ms >= entry->until_ms && now_ms >= entry->last_ms + THROTTLE_WINDOW_MS;
}

/* Room for one more: the quiet ones go, and if none is quiet, the one quiet for longest. */
static void make_room(struct table *table, uint64_t now_ms)
{
    char oldest_key[KEY_SIZE] = "";
    uint64_t oldest_ms = UINT64_MAX;
    size_t before = table_count(table);
    size_t at = 0;
    for (struct entry *entry; (entry = table_next(table, &at)) != NULL;) {
        if (is_over(entry, now_ms)) {
            (void)table_remove(table, entry->key); /* it was just seen */
        } else if (entry->last_ms < oldest_ms) {
            oldest_ms = entry->last_ms;
            memcpy(oldest_key, entry->key, sizeof oldest_key);
        }
    }
    if (table_count(table) == before) {
        (void)table_remove(table, oldest_key); /* likewise */
    }
}

uint64_t throttle_wait_ms(struct throttle *t, enum throttle_kind kind, const char *name,
                          uint64_t now_ms)
{
    char key[KEY_SIZE];
    key_of(kind, name, key);
    (void)pthread_mutex_lock(&t->lock);
    const struct entry *entry = table_get(t->table, key);
    uint64_t wait = entry != NULL && entry->until_ms > now_ms ? entry->until_ms - now_ms : 0;
    (void)pthread_mutex_unlock(&t->lock);
    return wait;
}

/* A minute after the fifth failure; for an address twice as long after each further one. */
static uint64_t penalty_ms(enum throttle_kind kind, unsigned failures)
{
    if (failures < THROTTLE_FREE_TRIES) {
        return 0;
    }
    uint64_t penalty = THROTTLE_WINDOW_MS;
    unsigned doublings = kind == THROTTLE_ADDRESS ? failures - THROTTLE_FREE_TRIES : 0;
    for (; doublings > 0 && penalty < THROTTLE_ADDRESS_MAX_MS; doublings--) {
        penalty *= 2;
    }
    return penalty < THROTTLE_ADDRESS_MAX_MS ? penalty : THROTTLE_ADDRESS_MAX_MS;
}

void throttle_failed(struct throttle *t, enum throttle_kind kind, const char *name, uint64_t now_ms)
{
    char key[KEY_SIZE];
    key_of(kind, name, key);
    bool made = false;
    (void)pthread_mutex_lock(&t->lock);
    struct entry *entry = table_put(t->table, key, &made);
    if (entry == NULL) {
        make_room(t->table, now_ms);
        entry = table_put(t->table, key, &made);
    }
    if (entry != NULL) {
        /* After a penalty the count goes on for a while: that is what makes it grow. */
        if (!made && now_ms >= entry->until_ms + THROTTLE_WINDOW_MS &&
            now_ms >= entry->last_ms + THROTTLE_WINDOW_MS) {
            entry->failures = 0;
        }
        entry->failures++;
        entry->last_ms = now_ms;
        entry->until_ms = now_ms + penalty_ms(kind, entry->failures);
    }
    (void)pthread_mutex_unlock(&t->lock);
}

void throttle_succeeded(struct throttle *t, enum throttle_kind kind, const char *name)
{
    char key[KEY_SIZE];
    key_of(kind, name, key);
    (void)pthread_mutex_lock(&t->lock);
    (void)table_remove(t->table, key); /* there need not be one */
    (void)pthread_mutex_unlock(&t->lock);
}
