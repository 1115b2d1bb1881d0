/*
 * The text that a person carries to a site: "pkt1.", the bearer JWT that may enrol one agent, and,
 * when the centre has an authority of its own, a dot and that authority's certificate, so that the
 * agent knows from the first packet whom to trust and needs no second file. Any thread.
 */
#pragma once

#include "common/creds.h"
#include "common/err.h"

#include <stddef.h>

#define TOKEN_PREFIX "pkt1."
/* TOKEN_CA_DER_MAX bytes are enough for one certificate; a chain is given as a file. */
enum { TOKEN_CA_DER_MAX = 2048, TOKEN_CA_PEM_SIZE = 4096 };

struct token_parts {
    char jwt[CREDS_JWT_SIZE];       /* secret */
    char ca_pem[TOKEN_CA_PEM_SIZE]; /* "" when the token carries none */
};

/*
 * Adds the certificate in the PEM file to a token in its buffer of `size`. Nothing is added when
 * ca_file is NULL or "" or holds more than one certificate. 0, or -1 and e.
 */
int token_add_authority(char *token, size_t size, const char *ca_file, struct err *e);
/* Takes a token apart; what is none is refused without being shown. */
int token_split(const char *token, struct token_parts *parts, struct err *e);
