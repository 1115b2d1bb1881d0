/* What agents say of themselves, and what the NATS server says of them. */
#include "aggregator/fleet/inner.h"
#include "common/alert_kinds.h"
#include "common/clock.h"
#include "common/creds.h"
#include "common/encode.h"
#include "common/wire/delivery.h"

#define LOG_MODULE "fleet"
#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CLOCK_DEGRADED_MS = 30000, /* of skew, DESIGN §7 */
    CLOCK_WARN_MS = 2000,
    CLOCK_RIGHT_MS = 1000, /* below it is right again */
    REFUSED_FROM = 2,      /* one refusal alone is the client's known fault, 1 in 256 */
    REFUSED_WINDOW_S = 300,
    REFUSED_QUIET_S = 60, /* between two alerts of one address and name */
};

#define COPY_TEXT(to, from)                                                                        \
    ((void)snprintf((to), sizeof(to), "%s", (from))) /* of the same size                           \
                                                      */

static void malformed(struct fleet *f, const struct message *m, const struct err *e)
{
    metric_add(&f->options.metrics->messages_malformed, 1);
    log_warn(e, "%s of %s is not understood", m->word, m->name);
}

static void ask_cursors(struct fleet *f, struct instance *i, const struct hello *hello)
{
    struct job *job = i->hello_pending ? NULL : job_new(JOB_HELLO);
    if (job == NULL) {
        return; /* the agent says hello again until it is welcomed */
    }
    job->as.hello.instance_id = i->id;
    job->as.hello.hello = *hello;
    i->hello_pending = fleet_submit(f, job);
}

static void hear_hello(struct fleet *f, struct instance *i, const struct message *m,
                       uint64_t now_ns)
{
    struct hello hello;
    struct err e = {0};
    if (hello_unpack(m->bytes, m->len, &hello, &e) != 0) {
        malformed(f, m, &e);
        return;
    }
    char evidence[EVIDENCE_SIZE];
    bool same = strcmp(i->boot, hello.boot) == 0;
    (void)snprintf(evidence, sizeof evidence, "hello of %s, version %s, %s", hello.host,
                   hello.version, same ? "same start" : "new start"); /* cut is fine */
    i->greeted_ns = now_ns;
    i->config.astray_ns = 0; /* it may have been away without our knowing */
    instance_client_greeted(i);
    COPY_TEXT(i->version, hello.version);
    struct presence_event event = {.kind = PRESENCE_EVENT_HELLO,
                                   .twin = instance_boot(i, hello.boot, now_ns)};
    (void)judge(f, i, event, now_ns, evidence);
    ask_cursors(f, i, &hello);
}

void hear_welcome(struct fleet *f, const struct job *job)
{
    struct instance *i = instances_by_id(&f->instances, job->as.hello.instance_id);
    if (i == NULL) {
        return;
    }
    i->hello_pending = false;
    if (job->failed) {
        return;
    }
    char bytes[HELLO_MAX];
    struct welcome welcome = job->as.hello.welcome;
    welcome.time_ns = clock_wall_ns();
    welcome.heartbeat = HEARTBEAT_PACKED;
    welcome.revision = i->config.wanted;
    COPY_TEXT(welcome.command_key, f->options.command_key);
    (void)fleet_send(f, i->name, "welcome", bytes, welcome_pack(&welcome, bytes, sizeof bytes));
}

/* How far its clock is off: an alert, and far more than that is a reason to be degraded. */
static unsigned judge_skew(struct fleet *f, struct instance *i, const struct heartbeat *beat)
{
    int64_t now_ms = (int64_t)(clock_wall_ns() / NS_PER_MS);
    int32_t skew_ms = instance_skew(i, (int64_t)(beat->wall_ns / NS_PER_MS) - now_ms);
    int32_t off_ms = skew_ms < 0 ? -skew_ms : skew_ms;
    bool off = off_ms > (i->skew_told ? CLOCK_RIGHT_MS : CLOCK_WARN_MS);
    if (off != i->skew_told && i->skew_count >= SKEW_BEATS) {
        char detail[80];
        (void)snprintf(detail, sizeof detail, "%.1f s %s the centre's clock; at most %d s wanted",
                       off_ms / 1000.0, skew_ms < 0 ? "behind" : "ahead of", CLOCK_WARN_MS / 1000);
        i->skew_told = off;
        judge_alert(f, i, ALERT_FLEET_CLOCK_SKEW, off ? ALERT_ENGAGE : ALERT_RELEASE, "",
                    off ? detail : "");
        i->centre_alerts += off ? 1 : 0;
        i->centre_alerts -= !off && i->centre_alerts > 0 ? 1 : 0;
    }
    return off_ms > CLOCK_DEGRADED_MS ? REASON_CLOCK : 0;
}

/* "heartbeat", with the words of its reasons. */
static void beat_evidence(unsigned reasons, char *buf, size_t size)
{
    size_t len = (size_t)snprintf(buf, size, "heartbeat");
    for (unsigned bit = 1; bit != 0 && bit <= reasons && len < size; bit <<= 1) {
        const char *word = (reasons & bit) != 0 ? agent_reason_word((enum agent_reason)bit) : NULL;
        if (word != NULL) {
            len += (size_t)snprintf(buf + len, size - len, "%s%s", len > 9 ? ", " : ": ", word);
        }
    }
}

static void hear_beat(struct fleet *f, struct instance *i, const struct message *m, uint64_t now_ns)
{
    struct heartbeat beat;
    struct err e = {0};
    if (heartbeat_unpack(m->bytes, m->len, &beat, &e) != 0) {
        malformed(f, m, &e);
        return;
    }
    i->beat = beat;
    i->has_beat = true;
    instance_spark(i, beat.bps, now_ns);
    struct presence_event event = {
        .kind = PRESENCE_EVENT_BEAT,
        .reasons = beat.reasons | judge_skew(f, i, &beat),
        .behind_s = beat.spool_age_s,
        .twin = instance_boot(i, beat.boot, now_ns),
    };
    char evidence[EVIDENCE_SIZE];
    if (event.twin) {
        (void)snprintf(evidence, sizeof evidence, "heartbeats of two starts in turn: %s and %s",
                       i->before, i->boot); /* fits */
    } else {
        beat_evidence(event.reasons, evidence, sizeof evidence);
    }
    config_beat(f, i, beat.config_revision, now_ns);
    if (!judge(f, i, event, now_ns, evidence)) {
        fleet_tell_figures(f, i);
    }
}

static void hear_live(struct fleet *f, struct instance *i, const struct message *m, uint64_t now_ns)
{
    struct live_sample sample;
    struct err e = {0};
    if (live_sample_unpack(m->bytes, m->len, &sample, &e) != 0) {
        malformed(f, m, &e);
        return;
    }
    struct live_point *point = now_ns < i->watch_until_ns ? malloc(sizeof *point) : NULL;
    if (point == NULL) {
        return;
    }
    *point = (struct live_point){
        .at_ms = sample.wall_ns / NS_PER_MS,
        .bps = sample.bps,
        .pps = sample.pps,
        .flows = sample.flows,
        .hosts = sample.hosts,
        .drops = sample.drops,
    };
    COPY_TEXT(point->name, i->name);
    struct web_event event = {.kind = WEB_LIVE, .as.live = point};
    (void)fleet_tell(f, &event); /* lost: the next one comes in a second */
}

/* One of the instance's good keys must have signed it. */
static bool is_signed(const struct fleet *f, const struct instance *i, const struct goodbye *bye)
{
    uint8_t signature[64];
    char text[256];
    size_t len = goodbye_signed_text(bye, i->name, text, sizeof text);
    if (len == 0 || base64url_decode(bye->signature, strlen(bye->signature), signature,
                                     sizeof signature) != sizeof signature) {
        return false;
    }
    size_t at = 0;
    for (const struct key *key; (key = table_next(f->instances.keys, &at)) != NULL;) {
        if (key->instance_id == i->id && key->revoked_s == 0 &&
            nkey_verify(key->nkey, text, len, signature)) {
            return true;
        }
    }
    return false;
}

static void hear_bye(struct fleet *f, struct instance *i, const struct message *m, uint64_t now_ns)
{
    struct goodbye bye;
    struct err e = {0};
    if (goodbye_unpack(m->bytes, m->len, &bye, &e) != 0) {
        malformed(f, m, &e);
        return;
    }
    if (i->boot[0] != '\0' && strcmp(i->boot, bye.boot) != 0) {
        log_warn(NULL, "goodbye of %s is of an earlier start", i->name);
        return;
    }
    if (!is_signed(f, i, &bye)) {
        (void)err_set(&e, ERR_PARSE, "the signature is by none of its keys");
        malformed(f, m, &e);
        return;
    }
    (void)judge(f, i, (struct presence_event){.kind = PRESENCE_EVENT_BYE}, now_ns,
                "signed goodbye");
}

void hear_up(struct fleet *f, const struct message *m, uint64_t now_ns)
{
    struct instance *i = instances_by_name(&f->instances, m->name);
    if (i == NULL) {
        metric_add(&f->options.metrics->messages_unknown, 1);
        members_load(f, now_ns); /* perhaps it was added a moment ago */
    } else if (strcmp(m->word, "hb") == 0) {
        hear_beat(f, i, m, now_ns);
    } else if (strcmp(m->word, "live") == 0) {
        hear_live(f, i, m, now_ns);
    } else if (strcmp(m->word, "hello") == 0) {
        hear_hello(f, i, m, now_ns);
    } else if (strcmp(m->word, "cfg") == 0) {
        config_report(f, i, m, now_ns);
    } else if (strcmp(m->word, "hits") == 0) {
        config_hits(f, i, m);
    } else if (strcmp(m->word, "renew") == 0) {
        members_renew(f, i, m, now_ns);
    } else if (strcmp(m->word, "bye") == 0) {
        hear_bye(f, i, m, now_ns);
    } else {
        metric_add(&f->options.metrics->messages_malformed, 1);
    }
}

/* The lease goes out at once and is renewed while the web goes on asking. */
void hear_watch(struct fleet *f, const struct message *m, uint64_t now_ns)
{
    static const char lease[] = "{\"lease_s\":30}";
    struct instance *i = instances_by_name(&f->instances, m->name);
    if (i == NULL) {
        return;
    }
    i->watch_until_ns = now_ns + WATCH_LEASE_MS * (uint64_t)NS_PER_MS;
    if (i->watch_sent_ns != 0 && now_ns - i->watch_sent_ns < WATCH_RENEW_MS * (uint64_t)NS_PER_MS) {
        return;
    }
    if (fleet_send(f, i->name, "watch", lease, sizeof lease - 1) == 0) {
        i->watch_sent_ns = now_ns;
    }
}

/* nats-server 2.9, server/client.go: the reasons of a closed connection. */
static enum parting parting_of(const char *reason)
{
    static const char *const ours[] = {"Authentication",  "User Authentication",
                                       "Server Shutdown", "Credentials",
                                       "Revoked",         "Kicked",
                                       "Duplicate"};
    if (strncmp(reason, "Stale", 5) == 0 || strncmp(reason, "Slow Consumer", 13) == 0) {
        return PARTING_STALE;
    }
    for (size_t n = 0; n < sizeof ours / sizeof ours[0]; n++) {
        if (strstr(reason, ours[n]) != NULL) {
            return PARTING_BY_US;
        }
    }
    return PARTING_CLOSED;
}

/* Hello and log-in event come on two connections: this long after a hello, a log-in is its own. */
#define GREETING_RACE_NS (2ull * NS_PER_S)
/* An agent whose identity was renewed connects anew: parting so soon after it tells nothing. */
#define RENEWAL_NS (3ull * NS_PER_S)

void hear_login(struct fleet *f, const struct fleet_login *login, uint64_t now_ns)
{
    struct instance *i = instances_by_key(&f->instances, login->nkey);
    if (i == NULL) {
        return; /* the centre itself, an enrolment, or a key that is revoked */
    }
    if (login->connected) {
        instance_client_came(i, login->client_id);
        if (i->greeted_ns != 0 && now_ns - i->greeted_ns < GREETING_RACE_NS) {
            instance_client_greeted(i); /* its hello has overtaken the news of its log-in */
        }
        COPY_TEXT(i->address, login->address);
        i->watch_sent_ns = 0;
        (void)judge(f, i, (struct presence_event){.kind = PRESENCE_EVENT_CONNECTED}, now_ns,
                    "log-in");
        return;
    }
    if (!instance_client_went(i, login->client_id)) {
        return; /* an older connection of an agent that is back, or a second one */
    }
    if (i->renewed_ns != 0 && now_ns - i->renewed_ns < RENEWAL_NS) {
        return; /* if it does not come back, its silence tells */
    }
    char evidence[EVIDENCE_SIZE];
    (void)snprintf(evidence, sizeof evidence, "disconnect event: %s", login->reason); /* fits */
    struct presence_event event = {
        .kind = PRESENCE_EVENT_PARTED,
        .parting = parting_of(login->reason),
    };
    (void)judge(f, i, event, now_ns, evidence);
}

/* The row of this address and name, or the oldest to be used anew. */
static struct refused *find_refused(struct fleet *f, const struct fleet_refusal *refusal)
{
    struct refused *oldest = &f->refused[0];
    for (unsigned n = 0; n < REFUSED_MAX; n++) {
        struct refused *r = &f->refused[n];
        if (strcmp(r->last.address, refusal->address) == 0 &&
            strcmp(r->last.who, refusal->who) == 0) {
            return r;
        }
        if (r->since_ns < oldest->since_ns) {
            oldest = r;
        }
    }
    *oldest = (struct refused){0};
    return oldest;
}

void hear_refusal(struct fleet *f, const struct fleet_refusal *refusal, uint64_t now_ns)
{
    struct refused *r = find_refused(f, refusal);
    metric_add(&f->options.metrics->logins_refused, 1);
    if (r->count == 0 || now_ns - r->since_ns > REFUSED_WINDOW_S * (uint64_t)NS_PER_S) {
        *r = (struct refused){.since_ns = now_ns};
    }
    r->last = *refusal;
    r->count++;
    if (r->count < REFUSED_FROM ||
        (r->told_ns != 0 && now_ns - r->told_ns < REFUSED_QUIET_S * (uint64_t)NS_PER_S)) {
        return;
    }
    r->told_ns = now_ns;
    char detail[ALERT_DETAIL_SIZE];
    (void)snprintf(detail, sizeof detail, "%u log-ins as \"%s\" from %s refused: %s", r->count,
                   refusal->who, refusal->address, refusal->reason); /* fits */
    judge_alert(f, NULL, ALERT_FLEET_AUTH_FAILED, ALERT_EVENT, refusal->address, detail);
}
