/*
 * Handshake: to the server and back is its first datagram less the client's first flight; to the
 * client and back the next datagram of the client less that. Deviations from the plain rule: a
 * ClientHello may fill several Initials (it does with post-quantum keys), so what follows within 10
 * ms belongs to the flight, and the server's clock starts with the last of it; what comes later
 * before an answer is a repetition and spoils the figure. A client's datagram that still goes to
 * the connection id it chose itself has not seen the answer. A Retry or a version negotiation
 * starts anew.
 *
 * Spin bit: an edge towards the server and the next one back is the server's side, the reverse the
 * client's. An edge within a tenth of the handshake's round trip of the last one is a reordered
 * packet. More than a quarter of 64 packets with a change is noise. Samples count once each
 * direction has shown 64 packets without noise, and eight edges. A sample above four round trips of
 * the handshake, and mostly silence, is an application that had nothing to send.
 */
#define XXH_INLINE_ALL
#include "agent/qoe/quic.h"

#include "agent/decode/quic_initial.h"
#include "common/reader.h"

#include <xxhash.h>

enum {
    WINDOW_US = 10 * 1000 * 1000,
    FLIGHT_US = 10 * 1000,
    LONGEST_US = 5 * 1000 * 1000,
    MIN_SAMPLES = 3,
    CID_MAX = 20,       /* RFC 9000 section 17.2 */
    FIRST_CID_MIN = 8,  /* of a client's first one, section 7.2 */
    LONG_HEADER = 0x80, /* RFC 8999 section 5.1 */
    FIXED_BIT = 0x40,
    SPIN_BIT = 0x20,
    NOISE_PACKETS = 64,
    BLAME_POINTS = 15,
    FINE_POINTS = 80,
};

enum kind { QUIC_SHORT, QUIC_INITIAL, QUIC_EARLY, QUIC_HANDSHAKE, QUIC_RETRY, QUIC_NEGOTIATION };

struct header {
    enum kind kind;
    bool known; /* a version of ours */
    uint32_t version;
    uint8_t cid_len;
    uint32_t cid; /* hash of the destination's */
};

/* Version 1 and its drafts (mvfst's own among them), and version 2. */
static bool is_known(uint32_t version)
{
    return version == QUIC_V1 || version == QUIC_V2 || version >> 8 == QUIC_DRAFTS ||
           version >> 4 == QUIC_MVFST;
}

static enum kind kind_of(uint32_t version, uint8_t first)
{
    static const uint8_t kinds[] = {QUIC_INITIAL, QUIC_EARLY, QUIC_HANDSHAKE, QUIC_RETRY};
    unsigned type = first >> 4 & 3;
    if (version == QUIC_V2) {
        type = (type + 3) & 3; /* one further, RFC 9369 section 3.2 */
    }
    return (enum kind)kinds[type];
}

static bool read_header(const struct packet *p, struct header *h)
{
    struct reader r = reader_of(p->payload, p->payload_len);
    uint8_t first = reader_u8(&r);
    *h = (struct header){.kind = QUIC_SHORT};
    if ((first & LONG_HEADER) == 0) {
        return !r.bad;
    }
    h->version = reader_be32(&r);
    h->cid_len = reader_u8(&r);
    const uint8_t *cid = reader_bytes(&r, h->cid_len);
    if (cid == NULL || h->cid_len > CID_MAX) {
        return false;
    }
    h->cid = (uint32_t)XXH3_64bits(cid, h->cid_len);
    h->known = is_known(h->version) && (first & FIXED_BIT) != 0;
    h->kind = h->version == 0 ? QUIC_NEGOTIATION : kind_of(h->version, first);
    return true;
}

bool qoe_quic_begins(const struct packet *p)
{
    struct header h;
    return read_header(p, &h) && h.known && h.kind == QUIC_INITIAL && h.cid_len >= FIRST_CID_MIN;
}

void qoe_quic_begin(struct qoe_quic *q)
{
    *q = (struct qoe_quic){0};
    for (unsigned dir = 0; dir < 2; dir++) {
        q->before[dir] = qoe_span_sum(&q->span[dir]);
    }
}

static uint32_t us_between(uint64_t from_ns, uint64_t to_ns)
{
    uint64_t us = to_ns > from_ns ? (to_ns - from_ns) / 1000 : 0;
    us = us == 0 ? 1 : us;
    return us > LONGEST_US ? 0 : (uint32_t)us;
}

static void from_client(struct qoe_quic *q, const struct header *h, uint64_t now_ns)
{
    if (q->answer_ns != 0) {
        if (h->kind == QUIC_EARLY || (h->kind == QUIC_INITIAL && h->cid == q->chosen)) {
            return; /* has not seen the answer */
        }
        q->client_us = us_between(q->answer_ns, now_ns);
        qoe_trips_add(&q->trips[0], q->client_us);
        q->shaken = true;
    } else if (h->kind == QUIC_INITIAL) {
        bool same_flight =
            q->initial_ns == 0 || now_ns - q->initial_ns <= FLIGHT_US * (uint64_t)1000;
        q->ambiguous = q->ambiguous || !same_flight;
        q->initial_ns = now_ns;
        q->chosen = h->cid;
    }
}

static void from_server(struct qoe_quic *q, const struct header *h, uint64_t now_ns)
{
    if (h->kind == QUIC_RETRY || h->kind == QUIC_NEGOTIATION) {
        q->initial_ns = 0;
        q->ambiguous = false;
    } else if (q->answer_ns == 0 && q->initial_ns != 0) {
        q->answer_ns = now_ns;
        q->server_us = us_between(q->initial_ns, now_ns);
        q->shaken = q->ambiguous; /* then neither can be told */
        q->server_us = q->ambiguous ? 0 : q->server_us;
        qoe_trips_add(&q->trips[1], q->server_us);
    }
}

static uint32_t handshake_us(const struct qoe_quic *q)
{
    return q->client_us != 0 && q->server_us != 0 ? q->client_us + q->server_us : 0;
}

/* Looks at every 64 packets whether their bit is noise. */
static void look_for_noise(struct qoe_quic *q, struct qoe_spin *s, bool value)
{
    s->toggles = (uint8_t)(s->toggles + (s->seen && value != s->raw ? 1 : 0));
    s->raw = value;
    if (++s->packets == NOISE_PACKETS) {
        q->random = q->random || s->toggles > NOISE_PACKETS / 4;
        s->trusted = !q->random;
        s->packets = s->toggles = 0;
    }
}

static bool spins(const struct qoe_quic *q)
{
    bool trusted = q->spin[0].trusted && q->spin[1].trusted && !q->random;
    return trusted && q->spin[0].edges == QOE_SPIN_EDGES && q->spin[1].edges == QOE_SPIN_EDGES;
}

/* The round trip that ends with this edge; 0: none. */
static uint32_t trip_of(const struct qoe_quic *q, const struct qoe_spin *mine,
                        const struct qoe_spin *other, uint32_t now_us)
{
    uint32_t us = now_us - other->edge_us;
    bool crossed = mine->edges > 0 && other->edges > 0 &&
                   (int32_t)(other->edge_us - mine->edge_us) > 0 && (int32_t)us > 0;
    uint32_t whole_us = handshake_us(q);
    bool idle = whole_us != 0 && us > 4 * whole_us && mine->quiet_us > us / 2;
    return crossed && !idle ? us : 0;
}

static void note_spin(struct qoe_quic *q, uint8_t first, unsigned dir, uint32_t now_us)
{
    struct qoe_spin *mine = &q->spin[dir];
    const struct qoe_spin *other = &q->spin[1 - dir];
    bool value = (first & SPIN_BIT) != 0;
    look_for_noise(q, mine, value);
    mine->quiet_us = mine->seen ? now_us - mine->last_us : 0;
    mine->last_us = now_us;
    bool reordered = mine->edges > 0 && now_us - mine->edge_us < handshake_us(q) / 10;
    if (q->random || (mine->seen && (value == (mine->value != 0) || reordered))) {
        return;
    }
    if (mine->seen) {
        uint32_t us = spins(q) ? trip_of(q, mine, other, now_us) : 0;
        qoe_trips_add(&q->trips[dir], us);
        q->spun = q->spun || us != 0;
        mine->edges = (uint8_t)(mine->edges + (mine->edges < QOE_SPIN_EDGES ? 1 : 0));
        mine->edge_us = now_us;
    }
    mine->seen = true;
    mine->value = value;
}

void qoe_quic_note(struct qoe_quic *q, const struct packet *p, unsigned dir,
                   enum quality_class class)
{
    struct header h;
    uint32_t now_us = (uint32_t)(p->time_ns / 1000);
    if (!read_header(p, &h)) {
        return;
    }
    if (q->last_us == 0) {
        q->window_us = now_us;
    }
    if ((int32_t)(now_us - q->window_us) >= WINDOW_US) {
        qoe_quic_close(q, class, false);
        q->window_us = now_us;
    }
    q->last_us = now_us;
    q->packets[dir]++;
    if (!q->shaken && dir == 0) {
        from_client(q, &h, p->time_ns);
    } else if (!q->shaken) {
        from_server(q, &h, p->time_ns);
    }
    if (h.kind == QUIC_SHORT) {
        note_spin(q, p->payload[0], dir, now_us);
    }
}

static unsigned side_score(const struct qoe_rtt_window *w, enum quality_class class)
{
    struct qoe_measures m = {0};
    qoe_measure_time(&m, METRIC_RTT, w->median_us);
    return qoe_judge(class, &m).score;
}

static enum quality_blame blame_of(const struct qoe_rtt_window *w, enum quality_class class)
{
    unsigned client = side_score(&w[0], class);
    unsigned server = side_score(&w[1], class);
    if (client >= FINE_POINTS && server >= FINE_POINTS) {
        return BLAME_BOTH_SIDES; /* only together too long */
    }
    if (client + BLAME_POINTS < server) {
        return BLAME_CLIENT_SIDE;
    }
    return server + BLAME_POINTS < client ? BLAME_SERVER_SIDE : BLAME_BOTH_SIDES;
}

static void judge(struct qoe_quic *q, const struct qoe_rtt_window *w, enum quality_class class)
{
    struct qoe_window window = {.class = class};
    bool server_fewer = w[1].samples != 0 && w[1].samples < w[0].samples;
    window.samples = w[0].samples == 0 || server_fewer ? w[1].samples : w[0].samples;
    qoe_measure_time(&window.measures, METRIC_RTT, w[0].median_us + w[1].median_us);
    if (w[0].var_known || w[1].var_known) {
        qoe_measure_time(&window.measures, METRIC_RTT_VAR, w[0].var_us + w[1].var_us);
    }
    bool fine = qoe_judge(class, &window.measures).score >= FINE_POINTS;
    window.blame = fine ? BLAME_NONE : blame_of(w, class);
    for (unsigned dir = 0; dir < 2; dir++) {
        window.segments = q->packets[dir];
        qoe_span_add(&q->span[dir], &window);
        q->packets[dir] = 0;
    }
}

void qoe_quic_close(struct qoe_quic *q, enum quality_class class, bool last)
{
    struct qoe_rtt_window w[2];
    /* Without the spin bit the handshake's round trips are all that there is. */
    uint32_t least = spins(q) && !last ? MIN_SAMPLES : 1;
    for (unsigned side = 0; side < 2; side++) {
        w[side] = qoe_trips_close(&q->trips[side], least);
    }
    if (w[0].fresh || w[1].fresh) {
        judge(q, w, class);
    }
    q->window_us = q->last_us;
}

void qoe_quic_told(struct qoe_quic *q)
{
    for (unsigned i = 0; i < 2; i++) {
        if (q->span[i].weight != 0) {
            q->before[i] = qoe_span_sum(&q->span[i]);
            q->span[i] = (struct qoe_span){0};
        }
        qoe_trips_told(&q->trips[i]);
    }
}

void qoe_quic_time_moved(struct qoe_quic *q)
{
    q->shaken = true;
    q->last_us = 0;
    for (unsigned dir = 0; dir < 2; dir++) {
        q->spin[dir] = (struct qoe_spin){.edges = q->spin[dir].edges};
    }
}

struct quality qoe_quic_quality(const struct qoe_quic *q, unsigned dir, enum qoe_reach reach)
{
    bool news = q->span[dir].weight != 0 || reach == QOE_NEWS;
    return news ? qoe_span_sum(&q->span[dir]) : q->before[dir];
}
