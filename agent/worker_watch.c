/*
 * Thresholds: a flow is unanswered with four packets, as three are what a client tries in vain.
 * Only over UDP, and not for protocols that nobody answers: TCP and QUIC go on with answers alone,
 * so that one side of them is what a mirror does not show. A connection that carried nothing was a
 * probe.
 */
#include "agent/worker_watch.h"

#include "agent/decode/http.h"
#include "agent/dpi/risks.h"
#include "agent/flow/parts.h"
#include "common/alert_kinds.h"

#include <string.h>

#define RISK(kind) (1ull << (kind))
enum {
    ONE_SIDED_PACKETS = 4,
    DNS_HEADER = 12,
    DNS_CODE_AT = 3,
    HTTP_ERROR = 400,
};

/* ---- the first data ---- */

static uint64_t answer_risk(struct worker *w, const struct flow *f, bool error)
{
    bool burst = bursts_note(&w->bursts, &f->key, error, w->clock_ns);
    return burst ? RISK(ALERT_HTTP_ERROR_BURST) : 0;
}

static uint64_t http_risks(struct worker *w, const struct flow *f, const struct packet *p,
                           enum flow_dir dir)
{
    struct http_head head;
    if (p->ends.protocol != PROTO_TCP || !http_head_read(p->payload, p->payload_len, &head)) {
        return risks_of_content(p->payload, p->payload_len);
    }
    uint64_t risks = risks_of_http(&head);
    if (!head.asks && dir == DIR_S2C) {
        risks |= answer_risk(w, f, head.status >= HTTP_ERROR);
    }
    return risks;
}

void worker_first_data(struct worker *w, struct flow *f, const struct packet *p, enum flow_dir dir)
{
    f->client_spoke = f->client_spoke || dir == DIR_C2S;
    f->server_spoke = f->server_spoke || dir == DIR_S2C;
    if (f->talk == TALK_DNS && dir == DIR_S2C && p->payload_len >= DNS_HEADER) {
        f->risks |= answer_risk(w, f, (p->payload[DNS_CODE_AT] & 0x0f) != 0);
    } else {
        f->risks |= http_risks(w, f, p, dir);
    }
    emit_risks(&w->emitter, f, w->clock_ns);
}

void worker_look_closer(struct worker *w, struct flow *f, const struct packet *p, enum flow_dir dir)
{
    prints_look(w->prints, f->self, &f->looked, p, dir == DIR_C2S);
    struct print_alpn alpn = prints_alpn(w->prints);
    uint64_t risks = risks_of_alpn(alpn.protocol, alpn.len, f->key.server_port);
    if (risks != 0) {
        f->risks |= risks;
        emit_risks(&w->emitter, f, w->clock_ns);
    }
}

/* ---- the verdict ---- */

void worker_settle(struct worker *w, struct flow *f)
{
    if (dpi_is_random(w->dpi, &f->dpi) && repeats_note(&w->random, &f->key, w->clock_ns)) {
        f->risks |= RISK(ALERT_FULLY_ENCRYPTED_FLOW);
        emit_risks(&w->emitter, f, w->clock_ns);
    }
    dpi_drop(w->dpi, &f->dpi);
}

/* ---- the end ---- */

static bool is_unicast(const struct flow_key *key)
{
    const uint8_t *b = key->server.bytes;
    if (key->family == ADDR_IPV6) {
        return b[0] != 0xff;
    }
    return b[0] < 224 && b[3] != 255 && b[0] != 0; /* 255: most broadcasts, and few hosts */
}

static bool is_one_way(const char *app)
{
    static const char *const apps[] = {"Syslog", "sFlow", "NetFlow", "RTP", "RTCP", "SNMP", "QUIC"};
    for (size_t i = 0; i < sizeof apps / sizeof apps[0]; i++) {
        if (strcmp(app, apps[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_unanswered(const struct worker *w, const struct flow *f)
{
    return f->key.protocol == PROTO_UDP && f->sum.packets[DIR_S2C] == 0 &&
           f->sum.packets[DIR_C2S] >= ONE_SIDED_PACKETS && is_unicast(&f->key) &&
           !is_one_way(flow_app(w->table, f));
}

static bool is_probe(const struct flow *f)
{
    bool agreed = (f->tcp_flags[DIR_S2C] & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) &&
                  (f->tcp_flags[DIR_C2S] & TCP_SYN) != 0;
    return f->key.protocol == PROTO_TCP && agreed && !f->client_spoke && !f->server_spoke &&
           (f->status == FLOW_CLOSED || f->status == FLOW_RESET);
}

void worker_judge_end(struct worker *w, struct flow *f)
{
    if (f->holds == PART_EXPORTED || f->final_sent) {
        return; /* told by an exporter, which knows no flags; or judged before */
    }
    f->risks |= is_unanswered(w, f) ? RISK(ALERT_UNIDIRECTIONAL_FLOW) : 0;
    f->risks |= is_probe(f) ? RISK(ALERT_PROBING_ATTEMPT) : 0;
    emit_risks(&w->emitter, f, w->clock_ns);
}
