/* What was applied stands in schema_migration; the lock is the session's and ends with it. */
#include "aggregator/store/migrate.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The number is ours alone: "PKMIGRAT" in ASCII. */
static const char lock_sql[] = "SELECT pg_advisory_lock(5785803123412058452)";
static const char unlock_sql[] = "SELECT pg_advisory_unlock(5785803123412058452)";

static const char table_sql[] = "CREATE TABLE IF NOT EXISTS schema_migration ("
                                " version integer PRIMARY KEY,"
                                " name text NOT NULL,"
                                " sha256 text NOT NULL,"
                                " applied_at timestamptz NOT NULL DEFAULT now())";
static const char applied_sql[] = "SELECT version, name, sha256 FROM schema_migration"
                                  " ORDER BY version";
static const char note_sql[] = "INSERT INTO schema_migration (version, name, sha256)"
                               " VALUES ($1::int, $2, $3)";

static const struct migration *find_version(const struct migration *list, int64_t version)
{
    for (; list->version != 0; list++) {
        if (list->version == version) {
            return list;
        }
    }
    return NULL;
}

/* A row of schema_migration against the list. */
static int check_row(const struct pg_rows *rows, unsigned row, const struct migration *list,
                     struct err *e)
{
    int64_t version = pg_i64(rows, row, 0);
    const char *name = pg_text(rows, row, 1);
    const struct migration *known = find_version(list, version);
    if (known == NULL) {
        return err_set(e, ERR_CONFIG,
                       "the database has migration %lld (%s), which this program does not know: it "
                       "is newer; run the newer program",
                       (long long)version, name);
    }
    if (strcmp(known->sha256, pg_text(rows, row, 2)) != 0) {
        return err_set(e, ERR_CONFIG,
                       "migration %lld (%s) of the database is another than this program's: use "
                       "the program that made the database, or one released after it",
                       (long long)version, name);
    }
    return 0;
}

static bool is_applied(const struct pg_rows *rows, int version)
{
    for (unsigned i = 0; i < pg_rows_count(rows); i++) {
        if (pg_i64(rows, i, 0) == version) {
            return true;
        }
    }
    return false;
}

/* Holds schema_migration and the list against each other; returns the newest version, or -1. */
static int check_applied(const struct pg_rows *rows, const struct migration *list, struct err *e)
{
    unsigned count = pg_rows_count(rows);
    int newest = count > 0 ? (int)pg_i64(rows, count - 1, 0) : 0; /* they come in order */
    for (unsigned i = 0; i < count; i++) {
        if (check_row(rows, i, list, e) != 0) {
            return -1;
        }
    }
    for (; list->version != 0; list++) {
        if (list->version < newest && !is_applied(rows, list->version)) {
            return err_set(e, ERR_CONFIG,
                           "the database lacks migration %d (%s) though it has %d: a program that "
                           "did not know it made the database; restore a backup of before that",
                           list->version, list->name, newest);
        }
    }
    return newest;
}

static int newest_applied(struct pg *pg, const struct migration *list, struct err *e)
{
    struct pg_rows *rows = pg_query(pg, applied_sql, NULL, e);
    if (rows == NULL) {
        return -1;
    }
    int newest = check_applied(rows, list, e);
    pg_rows_free(rows);
    return newest;
}

static int note_applied(struct pg *pg, const struct migration *m, struct err *e)
{
    struct pg_args args = {0};
    pg_add_i64(&args, m->version);
    pg_add_text(&args, m->name);
    pg_add_text(&args, m->sha256);
    return pg_run(pg, note_sql, &args, e);
}

static int apply(struct pg *pg, const struct migration *m, struct err *e)
{
    if (pg_script(pg, "BEGIN", e) != 0) {
        return -1;
    }
    if (pg_script(pg, m->sql, e) != 0 || note_applied(pg, m, e) != 0) {
        (void)pg_script(pg, "ROLLBACK", NULL); /* the first failure is the one to tell */
        return err_wrap(e, "migration %04d_%s", m->version, m->name);
    }
    return pg_script(pg, "COMMIT", e);
}

static int apply_missing(struct pg *pg, const struct migration *list, struct err *e)
{
    if (pg_script(pg, table_sql, e) != 0) {
        return -1;
    }
    int newest = newest_applied(pg, list, e);
    if (newest < 0) {
        return -1;
    }
    int count = 0;
    for (; list->version != 0; list++) {
        if (list->version > newest) {
            if (apply(pg, list, e) != 0) {
                return -1;
            }
            count++;
        }
    }
    return count;
}

int migrate_run(struct pg *pg, const struct migration *list, struct err *e)
{
    if (pg_script(pg, lock_sql, e) != 0) {
        return -1;
    }
    int count = apply_missing(pg, list, e);
    if (pg_is_usable(pg) && pg_script(pg, unlock_sql, count < 0 ? NULL : e) != 0) {
        return -1;
    }
    return count;
}
