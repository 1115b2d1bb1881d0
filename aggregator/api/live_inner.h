/* What the two files of the live channel share. */
#pragma once

#include "aggregator/api/inner.h"
#include "aggregator/api/recent.h"
#include "aggregator/api/topic.h"

enum {
    POINTS_KEPT = 120, /* seconds of a watched instance in a snapshot */
    POINTS_NEW = 16,   /* that can wait for the next delta */
};

/* A topic instance/NAME, from its first subscriber to a minute after its last. */
struct watched {
    struct topic topic;
    struct watched *next;
    struct live_point kept[POINTS_KEPT]; /* told already; the oldest at kept_count mod size */
    unsigned kept_count;                 /* ever */
    struct live_point fresh[POINTS_NEW];
    unsigned fresh_count;
    bool changed;       /* the instance's row has */
    uint64_t leased_ns; /* monotonic, of the last fleet_watch; 0: none */
    uint64_t left_ns;   /* when the last subscriber went */
};

struct subscriber;

struct live {
    struct web *web;
    struct topic fleet;
    struct topic alerts;
    struct watched *watched;
    struct recent recent;
    bool load_wanted; /* the newest alerts are to be read from the database */
    bool loading;
    uint64_t load_ns; /* of the last attempt */
    struct subscriber *subscribers;
    unsigned subscriber_count;
};

static inline const char *watched_name(const struct watched *w)
{
    return w->topic.name + sizeof "instance/" - 1;
}

/* topics.c: what is said on each topic. */
void topics_open(struct live *live);
void topics_close(struct live *live);
/* The topic of this name, made when it is an instance that may be watched; NULL: there is none. */
struct topic *topics_find(struct live *live, const char *name);
void topics_left(struct live *live, struct topic *topic, uint64_t mono_ns);
/* The present state as a frame, borrowed, whose number is topic->snap_n; NULL: not yet. */
struct http_frame *topics_snap(struct live *live, struct topic *topic);
void topics_tick(struct live *live, uint64_t mono_ns);

/* live.c: makes every subscriber of the topic look for more. restart: it needs a snapshot. */
void live_tell(struct live *live, const struct topic *topic, bool restart);
