/*
 * The exchange that turns a token into an identity: the same question every two seconds until an
 * answer with its nonce comes. It knows no network: uplink.c carries question and answer. Time is
 * the loop's, in ms.
 */
#pragma once

#include "agent/uplink/identity.h"
#include "common/err.h"
#include "common/wire/delivery.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ENROL_AGAIN_MS = 2000, ENROL_REFUSED_MS = 30000 };

struct enrol {
    struct enrol_request request;
    uint64_t next_ms; /* when to ask again */
};

/* token: the whole string; only its hash is kept. */
int enrol_begin(struct enrol *en, const struct identity *id, const char *token, struct err *e);
/* JSON of the question into buf when it is time to ask; 0 otherwise. */
size_t enrol_ask(struct enrol *en, uint64_t now_ms, void *buf, size_t size);
/*
 * Reads an answer. 1: answer->jwt is our identity; 0: not for us; -1 and e: refused, and
 * the next question waits.
 */
int enrol_answered(struct enrol *en, const void *bytes, size_t len, uint64_t now_ms,
                   struct enrol_answer *answer, struct err *e);
