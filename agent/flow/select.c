#include "agent/flow/select.h"

#include "agent/flow/parts.h"
#include "agent/flow/quality.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* How a flow is ordered by one column. Texts count by their first eight letters. */
typedef uint64_t (*value_fn)(const struct flow_table *t, const struct flow *f, uint64_t now_ns);

static uint64_t text_value(const char *text)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        unsigned char c = *text == '\0' ? 0 : (unsigned char)*text++;
        value = value << 8 | (c >= 'A' && c <= 'Z' ? c + 32u : c);
    }
    return value;
}

/* The first eight bytes; IPv4 stands in the first four. */
static uint64_t addr_value(const struct addr *addr)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        value = value << 8 | addr->bytes[i];
    }
    return value;
}

/* What a flow lacks to 100; nothing when it is not judged. */
static uint64_t penalty_of(unsigned score)
{
    return score == QUALITY_SCORE_NONE ? 0 : 100 - score;
}

#define COLUMN(name, expression)                                                                   \
    static uint64_t name(const struct flow_table *t, const struct flow *f, uint64_t now_ns)        \
    {                                                                                              \
        (void)t;                                                                                   \
        (void)now_ns;                                                                              \
        return (expression);                                                                       \
    }

COLUMN(by_bps, flow_bps(f, now_ns))
COLUMN(by_bytes, f->sum.bytes[0] + f->sum.bytes[1])
COLUMN(by_bytes_c2s, f->sum.bytes[DIR_C2S])
COLUMN(by_bytes_s2c, f->sum.bytes[DIR_S2C])
COLUMN(by_packets, f->sum.packets[0] + f->sum.packets[1])
COLUMN(by_packets_c2s, f->sum.packets[DIR_C2S])
COLUMN(by_packets_s2c, f->sum.packets[DIR_S2C])
COLUMN(by_first, f->first_ns)
COLUMN(by_last, f->last_ns)
COLUMN(by_duration, f->last_ns - f->first_ns)
COLUMN(by_id, f->id)
COLUMN(by_client, addr_value(&f->key.client))
COLUMN(by_server, addr_value(&f->key.server))
COLUMN(by_client_port, f->key.client_port)
COLUMN(by_server_port, f->key.server_port)
COLUMN(by_vlan, f->key.vlan)
COLUMN(by_l4, f->key.protocol)
COLUMN(by_protocol, text_value(flow_protocol(t, f)))
COLUMN(by_app, text_value(flow_app(t, f)))
COLUMN(by_category, text_value(flow_category(t, f)))
COLUMN(by_host, text_value(flow_text(t, f, TEXT_HOST)))
COLUMN(by_status, text_value(flow_status_name((enum flow_status)f->status)))
COLUMN(by_rtt_client, flow_quality_rtt_us(t, f, QOE_CLIENT))
COLUMN(by_rtt_server, flow_quality_rtt_us(t, f, QOE_SERVER))
COLUMN(by_retransmitted, flow_quality_counts(t, f).retransmitted)
COLUMN(by_out_of_order, flow_quality_counts(t, f).out_of_order)
COLUMN(by_penalty, penalty_of(flow_quality_score(t, f)))
COLUMN(by_risks, (uint64_t)__builtin_popcountll(f->risks))

static const struct {
    const char *name;
    value_fn value;
} columns[] = {
    {"bps", by_bps}, /* the first is what nothing else means */
    {"bytes", by_bytes},
    {"bytes_c2s", by_bytes_c2s},
    {"bytes_s2c", by_bytes_s2c},
    {"packets", by_packets},
    {"packets_c2s", by_packets_c2s},
    {"packets_s2c", by_packets_s2c},
    {"first", by_first},
    {"first_ms", by_first},
    {"last", by_last},
    {"last_ms", by_last},
    {"duration", by_duration},
    {"duration_ms", by_duration},
    {"id", by_id},
    {"client", by_client},
    {"server", by_server},
    {"client_port", by_client_port},
    {"server_port", by_server_port},
    {"vlan", by_vlan},
    {"l4", by_l4},
    {"protocol", by_protocol},
    {"app", by_app},
    {"category", by_category},
    {"host", by_host},
    {"status", by_status},
    {"rtt_client_us", by_rtt_client},
    {"rtt_server_us", by_rtt_server},
    {"retransmitted", by_retransmitted},
    {"out_of_order", by_out_of_order},
    {"penalty", by_penalty},
    {"risks", by_risks},
};

enum { COLUMN_COUNT = sizeof columns / sizeof columns[0] };

/* An address filter that is no address matches nothing. */
static uint8_t read_address(const char *text, struct addr *addr, bool *impossible)
{
    if (text[0] == '\0') {
        return ADDR_NONE;
    }
    enum addr_family family = addr_parse(text, addr);
    *impossible |= family == ADDR_NONE;
    return (uint8_t)family;
}

static void read_protocol(const char *text, struct flow_filter *filter)
{
    if (text[0] == '\0') {
        return;
    }
    char *end = NULL;
    unsigned long number = strtoul(text, &end, 10);
    if (strcasecmp(text, "tcp") == 0) {
        filter->protocol = PROTO_TCP;
    } else if (strcasecmp(text, "udp") == 0) {
        filter->protocol = PROTO_UDP;
    } else if (strcasecmp(text, "icmp") == 0) {
        filter->any_icmp = true;
    } else if (*end == '\0' && number > 0 && number < 256) {
        filter->protocol = (uint8_t)number;
    } else {
        filter->impossible = true;
    }
}

static void read_filter(const struct query_filter *text, struct flow_filter *filter)
{
    *filter = (struct flow_filter){.text = *text};
    filter->host_family = (uint8_t)addr_parse(text->host, &filter->host);
    filter->client_family = read_address(text->client, &filter->client, &filter->impossible);
    filter->server_family = read_address(text->server, &filter->server, &filter->impossible);
    read_protocol(text->protocol, filter);
    filter->quality = text->quality[0] == '\0' ? -1 : quality_label_by_name(text->quality);
    filter->impossible |= text->quality[0] != '\0' && filter->quality < 0;
}

void flow_select_begin(struct flow_select *s, const struct query_filter *filter, const char *sort,
                       bool desc, uint32_t limit, uint64_t now_ns)
{
    read_filter(filter, &s->filter);
    s->prints = NULL;
    s->column = 0;
    s->desc = true;
    for (unsigned i = 0; i < COLUMN_COUNT; i++) {
        if (strcmp(columns[i].name, sort) == 0) {
            s->column = i;
            s->desc = desc;
        }
    }
    s->limit = limit > QUERY_LIMIT_MAX ? QUERY_LIMIT_MAX : limit;
    s->at = 1;
    s->now_ns = now_ns;
    s->total = 0;
    s->count = 0;
}

static bool is_addr(const struct flow *f, uint8_t family, const struct addr *wanted,
                    const struct addr *have)
{
    return f->key.family == family && addr_equal(wanted, have);
}

static bool host_matches(const struct flow_filter *filter, const struct flow_table *t,
                         const struct flow *f)
{
    if (filter->text.host[0] == '\0') {
        return true;
    }
    if (filter->host_family != ADDR_NONE) {
        return is_addr(f, filter->host_family, &filter->host, &f->key.client) ||
               is_addr(f, filter->host_family, &filter->host, &f->key.server);
    }
    return strcasestr(flow_text(t, f, TEXT_HOST), filter->text.host) != NULL;
}

static bool ends_match(const struct flow_filter *filter, const struct flow *f)
{
    const struct flow_key *key = &f->key;
    uint16_t port = filter->text.port;
    bool icmp = key->protocol == PROTO_ICMP || key->protocol == PROTO_ICMPV6;
    return (filter->client_family == ADDR_NONE ||
            is_addr(f, filter->client_family, &filter->client, &key->client)) &&
           (filter->server_family == ADDR_NONE ||
            is_addr(f, filter->server_family, &filter->server, &key->server)) &&
           (port == 0 || (!icmp && (key->client_port == port || key->server_port == port))) &&
           (filter->text.vlan == 0 || key->vlan == filter->text.vlan) &&
           (filter->protocol == 0 || key->protocol == filter->protocol) &&
           (!filter->any_icmp || icmp);
}

/* Last of all, since a young flow is judged for it. */
static bool quality_matches(const struct flow_filter *filter, const struct flow_table *t,
                            const struct flow *f)
{
    return filter->quality < 0 ||
           (int)quality_label_of(flow_quality_score(t, f)) == filter->quality;
}

static bool matches(const struct flow_filter *filter, const struct flow_table *t,
                    const struct flow *f)
{
    const char *app = filter->text.app;
    const char *status = filter->text.status;
    return !filter->impossible && ends_match(filter, f) &&
           (filter->text.flow_id == 0 || f->id == filter->text.flow_id) &&
           (app[0] == '\0' || strcasecmp(app, flow_app(t, f)) == 0 ||
            strcasecmp(app, flow_protocol(t, f)) == 0) &&
           (status[0] == '\0' ||
            strcmp(status, flow_status_name((enum flow_status)f->status)) == 0) &&
           host_matches(filter, t, f) && quality_matches(filter, t, f);
}

static bool print_matches(const struct flow_select *s, const struct flow *f)
{
    const char *wanted = s->filter.text.print;
    if (wanted[0] == '\0') {
        return true;
    }
    char id[COMMUNITY_ID_SIZE];
    if (strncmp(wanted, "1:", 2) == 0) {
        return strcmp(wanted, flow_key_community_id(&f->key, 0, id)) == 0;
    }
    return s->prints != NULL && prints_match(s->prints, f->self, wanted);
}

/* Ties go to the flow that began last, so that an order is never left to chance. */
static bool is_better(const struct flow_match *a, const struct flow_match *b)
{
    return a->value > b->value || (a->value == b->value && a->id > b->id);
}

static void swap(struct flow_match *a, struct flow_match *b)
{
    struct flow_match held = *a;
    *a = *b;
    *b = held;
}

/* The heap has its worst row on top: that is what a better one pushes out. */
static void sift_down(struct flow_match *rows, uint32_t count, uint32_t at)
{
    for (;;) {
        uint32_t worst = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++) {
            if (is_better(&rows[worst], &rows[child])) {
                worst = child;
            }
        }
        if (worst == at) {
            return;
        }
        swap(&rows[at], &rows[worst]);
        at = worst;
    }
}

static void sift_up(struct flow_match *rows, uint32_t at)
{
    while (at > 0) {
        uint32_t parent = (at - 1) / 2;
        if (!is_better(&rows[parent], &rows[at])) {
            return;
        }
        swap(&rows[at], &rows[parent]);
        at = parent;
    }
}

static void keep(struct flow_select *s, const struct flow_match *match)
{
    if (s->count < s->limit) {
        s->rows[s->count++] = *match;
        sift_up(s->rows, s->count - 1);
    } else if (s->limit > 0 && is_better(match, &s->rows[0])) {
        s->rows[0] = *match;
        sift_down(s->rows, s->count, 0);
    }
}

/* Takes the worst from the top again and again: what is left behind stands best first. */
static void put_in_order(struct flow_select *s)
{
    for (uint32_t left = s->count; left > 1; left--) {
        swap(&s->rows[0], &s->rows[left - 1]);
        sift_down(s->rows, left - 1, 0);
    }
}

bool flow_select_step(struct flow_select *s, const struct flow_table *t, uint32_t budget)
{
    uint32_t span = flow_table_span(t);
    for (; budget > 0 && s->at <= span; budget--, s->at++) {
        const struct flow *f = flow_table_at(t, s->at);
        if (f == NULL || !matches(&s->filter, t, f) || !print_matches(s, f)) {
            continue;
        }
        uint64_t value = columns[s->column].value(t, f, s->now_ns);
        struct flow_match match = {
            .value = s->desc ? value : ~value, .id = f->id, .handle = f->self};
        s->total++;
        keep(s, &match);
    }
    if (s->at <= span) {
        return false;
    }
    put_in_order(s);
    return true;
}
