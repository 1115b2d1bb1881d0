/*
 * The joint between a flow and the states of agent/qoe: which packets they see, when they judge,
 * and what of it goes into records. Worker thread only.
 */
#pragma once

#include "agent/flow/table.h"

/* Takes in a packet of the flow, after flow_note. */
void flow_quality_note(struct flow_table *t, struct flow *f, const struct packet *p,
                       enum flow_dir dir);
/* Whether a packet of another worker's flow tells of a call, whose speech may be this worker's. */
bool flow_quality_concerns_all(const struct packet *p);
void flow_quality_overhear(struct flow_table *t, const struct packet *p);
/* Before a record leaves: judges what has come in. An ended flow is judged to its end. */
void flow_quality_settle(struct flow_table *t, struct flow *f, uint64_t now_ns);
/* Fills the record's quality: to the last record (QOE_NEWS), or for the eye of a person. */
void flow_quality_fill(const struct flow_table *t, const struct flow *f, enum qoe_reach reach,
                       struct flow_record *r);
/* A record without quality. */
void flow_quality_clear(struct flow_record *r);
/* The record has left. */
void flow_quality_told(struct flow_table *t, struct flow *f);
/* The clock was set back. */
void flow_quality_time_moved(struct flow_table *t, struct flow *f);
/* Both directions of a TCP flow together, since it began. */
struct qoe_counts flow_quality_counts(const struct flow_table *t, const struct flow *f);
/* The round trip to one side as rows tell it: the newest median, else the handshake's. */
uint32_t flow_quality_rtt_us(const struct flow_table *t, const struct flow *f, enum qoe_side side);
/* The worse direction's score, as flow_quality_fill has it for a person; QUALITY_SCORE_NONE. */
unsigned flow_quality_score(const struct flow_table *t, const struct flow *f);
