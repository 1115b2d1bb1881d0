/* Our own certificate authority and the server's certificate, for `picketctl init`. */
#pragma once

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Writes ca.key, ca.pem, server.key and server.pem (mode 0600, ECDSA P-256) into dir. names: DNS
 * names and addresses that the server answers to; at least one.
 */
int certificate_write(const char *dir, const char *const *names, size_t name_count, struct err *e);
/*
 * Issues STEM.key and STEM.pem in dir anew, with the authority in dir, and puts them in place of
 * what is there. No names: those of the present STEM.pem. stem is a name such as "server".
 */
int certificate_issue(const char *dir, const char *stem, const char *const *names,
                      size_t name_count, struct err *e);

/* What a certificate says, for people. */
struct certificate_facts {
    char names[1024];   /* "centre.example.org 192.0.2.1", cut when longer */
    uint64_t expires_s; /* unix seconds */
};
int certificate_facts(const char *path, struct certificate_facts *facts, struct err *e);
