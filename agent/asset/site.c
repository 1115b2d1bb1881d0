#include "agent/asset/site.h"

#include "common/clock.h"

struct site_totals site_totals(struct host_table *hosts, uint64_t now_ns)
{
    struct site_totals totals = {0};
    size_t at = 0;
    for (const struct host *h = host_table_next(hosts, &at); h != NULL;
         h = host_table_next(hosts, &at)) {
        if (h->last_ns + (uint64_t)HOST_ACTIVE_S * NS_PER_S < now_ns) {
            continue;
        }
        totals.active++;
        totals.active_local += h->local ? 1 : 0;
        totals.services += h->local ? h->service_count : 0;
    }
    return totals;
}
