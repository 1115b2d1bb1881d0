/* The page: its head, the figures that matter most, the sections, and what it was made from. */
#include "aggregator/report/report.h"

#include "aggregator/report/axis.h"
#include "aggregator/report/build.h"
#include "aggregator/report/style.h"
#include "common/clock.h"
#include "common/version.h"
#include "common/wire/subjects.h"

#define LOG_MODULE "report"
#include "common/log.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct section *const sections[] = {
    &section_availability, &section_traffic, &section_instances, &section_apps,   &section_hosts,
    &section_sides,        &section_systems, &section_quality,   &section_alerts,
};
enum {
    SECTIONS = sizeof sections / sizeof sections[0],
    TEXT_SIZE = 64,
    HASH_TEXT_SIZE = 64, /* base64 of 32 bytes, and what stands around it */
    PAGE_CSS_SIZE = 1024,
};

/* The times of the head, in the report's zone. */
struct times {
    char from[TEXT_SIZE], to[TEXT_SIZE], before[TEXT_SIZE], made[TEXT_SIZE], offset[TEXT_SIZE];
};

bool report_scope_is_valid(const char *scope)
{
    if (strcmp(scope, "fleet") == 0) {
        return true;
    }
    const char *name = strncmp(scope, "site:", 5) == 0       ? scope + 5
                       : strncmp(scope, "instance:", 9) == 0 ? scope + 9
                                                             : "";
    return name_is_valid(name);
}

static int read_ids(struct build *build, struct err *e)
{
    static const char sql[] =
        "SELECT coalesce(array_agg(id ORDER BY id), '{}'), count(*) FROM instance"
        " WHERE $1 = 'fleet' OR 'site:' || site = $1 OR 'instance:' || name = $1";
    struct pg_args args = {0};
    pg_add_text(&args, build->order->scope);
    struct pg_rows *rows = pg_query(build->pg, sql, &args, e);
    if (rows == NULL) {
        return -1;
    }
    build->ids = strdup(pg_text(rows, 0, 0));
    build->instances = (unsigned)pg_i64(rows, 0, 1);
    pg_rows_free(rows);
    return build->ids != NULL ? 0 : err_set(e, ERR_NOMEM, "no memory for the report's instances");
}

static int read_times(struct build *build, struct times *times, struct err *e)
{
    static const char sql[] =
        "SELECT to_char($1::timestamptz AT TIME ZONE $3, 'Dy DD Mon YYYY HH24:MI'),"
        " to_char($2::timestamptz AT TIME ZONE $3, 'Dy DD Mon YYYY HH24:MI'),"
        " to_char(($1::timestamptz - ($2::timestamptz - $1::timestamptz)) AT TIME ZONE $3,"
        " 'Dy DD Mon YYYY HH24:MI'),"
        " to_char(now() AT TIME ZONE $3, 'Dy DD Mon YYYY HH24:MI:SS'),"
        " (SELECT CASE WHEN o < interval '0' THEN '-' || to_char(-o, 'HH24:MI')"
        " ELSE '+' || to_char(o, 'HH24:MI') END FROM (SELECT ($1::timestamptz AT TIME ZONE $3)"
        " - ($1::timestamptz AT TIME ZONE 'UTC') AS o) offsets)";
    struct pg_args args = {0};
    pg_add_time(&args, (uint64_t)build->order->from_ms * NS_PER_MS);
    pg_add_time(&args, (uint64_t)build->order->to_ms * NS_PER_MS);
    pg_add_text(&args, build->order->time_zone);
    struct pg_rows *rows = pg_query(build->pg, sql, &args, e);
    if (rows == NULL) {
        return err_wrap(e, "time zone %s", build->order->time_zone);
    }
    char *const to[] = {times->from, times->to, times->before, times->made, times->offset};
    for (unsigned i = 0; i < sizeof to / sizeof to[0]; i++) {
        (void)snprintf(to[i], TEXT_SIZE, "%s", pg_text(rows, 0, i)); /* of a form that fits */
    }
    pg_rows_free(rows);
    return 0;
}

/* A section that fails leaves the others as they are; -1 when the connection is lost. */
static int write_section(struct build *build, const struct section *section, struct err *e)
{
    struct html *html = &build->body;
    struct err why = {0};
    html_format(html, "<section id=\"%s\"><h2>%s</h2>", section->id, section->title);
    size_t begin = html->len;
    if (pg_script(build->pg, "SAVEPOINT section", e) != 0) {
        return -1;
    }
    if (section->write(build, &why) != 0) {
        html_cut(html, begin);
        log_warn(&why, "a report goes without its section %s", section->id);
        if (pg_script(build->pg, "ROLLBACK TO SAVEPOINT section", e) != 0) {
            return -1;
        }
        build_note(build, why.code == ERR_BUSY
                              ? "This part took too long for a report of this length."
                              : "This part could not be computed; the centre's log says why.");
    }
    html_raw(html, "</section>");
    return 0;
}

static bool is_wanted(const struct build *build, const struct section *section)
{
    return section != &section_instances || build->instances != 1;
}

static int write_sections(struct build *build, report_progress_fn progress, void *arg,
                          struct err *e)
{
    for (unsigned i = 0; i < SECTIONS; i++) {
        if (is_wanted(build, sections[i]) && write_section(build, sections[i], e) != 0) {
            return -1;
        }
        progress(arg, (i + 1) * 100 / (SECTIONS + 1));
    }
    return 0;
}

static void write_kpi(struct html *html, const char *label, const struct figure *figure,
                      const char *key)
{
    char change[FIGURE_SIZE];
    char before[FIGURE_SIZE];
    html_format(html, "<li><span>%s</span><b>", label);
    figure_write(html, figure, key);
    html_raw(html, "</b><span>");
    if (figure_change(figure, change)[0] != '\0') {
        html_format(html, "%s, was %s", change,
                    figure_format(figure->unit, figure->before, before));
    } else {
        html_raw(html, "nothing to compare with");
    }
    html_raw(html, "</span></li>");
}

static void write_kpis(struct html *html, const struct summary *summary)
{
    html_raw(html, "<ul class=\"kpis\">");
    write_kpi(html, "Availability", &summary->availability, "summary.availability");
    write_kpi(html, "Traffic", &summary->bytes, "summary.bytes");
    write_kpi(html, "Mean throughput", &summary->mean_bps, "summary.mean_bps");
    write_kpi(html, "Alerts", &summary->alerts, "summary.alerts");
    html_raw(html, "</ul>");
}

/* "Fleet report", "Site pisa", "Instance pisa-1": of checked names only. */
static void title_of(const struct report_order *order, char title[REPORT_SCOPE_SIZE + 16])
{
    const char *colon = strchr(order->scope, ':');
    (void)snprintf(title, REPORT_SCOPE_SIZE + 16, "%s%s%s",
                   colon == NULL            ? "Fleet report"
                   : order->scope[0] == 's' ? "Site "
                                            : "Instance ",
                   colon != NULL ? colon + 1 : "", colon != NULL ? " report" : "");
}

/* The margins of paper, which are this report's own. Of checked names and of the database's words;
 * the zone is checked here, as it stands in a CSS string. */
static void page_css(const struct report_order *order, const struct times *times,
                     char css[PAGE_CSS_SIZE])
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_+-";
    char title[REPORT_SCOPE_SIZE + 16];
    title_of(order, title);
    bool known = strspn(order->time_zone, plain) == strlen(order->time_zone);
    (void)snprintf(
        css, PAGE_CSS_SIZE,
        "@page{size:A4;margin:18mm 15mm 17mm;@top-left{content:\"Picket · %s\";%s}"
        "@top-right{content:\"%s – %s\";%s}@bottom-left{content:\"Times in %s (UTC%s) · made %s\";"
        "%s}@bottom-right{content:\"Page \" counter(page) \" of \" counter(pages);%s}}",
        title, "font:8pt system-ui,sans-serif;color:#556273", times->from, times->to,
        "font:8pt system-ui,sans-serif;color:#556273", known ? order->time_zone : "its zone",
        times->offset, times->made, "font:8pt system-ui,sans-serif;color:#556273",
        "font:8pt system-ui,sans-serif;color:#556273"); /* bounded by the sizes of its parts */
}

/* "'sha256-…'" of a style, as a CSP names it. */
static void style_source(const char *css, char text[HASH_TEXT_SIZE])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    char base64[sodium_base64_ENCODED_LEN(sizeof digest, sodium_base64_VARIANT_ORIGINAL)];
    (void)crypto_hash_sha256(digest, (const unsigned char *)css, strlen(css)); /* always 0 */
    (void)sodium_bin2base64(base64, sizeof base64, digest, sizeof digest,
                            sodium_base64_VARIANT_ORIGINAL);     /* returns its buffer */
    (void)snprintf(text, HASH_TEXT_SIZE, "'sha256-%s'", base64); /* 44 characters of base64 */
}

static void write_head(struct html *html, const struct report_order *order,
                       const struct times *times, char csp[REPORT_CSP_SIZE])
{
    char title[REPORT_SCOPE_SIZE + 16];
    char css[PAGE_CSS_SIZE];
    char sources[2][HASH_TEXT_SIZE];
    title_of(order, title);
    page_css(order, times, css);
    style_source(style_css, sources[0]);
    style_source(css, sources[1]);
    (void)snprintf(csp, REPORT_CSP_SIZE,
                   "default-src 'none'; style-src %s %s; base-uri 'none'; form-action 'none'; "
                   "frame-ancestors 'none'; sandbox",
                   sources[0], sources[1]); /* fits */
    html_format(html,
                "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                "style-src %s %s; base-uri 'none'; form-action 'none'\">"
                "<meta name=\"viewport\" content=\"width=device-width\">"
                "<meta name=\"referrer\" content=\"no-referrer\"><title>%s, ",
                sources[0], sources[1], title);
    html_text(html, times->from);
    html_raw(html, "</title><style>");
    html_raw(html, style_css);
    html_raw(html, "</style><style>");
    html_raw(html, css);
    html_format(html, "</style></head><body><main><p class=\"brand\">Picket</p><h1>%s</h1>", title);
}

static void write_fact(struct html *html, const char *label, const char *first, const char *second)
{
    html_format(html, "<dt>%s</dt><dd>", label);
    html_text(html, first);
    if (second != NULL) {
        html_raw(html, " – ");
        html_text(html, second);
    }
    html_raw(html, "</dd>");
}

static void write_facts(struct html *html, const struct build *build, const struct times *times)
{
    char length[FIGURE_SIZE];
    html_raw(html, "<dl class=\"facts\">");
    write_fact(html, "Period", times->from, times->to);
    write_fact(html, "Compared with", times->before, times->from);
    (void)figure_format(FIGURE_MS, build_seconds(build) * 1000, length);
    write_fact(html, "Length", length, NULL);
    html_raw(html, "<dt>Time zone</dt><dd>");
    html_text(html, build->order->time_zone);
    html_format(html, " (UTC%s)</dd><dt>Instances</dt><dd>%u</dd></dl>", times->offset,
                build->instances);
}

static void write_contents(struct html *html, const struct build *build)
{
    html_raw(html, "<nav aria-label=\"Contents\">");
    for (unsigned i = 0; i < SECTIONS; i++) {
        if (is_wanted(build, sections[i])) {
            html_format(html, "<a href=\"#%s\">%s</a>", sections[i]->id, sections[i]->title);
        }
    }
    html_raw(html, "</nav>");
}

/* Puts the page together; takes over nothing, the text of html becomes the page's. */
static int assemble(const struct build *build, const struct times *times, struct report_page *page,
                    struct err *e)
{
    struct html html = {0};
    write_head(&html, build->order, times, page->csp);
    chart_patterns(&html);
    write_facts(&html, build, times);
    write_kpis(&html, &build->summary);
    write_contents(&html, build);
    html_raw(&html, build->body.text != NULL ? build->body.text : "");
    html_raw(&html, "<footer>Made ");
    html_text(&html, times->made);
    html_format(&html,
                " by Picket %s from what was stored at that moment, in one snapshot. Changes are"
                " against the period of the same length before.</footer></main></body></html>\n",
                PICKET_VERSION);
    if (html.failed || build->body.failed) {
        html_done(&html);
        return err_set(e, ERR_FULL, "the report is larger than %d bytes", (int)HTML_MAX);
    }
    page->html = html.text;
    page->len = html.len;
    return 0;
}

static int make(struct build *build, report_progress_fn progress, void *arg,
                struct report_page *page, struct err *e)
{
    struct times times;
    if (read_ids(build, e) != 0 || read_times(build, &times, e) != 0 ||
        axis_make(build->pg, build->order, &build->time, e) != 0 ||
        write_sections(build, progress, arg, e) != 0) {
        return -1;
    }
    return assemble(build, &times, page, e);
}

int report_make(struct pg *pg, const struct report_order *order, report_progress_fn progress,
                void *arg, struct report_page *page, struct err *e)
{
    struct build build = {.pg = pg, .order = order};
    int64_t now_ms = (int64_t)(clock_wall_ns() / NS_PER_MS);
    build.end_ms = order->to_ms < now_ms ? order->to_ms : now_ms;
    *page = (struct report_page){0};
    if (pg_script(pg, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", e) != 0) {
        return -1;
    }
    int result = make(&build, progress, arg, page, e);
    if (pg_is_usable(pg)) {
        (void)pg_script(pg, "ROLLBACK", NULL); /* it only read */
    }
    html_done(&build.body);
    free(build.ids);
    return result;
}

void report_page_done(struct report_page *page)
{
    free(page->html);
    *page = (struct report_page){0};
}
