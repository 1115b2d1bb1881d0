/*
 * Answers a question about live flows: walks the table in bounded pieces and keeps the best rows
 * of the wanted order in a heap. Worker thread only; the asker reads the rows at the end.
 */
#pragma once

#include "agent/flow/table.h"
#include "common/wire/query.h"

#include <stdbool.h>
#include <stdint.h>

/* A flow that matched; the id tells whether the handle still holds the same flow. */
struct flow_match {
    uint64_t value; /* by what it is ordered: higher is better */
    uint64_t id;
    uint32_t handle;
};

/* The filter's texts, read once. */
struct flow_filter {
    struct query_filter text;
    struct addr host;
    struct addr client;
    struct addr server;
    uint8_t host_family; /* 0: text.host is part of a name */
    uint8_t client_family;
    uint8_t server_family;
    uint8_t protocol; /* IANA number, 0: any */
    int quality;      /* enum quality_label, -1: any */
    bool any_icmp;    /* ICMP of both versions */
    bool impossible;  /* a word that no flow can match */
};

struct flow_select {
    struct flow_filter filter;
    const struct prints *prints; /* for filter.text.print, set after the beginning; or NULL */
    unsigned column;
    bool desc;
    uint32_t limit;
    uint32_t at; /* the next handle to look at */
    uint64_t now_ns;
    uint64_t total; /* flows that match */
    uint32_t count; /* rows kept */
    struct flow_match rows[QUERY_LIMIT_MAX];
};

/* Begins a walk. An unknown column is "bps", descending, as is "". */
void flow_select_begin(struct flow_select *s, const struct query_filter *filter, const char *sort,
                       bool desc, uint32_t limit, uint64_t now_ns);
/* Looks at up to `budget` handles; true once all were seen, rows then stand in order. */
bool flow_select_step(struct flow_select *s, const struct flow_table *t, uint32_t budget);
