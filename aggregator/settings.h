/* Settings of the aggregator and of picketctl; the table in settings.c is the one place for all. */
#pragma once

#include "common/conf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct settings {
    char *dir;             /* the centre's folder of keys */
    char *database_url;    /* libpq conninfo or URL */
    int64_t database_pool; /* query threads of the web, a connection each */
    struct conf_list nats_urls;
    char *nats_ca;
    bool nats_allow_plain;
    int64_t agents_identity_life; /* ms */
    char *http_listen;            /* address:port */
    char *http_web;
    char *http_cert;
    char *http_key;
    char *notify_ca; /* for mail servers and webhooks; "": the system's */
    bool http_allow_plain;
    char *log_level;
};

const struct conf_row *settings_rows(size_t *count);

/*
 * Loads the file (path may be NULL) and the environment, and checks what single rows cannot.
 * 0, or -1 with all faults. settings_done in either case.
 */
int settings_load(struct settings *settings, const char *path, struct conf_faults *faults);
void settings_done(struct settings *settings);

/* Splits "address:port" ("[::1]:8080", ":8080"); 0, or -1 and e. address has 64 bytes. */
int settings_listen(const char *text, char address[64], int *port, struct err *e);
