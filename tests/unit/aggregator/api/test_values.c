/* Unit tests of the pure parts of aggregator/api: parameters, cursors, topics, wishes, shapes. */
#include "aggregator/api/app_names.h"
#include "aggregator/api/args.h"
#include "aggregator/api/cursor.h"
#include "aggregator/api/mirror.h"
#include "aggregator/api/range.h"
#include "aggregator/api/shape.h"
#include "aggregator/api/topic.h"
#include "aggregator/api/wish.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct http_request *request_with(const char *const *pairs)
{
    struct http_request *request = calloc(1, sizeof *request);
    assert_non_null(request);
    for (; *pairs != NULL; pairs++) {
        assert_int_equal(query_params_add(&request->query, *pairs, strlen(*pairs), NULL), 0);
    }
    return request;
}

static const char *const known[] = {"n", "flag", "word", "text", "from_ms", "to_ms", NULL};

static void numbers_words_and_texts_are_read(void **state)
{
    (void)state;
    static const char *const words[] = {"first", "second", NULL};
    const char *const pairs[] = {"n=12", "flag=true", "word=second", "text=x", NULL};
    struct http_request *request = request_with(pairs);
    struct args args = args_of(request, known);
    assert_int_equal(args_int(&args, "n", 1, 100, 5), 12);
    assert_int_equal(args_int(&args, "to_ms", 1, 100, 5), 5);
    assert_true(args_bool(&args, "flag", false));
    assert_int_equal(args_word(&args, "word", words), 1);
    assert_string_equal(args_text(&args, "text", 1), "x");
    assert_false(args.bad);
    http_request_free(request);
}

static struct config_fault names_fault(const char *body)
{
    struct config_fault fault = {0};
    json_t *json = json_loads(body, 0, NULL);
    assert_non_null(json);
    app_names_check(json, &fault);
    json_decref(json);
    return fault;
}

static void an_application_that_agents_do_not_know_is_refused_with_what_is_near(void **state)
{
    (void)state;
    assert_false(names_fault("{\"apps\":[\"TLS\",\"youtube\"],\"categories\":[\"web\"]}").bad);
    assert_false(names_fault("{\"host\":\"192.0.2.1\"}").bad);
    struct config_fault fault = names_fault("{\"apps\":[\"TLS\",\"Facebok\"]}");
    assert_true(fault.bad);
    assert_string_equal(fault.field, "apps[1]");
    assert_non_null(strstr(fault.message, "\"Facebok\""));
    assert_non_null(strstr(fault.hint, "Near are: Facebook"));
    fault = names_fault("{\"categories_denied\":[\"Social\"]}");
    assert_string_equal(fault.field, "categories_denied[0]");
    assert_non_null(strstr(fault.hint, "SocialNetwork"));
    fault = names_fault("{\"apps_denied\":[\"qqqqqqqqqqqq\"]}");
    assert_null(strstr(fault.hint, "Near"));
}

static void a_fault_names_its_field(void **state)
{
    (void)state;
    static const struct {
        const char *pair, *field;
    } cases[] = {{"n=0", "n"},
                 {"n=101", "n"},
                 {"n=1x", "n"},
                 {"n= 1", "n"},
                 {"n=", "n"},
                 {"other=1", "other"},
                 {"flag=yes", "flag"},
                 {"n=99999999999999999999", "n"},
                 {"text=toolong", "text"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const pairs[] = {cases[i].pair, NULL};
        struct http_request *request = request_with(pairs);
        struct args args = args_of(request, known);
        (void)args_int(&args, "n", 1, 100, 5);
        (void)args_bool(&args, "flag", false);
        (void)args_text(&args, "text", 3);
        assert_true(args.bad);
        assert_string_equal(args.field, cases[i].field);
        struct http_response *response = args_refusal(&args);
        assert_int_equal(response->status, 400);
        http_response_free(response);
        http_request_free(request);
    }
}

static struct args read_body(const char *text, char *name, size_t size)
{
    static const char *const members[] = {"name", NULL};
    struct http_request request = {0};
    char body[128];
    (void)snprintf(body, sizeof body, "%s", text);
    request.body = body;
    request.body_len = strlen(body);
    struct args args = args_empty();
    json_t *object = args_body(&args, &request, members);
    if (object != NULL) {
        (void)snprintf(name, size, "%s", args_member(&args, object, "name", 2, 4));
    }
    json_decref(object);
    return args;
}

static void a_body_is_an_object_with_known_members_only(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "[]",
                                      "{",
                                      "{\"name\":1}",
                                      "{}",
                                      "{\"name\":\"a\"}",
                                      "{\"name\":\"abcde\"}",
                                      "{\"name\":\"abc\",\"more\":1}",
                                      "{\"name\":\"a\\u0000b\"}"};
    char name[16] = "";
    assert_false(read_body("{\"name\":\"abc\"}", name, sizeof name).bad);
    assert_string_equal(name, "abc");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_true(read_body(bad[i], name, sizeof name).bad);
    }
}

static void a_range_is_an_hour_unless_told(void **state)
{
    (void)state;
    enum { HOUR = 3600 * 1000 };
    const char *const none[] = {NULL};
    const char *const backwards[] = {"from_ms=20", "to_ms=10", NULL};
    struct http_request *request = request_with(none);
    struct args args = args_of(request, known);
    struct range range = range_read(&args, 2 * HOUR);
    assert_int_equal(range.to_ms - range.from_ms, HOUR);
    http_request_free(request);
    request = request_with(backwards);
    args = args_of(request, known);
    (void)range_read(&args, 2 * HOUR);
    assert_string_equal(args.field, "from_ms");
    http_request_free(request);
}

static void a_cursor_reads_back_and_nothing_else_does(void **state)
{
    (void)state;
    static const char *const others[] = {
        "", ".", "1", "1.", ".1", "1.2.3", "x.1", "1.x", "-1.2", "1 .2", "99999999999999999999.1"};
    const struct cursor_place place = {1795499496079123, 42};
    struct cursor_place again;
    char text[CURSOR_TEXT_SIZE];
    assert_true(cursor_parse(cursor_format(&place, text), &again));
    assert_int_equal(again.at_us, place.at_us);
    assert_int_equal(again.id, place.id);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(cursor_parse(others[i], &again));
    }
}

static void a_topic_keeps_its_newest_deltas(void **state)
{
    (void)state;
    struct topic topic;
    topic_init(&topic, "fleet", 1000);
    assert_true(topic_can_follow(&topic, 1000));
    assert_false(topic_can_follow(&topic, 999));
    assert_false(topic_can_follow(&topic, 1001));
    for (int i = 0; i < TOPIC_DELTAS + 10; i++) {
        topic_delta(&topic, json_pack("{s:i}", "i", i), 5);
    }
    assert_int_equal(topic.n, 1000 + TOPIC_DELTAS + 10);
    assert_true(topic_can_follow(&topic, 1010));
    assert_false(topic_can_follow(&topic, 1009));
    assert_null(topic_at(&topic, 1010));
    static const char expected[] =
        "{\"t\":\"delta\",\"topic\":\"fleet\",\"n\":1011,\"at_ms\":5,\"data\":{\"i\":10}}";
    const struct http_frame *oldest = topic_at(&topic, 1011);
    assert_int_equal(oldest->len, sizeof expected - 1);
    assert_memory_equal(oldest->text, expected, sizeof expected - 1);
    topic_done(&topic);
}

static void a_skipped_number_asks_for_a_snapshot(void **state)
{
    (void)state;
    struct topic topic;
    topic_init(&topic, "fleet", 1000);
    topic_delta(&topic, json_object(), 5);
    topic_skip(&topic);
    topic_delta(&topic, json_object(), 5);
    assert_int_equal(topic.n, 1003);
    assert_false(topic_can_follow(&topic, 1001));
    assert_true(topic_can_follow(&topic, 1002));
    topic_done(&topic);
}

static void large_deltas_are_kept_within_bounds(void **state)
{
    (void)state;
    enum { LARGE = 1024 * 1024 };
    struct topic topic;
    char *text = malloc(LARGE + 1);
    assert_non_null(text);
    memset(text, 'x', LARGE);
    text[LARGE] = '\0';
    topic_init(&topic, "fleet", 1);
    for (int i = 0; i < 8; i++) {
        topic_delta(&topic, json_pack("{s:s}", "x", text), 5);
        assert_true(topic.bytes <= TOPIC_BYTES_MAX);
    }
    assert_true(topic.count >= 3);
    topic_done(&topic);
    free(text);
}

static int read_wish(const char *text, struct wish *wish)
{
    return wish_read(text, strlen(text), wish, NULL);
}

static void a_wish_is_sub_or_unsub_of_a_topic(void **state)
{
    (void)state;
    static const char *const others[] = {"",
                                         "{}",
                                         "[1]",
                                         "{\"op\":\"sub\"}",
                                         "{\"op\":\"pub\",\"topic\":\"fleet\"}",
                                         "{\"op\":\"sub\",\"topic\":1}",
                                         "{\"op\":\"sub\",\"topic\":\"fleet\",\"x\":1}",
                                         "{\"op\":\"sub\",\"topic\":\"fleet\",\"since\":-1}"};
    struct wish wish;
    assert_int_equal(read_wish("{\"op\":\"sub\",\"topic\":\"instance/a\",\"since\":7}", &wish), 0);
    assert_true(wish.subscribes);
    assert_string_equal(wish.topic, "instance/a");
    assert_int_equal(wish.since, 7);
    assert_int_equal(read_wish("{\"op\":\"unsub\",\"topic\":\"fleet\"}", &wish), 0);
    assert_false(wish.subscribes);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(read_wish(others[i], &wish), -1);
    }
}

static struct instance_view *view_of(const char *name, enum presence_state state)
{
    struct instance_view *view = calloc(1, sizeof *view);
    assert_non_null(view);
    *view = (struct instance_view){.id = 1,
                                   .state = state,
                                   .has_beat = true,
                                   .answering = state == PRESENCE_UP,
                                   .throughput_bps = 100,
                                   .spark_count = 2,
                                   .spark_bps = {SPARK_NONE, 7}};
    (void)snprintf(view->name, sizeof view->name, "%s", name);
    return view;
}

static void before_the_first_heartbeat_figures_are_null(void **state)
{
    (void)state;
    struct instance_view *view = view_of("a", PRESENCE_INVITED);
    view->has_beat = false;
    json_t *row = shape_instance(view);
    static const char *const unknown[] = {"throughput_bps", "drops",     "drops_by", "cpu_ratio",
                                          "last_seen_ms",   "outage_ms", "cause",    "version"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_true(json_is_null(json_object_get(row, unknown[i])));
    }
    const json_t *spark = json_object_get(row, "spark_bps");
    assert_true(json_is_null(json_array_get(spark, 0)));
    assert_int_equal(json_integer_value(json_array_get(spark, 1)), 7);
    json_decref(row);
    free(view);
}

static json_int_t number(const json_t *object, const char *outer, const char *inner)
{
    return json_integer_value(json_object_get(json_object_get(object, outer), inner));
}

static void totals_sum_those_that_answer(void **state)
{
    (void)state;
    struct mirror mirror;
    assert_int_equal(mirror_open(&mirror, NULL), 0);
    mirror_put(&mirror, view_of("a", PRESENCE_UP));
    mirror_put(&mirror, view_of("b", PRESENCE_UP));
    mirror_put(&mirror, view_of("c", PRESENCE_UNREACHABLE));
    json_t *all = mirror_all(&mirror);
    assert_int_equal(number(all, "totals", "throughput_bps"), 200);
    assert_int_equal(number(all, "totals", "instances"), 3);
    const json_t *states = json_object_get(json_object_get(all, "totals"), "by_state");
    assert_int_equal(json_integer_value(json_object_get(states, "up")), 2);
    assert_int_equal(json_integer_value(json_object_get(states, "unreachable")), 1);
    json_decref(all);
    mirror_close(&mirror);
}

static struct instance_view *with_spark(uint64_t bps, unsigned points, uint64_t first)
{
    struct instance_view *view = view_of("a", PRESENCE_UP);
    view->throughput_bps = bps;
    view->spark_count = points;
    for (unsigned i = 0; i < points; i++) {
        view->spark_bps[i] = first + i;
    }
    return view;
}

static void figures_are_told_alone(void **state)
{
    (void)state;
    struct instance_view *before = with_spark(100, SPARK_POINTS, 1);
    struct instance_view *now = with_spark(300, SPARK_POINTS, 3);
    json_t *row = shape_figures(before, now);
    assert_int_equal(json_object_size(row), 3); /* the id and what changed */
    assert_int_equal(json_integer_value(json_object_get(row, "throughput_bps")), 300);
    const json_t *added = json_object_get(row, "spark_add");
    assert_int_equal(json_array_size(added), 2);
    assert_int_equal(json_integer_value(json_array_get(added, 1)), SPARK_POINTS + 2);
    json_decref(row);
    now->spark_bps[5] = 0; /* another line altogether */
    row = shape_figures(before, now);
    assert_int_equal(json_array_size(json_object_get(row, "spark_bps")), SPARK_POINTS);
    json_decref(row);
    now->state = PRESENCE_SUSPECT;
    assert_null(shape_figures(before, now));
    free(before);
    free(now);
}

static void changes_are_told_once(void **state)
{
    (void)state;
    struct mirror mirror;
    assert_int_equal(mirror_open(&mirror, NULL), 0);
    mirror_put(&mirror, view_of("a", PRESENCE_UP));
    mirror_put(&mirror, view_of("b", PRESENCE_UP));
    mirror_skip(&mirror);
    struct instance_view *a = view_of("a", PRESENCE_UP);
    a->throughput_bps = 300;
    mirror_put(&mirror, a);
    assert_true(mirror.changed);
    assert_false(mirror.urgent);
    mirror_put(&mirror, view_of("b", PRESENCE_UNREACHABLE));
    assert_true(mirror.urgent);
    mirror_remove(&mirror, "a");
    json_t *changes = mirror_changes(&mirror);
    assert_int_equal(json_array_size(json_object_get(changes, "instances")), 1);
    assert_int_equal(json_array_size(json_object_get(changes, "gone")), 1);
    json_decref(changes);
    changes = mirror_changes(&mirror);
    assert_int_equal(json_array_size(json_object_get(changes, "instances")), 0);
    assert_int_equal(json_array_size(json_object_get(changes, "gone")), 0);
    json_decref(changes);
    assert_null(mirror_find(&mirror, "a"));
    mirror_close(&mirror);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_words_and_texts_are_read),
        cmocka_unit_test(an_application_that_agents_do_not_know_is_refused_with_what_is_near),
        cmocka_unit_test(a_fault_names_its_field),
        cmocka_unit_test(a_body_is_an_object_with_known_members_only),
        cmocka_unit_test(a_range_is_an_hour_unless_told),
        cmocka_unit_test(a_cursor_reads_back_and_nothing_else_does),
        cmocka_unit_test(a_topic_keeps_its_newest_deltas),
        cmocka_unit_test(a_skipped_number_asks_for_a_snapshot),
        cmocka_unit_test(large_deltas_are_kept_within_bounds),
        cmocka_unit_test(a_wish_is_sub_or_unsub_of_a_topic),
        cmocka_unit_test(before_the_first_heartbeat_figures_are_null),
        cmocka_unit_test(totals_sum_those_that_answer),
        cmocka_unit_test(figures_are_told_alone),
        cmocka_unit_test(changes_are_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
