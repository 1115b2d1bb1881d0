/* Unit tests of agent/detect/flow_media: each kind, and what must not raise it. */
#include "agent/detect/detector.h"
#include "common/alert_kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

/* The kinds that a record raises, as bits from 91 on, in one direction. */
struct found {
    unsigned bad[2];
    unsigned good[2];
    char detail[ALERT_DETAIL_SIZE];
};

static void take(const struct finding *f, void *arg)
{
    struct found *found = arg;
    unsigned dir = strcmp(f->key, "c2s") == 0 ? DIR_C2S : DIR_S2C;
    unsigned bit = 1u << (f->kind - ALERT_RTP_MOS_LOW);
    assert_int_equal(f->entity, ENTITY_FLOW);
    assert_non_null(f->flow); /* an alert says whose call it is */
    if (f->action == FINDING_BAD) {
        found->bad[dir] |= bit;
        memcpy(found->detail, f->detail, sizeof found->detail);
    } else {
        found->good[dir] |= bit;
    }
}

enum { LOW = 1, BAD = 2, JITTER = 4, LOSS = 8, ONE_WAY = 16, GAP = 32 };

static struct flow_media clean(void)
{
    return (struct flow_media){.packets = 3000,
                               .jitter_us = 2000,
                               .jitter_max_us = 4000,
                               .gap_ms = 25,
                               .clock_hz = 8000,
                               .mos = 4364,
                               .mos_worst = 4300,
                               .streams = 1,
                               .codec = "PCMU"};
}

static struct record a_call(void)
{
    struct record r = {.kind = RECORD_FLOW, .at_ns = 1};
    r.flow.last_ns = 60000000000;
    r.flow.call_state = CALL_UP;
    memcpy(r.flow.call_id, "x@y", 4);
    for (unsigned dir = 0; dir < 2; dir++) {
        r.flow.media[dir] = clean();
        r.flow.quality[dir] = (struct quality){.score = 99, .confidence = CONFIDENCE_HIGH};
    }
    return r;
}

static struct found judge(const struct record *r)
{
    struct found found = {0};
    const struct finding_sink sink = {take, &found};
    detector_flow_media.observe(NULL, r, &sink);
    return found;
}

static void a_good_call_raises_nothing_and_says_so(void **state)
{
    (void)state;
    const struct record r = a_call();
    struct found f = judge(&r);
    assert_int_equal(f.bad[DIR_C2S], 0);
    assert_int_equal(f.bad[DIR_S2C], 0);
    assert_int_equal(f.good[DIR_C2S], LOW | BAD | JITTER | LOSS | ONE_WAY | GAP);
}

static void mediocre_and_bad_speech_are_two_kinds(void **state)
{
    (void)state;
    struct record r = a_call();
    r.flow.media[DIR_S2C].mos_worst = 3599;
    assert_int_equal(judge(&r).bad[DIR_S2C], LOW);
    assert_int_equal(judge(&r).bad[DIR_C2S], 0);
    assert_string_equal(judge(&r).detail, "MOS 3.59 over ten seconds, at least 3.6 wanted; PCMU; "
                                          "server to client; call x@y");
    r.flow.media[DIR_S2C].mos_worst = 3099;
    assert_int_equal(judge(&r).bad[DIR_S2C], BAD);
    r.flow.media[DIR_S2C].mos_worst = 3600;
    assert_int_equal(judge(&r).bad[DIR_S2C], 0);
}

static void jitter_and_loss_count_above_their_limits(void **state)
{
    (void)state;
    struct record r = a_call();
    r.flow.media[DIR_C2S].jitter_us = 30001;
    assert_int_equal(judge(&r).bad[DIR_C2S], JITTER);
    r.flow.media[DIR_C2S].clock_hz = 0; /* then no jitter is known */
    assert_int_equal(judge(&r).bad[DIR_C2S], 0);
    r.flow.media[DIR_C2S].packets = 990;
    r.flow.media[DIR_C2S].lost = 10;
    assert_int_equal(judge(&r).bad[DIR_C2S], 0);
    r.flow.media[DIR_C2S].lost = 11;
    assert_int_equal(judge(&r).bad[DIR_C2S], LOSS);
}

static void one_way_speech_is_told_of_the_silent_direction(void **state)
{
    (void)state;
    struct record r = a_call();
    r.flow.media[DIR_S2C] = (struct flow_media){0};
    r.flow.quality[DIR_S2C] = quality_without_score(UNJUDGED_LITTLE);
    struct found f = judge(&r);
    assert_int_equal(f.bad[DIR_S2C], ONE_WAY);
    assert_int_equal(f.bad[DIR_C2S], 0);
    r.flow.call_held = true;
    assert_int_equal(judge(&r).bad[DIR_S2C], 0);
    r.flow.call_held = false;
    r.flow.call_state = CALL_NONE; /* music from a loudspeaker system has one direction */
    assert_int_equal(judge(&r).bad[DIR_S2C], 0);
    r.flow.call_state = CALL_UP;
    r.flow.last_ns = 4000000000;
    assert_int_equal(judge(&r).bad[DIR_S2C], 0);
}

static void silence_counts_in_a_call_that_is_up(void **state)
{
    (void)state;
    struct record r = a_call();
    r.flow.media[DIR_C2S].gap_ms = 2001;
    assert_int_equal(judge(&r).bad[DIR_C2S], GAP);
    r.flow.call_held = true;
    assert_int_equal(judge(&r).bad[DIR_C2S], 0);
    r.flow.call_held = false;
    r.flow.call_state = CALL_OVER;
    assert_int_equal(judge(&r).bad[DIR_C2S], 0);
}

static void too_little_seen_raises_nothing(void **state)
{
    (void)state;
    struct record r = a_call();
    r.flow.media[DIR_C2S].mos_worst = 1000;
    r.flow.media[DIR_C2S].lost = 3000;
    r.flow.quality[DIR_C2S].confidence = CONFIDENCE_LOW;
    assert_int_equal(judge(&r).bad[DIR_C2S], 0);
}

static void other_flows_and_records_are_passed_over(void **state)
{
    (void)state;
    struct record r = a_call();
    r.flow.media[DIR_C2S].mos_worst = 1000;
    r.kind = RECORD_RISK;
    assert_int_equal(judge(&r).bad[DIR_C2S], 0);
    const struct record other = {.kind = RECORD_FLOW};
    assert_int_equal(judge(&other).good[DIR_C2S], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_call_raises_nothing_and_says_so),
        cmocka_unit_test(mediocre_and_bad_speech_are_two_kinds),
        cmocka_unit_test(jitter_and_loss_count_above_their_limits),
        cmocka_unit_test(one_way_speech_is_told_of_the_silent_direction),
        cmocka_unit_test(silence_counts_in_a_call_that_is_up),
        cmocka_unit_test(too_little_seen_raises_nothing),
        cmocka_unit_test(other_flows_and_records_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
