/* The conversation with the centre: enrol, hello, acknowledgements, questions, watch, goodbye. */
#define LOG_MODULE "uplink"
#include "agent/uplink/uplink_inner.h"

#include "common/clock.h"
#include "common/encode.h"
#include "common/log.h"
#include "common/version.h"
#include "common/wire/subjects.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

enum { HELLO_AGAIN_MS = 1000, TOKEN_AGAIN_MS = 30000, WATCH_LEASE_MS = 30000 };

static const char DOWN_PREFIX[] = "pk.v1.dn.";

static uint64_t now_ms(const struct uplink *u)
{
    return uv_now(u->loop);
}

/* ---- sending ---- */

int talk_send(struct uplink *u, const char *word, const void *bytes, size_t len, struct err *e)
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
    if (talk_send(u, "hello", buf, hello_pack(&h, buf, sizeof buf), &e) != 0) {
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
        if (talk_send(u, "bye", buf, goodbye_pack(&g, buf, sizeof buf), &e) == 0) {
            return;
        }
    }
    log_info(&e, "stopping without a goodbye");
}

/* ---- the bus and who we are on it ---- */

/* nats.ca, when set, counts before the authority that came with the token. */
static void open_bus(struct uplink *u, const char *jwt, const struct nkey *key, const char *subject)
{
    struct err e = {0};
    struct bus_options options = {.urls = (const char *const *)u->urls,
                                  .url_count = u->url_count,
                                  .ca_file = u->ca_file,
                                  .ca_pem = u->identity.ca_pem,
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

void talk_rejoin(struct uplink *u)
{
    close_bus(u);
    join(u);
}

void talk_part(struct uplink *u)
{
    close_bus(u);
    u->token_ms = now_ms(u); /* at once */
}

/* Looks for a token and, when there is one, connects with it. */
static void begin_enrolment(struct uplink *u)
{
    struct err e = {0};
    char token[IDENTITY_TOKEN_SIZE], subject[SUBJECT_SIZE];
    struct token_parts parts = {0};
    u->token_ms = now_ms(u) + TOKEN_AGAIN_MS;
    if (identity_token(u->token_file, token, &e) != 0 ||
        identity_token_split(token, u->name, &parts, &e) != 0 ||
        enrol_begin(&u->enrol, &u->identity, token, &e) != 0) {
        log_error(&e, "this agent cannot enrol; it captures and keeps what it sees");
        u->give_back = u->anew;
        return;
    }
    (void)snprintf(subject, sizeof subject, "pk.v1.enrolled.%s", u->name);
    memcpy(u->identity.ca_pem, parts.ca_pem, sizeof u->identity.ca_pem);
    open_bus(u, parts.jwt, NULL, subject);
    explicit_bzero(&parts, sizeof parts);
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
    struct enrol_answer answer;
    int result = enrol_answered(&u->enrol, bytes, len, now_ms(u), &answer, &e);
    if (result < 0) {
        log_error(NULL, "enrolment refused: %s; make a new token with picketctl agent add", e.what);
        u->token_ms = now_ms(u) + TOKEN_AGAIN_MS;
        u->give_back = u->anew;
        close_bus(u);
        return;
    }
    if (result == 0) {
        return;
    }
    if (identity_enrol(&u->identity, answer.jwt, answer.command_key, u->enrol.request.token_hash,
                       &e) != 0) {
        log_error(&e, "the identity that the centre gave cannot be kept");
        return; /* asked for again: the centre gives the same key the same rights */
    }
    log_info(NULL, "enrolled as %s", u->name);
    u->anew = false;
    talk_rejoin(u);
}

/* ---- what the centre says ---- */

/* What is in force and what was refused; lost, it is asked for again by the next configuration. */
static void report_config(struct uplink *u)
{
    struct err e = {0};
    char buf[HELLO_MAX];
    size_t len = config_report_pack(remote_config_report(u->config), buf, sizeof buf);
    if (talk_send(u, "cfg", buf, len, &e) != 0) {
        log_debug(&e, "the report on the configuration waits");
    }
}

static void take_config(struct uplink *u, const void *bytes, size_t len, struct err *e)
{
    (void)e; /* what is wrong with it goes into the report */
    remote_config_take(u->config, u->identity.centre, bytes, len);
    report_config(u);
}

static void take_welcome(struct uplink *u, const void *bytes, size_t len, struct err *e)
{
    struct welcome w;
    if (u->welcomed || welcome_unpack(bytes, len, &w, e) != 0) {
        return;
    }
    u->welcomed = true;
    u->heartbeat = w.heartbeat >= HEARTBEAT_PACKED ? HEARTBEAT_PACKED : HEARTBEAT_JSON;
    u->centre_ns = w.time_ns;
    u->centre_mono_ns = clock_mono_ns();
    u->restarted = false;
    log_info(NULL, "welcomed by the centre");
    publish_welcomed(u->publish, &w, clock_wall_ns() / NS_PER_S);
    if (identity_pin(&u->identity, w.command_key, e) != 0) {
        (void)err_wrap(e, "configuration is not taken from it; enrol anew to trust it");
    }
    report_config(u);
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
    {"ack", take_ack},     {"nack", take_nack},  {"q", take_question}, {"welcome", take_welcome},
    {"watch", take_watch}, {"cfg", take_config}, {"jwt", renew_take},
};

void talk_message(const char *subject, const void *bytes, size_t len, void *uplink)
{
    struct uplink *u = uplink;
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
        u->refusals++;
        log_error(NULL,
                  "the server refuses this agent (%s): revoked, or away for longer than its "
                  "identity lives? To enrol anew, give it a new token, made by picketctl agent add "
                  "%s; everything is kept meanwhile",
                  text, u->name);
        return;
    }
    log_error(NULL,
              "the server refuses the token (%s): expired or of another centre? Make a new "
              "one with picketctl agent add",
              text);
    u->give_back = u->anew;
}

void talk_event(enum bus_event event, const char *text, void *uplink)
{
    struct uplink *u = uplink;
    switch (event) {
    case BUS_CONNECTED:
        log_info(NULL, "connected to NATS");
        u->connected = true;
        u->refusals = 0;
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

void talk_tick(struct uplink *u)
{
    uint64_t now = now_ms(u);
    if (u->give_back) {
        renew_give_back(u);
    }
    if (!identity_is_enrolled(&u->identity)) {
        tick_enrolment(u, now);
    } else {
        if (u->connected && !u->welcomed && now >= u->hello_ms) {
            say_hello(u);
        }
        renew_tick(u);
    }
    if (u->watch_until_ms != 0 && now >= u->watch_until_ms) {
        set_watched(u, 0);
    }
}

void talk_begin(struct uplink *u)
{
    if (identity_is_enrolled(&u->identity)) {
        join(u);
    } else {
        begin_enrolment(u);
    }
}

void talk_end(struct uplink *u, bool bye)
{
    if (bye && u->connected) {
        say_goodbye(u);
    }
    close_bus(u);
}
