#include "common/wire/delivery.h"

#include "common/reader.h"
#include "common/wire/fields.h"
#include "common/writer.h"

enum { CREDIT_MAX = WINDOW_BATCHES };

const char *gap_reason_name(enum gap_reason reason)
{
    switch (reason) {
    case GAP_SPOOL_FULL: return "spool_full";
    case GAP_TORN_TAIL: return "torn_tail";
    case GAP_LOST_SEGMENT: return "lost_segment";
    case GAP_DISK_ERROR: return "disk_error";
    }
    return "unknown";
}

size_t gap_pack(const struct gap *g, void *buf, size_t size)
{
    struct writer w = writer_of(buf, size);
    writer_u8(&w, GAP_MARK);
    writer_u8(&w, g->reason);
    writer_le64(&w, g->from);
    writer_le64(&w, g->to);
    return w.full ? 0 : writer_len(&w);
}

bool gap_is(const void *bytes, size_t len)
{
    const uint8_t *first = bytes;
    return len > 0 && *first == GAP_MARK;
}

int gap_unpack(const void *bytes, size_t len, struct gap *g, struct err *e)
{
    struct reader r = reader_of(bytes, len);
    uint8_t mark = reader_u8(&r);
    g->reason = reader_u8(&r);
    g->from = reader_le64(&r);
    g->to = reader_le64(&r);
    if (r.bad || mark != GAP_MARK) {
        return err_set(e, ERR_PARSE, "a gap record of %zu bytes", len);
    }
    if (g->reason < GAP_SPOOL_FULL || g->reason > GAP_DISK_ERROR) {
        return err_set(e, ERR_PARSE, "gap reason %u", g->reason);
    }
    if (g->from == 0 || g->to < g->from || g->to > INT64_MAX) {
        return err_set(e, ERR_PARSE, "a gap whose sequences are out of range");
    }
    return 0;
}

size_t ack_pack(const struct ack *a, void *buf, size_t size)
{
    const char *stream = wire_stream_word((enum wire_stream)a->stream);
    if (stream == NULL) {
        return 0;
    }
    return fields_dump(json_pack("{s:s, s:I, s:I, s:i}", "stream", stream, "epoch",
                                 (json_int_t)a->epoch, "upto", (json_int_t)a->upto, "credit",
                                 (int)a->credit),
                       buf, size);
}

static uint8_t stream_from(struct fields *f)
{
    char word[16];
    fields_text(f, "stream", word, sizeof word);
    enum wire_stream stream = wire_stream_by_word(word);
    if (stream == 0) {
        fields_fault(f, "stream", "is no stream");
    }
    return (uint8_t)stream;
}

int ack_unpack(const void *bytes, size_t len, struct ack *a, struct err *e)
{
    *a = (struct ack){0};
    json_t *root = fields_parse(bytes, len, DELIVERY_MAX, e);
    if (root == NULL) {
        return err_wrap(e, "ack");
    }
    struct fields f = fields_of(root, e);
    a->stream = stream_from(&f);
    a->epoch = fields_u64(&f, "epoch", INT64_MAX);
    a->upto = fields_u64(&f, "upto", INT64_MAX);
    a->credit = (uint32_t)fields_u64_or(&f, "credit", CREDIT_MAX, CREDIT_MAX);
    json_decref(root);
    return f.bad ? err_wrap(e, "ack") : 0;
}

size_t nack_pack(const struct nack *n, void *buf, size_t size)
{
    const char *stream = wire_stream_word((enum wire_stream)n->stream);
    if (stream == NULL) {
        return 0;
    }
    return fields_dump(json_pack("{s:s, s:I, s:I, s:o}", "stream", stream, "epoch",
                                 (json_int_t)n->epoch, "expect", (json_int_t)n->expect, "reason",
                                 fields_string(n->reason)),
                       buf, size);
}

int nack_unpack(const void *bytes, size_t len, struct nack *n, struct err *e)
{
    *n = (struct nack){0};
    json_t *root = fields_parse(bytes, len, DELIVERY_MAX, e);
    if (root == NULL) {
        return err_wrap(e, "nack");
    }
    struct fields f = fields_of(root, e);
    n->stream = stream_from(&f);
    n->epoch = fields_u64(&f, "epoch", INT64_MAX);
    n->expect = fields_u64(&f, "expect", INT64_MAX);
    fields_text_or_empty(&f, "reason", n->reason, sizeof n->reason);
    json_decref(root);
    return f.bad ? err_wrap(e, "nack") : 0;
}

size_t enrol_request_pack(const struct enrol_request *r, void *buf, size_t size)
{
    return fields_dump(json_pack("{s:i, s:o, s:o, s:o, s:o, s:o}", "v", 1, "token_hash",
                                 fields_string(r->token_hash), "nkey", fields_string(r->nkey),
                                 "host", fields_string(r->host), "version",
                                 fields_string(r->version), "nonce", fields_string(r->nonce)),
                       buf, size);
}

int enrol_request_unpack(const void *bytes, size_t len, struct enrol_request *r, struct err *e)
{
    *r = (struct enrol_request){0};
    json_t *root = fields_parse(bytes, len, DELIVERY_MAX, e);
    if (root == NULL) {
        return err_wrap(e, "enrolment request");
    }
    struct fields f = fields_of(root, e);
    fields_text(&f, "token_hash", r->token_hash, sizeof r->token_hash);
    fields_text(&f, "nkey", r->nkey, sizeof r->nkey);
    fields_text_or_empty(&f, "host", r->host, sizeof r->host);
    fields_text_or_empty(&f, "version", r->version, sizeof r->version);
    fields_text(&f, "nonce", r->nonce, sizeof r->nonce);
    json_decref(root);
    return f.bad ? err_wrap(e, "enrolment request") : 0;
}

size_t renew_request_pack(const struct renew_request *r, void *buf, size_t size)
{
    return fields_dump(json_pack("{s:i, s:o, s:o}", "v", 1, "nkey", fields_string(r->nkey), "nonce",
                                 fields_string(r->nonce)),
                       buf, size);
}

int renew_request_unpack(const void *bytes, size_t len, struct renew_request *r, struct err *e)
{
    *r = (struct renew_request){0};
    json_t *root = fields_parse(bytes, len, DELIVERY_MAX, e);
    if (root == NULL) {
        return err_wrap(e, "renewal");
    }
    struct fields f = fields_of(root, e);
    fields_text(&f, "nkey", r->nkey, sizeof r->nkey);
    fields_text(&f, "nonce", r->nonce, sizeof r->nonce);
    json_decref(root);
    return f.bad ? err_wrap(e, "renewal") : 0;
}

size_t enrol_answer_pack(const struct enrol_answer *a, void *buf, size_t size)
{
    return fields_dump(json_pack("{s:b, s:o, s:o, s:o, s:o}", "ok", (int)a->ok, "nonce",
                                 fields_string(a->nonce), "jwt", fields_string(a->jwt),
                                 "command_key", fields_string(a->command_key), "reason",
                                 fields_string(a->reason)),
                       buf, size);
}

int enrol_answer_unpack(const void *bytes, size_t len, struct enrol_answer *a, struct err *e)
{
    *a = (struct enrol_answer){0};
    json_t *root = fields_parse(bytes, len, DELIVERY_MAX, e);
    if (root == NULL) {
        return err_wrap(e, "enrolment answer");
    }
    struct fields f = fields_of(root, e);
    a->ok = fields_bool_or(&f, "ok", false);
    fields_text(&f, "nonce", a->nonce, sizeof a->nonce);
    fields_text_or_empty(&f, "jwt", a->jwt, sizeof a->jwt);
    fields_text_or_empty(&f, "command_key", a->command_key, sizeof a->command_key);
    fields_text_or_empty(&f, "reason", a->reason, sizeof a->reason);
    if (a->ok && a->jwt[0] == '\0') {
        fields_fault(&f, "jwt", "is missing though the answer is yes");
    }
    json_decref(root);
    return f.bad ? err_wrap(e, "enrolment answer") : 0;
}
