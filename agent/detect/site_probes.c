/*
 * Active probes: a target that does not answer as it should, answers late, or whose certificate
 * ends soon. Judged with every run; nothing is remembered here.
 *
 * Thresholds: two runs in a row, as one may meet a restart. Of echoes more than a fifth lost until
 * less than a twentieth is. A first byte after two seconds is slow to whoever waits for it. How
 * many days before a certificate's end, and which round trip is too long, is set with the probe.
 */
#include "agent/detect/detector.h"
#include "common/alert_kinds.h"
#include "common/clock.h"

#include <stdio.h>
#include <string.h>

enum {
    LOSS_BAD_PERCENT = 20,
    LOSS_GOOD_PERCENT = 5,
    SLOW_US = 2000000,
    US_PER_MS = 1000,
    DAY_S = 86400,
};

static struct finding finding_of(const struct probe_record *r, uint16_t kind, bool bad)
{
    struct finding f = {.kind = kind,
                        .action = bad ? FINDING_BAD : FINDING_GOOD,
                        .entity = ENTITY_HOST,
                        .at_ns = r->at_ns};
    (void)snprintf(f.entity_id, sizeof f.entity_id, "%.127s", r->target); /* cut: for people */
    (void)snprintf(f.owner, sizeof f.owner, "probe/%s", r->probe);        /* an id: fits */
    (void)snprintf(f.key, sizeof f.key, "%s", r->name[0] != '\0' ? r->name : r->probe);
    return f;
}

static void put(const struct probe_record *r, uint16_t kind, bool bad, const char *detail,
                const struct finding_sink *out)
{
    struct finding f = finding_of(r, kind, bad);
    (void)snprintf(f.detail, sizeof f.detail, "%s", detail); /* cut if need be */
    finding_put(out, &f);
}

static void judge_icmp(const struct probe_record *r, const struct finding_sink *out)
{
    char detail[ALERT_DETAIL_SIZE];
    put(r, ALERT_AM_ICMP_UNREACHABLE, r->state != PROBE_OK, r->error, out);
    if (r->sent == 0 || r->received == 0) {
        return;
    }
    unsigned lost = 100u * (unsigned)(r->sent - r->received) / r->sent;
    if (lost > LOSS_BAD_PERCENT || lost < LOSS_GOOD_PERCENT) { /* else it stays as it was */
        (void)snprintf(detail, sizeof detail, "%u %% of %u echoes lost; threshold %d %%", lost,
                       r->sent, LOSS_BAD_PERCENT);
        put(r, ALERT_AM_ICMP_LOSS, lost > LOSS_BAD_PERCENT, detail, out);
    }
}

static void judge_certificate(const struct probe_record *r, const struct finding_sink *out)
{
    char detail[ALERT_DETAIL_SIZE];
    uint64_t now_s = r->at_ns / NS_PER_S;
    uint64_t left_days = r->cert_end_s > now_s ? (r->cert_end_s - now_s) / DAY_S : 0;
    if (r->cert_end_s <= now_s) {
        (void)snprintf(detail, sizeof detail, "the certificate has ended");
    } else {
        (void)snprintf(detail, sizeof detail,
                       "the certificate ends in %llu days; threshold %u days",
                       (unsigned long long)left_days, r->warn_days);
    }
    put(r, ALERT_AM_CERT_EXPIRY, left_days < r->warn_days, detail, out);
}

static void judge_http(const struct probe_record *r, const struct finding_sink *out)
{
    enum probe_state state = (enum probe_state)r->state;
    bool answered =
        state == PROBE_OK || state == PROBE_WRONG_STATUS || state == PROBE_WRONG_CONTENT;
    put(r, ALERT_AM_HTTP_DOWN, !answered, r->error, out);
    if (r->cert_end_s != 0) {
        judge_certificate(r, out);
    }
    if (!answered) {
        return;
    }
    char detail[ALERT_DETAIL_SIZE];
    put(r, ALERT_AM_HTTP_STATUS, state == PROBE_WRONG_STATUS, r->error, out);
    if (state != PROBE_WRONG_STATUS) {
        put(r, ALERT_AM_HTTP_CONTENT, state == PROBE_WRONG_CONTENT, r->error, out);
    }
    (void)snprintf(detail, sizeof detail, "first byte after %u ms; threshold %d ms",
                   r->rtt_us / US_PER_MS, SLOW_US / US_PER_MS);
    put(r, ALERT_AM_HTTP_SLOW, r->rtt_us > SLOW_US, detail, out);
}

static void probes_probe(void *state, const struct probe_record *r, const struct finding_sink *out)
{
    char detail[ALERT_DETAIL_SIZE];
    (void)state; /* none */
    switch ((enum probe_kind)r->kind) {
    case PROBE_ICMP: judge_icmp(r, out); break;
    case PROBE_TCP: put(r, ALERT_AM_TCP_PORT_DOWN, r->state != PROBE_OK, r->error, out); break;
    case PROBE_HTTP: judge_http(r, out); break;
    }
    if (r->limit_us != 0 && r->rtt_us != 0) {
        (void)snprintf(detail, sizeof detail, "round trip of %u ms; threshold %u ms",
                       r->rtt_us / US_PER_MS, r->limit_us / US_PER_MS);
        put(r, ALERT_AM_RTT_THRESHOLD, r->rtt_us > r->limit_us, detail, out);
    }
}

static const uint16_t probes_kinds[] = {ALERT_AM_ICMP_LOSS,     ALERT_AM_ICMP_UNREACHABLE,
                                        ALERT_AM_RTT_THRESHOLD, ALERT_AM_HTTP_DOWN,
                                        ALERT_AM_HTTP_STATUS,   ALERT_AM_HTTP_CONTENT,
                                        ALERT_AM_HTTP_SLOW,     ALERT_AM_CERT_EXPIRY,
                                        ALERT_AM_TCP_PORT_DOWN, 0};

const struct detector detector_site_probes = {
    .name = "site_probes",
    .kinds = probes_kinds,
    .probe = probes_probe,
};
