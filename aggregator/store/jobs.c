/* One line a kind: which part of the store does it. */
#include "aggregator/store/jobs.h"

#include "aggregator/store/alerts.h"
#include "aggregator/store/config.h"
#include "aggregator/store/registry.h"
#include "aggregator/store/state.h"

#include <stdlib.h>

static int raise_alert(struct pg *pg, struct job *job, struct tell *tell)
{
    struct alert_origin origin = {.instance_id = job->as.alert.instance_id};
    struct alert_view view;
    if (alerts_apply(pg, &origin, &job->as.alert.alert, &view, &job->e) != 0) {
        return -1;
    }
    if (view.id != 0) {
        tell_alert(tell, &view);
    }
    return 0;
}

static int keep_alerts(struct pg *pg, struct job *job, struct tell *tell)
{
    bool changed = false;
    if (alerts_keep(pg, &job->as.keep, &changed, &job->e) != 0) {
        return -1;
    }
    tell->missed = tell->missed || changed;
    return 0;
}

static int make_config(struct pg *pg, struct job *job, const struct store_options *options)
{
    struct config_maker maker = {.unseal = options->unseal, .arg = options->arg};
    return config_make(pg, &job->as.config, &maker, &job->e);
}

int jobs_run(struct pg *pg, struct job *job, const struct store_options *options, struct tell *tell)
{
    switch (job->kind) {
    case JOB_LOAD:
        free(job->as.load.instances);
        free(job->as.load.keys);
        job->as.load = (struct load_job){0};
        return state_load(pg, &job->as.load, &job->e);
    case JOB_HELLO: return state_hellos(pg, &(struct hello_job *){&job->as.hello}, 1, &job->e);
    case JOB_STATE:
        return state_changes(pg, &(const struct state_job *){&job->as.state}, 1, &job->e);
    case JOB_SEEN: return state_seen(pg, &job->as.seen, &job->e);
    case JOB_ENROL: return registry_enrol(pg, &job->as.enrol, &job->e);
    case JOB_INVITE: return registry_invite(pg, &job->as.invite, &job->e);
    case JOB_REVOKE: return registry_revoke(pg, &job->as.revoke, &job->e);
    case JOB_ALERT: return raise_alert(pg, job, tell);
    case JOB_ALERTS_KEEP: return keep_alerts(pg, job, tell);
    case JOB_CONFIG: return make_config(pg, job, options);
    case JOB_HITS: return config_count(pg, &job->as.hits, &job->e);
    case JOB_CONFIG_NOTE: return config_note(pg, &job->as.config_note, &job->e);
    }
    return err_set(&job->e, ERR_ARG, "job of kind %d", (int)job->kind);
}

bool jobs_may_share(enum job_kind kind)
{
    switch (kind) {
    case JOB_HELLO:
    case JOB_STATE:
    case JOB_SEEN:
    case JOB_HITS:
    case JOB_CONFIG_NOTE: return true;
    case JOB_LOAD:
    case JOB_ENROL:
    case JOB_INVITE:
    case JOB_REVOKE:
    case JOB_ALERT: /* the web is told of it at once */
    case JOB_ALERTS_KEEP:
    case JOB_CONFIG: return false;
    }
    return false;
}

int jobs_run_shared(struct pg *pg, struct job *const *jobs, unsigned count,
                    const struct store_options *options, struct tell *tell)
{
    struct hello_job *hellos[JOBS_SHARED_MAX];
    const struct state_job *changes[JOBS_SHARED_MAX];
    unsigned hello_count = 0, change_count = 0;
    struct err e = {0};
    for (unsigned i = 0; i < count; i++) {
        if (jobs[i]->kind == JOB_HELLO) {
            hellos[hello_count++] = &jobs[i]->as.hello;
        } else if (jobs[i]->kind == JOB_STATE) {
            changes[change_count++] = &jobs[i]->as.state;
        } else if (jobs_run(pg, jobs[i], options, tell) != 0) {
            return -1;
        }
    }
    if (hello_count > 0 && state_hellos(pg, hellos, hello_count, &e) != 0) {
        return -1;
    }
    return change_count > 0 ? state_changes(pg, changes, change_count, &e) : 0;
}
