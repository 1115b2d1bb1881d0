#include "agent/drill_hosts.h"

#include "agent/rows.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef uint64_t (*host_value_fn)(const struct host *h, uint64_t now_ns);

#define HOST_VALUE(name, expression)                                                               \
    static uint64_t name(const struct host *h, uint64_t now_ns)                                    \
    {                                                                                              \
        (void)now_ns;                                                                              \
        return (expression);                                                                       \
    }
HOST_VALUE(by_bytes, h->bytes_in + h->bytes_out)
HOST_VALUE(by_bytes_in, h->bytes_in)
HOST_VALUE(by_bytes_out, h->bytes_out)
HOST_VALUE(by_packets_in, h->packets_in)
HOST_VALUE(by_packets_out, h->packets_out)
HOST_VALUE(by_bps_in, host_bps_in(h, now_ns))
HOST_VALUE(by_bps_out, host_bps_out(h, now_ns))
HOST_VALUE(by_flows, h->flows)
HOST_VALUE(by_first, h->first_ns)
HOST_VALUE(by_last, h->last_ns)
HOST_VALUE(by_local, h->local ? 1 : 0)
HOST_VALUE(by_vlan, h->key.vlan)
HOST_VALUE(by_services, h->service_count)
#undef HOST_VALUE

/* Columns of numbers; those of text follow in host_compare. */
static const struct host_column {
    const char *name;
    host_value_fn value; /* NULL: a text */
} host_columns[] = {
    {"bytes", by_bytes}, /* the first is the order when none is asked for */
    {"bytes_in", by_bytes_in},
    {"bytes_out", by_bytes_out},
    {"packets_in", by_packets_in},
    {"packets_out", by_packets_out},
    {"bps_in", by_bps_in},
    {"bps_out", by_bps_out},
    {"flows", by_flows},
    {"first_ms", by_first},
    {"last_ms", by_last},
    {"local", by_local},
    {"vlan", by_vlan},
    {"services", by_services},
    {"host", NULL},
    {"name", NULL},
    {"mac", NULL},
};

struct host_order {
    const struct host_column *column;
    bool desc;
    uint64_t now_ns;
};

static int host_compare_text(const struct host *a, const struct host *b, const char *column)
{
    if (strcmp(column, "name") == 0) {
        return strcasecmp(a->name, b->name);
    }
    if (strcmp(column, "mac") == 0) {
        return memcmp(&a->mac, &b->mac, sizeof a->mac);
    }
    return a->key.family != b->key.family ? a->key.family - b->key.family
                                          : addr_compare(&a->key.addr, &b->key.addr);
}

/* Equal rows stand in the order of their addresses, so that pages do not mix. */
static int host_compare(const void *a, const void *b, void *arg)
{
    const struct host *left = *(const struct host *const *)a;
    const struct host *right = *(const struct host *const *)b;
    const struct host_order *order = arg;
    int result = 0;
    if (order->column->value == NULL) {
        result = host_compare_text(left, right, order->column->name);
    } else {
        uint64_t value_left = order->column->value(left, order->now_ns);
        uint64_t value_right = order->column->value(right, order->now_ns);
        result = value_left < value_right ? -1 : value_left > value_right;
    }
    if (result == 0) {
        return memcmp(&left->key, &right->key, sizeof left->key);
    }
    return order->desc ? -result : result;
}

static bool host_serves(const struct host *h, uint16_t port)
{
    for (unsigned i = 0; i < h->service_count; i++) {
        if (h->services[i].port == port) {
            return true;
        }
    }
    return false;
}

static bool host_matches(const struct host *h, const struct query_filter *filter)
{
    struct addr wanted;
    enum addr_family family = addr_parse(filter->host, &wanted);
    bool named = filter->host[0] == '\0' ||
                 (family != ADDR_NONE ? h->key.family == family && addr_equal(&h->key.addr, &wanted)
                                      : strcasestr(h->name, filter->host) != NULL);
    return named && (filter->vlan == 0 || h->key.vlan == filter->vlan) &&
           (filter->port == 0 || host_serves(h, filter->port));
}

/* All hosts that match, unordered; the caller frees the list. NULL when memory is short. */
static const struct host **hosts_matching(struct host_table *hosts,
                                          const struct query_filter *filter, size_t *count)
{
    *count = 0;
    const struct host **list = calloc(host_table_count(hosts) + 1, sizeof *list);
    if (list == NULL) {
        return NULL;
    }
    size_t at = 0;
    for (const struct host *h = host_table_next(hosts, &at); h != NULL;
         h = host_table_next(hosts, &at)) {
        if (host_matches(h, filter)) {
            list[(*count)++] = h;
        }
    }
    return list;
}

static const struct host_column *host_column_find(const char *name)
{
    for (size_t i = 0; i < sizeof host_columns / sizeof host_columns[0]; i++) {
        if (strcmp(host_columns[i].name, name) == 0) {
            return &host_columns[i];
        }
    }
    return name[0] == '\0' ? &host_columns[0] : NULL;
}

void drill_hosts_ask(struct host_table *hosts, struct geo *geo, const struct query *question,
                     struct answer_sink sink, uint64_t wall_ns)
{
    const struct query_filter *f = &question->filter;
    if (f->client[0] != '\0' || f->server[0] != '\0' || f->app[0] != '\0' ||
        f->protocol[0] != '\0' || f->status[0] != '\0' || f->flow_id != 0) {
        answer_fail(question, sink, "bad_request", "hosts are filtered by host, vlan and port");
        return;
    }
    struct host_order order = {.column = host_column_find(question->sort),
                               .desc = question->sort[0] == '\0' || question->desc,
                               .now_ns = wall_ns};
    if (order.column == NULL) {
        answer_fail(question, sink, "bad_request", "hosts have no such column to sort by");
        return;
    }
    size_t count = 0;
    const struct host **list = hosts_matching(hosts, f, &count);
    if (list == NULL) {
        answer_fail(question, sink, "no_memory", "the agent is short of memory");
        return;
    }
    qsort_r(list, count, sizeof *list, host_compare, &order);
    struct answer answer;
    answer_begin(&answer, question, sink, count, false);
    uint64_t end = (uint64_t)question->cursor + question->limit;
    for (size_t i = question->cursor; i < count && i < end; i++) {
        struct geo_place place;
        geo_find(geo, list[i]->key.family, &list[i]->key.addr, &place);
        answer_row(&answer, row_of_host(list[i], &place, wall_ns));
    }
    answer_end(&answer);
    free(list);
}
