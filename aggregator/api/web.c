/* The joints of the web: what comes from the core, from browsers and from the query threads. */
#include "aggregator/api/web.h"

#include "aggregator/api/call.h"
#include "aggregator/api/inner.h"
#include "aggregator/api/live.h"
#include "aggregator/api/pending.h"

#include "common/clock.h"

#define LOG_MODULE "web"
#include "common/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    EVENTS_MAX = 16384,
    RETURNS_MAX = 1024,
    RETURN_WAIT_MS = 1000,
    SESSIONS_MAX = 10000,
    SNAPSHOT_MS = 5000, /* asked again when it has not come by then */
    CLOSE_MS = 2000,    /* for the query threads to end */
    HASHING_MAX = 2,    /* passwords at once: each takes 64 MiB */
};

uint64_t now_ms(void)
{
    return clock_wall_ns() / NS_PER_MS;
}

static void wake(void *arg)
{
    struct web *web = arg;
    if (web->http != NULL) {
        http_server_wake(web->http);
    }
}

bool web_tell(void *web, const struct web_event *event)
{
    struct web *here = web;
    bool taken = queue_push(here->events, event);
    if (taken && !event->calm) {
        wake(here);
    }
    return taken;
}

void web_return(struct web *web, void (*fn)(struct web *web, void *arg), void *arg)
{
    const struct came_back back = {.fn = fn, .arg = arg};
    if (!queue_push_wait(web->returns, &back, RETURN_WAIT_MS)) {
        log_error(NULL, "the web thread is stuck: an answer is lost");
    }
}

void web_hash_begin(struct web *web)
{
    while (sem_wait(&web->hashing) != 0) { /* only a signal ends it early */
    }
}

void web_hash_end(struct web *web)
{
    (void)sem_post(&web->hashing); /* cannot overflow: each follows a begin */
}

static void take_instance(struct web *web, struct web_event *event)
{
    char name[NAME_MAX_LEN + 1];
    struct instance_view *view = event->as.instance;
    event->as.instance = NULL; /* the mirror keeps it */
    memcpy(name, view->name, sizeof name);
    mirror_put(&web->mirror, view);
    live_instance(web->live, name);
}

static void take_event(struct web *web, struct web_event *event)
{
    switch (event->kind) {
    case WEB_INSTANCE: take_instance(web, event); break;
    case WEB_INSTANCE_GONE: mirror_remove(&web->mirror, event->as.name); break;
    case WEB_ALERT: live_alert(web->live, event->as.alert); break;
    case WEB_ALERTS_MISSED: live_alerts_missed(web->live); break;
    case WEB_LIVE: live_point(web->live, event->as.live); break;
    case WEB_ANSWER:
    case WEB_AGENT_ADDED:
    case WEB_AGENT_REVOKED: pending_event(web, event); break;
    case WEB_CENTRE: mirror_centre(&web->mirror, &event->as.centre); break;
    case WEB_SNAPSHOT_END:
        web->mirror.complete = true;
        live_whole(web->live);
        break;
    }
    web_event_done(event);
}

static void woken(void *arg)
{
    struct web *web = arg;
    struct came_back back;
    while (queue_pop(web->returns, &back)) {
        back.fn(web, back.arg);
    }
    struct web_event event;
    while (queue_pop(web->events, &event)) {
        take_event(web, &event);
    }
    live_flush(web->live, clock_mono_ns());
}

static void ask_snapshot(struct web *web, uint64_t mono_ns)
{
    struct err e = {0};
    bool asked = web->snapshot_asked_ns != 0 &&
                 mono_ns - web->snapshot_asked_ns < (uint64_t)SNAPSHOT_MS * NS_PER_MS;
    if (web->mirror.complete || asked) {
        return;
    }
    if (fleet_ask_snapshot(web->options.fleet, &e) == 0) {
        web->snapshot_asked_ns = mono_ns;
    }
}

static void tick(void *arg)
{
    struct web *web = arg;
    uint64_t mono_ns = clock_mono_ns();
    woken(web);
    ask_snapshot(web, mono_ns);
    pending_tick(web, mono_ns);
    live_tick(web->live, mono_ns);
    metric_set(&web->options.metrics->web_turned_ns, mono_ns);
}

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static int open_parts(struct web *web, struct err *e)
{
    web->events = queue_new(sizeof(struct web_event), EVENTS_MAX, NULL, NULL, e);
    web->returns = queue_new(sizeof(struct came_back), RETURNS_MAX, wake, web, e);
    web->sessions = session_store_new(SESSIONS_MAX, e);
    web->throttle = throttle_new(e);
    web->pending = pending_open(e);
    web->live = live_open(web, e);
    if (web->events == NULL || web->returns == NULL || web->sessions == NULL ||
        web->throttle == NULL || web->pending == NULL || web->live == NULL ||
        mirror_open(&web->mirror, e) != 0) {
        return -1;
    }
    struct err missing = {0};
    web->files = static_files_load(web->options.static_dir, &missing);
    if (web->files == NULL) {
        log_warn(&missing, "there is no console to serve; the API is there");
    }
    web->pool = pool_open(web->options.conninfo, web->options.query_threads, e);
    return web->pool != NULL ? 0 : -1;
}

static int listen_on(struct web *web, struct err *e)
{
    const struct http_options options = {
        .address = web->options.address,
        .port = web->options.port,
        .cert_file = is_set(web->options.cert_file) ? web->options.cert_file : NULL,
        .key_file = is_set(web->options.key_file) ? web->options.key_file : NULL,
        .protocol = "picket.v1",
        .handlers =
            {
                .arg = web,
                .request = dispatch_request,
                .upgrade = live_upgrade,
                .opened = live_opened,
                .received = live_received,
                .next = live_next,
                .closed = live_closed,
                .woken = woken,
                .tick = tick,
            },
    };
    web->http = http_server_open(&options, e);
    if (web->http == NULL || http_server_start(web->http, e) != 0) {
        return -1;
    }
    log_info(NULL, "listening on %s port %d%s", web->options.address, http_server_port(web->http),
             options.cert_file != NULL ? " with TLS" : "");
    return 0;
}

struct web *web_open(const struct web_options *options, struct err *e)
{
    struct web *web = calloc(1, sizeof *web);
    if (web == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for the web");
        return NULL;
    }
    web->options = *options;
    (void)sem_init(&web->hashing, 0, HASHING_MAX); /* fails only for a value out of range */
    if (open_parts(web, e) != 0 || listen_on(web, e) != 0) {
        web_close(web);
        return NULL;
    }
    return web;
}

static void free_events(struct web *web)
{
    struct web_event event;
    while (web->events != NULL && queue_pop(web->events, &event)) {
        web_event_done(&event);
    }
    queue_free(web->events);
    queue_free(web->returns);
}

void web_close(struct web *web)
{
    if (web == NULL) {
        return;
    }
    if (web->pool != NULL && !pool_stop(web->pool, CLOSE_MS)) {
        log_warn(NULL, "PostgreSQL does not answer: ending without it");
        _exit(0);
    }
    http_server_close(web->http);
    pool_free(web->pool);
    free_events(web);
    pending_close(web->pending);
    live_close(web->live);
    mirror_close(&web->mirror);
    session_store_free(web->sessions);
    throttle_free(web->throttle);
    static_files_free(web->files);
    (void)sem_destroy(&web->hashing); /* nobody waits */
    free(web);
}
