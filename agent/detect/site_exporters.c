/*
 * Whether flow exporters tell what they should: one that falls silent, datagrams lost on the way,
 * data that cannot be read, a sampling rate that changed, and senders that are not allowed. Judged
 * every ten seconds.
 *
 * Thresholds: silence is three times the longest pause of late and at least a minute, since
 * exporters send when flows end and a quiet network has few; one that was heard once or twice has
 * five minutes. Loss is judged over five minutes, above 1 % of what should have come, and over
 * below half of that. Data without a template is normal until the template comes round again, so
 * only a minute of it counts.
 */
#include "agent/detect/detector.h"
#include "common/alert_kinds.h"
#include "common/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    JUDGE_S = 10,
    EXPORTERS = COLLECT_EXPORTERS + SAMPLE_SOURCES_MAX,
    HISTORY = 31, /* samples held: the last five minutes */
    SILENT_LEAST_S = 60,
    SILENT_NEW_S = 300,
    SILENT_TIMES = 3,
    KNOWN_DATAGRAMS = 3,
    LOSS_BAD_PERMILLE = 10,
    LOSS_GOOD_PERMILLE = 5,
    UNREADABLE_S = 60,
};

struct exporter_state {
    char name[ADDR_TEXT_SIZE];
    uint8_t source;
    bool refused;                         /* the row of senders that are not allowed */
    bool seen;                            /* in the sample in hand */
    uint64_t got[HISTORY], lost[HISTORY]; /* datagrams or flows, the newest at 0 */
    uint64_t unreadable;                  /* sets and datagrams, when last judged */
    uint64_t unreadable_since_ns;         /* since when each look found more; 0: not now */
    uint64_t datagrams;
    uint32_t sampling;
    bool losing;
};

struct exporters_state {
    uint64_t judged_ns;
    struct exporter_state exporters[EXPORTERS];
    size_t count;
};

static void *exporters_open(const struct detect_settings *settings, struct err *e)
{
    (void)settings; /* no thresholds of its own in the settings */
    struct exporters_state *s = calloc(1, sizeof *s);
    if (s == NULL) {
        (void)err_set(e, ERR_NOMEM, "state of exporters");
    }
    return s;
}

static struct finding finding_of(const struct exporter_state *x, uint16_t kind, bool bad,
                                 const struct agent_sample *sample)
{
    struct finding f = {.kind = kind,
                        .action = bad ? FINDING_BAD : FINDING_GOOD,
                        .entity = ENTITY_HOST,
                        .at_ns = sample->now_ns};
    const char *source = x->source < sample->source_count ? sample->sources[x->source].name : "";
    if (x->refused) {
        f.entity = ENTITY_INTERFACE;
        (void)snprintf(f.entity_id, sizeof f.entity_id, "%s", source);
    } else {
        (void)snprintf(f.entity_id, sizeof f.entity_id, "%s", x->name);
        (void)snprintf(f.key, sizeof f.key, "%s", source);
    }
    return f;
}

static struct exporter_state *state_of(struct exporters_state *s, const struct exporter_view *view)
{
    char name[ADDR_TEXT_SIZE];
    bool refused = view->number == 0;
    (void)addr_format((enum addr_family)view->family, &view->addr, name);
    for (size_t i = 0; i < s->count; i++) {
        struct exporter_state *x = &s->exporters[i];
        if (x->source == view->source && x->refused == refused &&
            (refused || strcmp(x->name, name) == 0)) {
            memcpy(x->name, name, sizeof x->name); /* of refused senders: the last one */
            return x;
        }
    }
    if (s->count == EXPORTERS) {
        return NULL;
    }
    struct exporter_state *x = &s->exporters[s->count++];
    *x = (struct exporter_state){.source = view->source,
                                 .refused = refused,
                                 .datagrams = refused ? 0 : view->datagrams,
                                 .unreadable = view->malformed + view->untemplated};
    memcpy(x->name, name, sizeof x->name);
    x->got[0] = UINT64_MAX; /* as if it began again: the history starts with what comes next */
    return x;
}

static void judge_silence(const struct exporter_state *x, const struct exporter_view *view,
                          const struct agent_sample *sample, const struct finding_sink *out)
{
    uint64_t now_ns = sample->now_ns;
    uint64_t silent_s = now_ns > view->last_ns ? (now_ns - view->last_ns) / NS_PER_S : 0;
    uint64_t usual_s = SILENT_TIMES * view->gap_ns / NS_PER_S;
    uint64_t limit_s = usual_s > SILENT_LEAST_S ? usual_s : SILENT_LEAST_S;
    limit_s = view->datagrams < KNOWN_DATAGRAMS ? SILENT_NEW_S : limit_s;
    struct finding f = finding_of(x, ALERT_EXPORTER_SILENT, silent_s >= limit_s, sample);
    (void)snprintf(f.detail, sizeof f.detail,
                   "nothing for %" PRIu64 " s; threshold %" PRIu64
                   " s, three times its longest pause of late",
                   silent_s, limit_s);
    finding_put(out, &f);
}

/* v9 counts its datagrams, the others their flows; an exporter that sends both is weighed as one.
 */
static void judge_loss(struct exporter_state *x, const struct exporter_view *view,
                       const struct agent_sample *sample, const struct finding_sink *out)
{
    bool v9 = view->versions == COLLECT_V9;
    uint64_t now_got = v9 ? view->datagrams : view->flows;
    uint64_t now_lost = v9 ? view->lost_datagrams : view->lost_flows;
    bool anew = now_got < x->got[0] || now_lost < x->lost[0]; /* the engine began again */
    memmove(&x->got[1], &x->got[0], (HISTORY - 1) * sizeof x->got[0]);
    memmove(&x->lost[1], &x->lost[0], (HISTORY - 1) * sizeof x->lost[0]);
    x->got[0] = now_got;
    x->lost[0] = now_lost;
    for (size_t i = 1; i < HISTORY && (anew || x->got[i] > now_got); i++) {
        x->got[i] = now_got;
        x->lost[i] = now_lost;
    }
    uint64_t got = x->got[0] - x->got[HISTORY - 1];
    uint64_t lost = x->lost[0] - x->lost[HISTORY - 1];
    uint64_t permille = got + lost == 0 ? 0 : lost * 1000 / (got + lost);
    x->losing = permille > LOSS_BAD_PERMILLE || (x->losing && permille >= LOSS_GOOD_PERMILLE);
    struct finding f = finding_of(x, ALERT_EXPORTER_SEQUENCE_LOSS, x->losing, sample);
    (void)snprintf(f.detail, sizeof f.detail,
                   "%" PRIu64 " of %" PRIu64 " %s lost in the last five minutes, %" PRIu64
                   ".%" PRIu64 " %%; threshold 1 %%",
                   lost, got + lost, v9 ? "datagrams" : "flows", permille / 10, permille % 10);
    finding_put(out, &f);
}

static void judge_unreadable(struct exporter_state *x, const struct exporter_view *view,
                             const struct agent_sample *sample, const struct finding_sink *out)
{
    uint64_t now = view->malformed + view->untemplated;
    uint64_t more = now > x->unreadable ? now - x->unreadable : 0;
    x->unreadable = now;
    if (more == 0) {
        x->unreadable_since_ns = 0;
    } else if (x->unreadable_since_ns == 0) {
        x->unreadable_since_ns = sample->now_ns;
    }
    uint64_t since_ns = x->unreadable_since_ns;
    bool bad = since_ns != 0 && sample->now_ns >= since_ns + (uint64_t)UNREADABLE_S * NS_PER_S;
    struct finding f = finding_of(x, ALERT_EXPORTER_TEMPLATE_MISSING, bad, sample);
    (void)snprintf(f.detail, sizeof f.detail,
                   "%" PRIu64 " sets without their template and %" PRIu64
                   " malformed datagrams so far, more of them for over %d s",
                   view->untemplated, view->malformed, UNREADABLE_S);
    finding_put(out, &f);
}

static void judge_sampling(struct exporter_state *x, const struct exporter_view *view,
                           const struct agent_sample *sample, const struct finding_sink *out)
{
    if (view->sampling == 0 || view->sampling == x->sampling) {
        return;
    }
    if (x->sampling != 0) {
        struct finding f = finding_of(x, ALERT_EXPORTER_SAMPLING_CHANGED, true, sample);
        f.action = FINDING_EVENT;
        (void)snprintf(f.detail, sizeof f.detail, "one packet in %" PRIu32 ", before in %" PRIu32,
                       view->sampling, x->sampling);
        finding_put(out, &f);
    }
    x->sampling = view->sampling;
}

static void judge_refused(struct exporter_state *x, const struct exporter_view *view,
                          const struct agent_sample *sample, const struct finding_sink *out)
{
    uint64_t more = view->datagrams > x->datagrams ? view->datagrams - x->datagrams : 0;
    x->datagrams = view->datagrams;
    struct finding f = finding_of(x, ALERT_EXPORTER_UNKNOWN, more > 0, sample);
    (void)snprintf(f.detail, sizeof f.detail,
                   "datagrams from senders that are not allowed: %" PRIu64
                   " in %d s, the last from %s",
                   more, JUDGE_S, x->name);
    finding_put(out, &f);
}

static void judge(struct exporter_state *x, const struct exporter_view *view,
                  const struct agent_sample *sample, const struct finding_sink *out)
{
    if (x->refused) {
        judge_refused(x, view, sample, out);
        return;
    }
    judge_silence(x, view, sample, out);
    judge_loss(x, view, sample, out);
    judge_unreadable(x, view, sample, out);
    judge_sampling(x, view, sample, out);
}

/* Nobody waits for an exporter that control has forgotten. */
static void forget(struct exporters_state *s, const struct agent_sample *sample,
                   const struct finding_sink *out)
{
    for (size_t i = 0; i < s->count;) {
        struct exporter_state *x = &s->exporters[i];
        if (x->seen) {
            x->seen = false;
            i++;
            continue;
        }
        for (const uint16_t *kind = detector_site_exporters.kinds; *kind != 0; kind++) {
            struct finding f = finding_of(x, *kind, false, sample);
            (void)snprintf(f.detail, sizeof f.detail, "not heard for a day: no longer waited for");
            finding_put(out, &f);
        }
        *x = s->exporters[--s->count];
    }
}

static void exporters_tick(void *state, const struct agent_sample *sample,
                           const struct finding_sink *out)
{
    struct exporters_state *s = state;
    if (!clock_is_due(sample->now_ns, s->judged_ns, (uint64_t)JUDGE_S * NS_PER_S)) {
        return;
    }
    s->judged_ns = sample->now_ns;
    for (size_t i = 0; i < sample->exporter_count; i++) {
        struct exporter_state *x = state_of(s, &sample->exporters[i]);
        if (x != NULL) {
            x->seen = true;
            judge(x, &sample->exporters[i], sample, out);
        }
    }
    forget(s, sample, out);
}

static const uint16_t exporters_kinds[] = {
    ALERT_EXPORTER_SILENT,  ALERT_EXPORTER_SEQUENCE_LOSS,    ALERT_EXPORTER_TEMPLATE_MISSING,
    ALERT_EXPORTER_UNKNOWN, ALERT_EXPORTER_SAMPLING_CHANGED, 0};

const struct detector detector_site_exporters = {
    .name = "site_exporters",
    .kinds = exporters_kinds,
    .open = exporters_open,
    .close = free,
    .tick = exporters_tick,
};
