/*
 * The configuration of the instances: what each is to have in force, what it says that it has, and
 * the sending of the one until it is the other. The documents are made by the store.
 */
#include "aggregator/fleet/inner.h"
#include "common/alert_kinds.h"
#include "common/clock.h"

#define LOG_MODULE "config"
#include "common/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    AGAIN_FIRST_S = 10, /* after a document that was not answered… */
    DRIFT_S = 300,      /* so long may the right one be under way */
    AGAIN_MAX_S = 300,  /* …and at most so long, for agents that do not know of it */
};

#define COPY_TEXT(to, from)                                                                        \
    ((void)snprintf((to), sizeof(to), "%s", (from))) /* of the same size                           \
                                                      */

/* ---- asking the store ---- */

static void ask_slice(struct fleet *f, int32_t after)
{
    struct job *job = job_new(JOB_CONFIG);
    if (job != NULL) {
        job->as.config.after = after;
        f->config_pending = fleet_submit(f, job);
    }
}

void config_refresh(struct fleet *f)
{
    if (f->config_pending) {
        f->config_again = true;
        return;
    }
    f->config_again = false;
    ask_slice(f, 0);
}

/* The document of one instance once more; above: it has that revision, which we do not know. */
static void ask_one(struct fleet *f, struct instance *i, uint64_t above)
{
    struct job *job = i->config.asked ? NULL : job_new(JOB_CONFIG);
    if (job != NULL) {
        job->as.config.only = i->id;
        job->as.config.above = above;
        i->config.asked = fleet_submit(f, job);
    }
}

/* ---- sending ---- */

static void send_document(struct fleet *f, struct instance *i, const struct config_entry *entry)
{
    struct err e = {0};
    struct config_message m = {
        .revision = entry->revision, .document = entry->document, .document_len = entry->len};
    COPY_TEXT(m.hash, entry->hash);
    if (f->options.sign_config(f->options.arg, i->name, m.revision, m.hash, m.signature, &e) != 0) {
        log_error(&e, "the configuration of %s cannot be signed", i->name);
        return;
    }
    size_t len = 0;
    char *bytes = config_message_pack(&m, &len);
    if (bytes == NULL) {
        log_error(NULL, "the configuration of %s is too large: %zu bytes of at most %d", i->name,
                  entry->len, CONFIG_DOCUMENT_MAX);
        return;
    }
    (void)fleet_send(f, i->name, "cfg", bytes, len); /* lost: its heartbeats show it */
    explicit_bzero(bytes, len);
    free(bytes);
}

static bool is_wanted(const struct instance_config *c)
{
    return c->in_force == c->wanted && strcmp(c->in_force_hash, c->wanted_hash) == 0;
}

/* An answer to a document takes milliseconds; who stays silent gets it ever more rarely. */
static void plan_again(struct instance_config *c, bool fresh, uint64_t now_ns)
{
    c->wait_s = fresh || c->wait_s == 0 ? AGAIN_FIRST_S : c->wait_s * 2;
    c->wait_s = c->wait_s > AGAIN_MAX_S ? AGAIN_MAX_S : c->wait_s;
    c->again_ns = now_ns + c->wait_s * (uint64_t)NS_PER_S;
}

static void take_entry(struct fleet *f, const struct config_entry *entry, uint64_t now_ns)
{
    struct instance *i = instances_by_id(&f->instances, entry->instance_id);
    if (i == NULL) {
        return;
    }
    struct instance_config *c = &i->config;
    bool fresh = entry->revision != c->wanted;
    c->asked = false;
    c->wanted = entry->revision;
    COPY_TEXT(c->wanted_hash, entry->hash);
    if (presence_answers(i->presence.state)) {
        plan_again(c, fresh, now_ns);
        send_document(f, i, entry);
    }
    if (fresh) {
        fleet_tell_instance(f, i);
    }
}

void config_made(struct fleet *f, const struct job *job, uint64_t now_ns)
{
    const struct config_job *made = &job->as.config;
    struct instance *only = instances_by_id(&f->instances, made->only);
    if (only != NULL) {
        only->config.asked = false;
    } else {
        f->config_pending = false;
    }
    for (unsigned n = 0; n < made->count && !job->failed; n++) {
        take_entry(f, &made->entries[n], now_ns);
    }
    if (made->only != 0) {
        return;
    }
    if (made->next != 0 && !job->failed) {
        ask_slice(f, made->next);
    } else if (f->config_again) {
        config_refresh(f);
    }
}

/* ---- what agents say ---- */

static void tell_drift(struct fleet *f, struct instance *i, bool drift)
{
    const struct instance_config *c = &i->config;
    char detail[ALERT_DETAIL_SIZE];
    (void)snprintf(
        detail, sizeof detail, "revision %" PRIu64 " is in force, and is to be %" PRIu64 "%s%.400s",
        c->in_force, c->wanted, c->refused == c->wanted ? "; the agent refuses it: " : "",
        c->refused == c->wanted ? c->reason : ""); /* cut if need be */
    judge_alert(f, i, ALERT_FLEET_CONFIG_DRIFT, drift ? ALERT_ENGAGE : ALERT_RELEASE, "",
                drift ? detail : "");
    i->config.drift = drift;
    i->centre_alerts += drift ? 1 : 0;
    i->centre_alerts -= !drift && i->centre_alerts > 0 ? 1 : 0;
    fleet_tell_instance(f, i);
}

/* Only agents that answer are judged: of the others nothing is known. */
static void judge_drift(struct fleet *f, struct instance *i, uint64_t now_ns)
{
    struct instance_config *c = &i->config;
    bool right = c->wanted == 0 || is_wanted(c);
    if (right) {
        c->astray_ns = 0;
    } else if (c->astray_ns == 0) {
        c->astray_ns = now_ns;
    }
    bool drift = !right && (c->drift || (now_ns - c->astray_ns) / NS_PER_S >= DRIFT_S);
    if (drift != c->drift) {
        tell_drift(f, i, drift);
    }
}

/* Sends again what it does not have, unless it refused just that. */
static void compare(struct fleet *f, struct instance *i, uint64_t now_ns)
{
    struct instance_config *c = &i->config;
    if (is_wanted(c) || (c->refused != 0 && c->refused == c->wanted) || now_ns < c->again_ns) {
        return;
    }
    if (c->wanted == 0 && c->in_force == 0) {
        return;
    }
    ask_one(f, i, c->in_force >= c->wanted ? c->in_force : 0);
}

static void note(struct fleet *f, const struct instance *i, const struct config_report *report)
{
    struct job *job = job_new(JOB_CONFIG_NOTE);
    if (job != NULL) {
        job->as.config_note.instance_id = i->id;
        job->as.config_note.report = *report;
        (void)fleet_submit(f, job); /* dropped: it reports again at its next hello */
    }
}

void config_report(struct fleet *f, struct instance *i, const struct message *m, uint64_t now_ns)
{
    struct config_report report;
    struct err e = {0};
    if (config_report_unpack(m->bytes, m->len, &report, &e) != 0) {
        metric_add(&f->options.metrics->messages_malformed, 1);
        log_warn(&e, "%s of %s is not understood", m->word, m->name);
        return;
    }
    struct instance_config *c = &i->config;
    bool news = c->in_force != report.revision || strcmp(c->in_force_hash, report.hash) != 0 ||
                c->refused != report.refused;
    c->in_force = report.revision;
    COPY_TEXT(c->in_force_hash, report.hash);
    c->refused = report.refused;
    COPY_TEXT(c->reason, report.reason);
    if (news) {
        if (c->refused != 0) {
            log_warn(NULL, "%s refuses configuration revision %" PRIu64 ": %s", i->name, c->refused,
                     c->reason);
        }
        note(f, i, &report);
        fleet_tell_instance(f, i);
    }
    compare(f, i, now_ns);
    judge_drift(f, i, now_ns);
}

void config_beat(struct fleet *f, struct instance *i, uint64_t revision, uint64_t now_ns)
{
    struct instance_config *c = &i->config;
    if (revision != c->in_force) {
        c->in_force = revision; /* its report was lost: the hash comes with the next one */
        c->in_force_hash[0] = '\0';
    }
    compare(f, i, now_ns);
    judge_drift(f, i, now_ns);
}

void config_hits(struct fleet *f, const struct instance *i, const struct message *m)
{
    struct err e = {0};
    struct job *job = job_new(JOB_HITS);
    if (job == NULL) {
        return; /* its next ones are counts of the whole run */
    }
    job->as.hits.instance_id = i->id;
    if (config_hits_unpack(m->bytes, m->len, &job->as.hits.hits, &e) != 0) {
        metric_add(&f->options.metrics->messages_malformed, 1);
        log_warn(&e, "%s of %s is not understood", m->word, m->name);
        job_free(job);
        return;
    }
    (void)fleet_submit(f, job); /* likewise */
}
