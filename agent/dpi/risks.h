/*
 * Risks that the library does not know or does not find, judged from a name or from the first bytes
 * of each direction. Pure; each answer is bits of a flow's risks, whose numbers are alert kinds.
 */
#pragma once

#include "agent/decode/http.h"

#include <stddef.h>
#include <stdint.h>

/* Of the library's risks those that have our numbers: from 42 on its releases differ. */
uint64_t risks_of_library(uint64_t risks);

/* A host name: labels of other scripts in their ASCII form (RFC 5890). */
uint64_t risks_of_name(const char *host);
/*
 * What a TLS client offers to speak first (ALPN, RFC 7301), on the server's port: the web where
 * another service lives, or another service where the web does. 0 also when it offers nothing.
 */
uint64_t risks_of_alpn(const uint8_t *protocol, size_t len, uint16_t port);
/* The head of a request or an answer. */
uint64_t risks_of_http(const struct http_head *h);
/* The first bytes of a direction of any flow, or the body of an answer: a program. */
uint64_t risks_of_content(const uint8_t *bytes, size_t len);
