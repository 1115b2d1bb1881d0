/* Rows by name; totals are summed when asked for, as there are hundreds of rows, not millions. */
#include "aggregator/api/mirror.h"

#include "aggregator/api/shape.h"

#include <stdlib.h>
#include <string.h>

enum { INSTANCES_MAX = 20000, OWN_ALERTS_MAX = 1000 };

int mirror_open(struct mirror *mirror, struct err *e)
{
    *mirror = (struct mirror){.centre = {.state = CENTRE_GRACE, .reason = CENTRE_START}};
    mirror->rows = table_new(NAME_MAX_LEN + 1, sizeof(struct mirror_row), INSTANCES_MAX, e);
    mirror->own = table_new(sizeof(int64_t), sizeof(int64_t), OWN_ALERTS_MAX, e);
    mirror->gone = json_array();
    return mirror->rows != NULL && mirror->own != NULL && mirror->gone != NULL ? 0 : -1;
}

void mirror_close(struct mirror *mirror)
{
    size_t at = 0;
    for (struct mirror_row *row;
         mirror->rows != NULL && (row = table_next(mirror->rows, &at)) != NULL;) {
        free(row->view);
        free(row->told);
    }
    table_free(mirror->rows);
    table_free(mirror->own);
    json_decref(mirror->gone);
}

static void key_of(const char *name, char key[NAME_MAX_LEN + 1])
{
    memset(key, 0, NAME_MAX_LEN + 1);
    memcpy(key, name, strnlen(name, NAME_MAX_LEN));
}

void mirror_put(struct mirror *mirror, struct instance_view *view)
{
    char key[NAME_MAX_LEN + 1];
    key_of(view->name, key);
    bool made = false;
    struct mirror_row *row = table_put(mirror->rows, key, &made);
    if (row == NULL) {
        free(view);
        return;
    }
    mirror->urgent = mirror->urgent || made || row->view->state != view->state;
    if (row->changed) {
        free(row->view);
    } else {
        row->told = row->view; /* NULL when it is new */
    }
    row->view = view;
    row->changed = true;
    mirror->changed = true;
}

void mirror_remove(struct mirror *mirror, const char *name)
{
    char key[NAME_MAX_LEN + 1];
    key_of(name, key);
    struct mirror_row *row = table_get(mirror->rows, key);
    if (row == NULL) {
        return;
    }
    (void)json_array_append_new(mirror->gone, json_integer(row->view->id)); /* else: next snap */
    free(row->view);
    free(row->told);
    (void)table_remove(mirror->rows, key); /* it was just there */
    mirror->changed = true;
    mirror->urgent = true;
}

void mirror_centre(struct mirror *mirror, const struct centre_view *centre)
{
    mirror->urgent = mirror->urgent || centre->state != mirror->centre.state ||
                     centre->reason != mirror->centre.reason;
    mirror->centre = *centre;
    mirror->changed = true;
}

void mirror_own_alert(struct mirror *mirror, int64_t id, bool engaged)
{
    bool made = false;
    if (engaged) {
        (void)table_put(mirror->own, &id, &made); /* beyond the cap it is not counted */
    } else {
        (void)table_remove(mirror->own, &id); /* it need not be there */
    }
    mirror->changed = true;
}

const struct instance_view *mirror_find(const struct mirror *mirror, const char *name)
{
    char key[NAME_MAX_LEN + 1];
    key_of(name, key);
    const struct mirror_row *row = table_get(mirror->rows, key);
    return row != NULL ? row->view : NULL;
}

struct totals {
    uint64_t by_state[PRESENCE_DUPLICATE + 1];
    uint64_t instances, bps, pps, hosts, flows, engaged, flow_alerts, drops;
};

static void add_up(struct totals *t, const struct instance_view *v)
{
    t->instances++;
    t->by_state[v->state <= PRESENCE_DUPLICATE ? v->state : 0]++;
    t->engaged += v->alerts_engaged;
    if (!v->answering || !v->has_beat) {
        return;
    }
    t->bps += v->throughput_bps;
    t->pps += v->packets_pps;
    t->hosts += v->hosts;
    t->flows += v->flows;
    t->flow_alerts += v->flow_alerts;
    t->drops += v->drops_kernel + v->drops_ring + v->drops_table + v->drops_queue + v->drops_spool +
                v->drops_client + v->drops_half_open;
}

static json_t *states_of(const struct totals *t)
{
    json_t *states = json_object();
    for (enum presence_state s = PRESENCE_INVITED; s <= PRESENCE_DUPLICATE; s++) {
        if (t->by_state[s] > 0) { /* short of memory: one fewer */
            (void)json_object_set_new(states, presence_state_name(s), shape_number(t->by_state[s]));
        }
    }
    return states;
}

static json_t *totals_of(struct mirror *mirror)
{
    struct totals t = {.engaged = table_count(mirror->own)};
    size_t at = 0;
    for (const struct mirror_row *row; (row = table_next(mirror->rows, &at)) != NULL;) {
        add_up(&t, row->view);
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "instances",
                     shape_number(t.instances), "by_state", states_of(&t), "throughput_bps",
                     shape_number(t.bps), "packets_pps", shape_number(t.pps), "hosts",
                     shape_number(t.hosts), "flows", shape_number(t.flows), "alerts_engaged",
                     shape_number(t.engaged), "flow_alerts", shape_number(t.flow_alerts), "drops",
                     shape_number(t.drops));
}

json_t *mirror_all(struct mirror *mirror)
{
    json_t *rows = json_array();
    size_t at = 0;
    for (const struct mirror_row *row; (row = table_next(mirror->rows, &at)) != NULL;) {
        (void)json_array_append_new(rows, shape_instance(row->view)); /* no memory: fewer */
    }
    return json_pack("{s:o, s:o, s:o}", "instances", rows, "totals", totals_of(mirror), "centre",
                     shape_centre(&mirror->centre));
}

void mirror_skip(struct mirror *mirror)
{
    (void)json_array_clear(mirror->gone); /* it is an array */
    mirror->changed = false;
    mirror->urgent = false;
    size_t at = 0;
    for (struct mirror_row *row; (row = table_next(mirror->rows, &at)) != NULL;) {
        row->changed = false;
        free(row->told);
        row->told = NULL;
    }
}

json_t *mirror_changes(struct mirror *mirror)
{
    json_t *rows = json_array(), *figures = json_array();
    size_t at = 0;
    for (const struct mirror_row *row; (row = table_next(mirror->rows, &at)) != NULL;) {
        if (!row->changed) {
            continue;
        }
        json_t *changed = row->told != NULL ? shape_figures(row->told, row->view) : NULL;
        if (changed != NULL) {
            (void)json_array_append_new(figures, changed); /* no memory: fewer */
        } else {
            (void)json_array_append_new(rows, shape_instance(row->view));
        }
    }
    json_t *changes = json_pack("{s:o, s:o, s:o, s:o, s:o}", "instances", rows, "figures", figures,
                                "gone", json_copy(mirror->gone), "totals", totals_of(mirror),
                                "centre", shape_centre(&mirror->centre));
    mirror_skip(mirror);
    return changes;
}
