/* Small checks and readings of the texts that stand in requests. Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* True for valid UTF-8 (RFC 3629) without control characters. */
bool text_is_printable(const char *text, size_t len);

/*
 * Finds a cookie (RFC 6265) in the value of a Cookie header and copies its value to buf. False
 * when there is none of that name or it does not fit.
 */
bool text_cookie(const char *header, const char *name, char *buf, size_t size);

/* True when a word, in any case, is among the comma-separated ones before their ";parameters". */
bool text_list_has(const char *list, const char *word);

/*
 * True when Accept-Encoding allows a coding: it is named without q=0 (RFC 9110, 12.5.3). "*" is
 * not looked at, as no browser sends it.
 */
bool text_accepts_encoding(const char *header, const char *coding);

/* True when If-None-Match holds this quoted tag, weak or not, or "*" (RFC 9110, 13.1.2). */
bool text_etag_matches(const char *if_none_match, const char *etag);

/*
 * True when an Origin ("https://host:port") names this Host ("host:port"). Over TLS it must be
 * https; without, either will do, as a proxy in front may speak TLS.
 */
bool text_origin_is(const char *origin, const char *host, bool tls);
