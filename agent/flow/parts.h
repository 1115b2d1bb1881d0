/*
 * What flows hold beside themselves, each kind in slabs of its own under a cap: quality states,
 * texts, what exporters tell, and the names that DPI has for applications. Worker thread only.
 */
#pragma once

#include "agent/flow/table.h"

/*
 * The flow's quality state, made (not begun) when absent; NULL when there is no room, which is
 * counted. Good until another flow's is asked for: a bounded number are awake at one time, and the
 * one that was silent for longest is squeezed to make room.
 */
struct qoe_tcp *flow_table_tcp(struct flow_table *t, struct flow *f, bool *made);
/* That of DNS is zeroed when made. */
struct qoe_dns *flow_table_dns(struct flow_table *t, struct flow *f);
struct qoe_quic *flow_table_quic(struct flow_table *t, struct flow *f, bool *made);
struct qoe_media *flow_table_media(struct flow_table *t, struct flow *f);
/* The same, or NULL when it has none. */
struct qoe_tcp *flow_table_tcp_awake(struct flow_table *t, struct flow *f);
struct qoe_dns *flow_table_dns_of(const struct flow_table *t, const struct flow *f);
struct qoe_quic *flow_table_quic_of(const struct flow_table *t, const struct flow *f);
struct qoe_media *flow_table_media_of(const struct flow_table *t, const struct flow *f);
/* Where the states of RTP streams are, and the calls that SIP announced. */
struct qoe_media_pool *flow_table_media_pool(struct flow_table *t);
const struct qoe_media_pool *flow_table_media_pool_of(const struct flow_table *t);
/* Only to look at, as it is now; NULL when it has none. */
const struct qoe_tcp *flow_table_tcp_of(const struct flow_table *t, const struct flow *f);

/* Asks for the memory of what the flow of this tag holds, once that of the flow is there. */
void flow_parts_expect(const struct flow_table *t, uint32_t tag);

/* A text of the flow, "" when it has none; borrowed until a text of the flow is set. */
const char *flow_text(const struct flow_table *t, const struct flow *f, enum flow_text which);
/* Sets one of its texts, at most HOST_NAME_SIZE - 1 bytes of it; without room it keeps the old. */
void flow_set_text(struct flow_table *t, struct flow *f, enum flow_text which, const char *text);

/* Names that live as long as the table; "Unknown", "Unknown" and "" until they are set. */
const char *flow_protocol(const struct flow_table *t, const struct flow *f);
const char *flow_app(const struct flow_table *t, const struct flow *f);
const char *flow_category(const struct flow_table *t, const struct flow *f);
void flow_set_names(struct flow_table *t, struct flow *f, const char *protocol, const char *app,
                    const char *category);

/* What an exporter tells of the flow, made when absent; NULL when there is no room. */
struct flow_exported *flow_table_exported(struct flow_table *t, struct flow *f);
/* The same, or NULL for a flow that was captured. */
const struct flow_exported *flow_table_exported_of(const struct flow_table *t,
                                                   const struct flow *f);

/* Parts that found no room so far. */
uint64_t flow_parts_lost(const struct flow_table *t);
/* It was no RTP after all: gives back its state. */
void flow_table_media_drop(struct flow_table *t, struct flow *f);
/* Gives back all that the flow holds. */
void flow_parts_drop(struct flow_table *t, struct flow *f);
