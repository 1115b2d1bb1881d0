/*
 * Port scans by a sequential hypothesis test: each first contact of a source with a target is a
 * success or a failure, and a run of failures soon becomes unlikely for a benign host.
 * Source: Jung, Paxson, Berger, Balakrishnan, "Fast Portscan Detection Using Sequential
 * Hypothesis Testing", 2004, with theta0 0.8, theta1 0.2, alpha 0.01, beta 0.99. A failure then
 * multiplies the likelihood ratio by 4 and a success by 1/4, so the ratio is kept as its logarithm
 * to base 4; above 99 means 4, below 0.0101 means -4. Deviations: after the verdict "benign" the
 * test begins anew at 0, a target is remembered in a small Bloom filter instead of a list, and a
 * source silent for ten minutes is forgotten.
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
    SOURCES_MAX = 4096,
    CONTACT_BITS = 512, /* of the Bloom filter, two bits a target */
    CONTACTS_MAX = 64,  /* then the filter is emptied: beyond it, too many look known */
    SCANNER_STEPS = 4,  /* log4 of the ratio that decides for "scanner" */
    BENIGN_STEPS = -4,  /* and for "benign" */
    STEPS_MAX = 8,      /* so that successes bring a former scanner down again */
    FORGET_S = 600,
    SWEEP_S = 10,
};

struct source_key {
    struct addr addr;
    uint16_t vlan;
    uint8_t family;
    uint8_t padding;
};
_Static_assert(sizeof(struct source_key) == 20, "a table key has no hidden padding");

struct source {
    struct source_key key;
    int8_t steps;
    uint8_t contacts;
    uint64_t last_ns;
    uint64_t filter[CONTACT_BITS / 64];
};

struct trw_state {
    struct table *sources;
    uint64_t swept_ns;
};

static void *trw_open(const struct detect_settings *settings, struct err *e)
{
    (void)settings; /* the thresholds follow from the theory above */
    struct trw_state *s = calloc(1, sizeof *s);
    if (s == NULL) {
        (void)err_set(e, ERR_NOMEM, "scan test state");
        return NULL;
    }
    s->sources = table_new(sizeof(struct source_key), sizeof(struct source), SOURCES_MAX, e);
    if (s->sources == NULL) {
        free(s);
        return NULL;
    }
    return s;
}

static void trw_close(void *state)
{
    struct trw_state *s = state;
    table_free(s->sources);
    free(s);
}

/* Two bit numbers of the filter for a target, from a multiply-and-fold of its address. */
static void contact_bits(const struct addr *target, unsigned bits[2])
{
    uint64_t high = 0;
    uint64_t low = 0;
    memcpy(&high, target->bytes, sizeof high);
    memcpy(&low, target->bytes + sizeof high, sizeof low);
    uint64_t mixed = (high ^ (low * 0x9E3779B97F4A7C15U)) * 0xD6E8FEB86659FD93U;
    mixed ^= mixed >> 32;
    bits[0] = (unsigned)(mixed % CONTACT_BITS);
    bits[1] = (unsigned)(mixed / CONTACT_BITS % CONTACT_BITS);
}

/* True the first time this source meets the target; remembers it. */
static bool contact_is_first(struct source *source, const struct addr *target)
{
    unsigned bits[2];
    contact_bits(target, bits);
    bool known = true;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t bit = 1ULL << bits[i] % 64;
        known = known && (source->filter[bits[i] / 64] & bit) != 0;
    }
    if (known) {
        return false;
    }
    if (source->contacts == CONTACTS_MAX) {
        memset(source->filter, 0, sizeof source->filter);
        source->contacts = 0;
    }
    source->contacts++;
    for (unsigned i = 0; i < 2; i++) {
        source->filter[bits[i] / 64] |= 1ULL << bits[i] % 64;
    }
    return true;
}

static void scanner_put(const struct source *source, const struct flow_record *r, uint64_t now_ns,
                        const struct finding_sink *out)
{
    struct finding f = {
        .kind = ALERT_PORT_SCAN_TRW, .action = FINDING_BAD, .entity = ENTITY_HOST, .at_ns = now_ns};
    char target[ADDR_TEXT_SIZE];
    (void)addr_format(source->key.family, &source->key.addr, f.entity_id);
    (void)snprintf(f.detail, sizeof f.detail,
                   "%d more first contacts failed than succeeded, the last with %s port %u; "
                   "%d decide",
                   source->steps, addr_format(r->key.family, &r->key.server, target),
                   r->key.server_port, SCANNER_STEPS);
    finding_put(out, &f);
}

static void trw_observe(void *state, const struct record *record, const struct finding_sink *out)
{
    struct trw_state *s = state;
    const struct flow_record *r = &record->flow;
    if (record->kind != RECORD_FLOW || r->key.protocol != IPPROTO_TCP ||
        r->status == FLOW_OPENING || r->sampling > 1) {
        return; /* only TCP tells whether it was answered, and sampling hides it */
    }
    struct source_key key = {.addr = r->key.client, .vlan = r->key.vlan, .family = r->key.family};
    bool made = false;
    struct source *source = table_put(s->sources, &key, &made);
    if (source == NULL) {
        return; /* at the cap: counting detectors still watch */
    }
    source->last_ns = record->at_ns;
    if (!contact_is_first(source, &r->key.server)) {
        return;
    }
    bool failed = r->status == FLOW_NO_ANSWER || r->status == FLOW_REFUSED;
    source->steps = (int8_t)(source->steps + (failed ? 1 : -1));
    if (source->steps <= BENIGN_STEPS) {
        source->steps = 0;
    }
    if (source->steps > STEPS_MAX) {
        source->steps = STEPS_MAX;
    }
    if (failed && source->steps >= SCANNER_STEPS) {
        scanner_put(source, r, record->at_ns, out);
    }
}

static void trw_tick(void *state, const struct agent_sample *sample, const struct finding_sink *out)
{
    (void)out; /* a scan is over when nothing more is told of it */
    struct trw_state *s = state;
    if (!clock_is_due(sample->now_ns, s->swept_ns, (uint64_t)SWEEP_S * NS_PER_S)) {
        return;
    }
    s->swept_ns = sample->now_ns;
    size_t at = 0;
    for (struct source *p = table_next(s->sources, &at); p != NULL;
         p = table_next(s->sources, &at)) {
        if (clock_is_due(sample->now_ns, p->last_ns, (uint64_t)FORGET_S * NS_PER_S)) {
            struct source_key key = p->key;
            (void)table_remove(s->sources, &key); /* it is there: we stand on it */
        }
    }
}

static const uint16_t trw_kinds[] = {ALERT_PORT_SCAN_TRW, 0};

const struct detector detector_host_trw = {
    .name = "host_trw",
    .kinds = trw_kinds,
    .open = trw_open,
    .close = trw_close,
    .observe = trw_observe,
    .tick = trw_tick,
};
