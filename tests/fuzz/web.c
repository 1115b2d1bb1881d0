/*
 * What a browser sends, as any bytes: a query, the texts of headers, a live request, a JSON body.
 * Reading twice gives the same, and nothing read leaves its bounds.
 */
#include "tests/fuzz/fuzz.h"

#include "aggregator/api/args.h"
#include "aggregator/api/cursor.h"
#include "aggregator/api/wish.h"
#include "aggregator/http/query.h"
#include "aggregator/http/router.h"
#include "aggregator/http/text.h"

#include <string.h>

static void check_query(const char *text)
{
    struct query_params params = {0};
    for (size_t len; *text != '\0'; text += len + (text[len] == '&' ? 1 : 0)) {
        len = strcspn(text, "&");
        (void)query_params_add(&params, text, len, NULL); /* a fault leaves the rest as it was */
    }
    FUZZ_CHECK(params.count <= QUERY_PARAMS_MAX && params.used <= sizeof params.text);
    for (size_t i = 0; i < params.count; i++) {
        const char *value = query_params_get(&params, params.items[i].name);
        FUZZ_CHECK(value == params.items[i].value);
        FUZZ_CHECK(text_is_printable(value, strlen(value)));
    }
}

static void check_headers(const char *text)
{
    char value[32];
    if (text_cookie(text, "picket_session", value, sizeof value)) {
        FUZZ_CHECK(strlen(value) < sizeof value && strchr(value, ';') == NULL);
    }
    FUZZ_CHECK(!text_accepts_encoding(text, "br") || strcasestr(text, "br") != NULL);
    FUZZ_CHECK(!text_etag_matches(text, "\"etag\"") || strpbrk(text, "*\"") != NULL);
    FUZZ_CHECK(!text_origin_is(text, "host", true) || strcasecmp(text, "https://host") == 0);
}

static void check_path(const char *text)
{
    struct route_values values;
    if (route_matches("/api/{a}/x/{b}", text, &values)) {
        FUZZ_CHECK(strchr(values.items[0], '/') == NULL && values.items[1][0] != '\0');
    }
}

static void check_cursor(const char *text)
{
    struct cursor_place place;
    struct cursor_place again;
    char buf[CURSOR_TEXT_SIZE];
    if (cursor_parse(text, &place)) {
        FUZZ_CHECK(cursor_parse(cursor_format(&place, buf), &again));
        FUZZ_CHECK(again.at_us == place.at_us && again.id == place.id);
    }
}

static void check_body(char *text, size_t len)
{
    static const char *const known[] = {"user", NULL};
    struct http_request request = {.body = text, .body_len = len};
    struct args args = args_empty();
    json_t *body = args_body(&args, &request, known);
    FUZZ_CHECK((body != NULL) || args.bad);
    if (body != NULL) {
        const char *user = args_member(&args, body, "user", 1, 8);
        FUZZ_CHECK(args.bad || strlen(user) <= 8);
    }
    http_response_free(args_refusal(&args));
    json_decref(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct wish wish;
    char *text = fuzz_text(bytes, len);
    check_query(text);
    check_headers(text);
    check_path(text);
    check_cursor(text);
    check_body(text, len);
    if (wish_read(bytes, len, &wish, NULL) == 0) {
        FUZZ_CHECK(strlen(wish.topic) < sizeof wish.topic);
    }
    free(text);
    return 0;
}
