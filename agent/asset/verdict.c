/*
 * A verdict on the system needs OS_NEEDED points and a lead of OS_LEAD before the next; one on the
 * device DEVICE_NEEDED. Points of a clue halve every week after it was last seen. What a clue says
 * is a set: the SYN of an iPhone is that of a Mac.
 */
#include "agent/asset/verdict.h"

#include "common/clock.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    OS_NEEDED = 50,
    OS_LEAD = 20,
    DEVICE_NEEDED = 40,
    SCORE_MAX = 100,
    WEIGHT_DHCP = 40, /* of both options together: the lists of a system are its own */
    WEIGHT_DHCP_OTHER = 20,
    WEIGHT_TCP = 30,
    WEIGHT_AGENT = 40,
    WEIGHT_VENDOR = 10, /* of a system */
    WEIGHT_MAKER = 40,  /* of a device */
    WEIGHT_SERVICE = 40,
    WEIGHT_IMPLIED = 40, /* what the system says of the device */
    HALF_LIFE_S = 7 * 86400,
    REST_S = 3600, /* a host with two systems, or two browsers, does not flap */
};

#define OS(name) (1u << ASSET_OS_##name)
#define APPLE    (OS(MACOS) | OS(IOS))

/* What one clue says. */
struct says {
    unsigned os; /* set of enum asset_os */
    uint8_t os_weight;
    uint8_t device; /* enum asset_device */
    uint8_t device_weight;
    const char *words; /* for people; NULL: made of the sets */
};

struct row {
    const char *text;
    unsigned os;
    uint8_t device;
};

/* Option 55, whole lists: seen with these systems by several public projects. */
static const struct row dhcp_options[] = {
    {"1,3,6,15,31,33,43,44,46,47,119,121,249,252", OS(WINDOWS), ASSET_DEVICE_COMPUTER},
    {"1,15,3,6,44,46,47,31,33,121,249,43", OS(WINDOWS), ASSET_DEVICE_COMPUTER},
    {"1,121,3,6,15,108,114,119,252,95,44,46", OS(MACOS), ASSET_DEVICE_COMPUTER},
    {"1,121,3,6,15,119,252,95,44,46", OS(MACOS), ASSET_DEVICE_COMPUTER},
    {"1,121,3,6,15,108,114,119,252", OS(IOS), ASSET_DEVICE_MOBILE},
    {"1,3,6,15,26,28,51,58,59,43", OS(ANDROID), ASSET_DEVICE_MOBILE},
    {"1,3,6,15,26,28,51,58,59,43,114,108", OS(ANDROID), ASSET_DEVICE_MOBILE},
    {"1,28,2,3,15,6,119,12,44,47,26,121,42", OS(LINUX), ASSET_DEVICE_UNKNOWN},
    {"1,3,6,12,15,28,42", OS(LINUX), ASSET_DEVICE_UNKNOWN}, /* udhcp: small devices */
};

/* Beginnings of option 60. */
static const struct row dhcp_classes[] = {
    {"MSFT ", OS(WINDOWS), ASSET_DEVICE_COMPUTER},
    {"android-dhcp-", OS(ANDROID), ASSET_DEVICE_MOBILE},
    {"dhcpcd-", OS(LINUX) | OS(FREEBSD), ASSET_DEVICE_UNKNOWN},
    {"udhcp", OS(LINUX), ASSET_DEVICE_UNKNOWN},
    {"Cisco Systems", 0, ASSET_DEVICE_NETWORK},
    {"ArubaAP", 0, ASSET_DEVICE_NETWORK},
    {"ubnt", 0, ASSET_DEVICE_NETWORK},
    {"Hewlett-Packard JetDirect", 0, ASSET_DEVICE_PRINTER},
    {"yealink", 0, ASSET_DEVICE_VOIP},
};

/* The order of a SYN's options, with the TTL that its system begins at. */
static const struct row stacks[] = {
    {"TTL 64 2-4-8-1-3", OS(LINUX) | OS(ANDROID), 0},
    {"TTL 128 2-1-3-1-1-4", OS(WINDOWS), 0},
    {"TTL 128 2-1-3-1-1-8-4", OS(WINDOWS), 0},
    {"TTL 64 2-1-3-1-1-8-4-0", APPLE, 0},
    {"TTL 64 2-1-3-4-8", OS(FREEBSD), 0},
};

/* Parts of a User-Agent; the first that is there counts. */
static const struct row agents[] = {
    {"Windows NT", OS(WINDOWS), ASSET_DEVICE_COMPUTER},
    {"Microsoft-CryptoAPI", OS(WINDOWS), ASSET_DEVICE_COMPUTER},
    {"Microsoft NCSI", OS(WINDOWS), ASSET_DEVICE_COMPUTER},
    {"Windows-Update-Agent", OS(WINDOWS), ASSET_DEVICE_COMPUTER},
    {"iPhone", OS(IOS), ASSET_DEVICE_MOBILE},
    {"iPad", OS(IOS), ASSET_DEVICE_MOBILE},
    {"Macintosh", OS(MACOS), ASSET_DEVICE_COMPUTER},
    {"SmartTV", 0, ASSET_DEVICE_MEDIA},
    {"Android", OS(ANDROID), ASSET_DEVICE_MOBILE},
    {"Dalvik/", OS(ANDROID), ASSET_DEVICE_MOBILE},
    {"CaptiveNetworkSupport", APPLE, ASSET_DEVICE_UNKNOWN},
    {"Darwin/", APPLE, ASSET_DEVICE_UNKNOWN},
    {"FreeBSD", OS(FREEBSD), ASSET_DEVICE_COMPUTER},
    {"Debian APT", OS(LINUX), ASSET_DEVICE_COMPUTER},
    {"Ubuntu", OS(LINUX), ASSET_DEVICE_COMPUTER},
    {"Linux", OS(LINUX), ASSET_DEVICE_COMPUTER},
};

/* Browsers by their ciphers, which stay when extensions come and go. */
static const struct {
    const char *ciphers, *words;
} browsers[] = {
    {"1516h2_8daaf6152771", "Chrome or its like"},
    {"1715h2_5b57614c22b0", "Firefox"},
};

/* Beginnings of makers' names. */
static const struct row makers[] = {
    {"Apple", APPLE, 0},
    {"Raspberry Pi", OS(LINUX), ASSET_DEVICE_COMPUTER},
    {"Brother", 0, ASSET_DEVICE_PRINTER},
    {"Seiko Epson", 0, ASSET_DEVICE_PRINTER},
    {"Canon", 0, ASSET_DEVICE_PRINTER},
    {"Lexmark", 0, ASSET_DEVICE_PRINTER},
    {"KYOCERA", 0, ASSET_DEVICE_PRINTER},
    {"Ricoh", 0, ASSET_DEVICE_PRINTER},
    {"Axis Communications", 0, ASSET_DEVICE_CAMERA},
    {"Hangzhou Hikvision", 0, ASSET_DEVICE_CAMERA},
    {"Zhejiang Dahua", 0, ASSET_DEVICE_CAMERA},
    {"Synology", OS(LINUX), ASSET_DEVICE_STORAGE},
    {"QNAP", OS(LINUX), ASSET_DEVICE_STORAGE},
    {"Cisco", 0, ASSET_DEVICE_NETWORK},
    {"Juniper", 0, ASSET_DEVICE_NETWORK},
    {"Routerboard", 0, ASSET_DEVICE_NETWORK},
    {"Ubiquiti", 0, ASSET_DEVICE_NETWORK},
    {"Aruba", 0, ASSET_DEVICE_NETWORK},
    {"AVM", 0, ASSET_DEVICE_NETWORK},
    {"Yealink", 0, ASSET_DEVICE_VOIP},
    {"SNOM", 0, ASSET_DEVICE_VOIP},
    {"Grandstream", 0, ASSET_DEVICE_VOIP},
    {"Sonos", 0, ASSET_DEVICE_MEDIA},
    {"Roku", 0, ASSET_DEVICE_MEDIA},
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const struct row *find_whole(const struct row *rows, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].text, text) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static const struct row *find_beginning(const struct row *rows, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (strncasecmp(rows[i].text, text, strlen(rows[i].text)) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static const struct row *find_part(const struct row *rows, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (strstr(text, rows[i].text) != NULL) {
            return &rows[i];
        }
    }
    return NULL;
}

void verdict_syn_text(const struct print_syn *syn, char text[ASSET_CLUE_SIZE])
{
    int len = snprintf(text, ASSET_CLUE_SIZE, "TTL %u, window %u, options ", syn->ttl, syn->window);
    size_t used = (size_t)len; /* far below its size */
    const char *between = "";
    for (size_t at = 0; at < syn->option_len && used + 5 < ASSET_CLUE_SIZE;) {
        uint8_t kind = syn->options[at];
        len = snprintf(text + used, ASSET_CLUE_SIZE - used, "%s%u", between, kind);
        used += (size_t)len;
        between = "-";
        if (kind == 0) {
            return; /* what follows is padding */
        }
        size_t step = kind == 1 ? 1 : at + 1 < syn->option_len ? syn->options[at + 1] : 0;
        if (step == 0) {
            return;
        }
        at += step;
    }
}

static const struct row *find_stack(const char *text)
{
    char key[ASSET_CLUE_SIZE];
    unsigned ttl = 0;
    char options[ASSET_CLUE_SIZE];
    if (sscanf(text, "TTL %u, window %*u, options %95s", &ttl, options) != 2) {
        return NULL;
    }
    int len = snprintf(key, sizeof key, "TTL %u %s", ttl, options);
    return len > 0 && (size_t)len < sizeof key ? find_whole(stacks, LENGTH(stacks), key) : NULL;
}

static struct says says_of_row(const struct row *row, uint8_t os_weight, uint8_t device_weight)
{
    if (row == NULL) {
        return (struct says){0};
    }
    return (struct says){
        .os = row->os,
        .os_weight = row->os != 0 ? os_weight : 0,
        .device = row->device,
        .device_weight = row->device != ASSET_DEVICE_UNKNOWN ? device_weight : 0,
    };
}

static struct says says_of_ja4(const char *ja4)
{
    for (size_t i = 0; i < LENGTH(browsers); i++) {
        if (strstr(ja4, browsers[i].ciphers) != NULL) {
            return (struct says){.words = browsers[i].words};
        }
    }
    return (struct says){0};
}

static struct says says_of_service(const struct wire_asset *w, const char **value)
{
    static const struct {
        uint16_t port;
        uint8_t device;
        const char *text;
    } ports[] = {{9100, ASSET_DEVICE_PRINTER, "tcp/9100 (raw printing)"},
                 {631, ASSET_DEVICE_PRINTER, "tcp/631 (IPP)"},
                 {515, ASSET_DEVICE_PRINTER, "tcp/515 (LPD)"},
                 {554, ASSET_DEVICE_CAMERA, "tcp/554 (RTSP)"},
                 {179, ASSET_DEVICE_NETWORK, "tcp/179 (BGP)"}};
    if (w->mac_shared) {
        *value = "many addresses behind its MAC";
        return (struct says){.device = ASSET_DEVICE_NETWORK, .device_weight = WEIGHT_SERVICE};
    }
    for (size_t i = 0; i < LENGTH(ports); i++) {
        for (unsigned s = 0; s < w->service_count; s++) {
            if (w->services[s].port == ports[i].port && w->services[s].transport == IPPROTO_TCP) {
                *value = ports[i].text;
                return (struct says){.device = ports[i].device, .device_weight = WEIGHT_SERVICE};
            }
        }
    }
    return (struct says){0};
}

static struct says says_of(const struct asset_clue *c)
{
    const char *v = c->value;
    switch ((enum asset_clue_kind)c->kind) {
    case ASSET_CLUE_DHCP_OPTIONS:
        return says_of_row(find_whole(dhcp_options, LENGTH(dhcp_options), v), WEIGHT_DHCP,
                           WEIGHT_DHCP);
    case ASSET_CLUE_DHCP_CLASS:
        return says_of_row(find_beginning(dhcp_classes, LENGTH(dhcp_classes), v), WEIGHT_DHCP_OTHER,
                           WEIGHT_DHCP);
    case ASSET_CLUE_TCP: return says_of_row(find_stack(v), WEIGHT_TCP, 0);
    case ASSET_CLUE_USER_AGENT:
        return says_of_row(find_part(agents, LENGTH(agents), v), WEIGHT_AGENT, WEIGHT_AGENT);
    case ASSET_CLUE_JA4: return says_of_ja4(v);
    case ASSET_CLUE_VENDOR:
        return says_of_row(find_beginning(makers, LENGTH(makers), v), WEIGHT_VENDOR, WEIGHT_MAKER);
    case ASSET_CLUE_SERVICE:
    case ASSET_CLUE_END: break;
    }
    return (struct says){0};
}

/* ---- noting ---- */

static struct asset_clue *clue_of(struct wire_asset *w, enum asset_clue_kind kind)
{
    for (unsigned i = 0; i < w->clue_count; i++) {
        if (w->clues[i].kind == kind) {
            return &w->clues[i];
        }
    }
    return NULL;
}

static bool tells(const struct asset_clue *c)
{
    const struct says s = says_of(c);
    return s.os_weight > 0 || s.device_weight > 0 || s.words != NULL;
}

bool verdict_note(struct wire_asset *w, enum asset_clue_kind kind, const char *value,
                  uint64_t at_ns)
{
    struct asset_clue seen = {.kind = (uint8_t)kind, .last_ns = at_ns};
    (void)snprintf(seen.value, sizeof seen.value, "%s", value); /* a cut one still tells */
    struct asset_clue *known = clue_of(w, kind);
    if (known == NULL) {
        if (w->clue_count == ASSET_CLUES_MAX) {
            return false;
        }
        w->clues[w->clue_count++] = seen;
        return true;
    }
    if (strcmp(known->value, seen.value) == 0) {
        known->last_ns = at_ns > known->last_ns ? at_ns : known->last_ns;
        return false;
    }
    bool rests = at_ns < known->last_ns + (uint64_t)REST_S * NS_PER_S;
    if ((rests && (tells(known) || !tells(&seen))) || at_ns < known->last_ns) {
        return false;
    }
    *known = seen;
    return true;
}

/* ---- judging ---- */

static uint8_t aged(uint8_t weight, uint64_t last_ns, uint64_t now_ns)
{
    uint64_t age_s = now_ns > last_ns ? (now_ns - last_ns) / NS_PER_S : 0;
    uint64_t halvings = age_s / HALF_LIFE_S;
    return halvings >= 8 ? 0 : (uint8_t)(weight >> halvings);
}

/* "Linux or Android" */
static void words_of(const struct says *s, char words[ASSET_WORD_SIZE])
{
    static const char *const names[] = {
        [ASSET_OS_WINDOWS] = "Windows", [ASSET_OS_MACOS] = "macOS", [ASSET_OS_IOS] = "iOS",
        [ASSET_OS_ANDROID] = "Android", [ASSET_OS_LINUX] = "Linux", [ASSET_OS_FREEBSD] = "FreeBSD"};
    size_t used = 0;
    words[0] = '\0';
    if (s->words != NULL) {
        (void)snprintf(words, ASSET_WORD_SIZE, "%s", s->words); /* ours, and short */
        return;
    }
    for (unsigned os = 1; os < LENGTH(names); os++) {
        if ((s->os >> os & 1) != 0 && names[os] != NULL && used + 12 < ASSET_WORD_SIZE) {
            used += (size_t)snprintf(words + used, ASSET_WORD_SIZE - used, "%s%s",
                                     used > 0 ? " or " : "", names[os]);
        }
    }
    if (used == 0 && s->device_weight > 0) {
        (void)snprintf(words, ASSET_WORD_SIZE, "%s",
                       asset_device_word((enum asset_device)s->device));
    }
}

struct tally {
    unsigned os[ASSET_OS_END];
    unsigned device[ASSET_DEVICE_END];
};

static void count_clue(struct tally *t, struct asset_clue *c, const struct says *s, uint64_t now_ns)
{
    uint8_t os_weight = aged(s->os_weight, c->last_ns, now_ns);
    uint8_t device_weight = aged(s->device_weight, c->last_ns, now_ns);
    for (unsigned os = 1; os < ASSET_OS_END; os++) {
        t->os[os] += (s->os >> os & 1) != 0 ? os_weight : 0;
    }
    t->device[s->device] += device_weight;
    c->weight = os_weight > device_weight ? os_weight : device_weight;
    words_of(s, c->says);
}

/* The first of those with the most points, and how many the next one has. */
static unsigned winner(const unsigned *points, unsigned count, unsigned *next)
{
    unsigned best = 0;
    *next = 0;
    for (unsigned i = 1; i < count; i++) {
        if (points[i] > points[best]) {
            *next = points[best];
            best = i;
        } else if (points[i] > *next) {
            *next = points[i];
        }
    }
    return best;
}

static uint8_t capped(unsigned points)
{
    return (uint8_t)(points > SCORE_MAX ? SCORE_MAX : points);
}

static void judge_os(struct wire_asset *w, struct tally *t)
{
    unsigned next = 0;
    unsigned best = winner(t->os, ASSET_OS_END, &next);
    w->os = ASSET_OS_UNKNOWN;
    w->os_score = capped(t->os[best]);
    if (t->os[best] < OS_NEEDED) {
        w->os_score = 0;
        return;
    }
    if (t->os[best] >= next + OS_LEAD) {
        w->os = (uint8_t)best;
        return;
    }
    /* Apple's systems share most of what they show: without the other it may still be one. */
    unsigned other = best == ASSET_OS_MACOS ? ASSET_OS_IOS : ASSET_OS_MACOS;
    bool is_apple = best == ASSET_OS_MACOS || best == ASSET_OS_IOS;
    t->os[other] = 0;
    (void)winner(t->os, ASSET_OS_END, &next);
    if (is_apple && t->os[best] >= next + OS_LEAD) {
        w->os = ASSET_OS_APPLE;
    } else {
        w->os_score = 0;
    }
}

static void judge_device(struct wire_asset *w, struct tally *t)
{
    unsigned next = 0;
    if (w->os == ASSET_OS_WINDOWS || w->os == ASSET_OS_MACOS) {
        t->device[ASSET_DEVICE_COMPUTER] += WEIGHT_IMPLIED;
    } else if (w->os == ASSET_OS_IOS || w->os == ASSET_OS_ANDROID) {
        t->device[ASSET_DEVICE_MOBILE] += WEIGHT_IMPLIED;
    }
    t->device[ASSET_DEVICE_UNKNOWN] = 0;
    unsigned best = winner(t->device, ASSET_DEVICE_END, &next);
    bool known = t->device[best] >= DEVICE_NEEDED && t->device[best] > next;
    w->device = known ? (uint8_t)best : ASSET_DEVICE_UNKNOWN;
    w->device_score = known ? capped(t->device[best]) : 0;
}

/* Clues that stand elsewhere in the record; they are as fresh as the host itself. */
static void note_standing(struct wire_asset *w)
{
    const char *value = NULL;
    struct says service = says_of_service(w, &value);
    struct asset_clue *vendor = clue_of(w, ASSET_CLUE_VENDOR);
    struct asset_clue *served = clue_of(w, ASSET_CLUE_SERVICE);
    if (vendor != NULL) {
        vendor->last_ns = 0; /* another card has another maker */
    }
    if (served != NULL) {
        served->last_ns = 0;
    }
    if (w->vendor[0] != '\0') {
        (void)verdict_note(w, ASSET_CLUE_VENDOR, w->vendor, w->last_ns);
    }
    if (service.device_weight > 0) {
        (void)verdict_note(w, ASSET_CLUE_SERVICE, value, w->last_ns);
    }
}

void verdict_judge(struct wire_asset *w, uint64_t now_ns)
{
    struct tally tally = {0};
    const char *value = NULL;
    note_standing(w);
    for (unsigned i = 0; i < w->clue_count; i++) {
        struct asset_clue *c = &w->clues[i];
        struct says s = c->kind == ASSET_CLUE_SERVICE ? says_of_service(w, &value) : says_of(c);
        count_clue(&tally, c, &s, now_ns);
    }
    judge_os(w, &tally);
    judge_device(w, &tally);
}
