#include "common/wire/probes.h"

#include "common/wire/fields.h"

static const char *const KIND_NAMES[] = {
    [PROBE_ICMP] = "icmp", [PROBE_TCP] = "tcp", [PROBE_HTTP] = "http"};

static const char *const STATE_NAMES[] = {
    [PROBE_OK] = "ok",
    [PROBE_TIMEOUT] = "timeout",
    [PROBE_REFUSED] = "refused",
    [PROBE_UNKNOWN_NAME] = "unknown_name",
    [PROBE_WRONG_STATUS] = "wrong_status",
    [PROBE_WRONG_CONTENT] = "wrong_content",
    [PROBE_BAD_CERTIFICATE] = "bad_certificate",
    [PROBE_FAULT] = "fault",
};

const char *probe_kind_name(enum probe_kind kind)
{
    unsigned i = (unsigned)kind;
    return i >= PROBE_ICMP && i <= PROBE_HTTP ? KIND_NAMES[i] : "unknown";
}

const char *probe_state_name(enum probe_state state)
{
    unsigned i = (unsigned)state;
    return i >= PROBE_OK && i <= PROBE_FAULT ? STATE_NAMES[i] : "unknown";
}

/* The numbers of a record, by the name of their member; those that are 0 are left out. */
struct number {
    const char *key;
    uint64_t value;
};

static void put_numbers(json_t *root, const struct probe_record *r)
{
    const struct number numbers[] = {
        {"interval_s", r->interval_s}, {"rtt_us", r->rtt_us},       {"rtt_min_us", r->rtt_min_us},
        {"rtt_max_us", r->rtt_max_us}, {"jitter_us", r->jitter_us}, {"sent", r->sent},
        {"received", r->received},     {"name_us", r->name_us},     {"connect_us", r->connect_us},
        {"tls_us", r->tls_us},         {"total_us", r->total_us},   {"status", r->status},
        {"warn_days", r->warn_days},   {"bytes", r->bytes},         {"cert_end_s", r->cert_end_s},
        {"limit_us", r->limit_us},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (numbers[i].value != 0) { /* short of memory: without */
            (void)json_object_set_new(root, numbers[i].key,
                                      json_integer((json_int_t)numbers[i].value));
        }
    }
}

size_t probe_record_pack(const struct probe_record *r, void *buf, size_t size)
{
    json_t *root = json_pack(
        "{s:i, s:o, s:s, s:s, s:I, s:o, s:o, s:o, s:o}", "v", PROBE_SCHEMA, "probe",
        fields_string(r->probe), "kind", probe_kind_name((enum probe_kind)r->kind), "state",
        probe_state_name((enum probe_state)r->state), "at_ns", (json_int_t)r->at_ns, "name",
        fields_string(r->name), "target", fields_string(r->target), "address",
        fields_string(r->address), "error", fields_string(r->error));
    if (root == NULL) {
        return 0;
    }
    put_numbers(root, r);
    return fields_dump(root, buf, size);
}

static void numbers_from_json(struct fields *f, struct probe_record *r)
{
    r->interval_s = (uint32_t)fields_u64_or(f, "interval_s", INT32_MAX, 0);
    r->rtt_us = (uint32_t)fields_u64_or(f, "rtt_us", INT32_MAX, 0);
    r->rtt_min_us = (uint32_t)fields_u64_or(f, "rtt_min_us", INT32_MAX, 0);
    r->rtt_max_us = (uint32_t)fields_u64_or(f, "rtt_max_us", INT32_MAX, 0);
    r->jitter_us = (uint32_t)fields_u64_or(f, "jitter_us", INT32_MAX, 0);
    r->sent = (uint16_t)fields_u64_or(f, "sent", INT16_MAX, 0);
    r->received = (uint16_t)fields_u64_or(f, "received", INT16_MAX, 0);
    r->name_us = (uint32_t)fields_u64_or(f, "name_us", INT32_MAX, 0);
    r->connect_us = (uint32_t)fields_u64_or(f, "connect_us", INT32_MAX, 0);
    r->tls_us = (uint32_t)fields_u64_or(f, "tls_us", INT32_MAX, 0);
    r->total_us = (uint32_t)fields_u64_or(f, "total_us", INT32_MAX, 0);
    r->status = (uint16_t)fields_u64_or(f, "status", 999, 0);
    r->warn_days = (uint16_t)fields_u64_or(f, "warn_days", INT16_MAX, 0);
    r->limit_us = (uint32_t)fields_u64_or(f, "limit_us", INT32_MAX, 0);
    r->bytes = fields_u64_or(f, "bytes", INT64_MAX, 0);
    r->cert_end_s = fields_u64_or(f, "cert_end_s", UINT32_MAX * 64ull, 0);
}

static bool record_from_json(struct fields *f, struct probe_record *r)
{
    (void)fields_u64(f, "v", UINT16_MAX); /* later versions only add members */
    fields_text(f, "probe", r->probe, sizeof r->probe);
    r->kind = (uint8_t)fields_choice(f, "kind", KIND_NAMES, PROBE_HTTP + 1);
    r->state = (uint8_t)fields_choice(f, "state", STATE_NAMES, PROBE_FAULT + 1);
    r->at_ns = fields_u64(f, "at_ns", INT64_MAX);
    fields_text_or_empty(f, "name", r->name, sizeof r->name);
    fields_text_or_empty(f, "target", r->target, sizeof r->target);
    fields_text_or_empty(f, "address", r->address, sizeof r->address);
    fields_text_or_empty(f, "error", r->error, sizeof r->error);
    numbers_from_json(f, r);
    return !f->bad;
}

int probe_record_unpack(const void *bytes, size_t len, struct probe_record *r, struct err *e)
{
    *r = (struct probe_record){0};
    json_t *root = fields_parse(bytes, len, PROBE_PACKED_MAX, e);
    if (root == NULL) {
        return err_wrap(e, "probe");
    }
    struct fields f = fields_of(root, e);
    bool ok = record_from_json(&f, r);
    json_decref(root);
    return ok ? 0 : err_wrap(e, "probe");
}
