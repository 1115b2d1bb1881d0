/* Unit tests of agent/qoe/dns. */
#include "agent/qoe/dns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS 1000000ull

enum { SERVFAIL = 2, NXDOMAIN = 3 };

static void packet(struct qoe_dns *q, uint16_t id, unsigned flags, uint64_t at_ns)
{
    const uint8_t bytes[12] = {(uint8_t)(id >> 8), (uint8_t)id, (uint8_t)(flags >> 8),
                               (uint8_t)flags};
    const struct packet p = {.time_ns = at_ns, .payload = bytes, .payload_len = sizeof bytes};
    qoe_dns_note(q, &p);
}

static void ask(struct qoe_dns *q, uint16_t id, uint64_t at_ns)
{
    packet(q, id, 0x0100, at_ns);
}

static void answer(struct qoe_dns *q, uint16_t id, unsigned rcode, uint64_t at_ns)
{
    packet(q, id, 0x8180 | rcode, at_ns);
}

static void an_answer_is_timed_from_its_question(void **state)
{
    (void)state;
    struct qoe_dns q = {0};
    ask(&q, 1, 0);
    ask(&q, 2, 1 * MS);
    answer(&q, 2, 0, 11 * MS);
    assert_int_equal(q.sum.questions, 2);
    assert_int_equal(qoe_samples_median(&q.sum.answers), 10000);
    assert_int_equal(qoe_dns_judge(&q.sum).score, 100);
}

static void a_question_that_is_repeated_is_timed_from_its_first_asking(void **state)
{
    (void)state;
    struct qoe_dns q = {0};
    ask(&q, 1, 0);
    ask(&q, 1, 1000 * MS);
    answer(&q, 1, 0, 1004 * MS);
    assert_int_equal(q.sum.questions, 1);
    struct quality verdict = qoe_dns_judge(&q.sum);
    assert_int_equal(verdict.score, 0);
    assert_int_equal(verdict.metric, METRIC_DNS_ANSWER);
    assert_int_equal(verdict.confidence, CONFIDENCE_LOW);
}

static void a_name_that_does_not_exist_is_an_answer_and_a_broken_server_is_not(void **state)
{
    (void)state;
    struct qoe_dns q = {0};
    ask(&q, 1, 0);
    answer(&q, 1, NXDOMAIN, 4 * MS);
    assert_int_equal(q.sum.failed, 0);
    ask(&q, 2, 10 * MS);
    answer(&q, 2, SERVFAIL, 14 * MS);
    assert_int_equal(q.sum.failed, 1);
    struct quality verdict = qoe_dns_judge(&q.sum);
    assert_int_equal(verdict.score, 0);
    assert_int_equal(verdict.metric, METRIC_DNS_FAILED);
    assert_int_equal(verdict.value, 1);
    assert_int_equal(verdict.of, 2);
}

static void a_question_without_an_answer_for_five_seconds_counts_as_unanswered(void **state)
{
    (void)state;
    struct qoe_dns q = {0};
    ask(&q, 1, 0);
    qoe_dns_close(&q, 4000 * MS, false);
    assert_int_equal(q.sum.unanswered, 0);
    qoe_dns_close(&q, 5000 * MS, false);
    assert_int_equal(q.sum.unanswered, 1);
    answer(&q, 1, 0, 6000 * MS); /* nobody waits for it any more */
    assert_int_equal(q.sum.answers.seen, 0);
}

static void what_is_no_question_of_ours_is_passed_over(void **state)
{
    (void)state;
    struct qoe_dns q = {0};
    answer(&q, 9, 0, 0);
    const uint8_t bytes[3] = {0};
    const struct packet cut = {.payload = bytes, .payload_len = sizeof bytes};
    qoe_dns_note(&q, &cut);
    assert_int_equal(q.sum.questions, 0);
    assert_int_equal(qoe_dns_judge(&q.sum).score, QUALITY_SCORE_NONE);
}

static void a_person_still_sees_what_the_last_record_said(void **state)
{
    (void)state;
    struct qoe_dns q = {0};
    ask(&q, 1, 0);
    answer(&q, 1, 0, 4 * MS);
    qoe_dns_told(&q);
    assert_int_equal(qoe_dns_figures(&q, QOE_NEWS)->answers.seen, 0);
    assert_int_equal(qoe_dns_figures(&q, QOE_NEWEST)->answers.seen, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_timed_from_its_question),
        cmocka_unit_test(a_question_that_is_repeated_is_timed_from_its_first_asking),
        cmocka_unit_test(a_name_that_does_not_exist_is_an_answer_and_a_broken_server_is_not),
        cmocka_unit_test(a_question_without_an_answer_for_five_seconds_counts_as_unanswered),
        cmocka_unit_test(what_is_no_question_of_ours_is_passed_over),
        cmocka_unit_test(a_person_still_sees_what_the_last_record_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
