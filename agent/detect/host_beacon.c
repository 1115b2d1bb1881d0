/*
 * Beacons: a host of the site that calls one server outside at steady times with steady amounts, as
 * programs do that wait for orders. Updates and telemetry do so too, which is why the score is told
 * with what it is made of.
 * Source: the score of RITA 5 (Active Countermeasures), without its weights for how common or new a
 * server is. Four equal parts of 0 to 1, over 24 hours: of the intervals and of the bytes sent, how
 * little they are skewed (Bowley) and spread (median absolute deviation); how evenly the hours are
 * used; how much of the day is covered. Deviations: it is judged from 24 connections on, the last
 * 96 of a pair are looked at, and two sizes of hours that alternate are taken by their two largest
 * groups.
 * State: one entry of 0.9 KiB a pair; a full table lets go of those that are silent longest.
 */
#include "agent/detect/detector.h"
#include "common/alert_kinds.h"
#include "common/clock.h"
#include "common/table.h"

#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAIRS_MAX = 2048,
    KEPT = 96,
    JUDGED_FROM = 24, /* connections */
    JUDGED_EACH = 8,  /* connections between two judgements */
    HOURS = 24,
    HOUR_S = 3600,
    DAY_S = HOURS * HOUR_S,
    SPREAD_MIN = 10,   /* seconds or bytes between the quartiles, below which skew says nothing */
    BIMODAL_FROM = 11, /* hours in use */
    DURATION_FROM = 6,
    RUN_WHOLE = 12, /* hours in a row that count as all */
    NTP_PORT = 123,
    DNS_PORT = 53,
};

/* Scores, and what each is told as. */
static const struct level {
    double from;
    uint16_t kind;
} levels[] = {{0.9, ALERT_BEACON_STRONG}, {0.7, ALERT_BEACON_DETECTED}, {0.6, ALERT_PERIODIC_FLOW}};
enum { LEVELS = sizeof levels / sizeof levels[0] };

struct pair_key {
    struct addr client, server;
    uint16_t port, vlan;
    uint8_t family, protocol;
    uint8_t padding[2];
};
_Static_assert(sizeof(struct pair_key) == 40, "a table key has no hidden padding");

struct pair {
    struct pair_key key;
    uint64_t last_s;       /* unix, of the newest connection */
    uint64_t told_s;       /* when a level was last told */
    uint32_t starts[KEPT]; /* unix seconds; the oldest at count mod KEPT once they are full */
    uint32_t sizes[KEPT];  /* bytes sent by the client */
    uint32_t count;        /* connections ever */
    uint16_t hours[HOURS]; /* connections by hour of the day, of the last 24 hours */
    uint8_t told;          /* levels that are told, from the end of `levels` */
};

struct beacon_state {
    struct table *pairs;
    uint64_t made_room_s;
};

static void *beacon_open(const struct detect_settings *settings, struct err *e)
{
    (void)settings; /* the thresholds follow from the theory above */
    struct beacon_state *s = calloc(1, sizeof *s);
    if (s == NULL) {
        (void)err_set(e, ERR_NOMEM, "beacon state");
        return NULL;
    }
    s->pairs = table_new(sizeof(struct pair_key), sizeof(struct pair), PAIRS_MAX, e);
    if (s->pairs == NULL) {
        free(s);
        return NULL;
    }
    return s;
}

static void beacon_close(void *state)
{
    struct beacon_state *s = state;
    table_free(s->pairs);
    free(s);
}

/* ---- the score ---- */

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double median_of(const uint32_t *sorted, unsigned count)
{
    return count % 2 == 1 ? sorted[count / 2]
                          : (sorted[count / 2 - 1] + (double)sorted[count / 2]) / 2;
}

/* How steady the values are, 0 to 1; they are put in order. */
static double steadiness(uint32_t *values, unsigned count)
{
    uint32_t apart[KEPT];
    qsort(values, count, sizeof *values, compare);
    double q1 = median_of(values, count / 2), q2 = median_of(values, count);
    double q3 = median_of(values + (count + 1) / 2, count / 2);
    bool skewless = q3 - q1 < SPREAD_MIN || q1 == q2 || q2 == q3;
    double skew = skewless ? 0 : fabs((q1 + q3 - 2 * q2) / (q3 - q1));
    for (unsigned i = 0; i < count; i++) {
        apart[i] = (uint32_t)fabs(values[i] - q2);
    }
    qsort(apart, count, sizeof *apart, compare);
    double mad = median_of(apart, count);
    double tight = q2 >= 1 && mad < q2 ? (q2 - mad) / q2 : 0;
    return (1 - skew + tight) / 2;
}

/* The two commonest counts of an hour, as a share of all hours but one. */
static double two_groups(const uint16_t hours[HOURS])
{
    unsigned first = 0, second = 0;
    for (unsigned i = 0; i < HOURS; i++) {
        unsigned same = 0;
        bool seen = false;
        for (unsigned k = 0; k < HOURS; k++) {
            seen = seen || (k < i && hours[k] == hours[i]);
            same += hours[k] == hours[i];
        }
        if (!seen && hours[i] > 0 && same > first) {
            second = first;
            first = same;
        } else if (!seen && hours[i] > 0 && same > second) {
            second = same;
        }
    }
    double share = (first + second) / (double)(HOURS - 1);
    return share < 1 ? share : 1;
}

static unsigned used_hours(const uint16_t hours[HOURS], unsigned *longest)
{
    unsigned used = 0, run = 0;
    *longest = 0;
    for (unsigned i = 0; i < 2 * HOURS; i++) { /* twice: a run may go over midnight */
        run = hours[i % HOURS] > 0 ? run + 1 : 0;
        used += i < HOURS && hours[i] > 0;
        *longest = run > *longest ? run : *longest;
    }
    *longest = *longest < HOURS ? *longest : HOURS;
    return used;
}

static double evenness(const uint16_t hours[HOURS], unsigned used)
{
    double sum = 0, squares = 0;
    for (unsigned i = 0; i < HOURS; i++) {
        sum += hours[i];
        squares += (double)hours[i] * hours[i];
    }
    double mean = sum / HOURS;
    double variation = mean > 0 ? sqrt(fmax(squares / HOURS - mean * mean, 0)) / mean : 1;
    double even = variation < 1 ? 1 - variation : 0;
    return used >= BIMODAL_FROM ? fmax(even, two_groups(hours)) : even;
}

struct score {
    double times, sizes, hours, duration, total;
    double interval_s; /* median */
};

static void judge(const struct pair *p, struct score *score)
{
    unsigned kept = p->count < KEPT ? p->count : KEPT;
    unsigned oldest = p->count < KEPT ? 0 : p->count % KEPT;
    uint32_t intervals[KEPT], sizes[KEPT];
    for (unsigned i = 0; i + 1 < kept; i++) {
        uint32_t from = p->starts[(oldest + i) % KEPT], to = p->starts[(oldest + i + 1) % KEPT];
        intervals[i] = to > from ? to - from : 0;
    }
    memcpy(sizes, p->sizes, sizeof sizes);
    unsigned longest = 0, used = used_hours(p->hours, &longest);
    score->times = steadiness(intervals, kept - 1);
    score->interval_s = median_of(intervals, kept - 1);
    score->sizes = steadiness(sizes, kept);
    score->hours = evenness(p->hours, used);
    double covered = used / (double)HOURS, run = longest / (double)RUN_WHOLE;
    score->duration = used >= DURATION_FROM ? fmin(fmax(covered, run), 1) : 0;
    score->total = (score->times + score->sizes + score->hours + score->duration) / 4;
}

/* ---- what is seen ---- */

/* RFC 1918, RFC 6598, RFC 3927; RFC 4193, RFC 4291. */
static bool is_private(uint8_t family, const struct addr *addr)
{
    const uint8_t *b = addr->bytes;
    if (family == ADDR_IPV6) {
        return (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
    }
    return b[0] == 10 || b[0] == 127 || (b[0] == 172 && (b[1] & 0xf0) == 16) ||
           (b[0] == 192 && b[1] == 168) || (b[0] == 100 && (b[1] & 0xc0) == 64) ||
           (b[0] == 169 && b[1] == 254);
}

/* Out of the site, and of nothing that is steady by its nature. */
static bool is_eligible(const struct record *record)
{
    const struct flow_key *key = &record->flow.key;
    bool tcp = key->protocol == IPPROTO_TCP, udp = key->protocol == IPPROTO_UDP;
    return record->kind == RECORD_FLOW && record->flow.final && (tcp || udp) &&
           record->flow.packets[DIR_S2C] > 0 && key->server_port != DNS_PORT &&
           key->server_port != NTP_PORT && is_private(key->family, &key->client) &&
           !is_private(key->family, &key->server) &&
           !addr_is_multicast((enum addr_family)key->family, &key->server);
}

/* A walk a minute at most: lets go of those silent for an hour, then of those seen once. */
static void make_room(struct beacon_state *s, uint64_t now_s)
{
    size_t at = 0;
    if (now_s < s->made_room_s + 60) {
        return;
    }
    s->made_room_s = now_s;
    for (struct pair *p = table_next(s->pairs, &at); p != NULL; p = table_next(s->pairs, &at)) {
        uint64_t silent_s = now_s > p->last_s ? now_s - p->last_s : 0;
        if (silent_s > DAY_S || (silent_s > HOUR_S && p->count < JUDGED_FROM) || p->count == 1) {
            struct pair_key key = p->key;
            (void)table_remove(s->pairs, &key); /* it is there: we stand on it */
        }
    }
}

static struct pair *pair_of(struct beacon_state *s, const struct flow_key *flow, uint64_t now_s)
{
    struct pair_key key = {.client = flow->client,
                           .server = flow->server,
                           .port = flow->server_port,
                           .vlan = flow->vlan,
                           .family = flow->family,
                           .protocol = flow->protocol};
    bool made = false;
    struct pair *p = table_put(s->pairs, &key, &made);
    if (p == NULL) {
        make_room(s, now_s);
        p = table_put(s->pairs, &key, &made);
    }
    return p;
}

/* Hours that passed since the last connection begin anew. */
static void pass_hours(struct pair *p, uint64_t start_s)
{
    uint64_t from = p->last_s / HOUR_S, to = start_s / HOUR_S;
    for (uint64_t hour = from + 1; p->count > 0 && hour <= to && hour <= from + HOURS; hour++) {
        p->hours[hour % HOURS] = 0;
    }
}

static void note(struct pair *p, const struct flow_record *flow)
{
    uint64_t start_s = flow->first_ns / NS_PER_S;
    if (start_s < p->last_s) {
        start_s = p->last_s; /* a long flow that ends after its followers */
    }
    pass_hours(p, start_s);
    uint64_t size = flow->bytes[DIR_C2S];
    p->starts[p->count % KEPT] = (uint32_t)start_s;
    p->sizes[p->count % KEPT] = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
    uint16_t *hour = &p->hours[start_s / HOUR_S % HOURS];
    if (*hour < UINT16_MAX) {
        (*hour)++;
    }
    p->count++;
    p->last_s = start_s;
}

static void tell(const struct pair *p, const struct record *record, uint16_t kind,
                 const struct score *score, const struct finding_sink *out)
{
    char server[ADDR_TEXT_SIZE];
    struct finding f = {.kind = kind,
                        .action = FINDING_EVENT,
                        .entity = ENTITY_HOST,
                        .at_ns = record->at_ns,
                        .flow = &record->flow};
    (void)addr_format(p->key.family, &p->key.client, f.entity_id);
    (void)addr_format(p->key.family, &p->key.server, server);
    (void)snprintf(f.key, sizeof f.key, "%s %u", server, p->key.port);
    (void)snprintf(
        f.detail, sizeof f.detail,
        "%u connections to %s port %u, every %.0f s; score %.2f (times %.2f, sizes %.2f, "
        "hours %.2f, duration %.2f)%s%s",
        p->count, server, p->key.port, score->interval_s, score->total, score->times, score->sizes,
        score->hours, score->duration, record->flow.host[0] != '\0' ? "; " : "", record->flow.host);
    finding_put(out, &f);
}

static void beacon_observe(void *state, const struct record *record, const struct finding_sink *out)
{
    struct beacon_state *s = state;
    if (!is_eligible(record)) {
        return;
    }
    struct pair *p = pair_of(s, &record->flow.key, record->at_ns / NS_PER_S);
    if (p == NULL) {
        return;
    }
    note(p, &record->flow);
    if (p->count < JUDGED_FROM || p->count % JUDGED_EACH != 0) {
        return;
    }
    struct score score;
    judge(p, &score);
    if (p->last_s > p->told_s + DAY_S) {
        p->told = 0; /* once a day anew */
    }
    for (uint8_t i = 0; i < LEVELS - p->told; i++) {
        if (score.total >= levels[i].from) {
            p->told = (uint8_t)(LEVELS - i);
            p->told_s = p->last_s;
            tell(p, record, levels[i].kind, &score, out);
            return;
        }
    }
}

static const uint16_t beacon_kinds[] = {ALERT_PERIODIC_FLOW, ALERT_BEACON_DETECTED,
                                        ALERT_BEACON_STRONG, 0};

const struct detector detector_host_beacon = {
    .name = "host_beacon",
    .kinds = beacon_kinds,
    .open = beacon_open,
    .close = beacon_close,
    .observe = beacon_observe,
};
