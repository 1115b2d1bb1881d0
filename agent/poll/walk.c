/*
 * GETBULK (RFC 3416 section 4.2.3) with sysUpTime as the one object that is not repeated. A
 * device cuts its answer where its message is full: each column goes on from its own last name.
 * v1 has only GETNEXT, one row a message, and names the first object that there is not.
 */
#include "agent/poll/walk.h"

#include <string.h>

enum {
    BULK_VALUES = 240, /* wanted of one message; most devices send fewer */
    REPEAT_MAX = 25,
    SINGLE = 1, /* sysUpTime */
};

/* The name before sysUpTime.0: GETNEXT and GETBULK give what follows it. */
static const struct poll_oid before_uptime = {.len = 8, .ids = {1, 3, 6, 1, 2, 1, 1, 3}};

static void on_answer(const struct poll_answer *answer, void *arg);

static bool is_inside(const struct poll_oid *column, const struct poll_oid *name)
{
    return name->len > column->len &&
           memcmp(name->ids, column->ids, column->len * sizeof name->ids[0]) == 0;
}

/* A device whose names do not rise would be walked for ever. */
static bool is_after(const struct poll_oid *name, const struct poll_oid *before)
{
    for (uint32_t i = 0; i < name->len && i < before->len; i++) {
        if (name->ids[i] != before->ids[i]) {
            return name->ids[i] > before->ids[i];
        }
    }
    return name->len > before->len;
}

static int ask(struct walk *w, struct err *e)
{
    struct poll_oid oids[SINGLE + WALK_COLUMNS_MAX];
    w->asked_count = 0;
    oids[0] = before_uptime;
    for (unsigned i = 0; i < w->count; i++) {
        if (!w->ended[i]) {
            w->asked[w->asked_count] = i;
            oids[SINGLE + w->asked_count++] = w->at[i];
        }
    }
    struct poll_question q = {
        .ask = w->bulk ? ASK_BULK : ASK_NEXT,
        .oids = oids,
        .count = SINGLE + w->asked_count,
        .single = SINGLE,
        .repeat = w->repeat,
    };
    return poll_session_ask(w->session, &q, on_answer, w, e);
}

static void take(struct walk *w, unsigned column, const struct poll_value *value)
{
    const struct poll_oid *top = &w->columns[column].oid;
    if (w->ended[column]) {
        return; /* the rest of a message after the column's end */
    }
    if (value->type == POLL_NOTHING || !is_inside(top, &value->oid) ||
        !is_after(&value->oid, &w->at[column])) {
        w->ended[column] = true;
        return;
    }
    w->at[column] = value->oid;
    w->values++;
    const struct walk_value v = {
        .column = column,
        .index = value->oid.ids + top->len,
        .index_len = value->oid.len - top->len,
        .value = value,
        .uptime_cs = w->uptime_cs,
    };
    w->value(&v, w->value_arg);
}

static void take_all(struct walk *w, const struct poll_answer *answer)
{
    if (answer->count <= SINGLE) { /* not even one row fits, or the device gives nothing */
        memset(w->ended, true, sizeof w->ended);
        return;
    }
    w->uptime_cs = (uint32_t)answer->values[0].number;
    for (size_t i = SINGLE; i < answer->count; i++) {
        take(w, w->asked[(i - SINGLE) % w->asked_count], &answer->values[i]);
    }
    /* A column that a cut message did not reach goes on where it was. */
}

static bool is_over(const struct walk *w)
{
    for (unsigned i = 0; i < w->count; i++) {
        if (!w->ended[i]) {
            return w->values >= WALK_VALUES_MAX;
        }
    }
    return true;
}

static void on_answer(const struct poll_answer *answer, void *arg)
{
    struct walk *w = arg;
    struct err e = {0};
    if (answer->state != DEVICE_UP) {
        w->done((enum device_state)answer->state, answer->why, w->arg);
        return;
    }
    if (answer->too_big && w->repeat > 1) {
        w->repeat /= 2;
    } else if (answer->bad > SINGLE && answer->bad <= SINGLE + w->asked_count) {
        w->ended[w->asked[answer->bad - SINGLE - 1]] = true;
    } else {
        take_all(w, answer);
    }
    if (is_over(w)) {
        w->done(DEVICE_UP, "", w->arg);
    } else if (ask(w, &e) != 0) {
        w->done(DEVICE_FAULT, e.what, w->arg);
    }
}

int walk_begin(struct walk *w, struct err *e)
{
    for (unsigned i = 0; i < w->count; i++) {
        w->at[i] = w->columns[i].oid;
        w->ended[i] = false;
    }
    w->values = 0;
    w->uptime_cs = 0;
    w->repeat = w->count == 0 ? 1 : BULK_VALUES / w->count;
    w->repeat = w->repeat > REPEAT_MAX ? REPEAT_MAX : w->repeat;
    return ask(w, e);
}
