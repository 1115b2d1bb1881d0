/* Who belongs to the fleet: loading, enrolling and inviting. */
#include "aggregator/fleet/inner.h"
#include "common/alert_kinds.h"
#include "common/clock.h"
#include "common/creds.h"
#include "common/wire/delivery.h"

#define LOG_MODULE "fleet"
#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOAD_PERIOD_MS = 1000,  /* between two loads that strangers cause */
    ENROLLING_MAX = 64,     /* enrolments at the database at one time */
    RENEW_PERIOD_MS = 1000, /* of one agent */
};

#define COPY_TEXT(to, from)                                                                        \
    ((void)snprintf((to), sizeof(to), "%s", (from))) /* of the same size                           \
                                                      */

void members_load(struct fleet *f, uint64_t now_ns)
{
    if (f->load_pending) {
        f->load_again = true;
        return;
    }
    if (f->load_asked_ns != 0 && now_ns - f->load_asked_ns < LOAD_PERIOD_MS * (uint64_t)NS_PER_MS &&
        f->loaded) {
        f->load_again = true;
        return;
    }
    struct job *job = f->centre.database_up ? job_new(JOB_LOAD) : NULL;
    if (job != NULL) {
        f->load_again = false;
        f->load_asked_ns = now_ns;
        f->load_pending = fleet_submit(f, job);
    }
}

void members_catch_up(struct fleet *f, uint64_t now_ns)
{
    if (f->load_again && !f->load_pending) {
        members_load(f, now_ns);
    }
}

/*
 * The revocation has released its alerts at the database. One that we raised just then may have
 * come there after it, and is released once more.
 */
static void forget_alerts(struct fleet *f, struct instance *i, bool unreachable)
{
    if (unreachable) {
        judge_alert(f, i, ALERT_FLEET_AGENT_UNREACHABLE, ALERT_RELEASE, "", "");
    }
    if (i->config.drift) {
        judge_alert(f, i, ALERT_FLEET_CONFIG_DRIFT, ALERT_RELEASE, "", "");
    }
    i->centre_alerts = 0;
    i->outage_told = i->skew_told = false;
    i->alert_due_ns = 0;
    i->flaps = (struct flaps){0};
    i->beat.engaged = 0;
    i->config.drift = false;
    i->config.astray_ns = 0;
    f->alerts_missed = true;
}

/* The database has it as revoked, by us or by picketctl, and has no good key for it. */
static void adopt_revocation(struct fleet *f, struct instance *i, const struct instance_row *row)
{
    if (row->state != PRESENCE_REVOKED || i->presence.state == PRESENCE_REVOKED ||
        instances_has_good_key(&f->instances, i->id)) {
        return;
    }
    struct presence_event event = {.kind = PRESENCE_EVENT_REVOKE, .now_ms = row->state_since_ms};
    bool unreachable = i->presence.state == PRESENCE_UNREACHABLE;
    i->presence = presence_step(&i->presence, &event);
    forget_alerts(f, i, unreachable);
    log_info(NULL, "instance %s: revoked", i->name);
    fleet_tell_instance(f, i);
}

static void take_row(struct fleet *f, const struct instance_row *row)
{
    struct instance *i = instances_by_name(&f->instances, row->name);
    if (i != NULL) {
        adopt_revocation(f, i, row);
        return;
    }
    i = instances_add(&f->instances, row);
    if (i == NULL) {
        log_error(NULL, "no room for instance %s", row->name);
        return;
    }
    if (row->flapping) {
        flaps_resume(&i->flaps, clock_mono_ns());
    }
    fleet_tell_instance(f, i);
    f->config_again = true; /* it is made for it too, see members_loaded */
}

void members_loaded(struct fleet *f, const struct job *job, uint64_t now_ns)
{
    f->load_pending = false;
    if (job->failed) {
        return;
    }
    unsigned revoked = instances_count_revoked(&f->instances);
    if (instances_set_keys(&f->instances, job->as.load.keys, job->as.load.key_count) != 0) {
        log_error(NULL, "no room for all keys: some agents cannot be told apart");
    }
    for (unsigned n = 0; n < job->as.load.instance_count; n++) {
        take_row(f, &job->as.load.instances[n]);
    }
    if (!f->loaded) {
        f->loaded = true;
        centre_loaded(&f->centre, now_ns);
        log_info(NULL, "%u instances known", f->instances.count);
    }
    if (instances_count_revoked(&f->instances) != revoked) {
        f->push_wanted = true;
    }
    revoke_push(f, now_ns);
    if (f->config_again) {
        config_refresh(f);
    }
    if (f->load_again) {
        members_load(f, now_ns);
    }
}

static const char *verdict_text(enum enrol_verdict verdict)
{
    switch (verdict) {
    case ENROL_OK: return "";
    case ENROL_UNKNOWN_TOKEN: return "the token is not known here";
    case ENROL_OTHER_NAME: return "the token was made for another agent";
    case ENROL_USED_UP: return "the token is used up";
    case ENROL_EXPIRED: return "the token has expired";
    case ENROL_REVOKED: return "the token was revoked";
    case ENROL_KEY_TAKEN: return "the key belongs to another agent or was revoked";
    }
    return "refused";
}

static void answer_enrolment(struct fleet *f, const char *name, const struct enrol_answer *answer)
{
    char bytes[DELIVERY_MAX];
    char subject[SUBJECT_SIZE];
    struct err e = {0};
    size_t len = enrol_answer_pack(answer, bytes, sizeof bytes);
    (void)snprintf(subject, sizeof subject, "pk.v1.enrolled.%s", name); /* a checked name: fits */
    if (len == 0 || f->options.publish(f->options.arg, subject, bytes, len, &e) != 0) {
        log_warn(&e, "the answer to the enrolment of %s could not be sent", name);
    }
}

void members_enrol(struct fleet *f, const struct message *m)
{
    struct enrol_request request;
    struct err e = {0};
    if (enrol_request_unpack(m->bytes, m->len, &request, &e) != 0 ||
        !nkey_public_is_valid(request.nkey, NKEY_USER)) {
        metric_add(&f->options.metrics->messages_malformed, 1);
        log_warn(&e, "an enrolment of %s is not understood", m->name);
        return;
    }
    struct job *job =
        f->enrolling < ENROLLING_MAX && f->centre.database_up ? job_new(JOB_ENROL) : NULL;
    if (job == NULL) {
        return; /* the agent asks again in seconds */
    }
    COPY_TEXT(job->as.enrol.name, m->name);
    job->as.enrol.request = request;
    f->enrolling += fleet_submit(f, job);
}

static void refuse_enrolment(struct fleet *f, const struct enrol_job *enrol)
{
    struct enrol_answer answer = {.ok = false};
    const char *reason = verdict_text(enrol->verdict);
    char detail[ALERT_DETAIL_SIZE];
    metric_add(&f->options.metrics->enrolments_refused, 1);
    log_warn(NULL, "enrolment of %s from host %s refused: %s", enrol->name, enrol->request.host,
             reason);
    COPY_TEXT(answer.nonce, enrol->request.nonce);
    COPY_TEXT(answer.reason, reason);
    answer_enrolment(f, enrol->name, &answer);
    (void)snprintf(detail, sizeof detail, "enrolment of %s from host %s refused: %s", enrol->name,
                   enrol->request.host, reason); /* fits */
    struct judge_alert alert = {.kind = ALERT_FLEET_AUTH_FAILED,
                                .action = ALERT_EVENT,
                                .key = "enrolment",
                                .detail = detail};
    /* The token's instance is the sender's own unless the token is unknown or another's. */
    bool own = enrol->verdict != ENROL_UNKNOWN_TOKEN && enrol->verdict != ENROL_OTHER_NAME;
    judge_alert_about(f, own ? enrol->instance_id : 0, enrol->name, &alert);
}

static void accept_enrolment(struct fleet *f, const struct enrol_job *enrol, uint64_t now_ns)
{
    struct enrol_answer answer = {.ok = true};
    struct err e = {0};
    COPY_TEXT(answer.nonce, enrol->request.nonce);
    COPY_TEXT(answer.command_key, f->options.command_key);
    if (f->options.mint_agent(f->options.arg, enrol->name, enrol->request.nkey, answer.jwt,
                              sizeof answer.jwt, &e) != 0) {
        log_error(&e, "no credentials for %s could be made", enrol->name);
        return; /* the agent asks again, and is told apart by its key */
    }
    struct key_row key = {.instance_id = enrol->instance_id};
    COPY_TEXT(key.nkey, enrol->request.nkey);
    if (instances_add_key(&f->instances, &key) != 0) {
        log_error(NULL, "no room for the key of %s", enrol->name);
    }
    struct instance *i = instances_by_id(&f->instances, enrol->instance_id);
    if (i == NULL) {
        f->load_asked_ns = 0; /* its hello comes in a moment */
        members_load(f, now_ns);
    } else {
        (void)judge(f, i, (struct presence_event){.kind = PRESENCE_EVENT_ENROL}, now_ns,
                    "enrolled");
    }
    metric_add(&f->options.metrics->enrolments, enrol->fresh);
    log_info(NULL, "agent %s enrolled from host %s", enrol->name, enrol->request.host);
    answer_enrolment(f, enrol->name, &answer);
}

void members_enrolled(struct fleet *f, const struct job *job, uint64_t now_ns)
{
    f->enrolling -= f->enrolling > 0;
    if (job->failed) {
        return;
    }
    if (job->as.enrol.verdict == ENROL_OK) {
        accept_enrolment(f, &job->as.enrol, now_ns);
    } else {
        refuse_enrolment(f, &job->as.enrol);
    }
}

/*
 * Who sent it has one of the instance's identities: the server saw to that. It gets a longer one
 * for any good key of the same instance, which is of use only to whoever holds that key.
 */
void members_renew(struct fleet *f, struct instance *i, const struct message *m, uint64_t now_ns)
{
    struct renew_request request;
    struct enrol_answer answer = {.ok = true};
    struct err e = {0};
    if (renew_request_unpack(m->bytes, m->len, &request, &e) != 0 ||
        instances_by_key(&f->instances, request.nkey) != i) {
        metric_add(&f->options.metrics->messages_malformed, 1);
        log_warn(&e, "%s asks for an identity of a key that is none of its own", i->name);
        return;
    }
    if (i->renewed_ns != 0 && now_ns - i->renewed_ns < RENEW_PERIOD_MS * (uint64_t)NS_PER_MS) {
        return;
    }
    i->renewed_ns = now_ns;
    COPY_TEXT(answer.nonce, request.nonce);
    if (f->options.mint_agent(f->options.arg, i->name, request.nkey, answer.jwt, sizeof answer.jwt,
                              &e) != 0) {
        log_error(&e, "the identity of %s could not be renewed", i->name);
        return; /* it asks again */
    }
    char bytes[DELIVERY_MAX];
    log_info(NULL, "the identity of %s is renewed", i->name);
    (void)fleet_send(f, i->name, "jwt", bytes, enrol_answer_pack(&answer, bytes, sizeof bytes));
}

/* Tells the web what became of agent add. code is "" when it went well. */
static void tell_added(struct fleet *f, uint64_t reply, const char *name, const char *code,
                       const char *message, const char *token)
{
    struct agent_outcome outcome = {.ok = code[0] == '\0'};
    COPY_TEXT(outcome.name, name);
    COPY_TEXT(outcome.code, code);
    COPY_TEXT(outcome.message, message);
    COPY_TEXT(outcome.token, token);
    fleet_tell_outcome(f, WEB_AGENT_ADDED, reply, &outcome);
    explicit_bzero(outcome.token, sizeof outcome.token);
}

static struct job *new_invitation(struct fleet *f, const struct message *m, struct err *e)
{
    struct job *job = job_new(JOB_INVITE);
    if (job == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for an invitation");
        return NULL;
    }
    struct invite_job *invite = &job->as.invite;
    memcpy(&invite->invite, m->bytes, sizeof invite->invite);
    invite->reply = m->reply;
    if (f->options.make_token(f->options.arg, &invite->invite, invite->token, sizeof invite->token,
                              &invite->expires_s, e) != 0) {
        job_free(job);
        return NULL;
    }
    (void)creds_sha256_hex(invite->token, strlen(invite->token), invite->token_hash);
    return job;
}

void members_add(struct fleet *f, const struct message *m)
{
    const struct agent_invite *invite = m->bytes;
    struct err e = {0};
    if (!name_is_valid(invite->name) || !name_is_valid(invite->site)) {
        tell_added(f, m->reply, "", "bad_name",
                   "names and sites are of the form [a-z0-9][a-z0-9-]{0,62}", "");
        return;
    }
    if (!f->centre.database_up) {
        tell_added(f, m->reply, invite->name, "database_away", "the database is away", "");
        return;
    }
    struct job *job = new_invitation(f, m, &e);
    if (job == NULL) {
        log_error(&e, "no token for %s", invite->name);
        tell_added(f, m->reply, invite->name, "internal", e.what, "");
    } else if (!fleet_submit(f, job)) {
        tell_added(f, m->reply, invite->name, "database_away", "too much waits for the database",
                   "");
    }
}

void members_added(struct fleet *f, const struct job *job, uint64_t now_ns)
{
    const struct invite_job *invite = &job->as.invite;
    const char *name = invite->invite.name;
    if (job->failed) {
        bool away = job->e.code == ERR_CLOSED;
        tell_added(f, invite->reply, name, away ? "database_away" : "internal",
                   away ? "the database is away" : "the database refused it", "");
    } else if (invite->exists) {
        tell_added(f, invite->reply, name, "exists",
                   "an agent of this name is enrolled already; for a further token of it use "
                   "picketctl agent add, or revoke it first",
                   "");
    } else {
        tell_added(f, invite->reply, name, "", "", invite->token);
        members_load(f, now_ns);
    }
}
