/* A connection of any segments at any times: verdicts stay in their range, rooms in theirs. */
#include "tests/fuzz/fuzz.h"

#include "agent/qoe/dns.h"
#include "agent/qoe/rest.h"

#include <string.h>

enum { STEP = 24 }; /* bytes that make one segment */

static struct packet packet_of(const uint8_t *b, uint64_t *now_ns)
{
    uint32_t word[4];
    memcpy(word, b, sizeof word);
    *now_ns += (uint64_t)word[3] * 1000;
    return (struct packet){
        .time_ns = *now_ns,
        .fragment_id = b[16],
        .payload = b,
        .payload_len = b[17] % (STEP + 1),
        .tcp = {.seq = word[0] % 50000,
                .ack = word[1] % 50000,
                .len = b[18] * 16u,
                .stamp = word[2] % 1000,
                .echo = word[2] % 500,
                .sack_from = word[1] % 40000,
                .sack_to = word[1] % 41000,
                .window = b[19],
                .flags = b[20],
                .stamped = (b[21] & 1) != 0,
                .sacked = (b[21] & 2) != 0},
    };
}

/* What rests comes back as it was. */
static void rest(struct qoe_tcp *q)
{
    uint8_t room[QOE_REST_ROOM];
    struct qoe_tcp back;
    FUZZ_CHECK(qoe_tcp_rest(q, room) <= sizeof room);
    qoe_tcp_wake(&back, room);
    FUZZ_CHECK(memcmp(q, &back, sizeof back) == 0);
}

static void check(const struct qoe_tcp *q, const struct qoe_dns *dns)
{
    for (unsigned dir = 0; dir < 2; dir++) {
        struct quality v = qoe_tcp_quality(q, dir, QOE_NEWEST);
        FUZZ_CHECK(quality_is_sound(&v));
        FUZZ_CHECK(q->loss[dir].holes <= QOE_HOLES);
        FUZZ_CHECK(q->rtt[dir].edges <= QOE_EDGES && q->rtt[dir].stamps <= QOE_STAMPS);
        const struct qoe_trips *t = &q->rtt[dir].trips;
        struct flow_record r;
        FUZZ_CHECK(t->window.used <= QOE_SAMPLES);
        FUZZ_CHECK(latencies_are_sound(&t->sum.trips));
        qoe_trips_fill(t, true, dir, &r);
        FUZZ_CHECK(r.rtt[dir].samples == 0 || r.rtt[dir].median_us >= r.rtt[dir].min_us);
    }
    struct quality v = qoe_dns_judge(&dns->sum);
    FUZZ_CHECK(quality_is_sound(&v));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct qoe_handshake handshake = {0};
    struct qoe_tcp q;
    struct qoe_dns dns = {0};
    uint64_t now_ns = 1;
    qoe_tcp_begin(&q, &handshake);
    for (size_t at = 0; at + STEP <= len; at += STEP) {
        struct packet p = packet_of(bytes + at, &now_ns);
        unsigned dir = bytes[at + 22] & 1;
        qoe_handshake_note(&handshake, &p.tcp, dir, p.time_ns);
        qoe_tcp_note(&q, &handshake, &p, dir, (enum quality_class)(1 + bytes[at + 23] % 3));
        qoe_dns_note(&dns, &p);
        if (bytes[at + 23] > 250) {
            qoe_tcp_told(&q);
            rest(&q);
        }
    }
    qoe_tcp_close(&q, CLASS_WEB, true);
    qoe_dns_close(&dns, now_ns, true);
    check(&q, &dns);
    return 0;
}
