/* The JSON messages and the subjects: round trips and refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/delivery.h"
#include "common/wire/heartbeat.h"
#include "common/wire/query.h"
#include "common/wire/subjects.h"

static struct heartbeat a_heartbeat(void)
{
    return (struct heartbeat){.number = 7,
                              .boot = "0123456789abcdef",
                              .wall_ns = 1790000000000000000,
                              .uptime_s = 3600,
                              .reasons = REASON_DROPS | REASON_NO_PACKETS,
                              .bps = 1000,
                              .pps = 2000,
                              .hosts = 30,
                              .flows = 40,
                              .engaged = 5,
                              .flow_alerts = 6,
                              .config_revision = 8,
                              .denied = 9,
                              .drops = {1, 2, 3, 4, 5, 6, 7, 8},
                              .spool_bytes = 11,
                              .spool_age_s = 12,
                              .rss_bytes = 13,
                              .cpu_permille = 14};
}

static void a_heartbeat_comes_back_as_it_was(void **state)
{
    (void)state;
    static const enum heartbeat_form forms[] = {HEARTBEAT_JSON, HEARTBEAT_PACKED};
    for (size_t i = 0; i < 2; i++) {
        struct err e = {0};
        char buf[HEARTBEAT_MAX];
        struct heartbeat in = a_heartbeat(), out = {0};
        size_t len = heartbeat_pack(&in, forms[i], buf, sizeof buf);
        assert_true(len > 0);
        assert_int_equal(heartbeat_unpack(buf, len, &out, &e), 0);
        assert_string_equal(out.boot, in.boot);
        assert_memory_equal(&out.drops, &in.drops, sizeof in.drops);
        char again[HEARTBEAT_MAX];
        assert_int_equal(heartbeat_pack(&out, forms[i], again, sizeof again), len);
        assert_memory_equal(again, buf, len);
    }
}

static void a_packed_heartbeat_may_grow_but_not_be_cut(void **state)
{
    (void)state;
    char buf[HEARTBEAT_MAX] = "";
    struct heartbeat in = a_heartbeat(), out;
    size_t len = heartbeat_pack(&in, HEARTBEAT_PACKED, buf, sizeof buf);
    for (size_t cut = 1; cut < len; cut++) {
        struct err e = {0};
        assert_int_equal(heartbeat_unpack(buf, cut, &out, &e), -1);
        assert_string_not_equal(e.what, "");
    }
    assert_int_equal(heartbeat_unpack(buf, len + 8, &out, NULL), 0); /* of a newer agent */
    assert_int_equal(out.rss_bytes, in.rss_bytes);
    in.bps = UINT64_MAX;
    len = heartbeat_pack(&in, HEARTBEAT_PACKED, buf, sizeof buf);
    assert_int_equal(heartbeat_unpack(buf, len, &out, NULL), -1);
}

static void a_usual_heartbeat_is_at_most_512_bytes(void **state)
{
    (void)state;
    char buf[HEARTBEAT_MAX];
    struct heartbeat h = a_heartbeat();
    h.bps = 9999999999;
    h.rss_bytes = 999999999;
    h.spool_bytes = 999999999;
    assert_in_range(heartbeat_pack(&h, HEARTBEAT_JSON, buf, sizeof buf), 1, 512);
    assert_in_range(heartbeat_pack(&h, HEARTBEAT_PACKED, buf, sizeof buf), 1, 256);
}

static void a_reason_that_is_not_known_is_passed_over(void **state)
{
    (void)state;
    struct err e = {0};
    struct heartbeat out;
    const char *text =
        "{\"v\":2,\"n\":1,\"boot\":\"b\",\"t\":1,\"up_s\":1,\"why\":[\"drops\",\"new_word\"],"
        "\"bps\":0,\"pps\":0,\"hosts\":0,\"flows\":0,\"eng\":0,\"fal\":0,\"sp\":{},\"drop\":{}}";
    assert_int_equal(heartbeat_unpack(text, strlen(text), &out, &e), 0);
    assert_int_equal(out.reasons, REASON_DROPS);
}

static void a_negative_number_is_refused(void **state)
{
    (void)state;
    struct err e = {0};
    struct live_sample out;
    const char *text = "{\"t\":1,\"bps\":-1,\"pps\":0,\"flows\":0,\"hosts\":0,\"drops\":0}";
    assert_int_equal(live_sample_unpack(text, strlen(text), &out, &e), -1);
    assert_string_equal(e.what, "live sample: member \"bps\" is not a number in range");
}

static void a_live_sample_comes_back_as_it_was(void **state)
{
    (void)state;
    struct err e = {0};
    char buf[HEARTBEAT_MAX];
    struct live_sample in = {1, 2, 3, 4, 5, 6}, out = {0};
    size_t len = live_sample_pack(&in, buf, sizeof buf);
    assert_int_equal(live_sample_unpack(buf, len, &out, &e), 0);
    assert_memory_equal(&out, &in, sizeof in);
}

static void hello_and_welcome_carry_a_place_for_each_stream(void **state)
{
    (void)state;
    struct err e = {0};
    char buf[HELLO_MAX];
    struct hello hello = {.boot = "b", .version = "0.1", .host = "h", .os = "o", .restarted = true};
    struct welcome welcome = {.time_ns = 1, .revision = 2}, welcome_out;
    struct hello hello_out;
    for (unsigned i = 1; i <= STREAM_COUNT; i++) {
        hello.epochs[i] = 100 + i;
        hello.tails[i] = 200 + i;
        welcome.cursors[i].epoch = 300 + i;
        welcome.cursors[i].upto = 400 + i;
    }
    size_t len = hello_pack(&hello, buf, sizeof buf);
    assert_int_equal(hello_unpack(buf, len, &hello_out, &e), 0);
    assert_memory_equal(hello_out.epochs, hello.epochs, sizeof hello.epochs);
    assert_memory_equal(hello_out.tails, hello.tails, sizeof hello.tails);
    assert_true(hello_out.restarted);
    len = welcome_pack(&welcome, buf, sizeof buf);
    assert_int_equal(welcome_unpack(buf, len, &welcome_out, &e), 0);
    assert_memory_equal(welcome_out.cursors, welcome.cursors, sizeof welcome.cursors);
}

static void a_goodbye_signs_name_boot_and_time(void **state)
{
    (void)state;
    struct err e = {0};
    char buf[HELLO_MAX], text[128];
    struct goodbye in = {.boot = "b1", .wall_ns = 42, .signature = "AAAA"}, out;
    size_t len = goodbye_pack(&in, buf, sizeof buf);
    assert_int_equal(goodbye_unpack(buf, len, &out, &e), 0);
    assert_int_equal(goodbye_signed_text(&out, "rome", text, sizeof text), 14);
    assert_string_equal(text, "bye rome b1 42");
}

static void acks_and_nacks_come_back_as_they_were(void **state)
{
    (void)state;
    struct err e = {0};
    char buf[DELIVERY_MAX];
    struct ack ack = {.stream = STREAM_FLOW, .epoch = 5, .upto = 6, .credit = 0}, ack_out;
    struct nack nack = {.stream = STREAM_ALERT, .epoch = 7, .expect = 8, .reason = "hole"};
    struct nack nack_out;
    size_t len = ack_pack(&ack, buf, sizeof buf);
    assert_int_equal(ack_unpack(buf, len, &ack_out, &e), 0);
    assert_memory_equal(&ack_out, &ack, sizeof ack);
    len = nack_pack(&nack, buf, sizeof buf);
    assert_int_equal(nack_unpack(buf, len, &nack_out, &e), 0);
    assert_int_equal(nack_out.stream, STREAM_ALERT);
    assert_int_equal(nack_out.expect, 8);
    assert_string_equal(nack_out.reason, "hole");
}

static void an_ack_of_an_unknown_stream_is_refused(void **state)
{
    (void)state;
    struct err e = {0};
    struct ack out;
    const char *text = "{\"stream\":\"snow\",\"epoch\":1,\"upto\":1}";
    assert_int_equal(ack_unpack(text, strlen(text), &out, &e), -1);
}

static void enrolment_comes_back_as_it_was(void **state)
{
    (void)state;
    struct err e = {0};
    char buf[DELIVERY_MAX];
    struct enrol_request request = {
        .token_hash = "ab", .nkey = "UX", .host = "h", .version = "v", .nonce = "n"};
    struct enrol_request request_out;
    struct enrol_answer answer = {.ok = true, .nonce = "n", .jwt = "a.b.c"}, answer_out;
    size_t len = enrol_request_pack(&request, buf, sizeof buf);
    assert_int_equal(enrol_request_unpack(buf, len, &request_out, &e), 0);
    assert_memory_equal(&request_out, &request, sizeof request);
    len = enrol_answer_pack(&answer, buf, sizeof buf);
    assert_int_equal(enrol_answer_unpack(buf, len, &answer_out, &e), 0);
    assert_string_equal(answer_out.jwt, "a.b.c");
    answer.jwt[0] = '\0';
    len = enrol_answer_pack(&answer, buf, sizeof buf);
    assert_int_equal(enrol_answer_unpack(buf, len, &answer_out, &e), -1);
}

static struct query a_question(void)
{
    return (struct query){
        .req = "r1",
        .agg = "a1",
        .op = QUERY_FLOWS,
        .filter = {.host = "example", .quality = "poor", .port = 443, .flow_id = UINT64_MAX},
        .sort = "bytes",
        .desc = true,
        .limit = 50,
        .cursor = 100,
        .deadline_ms = 1500};
}

static void a_question_comes_back_as_it_was(void **state)
{
    (void)state;
    struct err e = {0};
    char buf[QUERY_MAX];
    struct query in = a_question(), out;
    size_t len = query_pack(&in, buf, sizeof buf);
    assert_true(len > 0);
    assert_int_equal(query_unpack(buf, len, &out, &e), 0);
    char again[QUERY_MAX]; /* not the structs: what lies between members is nobody's */
    assert_int_equal(query_pack(&out, again, sizeof again), len);
    assert_memory_equal(again, buf, len);
    assert_string_equal(out.filter.quality, "poor");
    assert_true(out.filter.flow_id == UINT64_MAX);
}

static void a_request_id_that_would_change_the_subject_is_refused(void **state)
{
    (void)state;
    struct err e = {0};
    char buf[QUERY_MAX];
    struct query q = a_question();
    memcpy(q.req, "a.b", 4);
    assert_int_equal(query_pack(&q, buf, sizeof buf), 0);
    const char *text = "{\"req\":\"*\",\"agg\":\"a\",\"op\":\"hosts\"}";
    assert_int_equal(query_unpack(text, strlen(text), &q, &e), -1);
}

static void a_limit_above_the_cap_is_refused(void **state)
{
    (void)state;
    struct err e = {0};
    struct query q;
    const char *text = "{\"req\":\"r\",\"agg\":\"a\",\"op\":\"hosts\",\"limit\":1001}";
    assert_int_equal(query_unpack(text, strlen(text), &q, &e), -1);
}

static void deep_json_is_refused_before_parsing(void **state)
{
    (void)state;
    struct err e = {0};
    struct query q;
    char text[256];
    memset(text, '[', sizeof text);
    memcpy(text, "{\"req\":", 7);
    assert_int_equal(query_unpack(text, sizeof text, &q, &e), -1);
    assert_non_null(strstr(e.what, "deeper"));
}

static void brackets_inside_a_text_are_not_depth(void **state)
{
    (void)state;
    struct err e = {0};
    struct query q;
    const char *text = "{\"req\":\"r\",\"agg\":\"a\",\"op\":\"hosts\","
                       "\"sort\":\"[[[[[[[[[[[[[[[[[[[[[[[[\\\\\"}";
    assert_int_equal(query_unpack(text, strlen(text), &q, &e), 0);
}

static void an_answer_with_rows_or_an_error_comes_back(void **state)
{
    (void)state;
    struct err e = {0};
    struct query_chunk in = {.req = "r1", .n = 3, .last = true, .total = 9, .partial = true};
    struct query_chunk out;
    size_t len;
    in.rows = json_pack("[{s:i}]", "id", 1);
    char *text = query_chunk_pack(&in, &len);
    assert_non_null(text);
    assert_int_equal(query_chunk_unpack(text, len, &out, &e), 0);
    assert_int_equal(json_array_size(out.rows), 1);
    assert_int_equal(out.n * 100 + out.total, 309);
    assert_true(out.last && out.partial);
    assert_string_equal(out.err_code, "");
    json_decref(out.rows);
    json_decref(in.rows);
    free(text);

    struct query_chunk bad = {.req = "r1", .err_code = "busy", .err_message = "later"};
    text = query_chunk_pack(&bad, &len);
    assert_int_equal(query_chunk_unpack(text, len, &out, &e), 0);
    assert_string_equal(out.err_code, "busy");
    assert_string_equal(out.err_message, "later");
    json_decref(out.rows);
    free(text);
}

static void names_that_could_widen_a_template_are_invalid(void **state)
{
    (void)state;
    const char *bad[] = {"", "*", ">", "a.b", "-a", "A", "a b", "\xC3\xA9"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(name_is_valid(bad[i]));
    }
    char longest[NAME_MAX_LEN + 2];
    memset(longest, 'a', sizeof longest);
    longest[NAME_MAX_LEN + 1] = '\0';
    assert_false(name_is_valid(longest));
    longest[NAME_MAX_LEN] = '\0';
    assert_true(name_is_valid(longest));
    assert_true(name_is_valid("rome-2"));
}

static void a_subject_up_is_taken_apart_again(void **state)
{
    (void)state;
    char subject[SUBJECT_SIZE];
    struct subject_parts parts;
    subject_up(subject, sizeof subject, "rome", "b.alert");
    assert_true(subject_parse_up(subject, &parts));
    assert_string_equal(parts.name, "rome");
    assert_string_equal(parts.word, "b.alert");
    assert_int_equal(parts.shard, shard_of("rome"));
}

static void subjects_of_another_form_are_refused(void **state)
{
    (void)state;
    struct subject_parts parts;
    const char *bad[] = {"pk.v1.up.64.rome.hb", "pk.v1.up.07.rome.hb", "pk.v1.up..rome.hb",
                         "pk.v1.up.7.rome",     "pk.v1.up.7.rome.",    "pk.v1.up.7.Rome.hb",
                         "pk.v1.dn.rome.ack",   "pk.v1.up.7",          "pk.v1.up.999.rome.hb"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(subject_parse_up(bad[i], &parts));
    }
}

static void names_are_read_from_answers_and_enrolments(void **state)
{
    (void)state;
    struct subject_parts parts;
    assert_true(subject_parse_name("pk.v1.rsp.rome.a1.r1.0", "pk.v1.rsp.", &parts));
    assert_string_equal(parts.name, "rome");
    assert_string_equal(parts.word, "a1.r1.0");
    assert_true(subject_parse_name("pk.v1.enrol.rome", "pk.v1.enrol.", &parts));
    assert_string_equal(parts.word, "");
    assert_false(subject_parse_name("pk.v1.enrol.*", "pk.v1.enrol.", &parts));
}

static void a_subject_that_does_not_fit_is_empty(void **state)
{
    (void)state;
    char subject[12];
    subject_down(subject, sizeof subject, "rome", "ack");
    assert_string_equal(subject, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_heartbeat_comes_back_as_it_was),
        cmocka_unit_test(a_packed_heartbeat_may_grow_but_not_be_cut),
        cmocka_unit_test(a_usual_heartbeat_is_at_most_512_bytes),
        cmocka_unit_test(a_reason_that_is_not_known_is_passed_over),
        cmocka_unit_test(a_negative_number_is_refused),
        cmocka_unit_test(a_live_sample_comes_back_as_it_was),
        cmocka_unit_test(hello_and_welcome_carry_a_place_for_each_stream),
        cmocka_unit_test(a_goodbye_signs_name_boot_and_time),
        cmocka_unit_test(acks_and_nacks_come_back_as_they_were),
        cmocka_unit_test(an_ack_of_an_unknown_stream_is_refused),
        cmocka_unit_test(enrolment_comes_back_as_it_was),
        cmocka_unit_test(a_question_comes_back_as_it_was),
        cmocka_unit_test(a_request_id_that_would_change_the_subject_is_refused),
        cmocka_unit_test(a_limit_above_the_cap_is_refused),
        cmocka_unit_test(deep_json_is_refused_before_parsing),
        cmocka_unit_test(brackets_inside_a_text_are_not_depth),
        cmocka_unit_test(an_answer_with_rows_or_an_error_comes_back),
        cmocka_unit_test(names_that_could_widen_a_template_are_invalid),
        cmocka_unit_test(a_subject_up_is_taken_apart_again),
        cmocka_unit_test(subjects_of_another_form_are_refused),
        cmocka_unit_test(names_are_read_from_answers_and_enrolments),
        cmocka_unit_test(a_subject_that_does_not_fit_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
