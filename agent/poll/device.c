/*
 * The poll is a walk through states: name, engine (v3), system group, then the tables one after
 * another. What fails before the counters are there fails the poll; a device that stumbles over
 * another table is up, and that table is left out.
 */
#include "agent/poll/device.h"

#include "agent/poll/device_told.h"
#include "agent/poll/net.h"
#include "agent/poll/reading.h"
#include "agent/poll/snmp.h"

#include "common/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SLOW_MS = 300 * 1000,   /* neighbours and the chassis are read so often */
    LEAST_POLL_MS = 30000,  /* a poll may take the interval, and this in any case */
    MOST_PAUSE_MS = 300000, /* between polls of a device that stays silent */
    PATIENT_FAILURES = 3,   /* polls at the usual pace before it slows down */
};

struct device {
    uv_loop_t *loop;
    struct config_snmp conf;
    struct device_sink sink;
    struct device_memory memory;
    uint32_t failures;
    uint64_t slow_ms; /* when the slow tables are due; 0 at once */

    /* The poll under way. */
    bool busy;
    uint64_t begun_ms, deadline_ms;
    struct net_address address;
    struct net_lookup *lookup;
    int discover_fd;
    uint32_t discover_id;
    unsigned discover_left; /* questions still to be asked */
    uint64_t discover_due_ms;
    struct engine_id engine;
    struct poll_session *session;
    struct net_watch *watch;
    size_t step;
    struct walk walk;
    struct reading reading;
};

/* ---- the tables in their order ---- */

static bool always(const struct device *d)
{
    (void)d;
    return true;
}

static bool lacks_wide(const struct device *d)
{
    for (size_t i = 0; i < d->reading.port_count; i++) {
        if (!d->reading.ports[i].has_wide_in || !d->reading.ports[i].has_wide_out) {
            return true;
        }
    }
    return false;
}

static bool is_cisco(const struct device *d)
{
    return d->reading.is_cisco;
}

static bool lacks_cpu(const struct device *d)
{
    return d->reading.cpu_count == 0;
}

static bool lacks_pool(const struct device *d)
{
    return d->reading.pool_used + d->reading.pool_free == 0;
}

static bool lacks_memory(const struct device *d)
{
    return lacks_pool(d) && d->reading.real_total_kb == 0;
}

static bool is_slow_due(const struct device *d)
{
    return d->begun_ms >= d->slow_ms;
}

static bool has_neighbours(const struct device *d)
{
    return d->reading.neighbour_count > 0;
}

static bool is_cisco_and_slow_due(const struct device *d)
{
    return is_cisco(d) && is_slow_due(d);
}

static const struct step {
    const struct mib_table *table;
    bool (*wanted)(const struct device *d);
    bool needed; /* its failure is the poll's */
} steps[] = {
    {&mib_names, always, true},
    {&mib_counters, always, true},
    {&mib_narrow, lacks_wide, true},
    {&mib_cisco_cpu, is_cisco, false},
    {&mib_processors, lacks_cpu, false},
    {&mib_cisco_pools, is_cisco, false},
    {&mib_ucd_memory, lacks_pool, false},
    {&mib_storage, lacks_memory, false},
    {&mib_entity, is_slow_due, false},
    {&mib_lldp, is_slow_due, false},
    {&mib_lldp_locals, has_neighbours, false},
    {&mib_lldp_addresses, has_neighbours, false},
    {&mib_cdp, is_cisco_and_slow_due, false},
};
enum { STEPS = sizeof steps / sizeof steps[0] };

/* ---- the end of a poll ---- */

static void let_go(struct device *d)
{
    net_lookup_drop(d->lookup);
    net_watch_drop(d->watch);
    poll_session_close(d->session);
    if (d->discover_fd >= 0) {
        (void)close(d->discover_fd); /* nothing was written */
    }
    d->lookup = NULL;
    d->watch = NULL;
    d->session = NULL;
    d->discover_fd = -1;
    d->busy = false;
}

static void tell(struct device *d, const struct told_context *context)
{
    if (d->reading.status.state == DEVICE_UP) {
        told_interfaces(&d->memory, &d->reading, context);
        if (is_slow_due(d)) {
            told_neighbours(&d->reading, context);
            d->slow_ms = d->begun_ms + SLOW_MS;
        }
    }
    told_status(&d->memory, &d->reading, context);
}

static void finish(struct device *d, enum device_state state, const char *why)
{
    struct device_status *s = &d->reading.status;
    d->failures = state == DEVICE_UP ? 0 : d->failures + 1;
    s->state = (uint8_t)state;
    s->failures = d->failures;
    s->version = d->conf.version;
    s->duration_ms = (uint32_t)(clock_mono_ns() / NS_PER_MS - d->begun_ms);
    s->interval_s = (uint32_t)(device_pause_ms(d) / 1000);
    (void)snprintf(s->name, sizeof s->name, "%s", d->conf.name); /* same sizes */
    (void)snprintf(s->host, sizeof s->host, "%s", d->conf.host);
    (void)snprintf(s->error, sizeof s->error, "%s", why); /* cut if need be */
    let_go(d);
    if (state == DEVICE_UP) {
        reading_finish(&d->reading);
    }
    const struct told_context context = {
        .device = d->conf.id, .at_ns = clock_wall_ns(), .take = d->sink.take, .arg = d->sink.arg};
    tell(d, &context);
    reading_done(&d->reading);
}

uint64_t device_pause_ms(const struct device *d)
{
    uint64_t ms = (uint64_t)d->conf.interval_s * 1000;
    uint64_t most = ms > MOST_PAUSE_MS ? ms : MOST_PAUSE_MS;
    for (uint32_t i = PATIENT_FAILURES; i < d->failures && ms < most; i++) {
        ms *= 2;
    }
    return ms < most ? ms : most;
}

/* ---- tables ---- */

static void begin_step(struct device *d);

static void on_table(enum device_state state, const char *why, void *arg)
{
    struct device *d = arg;
    const struct step *step = &steps[d->step];
    if (state != DEVICE_UP && step->needed) {
        char text[DEVICE_ERROR_SIZE];
        (void)snprintf(text, sizeof text, "%s: %s", step->table->name, why); /* cut if need be */
        finish(d, state, text);
        return;
    }
    d->step++;
    begin_step(d);
}

static void begin_step(struct device *d)
{
    struct err e = {0};
    while (d->step < STEPS && !steps[d->step].wanted(d)) {
        d->step++;
    }
    if (d->step == STEPS) {
        finish(d, DEVICE_UP, "");
        return;
    }
    const struct mib_table *table = steps[d->step].table;
    d->walk = (struct walk){
        .session = d->session,
        .columns = table->columns,
        .count = table->count,
        .bulk = d->conf.version != 1,
        .value = table->value,
        .value_arg = &d->reading,
        .done = on_table,
        .arg = d,
    };
    if (walk_begin(&d->walk, &e) != 0) {
        finish(d, DEVICE_FAULT, e.what);
    }
}

/* ---- the system group ---- */

static void on_system(const struct poll_answer *answer, void *arg)
{
    struct device *d = arg;
    if (answer->state == DEVICE_TIMEOUT && d->conf.cipher > CIPHER_NONE) {
        /* It has just told its engine. A stream cipher's wrong key gives no error but nonsense,
         * and many devices answer nonsense with silence. */
        finish(d, DEVICE_NO_DECRYPTION,
               "the device answers, but not to what is encrypted: the privacy key or its cipher is "
               "not the device's");
        return;
    }
    if (answer->state != DEVICE_UP) {
        finish(d, (enum device_state)answer->state, answer->why);
        return;
    }
    d->reading.mono_ms = clock_mono_ns() / NS_PER_MS;
    if (!mib_take_system(&d->reading, answer)) {
        finish(d, DEVICE_NO_ACCESS,
               "the device answers, but shows not even its system group: look "
               "at the view of this user or community");
        return;
    }
    d->step = 0;
    begin_step(d);
}

static void on_readable(int events, void *arg)
{
    struct device *d = arg;
    (void)events;
    poll_session_read(d->session);
}

static void open_session(struct device *d)
{
    struct err e = {0};
    d->session = poll_session_open(&d->conf, &d->address.any, &d->engine, &e);
    if (d->session != NULL) {
        d->watch =
            net_watch_begin(d->loop, poll_session_fd(d->session), UV_READABLE, on_readable, d, &e);
    }
    const struct poll_question q = {
        .ask = ASK_GET,
        .oids = mib_system,
        .count = d->conf.version == 1 ? SYSTEM_OBJECTS_V1 : SYSTEM_OBJECTS,
    };
    if (d->watch == NULL || poll_session_ask(d->session, &q, on_system, d, &e) != 0) {
        finish(d, DEVICE_FAULT, e.what);
    }
}

/* ---- v3: the engine ---- */

static void on_discovered(int events, void *arg)
{
    struct device *d = arg;
    uint8_t bytes[1500];
    (void)events;
    ssize_t len = recv(d->discover_fd, bytes, sizeof bytes, 0);
    if (len < 0 && errno == ECONNREFUSED) {
        finish(d, DEVICE_REFUSED, "its host answers that nothing listens on this port");
        return;
    }
    if (len <= 0 || !discover_read(bytes, (size_t)len, d->discover_id, &d->engine)) {
        return; /* not for us; time goes on */
    }
    net_watch_drop(d->watch);
    d->watch = NULL;
    (void)close(d->discover_fd); /* nothing more to come */
    d->discover_fd = -1;
    open_session(d);
}

static void ask_engine(struct device *d, uint64_t mono_ms)
{
    uint8_t bytes[DISCOVER_SIZE];
    size_t len = discover_ask(d->discover_id, bytes);
    d->discover_left--;
    d->discover_due_ms = mono_ms + d->conf.timeout_ms;
    (void)send(d->discover_fd, bytes, len, 0); /* one that fails is asked again */
}

static void discover(struct device *d)
{
    struct err e = {0};
    d->engine.len = 0;
    d->discover_id = arc4random() & INT32_MAX;
    d->discover_left = d->conf.retries + 1;
    d->discover_fd = socket(d->address.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (d->discover_fd < 0 || connect(d->discover_fd, &d->address.any, d->address.len) != 0) {
        (void)err_set_errno(&e, "no way to the device");
        finish(d, DEVICE_FAULT, e.what);
        return;
    }
    d->watch = net_watch_begin(d->loop, d->discover_fd, UV_READABLE, on_discovered, d, &e);
    if (d->watch == NULL) {
        finish(d, DEVICE_FAULT, e.what);
        return;
    }
    ask_engine(d, clock_mono_ns() / NS_PER_MS);
}

/* ---- the beginning ---- */

static void on_found(const struct net_address *address, const char *why, void *arg)
{
    struct device *d = arg;
    d->lookup = NULL;
    if (address == NULL) {
        char text[DEVICE_ERROR_SIZE];
        (void)snprintf(text, sizeof text, "the name has no address: %s", why);
        finish(d, DEVICE_UNKNOWN_NAME, text);
        return;
    }
    d->address = *address;
    if (d->conf.version == 3) {
        discover(d);
    } else {
        open_session(d);
    }
}

void device_poll(struct device *d, uint64_t mono_ms)
{
    struct err e = {0};
    uint64_t interval_ms = (uint64_t)d->conf.interval_s * 1000;
    d->busy = true;
    d->begun_ms = mono_ms;
    d->deadline_ms = mono_ms + (interval_ms > LEAST_POLL_MS ? interval_ms : LEAST_POLL_MS);
    d->reading = (struct reading){.mono_ms = mono_ms, .status.cpu = CPU_UNKNOWN};
    d->lookup = net_lookup_begin(d->loop, d->conf.host, d->conf.port, on_found, d, &e);
    if (d->lookup == NULL) {
        finish(d, DEVICE_FAULT, e.what);
    }
}

void device_tick(struct device *d, uint64_t mono_ms)
{
    if (mono_ms >= d->deadline_ms) {
        finish(d, DEVICE_TIMEOUT, "the device answers so slowly that the poll did not end in time");
    } else if (d->session != NULL) {
        poll_session_tick(d->session);
    } else if (d->discover_fd >= 0 && mono_ms >= d->discover_due_ms) {
        if (d->discover_left > 0) {
            ask_engine(d, mono_ms);
        } else {
            finish(d, DEVICE_TIMEOUT, "no answer in time");
        }
    }
}

/* ---- life ---- */

struct device *device_new(uv_loop_t *loop, const struct config_snmp *conf, struct device_sink sink,
                          struct err *e)
{
    struct device *d = calloc(1, sizeof *d);
    if (d == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for device %s", conf->name);
        return NULL;
    }
    d->loop = loop;
    d->conf = *conf;
    d->sink = sink;
    d->discover_fd = -1;
    return d;
}

void device_free(struct device *d)
{
    if (d == NULL) {
        return;
    }
    let_go(d);
    reading_done(&d->reading);
    device_memory_done(&d->memory);
    explicit_bzero(&d->conf, sizeof d->conf);
    free(d);
}

const struct config_snmp *device_conf(const struct device *d)
{
    return &d->conf;
}

void device_set_conf(struct device *d, const struct config_snmp *conf)
{
    d->conf = *conf;
    d->failures = 0;
}

bool device_is_busy(const struct device *d)
{
    return d->busy;
}
