/* The form of a NATS server's address, checked before anything connects. Settings and bus use it.
 */
#pragma once

#include "common/conf.h"
#include "common/err.h"

enum { BUS_URLS_MAX = 16 };

/* Checks nats://HOST[:PORT] or tls://HOST[:PORT]; an IPv6 address stands in brackets. 0, or -1 and
 * e with the remedy. */
int bus_url_check(const char *url, struct err *e);
/* Adds the faults that only the whole list of setting nats.urls can have. */
void bus_urls_check(const struct conf_list *urls, struct conf_faults *faults);
