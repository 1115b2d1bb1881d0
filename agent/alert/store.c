#include "agent/alert/store.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    STORE_VERSION = 1,
    STORE_BYTES_MAX = 8 * 1024 * 1024, /* ALERTS_MAX alerts of the longest texts fit */
};

static json_t *state_to_json(const struct alert_state *s)
{
    return json_pack("{s:i, s:i, s:s, s:s, s:I, s:I, s:s}", "kind", (int)s->key.kind, "entity",
                     (int)s->key.entity, "id", s->key.entity_id, "key", s->key.key, "since_ns",
                     (json_int_t)s->since_ns, "count", (json_int_t)s->count, "detail", s->detail);
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

static int write_whole(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return -1;
        }
        text += n;
        len -= (size_t)n;
    }
    return fsync(fd);
}

/* The rename itself is on disk only once its folder is. */
static int sync_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    (void)snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1,
                   slash == NULL ? "." : path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    int result = fsync(fd);
    (void)close(fd); /* nothing was written through it */
    return result;
}

static int replace(const char *path, const char *text, struct err *e)
{
    char temporary[PATH_MAX];
    int len = snprintf(temporary, sizeof temporary, "%s.new", path);
    if (len < 0 || (size_t)len >= sizeof temporary) {
        return err_set(e, ERR_ARG, "%s: the path is too long", path);
    }
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_set_errno(e, "%s: cannot be made", temporary);
    }
    int written = write_whole(fd, text, strlen(text));
    if (close(fd) != 0 || written != 0) {
        return err_set_errno(e, "%s: cannot be written", temporary);
    }
    if (rename(temporary, path) != 0 || sync_folder(path) != 0) {
        return err_set_errno(e, "%s: cannot be replaced", path);
    }
    return 0;
}

int alert_store_save(const char *path, struct table *states, struct err *e)
{
    char *text = states_to_text(states, e);
    if (text == NULL) {
        return -1;
    }
    int result = replace(path, text, e);
    free(text);
    return result;
}

/* Checks one entry and puts it into the table. */
static int state_from_json(struct table *states, json_t *json, uint64_t now_ns, struct err *e)
{
    int kind = 0;
    int entity = 0;
    const char *id = NULL;
    const char *key_text = NULL;
    const char *detail = NULL;
    json_int_t since_ns = 0;
    json_int_t count = 0;
    if (json_unpack(json, "{s:i, s:i, s:s, s:s, s:I, s:I, s:s}", "kind", &kind, "entity", &entity,
                    "id", &id, "key", &key_text, "since_ns", &since_ns, "count", &count, "detail",
                    &detail) != 0 ||
        kind <= 0 || kind > UINT16_MAX || entity < ENTITY_FLOW || entity > ENTITY_CENTRE ||
        since_ns < 0 || count < 0 || count > UINT32_MAX) {
        return err_set(e, ERR_PARSE, "an alert with a member missing or wrong");
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
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return errno == ENOENT ? 0 : err_set_errno(e, "%s: cannot be opened", path);
    }
    char *text = malloc(STORE_BYTES_MAX);
    size_t len = text == NULL ? 0 : fread(text, 1, STORE_BYTES_MAX, file);
    int result = 0;
    if (text == NULL || ferror(file) != 0 || len == STORE_BYTES_MAX) {
        result = err_set(e, ERR_IO, "%s: cannot be read whole", path);
    } else if (states_from_text(states, text, len, now_ns, e) != 0) {
        result = err_wrap(e, "%s", path);
    }
    free(text);
    (void)fclose(file); /* only read */
    return result;
}
