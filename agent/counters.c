#include "agent/counters.h"

#include "common/clock.h"
#include "common/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTERVAL_NS ((uint64_t)COUNTER_INTERVAL_S * NS_PER_S)

struct sum {
    uint64_t bytes_in, bytes_out, packets;
    uint32_t flows;
};

struct app_sum {
    char name[PROTO_NAME_SIZE];
    struct sum sum;
};

struct host_sum_key {
    struct addr addr;
    uint16_t vlan;
    uint8_t family;
    uint8_t padding;
};
_Static_assert(sizeof(struct host_sum_key) == 20, "a table key has no hidden padding");

struct host_sum {
    struct host_sum_key key;
    struct sum sum;
};

/* One open interval. */
struct interval {
    uint64_t start_ns;
    struct sum total;
    struct sum sources[COUNTERS_SOURCES_MAX];
    struct table *apps;  /* struct app_sum by name */
    struct table *hosts; /* struct host_sum by host_sum_key */
};

struct counters {
    struct interval current;
    struct interval next; /* begins where current ends: packets of the grace time */
    counter_fn take;
    counters_local_fn is_local;
    void *arg;
    bool begun;       /* the first gauges have been seen: drops before them were others' to tell */
    uint64_t dropped; /* as last seen, like those of the sources */
    uint64_t source_dropped[COUNTERS_SOURCES_MAX];
};

static int interval_init(struct interval *i, uint64_t start_ns, struct err *e)
{
    *i = (struct interval){.start_ns = start_ns};
    i->apps = table_new(PROTO_NAME_SIZE, sizeof(struct app_sum), COUNTERS_APPS_MAX, e);
    i->hosts =
        table_new(sizeof(struct host_sum_key), sizeof(struct host_sum), COUNTERS_HOSTS_MAX, e);
    return i->apps == NULL || i->hosts == NULL ? -1 : 0;
}

static void interval_done(struct interval *i)
{
    table_free(i->apps);
    table_free(i->hosts);
    *i = (struct interval){0};
}

struct counters *counters_new(uint64_t now_ns, counter_fn take, counters_local_fn is_local,
                              void *arg, struct err *e)
{
    struct counters *c = calloc(1, sizeof *c);
    if (c == NULL) {
        (void)err_set(e, ERR_NOMEM, "the counters");
        return NULL;
    }
    c->take = take;
    c->is_local = is_local;
    c->arg = arg;
    uint64_t start_ns = now_ns - now_ns % INTERVAL_NS;
    if (interval_init(&c->current, start_ns, e) != 0 ||
        interval_init(&c->next, start_ns + INTERVAL_NS, e) != 0) {
        (void)err_wrap(e, "the counters");
        counters_free(c);
        return NULL;
    }
    return c;
}

void counters_free(struct counters *c)
{
    if (c == NULL) {
        return;
    }
    interval_done(&c->current);
    interval_done(&c->next);
    free(c);
}

/* in and out as the record's kind sees them. */
static void sum_add(struct sum *sum, const struct account *a, enum flow_dir in)
{
    sum->bytes_in += a->bytes[in];
    sum->bytes_out += a->bytes[in == DIR_S2C ? DIR_C2S : DIR_S2C];
    sum->packets += (uint64_t)a->packets[DIR_C2S] + a->packets[DIR_S2C];
    sum->flows += a->begins ? 1 : 0;
}

static void host_add(struct interval *i, const struct account *a, const struct addr *addr,
                     enum flow_dir in)
{
    struct host_sum_key key = {.addr = *addr, .vlan = a->key.vlan, .family = a->key.family};
    bool made = false;
    struct host_sum *host = table_put(i->hosts, &key, &made);
    if (host != NULL) { /* at the cap it is in the total only */
        sum_add(&host->sum, a, in);
    }
}

static void app_add(struct interval *i, const struct account *a)
{
    char name[PROTO_NAME_SIZE] = {0};
    (void)snprintf(name, sizeof name, "%.*s", PROTO_NAME_SIZE - 1, a->app);
    bool made = false;
    struct app_sum *app = table_put(i->apps, name, &made);
    if (app != NULL) { /* nDPI knows fewer than the cap */
        sum_add(&app->sum, a, DIR_S2C);
    }
}

void counters_account(struct counters *c, const struct account *a)
{
    if (account_only_ends(a)) {
        return; /* nothing to count */
    }
    struct interval *i = a->at_ns < c->next.start_ns ? &c->current : &c->next;
    sum_add(&i->total, a, DIR_S2C);
    if (a->source < COUNTERS_SOURCES_MAX) {
        sum_add(&i->sources[a->source], a, DIR_S2C);
    }
    app_add(i, a);
    host_add(i, a, &a->key.client, DIR_S2C);
    host_add(i, a, &a->key.server, DIR_C2S);
}

static struct counter_record record_of(const struct interval *i, enum counter_kind kind,
                                       const struct sum *sum)
{
    return (struct counter_record){
        .kind = (uint8_t)kind,
        .start_ns = i->start_ns,
        .seconds = COUNTER_INTERVAL_S,
        .bytes_in = sum->bytes_in,
        .bytes_out = sum->bytes_out,
        .packets = sum->packets,
        .flows = sum->flows,
    };
}

static void tell_total(struct counters *c, const struct counters_gauges *gauges)
{
    struct counter_record r = record_of(&c->current, COUNTER_TOTAL, &c->current.total);
    r.flows = gauges->flows;
    r.hosts = gauges->hosts;
    r.dropped = gauges->dropped - c->dropped;
    c->dropped = gauges->dropped;
    c->take(&r, c->arg);
}

static void tell_sources(struct counters *c, const struct counters_gauges *gauges)
{
    for (size_t s = 0; s < gauges->source_count && s < COUNTERS_SOURCES_MAX; s++) {
        struct counter_record r = record_of(&c->current, COUNTER_INTERFACE, &c->current.sources[s]);
        (void)snprintf(r.name, sizeof r.name, "%s", gauges->sources[s].name);
        r.dropped = gauges->sources[s].dropped - c->source_dropped[s];
        c->source_dropped[s] = gauges->sources[s].dropped;
        c->take(&r, c->arg);
    }
}

/* Most bytes first; equal ones in the order of their keys, so that output is always the same. */
static int sum_compare(const struct sum *a, const struct sum *b)
{
    uint64_t bytes_a = a->bytes_in + a->bytes_out;
    uint64_t bytes_b = b->bytes_in + b->bytes_out;
    return bytes_a > bytes_b ? -1 : bytes_a < bytes_b;
}

static int app_compare(const void *a, const void *b)
{
    const struct app_sum *left = *(struct app_sum *const *)a;
    const struct app_sum *right = *(struct app_sum *const *)b;
    int order = sum_compare(&left->sum, &right->sum);
    return order != 0 ? order : strcmp(left->name, right->name);
}

static int host_compare(const void *a, const void *b)
{
    const struct host_sum *left = *(struct host_sum *const *)a;
    const struct host_sum *right = *(struct host_sum *const *)b;
    int order = sum_compare(&left->sum, &right->sum);
    return order != 0 ? order : memcmp(&left->key, &right->key, sizeof left->key);
}

/* The table's entries in order, *count of them; the caller frees the list. NULL without memory. */
static void **sorted(struct table *table, int (*compare)(const void *, const void *), size_t *count)
{
    *count = table_count(table);
    void **list = calloc(*count + 1, sizeof *list);
    if (list == NULL) {
        *count = 0;
        return NULL;
    }
    size_t at = 0;
    for (size_t i = 0; i < *count; i++) {
        list[i] = table_next(table, &at);
    }
    qsort(list, *count, sizeof *list, compare);
    return list;
}

static void tell_apps(struct counters *c)
{
    size_t count = 0;
    void **list = sorted(c->current.apps, app_compare, &count);
    for (size_t i = 0; i < count && i < COUNTERS_APPS; i++) {
        const struct app_sum *app = list[i];
        struct counter_record r = record_of(&c->current, COUNTER_APP, &app->sum);
        memcpy(r.name, app->name, sizeof r.name);
        c->take(&r, c->arg);
    }
    free(list);
}

static void tell_hosts(struct counters *c)
{
    size_t count = 0;
    void **list = sorted(c->current.hosts, host_compare, &count);
    for (size_t i = 0; i < count && i < COUNTERS_HOSTS; i++) {
        const struct host_sum *host = list[i];
        struct counter_record r = record_of(&c->current, COUNTER_HOST, &host->sum);
        r.family = host->key.family;
        r.addr = host->key.addr;
        r.vlan = host->key.vlan;
        r.local = c->is_local(host->key.family, &host->key.addr, c->arg) ? 1 : 0;
        c->take(&r, c->arg);
    }
    free(list);
}

/* Empties a closed interval for its use as the next one. */
static void interval_renew(struct interval *i, uint64_t start_ns)
{
    table_clear(i->apps);
    table_clear(i->hosts);
    *i = (struct interval){.start_ns = start_ns, .apps = i->apps, .hosts = i->hosts};
}

static void close_current(struct counters *c, const struct counters_gauges *gauges)
{
    tell_total(c, gauges);
    tell_sources(c, gauges);
    tell_apps(c);
    tell_hosts(c);
    struct interval closed = c->current;
    c->current = c->next;
    interval_renew(&closed, c->current.start_ns + INTERVAL_NS);
    c->next = closed;
}

static bool is_over(const struct interval *i, uint64_t now_ns)
{
    return now_ns >= i->start_ns + INTERVAL_NS + (uint64_t)COUNTERS_LATE_S * NS_PER_S;
}

/* Moves on without telling anything, for time that nobody measured: a sleep, a stepped clock. */
static void jump(struct counters *c, uint64_t now_ns)
{
    c->current.start_ns = now_ns - now_ns % INTERVAL_NS;
    c->next.start_ns = c->current.start_ns + INTERVAL_NS;
}

/* Drops from before this control began were told, or lost, by the one before. */
static void begin(struct counters *c, const struct counters_gauges *gauges)
{
    c->begun = true;
    c->dropped = gauges->dropped;
    for (size_t s = 0; s < gauges->source_count && s < COUNTERS_SOURCES_MAX; s++) {
        c->source_dropped[s] = gauges->sources[s].dropped;
    }
}

void counters_tick(struct counters *c, uint64_t now_ns, const struct counters_gauges *gauges)
{
    if (!c->begun) {
        begin(c, gauges);
    }
    for (int i = 0; i < 2 && is_over(&c->current, now_ns); i++) {
        close_current(c, gauges);
    }
    bool behind = now_ns + INTERVAL_NS < c->current.start_ns;
    if (is_over(&c->current, now_ns) || behind) {
        jump(c, now_ns);
    }
}

void counters_flush(struct counters *c, const struct counters_gauges *gauges)
{
    close_current(c, gauges);
    if (c->current.total.packets > 0) {
        close_current(c, gauges);
    }
}
