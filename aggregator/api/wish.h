/* What a client of the live channel asks for: one text message, `LiveRequest` in the contract. */
#pragma once

#include "aggregator/api/topic.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WISH_MAX = 4096 }; /* bytes of a message */

struct wish {
    bool subscribes; /* else it unsubscribes */
    char topic[TOPIC_NAME_SIZE];
    uint64_t since; /* number of the last frame that the client has; 0: none */
};

int wish_read(const void *text, size_t len, struct wish *wish, struct err *e);
