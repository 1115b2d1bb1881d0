#include "common/wire/alerts.h"

#include "common/wire/alert_flow.h"

#include <string.h>

enum { SCORE_MAX = 250 };

static const char *const ENTITY_NAMES[] = {
    [ENTITY_FLOW] = "flow",   [ENTITY_HOST] = "host", [ENTITY_INTERFACE] = "interface",
    [ENTITY_AGENT] = "agent", [ENTITY_SITE] = "site", [ENTITY_CENTRE] = "centre",
};

static const char *const ACTION_NAMES[] = {
    [ALERT_EVENT] = "event", [ALERT_ENGAGE] = "engage", [ALERT_RELEASE] = "release"};

const char *alert_entity_name(enum alert_entity entity)
{
    unsigned i = (unsigned)entity;
    return i >= ENTITY_FLOW && i <= ENTITY_CENTRE ? ENTITY_NAMES[i] : "unknown";
}

const char *alert_action_name(enum alert_action action)
{
    unsigned i = (unsigned)action;
    return i >= ALERT_EVENT && i <= ALERT_RELEASE ? ACTION_NAMES[i] : "unknown";
}

json_t *wire_alert_flow_json(const struct wire_alert *a)
{
    char client[ADDR_TEXT_SIZE], server[ADDR_TEXT_SIZE];
    enum addr_family family = (enum addr_family)a->flow.family;
    return json_pack(
        "{s:o, s:s, s:i, s:s, s:i, s:i, s:i, s:o, s:o, s:o}", "id", fields_id_string(a->flow_id),
        "client", addr_format(family, &a->flow.client, client), "client_port",
        (int)a->flow.client_port, "server", addr_format(family, &a->flow.server, server),
        "server_port", (int)a->flow.server_port, "vlan", (int)a->flow.vlan, "l4",
        (int)a->flow.protocol, "protocol", fields_string(a->protocol), "app", fields_string(a->app),
        "host", fields_string(a->host));
}

size_t wire_alert_pack(const struct wire_alert *a, void *buf, size_t size)
{
    json_t *root =
        json_pack("{s:i, s:i, s:s, s:s, s:i, s:I, s:I, s:o, s:o, s:o}", "v", ALERT_SCHEMA, "kind",
                  (int)a->kind, "action", alert_action_name((enum alert_action)a->action), "entity",
                  alert_entity_name((enum alert_entity)a->entity), "score", (int)a->score, "at_ns",
                  (json_int_t)a->at_ns, "since_ns", (json_int_t)a->since_ns, "entity_id",
                  fields_string(a->entity_id), "key", fields_string(a->key), "detail",
                  fields_string(a->detail));
    if (root != NULL && a->has_flow &&
        json_object_set_new(root, "flow", wire_alert_flow_json(a)) != 0) {
        json_decref(root);
        return 0;
    }
    return fields_dump(root, buf, size);
}

bool wire_alert_flow_read(struct fields *f, struct wire_alert *a)
{
    a->flow_id = fields_id(f, "id");
    a->flow.family = (uint8_t)fields_addr(f, "client", &a->flow.client);
    if (fields_addr(f, "server", &a->flow.server) != (enum addr_family)a->flow.family) {
        fields_fault(f, "server", "is of another family than client");
    }
    a->flow.client_port = (uint16_t)fields_u64(f, "client_port", UINT16_MAX);
    a->flow.server_port = (uint16_t)fields_u64(f, "server_port", UINT16_MAX);
    a->flow.vlan = (uint16_t)fields_u64_or(f, "vlan", UINT16_MAX, 0);
    a->flow.protocol = (uint8_t)fields_u64(f, "l4", UINT8_MAX);
    fields_text_or_empty(f, "protocol", a->protocol, sizeof a->protocol);
    fields_text_or_empty(f, "app", a->app, sizeof a->app);
    fields_text_or_empty(f, "host", a->host, sizeof a->host);
    return !f->bad;
}

static bool alert_from_json(struct fields *f, struct wire_alert *a)
{
    (void)fields_u64(f, "v", UINT16_MAX); /* later versions only add members */
    a->kind = (uint16_t)fields_u64(f, "kind", INT16_MAX);
    a->action = fields_choice(f, "action", ACTION_NAMES, ALERT_RELEASE + 1);
    a->entity = fields_choice(f, "entity", ENTITY_NAMES, ENTITY_CENTRE + 1);
    a->score = (uint16_t)fields_u64(f, "score", SCORE_MAX);
    a->at_ns = fields_u64(f, "at_ns", INT64_MAX);
    a->since_ns = fields_u64(f, "since_ns", INT64_MAX);
    fields_text(f, "entity_id", a->entity_id, sizeof a->entity_id);
    fields_text_or_empty(f, "key", a->key, sizeof a->key);
    fields_text_or_empty(f, "detail", a->detail, sizeof a->detail);
    a->has_flow = !f->bad && json_object_get(f->object, "flow") != NULL;
    if (!a->has_flow) {
        return !f->bad;
    }
    struct fields flow = fields_object(f, "flow");
    return wire_alert_flow_read(&flow, a);
}

int wire_alert_unpack(const void *bytes, size_t len, struct wire_alert *a, struct err *e)
{
    *a = (struct wire_alert){0};
    json_t *root = fields_parse(bytes, len, ALERT_PACKED_MAX, e);
    if (root == NULL) {
        return err_wrap(e, "alert");
    }
    struct fields f = fields_of(root, e);
    bool ok = alert_from_json(&f, a);
    json_decref(root);
    return ok ? 0 : err_wrap(e, "alert");
}
