/*
 * What is known of a flow's quality, as members of its row: the same from an agent that answers
 * and from the store. docs/wire.md lists them.
 */
#pragma once

#include "common/wire/flows.h"

#include <jansson.h>

/* A new object, NULL when memory is short. What is not known is left out. */
json_t *quality_row(const struct flow_record *r);
/* "excellent 98 / fair 52": client to server, then server to client. Without a score "", or that
 * the capture is to blame. */
void quality_text(const struct flow_record *r, char *buf, size_t size);
