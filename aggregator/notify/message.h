/*
 * What is told: the change of an alert, and the messages made of one or many. Pure text: the e-mail
 * of docs/notifications.md and the JSON that webhooks get. Any thread.
 */
#pragma once

#include "common/alert_kinds.h"

#include <stdbool.h>
#include <stdint.h>

/* One change of an alert, with the alert as it is now. Texts are borrowed. */
struct notice {
    int64_t alert_id;
    bool ended; /* else: began */
    const struct alert_kind_info *kind;
    int score;
    const char *instance, *site; /* "" for the centre's own */
    const char *entity;          /* "host", "agent"… */
    const char *entity_id, *key;
    int64_t first_ms, last_ms, released_ms; /* UTC; released 0: not yet */
    int64_t arrived_ms;                     /* of one that came late; else 0 */
    int64_t count;
    const char *client, *server, *app, *host, *detail;
};

struct message {
    const char *key;         /* of the delivery: the same on every try */
    int64_t made_ms;         /* UTC */
    const char *console_url; /* "" when not known */
    const struct notice *notices;
    unsigned count; /* 0: a test message */
    bool late;      /* a digest of what one instance could not tell in time */
};

enum { MESSAGE_SUBJECT_SIZE = 256 };

/* "Picket: Critical: Instance unreachable, pisa-1"; of many, how many of each severity;
 * of late ones "Picket: 12 alerts of pisa-1 that came late, 2026-05-01 08:00 to 09:10 UTC". */
void message_subject(const struct message *message, char subject[MESSAGE_SUBJECT_SIZE]);
/* The text of the e-mail, malloc'ed; NULL when memory is short. */
char *message_text(const struct message *message);
/* The body of the webhook, malloc'ed; NULL when memory is short. */
char *message_json(const struct message *message);

struct mail {
    const char *key; /* becomes the Message-ID */
    const char *from, *to;
    const char *subject; /* UTF-8 */
    const char *text;    /* UTF-8, lines end in \n */
    int64_t made_ms;     /* becomes Date: the same on every try */
};
/* The whole of RFC 5322 with lines that end in CRLF, malloc'ed. NULL: no memory, or an address that
 * could smuggle in a header. */
char *mail_compose(const struct mail *mail);
