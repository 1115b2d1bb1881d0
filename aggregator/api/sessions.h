/*
 * Sessions between memory and the table `session`: who is behind a cookie is mostly known; what
 * is not, or not lately, a query thread asks the database.
 */
#pragma once

#include "aggregator/api/call.h"

/*
 * Asks the database for a session, notes its use there and keeps or forgets it in memory.
 * used_ms: its last use as far as memory knows, 0 when it does not. 0, or -1 and e.
 */
int session_refresh(struct web *web, struct pg *pg, const char *hash, uint64_t used_ms,
                    struct err *e);
/* The same, later on a query thread; hash is copied. Any thread. */
void session_refresh_later(struct web *web, const char *hash, uint64_t used_ms);

/* Cookie text for a new session, or one that ends it (id NULL). Returns buf. */
char *session_cookie(const char *id, bool tls, char *buf, size_t size);
