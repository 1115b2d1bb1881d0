#include "common/wire/config.h"

#include "common/wire/config_acl.h"
#include "common/wire/config_netconf.h"
#include "common/wire/config_policy.h"
#include "common/wire/config_probe.h"
#include "common/wire/config_snmp.h"
#include "common/wire/fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPORT_MAX = 2048, HITS_MAX = 4096 };

static const struct config_section SECTIONS[] = {
    {.word = "acl", .items_max = ACL_RULES_MAX, .check = config_acl_check},
    {.word = "netconf", .items_max = NETCONF_ITEMS_MAX, .check = config_netconf_check},
    {.word = "policy", .items_max = POLICY_ITEMS_MAX, .check = config_policy_check},
    {.word = "snmp",
     .items_max = SNMP_DEVICES_MAX,
     .check = config_snmp_check,
     .secrets = config_snmp_secrets},
    {.word = "probe", .items_max = PROBES_MAX, .check = config_probe_check},
    {0},
};

const struct config_section *config_sections(void)
{
    return SECTIONS;
}

const struct config_section *config_section_find(const char *word)
{
    for (const struct config_section *s = SECTIONS; s->word != NULL; s++) {
        if (strcmp(s->word, word) == 0) {
            return s;
        }
    }
    return NULL;
}

/* ---- the message: one line, then the document ---- */

size_t config_signed_text(const char *name, uint64_t revision, const char *hash, char *buf,
                          size_t size)
{
    int len = snprintf(buf, size, "config %s %" PRIu64 " %s", name, revision, hash);
    return len > 0 && (size_t)len < size ? (size_t)len : 0;
}

char *config_message_pack(const struct config_message *m, size_t *len)
{
    char head[CONFIG_HEAD_MAX];
    size_t head_len =
        fields_dump(json_pack("{s:i, s:I, s:s, s:s}", "v", CONFIG_VERSION, "revision",
                              (json_int_t)m->revision, "hash", m->hash, "sig", m->signature),
                    head, sizeof head - 1);
    if (head_len == 0 || m->document_len > CONFIG_DOCUMENT_MAX) {
        return NULL;
    }
    head[head_len++] = '\n';
    char *bytes = malloc(head_len + m->document_len);
    if (bytes != NULL) {
        memcpy(bytes, head, head_len);
        memcpy(bytes + head_len, m->document, m->document_len);
        *len = head_len + m->document_len;
    }
    return bytes;
}

static int head_unpack(const char *bytes, size_t len, struct config_message *m, struct err *e)
{
    json_t *root = fields_parse(bytes, len, CONFIG_HEAD_MAX, e);
    if (root == NULL) {
        return -1;
    }
    struct fields f = fields_of(root, e);
    (void)fields_u64(&f, "v", UINT16_MAX); /* later versions only add members */
    m->revision = fields_u64(&f, "revision", INT64_MAX);
    fields_text(&f, "hash", m->hash, sizeof m->hash);
    fields_text(&f, "sig", m->signature, sizeof m->signature);
    json_decref(root);
    return f.bad ? -1 : 0;
}

int config_message_unpack(const void *bytes, size_t len, struct config_message *m, struct err *e)
{
    *m = (struct config_message){0};
    const char *text = bytes;
    const char *end =
        len > 0 ? memchr(text, '\n', len < CONFIG_HEAD_MAX ? len : CONFIG_HEAD_MAX) : NULL;
    if (end == NULL) {
        return err_set(e, ERR_PARSE, "configuration without its first line");
    }
    if (head_unpack(text, (size_t)(end - text), m, e) != 0) {
        return err_wrap(e, "configuration");
    }
    m->document = end + 1;
    m->document_len = len - (size_t)(m->document - text);
    return 0;
}

/* ---- the document ---- */

char *config_document_pack(uint64_t revision, json_t *sections, size_t *len)
{
    json_t *root = json_pack("{s:i, s:I, s:O}", "v", CONFIG_VERSION, "revision",
                             (json_int_t)revision, "sections", sections);
    char *text = root == NULL ? NULL : json_dumps(root, JSON_COMPACT);
    json_decref(root);
    *len = text == NULL ? 0 : strlen(text);
    return text;
}

static int check_item(const struct config_section *section, const json_t *item, struct err *e)
{
    struct config_fault fault = {0};
    const char *name = json_string_value(json_object_get(item, "name"));
    if (name == NULL || !json_is_integer(json_object_get(item, "id"))) {
        return err_set(e, ERR_PARSE, "%s: an item without id and name", section->word);
    }
    section->check(item, &fault);
    return !fault.bad ? 0
                      : err_set(e, ERR_CONFIG, "%s \"%.80s\"%s%s: %s", section->word, name,
                                fault.field[0] != '\0' ? ", " : "", fault.field, fault.message);
}

static int check_section(const struct config_section *section, const json_t *items, struct err *e)
{
    if (!json_is_array(items)) {
        return err_set(e, ERR_PARSE, "%s is no list", section->word);
    }
    size_t count = json_array_size(items);
    if (count > section->items_max) {
        return err_set(e, ERR_CONFIG, "%s: %zu items, but this agent takes %zu", section->word,
                       count, section->items_max);
    }
    for (size_t i = 0; i < count; i++) {
        if (check_item(section, json_array_get(items, i), e) != 0) {
            return -1;
        }
    }
    return 0;
}

/* Sections that a newer centre knows and we do not are passed over. */
static int check_sections(const json_t *sections, struct err *e)
{
    for (const struct config_section *s = SECTIONS; s->word != NULL; s++) {
        const json_t *items = json_object_get(sections, s->word);
        if (items != NULL && check_section(s, items, e) != 0) {
            return -1;
        }
    }
    return 0;
}

json_t *config_document_unpack(const char *bytes, size_t len, uint64_t *revision, struct err *e)
{
    json_t *root = fields_parse(bytes, len, CONFIG_DOCUMENT_MAX, e);
    if (root == NULL) {
        return NULL;
    }
    struct fields f = fields_of(root, e);
    if (fields_u64(&f, "v", UINT16_MAX) != CONFIG_VERSION) {
        fields_fault(&f, "v", "is of another form of configuration");
    }
    *revision = fields_u64(&f, "revision", INT64_MAX);
    struct fields inner = fields_object(&f, "sections");
    json_t *sections = NULL;
    if (!f.bad && !inner.bad && check_sections(inner.object, e) == 0) {
        sections = json_incref((json_t *)(uintptr_t)inner.object); /* ours: root made it */
    }
    json_decref(root);
    return sections;
}

/* ---- the report ---- */

size_t config_report_pack(const struct config_report *r, void *buf, size_t size)
{
    return fields_dump(json_pack("{s:i, s:I, s:o, s:I, s:o}", "v", CONFIG_VERSION, "revision",
                                 (json_int_t)r->revision, "hash", fields_string(r->hash), "refused",
                                 (json_int_t)r->refused, "reason", fields_string(r->reason)),
                       buf, size);
}

int config_report_unpack(const void *bytes, size_t len, struct config_report *r, struct err *e)
{
    *r = (struct config_report){0};
    json_t *root = fields_parse(bytes, len, REPORT_MAX, e);
    if (root == NULL) {
        return err_wrap(e, "configuration report");
    }
    struct fields f = fields_of(root, e);
    (void)fields_u64(&f, "v", UINT16_MAX); /* later versions only add members */
    r->revision = fields_u64(&f, "revision", INT64_MAX);
    fields_text_or_empty(&f, "hash", r->hash, sizeof r->hash);
    r->refused = fields_u64_or(&f, "refused", INT64_MAX, 0);
    fields_text_or_empty(&f, "reason", r->reason, sizeof r->reason);
    json_decref(root);
    return f.bad ? err_wrap(e, "configuration report") : 0;
}

/* ---- hits ---- */

size_t config_hits_pack(const struct config_hits *h, void *buf, size_t size)
{
    json_t *list = json_array();
    for (size_t i = 0; i < h->count; i++) {
        const struct config_hit *hit = &h->list[i];
        if (json_array_append_new(list,
                                  json_pack("[I, I, I]", (json_int_t)hit->id, (json_int_t)hit->hits,
                                            (json_int_t)hit->last_ns)) != 0) {
            json_decref(list);
            return 0;
        }
    }
    return fields_dump(json_pack("{s:i, s:o, s:o}", "v", CONFIG_VERSION, "run",
                                 fields_string(h->run), "hits", list),
                       buf, size);
}

static bool hit_from(const json_t *row, struct config_hit *hit)
{
    uint64_t values[3] = {0};
    for (size_t i = 0; i < 3; i++) {
        const json_t *value = json_array_get(row, i);
        if (!json_is_integer(value) || json_integer_value(value) < 0) {
            return false;
        }
        values[i] = (uint64_t)json_integer_value(value);
    }
    *hit = (struct config_hit){.id = (int64_t)values[0], .hits = values[1], .last_ns = values[2]};
    return true;
}

int config_hits_unpack(const void *bytes, size_t len, struct config_hits *h, struct err *e)
{
    *h = (struct config_hits){0};
    json_t *root = fields_parse(bytes, len, HITS_MAX, e);
    if (root == NULL) {
        return err_wrap(e, "hits");
    }
    struct fields f = fields_of(root, e);
    (void)fields_u64(&f, "v", UINT16_MAX); /* later versions only add members */
    fields_text(&f, "run", h->run, sizeof h->run);
    const json_t *list = json_object_get(root, "hits");
    h->count = json_array_size(list);
    if (!json_is_array(list) || h->count > CONFIG_HITS_MAX) {
        fields_fault(&f, "hits", "is no list that fits");
    }
    for (size_t i = 0; i < h->count && !f.bad; i++) {
        if (!hit_from(json_array_get(list, i), &h->list[i])) {
            fields_fault(&f, "hits", "holds something else than three numbers");
        }
    }
    json_decref(root);
    return f.bad ? err_wrap(e, "hits") : 0;
}
