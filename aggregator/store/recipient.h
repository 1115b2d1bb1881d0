/*
 * What may stand in the address of a recipient of alerts: checked by the API before it is stored,
 * and again before it is used. Pure; any thread.
 */
#pragma once

#include <stdbool.h>

enum {
    RECIPIENT_EMAIL_MAX = 254, /* RFC 5321, 4.5.3.1.3 */
    RECIPIENT_URL_MAX = 1000,
};

/* An address of e-mail that may stand in a header and in an envelope. */
bool recipient_email_is_valid(const char *address);
/* An address of http or https with a host, without a user, without blanks. */
bool recipient_url_is_valid(const char *url);
