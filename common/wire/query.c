#include "common/wire/query.h"

#include "common/wire/fields.h"

#include <stdlib.h>
#include <string.h>

enum { QUERY_CURSOR_MAX = 1000000, QUERY_DEADLINE_MAX_MS = 30000, REQUEST_ID_MAX_LEN = 32 };

static const char *const OP_NAMES[] = {
    [QUERY_STATUS] = "status", [QUERY_HOSTS] = "hosts",   [QUERY_FLOWS] = "flows",
    [QUERY_FLOW] = "flow",     [QUERY_ALERTS] = "alerts",
};

const char *query_op_name(enum query_op op)
{
    unsigned i = (unsigned)op;
    return i >= QUERY_STATUS && i <= QUERY_ALERTS ? OP_NAMES[i] : "unknown";
}

enum query_op query_op_by_name(const char *name)
{
    for (unsigned i = QUERY_STATUS; i <= QUERY_ALERTS; i++) {
        if (strcmp(OP_NAMES[i], name) == 0) {
            return (enum query_op)i;
        }
    }
    return (enum query_op)0;
}

/* These two become words of the answer's subject: nothing but letters and digits. */
static bool id_is_valid(const char *id)
{
    size_t len = strlen(id);
    return len >= 1 && len <= REQUEST_ID_MAX_LEN &&
           strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") == len;
}

static json_t *filter_to_json(const struct query_filter *f)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:i, s:o}", "host",
                     fields_string(f->host), "client", fields_string(f->client), "server",
                     fields_string(f->server), "app", fields_string(f->app), "protocol",
                     fields_string(f->protocol), "status", fields_string(f->status), "quality",
                     fields_string(f->quality), "print", fields_string(f->print), "port",
                     (int)f->port, "vlan", (int)f->vlan, "flow_id", fields_id_string(f->flow_id));
}

size_t query_pack(const struct query *q, void *buf, size_t size)
{
    if (!id_is_valid(q->req) || !id_is_valid(q->agg)) {
        return 0;
    }
    json_t *root =
        json_pack("{s:s, s:s, s:s, s:o, s:o, s:b, s:i, s:i, s:i}", "req", q->req, "agg", q->agg,
                  "op", query_op_name(q->op), "filter", filter_to_json(&q->filter), "sort",
                  fields_string(q->sort), "desc", (int)q->desc, "limit", (int)q->limit, "cursor",
                  (int)q->cursor, "deadline_ms", (int)q->deadline_ms);
    return fields_dump(root, buf, size);
}

static bool filter_from(struct fields *outer, struct query_filter *f)
{
    if (outer->bad || json_object_get(outer->object, "filter") == NULL) {
        return !outer->bad;
    }
    struct fields in = fields_object(outer, "filter");
    fields_text_or_empty(&in, "host", f->host, sizeof f->host);
    fields_text_or_empty(&in, "client", f->client, sizeof f->client);
    fields_text_or_empty(&in, "server", f->server, sizeof f->server);
    fields_text_or_empty(&in, "app", f->app, sizeof f->app);
    fields_text_or_empty(&in, "protocol", f->protocol, sizeof f->protocol);
    fields_text_or_empty(&in, "status", f->status, sizeof f->status);
    fields_text_or_empty(&in, "quality", f->quality, sizeof f->quality);
    fields_text_or_empty(&in, "print", f->print, sizeof f->print);
    f->port = (uint16_t)fields_u64_or(&in, "port", UINT16_MAX, 0);
    f->vlan = (uint16_t)fields_u64_or(&in, "vlan", UINT16_MAX, 0);
    f->flow_id = fields_id(&in, "flow_id");
    return !in.bad;
}

static bool query_from(struct fields *f, struct query *q)
{
    char op[QUERY_WORD_SIZE];
    fields_text(f, "req", q->req, sizeof q->req);
    fields_text(f, "agg", q->agg, sizeof q->agg);
    if (!f->bad && (!id_is_valid(q->req) || !id_is_valid(q->agg))) {
        fields_fault(f, "req", "or \"agg\" is not 1 to 32 letters and digits");
    }
    fields_text(f, "op", op, sizeof op);
    q->op = query_op_by_name(op);
    if (!f->bad && q->op == 0) {
        fields_fault(f, "op", "is no known question");
    }
    fields_text_or_empty(f, "sort", q->sort, sizeof q->sort);
    q->desc = fields_bool_or(f, "desc", false);
    q->limit = (uint32_t)fields_u64_or(f, "limit", QUERY_LIMIT_MAX, QUERY_LIMIT_DEFAULT);
    q->cursor = (uint32_t)fields_u64_or(f, "cursor", QUERY_CURSOR_MAX, 0);
    q->deadline_ms =
        (uint32_t)fields_u64_or(f, "deadline_ms", QUERY_DEADLINE_MAX_MS, QUERY_DEADLINE_MS);
    if (!f->bad && q->limit == 0) {
        fields_fault(f, "limit", "is zero");
    }
    return filter_from(f, &q->filter) && !f->bad;
}

int query_unpack(const void *bytes, size_t len, struct query *q, struct err *e)
{
    *q = (struct query){0};
    json_t *root = fields_parse(bytes, len, QUERY_MAX, e);
    if (root == NULL) {
        return err_wrap(e, "question");
    }
    struct fields f = fields_of(root, e);
    bool ok = query_from(&f, q);
    json_decref(root);
    return ok ? 0 : err_wrap(e, "question");
}

char *query_chunk_pack(const struct query_chunk *c, size_t *len)
{
    json_t *rows = c->rows != NULL ? json_incref(c->rows) : json_array();
    json_t *root = json_pack("{s:s, s:i, s:b, s:o, s:I, s:b}", "req", c->req, "n", (int)c->n,
                             "last", (int)c->last, "rows", rows, "total", (json_int_t)c->total,
                             "partial", (int)c->partial);
    if (root != NULL && c->err_code[0] != '\0') {
        json_t *err = json_pack("{s:o, s:o}", "code", fields_string(c->err_code), "message",
                                fields_string(c->err_message));
        if (json_object_set_new(root, "err", err) != 0) {
            json_decref(root);
            return NULL;
        }
    }
    char *text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    *len = text != NULL ? strlen(text) : 0;
    return text;
}

static void chunk_error_from(struct fields *f, struct query_chunk *c)
{
    if (f->bad || json_object_get(f->object, "err") == NULL) {
        return;
    }
    struct fields err = fields_object(f, "err");
    fields_text(&err, "code", c->err_code, sizeof c->err_code);
    fields_text_or_empty(&err, "message", c->err_message, sizeof c->err_message);
    f->bad = err.bad;
}

int query_chunk_unpack(const void *bytes, size_t len, struct query_chunk *c, struct err *e)
{
    *c = (struct query_chunk){0};
    json_t *root = fields_parse(bytes, len, QUERY_CHUNK_MAX, e);
    if (root == NULL) {
        return err_wrap(e, "answer");
    }
    struct fields f = fields_of(root, e);
    fields_text(&f, "req", c->req, sizeof c->req);
    c->n = (uint32_t)fields_u64(&f, "n", UINT32_MAX);
    c->last = fields_bool_or(&f, "last", false);
    c->total = fields_u64_or(&f, "total", INT64_MAX, 0);
    c->partial = fields_bool_or(&f, "partial", false);
    chunk_error_from(&f, c);
    json_t *rows = json_object_get(root, "rows");
    if (!f.bad && !json_is_array(rows)) {
        fields_fault(&f, "rows", "is not a list");
    }
    if (!f.bad) {
        c->rows = json_incref(rows);
    }
    json_decref(root);
    return f.bad ? err_wrap(e, "answer") : 0;
}
