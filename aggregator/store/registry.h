/*
 * Who belongs to the fleet: inviting, enrolling and revoking, each one transaction with its audit
 * row, and a NOTIFY that tells a running aggregator. Called by the store writer for the fleet, and
 * by picketctl.
 */
#pragma once

#include "aggregator/fleet/job.h"
#include "aggregator/store/pg.h"

/* The channel of LISTEN and NOTIFY on which changes are told. */
#define REGISTRY_CHANNEL "picket_fleet"

/* Makes site and instance when new, and the token's row. 0 also when job->exists. */
int registry_invite(struct pg *pg, struct invite_job *job, struct err *e);

/* Judges a token and binds the key to the instance; the verdict is in the job. */
int registry_enrol(struct pg *pg, struct enrol_job *job, struct err *e);

/*
 * Revokes all keys and tokens, moves the instance to "revoked" and releases its engaged alerts.
 * job->found says if it is one.
 */
int registry_revoke(struct pg *pg, struct revoke_job *job, struct err *e);

/* All revoked keys, for creds_account.revocations_json; the caller frees. NULL and e. */
char *registry_revocations(struct pg *pg, struct err *e);
