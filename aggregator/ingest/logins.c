/*
 * The events of the NATS server: who logged in, who went and why, who was refused. JSON as
 * nats-server 2.9 writes it (server/events.go); names in it are chosen by the client and are cut
 * and cleaned, never trusted.
 */
#include "aggregator/ingest/ingest.h"

#include "common/wire/envelope.h"
#include "common/wire/fields.h"
#include "common/wire/text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { EVENT_MAX = 64 * 1024 };

/* A text member cut to size, or "". */
static void take_text(const json_t *object, const char *key, char *buf, size_t size)
{
    const char *text = json_string_value(json_object_get(object, key));
    (void)snprintf(buf, size, "%s", text != NULL ? text : ""); /* cut is fine */
    text_clean(buf, strlen(buf));
}

static json_t *parse_event(struct ingest *in, const void *bytes, size_t len)
{
    json_t *event = fields_parse(bytes, len, EVENT_MAX, NULL);
    if (event == NULL || !json_is_object(json_object_get(event, "client"))) {
        metric_add(&in->metrics->messages_malformed, 1);
        json_decref(event);
        return NULL;
    }
    return event;
}

static void on_login(struct ingest *in, bool connected, const void *bytes, size_t len)
{
    json_t *event = parse_event(in, bytes, len);
    if (event == NULL) {
        return;
    }
    const json_t *client = json_object_get(event, "client");
    struct fleet_login login = {
        .connected = connected,
        .client_id = (uint64_t)json_integer_value(json_object_get(client, "id")),
    };
    take_text(client, "user", login.nkey, sizeof login.nkey);
    take_text(client, "host", login.address, sizeof login.address);
    take_text(event, "reason", login.reason, sizeof login.reason);
    (void)fleet_login(in->fleet, &login); /* counted there */
    json_decref(event);
}

static void on_connect(const char *subject, const void *bytes, size_t len, void *arg)
{
    (void)subject; /* of our account: nothing else is subscribed */
    on_login(arg, true, bytes, len);
}

static void on_disconnect(const char *subject, const void *bytes, size_t len, void *arg)
{
    (void)subject; /* of our account: nothing else is subscribed */
    on_login(arg, false, bytes, len);
}

static void on_refusal(const char *subject, const void *bytes, size_t len, void *arg)
{
    (void)subject; /* any server's */
    struct ingest *in = arg;
    json_t *event = parse_event(in, bytes, len);
    if (event == NULL) {
        return;
    }
    const json_t *client = json_object_get(event, "client");
    struct fleet_refusal refusal = {0};
    take_text(client, "name", refusal.who, sizeof refusal.who);
    if (refusal.who[0] == '\0') {
        take_text(client, "user", refusal.who, sizeof refusal.who);
    }
    take_text(client, "host", refusal.address, sizeof refusal.address);
    take_text(event, "reason", refusal.reason, sizeof refusal.reason);
    (void)fleet_refusal(in->fleet, &refusal); /* counted there */
    json_decref(event);
}

int ingest_logins(struct ingest *in, struct bus *bus, const char *account, struct err *e)
{
    char subject[SUBJECT_SIZE];
    (void)snprintf(subject, sizeof subject, "$SYS.ACCOUNT.%s.CONNECT", account); /* 56 + 22 signs */
    if (bus_subscribe(bus, subject, on_connect, in, e) != 0) {
        return -1;
    }
    (void)snprintf(subject, sizeof subject, "$SYS.ACCOUNT.%s.DISCONNECT", account);
    if (bus_subscribe(bus, subject, on_disconnect, in, e) != 0) {
        return -1;
    }
    return bus_subscribe(bus, "$SYS.SERVER.*.CLIENT.AUTH.ERR", on_refusal, in, e);
}
