/* The life of a job; what each holds is freed here and nowhere else. */
#include "aggregator/fleet/job.h"

#include <stdlib.h>
#include <string.h>

struct job *job_new(enum job_kind kind)
{
    struct job *job = calloc(1, sizeof *job);
    if (job != NULL) {
        job->kind = kind;
    }
    return job;
}

void job_free(struct job *job)
{
    if (job == NULL) {
        return;
    }
    switch (job->kind) {
    case JOB_LOAD:
        free(job->as.load.instances);
        free(job->as.load.keys);
        break;
    case JOB_SEEN: free(job->as.seen.entries); break;
    case JOB_INVITE: explicit_bzero(job->as.invite.token, sizeof job->as.invite.token); break;
    case JOB_HELLO:
    case JOB_STATE:
    case JOB_ENROL:
    case JOB_REVOKE:
    case JOB_ALERT: break;
    }
    free(job);
}
