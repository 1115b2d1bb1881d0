#define LOG_MODULE "config"
#include "agent/uplink/remote_config.h"

#include "common/creds.h"
#include "common/encode.h"
#include "common/file.h"
#include "common/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 1100 };

struct remote_config {
    const char *name;
    const struct config_consumer *consumers;
    size_t consumer_count;
    char path[PATH_SIZE];
    json_t *sections; /* in force */
    struct config_report report;
};

/* ---- is it the centre's, and whole? ---- */

static int check_signature(const struct remote_config *rc, const char *key,
                           const struct config_message *m, struct err *e)
{
    char text[256];
    uint8_t signature[64];
    size_t len = config_signed_text(rc->name, m->revision, m->hash, text, sizeof text);
    if (key[0] == '\0') {
        return err_set(e, ERR_CONFIG, "the centre's key is not known yet");
    }
    if (len == 0 ||
        base64url_decode(m->signature, strlen(m->signature), signature, sizeof signature) !=
            sizeof signature ||
        !nkey_verify(key, text, len, signature)) {
        return err_set(e, ERR_CONFIG,
                       "it is not signed for %s by the centre that this agent enrolled with",
                       rc->name);
    }
    return 0;
}

static int check_hash(const struct config_message *m, struct err *e)
{
    char hash[CONFIG_HASH_SIZE];
    return strcmp(creds_sha256_hex(m->document, m->document_len, hash), m->hash) == 0
               ? 0
               : err_set(e, ERR_CONFIG, "its bytes do not have the hash that was signed");
}

/* The sections of a message that is ours to follow; NULL and e. */
static json_t *open_message(const struct remote_config *rc, const char *key,
                            const struct config_message *m, struct err *e)
{
    uint64_t revision = 0;
    if (check_signature(rc, key, m, e) != 0 || check_hash(m, e) != 0) {
        return NULL;
    }
    json_t *sections = config_document_unpack(m->document, m->document_len, &revision, e);
    if (sections != NULL && revision != m->revision) {
        (void)err_set(e, ERR_PARSE, "it says revision %" PRIu64 " inside", revision);
        json_decref(sections);
        return NULL;
    }
    return sections;
}

/* ---- the consumers ---- */

static int hand_to(const struct config_consumer *consumer, const json_t *sections, struct err *e)
{
    json_t *items = json_object_get(sections, consumer->section);
    json_t *none = items == NULL ? json_array() : NULL;
    int result = consumer->take(items != NULL ? items : none, consumer->arg, e);
    json_decref(none);
    return result;
}

/* All or nothing: who has taken the new ones before another refuses gets the former ones back. */
static int hand_out(struct remote_config *rc, json_t *sections, struct err *e)
{
    for (size_t i = 0; i < rc->consumer_count; i++) {
        if (hand_to(&rc->consumers[i], sections, e) == 0) {
            continue;
        }
        for (size_t back = 0; back <= i; back++) {
            struct err ignored = {0};
            if (hand_to(&rc->consumers[back], rc->sections, &ignored) != 0) {
                log_error(&ignored, "the former %s is not restored", rc->consumers[back].section);
            }
        }
        return err_wrap(e, "%s", rc->consumers[i].section);
    }
    return 0;
}

static void adopt(struct remote_config *rc, json_t *sections, const struct config_message *m)
{
    json_decref(rc->sections);
    rc->sections = sections;
    rc->report = (struct config_report){.revision = m->revision};
    memcpy(rc->report.hash, m->hash, sizeof rc->report.hash);
}

/* ---- what the centre sends ---- */

static int take_over(struct remote_config *rc, const char *key, const struct config_message *m,
                     const void *bytes, size_t len, struct err *e)
{
    json_t *sections = open_message(rc, key, m, e);
    if (sections == NULL) {
        return -1;
    }
    if (hand_out(rc, sections, e) != 0) {
        json_decref(sections);
        return -1;
    }
    if (file_replace(rc->path, bytes, len, 0600, e) != 0) {
        struct err ignored = {0};
        (void)hand_out(rc, rc->sections, &ignored); /* they held these a moment ago */
        json_decref(sections);
        return err_wrap(e, "it cannot be kept");
    }
    adopt(rc, sections, m);
    return 0;
}

static void refuse(struct remote_config *rc, uint64_t revision, const struct err *why)
{
    rc->report.refused = revision;
    (void)snprintf(rc->report.reason, sizeof rc->report.reason, "%s", why->what); /* it fits */
    log_error(why, "configuration revision %" PRIu64 " is refused; revision %" PRIu64 " stays",
              revision, rc->report.revision);
}

void remote_config_take(struct remote_config *rc, const char *key, const void *bytes, size_t len)
{
    struct config_message m;
    struct err e = {0};
    if (config_message_unpack(bytes, len, &m, &e) != 0) {
        log_warn(&e, "a message from the centre is not understood");
        return;
    }
    if (m.revision < rc->report.revision) {
        log_warn(NULL, "configuration revision %" PRIu64 " is older than ours: not taken over",
                 m.revision);
        return; /* sent again by somebody, or by a centre that was restored: it sees our report */
    }
    if (m.revision == rc->report.revision) {
        return; /* the report says what we have */
    }
    if (take_over(rc, key, &m, bytes, len, &e) != 0) {
        refuse(rc, m.revision, &e);
        return;
    }
    log_info(NULL, "configuration revision %" PRIu64 " is in force", m.revision);
}

/* ---- life ---- */

/* What a former run took over. Not there: nothing is in force. */
static int load(struct remote_config *rc, const char *key, struct err *e)
{
    size_t len;
    if (access(rc->path, F_OK) != 0) {
        return 0;
    }
    char *bytes = file_read_secret(rc->path, WIRE_MAX, &len, e);
    if (bytes == NULL) {
        return -1;
    }
    struct config_message m;
    json_t *sections =
        config_message_unpack(bytes, len, &m, e) == 0 ? open_message(rc, key, &m, e) : NULL;
    if (sections != NULL) {
        adopt(rc, sections, &m);
    }
    free(bytes);
    return sections != NULL ? 0 : -1;
}

static void load_or_put_aside(struct remote_config *rc, const char *key)
{
    struct err e = {0};
    if (load(rc, key, &e) == 0) {
        return;
    }
    char aside[PATH_SIZE + 8];
    (void)snprintf(aside, sizeof aside, "%s.bad", rc->path); /* fits */
    (void)rename(rc->path, aside); /* kept for a person to look at, if it can be */
    log_error(&e, "the configuration on disk is not used; the centre sends it again");
}

struct remote_config *remote_config_open(const struct remote_config_options *options,
                                         const char *key, struct err *e)
{
    struct remote_config *rc = calloc(1, sizeof *rc);
    if (rc == NULL) {
        (void)err_set(e, ERR_NOMEM, "the configuration");
        return NULL;
    }
    rc->name = options->name;
    rc->consumers = options->consumers;
    rc->consumer_count = options->consumer_count;
    int len = snprintf(rc->path, sizeof rc->path, "%s/config", options->dir);
    if (len < 0 || (size_t)len >= sizeof rc->path) {
        free(rc);
        (void)err_set(e, ERR_ARG, "the path %s is too long", options->dir);
        return NULL;
    }
    load_or_put_aside(rc, key);
    struct err why = {0};
    if (hand_out(rc, rc->sections, &why) != 0) {
        log_error(&why, "not all of the configuration on disk is in force");
    } else if (rc->sections != NULL) {
        log_info(NULL, "configuration revision %" PRIu64 " is in force, from disk",
                 rc->report.revision);
    }
    return rc;
}

void remote_config_close(struct remote_config *rc)
{
    if (rc == NULL) {
        return;
    }
    json_decref(rc->sections);
    explicit_bzero(&rc->report, sizeof rc->report);
    free(rc);
}

const struct config_report *remote_config_report(const struct remote_config *rc)
{
    return &rc->report;
}

bool remote_config_refused(const struct remote_config *rc)
{
    return rc->report.refused > rc->report.revision;
}
