/*
 * Whom a device says to be joined to: LLDP-MIB (IEEE 802.1AB) and CISCO-CDP-MIB. Identities come
 * with a subtype that says how their bytes are to be read.
 */
#include "agent/poll/reading.h"

#include "common/addr.h"
#include "common/wire/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LLDP 1, 0, 8802, 1, 1, 2, 1
#define CDP  1, 3, 6, 1, 4, 1, 9, 9, 23, 1, 2, 1, 1

/* IANA address family numbers. */
enum { FAMILY_IPV4 = 1, FAMILY_IPV6 = 2, IPV4_BYTES = 4, IPV6_BYTES = 16 };

static void address_of(unsigned family, const uint8_t *bytes, size_t len, char *buf, size_t size)
{
    struct addr addr = {0};
    char text[ADDR_TEXT_SIZE];
    bool is_ipv4 = family == FAMILY_IPV4 && len == IPV4_BYTES;
    if (!is_ipv4 && (family != FAMILY_IPV6 || len != IPV6_BYTES)) {
        buf[0] = '\0';
        return;
    }
    memcpy(addr.bytes, bytes, len);
    (void)snprintf(buf, size, "%s", addr_format(is_ipv4 ? ADDR_IPV4 : ADDR_IPV6, &addr, text));
}

/* An identity whose subtype is that of a MAC address, of a network address, or some text. */
static void identity_of(const struct poll_value *v, unsigned subtype, unsigned mac_subtype,
                        unsigned address_subtype, char buf[INTERFACE_TEXT_SIZE])
{
    struct mac mac;
    if (subtype == mac_subtype && v->type == POLL_BYTES && v->len == sizeof mac.bytes) {
        memcpy(mac.bytes, v->bytes, sizeof mac.bytes);
        char text[MAC_TEXT_SIZE];
        (void)snprintf(buf, INTERFACE_TEXT_SIZE, "%s", mac_format(&mac, text));
    } else if (subtype == address_subtype && v->type == POLL_BYTES && v->len > 1) {
        address_of(v->bytes[0], v->bytes + 1, v->len - 1, buf, INTERFACE_TEXT_SIZE);
    } else {
        mib_text(v, buf, INTERFACE_TEXT_SIZE);
    }
}

/* ---- LLDP ---- */

enum { CHASSIS_MAC = 4, CHASSIS_ADDRESS = 5, PORT_MAC = 3, PORT_ADDRESS = 4 };

static const struct walk_column lldp_locals[] = {
    MIB_COLUMN(LLDP, 3, 7, 1, 2), /* lldpLocPortIdSubtype */
    MIB_COLUMN(LLDP, 3, 7, 1, 3), /* lldpLocPortId */
    MIB_COLUMN(LLDP, 3, 7, 1, 4), /* lldpLocPortDesc */
};

static struct local_port *local_of(struct reading *r, uint32_t number)
{
    for (size_t i = r->local_count; i > 0; i--) {
        if (r->locals[i - 1].number == number) {
            return &r->locals[i - 1];
        }
    }
    if (r->locals == NULL) {
        r->locals = calloc(LOCAL_PORTS_MAX, sizeof *r->locals);
    }
    if (r->locals == NULL || r->local_count == LOCAL_PORTS_MAX) {
        return NULL;
    }
    struct local_port *local = &r->locals[r->local_count++];
    local->number = number;
    return local;
}

static void take_local(const struct walk_value *v, void *arg)
{
    enum { SUBTYPE, ID, DESCR };
    struct local_port *local = v->index_len == 1 ? local_of(arg, v->index[0]) : NULL;
    if (local == NULL) {
        return;
    }
    switch (v->column) {
    case SUBTYPE: local->subtype = (uint8_t)(v->value->number & UINT8_MAX); break;
    case ID: identity_of(v->value, local->subtype, PORT_MAC, PORT_ADDRESS, local->id); break;
    case DESCR: MIB_TEXT(v->value, local->descr); break;
    }
}
MIB_TABLE(mib_lldp_locals, "LLDP's own ports", lldp_locals, take_local);

static const struct walk_column lldp[] = {
    MIB_COLUMN(LLDP, 4, 1, 1, 4),  /* lldpRemChassisIdSubtype */
    MIB_COLUMN(LLDP, 4, 1, 1, 5),  /* lldpRemChassisId */
    MIB_COLUMN(LLDP, 4, 1, 1, 6),  /* lldpRemPortIdSubtype */
    MIB_COLUMN(LLDP, 4, 1, 1, 7),  /* lldpRemPortId */
    MIB_COLUMN(LLDP, 4, 1, 1, 8),  /* lldpRemPortDesc */
    MIB_COLUMN(LLDP, 4, 1, 1, 9),  /* lldpRemSysName */
    MIB_COLUMN(LLDP, 4, 1, 1, 10), /* lldpRemSysDesc */
};

static struct neighbour_row *neighbour_of(struct reading *r, enum neighbour_protocol protocol,
                                          uint32_t local, uint32_t remote, bool make)
{
    for (size_t i = r->neighbour_count; i > 0; i--) {
        struct neighbour_row *row = &r->neighbours[i - 1];
        if (row->told.protocol == protocol && row->local == local && row->remote == remote) {
            return row;
        }
    }
    if (make && r->neighbours == NULL) {
        r->neighbours = calloc(NEIGHBOURS_CAP, sizeof *r->neighbours);
    }
    if (!make || r->neighbours == NULL || r->neighbour_count == NEIGHBOURS_CAP) {
        return NULL;
    }
    struct neighbour_row *row = &r->neighbours[r->neighbour_count++];
    row->told.protocol = (uint8_t)protocol;
    row->local = local;
    row->remote = remote;
    return row;
}

/* Index: time mark, local port number, remote index. */
static void take_lldp(const struct walk_value *v, void *arg)
{
    enum { CHASSIS_SUBTYPE, CHASSIS, PORT_SUBTYPE, PORT, PORT_DESCR, SYS_NAME, SYS_DESCR };
    struct neighbour_row *row =
        v->index_len == 3 ? neighbour_of(arg, NEIGHBOUR_LLDP, v->index[1], v->index[2], true)
                          : NULL;
    if (row == NULL) {
        return;
    }
    struct device_neighbour *n = &row->told;
    switch (v->column) {
    case CHASSIS_SUBTYPE: row->chassis_subtype = (uint8_t)(v->value->number & UINT8_MAX); break;
    case CHASSIS:
        identity_of(v->value, row->chassis_subtype, CHASSIS_MAC, CHASSIS_ADDRESS, n->chassis);
        break;
    case PORT_SUBTYPE: row->port_subtype = (uint8_t)(v->value->number & UINT8_MAX); break;
    case PORT: identity_of(v->value, row->port_subtype, PORT_MAC, PORT_ADDRESS, n->port); break;
    case PORT_DESCR: MIB_TEXT(v->value, n->port_descr); break;
    case SYS_NAME: MIB_TEXT(v->value, n->sys_name); break;
    case SYS_DESCR: MIB_TEXT(v->value, n->sys_descr); break;
    }
}
MIB_TABLE(mib_lldp, "LLDP neighbours", lldp, take_lldp);

/* lldpRemManAddrIfSubtype: the address itself stands in the index. */
static const struct walk_column lldp_addresses[] = {MIB_COLUMN(LLDP, 4, 2, 1, 3)};

static void take_lldp_address(const struct walk_value *v, void *arg)
{
    enum { LOCAL = 1, REMOTE = 2, FAMILY = 3, LENGTH = 4, ADDRESS = 5 };
    uint8_t bytes[IPV6_BYTES];
    if (v->index_len <= ADDRESS || v->index[LENGTH] > sizeof bytes ||
        v->index[LENGTH] != v->index_len - ADDRESS) {
        return;
    }
    struct neighbour_row *row =
        neighbour_of(arg, NEIGHBOUR_LLDP, v->index[LOCAL], v->index[REMOTE], false);
    if (row == NULL || row->told.address[0] != '\0') {
        return;
    }
    for (uint32_t i = 0; i < v->index[LENGTH]; i++) {
        bytes[i] = (uint8_t)v->index[ADDRESS + i];
    }
    address_of(v->index[FAMILY], bytes, v->index[LENGTH], row->told.address,
               sizeof row->told.address);
}
MIB_TABLE(mib_lldp_addresses, "LLDP addresses", lldp_addresses, take_lldp_address);

/* ---- CDP ---- */

static const struct walk_column cdp[] = {
    MIB_COLUMN(CDP, 4), /* cdpCacheAddress */
    MIB_COLUMN(CDP, 6), /* cdpCacheDeviceId */
    MIB_COLUMN(CDP, 7), /* cdpCacheDevicePort */
    MIB_COLUMN(CDP, 8), /* cdpCachePlatform */
};

/* Index: ifIndex, number. */
static void take_cdp(const struct walk_value *v, void *arg)
{
    enum { ADDRESS, DEVICE, PORT, PLATFORM };
    struct neighbour_row *row =
        v->index_len == 2 ? neighbour_of(arg, NEIGHBOUR_CDP, v->index[0], v->index[1], true) : NULL;
    if (row == NULL) {
        return;
    }
    struct device_neighbour *n = &row->told;
    switch (v->column) {
    case ADDRESS:
        if (v->value->type == POLL_BYTES) {
            unsigned family = v->value->len == IPV4_BYTES ? FAMILY_IPV4 : FAMILY_IPV6;
            address_of(family, v->value->bytes, v->value->len, n->address, sizeof n->address);
        }
        break;
    case DEVICE:
        MIB_TEXT(v->value, n->chassis);
        MIB_TEXT(v->value, n->sys_name);
        break;
    case PORT: MIB_TEXT(v->value, n->port); break;
    case PLATFORM: MIB_TEXT(v->value, n->sys_descr); break;
    }
}
MIB_TABLE(mib_cdp, "CDP neighbours", cdp, take_cdp);
