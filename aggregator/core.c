/* The joints: which function of one part stands behind which pointer of another. */
#include "aggregator/core.h"

#include "aggregator/auth/keys.h"
#include "aggregator/auth/seal.h"
#include "aggregator/expiry.h"
#include "aggregator/fleet/fleet.h"
#include "aggregator/ingest/ingest.h"
#include "aggregator/notify/notifier.h"
#include "aggregator/report/runner.h"
#include "aggregator/store/config.h"
#include "aggregator/store/pg.h"
#include "aggregator/store/store.h"
#include "common/bus.h"
#include "common/clock.h"
#include "common/encode.h"
#include "common/token.h"
#include "common/wire/config.h"

#define LOG_MODULE "core"
#include "common/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    GATHER_US = 10000, /* agents speak in thousands, and each wake-up costs more than a message */
    STORE_CLOSE_MS = 1500, /* for what the store has in hand */
    CHORES_CLOSE_MS = 500, /* a report that is not finished is made again */
    UPDATE_TIMEOUT_MS = 2000,
    UPDATE_ANSWER_SIZE = 4096,
};
#define STUCK_NS (20ull * NS_PER_S) /* no turn of a loop takes so long */

struct core {
    const struct settings *settings;
    struct keys keys;
    struct seal_key seal;
    char command_key[NKEY_TEXT_SIZE]; /* public */
    struct metrics metrics;
    struct store *store;
    struct runner *runner;     /* of the centre's chores: reports, retention */
    struct notifier *notifier; /* tells people of alerts */
    struct fleet *fleet;
    struct ingest ingest;
    struct expiry expiry;
    struct bus *bus;          /* as the core user */
    struct bus *system;       /* as a user of the system account */
    _Atomic bool refused;     /* by the store's thread, read by main's */
    pthread_mutex_t web_lock; /* guards the next two */
    web_event_fn web;
    void *web_arg;
};

static bool tell_web(void *arg, const struct web_event *event)
{
    struct core *core = arg;
    (void)pthread_mutex_lock(&core->web_lock); /* a plain mutex, locked once: cannot fail */
    bool taken = core->web != NULL && core->web(core->web_arg, event);
    (void)pthread_mutex_unlock(&core->web_lock);
    return taken;
}

static int publish(void *arg, const char *subject, const void *bytes, size_t len, struct err *e)
{
    struct core *core = arg;
    return bus_publish(core->bus, subject, bytes, len, e);
}

static bool take_batch(void *arg, const char *name, enum wire_stream stream, const void *bytes,
                       size_t len)
{
    struct core *core = arg;
    return store_batch(core->store, name, stream, bytes, len);
}

static bool submit_job(void *arg, struct job *job)
{
    struct core *core = arg;
    return store_job(core->store, job);
}

static void job_done(void *arg, struct job *job)
{
    struct core *core = arg;
    (void)fleet_job_done(core->fleet, job); /* a dropped one is counted there */
}

static void database_changed(void *arg, bool up)
{
    struct core *core = arg;
    (void)fleet_database(core->fleet, up); /* counted there */
}

static void database_refused(void *arg, const struct err *why)
{
    struct core *core = arg;
    if (!atomic_exchange(&core->refused, true)) {
        log_error(why, "the database is not for this program");
    }
}

static void registry_changed(void *arg)
{
    struct core *core = arg;
    (void)fleet_registry_changed(core->fleet); /* counted there */
}

static int mint_agent(void *arg, const char *name, const char *nkey, char *jwt, size_t size,
                      struct err *e)
{
    struct core *core = arg;
    uint64_t life_s = (uint64_t)core->settings->agents_identity_life / 1000;
    uint64_t expires_s = clock_wall_ns() / NS_PER_S + life_s;
    return keys_agent_jwt(&core->keys, name, nkey, expires_s, jwt, size, e);
}

static int make_token(void *arg, const struct agent_invite *invite, char *token, size_t size,
                      uint64_t *expires_s, struct err *e)
{
    struct core *core = arg;
    uint32_t life_s = invite->expires_s != 0 ? invite->expires_s : KEYS_TOKEN_DEFAULT_S;
    *expires_s = clock_wall_ns() / NS_PER_S + life_s;
    if (keys_token_new(&core->keys, invite->name, *expires_s, token, size, e) != 0) {
        return -1;
    }
    return token_add_authority(token, size, core->settings->nats_ca, e);
}

static int sign_config(void *arg, const char *name, uint64_t revision, const char *hash,
                       char *signature, struct err *e)
{
    struct core *core = arg;
    char text[256];
    uint8_t bytes[64];
    _Static_assert(BASE64URL_LEN(sizeof bytes) < CONFIG_SIGNATURE_SIZE, "a signature fits");
    size_t len = config_signed_text(name, revision, hash, text, sizeof text);
    if (len == 0 || nkey_sign(&core->keys.command, text, len, bytes, e) != 0) {
        return len == 0 ? err_set(e, ERR_ARG, "a name that is too long") : -1;
    }
    (void)base64url_encode(bytes, sizeof bytes, signature); /* returns its buffer */
    return 0;
}

static int unseal(void *arg, const char *sealed, char *buf, struct err *e)
{
    _Static_assert((int)SEAL_PLAIN_MAX < (int)CONFIG_SECRET_SIZE, "a secret fits its buffer");
    const struct core *core = arg;
    return seal_open(&core->seal, sealed, buf, e);
}

/* On a thread of the fleet's loop: may wait for the NATS server. */
static int push_revocations(void *arg, const char *json, struct err *e)
{
    struct core *core = arg;
    char answer[UPDATE_ANSWER_SIZE];
    size_t answer_len = sizeof answer;
    char *jwt = malloc(KEYS_ACCOUNT_JWT_SIZE);
    if (jwt == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for the account's claims");
    }
    int result = -1;
    if (keys_account_jwt(&core->keys, json, jwt, KEYS_ACCOUNT_JWT_SIZE, e) == 0 &&
        bus_request(core->system, KEYS_UPDATE_SUBJECT, jwt, strlen(jwt), UPDATE_TIMEOUT_MS, answer,
                    &answer_len, e) == 0) {
        result = keys_update_check(answer, answer_len, e);
    }
    free(jwt);
    return result;
}

static void on_bus(enum bus_event event, const char *text, void *arg)
{
    struct core *core = arg;
    switch (event) {
    case BUS_CONNECTED:
        log_info(NULL, "connected to NATS");
        (void)fleet_bus(core->fleet, true); /* counted there */
        break;
    case BUS_DISCONNECTED:
        log_warn(NULL, "lost NATS; agents hold what they have");
        (void)fleet_bus(core->fleet, false); /* counted there */
        break;
    case BUS_AUTH_REFUSED: log_warn(NULL, "NATS refused the log-in: %s", text); break;
    case BUS_DENIED: log_error(NULL, "NATS denied: %s", text); break;
    case BUS_SLOW: log_warn(NULL, "the NATS client dropped messages: %s", text); break;
    }
}

static void on_system(enum bus_event event, const char *text, void *arg)
{
    struct core *core = arg;
    switch (event) {
    case BUS_CONNECTED: (void)fleet_system_up(core->fleet); break; /* counted there */
    case BUS_DISCONNECTED: break; /* the other connection says so */
    case BUS_AUTH_REFUSED: log_warn(NULL, "NATS refused the system log-in: %s", text); break;
    case BUS_DENIED: log_error(NULL, "NATS denied the system user: %s", text); break;
    case BUS_SLOW: log_warn(NULL, "the NATS client dropped events: %s", text); break;
    }
}

static struct bus *open_bus(struct core *core, const struct keys_user *user, const char *name,
                            bus_event_fn on_event, struct err *e)
{
    const struct settings *settings = core->settings;
    struct bus_options options = {
        .urls = (const char *const *)settings->nats_urls.items,
        .url_count = settings->nats_urls.count,
        .ca_file = settings->nats_ca[0] != '\0' ? settings->nats_ca : NULL,
        .name = name,
        .jwt = user->jwt,
        .key = &user->key,
        .gather_us = GATHER_US,
        .on_event = on_event,
        .arg = core,
    };
    return bus_open(&options, e);
}

static int open_buses(struct core *core, struct err *e)
{
    core->ingest = (struct ingest){
        .metrics = &core->metrics,
        .fleet = core->fleet,
        .batch = take_batch,
        .arg = core,
    };
    core->system = open_bus(core, &core->keys.system, "picket-aggregator-system", on_system, e);
    if (core->system == NULL ||
        ingest_logins(&core->ingest, core->system, core->keys.account_public, e) != 0) {
        return -1;
    }
    core->bus = open_bus(core, &core->keys.core, "picket-aggregator", on_bus, e);
    return core->bus != NULL ? ingest_agents(&core->ingest, core->bus, e) : -1;
}

static int open_fleet(struct core *core, struct err *e)
{
    struct fleet_options options = {
        .metrics = &core->metrics,
        .publish = publish,
        .submit = submit_job,
        .tell_web = tell_web,
        .mint_agent = mint_agent,
        .make_token = make_token,
        .push_revocations = push_revocations,
        .sign_config = sign_config,
        .command_key = nkey_public_text(&core->keys.command, core->command_key),
        .arg = core,
    };
    core->fleet = fleet_open(&options, e);
    return core->fleet != NULL ? 0 : -1;
}

static int open_store(struct core *core, struct err *e)
{
    struct store_options options = {
        .conninfo = core->settings->database_url,
        .metrics = &core->metrics,
        .publish = publish,
        .tell_web = tell_web,
        .database = database_changed,
        .refused = database_refused,
        .registry_changed = registry_changed,
        .job_done = job_done,
        .unseal = unseal,
        .arg = core,
    };
    core->store = store_open(&options, e);
    return core->store != NULL ? 0 : -1;
}

static int open_notify(struct core *core, struct err *e)
{
    const struct notifier_options options = {
        .conninfo = core->settings->database_url,
        .ca_file = core->settings->notify_ca,
        .unseal = unseal,
        .arg = core,
    };
    core->notifier = notifier_open(&options, e);
    return core->notifier != NULL ? 0 : -1;
}

/* In this order, as each is called by the ones that come after it; the threads begin last.
 */
static int core_start(struct core *core, struct err *e)
{
    if (keys_load(&core->keys, core->settings->dir, e) != 0 ||
        seal_key_load(&core->seal, core->settings->dir, e) != 0 || open_fleet(core, e) != 0 ||
        open_store(core, e) != 0 || open_buses(core, e) != 0) {
        return -1;
    }
    if (store_start(core->store, e) != 0) {
        return -1;
    }
    core->runner = runner_open(core->settings->database_url, e);
    return core->runner != NULL ? open_notify(core, e) : -1;
}

static void watch_certificates(struct core *core)
{
    const struct settings *s = core->settings;
    static const char *const ours[] = {"ca", "server", "postgres"}; /* the last with compose */
    char path[EXPIRY_PATH_SIZE];
    core->expiry = (struct expiry){.submit = submit_job, .arg = core};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        int len = snprintf(path, sizeof path, "%s/%s.pem", s->dir, ours[i]);
        expiry_add(&core->expiry, len < (int)sizeof path ? path : NULL);
    }
    expiry_add(&core->expiry, s->nats_ca);
    expiry_add(&core->expiry, s->http_cert);
    if (pg_conninfo_value(s->database_url, "sslrootcert", path, sizeof path)) {
        expiry_add(&core->expiry, path);
    }
}

struct core *core_open(const struct settings *settings, struct err *e)
{
    struct core *core = calloc(1, sizeof *core);
    if (core == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for the core");
        return NULL;
    }
    core->settings = settings;
    watch_certificates(core);
    (void)pthread_mutex_init(&core->web_lock, NULL); /* with default attributes it cannot fail */
    if (core_start(core, e) != 0) {
        core_close(core);
        return NULL;
    }
    return core;
}

void core_close(struct core *core)
{
    if (core == NULL) {
        return;
    }
    bus_close(core->system);
    fleet_stop(core->fleet);
    if (!store_stop(core->store, STORE_CLOSE_MS)) {
        log_warn(NULL, "PostgreSQL does not answer: ending without it; agents send again");
        _exit(0);
    }
    if (!notifier_close(core->notifier, CHORES_CLOSE_MS)) {
        log_info(NULL, "ending in the middle of a notification: it goes out after the next start");
        _exit(0);
    }
    if (!runner_close(core->runner, CHORES_CLOSE_MS)) {
        log_info(NULL, "ending in the middle of a report: it is made after the next start");
        _exit(0);
    }
    bus_close(core->bus);
    store_close(core->store);
    fleet_close(core->fleet);
    keys_done(&core->keys);
    seal_key_done(&core->seal);
    (void)pthread_mutex_destroy(&core->web_lock); /* nobody holds it */
    free(core);
}

void core_join_web(struct core *core, web_event_fn tell, void *arg)
{
    (void)pthread_mutex_lock(&core->web_lock); /* a plain mutex, locked once: cannot fail */
    core->web = tell;
    core->web_arg = arg;
    (void)pthread_mutex_unlock(&core->web_lock);
}

void core_refresh(struct core *core)
{
    metric_set(&core->metrics.bus_dropped, bus_dropped(core->bus) + bus_dropped(core->system));
    metric_set(&core->metrics.replies_ignored, bus_replies(core->bus));
    expiry_tick(&core->expiry, clock_wall_ns() / NS_PER_S, clock_mono_ns());
}

bool core_is_refused(const struct core *core)
{
    return atomic_load(&core->refused);
}

/* The store's thread may wait for PostgreSQL as long as that is away, so nobody asks for it. */
bool core_is_alive(struct core *core, uint64_t mono_ns)
{
    uint64_t fleet_ns = metric_get(&core->metrics.fleet_turned_ns);
    uint64_t web_ns = metric_get(&core->metrics.web_turned_ns);
    return mono_ns < fleet_ns + STUCK_NS && mono_ns < web_ns + STUCK_NS;
}

const struct seal_key *core_seal_key(const struct core *core)
{
    return &core->seal;
}

struct fleet *core_fleet(struct core *core)
{
    return core->fleet;
}

struct metrics *core_metrics(struct core *core)
{
    return &core->metrics;
}
