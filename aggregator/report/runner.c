/* Two connections: one holds the lock and notes progress, the other reads in one snapshot. */
#include "aggregator/report/runner.h"

#include "aggregator/report/orders.h"
#include "aggregator/report/report.h"
#include "aggregator/store/pg.h"
#include "aggregator/store/retention.h"
#include "aggregator/store/rollup.h"
#include "common/clock.h"

#define LOG_MODULE "report"
#include "common/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum {
    PIECE_MS = 200, /* between looks at notifications */
    TURN_S = 10,    /* a turn at least this often: schedules are due on the minute */
    RETRY_S = 3,    /* after a failure, and while another holds the lock */
    RETENTION_S = 3600,
};

struct runner {
    const char *conninfo;
    pthread_t thread;
    atomic_bool stopping; /* set by runner_close, read by the thread */
    struct pg *pg;        /* below: the thread's own */
    bool locked;
    bool more;             /* roll-ups are left to be made */
    uint64_t retention_ns; /* monotonic, of the last; 0: not yet */
};

/* Any number of ours that nobody else takes: "PKTr". */
static const char lock_sql[] = "SELECT CASE WHEN to_regclass('rollup_due') IS NULL THEN false"
                               " ELSE pg_try_advisory_lock(1347114098) END";
/* A report of a month, and an hour of many instances, take longer than a page may. */
static const char patient_sql[] = "SET statement_timeout = '120s'";

static bool is_stopping(struct runner *r)
{
    return atomic_load(&r->stopping);
}

/* Waits for a notification, for the end, or until the time has gone by. */
static void rest(struct runner *r, unsigned seconds)
{
    const struct timespec piece = {.tv_nsec = (long)PIECE_MS * NS_PER_MS};
    for (unsigned ms = 0; ms < seconds * 1000 && !is_stopping(r); ms += PIECE_MS) {
        if (r->locked && (pg_notified(r->pg) || !pg_is_usable(r->pg))) {
            return;
        }
        (void)nanosleep(&piece, NULL); /* woken early: looks again */
    }
}

static void disconnect(struct runner *r)
{
    pg_close(r->pg);
    r->pg = NULL;
    r->locked = false;
}

static int take_lock(struct runner *r, struct err *e)
{
    struct pg_rows *rows = pg_query(r->pg, lock_sql, NULL, e);
    if (rows == NULL) {
        return -1;
    }
    r->locked = pg_bool(rows, 0, 0);
    pg_rows_free(rows);
    if (!r->locked) {
        return 0;
    }
    if (pg_run(r->pg, patient_sql, NULL, e) != 0 || pg_listen(r->pg, "report", e) != 0) {
        return -1;
    }
    return orders_reset(r->pg, e);
}

/* True when this is the one that does the chores. */
static bool is_ready(struct runner *r, struct err *e)
{
    if (r->pg != NULL && !pg_is_usable(r->pg)) {
        disconnect(r);
    }
    if (r->pg == NULL) {
        r->pg = pg_open(r->conninfo, "picket-aggregator chores", e);
    }
    if (r->pg != NULL && !r->locked && take_lock(r, e) != 0) {
        disconnect(r);
    }
    return r->locked;
}

struct making {
    struct runner *runner;
    int64_t id;
};

static void note_progress(void *arg, unsigned percent)
{
    struct making *making = arg;
    struct err e = {0};
    if (orders_progress(making->runner->pg, making->id, percent, &e) != 0) {
        log_warn(&e, "progress of report %lld", (long long)making->id);
    }
}

static int make_page(struct runner *r, int64_t id, const struct report_order *order,
                     struct report_page *page, struct err *e)
{
    struct making making = {.runner = r, .id = id};
    struct pg *reader = pg_open(r->conninfo, "picket-aggregator report", e);
    int result = -1;
    if (reader != NULL && pg_run(reader, patient_sql, NULL, e) == 0) {
        result = report_make(reader, order, note_progress, &making, page, e);
    }
    pg_close(reader);
    return result;
}

/* A report that fails is told as such; only a lost connection leaves it to be made again. */
static int make_report(struct runner *r, int64_t id, const struct report_order *order,
                       struct err *e)
{
    struct report_page page = {0};
    struct err why = {0};
    uint64_t begin = clock_mono_ns();
    int result = -1;
    if (make_page(r, id, order, &page, &why) == 0) {
        result = orders_done(r->pg, id, &page, e);
        log_info(NULL, "report %lld of %s: %zu bytes in %llu ms", (long long)id, order->scope,
                 page.len, (unsigned long long)((clock_mono_ns() - begin) / NS_PER_MS));
    } else if (why.code == ERR_CLOSED) {
        *e = why;
    } else {
        log_error(&why, "report %lld of %s", (long long)id, order->scope);
        result = orders_failed(r->pg, id, why.what, e);
    }
    report_page_done(&page);
    return result;
}

static int make_reports(struct runner *r, struct err *e)
{
    struct report_order order;
    int64_t id = 0;
    int found = 0;
    while (!is_stopping(r) && (found = orders_claim(r->pg, &id, &order, e)) == 1) {
        if (make_report(r, id, &order, e) != 0) {
            return -1;
        }
    }
    return found < 0 ? -1 : 0;
}

static int apply_retention(struct runner *r, struct err *e)
{
    uint64_t now = clock_mono_ns();
    unsigned dropped = 0;
    if (r->retention_ns != 0 && now - r->retention_ns < (uint64_t)RETENTION_S * NS_PER_S) {
        return 0;
    }
    r->retention_ns = now;
    int result = retention_apply(r->pg, &dropped, e);
    if (dropped > 0) {
        log_info(NULL, "retention dropped %u partitions; see the audit", dropped);
    }
    return result;
}

static int turn(struct runner *r, struct err *e)
{
    unsigned made = 0;
    if (rollup_turn(r->pg, &r->more, e) != 0) {
        return -1;
    }
    if (orders_due(r->pg, &made, e) != 0) {
        return -1;
    }
    if (made > 0) {
        log_info(NULL, "%u scheduled reports are due", made);
    }
    if (make_reports(r, e) != 0) {
        return -1;
    }
    return apply_retention(r, e);
}

static void *runner_main(void *arg)
{
    struct runner *r = arg;
    (void)pthread_setname_np(pthread_self(), "report"); /* only for the log */
    while (!is_stopping(r)) {
        struct err e = {0};
        bool well = is_ready(r, &e) && turn(r, &e) == 0;
        if (!well && e.code != ERR_NONE && e.code != ERR_CLOSED) {
            log_error(&e, "chores of the centre"); /* a database that is away is told by others */
        }
        if (!well && e.code == ERR_CLOSED) {
            disconnect(r);
        }
        rest(r, !well ? RETRY_S : r->more ? 0 : TURN_S);
    }
    disconnect(r);
    return NULL;
}

struct runner *runner_open(const char *conninfo, struct err *e)
{
    struct runner *r = calloc(1, sizeof *r);
    if (r == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for the thread of reports");
        return NULL;
    }
    r->conninfo = conninfo;
    if (pthread_create(&r->thread, NULL, runner_main, r) != 0) {
        (void)err_set(e, ERR_NOMEM, "no thread for reports");
        free(r);
        return NULL;
    }

    return r;
}

bool runner_close(struct runner *runner, unsigned wait_ms)
{
    if (runner == NULL) {
        return true;
    }
    const struct timespec end = clock_mono_in(wait_ms);
    atomic_store(&runner->stopping, true);
    if (pthread_clockjoin_np(runner->thread, NULL, CLOCK_MONOTONIC, &end) != 0) {
        return false;
    }
    free(runner);
    return true;
}
