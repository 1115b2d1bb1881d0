/* The life of a job; what each holds is freed here and nowhere else. */
#include "aggregator/fleet/job.h"

#include <stdlib.h>
#include <string.h>

static void free_entries(struct config_job *job)
{
    for (unsigned i = 0; i < job->count; i++) {
        if (job->entries[i].document != NULL) {
            explicit_bzero(job->entries[i].document, job->entries[i].len);
        }
        free(job->entries[i].document);
    }
    free(job->entries);
}

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
    case JOB_CONFIG: free_entries(&job->as.config); break;
    case JOB_HELLO:
    case JOB_STATE:
    case JOB_ENROL:
    case JOB_REVOKE:
    case JOB_ALERT:
    case JOB_ALERTS_KEEP:
    case JOB_HITS:
    case JOB_CONFIG_NOTE: break;
    }
    free(job);
}
