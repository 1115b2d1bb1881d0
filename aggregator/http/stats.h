/*
 * Counters of the web server for /metrics, as a list that gives field, type and help. Added to by
 * the server's thread, read by it and by the query threads; relaxed order, nothing hangs on them.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#define HTTP_STATS(S)                                                                              \
    S(answers_2xx, counter, "Answers with a status of 200 to 299")                                 \
    S(answers_3xx, counter, "Answers with a status of 300 to 399")                                 \
    S(answers_4xx, counter, "Answers with a status of 400 to 499")                                 \
    S(answers_5xx, counter, "Answers with a status of 500 to 599")                                 \
    S(bytes_sent, counter, "Bytes of headers and bodies of answers")                               \
    S(answers_late, counter, "Answers whose client had gone by then")                              \
    S(exchanges, gauge, "Requests under way")                                                      \
    S(waiting, gauge, "Connections that ask for nothing, or whose request is still coming")        \
    S(hung_up, counter, "Of those, hung up on: to make room, or since they took too long")         \
    S(sockets, gauge, "WebSockets open")                                                           \
    S(sockets_opened, counter, "WebSockets opened")                                                \
    S(frames_sent, counter, "Frames sent on WebSockets")                                           \
    S(frame_bytes_sent, counter, "Bytes of frames sent on WebSockets")

struct http_stats {
#define HTTP_STATS_FIELD(name, type, help) _Atomic uint64_t name;
    HTTP_STATS(HTTP_STATS_FIELD)
#undef HTTP_STATS_FIELD
};

static inline void http_stat_add(_Atomic uint64_t *stat, uint64_t n)
{
    atomic_fetch_add_explicit(stat, n, memory_order_relaxed);
}

static inline void http_stat_set(_Atomic uint64_t *stat, uint64_t n)
{
    atomic_store_explicit(stat, n, memory_order_relaxed);
}

static inline void http_stat_sub(_Atomic uint64_t *stat, uint64_t n)
{
    atomic_fetch_sub_explicit(stat, n, memory_order_relaxed);
}
