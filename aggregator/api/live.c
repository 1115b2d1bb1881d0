/*
 * Subscribers: each open WebSocket with its topics and the number it has of each. Frames are
 * pulled when the socket can take one, in turn over its topics.
 */
#include "aggregator/api/live.h"

#include "aggregator/api/call.h"
#include "aggregator/api/live_inner.h"
#include "aggregator/api/sessions.h"
#include "aggregator/api/wish.h"

#include "aggregator/http/text.h"
#include "common/clock.h"
#include "common/wire/fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TOPICS_MAX = 32, /* of one socket */
    SOCKETS_MAX = 1024,
    ERRORS_MAX = 4,       /* that wait to be sent; more are left out */
    CHECK_MS = 5000,      /* between looks at a session */
    PROOF_MS = 10000,     /* for the database to know the session, while it can be reached */
    CLOSE_SESSION = 4401, /* WebSocket status: the session has ended */
};

enum place { FOLLOWS, NEEDS_SNAP, NEEDS_GAP };

struct subscription {
    struct topic *topic;
    enum place place;
    uint64_t n; /* of the last frame that was sent */
};

struct subscriber {
    struct subscriber *next;
    struct http_socket *socket;
    char hash[SESSION_HASH_SIZE];
    bool proven;         /* the session is known to be good */
    uint64_t opened_ns;  /* monotonic */
    uint64_t checked_ns; /* likewise */
    struct subscription topics[TOPICS_MAX];
    unsigned count;
    unsigned turn; /* the topic that is asked first */
    struct http_frame *errors[ERRORS_MAX];
    unsigned error_count;
};

struct live *live_open(struct web *web, struct err *e)
{
    struct live *live = calloc(1, sizeof *live);
    if (live == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for the live channel");
        return NULL;
    }
    live->web = web;
    topics_open(live);
    return live;
}

void live_close(struct live *live)
{
    if (live != NULL) {
        topics_close(live);
        free(live);
    }
}

void live_tell(struct live *live, const struct topic *topic, bool restart)
{
    for (struct subscriber *s = live->subscribers; s != NULL; s = s->next) {
        for (unsigned i = 0; i < s->count; i++) {
            if (s->topics[i].topic == topic) {
                s->topics[i].place = restart ? NEEDS_SNAP : s->topics[i].place;
                http_socket_send_soon(s->socket);
            }
        }
    }
}

struct http_response *live_upgrade(void *arg, const struct http_request *request)
{
    static const struct http_fault not_found = {404, "not_found", "There is no WebSocket here.",
                                                NULL, NULL};
    static const struct http_fault origin = {
        403, "forbidden", "Only the console's own pages may open this.", "Origin", NULL};
    struct web *web = arg;
    if (strcmp(request->path, "/api/v1/live") != 0) {
        return http_response_error(&not_found);
    }
    if (!text_origin_is(request->origin, request->host, request->tls)) {
        return http_response_error(&origin);
    }
    if (!session_id_is_valid(request->session)) {
        return http_response_error(&fault_unauthenticated);
    }
    return web->live->subscriber_count >= SOCKETS_MAX ? http_response_error(&fault_busy) : NULL;
}

/* Memory knows most sessions. Of the rest the database is asked, and nothing is sent till then. */
static void check_session(struct live *live, struct subscriber *s, uint64_t mono_ns)
{
    struct session session;
    s->checked_ns = mono_ns;
    switch (session_store_use(live->web->sessions, s->hash, now_ms(), &session)) {
    case SESSION_STALE: session_refresh_later(live->web, s->hash, session.used_ms); break;
    case SESSION_VALID: break;
    case SESSION_UNKNOWN:
        if (s->proven) {
            http_socket_close(s->socket, CLOSE_SESSION);
        }
        return;
    }
    if (!s->proven) {
        s->proven = true;
        http_socket_send_soon(s->socket);
    }
}

void *live_opened(void *arg, struct http_socket *socket, const struct http_request *request)
{
    struct web *web = arg;
    struct live *live = web->live;
    struct subscriber *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    uint64_t mono_ns = clock_mono_ns();
    *s = (struct subscriber){.next = live->subscribers, .socket = socket, .opened_ns = mono_ns};
    (void)session_hash(request->session, s->hash); /* returns its buffer */
    live->subscribers = s;
    live->subscriber_count++;
    check_session(live, s, mono_ns);
    if (!s->proven) {
        session_refresh_later(web, s->hash, 0);
    }
    return s;
}

static void leave(struct live *live, struct subscriber *s, unsigned at)
{
    struct topic *topic = s->topics[at].topic;
    s->topics[at] = s->topics[--s->count];
    if (--topic->subscribers == 0) {
        topics_left(live, topic, clock_mono_ns());
    }
}

void live_closed(void *arg, void *state)
{
    struct web *web = arg;
    struct live *live = web->live;
    struct subscriber *s = state;
    while (s->count > 0) {
        leave(live, s, s->count - 1);
    }
    while (s->error_count > 0) {
        http_frame_unref(s->errors[--s->error_count]);
    }
    for (struct subscriber **at = &live->subscribers; *at != NULL; at = &(*at)->next) {
        if (*at == s) {
            *at = s->next;
            break;
        }
    }
    live->subscriber_count--;
    free(s);
}

static void send_error(struct subscriber *s, const char *topic, const char *code,
                       const char *message)
{
    json_t *data = json_pack("{s:s, s:o}", "code", code, "message", fields_string(message));
    struct http_frame *frame =
        s->error_count < ERRORS_MAX ? topic_frame("error", topic, 0, data, now_ms()) : NULL;
    if (frame == NULL) {
        return;
    }
    s->errors[s->error_count++] = frame;
    http_socket_send_soon(s->socket);
}

static struct subscription *find_subscription(struct subscriber *s, const char *name)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (strcmp(s->topics[i].topic->name, name) == 0) {
            return &s->topics[i];
        }
    }
    return NULL;
}

/* since 0: the client has nothing yet. */
static void subscribe(struct live *live, struct subscriber *s, const char *name, uint64_t since)
{
    struct subscription *known = find_subscription(s, name);
    if (known == NULL && s->count == TOPICS_MAX) {
        send_error(s, name, "too_many", "32 topics are the most on one socket.");
        return;
    }
    struct topic *topic = known != NULL ? known->topic : topics_find(live, name);
    if (topic == NULL) {
        send_error(s, name, "unknown_topic", "There is no such topic.");
        return;
    }
    if (known == NULL) {
        known = &s->topics[s->count++];
        topic->subscribers++;
    }
    bool can_go_on = since != 0 && topic_can_follow(topic, since);
    *known = (struct subscription){
        .topic = topic, .place = can_go_on ? FOLLOWS : NEEDS_SNAP, .n = since};
    topics_tick(live, clock_mono_ns()); /* a watch begins at once */
    http_socket_send_soon(s->socket);
}

static void unsubscribe(struct live *live, struct subscriber *s, const char *name)
{
    const struct subscription *known = find_subscription(s, name);
    if (known != NULL) {
        leave(live, s, (unsigned)(known - s->topics));
    }
}

void live_received(void *arg, void *state, const char *text, size_t len)
{
    struct web *web = arg;
    struct err e = {0};
    struct wish wish;
    if (wish_read(text, len, &wish, &e) != 0) {
        send_error(state, "", "bad_request", e.what);
    } else if (wish.subscribes) {
        subscribe(web->live, state, wish.topic, wish.since);
    } else {
        unsubscribe(web->live, state, wish.topic);
    }
}

static struct http_frame *next_of(struct live *live, struct subscription *sub)
{
    struct topic *topic = sub->topic;
    if (sub->place == FOLLOWS && !topic_can_follow(topic, sub->n)) {
        sub->place = NEEDS_GAP;
    }
    if (sub->place == NEEDS_GAP) {
        sub->place = NEEDS_SNAP;
        return topic_frame("gap", topic->name, topic->n, NULL, now_ms());
    }
    if (sub->place == NEEDS_SNAP) {
        struct http_frame *snap = topics_snap(live, topic);
        if (snap == NULL) {
            return NULL; /* told again when there is one */
        }
        sub->place = FOLLOWS;
        sub->n = topic->snap_n;
        return http_frame_ref(snap);
    }
    struct http_frame *delta = topic_at(topic, sub->n + 1);
    if (delta == NULL) {
        return NULL; /* it has the newest */
    }
    sub->n++;
    return http_frame_ref(delta);
}

struct http_frame *live_next(void *arg, void *state)
{
    struct web *web = arg;
    struct subscriber *s = state;
    if (!s->proven) {
        return NULL;
    }
    if (s->error_count > 0) {
        struct http_frame *error = s->errors[0];
        memmove(s->errors, s->errors + 1, --s->error_count * sizeof s->errors[0]);
        return error;
    }
    for (unsigned i = 0; i < s->count; i++) {
        unsigned at = (s->turn + i) % s->count;
        struct http_frame *frame = next_of(web->live, &s->topics[at]);
        if (frame != NULL) {
            s->turn = at + 1;
            return frame;
        }
    }
    return NULL;
}

void live_tick(struct live *live, uint64_t mono_ns)
{
    topics_tick(live, mono_ns);
    for (struct subscriber *s = live->subscribers; s != NULL; s = s->next) {
        bool due = mono_ns - s->checked_ns >= (uint64_t)CHECK_MS * NS_PER_MS;
        if (!s->proven || due) {
            check_session(live, s, mono_ns);
        }
        bool late = mono_ns - s->opened_ns >= (uint64_t)PROOF_MS * NS_PER_MS;
        if (!s->proven && late && live->web->mirror.centre.database_up) {
            http_socket_close(s->socket, CLOSE_SESSION);
        }
    }
}
