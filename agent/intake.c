#include "agent/intake.h"

#include "common/tunnel.h"
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

static bool check_media(struct flow_record *r)
{
    bool_clean(&r->call_held);
    field_clean(r->call_id, sizeof r->call_id);
    for (unsigned dir = 0; dir < 2; dir++) {
        field_clean(r->media[dir].codec, sizeof r->media[dir].codec);
    }
    return flow_media_is_sound(r);
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
    if (r->tunnel >= TUNNEL_END) {
        return false;
    }
    geo_place_clean(&r->place[SIDE_CLIENT]);
    geo_place_clean(&r->place[SIDE_SERVER]);
    if (!prints_are_sound(&r->prints) || !flow_trips_are_sound(r) || !check_media(r)) {
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
    bool print = s->kind == SIGHTING_DHCP_OPTIONS || s->kind == SIGHTING_DHCP_CLASS;
    bool known = s->kind == SIGHTING_DHCP_SERVER || (print && s->name[0] != '\0') ||
                 (s->kind == SIGHTING_NAME && s->source >= ASSET_FROM_DHCP &&
                  s->source < ASSET_SOURCE_END && s->name[0] != '\0');
    field_clean(s->name, sizeof s->name);
    return known && family_is_known(s->family);
}

static bool check_exporter(const struct exporter_view *v)
{
    return family_is_known(v->family) && v->source < ENGINE_MAX_SOURCES;
}

/* A value of any ring, copied out: the engine may still write into its slot. */
union value {
    struct account account;
    struct record record;
    struct sighting sighting;
    struct exporter_view exporter;
};

/* Each hands a value on, or returns false when it is not right. */

static bool take_account(struct intake *in, union value *v)
{
    bool right = check_account(&v->account);
    if (right) {
        in->account(&v->account, in->arg);
    }
    return right;
}

static bool take_record(struct intake *in, union value *v)
{
    bool right = check_record(&v->record);
    if (right) {
        in->record(&v->record, in->arg);
    }
    return right;
}

static bool take_sighting(struct intake *in, union value *v)
{
    bool right = check_sighting(&v->sighting);
    if (right) {
        in->sighting(&v->sighting, in->arg);
    }
    return right;
}

static bool take_exporter(struct intake *in, union value *v)
{
    bool right = check_exporter(&v->exporter);
    if (right && in->exporter != NULL) {
        in->exporter(&v->exporter, in->arg);
    }
    return right;
}

typedef bool (*take_fn)(struct intake *in, union value *v);

/* Not more than waits at the beginning; true when more waits at the end. */
static bool drain(struct intake *in, struct ring *ring, size_t size, take_fn take, uint64_t most)
{
    union value value;
    const void *slot = NULL;
    uint64_t waiting = ring_depth(ring);
    uint64_t left = waiting < most ? waiting : most;
    for (; left > 0 && (slot = ring_peek(ring)) != NULL; left--) {
        memcpy(&value, slot, size);
        ring_release(ring);
        in->taken++;
        in->malformed += take(in, &value) ? 0 : 1;
    }
    return ring_depth(ring) > 0;
}

static bool drain_lanes(struct intake *in, const struct engine_link *link, uint64_t most)
{
    bool more = false;
    for (unsigned i = 0; i < link->workers; i++) {
        const struct engine_lane *l = &link->lanes[i];
        more |= drain(in, l->accounts, sizeof(struct account), take_account, most);
        more |= drain(in, l->flows, sizeof(struct record), take_record, most);
        more |= drain(in, l->sightings, sizeof(struct sighting), take_sighting, most);
        more |= drain(in, l->exporters, sizeof(struct exporter_view), take_exporter, most);
    }
    return more;
}

bool intake_drain(struct intake *in, const struct engine_link *link)
{
    return drain_lanes(in, link, TURN_MAX);
}

void intake_drain_rest(struct intake *in, const struct engine_link *link)
{
    (void)drain_lanes(in, link, UINT64_MAX); /* what comes meanwhile is for our successor */
}
