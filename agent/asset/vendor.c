/*
 * Only the prefixes are kept in memory, each with the place of its line: the names take ten times
 * as much, and a site asks for a few of them, once each. A line that has changed since, because a
 * file was written over, is told by its prefix.
 * Prefixes are 24, 28 or 36 bits long; the longest that matches is the holder. Of each line only
 * the second and the third field of the CSV count (RFC 4180: a field in quotes doubles the quotes
 * inside it); a line of another form is passed over.
 */
#define LOG_MODULE "vendor"
#include "agent/asset/vendor.h"

#include "common/log.h"
#include "common/wire/assets.h"
#include "common/wire/text.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BITS_MAX = 36,
    TAIL_BITS = 12,
    ENTRIES_MAX = 1 << 20, /* twenty times what is assigned */
    LINE_SIZE = 1024,
    FILES = 4,
};

static const char *const file_names[FILES] = {"oui.csv", "mam.csv", "oui36.csv", "iab.csv"};

/* A prefix, left in BITS_MAX bits, and where its line stands. */
struct prefix {
    uint32_t head; /* the upper 24 bits */
    uint32_t at;   /* byte in the file */
    uint16_t tail; /* the lower TAIL_BITS */
    uint8_t bits;
    uint8_t file; /* index of file_names */
};

struct vendors {
    struct prefix *prefixes;
    size_t count, room;
    int fds[FILES]; /* -1: not there */
};

static int compare(const void *a, const void *b)
{
    const struct prefix *left = a;
    const struct prefix *right = b;
    if (left->bits != right->bits) {
        return left->bits < right->bits ? -1 : 1;
    }
    if (left->head != right->head) {
        return left->head < right->head ? -1 : 1;
    }
    return (int)left->tail - (int)right->tail;
}

static int set_room(struct vendors *v, size_t room, struct err *e)
{
    struct prefix *moved = realloc(v->prefixes, room * sizeof *moved);
    if (moved == NULL) {
        return err_set(e, ERR_NOMEM, "the vendors of network cards");
    }
    v->prefixes = moved;
    v->room = room;
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

/* The upper bits of a value of BITS_MAX. */
static struct prefix prefix_from(uint64_t value, unsigned bits)
{
    unsigned below = BITS_MAX - bits;
    value = value >> below << below;
    return (struct prefix){
        .head = (uint32_t)(value >> TAIL_BITS),
        .tail = (uint16_t)(value & ((1u << TAIL_BITS) - 1)),
        .bits = (uint8_t)bits,
    };
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
    return prefix_from(strtoull(text, &end, 16) << (BITS_MAX - digits * BITS_PER_DIGIT),
                       (unsigned)(digits * BITS_PER_DIGIT));
}

/* Takes a line apart, in place. The name is "" and there are 0 bits where it has another form. */
static struct prefix line_read(char *line, const char **name)
{
    char *at = line;
    line[strcspn(line, "\r\n")] = '\0';
    (void)field_take(&at); /* the registry: the prefix's length tells it */
    struct prefix p = prefix_of(field_take(&at));
    *name = field_take(&at);
    return p;
}

static int file_read(struct vendors *v, unsigned file, FILE *in, struct err *e)
{
    char line[LINE_SIZE];
    long at = 0;
    while (fgets(line, sizeof line, in) != NULL && v->count < ENTRIES_MAX) {
        const char *name;
        struct prefix p = line_read(line, &name);
        p.at = (uint32_t)at;
        p.file = (uint8_t)file;
        at = ftell(in);
        if (at < 0 || at > UINT32_MAX) {
            return 0; /* the rest of such a file is out of reach */
        }
        if (p.bits == 0 || name[0] == '\0') {
            continue;
        }
        if (v->count == v->room && set_room(v, v->room == 0 ? 4096 : 2 * v->room, e) != 0) {
            return -1;
        }
        v->prefixes[v->count++] = p;
    }
    return 0;
}

static int file_add(struct vendors *v, unsigned file, const char *folder, struct err *e)
{
    char path[512];
    int len = snprintf(path, sizeof path, "%s/%s", folder, file_names[file]);
    FILE *in = len > 0 && len < (int)sizeof path ? fopen(path, "re") : NULL;
    if (in == NULL) {
        log_debug(NULL, "%s is not there", path);
        return 0;
    }
    int result = file_read(v, file, in, e);
    v->fds[file] = fcntl(fileno(in), F_DUPFD_CLOEXEC, 0); /* -1: its names stay unknown */
    (void)fclose(in);                                     /* only read */
    return result;
}

static int files_add(struct vendors *v, const char *folder, struct err *e)
{
    for (unsigned file = 0; file < FILES; file++) {
        if (file_add(v, file, folder, e) != 0) {
            return -1;
        }
    }
    return v->count == 0 ? 0 : set_room(v, v->count, e); /* what growing took too much */
}

struct vendors *vendors_open(const char *folder, struct err *e)
{
    struct vendors *v = calloc(1, sizeof *v);
    if (v == NULL) {
        (void)err_set(e, ERR_NOMEM, "the vendors of network cards");
        return NULL;
    }
    for (unsigned file = 0; file < FILES; file++) {
        v->fds[file] = -1;
    }
    if (files_add(v, folder, e) != 0) {
        vendors_close(v);
        return NULL;
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
        for (unsigned file = 0; file < FILES; file++) {
            if (v->fds[file] >= 0) {
                (void)close(v->fds[file]); /* only read */
            }
        }
        free(v->prefixes);
        free(v);
    }
}

bool mac_is_made_up(const struct mac *mac)
{
    enum { LOCALLY_ADMINISTERED = 0x02 }; /* IEEE 802-2014, section 8.2.2 */
    return (mac->bytes[0] & LOCALLY_ADMINISTERED) != 0;
}

/* The name in the line of a prefix; false when the line is not there any more. */
static bool name_read(const struct vendors *v, const struct prefix *p, char name[ASSET_VENDOR_SIZE])
{
    char line[LINE_SIZE];
    int fd = v->fds[p->file];
    ssize_t got = fd < 0 ? -1 : pread(fd, line, sizeof line - 1, (off_t)p->at);
    if (got <= 0) {
        return false;
    }
    const char *text;
    line[got] = '\0';
    struct prefix now = line_read(line, &text);
    size_t len = strnlen(text, ASSET_VENDOR_SIZE - 1);
    if (compare(&now, p) != 0) {
        return false;
    }
    memcpy(name, text, len);
    name[len] = '\0';
    text_clean(name, len); /* a cut character becomes '?' */
    return true;
}

void vendors_find(const struct vendors *v, const struct mac *mac, char name[ASSET_VENDOR_SIZE])
{
    static const uint8_t lengths[] = {36, 28, 24};
    uint64_t whole = 0;
    name[0] = '\0';
    if (v->count == 0 || mac_is_made_up(mac)) {
        return;
    }
    for (size_t i = 0; i < 5; i++) {
        whole = whole << 8 | mac->bytes[i];
    }
    whole >>= 4; /* 36 of 40 bits */
    for (size_t i = 0; i < sizeof lengths; i++) {
        struct prefix wanted = prefix_from(whole, lengths[i]);
        const struct prefix *found =
            bsearch(&wanted, v->prefixes, v->count, sizeof wanted, compare);
        if (found != NULL && name_read(v, found, name)) {
            return;
        }
    }
}

size_t vendors_count(const struct vendors *v)
{
    return v->count;
}
