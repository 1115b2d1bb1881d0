/*
 * A name is read label by label; a pointer must lead further back than every byte read so far, so
 * that no chain of pointers can go round. A reverse name is read back to its address.
 */
#include "agent/decode/dns.h"

#include <stdio.h>
#include <string.h>

enum {
    HEADER = 12,
    LABEL_MAX = 63,
    WHOLE_MAX = 254, /* bytes of all labels with their lengths */
    POINTER = 0xc0,
    FLAG_RESPONSE = 0x8000,
    CODE_MASK = 0x000f,
    OPCODE_SHIFT = 11,
    OPCODE_MASK = 0xf,
    OPCODE_QUERY = 0,
    OPCODE_REGISTER = 5,
    TYPE_A = 1,
    TYPE_PTR = 12,
    TYPE_AAAA = 28,
    TYPE_NETBIOS = 32,
    CLASS_MASK = 0x7fff, /* the top bit is multicast DNS's cache flush */
    CLASS_IN = 1,
    NETBIOS_LEN = 16, /* 15 characters and what kind of service it is */
    NETBIOS_GROUP = 0x8000,
    NETBIOS_WORKSTATION = 0x00,
    NETBIOS_SERVER = 0x20,
};

/* ---- names ---- */

static bool is_name_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Appends a label and its dot; false when it does not fit or is no host name's. */
static bool label_add(char *name, size_t *len, const uint8_t *label, size_t label_len)
{
    if (*len + label_len + 1 >= DNS_NAME_SIZE) {
        return false;
    }
    for (size_t i = 0; i < label_len; i++) {
        uint8_t c = label[i] >= 'A' && label[i] <= 'Z' ? (uint8_t)(label[i] | 0x20) : label[i];
        if (!is_name_byte(c)) {
            return false;
        }
        name[(*len)++] = (char)c;
    }
    name[(*len)++] = '.';
    return true;
}

/*
 * Reads the name at r, which moves behind it. name is "" when it is no plain host name or too
 * long. r is bad when the name is malformed.
 */
static void name_read(const struct dns_walk *w, struct reader *r, char name[DNS_NAME_SIZE])
{
    struct reader at = *r;
    size_t least = (size_t)(r->at - w->message); /* pointers must lead to before it */
    size_t len = 0;
    size_t whole = 0;
    bool plain = true;
    bool jumped = false;
    uint8_t head;
    while ((head = reader_u8(&at)) != 0) {
        if ((head & POINTER) == POINTER) {
            size_t to = (size_t)(head & ~POINTER) << 8 | reader_u8(&at);
            if (!jumped) {
                *r = at;
                jumped = true;
            }
            if (at.bad || to >= least) {
                r->bad = true;
                break;
            }
            at = (struct reader){.at = w->message + to, .end = at.end};
            least = to;
            continue;
        }
        const uint8_t *label = reader_bytes(&at, head);
        whole += 1u + head;
        if (head > LABEL_MAX || label == NULL || whole > WHOLE_MAX) {
            at.bad = true;
            break;
        }
        plain = plain && label_add(name, &len, label, head);
    }
    if (!jumped) {
        *r = at;
    }
    r->bad = r->bad || at.bad;
    name[plain && len > 0 ? len - 1 : 0] = '\0'; /* without the last dot */
}

/* RFC 1001 section 14.1: each half byte as a letter from 'A' on. */
static bool netbios_name_read(struct reader *r, char name[DNS_NAME_SIZE])
{
    uint8_t raw[NETBIOS_LEN];
    size_t len = reader_u8(r);
    const uint8_t *label = reader_bytes(r, len);
    if (label == NULL || len != 2 * NETBIOS_LEN) {
        return false;
    }
    for (size_t i = 0; i < NETBIOS_LEN; i++) {
        unsigned high = label[2 * i] - 'A';
        unsigned low = label[2 * i + 1] - 'A';
        if (high > 0xf || low > 0xf) {
            return false;
        }
        raw[i] = (uint8_t)(high << 4 | low);
    }
    uint8_t kind = raw[NETBIOS_LEN - 1];
    size_t end = NETBIOS_LEN - 1;
    while (end > 0 && raw[end - 1] == ' ') {
        end--;
    }
    for (size_t i = 0; i < end; i++) {
        if (raw[i] <= ' ' || raw[i] >= 0x7f) {
            return false;
        }
        name[i] = (char)raw[i];
    }
    name[end] = '\0';
    return end > 0 && (kind == NETBIOS_WORKSTATION || kind == NETBIOS_SERVER);
}

/* ---- reverse names ---- */

static bool reverse_ipv4(const char *name, struct addr *addr)
{
    unsigned part[4];
    int used = 0;
    if (sscanf(name, "%3u.%3u.%3u.%3u.in-addr.arpa%n", &part[3], &part[2], &part[1], &part[0],
               &used) != 4 ||
        used == 0 || name[used] != '\0') {
        return false;
    }
    for (unsigned i = 0; i < 4; i++) {
        if (part[i] > UINT8_MAX) {
            return false;
        }
        addr->bytes[i] = (uint8_t)part[i];
    }
    return true;
}

static bool reverse_ipv6(const char *name, struct addr *addr)
{
    enum { NIBBLES = 32 };
    static const char digits[] = "0123456789abcdef";
    if (strlen(name) != 2 * NIBBLES + strlen("ip6.arpa") ||
        strcmp(name + (size_t)2 * NIBBLES, "ip6.arpa") != 0) {
        return false;
    }
    for (unsigned i = 0; i < NIBBLES; i++) {
        const char *digit = memchr(digits, name[2 * i], sizeof digits - 1);
        if (digit == NULL || name[2 * i + 1] != '.') {
            return false;
        }
        unsigned place = NIBBLES - 1 - i;
        uint8_t value = (uint8_t)(digit - digits);
        addr->bytes[place / 2] |= (uint8_t)(place % 2 == 0 ? value << 4 : value);
    }
    return true;
}

static uint8_t reverse_addr(const char *name, struct addr *addr)
{
    *addr = (struct addr){0};
    if (reverse_ipv4(name, addr)) {
        return ADDR_IPV4;
    }
    *addr = (struct addr){0};
    return reverse_ipv6(name, addr) ? ADDR_IPV6 : ADDR_NONE;
}

/* ---- records ---- */

static void addr_take(struct dns_binding *b, enum addr_family family, struct reader *data)
{
    size_t len = family == ADDR_IPV4 ? 4 : 16;
    if (reader_left(data) != len || b->name[0] == '\0') {
        return;
    }
    memcpy(b->addr.bytes, reader_bytes(data, len), len);
    b->family = (uint8_t)family;
}

static void netbios_take(struct dns_binding *b, struct reader *data)
{
    unsigned flags = reader_be16(data);
    const uint8_t *addr = reader_bytes(data, 4);
    if (addr != NULL && (flags & NETBIOS_GROUP) == 0) {
        memcpy(b->addr.bytes, addr, 4);
        b->family = ADDR_IPV4;
    }
}

/* Reads the owner's name; for NetBIOS the label may be behind a pointer. False: not for us. */
static bool owner_read(struct dns_walk *w, char name[DNS_NAME_SIZE])
{
    struct reader begin = w->at;
    size_t place = (size_t)(w->at.at - w->message);
    name_read(w, &w->at, name);
    if (w->dialect != DNS_NETBIOS || w->at.bad) {
        return name[0] != '\0';
    }
    uint8_t head = reader_u8(&begin);
    if ((head & POINTER) == POINTER) {
        size_t to = (size_t)(head & ~POINTER) << 8 | reader_u8(&begin);
        if (to >= place) {
            return false;
        }
        begin.at = w->message + to;
    } else {
        begin.at--;
    }
    return netbios_name_read(&begin, name);
}

/* Reads one record; b->family stays ADDR_NONE when it binds nothing. */
static void record_read(struct dns_walk *w, struct dns_binding *b)
{
    *b = (struct dns_binding){0};
    bool named = owner_read(w, b->name);
    unsigned type = reader_be16(&w->at);
    unsigned class = reader_be16(&w->at) & CLASS_MASK;
    reader_skip(&w->at, 4); /* time to live */
    struct reader data = reader_sub(&w->at, reader_be16(&w->at));
    if (w->at.bad || class != CLASS_IN || !named) {
        return;
    }
    bool netbios = w->dialect == DNS_NETBIOS;
    if (type == TYPE_A && !netbios) {
        addr_take(b, ADDR_IPV4, &data);
    } else if (type == TYPE_AAAA && !netbios) {
        addr_take(b, ADDR_IPV6, &data);
    } else if (type == TYPE_NETBIOS && netbios) {
        netbios_take(b, &data);
    } else if (type == TYPE_PTR && !netbios) {
        uint8_t family = reverse_addr(b->name, &b->addr);
        name_read(w, &data, b->name);
        b->family = data.bad || b->name[0] == '\0' ? ADDR_NONE : family;
    }
}

static bool is_wanted(enum dns_dialect dialect, unsigned flags)
{
    unsigned opcode = flags >> OPCODE_SHIFT & OPCODE_MASK;
    if (dialect == DNS_NETBIOS && (flags & FLAG_RESPONSE) == 0) {
        return opcode >= OPCODE_REGISTER; /* or refresh, or several at once */
    }
    return (flags & FLAG_RESPONSE) != 0 && (flags & CODE_MASK) == 0 && opcode == OPCODE_QUERY;
}

bool dns_walk_begin(struct dns_walk *w, enum dns_dialect dialect, const uint8_t *bytes, size_t len)
{
    char skipped[DNS_NAME_SIZE];
    *w = (struct dns_walk){.dialect = dialect, .message = bytes, .at = reader_of(bytes, len)};
    reader_skip(&w->at, 2); /* id */
    unsigned flags = reader_be16(&w->at);
    unsigned questions = reader_be16(&w->at);
    unsigned answers = reader_be16(&w->at);
    unsigned beside = reader_be16(&w->at); /* authorities */
    beside += reader_be16(&w->at);         /* and what else is told */
    bool all = dialect == DNS_MULTICAST || dialect == DNS_NETBIOS;
    w->left = all ? answers + beside : answers;
    w->left = w->left < DNS_RECORDS_MAX ? w->left : DNS_RECORDS_MAX;
    if (w->at.bad || !is_wanted(dialect, flags) || questions > DNS_RECORDS_MAX) {
        return false;
    }
    for (unsigned i = 0; i < questions; i++) {
        name_read(w, &w->at, skipped);
        reader_skip(&w->at, 4); /* type and class */
    }
    return !w->at.bad && w->left > 0;
}

bool dns_walk_next(struct dns_walk *w, struct dns_binding *b)
{
    while (w->left > 0 && !w->at.bad) {
        w->left--;
        record_read(w, b);
        if (!w->at.bad && b->family != ADDR_NONE) {
            return true;
        }
    }
    return false;
}
