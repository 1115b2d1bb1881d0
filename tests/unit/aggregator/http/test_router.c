/* Unit tests of aggregator/http: routes and the query of a URL. */
#include "aggregator/http/query.h"
#include "aggregator/http/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static const struct route table[] = {
    {HTTP_GET, "/api/things", 1, false, NULL},
    {HTTP_POST, "/api/things", 3, true, NULL},
    {HTTP_GET, "/api/things/{name}", 1, false, NULL},
    {HTTP_DELETE, "/api/things/{name}", 3, true, NULL},
    {HTTP_GET, "/api/things/{name}/parts/{part}", 1, false, NULL},
};
enum { ROUTES = sizeof table / sizeof table[0] };

static void a_value_is_a_whole_segment(void **state)
{
    (void)state;
    struct route_match match;
    assert_int_equal(route_find(table, ROUTES, HTTP_GET, "/api/things/a/parts/b c", &match),
                     ROUTE_FOUND);
    assert_ptr_equal(match.route, &table[4]);
    assert_string_equal(match.values.items[0], "a");
    assert_string_equal(match.values.items[1], "b c");
}

static void nothing_but_the_pattern_matches(void **state)
{
    (void)state;
    const char *const others[] = {"",
                                  "/",
                                  "/api/thing",
                                  "/api/thingsx",
                                  "/api/things/",
                                  "/api/things/a/",
                                  "/api/things/a/parts",
                                  "/api/things//parts/b",
                                  "/api/things/a/parts/b/c",
                                  "api/things"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct route_match match;
        assert_int_equal(route_find(table, ROUTES, HTTP_GET, others[i], &match), ROUTE_NO_PATH);
    }
}

static void a_value_that_is_too_long_matches_nothing(void **state)
{
    (void)state;
    char path[ROUTE_VALUE_SIZE + 32];
    int len = snprintf(path, sizeof path, "/api/things/");
    memset(path + len, 'x', ROUTE_VALUE_SIZE);
    path[len + ROUTE_VALUE_SIZE] = '\0';
    struct route_match match;
    assert_int_equal(route_find(table, ROUTES, HTTP_GET, path, &match), ROUTE_NO_PATH);
    path[len + ROUTE_VALUE_SIZE - 1] = '\0';
    assert_int_equal(route_find(table, ROUTES, HTTP_GET, path, &match), ROUTE_FOUND);
}

static void another_method_is_told_which_there_are(void **state)
{
    (void)state;
    struct route_match match;
    assert_int_equal(route_find(table, ROUTES, HTTP_PUT, "/api/things", &match), ROUTE_NO_METHOD);
    assert_string_equal(match.allow, "GET, HEAD, POST");
}

static void head_is_answered_by_get(void **state)
{
    (void)state;
    struct route_match match;
    assert_int_equal(route_find(table, ROUTES, HTTP_HEAD, "/api/things", &match), ROUTE_FOUND);
    assert_ptr_equal(match.route, &table[0]);
}

static int add(struct query_params *params, const char *pair)
{
    return query_params_add(params, pair, strlen(pair), NULL);
}

static void parameters_are_found_by_name(void **state)
{
    (void)state;
    struct query_params params = {0};
    assert_int_equal(add(&params, "a=1"), 0);
    assert_int_equal(add(&params, "b="), 0);
    assert_int_equal(add(&params, "c"), 0);
    assert_int_equal(add(&params, "d=x=y"), 0);
    assert_int_equal(add(&params, ""), 0);
    assert_int_equal((int)params.count, 4);
    assert_string_equal(query_params_get(&params, "a"), "1");
    assert_string_equal(query_params_get(&params, "b"), "");
    assert_string_equal(query_params_get(&params, "c"), "");
    assert_string_equal(query_params_get(&params, "d"), "x=y");
    assert_null(query_params_get(&params, "e"));
}

static void a_name_twice_is_a_fault(void **state)
{
    (void)state;
    struct query_params params = {0};
    assert_int_equal(add(&params, "a=1"), 0);
    assert_int_equal(add(&params, "a=2"), -1);
    assert_string_equal(query_params_get(&params, "a"), "1");
}

static void what_is_no_text_or_too_much_is_a_fault(void **state)
{
    (void)state;
    struct query_params params = {0};
    char large[QUERY_STRING_MAX + 1];
    assert_int_equal(add(&params, "a=\x01"), -1);
    assert_int_equal(query_params_add(&params, "a=\0b", 4, NULL), -1);
    memset(large, 'x', sizeof large);
    assert_int_equal(query_params_add(&params, large, sizeof large, NULL), -1);
    for (int i = 0; i < QUERY_PARAMS_MAX; i++) {
        char pair[8];
        (void)snprintf(pair, sizeof pair, "n%d", i);
        assert_int_equal(add(&params, pair), 0);
    }
    assert_int_equal(add(&params, "more"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_a_whole_segment),
        cmocka_unit_test(nothing_but_the_pattern_matches),
        cmocka_unit_test(a_value_that_is_too_long_matches_nothing),
        cmocka_unit_test(another_method_is_told_which_there_are),
        cmocka_unit_test(head_is_answered_by_get),
        cmocka_unit_test(parameters_are_found_by_name),
        cmocka_unit_test(a_name_twice_is_a_fault),
        cmocka_unit_test(what_is_no_text_or_too_much_is_a_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
