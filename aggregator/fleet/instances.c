/* Tables hold pointers, as entries of a table move; instances themselves stay where they are. */
#include "aggregator/fleet/instances.h"

#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COPY_TEXT(to, from)                                                                        \
    ((void)snprintf((to), sizeof(to), "%s", (from))) /* of the same size                           \
                                                      */

struct name_entry {
    char name[NAME_MAX_LEN + 1];
    struct instance *instance;
};

struct id_entry {
    int32_t id;
    struct instance *instance;
};

int instances_init(struct instances *set, struct err *e)
{
    *set = (struct instances){0};
    set->by_name = table_new(NAME_MAX_LEN + 1, sizeof(struct name_entry), INSTANCES_MAX, e);
    set->by_id = table_new(sizeof(int32_t), sizeof(struct id_entry), INSTANCES_MAX, e);
    set->keys = table_new(NKEY_SIZE, sizeof(struct key), KEYS_MAX, e);
    if (set->by_name == NULL || set->by_id == NULL || set->keys == NULL) {
        instances_done(set);
        return -1;
    }
    return 0;
}

void instances_done(struct instances *set)
{
    for (unsigned i = 0; i < set->count; i++) {
        free(set->all[i]);
    }
    free(set->all);
    table_free(set->by_name);
    table_free(set->by_id);
    table_free(set->keys);
    *set = (struct instances){0};
}

struct instance *instances_by_name(const struct instances *set, const char *name)
{
    char key[NAME_MAX_LEN + 1] = {0};
    COPY_TEXT(key, name);
    const struct name_entry *entry = table_get(set->by_name, key);
    return entry != NULL ? entry->instance : NULL;
}

struct instance *instances_by_id(const struct instances *set, int32_t id)
{
    const struct id_entry *entry = table_get(set->by_id, &id);
    return entry != NULL ? entry->instance : NULL;
}

struct instance *instances_by_key(const struct instances *set, const char *nkey)
{
    char text[NKEY_SIZE] = {0};
    COPY_TEXT(text, nkey);
    const struct key *key = table_get(set->keys, text);
    return key != NULL && key->revoked_s == 0 ? instances_by_id(set, key->instance_id) : NULL;
}

static bool instances_room(struct instances *set)
{
    if (set->count < set->size) {
        return true;
    }
    unsigned size = set->size == 0 ? 64 : set->size * 2;
    struct instance **all = realloc(set->all, size * sizeof(struct instance *));
    if (all == NULL) {
        return false;
    }
    set->all = all;
    set->size = size;
    return true;
}

static void instance_from_row(struct instance *i, const struct instance_row *row)
{
    i->id = row->id;
    memcpy(i->name, row->name, sizeof i->name);
    memcpy(i->title, row->title, sizeof i->title);
    memcpy(i->site, row->site, sizeof i->site);
    memcpy(i->version, row->version, sizeof i->version);
    i->centre_alerts = row->centre_alerts;
    i->skew_told = row->skewed;
    i->outage_told = row->state == PRESENCE_UNREACHABLE && row->centre_alerts > 0;
    i->config = row->config;
    i->seen_noted_ms = row->last_seen_ms;
    i->unseen_client = true;
    i->presence = (struct presence){
        .state = row->state != 0 ? row->state : PRESENCE_INVITED,
        .cause = row->cause,
        .reasons = row->reasons,
        .heard_ms = row->last_seen_ms,
        .since_ms = row->state_since_ms,
        .outage_from_ms = row->outage_from_ms,
        .has_outage = row->has_outage,
        .outage_ms = row->outage_ms,
    };
}

struct instance *instances_add(struct instances *set, const struct instance_row *row)
{
    bool made = false;
    struct instance *i = calloc(1, sizeof *i);
    struct name_entry *name =
        i != NULL && instances_room(set) ? table_put(set->by_name, row->name, &made) : NULL;
    struct id_entry *id = name != NULL ? table_put(set->by_id, &row->id, &made) : NULL;
    if (id == NULL) {
        if (name != NULL) {
            (void)table_remove(set->by_name, row->name); /* it is there */
        }
        free(i);
        return NULL;
    }
    instance_from_row(i, row);
    name->instance = i;
    id->instance = i;
    set->all[set->count++] = i;
    return i;
}

int instances_add_key(struct instances *set, const struct key_row *row)
{
    char text[NKEY_SIZE] = {0};
    bool made = false;
    COPY_TEXT(text, row->nkey);
    struct key *key = table_put(set->keys, text, &made);
    if (key == NULL) {
        return -1;
    }
    key->instance_id = row->instance_id;
    key->revoked_s = row->revoked_s;
    return 0;
}

int instances_set_keys(struct instances *set, const struct key_row *rows, unsigned count)
{
    int result = 0;
    table_clear(set->keys);
    for (unsigned i = 0; i < count; i++) {
        if (instances_add_key(set, &rows[i]) != 0) {
            result = -1;
        }
    }
    return result;
}

unsigned instances_count_revoked(const struct instances *set)
{
    unsigned count = 0;
    size_t at = 0;
    for (const struct key *key; (key = table_next(set->keys, &at)) != NULL;) {
        count += key->revoked_s != 0;
    }
    return count;
}

bool instances_has_good_key(const struct instances *set, int32_t id)
{
    size_t at = 0;
    for (const struct key *key; (key = table_next(set->keys, &at)) != NULL;) {
        if (key->instance_id == id && key->revoked_s == 0) {
            return true;
        }
    }
    return false;
}

static void client_remove(struct instance *i, unsigned at)
{
    i->client_count--;
    memmove(i->clients + at, i->clients + at + 1, (i->client_count - at) * sizeof i->clients[0]);
}

void instance_client_came(struct instance *i, uint64_t client)
{
    if (i->client_count == CLIENTS_MAX) {
        client_remove(i, 0);
    }
    i->clients[i->client_count++] = client;
}

bool instance_client_went(struct instance *i, uint64_t client)
{
    unsigned at = 0;
    while (at < i->client_count && i->clients[at] != client) {
        at++;
    }
    if (at < i->client_count) {
        client_remove(i, at);
    } else {
        i->unseen_client = false; /* this was it */
    }
    return i->client_count == 0 && !i->unseen_client;
}

void instance_client_greeted(struct instance *i)
{
    i->unseen_client = i->unseen_client && i->client_count == 0;
}

void instance_clients_unknown(struct instance *i)
{
    i->client_count = 0;
    i->unseen_client = true;
}

int32_t instance_skew(struct instance *i, int64_t skew_ms)
{
    int64_t most = INT32_MAX;
    int64_t held = skew_ms > most ? most : skew_ms < -most ? -most : skew_ms;
    i->skew_ms[i->skew_count++ % SKEW_BEATS] = (int32_t)held;
    unsigned count = i->skew_count < SKEW_BEATS ? i->skew_count : SKEW_BEATS;
    for (unsigned k = 0; k < count; k++) {
        unsigned below = 0, same = 0;
        for (unsigned n = 0; n < count; n++) {
            below += i->skew_ms[n] < i->skew_ms[k];
            same += i->skew_ms[n] == i->skew_ms[k];
        }
        if (below <= (count - 1) / 2 && below + same > (count - 1) / 2) {
            return i->skew_ms[k];
        }
    }
    return 0; /* not reached: one of them is in the middle */
}

bool instance_boot(struct instance *i, const char *boot, uint64_t now_ns)
{
    if (strcmp(i->boot, boot) == 0) {
        return false;
    }
    bool twin = i->before[0] != '\0' && strcmp(i->before, boot) == 0 &&
                now_ns - i->boot_ns < PRESENCE_TWIN_MS * (uint64_t)NS_PER_MS;
    memcpy(i->before, i->boot, sizeof i->before);
    (void)snprintf(i->boot, sizeof i->boot, "%s", boot); /* of the same size */
    i->boot_ns = now_ns;
    return twin;
}

static void spark_put(struct instance *i, uint64_t bps)
{
    if (i->spark_count == SPARK_POINTS) {
        memmove(i->spark_bps, i->spark_bps + 1, sizeof i->spark_bps - sizeof i->spark_bps[0]);
        i->spark_count--;
    }
    i->spark_bps[i->spark_count++] = bps;
}

void instance_spark(struct instance *i, uint64_t bps, uint64_t now_ns)
{
    const uint64_t period_ns = (uint64_t)HEARTBEAT_PERIOD_MS * NS_PER_MS;
    if (i->spark_ns != 0) {
        uint64_t periods = (now_ns - i->spark_ns + period_ns / 2) / period_ns;
        for (uint64_t missed = 1; missed < periods && missed <= SPARK_POINTS; missed++) {
            spark_put(i, SPARK_NONE);
        }
    }
    spark_put(i, bps);
    i->spark_ns = now_ns;
}

static void fill_beat(struct instance_view *view, const struct heartbeat *beat)
{
    view->uptime_s = beat->uptime_s;
    view->throughput_bps = beat->bps;
    view->packets_pps = beat->pps;
    view->hosts = beat->hosts;
    view->flows = beat->flows;
    view->flow_alerts = beat->flow_alerts;
    view->drops_kernel = beat->drops.kernel;
    view->drops_ring = beat->drops.ring;
    view->drops_table = beat->drops.table;
    view->drops_queue = beat->drops.queue;
    view->drops_spool = beat->drops.spool;
    view->drops_client = beat->drops.client;
    view->drops_half_open = beat->drops.half_open;
    view->drops_early = beat->drops.early;
    view->spool_bytes = beat->spool_bytes;
    view->spool_age_s = beat->spool_age_s;
    view->memory_bytes = beat->rss_bytes;
    view->cpu_permille = beat->cpu_permille;
}

void instance_view_fill(const struct instance *i, struct instance_view *view)
{
    *view = (struct instance_view){
        .id = i->id,
        .state = i->presence.state,
        .cause = i->presence.cause,
        .reasons = i->presence.reasons,
        .state_since_ms = i->presence.since_ms,
        .has_outage = i->presence.has_outage,
        .outage_ms = i->presence.outage_ms,
        .last_seen_ms = i->presence.heard_ms,
        .has_beat = i->has_beat,
        .alerts_engaged = i->centre_alerts + (i->has_beat ? i->beat.engaged : 0),
        .answering = presence_answers(i->presence.state),
        .spark_count = i->spark_count,
        .config = i->config,
    };
    memcpy(view->name, i->name, sizeof view->name);
    memcpy(view->title, i->title, sizeof view->title);
    memcpy(view->site, i->site, sizeof view->site);
    memcpy(view->version, i->version, sizeof view->version);
    memcpy(view->spark_bps, i->spark_bps, sizeof view->spark_bps);
    if (i->has_beat) {
        fill_beat(view, &i->beat);
    }
}
