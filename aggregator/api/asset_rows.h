/* Assets as the endpoints read them: which ones are meant, in which order, and how one is shown. */
#pragma once

#include "aggregator/api/args.h"
#include "aggregator/store/pg.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ASSET_SQL_SIZE = 8192, ASSET_VALUE_SIZE = 256 };

/* Of an instance that does not answer nobody knows who is online now. */
#define ASSET_STATE_SQL                                                                            \
    "CASE WHEN i.state IN ('invited', 'pending', 'unreachable', 'stopped', 'revoked',"             \
    " 'duplicate') THEN 'unknown' WHEN a.online THEN 'online' ELSE 'offline' END"

/* What is asked for; NULL and negative mean any. Texts are borrowed from the request. */
struct asset_filter {
    const char *instance, *site, *network, *vendor, *name, *service, *search;
    char mac[18]; /* "" for any */
    int service_l4;
    int64_t service_port, vlan, first_from_ms, first_to_ms, last_from_ms, last_to_ms;
    int state; /* place in asset_states */
    int os, device;
    int sort;
    bool desc;
};

extern const char *const asset_states[]; /* ended by NULL */
/* The names of the parameters that asset_filter_read knows, for args_of; ended by NULL. */
extern const char *const asset_params[];

struct asset_filter asset_filter_read(struct args *args);
/* Adds its 18 parameters. with_state: false leaves the state out. */
void asset_filter_add(struct pg_args *args, const struct asset_filter *f, bool with_state);
/* " FROM … WHERE …" over them. */
extern const char asset_filter_sql[];
/* The columns that asset_shape reads; a column more may follow. */
extern const char asset_columns_sql[];
enum { ASSET_COLUMNS = 22 };

/* What rows are ordered by, as SQL, and the type that a value of it is cast to. */
const char *asset_order_sql(const struct asset_filter *f, const char **type);
json_t *asset_shape(const struct pg_rows *rows, unsigned row);
