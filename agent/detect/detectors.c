#include "agent/detect/detector.h"

#include <stdlib.h>

static const struct detector *const registry[] = {
    &detector_flow_media,   &detector_flow_risk,  &detector_host_beacon,    &detector_host_scan,
    &detector_host_trw,     &detector_policy_acl, &detector_policy_netconf, &detector_policy_hosts,
    &detector_site_capture, &detector_site_agent, &detector_site_exporters, &detector_site_devices,
    &detector_site_probes,
};
enum { DETECTORS = sizeof registry / sizeof registry[0] };

struct detectors {
    struct detect_settings settings;
    struct finding_sink out;
    void *states[DETECTORS];
};

struct detectors *detectors_open(const struct detect_settings *settings, struct finding_sink out,
                                 struct err *e)
{
    struct detectors *d = calloc(1, sizeof *d);
    if (d == NULL) {
        (void)err_set(e, ERR_NOMEM, "the detectors");
        return NULL;
    }
    d->settings = *settings;
    d->out = out;
    for (size_t i = 0; i < DETECTORS; i++) {
        if (registry[i]->open == NULL) {
            continue;
        }
        d->states[i] = registry[i]->open(&d->settings, e);
        if (d->states[i] == NULL) {
            (void)err_wrap(e, "detector %s", registry[i]->name);
            detectors_close(d);
            return NULL;
        }
    }
    return d;
}

void detectors_close(struct detectors *d)
{
    if (d == NULL) {
        return;
    }
    for (size_t i = 0; i < DETECTORS; i++) {
        if (d->states[i] != NULL) {
            registry[i]->close(d->states[i]);
        }
    }
    free(d);
}

void detectors_set(struct detectors *d, const struct detect_settings *settings)
{
    d->settings = *settings;
}

void detectors_observe(struct detectors *d, const struct record *record)
{
    for (size_t i = 0; i < DETECTORS; i++) {
        if (registry[i]->observe != NULL) {
            registry[i]->observe(d->states[i], record, &d->out);
        }
    }
}

void detectors_device(struct detectors *d, const struct device_record *record)
{
    for (size_t i = 0; i < DETECTORS; i++) {
        if (registry[i]->device != NULL) {
            registry[i]->device(d->states[i], record, &d->out);
        }
    }
}

void detectors_probe(struct detectors *d, const struct probe_record *record)
{
    for (size_t i = 0; i < DETECTORS; i++) {
        if (registry[i]->probe != NULL) {
            registry[i]->probe(d->states[i], record, &d->out);
        }
    }
}

void detectors_tick(struct detectors *d, const struct agent_sample *sample)
{
    for (size_t i = 0; i < DETECTORS; i++) {
        if (registry[i]->tick != NULL) {
            registry[i]->tick(d->states[i], sample, &d->out);
        }
    }
}
