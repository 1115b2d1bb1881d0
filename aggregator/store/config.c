#include "aggregator/store/config.h"

#include "common/creds.h"
#include "common/wire/config.h"

#define LOG_MODULE "config"
#include "common/log.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLICE = 64 /* instances in one transaction */ };

/* Columns of the items; narrower scopes first, as they go before wider ones. */
enum { ITEM_ID, ITEM_SECTION, ITEM_SCOPE, ITEM_NAME, ITEM_ENABLED, ITEM_BODY, ITEM_SECRETS };
static const char items_sql[] =
    "SELECT id, section, scope, name, enabled, body, secrets FROM config_item"
    " ORDER BY section, CASE WHEN scope LIKE 'instance:%' THEN 0 WHEN scope LIKE 'site:%' THEN 1"
    " ELSE 2 END, position, id";

/* Columns of the instances. */
enum { OWNER_ID, OWNER_NAME, OWNER_SITE, OWNER_REVISION, OWNER_HASH, OWNER_CONTENT };
static const char owners_sql[] =
    "SELECT i.id, i.name, i.site, coalesce(c.revision, 0), coalesce(c.hash, ''),"
    " coalesce(c.content, '') FROM instance i LEFT JOIN config_state c ON c.instance_id = i.id"
    " WHERE CASE WHEN $1::int <> 0 THEN i.id = $1::int ELSE i.id > $2::int END"
    " ORDER BY i.id LIMIT $3::int";

/* One instance and what is made for it. */
struct owner {
    const struct pg_rows *rows;
    unsigned row;
    char site_scope[NAME_MAX_LEN + 8], own_scope[NAME_MAX_LEN + 16];
};

static struct owner owner_at(const struct pg_rows *rows, unsigned row)
{
    struct owner o = {.rows = rows, .row = row};
    (void)snprintf(o.site_scope, sizeof o.site_scope, "site:%s", pg_text(rows, row, OWNER_SITE));
    (void)snprintf(o.own_scope, sizeof o.own_scope, "instance:%s", pg_text(rows, row, OWNER_NAME));
    return o; /* names are short: both fit */
}

static bool holds_for(const struct owner *o, const char *scope)
{
    return strcmp(scope, "fleet") == 0 || strcmp(scope, o->site_scope) == 0 ||
           strcmp(scope, o->own_scope) == 0;
}

/* Puts the secrets, opened or as they lie, among the members of the item. */
static int add_secrets(json_t *item, const char *text, const struct config_maker *maker,
                       struct err *e)
{
    json_t *secrets = json_loads(text, 0, NULL);
    const char *name;
    json_t *value;
    int result = 0;
    json_object_foreach (secrets, name, value) {
        char plain[CONFIG_SECRET_SIZE] = "";
        const char *sealed = json_string_value(value);
        if (sealed == NULL) {
            continue;
        }
        if (maker != NULL && maker->unseal(maker->arg, sealed, plain, e) != 0) {
            result = -1;
            break;
        }
        result |= json_object_set_new(item, name, json_string(maker != NULL ? plain : sealed));
        explicit_bzero(plain, sizeof plain);
    }
    json_decref(secrets);
    return result;
}

/* {id, name, …body, …secrets}; NULL and e. maker NULL: secrets stay sealed. */
static json_t *item_of(const struct pg_rows *items, unsigned row, const struct config_maker *maker,
                       struct err *e)
{
    json_t *item = json_pack("{s:I, s:s}", "id", (json_int_t)pg_i64(items, row, ITEM_ID), "name",
                             pg_text(items, row, ITEM_NAME));
    json_t *body = json_loads(pg_text(items, row, ITEM_BODY), 0, NULL);
    bool whole = item != NULL && body != NULL && json_object_update_missing(item, body) == 0;
    json_decref(body);
    if (whole && add_secrets(item, pg_text(items, row, ITEM_SECRETS), maker, e) == 0) {
        return item;
    }
    if (e->code == ERR_NONE) {
        (void)err_set(e, ERR_NOMEM, "an item of the configuration");
    }
    json_decref(item);
    return NULL;
}

/* Puts the item into its section, unless a narrower one of its name, even a disabled one, did. */
static int take_item(json_t *sections, json_t *seen, const struct pg_rows *items, unsigned row,
                     const struct config_maker *maker, struct err *e)
{
    char key[256];
    const char *section = pg_text(items, row, ITEM_SECTION);
    (void)snprintf(key, sizeof key, "%s %s", section, pg_text(items, row, ITEM_NAME)); /* fits */
    if (json_object_get(seen, key) != NULL) {
        return 0;
    }
    if (json_object_set_new(seen, key, json_true()) != 0) {
        return err_set(e, ERR_NOMEM, "the configuration");
    }
    if (!pg_bool(items, row, ITEM_ENABLED)) {
        return 0;
    }
    json_t *list = json_object_get(sections, section);
    if (list == NULL) {
        list = json_array();
        if (json_object_set_new(sections, section, list) != 0) {
            return err_set(e, ERR_NOMEM, "the configuration");
        }
    }
    json_t *item = item_of(items, row, maker, e);
    return item != NULL ? json_array_append_new(list, item) : -1;
}

static json_t *sections_for(const struct owner *o, const struct pg_rows *items,
                            const struct config_maker *maker, struct err *e)
{
    json_t *sections = json_object(), *seen = json_object();
    int result = sections == NULL || seen == NULL ? -1 : 0;
    for (unsigned i = 0; i < pg_rows_count(items) && result == 0; i++) {
        if (holds_for(o, pg_text(items, i, ITEM_SCOPE))) {
            result = take_item(sections, seen, items, i, maker, e);
        }
    }
    json_decref(seen);
    if (result != 0) {
        json_decref(sections);
        if (e->code == ERR_NONE) {
            (void)err_set(e, ERR_NOMEM, "the configuration");
        }
        return NULL;
    }
    return sections;
}

/* What tells one state of the items from another: their SHA-256, secrets still sealed. */
static int content_of(const struct owner *o, const struct pg_rows *items,
                      char content[CONFIG_HASH_SIZE], struct err *e)
{
    json_t *sections = sections_for(o, items, NULL, e);
    char *text = sections == NULL ? NULL : json_dumps(sections, JSON_COMPACT);
    json_decref(sections);
    if (text == NULL) {
        return e->code != ERR_NONE ? -1 : err_set(e, ERR_NOMEM, "the configuration");
    }
    bool none = strcmp(text, "{}") == 0;
    (void)creds_sha256_hex(text, strlen(text), content);
    content[0] = none ? '\0' : content[0]; /* "": no items at all */
    free(text);
    return 0;
}

static int document_of(const struct owner *o, const struct pg_rows *items,
                       const struct config_maker *maker, struct config_entry *entry, struct err *e)
{
    json_t *sections = sections_for(o, items, maker, e);
    if (sections == NULL) {
        return -1;
    }
    entry->document = config_document_pack(entry->revision, sections, &entry->len);
    json_decref(sections);
    if (entry->document == NULL) {
        return err_set(e, ERR_NOMEM, "the configuration");
    }
    (void)creds_sha256_hex(entry->document, entry->len, entry->hash);
    return 0;
}

static int note_wanted(struct pg *pg, const struct config_entry *entry, const char *content,
                       struct err *e)
{
    static const char sql[] =
        "INSERT INTO config_state (instance_id, revision, hash, content) VALUES ($1::int,"
        " $2::bigint, $3, $4) ON CONFLICT (instance_id) DO UPDATE SET revision = $2::bigint,"
        " hash = $3, content = $4, made_at = now()";
    struct pg_args args = {0};
    pg_add_i64(&args, entry->instance_id);
    pg_add_i64(&args, (int64_t)entry->revision);
    pg_add_text(&args, entry->hash);
    pg_add_text(&args, content);
    return pg_run(pg, sql, &args, e);
}

/* What one run works with. */
struct making {
    struct pg *pg;
    struct config_job *job;
    const struct pg_rows *items;
    const struct config_maker *maker;
};

/* Makes the entry of one instance; *used says whether there is one. */
static int make_one(const struct making *m, const struct owner *o, struct config_entry *entry,
                    bool *used, struct err *e)
{
    char content[CONFIG_HASH_SIZE] = "";
    const struct config_job *job = m->job;
    uint64_t revision = (uint64_t)pg_i64(o->rows, o->row, OWNER_REVISION);
    *entry = (struct config_entry){.instance_id = (int32_t)pg_i64(o->rows, o->row, OWNER_ID)};
    if (content_of(o, m->items, content, e) != 0) {
        return -1;
    }
    bool changed = strcmp(content, pg_text(o->rows, o->row, OWNER_CONTENT)) != 0;
    bool overtaken = job->only != 0 && job->above != 0 && job->above >= revision;
    *used = changed || overtaken || (job->only != 0 && revision != 0);
    if (!*used) {
        return 0;
    }
    if (changed || overtaken) {
        revision = (overtaken ? job->above : revision) + 1;
    }
    entry->revision = revision;
    if (document_of(o, m->items, m->maker, entry, e) != 0) {
        return -1;
    }
    bool same =
        !changed && !overtaken && strcmp(entry->hash, pg_text(o->rows, o->row, OWNER_HASH)) == 0;
    return same ? 0 : note_wanted(m->pg, entry, content, e);
}

/* What cannot be made for one instance does not keep the others waiting. */
static int make_slice(const struct making *m, const struct pg_rows *owners, struct err *e)
{
    struct config_job *job = m->job;
    unsigned count = pg_rows_count(owners);
    job->entries = calloc(count + 1, sizeof *job->entries);
    if (job->entries == NULL) {
        return err_set(e, ERR_NOMEM, "the configuration");
    }
    for (unsigned i = 0; i < count; i++) {
        struct owner o = owner_at(owners, i);
        struct config_entry *entry = &job->entries[job->count];
        bool used = false;
        struct err why = {0};
        if (make_one(m, &o, entry, &used, &why) == 0) {
            job->count += used;
            continue;
        }
        free(entry->document);
        *entry = (struct config_entry){0};
        if (why.code == ERR_REMOTE || !pg_is_usable(m->pg)) {
            *e = why;
            return -1;
        }
        log_error(&why, "no configuration for %s", pg_text(owners, i, OWNER_NAME));
    }
    bool last = job->only != 0 || count < SLICE;
    job->next = last ? 0 : (int32_t)pg_i64(owners, count - 1, OWNER_ID);
    return 0;
}

static struct pg_rows *query_owners(struct pg *pg, const struct config_job *job, struct err *e)
{
    struct pg_args args = {0};
    pg_add_i64(&args, job->only);
    pg_add_i64(&args, job->after);
    pg_add_i64(&args, SLICE);
    return pg_query(pg, owners_sql, &args, e);
}

/* A failed try leaves nothing behind: the job may be done again. */
static void forget_entries(struct config_job *job)
{
    for (unsigned i = 0; i < job->count; i++) {
        free(job->entries[i].document);
    }
    free(job->entries);
    job->entries = NULL;
    job->count = 0;
}

int config_make(struct pg *pg, struct config_job *job, const struct config_maker *maker,
                struct err *e)
{
    /* Against another aggregator that makes the same revisions; ends with the transaction. */
    static const char begin[] = "BEGIN; LOCK TABLE config_state IN SHARE ROW EXCLUSIVE MODE";
    forget_entries(job);
    if (pg_script(pg, begin, e) != 0) {
        return -1;
    }
    struct pg_rows *items = pg_query(pg, items_sql, NULL, e);
    struct pg_rows *owners = items != NULL ? query_owners(pg, job, e) : NULL;
    struct making m = {.pg = pg, .job = job, .items = items, .maker = maker};
    int result = owners != NULL ? make_slice(&m, owners, e) : -1;
    pg_rows_free(owners);
    pg_rows_free(items);
    if (result == 0 && pg_script(pg, "COMMIT", e) == 0) {
        return 0;
    }
    forget_entries(job);
    if (result != 0 && pg_is_usable(pg)) {
        (void)pg_script(pg, "ROLLBACK", NULL); /* the first failure is the one to tell */
    }
    return -1;
}

int config_note(struct pg *pg, const struct config_note_job *job, struct err *e)
{
    static const char sql[] =
        "INSERT INTO config_state AS c (instance_id, in_force, in_force_hash, in_force_at, refused,"
        " refused_reason) VALUES ($1::int, $2::bigint, $3, now(), $4::bigint, $5)"
        " ON CONFLICT (instance_id) DO UPDATE SET in_force = $2::bigint, in_force_hash = $3,"
        " in_force_at = CASE WHEN c.in_force = $2::bigint AND c.in_force_hash = $3"
        " THEN c.in_force_at ELSE now() END, refused = $4::bigint, refused_reason = $5";
    struct pg_args args = {0};
    pg_add_i64(&args, job->instance_id);
    pg_add_i64(&args, (int64_t)job->report.revision);
    pg_add_text(&args, job->report.hash);
    pg_add_i64(&args, (int64_t)job->report.refused);
    pg_add_text(&args, job->report.reason);
    return pg_run(pg, sql, &args, e);
}

/* {"a","b"} of one number of each hit. */
static char *array_of(const struct config_hits *hits, int which)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < hits->count; i++) {
        const struct config_hit *hit = &hits->list[i];
        int64_t values[] = {hit->id, (int64_t)hit->hits, (int64_t)(hit->last_ns / 1000)};
        (void)fprintf(out, "%c%lld", i == 0 ? '{' : ',', (long long)values[which]);
    }
    (void)fprintf(out, "%s}", hits->count == 0 ? "{" : ""); /* into memory: fclose tells */
    return fclose(out) == 0 ? text : NULL;
}

/* Only items that are there: an agent may lag behind, or lie. */
int config_count(struct pg *pg, const struct hits_job *job, struct err *e)
{
    static const char sql[] =
        "INSERT INTO config_hit AS h (item_id, instance_id, run, seen, hits, last_at)"
        " SELECT n.id, $1::int, $2, n.hits, n.hits, to_timestamp(n.last_us / 1e6)"
        " FROM unnest($3::bigint[], $4::bigint[], $5::bigint[]) AS n (id, hits, last_us)"
        " JOIN config_item c ON c.id = n.id"
        " ON CONFLICT (item_id, instance_id) DO UPDATE SET run = excluded.run,"
        " seen = excluded.seen, last_at = greatest(h.last_at, excluded.last_at), hits = h.hits +"
        " CASE WHEN h.run = excluded.run THEN greatest(excluded.seen - h.seen, 0)"
        " ELSE excluded.seen END";
    char *ids = array_of(&job->hits, 0), *hits = array_of(&job->hits, 1),
         *last = array_of(&job->hits, 2);
    struct pg_args args = {0};
    int result = -1;
    pg_add_i64(&args, job->instance_id);
    pg_add_text(&args, job->hits.run);
    pg_add_text(&args, ids);
    pg_add_text(&args, hits);
    pg_add_text(&args, last);
    if (ids == NULL || hits == NULL || last == NULL) {
        (void)err_set(e, ERR_NOMEM, "hits of rules");
    } else {
        result = pg_run(pg, sql, &args, e);
    }
    free(ids);
    free(hits);
    free(last);
    return result;
}
