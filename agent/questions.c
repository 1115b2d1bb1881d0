#include "agent/questions.h"

#include <string.h>

enum { PIECE = 1024 }; /* flows looked at in one turn: some tens of microseconds */

static bool take(struct questions *q, struct ring *ring, const struct prints *prints,
                 uint64_t now_ns)
{
    const struct engine_question *question = ring_peek(ring);
    if (question == NULL) {
        return false;
    }
    flow_select_begin(&q->select, &question->filter, question->sort, question->desc,
                      question->limit, now_ns);
    q->select.prints = prints;
    q->id = question->id;
    ring_release(ring);
    return true;
}

/* Flows that ended since they were seen are left out. */
static void write_snapshot(const struct questions *q, const struct emitter *em, uint64_t now_ns)
{
    struct engine_snapshot *snapshot = em->lane->snapshot;
    uint32_t count = 0;
    for (uint32_t i = 0; i < q->select.count; i++) {
        const struct flow *f = flow_table_at(em->table, q->select.rows[i].handle);
        if (f == NULL || f->id != q->select.rows[i].id) {
            continue;
        }
        struct live_flow *row = &snapshot->rows[count++];
        emit_fill_totals(em, f, &row->record);
        row->bps = flow_bps(f, now_ns);
    }
    snapshot->count = count;
    snapshot->partial = 0;
    snapshot->total = q->select.total;
    /* Read by control with acquire: the rows are whole once it sees the id. */
    atomic_store_explicit(&snapshot->ready_id, q->id, memory_order_release);
}

bool questions_turn(struct questions *q, struct emitter *em, uint64_t now_ns)
{
    if (q->id == 0 && !take(q, em->lane->questions, em->prints, now_ns)) {
        return false;
    }
    if (flow_select_step(&q->select, em->table, PIECE)) {
        write_snapshot(q, em, now_ns);
        q->id = 0;
        em->pending = true;
        em->urgent = true;
    }
    return true;
}
