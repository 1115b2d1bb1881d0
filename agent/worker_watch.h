/*
 * Risks that the engine judges by itself: from the first bytes of each direction, from the answers
 * between two hosts, and from how a flow ends. For worker.c and worker_end.c.
 */
#pragma once

#include "agent/worker_parts.h"

/* The first packet with data of a direction. */
void worker_first_data(struct worker *w, struct flow *f, const struct packet *p, enum flow_dir dir);
/* A packet that fingerprints are looked for in. */
void worker_look_closer(struct worker *w, struct flow *f, const struct packet *p,
                        enum flow_dir dir);
/* The verdict stands: judges what has no name, and lets the library's state go. */
void worker_settle(struct worker *w, struct flow *f);
/* A flow is about to leave its last record. */
void worker_judge_end(struct worker *w, struct flow *f);
