/*
 * The configuration that the centre sends: taken over when its signature, name, revision, hash and
 * every item are right, kept on disk so that a start without the centre goes on with it, refused as
 * a whole otherwise. What to do with the items is the consumers' affair, one for each section.
 * Called by uplink.c on the loop's thread.
 *
 * To plug in a section: give it a row in common/wire/config.c with a check that both ends share,
 * and a struct config_consumer in control_config.c. take is called once at the start with what the
 * disk holds (or nothing) and again whenever a document is taken over.
 */
#pragma once

#include "common/err.h"
#include "common/wire/config.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_consumer {
    const char *section; /* "acl", … */
    /*
     * Replaces all that was there before by these items: an array of {id, name, …body}, enabled
     * ones only, in order, each checked by the section's check. Borrowed for the call; empty when
     * the section has none. 0, or -1 and e with a sentence: then the whole document is refused, the
     * reason is shown at the centre, and take is called again with the former items.
     */
    int (*take)(const json_t *items, void *arg, struct err *e);
    void *arg;
};

struct remote_config_options {
    const char *dir;  /* the state folder; borrowed for the call */
    const char *name; /* the instance; borrowed as is what follows */
    const struct config_consumer *consumers;
    size_t consumer_count;
};

struct remote_config;

/*
 * Hands the consumers what the disk holds; a file that is damaged or not signed by key (the
 * centre's public key, "" when it is not known yet) is put aside. NULL and e when memory is short.
 */
struct remote_config *remote_config_open(const struct remote_config_options *options,
                                         const char *key, struct err *e);
void remote_config_close(struct remote_config *rc);
/* Judges a message of dn.NAME.cfg; what became of it stands in the report. */
void remote_config_take(struct remote_config *rc, const char *key, const void *bytes, size_t len);
/* What to tell the centre. Borrowed. */
const struct config_report *remote_config_report(const struct remote_config *rc);
/* The newest offer was refused. */
bool remote_config_refused(const struct remote_config *rc);
