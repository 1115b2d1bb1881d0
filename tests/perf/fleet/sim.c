/*
 * Thousands of agents in one thread, for tests of the centre: real connections, real messages.
 *
 *   fleet_sim PORT CENTRE-FOLDER AGENTS LINES BEAT-MS COUNTER-MS RECORDS [PAST-S]
 *
 * AGENTS simulated agents named sim-00000… share LINES connections to 127.0.0.1:PORT, each a user
 * minted with the keys of CENTRE-FOLDER. PAST-S: counters begin so many seconds ago, as if they had
 * been spooled. It prints "key NAME PUBLIC-KEY" for each agent that has a connection for itself,
 * then "minted", and waits for "go" on standard input. Then one JSON object a second:
 *
 *   t             ms since 1970
 *   lines         connections that are up
 *   welcomed      agents that the centre has greeted
 *   beats batches records acks nacks resent lost   since the start
 *   offered acked records of all agents
 *   p50 p99       ms from a batch to its acknowledgement, of the last second
 *
 * Commands: "cut FIRST COUNT" closes connections without a word and keeps them closed; "join FIRST
 * COUNT" opens them again; "stall MS" stands still, as an overloaded machine does; "quit".
 */
#include "tests/perf/fleet/agent.h"
#include "tests/perf/fleet/mint.h"

#include "common/clock.h"
#include "common/wire/envelope.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    SLOT_MS = 5,
    SLOTS = 4096,
    JWT_SIZE = 8192,
    EVENTS = 256,
    FIRST_WAIT_MS = 200, /* as common/bus_link.c waits between two tries */
    LAST_WAIT_MS = 3000,
    AGENTS_MAX = 100000,
    HOUR_MS = 3600 * 1000,
};

struct sim_line {
    struct line line;
    char jwt[JWT_SIZE];
    struct agent *agents; /* borrowed: its part of all */
    unsigned count, first;
    uint64_t retry_ns; /* monotonic; 0: up, or kept closed */
    unsigned wait_ms;
    bool kept_closed;
};

static struct {
    uint16_t port;
    int epoll;
    struct agent_plan plan;
    struct agent *agents;
    unsigned agent_count;
    struct sim_line *lines;
    unsigned line_count;
    struct agent *wheel[SLOTS];
    uint64_t turned; /* slots since the start of the clock */
    struct tally tally;
    uint64_t told_ns;
    char command[256];
    size_t command_len;
    bool quitting;
} sim;

static void schedule(struct agent *a, uint64_t at_ns)
{
    uint64_t slot = at_ns / (SLOT_MS * (uint64_t)NS_PER_MS);
    if (slot <= sim.turned) {
        slot = sim.turned + 1;
    } else if (slot >= sim.turned + SLOTS) {
        slot = sim.turned + SLOTS - 1;
    }
    a->next = sim.wheel[slot % SLOTS];
    sim.wheel[slot % SLOTS] = a;
}

static void turn_wheel(uint64_t now_ns)
{
    uint64_t upto = now_ns / (SLOT_MS * (uint64_t)NS_PER_MS);
    while (sim.turned < upto) {
        sim.turned++;
        struct agent *a = sim.wheel[sim.turned % SLOTS];
        sim.wheel[sim.turned % SLOTS] = NULL;
        while (a != NULL) {
            struct agent *next = a->next;
            schedule(a, agent_work(a, &sim.plan, now_ns, &sim.tally));
            line_flush(a->line);
            a = next;
        }
    }
}

static void on_ready(struct line *l, void *arg)
{
    struct sim_line *s = arg;
    uint64_t now_ns = clock_mono_ns();
    s->wait_ms = FIRST_WAIT_MS;
    for (unsigned i = 0; i < s->count; i++) {
        agent_ready(&s->agents[i], i, now_ns);
    }
    line_flush(l);
}

static void on_message(struct line *l, unsigned sid, const char *subject, const uint8_t *bytes,
                       size_t len, void *arg)
{
    struct sim_line *s = arg;
    (void)l;
    if (sid < s->count) {
        agent_hear(&s->agents[sid], subject, bytes, len, clock_mono_ns(), &sim.tally);
    }
}

static void on_closed(struct line *l, const char *why, void *arg)
{
    struct sim_line *s = arg;
    (void)l;
    sim.tally.lost_lines++;
    if (strncmp(why, "-ERR", 4) == 0) {
        (void)fprintf(stderr, "%s: %s\n", s->line.name, why);
    }
    for (unsigned i = 0; i < s->count; i++) {
        agent_away(&s->agents[i]);
    }
    s->retry_ns =
        s->kept_closed ? 0 : clock_mono_ns() + (uint64_t)random() % s->wait_ms * NS_PER_MS + 1;
    s->wait_ms = s->wait_ms * 2 < LAST_WAIT_MS ? s->wait_ms * 2 : LAST_WAIT_MS;
}

static const struct line_calls calls = {on_ready, on_message, on_closed};

static void open_due(uint64_t now_ns)
{
    for (unsigned i = 0; i < sim.line_count; i++) {
        struct sim_line *s = &sim.lines[i];
        if (s->retry_ns != 0 && now_ns >= s->retry_ns) {
            s->retry_ns = 0;
            line_open(&s->line, sim.port);
        }
    }
}

static unsigned percentile(unsigned percent)
{
    size_t slots = sizeof sim.tally.waits / sizeof sim.tally.waits[0];
    uint64_t all = 0, seen = 0;
    for (size_t i = 0; i < slots; i++) {
        all += sim.tally.waits[i];
    }
    for (size_t i = 0; i < slots; i++) {
        seen += sim.tally.waits[i];
        if (all > 0 && seen * 100 >= all * percent) {
            return (unsigned)i;
        }
    }
    return 0;
}

static void tell(uint64_t now_ns)
{
    const struct tally *t = &sim.tally;
    uint64_t acked = 0, offered = agent_offered(&sim.plan, clock_wall_ns());
    unsigned up = 0, welcomed = 0;
    for (unsigned i = 0; i < sim.line_count; i++) {
        up += sim.lines[i].line.state == LINE_READY;
    }
    for (unsigned i = 0; i < sim.agent_count; i++) {
        acked += sim.agents[i].acked;
        welcomed += sim.agents[i].welcomed;
    }
    (void)printf("{\"t\":%" PRIu64 ",\"lines\":%u,\"welcomed\":%u,\"beats\":%" PRIu64
                 ",\"batches\":%" PRIu64 ",\"records\":%" PRIu64 ",\"acks\":%" PRIu64
                 ",\"nacks\":%" PRIu64 ",\"resent\":%" PRIu64 ",\"lost\":%" PRIu64
                 ",\"offered\":%" PRIu64 ",\"acked\":%" PRIu64 ",\"p50\":%u,\"p99\":%u}\n",
                 clock_wall_ns() / NS_PER_MS, up, welcomed, t->beats, t->batches, t->records,
                 t->acks, t->nacks, t->resent, t->lost_lines, offered * sim.agent_count, acked,
                 percentile(50), percentile(99));
    (void)fflush(stdout);
    memset(sim.tally.waits, 0, sizeof sim.tally.waits);
    sim.told_ns = now_ns;
}

static void obey(const char *text)
{
    unsigned first = 0, count = 0;
    if (strcmp(text, "quit") == 0) {
        sim.quitting = true;
    } else if (sscanf(text, "stall %u", &first) == 1) {
        struct timespec t = {.tv_sec = first / 1000, .tv_nsec = (long)(first % 1000) * NS_PER_MS};
        (void)nanosleep(&t, NULL);
    } else if (sscanf(text, "cut %u %u", &first, &count) == 2) {
        for (unsigned i = first; i < first + count && i < sim.line_count; i++) {
            sim.lines[i].kept_closed = true;
            sim.lines[i].retry_ns = 0;
            line_cut(&sim.lines[i].line);
            for (unsigned k = 0; k < sim.lines[i].count; k++) {
                agent_away(&sim.lines[i].agents[k]);
            }
        }
    } else if (sscanf(text, "join %u %u", &first, &count) == 2) {
        for (unsigned i = first; i < first + count && i < sim.line_count; i++) {
            sim.lines[i].kept_closed = false;
            sim.lines[i].retry_ns = 1;
        }
    } else {
        (void)fprintf(stderr, "not understood: %s\n", text);
    }
}

static void read_commands(void)
{
    ssize_t got =
        read(STDIN_FILENO, sim.command + sim.command_len, sizeof sim.command - 1 - sim.command_len);
    if (got == 0) {
        sim.quitting = true;
        return;
    }
    sim.command_len += got > 0 ? (size_t)got : 0;
    sim.command[sim.command_len] = '\0';
    for (char *end; (end = strchr(sim.command, '\n')) != NULL;) {
        *end = '\0';
        obey(sim.command);
        sim.command_len -= (size_t)(end + 1 - sim.command);
        memmove(sim.command, end + 1, sim.command_len + 1);
    }
}

static int set_up_line(unsigned i, const struct mint *m, struct err *e)
{
    struct sim_line *s = &sim.lines[i];
    unsigned each = sim.agent_count / sim.line_count;
    const char *names[32];
    char public[NKEY_TEXT_SIZE];
    s->first = i * each;
    s->agents = &sim.agents[s->first];
    s->count = i + 1 < sim.line_count ? each : sim.agent_count - s->first;
    s->wait_ms = FIRST_WAIT_MS;
    s->retry_ns = 1;
    if (s->count > 32) {
        return err_set(e, ERR_ARG, "at most 32 agents a connection");
    }
    for (unsigned k = 0; k < s->count; k++) {
        s->agents[k].line = &s->line;
        names[k] = s->agents[k].name;
    }
    s->line = (struct line){
        .calls = &calls, .arg = s, .name = names[0], .jwt = s->jwt, .epoll = sim.epoll, .fd = -1};
    if (nkey_make(&s->line.key, NKEY_USER, e) != 0 ||
        mint_user(m, names, s->count, nkey_public_text(&s->line.key, public), s->jwt, sizeof s->jwt,
                  e) != 0) {
        return -1;
    }
    if (s->count == 1) {
        (void)printf("key %s %s\n", names[0], public);
    }
    return 0;
}

/* A number of the command line between 1 and most; 0 when it is none. */
static unsigned number(const char *text, unsigned long most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    return *end == '\0' && value <= most ? (unsigned)value : 0;
}

static int set_up(char **argv, int argc, struct err *e)
{
    struct mint m;
    struct rlimit files = {65536, 65536};
    (void)setrlimit(RLIMIT_NOFILE, &files); /* too few show as lines that do not open */
    sim.port = (uint16_t)number(argv[1], UINT16_MAX);
    sim.agent_count = number(argv[3], AGENTS_MAX);
    sim.line_count = number(argv[4], sim.agent_count);
    unsigned beat_ms = number(argv[5], HOUR_MS), counter_ms = number(argv[6], HOUR_MS);
    sim.plan = (struct agent_plan){
        .beat_ns = beat_ms * (uint64_t)NS_PER_MS,
        .counter_ns = counter_ms * (uint64_t)NS_PER_MS,
        .counters = number(argv[7], BATCH_MAX_RECORDS),
    };
    if (sim.port == 0 || sim.line_count == 0 || beat_ms == 0 || counter_ms < 1000 ||
        sim.plan.counters == 0) {
        return err_set(e, ERR_ARG, "a number is missing or out of range");
    }
    uint64_t past_ns = (argc > 8 ? number(argv[8], UINT32_MAX) : 0) * (uint64_t)NS_PER_S;
    sim.plan.begun_ns = (clock_wall_ns() - past_ns) / sim.plan.counter_ns * sim.plan.counter_ns;
    sim.epoll = epoll_create1(EPOLL_CLOEXEC);
    sim.agents = calloc(sim.agent_count, sizeof *sim.agents);
    sim.lines = calloc(sim.line_count, sizeof *sim.lines);
    if (sim.epoll < 0 || sim.agents == NULL || sim.lines == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for the agents");
    }
    for (unsigned i = 0; i < sim.agent_count; i++) {
        (void)snprintf(sim.agents[i].name, sizeof sim.agents[i].name, "sim-%05u", i);
        sim.agents[i].epoch = (uint64_t)time(NULL);
    }
    if (mint_open(&m, argv[2], e) != 0) {
        return -1;
    }
    int result = 0;
    for (unsigned i = 0; result == 0 && i < sim.line_count; i++) {
        result = set_up_line(i, &m, e);
    }
    mint_close(&m);
    return result;
}

static void run(void)
{
    uint64_t now_ns = clock_mono_ns();
    struct epoll_event events[EVENTS];
    struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
    (void)epoll_ctl(sim.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input);
    sim.turned = now_ns / (SLOT_MS * (uint64_t)NS_PER_MS);
    for (unsigned i = 0; i < sim.agent_count; i++) { /* spread over the first second */
        sim.agents[i].counter_due_ns = now_ns;
        schedule(&sim.agents[i], now_ns + (uint64_t)random() % NS_PER_S);
    }
    while (!sim.quitting) {
        int count = epoll_wait(sim.epoll, events, EVENTS, SLOT_MS);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL) {
                read_commands();
            } else {
                line_event(events[i].data.ptr, events[i].events);
            }
        }
        now_ns = clock_mono_ns();
        open_due(now_ns);
        turn_wheel(now_ns);
        if (now_ns - sim.told_ns >= NS_PER_S) {
            tell(now_ns);
        }
    }
}

int main(int argc, char **argv)
{
    struct err e = {0};
    char word[16];
    if (argc < 8 || argc > 9) {
        (void)fprintf(stderr, "fleet_sim PORT CENTRE-FOLDER AGENTS LINES BEAT-MS COUNTER-MS"
                              " RECORDS [PAST-S]\n");
        return 2;
    }
    if (set_up(argv, argc, &e) != 0) {
        (void)fprintf(stderr, "%s\n", e.what);
        return 1;
    }
    (void)printf("minted\n");
    (void)fflush(stdout);
    if (fgets(word, sizeof word, stdin) == NULL || strcmp(word, "go\n") != 0) {
        return 1;
    }
    run();
    for (unsigned i = 0; i < sim.line_count; i++) {
        line_done(&sim.lines[i].line);
    }
    free(sim.lines);
    free(sim.agents);
    return 0;
}
