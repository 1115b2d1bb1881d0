#include "agent/alert/storm.h"

#include "common/clock.h"
#include "common/table.h"

#include <stdio.h>
#include <stdlib.h>

struct storm_key {
    struct addr client;
    struct addr server;
    uint16_t kind;
    uint16_t server_port;
    uint16_t vlan;
    uint8_t family;
    uint8_t protocol;
    char key[ALERT_KEY_SIZE]; /* such as the rule that was broken; padded with zeros */
};
_Static_assert(sizeof(struct storm_key) == 40 + ALERT_KEY_SIZE,
               "a table key has no hidden padding");

struct storm_entry {
    struct storm_key key;
    uint64_t since_ns;
    uint64_t held; /* alerts held back since then */
    struct wire_alert last;
};

struct storm {
    struct table *entries;
    storm_fn take;
    void *arg;
    uint64_t passed;
    uint64_t refused;
};

struct storm *storm_new(storm_fn take, void *arg, struct err *e)
{
    struct storm *s = calloc(1, sizeof *s);
    if (s == NULL) {
        (void)err_set(e, ERR_NOMEM, "flow alerts");
        return NULL;
    }
    s->take = take;
    s->arg = arg;
    s->entries = table_new(sizeof(struct storm_key), sizeof(struct storm_entry), STORM_KEYS_MAX, e);
    if (s->entries == NULL) {
        (void)err_wrap(e, "flow alerts");
        free(s);
        return NULL;
    }
    return s;
}

void storm_free(struct storm *s)
{
    if (s == NULL) {
        return;
    }
    table_free(s->entries);
    free(s);
}

void storm_add(struct storm *s, const struct wire_alert *alert)
{
    struct storm_key key = {
        .client = alert->flow.client,
        .server = alert->flow.server,
        .kind = alert->kind,
        .server_port = alert->flow.server_port,
        .vlan = alert->flow.vlan,
        .family = alert->flow.family,
        .protocol = alert->flow.protocol,
    };
    (void)snprintf(key.key, sizeof key.key, "%s", alert->key); /* of the same size */
    bool made = false;
    struct storm_entry *entry = table_put(s->entries, &key, &made);
    if (entry == NULL) {
        s->refused++;
        return;
    }
    entry->last = *alert;
    if (!made) {
        entry->held++;
        return;
    }
    entry->since_ns = alert->at_ns;
    s->passed++;
    s->take(alert, s->arg);
}

static void summary_put(struct storm *s, const struct storm_entry *entry, uint64_t now_ns)
{
    const char *detail = entry->last.detail;
    struct wire_alert alert = entry->last;
    alert.at_ns = alert.since_ns = now_ns;
    (void)snprintf(alert.detail, sizeof alert.detail,
                   "%.400s%sseen %llu times more within %d s, told together; this is the last",
                   detail, detail[0] != '\0' ? "; " : "", (unsigned long long)entry->held,
                   STORM_WINDOW_S);
    s->take(&alert, s->arg);
}

/* Tells the entries whose minute is over by now; keeps those that were busy for another one. */
static void storm_end(struct storm *s, uint64_t now_ns, uint64_t window_ns)
{
    size_t at = 0;
    for (struct storm_entry *entry = table_next(s->entries, &at); entry != NULL;
         entry = table_next(s->entries, &at)) {
        if (!clock_is_due(now_ns, entry->since_ns, window_ns)) {
            continue;
        }
        if (entry->held == 0) {
            struct storm_key key = entry->key;
            (void)table_remove(s->entries, &key); /* it is there: we stand on it */
            continue;
        }
        summary_put(s, entry, now_ns);
        entry->held = 0;
        entry->since_ns = now_ns;
    }
}

void storm_tick(struct storm *s, uint64_t now_ns)
{
    storm_end(s, now_ns, (uint64_t)STORM_WINDOW_S * NS_PER_S);
}

void storm_flush(struct storm *s, uint64_t now_ns)
{
    storm_end(s, now_ns, 0);
}

uint64_t storm_passed(const struct storm *s)
{
    return s->passed;
}

uint64_t storm_refused(const struct storm *s)
{
    return s->refused;
}
