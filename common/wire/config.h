/*
 * Central configuration on its way from the centre to an agent. The centre keeps items (section,
 * scope, name, body); what is in force for one instance is a document
 *
 *   {"v":1,"revision":N,"sections":{"acl":[{"id":12,"name":"…",…body},…],…}}
 *
 * which travels on dn.NAME.cfg behind one line of JSON that holds revision, SHA-256 of the
 * document and the signature of the centre's command key over name, revision and hash. The agent
 * answers with a report on up.SHARD.NAME.cfg. Pack beside unpack; any thread.
 *
 * A section is a row in config.c: its word, how many items one agent takes, the check of one item
 * (which stands in config_SECTION.c and is used by both ends) and the members that are secret.
 */
#pragma once

#include "common/err.h"
#include "common/wire/config_read.h"
#include "common/wire/envelope.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CONFIG_VERSION = 1,
    CONFIG_HEAD_MAX = 1024,                           /* bytes of the line in front */
    CONFIG_DOCUMENT_MAX = WIRE_MAX - CONFIG_HEAD_MAX, /* bytes */
    CONFIG_ITEM_MAX = 32 * 1024,                      /* bytes of one item's body as JSON */
    CONFIG_NAME_SIZE = 81,                            /* of an item, NUL included */
    CONFIG_HASH_SIZE = 65,                            /* SHA-256 in hex, NUL included */
    CONFIG_REASON_SIZE = 480,
    CONFIG_SIGNATURE_SIZE = 96, /* base64url of 64 bytes, NUL included */
};

struct config_section {
    const char *word;
    size_t items_max; /* in force at one agent */
    /* Looks at one item's body as a whole; the fault is zeroed by the caller. */
    void (*check)(const json_t *item, struct config_fault *fault);
    const char *const *secrets; /* text members that no reader is shown, ended by NULL; or NULL */
};

/* The row of a word; NULL when there is none. */
const struct config_section *config_section_find(const char *word);
/* All rows; ended by one without a word. */
const struct config_section *config_sections(void);

/* What stands in front of a document. */
struct config_message {
    uint64_t revision;
    char hash[CONFIG_HASH_SIZE];           /* of the document's bytes */
    char signature[CONFIG_SIGNATURE_SIZE]; /* over config_signed_text, base64url */
    const char *document;                  /* borrowed */
    size_t document_len;
};
/* What is signed: "config NAME REVISION HASH". Returns its length, 0 when it does not fit. */
size_t config_signed_text(const char *name, uint64_t revision, const char *hash, char *buf,
                          size_t size);
/* A new buffer of *len bytes, freed by the caller; NULL when it is too large or memory short. */
char *config_message_pack(const struct config_message *m, size_t *len);
/* m->document points into bytes. Hash and signature are left to be checked. */
int config_message_unpack(const void *bytes, size_t len, struct config_message *m, struct err *e);

/*
 * Reads a document and checks every item of the sections that are known here; *revision is its
 * own. Returns the sections (an object of arrays, json_decref'd by the caller), or NULL and e with
 * a sentence that names section, item and field.
 */
json_t *config_document_unpack(const char *bytes, size_t len, uint64_t *revision, struct err *e);
/* A new text of *len bytes, freed by the caller; borrows sections. NULL when memory is short. */
char *config_document_pack(uint64_t revision, json_t *sections, size_t *len);

/*
 * up.SHARD.NAME.hits: how often rules were hit. Counts since the start of a run of control, whose
 * id tells the centre that they began anew. Lost ones come with the next.
 */
enum { CONFIG_HITS_MAX = 64, CONFIG_RUN_SIZE = 20 };
struct config_hit {
    int64_t id; /* of the item */
    uint64_t hits;
    uint64_t last_ns;
};
struct config_hits {
    char run[CONFIG_RUN_SIZE];
    size_t count;
    struct config_hit list[CONFIG_HITS_MAX];
};
size_t config_hits_pack(const struct config_hits *h, void *buf, size_t size);
int config_hits_unpack(const void *bytes, size_t len, struct config_hits *h, struct err *e);

/* up.SHARD.NAME.cfg: what the agent has in force, and what it refused. */
struct config_report {
    uint64_t revision; /* in force; 0: none */
    char hash[CONFIG_HASH_SIZE];
    uint64_t refused; /* a newer revision that was refused; 0: none */
    char reason[CONFIG_REASON_SIZE];
};
size_t config_report_pack(const struct config_report *r, void *buf, size_t size);
int config_report_unpack(const void *bytes, size_t len, struct config_report *r, struct err *e);
