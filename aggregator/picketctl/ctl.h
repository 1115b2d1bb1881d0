/*
 * What the commands of picketctl share: its options, the settings and the database, which is
 * opened and brought up to date by the first command that needs it.
 */
#pragma once

#include "aggregator/settings.h"
#include "aggregator/store/pg.h"
#include "common/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { CTL_NAMES_MAX = 16 };

struct ctl {
    /* Options, borrowed from argv; NULL when not given. */
    const char *config, *dir, *database, *site, *title, *out, *role, *password_file, *state,
        *resolver;
    const char *names[CTL_NAMES_MAX]; /* of the certificate */
    unsigned name_count;
    uint32_t uses;      /* of a token; 0: one */
    uint32_t expires_s; /* of a token; 0: a day */
    bool json;
    bool generate;       /* a password, printed once */
    char *made_password; /* owned; secret */

    struct settings settings;
    struct pg *pg;
};

/* Each command: arguments after its own words; 0, or -1 and e. */
int ctl_init(struct ctl *ctl, const char *const *arguments, struct err *e);
int ctl_certificate_issue(struct ctl *ctl, const char *const *arguments, struct err *e);
int ctl_certificate_list(struct ctl *ctl, const char *const *arguments, struct err *e);
int ctl_agent_add(struct ctl *ctl, const char *const *arguments, struct err *e);
int ctl_agent_list(struct ctl *ctl, const char *const *arguments, struct err *e);
int ctl_agent_revoke(struct ctl *ctl, const char *const *arguments, struct err *e);
int ctl_user_add(struct ctl *ctl, const char *const *arguments, struct err *e);
int ctl_user_password(struct ctl *ctl, const char *const *arguments, struct err *e);
int ctl_user_list(struct ctl *ctl, const char *const *arguments, struct err *e);
int ctl_alerts(struct ctl *ctl, const char *const *arguments, struct err *e);

/* Connects and migrates, once. */
int ctl_database(struct ctl *ctl, struct err *e);

/*
 * Prints rows as a table with these heads, or with --json as an array of objects by the same
 * names; a head that begins with '#' is a number in JSON and is printed without the '#'.
 */
int ctl_print(const struct ctl *ctl, const struct pg_rows *rows, const char *const *heads,
              unsigned count, struct err *e);
