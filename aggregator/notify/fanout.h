/* From the outbox to the recipients, and from there into messages. Rows only; nothing is sent. */
#pragma once

#include "aggregator/store/pg.h"
#include "common/alert_kinds.h"
#include "common/err.h"

#include <stdbool.h>

/* What a recipient wants, as the table has it: lists are separated by commas; "" wants all. */
struct wish {
    const char *min_severity, *families, *sites;
    bool recovery;
};
/* Pure. */
bool wish_matches(const struct wish *wish, const struct alert_kind_info *kind, const char *site,
                  bool ended);

/* Gives each change that waits to the recipients that want it; *more when some still wait. */
int fanout_run(struct pg *pg, bool *more, struct err *e);
/*
 * Makes one message of all that waits for a recipient, for each whose last one is long enough ago
 * and was sent: a storm becomes one digest. *made counts.
 */
int fanout_messages(struct pg *pg, unsigned *made, struct err *e);
