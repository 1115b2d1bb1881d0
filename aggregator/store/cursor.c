/* Columns travel as arrays, which unnest makes rows of again. */
#include "aggregator/store/cursor.h"

#include "aggregator/store/pg_list.h"
#include "common/clock.h"
#include "common/wire/subjects.h"

#include <inttypes.h>

enum { LISTS_MAX = 5 };

/* Of the instance i: what a revoked one had on its way is not taken, or its alerts would stay. */
#define IS_LET_IN                                                                                  \
    "(i.state <> 'revoked' OR EXISTS (SELECT FROM instance_key k"                                  \
    " WHERE k.instance_id = i.id AND k.revoked_at IS NULL))"

static void lists_done(struct pg_list lists[LISTS_MAX])
{
    for (int i = 0; i < LISTS_MAX; i++) {
        pg_list_done(&lists[i]);
    }
}

static int lists_open(struct pg_list lists[LISTS_MAX], unsigned count, size_t each, struct err *e)
{
    for (int i = 0; i < LISTS_MAX; i++) {
        if (!pg_list_open(&lists[i], count, each)) {
            lists_done(lists);
            return err_set(e, ERR_NOMEM, "no memory for %u cursors", count);
        }
    }
    return 0;
}

static void take_row(struct cursor *c, const struct pg_rows *rows, unsigned row)
{
    c->known = !pg_is_null(rows, row, 0);
    c->instance_id = (int32_t)pg_i64(rows, row, 0);
    c->exists = !pg_is_null(rows, row, 1);
    c->stored = (uint64_t)pg_i64(rows, row, 1);
    c->upto = c->stored;
    c->moved_ns = (uint64_t)pg_i64(rows, row, 2) * NS_PER_US;
}

int cursors_read(struct pg *pg, struct cursor *all, unsigned count, struct err *e)
{
    static const char sql[] =
        "SELECT i.id, c.seq, (extract(epoch FROM c.updated_at) * 1000000)::bigint FROM unnest($1::text[], $2::smallint[], $3::bigint[])"
        " WITH ORDINALITY AS w(name, stream, epoch, n) LEFT JOIN instance i ON i.name = w.name AND " IS_LET_IN
        " LEFT JOIN cursor c ON c.instance_id = i.id AND c.stream = w.stream"
        " AND c.epoch = w.epoch ORDER BY w.n";
    struct pg_list lists[LISTS_MAX] = {0};
    if (lists_open(lists, count, NAME_MAX_LEN, e) != 0) {
        return -1;
    }
    for (unsigned i = 0; i < count; i++) {
        pg_list_add(&lists[0], "%s", all[i].name);
        pg_list_add(&lists[1], "%u", all[i].stream);
        pg_list_add(&lists[2], "%" PRId64, (int64_t)all[i].epoch);
    }
    struct pg_args args = {0};
    for (int i = 0; i < 3; i++) {
        pg_add_text(&args, lists[i].text);
    }
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    lists_done(lists);
    if (rows == NULL) {
        return -1;
    }
    int result = pg_rows_count(rows) == count ? 0
                                              : err_set(e, ERR_REMOTE, "%u cursors instead of %u",
                                                        pg_rows_count(rows), count);
    for (unsigned i = 0; result == 0 && i < count; i++) {
        take_row(&all[i], rows, i);
    }
    pg_rows_free(rows);
    return result;
}

/* Those that move and of which the row is there, or is not yet: how many of them were moved. */
static int move_some(struct pg *pg, const struct cursor *all, unsigned count, bool existing,
                     struct err *e)
{
    static const char set_sql[] =
        "UPDATE cursor c SET seq = w.upto, updated_at = now()"
        " FROM unnest($1::int[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[])"
        " AS w(id, stream, epoch, stored, upto) JOIN instance i USING (id)"
        " WHERE " IS_LET_IN " AND c.instance_id = w.id"
        " AND c.stream = w.stream AND c.epoch = w.epoch AND c.seq = w.stored";
    static const char new_sql[] =
        "INSERT INTO cursor (instance_id, stream, epoch, seq) SELECT id, stream, epoch, upto"
        " FROM unnest($1::int[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[])"
        " AS w(id, stream, epoch, stored, upto) JOIN instance i USING (id)"
        " WHERE " IS_LET_IN " ON CONFLICT DO NOTHING";
    struct pg_list lists[LISTS_MAX] = {0};
    unsigned wanted = 0;
    if (lists_open(lists, count, PG_LIST_NUMBER, e) != 0) {
        return -1;
    }
    for (unsigned i = 0; i < count; i++) {
        const struct cursor *c = &all[i];
        if (c->upto == c->stored || c->exists != existing) {
            continue;
        }
        wanted++;
        pg_list_add(&lists[0], "%" PRId32, c->instance_id);
        pg_list_add(&lists[1], "%u", c->stream);
        pg_list_add(&lists[2], "%" PRId64, (int64_t)c->epoch);
        pg_list_add(&lists[3], "%" PRId64, (int64_t)c->stored);
        pg_list_add(&lists[4], "%" PRId64, (int64_t)c->upto);
    }
    struct pg_args args = {0};
    for (int i = 0; i < LISTS_MAX; i++) {
        pg_add_text(&args, lists[i].text);
    }
    struct pg_rows *rows = wanted > 0 ? pg_query(pg, existing ? set_sql : new_sql, &args, e) : NULL;
    lists_done(lists);
    if (rows == NULL) {
        return wanted > 0 ? -1 : 0;
    }
    bool moved = pg_rows_affected(rows) == wanted;
    pg_rows_free(rows);
    return moved
               ? 0
               : err_set(e, ERR_BUSY, "a cursor was moved by another writer, or its agent revoked");
}

int cursors_move(struct pg *pg, const struct cursor *all, unsigned count, struct err *e)
{
    return move_some(pg, all, count, true, e) == 0 ? move_some(pg, all, count, false, e) : -1;
}
