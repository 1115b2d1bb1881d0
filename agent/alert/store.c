#include "agent/alert/store.h"

#include "common/file.h"
#include "common/wire/alert_flow.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    STORE_VERSION = 1,
    STORE_BYTES_MAX = 8 * 1024 * 1024, /* ALERTS_MAX alerts of the longest texts fit */
};

static json_t *flow_or_null(const struct alert_state *s)
{
    const struct wire_alert alert = alert_of_state(s);
    return s->has_flow ? wire_alert_flow_json(&alert) : NULL;
}

static json_t *state_to_json(const struct alert_state *s)
{
    return json_pack("{s:i, s:i, s:s, s:s, s:I, s:I, s:s, s:s, s:o*}", "kind", (int)s->key.kind,
                     "entity", (int)s->key.entity, "id", s->key.entity_id, "key", s->key.key,
                     "since_ns", (json_int_t)s->since_ns, "count", (json_int_t)s->count, "detail",
                     s->detail, "owner", s->owner, "flow", flow_or_null(s));
}

static char *states_to_text(struct table *states, struct err *e)
{
    json_t *list = json_array();
    size_t at = 0;
    for (struct alert_state *s = table_next(states, &at); s != NULL; s = table_next(states, &at)) {
        json_t *entry = s->engaged ? state_to_json(s) : NULL;
        if (entry != NULL) {
            (void)json_array_append_new(list, entry); /* checked by the dump below */
        }
    }
    json_t *root = json_pack("{s:i, s:o}", "v", STORE_VERSION, "alerts", list);
    char *text = root == NULL ? NULL : json_dumps(root, JSON_COMPACT);
    json_decref(root);
    if (text == NULL) {
        (void)err_set(e, ERR_NOMEM, "the engaged alerts as text");
    }
    return text;
}

int alert_store_save(const char *path, struct table *states, struct err *e)
{
    char *text = states_to_text(states, e);
    if (text == NULL) {
        return -1;
    }
    int result = file_replace(path, text, strlen(text), 0600, e);
    free(text);
    return result;
}

/* The flow of an entry, when it has one: older files have none. */
static int flow_from_json(json_t *json, struct wire_alert *alert, struct err *e)
{
    struct fields entry = fields_of(json, e);
    alert->has_flow = json_object_get(json, "flow") != NULL;
    if (!alert->has_flow) {
        return 0;
    }
    struct fields flow = fields_object(&entry, "flow");
    return wire_alert_flow_read(&flow, alert) ? 0 : -1;
}

static void keep_flow(struct alert_state *s, const struct wire_alert *alert)
{
    s->has_flow = alert->has_flow;
    s->flow_id = alert->flow_id;
    s->flow = alert->flow;
    memcpy(s->protocol, alert->protocol, sizeof s->protocol);
    memcpy(s->app, alert->app, sizeof s->app);
    memcpy(s->host, alert->host, sizeof s->host);
}

/* Checks one entry and puts it into the table. */
static int state_from_json(struct table *states, json_t *json, uint64_t now_ns, struct err *e)
{
    int kind = 0;
    int entity = 0;
    const char *id = NULL;
    const char *key_text = NULL;
    const char *detail = NULL;
    const char *owner = ""; /* older files have none */
    json_int_t since_ns = 0;
    json_int_t count = 0;
    if (json_unpack(json, "{s:i, s:i, s:s, s:s, s:I, s:I, s:s, s?s}", "kind", &kind, "entity",
                    &entity, "id", &id, "key", &key_text, "since_ns", &since_ns, "count", &count,
                    "detail", &detail, "owner", &owner) != 0 ||
        kind <= 0 || kind > UINT16_MAX || entity < ENTITY_FLOW || entity > ENTITY_CENTRE ||
        since_ns < 0 || count < 0 || count > UINT32_MAX) {
        return err_set(e, ERR_PARSE, "an alert with a member missing or wrong");
    }
    struct wire_alert about = {0};
    if (flow_from_json(json, &about, e) != 0) {
        return -1;
    }
    struct alert_key key = {.kind = (uint16_t)kind, .entity = (uint8_t)entity};
    (void)snprintf(key.entity_id, sizeof key.entity_id, "%s", id);
    (void)snprintf(key.key, sizeof key.key, "%s", key_text);
    bool made = false;
    struct alert_state *s = table_put(states, &key, &made);
    if (s == NULL) {
        return err_set(e, ERR_FULL, "more than %d alerts", ALERTS_MAX);
    }
    s->engaged = true;
    s->history = 1;
    s->count = (uint32_t)count;
    s->since_ns = (uint64_t)since_ns;
    s->bad_ns = s->judged_ns = s->told_ns = now_ns; /* hold and quiet time begin anew */
    (void)snprintf(s->detail, sizeof s->detail, "%s", detail);
    (void)snprintf(s->owner, sizeof s->owner, "%s", owner);
    keep_flow(s, &about);
    return 0;
}

static int states_from_text(struct table *states, const char *text, size_t len, uint64_t now_ns,
                            struct err *e)
{
    json_error_t fault;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &fault);
    json_t *list = json_object_get(root, "alerts");
    int result = 0;
    if (json_integer_value(json_object_get(root, "v")) != STORE_VERSION || !json_is_array(list)) {
        result = err_set(e, ERR_PARSE, "no list of alerts of version %d", STORE_VERSION);
    }
    size_t i = 0;
    json_t *entry = NULL;
    json_array_foreach (list, i, entry) {
        if (result == 0) {
            result = state_from_json(states, entry, now_ns, e);
        }
    }
    json_decref(root);
    return result;
}

int alert_store_load(const char *path, struct table *states, uint64_t now_ns, struct err *e)
{
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        return 0;
    }
    size_t len = 0;
    char *text = file_read(path, STORE_BYTES_MAX, &len, e);
    if (text == NULL) {
        return -1;
    }
    int result = states_from_text(states, text, len, now_ns, e);
    free(text);
    return result == 0 ? 0 : err_wrap(e, "%s", path);
}
