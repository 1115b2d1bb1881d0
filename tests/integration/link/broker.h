/* A real nats-server on loopback with a centre's folder of its own, for one test. */
#pragma once

#include "aggregator/auth/keys.h"

#include <limits.h>
#include <sys/types.h>

struct broker {
    char dir[PATH_MAX]; /* temporary; holds centre/ and the server's log */
    char url[64];
    unsigned port;
    pid_t pid; /* 0 while stopped */
    struct keys keys;
};

/* Makes the folder and its keys and starts the server; every fault fails the test. */
void broker_open(struct broker *b);
void broker_close(struct broker *b);
/* kill -9, and the same server again on the same port. */
void broker_kill(struct broker *b);
void broker_start(struct broker *b);
