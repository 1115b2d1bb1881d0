/* NetFlow version 9 (RFC 3954): flow sets of templates, options templates and data. */
#include "agent/collect/inner.h"

enum {
    SET_TEMPLATES = 0,
    SET_OPTIONS = 1,
    SET_HEADER = 4,
    FIELD_HEADER = 4,
    ELEMENTS_END = 0x8000, /* v9 has no enterprise numbers */
};
#define NS_OF_MS 1000000ull
#define NS_OF_S  1000000000ull

static struct template_key key_of(const struct message *m, uint16_t id)
{
    return (struct template_key){
        .owner = m->exporter->view.number, .id = id, .stream = m->stream->serial};
}

/* Adds fields to a template; scopes name things, not elements. False: malformed or too many. */
static bool read_fields(struct reader *r, struct template *one, unsigned count, bool scope)
{
    bool fits = true;
    for (unsigned i = 0; i < count; i++) {
        uint16_t element = reader_be16(r);
        uint16_t len = reader_be16(r);
        bool known = !scope && element < ELEMENTS_END;
        fits = fits && template_add(one, known ? field_of(PEN_NONE, element) : FIELD_OTHER, len);
    }
    return fits && !r->bad;
}

static bool read_templates(struct message *m, struct reader *r)
{
    bool well = true;
    while (reader_left(r) >= SET_HEADER && well) {
        uint16_t id = reader_be16(r);
        unsigned count = reader_be16(r);
        if (id < TEMPLATE_FIRST_ID) {
            break; /* padding */
        }
        struct template *one = templates_renew(m->collector->templates, key_of(m, id), m->now_ns);
        if (one == NULL) {
            return false;
        }
        well = read_fields(r, one, count, false) && one->least > 0;
        if (!well) {
            templates_drop(m->collector->templates, key_of(m, id));
        }
    }
    return well;
}

static bool read_options(struct message *m, struct reader *r)
{
    bool well = true;
    while (reader_left(r) >= SET_HEADER + 2 && well) {
        uint16_t id = reader_be16(r);
        unsigned scopes = reader_be16(r) / FIELD_HEADER; /* both are told in bytes */
        unsigned options = reader_be16(r) / FIELD_HEADER;
        if (id < TEMPLATE_FIRST_ID) {
            break;
        }
        struct template *one = templates_renew(m->collector->templates, key_of(m, id), m->now_ns);
        if (one == NULL) {
            return false;
        }
        one->options = true;
        well = read_fields(r, one, scopes, true) && read_fields(r, one, options, false) &&
               one->least > 0;
        if (!well) {
            templates_drop(m->collector->templates, key_of(m, id));
        }
    }
    return well;
}

static bool read_sets(struct message *m, struct reader *r)
{
    bool well = true;
    while (reader_left(r) >= SET_HEADER) {
        uint16_t id = reader_be16(r);
        size_t len = reader_be16(r);
        if (len < SET_HEADER) {
            return false;
        }
        struct reader set = reader_sub(r, len - SET_HEADER);
        if (set.bad) {
            return false;
        }
        if (id == SET_TEMPLATES) {
            well = read_templates(m, &set) && well;
        } else if (id == SET_OPTIONS) {
            well = read_options(m, &set) && well;
        } else if (id >= TEMPLATE_FIRST_ID) {
            well = record_read_set(m, id, &set) && well;
        }
    }
    return well;
}

bool netflow9_read(struct message *m, struct reader *r)
{
    reader_skip(r, 2); /* count of records: exporters disagree on what counts */
    uint32_t uptime_ms = reader_be32(r);
    uint64_t export_ns = reader_be32(r) * NS_OF_S;
    uint32_t sequence = reader_be32(r);
    uint32_t domain = reader_be32(r);
    if (r->bad) {
        return false;
    }
    exporter_stream(m, domain, COLLECT_V9);
    exporter_clock(m, export_ns);
    exporter_uptime(m, uptime_ms);
    m->boot_ns = export_ns - uptime_ms * NS_OF_MS;
    m->exporter->view.lost_datagrams += exporter_sequence(m, sequence, 1);
    return read_sets(m, r);
}
