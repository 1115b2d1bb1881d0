#include "agent/flow/fill.h"

#include "agent/flow/parts.h"
#include "agent/flow/quality.h"
#include "common/tunnel.h"

#include <stdio.h>
#include <string.h>

/* Copies text into a field of a record; false when it had to be cut. */
static bool copy_text(char *field, size_t size, const char *text)
{
    size_t len = strlen(text);
    bool fits = len < size;
    if (!fits) {
        len = size - 1;
    }
    memcpy(field, text, len);
    memset(field + len, 0, size - len);
    return fits;
}

static void fill_texts(const struct flow_table *t, const struct flow *f, const char *source,
                       struct flow_record *r)
{
    bool fits = copy_text(r->source, sizeof r->source, source);
    fits &= copy_text(r->protocol, sizeof r->protocol, flow_protocol(t, f));
    fits &= copy_text(r->app, sizeof r->app, flow_app(t, f));
    fits &= copy_text(r->category, sizeof r->category, flow_category(t, f));
    fits &= copy_text(r->host, sizeof r->host, flow_text(t, f, TEXT_HOST));
    fits &= copy_text(r->info, sizeof r->info, flow_text(t, f, TEXT_INFO));
    r->truncated = !fits;
}

static void fill_exported(const struct flow_table *t, const struct flow *f, struct flow_record *r)
{
    static const struct flow_exported none;
    const struct flow_exported *exported = flow_table_exported_of(t, f);
    if (exported == NULL) {
        exported = &none;
    } else {
        r->first_ns = exported->first_ns;
        r->last_ns = exported->last_ns;
    }
    r->exporter_family = exported->family;
    r->exporter = exported->exporter;
    r->input_if = exported->input_if;
    r->output_if = exported->output_if;
    r->sampling = exported->sampling;
}

/* All but the quality. */
static void fill_known(const struct flow_table *t, const struct flow *f, const char *source,
                       struct flow_record *r)
{
    r->flow_id = f->id;
    r->first_ns = f->first_ns;
    r->last_ns = f->last_ns;
    r->key = f->key;
    r->client_mac = f->client_mac;
    r->server_mac = f->server_mac;
    r->status = f->status;
    r->final = f->end_ns != 0;
    r->confidence = f->confidence;
    for (unsigned dir = 0; dir < 2; dir++) {
        r->bytes[dir] = f->sum.bytes[dir];
        r->packets[dir] = f->sum.packets[dir];
        r->tcp_flags[dir] = f->tcp_flags[dir];
    }
    r->tunnel = origin_tunnel(f->key.origin);
    r->tunnel_id = f->tunnel_id;
    r->handshake_client_us = f->handshake.client_us;
    r->handshake_server_us = f->handshake.server_us;
    r->risks = f->risks;
    fill_texts(t, f, source, r);
    fill_exported(t, f, r);
}

void flow_fill_totals(const struct flow_table *t, const struct flow *f, const char *source,
                      struct flow_record *r)
{
    fill_known(t, f, source, r);
    flow_quality_fill(t, f, QOE_NEWEST, r);
}

void flow_fill_record(const struct flow_table *t, const struct flow *f, const char *source,
                      struct flow_record *r)
{
    fill_known(t, f, source, r);
    flow_quality_fill(t, f, QOE_NEWS, r);
    for (unsigned dir = 0; dir < 2; dir++) {
        r->bytes[dir] -= f->reported.bytes[dir];
        r->packets[dir] -= f->reported.packets[dir];
    }
    bool only_one = r->final && f->reported.packets[0] + f->reported.packets[1] == 0;
    if (only_one) {
        latencies_clear(&r->trips[SIDE_CLIENT]); /* there is nothing to join them with */
        latencies_clear(&r->trips[SIDE_SERVER]);
    }
}

void flow_clear_deltas(struct flow_record *r)
{
    memset(r->bytes, 0, sizeof r->bytes);
    memset(r->packets, 0, sizeof r->packets);
    flow_quality_clear(r);
}

void flow_mark_reported(struct flow_table *t, struct flow *f, uint64_t now_ns)
{
    f->reported = f->sum;
    f->report_ns = now_ns;
    flow_quality_told(t, f);
}

static uint32_t clamp32(uint64_t value)
{
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static uint64_t rate_bps(uint64_t bytes, uint64_t span_ns)
{
    const uint64_t least = 1000000000ull; /* a burst shorter than 1 s counts as 1 s */
    uint64_t span_us = (span_ns < least ? least : span_ns) / 1000;
    return bytes * 8 / span_us * 1000000 + bytes * 8 % span_us * 1000000 / span_us;
}

void flow_fill_account(const struct flow_table *t, struct flow *f, uint64_t now_ns,
                       struct account *a)
{
    uint64_t told = 0;
    *a = (struct account){
        .at_ns = f->last_ns,
        .key = f->key,
        .client_mac = f->client_mac,
        .server_mac = f->server_mac,
        .source = f->source,
        .begins = !f->account_begun,
        .ends = f->end_ns != 0 && !f->account_ended,
    };
    for (unsigned dir = 0; dir < 2; dir++) {
        a->bytes[dir] = clamp32(f->sum.bytes[dir] - f->accounted.bytes[dir]);
        a->packets[dir] = clamp32(f->sum.packets[dir] - f->accounted.packets[dir]);
        f->accounted.bytes[dir] += a->bytes[dir];
        f->accounted.packets[dir] += a->packets[dir];
        told += a->bytes[dir];
    }
    (void)copy_text(a->app, sizeof a->app,
                    flow_app(t, f)); /* names are short; a cut one still tells */
    f->bps = (float)rate_bps(told, now_ns - f->account_ns);
    /* An exporter's record may hold more than one account can tell. */
    f->account_open = memcmp(&f->accounted, &f->sum, sizeof f->sum) != 0;
    f->account_begun = true;
    f->account_ended = f->end_ns != 0;
}
