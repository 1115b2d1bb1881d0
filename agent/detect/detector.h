/*
 * The registry of detectors: one file each, a table of functions each. Detectors see flow records
 * and samples of the agent, and return findings; they know nothing of alerts. Control's thread;
 * time comes with what they are shown.
 */
#pragma once

#include "agent/detect/finding.h"
#include "agent/detect/sample.h"
#include "agent/flow/record.h"
#include "common/err.h"
#include "common/wire/devices.h"
#include "common/wire/probes.h"

#include <stdint.h>

enum {
    DETECT_SCAN_MAX = 128, /* most that scan_ports and scan_hosts may be set to */
};

struct policies;

/* Thresholds; may change while running. */
struct detect_settings {
    unsigned scan_ports;       /* distinct ports of one host, 2 to DETECT_SCAN_MAX */
    unsigned scan_hosts;       /* distinct hosts on one port, 2 to DETECT_SCAN_MAX */
    uint64_t window_ns;        /* within which they count */
    struct policies *policies; /* the rules of the centre; NULL: none */
};

struct detector {
    const char *name;
    const uint16_t *kinds; /* alert kinds that it may find, 0 at the end */
    /* Any may be NULL, open and close together: then state is NULL. */
    /* The detector's memory, bounded; settings stay valid and may change. NULL and e on failure. */
    void *(*open)(const struct detect_settings *settings, struct err *e);
    void (*close)(void *state);
    void (*observe)(void *state, const struct record *record, const struct finding_sink *out);
    void (*tick)(void *state, const struct agent_sample *sample, const struct finding_sink *out);
    /* What the poller found. */
    void (*device)(void *state, const struct device_record *record, const struct finding_sink *out);
    void (*probe)(void *state, const struct probe_record *record, const struct finding_sink *out);
};

extern const struct detector detector_flow_media;
extern const struct detector detector_flow_risk;
extern const struct detector detector_host_beacon;
extern const struct detector detector_host_scan;
extern const struct detector detector_host_trw;
extern const struct detector detector_policy_acl;
extern const struct detector detector_policy_netconf;
extern const struct detector detector_policy_hosts;
extern const struct detector detector_site_capture;
extern const struct detector detector_site_agent;
extern const struct detector detector_site_exporters;
extern const struct detector detector_site_devices;
extern const struct detector detector_site_probes;

struct detectors;

/* Opens all; findings go to the sink, on the caller's stack. NULL and e on failure. */
struct detectors *detectors_open(const struct detect_settings *settings, struct finding_sink out,
                                 struct err *e);
void detectors_close(struct detectors *d);
/* New thresholds, after a reload. */
void detectors_set(struct detectors *d, const struct detect_settings *settings);
void detectors_observe(struct detectors *d, const struct record *record);
void detectors_device(struct detectors *d, const struct device_record *record);
void detectors_probe(struct detectors *d, const struct probe_record *record);
/* Once a second. */
void detectors_tick(struct detectors *d, const struct agent_sample *sample);
