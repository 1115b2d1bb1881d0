/*
 * Sending one message: SMTP or HTTP, and the only file that knows libcurl here. Blocks for at most
 * SEND_TIMEOUT_S. Redirects are not followed, no proxy is asked, and an answer's body is not kept:
 * what is behind an address that an administrator chose is not shown to anybody.
 */
#pragma once

#include "common/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEND_TIMEOUT_S = 30, SEND_CONNECT_S = 15, SEND_SIGNATURE_SIZE = 96 };

struct sender {
    const char *ca_file;   /* "": the system's */
    atomic_bool *stopping; /* ends a transfer that is under way; set by the one who closes */
};

struct send_mail {
    const char *host;
    int port;
    const char *security; /* "starttls", "tls" or "none" */
    const char *login;    /* "": none is needed */
    const char *password;
    const char *from, *to;
    const char *message; /* whole, with CRLF */
};
/* Once for the process. */
int send_init(struct err *e);
/* 0 when the server has taken it; -1 and e with its words. */
int send_mail(const struct sender *sender, const struct send_mail *mail, struct err *e);

struct send_hook {
    const char *url;
    const char *secret; /* "": the body is not signed */
    const char *key;    /* of the delivery */
    const char *body;
    uint64_t now_s; /* unix; part of what is signed */
};
/* 0 when it was answered with 2xx. */
int send_hook(const struct sender *sender, const struct send_hook *hook, struct err *e);

/* "t=1764112345,v1=HEX": HMAC-SHA-256 over "1764112345." and the body. Pure. */
void send_signature(const char *secret, uint64_t now_s, const char *body,
                    char signature[SEND_SIGNATURE_SIZE]);
