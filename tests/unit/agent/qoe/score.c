/* Unit tests of agent/qoe/score and of the profile's table. */
#include "agent/qoe/score.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS 1000u

/* One share, in events of so many. */
static struct qoe_verdict share(enum quality_class class, enum quality_metric metric,
                                uint32_t events, uint32_t of)
{
    struct qoe_measures m = {0};
    qoe_measure_share(&m, metric, events, of);
    return qoe_judge(class, &m);
}

/* Calls the check for every row of the table. */
static void each_row(void (*check)(enum quality_class class, enum quality_metric metric))
{
    unsigned rows = 0;
    for (unsigned class = CLASS_WEB; class < QUALITY_CLASSES; class ++) {
        for (unsigned metric = METRIC_RTT; metric < QUALITY_METRICS; metric++) {
            if (qoe_worth((enum quality_class) class, (enum quality_metric)metric, 0) >= 0) {
                check((enum quality_class) class, (enum quality_metric)metric);
                rows++;
            }
        }
    }
    assert_int_equal(rows, 5 + 5 + 4 + 2 + 4 + 3);
}

static void check_knots(enum quality_class class, enum quality_metric metric)
{
    static const int worth[QOE_KNOTS] = {10000, 8000, 6000, 3000, 0};
    for (unsigned knot = 0; knot < QOE_KNOTS; knot++) {
        assert_int_equal(qoe_worth(class, metric, qoe_knot(class, metric, knot)), worth[knot]);
    }
}

static void every_knot_is_worth_what_the_table_says(void **state)
{
    (void)state;
    each_row(check_knots);
}

/* From 0 to twice the last value; of MOS, where less is worse, from 6 down. */
static void check_monotony(enum quality_class class, enum quality_metric metric)
{
    bool downwards = metric == METRIC_MOS;
    uint32_t end = downwards ? 6000 : qoe_knot(class, metric, QOE_KNOTS - 1) * 2;
    int last = 10000;
    for (uint32_t value = 0; value < end; value += end / 5000 + 1) {
        int worth = qoe_worth(class, metric, downwards ? end - value : value);
        assert_true(worth <= last && worth >= 0);
        last = worth;
    }
    assert_int_equal(last, 0);
}

static void a_worse_value_is_never_worth_more(void **state)
{
    (void)state;
    each_row(check_monotony);
}

static void one_more_bad_metric_never_raises_the_score(void **state)
{
    (void)state;
    for (uint32_t lost = 0; lost <= 200; lost++) {
        struct qoe_measures m = {0};
        qoe_measure_share(&m, METRIC_LOSS, lost, 200);
        unsigned alone = qoe_judge(CLASS_WEB, &m).score;
        for (uint32_t ms = 0; ms < 2000; ms += 40) {
            qoe_measure_time(&m, METRIC_RTT, ms * MS);
            assert_true(qoe_judge(CLASS_WEB, &m).score <= alone);
        }
    }
}

static void the_published_points_hold(void **state)
{
    (void)state;
    struct qoe_verdict fine = share(CLASS_WEB, METRIC_LOSS, 0, 134);
    assert_int_equal(fine.score, 100);
    assert_int_equal(quality_label_of(fine.score), QUALITY_EXCELLENT);
    struct qoe_verdict bad = share(CLASS_WEB, METRIC_LOSS, 31, 174);
    assert_int_equal(bad.score, 30);
    assert_int_equal(bad.metric, METRIC_LOSS);
    assert_int_equal(quality_label_of(bad.score), QUALITY_POOR);
}

static void the_labels_begin_where_they_say(void **state)
{
    (void)state;
    assert_int_equal(quality_label_of(100), QUALITY_EXCELLENT);
    assert_int_equal(quality_label_of(80), QUALITY_EXCELLENT);
    assert_int_equal(quality_label_of(79), QUALITY_GOOD);
    assert_int_equal(quality_label_of(60), QUALITY_GOOD);
    assert_int_equal(quality_label_of(59), QUALITY_FAIR);
    assert_int_equal(quality_label_of(31), QUALITY_FAIR);
    assert_int_equal(quality_label_of(30), QUALITY_POOR);
    assert_int_equal(quality_label_of(0), QUALITY_POOR);
    assert_int_equal(quality_label_of(QUALITY_SCORE_NONE), QUALITY_NONE);
}

static void the_worst_metric_is_the_score_and_its_reason(void **state)
{
    (void)state;
    struct qoe_measures m = {0};
    qoe_measure_time(&m, METRIC_RTT, 40 * MS);
    qoe_measure_time(&m, METRIC_RTT_VAR, 100 * MS);
    qoe_measure_share(&m, METRIC_LOSS, 1, 1000);
    struct qoe_verdict v = qoe_judge(CLASS_WEB, &m);
    assert_int_equal(v.score, 60);
    assert_int_equal(v.metric, METRIC_RTT_VAR);
}

static void a_call_is_as_good_as_its_opinion_score(void **state)
{
    (void)state;
    struct qoe_measures m = {0};
    qoe_measure_time(&m, METRIC_MOS, 3600);
    qoe_measure_time(&m, METRIC_RTP_JITTER, 4 * MS);
    struct qoe_verdict v = qoe_judge(CLASS_VOICE, &m);
    assert_int_equal(v.score, 60);
    assert_int_equal(v.metric, METRIC_MOS);
    qoe_measure_time(&m, METRIC_MOS, 4409);
    assert_int_equal(qoe_judge(CLASS_VOICE, &m).score, 100);
}

static void nothing_known_is_no_score(void **state)
{
    (void)state;
    const struct qoe_measures m = {0};
    assert_int_equal(qoe_judge(CLASS_WEB, &m).score, QUALITY_SCORE_NONE);
    assert_int_equal(share(CLASS_DNS, METRIC_LOSS, 1, 2).score, QUALITY_SCORE_NONE);
    assert_int_equal(share(CLASS_VIDEO_CALL, METRIC_LOSS, 1, 2).score, QUALITY_SCORE_NONE);
}

static void what_the_reason_rests_on_decides_the_confidence(void **state)
{
    (void)state;
    assert_int_equal(qoe_confidence(METRIC_NONE, 19, 2), CONFIDENCE_NONE);
    assert_int_equal(qoe_confidence(METRIC_RTT, 1, 3), CONFIDENCE_LOW);
    assert_int_equal(qoe_confidence(METRIC_RTT, 1, 5), CONFIDENCE_MEDIUM);
    assert_int_equal(qoe_confidence(METRIC_LOSS, 49, 9), CONFIDENCE_LOW);
    assert_int_equal(qoe_confidence(METRIC_LOSS, 174, 0), CONFIDENCE_MEDIUM);
    assert_int_equal(qoe_confidence(METRIC_NONE, 20, 5), CONFIDENCE_LOW);
    assert_int_equal(qoe_confidence(METRIC_LOSS, 200, 10), CONFIDENCE_HIGH);
}

static void the_class_follows_the_names_of_the_dpi(void **state)
{
    (void)state;
    assert_int_equal(qoe_class_of("RemoteAccess", "SSH"), CLASS_INTERACTIVE);
    assert_int_equal(qoe_class_of("Download", "BitTorrent"), CLASS_BULK);
    assert_int_equal(qoe_class_of("System", "SMBv23"), CLASS_BULK);
    assert_int_equal(qoe_class_of("Web", "TLS"), CLASS_WEB);
    assert_int_equal(qoe_class_of("", "Unknown"), CLASS_WEB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_knot_is_worth_what_the_table_says),
        cmocka_unit_test(a_worse_value_is_never_worth_more),
        cmocka_unit_test(one_more_bad_metric_never_raises_the_score),
        cmocka_unit_test(the_published_points_hold),
        cmocka_unit_test(the_labels_begin_where_they_say),
        cmocka_unit_test(the_worst_metric_is_the_score_and_its_reason),
        cmocka_unit_test(a_call_is_as_good_as_its_opinion_score),
        cmocka_unit_test(nothing_known_is_no_score),
        cmocka_unit_test(what_the_reason_rests_on_decides_the_confidence),
        cmocka_unit_test(the_class_follows_the_names_of_the_dpi),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
