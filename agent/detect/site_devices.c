/*
 * Devices that are polled over SNMP: silent, refusing our credentials, started anew, busy, and
 * their interfaces: down, full, faulty. Judged with every poll.
 *
 * Thresholds: three polls without an answer, as one or two get lost on the way. Use above 80 %
 * (95 %) of the speed in the fuller direction for three (two) polls, over below 70 % (85 %). An
 * error in a thousand packets is what no healthy link has; discards are a queue that is full, and
 * five in a thousand are felt. CPU above 85 % until below 75 %, memory above 90 % until below
 * 85 %, each for three polls. An interface is down when it was seen up and is not meant to be down;
 * who never was up is a port without a cable.
 */
#include "agent/detect/detector.h"
#include "common/alert_kinds.h"
#include "common/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MEMORY_MAX = 32768, /* devices and interfaces that are remembered */
    USE_HIGH = 800,     /* permille */
    USE_HIGH_OVER = 700,
    USE_CRITICAL = 950,
    USE_CRITICAL_OVER = 850,
    CPU_HIGH = 850,
    CPU_HIGH_OVER = 750,
    MEMORY_HIGH = 900,
    MEMORY_HIGH_OVER = 850,
    ERRORS_LEAST = 10,
    ERRORS_OF = 1000, /* one in so many packets */
    DISCARDS_LEAST = 100,
    DISCARDS_OF = 200,
    WHOLE = 1000,
};

/* A device (interface "") or one of its interfaces. */
struct memory_key {
    char device[DEVICE_ID_SIZE];
    char interface[INTERFACE_TEXT_SIZE];
};

struct memory {
    struct memory_key key;
    char name[DEVICE_TEXT_SIZE]; /* of a device, for people */
    bool was_up;                 /* of an interface: seen up since it was last meant to be down */
    uint8_t admin;               /* as last seen; 0: not yet */
    bool high, critical, cpu, memory; /* above, and not yet below the lower threshold */
};

struct devices_state {
    struct table *memory;
};

static void devices_close(void *state)
{
    struct devices_state *s = state;
    table_free(s->memory);
    free(s);
}

static void *devices_open(const struct detect_settings *settings, struct err *e)
{
    (void)settings; /* no thresholds of its own in the settings */
    struct devices_state *s = calloc(1, sizeof *s);
    if (s == NULL) {
        (void)err_set(e, ERR_NOMEM, "device state");
        return NULL;
    }
    s->memory = table_new(sizeof(struct memory_key), sizeof(struct memory), MEMORY_MAX, e);
    if (s->memory == NULL) {
        free(s);
        return NULL;
    }
    return s;
}

/* NULL at the cap: then nothing is judged that needs a memory. */
static struct memory *memory_of(struct devices_state *s, const char *device, const char *interface)
{
    struct memory_key key = {0};
    bool made = false;
    (void)snprintf(key.device, sizeof key.device, "%s", device); /* same sizes */
    (void)snprintf(key.interface, sizeof key.interface, "%s", interface);
    return table_put(s->memory, &key, &made);
}

/* Above the higher threshold, until below the lower one. */
static bool is_high(bool before, uint64_t value, uint64_t high, uint64_t over)
{
    return value > high || (before && value >= over);
}

static struct finding finding_of(const struct device_record *r, uint16_t kind, bool bad,
                                 enum alert_entity entity, const char *id)
{
    struct finding f = {.kind = kind,
                        .action = bad ? FINDING_BAD : FINDING_GOOD,
                        .entity = (uint8_t)entity,
                        .at_ns = r->at_ns};
    (void)snprintf(f.owner, sizeof f.owner, "snmp/%s", r->device); /* an id: fits */
    (void)snprintf(f.entity_id, sizeof f.entity_id, "%s", id);     /* cut: it is for people */
    return f;
}

/* ---- the device ---- */

static void judge_answer(const struct device_record *r, const char *name,
                         const struct finding_sink *out)
{
    const struct device_status *d = &r->status;
    enum device_state state = (enum device_state)d->state;
    bool refused = device_state_is_credentials(state);
    bool silent = state != DEVICE_UP && !refused;
    struct finding f = finding_of(r, ALERT_SNMP_DEVICE_UNREACHABLE, silent, ENTITY_HOST, name);
    (void)snprintf(f.detail, sizeof f.detail, "%s (%s): %u polls in a row; %s", d->host,
                   device_state_name(state), d->failures, d->error);
    finding_put(out, &f);
    if (silent) {
        return; /* who says nothing says nothing about credentials */
    }
    f = finding_of(r, ALERT_SNMP_AUTH_FAILURE, refused, ENTITY_HOST, name);
    (void)snprintf(f.detail, sizeof f.detail, "%s: %s", d->host, d->error);
    finding_put(out, &f);
}

static void tell_restart(const struct device_record *r, const char *name,
                         const struct finding_sink *out)
{
    struct finding f = finding_of(r, ALERT_SNMP_DEVICE_RESTART, true, ENTITY_HOST, name);
    f.action = FINDING_EVENT;
    (void)snprintf(f.detail, sizeof f.detail, "%s is up for %llu s", r->status.host,
                   (unsigned long long)r->status.uptime_s);
    finding_put(out, &f);
}

static void judge_load(const struct device_record *r, struct memory *m,
                       const struct finding_sink *out)
{
    const struct device_status *d = &r->status;
    if (d->cpu != CPU_UNKNOWN) {
        m->cpu = is_high(m->cpu, d->cpu, CPU_HIGH, CPU_HIGH_OVER);
        struct finding f = finding_of(r, ALERT_SNMP_CPU_HIGH, m->cpu, ENTITY_HOST, m->name);
        (void)snprintf(f.detail, sizeof f.detail, "CPU %u.%u %%; threshold %d %%", d->cpu / 10,
                       d->cpu % 10, CPU_HIGH / 10);
        finding_put(out, &f);
    }
    if (d->memory_total >= WHOLE) {
        uint64_t permille = d->memory_used / (d->memory_total / WHOLE);
        m->memory = is_high(m->memory, permille, MEMORY_HIGH, MEMORY_HIGH_OVER);
        struct finding f = finding_of(r, ALERT_SNMP_MEMORY_HIGH, m->memory, ENTITY_HOST, m->name);
        (void)snprintf(f.detail, sizeof f.detail,
                       "%llu of %llu bytes of memory are used; threshold %d %%",
                       (unsigned long long)d->memory_used, (unsigned long long)d->memory_total,
                       MEMORY_HIGH / 10);
        finding_put(out, &f);
    }
}

static void observe_status(struct devices_state *s, const struct device_record *r,
                           const struct finding_sink *out)
{
    const char *best = r->status.name[0] != '\0' ? r->status.name : r->status.host;
    struct memory *m = memory_of(s, r->device, "");
    if (m == NULL) {
        judge_answer(r, best, out);
        return;
    }
    (void)snprintf(m->name, sizeof m->name, "%.127s", best);
    judge_answer(r, m->name, out);
    if (r->status.restarted) {
        tell_restart(r, m->name, out);
    }
    if (r->status.state == DEVICE_UP) {
        judge_load(r, m, out);
    }
}

/* ---- an interface ---- */

static void judge_link(const struct device_record *r, const char *id, struct memory *m,
                       const struct finding_sink *out)
{
    const struct device_interface *i = &r->interface;
    bool wanted = i->admin == ADMIN_UP;
    bool down = wanted && i->oper != OPER_UP && i->oper != 0;
    if (m->admin != 0 && i->admin != 0 && m->admin != i->admin) {
        struct finding f = finding_of(r, ALERT_SNMP_IF_ADMIN_CHANGE, true, ENTITY_INTERFACE, id);
        f.action = FINDING_EVENT;
        (void)snprintf(f.detail, sizeof f.detail, "switched %s on the device",
                       wanted ? "on" : "off");
        finding_put(out, &f);
    }
    m->admin = i->admin;
    m->was_up = wanted && (m->was_up || i->oper == OPER_UP);
    if (down && !m->was_up) {
        return; /* never seen up: nothing was lost, and an older alert stays as it is */
    }
    struct finding f = finding_of(r, ALERT_SNMP_IF_OPER_CHANGE, down, ENTITY_INTERFACE, id);
    (void)snprintf(f.detail, sizeof f.detail, "the interface is down%s%s",
                   i->alias[0] != '\0' ? ": " : "", i->alias);
    finding_put(out, &f);
}

static void judge_use(const struct device_record *r, const char *id, struct memory *m,
                      const struct finding_sink *out)
{
    const struct device_interface *i = &r->interface;
    uint32_t use = interface_use(i);
    m->high = is_high(m->high, use, USE_HIGH, USE_HIGH_OVER);
    m->critical = is_high(m->critical, use, USE_CRITICAL, USE_CRITICAL_OVER);
    const struct {
        uint16_t kind;
        bool bad;
        int threshold;
    } levels[] = {{ALERT_SNMP_IF_USAGE_HIGH, m->high, USE_HIGH},
                  {ALERT_SNMP_IF_USAGE_CRITICAL, m->critical, USE_CRITICAL}};
    for (size_t k = 0; k < sizeof levels / sizeof levels[0]; k++) {
        struct finding f = finding_of(r, levels[k].kind, levels[k].bad, ENTITY_INTERFACE, id);
        (void)snprintf(
            f.detail, sizeof f.detail,
            "%u.%u %% of %llu bit/s in use: %llu bit/s in, %llu bit/s out; threshold %d %%",
            use / 10, use % 10, (unsigned long long)i->speed_bps,
            (unsigned long long)interface_bps(i->in.octets, i->span_ms),
            (unsigned long long)interface_bps(i->out.octets, i->span_ms), levels[k].threshold / 10);
        finding_put(out, &f);
    }
}

static void judge_share(const struct device_record *r, const char *id, uint16_t kind,
                        const char *what, uint64_t count, uint64_t least, uint64_t of,
                        const struct finding_sink *out)
{
    uint64_t packets = r->interface.in.packets + r->interface.out.packets;
    struct finding f =
        finding_of(r, kind, count >= least && count > packets / of, ENTITY_INTERFACE, id);
    (void)snprintf(f.detail, sizeof f.detail, "%llu %s and %llu packets in %u s",
                   (unsigned long long)count, what, (unsigned long long)packets,
                   r->interface.span_ms / 1000);
    finding_put(out, &f);
}

static void observe_interface(struct devices_state *s, const struct device_record *r,
                              const struct finding_sink *out)
{
    const struct device_interface *i = &r->interface;
    struct memory *m = memory_of(s, r->device, i->key);
    const struct memory *device = m == NULL ? NULL : memory_of(s, r->device, "");
    char id[ALERT_ENTITY_SIZE];
    if (device == NULL) {
        return;
    }
    m = memory_of(s, r->device, i->key); /* entries move when one is put */
    (void)snprintf(id, sizeof id, "%.60s %s", device->name[0] != '\0' ? device->name : r->device,
                   i->key);
    judge_link(r, id, m, out);
    if (i->span_ms == 0) {
        return;
    }
    if (i->speed_bps != 0) {
        judge_use(r, id, m, out);
    }
    judge_share(r, id, ALERT_SNMP_IF_ERRORS, "errors", i->in.errors + i->out.errors, ERRORS_LEAST,
                ERRORS_OF, out);
    judge_share(r, id, ALERT_SNMP_IF_DISCARDS, "discards", i->in.discards + i->out.discards,
                DISCARDS_LEAST, DISCARDS_OF, out);
}

static void devices_device(void *state, const struct device_record *record,
                           const struct finding_sink *out)
{
    struct devices_state *s = state;
    switch ((enum device_record_kind)record->kind) {
    case DEVICE_STATUS: observe_status(s, record, out); break;
    case DEVICE_INTERFACE: observe_interface(s, record, out); break;
    case DEVICE_NEIGHBOURS: break;
    }
}

static const uint16_t devices_kinds[] = {
    ALERT_SNMP_DEVICE_UNREACHABLE, ALERT_SNMP_AUTH_FAILURE,  ALERT_SNMP_DEVICE_RESTART,
    ALERT_SNMP_CPU_HIGH,           ALERT_SNMP_MEMORY_HIGH,   ALERT_SNMP_IF_OPER_CHANGE,
    ALERT_SNMP_IF_ADMIN_CHANGE,    ALERT_SNMP_IF_USAGE_HIGH, ALERT_SNMP_IF_USAGE_CRITICAL,
    ALERT_SNMP_IF_ERRORS,          ALERT_SNMP_IF_DISCARDS,   0};

const struct detector detector_site_devices = {
    .name = "site_devices",
    .kinds = devices_kinds,
    .open = devices_open,
    .close = devices_close,
    .device = devices_device,
};
