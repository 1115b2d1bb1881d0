/* agent add, list, revoke: on the centre's database and folder. */
#include "aggregator/picketctl/ctl.h"

#include "aggregator/auth/keys.h"
#include "aggregator/store/registry.h"
#include "common/clock.h"
#include "common/creds.h"
#include "common/file.h"
#include "common/token.h"
#include "common/wire/subjects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BY "picketctl"

static int make_token(const struct ctl *ctl, struct invite_job *invite, struct err *e)
{
    struct keys *keys = malloc(sizeof *keys);
    if (keys == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for the keys");
    }
    uint32_t life_s = ctl->expires_s != 0 ? ctl->expires_s : KEYS_TOKEN_DEFAULT_S;
    invite->expires_s = clock_wall_ns() / NS_PER_S + life_s;
    int result = keys_load(keys, ctl->settings.dir, e);
    if (result == 0) {
        result = keys_token_new(keys, invite->invite.name, invite->expires_s, invite->token,
                                sizeof invite->token, e);
        keys_done(keys);
    }
    if (result == 0) {
        result = token_add_authority(invite->token, sizeof invite->token, ctl->settings.nats_ca, e);
    }
    free(keys);
    if (result == 0) {
        (void)creds_sha256_hex(invite->token, strlen(invite->token), invite->token_hash);
    }
    return result;
}

/* To the file of --out, readable by its owner alone, or to standard output. */
static int hand_over(const struct ctl *ctl, const char *name, const char *token, struct err *e)
{
    if (ctl->out != NULL) {
        char line[TOKEN_TEXT_SIZE + 1];
        int len = snprintf(line, sizeof line, "%s\n", token);
        int result = file_replace(ctl->out, line, (size_t)len, 0600, e);
        explicit_bzero(line, sizeof line);
        return result;
    }
    if (ctl->json) {
        json_t *object = json_pack("{s:s, s:s}", "name", name, "token", token);
        int result = object != NULL ? json_dumpf(object, stdout, JSON_COMPACT) : -1;
        json_decref(object);
        (void)putchar('\n');
        return result == 0 ? 0 : err_set(e, ERR_IO, "the token could not be written");
    }
    return puts(token) >= 0 ? 0 : err_set(e, ERR_IO, "the token could not be written");
}

static int add(struct ctl *ctl, struct job *job, struct err *e)
{
    struct invite_job *invite = &job->as.invite;
    if (ctl_database(ctl, e) != 0 || make_token(ctl, invite, e) != 0 ||
        registry_invite(ctl->pg, invite, e) != 0) {
        return -1;
    }
    return hand_over(ctl, invite->invite.name, invite->token, e);
}

int ctl_agent_add(struct ctl *ctl, const char *const *arguments, struct err *e)
{
    const char *name = arguments[0];
    const char *site = ctl->site;
    if (name == NULL || !name_is_valid(name)) {
        return err_set(e, ERR_ARG, "agent add wants a NAME of the form [a-z0-9][a-z0-9-]{0,62}");
    }
    if (site == NULL || !name_is_valid(site)) {
        return err_set(e, ERR_ARG, "agent add wants --site SITE, of the same form as a name");
    }
    struct job *job = job_new(JOB_INVITE);
    if (job == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for an invitation");
    }
    struct agent_invite *invite = &job->as.invite.invite;
    *invite = (struct agent_invite){.uses = ctl->uses, .again = true, .by = BY};
    (void)snprintf(invite->name, sizeof invite->name, "%s", name); /* valid: fits */
    (void)snprintf(invite->site, sizeof invite->site, "%s", site);
    (void)snprintf(invite->title, sizeof invite->title, "%s",
                   ctl->title != NULL ? ctl->title : ""); /* cut is fine */
    int result = add(ctl, job, e);
    job_free(job);
    return result;
}

int ctl_agent_list(struct ctl *ctl, const char *const *arguments, struct err *e)
{
    static const char sql[] =
        "SELECT name, site, state, cause, to_char(last_seen_at, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
        " version, title FROM instance ORDER BY name";
    static const char *const heads[] = {"name",      "site",    "state", "cause",
                                        "last_seen", "version", "title"};
    (void)arguments; /* none */
    if (ctl_database(ctl, e) != 0) {
        return -1;
    }
    struct pg_rows *rows = pg_query(ctl->pg, sql, NULL, e);
    if (rows == NULL) {
        return -1;
    }
    int result = ctl_print(ctl, rows, heads, sizeof heads / sizeof heads[0], e);
    pg_rows_free(rows);
    return result;
}

int ctl_agent_revoke(struct ctl *ctl, const char *const *arguments, struct err *e)
{
    struct revoke_job job = {.by = BY};
    if (arguments[0] == NULL || !name_is_valid(arguments[0])) {
        return err_set(e, ERR_ARG, "agent revoke wants a NAME");
    }
    (void)snprintf(job.name, sizeof job.name, "%s", arguments[0]); /* valid: fits */
    if (ctl_database(ctl, e) != 0 || registry_revoke(ctl->pg, &job, e) != 0) {
        return -1;
    }
    if (!job.found) {
        return err_set(e, ERR_ARG, "there is no agent %s", job.name);
    }
    printf("%s is revoked; a running aggregator closes its connection at once\n", job.name);
    return 0;
}
