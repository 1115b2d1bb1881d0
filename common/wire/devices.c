#include "common/wire/devices.h"

#include "common/wire/fields.h"

#include <string.h>

static const char *const KIND_NAMES[] = {
    [DEVICE_STATUS] = "device",
    [DEVICE_INTERFACE] = "interface",
    [DEVICE_NEIGHBOURS] = "neighbours",
};

static const char *const STATE_NAMES[] = {
    [DEVICE_UP] = "up",
    [DEVICE_TIMEOUT] = "timeout",
    [DEVICE_REFUSED] = "refused",
    [DEVICE_UNKNOWN_NAME] = "unknown_name",
    [DEVICE_UNKNOWN_USER] = "unknown_user",
    [DEVICE_WRONG_DIGEST] = "wrong_digest",
    [DEVICE_NO_DECRYPTION] = "decryption_error",
    [DEVICE_WRONG_LEVEL] = "wrong_level",
    [DEVICE_NOT_IN_TIME] = "not_in_time",
    [DEVICE_NO_ACCESS] = "no_access",
    [DEVICE_FAULT] = "fault",
};

static const char *const PROTOCOL_NAMES[] = {[NEIGHBOUR_LLDP] = "lldp", [NEIGHBOUR_CDP] = "cdp"};

const char *device_state_name(enum device_state state)
{
    unsigned i = (unsigned)state;
    return i >= DEVICE_UP && i <= DEVICE_FAULT ? STATE_NAMES[i] : "unknown";
}

bool device_state_is_credentials(enum device_state state)
{
    switch (state) {
    case DEVICE_UNKNOWN_USER:
    case DEVICE_WRONG_DIGEST:
    case DEVICE_NO_DECRYPTION:
    case DEVICE_WRONG_LEVEL:
    case DEVICE_NO_ACCESS: return true;
    case DEVICE_UP:
    case DEVICE_TIMEOUT:
    case DEVICE_REFUSED:
    case DEVICE_UNKNOWN_NAME:
    case DEVICE_NOT_IN_TIME:
    case DEVICE_FAULT: return false;
    }
    return false;
}

const char *neighbour_protocol_name(enum neighbour_protocol protocol)
{
    return protocol == NEIGHBOUR_CDP ? "cdp" : "lldp";
}

size_t device_record_size(enum device_record_kind kind)
{
    size_t head = offsetof(struct device_record, status);
    switch (kind) {
    case DEVICE_STATUS: return head + sizeof(struct device_status);
    case DEVICE_INTERFACE: return head + sizeof(struct device_interface);
    case DEVICE_NEIGHBOURS: break;
    }
    return sizeof(struct device_record);
}

uint64_t interface_bps(uint64_t octets, uint32_t span_ms)
{
    enum { BITS = 8, MS_PER_S = 1000 };
    if (span_ms == 0 || octets > UINT64_MAX / (BITS * MS_PER_S)) {
        return 0;
    }
    return octets * BITS * MS_PER_S / span_ms;
}

uint32_t interface_use(const struct device_interface *i)
{
    enum { WHOLE = 1000 };
    uint64_t in = interface_bps(i->in.octets, i->span_ms);
    uint64_t out = interface_bps(i->out.octets, i->span_ms);
    uint64_t fuller = in > out ? in : out;
    if (i->speed_bps == 0 || fuller > UINT64_MAX / WHOLE) {
        return 0;
    }
    uint64_t permille = fuller * WHOLE / i->speed_bps;
    return permille > UINT32_MAX ? UINT32_MAX : (uint32_t)permille;
}

/* ---- packing ---- */

/* Members that are empty are left out: most devices tell little. */
static void put_text(json_t *root, const char *key, const char *text)
{
    if (text[0] != '\0') {
        (void)json_object_set_new(root, key, fields_string(text)); /* short of memory: without */
    }
}

static void put_number(json_t *root, const char *key, uint64_t value)
{
    if (value != 0) {
        (void)json_object_set_new(root, key, json_integer((json_int_t)value)); /* likewise */
    }
}

static void put_flag(json_t *root, const char *key, bool flag)
{
    if (flag) {
        (void)json_object_set_new(root, key, json_true()); /* likewise */
    }
}

static void put_status(json_t *root, const struct device_status *s)
{
    put_text(root, "state", device_state_name((enum device_state)s->state));
    put_number(root, "version", s->version);
    put_flag(root, "restarted", s->restarted);
    if (s->cpu != CPU_UNKNOWN) {
        (void)json_object_set_new(root, "cpu", json_integer(s->cpu)); /* likewise */
    }
    put_number(root, "duration_ms", s->duration_ms);
    put_number(root, "failures", s->failures);
    put_number(root, "interval_s", s->interval_s);
    put_number(root, "interfaces", s->interfaces);
    put_number(root, "uptime_s", s->uptime_s);
    put_number(root, "memory_used", s->memory_used);
    put_number(root, "memory_total", s->memory_total);
    put_text(root, "name", s->name);
    put_text(root, "host", s->host);
    put_text(root, "sys_name", s->sys_name);
    put_text(root, "sys_descr", s->sys_descr);
    put_text(root, "object_id", s->object_id);
    put_text(root, "location", s->location);
    put_text(root, "model", s->model);
    put_text(root, "serial", s->serial);
    put_text(root, "error", s->error);
}

static json_t *counts_of(const struct interface_counts *c)
{
    return json_pack("[I, I, I, I]", (json_int_t)c->octets, (json_int_t)c->packets,
                     (json_int_t)c->errors, (json_int_t)c->discards);
}

static void put_interface(json_t *root, const struct device_interface *i)
{
    static const struct mac none;
    char mac[MAC_TEXT_SIZE];
    put_text(root, "key", i->key);
    put_number(root, "index", i->index);
    put_text(root, "name", i->name);
    put_text(root, "alias", i->alias);
    put_text(root, "descr", i->descr);
    put_number(root, "type", i->type);
    put_number(root, "admin", i->admin);
    put_number(root, "oper", i->oper);
    put_number(root, "bits", i->bits);
    put_text(root, "mac", memcmp(&i->mac, &none, sizeof none) == 0 ? "" : mac_format(&i->mac, mac));
    put_number(root, "speed_bps", i->speed_bps);
    put_number(root, "span_ms", i->span_ms);
    if (i->span_ms != 0) {
        (void)json_object_set_new(root, "in", counts_of(&i->in)); /* short of memory: without */
        (void)json_object_set_new(root, "out", counts_of(&i->out));
    }
}

static void put_neighbours(json_t *root, const struct device_neighbours *n)
{
    json_t *items = json_array();
    for (unsigned i = 0; i < n->count && i < NEIGHBOURS_MAX; i++) {
        const struct device_neighbour *one = &n->items[i];
        json_t *item = json_object();
        put_text(item, "protocol", neighbour_protocol_name((enum neighbour_protocol)one->protocol));
        put_text(item, "local", one->local);
        put_text(item, "chassis", one->chassis);
        put_text(item, "port", one->port);
        put_text(item, "port_descr", one->port_descr);
        put_text(item, "sys_name", one->sys_name);
        put_text(item, "sys_descr", one->sys_descr);
        put_text(item, "address", one->address);
        (void)json_array_append_new(items, item); /* short of memory: fewer */
    }
    put_flag(root, "last", n->last);
    (void)json_object_set_new(root, "items", items); /* likewise: unpacking says that it lacks */
}

size_t device_record_pack(const struct device_record *r, void *buf, size_t size)
{
    json_t *root =
        json_pack("{s:i, s:s, s:o, s:I}", "v", DEVICE_SCHEMA, "kind", KIND_NAMES[r->kind], "device",
                  fields_string(r->device), "at_ns", (json_int_t)r->at_ns);
    if (root == NULL) {
        return 0;
    }
    switch ((enum device_record_kind)r->kind) {
    case DEVICE_STATUS: put_status(root, &r->status); break;
    case DEVICE_INTERFACE: put_interface(root, &r->interface); break;
    case DEVICE_NEIGHBOURS: put_neighbours(root, &r->neighbours); break;
    }
    return fields_dump(root, buf, size);
}

/* ---- unpacking ---- */

static void status_from_json(struct fields *f, struct device_status *s)
{
    s->state = (uint8_t)fields_choice(f, "state", STATE_NAMES, DEVICE_FAULT + 1);
    s->version = (uint8_t)fields_u64_or(f, "version", 3, 0);
    s->restarted = fields_bool_or(f, "restarted", false);
    s->cpu = (uint16_t)fields_u64_or(f, "cpu", CPU_UNKNOWN, CPU_UNKNOWN);
    s->duration_ms = (uint32_t)fields_u64_or(f, "duration_ms", INT32_MAX, 0);
    s->failures = (uint32_t)fields_u64_or(f, "failures", INT32_MAX, 0);
    s->interval_s = (uint32_t)fields_u64_or(f, "interval_s", INT32_MAX, 0);
    s->interfaces = (uint32_t)fields_u64_or(f, "interfaces", INT32_MAX, 0);
    s->uptime_s = fields_u64_or(f, "uptime_s", INT64_MAX, 0);
    s->memory_used = fields_u64_or(f, "memory_used", INT64_MAX, 0);
    s->memory_total = fields_u64_or(f, "memory_total", INT64_MAX, 0);
    fields_text_or_empty(f, "name", s->name, sizeof s->name);
    fields_text_or_empty(f, "host", s->host, sizeof s->host);
    fields_text_or_empty(f, "sys_name", s->sys_name, sizeof s->sys_name);
    fields_text_or_empty(f, "sys_descr", s->sys_descr, sizeof s->sys_descr);
    fields_text_or_empty(f, "object_id", s->object_id, sizeof s->object_id);
    fields_text_or_empty(f, "location", s->location, sizeof s->location);
    fields_text_or_empty(f, "model", s->model, sizeof s->model);
    fields_text_or_empty(f, "serial", s->serial, sizeof s->serial);
    fields_text_or_empty(f, "error", s->error, sizeof s->error);
}

static void counts_from_json(struct fields *f, const char *key, struct interface_counts *c)
{
    const json_t *list = f->bad ? NULL : json_object_get(f->object, key);
    uint64_t *const to[] = {&c->octets, &c->packets, &c->errors, &c->discards};
    enum { COUNTS = sizeof to / sizeof to[0] };
    if (json_array_size(list) < COUNTS) {
        fields_fault(f, key, "is not four numbers");
        return;
    }
    for (size_t i = 0; i < COUNTS; i++) {
        const json_t *value = json_array_get(list, i);
        if (!json_is_integer(value) || json_integer_value(value) < 0) {
            fields_fault(f, key, "is not four numbers");
            return;
        }
        *to[i] = (uint64_t)json_integer_value(value);
    }
}

static void interface_from_json(struct fields *f, struct device_interface *i)
{
    char mac[MAC_TEXT_SIZE];
    fields_text(f, "key", i->key, sizeof i->key);
    i->index = (uint32_t)fields_u64_or(f, "index", INT32_MAX, 0);
    fields_text_or_empty(f, "name", i->name, sizeof i->name);
    fields_text_or_empty(f, "alias", i->alias, sizeof i->alias);
    fields_text_or_empty(f, "descr", i->descr, sizeof i->descr);
    i->type = (uint32_t)fields_u64_or(f, "type", INT32_MAX, 0);
    i->admin = (uint8_t)fields_u64_or(f, "admin", ADMIN_TESTING, 0);
    i->oper = (uint8_t)fields_u64_or(f, "oper", OPER_LAST, 0);
    i->bits = (uint8_t)fields_u64_or(f, "bits", 64, 0);
    fields_text_or_empty(f, "mac", mac, sizeof mac);
    if (!f->bad && mac[0] != '\0' && !mac_parse(mac, &i->mac)) {
        fields_fault(f, "mac", "is no MAC address");
    }
    i->speed_bps = fields_u64_or(f, "speed_bps", INT64_MAX, 0);
    i->span_ms = (uint32_t)fields_u64_or(f, "span_ms", INT32_MAX, 0);
    if (i->span_ms != 0) {
        counts_from_json(f, "in", &i->in);
        counts_from_json(f, "out", &i->out);
    }
}

static void neighbour_from_json(struct fields *f, struct device_neighbour *n)
{
    n->protocol = (uint8_t)fields_choice(f, "protocol", PROTOCOL_NAMES, NEIGHBOUR_CDP + 1);
    fields_text_or_empty(f, "local", n->local, sizeof n->local);
    fields_text_or_empty(f, "chassis", n->chassis, sizeof n->chassis);
    fields_text_or_empty(f, "port", n->port, sizeof n->port);
    fields_text_or_empty(f, "port_descr", n->port_descr, sizeof n->port_descr);
    fields_text_or_empty(f, "sys_name", n->sys_name, sizeof n->sys_name);
    fields_text_or_empty(f, "sys_descr", n->sys_descr, sizeof n->sys_descr);
    fields_text_or_empty(f, "address", n->address, sizeof n->address);
}

static void neighbours_from_json(struct fields *f, struct device_neighbours *n)
{
    const json_t *items = f->bad ? NULL : json_object_get(f->object, "items");
    n->last = fields_bool_or(f, "last", false);
    if (!json_is_array(items) || json_array_size(items) > NEIGHBOURS_MAX) {
        fields_fault(f, "items", "is no list of neighbours");
        return;
    }
    n->count = (unsigned)json_array_size(items);
    for (unsigned i = 0; i < n->count && !f->bad; i++) {
        struct fields item = fields_of(json_array_get(items, i), f->e);
        if (!json_is_object(item.object)) {
            fields_fault(f, "items", "is no list of neighbours");
            return;
        }
        neighbour_from_json(&item, &n->items[i]);
        f->bad = item.bad;
    }
}

static bool record_from_json(struct fields *f, struct device_record *r)
{
    (void)fields_u64(f, "v", UINT16_MAX); /* later versions only add members */
    r->kind = (uint8_t)fields_choice(f, "kind", KIND_NAMES, DEVICE_NEIGHBOURS + 1);
    fields_text(f, "device", r->device, sizeof r->device);
    r->at_ns = fields_u64(f, "at_ns", INT64_MAX);
    switch (r->kind) {
    case DEVICE_STATUS: status_from_json(f, &r->status); break;
    case DEVICE_INTERFACE: interface_from_json(f, &r->interface); break;
    case DEVICE_NEIGHBOURS: neighbours_from_json(f, &r->neighbours); break;
    }
    return !f->bad;
}

int device_record_unpack(const void *bytes, size_t len, struct device_record *r, struct err *e)
{
    *r = (struct device_record){0};
    json_t *root = fields_parse(bytes, len, DEVICE_PACKED_MAX, e);
    if (root == NULL) {
        return err_wrap(e, "device");
    }
    struct fields f = fields_of(root, e);
    bool ok = record_from_json(&f, r);
    json_decref(root);
    return ok ? 0 : err_wrap(e, "device");
}
