/*
 * The query threads: each has one connection to PostgreSQL and runs tasks one after the other. A
 * task is a function with its argument; it tells its result itself. Any thread submits.
 */
#pragma once

#include "aggregator/store/pg.h"
#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>

struct pool;

enum { POOL_THREADS_MAX = 16, POOL_TASKS_MAX = 256 };

/*
 * pg is NULL when the database is away. Returns false when the connection was lost in between and
 * nothing has been told yet: the task then runs once more on a new one, or with NULL.
 */
typedef bool (*task_fn)(void *arg, struct pg *pg);

/* threads: 1 to POOL_THREADS_MAX. Borrows conninfo until pool_stop. */
struct pool *pool_open(const char *conninfo, unsigned threads, struct err *e);
/*
 * Runs what waits with pg NULL and ends the threads; false when one is stuck in the database.
 * From then on pool_submit takes nothing.
 */
bool pool_stop(struct pool *pool, unsigned wait_ms);
/* After pool_stop. NULL is fine. */
void pool_free(struct pool *pool);
/* False when too many wait; then fn is never called. */
bool pool_submit(struct pool *pool, task_fn fn, void *arg);
/* Tasks that wait. */
uint64_t pool_depth(struct pool *pool);
