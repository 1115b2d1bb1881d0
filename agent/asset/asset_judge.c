/*
 * Who is online, which device is new, which is missing. One walk sums the assets up by network
 * card, a second one judges each asset against its card.
 *
 * Silence proves nothing while nothing at all is captured (a cable, a mirror port, an engine that
 * restarts) nor across our own absence: it is counted from when packets last began to flow.
 */
#define LOG_MODULE "asset"
#include "agent/asset/asset_inner.h"
#include "common/clock.h"

#include <string.h>

enum {
    BLIND_S = 60,         /* without any packet: nobody's silence counts */
    MISSING_TOLD_S = 300, /* a missing device is judged anew so often */
    DAY_S = 86400,
    CARDS_MAX = 65536,
};

/* All assets of one MAC. */
struct card {
    struct mac mac;
    uint8_t padding[2];
    unsigned ipv4; /* addresses used within a day */
    bool known;    /* one of them was judged before */
    bool told_new; /* told in this walk */
    bool online, always_on, missing;
    uint64_t last_ns;
    struct host_key speaker; /* the asset that stands for the card: IPv4 first, then the latest */
    uint64_t speaker_ns;
    struct host_key steady; /* the always-on one, IPv4 first, then the lowest address */
};
enum { CARD_KEY = sizeof(struct mac) + 2 };

/* ---- presence ---- */

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* A clock set back would leave assets online until it has caught up. */
static void follow_clock(struct asset *asset, uint64_t now_ns)
{
    struct wire_asset *w = &asset->known;
    w->last_ns = w->last_ns < now_ns ? w->last_ns : now_ns;
    w->first_ns = w->first_ns < w->last_ns ? w->first_ns : w->last_ns;
    w->since_ns = w->since_ns < now_ns ? w->since_ns : now_ns;
    asset->up_ns = asset->up_ns < now_ns ? asset->up_ns : now_ns;
    asset->told_ns = asset->told_ns < now_ns ? asset->told_ns : now_ns;
}

static void come_online(struct assets *a, struct asset *asset)
{
    struct wire_asset *w = &asset->known;
    w->online = true;
    w->since_ns = asset->up_ns = w->last_ns;
    w->always_on = false; /* to be earned again */
    if (asset->fresh) {
        w->since_ns = asset->up_ns = w->first_ns; /* its being new says so already */
    } else {
        asset_changed(a, asset, ASSET_CHANGE_ONLINE, w->last_ns, NULL, NULL);
    }
}

static void judge_presence(struct assets *a, struct asset *asset, uint64_t now_ns)
{
    struct wire_asset *w = &asset->known;
    const struct asset_rules *rules = &a->options.rules;
    follow_clock(asset, now_ns);
    if (!w->online && now_ns - w->last_ns < rules->offline_ns) {
        come_online(a, asset);
    } else if (w->online && now_ns - later(w->last_ns, a->grace_ns) > rules->offline_ns) {
        w->online = false;
        w->since_ns = w->last_ns;
        asset->up_ns = 0;
        asset_changed(a, asset, ASSET_CHANGE_OFFLINE, w->last_ns, NULL, NULL);
    } else if (w->online && !w->always_on && w->last_ns - asset->up_ns >= rules->always_on_ns) {
        w->always_on = true;
        asset->dirty = a->unsaved = true;
    }
}

/* ---- cards ---- */

static bool has_mac(const struct asset *asset)
{
    static const struct mac none;
    return !mac_equal(&asset->known.mac, &none);
}

static struct card *card_of(const struct assets *a, const struct asset *asset)
{
    struct card key = {.mac = asset->known.mac};
    return has_mac(asset) ? table_get(a->cards, &key) : NULL;
}

static bool speaks_before(const struct asset *asset, const struct card *card)
{
    bool first = card->speaker.family == ADDR_NONE;
    if (first || asset->known.family != card->speaker.family) {
        return first || asset->known.family == ADDR_IPV4;
    }
    return asset->known.last_ns > card->speaker_ns;
}

static bool steadier(const struct asset *asset, const struct card *card)
{
    bool first = card->steady.family == ADDR_NONE;
    if (first || asset->known.family != card->steady.family) {
        return first || asset->known.family == ADDR_IPV4;
    }
    return addr_compare(&asset->known.addr, &card->steady.addr) < 0;
}

static void card_add(struct assets *a, const struct asset *asset, uint64_t now_ns)
{
    const struct wire_asset *w = &asset->known;
    struct card key = {.mac = w->mac};
    bool made = false;
    struct card *card = has_mac(asset) ? table_put(a->cards, &key, &made) : NULL;
    if (card == NULL) {
        return;
    }
    bool today = now_ns - w->last_ns < (uint64_t)DAY_S * NS_PER_S;
    card->ipv4 += w->family == ADDR_IPV4 && today ? 1 : 0;
    card->known |= !asset->fresh;
    card->online |= w->online;
    card->missing |= w->missing;
    card->last_ns = later(card->last_ns, w->last_ns);
    if (speaks_before(asset, card)) {
        card->speaker = asset->key;
        card->speaker_ns = w->last_ns;
    }
    if (w->always_on && steadier(asset, card)) {
        card->always_on = true;
        card->steady = asset->key;
    }
}

static void sum_up(struct assets *a, uint64_t now_ns)
{
    size_t at = 0;
    table_clear(a->cards);
    for (struct asset *asset = table_next(a->table, &at); asset != NULL;
         asset = table_next(a->table, &at)) {
        judge_presence(a, asset, now_ns);
        card_add(a, asset, now_ns);
    }
}

/* ---- new ---- */

static bool same_key(const struct host_key *a, const struct host_key *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static void tell(struct assets *a, enum asset_event_kind kind, struct asset *asset,
                 uint64_t silent_s, uint64_t now_ns)
{
    struct asset_event event = {
        .kind = kind, .at_ns = now_ns, .asset = asset, .silent_s = silent_s};
    asset_tell(a, &event);
}

/* True when no other asset of this card was known in this one's VLAN, but one was elsewhere. */
static bool changed_vlan(const struct assets *a, const struct asset *asset)
{
    bool elsewhere = false;
    size_t at = 0;
    for (const struct asset *other = table_next(a->table, &at); other != NULL;
         other = table_next(a->table, &at)) {
        bool same_card = !other->fresh && mac_equal(&other->known.mac, &asset->known.mac);
        if (same_card && other->known.vlan == asset->known.vlan) {
            return false;
        }
        elsewhere |= same_card;
    }
    return elsewhere;
}

/* A fresh asset whose first names have come: is its device new here? */
static void judge_fresh(struct assets *a, struct asset *asset, struct card *card, uint64_t now_ns)
{
    if (now_ns - asset->known.first_ns < (uint64_t)ASSET_SETTLE_S * NS_PER_S) {
        return;
    }
    bool alone = card == NULL || asset->known.mac_shared;
    if (alone || !card->known) {
        if (!alone && !same_key(&card->speaker, &asset->key)) {
            return; /* its turn comes once the one that speaks for the card is judged */
        }
        tell(a, ASSET_EVENT_NEW, asset, 0, now_ns);
        if (card != NULL) {
            card->known = card->told_new = true;
        }
    } else if (!card->told_new && changed_vlan(a, asset)) {
        tell(a, ASSET_EVENT_VLAN, asset, 0, now_ns);
    }
    asset->fresh = false;
    a->unsaved = true;
}

/* ---- missing ---- */

static void set_missing(struct assets *a, struct asset *asset, bool missing)
{
    asset->known.missing = missing;
    asset->dirty = a->unsaved = true;
}

static void judge_back(struct assets *a, struct asset *asset, bool online, uint64_t last_ns,
                       uint64_t now_ns)
{
    uint64_t until_ns = online ? last_ns : now_ns;
    uint64_t silent_s = until_ns > asset->gone_ns ? (until_ns - asset->gone_ns) / NS_PER_S : 0;
    if (online) {
        tell(a, ASSET_EVENT_BACK, asset, silent_s, now_ns);
        asset->known.always_on = false; /* an address that it may have left */
        set_missing(a, asset, false);
    } else if (silent_s > ASSET_MISSED_S) {
        asset->known.always_on = false; /* no longer judged: the alert ends by itself */
        set_missing(a, asset, false);
    } else if (clock_is_due(now_ns, a->missing_ns, (uint64_t)MISSING_TOLD_S * NS_PER_S)) {
        tell(a, ASSET_EVENT_MISSING, asset, silent_s, now_ns);
    }
}

static void judge_missing(struct assets *a, struct asset *asset, const struct card *card,
                          uint64_t now_ns)
{
    struct wire_asset *w = &asset->known;
    bool alone = card == NULL || w->mac_shared;
    bool online = alone ? w->online : card->online;
    uint64_t last_ns = alone ? w->last_ns : card->last_ns;
    uint64_t silent_s = now_ns > last_ns ? (now_ns - last_ns) / NS_PER_S : 0;
    if (w->missing) {
        judge_back(a, asset, online, last_ns, now_ns);
        return;
    }
    if (w->online || !w->always_on) {
        return;
    }
    bool stands_for_it = alone || (!card->missing && same_key(&card->steady, &asset->key));
    if (!online && stands_for_it && silent_s <= ASSET_MISSED_S) {
        asset->gone_ns = last_ns;
        set_missing(a, asset, true);
        tell(a, ASSET_EVENT_MISSING, asset, silent_s, now_ns);
    } else if (online) {
        w->always_on = false; /* the device goes on under another address */
        asset->dirty = a->unsaved = true;
    }
}

/* ---- the walk ---- */

static void judge_shared(struct assets *a, struct asset *asset, const struct card *card)
{
    bool shared = card != NULL && card->ipv4 > ASSET_SHARED_ADDRS;
    if (shared != asset->known.mac_shared) {
        asset->known.mac_shared = shared;
        asset->dirty = a->unsaved = true;
    }
}

static void mind_blindness(struct assets *a, uint64_t now_ns)
{
    if (a->heard != a->heard_before || a->heard_ns > now_ns) {
        a->heard_before = a->heard;
        a->heard_ns = now_ns;
    }
    if (now_ns - a->heard_ns > (uint64_t)BLIND_S * NS_PER_S) {
        a->grace_ns = now_ns;
    }
    a->grace_ns = a->grace_ns < now_ns ? a->grace_ns : now_ns;
}

void assets_judge(struct assets *a, uint64_t now_ns)
{
    if (a->cards == NULL &&
        (a->cards = table_new(CARD_KEY, sizeof(struct card), CARDS_MAX, NULL)) == NULL) {
        return; /* short of memory: judged another time */
    }
    mind_blindness(a, now_ns);
    sum_up(a, now_ns);
    bool told_missing = clock_is_due(now_ns, a->missing_ns, (uint64_t)MISSING_TOLD_S * NS_PER_S);
    size_t at = 0;
    for (struct asset *asset = table_next(a->table, &at); asset != NULL;
         asset = table_next(a->table, &at)) {
        struct card *card = card_of(a, asset);
        judge_shared(a, asset, card);
        if (asset->fresh) {
            judge_fresh(a, asset, card, now_ns);
        }
        judge_missing(a, asset, card, now_ns);
    }
    if (told_missing) {
        a->missing_ns = now_ns;
    }
}
