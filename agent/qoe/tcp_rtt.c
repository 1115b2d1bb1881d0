/*
 * Two matchers, each "keep the first, drop the new one when full": evicting an older mark for a
 * newer one loses nearly all samples of a full pipe.
 *   - By ACK: the ends of segments, matched exactly. Any old data sent again clears all marks
 *     (Karn's rule, RFC 6298 section 3; Sengupta, Kim, Rexford: "Continuous in-network round-trip
 *     time monitoring", SIGCOMM 2022, collapses its range likewise).
 *   - By timestamp option (RFC 7323): a TSval and its echo, as pping does; marked only by what is
 *     acknowledged at once (data, SYN, FIN), and each used once. It goes on while losses silence
 *     the first.
 * Deviation from a pure preference for ACKs: one segment gives at most one sample, by ACK when its
 * edge is known, else by its echo, and both stand in the same window.
 *
 * A delayed ACK makes a sample longer (40 ms on Linux, up to 500 ms by RFC 1122). So windows are
 * judged by their median, and the minimum is kept beside it.
 */
#include "agent/qoe/tcp_rtt.h"

#include <string.h>

enum { MIN_SAMPLES = 3 };

static int32_t diff(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

static void arm_stamp(struct qoe_rtt *r, const struct tcp_segment *tcp, uint32_t now_us)
{
    bool news = !r->armed || diff(tcp->stamp, r->stamp_armed) > 0;
    if (!tcp->stamped || tcp->stamp == 0 || !news) {
        return;
    }
    r->armed = true;
    r->stamp_armed = tcp->stamp;
    if (r->stamps < QOE_STAMPS) {
        r->stamp[r->stamps++] = (struct qoe_mark){.value = tcp->stamp, .at_us = now_us};
    }
}

void qoe_rtt_arm(struct qoe_rtt *r, const struct tcp_segment *tcp, uint32_t end, uint32_t now_us)
{
    if (r->edges < QOE_EDGES) {
        r->edge[r->edges++] = (struct qoe_mark){.value = end, .at_us = now_us};
    }
    arm_stamp(r, tcp, now_us);
}

void qoe_rtt_doubt(struct qoe_rtt *r)
{
    r->edges = 0;
}

void qoe_rtt_forget(struct qoe_rtt *r)
{
    r->edges = 0;
    r->stamps = 0;
    r->trips.last_us = 0;
}

/* Takes all marks up to `value` out; gives the time since the one that is equal, 0: none. */
static uint32_t match(struct qoe_mark *marks, uint8_t *count, uint32_t value, uint32_t now_us)
{
    uint32_t us = 0;
    unsigned passed = 0;
    while (passed < *count && diff(marks[passed].value, value) <= 0) {
        if (marks[passed].value == value) {
            us = now_us - marks[passed].at_us;
            us = us == 0 ? 1 : us;
        }
        passed++;
    }
    if (passed > 0) {
        *count = (uint8_t)(*count - passed);
        memmove(marks, marks + passed, *count * sizeof *marks);
    }
    return us;
}

void qoe_rtt_ack(struct qoe_rtt *r, const struct tcp_segment *tcp, uint32_t now_us)
{
    uint32_t by_ack = 0;
    uint32_t by_echo = 0;
    if ((tcp->flags & TCP_ACK) != 0 && r->edges > 0) {
        by_ack = match(r->edge, &r->edges, tcp->ack, now_us);
    }
    if (tcp->stamped && tcp->echo != 0 && r->stamps > 0) {
        by_echo = match(r->stamp, &r->stamps, tcp->echo, now_us);
    }
    if (by_ack != 0) {
        qoe_trips_add(&r->trips, by_ack);
    } else if (by_echo != 0) {
        qoe_trips_add(&r->trips, by_echo);
    }
}

struct qoe_rtt_window qoe_rtt_close(struct qoe_rtt *r, bool last)
{
    uint32_t seen = r->trips.window.seen;
    struct qoe_rtt_window w = qoe_trips_close(&r->trips, MIN_SAMPLES);
    if (last && !w.fresh) {
        w.samples = seen; /* too few for a verdict, but they are not for a later one */
    }
    return w;
}
