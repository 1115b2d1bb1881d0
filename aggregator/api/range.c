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
