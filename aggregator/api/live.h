/*
 * The live channel /api/v1/live: who is subscribed to what, and what each is to get next. What is
 * told comes from the core's events; x-live in docs/openapi.yaml is the contract. The web thread
 * only.
 */
#pragma once

#include "aggregator/api/inner.h"

struct live *live_open(struct web *web, struct err *e);
void live_close(struct live *live);

/* The core's events, after the mirror has them. */
void live_instance(struct live *live, const char *name);
void live_point(struct live *live, const struct live_point *point);
void live_alert(struct live *live, const struct alert_view *view);
/* Some alerts changed untold: the newest are read anew, and every subscriber gets a snapshot. */
void live_alerts_missed(struct live *live);
/* Everything known of the fleet has been told anew. */
void live_whole(struct live *live);

/* Sends what is due: after events, and at each tick. */
void live_flush(struct live *live, uint64_t mono_ns);
/* Checks sessions, renews leases, forgets topics that nobody wants. */
void live_tick(struct live *live, uint64_t mono_ns);

/* http_handlers for the WebSocket, with the web as arg. */
struct http_response *live_upgrade(void *arg, const struct http_request *request);
void *live_opened(void *arg, struct http_socket *socket, const struct http_request *request);
void live_received(void *arg, void *state, const char *text, size_t len);
struct http_frame *live_next(void *arg, void *state);
void live_closed(void *arg, void *state);
