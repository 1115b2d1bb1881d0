/* Our own certificate authority and the server's certificate, for `picketctl init`. */
#pragma once

#include "common/err.h"

#include <stddef.h>

/*
 * Writes ca.key, ca.pem, server.key and server.pem (mode 0600, ECDSA P-256) into dir. names: DNS
 * names and addresses that the server answers to; at least one.
 */
int certificate_write(const char *dir, const char *const *names, size_t name_count, struct err *e);
