/*
 * Joins the parts: identity and enrolment until there is a JWT, then one bus on which the spool is
 * published. It keeps the conversation: hello until welcomed, acknowledgements, questions, the
 * watch lease, goodbye.
 */
#define LOG_MODULE "uplink"
#include "agent/uplink/uplink.h"

#include "agent/uplink/enrol.h"
#include "agent/uplink/identity.h"
#include "agent/uplink/inbox.h"
#include "agent/uplink/publish.h"
#include "agent/uplink/spool.h"
#include "common/clock.h"
#include "common/encode.h"
#include "common/log.h"
#include "common/version.h"
#include "common/wire/subjects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

enum {
    TICK_MS = 250,
    HELLO_AGAIN_MS = 1000,
    SAVE_MS = 5000, /* what was acknowledged goes to disk so often */
    TOKEN_AGAIN_MS = 30000,
    WATCH_LEASE_MS = 30000,
};

static const char DOWN_PREFIX[] = "pk.v1.dn.";

struct uplink {
    uv_loop_t *loop;
    char *name;
    char *token_file;
    char **urls;
    size_t url_count;
    char *ca_file;
    char boot[BOOT_ID_SIZE];
    uint64_t start_mono_ns;
    bool restarted; /* until the first welcome */
    uplink_question_fn on_question;
    uplink_watch_fn on_watch;
    void *arg;

    struct identity identity;
    struct enrol enrol;
    struct spool *spool;
    struct publish *publish;
    struct inbox *inbox;
    struct bus *bus; /* the token's while enrolling, then our own; NULL without either */
    uv_timer_t tick;

    bool connected, welcomed;
    uint64_t hello_ms;       /* when to say it again */
    uint64_t token_ms;       /* when to look for a token again */
    uint64_t save_ms;        /* when to save what was acknowledged */
    uint64_t watch_until_ms; /* 0: nobody watches */
    uint64_t denied;
    unsigned parts; /* inbox, publish and tick, while they live */
};

static uint64_t now_ms(const struct uplink *u)
{
    return uv_now(u->loop);
}

/* ---- sending ---- */

static int send_up(struct uplink *u, const char *word, const void *bytes, size_t len, struct err *e)
{
    char subject[SUBJECT_SIZE];
    if (u->bus == NULL || !identity_is_enrolled(&u->identity)) {
        return err_set(e, ERR_CLOSED, "not enrolled");
    }
    if (len == 0) {
        return err_set(e, ERR_ARG, "a message %s that does not fit its limit", word);
    }
    subject_up(subject, sizeof subject, u->name, word);
    return bus_publish(u->bus, subject, bytes, len, e);
}

/* For publish.c, which puts its subjects together itself. */
static int send_batch(const char *subject, const void *bytes, size_t len, void *arg, struct err *e)
{
    struct uplink *u = arg;
    return u->bus == NULL ? err_set(e, ERR_CLOSED, "no connection")
                          : bus_publish(u->bus, subject, bytes, len, e);
}

static void say_hello(struct uplink *u)
{
    struct err e = {0};
    char buf[HELLO_MAX];
    struct utsname host = {0};
    struct hello h = {.wall_ns = clock_wall_ns(), .restarted = u->restarted};
    (void)uname(&host); /* told to people; empty when it fails */
    h.uptime_s = (clock_mono_ns() - u->start_mono_ns) / NS_PER_S;
    (void)snprintf(h.boot, sizeof h.boot, "%s", u->boot);
    (void)snprintf(h.version, sizeof h.version, "%s", PICKET_VERSION);
    (void)snprintf(h.host, sizeof h.host, "%.63s", host.nodename);
    (void)snprintf(h.os, sizeof h.os, "%.20s %.50s %.20s", host.sysname, host.release,
                   host.machine);
    for (unsigned i = 1; i <= STREAM_COUNT; i++) {
        struct spool_place place = spool_place(u->spool, (enum wire_stream)i);
        h.epochs[i] = place.epoch;
        h.tails[i] = place.tail;
    }
    u->hello_ms = now_ms(u) + HELLO_AGAIN_MS;
    if (send_up(u, "hello", buf, hello_pack(&h, buf, sizeof buf), &e) != 0) {
        log_debug(&e, "hello waits");
    }
}

static void say_goodbye(struct uplink *u)
{
    struct err e = {0};
    char text[256], buf[HELLO_MAX];
    uint8_t signature[64];
    struct goodbye g = {.wall_ns = clock_wall_ns()};
    _Static_assert(sizeof g.signature > BASE64URL_LEN(sizeof signature), "a signature fits");
    (void)snprintf(g.boot, sizeof g.boot, "%s", u->boot);
    size_t len = goodbye_signed_text(&g, u->name, text, sizeof text);
    if (nkey_sign(&u->identity.key, text, len, signature, &e) == 0) {
        (void)base64url_encode(signature, sizeof signature, g.signature);
        if (send_up(u, "bye", buf, goodbye_pack(&g, buf, sizeof buf), &e) == 0) {
            return;
        }
    }
    log_info(&e, "stopping without a goodbye");
}

/* ---- the bus and who we are on it ---- */

static void open_bus(struct uplink *u, const char *jwt, const struct nkey *key, const char *subject)
{
    struct err e = {0};
    struct bus_options options = {.urls = (const char *const *)u->urls,
                                  .url_count = u->url_count,
                                  .ca_file = u->ca_file,
                                  .name = u->name,
                                  .jwt = jwt,
                                  .key = key,
                                  .on_event = inbox_on_event,
                                  .arg = u->inbox};
    u->bus = bus_open(&options, &e);
    if (u->bus == NULL || bus_subscribe(u->bus, subject, inbox_on_message, u->inbox, &e) != 0) {
        log_error(&e, "no connection is tried");
    }
}

static void close_bus(struct uplink *u)
{
    bus_close(u->bus);
    u->bus = NULL;
    inbox_discard(u->inbox);
    u->connected = u->welcomed = false;
    publish_away(u->publish);
}

static void join(struct uplink *u)
{
    char subject[SUBJECT_SIZE];
    subject_down(subject, sizeof subject, u->name, ">");
    open_bus(u, u->identity.jwt, &u->identity.key, subject);
}

/* Looks for a token and, when there is one, connects with it. */
static void begin_enrolment(struct uplink *u)
{
    struct err e = {0};
    char token[IDENTITY_TOKEN_SIZE], subject[SUBJECT_SIZE];
    u->token_ms = now_ms(u) + TOKEN_AGAIN_MS;
    if (identity_token(u->token_file, token, &e) != 0 ||
        enrol_begin(&u->enrol, &u->identity, token, &e) != 0) {
        log_error(&e, "this agent cannot enrol; it captures and keeps what it sees");
        return;
    }
    (void)snprintf(subject, sizeof subject, "pk.v1.enrolled.%s", u->name);
    open_bus(u, token + strlen("pkt1."), NULL, subject);
    explicit_bzero(token, sizeof token);
}

static void ask_to_enrol(struct uplink *u)
{
    struct err e = {0};
    char buf[DELIVERY_MAX], subject[SUBJECT_SIZE];
    size_t len = u->connected ? enrol_ask(&u->enrol, now_ms(u), buf, sizeof buf) : 0;
    if (len == 0) {
        return;
    }
    (void)snprintf(subject, sizeof subject, "pk.v1.enrol.%s", u->name);
    if (bus_publish(u->bus, subject, buf, len, &e) != 0) {
        log_debug(&e, "enrolment waits");
    }
}

static void take_enrolment(struct uplink *u, const void *bytes, size_t len)
{
    struct err e = {0};
    char jwt[CREDS_JWT_SIZE];
    int answer = enrol_answered(&u->enrol, bytes, len, now_ms(u), jwt, &e);
    if (answer < 0) {
        log_error(NULL, "enrolment refused: %s; make a new token with picketctl agent add", e.what);
        u->token_ms = now_ms(u) + TOKEN_AGAIN_MS;
        close_bus(u);
        return;
    }
    if (answer == 0) {
        return;
    }
    if (identity_enrol(&u->identity, jwt, &e) != 0) {
        log_error(&e, "the identity that the centre gave cannot be kept");
        return; /* asked for again: the centre gives the same key the same rights */
    }
    log_info(NULL, "enrolled as %s", u->name);
    close_bus(u);
    join(u);
}

/* ---- what the centre says ---- */

static void take_welcome(struct uplink *u, const void *bytes, size_t len, struct err *e)
{
    struct welcome w;
    if (u->welcomed || welcome_unpack(bytes, len, &w, e) != 0) {
        return;
    }
    u->welcomed = true;
    u->restarted = false;
    log_info(NULL, "welcomed by the centre");
    publish_welcomed(u->publish, &w, clock_wall_ns() / NS_PER_S);
}

static void take_ack(struct uplink *u, const void *bytes, size_t len, struct err *e)
{
    struct ack a;
    if (ack_unpack(bytes, len, &a, e) == 0) {
        publish_acked(u->publish, &a);
    }
}

static void take_nack(struct uplink *u, const void *bytes, size_t len, struct err *e)
{
    struct nack n;
    if (nack_unpack(bytes, len, &n, e) == 0 && !publish_nacked(u->publish, &n)) {
        log_warn(NULL, "the centre and this spool disagree about %s: greeting anew",
                 wire_stream_word((enum wire_stream)n.stream));
        publish_away(u->publish);
        u->welcomed = false; /* the tick says hello */
    }
}

static void take_question(struct uplink *u, const void *bytes, size_t len, struct err *e)
{
    struct query q;
    if (query_unpack(bytes, len, &q, e) == 0 && u->on_question != NULL) {
        u->on_question(&q, u->arg);
    }
}

static void set_watched(struct uplink *u, uint64_t until_ms)
{
    bool before = u->watch_until_ms != 0;
    u->watch_until_ms = until_ms;
    if (before != (until_ms != 0) && u->on_watch != NULL) {
        u->on_watch(until_ms != 0, u->arg);
    }
}

static void take_watch(struct uplink *u, const void *bytes, size_t len, struct err *e)
{
    (void)bytes; /* the lease is fixed: that somebody watches is all it says */
    (void)len;
    (void)e;
    set_watched(u, now_ms(u) + WATCH_LEASE_MS);
}

struct word {
    const char *word;
    void (*take)(struct uplink *u, const void *bytes, size_t len, struct err *e);
};

static const struct word WORDS[] = {
    {"ack", take_ack},         {"nack", take_nack},   {"q", take_question},
    {"welcome", take_welcome}, {"watch", take_watch},
};

static void on_message(const char *subject, const void *bytes, size_t len, void *arg)
{
    struct uplink *u = arg;
    struct subject_parts parts;
    struct err e = {0};
    if (!identity_is_enrolled(&u->identity)) {
        take_enrolment(u, bytes, len); /* the only thing that the token may hear */
        return;
    }
    if (!subject_parse_name(subject, DOWN_PREFIX, &parts)) {
        return;
    }
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (strcmp(parts.word, WORDS[i].word) == 0) {
            WORDS[i].take(u, bytes, len, &e);
        }
    }
    if (e.code != ERR_NONE) {
        log_warn(&e, "a message from the centre is not understood");
    }
}

static void on_refused(struct uplink *u, const char *text)
{
    if (identity_is_enrolled(&u->identity)) {
        log_error(NULL,
                  "the server refuses this agent (%s): revoked or expired? To enrol anew, remove "
                  "%s and give a new token; everything is kept meanwhile",
                  text, u->identity.dir);
        return;
    }
    log_error(NULL,
              "the server refuses the token (%s): expired or of another centre? Make a new "
              "one with picketctl agent add",
              text);
}

static void on_event(enum bus_event event, const char *text, void *arg)
{
    struct uplink *u = arg;
    switch (event) {
    case BUS_CONNECTED:
        log_info(NULL, "connected to NATS");
        u->connected = true;
        if (identity_is_enrolled(&u->identity)) {
            say_hello(u);
        } else {
            ask_to_enrol(u);
        }
        return;
    case BUS_DISCONNECTED:
        log_warn(NULL, "disconnected from NATS: %s", text);
        u->connected = u->welcomed = false;
        publish_away(u->publish);
        return;
    case BUS_AUTH_REFUSED: on_refused(u, text); return;
    case BUS_DENIED:
        u->denied++;
        log_warn(NULL, "the server denies: %s", text);
        return;
    case BUS_SLOW: log_warn(NULL, "messages from the centre were lost: too slow"); return;
    }
}

/* ---- time ---- */

static void tick_enrolment(struct uplink *u, uint64_t now)
{
    if (u->bus != NULL && now >= u->token_ms && !u->connected) {
        close_bus(u); /* the file may hold another token by now */
    }
    if (u->bus == NULL && now >= u->token_ms) {
        begin_enrolment(u);
    }
    if (u->bus != NULL) {
        ask_to_enrol(u);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct uplink *u = timer->data;
    uint64_t now = now_ms(u);
    if (!identity_is_enrolled(&u->identity)) {
        tick_enrolment(u, now);
    } else if (u->connected && !u->welcomed && now >= u->hello_ms) {
        say_hello(u);
    }
    publish_tick(u->publish);
    if (u->watch_until_ms != 0 && now >= u->watch_until_ms) {
        set_watched(u, 0);
    }
    if (now >= u->save_ms) {
        u->save_ms = now + SAVE_MS;
        spool_save(u->spool);
    }
}

/* ---- life ---- */

static void uplink_free(struct uplink *u)
{
    for (size_t i = 0; i < u->url_count; i++) {
        free(u->urls[i]);
    }
    free(u->urls);
    free(u->name);
    free(u->token_file);
    free(u->ca_file);
    identity_done(&u->identity);
    free(u);
}

static char *copy_or_null(const char *text)
{
    return text != NULL && text[0] != '\0' ? strdup(text) : NULL;
}

static int copy_options(struct uplink *u, const struct uplink_options *o, struct err *e)
{
    if (o->name == NULL || !name_is_valid(o->name)) {
        return err_set(e, ERR_CONFIG, "\"%s\" is no instance name", o->name != NULL ? o->name : "");
    }
    if (o->url_count == 0) {
        return err_set(e, ERR_CONFIG, "no address of NATS");
    }
    u->name = strdup(o->name);
    u->urls = calloc(o->url_count, sizeof *u->urls);
    if (u->name == NULL || u->urls == NULL) {
        return err_set(e, ERR_NOMEM, "the uplink");
    }
    for (; u->url_count < o->url_count; u->url_count++) {
        u->urls[u->url_count] = strdup(o->urls[u->url_count]);
        if (u->urls[u->url_count] == NULL) {
            return err_set(e, ERR_NOMEM, "the uplink");
        }
    }
    u->token_file = copy_or_null(o->token_file);
    u->ca_file = copy_or_null(o->ca_file);
    (void)snprintf(u->boot, sizeof u->boot, "%s", o->boot);
    u->loop = o->loop;
    u->start_mono_ns = o->start_mono_ns;
    u->restarted = o->restarted;
    u->on_question = o->on_question;
    u->on_watch = o->on_watch;
    u->arg = o->arg;
    return 0;
}

static int open_spool(struct uplink *u, const struct uplink_options *o, struct err *e)
{
    char dir[IDENTITY_PATH_SIZE];
    int len = snprintf(dir, sizeof dir, "%s/spool", o->state_dir);
    if (len < 0 || (size_t)len >= sizeof dir) {
        return err_set(e, ERR_ARG, "the path %s is too long", o->state_dir);
    }
    struct spool_options options = {.dir = dir,
                                    .cap_bytes = o->cap_bytes,
                                    .ledger_fd = o->ledger_fd,
                                    .now_s = clock_wall_ns() / NS_PER_S};
    u->spool = spool_open(&options, e);
    return u->spool != NULL ? 0 : -1;
}

static int open_parts(struct uplink *u, struct err *e)
{
    struct publish_options options = {
        .loop = u->loop, .spool = u->spool, .name = u->name, .send = send_batch, .arg = u};
    struct inbox_handlers handlers = {.event = on_event, .message = on_message, .arg = u};
    u->publish = publish_new(&options, e);
    if (u->publish == NULL) {
        return -1;
    }
    u->parts++;
    u->inbox = inbox_new(u->loop, &handlers, e);
    if (u->inbox == NULL) {
        return -1;
    }
    u->parts++;
    return 0;
}

static void on_part_closed(void *arg)
{
    struct uplink *u = arg;
    if (--u->parts == 0) {
        spool_close(u->spool);
        uplink_free(u);
    }
}

static void on_tick_closed(uv_handle_t *handle)
{
    on_part_closed(handle->data);
}

/* Whatever was opened closes by itself as the loop turns; the memory goes with the last part. */
static void close_parts(struct uplink *u)
{
    u->parts++; /* this function, so that nothing is freed under it */
    if (u->publish != NULL) {
        publish_close(u->publish, on_part_closed, u);
    }
    if (u->inbox != NULL) {
        inbox_close(u->inbox, on_part_closed, u);
    }
    if (u->tick.data != NULL) {
        uv_close((uv_handle_t *)&u->tick, on_tick_closed);
    }
    on_part_closed(u);
}

struct uplink *uplink_open(const struct uplink_options *options, struct err *e)
{
    struct uplink *u = calloc(1, sizeof *u);
    if (u == NULL) {
        (void)err_set(e, ERR_NOMEM, "the uplink");
        return NULL;
    }
    if (copy_options(u, options, e) != 0 ||
        identity_open(&u->identity, options->state_dir, u->name, e) != 0 ||
        open_spool(u, options, e) != 0 || open_parts(u, e) != 0) {
        close_parts(u);
        return NULL;
    }
    u->tick.data = u;
    u->parts++;
    (void)uv_timer_init(u->loop, &u->tick); /* neither fails with a loop and a call-back */
    (void)uv_timer_start(&u->tick, on_tick, TICK_MS, TICK_MS);
    if (identity_is_enrolled(&u->identity)) {
        join(u);
    } else {
        begin_enrolment(u);
    }
    return u;
}

void uplink_close(struct uplink *u, bool bye)
{
    if (u == NULL) {
        return;
    }
    publish_flush(u->publish);
    if (bye && u->connected) {
        say_goodbye(u);
    }
    close_bus(u);
    close_parts(u);
}

/* ---- what control hands over ---- */

static int keep(struct uplink *u, enum wire_stream stream, const void *bytes, size_t len,
                struct err *e)
{
    if (len == 0) {
        return err_set(e, ERR_ARG, "a record of %s that does not fit its limit",
                       wire_stream_word(stream));
    }
    if (spool_append(u->spool, stream, bytes, len, NULL, e) != 0) {
        return -1;
    }
    publish_appended(u->publish, stream);
    return 0;
}

int uplink_alert(struct uplink *u, const struct wire_alert *alert, struct err *e)
{
    char buf[ALERT_PACKED_MAX];
    return keep(u, STREAM_ALERT, buf, wire_alert_pack(alert, buf, sizeof buf), e);
}

int uplink_counter(struct uplink *u, const struct counter_record *record, struct err *e)
{
    uint8_t buf[COUNTER_PACKED_MAX];
    return keep(u, STREAM_COUNTER, buf, counter_record_pack(record, buf, sizeof buf), e);
}

int uplink_flow(struct uplink *u, const struct flow_record *record, struct err *e)
{
    uint8_t buf[FLOW_PACKED_MAX];
    return keep(u, STREAM_FLOW, buf, flow_record_pack(record, buf, sizeof buf), e);
}

void uplink_heartbeat(struct uplink *u, const struct heartbeat *h)
{
    struct err e = {0};
    char buf[HEARTBEAT_MAX];
    if (send_up(u, "hb", buf, heartbeat_pack(h, buf, sizeof buf), &e) != 0) {
        log_debug(&e, "a heartbeat is lost");
    }
}

void uplink_live(struct uplink *u, const struct live_sample *s)
{
    struct err e = {0};
    char buf[HEARTBEAT_MAX];
    if (uplink_is_watched(u) &&
        send_up(u, "live", buf, live_sample_pack(s, buf, sizeof buf), &e) != 0) {
        log_debug(&e, "a live sample is lost");
    }
}

bool uplink_is_watched(const struct uplink *u)
{
    return u->watch_until_ms != 0;
}

void uplink_answer(struct uplink *u, const struct query *question, const struct query_chunk *chunk)
{
    struct err e = {0};
    char subject[SUBJECT_SIZE];
    size_t len;
    char *text = query_chunk_pack(chunk, &len);
    int subject_len = snprintf(subject, sizeof subject, "pk.v1.rsp.%s.%s.%s.%u", u->name,
                               question->agg, question->req, chunk->n);
    if (text == NULL || subject_len < 0 || (size_t)subject_len >= sizeof subject) {
        log_error(NULL, "an answer cannot be put together");
    } else if (u->bus == NULL || bus_publish(u->bus, subject, text, len, &e) != 0) {
        log_info(&e, "an answer is lost");
    }
    free(text);
}

void uplink_stats(const struct uplink *u, struct uplink_stats *stats)
{
    struct spool_stats spool;
    spool_stats(u->spool, &spool);
    uint64_t wall_ns = clock_wall_ns();
    uint64_t oldest = spool.oldest_wall_ns;
    *stats = (struct uplink_stats){
        .connected = u->connected,
        .welcomed = u->welcomed,
        .enrolled = identity_is_enrolled(&u->identity),
        .spool_bytes = spool.bytes,
        .spool_cap_bytes = spool.cap_bytes,
        .spool_age_s = oldest != 0 && wall_ns > oldest ? (wall_ns - oldest) / NS_PER_S : 0,
        .spool_records = spool.records,
        .spool_dropped = spool.dropped,
        .spool_failed = spool.failed,
        .client_dropped = inbox_dropped(u->inbox) + (u->bus != NULL ? bus_dropped(u->bus) : 0),
        .denied = u->denied,
    };
}
