/*
 * The agent's own life: started, one of its processes crashed, took over another configuration,
 * the spool grows, alerts had no room. Events as they are noticed; conditions judged every ten
 * seconds.
 *
 * Thresholds: 10,000 records or five minutes of backlog is more than a centre that restarts
 * leaves behind; it is over below half of that.
 */
#include "agent/detect/detector.h"
#include "common/alert_kinds.h"
#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum {
    JUDGE_S = 10,
    SPOOL_BAD_RECORDS = 10000,
    SPOOL_BAD_AGE_S = 300,
};

struct agent_state {
    bool begun; /* the first sample has been seen */
    uint32_t engine_generation;
    uint64_t judged_ns;
    bool spool_grows;
    uint64_t alerts_refused;
    uint64_t config_revision;
    uint32_t reloads;
};

static void *agent_open(const struct detect_settings *settings, struct err *e)
{
    (void)settings; /* no thresholds of its own in the settings */
    struct agent_state *s = calloc(1, sizeof *s);
    if (s == NULL) {
        (void)err_set(e, ERR_NOMEM, "agent state");
    }
    return s;
}

static struct finding finding_of(uint16_t kind, enum finding_action action, const char *part,
                                 uint64_t now_ns)
{
    struct finding f = {
        .kind = kind, .action = (uint8_t)action, .entity = ENTITY_AGENT, .at_ns = now_ns};
    (void)snprintf(f.key, sizeof f.key, "%s", part);
    return f;
}

/* "signal SEGV", "exit status 3", "stood still and was killed". */
static void exit_describe(const struct agent_sample *now, char *buf, size_t size)
{
    if (now->engine_hung) {
        (void)snprintf(buf, size, "it stood still and was killed");
    } else if (WIFSIGNALED(now->engine_exit)) {
        const char *name = sigabbrev_np(WTERMSIG(now->engine_exit));
        (void)snprintf(buf, size, "signal %s", name == NULL ? "unknown" : name);
    } else {
        (void)snprintf(buf, size, "exit status %d", WEXITSTATUS(now->engine_exit));
    }
}

static void engine_crashed(const struct agent_sample *now, const struct finding_sink *out)
{
    char how[64];
    exit_describe(now, how, sizeof how);
    struct finding f = finding_of(ALERT_AGENT_CRASHED, FINDING_EVENT, "engine", now->now_ns);
    (void)snprintf(f.detail, sizeof f.detail, "engine restarted: %s%s%s%s%s", how,
                   now->engine_in_hand[0] != '\0' ? "; dissector at work: " : "",
                   now->engine_in_hand,
                   now->engine_in_hand[0] != '\0' ? "" : "; no dissector is known to be at fault",
                   now->engine_switched_off ? ", for the second time: it is switched off" : "");
    finding_put(out, &f);
}

/* The first sample tells whether the agent began or only control came back. */
static void begin(struct agent_state *s, const struct agent_sample *now,
                  const struct finding_sink *out)
{
    s->begun = true;
    s->config_revision = now->config_revision;
    s->reloads = now->reloads;
    bool restarted = now->control_generation > 1;
    s->engine_generation = restarted ? now->engine_generation : 1;
    struct finding f = finding_of(restarted ? ALERT_AGENT_CRASHED : ALERT_AGENT_STARTED,
                                  FINDING_EVENT, restarted ? "control" : "", now->now_ns);
    (void)snprintf(f.detail, sizeof f.detail, "%s",
                   restarted ? "control restarted; the engine went on" : "agent started");
    finding_put(out, &f);
}

static void config_changed(const char *part, const char *detail, uint64_t now_ns,
                           const struct finding_sink *out)
{
    struct finding f = finding_of(ALERT_AGENT_CONFIG_CHANGED, FINDING_EVENT, part, now_ns);
    (void)snprintf(f.detail, sizeof f.detail, "%s", detail); /* fits */
    finding_put(out, &f);
}

static void judge_config(struct agent_state *s, const struct agent_sample *now,
                         const struct finding_sink *out)
{
    if (now->config_revision != s->config_revision) {
        char detail[96];
        (void)snprintf(detail, sizeof detail,
                       "revision %llu of the centre's configuration is in force, after %llu",
                       (unsigned long long)now->config_revision,
                       (unsigned long long)s->config_revision); /* fits */
        config_changed("centre", detail, now->now_ns, out);
        s->config_revision = now->config_revision;
    }
    if (now->reloads != s->reloads) {
        config_changed("settings", "the agent's own settings were read again", now->now_ns, out);
        s->reloads = now->reloads;
    }
}

static void judge_spool(struct agent_state *s, const struct agent_sample *now,
                        const struct finding_sink *out)
{
    if (now->spool_records > SPOOL_BAD_RECORDS || now->spool_age_s > SPOOL_BAD_AGE_S) {
        s->spool_grows = true;
    } else if (now->spool_records < SPOOL_BAD_RECORDS / 2 &&
               now->spool_age_s < SPOOL_BAD_AGE_S / 2) {
        s->spool_grows = false;
    }
    struct finding f = finding_of(ALERT_AGENT_SPOOL_GROWING,
                                  s->spool_grows ? FINDING_BAD : FINDING_GOOD, "", now->now_ns);
    (void)snprintf(f.detail, sizeof f.detail,
                   "%llu records wait, the oldest for %llu s; threshold %d records or %d s",
                   (unsigned long long)now->spool_records, (unsigned long long)now->spool_age_s,
                   SPOOL_BAD_RECORDS, SPOOL_BAD_AGE_S);
    finding_put(out, &f);
}

static void judge_alerts(struct agent_state *s, const struct agent_sample *now,
                         const struct finding_sink *out)
{
    uint64_t refused = now->alerts_refused - s->alerts_refused;
    s->alerts_refused = now->alerts_refused;
    struct finding f = finding_of(ALERT_AGENT_ALERT_DROPS, refused > 0 ? FINDING_BAD : FINDING_GOOD,
                                  "", now->now_ns);
    (void)snprintf(f.detail, sizeof f.detail, "%llu findings had no room within %d s",
                   (unsigned long long)refused, JUDGE_S);
    finding_put(out, &f);
}

static void agent_tick(void *state, const struct agent_sample *sample,
                       const struct finding_sink *out)
{
    struct agent_state *s = state;
    if (!s->begun) {
        begin(s, sample, out);
    }
    if (sample->engine_generation > s->engine_generation) {
        s->engine_generation = sample->engine_generation;
        bool in_order = WIFEXITED(sample->engine_exit) && WEXITSTATUS(sample->engine_exit) == 0;
        if (!in_order) { /* new settings also restart it, and are no crash */
            engine_crashed(sample, out);
        }
    }
    judge_config(s, sample, out);
    if (clock_is_due(sample->now_ns, s->judged_ns, (uint64_t)JUDGE_S * NS_PER_S)) {
        s->judged_ns = sample->now_ns;
        judge_spool(s, sample, out);
        judge_alerts(s, sample, out);
    }
}

static const uint16_t agent_kinds[] = {ALERT_AGENT_STARTED,        ALERT_AGENT_CRASHED,
                                       ALERT_AGENT_CONFIG_CHANGED, ALERT_AGENT_SPOOL_GROWING,
                                       ALERT_AGENT_ALERT_DROPS,    0};

const struct detector detector_site_agent = {
    .name = "site_agent",
    .kinds = agent_kinds,
    .open = agent_open,
    .close = free,
    .tick = agent_tick,
};
