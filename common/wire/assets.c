/* One function a part of the record, packing beside unpacking; lists are capped both ways. */
#include "common/wire/assets.h"

#include "common/wire/fields.h"

#include <string.h>

static const char *const SOURCE_WORDS[] = {
    [ASSET_FROM_DHCP] = "dhcp",   [ASSET_FROM_MDNS] = "mdns", [ASSET_FROM_NETBIOS] = "netbios",
    [ASSET_FROM_LLMNR] = "llmnr", [ASSET_FROM_DNS] = "dns",   [ASSET_FROM_TLS] = "tls",
    [ASSET_FROM_HTTP] = "http",
};

static const char *const CHANGE_WORDS[] = {
    [ASSET_CHANGE_NEW] = "new",       [ASSET_CHANGE_MAC] = "mac",
    [ASSET_CHANGE_NAME] = "name",     [ASSET_CHANGE_SERVICE] = "service",
    [ASSET_CHANGE_ONLINE] = "online", [ASSET_CHANGE_OFFLINE] = "offline",
};

static const char *const OS_WORDS[] = {
    [ASSET_OS_UNKNOWN] = "",    [ASSET_OS_WINDOWS] = "windows", [ASSET_OS_MACOS] = "macos",
    [ASSET_OS_IOS] = "ios",     [ASSET_OS_APPLE] = "apple",     [ASSET_OS_ANDROID] = "android",
    [ASSET_OS_LINUX] = "linux", [ASSET_OS_FREEBSD] = "freebsd",
};

static const char *const DEVICE_WORDS[] = {
    [ASSET_DEVICE_UNKNOWN] = "",        [ASSET_DEVICE_COMPUTER] = "computer",
    [ASSET_DEVICE_MOBILE] = "mobile",   [ASSET_DEVICE_PRINTER] = "printer",
    [ASSET_DEVICE_NETWORK] = "network", [ASSET_DEVICE_CAMERA] = "camera",
    [ASSET_DEVICE_VOIP] = "voip",       [ASSET_DEVICE_STORAGE] = "storage",
    [ASSET_DEVICE_MEDIA] = "media",
};

static const char *const CLUE_WORDS[] = {
    [ASSET_CLUE_DHCP_OPTIONS] = "dhcp_options",
    [ASSET_CLUE_DHCP_CLASS] = "dhcp_class",
    [ASSET_CLUE_TCP] = "tcp",
    [ASSET_CLUE_USER_AGENT] = "user_agent",
    [ASSET_CLUE_JA4] = "ja4",
    [ASSET_CLUE_VENDOR] = "vendor",
    [ASSET_CLUE_SERVICE] = "service",
};

const char *asset_os_word(enum asset_os os)
{
    return (unsigned)os < ASSET_OS_END ? OS_WORDS[os] : "";
}

const char *asset_device_word(enum asset_device device)
{
    return (unsigned)device < ASSET_DEVICE_END ? DEVICE_WORDS[device] : "";
}

const char *asset_clue_word(enum asset_clue_kind kind)
{
    unsigned i = (unsigned)kind;
    return i >= ASSET_CLUE_DHCP_OPTIONS && i < ASSET_CLUE_END ? CLUE_WORDS[i] : "unknown";
}

const char *asset_source_word(enum asset_source source)
{
    unsigned i = (unsigned)source;
    return i >= ASSET_FROM_DHCP && i < ASSET_SOURCE_END ? SOURCE_WORDS[i] : "unknown";
}

const char *asset_change_word(enum asset_change_kind kind)
{
    unsigned i = (unsigned)kind;
    return i >= ASSET_CHANGE_NEW && i < ASSET_CHANGE_END ? CHANGE_WORDS[i] : "unknown";
}

const char *wire_asset_name(const struct wire_asset *a)
{
    const struct asset_name *best = NULL;
    for (unsigned i = 0; i < a->name_count; i++) {
        const struct asset_name *n = &a->names[i];
        bool same = best != NULL && n->source == best->source;
        if (best == NULL || n->source < best->source || (same && n->last_ns > best->last_ns)) {
            best = n;
        }
    }
    return best == NULL ? "" : best->name;
}

/* ---- names ---- */

static json_t *name_to_json(const struct asset_name *n)
{
    return json_pack("{s:s, s:o, s:I, s:I}", "source",
                     asset_source_word((enum asset_source)n->source), "name",
                     fields_string(n->name), "first_ns", (json_int_t)n->first_ns, "last_ns",
                     (json_int_t)n->last_ns);
}

static void name_from_json(struct fields *f, struct asset_name *n)
{
    n->source = fields_choice(f, "source", SOURCE_WORDS, ASSET_SOURCE_END);
    fields_text(f, "name", n->name, sizeof n->name);
    n->first_ns = fields_u64(f, "first_ns", INT64_MAX);
    n->last_ns = fields_u64(f, "last_ns", INT64_MAX);
}

/* ---- services ---- */

static json_t *service_to_json(const struct asset_service *s)
{
    return json_pack("{s:i, s:i, s:o, s:o, s:I, s:I}", "l4", (int)s->transport, "port",
                     (int)s->port, "name", fields_string(s->name), "protocol",
                     fields_string(s->protocol), "first_ns", (json_int_t)s->first_ns, "last_ns",
                     (json_int_t)s->last_ns);
}

static void service_from_json(struct fields *f, struct asset_service *s)
{
    s->transport = (uint8_t)fields_u64(f, "l4", UINT8_MAX);
    s->port = (uint16_t)fields_u64(f, "port", UINT16_MAX);
    fields_text_or_empty(f, "name", s->name, sizeof s->name);
    fields_text_or_empty(f, "protocol", s->protocol, sizeof s->protocol);
    s->first_ns = fields_u64(f, "first_ns", INT64_MAX);
    s->last_ns = fields_u64(f, "last_ns", INT64_MAX);
}

/* ---- changes ---- */

static json_t *change_to_json(const struct asset_change *c)
{
    return json_pack(
        "{s:s, s:I, s:o, s:o}", "what", asset_change_word((enum asset_change_kind)c->kind), "at_ns",
        (json_int_t)c->at_ns, "before", fields_string(c->before), "after", fields_string(c->after));
}

static void change_from_json(struct fields *f, struct asset_change *c)
{
    c->kind = fields_choice(f, "what", CHANGE_WORDS, ASSET_CHANGE_END);
    c->at_ns = fields_u64(f, "at_ns", INT64_MAX);
    fields_text_or_empty(f, "before", c->before, sizeof c->before);
    fields_text_or_empty(f, "after", c->after, sizeof c->after);
}

/* ---- the verdict ---- */

static json_t *clue_to_json(const struct asset_clue *c)
{
    return json_pack("{s:s, s:o, s:o, s:i, s:I}", "kind",
                     asset_clue_word((enum asset_clue_kind)c->kind), "value",
                     fields_string(c->value), "says", fields_string(c->says), "weight",
                     (int)c->weight, "last_ns", (json_int_t)c->last_ns);
}

static void clue_from_json(struct fields *f, struct asset_clue *c)
{
    c->kind = fields_choice(f, "kind", CLUE_WORDS, ASSET_CLUE_END);
    fields_text(f, "value", c->value, sizeof c->value);
    fields_text_or_empty(f, "says", c->says, sizeof c->says);
    c->weight = (uint8_t)fields_u64_or(f, "weight", 100, 0);
    c->last_ns = fields_u64(f, "last_ns", INT64_MAX);
}

static json_t *verdict_to_json(const struct wire_asset *a)
{
    json_t *clues = json_array();
    int bad = 0;
    for (unsigned i = 0; i < a->clue_count; i++) {
        bad |= json_array_append_new(clues, clue_to_json(&a->clues[i]));
    }
    json_t *verdict = json_pack("{s:s, s:i, s:s, s:i, s:o}", "os",
                                asset_os_word((enum asset_os)a->os), "os_score", (int)a->os_score,
                                "device", asset_device_word((enum asset_device)a->device),
                                "device_score", (int)a->device_score, "clues", clues);
    if (bad != 0) {
        json_decref(verdict);
        return NULL; /* short of memory */
    }
    return verdict;
}

/* The index of a word; 0, not known, for one of a later schema. */
static uint8_t word_from_json(struct fields *f, const char *key, const char *const *words,
                              unsigned count)
{
    char word[ASSET_WORD_SIZE];
    fields_text_or_empty(f, key, word, sizeof word);
    for (unsigned i = 1; !f->bad && i < count; i++) {
        if (strcmp(words[i], word) == 0) {
            return (uint8_t)i;
        }
    }
    return 0;
}

static void verdict_from_json(struct fields *f, struct wire_asset *a)
{
    json_t *entry = NULL;
    size_t i = 0;
    a->os = word_from_json(f, "os", OS_WORDS, ASSET_OS_END);
    a->os_score = (uint8_t)fields_u64_or(f, "os_score", 100, 0);
    a->device = word_from_json(f, "device", DEVICE_WORDS, ASSET_DEVICE_END);
    a->device_score = (uint8_t)fields_u64_or(f, "device_score", 100, 0);
    if (f->bad || json_object_get(f->object, "clues") == NULL) {
        return; /* a record of schema 1 */
    }
    const json_t *list = fields_list(f, "clues", ASSET_CLUES_MAX);
    json_array_foreach (list, i, entry) {
        struct fields of_entry = fields_entry(f, "clues", entry);
        clue_from_json(&of_entry, &a->clues[i]);
        f->bad |= of_entry.bad;
        a->clue_count++;
    }
}

/* ---- the record ---- */

static json_t *lists_to_json(const struct wire_asset *a)
{
    json_t *names = json_array();
    json_t *services = json_array();
    json_t *changes = json_array();
    int bad = 0;
    for (unsigned i = 0; i < a->name_count; i++) {
        bad |= json_array_append_new(names, name_to_json(&a->names[i]));
    }
    for (unsigned i = 0; i < a->service_count; i++) {
        bad |= json_array_append_new(services, service_to_json(&a->services[i]));
    }
    for (unsigned i = 0; i < a->change_count; i++) {
        bad |= json_array_append_new(changes, change_to_json(&a->changes[i]));
    }
    json_t *lists =
        json_pack("{s:o, s:o, s:o}", "names", names, "services", services, "changes", changes);
    if (bad != 0) {
        json_decref(lists);
        return NULL; /* short of memory */
    }
    return lists;
}

size_t wire_asset_pack(const struct wire_asset *a, void *buf, size_t size)
{
    static const struct mac none;
    char addr[ADDR_TEXT_SIZE];
    char mac[MAC_TEXT_SIZE];
    json_t *root = json_pack(
        "{s:i, s:s, s:i, s:s, s:b, s:b, s:b, s:b, s:o, s:I, s:I, s:I}", "v", ASSET_SCHEMA, "host",
        addr_format((enum addr_family)a->family, &a->addr, addr), "vlan", (int)a->vlan, "mac",
        mac_equal(&a->mac, &none) ? "" : mac_format(&a->mac, mac), "mac_shared", (int)a->mac_shared,
        "online", (int)a->online, "always_on", (int)a->always_on, "missing", (int)a->missing,
        "vendor", fields_string(a->vendor), "first_ns", (json_int_t)a->first_ns, "last_ns",
        (json_int_t)a->last_ns, "since_ns", (json_int_t)a->since_ns);
    json_t *lists = lists_to_json(a);
    json_t *verdict = verdict_to_json(a);
    if (root == NULL || lists == NULL || verdict == NULL || json_object_update(root, lists) != 0 ||
        json_object_update(root, verdict) != 0) {
        json_decref(root);
        root = NULL;
    }
    json_decref(lists);
    json_decref(verdict);
    return fields_dump(root, buf, size);
}

static void mac_from_json(struct fields *f, struct mac *mac)
{
    char text[MAC_TEXT_SIZE];
    fields_text_or_empty(f, "mac", text, sizeof text);
    if (!f->bad && text[0] != '\0' && !mac_parse(text, mac)) {
        fields_fault(f, "mac", "is no MAC address");
    }
}

static void names_from_json(struct fields *f, struct wire_asset *a)
{
    json_t *entry = NULL;
    size_t i = 0;
    const json_t *list = fields_list(f, "names", ASSET_NAMES_MAX);
    json_array_foreach (list, i, entry) {
        struct fields of_entry = fields_entry(f, "names", entry);
        name_from_json(&of_entry, &a->names[i]);
        f->bad |= of_entry.bad;
        a->name_count++;
    }
}

static void services_from_json(struct fields *f, struct wire_asset *a)
{
    json_t *entry = NULL;
    size_t i = 0;
    const json_t *list = fields_list(f, "services", ASSET_SERVICES_MAX);
    json_array_foreach (list, i, entry) {
        struct fields of_entry = fields_entry(f, "services", entry);
        service_from_json(&of_entry, &a->services[i]);
        f->bad |= of_entry.bad;
        a->service_count++;
    }
}

static void changes_from_json(struct fields *f, struct wire_asset *a)
{
    json_t *entry = NULL;
    size_t i = 0;
    const json_t *list = fields_list(f, "changes", ASSET_CHANGES_MAX);
    json_array_foreach (list, i, entry) {
        struct fields of_entry = fields_entry(f, "changes", entry);
        change_from_json(&of_entry, &a->changes[i]);
        f->bad |= of_entry.bad;
        a->change_count++;
    }
}

static bool asset_from_json(struct fields *f, struct wire_asset *a)
{
    enum { VLAN_MAX = 4095 };
    (void)fields_u64(f, "v", UINT16_MAX); /* later versions only add members */
    a->family = (uint8_t)fields_addr(f, "host", &a->addr);
    a->vlan = (uint16_t)fields_u64_or(f, "vlan", VLAN_MAX, 0);
    mac_from_json(f, &a->mac);
    a->mac_shared = fields_bool_or(f, "mac_shared", false);
    a->online = fields_bool_or(f, "online", false);
    a->always_on = fields_bool_or(f, "always_on", false);
    a->missing = fields_bool_or(f, "missing", false);
    fields_text_or_empty(f, "vendor", a->vendor, sizeof a->vendor);
    a->first_ns = fields_u64(f, "first_ns", INT64_MAX);
    a->last_ns = fields_u64(f, "last_ns", INT64_MAX);
    a->since_ns = fields_u64_or(f, "since_ns", INT64_MAX, a->last_ns);
    names_from_json(f, a);
    services_from_json(f, a);
    changes_from_json(f, a);
    verdict_from_json(f, a);
    return !f->bad;
}

int wire_asset_unpack(const void *bytes, size_t len, struct wire_asset *a, struct err *e)
{
    *a = (struct wire_asset){0};
    json_t *root = fields_parse(bytes, len, ASSET_PACKED_MAX, e);
    if (root == NULL) {
        return err_wrap(e, "asset");
    }
    struct fields f = fields_of(root, e);
    bool ok = asset_from_json(&f, a);
    json_decref(root);
    return ok ? 0 : err_wrap(e, "asset");
}
