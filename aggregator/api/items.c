#include "aggregator/api/items.h"

#include <stdlib.h>
#include <string.h>

enum { ID_DIGITS = 18 /* so many fit 64 bits */ };

int64_t call_id(const struct call *call)
{
    const char *text = call->values.items[0];
    bool digits = text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
    return digits && strlen(text) <= ID_DIGITS ? strtoll(text, NULL, 10) : 0;
}

struct http_response *item_delete(const struct call *call, struct pg *pg, const char *sql,
                                  const struct http_fault *unknown, struct err *e)
{
    struct pg_args args = {0};
    pg_add_i64(&args, call_id(call));
    pg_add_text(&args, call->who.user);
    pg_add_text(&args, call->request->peer);
    struct pg_rows *rows = pg_query(pg, sql, &args, e);
    if (rows == NULL) {
        return NULL;
    }
    bool found = pg_rows_affected(rows) > 0;
    pg_rows_free(rows);
    return found ? http_response_new(204) : http_response_error(unknown);
}

struct http_response *item_refuse(struct pg *pg, const struct item_refusal *why, int64_t id,
                                  const char *name, struct err *e)
{
    struct pg_args args = {0};
    pg_add_text(&args, name);
    pg_add_i64(&args, id);
    struct pg_rows *rows = pg_query(pg, why->there, &args, e);
    if (rows == NULL) {
        return NULL;
    }
    const struct http_fault *fault = id != 0 && !pg_bool(rows, 0, 1) ? why->unknown
                                     : pg_bool(rows, 0, 0)           ? why->taken
                                                                     : why->full;
    pg_rows_free(rows);
    return http_response_error(fault);
}
