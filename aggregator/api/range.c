/* Reading of a range of time. */
#include "aggregator/api/range.h"

enum { HOUR_MS = 3600 * 1000 };

/* The last millisecond of the year 9999, which PostgreSQL and JavaScript can write. */
static const int64_t time_max = 253402300799999;

struct range range_read(struct args *args, uint64_t now)
{
    struct range range;
    range.to_ms = args_int(args, "to_ms", 0, time_max, (int64_t)now);
    int64_t before = range.to_ms > HOUR_MS ? range.to_ms - HOUR_MS : 0;
    range.from_ms = args_int(args, "from_ms", 0, time_max, before);
    if (range.from_ms >= range.to_ms) {
        args_fault(args, "from_ms", NULL, "from_ms must lie before to_ms.");
    }
    return range;
}

int64_t range_step(struct args *args, const struct range *range)
{
    enum { POINTS_MAX = 600, MS_PER_S = 1000, STEP_MAX_S = 86400 };
    int64_t least = (range->to_ms - range->from_ms) / MS_PER_S / POINTS_MAX + 1;
    int64_t wanted = args_int(args, "step_s", 1, STEP_MAX_S, 1);
    return wanted > least ? wanted : least;
}
