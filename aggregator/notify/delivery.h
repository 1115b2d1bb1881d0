/* The messages that are to be sent: taking the next, and noting what became of it. */
#pragma once

#include "aggregator/store/pg.h"
#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { DELIVERY_TRIES_MAX = 12 /* with the back-off below: over some four hours */ };

/* A message with all that sending it needs; texts are borrowed from rows. */
struct delivery {
    struct pg_rows *rows; /* NULL: none is due */
    int64_t id;
    const char *key;
    bool mail, test;
    const char *address, *secret; /* sealed; "" for none */
    const char *subject, *body;
    int64_t made_ms;
    bool has_server; /* what follows is set */
    const char *host;
    int port;
    const char *security, *login, *password, *sender; /* password sealed; "" for none */
};

/* What became of a try; kept until it is noted, so that nothing is sent twice for a lost note. */
struct outcome {
    int64_t id; /* 0: none */
    bool sent;
    struct err why; /* it was not */
};

/* The one that has been due longest. 0, or -1 and e; delivery_done frees it. */
int delivery_next(struct pg *pg, struct delivery *delivery, struct err *e);
void delivery_done(struct delivery *delivery);
/* After a failure: again in 10 s, then twice as long each time, up to an hour; then dead. A test is
 * tried once. */
int delivery_note(struct pg *pg, const struct outcome *outcome, struct err *e);

/* True when something waits for its time: the thread then looks again soon. */
int delivery_waits(struct pg *pg, bool *waits, struct err *e);
/* Forgets what is older than 90 days. */
int delivery_prune(struct pg *pg, struct err *e);
