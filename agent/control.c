#define LOG_MODULE "control"
#include "agent/control.h"

#include "agent/control_measure.h"
#include "agent/control_parts.h"
#include "common/alert_kinds.h"
#include "common/clock.h"
#include "common/log.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>

enum {
    TICK_MS = 1000,
    BEAT_SPREAD_MS = HEARTBEAT_PERIOD_MS / 10, /* so that a fleet does not beat as one */
};

/* ---- records: from the engine to hosts, counters, detectors and the spool ---- */

static void on_account(const struct account *account, void *arg)
{
    struct control *c = arg;
    host_table_account(c->hosts, account);
    assets_account(c->assets, account);
    counters_account(c->counters, account);
}

static void on_record(const struct record *record, void *arg)
{
    struct control *c = arg;
    struct err e = {0};
    detectors_observe(c->detectors, record);
    if (record->kind != RECORD_FLOW) {
        return; /* a risk is news to the detectors alone: its numbers come with the flow */
    }
    host_table_learn(c->hosts, &record->flow);
    assets_learn(c->assets, &record->flow);
    struct flow_record flow = record->flow;
    geo_mark(c->geo, &flow);
    if (uplink_flow(c->uplink, &flow, &e) != 0) {
        log_warn(&e, "a flow record is not kept");
    }
}

static void on_finding(const struct finding *finding, void *arg)
{
    struct control *c = arg;
    alert_engine_take(c->alerts, finding);
}

static void on_alert(const struct wire_alert *alert, void *arg)
{
    struct control *c = arg;
    struct err e = {0};
    if (uplink_alert(c->uplink, alert, &e) != 0) {
        log_error(&e, "an alert is not kept");
    }
}

static void on_counter(const struct counter_record *record, void *arg)
{
    struct control *c = arg;
    struct err e = {0};
    if (uplink_counter(c->uplink, record, &e) != 0) {
        log_warn(&e, "a counter is not kept");
    }
}

/* ---- questions: from the centre to the tables or the engine, and back ---- */

static void on_due(uv_timer_t *timer);

/* The engine's answers wake us; only one that stays away needs the timer. */
static void arm_due(struct control *c)
{
    uint64_t due_ns = drill_flows_due_ns(c->drill.flows);
    uint64_t now_ns = clock_mono_ns();
    if (due_ns == 0) {
        (void)uv_timer_stop(&c->due); /* cannot fail on a timer that was initialised */
        return;
    }
    uint64_t wait_ms = due_ns > now_ns ? (due_ns - now_ns) / NS_PER_MS + 1 : 0;
    (void)uv_timer_start(&c->due, on_due, wait_ms, 0); /* nor this */
}

static void poll_answers(struct control *c)
{
    drill_flows_poll(c->drill.flows, clock_mono_ns());
    arm_due(c);
}

static void on_due(uv_timer_t *timer)
{
    poll_answers(timer->data);
}

static void on_question(const struct query *question, void *arg)
{
    struct control *c = arg;
    drill_ask(&c->drill, question, clock_wall_ns(), clock_mono_ns());
    arm_due(c);
}

static void on_answer(const struct query *question, const struct query_chunk *chunk, void *arg)
{
    struct control *c = arg;
    uplink_answer(c->uplink, question, chunk);
}

/* ---- the engine wakes us ---- */

static void on_engine(uv_poll_t *poll, int status, int events)
{
    struct control *c = poll->data;
    (void)events; /* only readable was asked for */
    eventfd_t woken = 0;
    if (status != 0 || eventfd_read(c->link->to_control, &woken) != 0) {
        return; /* nothing new: the tick drains as well */
    }
    if (intake_drain(&c->intake, c->link)) {
        (void)eventfd_write(c->link->to_control, 1); /* the rest in the next turn */
    }
    poll_answers(c);
}

/* ---- time ---- */

static void on_tick(uv_timer_t *timer)
{
    struct control *c = timer->data;
    uint64_t wall_ns = clock_wall_ns();
    uint64_t mono_ns = clock_mono_ns();
    struct health_outside known = control_measure(c, wall_ns, mono_ns);
    struct counters_gauges gauges = control_gauges(c, &known);
    detectors_tick(c->detectors, &c->health.sample);
    assets_tick(c->assets, wall_ns);
    alert_engine_tick(c->alerts, wall_ns);
    counters_tick(c->counters, wall_ns, &gauges);
    struct live_sample live = health_live(&c->health, &known, wall_ns, mono_ns);
    uplink_live(c->uplink, &live); /* leaves only while somebody watches */
    atomic_fetch_add(&c->link->health->control_turns, 1);
}

static void on_beat(uv_timer_t *timer);

static void arm_beat(struct control *c)
{
    uint64_t spread = (uint64_t)arc4random_uniform(2 * BEAT_SPREAD_MS + 1);
    (void)uv_timer_start(&c->beat, on_beat, HEARTBEAT_PERIOD_MS - BEAT_SPREAD_MS + spread, 0);
}

static void on_beat(uv_timer_t *timer)
{
    struct control *c = timer->data;
    uint64_t wall_ns = clock_wall_ns();
    uint64_t mono_ns = clock_mono_ns();
    host_table_sweep(c->hosts, wall_ns);
    geo_refresh(c->geo);
    control_tell_hits(c);
    c->site = site_totals(c->hosts, wall_ns);
    struct health_outside known = control_measure(c, wall_ns, mono_ns);
    struct heartbeat beat = health_beat(&c->health, &known, wall_ns, mono_ns);
    uplink_heartbeat(c->uplink, &beat);
    atomic_store(&c->link->health->beats, beat.number); /* for our successor */
    arm_beat(c);
}

/* ---- settings again ---- */

static void on_reload(uv_signal_t *handle, int number)
{
    (void)number;
    control_reload(handle->data);
}

/* ---- the end ---- */

static void close_handle(uv_handle_t *handle)
{
    uv_close(handle, NULL);
}

static void tell_stopped(struct control *c, uint64_t wall_ns)
{
    struct finding stopped = {.kind = ALERT_AGENT_STOPPED,
                              .action = FINDING_EVENT,
                              .entity = ENTITY_AGENT,
                              .at_ns = wall_ns,
                              .detail = "agent stopped in order"};
    alert_engine_take(c->alerts, &stopped);
}

/* Everything still in hand goes into the spool; then the loop runs out of handles and ends. */
static void finish(struct control *c, bool agent_stops)
{
    uint64_t wall_ns = clock_wall_ns();
    intake_drain_rest(&c->intake, c->link);
    control_poll_close(c); /* before the alerts are flushed: its last results may raise some */
    struct health_outside known = control_measure(c, wall_ns, clock_mono_ns());
    struct counters_gauges gauges = control_gauges(c, &known);
    counters_flush(c->counters, &gauges);
    assets_flush(c->assets, wall_ns);
    if (agent_stops) {
        tell_stopped(c, wall_ns);
    }
    alert_engine_flush(c->alerts, wall_ns);
    uplink_close(c->uplink, agent_stops);
    c->uplink = NULL;
    close_handle((uv_handle_t *)&c->from_engine);
    close_handle((uv_handle_t *)&c->tick);
    close_handle((uv_handle_t *)&c->beat);
    close_handle((uv_handle_t *)&c->due);
    close_handle((uv_handle_t *)&c->stop);
    close_handle((uv_handle_t *)&c->reload);
}

/*
 * The parent stops the engine first, so the last flows are in the rings by now. When the engine
 * still runs, somebody stopped control alone: the parent will start it again, and no goodbye is
 * said.
 */
static void on_stop(uv_signal_t *handle, int number)
{
    struct control *c = handle->data;
    (void)number;
    if (!c->stopping) {
        c->stopping = true;
        finish(c, atomic_load(&c->link->health->engine_pid) == 0);
    }
}

/* ---- the beginning ---- */

static int start_handles(struct control *c, struct err *e)
{
    int result = uv_poll_init(&c->loop, &c->from_engine, c->link->to_control);
    result = result != 0 ? result : uv_timer_init(&c->loop, &c->tick);
    result = result != 0 ? result : uv_timer_init(&c->loop, &c->beat);
    result = result != 0 ? result : uv_timer_init(&c->loop, &c->due);
    result = result != 0 ? result : uv_signal_init(&c->loop, &c->stop);
    result = result != 0 ? result : uv_signal_init(&c->loop, &c->reload);
    c->from_engine.data = c->tick.data = c->beat.data = c->due.data = c;
    c->stop.data = c->reload.data = c;
    result = result != 0 ? result : uv_poll_start(&c->from_engine, UV_READABLE, on_engine);
    result = result != 0 ? result : uv_timer_start(&c->tick, on_tick, 0, TICK_MS);
    result = result != 0 ? result : uv_signal_start(&c->stop, on_stop, SIGTERM);
    result = result != 0 ? result : uv_signal_start(&c->reload, on_reload, SIGHUP);
    if (result != 0) {
        return err_set(e, ERR_IO, "event loop: %s", uv_err_name(result));
    }
    arm_beat(c);
    return 0;
}

/* We began with both blocked, so that none is lost before there is a handle for it. */
static void hear_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL); /* fails only for wrong arguments */
}

static const struct control_calls calls = {
    .account = on_account,
    .record = on_record,
    .counter = on_counter,
    .finding = on_finding,
    .alert = on_alert,
    .question = on_question,
    .answer = on_answer,
};

int control_run(const struct settings *settings, struct engine_link *link,
                const struct control_start *start)
{
    struct err e = {0};
    struct control *c = calloc(1, sizeof *c);
    if (c == NULL) {
        log_error(NULL, "no memory for control");
        return EXIT_FAILURE;
    }
    c->settings = settings;
    c->link = link;
    c->start = start;
    int status = EXIT_FAILURE;
    if (control_parts_open(c, &calls, &e) != 0 || start_handles(c, &e) != 0) {
        log_error(&e, "control does not start");
    } else {
        hear_signals();
        (void)uv_run(&c->loop, UV_RUN_DEFAULT); /* ends when finish has closed every handle */
        status = EXIT_SUCCESS;
    }
    control_parts_close(c);
    free(c);
    return status;
}
