/*
 * HTTP and HTTPS requests of the probes. The only file that knows libcurl. Poller's thread, but
 * for http_start.
 */
#pragma once

#include "common/err.h"
#include "common/wire/config_probe.h"
#include "common/wire/probes.h"

#include <uv.h>

/* Once, before there are threads. */
void http_start(void);

struct http;
struct http_get;

/* NULL and e on failure. */
struct http *http_new(uv_loop_t *loop, struct err *e);
/* All requests were dropped before; frees itself as the loop turns. NULL is fine. */
void http_free(struct http *http);

/* result is filled with what was measured: state, times, status, bytes, certificate, error. */
typedef void (*http_done_fn)(void *arg);

/* done comes later, never from here. NULL and e on failure. result outlives the request. */
struct http_get *http_get_begin(struct http *http, const struct config_probe *conf,
                                struct probe_record *result, http_done_fn done, void *arg,
                                struct err *e);
/* Ends it without a word; not after done. NULL is fine. */
void http_get_drop(struct http_get *get);
