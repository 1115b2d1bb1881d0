/* Presence on the wire: heartbeat, live sample, hello, welcome, goodbye. */
#include "common/wire/heartbeat.h"

#include "common/wire/fields.h"
#include "common/wire/text.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_VERSION = 1, CPU_PERMILLE_MAX = 1000000 };

struct reason_word {
    enum agent_reason reason;
    const char *word;
};

static const struct reason_word REASONS[] = {
    {REASON_CAPTURE_STOPPED, "capture_stopped"},
    {REASON_DROPS, "drops"},
    {REASON_SPOOL, "spool"},
    {REASON_CLOCK, "clock_skew"},
    {REASON_CONFIG, "config_refused"},
    {REASON_VERSION, "too_old"},
    {REASON_NO_PACKETS, "no_packets"},
    {REASON_ENGINE_RESTARTED, "engine_restarted"},
};
enum { REASON_COUNT = sizeof REASONS / sizeof REASONS[0] };

const char *agent_reason_word(enum agent_reason reason)
{
    for (size_t i = 0; i < REASON_COUNT; i++) {
        if (REASONS[i].reason == reason) {
            return REASONS[i].word;
        }
    }
    return NULL;
}

unsigned agent_reason_by_word(const char *word)
{
    for (size_t i = 0; i < REASON_COUNT; i++) {
        if (strcmp(REASONS[i].word, word) == 0) {
            return REASONS[i].reason;
        }
    }
    return 0;
}

static json_t *reasons_to_json(unsigned reasons)
{
    json_t *words = json_array();
    for (size_t i = 0; words != NULL && i < REASON_COUNT; i++) {
        if ((reasons & (unsigned)REASONS[i].reason) != 0 &&
            json_array_append_new(words, json_string(REASONS[i].word)) != 0) {
            json_decref(words);
            return NULL;
        }
    }
    return words;
}

/* Words of a newer agent that are not known here are passed over. */
static unsigned reasons_from(struct fields *f)
{
    const json_t *words = json_object_get(f->object, "why");
    if (words != NULL && !json_is_array(words)) {
        fields_fault(f, "why", "is not a list");
        return 0;
    }
    unsigned reasons = 0;
    for (size_t i = 0; i < json_array_size(words); i++) {
        const char *word = json_string_value(json_array_get(words, i));
        if (word == NULL) {
            fields_fault(f, "why", "holds something else than words");
            return 0;
        }
        reasons |= agent_reason_by_word(word);
    }
    return reasons;
}

static json_t *drops_to_json(const struct drops *d)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "k", (json_int_t)d->kernel, "r",
                     (json_int_t)d->ring, "t", (json_int_t)d->table, "q", (json_int_t)d->queue, "s",
                     (json_int_t)d->spool, "c", (json_int_t)d->client, "o",
                     (json_int_t)d->half_open, "e", (json_int_t)d->early);
}

static bool drops_from(struct fields *f, struct drops *d)
{
    struct fields in = fields_object(f, "drop");
    d->kernel = fields_u64_or(&in, "k", INT64_MAX, 0);
    d->ring = fields_u64_or(&in, "r", INT64_MAX, 0);
    d->table = fields_u64_or(&in, "t", INT64_MAX, 0);
    d->queue = fields_u64_or(&in, "q", INT64_MAX, 0);
    d->spool = fields_u64_or(&in, "s", INT64_MAX, 0);
    d->client = fields_u64_or(&in, "c", INT64_MAX, 0);
    d->half_open = fields_u64_or(&in, "o", INT64_MAX, 0);
    d->early = fields_u64_or(&in, "e", INT64_MAX, 0);
    return !in.bad;
}

static size_t pack_json(const struct heartbeat *h, void *buf, size_t size)
{
    json_t *root = json_pack(
        "{s:i, s:I, s:o, s:I, s:I, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, "
        "s:{s:I, s:I}, s:I, s:I}",
        "v", MESSAGE_VERSION, "n", (json_int_t)h->number, "boot", fields_string(h->boot), "t",
        (json_int_t)h->wall_ns, "up_s", (json_int_t)h->uptime_s, "st",
        h->reasons == 0 ? "up" : "degraded", "why", reasons_to_json(h->reasons), "bps",
        (json_int_t)h->bps, "pps", (json_int_t)h->pps, "hosts", (json_int_t)h->hosts, "flows",
        (json_int_t)h->flows, "eng", (json_int_t)h->engaged, "fal", (json_int_t)h->flow_alerts,
        "cfg", (json_int_t)h->config_revision, "denied", (json_int_t)h->denied, "drop",
        drops_to_json(&h->drops), "sp", "b", (json_int_t)h->spool_bytes, "age_s",
        (json_int_t)h->spool_age_s, "rss", (json_int_t)h->rss_bytes, "cpu",
        (json_int_t)h->cpu_permille);
    return fields_dump(root, buf, size);
}

/* The numbers of the packed form in their order; later ones only come at the end. */
#define PACKED(member) offsetof(struct heartbeat, member)
static const size_t NUMBERS[] = {
    PACKED(number),       PACKED(wall_ns),         PACKED(uptime_s),        PACKED(bps),
    PACKED(pps),          PACKED(hosts),           PACKED(flows),           PACKED(engaged),
    PACKED(flow_alerts),  PACKED(denied),          PACKED(config_revision), PACKED(drops.kernel),
    PACKED(drops.ring),   PACKED(drops.table),     PACKED(drops.queue),     PACKED(drops.spool),
    PACKED(drops.client), PACKED(drops.half_open), PACKED(drops.early),     PACKED(spool_bytes),
    PACKED(spool_age_s),  PACKED(rss_bytes),
};
enum { NUMBER_COUNT = sizeof NUMBERS / sizeof NUMBERS[0] };

/* Form, boot id, reasons, CPU, then the numbers. */
static size_t pack_binary(const struct heartbeat *h, void *buf, size_t size)
{
    struct writer w = writer_of(buf, size);
    writer_u8(&w, HEARTBEAT_PACKED);
    text_write(&w, h->boot);
    writer_le32(&w, h->reasons);
    writer_le32(&w, h->cpu_permille);
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        uint64_t value;
        memcpy(&value, (const char *)h + NUMBERS[i], sizeof value);
        writer_le64(&w, value);
    }
    return w.full ? 0 : writer_len(&w);
}

size_t heartbeat_pack(const struct heartbeat *h, enum heartbeat_form form, void *buf, size_t size)
{
    return form == HEARTBEAT_PACKED ? pack_binary(h, buf, size) : pack_json(h, buf, size);
}

/* Reasons of a newer agent that are not known here are passed over. */
static unsigned known_reasons(unsigned reasons)
{
    unsigned known = 0;
    for (size_t i = 0; i < REASON_COUNT; i++) {
        known |= reasons & (unsigned)REASONS[i].reason;
    }
    return known;
}

static int unpack_binary(const void *bytes, size_t len, struct heartbeat *h, struct err *e)
{
    struct reader r = reader_of(bytes, len);
    reader_skip(&r, 1); /* the form */
    text_read(&r, h->boot, sizeof h->boot);
    h->reasons = known_reasons(reader_le32(&r));
    h->cpu_permille = reader_le32(&r);
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        uint64_t value = reader_le64(&r);
        r.bad = r.bad || value > INT64_MAX;
        memcpy((char *)h + NUMBERS[i], &value, sizeof value);
    }
    return !r.bad && h->cpu_permille <= CPU_PERMILLE_MAX
               ? 0
               : err_set(e, ERR_PARSE, "heartbeat: cut short, or something in it is out of range");
}

static bool heartbeat_from(struct fields *f, struct heartbeat *h)
{
    (void)fields_u64(f, "v", UINT16_MAX); /* later versions only add members */
    h->number = fields_u64(f, "n", INT64_MAX);
    fields_text(f, "boot", h->boot, sizeof h->boot);
    h->wall_ns = fields_u64(f, "t", INT64_MAX);
    h->uptime_s = fields_u64(f, "up_s", INT64_MAX);
    h->reasons = reasons_from(f);
    h->bps = fields_u64(f, "bps", INT64_MAX);
    h->pps = fields_u64(f, "pps", INT64_MAX);
    h->hosts = fields_u64(f, "hosts", INT64_MAX);
    h->flows = fields_u64(f, "flows", INT64_MAX);
    h->engaged = fields_u64(f, "eng", INT64_MAX);
    h->flow_alerts = fields_u64(f, "fal", INT64_MAX);
    h->config_revision = fields_u64_or(f, "cfg", INT64_MAX, 0);
    h->denied = fields_u64_or(f, "denied", INT64_MAX, 0);
    h->rss_bytes = fields_u64_or(f, "rss", INT64_MAX, 0);
    h->cpu_permille = (uint32_t)fields_u64_or(f, "cpu", CPU_PERMILLE_MAX, 0);
    struct fields spool = fields_object(f, "sp");
    h->spool_bytes = fields_u64_or(&spool, "b", INT64_MAX, 0);
    h->spool_age_s = fields_u64_or(&spool, "age_s", INT64_MAX, 0);
    return drops_from(f, &h->drops) && !spool.bad && !f->bad;
}

int heartbeat_unpack(const void *bytes, size_t len, struct heartbeat *h, struct err *e)
{
    *h = (struct heartbeat){0};
    if (len > 0 && len <= HEARTBEAT_MAX && *(const uint8_t *)bytes == HEARTBEAT_PACKED) {
        return unpack_binary(bytes, len, h, e);
    }
    json_t *root = fields_parse(bytes, len, HEARTBEAT_MAX, e);
    if (root == NULL) {
        return err_wrap(e, "heartbeat");
    }
    struct fields f = fields_of(root, e);
    bool ok = heartbeat_from(&f, h);
    json_decref(root);
    return ok ? 0 : err_wrap(e, "heartbeat");
}

size_t live_sample_pack(const struct live_sample *s, void *buf, size_t size)
{
    return fields_dump(json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:I}", "v", MESSAGE_VERSION, "t",
                                 (json_int_t)s->wall_ns, "bps", (json_int_t)s->bps, "pps",
                                 (json_int_t)s->pps, "flows", (json_int_t)s->flows, "hosts",
                                 (json_int_t)s->hosts, "drops", (json_int_t)s->drops),
                       buf, size);
}

int live_sample_unpack(const void *bytes, size_t len, struct live_sample *s, struct err *e)
{
    *s = (struct live_sample){0};
    json_t *root = fields_parse(bytes, len, HEARTBEAT_MAX, e);
    if (root == NULL) {
        return err_wrap(e, "live sample");
    }
    struct fields f = fields_of(root, e);
    s->wall_ns = fields_u64(&f, "t", INT64_MAX);
    s->bps = fields_u64(&f, "bps", INT64_MAX);
    s->pps = fields_u64(&f, "pps", INT64_MAX);
    s->flows = fields_u64(&f, "flows", INT64_MAX);
    s->hosts = fields_u64(&f, "hosts", INT64_MAX);
    s->drops = fields_u64(&f, "drops", INT64_MAX);
    json_decref(root);
    return f.bad ? err_wrap(e, "live sample") : 0;
}

/* {"alert": [epoch, sequence], …}: the spool's ends in hello, the centre's cursors in welcome. */
static json_t *places_to_json(const uint64_t *epochs, const uint64_t *seqs, size_t stride)
{
    json_t *places = json_object();
    for (unsigned i = 1; places != NULL && i <= STREAM_COUNT; i++) {
        json_t *place =
            json_pack("[I, I]", (json_int_t)epochs[i * stride], (json_int_t)seqs[i * stride]);
        if (json_object_set_new(places, wire_stream_word((enum wire_stream)i), place) != 0) {
            json_decref(places);
            return NULL;
        }
    }
    return places;
}

/* Streams that the sender does not know stay zero. */
static bool places_from(struct fields *f, const char *key, uint64_t *epochs, uint64_t *seqs,
                        size_t stride)
{
    struct fields places = fields_object(f, key);
    for (unsigned i = 1; !places.bad && i <= STREAM_COUNT; i++) {
        const char *word = wire_stream_word((enum wire_stream)i);
        const json_t *place = json_object_get(places.object, word);
        if (place == NULL) {
            continue;
        }
        json_int_t epoch = json_integer_value(json_array_get(place, 0));
        json_int_t seq = json_integer_value(json_array_get(place, 1));
        if (json_array_size(place) != 2 || !json_is_integer(json_array_get(place, 0)) ||
            !json_is_integer(json_array_get(place, 1)) || epoch < 0 || seq < 0) {
            fields_fault(&places, word, "is not an epoch and a sequence");
            break;
        }
        epochs[i * stride] = (uint64_t)epoch;
        seqs[i * stride] = (uint64_t)seq;
    }
    return !places.bad;
}

size_t hello_pack(const struct hello *h, void *buf, size_t size)
{
    json_t *root = json_pack("{s:i, s:o, s:o, s:o, s:o, s:I, s:I, s:b, s:o}", "v", MESSAGE_VERSION,
                             "boot", fields_string(h->boot), "version", fields_string(h->version),
                             "host", fields_string(h->host), "os", fields_string(h->os), "t",
                             (json_int_t)h->wall_ns, "up_s", (json_int_t)h->uptime_s, "restarted",
                             (int)h->restarted, "spool", places_to_json(h->epochs, h->tails, 1));
    return fields_dump(root, buf, size);
}

int hello_unpack(const void *bytes, size_t len, struct hello *h, struct err *e)
{
    *h = (struct hello){0};
    json_t *root = fields_parse(bytes, len, HELLO_MAX, e);
    if (root == NULL) {
        return err_wrap(e, "hello");
    }
    struct fields f = fields_of(root, e);
    (void)fields_u64(&f, "v", UINT16_MAX); /* later versions only add members */
    fields_text(&f, "boot", h->boot, sizeof h->boot);
    fields_text_or_empty(&f, "version", h->version, sizeof h->version);
    fields_text_or_empty(&f, "host", h->host, sizeof h->host);
    fields_text_or_empty(&f, "os", h->os, sizeof h->os);
    h->wall_ns = fields_u64(&f, "t", INT64_MAX);
    h->uptime_s = fields_u64(&f, "up_s", INT64_MAX);
    h->restarted = fields_bool_or(&f, "restarted", false);
    bool ok = places_from(&f, "spool", h->epochs, h->tails, 1) && !f.bad;
    json_decref(root);
    return ok ? 0 : err_wrap(e, "hello");
}

/* A cursor is two numbers side by side: walking them by two gives all epochs or all sequences. */
enum { CURSOR_STRIDE = 2 };
_Static_assert(sizeof(((struct welcome *)0)->cursors[0]) == CURSOR_STRIDE * sizeof(uint64_t),
               "a cursor is an epoch and a sequence");

size_t welcome_pack(const struct welcome *w, void *buf, size_t size)
{
    json_t *root =
        json_pack("{s:i, s:I, s:I, s:o, s:i, s:o}", "v", MESSAGE_VERSION, "t",
                  (json_int_t)w->time_ns, "revision", (json_int_t)w->revision, "command_key",
                  fields_string(w->command_key), "hb", (int)w->heartbeat, "cursors",
                  places_to_json(&w->cursors[0].epoch, &w->cursors[0].upto, CURSOR_STRIDE));
    return fields_dump(root, buf, size);
}

int welcome_unpack(const void *bytes, size_t len, struct welcome *w, struct err *e)
{
    *w = (struct welcome){0};
    json_t *root = fields_parse(bytes, len, HELLO_MAX, e);
    if (root == NULL) {
        return err_wrap(e, "welcome");
    }
    struct fields f = fields_of(root, e);
    w->time_ns = fields_u64(&f, "t", INT64_MAX);
    w->revision = fields_u64_or(&f, "revision", INT64_MAX, 0);
    fields_text_or_empty(&f, "command_key", w->command_key, sizeof w->command_key);
    w->heartbeat = (uint8_t)fields_u64_or(&f, "hb", UINT8_MAX, HEARTBEAT_JSON);
    bool ok = places_from(&f, "cursors", &w->cursors[0].epoch, &w->cursors[0].upto, CURSOR_STRIDE);
    json_decref(root);
    return ok && !f.bad ? 0 : err_wrap(e, "welcome");
}

size_t goodbye_pack(const struct goodbye *g, void *buf, size_t size)
{
    return fields_dump(json_pack("{s:i, s:o, s:I, s:o}", "v", MESSAGE_VERSION, "boot",
                                 fields_string(g->boot), "t", (json_int_t)g->wall_ns, "sig",
                                 fields_string(g->signature)),
                       buf, size);
}

int goodbye_unpack(const void *bytes, size_t len, struct goodbye *g, struct err *e)
{
    *g = (struct goodbye){0};
    json_t *root = fields_parse(bytes, len, HELLO_MAX, e);
    if (root == NULL) {
        return err_wrap(e, "goodbye");
    }
    struct fields f = fields_of(root, e);
    fields_text(&f, "boot", g->boot, sizeof g->boot);
    g->wall_ns = fields_u64(&f, "t", INT64_MAX);
    fields_text(&f, "sig", g->signature, sizeof g->signature);
    json_decref(root);
    return f.bad ? err_wrap(e, "goodbye") : 0;
}

size_t goodbye_signed_text(const struct goodbye *g, const char *name, char *buf, size_t size)
{
    int len = snprintf(buf, size, "bye %s %s %" PRIu64, name, g->boot, g->wall_ns);
    return len > 0 && (size_t)len < size ? (size_t)len : 0;
}
