/*
 * Prefixes are 24, 28 or 36 bits long; the longest that matches is the holder. Of each line only
 * the second and the third field of the CSV count (RFC 4180: a field in quotes doubles the quotes
 * inside it); a line of another form is passed over.
 */
#define LOG_MODULE "vendor"
#include "agent/asset/vendor.h"

#include "common/log.h"
#include "common/wire/assets.h"
#include "common/wire/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BITS_MAX = 36,
    ENTRIES_MAX = 1 << 20, /* twenty times what is assigned */
    LINE_SIZE = 1024,
};

struct prefix {
    uint64_t value; /* left in BITS_MAX bits */
    uint32_t name;  /* offset in names */
    uint8_t bits;
};

struct vendors {
    struct prefix *prefixes;
    size_t count, room;
    char *names; /* each ended by NUL; the first is "" */
    size_t names_len, names_size;
};

static int compare(const void *a, const void *b)
{
    const struct prefix *left = a;
    const struct prefix *right = b;
    if (left->bits != right->bits) {
        return left->bits < right->bits ? -1 : 1;
    }
    return left->value == right->value ? 0 : left->value < right->value ? -1 : 1;
}

/* Room for one more prefix and its name. */
static int make_room(struct vendors *v, struct err *e)
{
    if (v->count == v->room) {
        size_t room = v->room == 0 ? 4096 : 2 * v->room;
        struct prefix *grown = realloc(v->prefixes, room * sizeof *grown);
        if (grown == NULL) {
            return err_set(e, ERR_NOMEM, "the vendors of network cards");
        }
        v->prefixes = grown;
        v->room = room;
    }
    if (v->names_size - v->names_len < ASSET_VENDOR_SIZE) {
        size_t size = v->names_size == 0 ? 65536 : 2 * v->names_size;
        char *grown = realloc(v->names, size);
        if (grown == NULL) {
            return err_set(e, ERR_NOMEM, "the vendors of network cards");
        }
        v->names = grown;
        v->names_size = size;
    }
    return 0;
}

/* The field at *at, which moves behind its comma; quotes are taken off in place. */
static char *field_take(char **at)
{
    char *from = *at;
    char *to = *at;
    char *field = *at;
    bool quoted = *from == '"';
    from += quoted ? 1 : 0;
    while (*from != '\0' && (quoted || *from != ',')) {
        if (quoted && *from == '"') {
            quoted = from[1] == '"'; /* doubled: one of them stays */
            from++;
            if (!quoted) {
                continue;
            }
        }
        *to++ = *from++;
    }
    *at = *from == ',' ? from + 1 : from;
    *to = '\0';
    return field;
}

/* "70B3D5F2F" as its bits; 0 bits when it is no prefix. */
static struct prefix prefix_of(const char *text)
{
    enum { BITS_PER_DIGIT = 4 };
    size_t digits = strlen(text);
    struct prefix p = {0};
    char *end = NULL;
    bool plain = strspn(text, "0123456789abcdefABCDEF") == digits;
    if (!plain || (digits != 6 && digits != 7 && digits != 9)) {
        return p;
    }
    p.bits = (uint8_t)(digits * BITS_PER_DIGIT);
    p.value = strtoull(text, &end, 16) << (BITS_MAX - p.bits);
    return p;
}

static int line_add(struct vendors *v, char *line, struct err *e)
{
    char *at = line;
    line[strcspn(line, "\r\n")] = '\0';
    (void)field_take(&at); /* the registry: the prefix's length tells it */
    struct prefix p = prefix_of(field_take(&at));
    char *name = field_take(&at);
    size_t len = strnlen(name, ASSET_VENDOR_SIZE - 1);
    if (p.bits == 0 || len == 0 || v->count == ENTRIES_MAX) {
        return 0;
    }
    if (make_room(v, e) != 0) {
        return -1;
    }
    text_clean(name, len); /* a cut character becomes '?' */
    p.name = (uint32_t)v->names_len;
    memcpy(v->names + v->names_len, name, len);
    v->names[v->names_len + len] = '\0';
    v->names_len += len + 1;
    v->prefixes[v->count++] = p;
    return 0;
}

static int file_add(struct vendors *v, const char *path, struct err *e)
{
    char line[LINE_SIZE];
    FILE *in = fopen(path, "re");
    if (in == NULL) {
        log_debug(NULL, "%s is not there", path);
        return 0;
    }
    int result = 0;
    while (result == 0 && fgets(line, sizeof line, in) != NULL) {
        result = line_add(v, line, e);
    }
    (void)fclose(in); /* only read */
    return result;
}

struct vendors *vendors_open(const char *folder, struct err *e)
{
    static const char *const files[] = {"oui.csv", "mam.csv", "oui36.csv", "iab.csv"};
    struct vendors *v = calloc(1, sizeof *v);
    if (v == NULL) {
        (void)err_set(e, ERR_NOMEM, "the vendors of network cards");
        return NULL;
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[512];
        int len = snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        if (len > 0 && len < (int)sizeof path && file_add(v, path, e) != 0) {
            vendors_close(v);
            return NULL;
        }
    }
    if (v->count == 0) {
        log_info(NULL,
                 "no registry of network cards in %s: vendors stay unknown "
                 "(the package ieee-data has it)",
                 folder);
    } else {
        qsort(v->prefixes, v->count, sizeof v->prefixes[0], compare);
    }
    return v;
}

void vendors_close(struct vendors *v)
{
    if (v != NULL) {
        free(v->prefixes);
        free(v->names);
        free(v);
    }
}

bool mac_is_made_up(const struct mac *mac)
{
    enum { LOCALLY_ADMINISTERED = 0x02 }; /* IEEE 802-2014, section 8.2.2 */
    return (mac->bytes[0] & LOCALLY_ADMINISTERED) != 0;
}

const char *vendors_find(const struct vendors *v, const struct mac *mac)
{
    static const uint8_t lengths[] = {36, 28, 24};
    uint64_t whole = 0;
    if (v->count == 0 || mac_is_made_up(mac)) {
        return "";
    }
    for (size_t i = 0; i < 5; i++) {
        whole = whole << 8 | mac->bytes[i];
    }
    whole >>= 4; /* 36 of 40 bits */
    for (size_t i = 0; i < sizeof lengths; i++) {
        unsigned below = BITS_MAX - lengths[i];
        struct prefix wanted = {.value = whole >> below << below, .bits = lengths[i]};
        const struct prefix *found =
            bsearch(&wanted, v->prefixes, v->count, sizeof wanted, compare);
        if (found != NULL) {
            return v->names + found->name;
        }
    }
    return "";
}

size_t vendors_count(const struct vendors *v)
{
    return v->count;
}
