/*
 * What is stored of an instance that does not answer: the rows of a question out of PostgreSQL,
 * from the minutes before it was last heard.
 */
#pragma once

#include "aggregator/api/call.h"

struct stored {
    struct call *call; /* owned */
    struct query query;
    struct instance_view view; /* as it is known */
    char code[32];             /* why the agent did not answer */
    char message[200];
};

/* A task (of a struct stored, which it takes over) that answers the call. */
bool stored_run(void *arg, struct pg *pg);
