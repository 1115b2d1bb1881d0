/*
 * The state file: a first line with the form and the time of the very first start, then one line
 * an asset, which is its record of the wire. Replaced as a whole. Assets not yet judged new are
 * left out, so that one is told as new even when we end before we could.
 */
#include "agent/asset/asset_inner.h"
#include "agent/asset/services.h"
#include "common/file.h"
#include "common/wire/fields.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    STORE_VERSION = 1,
    HEAD_MAX = 256,
    FILE_MAX = 512 * 1024 * 1024, /* the largest table of the longest records */
    SPREAD_S = ASSET_REFRESH_S,   /* known assets are published over this time after a start */
};

static int write_all(struct assets *a, FILE *out)
{
    char line[ASSET_PACKED_MAX];
    size_t at = 0;
    (void)fprintf(out, "{\"v\":%d,\"since_ns\":%" PRIu64 "}\n", STORE_VERSION, a->since_ns);
    for (const struct asset *asset = table_next(a->table, &at); asset != NULL;
         asset = table_next(a->table, &at)) {
        size_t len = asset->fresh ? 0 : wire_asset_pack(&asset->known, line, sizeof line);
        if (len > 0) {
            (void)fwrite(line, 1, len, out);
            (void)fputc('\n', out); /* a failure stays in the stream */
        }
    }
    return ferror(out) != 0 ? -1 : 0;
}

int assets_save(struct assets *a, uint64_t now_ns, struct err *e)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    a->saved_ns = now_ns; /* also of a failure: not tried again at once */
    int result = out == NULL ? -1 : write_all(a, out);
    if (out == NULL || fclose(out) != 0 || result != 0) {
        free(text);
        return err_set(e, ERR_NOMEM, "the assets as text");
    }
    a->unsaved = a->urgent = false;
    a->options.sink.save(text, len, a->options.sink.arg);
    return 0;
}

void assets_unsaved(struct assets *a)
{
    a->unsaved = true;
}

static int read_head(struct assets *a, const char *line, size_t len, struct err *e)
{
    json_t *root = fields_parse(line, len, HEAD_MAX, e);
    if (root == NULL) {
        return -1;
    }
    struct fields f = fields_of(root, e);
    uint64_t version = fields_u64(&f, "v", UINT16_MAX);
    a->since_ns = fields_u64(&f, "since_ns", INT64_MAX);
    json_decref(root);
    if (!f.bad && version != STORE_VERSION) {
        return err_set(e, ERR_PARSE, "form %" PRIu64 " instead of %d", version, STORE_VERSION);
    }
    return f.bad ? -1 : 0;
}

/* Known ones come back as they were told; only changes that were not told make one dirty. */
static int read_asset(struct assets *a, const char *line, size_t len, uint64_t now_ns,
                      struct err *e)
{
    struct wire_asset known;
    if (wire_asset_unpack(line, len, &known, e) != 0) {
        return -1;
    }
    struct host_key key = {.addr = known.addr, .vlan = known.vlan, .family = known.family};
    bool made = false;
    struct asset *asset = table_put(a->table, &key, &made);
    if (asset == NULL) {
        a->refused++; /* assets.max was made smaller */
        return 0;
    }
    asset->known = known;
    asset->dirty = known.change_count > 0;
    asset->gone_ns = known.since_ns; /* as far as it is missing */
    asset->up_ns = known.online ? known.since_ns : 0;
    uint64_t spread_ns = table_count(a->table) % SPREAD_S * 1000000000u;
    asset->told_ns = now_ns > spread_ns ? now_ns - spread_ns : now_ns;
    memset(asset->service_flows, UINT8_MAX, sizeof asset->service_flows); /* used before */
    return 0;
}

static int read_all(struct assets *a, const char *text, size_t len, uint64_t now_ns, struct err *e)
{
    const char *end = text + len;
    unsigned number = 0;
    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t line = (size_t)((stop == NULL ? end : stop) - text);
        number++;
        int result =
            number == 1 ? read_head(a, text, line, e) : read_asset(a, text, line, now_ns, e);
        if (result != 0) {
            return err_wrap(e, "line %u", number);
        }
        text += line + 1;
    }
    return number > 0 ? 0 : err_set(e, ERR_PARSE, "an empty file");
}

int assets_load(struct assets *a, uint64_t now_ns, struct err *e)
{
    if (access(a->options.path, F_OK) != 0 && errno == ENOENT) {
        return 0;
    }
    size_t len = 0;
    char *text = file_read(a->options.path, FILE_MAX, &len, e);
    if (text == NULL) {
        return -1;
    }
    int result = read_all(a, text, len, now_ns, e);
    free(text);
    return result == 0 ? 0 : err_wrap(e, "%s", a->options.path);
}
