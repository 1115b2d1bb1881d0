/* Fixed fields first, then the options; a name that is not plain text is left out. */
#include "agent/decode/dhcp.h"

#include "common/reader.h"

#include <stdio.h>
#include <string.h>

enum {
    ETHERNET = 1,
    MAC_LEN = 6,
    IPV4_LEN = 4,
    SKIP_TO_CLIENT = 8,        /* from hops to flags */
    SKIP_TO_HARDWARE = 8,      /* the server's and the relay's address */
    SKIP_TO_COOKIE = 10 + 192, /* rest of the hardware address, server name, boot file */
    OPTION_PAD = 0,
    OPTION_NAME = 12,
    OPTION_REQUESTED = 50,
    OPTION_TYPE = 53,
    OPTION_WANTED = 55,
    OPTION_CLASS = 60,
    OPTION_FULL_NAME = 81,
    OPTION_END = 255,
    OPTIONS_MAX = 128,
    FULL_NAME_FLAGS = 3, /* flags and two codes that are not used any more */
    FULL_NAME_WIRE = 4,  /* the name stands in DNS form, else as text */
};
#define COOKIE 0x63825363u

static bool addr_is_set(const uint8_t *bytes)
{
    static const uint8_t none[IPV4_LEN];
    return bytes != NULL && memcmp(bytes, none, IPV4_LEN) != 0;
}

static void addr_set(struct dhcp_message *m, const uint8_t *bytes)
{
    memcpy(m->addr.bytes, bytes, IPV4_LEN);
    m->has_addr = true;
}

/* Takes a text without its final zeros and dot; leaves the name as it was when it is not plain. */
static void name_set(struct dhcp_message *m, const uint8_t *text, size_t len)
{
    while (len > 0 && (text[len - 1] == '\0' || text[len - 1] == '.')) {
        len--;
    }
    if (len == 0 || len >= DHCP_NAME_SIZE) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] >= 0x7f) {
            return;
        }
    }
    memcpy(m->name, text, len);
    m->name[len] = '\0';
}

/* Labels of DNS, without pointers: there is nothing to point into. */
static void wire_name_set(struct dhcp_message *m, struct reader *r)
{
    uint8_t text[DHCP_NAME_SIZE];
    size_t used = 0;
    while (reader_left(r) > 0) {
        size_t len = reader_u8(r);
        const uint8_t *label = reader_bytes(r, len);
        if (len == 0 || label == NULL || used + len + 1 >= sizeof text) {
            break;
        }
        memcpy(text + used, label, len);
        used += len;
        text[used++] = '.';
    }
    if (!r->bad) {
        name_set(m, text, used);
    }
}

static void full_name_set(struct dhcp_message *m, struct reader *r)
{
    uint8_t flags = reader_u8(r);
    reader_skip(r, FULL_NAME_FLAGS - 1);
    if (r->bad) {
        return;
    }
    if ((flags & FULL_NAME_WIRE) != 0) {
        wire_name_set(m, r);
    } else {
        name_set(m, r->at, reader_left(r));
    }
}

/* A list that does not fit is no fingerprint: a part of it would be another's. */
static void wanted_set(struct dhcp_message *m, struct reader *r)
{
    char text[DHCP_PRINT_SIZE];
    size_t used = 0;
    while (reader_left(r) > 0) {
        int len =
            snprintf(text + used, sizeof text - used, "%s%u", used > 0 ? "," : "", reader_u8(r));
        if (len < 0 || (size_t)len >= sizeof text - used) {
            return;
        }
        used += (size_t)len;
    }
    if (used > 0) {
        memcpy(m->wanted, text, used + 1);
    }
}

static void class_set(struct dhcp_message *m, const uint8_t *text, size_t len)
{
    len = len < DHCP_PRINT_SIZE - 1 ? len : DHCP_PRINT_SIZE - 1;
    for (size_t i = 0; i < len; i++) {
        m->vendor_class[i] = text[i] >= ' ' && text[i] < 0x7f ? (char)text[i] : '?';
    }
    m->vendor_class[len] = '\0';
}

static void option_read(struct dhcp_message *m, unsigned code, struct reader *r)
{
    switch (code) {
    case OPTION_TYPE: m->type = reader_u8(r); break;
    case OPTION_FULL_NAME: full_name_set(m, r); break;
    case OPTION_WANTED: wanted_set(m, r); break;
    case OPTION_CLASS: class_set(m, r->at, reader_left(r)); break;
    case OPTION_NAME:
        if (m->name[0] == '\0') { /* the full name tells more */
            name_set(m, r->at, reader_left(r));
        }
        break;
    case OPTION_REQUESTED:
        if (!m->has_addr && reader_left(r) == IPV4_LEN && addr_is_set(r->at)) {
            addr_set(m, r->at);
        }
        break;
    default: break;
    }
}

static void options_read(struct dhcp_message *m, struct reader *r)
{
    for (unsigned i = 0; i < OPTIONS_MAX && reader_left(r) > 0; i++) {
        unsigned code = reader_u8(r);
        if (code == OPTION_END) {
            return;
        }
        if (code == OPTION_PAD) {
            continue;
        }
        struct reader value = reader_sub(r, reader_u8(r));
        if (r->bad) {
            return;
        }
        option_read(m, code, &value);
    }
}

bool dhcp_read(const uint8_t *bytes, size_t len, struct dhcp_message *m)
{
    struct reader r = reader_of(bytes, len);
    *m = (struct dhcp_message){0};
    reader_skip(&r, 1); /* who speaks: the type says more */
    unsigned hardware = reader_u8(&r);
    unsigned hardware_len = reader_u8(&r);
    reader_skip(&r, 1 + SKIP_TO_CLIENT);
    const uint8_t *has = reader_bytes(&r, IPV4_LEN);
    const uint8_t *given = reader_bytes(&r, IPV4_LEN);
    reader_skip(&r, SKIP_TO_HARDWARE);
    const uint8_t *mac = reader_bytes(&r, MAC_LEN);
    reader_skip(&r, SKIP_TO_COOKIE);
    uint32_t cookie = reader_be32(&r);
    if (r.bad || hardware != ETHERNET || hardware_len != MAC_LEN || cookie != COOKIE) {
        return false;
    }
    memcpy(m->mac.bytes, mac, MAC_LEN);
    if (addr_is_set(given)) {
        addr_set(m, given);
    } else if (addr_is_set(has)) {
        addr_set(m, has);
    }
    options_read(m, &r);
    return m->type != 0;
}
