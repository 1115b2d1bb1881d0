/* The assets as the files of their module know them. Nobody outside includes it. */
#pragma once

#include "agent/asset/asset.h"
#include "common/table.h"

enum { ASSET_WAITING = 256 /* sightings of hosts that have not yet been heard */ };

struct assets {
    struct asset_options options;
    struct table *table; /* struct asset */
    struct table *cards; /* of one judgement: struct card by MAC */
    struct vendors *vendors;
    uint64_t since_ns;  /* the very first start: learning counts from it */
    uint64_t judged_ns; /* 0: never */
    uint64_t saved_ns;
    bool unsaved;                    /* something has changed since */
    bool urgent;                     /* an event is not saved yet */
    uint64_t heard;                  /* accounts taken */
    uint64_t heard_before, heard_ns; /* as of the last tick; when it last grew */
    uint64_t grace_ns;   /* silence counts from here at the earliest: nothing was captured before */
    uint64_t missing_ns; /* when missing devices were last told */
    uint64_t refused;
    struct sighting waiting[ASSET_WAITING]; /* newest over oldest */
    unsigned waiting_at;
};

/* True in the time after the first start in which everything is new. */
bool assets_learning(const struct assets *a, uint64_t now_ns);
/* Notes a change for the asset's next record; before and after may be NULL. */
void asset_changed(struct assets *a, struct asset *asset, enum asset_change_kind kind,
                   uint64_t at_ns, const char *before, const char *after);
/* Tells an event, unless it is one of those that learning holds back. */
void asset_tell(struct assets *a, const struct asset_event *event);
/* Presence, devices, events. */
void assets_judge(struct assets *a, uint64_t now_ns);

/* The state file's text, handed on: a line for the whole, then a record an asset. 0, or -1 and e.
 */
int assets_save(struct assets *a, uint64_t now_ns, struct err *e);
/* A missing file holds nothing. */
int assets_load(struct assets *a, uint64_t now_ns, struct err *e);
