/*
 * The least of a centre, for tests of the agent's side: enrols whoever asks, keeps cursors and the
 * sequences it has taken in memory, acknowledges. It can be told to misbehave.
 */
#pragma once

#include "common/bus.h"
#include "common/wire/delivery.h"
#include "common/wire/heartbeat.h"
#include "tests/integration/link/broker.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { TAKEN_MAX = 200000, PAST_MAX = 16 };

/* What was taken of one epoch of a stream: record sequences in order of taking. */
struct taken {
    uint64_t epoch, upto;
    uint64_t *sequences;
    size_t count;
    uint64_t gap_records; /* records that gaps said are lost */
    unsigned duplicates;  /* batches that held nothing new */
};

struct centre {
    struct broker *broker;
    struct bus *bus;
    char name[64];                                 /* the one agent that it serves */
    pthread_mutex_t lock;                          /* guards all that follows */
    struct taken streams[STREAM_COUNT + 1];        /* of the newest epoch */
    struct taken past[STREAM_COUNT + 1][PAST_MAX]; /* of those before, which may still go on */
    bool refuse_enrolment;
    bool silent;         /* takes batches but acknowledges nothing */
    unsigned lose_every; /* n > 0: every nth batch is lost before it is looked at */
    uint32_t credit;
    unsigned batches, nacks, hellos, enrolments, heartbeats, answers;
    struct hello hello;
    struct goodbye goodbye; /* wall_ns 0 until one came */
    uint64_t last_batch_ns; /* monotonic: when the last batch was taken */
};

void centre_open(struct centre *c, struct broker *b, const char *name);
void centre_close(struct centre *c);
/* Writes a token for name into path. */
void centre_token(struct centre *c, const char *name, const char *path);
void centre_tell(struct centre *c, const char *word, const void *bytes, size_t len);
/* Of all epochs. */
size_t centre_count(struct centre *c, enum wire_stream stream);
/* Every sequence of each epoch, from 1 on, was taken once and in order, gaps apart. */
bool centre_is_whole(struct centre *c, enum wire_stream stream);
