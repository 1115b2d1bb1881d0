#define LOG_MODULE "geo"
#include "agent/geo/geo.h"

#include "agent/geo/copy.h"
#include "common/log.h"
#include "common/wire/text.h"

#include <arpa/inet.h>
#include <maxminddb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CACHE_SLOTS = 4096,           /* a power of two */
    FILE_MAX = 256 * 1024 * 1024, /* bytes; files of countries or networks have some ten MiB */
};

struct geo_file {
    const char *path;
    MMDB_s db;
    enum geo_state state;
    char why[GEO_WHY_SIZE];
    struct timespec changed; /* of the file that was looked at last */
    ino_t inode;
    off_t size;
};

/* A look-up costs some microseconds, and most flows are those of few hosts. */
struct cached {
    struct addr addr;
    uint8_t family; /* ADDR_NONE: empty */
    struct geo_place place;
};

struct geo {
    struct geo_file country;
    struct geo_file asn;
    struct cached cache[CACHE_SLOTS];
};

const char *geo_state_name(enum geo_state state)
{
    switch (state) {
    case GEO_OFF: return "off";
    case GEO_ABSENT: return "absent";
    case GEO_BAD: return "bad";
    case GEO_LOADED: return "loaded";
    }
    return "off";
}

static void file_close(struct geo_file *f)
{
    if (f->state == GEO_LOADED) {
        MMDB_close(&f->db);
    }
    f->state = GEO_OFF;
    f->why[0] = '\0';
}

/* The library maps what it opens, and takes no descriptor: it gets a copy, by its name in /proc. */
static int open_copy(struct geo_file *f, struct err *e)
{
    char name[32];
    int fd = copy_of(f->path, FILE_MAX, e);
    if (fd < 0) {
        return -1;
    }
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    int result = MMDB_open(name, MMDB_MODE_MMAP, &f->db);
    (void)close(fd); /* the mapping stays */
    return result == MMDB_SUCCESS ? 0 : err_set(e, ERR_PARSE, "%s", MMDB_strerror(result));
}

static void file_load(struct geo_file *f)
{
    struct err e = {0};
    f->state = open_copy(f, &e) == 0 ? GEO_LOADED : GEO_BAD;
    if (f->state == GEO_BAD) {
        (void)snprintf(f->why, sizeof f->why, "%.*s", GEO_WHY_SIZE - 1, e.what); /* cut to fit */
        log_warn(NULL, "%s is not used: %s", f->path, f->why);
        return;
    }
    log_info(NULL, "%s is read: %s", f->path, f->db.metadata.database_type);
}

/* True when there is something else to look up in now. */
static bool file_refresh(struct geo_file *f)
{
    struct stat now = {0};
    enum geo_state before = f->state;
    bool there = f->path[0] != '\0' && stat(f->path, &now) == 0;
    bool same = there && now.st_ino == f->inode && now.st_size == f->size &&
                now.st_mtim.tv_sec == f->changed.tv_sec &&
                now.st_mtim.tv_nsec == f->changed.tv_nsec;
    if (same && before != GEO_ABSENT && before != GEO_OFF) {
        return false;
    }
    file_close(f);
    f->inode = now.st_ino;
    f->size = now.st_size;
    f->changed = now.st_mtim;
    if (!there) {
        f->state = f->path[0] == '\0' ? GEO_OFF : GEO_ABSENT;
        if (before == GEO_LOADED) {
            log_warn(NULL, "%s is gone: new flows go without what it told", f->path);
        }
        return before == GEO_LOADED;
    }
    file_load(f);
    return true;
}

void geo_refresh(struct geo *g)
{
    bool changed = file_refresh(&g->country);
    changed = file_refresh(&g->asn) || changed;
    if (changed) {
        memset(g->cache, 0, sizeof g->cache);
    }
}

struct geo *geo_open(const char *country, const char *asn, struct err *e)
{
    struct geo *g = calloc(1, sizeof *g);
    if (g == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for countries");
        return NULL;
    }
    g->country.path = country;
    g->asn.path = asn;
    geo_refresh(g);
    return g;
}

void geo_set(struct geo *g, const char *country, const char *asn)
{
    file_close(&g->country);
    file_close(&g->asn);
    memset(g->cache, 0, sizeof g->cache);
    g->country.path = country;
    g->asn.path = asn;
    geo_refresh(g);
}

void geo_close(struct geo *g)
{
    if (g != NULL) {
        file_close(&g->country);
        file_close(&g->asn);
        free(g);
    }
}

static struct geo_view view_of(const struct geo_file *f)
{
    struct geo_view view = {.state = f->state, .path = f->path};
    memcpy(view.why, f->why, sizeof view.why);
    if (f->state == GEO_LOADED) {
        (void)snprintf(view.type, sizeof view.type, "%s", f->db.metadata.database_type);
        view.built_s = f->db.metadata.build_epoch;
    }
    return view;
}

struct geo_view geo_country_view(const struct geo *g)
{
    return view_of(&g->country);
}

struct geo_view geo_asn_view(const struct geo *g)
{
    return view_of(&g->asn);
}

/* The entry of an address; false when the file has none. */
static bool look_up(struct geo_file *f, uint8_t family, const struct addr *addr,
                    MMDB_entry_s *entry)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at = {0};
    if (family == ADDR_IPV4) {
        at.v4.sin_family = AF_INET;
        memcpy(&at.v4.sin_addr, addr->bytes, sizeof at.v4.sin_addr);
    } else {
        at.v6.sin6_family = AF_INET6;
        memcpy(&at.v6.sin6_addr, addr->bytes, sizeof at.v6.sin6_addr);
    }
    int fault = MMDB_SUCCESS;
    MMDB_lookup_result_s found = MMDB_lookup_sockaddr(&f->db, &at.any, &fault);
    *entry = found.entry;
    return fault == MMDB_SUCCESS && found.found_entry;
}

/* Copies a text at a path of keys; false when there is none. A longer one is cut. */
static bool text_at(MMDB_entry_s *entry, const char *const *path, char *buf, size_t size)
{
    MMDB_entry_data_s data;
    if (MMDB_aget_value(entry, &data, path) != MMDB_SUCCESS || !data.has_data ||
        data.type != MMDB_DATA_TYPE_UTF8_STRING || data.data_size == 0) {
        return false;
    }
    size_t len = data.data_size < size ? data.data_size : size - 1;
    memset(buf, 0, size);
    memcpy(buf, data.utf8_string, len);
    text_clean(buf, len);
    return true;
}

/* As MaxMind and DB-IP write it, then as others do. */
static const char *const country_paths[][3] = {
    {"country", "iso_code", NULL},
    {"registered_country", "iso_code", NULL}, /* of a network that is nowhere in particular */
    {"country_code", NULL},
    {"country", NULL},
};

static void find_country(struct geo_file *f, uint8_t family, const struct addr *addr,
                         struct geo_place *place)
{
    MMDB_entry_s entry;
    char text[8]; /* more than fits is no code */
    if (f->state != GEO_LOADED || !look_up(f, family, addr, &entry)) {
        return;
    }
    for (size_t i = 0; i < sizeof country_paths / sizeof country_paths[0]; i++) {
        if (text_at(&entry, country_paths[i], text, sizeof text) && strlen(text) == 2) {
            memcpy(place->country, text, sizeof place->country);
            break;
        }
    }
    geo_place_clean(place);
}

/* A number, or "AS64500". */
static uint32_t number_at(MMDB_entry_s *entry)
{
    static const char *const number[] = {"autonomous_system_number", NULL};
    static const char *const word[] = {"asn", NULL};
    MMDB_entry_data_s data;
    char text[16];
    if (MMDB_aget_value(entry, &data, number) == MMDB_SUCCESS && data.has_data &&
        data.type == MMDB_DATA_TYPE_UINT32) {
        return data.uint32;
    }
    bool has_word = text_at(entry, word, text, sizeof text) && strncmp(text, "AS", 2) == 0;
    unsigned long value = has_word ? strtoul(text + 2, NULL, 10) : 0;
    return value > UINT32_MAX ? 0 : (uint32_t)value;
}

static void find_asn(struct geo_file *f, uint8_t family, const struct addr *addr,
                     struct geo_place *place)
{
    static const char *const organisation[] = {"autonomous_system_organization", NULL};
    static const char *const name[] = {"name", NULL};
    MMDB_entry_s entry;
    if (f->state != GEO_LOADED || !look_up(f, family, addr, &entry)) {
        return;
    }
    place->asn = number_at(&entry);
    if (!text_at(&entry, organisation, place->as_org, sizeof place->as_org)) {
        (void)text_at(&entry, name, place->as_org, sizeof place->as_org); /* else it has none */
    }
}

/* FNV-1a; who meets in a slot is looked up again. */
static struct cached *slot_of(struct geo *g, const struct addr *addr)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < sizeof addr->bytes; i++) {
        h = (h ^ addr->bytes[i]) * 16777619u;
    }
    return &g->cache[(h ^ h >> 16) & (CACHE_SLOTS - 1)];
}

void geo_find(struct geo *g, uint8_t family, const struct addr *addr, struct geo_place *place)
{
    struct cached *c = slot_of(g, addr);
    if (c->family != family || !addr_equal(&c->addr, addr)) {
        *c = (struct cached){.addr = *addr, .family = family};
        find_country(&g->country, family, addr, &c->place);
        find_asn(&g->asn, family, addr, &c->place);
    }
    *place = c->place;
}

void geo_mark(struct geo *g, struct flow_record *r)
{
    geo_find(g, r->key.family, &r->key.client, &r->place[SIDE_CLIENT]);
    geo_find(g, r->key.family, &r->key.server, &r->place[SIDE_SERVER]);
}
