/* Two short arrays; with a hundred entries a search from end to end is quick enough. */
#include "aggregator/api/recent.h"

#include "aggregator/api/rows.h"
#include "aggregator/api/shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void drop_list(struct alert_view **list, size_t *count)
{
    while (*count > 0) {
        free(list[--*count]);
    }
}

void recent_done(struct recent *recent)
{
    drop_list(recent->items, &recent->count);
    drop_list(recent->changed, &recent->changed_count);
}

void recent_skip(struct recent *recent)
{
    drop_list(recent->changed, &recent->changed_count);
    recent->overflowed = false;
}

static struct alert_view *copy_of(const struct alert_view *view)
{
    struct alert_view *copy = malloc(sizeof *copy);
    if (copy != NULL) {
        *copy = *view;
    }
    return copy;
}

static void take_out(struct alert_view **list, size_t *count, int64_t id)
{
    for (size_t i = 0; i < *count; i++) {
        if (list[i]->id == id) {
            free(list[i]);
            memmove(&list[i], &list[i + 1], (*count - i - 1) * sizeof list[0]);
            (*count)--;
            return;
        }
    }
}

static bool is_newer(const struct alert_view *a, const struct alert_view *b)
{
    return a->last_ms != b->last_ms ? a->last_ms > b->last_ms : a->id > b->id;
}

static void put_sorted(struct recent *recent, struct alert_view *view)
{
    size_t at = 0;
    while (at < recent->count && is_newer(recent->items[at], view)) {
        at++;
    }
    if (at == RECENT_MAX) {
        free(view);
        return;
    }
    if (recent->count == RECENT_MAX) {
        free(recent->items[--recent->count]);
    }
    memmove(&recent->items[at + 1], &recent->items[at],
            (recent->count - at) * sizeof recent->items[0]);
    recent->items[at] = view;
    recent->count++;
}

/* What was told is kept over what was read before that. */
static bool is_outdated(const struct recent *recent, const struct alert_view *view)
{
    for (size_t i = 0; i < recent->count; i++) {
        const struct alert_view *kept = recent->items[i];
        if (kept->id == view->id) {
            return kept->count > view->count || kept->last_ms > view->last_ms ||
                   kept->released_ms > view->released_ms;
        }
    }
    return false;
}

void recent_put(struct recent *recent, const struct alert_view *view, bool fresh)
{
    if (!fresh && is_outdated(recent, view)) {
        return;
    }
    struct alert_view *kept = copy_of(view);
    if (kept != NULL) {
        take_out(recent->items, &recent->count, view->id);
        put_sorted(recent, kept);
    }
    if (!fresh) {
        return;
    }
    take_out(recent->changed, &recent->changed_count, view->id);
    struct alert_view *told = recent->changed_count < RECENT_MAX ? copy_of(view) : NULL;
    if (told == NULL) {
        recent->overflowed = true;
        return;
    }
    recent->changed[recent->changed_count++] = told;
}

static json_t *shape_list(struct alert_view *const *list, size_t count)
{
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(items, shape_alert(list[i])); /* short of memory: fewer */
    }
    return json_pack("{s:o, s:[]}", "alerts", items, "gone");
}

json_t *recent_all(const struct recent *recent)
{
    return shape_list(recent->items, recent->count);
}

json_t *recent_changes(struct recent *recent)
{
    json_t *changes = shape_list(recent->changed, recent->changed_count);
    recent_skip(recent);
    return changes;
}

int recent_load(struct pg *pg, struct loaded_alerts *loaded, struct err *e)
{
    enum { SQL_SIZE = 4096, LOADED_MAX = 1000 };
    char sql[SQL_SIZE];
    int len = snprintf(sql, sizeof sql,
                       "(%s ORDER BY a.last_at DESC, a.id DESC LIMIT %d) UNION"
                       " (%s WHERE a.instance_id IS NULL AND a.state = 'engaged' LIMIT %d)",
                       alert_row_sql, RECENT_MAX, alert_row_sql, LOADED_MAX);
    struct pg_rows *rows = len > 0 && len < (int)sizeof sql ? pg_query(pg, sql, NULL, e) : NULL;
    if (rows == NULL) {
        return -1;
    }
    loaded->count = pg_rows_count(rows);
    loaded->items = calloc(loaded->count + 1, sizeof loaded->items[0]);
    for (unsigned i = 0; loaded->items != NULL && i < loaded->count; i++) {
        alert_row_read(rows, i, &loaded->items[i]);
    }
    pg_rows_free(rows);
    return loaded->items != NULL ? 0 : err_set(e, ERR_NOMEM, "no memory for the newest alerts");
}
