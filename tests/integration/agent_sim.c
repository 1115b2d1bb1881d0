/*
 * A stand-in for an agent, for tests of the centre: it logs in with a token or a saved identity,
 * sends what standard input tells it, good or bad, and prints what it is sent as lines of
 * "SUBJECT TEXT". One command a line:
 *
 *   enrol                          asks for an identity with the token
 *   hello EPOCH                    with that epoch for all streams
 *   beat REASONS BPS               a heartbeat; REASONS are bits of enum agent_reason
 *   bye                            signed
 *   age SECONDS                    records that follow are of so long ago
 *   flows EPOCH FIRST COUNT        a batch of flow records
 *   counters EPOCH FIRST           one record of each kind of counter
 *   alert EPOCH FIRST ACTION KEY   one host alert: event, engage or release
 *   gap EPOCH FROM TO              a batch that is one gap of the flow stream
 *   junk EPOCH FIRST               a sound envelope around a flow record that is none
 *   poison EPOCH FIRST             an alert that unpacks and that the database refuses
 *   asset EPOCH FIRST JSON         a record of the asset stream, as it is written
 *   broken                         bytes that are no envelope, as a batch of flows
 *   raw SUBJECT TEXT               whatever, wherever
 *   keep JWT                       takes that identity and logs in anew with it
 */
#include "common/bus.h"
#include "common/clock.h"
#include "common/creds.h"
#include "common/encode.h"
#include "common/file.h"
#include "common/wire/alerts.h"
#include "common/wire/counters.h"
#include "common/wire/delivery.h"
#include "common/wire/envelope.h"
#include "common/wire/flows.h"
#include "common/wire/heartbeat.h"
#include "common/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BODY_SIZE = 512 * 1024, LINE_MAX_LEN = 4096 };

struct sim {
    const char *name, *url, *state; /* state: folder of the identity */
    char token[CREDS_JWT_SIZE + 8];
    char jwt[CREDS_JWT_SIZE];
    struct nkey key;
    struct bus *bus;
    uint64_t beats;
    uint64_t age_s; /* of records to be sent */
    uint8_t body[BODY_SIZE];
};

static void say(const char *subject, const char *text, size_t len)
{
    char line[LINE_MAX_LEN];
    int written = snprintf(line, sizeof line, "%s %.*s\n", subject, (int)len, text);
    if (written > 0 && (size_t)written < sizeof line) {
        (void)!write(STDOUT_FILENO, line, (size_t)written); /* whole lines from any thread */
    }
}

static void on_message(const char *subject, const void *bytes, size_t len, void *arg)
{
    (void)arg;
    say(subject, bytes, len);
}

static void on_event(enum bus_event event, const char *text, void *arg)
{
    static const char *const names[] = {
        [BUS_CONNECTED] = "connected",
        [BUS_DISCONNECTED] = "disconnected",
        [BUS_AUTH_REFUSED] = "refused",
        [BUS_DENIED] = "denied",
        [BUS_SLOW] = "slow",
    };
    (void)arg;
    say(names[event], text, strlen(text));
}

static int open_bus(struct sim *s, const char *jwt, const struct nkey *key, struct err *e)
{
    struct bus_options options = {
        .urls = &s->url,
        .url_count = 1,
        .name = s->name,
        .jwt = jwt,
        .key = key,
        .on_event = on_event,
    };
    bus_close(s->bus);
    s->bus = bus_open(&options, e);
    return s->bus != NULL ? 0 : -1;
}

static int subscribe(struct sim *s, const char *prefix, const char *rest, struct err *e)
{
    char subject[SUBJECT_SIZE];
    (void)snprintf(subject, sizeof subject, "%s%s%s", prefix, s->name, rest);
    return bus_subscribe(s->bus, subject, on_message, s, e);
}

static void path_of(const struct sim *s, const char *file, char path[512])
{
    (void)snprintf(path, 512, "%s/%s", s->state, file);
}

/* With a saved identity as that agent, else with the bearer token. */
static int log_in(struct sim *s, struct err *e)
{
    char key_path[512], jwt_path[512];
    size_t len = 0;
    path_of(s, "agent.nk", key_path);
    path_of(s, "agent.jwt", jwt_path);
    if (access(key_path, F_OK) != 0 &&
        (nkey_make(&s->key, NKEY_USER, e) != 0 || nkey_save(&s->key, key_path, e) != 0)) {
        return -1;
    }
    if (nkey_load(&s->key, key_path, e) != 0) {
        return -1;
    }
    char *jwt = file_read(jwt_path, sizeof s->jwt - 1, &len, NULL);
    if (jwt == NULL) {
        return open_bus(s, s->token + strlen("pkt1."), NULL, e) == 0
                   ? subscribe(s, "pk.v1.enrolled.", "", e)
                   : -1;
    }
    memcpy(s->jwt, jwt, len + 1);
    free(jwt);
    return open_bus(s, s->jwt, &s->key, e) == 0 ? subscribe(s, "pk.v1.dn.", ".>", e) : -1;
}

static void send_to(struct sim *s, const char *subject, const void *bytes, size_t len)
{
    struct err e = {0};
    for (int tries = 0; bus_publish(s->bus, subject, bytes, len, &e) != 0; tries++) {
        if (tries == 50) {
            say("failed", e.what, strlen(e.what));
            return;
        }
        (void)usleep(100 * 1000); /* the connection may be under way */
    }
}

static void send_up(struct sim *s, const char *word, const void *bytes, size_t len)
{
    char subject[SUBJECT_SIZE];
    subject_up(subject, sizeof subject, s->name, word);
    send_to(s, subject, bytes, len);
}

static void do_enrol(struct sim *s)
{
    struct enrol_request r = {.host = "sim", .version = "0.0.0", .nonce = "nonce"};
    char bytes[DELIVERY_MAX], subject[SUBJECT_SIZE];
    (void)creds_sha256_hex(s->token, strlen(s->token), r.token_hash);
    (void)nkey_public_text(&s->key, r.nkey);
    (void)snprintf(subject, sizeof subject, "pk.v1.enrol.%s", s->name);
    send_to(s, subject, bytes, enrol_request_pack(&r, bytes, sizeof bytes));
}

static void do_hello(struct sim *s, uint64_t epoch)
{
    struct hello h = {.boot = "boot-of-sim", .version = "0.0.0", .host = "sim", .os = "test"};
    char bytes[HELLO_MAX];
    h.wall_ns = clock_wall_ns();
    for (int stream = 1; stream <= STREAM_COUNT; stream++) {
        h.epochs[stream] = epoch;
    }
    send_up(s, "hello", bytes, hello_pack(&h, bytes, sizeof bytes));
}

static void do_beat(struct sim *s, unsigned reasons, uint64_t bps)
{
    struct heartbeat h = {.number = ++s->beats, .boot = "boot-of-sim", .reasons = reasons};
    char bytes[HEARTBEAT_MAX];
    h.wall_ns = clock_wall_ns();
    h.bps = bps;
    h.hosts = 3;
    send_up(s, "hb", bytes, heartbeat_pack(&h, HEARTBEAT_JSON, bytes, sizeof bytes));
}

static void do_bye(struct sim *s)
{
    struct goodbye bye = {.boot = "boot-of-sim", .wall_ns = clock_wall_ns()};
    char text[256], bytes[512];
    uint8_t signature[64];
    struct err e = {0};
    size_t len = goodbye_signed_text(&bye, s->name, text, sizeof text);
    if (nkey_sign(&s->key, text, len, signature, &e) != 0) {
        return;
    }
    (void)base64url_encode(signature, sizeof signature, bye.signature);
    send_up(s, "bye", bytes, goodbye_pack(&bye, bytes, sizeof bytes));
}

static void send_batch(struct sim *s, enum wire_stream stream, uint64_t epoch, uint64_t first,
                       uint16_t count, const struct writer *body)
{
    struct envelope env = {.version = ENVELOPE_VERSION,
                           .kind = (uint8_t)stream,
                           .epoch = epoch,
                           .first_seq = first,
                           .wall_ns = clock_wall_ns(),
                           .count = count,
                           .schema = 1};
    char word[16];
    size_t len = 0;
    uint8_t *bytes = envelope_pack(&env, body->start, writer_len(body), &len, NULL);
    (void)snprintf(word, sizeof word, "b.%s", wire_stream_word(stream));
    send_up(s, word, bytes, len);
    free(bytes);
}

static void put_record(struct writer *w, const void *bytes, size_t len)
{
    writer_le32(w, (uint32_t)len);
    writer_bytes(w, bytes, len);
}

static uint64_t then_ns(const struct sim *s)
{
    return clock_wall_ns() - s->age_s * NS_PER_S;
}

static void do_flows(struct sim *s, uint64_t epoch, uint64_t first, unsigned count)
{
    struct writer w = writer_of(s->body, sizeof s->body);
    for (unsigned i = 0; i < count; i++) {
        uint8_t packed[FLOW_PACKED_MAX];
        struct flow_record r = {.flow_id = first + i,
                                .status = FLOW_CLOSED,
                                .final = true,
                                .confidence = 4,
                                .source = "eth0",
                                .protocol = "HTTP",
                                .app = "HTTP",
                                .category = "Web",
                                .host = "www.example.org",
                                .info = "GET /"};
        r.first_ns = r.last_ns = then_ns(s);
        r.key.family = ADDR_IPV4;
        r.key.protocol = 6;
        r.key.client_port = 40000;
        r.key.server_port = 80;
        (void)addr_parse("192.0.2.1", &r.key.client);
        (void)addr_parse("198.51.100.7", &r.key.server);
        r.quality_class = CLASS_WEB;
        r.quality_profile = 1;
        r.quality[DIR_C2S] = (struct quality){.score = 100, .worst = 100, .confidence = 2};
        r.quality[DIR_S2C] = (struct quality){
            .score = 30,
            .worst = 30,
            .metric = METRIC_LOSS,
            .blame = BLAME_CLIENT_SIDE,
            .confidence = CONFIDENCE_MEDIUM,
            .value = 31,
            .of = 174,
        };
        r.handshake_client_us = (uint32_t)(20000 + 371 * (first % 100) + i);
        r.segments[DIR_S2C].data = 174;
        r.retransmitted[DIR_S2C] = 31;
        r.rtt[SIDE_SERVER] = (struct flow_rtt){.median_us = 40000, .min_us = 39000, .samples = 9};
        latencies_add(&r.trips[SIDE_SERVER], 40000, 8);
        latencies_add(&r.trips[SIDE_SERVER], 90000, 1);
        r.bytes[DIR_C2S] = 100;
        r.bytes[DIR_S2C] = 1000;
        put_record(&w, packed, flow_record_pack(&r, packed, sizeof packed));
    }
    send_batch(s, STREAM_FLOW, epoch, first, (uint16_t)count, &w);
}

static void do_counters(struct sim *s, uint64_t epoch, uint64_t first)
{
    struct writer w = writer_of(s->body, sizeof s->body);
    for (uint8_t kind = COUNTER_INTERFACE; kind <= COUNTER_TOTAL; kind++) {
        uint8_t packed[COUNTER_PACKED_MAX];
        struct counter_record r = {
            .kind = kind, .seconds = COUNTER_INTERVAL_S, .bytes_in = 1000 + first};
        r.start_ns = then_ns(s) / (10ull * NS_PER_S) * (10ull * NS_PER_S);
        if (kind == COUNTER_HOST) {
            r.family = (uint8_t)addr_parse("2001:db8::1", &r.addr);
            r.local = 1;
        } else if (kind != COUNTER_TOTAL) {
            (void)snprintf(r.name, sizeof r.name, "%s", kind == COUNTER_APP ? "TLS" : "eth0");
        }
        put_record(&w, packed, counter_record_pack(&r, packed, sizeof packed));
    }
    send_batch(s, STREAM_COUNTER, epoch, first, 4, &w);
}

static void do_alert(struct sim *s, uint64_t epoch, uint64_t first, const char *action,
                     const char *key)
{
    char packed[ALERT_PACKED_MAX];
    struct wire_alert a = {.kind = 134, .entity = ENTITY_HOST, .score = 100, .detail = "sim"};
    a.action = strcmp(action, "event") == 0    ? ALERT_EVENT
               : strcmp(action, "engage") == 0 ? ALERT_ENGAGE
                                               : ALERT_RELEASE;
    a.at_ns = a.since_ns = then_ns(s);
    (void)snprintf(a.entity_id, sizeof a.entity_id, "192.0.2.9");
    (void)snprintf(a.key, sizeof a.key, "%s", key);
    struct writer w = writer_of(s->body, sizeof s->body);
    put_record(&w, packed, wire_alert_pack(&a, packed, sizeof packed));
    send_batch(s, STREAM_ALERT, epoch, first, 1, &w);
}

static void do_gap(struct sim *s, uint64_t epoch, uint64_t from, uint64_t to)
{
    uint8_t packed[GAP_PACKED_SIZE];
    struct gap gap = {.from = from, .to = to, .reason = GAP_SPOOL_FULL};
    struct writer w = writer_of(s->body, sizeof s->body);
    put_record(&w, packed, gap_pack(&gap, packed, sizeof packed));
    send_batch(s, STREAM_FLOW, epoch, from, 1, &w);
}

static void do_junk(struct sim *s, uint64_t epoch, uint64_t first)
{
    struct writer w = writer_of(s->body, sizeof s->body);
    put_record(&w, "no flow record", 14);
    send_batch(s, STREAM_FLOW, epoch, first, 1, &w);
}

/* The wire allows an alert without a time; the table of alerts does not. */
static void do_poison(struct sim *s, uint64_t epoch, uint64_t first)
{
    char packed[ALERT_PACKED_MAX];
    struct wire_alert a = {.kind = 134, .entity = ENTITY_HOST, .score = 100};
    a.action = ALERT_EVENT;
    (void)snprintf(a.entity_id, sizeof a.entity_id, "poison");
    struct writer w = writer_of(s->body, sizeof s->body);
    put_record(&w, packed, wire_alert_pack(&a, packed, sizeof packed));
    send_batch(s, STREAM_ALERT, epoch, first, 1, &w);
}

static void do_asset(struct sim *s, const char *line)
{
    unsigned long long epoch, first;
    int used = 0;
    if (sscanf(line, "asset %llu %llu %n", &epoch, &first, &used) == 2 && used > 0) {
        struct writer w = writer_of(s->body, sizeof s->body);
        put_record(&w, line + used, strlen(line + used));
        send_batch(s, STREAM_ASSET, epoch, first, 1, &w);
    }
}

static void do_raw(struct sim *s, const char *line)
{
    char subject[SUBJECT_SIZE], text[LINE_MAX_LEN];
    if (sscanf(line, "%255s %4095[^\n]", subject, text) == 2) {
        send_to(s, subject, text, strlen(text));
    }
}

static void do_line(struct sim *s, const char *line)
{
    char word[16] = "", action[16] = "", key[64] = "";
    unsigned long long a = 0, b = 0;
    unsigned c = 0;
    (void)sscanf(line, "%15s %llu %llu %u", word, &a, &b, &c);
    if (strcmp(word, "enrol") == 0) {
        do_enrol(s);
    } else if (strcmp(word, "hello") == 0) {
        do_hello(s, a);
    } else if (strcmp(word, "beat") == 0) {
        do_beat(s, (unsigned)a, b);
    } else if (strcmp(word, "bye") == 0) {
        do_bye(s);
    } else if (strcmp(word, "age") == 0) {
        s->age_s = a;
    } else if (strcmp(word, "flows") == 0) {
        do_flows(s, a, b, c);
    } else if (strcmp(word, "counters") == 0) {
        do_counters(s, a, b);
    } else if (strcmp(word, "gap") == 0) {
        do_gap(s, a, b, c);
    } else if (strcmp(word, "junk") == 0) {
        do_junk(s, a, b);
    } else if (strcmp(word, "poison") == 0) {
        do_poison(s, a, b);
    } else if (strcmp(word, "asset") == 0) {
        do_asset(s, line);
    } else if (strcmp(word, "broken") == 0) {
        send_up(s, "b.flow", "no envelope at all", 18);
    } else if (strcmp(word, "raw") == 0) {
        do_raw(s, line + 4);
    } else if (sscanf(line, "%15s %llu %llu %15s %63s", word, &a, &b, action, key) == 5) {
        do_alert(s, a, b, action, key);
    } else {
        say("unknown", line, strlen(line));
    }
}

static void keep_identity(struct sim *s, const char *jwt)
{
    char path[512];
    struct err e = {0};
    path_of(s, "agent.jwt", path);
    if (file_replace(path, jwt, strlen(jwt), 0600, &e) != 0 || log_in(s, &e) != 0) {
        say("failed", e.what, strlen(e.what));
    }
}

int main(int argc, char **argv)
{
    static struct sim s; /* large */
    struct err e = {0};
    char line[LINE_MAX_LEN];
    if (argc != 5) {
        (void)fprintf(stderr, "agent_sim NAME URL STATE-FOLDER TOKEN-FILE\n");
        return 2;
    }
    s.name = argv[1];
    s.url = argv[2];
    s.state = argv[3];
    size_t len = 0;
    char *token = file_read(argv[4], sizeof s.token - 1, &len, &e);
    if (token == NULL) {
        (void)fprintf(stderr, "%s\n", e.what);
        return 1;
    }
    token[strcspn(token, "\n")] = '\0';
    memcpy(s.token, token, strlen(token) + 1);
    free(token);
    if (log_in(&s, &e) != 0) {
        (void)fprintf(stderr, "%s\n", e.what);
        return 1;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "keep ", 5) == 0) {
            keep_identity(&s, line + 5);
        } else {
            do_line(&s, line);
        }
    }
    bus_close(s.bus);
    return 0;
}
