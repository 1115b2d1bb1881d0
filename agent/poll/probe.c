#include "agent/poll/probe.h"

#include "agent/poll/net.h"
#include "agent/poll/tcp.h"

#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct probe {
    const struct probe_tools *tools;
    struct config_probe conf;
    bool busy;
    struct net_address address;
    uint64_t begun_ns;
    struct net_lookup *lookup; /* at most one of these four is under way */
    struct ping *ping;
    struct dial *dial;
    struct http_get *get;
    struct probe_record record;
};

static void finish(struct probe *p)
{
    p->busy = false;
    p->record.at_ns = clock_wall_ns();
    p->tools->take(&p->record, p->tools->arg);
}

static void fail(struct probe *p, enum probe_state state, const char *why)
{
    p->record.state = (uint8_t)state;
    (void)snprintf(p->record.error, sizeof p->record.error, "%.*s", DEVICE_ERROR_SIZE - 1, why);
    finish(p);
}

/* ---- ICMP ---- */

static void on_pinged(const struct ping_result *result, void *arg)
{
    struct probe *p = arg;
    struct probe_record *r = &p->record;
    p->ping = NULL;
    r->sent = result->sent;
    r->received = result->received;
    r->rtt_us = result->mean_us;
    r->rtt_min_us = result->min_us;
    r->rtt_max_us = result->max_us;
    r->jitter_us = result->jitter_us;
    if (result->received > 0) {
        r->state = PROBE_OK;
        finish(p);
    } else if (result->error[0] != '\0') {
        fail(p, PROBE_FAULT, result->error);
    } else {
        fail(p, PROBE_TIMEOUT, "no echo came back");
    }
}

static void begin_ping(struct probe *p)
{
    struct err e = {0};
    p->ping = echoes_ping(p->tools->echoes, &p->address, p->conf.count, p->conf.timeout_ms,
                          on_pinged, p, &e);
    if (p->ping == NULL) {
        fail(p, PROBE_FAULT, e.what);
    }
}

/* ---- TCP ---- */

static void on_dialled(enum probe_state state, uint32_t took_us, const char *why, void *arg)
{
    struct probe *p = arg;
    p->dial = NULL;
    if (state != PROBE_OK) {
        fail(p, state, why);
        return;
    }
    p->record.state = PROBE_OK;
    p->record.rtt_us = p->record.connect_us = took_us;
    p->record.total_us = p->record.name_us + took_us;
    finish(p);
}

static void begin_dial(struct probe *p)
{
    struct err e = {0};
    p->dial = dial_begin(p->tools->loop, &p->address, p->conf.timeout_ms, on_dialled, p, &e);
    if (p->dial == NULL) {
        fail(p, PROBE_FAULT, e.what);
    }
}

static void on_found(const struct net_address *address, const char *why, void *arg)
{
    struct probe *p = arg;
    p->lookup = NULL;
    if (address == NULL) {
        char text[DEVICE_ERROR_SIZE];
        (void)snprintf(text, sizeof text, "the name has no address: %s", why);
        fail(p, PROBE_UNKNOWN_NAME, text);
        return;
    }
    p->address = *address;
    p->record.name_us = (uint32_t)((clock_mono_ns() - p->begun_ns) / NS_PER_US);
    (void)net_address_format(address, p->record.address); /* returns its buffer */
    if (p->conf.kind == PROBE_ICMP) {
        begin_ping(p);
    } else {
        begin_dial(p);
    }
}

/* ---- HTTP ---- */

static void on_got(void *arg)
{
    struct probe *p = arg;
    p->get = NULL;
    finish(p);
}

/* ---- a run ---- */

static void write_target(struct probe *p)
{
    const struct config_probe *c = &p->conf;
    struct probe_record *r = &p->record;
    switch ((enum probe_kind)c->kind) {
    case PROBE_ICMP: (void)snprintf(r->target, sizeof r->target, "%s", c->host); break;
    case PROBE_TCP:
        (void)snprintf(r->target, sizeof r->target,
                       strchr(c->host, ':') != NULL ? "[%.240s]:%u" : "%.240s:%u", c->host,
                       c->port);
        break;
    case PROBE_HTTP: (void)snprintf(r->target, sizeof r->target, "%.255s", c->url); break;
    }
}

void probe_run(struct probe *p)
{
    struct err e = {0};
    const struct config_probe *c = &p->conf;
    p->busy = true;
    p->begun_ns = clock_mono_ns();
    p->record = (struct probe_record){.kind = c->kind, .interval_s = c->interval_s};
    (void)snprintf(p->record.probe, sizeof p->record.probe, "%s", c->id); /* same sizes */
    (void)snprintf(p->record.name, sizeof p->record.name, "%s", c->name);
    p->record.limit_us = c->rtt_ms * 1000;
    write_target(p);
    if (c->kind == PROBE_HTTP) {
        p->record.warn_days = c->warn_days;
        p->get = http_get_begin(p->tools->http, c, &p->record, on_got, p, &e);
    } else {
        p->lookup = net_lookup_begin(p->tools->loop, c->host, c->port, on_found, p, &e);
    }
    if (p->get == NULL && p->lookup == NULL) {
        fail(p, PROBE_FAULT, e.what);
    }
}

void probe_tick(struct probe *p, uint64_t mono_ms)
{
    if (p->ping != NULL) {
        ping_tick(p->ping, mono_ms);
    } else if (p->dial != NULL) {
        dial_tick(p->dial, mono_ms);
    }
}

bool probe_is_busy(const struct probe *p)
{
    return p->busy;
}

/* ---- life ---- */

struct probe *probe_new(const struct probe_tools *tools, const struct config_probe *conf,
                        struct err *e)
{
    struct probe *p = calloc(1, sizeof *p);
    if (p == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for probe %s", conf->name);
        return NULL;
    }
    p->tools = tools;
    p->conf = *conf;
    return p;
}

void probe_free(struct probe *p)
{
    if (p != NULL) {
        net_lookup_drop(p->lookup);
        ping_drop(p->ping);
        dial_drop(p->dial);
        http_get_drop(p->get);
        free(p);
    }
}

const struct config_probe *probe_conf(const struct probe *p)
{
    return &p->conf;
}
