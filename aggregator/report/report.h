/*
 * Makes a report: one page of HTML that is whole in itself (style and charts inside, no script,
 * nothing fetched), from the raw rows of one period and the one before it. Called by the runner on
 * its own thread; everything is read in one snapshot, so that the numbers agree with each other.
 */
#pragma once

#include "aggregator/store/pg.h"
#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

enum {
    REPORT_SCOPE_SIZE = 80, /* "instance:" and a name */
    REPORT_ZONE_SIZE = 64,
    REPORT_CSP_SIZE = 256,
};

struct report_order {
    char scope[REPORT_SCOPE_SIZE];    /* "fleet", "site:NAME" or "instance:NAME" */
    int64_t from_ms, to_ms;           /* UTC; to is outside */
    char time_zone[REPORT_ZONE_SIZE]; /* an IANA name that PostgreSQL knows */
};

struct report_page {
    char *html; /* malloc'ed */
    size_t len;
    char csp[REPORT_CSP_SIZE]; /* the Content-Security-Policy it is to be served with */
};

/* Told after each section: percent done. */
typedef void (*report_progress_fn)(void *arg, unsigned percent);

/*
 * 0 with page filled, or -1 and e. A section that the database refuses (such as one that takes too
 * long) says so in its place; a lost connection (ERR_CLOSED) ends the whole.
 */
int report_make(struct pg *pg, const struct report_order *order, report_progress_fn progress,
                void *arg, struct report_page *page, struct err *e);
void report_page_done(struct report_page *page);

/* True for the forms of a scope with a well-formed name. */
bool report_scope_is_valid(const char *scope);
