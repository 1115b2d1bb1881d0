#include "tests/perf/fleet/agent.h"

#include "common/clock.h"
#include "common/wire/counters.h"
#include "common/wire/delivery.h"
#include "common/wire/envelope.h"
#include "common/wire/subjects.h"
#include "common/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HELLO_AGAIN_MS = 1000, RESEND_MS = 5000, BEHIND_MAX = 100 };

uint64_t agent_offered(const struct agent_plan *plan, uint64_t wall_ns)
{
    return wall_ns <= plan->begun_ns
               ? 0
               : (wall_ns - plan->begun_ns) / plan->counter_ns * plan->counters;
}

static void send_up(struct agent *a, const char *word, const void *bytes, size_t len)
{
    char subject[SUBJECT_SIZE];
    subject_up(subject, sizeof subject, a->name, word);
    (void)line_publish(a->line, subject, bytes, len); /* full: said again when it is due */
}

static void say_hello(struct agent *a, uint64_t now_ns)
{
    struct hello h = {.version = "0.1.0", .host = "sim", .os = "sim", .wall_ns = clock_wall_ns()};
    char bytes[HELLO_MAX];
    (void)snprintf(h.boot, sizeof h.boot, "boot-%s", a->name);
    h.epochs[STREAM_COUNTER] = a->epoch;
    h.tails[STREAM_COUNTER] = a->sent;
    a->hello_due_ns = now_ns + HELLO_AGAIN_MS * (uint64_t)NS_PER_MS;
    send_up(a, "hello", bytes, hello_pack(&h, bytes, sizeof bytes));
}

void agent_ready(struct agent *a, unsigned sid, uint64_t now_ns)
{
    char subject[SUBJECT_SIZE];
    subject_down(subject, sizeof subject, a->name, ">");
    line_subscribe(a->line, subject, sid);
    a->welcomed = false;
    say_hello(a, now_ns);
}

void agent_away(struct agent *a)
{
    a->welcomed = false;
    a->sent = a->acked;
    a->sent_ns = 0;
}

static void take_ack(struct agent *a, const uint8_t *bytes, size_t len, uint64_t now_ns,
                     struct tally *t)
{
    struct ack ack;
    if (ack_unpack(bytes, len, &ack, NULL) != 0 || ack.stream != STREAM_COUNTER ||
        ack.epoch != a->epoch) {
        return;
    }
    t->acks++;
    if (a->sent_ns != 0 && ack.upto >= a->sent) {
        uint64_t ms = (now_ns - a->sent_ns) / NS_PER_MS;
        size_t slots = sizeof t->waits / sizeof t->waits[0];
        t->waits[ms < slots ? ms : slots - 1]++;
        a->sent_ns = 0;
    }
    if (ack.upto > a->acked) {
        a->acked = ack.upto;
    }
    if (a->sent < a->acked) {
        a->sent = a->acked;
    }
}

void agent_hear(struct agent *a, const char *subject, const uint8_t *bytes, size_t len,
                uint64_t now_ns, struct tally *t)
{
    const char *word = strrchr(subject, '.');
    struct welcome welcome;
    struct nack nack;
    if (word == NULL) {
        return;
    }
    if (strcmp(word, ".ack") == 0) {
        take_ack(a, bytes, len, now_ns, t);
    } else if (strcmp(word, ".nack") == 0 && nack_unpack(bytes, len, &nack, NULL) == 0) {
        t->nacks++;
        a->acked = a->sent = nack.expect - 1;
        a->sent_ns = 0;
    } else if (strcmp(word, ".welcome") == 0 && welcome_unpack(bytes, len, &welcome, NULL) == 0) {
        t->welcomes += !a->welcomed;
        a->welcomed = true;
        a->acked = a->sent = welcome.cursors[STREAM_COUNTER].epoch == a->epoch
                                 ? welcome.cursors[STREAM_COUNTER].upto
                                 : 0;
    }
}

/* The bits per second are the time in ms: who sees them knows how old they are. */
static void send_beat(struct agent *a, const struct agent_plan *plan)
{
    struct heartbeat h = {.number = ++a->beats, .hosts = 40, .flows = 900, .pps = 12000};
    char bytes[HEARTBEAT_MAX];
    h.wall_ns = clock_wall_ns();
    h.bps = h.wall_ns / NS_PER_MS;
    h.uptime_s = (h.wall_ns - plan->begun_ns) / NS_PER_S;
    h.rss_bytes = 60 << 20;
    uint64_t behind = agent_offered(plan, h.wall_ns) - a->acked;
    h.spool_bytes = behind * 80;
    h.spool_age_s = behind / plan->counters * plan->counter_ns / NS_PER_S;
    (void)snprintf(h.boot, sizeof h.boot, "boot-%s", a->name);
    send_up(
        a, "hb", bytes,
        heartbeat_pack(&h, a->welcomed ? HEARTBEAT_PACKED : HEARTBEAT_JSON, bytes, sizeof bytes));
}

/* The record of a sequence: which period it is of and what is counted follow from the number. */
static void fill(struct counter_record *r, const struct agent_plan *plan, uint64_t seq)
{
    static const char *const apps[] = {"TLS", "DNS", "QUIC", "HTTP", "SSH", "NTP"};
    uint64_t period = (seq - 1) / plan->counters, which = (seq - 1) % plan->counters;
    *r = (struct counter_record){.seconds = (uint32_t)(plan->counter_ns / NS_PER_S),
                                 .bytes_in = 100000 + seq % 5000,
                                 .bytes_out = 20000 + seq % 700,
                                 .packets = 150 + seq % 90,
                                 .flows = 12};
    r->start_ns = plan->begun_ns + period * plan->counter_ns;
    if (which == 0) {
        r->kind = COUNTER_TOTAL;
        r->hosts = 40;
    } else if (which == 1) {
        r->kind = COUNTER_INTERFACE;
        (void)snprintf(r->name, sizeof r->name, "eth0");
    } else if (which < 2 + plan->counters / 2) {
        r->kind = COUNTER_APP;
        (void)snprintf(r->name, sizeof r->name, "%s", apps[which % 6]);
    } else {
        char text[32];
        (void)snprintf(text, sizeof text, "10.1.%u.%u", (unsigned)(seq % 16), (unsigned)which);
        r->kind = COUNTER_HOST;
        r->family = (uint8_t)addr_parse(text, &r->addr);
        r->local = 1;
    }
}

static void send_batch(struct agent *a, const struct agent_plan *plan, uint64_t upto,
                       uint64_t now_ns, struct tally *t)
{
    static uint8_t body[BATCH_MAX_BYTES * 2];
    struct writer w = writer_of(body, sizeof body);
    struct envelope env = {.version = ENVELOPE_VERSION,
                           .kind = STREAM_COUNTER,
                           .epoch = a->epoch,
                           .first_seq = a->sent + 1,
                           .wall_ns = clock_wall_ns(),
                           .schema = COUNTER_SCHEMA};
    while (a->sent < upto && env.count < BATCH_MAX_RECORDS) {
        uint8_t packed[COUNTER_PACKED_MAX];
        struct counter_record r;
        fill(&r, plan, ++a->sent);
        size_t len = counter_record_pack(&r, packed, sizeof packed);
        writer_le32(&w, (uint32_t)len);
        writer_bytes(&w, packed, len);
        env.count++;
    }
    size_t len = 0;
    uint8_t *bytes = envelope_pack(&env, body, writer_len(&w), &len, NULL);
    send_up(a, "b.ctr", bytes, len);
    free(bytes);
    t->batches++;
    t->records += env.count;
    a->sent_ns = now_ns;
    a->resend_due_ns = now_ns + RESEND_MS * (uint64_t)NS_PER_MS;
}

/* A tenth more or less, so that a fleet does not speak in one breath. */
static uint64_t about(uint64_t period_ns)
{
    return period_ns - period_ns / 10 + (uint64_t)random() % (period_ns / 5);
}

static void send_counters(struct agent *a, const struct agent_plan *plan, uint64_t now_ns,
                          struct tally *t)
{
    uint64_t upto = agent_offered(plan, clock_wall_ns());
    if (a->sent_ns != 0 && now_ns >= a->resend_due_ns) {
        t->resent++;
        a->sent = a->acked;
        a->sent_ns = 0;
    }
    if (a->sent_ns == 0 && a->sent < upto) {
        send_batch(a, plan, upto, now_ns, t);
    }
}

static uint64_t least(uint64_t x, uint64_t y)
{
    return x < y ? x : y;
}

uint64_t agent_work(struct agent *a, const struct agent_plan *plan, uint64_t now_ns,
                    struct tally *t)
{
    if (a->line->state != LINE_READY) {
        return now_ns + BEHIND_MAX * (uint64_t)NS_PER_MS;
    }
    if (now_ns >= a->beat_due_ns) {
        a->beat_due_ns = now_ns + about(plan->beat_ns);
        send_beat(a, plan);
        t->beats++;
    }
    if (!a->welcomed) {
        if (now_ns >= a->hello_due_ns) {
            say_hello(a, now_ns);
        }
        return least(a->beat_due_ns, a->hello_due_ns);
    }
    if (now_ns >= a->counter_due_ns || a->sent < agent_offered(plan, clock_wall_ns())) {
        a->counter_due_ns = now_ns + plan->counter_ns;
        send_counters(a, plan, now_ns, t);
    }
    uint64_t next = least(a->beat_due_ns, a->counter_due_ns);
    return a->sent_ns != 0 ? least(next, a->resend_due_ns) : next;
}
