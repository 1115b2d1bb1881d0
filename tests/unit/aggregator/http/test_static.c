/* Unit tests of aggregator/http/static, on a folder that looks like the built console. */
#include "aggregator/http/static.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const names[] = {"index.html",
                                    "index.html.br",
                                    "assets/app-D3adB33f.js",
                                    "assets/app-D3adB33f.js.br",
                                    "assets/app-D3adB33f.js.gz",
                                    "robots.txt",
                                    ".hidden"};

struct folder {
    char path[64];
    struct static_files *files;
};

static void path_of(const struct folder *folder, const char *name, char *buf, size_t size)
{
    assert_true(snprintf(buf, size, "%s/%s", folder->path, name) < (int)size);
}

/* Each file holds its own name. */
static int set_up(void **state)
{
    struct folder *folder = calloc(1, sizeof *folder);
    char path[256];
    assert_non_null(folder);
    (void)snprintf(folder->path, sizeof folder->path, "/tmp/picket-static-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    path_of(folder, "assets", path, sizeof path);
    assert_int_equal(mkdir(path, 0700), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        path_of(folder, names[i], path, sizeof path);
        FILE *out = fopen(path, "w");
        assert_non_null(out);
        assert_true(fputs(names[i], out) >= 0);
        assert_int_equal(fclose(out), 0);
    }
    folder->files = static_files_load(folder->path, NULL);
    assert_non_null(folder->files);
    *state = folder;
    return 0;
}

static int tear_down(void **state)
{
    struct folder *folder = *state;
    char path[256];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        path_of(folder, names[i], path, sizeof path);
        (void)unlink(path);
    }
    path_of(folder, "assets", path, sizeof path);
    (void)rmdir(path);
    (void)rmdir(folder->path);
    static_files_free(folder->files);
    free(folder);
    return 0;
}

static struct http_response *get(const struct folder *folder, const char *path,
                                 const char *encodings, const char *etag)
{
    struct http_request request = {.method = HTTP_GET};
    (void)snprintf(request.path, sizeof request.path, "%s", path);
    (void)snprintf(request.accept_encoding, sizeof request.accept_encoding, "%s", encodings);
    (void)snprintf(request.if_none_match, sizeof request.if_none_match, "%s", etag);
    return static_files_answer(folder->files, &request);
}

static const char *header(const struct http_response *response, const char *name)
{
    for (size_t i = 0; i < response->header_count; i++) {
        if (strcmp(response->headers[i].name, name) == 0) {
            return response->headers[i].value;
        }
    }
    return "";
}

static void expect_body(const struct http_response *response, const char *body)
{
    assert_non_null(response);
    assert_int_equal(response->body_len, strlen(body));
    assert_memory_equal(response->body, body, strlen(body));
}

static void the_smallest_accepted_form_is_given(void **state)
{
    static const struct {
        const char *encodings, *coding, *body;
    } cases[] = {{"gzip, br", "br", "assets/app-D3adB33f.js.br"},
                 {"gzip", "gzip", "assets/app-D3adB33f.js.gz"},
                 {"", "", "assets/app-D3adB33f.js"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_response *response =
            get(*state, "/assets/app-D3adB33f.js", cases[i].encodings, "");
        expect_body(response, cases[i].body);
        assert_string_equal(header(response, "content-encoding:"), cases[i].coding);
        assert_string_equal(header(response, "vary:"), "accept-encoding");
        assert_string_equal(header(response, "content-type:"), "text/javascript; charset=utf-8");
        http_response_free(response);
    }
}

static void each_form_has_an_etag_of_its_own_that_gives_304(void **state)
{
    char etag[RESPONSE_VALUE_SIZE];
    struct http_response *plain = get(*state, "/index.html", "", "");
    struct http_response *packed = get(*state, "/index.html", "br", "");
    (void)snprintf(etag, sizeof etag, "%s", header(plain, "etag:"));
    assert_string_not_equal(etag, header(packed, "etag:"));
    http_response_free(plain);
    http_response_free(packed);
    struct http_response *known = get(*state, "/index.html", "", etag);
    assert_int_equal(known->status, 304);
    assert_null(known->body);
    http_response_free(known);
    struct http_response *other = get(*state, "/index.html", "br", etag);
    assert_int_equal(other->status, 200);
    http_response_free(other);
}

static void only_hashed_names_are_immutable(void **state)
{
    struct http_response *hashed = get(*state, "/assets/app-D3adB33f.js", "", "");
    struct http_response *page = get(*state, "/index.html", "", "");
    assert_non_null(strstr(header(hashed, "cache-control:"), "immutable"));
    assert_string_equal(header(page, "cache-control:"), "no-cache");
    http_response_free(hashed);
    http_response_free(page);
    assert_false(static_is_hashed("/assets/app.js"));
    assert_false(static_is_hashed("/app-D3adB33f.js"));
    assert_false(static_is_hashed("/assets/x.js"));
}

static void a_page_of_the_console_is_the_page_and_a_missing_file_is_none(void **state)
{
    struct http_response *deep = get(*state, "/instances/pisa-1", "", "");
    expect_body(deep, "index.html");
    http_response_free(deep);
    assert_null(get(*state, "/missing.js", "", ""));
    assert_null(get(*state, "/.hidden", "", ""));
    assert_null(get(*state, "/index.html.br", "", ""));
    assert_null(get(*state, "/../etc/passwd.txt", "", ""));
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    struct err e = {0};
    assert_null(static_files_load("/tmp/picket-not-there", &e));
    assert_non_null(strstr(e.what, "/tmp/picket-not-there"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_accepted_form_is_given),
        cmocka_unit_test(each_form_has_an_etag_of_its_own_that_gives_304),
        cmocka_unit_test(only_hashed_names_are_immutable),
        cmocka_unit_test(a_page_of_the_console_is_the_page_and_a_missing_file_is_none),
        cmocka_unit_test(a_folder_that_is_not_there_is_an_error),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
