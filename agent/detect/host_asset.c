/*
 * One finding an event, two when a missing device is back: its alert ends, and the length of its
 * absence is told. Entity is the address, as flows and people name a host by it; the key tells
 * its VLAN.
 */
#include "agent/detect/host_asset.h"

#include "common/alert_kinds.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { WHO_SIZE = 256 };

/* "00:1b:21:3c:9d:f8, Example Works, called printer", as far as it is known. */
static const char *who(const struct wire_asset *w, char buf[WHO_SIZE])
{
    static const struct mac none;
    char mac[MAC_TEXT_SIZE];
    const char *name = wire_asset_name(w);
    const char *maker = w->vendor[0] != '\0'      ? w->vendor
                        : mac_is_made_up(&w->mac) ? "a made-up address"
                                                  : "maker unknown";
    bool has_mac = !mac_equal(&w->mac, &none);
    (void)snprintf(buf, WHO_SIZE, "%s%s%s%s%s%s", has_mac ? "MAC " : "no MAC",
                   has_mac ? mac_format(&w->mac, mac) : "", has_mac ? ", " : "",
                   has_mac ? maker : "", name[0] != '\0' ? ", called " : "", name);
    return buf; /* a cut text still tells */
}

/* "40 s", "12 min", "3 h 5 min", "2 d 4 h" */
static const char *span(uint64_t seconds, char buf[32])
{
    enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };
    if (seconds < MINUTE) {
        (void)snprintf(buf, 32, "%" PRIu64 " s", seconds);
    } else if (seconds < HOUR) {
        (void)snprintf(buf, 32, "%" PRIu64 " min", seconds / MINUTE);
    } else if (seconds < DAY) {
        (void)snprintf(buf, 32, "%" PRIu64 " h %" PRIu64 " min", seconds / HOUR,
                       seconds % HOUR / MINUTE);
    } else {
        (void)snprintf(buf, 32, "%" PRIu64 " d %" PRIu64 " h", seconds / DAY, seconds % DAY / HOUR);
    }
    return buf;
}

static struct finding finding_of(const struct asset_event *event, uint16_t kind,
                                 enum finding_action action)
{
    const struct wire_asset *w = &event->asset->known;
    struct finding f = {
        .kind = kind, .action = (uint8_t)action, .entity = ENTITY_HOST, .at_ns = event->at_ns};
    char addr[ADDR_TEXT_SIZE];
    (void)snprintf(f.entity_id, sizeof f.entity_id, "%s",
                   addr_format((enum addr_family)w->family, &w->addr, addr));
    if (w->vlan != 0) {
        (void)snprintf(f.key, sizeof f.key, "vlan %u", w->vlan);
    }
    return f;
}

/* Fills the detail and hands the finding on; a detail that is cut still tells. */
__attribute__((format(printf, 3, 4))) static void put(const struct finding_sink *out,
                                                      struct finding *f, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    (void)vsnprintf(f->detail, sizeof f->detail, format, list);
    va_end(list);
    finding_put(out, f);
}

static void put_back(const struct asset_event *event, const char *him,
                     const struct finding_sink *out)
{
    char text[32];
    struct finding good = finding_of(event, ALERT_DEVICE_OFFLINE, FINDING_GOOD);
    struct finding back = finding_of(event, ALERT_DEVICE_BACK_ONLINE, FINDING_EVENT);
    put(out, &good, "heard again after %s", span(event->silent_s, text));
    put(out, &back, "heard again after %s of silence; %s", span(event->silent_s, text), him);
}

void host_asset_judge(const struct asset_event *event, const struct finding_sink *out)
{
    const struct wire_asset *w = &event->asset->known;
    char him[WHO_SIZE];
    char text[32];
    struct finding f;
    (void)who(w, him);
    switch (event->kind) {
    case ASSET_EVENT_NEW:
        f = finding_of(event, ALERT_NEW_DEVICE, FINDING_EVENT);
        put(out, &f, "%s", him);
        return;
    case ASSET_EVENT_MAC:
        f = finding_of(event, ALERT_ASSET_MAC_CHANGED, FINDING_EVENT);
        put(out, &f, "the address in use went from MAC %s to %s", event->before, event->after);
        return;
    case ASSET_EVENT_FLAP:
        f = finding_of(event, ALERT_IP_MAC_FLAP, FINDING_BAD);
        put(out, &f, "third change of MAC within 10 min, from %s to %s", event->before,
            event->after);
        return;
    case ASSET_EVENT_NAME:
        f = finding_of(event, ALERT_ASSET_NAME_CHANGED, FINDING_EVENT);
        put(out, &f, "calls itself \"%s\" instead of \"%s\"; %s", event->after, event->before, him);
        return;
    case ASSET_EVENT_SERVICE:
        f = finding_of(event, ALERT_HOST_NEW_SERVER_PORT, FINDING_EVENT);
        (void)snprintf(f.key, sizeof f.key, "%s", event->after); /* one a port, not one a host */
        put(out, &f, "answers on %s for the first time; known for %s; %s", event->after,
            span((event->at_ns - w->first_ns) / 1000000000u, text), him);
        return;
    case ASSET_EVENT_VLAN:
        f = finding_of(event, ALERT_DEVICE_MOVED_VLAN, FINDING_EVENT);
        put(out, &f, "a known card is now in VLAN %u; %s", w->vlan, him);
        return;
    case ASSET_EVENT_MISSING:
        f = finding_of(event, ALERT_DEVICE_OFFLINE, FINDING_BAD);
        put(out, &f, "an always-on device is silent for %s; %s", span(event->silent_s, text), him);
        return;
    case ASSET_EVENT_BACK: put_back(event, him, out); return;
    }
}
