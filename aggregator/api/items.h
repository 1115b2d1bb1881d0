/*
 * What the rows that a person makes and deletes by their ids have in common: recipients, schedules,
 * reports, assets. Query threads.
 */
#pragma once

#include "aggregator/api/call.h"

#include <stdint.h>

/* The {id} of the path; 0 when it is none, which no row has. */
int64_t call_id(const struct call *call);

/*
 * Runs a DELETE that adds its row of audit: $1 the path's id, $2 who, $3 from where. 204, or
 * unknown when it touched no row.
 */
struct http_response *item_delete(const struct call *call, struct pg *pg, const char *sql,
                                  const struct http_fault *unknown, struct err *e);

/* Why a row of this name and id was not written; `there` asks whether $1, the name, and $2 are. */
struct item_refusal {
    const char *there;
    const struct http_fault *unknown, *taken, *full;
};
/* id 0: a new one, which has either a name that is taken or no room. */
struct http_response *item_refuse(struct pg *pg, const struct item_refusal *why, int64_t id,
                                  const char *name, struct err *e);
