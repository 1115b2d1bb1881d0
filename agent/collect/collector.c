/*
 * Whom we hear: exporters by address, their streams by port and domain. Sequence numbers count
 * flows in v5 (NetFlow export datagram formats), datagrams in v9 (RFC 3954, section 5.1) and data
 * records in IPFIX (RFC 7011, section 3.1).
 */
#include "agent/collect/inner.h"

#include <stdlib.h>
#include <string.h>

enum {
    VERSION_5 = 5,
    VERSION_9 = 9,
    VERSION_IPFIX = 10,
    /* A gap beyond this is no loss but another beginning: no network loses so much unseen. */
    GAP_MAX = 1000000,
    RESTART_MS = 60000, /* datagrams overtaken on their way fall back by less */
    LATE_MAX = 8,       /* so many in a row are not overtaken: the exporter counts anew */
};
#define FORGET_NS 3600000000000ull /* who is silent so long makes room for another */

struct collector *collector_new(struct err *e)
{
    struct collector *c = calloc(1, sizeof *c);
    if (c == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for exporters");
        return NULL;
    }
    c->templates = templates_new(e);
    if (c->templates == NULL) {
        free(c);
        return NULL;
    }
    return c;
}

void collector_free(struct collector *c)
{
    if (c != NULL) {
        templates_free(c->templates);
        free(c);
    }
}

static struct exporter *known_exporter(struct collector *c, const struct collect_from *from)
{
    for (unsigned i = 0; i < c->count; i++) {
        struct exporter_view *view = &c->exporters[i].view;
        if (view->family == from->family && view->source == from->source &&
            addr_equal(&view->addr, &from->addr)) {
            return &c->exporters[i];
        }
    }
    return NULL;
}

/* The place of an exporter that has long been silent; NULL when there is none. */
static struct exporter *forget_one(struct collector *c, uint64_t now_ns)
{
    struct exporter *oldest = &c->exporters[0];
    for (unsigned i = 1; i < c->count; i++) {
        oldest = c->exporters[i].view.last_ns < oldest->view.last_ns ? &c->exporters[i] : oldest;
    }
    if (now_ns < oldest->view.last_ns + FORGET_NS) {
        return NULL;
    }
    templates_drop_owner(c->templates, oldest->view.number);
    return oldest;
}

static struct exporter *exporter_of(struct collector *c, const struct collect_from *from,
                                    uint64_t now_ns)
{
    struct exporter *x = known_exporter(c, from);
    if (x != NULL) {
        return x;
    }
    x = c->count < COLLECT_EXPORTERS ? &c->exporters[c->count] : forget_one(c, now_ns);
    if (x == NULL) {
        return NULL;
    }
    *x = (struct exporter){.view = {.addr = from->addr,
                                    .family = from->family,
                                    .source = from->source,
                                    .number = (uint16_t)(x - c->exporters + 1),
                                    .first_ns = now_ns}};
    c->count = x->view.number > c->count ? x->view.number : c->count;
    return x;
}

static void begin_stream(struct message *m, struct stream *s, uint32_t domain,
                         enum collect_version version)
{
    struct exporter *x = m->exporter;
    if (s->serial != 0) {
        templates_drop_stream(m->collector->templates, x->view.number, s->serial, true, true);
        for (unsigned i = 0; i < SAMPLERS; i++) {
            x->samplers[i].stream = x->samplers[i].stream == s->serial ? 0 : x->samplers[i].stream;
        }
    }
    *s = (struct stream){
        .serial = ++x->serials,
        .domain = domain,
        .port = m->from->port,
        .version = (uint8_t)version,
    };
}

void exporter_stream(struct message *m, uint32_t domain, enum collect_version version)
{
    struct stream *oldest = &m->exporter->streams[0];
    struct stream *found = NULL;
    for (unsigned i = 0; i < STREAMS && found == NULL; i++) {
        struct stream *s = &m->exporter->streams[i];
        if (s->serial != 0 && s->domain == domain && s->port == m->from->port &&
            s->version == version) {
            found = s;
        }
        oldest = s->heard_ns < oldest->heard_ns ? s : oldest;
    }
    if (found == NULL) {
        begin_stream(m, oldest, domain, version);
        found = oldest;
    }
    found->heard_ns = m->now_ns;
    m->exporter->view.versions |= (uint8_t)version;
    m->stream = found;
}

uint32_t exporter_sequence(struct message *m, uint32_t sequence, uint32_t units)
{
    struct stream *s = m->stream;
    uint32_t ahead = sequence - s->next; /* wraps as the numbers do */
    bool late = s->expecting && (int32_t)ahead < 0 && -(int64_t)(int32_t)ahead < GAP_MAX;
    bool lost = s->expecting && !late && ahead < GAP_MAX;
    s->late = late ? s->late + 1 : 0;
    if (late && s->late < LATE_MAX) {
        return 0;
    }
    m->exporter->view.restarts += late ? 1 : 0;
    s->late = 0;
    s->next = sequence + units;
    s->expecting = true;
    return lost ? ahead : 0;
}

void exporter_uptime(struct message *m, uint32_t uptime_ms)
{
    struct stream *s = m->stream;
    bool fell = uptime_ms < s->uptime_ms && s->uptime_ms - uptime_ms > RESTART_MS;
    bool wrapped = s->uptime_ms > UINT32_MAX - RESTART_MS && uptime_ms < RESTART_MS;
    if (fell && !wrapped) {
        m->exporter->view.restarts++;
        s->expecting = false;
        templates_drop_stream(m->collector->templates, m->exporter->view.number, s->serial, true,
                              true);
    }
    s->uptime_ms = uptime_ms;
}

void exporter_clock(struct message *m, uint64_t export_ns)
{
    m->export_ns = export_ns;
    m->exporter->view.skew_ms = ((int64_t)export_ns - (int64_t)m->now_ns) / 1000000;
}

void exporter_set_sampler(struct message *m, uint64_t id, uint32_t rate)
{
    struct sampler *free_one = NULL;
    for (unsigned i = 0; i < SAMPLERS; i++) {
        struct sampler *s = &m->exporter->samplers[i];
        if (s->stream == m->stream->serial && s->id == id) {
            s->rate = rate;
            return;
        }
        free_one = s->stream == 0 && free_one == NULL ? s : free_one;
    }
    if (free_one != NULL) { /* else the header's or the operator's rate has to do */
        *free_one = (struct sampler){.stream = m->stream->serial, .id = id, .rate = rate};
    }
}

/* The longest pause of late: it rises at once and fades by an eighth a datagram. */
static void note_arrival(struct exporter_view *view, uint64_t now_ns)
{
    uint64_t gap_ns = now_ns > view->last_ns ? now_ns - view->last_ns : 0;
    if (view->datagrams > 0) {
        uint64_t faded_ns = view->gap_ns - view->gap_ns / 8;
        view->gap_ns = gap_ns > faded_ns ? gap_ns : faded_ns;
    }
    view->datagrams++;
    view->last_ns = now_ns;
}

static bool read_message(struct message *m, const void *bytes, size_t len)
{
    struct reader r = reader_of(bytes, len);
    switch (reader_be16(&r)) {
    case VERSION_5: return netflow5_read(m, &r);
    case VERSION_9: return netflow9_read(m, &r);
    case VERSION_IPFIX: return ipfix_read(m, &r, len);
    default: return false;
    }
}

bool collector_datagram(struct collector *c, const struct collect_from *from, const void *bytes,
                        size_t len, uint64_t now_ns, collected_fn fn, void *arg)
{
    struct exporter *x = exporter_of(c, from, now_ns);
    if (x == NULL) {
        collector_refuse(c, from, now_ns);
        return false;
    }
    struct message m = {.collector = c,
                        .exporter = x,
                        .from = from,
                        .now_ns = now_ns,
                        .export_ns = now_ns,
                        .fn = fn,
                        .arg = arg};
    note_arrival(&x->view, now_ns);
    bool well = read_message(&m, bytes, len);
    x->view.malformed += well ? 0 : 1;
    x->view.templates = templates_count(c->templates, x->view.number);
    return well;
}

void collector_refuse(struct collector *c, const struct collect_from *from, uint64_t now_ns)
{
    c->refused.addr = from->addr; /* the last one, for the person who looks */
    c->refused.family = from->family;
    c->refused.first_ns = c->refused.first_ns == 0 ? now_ns : c->refused.first_ns;
    c->refused.last_ns = now_ns;
    c->refused.source = from->source;
    c->refused.datagrams++;
}

void collector_note_duplicate(struct collector *c, uint16_t exporter)
{
    c->exporters[exporter - 1].view.duplicates++;
}

const struct exporter_view *collector_exporter(const struct collector *c, uint16_t number)
{
    return number >= 1 && number <= c->count ? &c->exporters[number - 1].view : NULL;
}

const struct exporter_view *collector_view(const struct collector *c, unsigned place)
{
    if (place < c->count) {
        return &c->exporters[place].view;
    }
    return place == c->count && c->refused.datagrams > 0 ? &c->refused : NULL;
}
