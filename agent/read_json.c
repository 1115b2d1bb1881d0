/* picket-agent --read --json: one line a flow. */
#include "agent/read_print.h"

#include "agent/decode/packet.h"
#include "common/alert_kinds.h"
#include "common/tunnel.h"
#include "common/wire/prints.h"
#include "common/wire/quality_row.h"

#include <jansson.h>
#include <stdio.h>

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
        read_transport_name(f->key.protocol, number, sizeof number), "vlan", (int)f->key.vlan,
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
    if (f->tunnel != TUNNEL_NONE) {
        (void)json_object_set_new(row, "tunnel", json_string(tunnel_name(f->tunnel)));
        (void)json_object_set_new(row, "tunnel_id", json_integer((json_int_t)f->tunnel_id));
    }
    (void)json_object_update(row, rest); /* fails only without memory */
    json_decref(rest);
    struct print_texts texts;
    prints_texts(&f->prints, &texts);
    json_t *fingerprints = prints_row(&texts);
    if (json_array_size(fingerprints) > 0) {
        (void)json_object_set(row, "fingerprints", fingerprints); /* fails only without memory */
    }
    json_decref(fingerprints);
    return row;
}

void read_print_json(const struct read_book *book)
{
    for (size_t i = 0; i < read_book_count(book); i++) {
        struct flow_record f;
        read_book_get(book, i, &f);
        json_t *row = row_of(&f);
        (void)json_dumpf(row, stdout, JSON_COMPACT); /* stdout's errors are looked at in the end */
        (void)putchar('\n');
        json_decref(row);
    }
}
