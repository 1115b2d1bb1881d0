/*
 * The agent's settings: what it must know to be born. One table of rows drives the loader,
 * --check-config, --print-config and docs/config.md. Read by main.c, the engine and control.
 */
#pragma once

#include "common/addr.h"
#include "common/conf.h"
#include "common/err.h"
#include "common/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { SETTINGS_MAX_NETWORKS = 256 };

/* Durations are in milliseconds, sizes in bytes; lists and texts are owned by the struct. */
struct settings {
    char *name;
    char *site;
    char *token_file;
    char *log_level;
    struct conf_list nats_urls;
    char *nats_ca;
    bool nats_allow_plain;

    struct conf_list capture_sources; /* "eth0", "any", "file:/x.pcap?loop&pace=1" */
    char *capture_filter;
    int64_t capture_workers;
    int64_t capture_ring;
    int64_t capture_snaplen;
    struct conf_list capture_tunnels;
    unsigned tunnels; /* capture_tunnels as TUNNEL_BITs */
    int64_t capture_fragments;

    int64_t memory_max;
    int64_t flow_max;
    int64_t flow_half_open;
    int64_t flow_idle_tcp;
    int64_t flow_idle_udp;
    int64_t flow_idle_other;
    int64_t flow_unanswered;
    int64_t flow_linger;
    int64_t flow_report;

    bool dpi_enabled;
    bool dpi_strict;
    struct conf_list dpi_disabled;
    int64_t dpi_max_states;

    struct conf_list networks_local;
    struct addr_prefix local[SETTINGS_MAX_NETWORKS]; /* networks_local, parsed */
    size_t local_count;

    char *spool_dir;
    int64_t spool_cap;

    int64_t hosts_max;

    int64_t assets_max;
    int64_t assets_learn;
    int64_t assets_learn_services;
    int64_t assets_offline_after;
    int64_t assets_always_on;
    char *assets_vendors;

    char *geo_country;
    char *geo_asn;

    int64_t detect_scan_ports;
    int64_t detect_scan_hosts;
    int64_t detect_window;
};

/*
 * Loads path (NULL: defaults and environment alone) into a new struct. Returns NULL with every
 * fault in faults, which the caller releases with conf_faults_done in either case.
 */
struct settings *settings_load(const char *path, struct conf_faults *faults);
/* Settings for one pass over a capture file: all defaults, no name. NULL and e on failure. */
struct settings *settings_for_file(const char *path, struct err *e);
void settings_free(struct settings *s);

/* The level named by log.level. */
enum log_level settings_log_level(const struct settings *s);
/*
 * Takes over what may change while the agent runs from `fresh`, which keeps the old values and is
 * then to be freed. True when fresh differed in other keys too: those wait for a restart.
 */
bool settings_adopt(struct settings *s, struct settings *fresh);
/* Adds a protocol to dpi.disabled, unless it stands there already. 0, or -1 without memory. */
int settings_disable(struct settings *s, const char *protocol, struct err *e);
/* True when the engine must be started anew for `to` to take effect. */
bool settings_engine_differs(const struct settings *from, const struct settings *to);
/* True when the address lies in networks.local. */
bool settings_is_local(const struct settings *s, enum addr_family family, const struct addr *addr);

/* Prints all keys with their values, secrets masked. */
void settings_print(const struct settings *s, FILE *out);
/* Prints the reference of all keys as Markdown, for docs/config.md. */
void settings_print_markdown(FILE *out);
