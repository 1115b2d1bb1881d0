/*
 * picket-agent --read for people. Everything is counted from the flows of the book in one walk;
 * shares are of the bytes of all flows, both ways.
 */
#include "agent/read_print.h"

#include "agent/decode/packet.h"
#include "common/alert_kinds.h"
#include "common/clock.h"
#include "common/table.h"
#include "common/wire/quality_row.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SUMMARY_ROWS = 10, /* of applications, hosts and risks: those below are for the flows to show */
    SIZE_TEXT = 24,
    APPS_MAX = 4096,
    HOSTS_MAX = 16 * 1024 * 1024,
    RISKS = 64,
};

struct app_row {
    char app[PROTO_NAME_SIZE];
    uint64_t flows;
    uint64_t bytes;
};

struct host_row {
    struct addr addr; /* with family the key */
    uint8_t family;
    uint8_t padding[7];
    uint64_t flows;
    uint64_t bytes; /* both ways */
    uint64_t sent;
};

struct totals {
    uint64_t bytes;
    uint64_t status[FLOW_EVICTED + 1];
    uint64_t risks[RISKS];
    uint64_t labels[QUALITY_EXCELLENT + 1]; /* flows by the label of their worse direction */
    struct table *apps;
    struct table *hosts;
};

const char *read_transport_name(uint8_t protocol, char *buf, size_t size)
{
    switch (protocol) {
    case PROTO_TCP: return "tcp";
    case PROTO_UDP: return "udp";
    case PROTO_ICMP: return "icmp";
    case PROTO_ICMPV6: return "icmpv6";
    case PROTO_SCTP: return "sctp";
    default: (void)snprintf(buf, size, "%u", protocol); return buf; /* at most 3 digits */
    }
}

/* "12.3 MB", by powers of 1000 as link speeds are. */
static const char *size_text(uint64_t bytes, char *buf)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    if (bytes < 1000) {
        (void)snprintf(buf, SIZE_TEXT, "%" PRIu64 " B", bytes); /* fits: so do the others */
        return buf;
    }
    double value = (double)bytes / 1000;
    size_t unit = 0;
    for (; value >= 999.5 && unit + 1 < sizeof units / sizeof *units; unit++) {
        value /= 1000;
    }
    (void)snprintf(buf, SIZE_TEXT, value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return buf;
}

static const char *duration_text(uint64_t ns, char *buf)
{
    uint64_t s = ns / NS_PER_S;
    if (s < 60) {
        (void)snprintf(buf, SIZE_TEXT, "%.3f s", (double)ns / NS_PER_S);
    } else if (s < 3600) {
        (void)snprintf(buf, SIZE_TEXT, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
    } else {
        (void)snprintf(buf, SIZE_TEXT, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s / 60 % 60);
    }
    return buf;
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* A flow that the file's end cut off is no evicted one to a person. */
static const char *fate_name(unsigned status)
{
    return status == FLOW_EVICTED ? "still open" : flow_status_name(status);
}

static double share(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : 100 * (double)part / (double)whole;
}

static void count_host(struct totals *t, const struct flow_record *f, enum flow_dir sends)
{
    struct host_row key = {.addr = sends == DIR_C2S ? f->key.client : f->key.server,
                           .family = f->key.family};
    bool made = false;
    struct host_row *host = table_put(t->hosts, &key, &made);
    if (host != NULL) { /* else one beyond HOSTS_MAX */
        host->flows++;
        host->bytes += f->bytes[0] + f->bytes[1];
        host->sent += f->bytes[sends];
    }
}

static void count_flow(struct totals *t, const struct flow_record *f)
{
    uint64_t bytes = f->bytes[0] + f->bytes[1];
    t->bytes += bytes;
    if (f->status <= FLOW_EVICTED) {
        t->status[f->status]++;
    }
    for (unsigned risk = 0; risk < RISKS; risk++) {
        t->risks[risk] += f->risks >> risk & 1;
    }
    unsigned worse = quality_worse(f->quality[DIR_C2S].score, f->quality[DIR_S2C].score);
    t->labels[quality_label_of(worse)]++;
    char name[PROTO_NAME_SIZE] = {0};
    (void)snprintf(name, sizeof name, "%s", f->app); /* of the same size */
    bool made = false;
    struct app_row *app = table_put(t->apps, name, &made);
    if (app != NULL) { /* else more than nDPI knows */
        app->flows++;
        app->bytes += bytes;
    }
    count_host(t, f, DIR_C2S);
    count_host(t, f, DIR_S2C);
}

static int app_by_bytes(const void *left, const void *right)
{
    const struct app_row *a = left;
    const struct app_row *b = right;
    if (a->bytes != b->bytes) {
        return a->bytes > b->bytes ? -1 : 1;
    }
    return strcmp(a->app, b->app);
}

static int host_by_bytes(const void *left, const void *right)
{
    const struct host_row *a = left;
    const struct host_row *b = right;
    if (a->bytes != b->bytes) {
        return a->bytes > b->bytes ? -1 : 1;
    }
    return addr_compare(&a->addr, &b->addr);
}

/* All rows of a table in order, to be freed; NULL when there are none or no memory. */
static void *sorted_rows(struct table *t, size_t size, int (*compare)(const void *, const void *))
{
    size_t count = table_count(t);
    char *rows = count == 0 ? NULL : calloc(count, size);
    if (rows == NULL) {
        return NULL;
    }
    size_t at = 0;
    const void *row;
    for (char *to = rows; (row = table_next(t, &at)) != NULL; to += size) {
        memcpy(to, row, size);
    }
    qsort(rows, count, size, compare);
    return rows;
}

static size_t rows_shown(size_t count, const char *what)
{
    size_t shown = count < SUMMARY_ROWS ? count : SUMMARY_ROWS;
    if (shown < count) {
        printf("%s, the first %zu of %zu:\n", what, shown, count);
    } else if (count > 0) {
        printf("%s:\n", what);
    }
    return shown;
}

static void print_apps(const struct totals *t)
{
    struct app_row *apps = sorted_rows(t->apps, sizeof *apps, app_by_bytes);
    size_t count = apps == NULL ? 0 : rows_shown(table_count(t->apps), "\nApplications");
    char size[SIZE_TEXT];
    for (size_t i = 0; i < count; i++) {
        printf("  %-39s %9" PRIu64 " flow%-1s %12s %5.1f %%\n", apps[i].app, apps[i].flows,
               plural(apps[i].flows), size_text(apps[i].bytes, size),
               share(apps[i].bytes, t->bytes));
    }
    free(apps);
}

static void print_hosts(const struct totals *t)
{
    struct host_row *hosts = sorted_rows(t->hosts, sizeof *hosts, host_by_bytes);
    size_t count = hosts == NULL ? 0 : rows_shown(table_count(t->hosts), "\nHosts");
    char size[SIZE_TEXT];
    char sent[SIZE_TEXT];
    char addr[ADDR_TEXT_SIZE];
    for (size_t i = 0; i < count; i++) {
        printf("  %-39s %9" PRIu64 " flow%-1s %12s %5.1f %%, sent %s\n",
               addr_format(hosts[i].family, &hosts[i].addr, addr), hosts[i].flows,
               plural(hosts[i].flows), size_text(hosts[i].bytes, size),
               share(hosts[i].bytes, t->bytes), size_text(hosts[i].sent, sent));
    }
    free(hosts);
}

static void print_risks(const struct totals *t)
{
    bool any = false;
    for (unsigned risk = 1; risk < RISKS; risk++) {
        const struct alert_kind_info *kind = alert_kind_find(risk);
        if (t->risks[risk] == 0) {
            continue;
        }
        printf("%s  %-39s %9" PRIu64 " flow%s\n", any ? "" : "\nRisks:\n",
               kind == NULL ? "unknown" : kind->title, t->risks[risk], plural(t->risks[risk]));
        any = true;
    }
}

static void print_whole(const char *name, const struct read_book *book,
                        const struct read_sums *sums)
{
    size_t flows = read_book_count(book);
    uint64_t first_ns;
    uint64_t last_ns;
    char when[32] = "";
    char lasted[SIZE_TEXT];
    char size[SIZE_TEXT];
    read_book_span(book, &first_ns, &last_ns);
    printf("%s: %zu flow%s, %" PRIu64 " packets, %s on the wire", name, flows, plural(flows),
           sums->packets, size_text(sums->bytes, size));
    if (flows > 0) {
        printf(" in %s from %s", duration_text(last_ns - first_ns, lasted),
               clock_format_utc(first_ns, when, sizeof when));
    }
    (void)putchar('\n');
    const struct {
        const char *what;
        uint64_t count;
    } losses[] = {
        {"packets not decoded", sums->undecoded},
        {"fragments that no datagram was made of", sums->fragments_shed},
        {"packets without room for their flow", sums->flows_refused},
        {"unanswered SYNs without a record: too many at one time", sums->shed_openings},
        {"flows ended early, to make room", sums->shed_flows},
        {"flows without room for DPI", sums->dpi_refused},
        {"records of flows lost: a ring was full", sums->records_lost},
    };
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        if (losses[i].count > 0) {
            printf("  %" PRIu64 " %s\n", losses[i].count, losses[i].what);
        }
    }
}

static void print_fates(const struct totals *t)
{
    const char *before = "\nEnds of flows: ";
    for (unsigned status = FLOW_OPENING; status <= FLOW_EVICTED; status++) {
        if (t->status[status] > 0) {
            printf("%s%" PRIu64 " %s", before, t->status[status], fate_name(status));
            before = ", ";
        }
    }
    before = "\nQuality of the worse direction: ";
    for (unsigned label = QUALITY_EXCELLENT; label > QUALITY_NONE; label--) {
        if (t->labels[label] > 0) {
            printf("%s%" PRIu64 " %s", before, t->labels[label], quality_label_name(label));
            before = ", ";
        }
    }
    (void)putchar('\n');
}

static void print_flow(const struct flow_record *f)
{
    char client[ADDR_TEXT_SIZE];
    char server[ADDR_TEXT_SIZE];
    char number[8];
    char ends[2 * ADDR_TEXT_SIZE + 32];
    char size[SIZE_TEXT];
    char quality[64];
    bool v6 = f->key.family == ADDR_IPV6;
    (void)snprintf(ends, sizeof ends, v6 ? "[%s]:%u > [%s]:%u" : "%s:%u > %s:%u",
                   addr_format(f->key.family, &f->key.client, client), f->key.client_port,
                   addr_format(f->key.family, &f->key.server, server), f->key.server_port);
    quality_text(f, quality, sizeof quality);
    printf("  %-6s %-44s %-18s %8s %9" PRIu64 "  %-10s %s",
           read_transport_name(f->key.protocol, number, sizeof number), ends, f->app,
           size_text(f->bytes[0] + f->bytes[1], size), f->packets[0] + f->packets[1],
           fate_name(f->status), quality[0] == '\0' ? "-" : quality);
    const char *const words[] = {f->host, f->info};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (words[i][0] != '\0') {
            printf("  %s", words[i]);
        }
    }
    (void)putchar('\n'); /* stdout's errors are looked at in the end */
}

static void print_flows(const struct read_book *book, unsigned top)
{
    size_t count = read_book_count(book);
    if (count > top) {
        printf("\nFlows, the largest %u of %zu; --top N for more, --json for all:\n", top, count);
    } else {
        printf("\nFlows:\n");
    }
    printf("  %-6s %-44s %-18s %8s %9s  %-10s %s\n", "proto", "client > server", "application",
           "size", "packets", "status", "quality: sent / received  host and what");
    for (size_t i = 0; i < count && i < top; i++) {
        struct flow_record f;
        read_book_get(book, i, &f);
        print_flow(&f);
    }
}

static int print_tables(const struct read_book *book, unsigned top)
{
    struct err e = {0};
    struct totals t = {
        .apps = table_new(PROTO_NAME_SIZE, sizeof(struct app_row), APPS_MAX, &e),
        .hosts =
            table_new(offsetof(struct host_row, flows), sizeof(struct host_row), HOSTS_MAX, &e),
    };
    int result = t.apps == NULL || t.hosts == NULL ? -1 : 0;
    if (result == 0) {
        size_t count = read_book_count(book);
        for (size_t i = 0; i < count; i++) {
            struct flow_record f;
            read_book_get(book, i, &f);
            count_flow(&t, &f);
        }
        print_fates(&t);
        print_apps(&t);
        print_hosts(&t);
        print_risks(&t);
        print_flows(book, top);
    }
    table_free(t.apps);
    table_free(t.hosts);
    return result;
}

int read_print_tables(const char *name, const struct read_book *book, const struct read_sums *sums,
                      unsigned top)
{
    print_whole(name, book, sums);
    return top > 0 && read_book_count(book) > 0 ? print_tables(book, top) : 0;
}
