/* The table behind /metrics, made of the same list as the struct. */
#include "aggregator/fleet/metrics.h"

#include <stddef.h>

static const struct metric_row rows[] = {
#define METRICS_ROW(name, type, help) {#name, #type, help, offsetof(struct metrics, name)},
    METRICS(METRICS_ROW)
#undef METRICS_ROW
        {NULL, NULL, NULL, 0},
};

const struct metric_row *metrics_table(void)
{
    return rows;
}
