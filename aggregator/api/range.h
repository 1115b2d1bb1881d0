/* The time that a page of counters asks for. */
#pragma once

#include "aggregator/api/args.h"

struct range {
    int64_t from_ms, to_ms;
};

/* from_ms and to_ms of the query: by default the hour up to now. */
struct range range_read(struct args *args, uint64_t now);
/* step_s of the query in seconds, by default and at least so long that at most 600 points come. */
int64_t range_step(struct args *args, const struct range *range);
