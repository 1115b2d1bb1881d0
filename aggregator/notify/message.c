/* Dates by RFC 5322, 3.3; subjects by RFC 2047 (B encoding); bodies in base64, lines of 76. */
#include "aggregator/notify/message.h"

#include "aggregator/store/recipient.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    LISTED_MAX = 50, /* of a digest; the rest is counted */
    SEVERITIES = ALERT_SEVERITY_EMERGENCY + 1,
    TIME_SIZE = 40,
    LINE_BYTES = 57, /* 76 characters of base64 */
    WORD_BYTES = 45, /* of a subject in one encoded word: at most 75 characters */
};

/* A text that grows; failed: no memory. */
struct text {
    FILE *file;
    char *bytes;
    size_t len;
};

static bool text_open(struct text *text)
{
    *text = (struct text){0};
    text->file = open_memstream(&text->bytes, &text->len);
    return text->file != NULL;
}

static char *text_close(struct text *text)
{
    bool failed = ferror(text->file) != 0;
    if (fclose(text->file) != 0 || failed) {
        free(text->bytes);
        return NULL;
    }
    return text->bytes;
}

static const char *severity_word(enum alert_severity severity)
{
    static const char *const words[SEVERITIES] = {"Info",  "Notice",   "Warning",
                                                  "Error", "Critical", "Emergency"};
    return words[severity];
}

/* Whom it is about: the instance, or the centre. */
static const char *place_of(const struct notice *n)
{
    return n->instance[0] != '\0' ? n->instance : "the centre";
}

static void count_severities(const struct message *m, unsigned counts[SEVERITIES])
{
    for (unsigned i = 0; i < m->count; i++) {
        counts[m->notices[i].kind->severity]++;
    }
}

/* "2 critical, 35 notice", the worst first. */
static void severities_text(const struct message *m, char *buf, size_t size)
{
    unsigned counts[SEVERITIES] = {0};
    size_t used = 0;
    count_severities(m, counts);
    buf[0] = '\0';
    for (int i = SEVERITIES - 1; i >= 0; i--) {
        if (counts[i] > 0 && used < size) {
            int len = snprintf(buf + used, size - used, "%s%u %s", used > 0 ? ", " : "", counts[i],
                               alert_severity_name((enum alert_severity)i));
            used += len > 0 ? (size_t)len : 0;
        }
    }
}

static char *utc_text(int64_t ms, char buf[TIME_SIZE])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL || strftime(buf, TIME_SIZE, "%F %T UTC", &tm) == 0) {
        buf[0] = '\0';
    }
    return buf;
}

/* "12 alerts of pisa-1 that came late, FROM to TO UTC". */
static void late_text(const struct message *m, char *buf, size_t size)
{
    char from[TIME_SIZE];
    char to[TIME_SIZE];
    int64_t first = m->notices[0].first_ms;
    int64_t last = m->notices[0].last_ms;
    for (unsigned i = 1; i < m->count; i++) {
        first = m->notices[i].first_ms < first ? m->notices[i].first_ms : first;
        last = m->notices[i].last_ms > last ? m->notices[i].last_ms : last;
    }
    (void)snprintf(buf, size, "%u alert%s of %s that came late, %s to %s", m->count,
                   m->count == 1 ? "" : "s", place_of(&m->notices[0]), utc_text(first, from),
                   utc_text(last, to)); /* cut is fine: for a person */
}

void message_subject(const struct message *m, char subject[MESSAGE_SUBJECT_SIZE])
{
    char severities[120];
    if (m->count == 0) {
        (void)snprintf(subject, MESSAGE_SUBJECT_SIZE, "Picket: Test message");
    } else if (m->late) {
        char late[160];
        late_text(m, late, sizeof late);
        (void)snprintf(subject, MESSAGE_SUBJECT_SIZE, "Picket: %s", late);
    } else if (m->count == 1) {
        const struct notice *n = &m->notices[0];
        (void)snprintf(subject, MESSAGE_SUBJECT_SIZE, "Picket: %s: %s, %s",
                       n->ended ? "Over" : severity_word(n->kind->severity), n->kind->title,
                       place_of(n)); /* cut is fine: for a person */
    } else {
        severities_text(m, severities, sizeof severities);
        (void)snprintf(subject, MESSAGE_SUBJECT_SIZE, "Picket: %u changes of alerts: %s", m->count,
                       severities);
    }
}

static void write_line(FILE *file, const char *label, const char *value)
{
    if (value[0] != '\0') {
        (void)fprintf(file, "  %-12s %s\n", label, value); /* failures show at the end */
    }
}

static void write_notice(FILE *file, const struct message *m, const struct notice *n)
{
    char time[TIME_SIZE];
    (void)fprintf(file, "%s: %s\n", n->ended ? "Over" : severity_word(n->kind->severity),
                  n->kind->title);
    write_line(file, "where", place_of(n));
    write_line(file, "site", n->site);
    write_line(file, n->entity, n->entity_id);
    write_line(file, "seen", n->detail);
    write_line(file, "client", n->client);
    write_line(file, "server", n->server);
    write_line(file, "application", n->app);
    write_line(file, "host", n->host);
    write_line(file, "since", utc_text(n->first_ms, time));
    if (n->arrived_ms != 0) {
        write_line(file, "arrived", utc_text(n->arrived_ms, time));
    }
    if (n->ended) {
        write_line(file, "until", utc_text(n->released_ms, time));
    } else {
        write_line(file, "means", n->kind->meaning);
        write_line(file, "do", n->kind->remedy);
    }
    if (m->console_url[0] != '\0') {
        (void)fprintf(file, "  %s/alerts?id=%lld\n", m->console_url, (long long)n->alert_id);
    }
    (void)fputc('\n', file);
}

char *message_text(const struct message *m)
{
    struct text text;
    char severities[120];
    if (!text_open(&text)) {
        return NULL;
    }
    if (m->late) {
        char late[160];
        late_text(m, late, sizeof late);
        (void)fprintf(text.file,
                      "%s.\n\nThe instance was away when they happened; it has told them since."
                      " This is the one message about them.\n\n",
                      late);
    } else if (m->count == 0) {
        (void)fputs("This is a test. Whoever reads this will be told of alerts.\n\n", text.file);
    } else if (m->count > 1) {
        severities_text(m, severities, sizeof severities);
        (void)fprintf(text.file, "%u changes of alerts since the last message: %s.\n\n", m->count,
                      severities);
    }
    for (unsigned i = 0; i < m->count && i < LISTED_MAX; i++) {
        write_notice(text.file, m, &m->notices[i]);
    }
    if (m->count > LISTED_MAX) {
        (void)fprintf(text.file, "And %u more, which the console lists.\n\n",
                      m->count - LISTED_MAX);
    }
    (void)fputs("-- \nSent by Picket. Who is told of what is set in the console under Settings.\n",
                text.file);
    return text_close(&text);
}

static json_t *notice_json(const struct message *m, const struct notice *n)
{
    json_t *mitre = n->kind->technique[0] != '\0' ? json_string(n->kind->technique) : json_null();
    json_t *o =
        json_pack("{s:o, s:s, s:s, s:s, s:s, s:s, s:i, s:o, s:s, s:s, s:{s:s, s:s}, s:s}", "id",
                  json_sprintf("%lld", (long long)n->alert_id), "change",
                  n->ended ? "ended" : "began", "kind", n->kind->name, "title", n->kind->title,
                  "family", n->kind->family, "severity", alert_severity_name(n->kind->severity),
                  "score", n->score, "mitre", mitre, "instance", n->instance, "site", n->site,
                  "entity", "type", n->entity, "id", n->entity_id, "key", n->key);
    json_t *more = json_pack(
        "{s:I, s:I, s:o, s:o, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "first_ms",
        (json_int_t)n->first_ms, "last_ms", (json_int_t)n->last_ms, "released_ms",
        n->released_ms != 0 ? json_integer(n->released_ms) : json_null(), "arrived_ms",
        n->arrived_ms != 0 ? json_integer(n->arrived_ms) : json_null(), "count",
        (json_int_t)n->count, "client", n->client, "server", n->server, "app", n->app, "host",
        n->host, "detail", n->detail, "meaning", n->kind->meaning, "remedy", n->kind->remedy);
    if (o == NULL || more == NULL || json_object_update(o, more) != 0) {
        json_decref(o);
        o = NULL;
    }
    json_decref(more);
    if (o != NULL && m->console_url[0] != '\0') { /* no memory: without */
        (void)json_object_set_new(
            o, "url", json_sprintf("%s/alerts?id=%lld", m->console_url, (long long)n->alert_id));
    }
    return o;
}

char *message_json(const struct message *m)
{
    json_t *alerts = json_array();
    int failed = 0;
    for (unsigned i = 0; i < m->count; i++) {
        failed |= json_array_append_new(alerts, notice_json(m, &m->notices[i]));
    }
    json_t *body = json_pack("{s:i, s:s, s:b, s:b, s:I, s:o}", "v", 1, "delivery", m->key, "test",
                             m->count == 0, "late", m->late, "made_ms", (json_int_t)m->made_ms,
                             "alerts", alerts);
    char *text = body != NULL && failed == 0 ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    return text;
}

/* A byte that continues a character of UTF-8: no encoded word may end before it. */
static bool continues(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

static void write_subject(FILE *file, const char *subject)
{
    (void)fputs("Subject:", file);
    size_t len = strlen(subject);
    for (size_t at = 0; at < len;) {
        char word[sodium_base64_ENCODED_LEN(WORD_BYTES, sodium_base64_VARIANT_ORIGINAL)];
        size_t part = len - at < WORD_BYTES ? len - at : WORD_BYTES;
        while (part > 1 && at + part < len && continues(subject[at + part])) {
            part--;
        }
        (void)sodium_bin2base64(word, sizeof word, (const unsigned char *)subject + at, part,
                                sodium_base64_VARIANT_ORIGINAL); /* returns its buffer */
        (void)fprintf(file, " =?UTF-8?B?%s?=\r\n", word);
        at += part;
    }
}

static void write_body(FILE *file, const char *text)
{
    size_t len = strlen(text);
    for (size_t at = 0; at < len; at += LINE_BYTES) {
        char line[sodium_base64_ENCODED_LEN(LINE_BYTES, sodium_base64_VARIANT_ORIGINAL)];
        size_t part = len - at < LINE_BYTES ? len - at : LINE_BYTES;
        (void)sodium_bin2base64(line, sizeof line, (const unsigned char *)text + at, part,
                                sodium_base64_VARIANT_ORIGINAL);
        (void)fprintf(file, "%s\r\n", line);
    }
}

static void write_date(FILE *file, int64_t ms)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) != NULL) {
        (void)fprintf(file, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday],
                      tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                      tm.tm_sec);
    }
}

char *mail_compose(const struct mail *mail)
{
    struct text text;
    if (!recipient_email_is_valid(mail->from) || !recipient_email_is_valid(mail->to) ||
        !text_open(&text)) {
        return NULL;
    }
    FILE *file = text.file;
    write_date(file, mail->made_ms);
    (void)fprintf(file, "From: Picket <%s>\r\nTo: <%s>\r\nMessage-ID: <%s%s>\r\n", mail->from,
                  mail->to, mail->key, strchr(mail->from, '@'));
    write_subject(file, mail->subject);
    (void)fputs("Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                "Content-Type: text/plain; charset=utf-8\r\n"
                "Content-Transfer-Encoding: base64\r\n\r\n",
                file);
    write_body(file, mail->text);
    return text_close(&text);
}
