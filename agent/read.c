/*
 * Runs a worker without walls, threads or control, and puts its records together again: what
 * stands here is what the engine would have sent. The same file always gives the same output.
 */
#define LOG_MODULE "read"
#include "agent/read.h"

#include "agent/decode/packet.h"
#include "agent/settings.h"
#include "agent/worker.h"
#include "common/alert_kinds.h"
#include "common/wire/quality_row.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FINISH_PIECE = 1024 }; /* flows between two drains of the rings */

struct reading {
    struct engine_link link;
    struct settings *settings;
    struct worker *worker;
    struct flow_record *flows; /* by flow id, which counts from 1 */
    size_t count;
    size_t room;
};

static struct flow_record *flow_at(struct reading *r, uint64_t id)
{
    while (id > r->room) {
        size_t room = r->room == 0 ? 1024 : r->room * 2;
        struct flow_record *flows = realloc(r->flows, room * sizeof *flows);
        if (flows == NULL) {
            return NULL;
        }
        memset(flows + r->room, 0, (room - r->room) * sizeof *flows);
        r->flows = flows;
        r->room = room;
    }
    if (id > r->count) {
        r->count = id;
    }
    return &r->flows[id - 1];
}

/* Adds a record's deltas to what stands; all else is of the flow as a whole, the newest wins. */
static int add_record(struct reading *r, const struct flow_record *news)
{
    struct flow_record *f = flow_at(r, news->flow_id);
    if (f == NULL) {
        return -1;
    }
    struct flow_record sum = *news;
    if (f->flow_id != 0) {
        flow_record_add_quality(f, &sum);
    }
    for (unsigned dir = 0; dir < 2; dir++) {
        sum.bytes[dir] += f->bytes[dir];
        sum.packets[dir] += f->packets[dir];
        sum.retransmitted[dir] += f->retransmitted[dir];
        sum.out_of_order[dir] += f->out_of_order[dir];
    }
    *f = sum;
    return 0;
}

static int drain(struct reading *r)
{
    const struct engine_lane *lane = &r->link.lanes[0];
    const struct record *record;
    int result = 0;
    while ((record = ring_peek(lane->flows)) != NULL) {
        result |= add_record(r, &record->flow);
        ring_release(lane->flows);
    }
    while (ring_peek(lane->accounts) != NULL) {
        ring_release(lane->accounts);
    }
    return result;
}

static int read_all(struct reading *r, struct err *e)
{
    const struct source_stats *source = &r->link.lanes[0].stats->sources[0];
    bool more = true;
    int result = 0;
    while (more && result == 0) {
        more = worker_turn(r->worker);
        result = drain(r);
    }
    for (more = true; more && result == 0;) {
        more = worker_finish(r->worker, FINISH_PIECE);
        result = drain(r);
    }
    if (result != 0) {
        return err_set(e, ERR_NOMEM, "no memory for all flows of the file");
    }
    if (atomic_load(&source->state) == SOURCE_FAILED) {
        return err_set(e, ERR_IO, "%s", source->error);
    }
    return 0;
}

static int by_first_packet(const void *left, const void *right)
{
    const struct flow_record *a = left;
    const struct flow_record *b = right;
    if (a->first_ns != b->first_ns) {
        return a->first_ns < b->first_ns ? -1 : 1;
    }
    return memcmp(&a->key, &b->key, sizeof a->key);
}

static int by_bytes(const void *left, const void *right)
{
    const struct flow_record *a = left;
    const struct flow_record *b = right;
    uint64_t bytes_a = a->bytes[0] + a->bytes[1];
    uint64_t bytes_b = b->bytes[0] + b->bytes[1];
    if (bytes_a != bytes_b) {
        return bytes_a > bytes_b ? -1 : 1;
    }
    return by_first_packet(left, right);
}

static const char *transport_name(uint8_t protocol, char *buf, size_t size)
{
    switch (protocol) {
    case PROTO_TCP: return "tcp";
    case PROTO_UDP: return "udp";
    case PROTO_ICMP: return "icmp";
    case PROTO_ICMPV6: return "icmpv6";
    case PROTO_SCTP: return "sctp";
    default: (void)snprintf(buf, size, "%u", protocol); return buf; /* at most 3 digits */
    }
}

static json_t *risk_names(uint64_t risks)
{
    json_t *names = json_array();
    for (unsigned risk = 1; risk < 64; risk++) {
        if ((risks >> risk & 1) != 0) {
            const struct alert_kind_info *kind = alert_kind_find(risk);
            const char *name = kind == NULL ? "unknown" : kind->name;
            (void)json_array_append_new(names, json_string(name)); /* NULL only without memory */
        }
    }
    return names;
}

/* Adds NAME_c2s and NAME_s2c. */
static void set_pair(json_t *row, const char *name, uint64_t c2s, uint64_t s2c)
{
    char key[48];
    (void)snprintf(key, sizeof key, "%s_c2s", name); /* names are short */
    (void)json_object_set_new(row, key, json_integer((json_int_t)c2s));
    (void)snprintf(key, sizeof key, "%s_s2c", name);
    (void)json_object_set_new(row, key, json_integer((json_int_t)s2c));
}

static json_t *row_of(const struct flow_record *f)
{
    char client[ADDR_TEXT_SIZE];
    char server[ADDR_TEXT_SIZE];
    char number[8];
    char id[COMMUNITY_ID_SIZE];
    json_t *row = json_pack(
        "{sI sI ss si ss si ss si ss ss ss ss ss}", "first_ms", (json_int_t)(f->first_ns / 1000000),
        "last_ms", (json_int_t)(f->last_ns / 1000000), "client",
        addr_format(f->key.family, &f->key.client, client), "client_port", (int)f->key.client_port,
        "server", addr_format(f->key.family, &f->key.server, server), "server_port",
        (int)f->key.server_port, "protocol_l4",
        transport_name(f->key.protocol, number, sizeof number), "vlan", (int)f->key.vlan,
        "protocol", f->protocol, "app", f->app, "category", f->category, "host", f->host, "info",
        f->info);
    set_pair(row, "bytes", f->bytes[0], f->bytes[1]);
    set_pair(row, "packets", f->packets[0], f->packets[1]);
    set_pair(row, "retransmitted", f->retransmitted[0], f->retransmitted[1]);
    set_pair(row, "out_of_order", f->out_of_order[0], f->out_of_order[1]);
    set_pair(row, "tcp_flags", f->tcp_flags[0], f->tcp_flags[1]);
    json_t *quality = quality_row(f);
    (void)json_object_update(row, quality); /* fails only without memory */
    json_decref(quality);
    json_t *rest =
        json_pack("{sI sI so ss ss}", "handshake_client_us", (json_int_t)f->handshake_client_us,
                  "handshake_server_us", (json_int_t)f->handshake_server_us, "risks",
                  risk_names(f->risks), "status", flow_status_name(f->status), "community_id",
                  flow_key_community_id(&f->key, 0, id));
    (void)json_object_update(row, rest); /* fails only without memory */
    json_decref(rest);
    return row;
}

/* Of no flow there is no array, and qsort wants one. */
static void sort_flows(struct reading *r, int (*compare)(const void *, const void *))
{
    if (r->count > 0) {
        qsort(r->flows, r->count, sizeof *r->flows, compare);
    }
}

static void print_json(struct reading *r)
{
    sort_flows(r, by_first_packet);
    for (size_t i = 0; i < r->count; i++) {
        json_t *row = row_of(&r->flows[i]);
        (void)json_dumpf(row, stdout, JSON_COMPACT); /* stdout's errors are looked at in the end */
        (void)putchar('\n');
        json_decref(row);
    }
}

static void print_row(const struct flow_record *f)
{
    char client[ADDR_TEXT_SIZE];
    char server[ADDR_TEXT_SIZE];
    char number[8];
    char ends[2 * ADDR_TEXT_SIZE + 32];
    (void)snprintf(ends, sizeof ends, "%s:%u > %s:%u",
                   addr_format(f->key.family, &f->key.client, client), f->key.client_port,
                   addr_format(f->key.family, &f->key.server, server), f->key.server_port);
    char quality[64];
    quality_text(f, quality, sizeof quality);
    printf("%-6s %-48s %-18s %12" PRIu64 " %9" PRIu64 " %-9s %-30s %s %s\n",
           transport_name(f->key.protocol, number, sizeof number), ends, f->app,
           f->bytes[0] + f->bytes[1], f->packets[0] + f->packets[1], flow_status_name(f->status),
           quality, f->host, f->info);
}

static void print_table(struct reading *r, unsigned top)
{
    const struct worker_stats *stats = r->link.lanes[0].stats;
    printf("%zu flows, %" PRIu64 " packets, %" PRIu64 " bytes; not decoded %" PRIu64
           ", without a flow %" PRIu64 ", without DPI %" PRIu64 " flows\n",
           r->count, atomic_load(&stats->packets), atomic_load(&stats->bytes),
           atomic_load(&stats->undecoded), atomic_load(&stats->flows_refused),
           atomic_load(&stats->dpi_refused));
    if (top > 0) {
        printf("%-6s %-48s %-18s %12s %9s %-9s %-30s %s\n", "proto", "client > server",
               "application", "bytes", "packets", "status", "quality: sent / received",
               "host and what");
        sort_flows(r, by_bytes);
    }
    for (size_t i = 0; i < r->count && i < top; i++) {
        print_row(&r->flows[i]);
    }
}

static int open_reading(struct reading *r, const char *path, struct err *e)
{
    r->settings = settings_for_file(path, e);
    if (r->settings == NULL || engine_link_open(&r->link, 1, e) != 0) {
        return -1;
    }
    r->worker = worker_new(r->settings, &r->link, 0, e);
    if (r->worker == NULL) {
        return -1;
    }
    const struct source_stats *source = &r->link.lanes[0].stats->sources[0];
    if (atomic_load(&source->state) == SOURCE_FAILED) {
        return err_set(e, ERR_IO, "%s", source->error);
    }
    return 0;
}

static void close_reading(struct reading *r)
{
    worker_free(r->worker);
    if (r->link.memory != NULL) {
        engine_link_close(&r->link);
    }
    settings_free(r->settings);
    free(r->flows);
}

int read_file(const struct read_options *options)
{
    struct err e = {0};
    struct reading r = {0};
    int result = open_reading(&r, options->path, &e);
    if (result == 0) {
        result = read_all(&r, &e); /* what was read before a fault is printed all the same */
        if (options->json) {
            print_json(&r);
        } else {
            print_table(&r, options->top);
        }
        if (fflush(stdout) != 0) {
            result = err_set_errno(&e, "cannot write");
        }
    }
    if (result != 0) {
        (void)fprintf(stderr,
                      "picket-agent: %s cannot be read: %s; a whole pcap or pcapng file is wanted, "
                      "such as tcpdump -w writes\n",
                      options->path, e.what);
    }
    close_reading(&r);
    return result == 0 ? 0 : 1;
}
