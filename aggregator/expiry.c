#include "aggregator/expiry.h"

#include "aggregator/auth/certificate.h"
#include "common/alert_kinds.h"
#include "common/clock.h"

#define LOG_MODULE "expiry"
#include "common/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DAY_S = 86400, GRAVE_SCORE = 100, LOOK_S = 3600 };

void expiry_add(struct expiry *x, const char *path)
{
    if (path == NULL || path[0] == '\0' || x->count == EXPIRY_FILES_MAX) {
        return;
    }
    for (size_t i = 0; i < x->count; i++) {
        if (strcmp(x->files[i].path, path) == 0) {
            return;
        }
    }
    struct expiry_file *file = &x->files[x->count];
    int len = snprintf(file->path, sizeof file->path, "%s", path);
    x->count += len > 0 && (size_t)len < sizeof file->path ? 1 : 0;
}

static enum expiry_level level_of(uint64_t expires_s, uint64_t now_s)
{
    if (expires_s > now_s + (uint64_t)EXPIRY_WARN_DAYS * DAY_S) {
        return EXPIRY_GOOD;
    }
    return expires_s > now_s + (uint64_t)EXPIRY_GRAVE_DAYS * DAY_S ? EXPIRY_SOON : EXPIRY_GRAVE;
}

static uint64_t days_left(const struct certificate_facts *facts, uint64_t now_s)
{
    return facts->expires_s > now_s ? (facts->expires_s - now_s) / DAY_S : 0;
}

/* Of a path too long for a key the end, which tells files apart. */
static const char *key_of(const struct expiry_file *file)
{
    size_t len = strlen(file->path);
    return file->path + (len < ALERT_KEY_SIZE ? 0 : len - (ALERT_KEY_SIZE - 1));
}

static void describe(char *buf, size_t size, const struct expiry_file *file,
                     const struct certificate_facts *facts, uint64_t now_s)
{
    char date[32];
    (void)clock_format_utc(facts->expires_s * NS_PER_S, date, sizeof date);
    uint64_t days = days_left(facts, now_s);
    (void)snprintf(buf, size, "%s: %s in %llu days, on %.10s; names: %.300s", key_of(file),
                   facts->expires_s > now_s ? "ends" : "has ended: valid", (unsigned long long)days,
                   date, facts->names); /* cut if need be */
}

static bool tell(struct expiry *x, const struct expiry_file *file, enum expiry_level level,
                 const struct certificate_facts *facts, uint64_t now_s)
{
    const struct alert_kind_info *kind = alert_kind_find(ALERT_FLEET_LICENSE_OR_TOKEN_EXPIRY);
    struct job *job = kind == NULL ? NULL : job_new(JOB_ALERT);
    if (job == NULL) {
        return false;
    }
    struct wire_alert *a = &job->as.alert.alert;
    a->kind = kind->id;
    a->action = level == EXPIRY_GOOD ? ALERT_RELEASE : ALERT_ENGAGE;
    a->entity = ENTITY_CENTRE;
    a->score = level == EXPIRY_GRAVE ? GRAVE_SCORE : kind->score;
    a->at_ns = a->since_ns = now_s * NS_PER_S;
    (void)snprintf(a->entity_id, sizeof a->entity_id, "centre");
    (void)snprintf(a->key, sizeof a->key, "%s", key_of(file)); /* fits */
    describe(a->detail, sizeof a->detail, file, facts, now_s);
    if (x->submit(x->arg, job)) {
        return true;
    }
    job_free(job);
    return false;
}

static void look(struct expiry *x, struct expiry_file *file, uint64_t now_s)
{
    struct certificate_facts facts;
    struct err e = {0};
    if (certificate_facts(file->path, &facts, &e) != 0) {
        log_debug(&e, "a certificate is not watched");
        return; /* who needs it says so louder */
    }
    enum expiry_level level = level_of(facts.expires_s, now_s);
    uint64_t days = level == EXPIRY_GOOD ? 0 : days_left(&facts, now_s);
    if ((level != file->told || days != file->told_days) && tell(x, file, level, &facts, now_s)) {
        file->told = level;
        file->told_days = days;
    }
}

/* Nobody would ever release the alert of a file that is not watched any more. */
static void tidy(struct expiry *x)
{
    struct job *job = job_new(JOB_ALERTS_KEEP);
    if (job == NULL) {
        return;
    }
    struct keep_job *keep = &job->as.keep;
    keep->kind = ALERT_FLEET_LICENSE_OR_TOKEN_EXPIRY;
    for (size_t i = 0; i < x->count; i++) {
        if (access(x->files[i].path, F_OK) == 0) {
            (void)snprintf(keep->keys[keep->count++], ALERT_KEY_SIZE, "%s", key_of(&x->files[i]));
        }
    }
    x->tidied = x->submit(x->arg, job);
    if (!x->tidied) {
        job_free(job);
    }
}

void expiry_tick(struct expiry *x, uint64_t now_s, uint64_t mono_ns)
{
    if (x->looked_ns != 0 && mono_ns - x->looked_ns < LOOK_S * (uint64_t)NS_PER_S) {
        return;
    }
    x->looked_ns = mono_ns;
    if (!x->tidied) {
        tidy(x);
    }
    for (size_t i = 0; i < x->count; i++) {
        look(x, &x->files[i], now_s);
    }
}
