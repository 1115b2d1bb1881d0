/*
 * Port scans by counting: a source whose connections to many ports of one host, or to one port of
 * many hosts, were refused or never answered within the window. What was answered never counts,
 * so busy clients and crawlers stay quiet.
 *
 * Thresholds: 20 ports, 50 hosts in 60 s, as network monitors commonly use; a NAT gateway with
 * many broken clients behind it can reach them.
 * State: one entry a suspicion (source and target, or source and port) with its most recent
 * distinct tries. At the cap the oldest and the weakest suspicions make room.
 */
#include "agent/detect/detector.h"
#include "common/alert_kinds.h"
#include "common/clock.h"
#include "common/table.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SUSPICIONS_MAX = 2048, /* about 2 KiB each */
    SWEEP_S = 10,
};

struct suspicion_key {
    struct addr source;
    struct addr target; /* zero: many hosts are tried */
    uint16_t port;      /* zero: many ports are tried */
    uint16_t vlan;
    uint8_t family;
    uint8_t protocol;
    uint8_t padding[2];
};
_Static_assert(sizeof(struct suspicion_key) == 40, "a table key has no hidden padding");

/* One distinct port or host that was tried in vain. */
struct
try {
    uint64_t what;
    uint64_t at_ns;
};

struct suspicion {
    struct suspicion_key key;
    uint64_t last_ns;
    uint64_t told_ns; /* last_ns when it was last told; 0: never */
    unsigned count;   /* of tries in use */
    struct try tries[DETECT_SCAN_MAX];
};

struct scan_state {
    const struct detect_settings *settings;
    struct table *suspicions;
    uint64_t made_room_ns;
    uint64_t swept_ns;
};

static void *scan_open(const struct detect_settings *settings, struct err *e)
{
    struct scan_state *s = calloc(1, sizeof *s);
    if (s == NULL) {
        (void)err_set(e, ERR_NOMEM, "scan state");
        return NULL;
    }
    s->settings = settings;
    s->suspicions =
        table_new(sizeof(struct suspicion_key), sizeof(struct suspicion), SUSPICIONS_MAX, e);
    if (s->suspicions == NULL) {
        free(s);
        return NULL;
    }
    return s;
}

static void scan_close(void *state)
{
    struct scan_state *s = state;
    table_free(s->suspicions);
    free(s);
}

/* Drops suspicions silent for longer than the window, and weak ones when asked. */
static void forget(struct scan_state *s, uint64_t now_ns, unsigned weaker_than)
{
    size_t at = 0;
    for (struct suspicion *p = table_next(s->suspicions, &at); p != NULL;
         p = table_next(s->suspicions, &at)) {
        if (clock_is_due(now_ns, p->last_ns, s->settings->window_ns + 1) ||
            p->count < weaker_than) {
            struct suspicion_key key = p->key;
            (void)table_remove(s->suspicions, &key); /* it is there: we stand on it */
        }
    }
}

static struct suspicion *suspicion_take(struct scan_state *s, const struct suspicion_key *key,
                                        uint64_t now_ns)
{
    bool made = false;
    struct suspicion *p = table_put(s->suspicions, key, &made);
    if (p == NULL && now_ns >= s->made_room_ns + NS_PER_S) {
        s->made_room_ns = now_ns; /* a walk a second at most, however many sources are forged */
        forget(s, now_ns, 2);
        p = table_put(s->suspicions, key, &made);
    }
    return p;
}

/* The place of this try: its own, a free one, or that of the oldest. */
static struct try *try_slot(struct suspicion *p, uint64_t what)
{
    struct try *oldest = &p->tries[0];
    for (unsigned i = 0; i < p->count; i++) {
        if (p->tries[i].what == what) {
            return &p->tries[i];
        }
        oldest = p->tries[i].at_ns < oldest->at_ns ? &p->tries[i] : oldest;
    }
    return p->count < DETECT_SCAN_MAX ? &p->tries[p->count++] : oldest;
}

static void suspicion_note(struct suspicion *p, uint64_t what, uint64_t now_ns)
{
    *try_slot(p, what) = (struct try){.what = what, .at_ns = now_ns};
    p->last_ns = now_ns;
}

/* How many distinct tries lie within the window that ends with the last one. */
static unsigned suspicion_size(const struct suspicion *p, uint64_t window_ns)
{
    unsigned recent = 0;
    for (unsigned i = 0; i < p->count; i++) {
        recent += p->tries[i].at_ns + window_ns >= p->last_ns ? 1 : 0;
    }
    return recent;
}

static void vertical_describe(const struct suspicion *p, unsigned tried, const struct scan_state *s,
                              struct finding *f)
{
    f->kind = ALERT_PORT_SCAN_VERTICAL;
    char target[ADDR_TEXT_SIZE];
    (void)addr_format(p->key.family, &p->key.target, target);
    (void)snprintf(f->key, sizeof f->key, "%s", target);
    (void)snprintf(f->detail, sizeof f->detail,
                   "%u%s ports of %s refused or unanswered within %llu s; threshold %u", tried,
                   tried == DETECT_SCAN_MAX ? " or more" : "", target,
                   (unsigned long long)(s->settings->window_ns / NS_PER_S),
                   s->settings->scan_ports);
}

static void sweep_describe(const struct suspicion *p, unsigned tried, const struct scan_state *s,
                           struct finding *f)
{
    f->kind = ALERT_PORT_SWEEP_HORIZONTAL;
    const char *transport = p->key.protocol == IPPROTO_UDP ? "udp" : "tcp";
    (void)snprintf(f->key, sizeof f->key, "%s/%u", transport, p->key.port);
    (void)snprintf(f->detail, sizeof f->detail,
                   "%u%s hosts refused or left unanswered port %s/%u within %llu s; threshold %u",
                   tried, tried == DETECT_SCAN_MAX ? " or more" : "", transport, p->key.port,
                   (unsigned long long)(s->settings->window_ns / NS_PER_S),
                   s->settings->scan_hosts);
}

/* Tells a suspicion that has become a scan; of one that is none it keeps silent. */
static void tell(const struct scan_state *s, struct suspicion *p, const struct finding_sink *out)
{
    bool vertical = p->key.port == 0;
    unsigned threshold = vertical ? s->settings->scan_ports : s->settings->scan_hosts;
    unsigned tried = suspicion_size(p, s->settings->window_ns);
    if (tried < threshold) {
        return;
    }
    p->told_ns = p->last_ns;
    struct finding f = {.action = FINDING_BAD, .entity = ENTITY_HOST, .at_ns = p->last_ns};
    (void)addr_format(p->key.family, &p->key.source, f.entity_id);
    (vertical ? vertical_describe : sweep_describe)(p, tried, s, &f);
    finding_put(out, &f);
}

/* Notes the try under this key; the first that makes a scan is told at once. */
static void suspect(struct scan_state *s, const struct suspicion_key *key, uint64_t what,
                    uint64_t now_ns, const struct finding_sink *out)
{
    struct suspicion *p = suspicion_take(s, key, now_ns);
    if (p == NULL) {
        return; /* no room among suspicions as good */
    }
    suspicion_note(p, what, now_ns);
    if (p->told_ns == 0) {
        tell(s, p, out);
    }
}

/* A number that tells addresses apart: exact for IPv4, mixed for IPv6. */
static uint64_t addr_number(const struct addr *addr)
{
    uint64_t high = 0;
    uint64_t low = 0;
    memcpy(&high, addr->bytes, sizeof high);
    memcpy(&low, addr->bytes + sizeof high, sizeof low);
    return high * 0x9E3779B97F4A7C15U + low; /* odd: no two high halves fall together */
}

static void scan_observe(void *state, const struct record *record, const struct finding_sink *out)
{
    struct scan_state *s = state;
    const struct flow_record *r = &record->flow;
    bool in_vain = r->status == FLOW_NO_ANSWER || r->status == FLOW_REFUSED;
    bool has_ports = r->key.protocol == IPPROTO_TCP || r->key.protocol == IPPROTO_UDP;
    if (record->kind != RECORD_FLOW || !r->final || !in_vain || !has_ports ||
        r->key.server_port == 0 || r->sampling > 1) {
        return; /* of sampled flows the answer may just not have been looked at */
    }
    struct suspicion_key key = {
        .source = r->key.client,
        .target = r->key.server,
        .vlan = r->key.vlan,
        .family = r->key.family,
        .protocol = r->key.protocol,
    };
    suspect(s, &key, r->key.server_port, record->at_ns, out);
    key.target = (struct addr){0};
    key.port = r->key.server_port;
    suspect(s, &key, addr_number(&r->key.server), record->at_ns, out);
}

/* A scan that goes on is told once a second; it is over when nothing more is told of it. */
static void scan_tick(void *state, const struct agent_sample *sample,
                      const struct finding_sink *out)
{
    struct scan_state *s = state;
    size_t at = 0;
    for (struct suspicion *p = table_next(s->suspicions, &at); p != NULL;
         p = table_next(s->suspicions, &at)) {
        if (p->told_ns != 0 && p->last_ns > p->told_ns) {
            tell(s, p, out);
        }
    }
    if (clock_is_due(sample->now_ns, s->swept_ns, (uint64_t)SWEEP_S * NS_PER_S)) {
        s->swept_ns = sample->now_ns;
        forget(s, sample->now_ns, 0);
    }
}

static const uint16_t scan_kinds[] = {ALERT_PORT_SCAN_VERTICAL, ALERT_PORT_SWEEP_HORIZONTAL, 0};

const struct detector detector_host_scan = {
    .name = "host_scan",
    .kinds = scan_kinds,
    .open = scan_open,
    .close = scan_close,
    .observe = scan_observe,
    .tick = scan_tick,
};
