/*
 * Each target has its own next time, spread over its interval at first so that a fleet of targets
 * is not asked at once. A tenth of a second is fine enough for time-outs. Devices that answer
 * slowly wait for themselves alone; the number of polls under way is bounded, and who has waited
 * longest goes first.
 */
#define LOG_MODULE "poller"
#include "agent/poll/poller.h"

#include "agent/poll/device.h"
#include "agent/poll/http.h"
#include "agent/poll/probe.h"
#include "agent/poll/snmp.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/queue.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

enum {
    TICK_MS = 100,
    RESULTS_MAX = 16384,  /* records between the two threads */
    RESULT_WAIT_MS = 500, /* for room; then the record is dropped and counted */
    DEVICES_AT_ONCE = 64,
    PROBES_AT_ONCE = 64,
    FIRST_SPREAD_MS = 5000, /* a new target is tried within so long */
};

/* What crosses to control: one of the two, owned by whoever holds the value. */
struct result {
    struct device_record *device; /* as long as its kind needs */
    struct probe_record *probe;
};

/* A target and when it is due. */
struct slot {
    struct device *device; /* one of the two */
    struct probe *probe;
    uint64_t due_ms;
    bool busy; /* as of the last look */
};

struct poller {
    struct poller_options options;
    struct queue *results;
    pthread_t thread;
    bool running;
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t tick;
    _Atomic(struct poller_plan *) next_plan; /* control to poller; NULL: nothing new */
    atomic_bool ending;                      /* control to poller */
    atomic_uint_least64_t dropped;           /* poller to control */
    /* Only the poller's thread touches what follows. */
    struct echoes *echoes;
    struct http *http;
    struct probe_tools tools;
    struct slot *slots;
    size_t slot_count;
    unsigned devices_busy, probes_busy;
    bool waited; /* for room in this turn: once is enough */
};

void poller_plan_free(struct poller_plan *plan)
{
    if (plan != NULL) {
        for (size_t i = 0; i < plan->device_count; i++) {
            explicit_bzero(&plan->devices[i], sizeof plan->devices[i]);
        }
        free(plan->devices);
        free(plan->probes);
        free(plan);
    }
}

/* ---- results ---- */

static void result_done(struct result *result)
{
    free(result->device);
    free(result->probe);
}

static void hand_over(struct poller *p, struct result *result)
{
    bool ok = (result->device != NULL || result->probe != NULL) && queue_push(p->results, result);
    if (!ok && !p->waited) {
        p->waited = true;
        ok = queue_push_wait(p->results, result, RESULT_WAIT_MS);
    }
    if (!ok) {
        atomic_fetch_add(&p->dropped, 1);
        result_done(result);
        return;
    }
    p->options.wake(p->options.arg);
}

static void on_device(const struct device_record *record, void *arg)
{
    size_t size = device_record_size((enum device_record_kind)record->kind);
    struct result result = {.device = malloc(size)};
    if (result.device != NULL) {
        memcpy(result.device, record, size);
    }
    hand_over(arg, &result);
}

static void on_probe(const struct probe_record *record, void *arg)
{
    struct result result = {.probe = malloc(sizeof *record)};
    if (result.probe != NULL) {
        *result.probe = *record;
    }
    hand_over(arg, &result);
}

void poller_drain(struct poller *p, const struct poller_sink *sink)
{
    struct result result;
    while (queue_pop(p->results, &result)) {
        if (result.device != NULL) {
            sink->device(result.device, sink->arg);
        } else {
            sink->probe(result.probe, sink->arg);
        }
        result_done(&result);
    }
}

uint64_t poller_dropped(const struct poller *p)
{
    return atomic_load(&p->dropped);
}

/* ---- time ---- */

static bool slot_is_busy(const struct slot *s)
{
    return s->device != NULL ? device_is_busy(s->device) : probe_is_busy(s->probe);
}

static uint64_t pause_ms(const struct slot *s)
{
    return s->device != NULL ? device_pause_ms(s->device)
                             : (uint64_t)probe_conf(s->probe)->interval_s * 1000;
}

/* A run has ended: the next one begins an interval after its beginning, or after its end when it
 * took longer. */
static void settle(struct poller *p, struct slot *s, uint64_t now_ms)
{
    unsigned *busy = s->device != NULL ? &p->devices_busy : &p->probes_busy;
    (*busy)--;
    s->busy = false;
    s->due_ms += pause_ms(s);
    if (s->due_ms < now_ms) {
        s->due_ms = now_ms + pause_ms(s);
    }
}

static void begin(struct poller *p, struct slot *s, uint64_t now_ms)
{
    s->busy = true;
    s->due_ms = now_ms;
    if (s->device != NULL) {
        p->devices_busy++;
        device_poll(s->device, now_ms);
    } else {
        p->probes_busy++;
        probe_run(s->probe);
    }
}

static bool may_begin(const struct poller *p, const struct slot *s, uint64_t now_ms)
{
    bool room =
        s->device != NULL ? p->devices_busy < DEVICES_AT_ONCE : p->probes_busy < PROBES_AT_ONCE;
    return room && !s->busy && now_ms >= s->due_ms;
}

static void turn_slot(struct poller *p, struct slot *s, uint64_t now_ms)
{
    if (s->busy && slot_is_busy(s)) {
        if (s->device != NULL) {
            device_tick(s->device, now_ms);
        } else {
            probe_tick(s->probe, now_ms);
        }
    }
    if (s->busy && !slot_is_busy(s)) {
        settle(p, s, now_ms);
    }
}

/* Of those that are due the one that waits longest. */
static struct slot *most_due(struct poller *p, uint64_t now_ms)
{
    struct slot *best = NULL;
    for (size_t i = 0; i < p->slot_count; i++) {
        struct slot *s = &p->slots[i];
        if (may_begin(p, s, now_ms) && (best == NULL || s->due_ms < best->due_ms)) {
            best = s;
        }
    }
    return best;
}

static void on_tick(uv_timer_t *timer)
{
    struct poller *p = timer->data;
    struct slot *due = NULL;
    uint64_t now_ms = clock_mono_ns() / NS_PER_MS;
    p->waited = false;
    for (size_t i = 0; i < p->slot_count; i++) {
        turn_slot(p, &p->slots[i], now_ms);
    }
    while ((due = most_due(p, now_ms)) != NULL) {
        begin(p, due, now_ms);
    }
}

/* ---- the plan ---- */

static bool same_device(const struct config_snmp *a, const struct config_snmp *b)
{
    return memcmp(a, b, sizeof *a) == 0; /* both were zeroed before they were read */
}

/* The slot that now has this id, taken out of the old ones; an empty one when there is none. */
static struct slot take_slot(struct poller *p, const char *id, bool device)
{
    for (size_t i = 0; i < p->slot_count; i++) {
        struct slot *s = &p->slots[i];
        bool found = device ? s->device != NULL && strcmp(device_conf(s->device)->id, id) == 0
                            : s->probe != NULL && strcmp(probe_conf(s->probe)->id, id) == 0;
        if (found) {
            struct slot taken = *s;
            *s = (struct slot){0};
            return taken;
        }
    }
    return (struct slot){0};
}

static uint64_t first_due(uint64_t now_ms, uint32_t interval_s)
{
    uint32_t spread = interval_s * 1000 < FIRST_SPREAD_MS ? interval_s * 1000 : FIRST_SPREAD_MS;
    return now_ms + arc4random_uniform(spread);
}

/* What is unchanged goes on; what changed begins anew, but remembers its counters when only the
 * way of asking is another. */
static struct slot device_slot(struct poller *p, const struct config_snmp *conf, uint64_t now_ms)
{
    struct err e = {0};
    struct slot s = take_slot(p, conf->id, true);
    struct device_sink sink = {.take = on_device, .arg = p};
    if (s.device != NULL && same_device(device_conf(s.device), conf)) {
        return s;
    }
    bool same_host = s.device != NULL && strcmp(device_conf(s.device)->host, conf->host) == 0 &&
                     !device_is_busy(s.device);
    if (same_host) {
        p->devices_busy -= s.busy; /* it has just ended, and the turn has not seen that yet */
        s.busy = false;
        device_set_conf(s.device, conf);
        s.due_ms = now_ms; /* whoever changed it wants to see whether it helps */
        return s;
    }
    if (s.busy) {
        p->devices_busy--;
    }
    device_free(s.device);
    s = (struct slot){.device = device_new(&p->loop, conf, sink, &e),
                      .due_ms = first_due(now_ms, conf->interval_s)};
    if (s.device == NULL) {
        log_error(&e, "a device is not polled");
    }
    return s;
}

static struct slot probe_slot(struct poller *p, const struct config_probe *conf, uint64_t now_ms)
{
    struct err e = {0};
    struct slot s = take_slot(p, conf->id, false);
    if (s.probe != NULL && memcmp(probe_conf(s.probe), conf, sizeof *conf) == 0) {
        return s;
    }
    if (s.busy) {
        p->probes_busy--;
    }
    probe_free(s.probe);
    s = (struct slot){.probe = probe_new(&p->tools, conf, &e),
                      .due_ms = first_due(now_ms, conf->interval_s)};
    if (s.probe == NULL) {
        log_error(&e, "a probe does not run");
    }
    return s;
}

static void forget_slots(struct poller *p)
{
    for (size_t i = 0; i < p->slot_count; i++) {
        struct slot *s = &p->slots[i];
        if (s->busy) {
            *(s->device != NULL ? &p->devices_busy : &p->probes_busy) -= 1;
        }
        device_free(s->device);
        probe_free(s->probe);
    }
    free(p->slots);
    p->slots = NULL;
    p->slot_count = 0;
}

static void take_plan(struct poller *p, const struct poller_plan *plan, uint64_t now_ms)
{
    size_t most = plan->device_count + plan->probe_count;
    struct slot *slots = calloc(most + 1, sizeof *slots);
    size_t count = 0;
    if (slots == NULL) {
        log_error(NULL, "no memory for %zu targets: the old ones stay", most);
        return;
    }
    for (size_t i = 0; i < plan->device_count; i++) {
        slots[count] = device_slot(p, &plan->devices[i], now_ms);
        count += slots[count].device != NULL;
    }
    for (size_t i = 0; i < plan->probe_count; i++) {
        slots[count] = probe_slot(p, &plan->probes[i], now_ms);
        count += slots[count].probe != NULL;
    }
    forget_slots(p);
    p->slots = slots;
    p->slot_count = count;
    log_info(NULL, "%zu devices and %zu probes", plan->device_count, plan->probe_count);
}

void poller_set(struct poller *p, struct poller_plan *plan)
{
    poller_plan_free(atomic_exchange(&p->next_plan, plan));
    (void)uv_async_send(&p->wake); /* fails only for a closed handle */
}

/* ---- the thread ---- */

static void end_loop(struct poller *p)
{
    forget_slots(p);
    http_free(p->http);
    echoes_free(p->echoes);
    uv_close((uv_handle_t *)&p->tick, NULL);
    uv_close((uv_handle_t *)&p->wake, NULL);
}

static void on_wake(uv_async_t *async)
{
    struct poller *p = async->data;
    struct poller_plan *plan = atomic_exchange(&p->next_plan, NULL);
    if (atomic_load(&p->ending)) {
        end_loop(p);
    } else if (plan != NULL) {
        take_plan(p, plan, clock_mono_ns() / NS_PER_MS);
    }
    poller_plan_free(plan);
}

static void *run(void *arg)
{
    struct poller *p = arg;
    (void)prctl(PR_SET_NAME, "picket-poller", 0, 0, 0); /* only for people */
    (void)uv_run(&p->loop, UV_RUN_DEFAULT);             /* ends with its last handle */
    return NULL;
}

static int open_loop(struct poller *p, struct err *e)
{
    int result = uv_loop_init(&p->loop);
    if (result != 0) {
        return err_set(e, ERR_IO, "no loop for the poller: %s", uv_err_name(result));
    }
    (void)uv_timer_init(&p->loop, &p->tick); /* cannot fail */
    result = uv_async_init(&p->loop, &p->wake, on_wake);
    if (result != 0) {
        uv_close((uv_handle_t *)&p->tick, NULL);
        (void)uv_run(&p->loop, UV_RUN_DEFAULT); /* closes the timer */
        (void)uv_loop_close(&p->loop);
        return err_set(e, ERR_IO, "no wake-up for the poller: %s", uv_err_name(result));
    }
    p->tick.data = p->wake.data = p;
    (void)uv_timer_start(&p->tick, on_tick, TICK_MS, TICK_MS); /* nor this */
    p->running = true;
    p->http = http_new(&p->loop, e);
    p->echoes = p->http == NULL ? NULL : echoes_new(&p->loop, &p->options.icmp, e);
    return p->echoes == NULL ? -1 : 0;
}

void poller_start(void)
{
    poll_snmp_start();
    http_start();
}

struct poller *poller_open(const struct poller_options *options, struct err *e)
{
    struct poller *p = calloc(1, sizeof *p);
    if (p == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for the poller");
        return NULL;
    }
    p->options = *options;
    p->results = queue_new(sizeof(struct result), RESULTS_MAX, NULL, NULL, e);
    if (p->results == NULL || open_loop(p, e) != 0) {
        poller_close(p);
        return NULL;
    }
    p->tools = (struct probe_tools){
        .loop = &p->loop, .echoes = p->echoes, .http = p->http, .take = on_probe, .arg = p};
    if (pthread_create(&p->thread, NULL, run, p) != 0) {
        (void)err_set(e, ERR_IO, "no thread for the poller");
        p->thread = 0;
        poller_close(p);
        return NULL;
    }
    return p;
}

void poller_close(struct poller *p)
{
    struct result result;
    if (p == NULL) {
        return;
    }
    if (p->results != NULL) {
        queue_close(p->results);
    }
    if (p->thread != 0) {
        atomic_store(&p->ending, true);
        (void)uv_async_send(&p->wake); /* fails only for a closed handle */
        (void)pthread_join(p->thread, NULL);
    } else if (p->running) {
        end_loop(p);
        (void)uv_run(&p->loop, UV_RUN_DEFAULT); /* closes the handles */
    }
    if (p->running) {
        (void)uv_loop_close(&p->loop); /* nothing is left in it */
    }
    while (p->results != NULL && queue_pop(p->results, &result)) {
        result_done(&result);
    }
    queue_free(p->results);
    poller_plan_free(atomic_load(&p->next_plan));
    free(p);
}
