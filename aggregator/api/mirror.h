/*
 * The fleet as the web thread knows it: a copy of every instance's view, kept by the fleet's
 * events, so that pages are served without asking anybody. The web thread only.
 */
#pragma once

#include "aggregator/fleet/fleet_view.h"
#include "common/err.h"
#include "common/table.h"

#include <jansson.h>
#include <stdbool.h>

struct mirror_row {
    char name[NAME_MAX_LEN + 1]; /* the key */
    struct instance_view *view;  /* owned */
    struct instance_view *told;  /* as it was at the last mirror_changes; owned; NULL: as now */
    bool changed;                /* since the last mirror_changes */
};

struct mirror {
    struct table *rows; /* of struct mirror_row */
    struct table *own;  /* ids of engaged alerts about the centre itself */
    struct centre_view centre;
    bool complete; /* a whole snapshot has come */
    bool changed;  /* some row is, or one has gone, or the centre has */
    bool urgent;   /* a state is among what changed */
    json_t *gone;  /* ids since the last mirror_changes */
};

int mirror_open(struct mirror *mirror, struct err *e);
void mirror_close(struct mirror *mirror);

/* Takes over view. */
void mirror_put(struct mirror *mirror, struct instance_view *view);
void mirror_remove(struct mirror *mirror, const char *name);
void mirror_centre(struct mirror *mirror, const struct centre_view *centre);
/* Notes an alert about the centre itself as engaged or over. */
void mirror_own_alert(struct mirror *mirror, int64_t id, bool engaged);

/* Borrowed until the next event; NULL when there is none of that name. */
const struct instance_view *mirror_find(const struct mirror *mirror, const char *name);

/*
 * New references: {instances, totals, centre} of all, and of what changed the same with `gone` and
 * `figures`, which holds the rows of which nothing but figures did.
 */
json_t *mirror_all(struct mirror *mirror);
json_t *mirror_changes(struct mirror *mirror);
/* Forgets what changed: nobody wants to know. */
void mirror_skip(struct mirror *mirror);
