/*
 * Drill-down: the centre asks on dn.NAME.q, the agent answers in chunks on
 * rsp.NAME.AGG.REQ.N. JSON: {req, agg, op, filter{}, sort, desc, limit, cursor, deadline_ms} →
 * {req, n, last, rows[], total, partial, next, err{code,message}}.
 */
#pragma once

#include "common/err.h"
#include "common/wire/subjects.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    QUERY_MAX = 4096,
    QUERY_CHUNK_MAX = 64 * 1024,
    QUERY_LIMIT_MAX = 1000,
    QUERY_LIMIT_DEFAULT = 100,
    QUERY_DEADLINE_MS = 2000,
    QUERY_WORD_SIZE = 64
};

enum query_op { QUERY_STATUS = 1, QUERY_HOSTS, QUERY_FLOWS, QUERY_FLOW, QUERY_ALERTS };
const char *query_op_name(enum query_op op);
enum query_op query_op_by_name(const char *name); /* 0 when unknown */

/* Every text filter is "" when not asked for; numbers are 0. All that are set must match. */
struct query_filter {
    char host[QUERY_WORD_SIZE];     /* client or server address, or part of the host name */
    char client[QUERY_WORD_SIZE];   /* address */
    char server[QUERY_WORD_SIZE];   /* address */
    char app[QUERY_WORD_SIZE];      /* application or protocol, case-insensitive */
    char protocol[QUERY_WORD_SIZE]; /* transport: tcp, udp, icmp or a number */
    char status[QUERY_WORD_SIZE];   /* flow status name */
    char quality[QUERY_WORD_SIZE];  /* label of the flow's worse direction */
    char print[QUERY_WORD_SIZE];    /* a fingerprint, or the Community ID */
    uint16_t port;                  /* either side */
    uint16_t vlan;
    uint64_t flow_id;
};

struct query {
    char req[40]; /* [A-Za-z0-9]{1,32}: made by the asker */
    char agg[40]; /* asker's own id, likewise */
    enum query_op op;
    struct query_filter filter;
    char sort[QUERY_WORD_SIZE]; /* name of a column; "" = the op's own order */
    bool desc;
    uint32_t limit;  /* rows, 1-1000 */
    uint32_t cursor; /* rows to skip: pages of a view that lives are positions, not snapshots */
    uint32_t deadline_ms;
};

size_t query_pack(const struct query *q, void *buf, size_t size);
int query_unpack(const void *bytes, size_t len, struct query *q, struct err *e);

/* One chunk of an answer. rows is an owned JSON array after unpack (json_decref it). */
struct query_chunk {
    char req[40];
    uint32_t n; /* counts from 0 */
    bool last;
    json_t *rows;
    uint64_t total;    /* rows that match before limit */
    bool partial;      /* the deadline or a cap cut the answer */
    char err_code[32]; /* "" when well */
    char err_message[160];
};
/* New text of *len bytes that the caller frees; NULL when memory is short. Borrows rows. */
char *query_chunk_pack(const struct query_chunk *c, size_t *len);
int query_chunk_unpack(const void *bytes, size_t len, struct query_chunk *c, struct err *e);
