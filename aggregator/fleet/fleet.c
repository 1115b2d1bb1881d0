/* The thread, its inbox, and what every other file of it needs. */
#include "aggregator/fleet/fleet.h"

#include "aggregator/fleet/inner.h"
#include "common/clock.h"

#define LOG_MODULE "fleet"
#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    INBOX_SLOTS = 16384,
    DONE_SLOTS = 65536, /* more than can be under way at the store */
    DONE_WAIT_MS = 1000,
    TURN_MAX = 512, /* messages between two looks at the clock */
    SEEN_PERIOD_MS = 15000,
};

bool fleet_submit(struct fleet *f, struct job *job)
{
    if (f->options.submit(f->options.arg, job)) {
        return true;
    }
    log_warn(NULL, "too many jobs wait for the database: one of kind %d is dropped",
             (int)job->kind);
    job_free(job);
    return false;
}

bool fleet_tell(struct fleet *f, struct web_event *event)
{
    if (f->options.tell_web(f->options.arg, event)) {
        return true;
    }
    metric_add(&f->options.metrics->web_events_held, 1);
    web_event_done(event);
    return false;
}

static void tell_view(struct fleet *f, struct instance *i, bool calm)
{
    struct instance_view *view = malloc(sizeof *view);
    struct web_event event = {.kind = WEB_INSTANCE, .calm = calm, .as.instance = view};
    if (view != NULL) {
        instance_view_fill(i, view);
    }
    i->untold = view == NULL || !fleet_tell(f, &event);
    f->untold = f->untold || i->untold;
}

void fleet_tell_instance(struct fleet *f, struct instance *i)
{
    tell_view(f, i, false);
}

void fleet_tell_figures(struct fleet *f, struct instance *i)
{
    tell_view(f, i, true);
}

void fleet_tell_outcome(struct fleet *f, enum web_event_kind kind, uint64_t reply,
                        const struct agent_outcome *outcome)
{
    struct agent_outcome *copy = malloc(sizeof *copy);
    if (copy == NULL) {
        return; /* the web's own deadline ends the request, here and below */
    }
    *copy = *outcome;
    struct web_event event = {.kind = kind, .reply = reply, .as.outcome = copy};
    (void)fleet_tell(f, &event);
}

/* What did not fit before; what does not now waits for the next tick. */
static void tell_untold(struct fleet *f)
{
    f->untold = false;
    for (unsigned n = 0; n < f->instances.count && !f->untold; n++) {
        struct instance *i = f->instances.all[n];
        if (i->untold) {
            fleet_tell_instance(f, i);
        }
    }
    struct web_event centre = {.kind = WEB_CENTRE, .as.centre = f->told_centre};
    struct web_event end = {.kind = WEB_SNAPSHOT_END};
    if (f->snapshot_wanted && !f->untold) {
        f->snapshot_wanted = !fleet_tell(f, &centre) || !fleet_tell(f, &end);
    }
}

static void tell_snapshot(struct fleet *f)
{
    for (unsigned n = 0; n < f->instances.count; n++) {
        f->instances.all[n]->untold = true;
    }
    f->snapshot_wanted = true;
    tell_untold(f);
}

static void tell_missed_alerts(struct fleet *f)
{
    struct web_event event = {.kind = WEB_ALERTS_MISSED};
    f->alerts_missed = !fleet_tell(f, &event);
}

int fleet_send(struct fleet *f, const char *name, const char *word, const void *bytes, size_t len)
{
    char subject[SUBJECT_SIZE];
    struct err e = {0};
    subject_down(subject, sizeof subject, name, word);
    if (f->options.publish(f->options.arg, subject, bytes, len, &e) != 0) {
        log_debug(&e, "%s to %s could not be sent", word, name);
        return -1;
    }
    return 0;
}

/* Which instances were heard since the database was last told. */
static void note_seen(struct fleet *f, uint64_t now_ns)
{
    if (now_ns - f->seen_noted_ns < SEEN_PERIOD_MS * (uint64_t)NS_PER_MS ||
        f->instances.count == 0) {
        return;
    }
    f->seen_noted_ns = now_ns;
    struct job *job = job_new(JOB_SEEN);
    struct seen_entry *entries = job != NULL ? calloc(f->instances.count, sizeof *entries) : NULL;
    if (entries == NULL) {
        job_free(job);
        return;
    }
    job->as.seen.entries = entries;
    for (unsigned n = 0; n < f->instances.count; n++) {
        struct instance *i = f->instances.all[n];
        if (i->presence.heard_ms > i->seen_noted_ms) {
            i->seen_noted_ms = i->presence.heard_ms;
            entries[job->as.seen.count++] =
                (struct seen_entry){.instance_id = i->id, .last_seen_ms = i->seen_noted_ms};
        }
    }
    if (job->as.seen.count == 0) {
        job_free(job);
    } else {
        (void)fleet_submit(f, job); /* dropped: the next note says it again */
    }
}

static void on_job(struct fleet *f, const struct job *job, uint64_t now_ns)
{
    if (job->failed && job->e.code != ERR_CLOSED) {
        log_error(&job->e, "the database refused a job of kind %d", (int)job->kind);
    }
    switch (job->kind) {
    case JOB_LOAD: members_loaded(f, job, now_ns); break;
    case JOB_HELLO: hear_welcome(f, job); break;
    case JOB_ENROL: members_enrolled(f, job, now_ns); break;
    case JOB_INVITE: members_added(f, job, now_ns); break;
    case JOB_REVOKE: revoke_done(f, job, now_ns); break;
    case JOB_CONFIG: config_made(f, job, now_ns); break;
    case JOB_STATE:
    case JOB_SEEN:
    case JOB_ALERT:
    case JOB_ALERTS_KEEP:
    case JOB_HITS:
    case JOB_CONFIG_NOTE: break;
    }
}

static void on_bus(struct fleet *f, bool up, uint64_t now_ns)
{
    if (f->centre.bus_up && !up) {
        f->bus_lost_ns = now_ns;
    }
    for (unsigned n = 0; up && n < f->instances.count; n++) {
        instance_clients_unknown(f->instances.all[n]); /* a new server counts anew */
    }
    metric_set(&f->options.metrics->bus_up, up);
    centre_bus(&f->centre, up, now_ns);
    judge_centre(f, now_ns);
}

static void on_database(struct fleet *f, bool up, uint64_t now_ns)
{
    centre_database(&f->centre, up);
    if (up) {
        members_load(f, now_ns);
    }
    judge_centre(f, now_ns);
}

static void on_system_up(struct fleet *f)
{
    for (unsigned n = 0; n < f->instances.count; n++) {
        instance_clients_unknown(f->instances.all[n]); /* log-ins may have been missed */
    }
    f->push_wanted = true;
    f->push_after_ns = 0;
}

static void on_message(struct fleet *f, const struct message *m, uint64_t now_ns)
{
    switch (m->kind) {
    case MESSAGE_UP: hear_up(f, m, now_ns); break;
    case MESSAGE_ANSWER: asks_answer(f, m); break;
    case MESSAGE_ENROL: members_enrol(f, m); break;
    case MESSAGE_LOGIN: hear_login(f, m->bytes, now_ns); break;
    case MESSAGE_REFUSAL: hear_refusal(f, m->bytes, now_ns); break;
    case MESSAGE_BUS: on_bus(f, m->flag, now_ns); break;
    case MESSAGE_SYSTEM_UP: on_system_up(f); break;
    case MESSAGE_DATABASE: on_database(f, m->flag, now_ns); break;
    case MESSAGE_REGISTRY:
        members_load(f, now_ns);
        config_refresh(f);
        break;
    case MESSAGE_SNAPSHOT: tell_snapshot(f); break;
    case MESSAGE_ASK: asks_put(f, m, now_ns); break;
    case MESSAGE_WATCH: hear_watch(f, m, now_ns); break;
    case MESSAGE_ADD: members_add(f, m); break;
    case MESSAGE_REVOKE: revoke_ask(f, m); break;
    case MESSAGE_CONFIG: config_refresh(f); break;
    }
}

static void stop_loop(struct fleet *f)
{
    f->seen_noted_ns = 0;
    note_seen(f, clock_mono_ns());
    probe_expire(f, UINT64_MAX);
    (void)pthread_mutex_lock(&f->bell_lock); /* a plain mutex, locked once: cannot fail */
    f->bell_gone = true;
    (void)pthread_mutex_unlock(&f->bell_lock);
    uv_close((uv_handle_t *)&f->ticker, NULL);
    uv_close((uv_handle_t *)&f->pace, NULL);
    uv_close((uv_handle_t *)&f->bell, NULL);
}

static void on_pace(uv_timer_t *pace);

/* Hears what has come. While there is something, the next look is by the clock. */
static void hear_inbox(struct fleet *f)
{
    struct message m;
    int left = TURN_MAX;
    struct job *job;
    atomic_store(&f->paced, false); /* first: what comes after the last pop rings */
    while (left > 0 && queue_pop(f->done, &job)) {
        on_job(f, job, clock_mono_ns());
        job_free(job);
        left--;
    }
    while (left > 0 && queue_pop(f->inbox, &m)) {
        on_message(f, &m, clock_mono_ns());
        free(m.bytes);
        left--;
    }
    if (atomic_load_explicit(&f->stopping, memory_order_acquire)) {
        stop_loop(f);
    } else if (left == 0) {
        (void)uv_async_send(&f->bell); /* more waits: let the ticker have its turn first */
    } else if (left < TURN_MAX && uv_timer_start(&f->pace, on_pace, FLEET_PACE_MS, 0) == 0) {
        atomic_store(&f->paced, true);
    }
}

static void on_bell(uv_async_t *bell)
{
    struct fleet *f = bell->data;
    if (!uv_is_closing((uv_handle_t *)&f->ticker)) {
        hear_inbox(f);
    }
}

static void on_pace(uv_timer_t *pace)
{
    hear_inbox(pace->data);
}

static void on_tick(uv_timer_t *ticker)
{
    struct fleet *f = ticker->data;
    uint64_t now_ns = clock_mono_ns();
    if (f->ticked_ns != 0 && now_ns - f->ticked_ns > FLEET_STALL_MS * (uint64_t)NS_PER_MS) {
        log_warn(NULL, "this process stood still: nobody is judged for a while");
        centre_stalled(&f->centre, now_ns);
    }
    f->ticked_ns = now_ns;
    judge_all(f, now_ns);
    judge_centre(f, now_ns);
    asks_expire(f, now_ns);
    probe_expire(f, now_ns);
    members_catch_up(f, now_ns);
    revoke_push(f, now_ns);
    note_seen(f, now_ns);
    if (f->untold || f->snapshot_wanted) {
        tell_untold(f);
    }
    if (f->alerts_missed) {
        tell_missed_alerts(f);
    }
    metric_set(&f->options.metrics->instances, f->instances.count);
    metric_set(&f->options.metrics->fleet_turned_ns, now_ns);
}

static void *fleet_main(void *arg)
{
    struct fleet *f = arg;
    (void)pthread_setname_np(pthread_self(), "fleet"); /* only for the log */
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);            /* ends when stop_loop closed all */
    return NULL;
}

static void ring(void *arg)
{
    struct fleet *f = arg;
    (void)pthread_mutex_lock(&f->bell_lock); /* a plain mutex, locked once: cannot fail */
    if (!f->bell_gone) {
        (void)uv_async_send(&f->bell); /* open: cannot fail */
    }
    (void)pthread_mutex_unlock(&f->bell_lock);
}

/* The pace looks by itself, and stopping rings in any case. */
static void ring_unless_paced(void *arg)
{
    struct fleet *f = arg;
    if (!atomic_load(&f->paced)) {
        ring(f);
    }
}

static int open_loop(struct fleet *f, struct err *e)
{
    if (uv_loop_init(&f->loop) != 0) {
        return err_set(e, ERR_NOMEM, "no event loop for the fleet");
    }
    if (uv_async_init(&f->loop, &f->bell, on_bell) != 0 ||
        uv_timer_init(&f->loop, &f->ticker) != 0 || uv_timer_init(&f->loop, &f->pace) != 0 ||
        uv_timer_start(&f->ticker, on_tick, FLEET_TICK_MS, FLEET_TICK_MS) != 0) {
        return err_set(e, ERR_NOMEM, "no handles for the fleet's loop");
    }
    f->bell.data = f;
    f->ticker.data = f;
    f->pace.data = f;
    return 0;
}

static void fleet_free(struct fleet *f)
{
    struct message m;
    while (f->inbox != NULL && queue_pop(f->inbox, &m)) {
        free(m.bytes);
    }
    struct job *job;
    while (f->done != NULL && queue_pop(f->done, &job)) {
        job_free(job);
    }
    queue_free(f->inbox);
    queue_free(f->done);
    instances_done(&f->instances);
    outages_close(f);
    (void)pthread_mutex_destroy(&f->bell_lock); /* nobody holds it */
    free(f->push_json);
    free(f);
}

static int fleet_prepare(struct fleet *f, struct err *e)
{
    f->told_centre = centre_see(&f->centre, 0);
    (void)snprintf(f->agg, sizeof f->agg, "%llx", (unsigned long long)clock_wall_ns());
    if (instances_init(&f->instances, e) != 0 || outages_open(f, e) != 0 || open_loop(f, e) != 0) {
        return -1;
    }
    f->inbox = queue_new(sizeof(struct message), INBOX_SLOTS, ring_unless_paced, f, e);
    f->done = queue_new(sizeof(struct job *), DONE_SLOTS, ring_unless_paced, f, e);
    if (f->inbox == NULL || f->done == NULL) {
        return -1;
    }
    if (pthread_create(&f->thread, NULL, fleet_main, f) != 0) {
        return err_set(e, ERR_NOMEM, "no thread for the fleet");
    }
    f->running = true;
    return 0;
}

struct fleet *fleet_open(const struct fleet_options *options, struct err *e)
{
    struct fleet *f = calloc(1, sizeof *f);
    if (f == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for the fleet");
        return NULL;
    }
    f->options = *options;
    (void)pthread_mutex_init(&f->bell_lock, NULL); /* with default attributes it cannot fail */
    if (fleet_prepare(f, e) != 0) {                /* at the program's start, which then ends */
        fleet_free(f);
        return NULL;
    }
    return f;
}

void fleet_stop(struct fleet *fleet)
{
    if (fleet == NULL || !fleet->running) {
        return;
    }
    queue_close(fleet->inbox);
    queue_close(fleet->done);
    atomic_store_explicit(&fleet->stopping, true, memory_order_release);
    ring(fleet);
    (void)pthread_join(fleet->thread, NULL);
    (void)uv_loop_close(&fleet->loop); /* empty, as its run has ended */
    fleet->running = false;
}

void fleet_close(struct fleet *fleet)
{
    if (fleet != NULL) {
        fleet_stop(fleet);
        fleet_free(fleet);
    }
}

/* Copies len bytes and queues. */
static bool post(struct fleet *f, struct message m, const void *bytes, size_t len)
{
    m.bytes = bytes != NULL ? malloc(len + 1) : NULL;
    if (bytes != NULL && m.bytes == NULL) {
        return false;
    }
    if (bytes != NULL) {
        memcpy(m.bytes, bytes, len);
        ((char *)m.bytes)[len] = '\0';
    }
    m.len = len;
    if (queue_push(f->inbox, &m)) {
        return true;
    }
    metric_add(&f->options.metrics->messages_held, 1);
    free(m.bytes);
    return false;
}

static int asked(bool posted, struct err *e)
{
    return posted ? 0 : err_set(e, ERR_BUSY, "the centre is too busy to ask");
}

bool fleet_deliver(struct fleet *fleet, enum fleet_channel channel, const char *name,
                   const char *word, const void *bytes, size_t len)
{
    static const enum message_kind kinds[] = {
        [FLEET_UP] = MESSAGE_UP, [FLEET_ANSWER] = MESSAGE_ANSWER, [FLEET_ENROL] = MESSAGE_ENROL};
    struct message m = {.kind = kinds[channel]};
    (void)snprintf(m.name, sizeof m.name, "%s", name); /* a checked name: fits */
    (void)snprintf(m.word, sizeof m.word, "%s", word); /* cut: then nobody knows it */
    return post(fleet, m, bytes, len);
}

bool fleet_login(struct fleet *fleet, const struct fleet_login *login)
{
    return post(fleet, (struct message){.kind = MESSAGE_LOGIN}, login, sizeof *login);
}

bool fleet_refusal(struct fleet *fleet, const struct fleet_refusal *refusal)
{
    return post(fleet, (struct message){.kind = MESSAGE_REFUSAL}, refusal, sizeof *refusal);
}

bool fleet_bus(struct fleet *fleet, bool up)
{
    return post(fleet, (struct message){.kind = MESSAGE_BUS, .flag = up}, NULL, 0);
}

bool fleet_system_up(struct fleet *fleet)
{
    return post(fleet, (struct message){.kind = MESSAGE_SYSTEM_UP}, NULL, 0);
}

bool fleet_database(struct fleet *fleet, bool up)
{
    return post(fleet, (struct message){.kind = MESSAGE_DATABASE, .flag = up}, NULL, 0);
}

bool fleet_registry_changed(struct fleet *fleet)
{
    return post(fleet, (struct message){.kind = MESSAGE_REGISTRY}, NULL, 0);
}

bool fleet_job_done(struct fleet *fleet, struct job *job)
{
    if (queue_push_wait(fleet->done, &job, DONE_WAIT_MS)) {
        return true;
    }
    metric_add(&fleet->options.metrics->messages_held, 1);
    job_free(job);
    return false;
}

int fleet_ask_snapshot(struct fleet *fleet, struct err *e)
{
    return asked(post(fleet, (struct message){.kind = MESSAGE_SNAPSHOT}, NULL, 0), e);
}

int fleet_ask(struct fleet *fleet, const char *name, const struct query *query, uint64_t reply,
              struct err *e)
{
    struct message m = {.kind = MESSAGE_ASK, .reply = reply};
    (void)snprintf(m.name, sizeof m.name, "%s", name); /* cut: then nobody knows it */
    return asked(post(fleet, m, query, sizeof *query), e);
}

int fleet_watch(struct fleet *fleet, const char *name, struct err *e)
{
    struct message m = {.kind = MESSAGE_WATCH};
    (void)snprintf(m.name, sizeof m.name, "%s", name); /* cut: then nobody knows it */
    return asked(post(fleet, m, NULL, 0), e);
}

int fleet_agent_add(struct fleet *fleet, const struct agent_invite *invite, uint64_t reply,
                    struct err *e)
{
    struct message m = {.kind = MESSAGE_ADD, .reply = reply};
    return asked(post(fleet, m, invite, sizeof *invite), e);
}

int fleet_config_changed(struct fleet *fleet, struct err *e)
{
    return asked(post(fleet, (struct message){.kind = MESSAGE_CONFIG}, NULL, 0), e);
}

int fleet_agent_revoke(struct fleet *fleet, const char *name, const char *by, uint64_t reply,
                       struct err *e)
{
    struct message m = {.kind = MESSAGE_REVOKE, .reply = reply};
    (void)snprintf(m.name, sizeof m.name, "%s", name); /* cut: then nobody knows it */
    return asked(post(fleet, m, by, strlen(by)), e);
}
