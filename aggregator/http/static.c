/* Loading and answering of preloaded files. Each encoding has an ETag of its own (SHA-256). */
#include "aggregator/http/static.h"

#include "aggregator/http/text.h"

#include <dirent.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    FILES_MAX = 1024,
    FILE_BYTES_MAX = 16 * 1024 * 1024,
    DEPTH_MAX = 8,
    PATH_SIZE = 1024,
    ETAG_SIZE = 40,
};

enum encoding { PLAIN, GZIP, BROTLI, ENCODINGS };

static const struct {
    const char *suffix;
    const char *coding; /* as in Content-Encoding */
} encodings[ENCODINGS] = {
    [PLAIN] = {"", NULL},
    [GZIP] = {".gz", "gzip"},
    [BROTLI] = {".br", "br"},
};

struct variant {
    char *bytes; /* NULL: there is no such file */
    size_t len;
    char etag[ETAG_SIZE];
};

struct file {
    char path[ROUTE_PATH_SIZE]; /* as in a URL: "/assets/app.js" */
    struct variant variants[ENCODINGS];
};

struct static_files {
    struct file *items; /* sorted by path */
    size_t count;
    size_t room;
};

const char *static_content_type(const char *path)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".txt", "text/plain; charset=utf-8"},
        {".webmanifest", "application/manifest+json"},
    };
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(dot, types[i].ending) == 0) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}

bool static_is_hashed(const char *path)
{
    enum { HASH_LEN = 8 }; /* what the bundler puts between '-' and the ending */
    const char *dot = strrchr(path, '.');
    if (strncmp(path, "/assets/", 8) != 0 || dot == NULL || dot - path < HASH_LEN + 9) {
        return false;
    }
    const char *hash = dot - HASH_LEN;
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    return hash[-1] == '-' && strspn(hash, alphabet) == HASH_LEN;
}

static char *read_rest(FILE *in, const char *path, size_t *len, struct err *e)
{
    struct stat st;
    if (fstat(fileno(in), &st) != 0) {
        (void)err_set_errno(e, "cannot read %s", path);
        return NULL;
    }
    if (st.st_size > FILE_BYTES_MAX) {
        (void)err_set(e, ERR_FULL, "%s is larger than 16 MiB", path);
        return NULL;
    }
    *len = (size_t)st.st_size;
    char *bytes = malloc(*len + 1);
    if (bytes == NULL || fread(bytes, 1, *len, in) != *len) {
        free(bytes);
        (void)err_set(e, ERR_IO, "cannot read the whole of %s", path);
        return NULL;
    }
    return bytes;
}

static char *read_whole(const char *path, size_t *len, struct err *e)
{
    FILE *in = fopen(path, "re");
    if (in == NULL) {
        (void)err_set_errno(e, "cannot open %s", path);
        return NULL;
    }
    char *bytes = read_rest(in, path, len, e);
    (void)fclose(in); /* only read from */
    return bytes;
}

static void make_etag(struct variant *variant)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    (void)SHA256((const unsigned char *)variant->bytes, variant->len, digest); /* returns digest */
    char *at = variant->etag;
    *at++ = '"';
    for (size_t i = 0; i < 16; i++) { /* 128 bits tell files apart */
        at += snprintf(at, 3, "%02x", digest[i]);
    }
    *at++ = '"';
    *at = '\0';
}

static int load_variant(struct variant *variant, const char *path, struct err *e)
{
    variant->bytes = read_whole(path, &variant->len, e);
    if (variant->bytes == NULL) {
        return -1;
    }
    make_etag(variant);
    return 0;
}

static struct file *new_file(struct static_files *files, struct err *e)
{
    if (files->count == FILES_MAX) {
        (void)err_set(e, ERR_FULL, "more than %d files", FILES_MAX);
        return NULL;
    }
    if (files->count == files->room) {
        size_t room = files->room == 0 ? 64 : files->room * 2;
        struct file *grown = realloc(files->items, room * sizeof *grown);
        if (grown == NULL) {
            (void)err_set(e, ERR_NOMEM, "no memory for the files of the console");
            return NULL;
        }
        files->items = grown;
        files->room = room;
    }
    struct file *file = &files->items[files->count++];
    memset(file, 0, sizeof *file);
    return file;
}

/* path is dir and url, one behind the other; the compressed forms stand beside the plain one. */
static int load_file(struct static_files *files, const char *path, const char *url, struct err *e)
{
    struct file *file = new_file(files, e);
    if (file == NULL) {
        return -1;
    }
    if (snprintf(file->path, sizeof file->path, "%s", url) >= (int)sizeof file->path) {
        return err_set(e, ERR_FULL, "the name %s is too long", url);
    }
    if (load_variant(&file->variants[PLAIN], path, e) != 0) {
        return -1;
    }
    for (enum encoding i = GZIP; i < ENCODINGS; i++) {
        char packed[PATH_SIZE];
        struct stat st;
        if (snprintf(packed, sizeof packed, "%s%s", path, encodings[i].suffix) <
                (int)sizeof packed &&
            stat(packed, &st) == 0 && load_variant(&file->variants[i], packed, e) != 0) {
            return -1;
        }
    }
    return 0;
}

static bool ends_with(const char *name, const char *ending)
{
    size_t len = strlen(name);
    size_t ending_len = strlen(ending);
    return len > ending_len && strcmp(name + len - ending_len, ending) == 0;
}

static bool is_wanted(const char *name)
{
    return name[0] != '.' && !ends_with(name, ".gz") && !ends_with(name, ".br");
}

static int load_dir(struct static_files *files, const char *dir, size_t root_len, unsigned depth,
                    struct err *e);

static int load_entry(struct static_files *files, const char *path, size_t root_len, unsigned depth,
                      struct err *e)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return err_set_errno(e, "cannot read %s", path);
    }
    if (S_ISDIR(st.st_mode)) {
        return depth < DEPTH_MAX ? load_dir(files, path, root_len, depth + 1, e)
                                 : err_set(e, ERR_FULL, "%s lies too deep", path);
    }
    return S_ISREG(st.st_mode) ? load_file(files, path, path + root_len, e) : 0;
}

static int load_dir(struct static_files *files, const char *dir, size_t root_len, unsigned depth,
                    struct err *e)
{
    DIR *handle = opendir(dir);
    if (handle == NULL) {
        return err_set_errno(e, "cannot open the folder %s", dir);
    }
    int result = 0;
    for (const struct dirent *entry; result == 0 && (entry = readdir(handle)) != NULL;) {
        char path[PATH_SIZE];
        if (!is_wanted(entry->d_name)) {
            continue;
        }
        if (snprintf(path, sizeof path, "%s/%s", dir, entry->d_name) >= (int)sizeof path) {
            result = err_set(e, ERR_FULL, "a name in %s is too long", dir);
        } else {
            result = load_entry(files, path, root_len, depth, e);
        }
    }
    (void)closedir(handle); /* only read from */
    return result;
}

static int compare_paths(const void *a, const void *b)
{
    const struct file *left = a;
    const struct file *right = b;
    return strcmp(left->path, right->path);
}

static const struct file *find(const struct static_files *files, const char *path)
{
    size_t low = 0;
    size_t high = files->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(path, files->items[middle].path);
        if (order == 0) {
            return &files->items[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

struct static_files *static_files_load(const char *dir, struct err *e)
{
    struct static_files *files = calloc(1, sizeof *files);
    if (files == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for the files of the console");
        return NULL;
    }
    if (load_dir(files, dir, strlen(dir), 0, e) != 0) {
        (void)err_wrap(e, "the console's files");
        static_files_free(files);
        return NULL;
    }
    if (files->count > 0) {
        qsort(files->items, files->count, sizeof files->items[0], compare_paths);
    }
    return files;
}

void static_files_free(struct static_files *files)
{
    if (files == NULL) {
        return;
    }
    for (size_t i = 0; i < files->count; i++) {
        for (enum encoding j = PLAIN; j < ENCODINGS; j++) {
            free(files->items[i].variants[j].bytes);
        }
    }
    free(files->items);
    free(files);
}

/* The smallest form that the client can read. */
static enum encoding choose(const struct file *file, const char *accept_encoding)
{
    for (enum encoding i = BROTLI; i > PLAIN; i--) {
        if (file->variants[i].bytes != NULL &&
            text_accepts_encoding(accept_encoding, encodings[i].coding)) {
            return i;
        }
    }
    return PLAIN;
}

/* A path whose last segment has a dot names a file; anything else is a page of the console. */
static bool looks_like_page(const char *path)
{
    const char *last = strrchr(path, '/');
    return last != NULL && strchr(last, '.') == NULL;
}

struct http_response *static_files_answer(const struct static_files *files,
                                          const struct http_request *request)
{
    const struct file *file = find(files, request->path);
    if (file == NULL && looks_like_page(request->path)) {
        file = find(files, "/index.html");
    }
    if (file == NULL) {
        return NULL;
    }
    enum encoding encoding = choose(file, request->accept_encoding);
    const struct variant *variant = &file->variants[encoding];
    bool known = text_etag_matches(request->if_none_match, variant->etag);
    struct http_response *response = http_response_new(known ? 304 : 200);
    http_response_header(response, "etag:", variant->etag);
    http_response_header(response, "vary:", "accept-encoding");
    http_response_header(response, "cache-control:",
                         static_is_hashed(file->path) ? "public, max-age=31536000, immutable"
                                                      : "no-cache");
    if (!known) {
        http_response_header(response, "content-type:", static_content_type(file->path));
        if (encodings[encoding].coding != NULL) {
            http_response_header(response, "content-encoding:", encodings[encoding].coding);
        }
        http_response_borrow(response, variant->bytes, variant->len);
    }
    return response;
}
