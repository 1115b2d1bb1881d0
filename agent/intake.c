#include "agent/intake.h"

#include "common/wire/text.h"

#include <string.h>

enum { TURN_MAX = 2048 }; /* values of one ring in one call, so that the loop stays lively */

/* Makes a text of a fixed field: ended, UTF-8, nothing left behind its end. */
static void field_clean(char *field, size_t size)
{
    size_t len = strnlen(field, size - 1);
    memset(field + len, 0, size - len);
    text_clean(field, len);
}

static bool family_is_known(uint8_t family)
{
    return family == ADDR_IPV4 || family == ADDR_IPV6;
}

/* A byte from elsewhere may be neither true nor false, which no bool may hold. */
static void bool_clean(bool *flag)
{
    uint8_t byte = 0;
    memcpy(&byte, flag, sizeof byte);
    *flag = byte != 0;
}

bool intake_check_flow(struct flow_record *r)
{
    if (!family_is_known(r->key.family) || r->status < FLOW_OPENING || r->status > FLOW_EVICTED) {
        return false;
    }
    if (r->last_ns < r->first_ns) {
        r->last_ns = r->first_ns; /* packet times may step back; a duration may not */
    }
    for (unsigned dir = 0; dir < 2; dir++) {
        if (r->quality_class >= QUALITY_CLASSES || !quality_is_sound(&r->quality[dir])) {
            return false;
        }
    }
    if (r->exporter_family != ADDR_NONE && !family_is_known(r->exporter_family)) {
        return false;
    }
    bool_clean(&r->final);
    bool_clean(&r->truncated);
    field_clean(r->source, sizeof r->source);
    field_clean(r->protocol, sizeof r->protocol);
    field_clean(r->app, sizeof r->app);
    field_clean(r->category, sizeof r->category);
    field_clean(r->host, sizeof r->host);
    field_clean(r->info, sizeof r->info);
    return true;
}

static bool check_record(struct record *r)
{
    bool known = r->kind == RECORD_FLOW || r->kind == RECORD_RISK || r->kind == RECORD_KNOWN;
    return known && intake_check_flow(&r->flow);
}

static bool check_account(struct account *a)
{
    field_clean(a->app, sizeof a->app);
    return family_is_known(a->key.family) && a->source < ENGINE_MAX_SOURCES;
}

static bool check_sighting(struct sighting *s)
{
    bool known = s->kind == SIGHTING_DHCP_SERVER ||
                 (s->kind == SIGHTING_NAME && s->source >= ASSET_FROM_DHCP &&
                  s->source < ASSET_SOURCE_END && s->name[0] != '\0');
    field_clean(s->name, sizeof s->name);
    return known && family_is_known(s->family);
}

static void drain_accounts(struct intake *in, struct ring *ring)
{
    const struct account *slot = NULL;
    for (unsigned i = 0; i < TURN_MAX && (slot = ring_peek(ring)) != NULL; i++) {
        struct account copy = *slot;
        ring_release(ring);
        in->taken++;
        if (check_account(&copy)) {
            in->account(&copy, in->arg);
        } else {
            in->malformed++;
        }
    }
}

static void drain_records(struct intake *in, struct ring *ring)
{
    const struct record *slot = NULL;
    for (unsigned i = 0; i < TURN_MAX && (slot = ring_peek(ring)) != NULL; i++) {
        struct record copy;
        memcpy(&copy, slot, sizeof copy);
        ring_release(ring);
        in->taken++;
        if (check_record(&copy)) {
            in->record(&copy, in->arg);
        } else {
            in->malformed++;
        }
    }
}

static void drain_sightings(struct intake *in, struct ring *ring)
{
    const struct sighting *slot = NULL;
    for (unsigned i = 0; i < TURN_MAX && (slot = ring_peek(ring)) != NULL; i++) {
        struct sighting copy = *slot;
        ring_release(ring);
        in->taken++;
        if (check_sighting(&copy)) {
            in->sighting(&copy, in->arg);
        } else {
            in->malformed++;
        }
    }
}

static void drain_exporters(struct intake *in, struct ring *ring)
{
    const struct exporter_view *slot = NULL;
    for (unsigned i = 0; i < ENGINE_EXPORTER_SLOTS && (slot = ring_peek(ring)) != NULL; i++) {
        struct exporter_view copy = *slot;
        ring_release(ring);
        if (family_is_known(copy.family) && copy.source < ENGINE_MAX_SOURCES &&
            in->exporter != NULL) {
            in->exporter(&copy, in->arg);
        }
    }
}

bool intake_drain(struct intake *in, const struct engine_link *link)
{
    bool more = false;
    for (unsigned i = 0; i < link->workers; i++) {
        drain_accounts(in, link->lanes[i].accounts);
        drain_records(in, link->lanes[i].flows);
        drain_sightings(in, link->lanes[i].sightings);
        drain_exporters(in, link->lanes[i].exporters);
        more = more || ring_depth(link->lanes[i].accounts) > 0 ||
               ring_depth(link->lanes[i].flows) > 0 || ring_depth(link->lanes[i].sightings) > 0;
    }
    return more;
}
