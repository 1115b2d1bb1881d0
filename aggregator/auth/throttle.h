/*
 * Slows the guessing of passwords: counts refused sign-ins for each address and each user name.
 * After five within a minute the next try has to wait, an address longer each time, a user never
 * more than a minute (else anybody could lock a person out). Any thread; time is UTC milliseconds.
 */
#pragma once

#include "common/err.h"

#include <stdint.h>

enum throttle_kind { THROTTLE_ADDRESS = 'a', THROTTLE_USER = 'u' };

enum {
    THROTTLE_FREE_TRIES = 5,
    THROTTLE_WINDOW_MS = 60 * 1000,
    THROTTLE_ADDRESS_MAX_MS = 15 * 60 * 1000,
};

struct throttle;

struct throttle *throttle_new(struct err *e);
void throttle_free(struct throttle *t);

/* Milliseconds to wait before the next try is looked at; 0: now. */
uint64_t throttle_wait_ms(struct throttle *t, enum throttle_kind kind, const char *name,
                          uint64_t now_ms);
void throttle_failed(struct throttle *t, enum throttle_kind kind, const char *name,
                     uint64_t now_ms);
/* Forgets the failures after a success. */
void throttle_succeeded(struct throttle *t, enum throttle_kind kind, const char *name);
