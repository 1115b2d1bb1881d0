/* IPFIX (RFC 7011): like NetFlow v9, with enterprise numbers, variable lengths and withdrawals. */
#include "agent/collect/inner.h"

enum {
    SET_TEMPLATES = 2,
    SET_OPTIONS = 3,
    SET_HEADER = 4,
    ENTERPRISE = 0x8000,
};
#define NS_OF_S 1000000000ull

static struct template_key key_of(const struct message *m, uint16_t id)
{
    return (struct template_key){
        .owner = m->exporter->view.number, .id = id, .stream = m->stream->serial};
}

static bool read_fields(struct reader *r, struct template *one, unsigned count)
{
    bool fits = true;
    for (unsigned i = 0; i < count; i++) {
        uint16_t element = reader_be16(r);
        uint16_t len = reader_be16(r);
        uint32_t pen = (element & ENTERPRISE) != 0 ? reader_be32(r) : PEN_NONE;
        enum field field = field_of(pen, element & (ENTERPRISE - 1));
        fits = fits && template_add(one, field, len);
    }
    return fits && !r->bad;
}

/* Section 8.1: an id of its own set withdraws all, else only that template. */
static void withdraw(struct message *m, uint16_t id)
{
    if (id == SET_TEMPLATES || id == SET_OPTIONS) {
        templates_drop_stream(m->collector->templates, m->exporter->view.number, m->stream->serial,
                              id == SET_TEMPLATES, id == SET_OPTIONS);
    } else {
        templates_drop(m->collector->templates, key_of(m, id));
    }
}

static bool read_template(struct message *m, struct reader *r, uint16_t id, unsigned count,
                          bool options)
{
    if (options) {
        reader_skip(r, 2); /* how many of the fields are scopes: they mean the same to us */
    }
    struct template *one = templates_renew(m->collector->templates, key_of(m, id), m->now_ns);
    if (one == NULL) {
        return false;
    }
    one->options = options;
    if (read_fields(r, one, count) && one->least > 0) {
        return true;
    }
    templates_drop(m->collector->templates, key_of(m, id));
    return false;
}

static bool read_templates(struct message *m, struct reader *r, bool options)
{
    while (reader_left(r) >= SET_HEADER) {
        uint16_t id = reader_be16(r);
        unsigned count = reader_be16(r);
        if (count == 0 && id != 0) {
            withdraw(m, id);
            continue;
        }
        if (id < TEMPLATE_FIRST_ID) {
            return id == 0; /* padding */
        }
        if (!read_template(m, r, id, count, options)) {
            return false;
        }
    }
    return true;
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
        if (id == SET_TEMPLATES || id == SET_OPTIONS) {
            well = read_templates(m, &set, id == SET_OPTIONS) && well;
        } else if (id >= TEMPLATE_FIRST_ID) {
            well = record_read_set(m, id, &set) && well;
        }
    }
    return well && reader_left(r) == 0;
}

/*
 * A message tells how many data records came before it (section 3.1). Some exporters count those
 * of the message itself, and some leave out records of options. How a stream counts is learned
 * from the first way that fits, so that only what fits none is a loss.
 */
static void expect(struct stream *s, uint32_t sequence, const struct message *m)
{
    const uint32_t ways[] = {s->records, s->flows, m->records, m->flows};
    enum { WAYS = sizeof ways / sizeof ways[0] };
    for (unsigned i = 0; i < WAYS && s->sequence + ways[s->counting] != sequence; i++) {
        if (s->sequence + ways[i] == sequence) {
            s->counting = (uint8_t)i;
        }
    }
    s->next = s->sequence + ways[s->counting];
}

static void follow_sequence(struct message *m, uint32_t sequence)
{
    struct stream *s = m->stream;
    expect(s, sequence, m);
    m->exporter->view.lost_flows += exporter_sequence(m, sequence, 0);
    if (s->late == 0) {
        s->sequence = sequence;
        s->records = m->records;
        s->flows = m->flows;
    }
}

bool ipfix_read(struct message *m, struct reader *r, size_t len)
{
    size_t told = reader_be16(r);
    uint64_t export_ns = reader_be32(r) * NS_OF_S;
    uint32_t sequence = reader_be32(r);
    uint32_t domain = reader_be32(r);
    if (r->bad || told != len) {
        return false;
    }
    exporter_stream(m, domain, COLLECT_IPFIX);
    exporter_clock(m, export_ns);
    bool well = read_sets(m, r);
    follow_sequence(m, sequence);
    if (m->untemplated || !well) {
        m->stream->expecting = false; /* nobody knows how many records went by */
    }
    return well;
}
