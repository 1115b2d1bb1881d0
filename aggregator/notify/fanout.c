/* Each step is one transaction: a crash leaves a change either waiting or given. */
#include "aggregator/notify/fanout.h"

#include "aggregator/notify/message.h"
#include "common/wire/alerts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHANGES_MAX = 500,      /* that are given out in one step */
    MAIL_ALERTS_MAX = 5000, /* in one e-mail, which lists the first of them */
    HOOK_ALERTS_MAX = 100,  /* in one body */
};

/* A word of a list. */
static bool list_has(const char *list, const char *word)
{
    size_t len = strlen(word);
    while (*list != '\0') {
        size_t part = strcspn(list, ",");
        if (part == len && strncmp(list, word, len) == 0) {
            return true;
        }
        list += part + (list[part] == ',');
    }
    return false;
}

static int severity_by_name(const char *name)
{
    int severity = ALERT_SEVERITY_INFO;
    while (severity < ALERT_SEVERITY_EMERGENCY &&
           strcmp(alert_severity_name((enum alert_severity)severity), name) != 0) {
        severity++;
    }
    return severity;
}

bool wish_matches(const struct wish *wish, const struct alert_kind_info *kind, const char *site,
                  bool ended)
{
    return (!ended || wish->recovery) &&
           (int)kind->severity >= severity_by_name(wish->min_severity) &&
           (wish->families[0] == '\0' || list_has(wish->families, kind->family)) &&
           (wish->sites[0] == '\0' || list_has(wish->sites, site));
}

/* Ids as an array of SQL, growing. */
struct ids {
    FILE *file;
    char *text;
    size_t len;
};

static int ids_open(struct ids *ids, struct err *e)
{
    *ids = (struct ids){0};
    ids->file = open_memstream(&ids->text, &ids->len);
    return ids->file != NULL ? 0 : err_set(e, ERR_NOMEM, "no memory to give out alerts");
}

static void ids_add(struct ids *ids, int64_t id)
{
    long at = ftell(ids->file);
    (void)fprintf(ids->file, "%c%lld", at == 0 ? '{' : ',', (long long)id); /* seen at the end */
}

static int ids_close(struct ids *ids, struct err *e)
{
    if (ftell(ids->file) == 0) {
        (void)fputc('{', ids->file);
    }
    (void)fputc('}', ids->file);
    bool failed = ferror(ids->file) != 0;
    failed = fclose(ids->file) != 0 || failed;
    ids->file = NULL;
    return failed ? err_set(e, ERR_NOMEM, "no memory to give out alerts") : 0;
}

static void ids_free(struct ids *ids)
{
    if (ids->file != NULL) {
        (void)fclose(ids->file);
    }
    free(ids->text);
}

/* Who gets which change: pairs of ids, and all changes that were looked at. */
struct plan {
    struct ids recipients, changes, all;
};

static void match(struct plan *plan, const struct pg_rows *changes, unsigned i,
                  const struct pg_rows *recipients)
{
    const struct alert_kind_info *kind = alert_kind_find((unsigned)pg_i64(changes, i, 2));
    ids_add(&plan->all, pg_i64(changes, i, 0));
    for (unsigned r = 0; kind != NULL && r < pg_rows_count(recipients); r++) {
        const struct wish wish = {
            .min_severity = pg_text(recipients, r, 1),
            .families = pg_text(recipients, r, 2),
            .sites = pg_text(recipients, r, 3),
            .recovery = pg_bool(recipients, r, 4),
        };
        if (wish_matches(&wish, kind, pg_text(changes, i, 3), pg_bool(changes, i, 1))) {
            ids_add(&plan->recipients, pg_i64(recipients, r, 0));
            ids_add(&plan->changes, pg_i64(changes, i, 0));
        }
    }
}

static int store_plan(struct pg *pg, struct plan *plan, struct err *e)
{
    static const char sql[] =
        "WITH given AS (INSERT INTO notify_item (recipient_id, outbox_id)"
        " SELECT r.id, change FROM unnest($1::bigint[], $2::bigint[]) AS pair (recipient, change)"
        " JOIN recipient r ON r.id = pair.recipient ON CONFLICT DO NOTHING)"
        " UPDATE notify_outbox SET fanned = true WHERE id = ANY ($3::bigint[])";
    if (ids_close(&plan->recipients, e) != 0 || ids_close(&plan->changes, e) != 0 ||
        ids_close(&plan->all, e) != 0) {
        return -1;
    }
    struct pg_args args = {0};
    pg_add_text(&args, plan->recipients.text);
    pg_add_text(&args, plan->changes.text);
    pg_add_text(&args, plan->all.text);
    return pg_run(pg, sql, &args, e);
}

static int give_out(struct pg *pg, const struct pg_rows *changes, const struct pg_rows *recipients,
                    struct err *e)
{
    struct plan plan = {0};
    int result = -1;
    if (ids_open(&plan.recipients, e) == 0 && ids_open(&plan.changes, e) == 0 &&
        ids_open(&plan.all, e) == 0) {
        for (unsigned i = 0; i < pg_rows_count(changes); i++) {
            match(&plan, changes, i, recipients);
        }
        result = store_plan(pg, &plan, e);
    }
    ids_free(&plan.recipients);
    ids_free(&plan.changes);
    ids_free(&plan.all);
    return result;
}

int fanout_run(struct pg *pg, bool *more, struct err *e)
{
    static const char changes_sql[] =
        "SELECT o.id, o.change = 'ended', a.kind, coalesce(i.site, '') FROM notify_outbox o"
        " LEFT JOIN alert a ON a.id = o.alert_id LEFT JOIN instance i ON i.id = a.instance_id"
        " WHERE NOT o.fanned ORDER BY o.id LIMIT 500";
    static const char recipients_sql[] =
        "SELECT id, min_severity, array_to_string(families, ','), array_to_string(sites, ','),"
        " recovery FROM recipient WHERE enabled";
    struct pg_rows *changes = pg_query(pg, changes_sql, NULL, e);
    struct pg_rows *recipients = NULL;
    int result = changes != NULL ? 0 : -1;
    *more = false;
    if (changes != NULL && pg_rows_count(changes) > 0) {
        recipients = pg_query(pg, recipients_sql, NULL, e);
        result = recipients != NULL ? give_out(pg, changes, recipients, e) : -1;
        *more = pg_rows_count(changes) == CHANGES_MAX;
    }
    pg_rows_free(recipients);
    pg_rows_free(changes);
    return result;
}

/* The columns of notices_sql. */
static void read_notice(const struct pg_rows *r, unsigned i, struct notice *n)
{
    *n = (struct notice){
        .alert_id = pg_i64(r, i, 1),
        .ended = pg_bool(r, i, 2),
        .kind = alert_kind_find((unsigned)pg_i64(r, i, 3)),
        .score = (int)pg_i64(r, i, 4),
        .instance = pg_text(r, i, 5),
        .site = pg_text(r, i, 6),
        .entity = alert_entity_name((enum alert_entity)pg_i64(r, i, 7)),
        .entity_id = pg_text(r, i, 8),
        .key = pg_text(r, i, 9),
        .first_ms = pg_i64(r, i, 10),
        .last_ms = pg_i64(r, i, 11),
        .released_ms = pg_i64(r, i, 12),
        .count = pg_i64(r, i, 13),
        .client = pg_text(r, i, 14),
        .server = pg_text(r, i, 15),
        .app = pg_text(r, i, 16),
        .host = pg_text(r, i, 17),
        .detail = pg_text(r, i, 18),
        .arrived_ms = pg_i64(r, i, 19),
    };
}

/* What goes into one message: news, or what came late of one instance. */
#define GROUP_SQL(late, instance)                                                                  \
    "o.late = " late "::boolean AND (NOT o.late OR a.instance_id = " instance "::int)"

static const char notices_sql[] =
    "SELECT o.id, a.id, o.change = 'ended', a.kind, a.score, coalesce(i.name, ''),"
    " coalesce(i.site, ''), a.entity, a.entity_id, a.key,"
    " (extract(epoch FROM a.first_at) * 1000)::bigint,"
    " (extract(epoch FROM a.last_at) * 1000)::bigint,"
    " coalesce((extract(epoch FROM a.released_at) * 1000)::bigint, 0), a.count,"
    " coalesce(host(a.client), ''), coalesce(host(a.server), ''), a.app, a.host, a.detail,"
    " coalesce((extract(epoch FROM a.arrived_at) * 1000)::bigint, 0)"
    " FROM notify_item n JOIN notify_outbox o ON o.id = n.outbox_id"
    " JOIN alert a ON a.id = o.alert_id LEFT JOIN instance i ON i.id = a.instance_id"
    " WHERE n.recipient_id = $1::bigint AND n.delivery_id IS NULL AND " GROUP_SQL(
        "$3", "$4") " ORDER BY o.id LIMIT $2::bigint";

/* A message being made. */
struct making {
    int64_t recipient;
    bool mail;
    bool late;        /* a digest of this instance: */
    int64_t instance; /* its id */
    const char *console_url;
    struct notice *notices;
    unsigned count;
    int64_t last_outbox;
};

/* The row first: its key is part of the body. */
static struct pg_rows *insert_delivery(struct pg *pg, const struct making *m, const char *subject,
                                       struct err *e)
{
    static const char sql[] =
        "INSERT INTO delivery (recipient_id, alerts, subject) VALUES ($1::bigint, $2::int, $3)"
        " RETURNING id, key, (extract(epoch FROM created_at) * 1000)::bigint";
    struct pg_args args = {0};
    pg_add_i64(&args, m->recipient);
    pg_add_i64(&args, m->count);
    pg_add_text(&args, subject);
    return pg_query(pg, sql, &args, e);
}

static int finish_delivery(struct pg *pg, const struct making *m, int64_t id, const char *body,
                           struct err *e)
{
    static const char sql[] =
        "WITH d AS (UPDATE delivery SET body = $3 WHERE id = $2::bigint)"
        " UPDATE notify_item n SET delivery_id = $2::bigint FROM notify_outbox o"
        " LEFT JOIN alert a ON a.id = o.alert_id WHERE o.id = n.outbox_id"
        " AND n.recipient_id = $1::bigint AND n.delivery_id IS NULL AND o.id <= $4::bigint"
        " AND (a.id IS NULL OR " GROUP_SQL("$5", "$6") ")";
    struct pg_args args = {0};
    pg_add_i64(&args, m->recipient);
    pg_add_i64(&args, id);
    pg_add_text(&args, body);
    pg_add_i64(&args, m->last_outbox);
    pg_add_bool(&args, m->late);
    pg_add_i64(&args, m->instance);
    return pg_run(pg, sql, &args, e);
}

static int store_message(struct pg *pg, const struct making *m, struct err *e)
{
    char subject[MESSAGE_SUBJECT_SIZE];
    struct message message = {
        .console_url = m->console_url, .notices = m->notices, .count = m->count, .late = m->late};
    message_subject(&message, subject);
    struct pg_rows *rows = insert_delivery(pg, m, subject, e);
    if (rows == NULL) {
        return -1;
    }
    message.key = pg_text(rows, 0, 1);
    message.made_ms = pg_i64(rows, 0, 2);
    char *body = m->mail ? message_text(&message) : message_json(&message);
    int result = body != NULL ? finish_delivery(pg, m, pg_i64(rows, 0, 0), body, e)
                              : err_set(e, ERR_NOMEM, "no memory for a message");
    free(body);
    pg_rows_free(rows);
    return result;
}

/* Kinds that the catalogue does not hold are never given out; see match. */
static int collect(struct making *m, const struct pg_rows *rows, struct err *e)
{
    unsigned count = pg_rows_count(rows);
    m->notices = calloc(count + 1, sizeof *m->notices);
    if (m->notices == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for %u alerts", count);
    }
    for (unsigned i = 0; i < count; i++) {
        read_notice(rows, i, &m->notices[m->count]);
        m->count += m->notices[m->count].kind != NULL;
        m->last_outbox = pg_i64(rows, i, 0);
    }
    return 0;
}

/* Changes of alerts that are gone cannot be told. */
static int drop_orphans(struct pg *pg, int64_t recipient, struct err *e)
{
    static const char sql[] = "DELETE FROM notify_item WHERE recipient_id = $1::bigint"
                              " AND delivery_id IS NULL";
    struct pg_args args = {0};
    pg_add_i64(&args, recipient);
    return pg_run(pg, sql, &args, e);
}

static int make_message(struct pg *pg, struct making *m, struct err *e)
{
    struct pg_args args = {0};
    pg_add_i64(&args, m->recipient);
    pg_add_i64(&args, m->mail || m->late ? MAIL_ALERTS_MAX : HOOK_ALERTS_MAX);
    pg_add_bool(&args, m->late);
    pg_add_i64(&args, m->instance);
    struct pg_rows *rows = pg_query(pg, notices_sql, &args, e);
    int result = rows != NULL ? collect(m, rows, e) : -1;
    if (result == 0) {
        result = m->count > 0 ? store_message(pg, m, e) : drop_orphans(pg, m->recipient, e);
    }
    free(m->notices);
    pg_rows_free(rows);
    return result;
}

static int in_transaction(struct pg *pg, struct making *m, struct err *e)
{
    if (pg_script(pg, "BEGIN", e) != 0) {
        return -1;
    }
    if (make_message(pg, m, e) != 0) {
        if (pg_is_usable(pg)) {
            (void)pg_script(pg, "ROLLBACK", NULL); /* the first failure is the one to tell */
        }
        return -1;
    }
    return pg_script(pg, "COMMIT", e);
}

int fanout_messages(struct pg *pg, unsigned *made, struct err *e)
{
    /* An e-mail a minute and a call every two seconds, at most; none while the last one fails.
     * What came late waits until its instance has told no more for a while: one message holds it.
     */
    static const char sql[] =
        "SELECT r.id, r.type = 'email', coalesce((SELECT console_url FROM mail_server), ''),"
        " g.late, coalesce(g.instance_id, 0) FROM recipient r, LATERAL (SELECT o.late,"
        " CASE WHEN o.late THEN a.instance_id END AS instance_id, max(o.at) AS last, min(o.at) AS first"
        " FROM notify_item n JOIN notify_outbox o ON o.id = n.outbox_id"
        " LEFT JOIN alert a ON a.id = o.alert_id"
        " WHERE n.recipient_id = r.id AND n.delivery_id IS NULL GROUP BY 1, 2) g"
        " WHERE r.enabled AND (NOT g.late OR g.last < now() - interval '15 s'"
        " OR g.first < now() - interval '5 min')"
        " AND NOT EXISTS (SELECT FROM delivery d WHERE d.recipient_id = r.id AND NOT d.test"
        " AND (d.state = 'waiting' OR d.created_at > now()"
        " - CASE r.type WHEN 'email' THEN interval '60 s' ELSE interval '2 s' END))";
    struct pg_rows *rows = pg_query(pg, sql, NULL, e);
    int result = rows != NULL ? 0 : -1;
    *made = 0;
    for (unsigned i = 0; rows != NULL && i < pg_rows_count(rows) && result == 0; i++) {
        struct making m = {
            .recipient = pg_i64(rows, i, 0),
            .mail = pg_bool(rows, i, 1),
            .console_url = pg_text(rows, i, 2),
            .late = pg_bool(rows, i, 3),
            .instance = pg_i64(rows, i, 4),
        };
        result = in_transaction(pg, &m, e);
        *made += result == 0;
    }
    pg_rows_free(rows);
    return result;
}
