/*
 * Many agents' uplinks in one process, with real spools and connections, for backfill.py: each has
 * an hour behind it that nobody has heard of, then goes on with live counters while that drains.
 *
 *   backfill AGENTS URL FOLDER      FOLDER/bf-N.token are their tokens
 *
 * Fills the spools, prints "filled RECORDS", and on a line of standard input begins to connect.
 * Then prints "alerts MS" and "drained MS" since that line, and at the end for both times (while it
 * drained, and after) "live WHEN COUNT P50 P99 MAX": ms from a live record to its acknowledgement.
 */
#include "agent/uplink/uplink_inner.h"
#include "common/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    AGENTS_MAX = 500,
    HISTORY_S = 3600,
    APPS = 10,
    HOSTS = 20,
    FLOWS_EACH = 14, /* in ten seconds: 5,000 an hour */
    ALERTS = 60,
    LOOK_MS = 20,
    LIVE_MS = 1000,
    AFTER_MS = 20000,
    DELAYS_MAX = 200000,
};

struct agent {
    struct uplink *uplink;
    char name[32], state[400], token[400];
    uint64_t live_seq, live_ms; /* a live record that is under way; 0: none */
    uint64_t live_due_ms;
};

struct delays {
    unsigned count;
    uint32_t ms[DELAYS_MAX];
};

static struct agent agents[AGENTS_MAX];
static struct delays delays[2]; /* while it drained, and after */
static unsigned agent_count;
static uint64_t begun_ms, alerts_ms, drained_ms;

static void must(int result, const struct err *e)
{
    if (result != 0) {
        (void)fprintf(stderr, "backfill: %s\n", e->what);
        exit(1);
    }
}

static void put_counters(struct agent *a, uint64_t start_ns)
{
    struct err e = {0};
    for (unsigned i = 0; i < 3 + APPS + HOSTS; i++) {
        struct counter_record r = {.kind = COUNTER_TOTAL,
                                   .seconds = COUNTER_INTERVAL_S,
                                   .start_ns = start_ns,
                                   .bytes_in = 1000 + i,
                                   .bytes_out = 100,
                                   .packets = 10};
        if (i > 2 + APPS) {
            char text[32];
            (void)snprintf(text, sizeof text, "192.0.2.%u", i);
            r.kind = COUNTER_HOST;
            r.family = (uint8_t)addr_parse(text, &r.addr);
        } else if (i > 0) {
            r.kind = i < 3 ? COUNTER_INTERFACE : COUNTER_APP;
            (void)snprintf(r.name, sizeof r.name, "%s%u", i < 3 ? "eth" : "App", i);
        }
        must(uplink_counter(a->uplink, &r, &e), &e);
    }
}

static void put_flows(struct agent *a, uint64_t at_ns)
{
    struct err e = {0};
    for (unsigned i = 0; i < FLOWS_EACH; i++) {
        struct flow_record r = {.flow_id = at_ns + i,
                                .status = FLOW_CLOSED,
                                .final = true,
                                .source = "eth0",
                                .protocol = "TLS",
                                .app = "TLS",
                                .category = "Web",
                                .host = "www.example.org",
                                .first_ns = at_ns,
                                .last_ns = at_ns};
        r.key.family = ADDR_IPV4;
        r.key.protocol = 6;
        r.bytes[DIR_C2S] = 100;
        must(uplink_flow(a->uplink, &r, &e), &e);
    }
}

static void put_alert(struct agent *a, uint64_t at_ns, unsigned number)
{
    struct err e = {0};
    struct wire_alert alert = {.kind = 134,
                               .entity = ENTITY_HOST,
                               .score = 100,
                               .action = ALERT_ENGAGE,
                               .at_ns = at_ns,
                               .since_ns = at_ns,
                               .entity_id = "192.0.2.9",
                               .detail = "back-fill"};
    (void)snprintf(alert.key, sizeof alert.key, "k%u", number);
    must(uplink_alert(a->uplink, &alert, &e), &e);
}

static void open_agent(struct agent *a, unsigned number, uv_loop_t *loop, const char *const *url,
                       const char *folder)
{
    struct err e = {0};
    (void)snprintf(a->name, sizeof a->name, "bf-%u", number);
    (void)snprintf(a->state, sizeof a->state, "%s/bf-%u.state", folder, number);
    (void)snprintf(a->token, sizeof a->token, "%s/bf-%u.token", folder, number);
    const struct uplink_options options = {
        .loop = loop,
        .name = a->name,
        .token_file = a->token,
        .urls = url,
        .url_count = 1,
        .state_dir = a->state,
        .cap_bytes = UINT64_C(256) << 20,
        .ledger_fd = -1,
        .boot = "b00t",
        .start_mono_ns = clock_mono_ns(),
    };
    a->uplink = uplink_open(&options, &e);
    must(a->uplink != NULL ? 0 : -1, &e);
}

static void fill(struct agent *a)
{
    static const uint64_t step_ns = UINT64_C(10) * NS_PER_S;
    uint64_t begin = clock_wall_ns() / step_ns * step_ns - (uint64_t)HISTORY_S * NS_PER_S;
    for (unsigned i = 0; i < HISTORY_S / COUNTER_INTERVAL_S; i++) {
        put_counters(a, begin + i * step_ns);
        put_flows(a, begin + i * step_ns);
        if (i % (HISTORY_S / COUNTER_INTERVAL_S / ALERTS) == 0) {
            put_alert(a, begin + i * step_ns, i);
        }
    }
}

static uint64_t waiting(const struct agent *a, unsigned lane)
{
    struct spool_place place = spool_place(a->uplink->spool, lane);
    return place.tail - place.acked;
}

static uint64_t waiting_in_all(unsigned first, unsigned second)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < agent_count; i++) {
        sum += waiting(&agents[i], first) + waiting(&agents[i], second);
    }
    return sum;
}

static bool all_welcomed(void)
{
    for (unsigned i = 0; i < agent_count; i++) {
        if (!agents[i].uplink->welcomed) {
            return false;
        }
    }
    return true;
}

static void look_live(struct agent *a, uint64_t now)
{
    struct spool_place place = spool_place(a->uplink->spool, STREAM_COUNTER);
    struct delays *to = &delays[drained_ms != 0];
    if (a->live_seq != 0 && place.acked >= a->live_seq) {
        if (to->count < DELAYS_MAX) {
            to->ms[to->count++] = (uint32_t)(now - a->live_ms);
        }
        a->live_seq = 0;
    }
    if (a->live_seq == 0 && now >= a->live_due_ms) {
        put_counters(a, clock_wall_ns() / NS_PER_S * NS_PER_S);
        a->live_seq = spool_place(a->uplink->spool, STREAM_COUNTER).tail;
        a->live_ms = now;
        a->live_due_ms = now + LIVE_MS;
    }
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void print_delays(const char *when, struct delays *d)
{
    qsort(d->ms, d->count, sizeof d->ms[0], by_size);
    unsigned count = d->count;
    (void)printf("live %s %u %u %u %u\n", when, count, count > 0 ? d->ms[count / 2] : 0,
                 count > 0 ? d->ms[count * 99 / 100] : 0, count > 0 ? d->ms[count - 1] : 0);
}

static void on_look(uv_timer_t *timer)
{
    uint64_t now = uv_now(timer->loop);
    if (alerts_ms == 0 && waiting_in_all(STREAM_ALERT, STREAM_ALERT) == 0) {
        alerts_ms = now;
        (void)printf("alerts %" PRIu64 "\n", now - begun_ms);
    }
    if (!all_welcomed()) {
        return; /* what is set aside is so from the welcome on */
    }
    if (drained_ms == 0 && waiting_in_all(SPOOL_COUNTER_LATE, SPOOL_FLOW_LATE) == 0) {
        drained_ms = now;
        (void)printf("drained %" PRIu64 "\n", now - begun_ms);
    }
    for (unsigned i = 0; i < agent_count; i++) {
        look_live(&agents[i], now);
    }
    if (drained_ms != 0 && now >= drained_ms + AFTER_MS) {
        print_delays("during", &delays[0]);
        print_delays("after", &delays[1]);
        exit(0);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        (void)fprintf(stderr, "backfill AGENTS URL FOLDER\n");
        return 2;
    }
    uv_loop_t *loop = uv_default_loop();
    const char *const url[] = {argv[2]};
    uint64_t records = 0;
    char line[16];
    agent_count = (unsigned)strtoul(argv[1], NULL, 10);
    agent_count = agent_count < AGENTS_MAX ? agent_count : AGENTS_MAX;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (unsigned i = 0; i < agent_count; i++) {
        open_agent(&agents[i], i, loop, url, argv[3]);
        fill(&agents[i]);
        struct uplink_stats stats;
        uplink_stats(agents[i].uplink, &stats);
        records += stats.spool_records;
    }
    (void)printf("filled %" PRIu64 "\n", records);
    if (fgets(line, sizeof line, stdin) == NULL) {
        return 1;
    }
    uv_timer_t look;
    uv_update_time(loop);
    begun_ms = uv_now(loop);
    for (unsigned i = 0; i < agent_count; i++) {
        agents[i].live_due_ms = begun_ms + i * LIVE_MS / agent_count;
    }
    (void)uv_timer_init(loop, &look); /* never fails, as the next */
    (void)uv_timer_start(&look, on_look, LOOK_MS, LOOK_MS);
    return uv_run(loop, UV_RUN_DEFAULT);
}
