/*
 * Whether the site's packets are seen at all: sources that fail or fall silent, packets that the
 * kernel drops, a flow table that is full. Judged every ten seconds over the last minute.
 *
 * Thresholds: more than 1 % dropped makes every figure doubtful; it is over below half of that,
 * so that a source at the edge does not flap. Silence is five minutes, since a quiet night at a
 * small site has gaps of one; a source that never had a packet is not silent but idle.
 */
#include "agent/detect/detector.h"
#include "common/alert_kinds.h"
#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    JUDGE_S = 10,
    HISTORY = 7,             /* samples held: the last minute */
    DROPS_BAD_PERMILLE = 10, /* of the packets that arrived */
    DROPS_GOOD_PERMILLE = 5,
    DROPS_LEAST = 10, /* packets in a minute; fewer are no loss that anybody sees */
    SILENT_S = 300,
    TABLE_BAD_PERCENT = 90,
    TABLE_GOOD_PERCENT = 80,
};

struct source_history {
    char name[SOURCE_NAME_SIZE];
    uint64_t packets[HISTORY], dropped[HISTORY]; /* the newest at 0 */
    uint64_t moved_ns;                           /* when packets last grew; 0: never */
    bool losing;
};

struct capture_state {
    uint64_t judged_ns;
    struct source_history sources[SAMPLE_SOURCES_MAX];
    uint64_t table_dropped;
    bool table_full;
};

static void *capture_open(const struct detect_settings *settings, struct err *e)
{
    (void)settings; /* no thresholds of its own in the settings */
    struct capture_state *s = calloc(1, sizeof *s);
    if (s == NULL) {
        (void)err_set(e, ERR_NOMEM, "capture state");
    }
    return s;
}

static struct finding finding_of(uint16_t kind, enum alert_entity entity, const char *id, bool bad,
                                 uint64_t now_ns)
{
    struct finding f = {.kind = kind,
                        .action = bad ? FINDING_BAD : FINDING_GOOD,
                        .entity = (uint8_t)entity,
                        .at_ns = now_ns};
    (void)snprintf(f.entity_id, sizeof f.entity_id, "%s", id);
    return f;
}

/* Moves the history one step on, or begins it for a source that is new here. */
static void history_push(struct source_history *h, const struct source_sample *now)
{
    bool is_new = strcmp(h->name, now->name) != 0;
    if (is_new) {
        *h = (struct source_history){0};
        (void)snprintf(h->name, sizeof h->name, "%s", now->name);
    }
    for (int i = HISTORY - 1; i > 0; i--) {
        h->packets[i] = is_new ? now->packets : h->packets[i - 1];
        h->dropped[i] = is_new ? now->dropped : h->dropped[i - 1];
    }
    h->packets[0] = now->packets;
    h->dropped[0] = now->dropped;
}

static void judge_drops(struct source_history *h, uint64_t now_ns, const struct finding_sink *out)
{
    uint64_t seen = h->packets[0] - h->packets[HISTORY - 1];
    uint64_t dropped = h->dropped[0] - h->dropped[HISTORY - 1];
    uint64_t permille = seen + dropped == 0 ? 0 : dropped * 1000 / (seen + dropped);
    if (permille > DROPS_BAD_PERMILLE && dropped >= DROPS_LEAST) {
        h->losing = true;
    } else if (permille < DROPS_GOOD_PERMILLE) {
        h->losing = false;
    }
    struct finding f =
        finding_of(ALERT_INTERFACE_PACKET_DROPS, ENTITY_INTERFACE, h->name, h->losing, now_ns);
    (void)snprintf(f.detail, sizeof f.detail,
                   "%llu of %llu packets dropped in the last minute, %llu.%llu %%; threshold 1 %%",
                   (unsigned long long)dropped, (unsigned long long)(seen + dropped),
                   (unsigned long long)(permille / 10), (unsigned long long)(permille % 10));
    finding_put(out, &f);
}

static void judge_silence(struct source_history *h, const struct source_sample *now,
                          uint64_t now_ns, const struct finding_sink *out)
{
    bool set_back = h->moved_ns > now_ns; /* the clock: silence is measured anew */
    if (h->packets[0] != h->packets[1] || set_back) {
        h->moved_ns = now_ns;
    }
    uint64_t silent_s = h->moved_ns == 0 ? 0 : (now_ns - h->moved_ns) / NS_PER_S;
    bool failed = now->state == SAMPLE_SOURCE_FAILED;
    /* Silent exporters are told one by one (site_exporters.c). */
    bool silent = !now->collects && now->state == SAMPLE_SOURCE_RUNNING && silent_s >= SILENT_S;
    struct finding f =
        finding_of(ALERT_INTERFACE_NO_TRAFFIC, ENTITY_INTERFACE, h->name, failed || silent, now_ns);
    if (failed) {
        (void)snprintf(f.detail, sizeof f.detail, "capture failed: %s", now->error);
    } else {
        (void)snprintf(f.detail, sizeof f.detail, "no packet for %llu s; threshold %d s",
                       (unsigned long long)silent_s, SILENT_S);
    }
    finding_put(out, &f);
}

static void judge_table(struct capture_state *s, const struct agent_sample *now,
                        const struct finding_sink *out)
{
    uint64_t refused = now->table_dropped - s->table_dropped;
    uint64_t percent = now->flows_max == 0 ? 0 : now->flows * 100 / now->flows_max;
    s->table_dropped = now->table_dropped;
    if (refused > 0 || percent > TABLE_BAD_PERCENT) {
        s->table_full = true;
    } else if (percent < TABLE_GOOD_PERCENT) {
        s->table_full = false;
    }
    struct finding f =
        finding_of(ALERT_FLOW_TABLE_FULL, ENTITY_AGENT, "", s->table_full, now->now_ns);
    (void)snprintf(
        f.detail, sizeof f.detail,
        "%llu of %llu flows in use, %llu packets without a flow in %d s; threshold %d %%",
        (unsigned long long)now->flows, (unsigned long long)now->flows_max,
        (unsigned long long)refused, JUDGE_S, TABLE_BAD_PERCENT);
    finding_put(out, &f);
}

static void capture_tick(void *state, const struct agent_sample *sample,
                         const struct finding_sink *out)
{
    struct capture_state *s = state;
    if (!clock_is_due(sample->now_ns, s->judged_ns, (uint64_t)JUDGE_S * NS_PER_S)) {
        return;
    }
    if (s->judged_ns == 0) {
        s->table_dropped = sample->table_dropped; /* what was before is not judged */
    }
    s->judged_ns = sample->now_ns;
    for (size_t i = 0; i < sample->source_count; i++) {
        history_push(&s->sources[i], &sample->sources[i]);
        judge_drops(&s->sources[i], sample->now_ns, out);
        judge_silence(&s->sources[i], &sample->sources[i], sample->now_ns, out);
    }
    judge_table(s, sample, out);
}

static const uint16_t capture_kinds[] = {ALERT_INTERFACE_PACKET_DROPS, ALERT_INTERFACE_NO_TRAFFIC,
                                         ALERT_FLOW_TABLE_FULL, 0};

const struct detector detector_site_capture = {
    .name = "site_capture",
    .kinds = capture_kinds,
    .open = capture_open,
    .close = free,
    .tick = capture_tick,
};
