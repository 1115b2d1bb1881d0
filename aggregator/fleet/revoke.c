/*
 * Who is thrown out: the database first, then NATS, which closes the connection at once; only then
 * is the one who asked told. What NATS could not be told is told again.
 */
#include "aggregator/fleet/inner.h"
#include "common/clock.h"
#include "common/creds.h"

#define LOG_MODULE "fleet"
#include "common/log.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PUSH_RETRY_MS = 5000 };

#define COPY_TEXT(to, from)                                                                        \
    ((void)snprintf((to), sizeof(to), "%s", (from))) /* of the same size                           \
                                                      */

/* code is "" when it went well. */
static void tell_revoked(struct fleet *f, uint64_t reply, const char *name, const char *code,
                         const char *message)
{
    struct agent_outcome outcome = {.ok = code[0] == '\0'};
    COPY_TEXT(outcome.name, name);
    COPY_TEXT(outcome.code, code);
    COPY_TEXT(outcome.message, message);
    fleet_tell_outcome(f, WEB_AGENT_REVOKED, reply, &outcome);
}

/* NATS knows, or cannot be told now: the database has it in any case. */
static void tell_waiting(struct fleet *f)
{
    for (unsigned n = 0; n < f->revoked_reply_count; n++) {
        tell_revoked(f, f->revoked_replies[n].reply, f->revoked_replies[n].name, "", "");
    }
    f->revoked_reply_count = 0;
}

void revoke_ask(struct fleet *f, const struct message *m)
{
    struct job *job = f->centre.database_up ? job_new(JOB_REVOKE) : NULL;
    if (job == NULL) {
        tell_revoked(f, m->reply, m->name, "database_away", "the database is away");
        return;
    }
    COPY_TEXT(job->as.revoke.name, m->name);
    COPY_TEXT(job->as.revoke.by, (const char *)m->bytes);
    job->as.revoke.reply = m->reply;
    (void)fleet_submit(f, job); /* dropped: the web's own deadline ends the request */
}

/* The asker is told by revoke_push, once the list that holds this revocation has been pushed. */
static void wait_for_push(struct fleet *f, const struct revoke_job *revoke, uint64_t now_ns)
{
    if (f->revoked_reply_count == REVOKED_REPLIES_MAX) {
        tell_waiting(f);
    }
    struct revoked_reply *waiting = &f->revoked_replies[f->revoked_reply_count++];
    waiting->reply = revoke->reply;
    COPY_TEXT(waiting->name, revoke->name);
    f->load_asked_ns = 0; /* the new list of keys is wanted at once */
    members_load(f, now_ns);
}

void revoke_done(struct fleet *f, const struct job *job, uint64_t now_ns)
{
    const struct revoke_job *revoke = &job->as.revoke;
    if (job->failed) {
        tell_revoked(f, revoke->reply, revoke->name, "internal", "the database refused it");
    } else if (!revoke->found) {
        tell_revoked(f, revoke->reply, revoke->name, "unknown", "there is no such instance");
    } else {
        wait_for_push(f, revoke, now_ns);
    }
}

/* Every revoked key, for the account's JWT; the caller frees. */
static char *revocations(const struct fleet *f)
{
    json_t *object = json_object();
    size_t at = 0;
    for (const struct key *key; (key = table_next(f->instances.keys, &at)) != NULL;) {
        if (key->revoked_s != 0) {
            (void)json_object_set_new(object, key->nkey, json_integer(CREDS_REVOKED_UNTIL_S));
        }
    }
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

static void push_work(uv_work_t *work)
{
    struct fleet *f = work->data;
    struct err e = {0};
    f->push_failed = f->options.push_revocations(f->options.arg, f->push_json, &e) != 0;
    if (f->push_failed) {
        log_warn(&e, "revocations could not be told to NATS");
    }
}

static void push_done(uv_work_t *work, int status)
{
    struct fleet *f = work->data;
    free(f->push_json);
    f->push_json = NULL;
    if (status != 0 || f->push_failed) {
        f->push_wanted = true;
        f->push_after_ns = clock_mono_ns() + PUSH_RETRY_MS * (uint64_t)NS_PER_MS;
    }
    revoke_push(f, clock_mono_ns());
}

void revoke_push(struct fleet *f, uint64_t now_ns)
{
    if (f->push_json != NULL || !f->loaded || f->load_pending) {
        return; /* a load under way was asked for after the revocation, so it holds it */
    }
    if (!f->push_wanted || now_ns < f->push_after_ns) {
        tell_waiting(f); /* nothing is left to push, or NATS is away */
        return;
    }
    f->push_wanted = false;
    f->push_json = instances_count_revoked(&f->instances) != 0 ? revocations(f) : NULL;
    f->push.data = f;
    if (f->push_json != NULL && uv_queue_work(&f->loop, &f->push, push_work, push_done) != 0) {
        free(f->push_json);
        f->push_json = NULL;
    }
}
