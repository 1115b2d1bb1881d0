/*
 * Telling people and programs of alerts, by e-mail and signed webhook. One thread takes the changes
 * of alerts out of the outbox, matches them with the recipients, puts them together into messages
 * and sends them, with retry and back-off. Of several aggregators the one that holds the advisory
 * lock does it.
 */
#pragma once

#include "common/err.h"

#include <stdbool.h>

struct notifier;

enum { NOTIFIER_SECRET_SIZE = 1025 }; /* an opened secret, with its NUL */

struct notifier_options {
    const char *conninfo; /* borrowed, like all of these */
    const char *ca_file;  /* PEM of authorities of mail servers and receivers; "": the system's */
    /* Opens a sealed secret into NOTIFIER_SECRET_SIZE bytes. */
    int (*unseal)(void *arg, const char *sealed, char *buf, struct err *e);
    void *arg;
};

/* Starts the thread; the database may be away. NULL and e. */
struct notifier *notifier_open(const struct notifier_options *options, struct err *e);
/* False when it hangs in the database: the process must then end without it. NULL is fine. */
bool notifier_close(struct notifier *notifier, unsigned wait_ms);
