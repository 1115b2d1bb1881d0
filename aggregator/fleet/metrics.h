/*
 * The counters of the core for /metrics: one table gives name, type and help; the web thread
 * renders it. Every field is an atomic that any thread of the aggregator adds to and the web
 * thread reads; relaxed order, as nothing else hangs on them.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#define METRICS(M)                                                                                 \
    M(batches_stored, counter, "Batches of records committed")                                     \
    M(records_stored, counter, "Records committed")                                                \
    M(records_trimmed, counter, "Records received again and left out")                             \
    M(batches_refused, counter, "Batches answered with a nack, for a hole before them")            \
    M(batches_held, counter, "Batches left to be sent again, as the writer's queue was full")      \
    M(batches_quarantined, counter, "Batches put aside as unreadable")                             \
    M(records_quarantined, counter, "Records put aside as unreadable")                             \
    M(gaps_reported, counter, "Gap records stored")                                                \
    M(records_lost, counter, "Records that agents reported as dropped")                            \
    M(messages_received, counter, "Messages received from agents")                                 \
    M(messages_malformed, counter, "Messages refused as malformed or oversized")                   \
    M(messages_unknown, counter, "Messages of names that are no instance")                         \
    M(replies_ignored, counter, "Messages that named a subject to reply to")                       \
    M(messages_held, counter, "Messages dropped as the fleet's queue was full")                    \
    M(bus_dropped, counter, "Messages that the NATS client dropped as too slow")                   \
    M(acks_failed, counter, "Acknowledgements that could not be published")                        \
    M(enrolments, counter, "Agents enrolled")                                                      \
    M(enrolments_refused, counter, "Enrolments refused")                                           \
    M(logins_refused, counter, "Log-ins to NATS that the server refused")                          \
    M(state_changes, counter, "State changes of instances")                                        \
    M(questions, counter, "Questions put to agents")                                               \
    M(questions_unanswered, counter, "Questions without an answer in time")                        \
    M(database_errors, counter, "Statements or connections that failed")                           \
    M(web_events_held, counter, "Events that the web thread's queue had no room for")              \
    M(writer_depth, gauge, "Batches waiting for the database")                                     \
    M(instances, gauge, "Instances known")                                                         \
    M(bus_up, gauge, "1 while connected to NATS")                                                  \
    M(database_up, gauge, "1 while connected to PostgreSQL")                                       \
    M(blind, gauge, "1 while judgement of the fleet is frozen")

struct metrics {
#define METRICS_FIELD(name, type, help) _Atomic uint64_t name; /* adders: any; reader: web */
    METRICS(METRICS_FIELD)
#undef METRICS_FIELD
    /* When these threads last turned, monotonic ns; read by main for the watchdog. */
    _Atomic uint64_t fleet_turned_ns, web_turned_ns;
};

struct metric_row {
    const char *name; /* "batches_stored": shown as picket_batches_stored_total */
    const char *type; /* "counter" or "gauge" */
    const char *help;
    unsigned long offset; /* into struct metrics */
};

/* The table, ended by a row without a name. */
const struct metric_row *metrics_table(void);

static inline void metric_add(_Atomic uint64_t *metric, uint64_t n)
{
    atomic_fetch_add_explicit(metric, n, memory_order_relaxed);
}

static inline void metric_set(_Atomic uint64_t *metric, uint64_t value)
{
    atomic_store_explicit(metric, value, memory_order_relaxed);
}

static inline uint64_t metric_get(_Atomic uint64_t *metric)
{
    return atomic_load_explicit(metric, memory_order_relaxed);
}
