/*
 * A thin shell around libpq: blocking calls, text parameters, errors as struct err with the
 * server's own words. A lost connection is told as ERR_CLOSED, so that callers can retry.
 */
#include "aggregator/store/pg.h"

#include "common/clock.h"

#define LOG_MODULE "pg"
#include "common/log.h"
#include "common/loopback.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COPY_CHUNK = 256 * 1024 }; /* bytes handed to libpq at once */

struct pg {
    PGconn *conn;
};

struct pg_rows {
    PGresult *result;
};

/* The first line of libpq's or the server's text: the rest repeats the statement. */
static int pg_fail(const struct pg *pg, const char *text, struct err *e)
{
    bool lost = PQstatus(pg->conn) != CONNECTION_OK;
    int len = (int)strcspn(text, "\n");
    return err_set(e, lost ? ERR_CLOSED : ERR_REMOTE, "PostgreSQL: %.*s", len, text);
}

/* Classes of SQLSTATE that say "not now" rather than "not this" (PostgreSQL 15, appendix A). */
static bool is_passing(const char *state)
{
    static const char *const classes[] = {"08", "25", "40", "53", "55", "57", "58"};
    if (strcmp(state, "08P01") == 0) {
        return false; /* a wrong statement of ours, told as a broken protocol */
    }
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (strncmp(state, classes[i], 2) == 0) {
            return true;
        }
    }
    return false;
}

static int pg_fail_result(const struct pg *pg, const PGresult *result, struct err *e)
{
    const char *text = PQresultErrorMessage(result);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    (void)pg_fail(pg, text[0] != '\0' ? text : PQerrorMessage(pg->conn), e);
    if (state == NULL || e == NULL) {
        return -1;
    }
    if (e->code == ERR_REMOTE && is_passing(state)) {
        e->code = ERR_BUSY;
    }
    return err_wrap(e, "SQLSTATE %s", state);
}

/* Notices (such as "relation exists, skipping") are for the curious only. */
static void pg_notice(void *arg, const PGresult *result)
{
    (void)arg;
    log_debug(NULL, "notice: %s", PQresultErrorMessage(result));
}

struct pg *pg_open(const char *conninfo, const char *application, struct err *e)
{
    /*
     * A host that vanishes is given up after 15 s to half a minute, whether it owes us an answer
     * (keepalives) or the acknowledgement of what we sent (tcp_user_timeout, in ms). The later a
     * keyword stands, the more it counts: the operator's own text may override.
     */
    const char *const keywords[] = {
        "connect_timeout",           "tcp_user_timeout", "keepalives_idle",
        "keepalives_interval",       "keepalives_count", "options",
        "fallback_application_name", "dbname",           NULL};
    const char *const values[] = {"5",         "15000",  "15",
                                  "5",         "3",      "-c statement_timeout=30s -c timezone=UTC",
                                  application, conninfo, NULL};
    struct pg *pg = calloc(1, sizeof *pg);
    if (pg == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for a database connection");
        return NULL;
    }
    pg->conn = PQconnectdbParams(keywords, values, 1);
    if (pg->conn == NULL || PQstatus(pg->conn) != CONNECTION_OK) {
        const char *text = pg->conn != NULL ? PQerrorMessage(pg->conn) : "no memory";
        (void)err_set(e, ERR_CLOSED, "PostgreSQL: %.*s", (int)strcspn(text, "\n"), text);
        pg_close(pg);
        return NULL;
    }
    (void)PQsetNoticeReceiver(pg->conn, pg_notice, NULL); /* returns the former one */
    return pg;
}

void pg_close(struct pg *pg)
{
    if (pg != NULL) {
        PQfinish(pg->conn);
        free(pg);
    }
}

bool pg_is_usable(const struct pg *pg)
{
    return pg != NULL && PQstatus(pg->conn) == CONNECTION_OK;
}

void pg_add_text(struct pg_args *args, const char *text)
{
    if (args->count < PG_ARGS_MAX) {
        args->values[args->count++] = text;
    }
}

void pg_add_i64(struct pg_args *args, int64_t value)
{
    if (args->count < PG_ARGS_MAX) {
        char *text = args->numbers[args->count];
        (void)snprintf(text, sizeof args->numbers[0], "%" PRId64, value); /* 20 signs at most */
        args->values[args->count++] = text;
    }
}

void pg_add_bool(struct pg_args *args, bool value)
{
    pg_add_text(args, value ? "t" : "f");
}

void pg_add_time(struct pg_args *args, uint64_t wall_ns)
{
    if (wall_ns == 0) {
        pg_add_text(args, NULL);
    } else if (args->count < PG_ARGS_MAX) {
        /* Milliseconds: what clock_format_utc gives; finer times go by COPY. */
        _Static_assert(sizeof args->numbers[0] >= 24, "without the final Z");
        char text[32];
        char *to = args->numbers[args->count];
        (void)clock_format_utc(wall_ns, text, sizeof text);
        (void)snprintf(to, sizeof args->numbers[0], "%.23s", text); /* the zone is UTC */
        args->values[args->count++] = to;
    }
}

static struct pg_rows *pg_take(struct pg *pg, PGresult *result, struct err *e)
{
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        (void)pg_fail_result(pg, result, e);
        PQclear(result);
        return NULL;
    }
    struct pg_rows *rows = calloc(1, sizeof *rows);
    if (rows == NULL) {
        PQclear(result);
        (void)err_set(e, ERR_NOMEM, "no memory for the rows of a query");
        return NULL;
    }
    rows->result = result;
    return rows;
}

struct pg_rows *pg_query(struct pg *pg, const char *sql, const struct pg_args *args, struct err *e)
{
    int count = args != NULL ? (int)args->count : 0;
    const char *const *values = args != NULL ? args->values : NULL;
    return pg_take(pg, PQexecParams(pg->conn, sql, count, NULL, values, NULL, NULL, 0), e);
}

int pg_run(struct pg *pg, const char *sql, const struct pg_args *args, struct err *e)
{
    struct pg_rows *rows = pg_query(pg, sql, args, e);
    if (rows == NULL) {
        return -1;
    }
    pg_rows_free(rows);
    return 0;
}

int pg_script(struct pg *pg, const char *sql, struct err *e)
{
    struct pg_rows *rows = pg_take(pg, PQexec(pg->conn, sql), e);
    if (rows == NULL) {
        return -1;
    }
    pg_rows_free(rows);
    return 0;
}

void pg_rows_free(struct pg_rows *rows)
{
    if (rows != NULL) {
        PQclear(rows->result);
        free(rows);
    }
}

unsigned pg_rows_count(const struct pg_rows *rows)
{
    return (unsigned)PQntuples(rows->result);
}

uint64_t pg_rows_affected(const struct pg_rows *rows)
{
    return strtoull(PQcmdTuples(rows->result), NULL, 10);
}

bool pg_is_null(const struct pg_rows *rows, unsigned row, unsigned column)
{
    return PQgetisnull(rows->result, (int)row, (int)column) != 0;
}

const char *pg_text(const struct pg_rows *rows, unsigned row, unsigned column)
{
    const char *text = PQgetvalue(rows->result, (int)row, (int)column);
    return text != NULL ? text : "";
}

int64_t pg_i64(const struct pg_rows *rows, unsigned row, unsigned column)
{
    return strtoll(pg_text(rows, row, column), NULL, 10);
}

double pg_double(const struct pg_rows *rows, unsigned row, unsigned column)
{
    return strtod(pg_text(rows, row, column), NULL);
}

bool pg_bool(const struct pg_rows *rows, unsigned row, unsigned column)
{
    return pg_text(rows, row, column)[0] == 't';
}

/* Ends a COPY, well or with a reason why not, and takes the server's verdict. */
static int pg_copy_end(struct pg *pg, const char *reason, struct err *e)
{
    int failed = 0;
    if (PQputCopyEnd(pg->conn, reason) != 1) {
        failed = pg_fail(pg, PQerrorMessage(pg->conn), e);
    }
    for (PGresult *result; (result = PQgetResult(pg->conn)) != NULL; PQclear(result)) {
        if (PQresultStatus(result) != PGRES_COMMAND_OK && failed == 0) {
            failed = pg_fail_result(pg, result, e);
        }
    }
    return failed;
}

int pg_copy(struct pg *pg, const char *sql, const void *bytes, size_t len, struct err *e)
{
    PGresult *result = PQexec(pg->conn, sql);
    bool ready = PQresultStatus(result) == PGRES_COPY_IN;
    if (!ready) {
        (void)pg_fail_result(pg, result, e);
    }
    PQclear(result);
    if (!ready) {
        return -1;
    }
    const char *at = bytes;
    while (len > 0) {
        size_t part = len < COPY_CHUNK ? len : COPY_CHUNK;
        if (PQputCopyData(pg->conn, at, (int)part) != 1) {
            return pg_copy_end(pg, "the client could not send", e);
        }
        at += part;
        len -= part;
    }
    return pg_copy_end(pg, NULL, e);
}

int pg_listen(struct pg *pg, const char *channel, struct err *e)
{
    char sql[80];
    (void)snprintf(sql, sizeof sql, "LISTEN %s", channel); /* a constant of ours */
    return pg_script(pg, sql, e);
}

bool pg_notified(struct pg *pg)
{
    bool any = false;
    (void)PQconsumeInput(pg->conn); /* a lost connection shows at the next statement */
    for (PGnotify *n; (n = PQnotifies(pg->conn)) != NULL; PQfreemem(n)) {
        any = true;
    }
    return any;
}

int pg_conninfo_check(const char *conninfo, struct err *e)
{
    char *text = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &text);
    if (options == NULL) {
        const char *why = text != NULL ? text : "no memory";
        int len = (int)strcspn(why, "\n");
        (void)err_set(e, ERR_CONFIG, "not a PostgreSQL connection string: %.*s", len, why);
        PQfreemem(text);
        return -1;
    }
    PQconninfoFree(options);
    return 0;
}

bool pg_conninfo_value(const char *conninfo, const char *keyword, char *buf, size_t size)
{
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    bool found = false;
    for (const PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++) {
        if (strcmp(o->keyword, keyword) == 0 && o->val != NULL && o->val[0] != '\0') {
            int len = snprintf(buf, size, "%s", o->val);
            found = len > 0 && (size_t)len < size;
        }
    }
    PQconninfoFree(options);
    return found;
}

static bool is_here(const char *host)
{
    return host[0] == '/' || host[0] == '@' || loopback_is_host(host, strlen(host));
}

/* Of several hosts, separated by commas, each would have to be here: then none is. */
bool pg_conninfo_is_unchecked(const char *conninfo)
{
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    bool here = true, checked = false;
    for (const PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++) {
        bool is_host = strcmp(o->keyword, "host") == 0 || strcmp(o->keyword, "hostaddr") == 0;
        if (o->val == NULL || o->val[0] == '\0') {
            continue;
        }
        here = here && (!is_host || is_here(o->val));
        checked =
            checked || (strcmp(o->keyword, "sslmode") == 0 && strcmp(o->val, "verify-full") == 0);
    }
    PQconninfoFree(options);
    return !here && !checked;
}
