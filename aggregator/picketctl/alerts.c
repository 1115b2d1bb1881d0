/* alerts: the newest ones, by state. */
#include "aggregator/picketctl/ctl.h"

#include "common/alert_kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The catalogue is the program's, not the database's: names come in as a parameter. */
static json_t *kind_names(void)
{
    json_t *names = json_object();
    for (size_t i = 0; i < alert_kind_count(); i++) {
        const struct alert_kind_info *info = alert_kind_at(i);
        char id[8];
        (void)snprintf(id, sizeof id, "%u", info->id); /* five digits at most */
        (void)json_object_set_new(names, id, json_string(info->name));
    }
    return names;
}

static struct pg_rows *query_alerts(struct ctl *ctl, const char *state, struct err *e)
{
    static const char sql[] =
        "SELECT a.id, to_char(a.last_at, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), a.state,"
        " coalesce(i.name, 'centre'), coalesce($1::json ->> a.kind::text, a.kind::text), a.score,"
        " a.count, a.entity_id, a.detail FROM alert a LEFT JOIN instance i ON i.id = a.instance_id"
        " WHERE $2 = 'all' OR a.state = $2 ORDER BY a.last_at DESC, a.id DESC LIMIT 200";
    json_t *names = kind_names();
    char *text = json_dumps(names, JSON_COMPACT);
    struct pg_args args = {0};
    pg_add_text(&args, text);
    pg_add_text(&args, state);
    struct pg_rows *rows = text != NULL ? pg_query(ctl->pg, sql, &args, e) : NULL;
    if (text == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for the catalogue");
    }
    free(text);
    json_decref(names);
    return rows;
}

int ctl_alerts(struct ctl *ctl, const char *const *arguments, struct err *e)
{
    static const char *const heads[] = {"#id",    "last",   "state",     "instance", "kind",
                                        "#score", "#count", "entity_id", "detail"};
    const char *state = ctl->state != NULL ? ctl->state : "all";
    (void)arguments; /* none */
    if (strcmp(state, "all") != 0 && strcmp(state, "engaged") != 0 &&
        strcmp(state, "released") != 0 && strcmp(state, "event") != 0) {
        return err_set(e, ERR_ARG, "--state engaged, released, event or all");
    }
    if (ctl_database(ctl, e) != 0) {
        return -1;
    }
    struct pg_rows *rows = query_alerts(ctl, state, e);
    if (rows == NULL) {
        return -1;
    }
    int result = ctl_print(ctl, rows, heads, sizeof heads / sizeof heads[0], e);
    pg_rows_free(rows);
    return result;
}
