#include "aggregator/store/quarantine.h"

enum { QUARANTINE_BYTES = 2048 /* of one record or message that are kept */ };

/* bytea's hex form of at most QUARANTINE_BYTES. */
static void hex_form(const void *bytes, size_t len, char text[3 + 2 * QUARANTINE_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *at = bytes;
    char *to = text;
    *to++ = '\\';
    *to++ = 'x';
    for (size_t i = 0; i < len && i < QUARANTINE_BYTES; i++) {
        *to++ = digits[at[i] >> 4];
        *to++ = digits[at[i] & 15];
    }
    *to = '\0';
}

int quarantine_add(struct pg *pg, const struct quarantined *q, struct err *e)
{
    static const char sql[] =
        "INSERT INTO quarantine (instance, stream, epoch, seq, reason, bytes) VALUES"
        " ($1, $2::smallint, nullif($3::bigint, 0), nullif($4::bigint, 0), $5, $6::bytea)";
    static const char trim_sql[] =
        "DELETE FROM quarantine WHERE id < (SELECT max(id) - 2000 FROM quarantine)";
    char hex[3 + 2 * QUARANTINE_BYTES];
    hex_form(q->bytes, q->len, hex);
    struct pg_args args = {0};
    pg_add_text(&args, q->name);
    pg_add_i64(&args, q->stream);
    pg_add_i64(&args, (int64_t)q->epoch);
    pg_add_i64(&args, (int64_t)q->seq);
    pg_add_text(&args, q->reason);
    pg_add_text(&args, hex);
    return pg_run(pg, sql, &args, e) == 0 ? pg_run(pg, trim_sql, NULL, e) : -1;
}
