/*
 * One blocking connection to PostgreSQL, and the only file that knows libpq. Statements are
 * constants with parameters; values travel as text and come back as text, rows in bulk by binary
 * COPY. A connection belongs to one thread.
 */
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pg;
struct pg_rows;

/*
 * Connects within 5 s. conninfo: libpq form or URL; a password comes by passfile. application is
 * shown in pg_stat_activity. Statements are ended by the server after 30 s.
 */
struct pg *pg_open(const char *conninfo, const char *application, struct err *e);
void pg_close(struct pg *pg);
/* False once the connection is lost: close it and open another. */
bool pg_is_usable(const struct pg *pg);

/* Up to PG_ARGS_MAX parameters, $1 first; texts are borrowed until the statement has run. */
enum { PG_ARGS_MAX = 32 };
struct pg_args {
    unsigned count;
    const char *values[PG_ARGS_MAX]; /* NULL is SQL's NULL */
    char numbers[PG_ARGS_MAX][24];
};
void pg_add_text(struct pg_args *args, const char *text); /* NULL allowed */
void pg_add_i64(struct pg_args *args, int64_t value);
void pg_add_bool(struct pg_args *args, bool value);
/* A UTC wall time in nanoseconds as text for timestamptz; 0 is NULL. Cast: $n::timestamptz. */
void pg_add_time(struct pg_args *args, uint64_t wall_ns);

/*
 * Runs one statement; args may be NULL. Returns rows to be freed with pg_rows_free (also when
 * there are none), or NULL and e with the server's text: ERR_CLOSED when the connection is lost,
 * ERR_BUSY when the server cannot at present (resources, operator, locks: try again later),
 * ERR_REMOTE when it refuses the statement or its values.
 */
struct pg_rows *pg_query(struct pg *pg, const char *sql, const struct pg_args *args, struct err *e);
/* For statements whose rows do not matter: 0 or -1. */
int pg_run(struct pg *pg, const char *sql, const struct pg_args *args, struct err *e);
/* Several statements in one text without parameters (migrations, BEGIN). */
int pg_script(struct pg *pg, const char *sql, struct err *e);

void pg_rows_free(struct pg_rows *rows);
unsigned pg_rows_count(const struct pg_rows *rows);
/* Rows touched by INSERT, UPDATE or DELETE. */
uint64_t pg_rows_affected(const struct pg_rows *rows);
bool pg_is_null(const struct pg_rows *rows, unsigned row, unsigned column);
/* "" for NULL; borrowed from rows. */
const char *pg_text(const struct pg_rows *rows, unsigned row, unsigned column);
/* 0 for NULL and for what is no number. */
int64_t pg_i64(const struct pg_rows *rows, unsigned row, unsigned column);
double pg_double(const struct pg_rows *rows, unsigned row, unsigned column);
bool pg_bool(const struct pg_rows *rows, unsigned row, unsigned column);

/* COPY … FROM STDIN (FORMAT binary): the text of the statement, then its whole data. */
int pg_copy(struct pg *pg, const char *sql, const void *bytes, size_t len, struct err *e);

/* Asks for the notifications of a channel (a constant word). */
int pg_listen(struct pg *pg, const char *channel, struct err *e);
/* True when a notification came since the last call; never waits. */
bool pg_notified(struct pg *pg);

/* Checks that libpq can read conninfo; for --check-config. */
int pg_conninfo_check(const char *conninfo, struct err *e);
/* The text of one keyword; false when it is not given or does not fit. */
bool pg_conninfo_value(const char *conninfo, const char *keyword, char *buf, size_t size);
/* True when it leads to another machine without checking who that is (sslmode=verify-full). */
bool pg_conninfo_is_unchecked(const char *conninfo);
