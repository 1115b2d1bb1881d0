#define LOG_MODULE "control"
#include "agent/control_poll.h"

#include "agent/control_parts.h"

#include "common/clock.h"
#include "common/log.h"

#include <stdlib.h>
#include <string.h>

/* ---- what there is ---- */

static bool has_device(const char *id, void *arg)
{
    const struct poller_plan *plan = arg;
    for (size_t i = 0; i < plan->device_count; i++) {
        if (strcmp(plan->devices[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_probe(const char *id, void *arg)
{
    const struct poller_plan *plan = arg;
    for (size_t i = 0; i < plan->probe_count; i++) {
        if (strcmp(plan->probes[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- results; one that was under way when its target was deleted tells nothing ---- */

static void on_device(const struct device_record *record, void *arg)
{
    struct control *c = arg;
    struct err e = {0};
    if (!has_device(record->device, &c->poll.plan)) {
        return;
    }
    detectors_device(c->detectors, record);
    if (uplink_device(c->uplink, record, &e) != 0) {
        log_warn(&e, "what a device told is not kept");
    }
}

static void on_probe(const struct probe_record *record, void *arg)
{
    struct control *c = arg;
    struct err e = {0};
    if (!has_probe(record->probe, &c->poll.plan)) {
        return;
    }
    detectors_probe(c->detectors, record);
    if (uplink_probe(c->uplink, record, &e) != 0) {
        log_warn(&e, "the result of a probe is not kept");
    }
}

static void on_wake(uv_async_t *async)
{
    struct control *c = async->data;
    const struct poller_sink sink = {.device = on_device, .probe = on_probe, .arg = c};
    poller_drain(c->poll.poller, &sink);
    uint64_t dropped = poller_dropped(c->poll.poller);
    if (dropped > c->poll.dropped) {
        log_warn(NULL, "%llu results of the poller had no room",
                 (unsigned long long)(dropped - c->poll.dropped));
        c->poll.dropped = dropped;
    }
}

static void wake(void *arg)
{
    (void)uv_async_send(arg); /* fails only for a closed handle */
}

/* ---- the plan ---- */

/* The poller gets a plan of its own each time; none changes under it. */
static int hand_over(struct control_poll *p, struct err *e)
{
    struct poller_plan *plan = calloc(1, sizeof *plan);
    struct config_snmp *devices = calloc(p->plan.device_count + 1, sizeof *devices);
    struct config_probe *probes = calloc(p->plan.probe_count + 1, sizeof *probes);
    if (plan == NULL || devices == NULL || probes == NULL) {
        free(plan);
        free(devices);
        free(probes);
        return err_set(e, ERR_NOMEM, "no memory for the poller's targets");
    }
    if (p->plan.device_count > 0) {
        memcpy(devices, p->plan.devices, p->plan.device_count * sizeof *devices);
    }
    if (p->plan.probe_count > 0) {
        memcpy(probes, p->plan.probes, p->plan.probe_count * sizeof *probes);
    }
    *plan = (struct poller_plan){.devices = devices,
                                 .device_count = p->plan.device_count,
                                 .probes = probes,
                                 .probe_count = p->plan.probe_count};
    poller_set(p->poller, plan);
    return 0;
}

int control_poll_take_devices(const json_t *items, void *arg, struct err *e)
{
    struct control *c = arg;
    struct poller_plan *plan = &c->poll.plan;
    size_t count = json_array_size(items);
    struct config_snmp *devices = calloc(count + 1, sizeof *devices);
    if (devices == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for %zu devices", count);
    }
    for (size_t i = 0; i < count; i++) {
        struct config_fault fault = {0}; /* the section's check has seen them all */
        config_snmp_read(json_array_get(items, i), &devices[i], &fault);
    }
    if (plan->devices != NULL) {
        explicit_bzero(plan->devices, plan->device_count * sizeof *plan->devices);
    }
    free(plan->devices);
    plan->devices = devices;
    plan->device_count = count;
    alert_engine_keep(c->alerts, "snmp/", has_device, plan, clock_wall_ns());
    return hand_over(&c->poll, e);
}

int control_poll_take_probes(const json_t *items, void *arg, struct err *e)
{
    struct control *c = arg;
    struct poller_plan *plan = &c->poll.plan;
    size_t count = json_array_size(items);
    struct config_probe *probes = calloc(count + 1, sizeof *probes);
    if (probes == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for %zu probes", count);
    }
    for (size_t i = 0; i < count; i++) {
        struct config_fault fault = {0}; /* as above */
        config_probe_read(json_array_get(items, i), &probes[i], &fault);
    }
    free(plan->probes);
    plan->probes = probes;
    plan->probe_count = count;
    alert_engine_keep(c->alerts, "probe/", has_probe, plan, clock_wall_ns());
    return hand_over(&c->poll, e);
}

/* ---- life ---- */

int control_poll_open(struct control *c, struct err *e)
{
    struct poller_options options = {.icmp = c->start->icmp, .wake = wake, .arg = &c->poll.wake};
    int result = uv_async_init(&c->loop, &c->poll.wake, on_wake);
    if (result != 0) {
        return err_set(e, ERR_IO, "no wake-up for the poller: %s", uv_err_name(result));
    }
    c->poll.wake.data = c;
    c->poll.woken = true;
    c->poll.poller = poller_open(&options, e);
    return c->poll.poller == NULL ? -1 : 0;
}

void control_poll_close(struct control *c)
{
    struct poller_plan *plan = &c->poll.plan;
    if (c->poll.poller != NULL && c->uplink != NULL) {
        on_wake(&c->poll.wake); /* what has come so far is kept */
    }
    poller_close(c->poll.poller);
    c->poll.poller = NULL;
    if (c->poll.woken) {
        uv_close((uv_handle_t *)&c->poll.wake, NULL);
        c->poll.woken = false;
    }
    if (plan->devices != NULL) {
        explicit_bzero(plan->devices, plan->device_count * sizeof *plan->devices);
    }
    free(plan->devices);
    free(plan->probes);
    *plan = (struct poller_plan){0};
}
