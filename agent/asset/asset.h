/*
 * The assets of the site: local hosts that have sent something, by VLAN and address, with MAC,
 * vendor, names by source, services and presence; what changes is told as events, and each asset
 * is published as a record when it is new, when it has changed and at a slow pace. The state
 * survives restarts in a file, so that a known host is not new again and silence across a restart
 * is noticed. Control's thread; time is wall time, as packets of replayed files are shifted to it.
 *
 * A device is what one network card carries: the assets of one MAC, or an asset without one. New
 * and missing are judged by device, as a host has several addresses and IPv6 changes them daily. A
 * MAC with more than ASSET_SHARED_ADDRS IPv4 addresses is a router's: its assets stand alone.
 */
#pragma once

#include "agent/asset/host.h"
#include "agent/asset/vendor.h"
#include "agent/flow/record.h"
#include "agent/flow/sighting.h"
#include "common/err.h"
#include "common/wire/assets.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ASSET_SHARED_ADDRS = 8,      /* of IPv4 within a day; more share the MAC of a router */
    ASSET_SETTLE_S = 10,         /* a new host's first names are awaited so long */
    ASSET_REFRESH_S = 300,       /* an active asset is published at least so often */
    ASSET_RESEND_S = 24 * 3600,  /* every asset, so that a centre made anew learns of them */
    ASSET_HANDOVER_S = 600,      /* an address that changes its MAC sooner was in use */
    ASSET_MISSED_S = 7 * 86400,  /* a device missing for longer is no longer expected */
    ASSET_FORGET_S = 30 * 86400, /* an asset silent for longer is forgotten here */
    ASSET_SAVE_S = 60,           /* between two writings of the state; sooner after an event */
};

struct asset {
    struct host_key key; /* first: the table's key */
    struct wire_asset known;
    struct mac other;     /* a MAC seen once: it takes over when it is seen again */
    bool fresh;           /* not yet judged new or known */
    bool dirty;           /* changed since it was published */
    uint64_t up_ns;       /* online without a break since; 0 while offline */
    uint64_t gone_ns;     /* last heard before it was missing */
    uint64_t told_ns;     /* when it was published last */
    uint64_t moved_ns[2]; /* its last two changes of MAC, the older first; 0: none */
    uint64_t renamed_ns;  /* when a name change was last told */
    uint8_t service_flows[ASSET_SERVICES_MAX]; /* seen of each, up to what counts as used */
};

enum asset_event_kind {
    ASSET_EVENT_NEW = 1, /* a device not seen before */
    ASSET_EVENT_MAC,     /* an address in use is answered by another card */
    ASSET_EVENT_FLAP,    /* … for the third time in ten minutes */
    ASSET_EVENT_NAME,    /* a host calls itself otherwise */
    ASSET_EVENT_SERVICE, /* an asset known for long answers on another port */
    ASSET_EVENT_VLAN,    /* a known card appears in another VLAN */
    ASSET_EVENT_MISSING, /* an always-on device is silent; told again while it lasts */
    ASSET_EVENT_BACK,    /* it is heard again */
};

struct asset_event {
    enum asset_event_kind kind;
    uint64_t at_ns;
    const struct asset *asset; /* borrowed for the call */
    char before[ASSET_NAME_SIZE];
    char after[ASSET_NAME_SIZE];
    uint64_t silent_s; /* MISSING and BACK: length of the silence */
};

struct asset_sink {
    void (*publish)(const struct wire_asset *asset, void *arg);
    void (*event)(const struct asset_event *event, void *arg);
    /* Takes over the text of the state file, to replace it as a whole; see assets_unsaved. */
    void (*save)(char *text, size_t len, void *arg);
    void *arg;
};

/* Durations in ns. */
struct asset_rules {
    uint64_t learn_ns;         /* no events in the time after the very first start */
    uint64_t learn_service_ns; /* a new service is news only for an asset known for so long */
    uint64_t offline_ns;       /* silence that makes an asset offline */
    uint64_t always_on_ns;     /* unbroken presence that makes a device always-on */
};

struct asset_options {
    const char *path;    /* of the state file, read at the start; NULL: nothing is kept */
    const char *vendors; /* folder of the registries */
    size_t max;
    struct networks local;
    struct asset_rules rules;
    struct asset_sink sink;
};

struct assets;

/* Opens with what the file holds; one that cannot be read is put aside. NULL and e: no memory. */
struct assets *assets_open(const struct asset_options *options, uint64_t now_ns, struct err *e);
/* NULL is fine. Does not save. */
void assets_close(struct assets *a);
/* New local networks and rules, after a reload. The prefixes are borrowed. */
void assets_set(struct assets *a, struct networks local, const struct asset_rules *rules);

/* Notes who sent something. */
void assets_account(struct assets *a, const struct account *account);
/* Notes the names and services that a flow shows. */
void assets_learn(struct assets *a, const struct flow_record *r);
void assets_sighted(struct assets *a, const struct sighting *s);
/* What was last handed to save is not on disk: it is to be saved again. */
void assets_unsaved(struct assets *a);
/* Judges presence, tells events, publishes and saves what is due. Every second. */
void assets_tick(struct assets *a, uint64_t now_ns);
/* At the end: publishes what has changed, and saves. */
void assets_flush(struct assets *a, uint64_t now_ns);

struct assets_stats {
    size_t known, online, vendors;
    uint64_t refused;           /* hosts without room */
    uint64_t learning_until_ns; /* 0 when that time is over */
};
struct assets_stats assets_stats(const struct assets *a, uint64_t now_ns);
const struct asset *assets_get(const struct assets *a, const struct host_key *key);
