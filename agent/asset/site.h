/* What the hosts of the site come to, as a few gauges. Control's thread. */
#pragma once

#include "agent/asset/host.h"

struct site_totals {
    uint32_t active;       /* hosts seen in the last HOST_ACTIVE_S */
    uint32_t active_local; /* of them in the local networks */
    uint32_t services;     /* that active local hosts answer on */
};

/* One walk over the table. */
struct site_totals site_totals(struct host_table *hosts, uint64_t now_ns);
