#include "agent/drill_flows.h"

#include "agent/intake.h"
#include "agent/rows.h"
#include "common/addr.h"
#include "common/clock.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>

/* Columns that flows may be ordered by: as in the rows, and as the engine calls them. */
static const struct column {
    const char *row;
    const char *engine;
} columns[] = {
    {"bytes", "bytes"},
    {"bytes_c2s", "bytes_c2s"},
    {"bytes_s2c", "bytes_s2c"},
    {"packets", "packets"},
    {"packets_c2s", "packets_c2s"},
    {"packets_s2c", "packets_s2c"},
    {"bps", "bps"},
    {"first_ms", "first"},
    {"last_ms", "last"},
    {"duration_ms", "duration"},
    {"flow_id", "id"},
    {"client", "client"},
    {"client_port", "client_port"},
    {"server", "server"},
    {"server_port", "server_port"},
    {"vlan", "vlan"},
    {"transport", "l4"},
    {"protocol", "protocol"},
    {"app", "app"},
    {"category", "category"},
    {"host", "host"},
    {"status", "status"},
    {"rtt_client_us", "rtt_client_us"},
    {"rtt_server_us", "rtt_server_us"},
    {"retransmitted", "retransmitted"},
    {"out_of_order", "out_of_order"},
    {"penalty", "penalty"},
    {"risks", "risks"},
};

struct pending {
    struct query question;
    const struct column *column;
    bool desc;
    uint64_t deadline_ns; /* monotonic */
};

struct drill_flows {
    struct engine_link *link;
    struct geo *geo;
    struct answer_sink sink;
    struct pending queue[DRILL_WAITING]; /* the first is with the engine */
    size_t waiting;
    uint64_t id; /* of the question with the engine; counts up */
};

struct drill_flows *drill_flows_new(struct engine_link *link, struct geo *geo,
                                    struct answer_sink sink, struct err *e)
{
    struct drill_flows *d = calloc(1, sizeof *d);
    if (d == NULL) {
        (void)err_set(e, ERR_NOMEM, "drill-down");
        return NULL;
    }
    d->link = link;
    d->geo = geo;
    d->sink = sink;
    /* A control before us may have asked: begin above what the lanes have answered. */
    for (unsigned i = 0; i < link->workers; i++) {
        uint64_t seen = atomic_load(&link->lanes[i].snapshot->ready_id);
        d->id = seen > d->id ? seen : d->id;
    }
    d->id += DRILL_WAITING;
    return d;
}

void drill_flows_free(struct drill_flows *d)
{
    free(d);
}

static const struct column *column_find(const char *name)
{
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        if (strcmp(columns[i].row, name) == 0) {
            return &columns[i];
        }
    }
    return NULL;
}

/* Puts the first question of the queue to every lane. */
static void put_to_engine(struct drill_flows *d)
{
    const struct pending *p = &d->queue[0];
    uint64_t wanted = (uint64_t)p->question.cursor + p->question.limit;
    struct engine_question question = {
        .id = ++d->id,
        .filter = p->question.filter,
        .desc = p->desc,
        .limit = wanted > QUERY_LIMIT_MAX ? QUERY_LIMIT_MAX : (uint32_t)wanted,
    };
    memcpy(question.sort, p->column->engine, strlen(p->column->engine) + 1);
    for (unsigned i = 0; i < d->link->workers; i++) {
        struct engine_question *slot = ring_reserve(d->link->lanes[i].questions);
        if (slot == NULL) {
            continue; /* a lane that stands still: the deadline says so */
        }
        *slot = question;
        ring_commit(d->link->lanes[i].questions);
        (void)eventfd_write(d->link->to_worker[i], 1); /* fails only when it is awake already */
    }
}

void drill_flows_ask(struct drill_flows *d, const struct query *question, uint64_t mono_ns)
{
    bool is_default = question->sort[0] == '\0';
    const struct column *column = column_find(is_default ? "bytes" : question->sort);
    if (column == NULL) {
        answer_fail(question, d->sink, "bad_request", "flows have no such column to sort by");
        return;
    }
    if (question->cursor >= QUERY_LIMIT_MAX) {
        answer_fail(question, d->sink, "bad_request",
                    "only the first 1000 flows of an order can be paged; filter instead");
        return;
    }
    if (d->waiting == DRILL_WAITING) {
        answer_fail(question, d->sink, "busy", "too many questions wait already; ask again");
        return;
    }
    uint64_t wait_ms = question->deadline_ms > 2 * DRILL_MARGIN_MS
                           ? question->deadline_ms - DRILL_MARGIN_MS
                           : DRILL_MARGIN_MS;
    d->queue[d->waiting++] = (struct pending){
        .question = *question,
        .column = column,
        .desc = is_default || question->desc,
        .deadline_ns = mono_ns + wait_ms * NS_PER_MS,
    };
    if (d->waiting == 1) {
        put_to_engine(d);
    }
}

/* Rows of one lane, checked and as JSON, in the lane's order. */
struct lane_rows {
    json_t *rows;
    size_t at; /* the next one to be merged */
};

static bool lane_is_ready(const struct drill_flows *d, unsigned lane)
{
    /* Released by the worker once the rows are whole. */
    return atomic_load_explicit(&d->link->lanes[lane].snapshot->ready_id, memory_order_acquire) ==
           d->id;
}

static json_t *lane_read(struct geo *geo, const struct engine_snapshot *snapshot)
{
    json_t *rows = json_array();
    uint32_t count = snapshot->count < QUERY_LIMIT_MAX ? snapshot->count : QUERY_LIMIT_MAX;
    for (uint32_t i = 0; i < count; i++) {
        struct live_flow flow;
        memcpy(&flow, &snapshot->rows[i], sizeof flow);
        if (intake_check_flow(&flow.record)) {
            geo_mark(geo, &flow.record);
            (void)json_array_append_new(rows, row_of_flow(&flow)); /* short of memory: fewer */
        }
    }
    return rows;
}

static int number_compare(json_int_t a, json_int_t b)
{
    return a < b ? -1 : a > b;
}

static int text_compare(const char *a, const char *b)
{
    struct addr addr_a;
    struct addr addr_b;
    bool are_addresses = addr_parse(a, &addr_a) != ADDR_NONE && addr_parse(b, &addr_b) != ADDR_NONE;
    return are_addresses ? addr_compare(&addr_a, &addr_b) : strcasecmp(a, b);
}

int drill_flows_compare(const json_t *a, const json_t *b, const char *column, bool desc)
{
    const json_t *left = json_object_get(a, column);
    const json_t *right = json_object_get(b, column);
    int order = 0;
    if (json_is_array(left) && json_is_array(right)) {
        order =
            number_compare((json_int_t)json_array_size(left), (json_int_t)json_array_size(right));
    } else if (json_is_string(left) && json_is_string(right)) {
        order = text_compare(json_string_value(left), json_string_value(right));
    } else {
        /* A number that is not known is left out, and counts as 0. */
        order = number_compare(json_integer_value(left), json_integer_value(right));
    }
    return desc ? -order : order;
}

/* The lane whose next row stands first, or -1 when all are used up. */
static int lane_first(const struct lane_rows *lanes, unsigned count, const struct pending *p)
{
    int first = -1;
    for (unsigned i = 0; i < count; i++) {
        const json_t *row = json_array_get(lanes[i].rows, lanes[i].at);
        if (row == NULL) {
            continue;
        }
        const json_t *best = first < 0 ? NULL : json_array_get(lanes[first].rows, lanes[first].at);
        if (best == NULL || drill_flows_compare(row, best, p->column->row, p->desc) < 0) {
            first = (int)i;
        }
    }
    return first;
}

static void merge(struct drill_flows *d, struct lane_rows *lanes, uint64_t total, bool partial)
{
    const struct pending *p = &d->queue[0];
    struct answer answer;
    answer_begin(&answer, &p->question, d->sink, total, partial);
    uint64_t end = (uint64_t)p->question.cursor + p->question.limit;
    for (uint64_t i = 0; i < end; i++) {
        int lane = lane_first(lanes, d->link->workers, p);
        if (lane < 0) {
            break;
        }
        json_t *row = json_array_get(lanes[lane].rows, lanes[lane].at++);
        if (i >= p->question.cursor) {
            answer_row(&answer, json_incref(row));
        }
    }
    answer_end(&answer);
}

static void answer_first(struct drill_flows *d)
{
    struct lane_rows lanes[ENGINE_MAX_WORKERS] = {0};
    uint64_t total = 0;
    bool partial = false;
    unsigned ready = 0;
    for (unsigned i = 0; i < d->link->workers; i++) {
        if (!lane_is_ready(d, i)) {
            partial = true;
            continue;
        }
        const struct engine_snapshot *snapshot = d->link->lanes[i].snapshot;
        ready++;
        total += snapshot->total;
        partial = partial || snapshot->partial != 0;
        lanes[i].rows = lane_read(d->geo, snapshot);
    }
    if (ready == 0) {
        answer_fail(&d->queue[0].question, d->sink, "engine_silent",
                    "the capture engine did not answer in time; it may be restarting");
        return;
    }
    if (d->queue[0].question.op == QUERY_FLOW && total == 0 && !partial) {
        answer_fail(&d->queue[0].question, d->sink, "not_found", "no such flow is live");
    } else {
        merge(d, lanes, total, partial);
    }
    for (unsigned i = 0; i < d->link->workers; i++) {
        json_decref(lanes[i].rows);
    }
}

void drill_flows_poll(struct drill_flows *d, uint64_t mono_ns)
{
    while (d->waiting > 0) {
        bool all = true;
        for (unsigned i = 0; i < d->link->workers; i++) {
            all = all && lane_is_ready(d, i);
        }
        if (!all && mono_ns < d->queue[0].deadline_ns) {
            return;
        }
        answer_first(d);
        d->waiting--;
        memmove(&d->queue[0], &d->queue[1], d->waiting * sizeof d->queue[0]);
        if (d->waiting > 0) {
            put_to_engine(d);
        }
    }
}

uint64_t drill_flows_due_ns(const struct drill_flows *d)
{
    return d->waiting == 0 ? 0 : d->queue[0].deadline_ns;
}
