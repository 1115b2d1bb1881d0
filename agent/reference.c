/*
 * Our decoder, flow table and DPI with the rules of ndpiReader 4.2 instead of the worker's: a flow
 * lasts as long as the file, and what is unknown in the end is guessed.
 */
#define LOG_MODULE "reference"
#include "agent/reference.h"

#include "agent/capture/source.h"
#include "agent/dpi/dpi.h"
#include "agent/flow/parts.h"
#include "agent/reference_packet.h"
#include "common/log.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_FLOWS = 1 << 20, MAX_LABEL = 512, BATCH = 1024 };

struct reference {
    struct flow_table *table;
    struct dpi *dpi;
    _Atomic uint32_t breadcrumb;
    uint64_t last_ns; /* the library wants times that never go back */
    uint64_t refused; /* packets of flows beyond MAX_FLOWS */
};

static struct flow *flow_of(struct reference *r, const struct packet *p, enum flow_dir *dir)
{
    struct flow *f = flow_table_find(r->table, flow_table_tag(r->table, &p->ends), &p->ends, dir);
    if (f != NULL) {
        return f;
    }
    const struct flow_key key = {
        .client = p->ends.src,
        .server = p->ends.dst,
        .client_port = p->ends.src_port,
        .server_port = p->ends.dst_port,
        .vlan = p->ends.vlan,
        .family = p->ends.family,
        .protocol = p->ends.protocol,
    };
    *dir = DIR_C2S;
    return flow_table_add(r->table, &key);
}

static void note_verdict(struct reference *r, struct flow *f)
{
    struct dpi_result result;
    dpi_describe(r->dpi, &f->dpi, &result);
    flow_set_names(r->table, f, result.protocol, result.app, "");
    f->confidence = result.confidence;
    dpi_drop(r->dpi, &f->dpi);
}

static void on_packet(const struct packet_view *view, void *arg)
{
    struct reference *r = arg;
    struct packet p = {0};
    if (!reference_packet(view, &p)) {
        return;
    }
    r->last_ns = view->time_ns > r->last_ns ? view->time_ns : r->last_ns;
    p.time_ns = r->last_ns;
    enum flow_dir dir;
    struct flow *f = flow_of(r, &p, &dir);
    if (f == NULL) {
        r->refused++;
        return;
    }
    f->sum.packets[dir]++;
    if (!f->dpi.done && (dpi_feed(r->dpi, &f->dpi, &p, dir == DIR_C2S) & DPI_NEWS_DONE) != 0) {
        note_verdict(r, f);
    }
}

static int read_packets(struct reference *r, const char *path, struct err *e)
{
    char word[MAX_LABEL + 64];
    int len = snprintf(word, sizeof word, "file:%s?pace=0&keep-time", path);
    if (len < 0 || (size_t)len >= sizeof word) {
        return err_set(e, ERR_ARG, "%s: the path is too long", path);
    }
    const struct source_options options = {.filter = ""};
    struct source *source = source_open(word, &options, e);
    if (source == NULL) {
        return -1;
    }
    enum source_result result = SOURCE_MORE;
    while (result == SOURCE_MORE) {
        result = source->ops->read(source, BATCH, 0, on_packet, r);
    }
    if (result == SOURCE_ERROR) {
        (void)err_set(e, ERR_IO, "%s", source->error);
    }
    source_close(source);
    return result == SOURCE_ERROR ? -1 : 0;
}

static void print_json(const struct flow_table *t, const struct flow *f)
{
    char client[ADDR_TEXT_SIZE];
    char server[ADDR_TEXT_SIZE];
    json_t *row = json_pack(
        "{ss si ss si si ss ss si sI}", "client",
        addr_format(f->key.family, &f->key.client, client), "client_port", (int)f->key.client_port,
        "server", addr_format(f->key.family, &f->key.server, server), "server_port",
        (int)f->key.server_port, "protocol_l4", (int)f->key.protocol, "protocol",
        flow_protocol(t, f), "app", flow_app(t, f), "confidence", (int)f->confidence, "packets",
        (json_int_t)(f->sum.packets[0] + f->sum.packets[1]));
    (void)json_dumpf(row, stdout, JSON_COMPACT); /* stdout's errors are looked at in the end */
    (void)putchar('\n');
    json_decref(row);
}

static void print_line(const struct flow_table *t, const struct flow *f)
{
    char client[ADDR_TEXT_SIZE];
    char server[ADDR_TEXT_SIZE];
    printf("%3u %s:%u %s:%u %s\n", f->key.protocol,
           addr_format(f->key.family, &f->key.client, client), f->key.client_port,
           addr_format(f->key.family, &f->key.server, server), f->key.server_port, flow_app(t, f));
}

static void print_flows(struct reference *r, bool json)
{
    for (uint32_t i = 1; i <= flow_table_span(r->table); i++) {
        struct flow *f = flow_table_at(r->table, i);
        if (f == NULL) {
            continue;
        }
        if (!f->dpi.done) {
            dpi_conclude(r->dpi, &f->dpi);
            note_verdict(r, f);
        }
        if (json) {
            print_json(r->table, f);
        } else {
            print_line(r->table, f);
        }
    }
}

int reference_file(const struct read_options *options)
{
    struct err e = {0};
    struct reference r = {0};
    const struct dpi_options dpi = {
        .enabled = true,
        .max_states = MAX_FLOWS,
        .breadcrumb = &r.breadcrumb,
        .rules = options->rules,
        .reference = true,
    };
    int result = -1;
    if ((r.table = flow_table_new(MAX_FLOWS, &e)) != NULL && (r.dpi = dpi_new(&dpi, &e)) != NULL) {
        result = read_packets(&r, options->path, &e);
        print_flows(&r, options->json);
    }
    if (result == 0 && r.refused > 0) {
        result = err_set(&e, ERR_FULL, "more than %d flows", MAX_FLOWS);
    }
    if (result == 0 && fflush(stdout) != 0) {
        result = err_set_errno(&e, "cannot write");
    }
    if (result != 0) {
        log_error(&e, "cannot read the file");
    }
    dpi_free(r.dpi);
    flow_table_free(r.table);
    return result == 0 ? 0 : 1;
}
