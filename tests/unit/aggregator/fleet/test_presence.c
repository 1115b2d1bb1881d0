/* The presence of an instance by state, event and time; and that no sequence leaves it stuck. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aggregator/fleet/presence.h"
#include "common/clock.h"
#include "common/wire/heartbeat.h"

#define WALL_MS 1700000000000ull

/* A small stage: one instance, a clock, and a centre that judges or not. */
struct stage {
    struct presence p;
    uint64_t now_ms;
    bool judging;
};

static void play(struct stage *s, struct presence_event event)
{
    event.now_ns = (1000 + s->now_ms) * NS_PER_MS;
    event.now_ms = WALL_MS + s->now_ms;
    event.judging = s->judging;
    s->p = presence_step(&s->p, &event);
}

static void hello(struct stage *s)
{
    play(s, (struct presence_event){.kind = PRESENCE_EVENT_HELLO});
}

static void beat(struct stage *s, unsigned reasons)
{
    play(s, (struct presence_event){.kind = PRESENCE_EVENT_BEAT, .reasons = reasons});
}

static void bye(struct stage *s)
{
    play(s, (struct presence_event){.kind = PRESENCE_EVENT_BYE});
}

static void part(struct stage *s, enum parting parting)
{
    play(s, (struct presence_event){.kind = PRESENCE_EVENT_PARTED, .parting = parting});
}

/* Lets time pass in steps of the fleet's own tick. */
static void wait_ms(struct stage *s, uint64_t ms)
{
    for (uint64_t end = s->now_ms + ms; s->now_ms < end;) {
        s->now_ms += end - s->now_ms < 250 ? end - s->now_ms : 250;
        play(s, (struct presence_event){.kind = PRESENCE_EVENT_TICK});
    }
}

static struct stage new_stage(void)
{
    return (struct stage){.p = {.state = PRESENCE_INVITED}, .judging = true};
}

static struct stage up_stage(void)
{
    struct stage s = new_stage();
    hello(&s);
    return s;
}

static void an_invited_agent_is_never_missed(void **state)
{
    (void)state;
    struct stage s = new_stage();
    wait_ms(&s, 60000);
    assert_int_equal(s.p.state, PRESENCE_INVITED);
}

static void a_hello_makes_it_up(void **state)
{
    (void)state;
    struct stage s = up_stage();
    assert_int_equal(s.p.state, PRESENCE_UP);
    assert_false(s.p.has_outage);
}

static void silence_of_one_and_a_half_beats_is_suspect_and_a_beat_ends_it(void **state)
{
    (void)state;
    struct stage s = up_stage();
    wait_ms(&s, PRESENCE_SUSPECT_MS);
    assert_int_equal(s.p.state, PRESENCE_UP);
    wait_ms(&s, 250);
    assert_int_equal(s.p.state, PRESENCE_SUSPECT);
    beat(&s, 0);
    assert_int_equal(s.p.state, PRESENCE_UP);
    assert_false(s.p.has_outage);
}

static void silence_of_two_and_a_half_beats_is_unreachable_without_a_cause_known(void **state)
{
    (void)state;
    struct stage s = up_stage();
    wait_ms(&s, PRESENCE_UNREACHABLE_MS);
    assert_int_equal(s.p.state, PRESENCE_SUSPECT);
    wait_ms(&s, 250);
    assert_int_equal(s.p.state, PRESENCE_UNREACHABLE);
    assert_int_equal(s.p.cause, CAUSE_NO_ANSWER);
}

static void a_closed_connection_is_a_dead_process_after_three_seconds(void **state)
{
    (void)state;
    struct stage s = up_stage();
    wait_ms(&s, 1000);
    part(&s, PARTING_CLOSED);
    assert_int_equal(s.p.state, PRESENCE_SUSPECT);
    wait_ms(&s, PRESENCE_PARTED_MS - 1);
    assert_int_equal(s.p.state, PRESENCE_SUSPECT);
    wait_ms(&s, 1);
    assert_int_equal(s.p.state, PRESENCE_UNREACHABLE);
    assert_int_equal(s.p.cause, CAUSE_PROCESS_DEAD);
}

static void a_quick_return_is_no_outage(void **state)
{
    (void)state;
    struct stage s = up_stage();
    part(&s, PARTING_CLOSED);
    wait_ms(&s, 2000);
    hello(&s);
    wait_ms(&s, 5000);
    assert_int_equal(s.p.state, PRESENCE_UP);
    assert_false(s.p.has_outage);
}

static void a_stale_connection_of_an_address_that_answers_is_hung(void **state)
{
    (void)state;
    struct stage s = up_stage();
    wait_ms(&s, 6000);
    part(&s, PARTING_STALE);
    play(&s, (struct presence_event){.kind = PRESENCE_EVENT_PROBED, .address_answers = true});
    wait_ms(&s, PRESENCE_PARTED_MS);
    assert_int_equal(s.p.state, PRESENCE_UNREACHABLE);
    assert_int_equal(s.p.cause, CAUSE_HUNG);
}

static void the_return_tells_how_long_the_outage_was(void **state)
{
    (void)state;
    struct stage s = up_stage();
    part(&s, PARTING_CLOSED);
    wait_ms(&s, 20000);
    hello(&s);
    assert_int_equal(s.p.state, PRESENCE_UP);
    assert_int_equal(s.p.cause, CAUSE_NONE);
    assert_true(s.p.has_outage);
    assert_int_equal(s.p.outage_ms, 20000);
    assert_int_equal(s.p.outage_from_ms, 0);
}

static void one_late_beat_does_not_end_an_outage_but_two_do(void **state)
{
    (void)state;
    struct stage s = up_stage();
    wait_ms(&s, 30000);
    beat(&s, 0);
    assert_int_equal(s.p.state, PRESENCE_UNREACHABLE);
    wait_ms(&s, 20000);
    beat(&s, 0);
    assert_int_equal(s.p.state, PRESENCE_UNREACHABLE);
    wait_ms(&s, 5000);
    beat(&s, 0);
    assert_int_equal(s.p.state, PRESENCE_UP);
}

static void a_goodbye_is_stopped_and_silence_after_it_is_no_outage(void **state)
{
    (void)state;
    struct stage s = up_stage();
    bye(&s);
    part(&s, PARTING_CLOSED);
    wait_ms(&s, 60000);
    assert_int_equal(s.p.state, PRESENCE_STOPPED);
    hello(&s);
    assert_int_equal(s.p.state, PRESENCE_UP);
    assert_false(s.p.has_outage);
}

static void a_degraded_one_is_well_after_three_good_beats(void **state)
{
    (void)state;
    struct stage s = up_stage();
    beat(&s, REASON_DROPS);
    assert_int_equal(s.p.state, PRESENCE_DEGRADED);
    beat(&s, 0);
    beat(&s, 0);
    assert_int_equal(s.p.state, PRESENCE_DEGRADED);
    beat(&s, 0);
    assert_int_equal(s.p.state, PRESENCE_UP);
    assert_int_equal(s.p.reasons, 0);
}

static void a_bad_beat_begins_the_count_of_good_ones_anew(void **state)
{
    (void)state;
    struct stage s = up_stage();
    beat(&s, REASON_DROPS);
    beat(&s, 0);
    beat(&s, 0);
    beat(&s, REASON_SPOOL);
    beat(&s, 0);
    beat(&s, 0);
    assert_int_equal(s.p.state, PRESENCE_DEGRADED);
    assert_int_equal(s.p.reasons, REASON_SPOOL);
}

static void a_suspect_that_was_degraded_comes_back_degraded(void **state)
{
    (void)state;
    struct stage s = up_stage();
    beat(&s, REASON_DROPS);
    wait_ms(&s, 8000);
    assert_int_equal(s.p.state, PRESENCE_SUSPECT);
    beat(&s, 0);
    assert_int_equal(s.p.state, PRESENCE_DEGRADED);
}

static void a_centre_that_cannot_judge_moves_nobody(void **state)
{
    (void)state;
    struct stage s = up_stage();
    s.judging = false;
    part(&s, PARTING_CLOSED);
    wait_ms(&s, 120000);
    assert_int_equal(s.p.state, PRESENCE_UP);
    hello(&s);
    s.judging = true;
    wait_ms(&s, 5000);
    assert_int_equal(s.p.state, PRESENCE_UP);
}

static void what_went_while_the_centre_was_blind_is_found_afterwards(void **state)
{
    (void)state;
    struct stage s = up_stage();
    s.judging = false;
    part(&s, PARTING_CLOSED);
    wait_ms(&s, 40000);
    s.judging = true;
    wait_ms(&s, 500);
    assert_int_equal(s.p.state, PRESENCE_UNREACHABLE);
    assert_int_equal(s.p.cause, CAUSE_PROCESS_DEAD);
}

static void beat_behind(struct stage *s, uint64_t behind_s)
{
    s->now_ms += 5000;
    play(s, (struct presence_event){.kind = PRESENCE_EVENT_BEAT, .behind_s = behind_s});
}

static void who_comes_back_with_a_backlog_catches_up(void **state)
{
    (void)state;
    struct stage s = up_stage();
    wait_ms(&s, 60000);
    assert_int_equal(s.p.state, PRESENCE_UNREACHABLE);
    hello(&s);
    beat_behind(&s, 60);
    assert_int_equal(s.p.state, PRESENCE_CATCHING_UP);
    beat_behind(&s, 10);
    assert_int_equal(s.p.state, PRESENCE_CATCHING_UP);
    beat_behind(&s, 9);
    assert_int_equal(s.p.state, PRESENCE_UP);
    beat_behind(&s, 200); /* a slow link is no return */
    assert_int_equal(s.p.state, PRESENCE_UP);
}

static void who_catches_up_can_be_missed_again(void **state)
{
    (void)state;
    struct stage s = up_stage();
    wait_ms(&s, 60000);
    hello(&s);
    beat_behind(&s, 300);
    assert_int_equal(s.p.state, PRESENCE_CATCHING_UP);
    wait_ms(&s, PRESENCE_SUSPECT_MS + 500);
    assert_int_equal(s.p.state, PRESENCE_SUSPECT);
    beat_behind(&s, 300);
    assert_int_equal(s.p.state, PRESENCE_CATCHING_UP);
    wait_ms(&s, PRESENCE_UNREACHABLE_MS + 500);
    assert_int_equal(s.p.state, PRESENCE_UNREACHABLE);
}

static void play_twin(struct stage *s, bool twin)
{
    s->now_ms += 2500;
    play(s, (struct presence_event){.kind = PRESENCE_EVENT_BEAT, .twin = twin});
}

static void two_under_one_identity_are_a_duplicate_until_one_goes(void **state)
{
    (void)state;
    struct stage s = up_stage();
    play_twin(&s, true);
    assert_int_equal(s.p.state, PRESENCE_DUPLICATE);
    play_twin(&s, false);
    play_twin(&s, true);
    hello(&s); /* nor does a greeting decide */
    part(&s, PARTING_CLOSED);
    wait_ms(&s, 3500);
    assert_int_equal(s.p.state, PRESENCE_DUPLICATE);
    for (int i = 0; i < PRESENCE_ALONE_BEATS; i++) {
        assert_int_equal(s.p.state, PRESENCE_DUPLICATE);
        s.now_ms += 5000;
        beat(&s, 0);
    }
    assert_int_equal(s.p.state, PRESENCE_UP);
}

static void both_of_a_duplicate_may_go(void **state)
{
    (void)state;
    struct stage s = up_stage();
    play_twin(&s, true);
    wait_ms(&s, PRESENCE_UNREACHABLE_MS + 500);
    assert_int_equal(s.p.state, PRESENCE_UNREACHABLE);
}

static void a_revoked_one_returns_only_by_enrolling(void **state)
{
    (void)state;
    struct stage s = up_stage();
    play(&s, (struct presence_event){.kind = PRESENCE_EVENT_REVOKE});
    assert_int_equal(s.p.cause, CAUSE_REVOKED);
    hello(&s);
    beat(&s, 0);
    beat(&s, 0);
    assert_int_equal(s.p.state, PRESENCE_REVOKED);
    play(&s, (struct presence_event){.kind = PRESENCE_EVENT_ENROL});
    assert_int_equal(s.p.state, PRESENCE_INVITED);
    hello(&s);
    assert_int_equal(s.p.state, PRESENCE_UP);
}

/* A generator of our own, so that a failure repeats: Marsaglia's xorshift64. */
static uint64_t draw(uint64_t *seed, uint64_t below)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed % below;
}

static void play_random(struct stage *s, uint64_t *seed)
{
    struct presence_event event = {
        .kind = (enum presence_event_kind)(1 + draw(seed, PRESENCE_EVENT_TICK)),
        .reasons = draw(seed, 3) == 0 ? (unsigned)draw(seed, 256) : 0,
        .parting = (enum parting)(1 + draw(seed, 3)),
        .address_answers = draw(seed, 2) == 0,
        .behind_s = draw(seed, 2) == 0 ? draw(seed, 200) : 0,
        .twin = draw(seed, 8) == 0,
    };
    if (event.kind == PRESENCE_EVENT_REVOKE && draw(seed, 20) != 0) {
        event.kind = PRESENCE_EVENT_TICK;
    }
    s->judging = draw(seed, 4) != 0;
    s->now_ms += draw(seed, 4000);
    play(s, event);
}

static void check_sound(const struct stage *s)
{
    bool out = s->p.state == PRESENCE_UNREACHABLE;
    assert_true(s->p.state >= PRESENCE_INVITED && s->p.state <= PRESENCE_DUPLICATE);
    assert_int_equal(out, s->p.outage_from_ms != 0);
    assert_true(s->p.state != PRESENCE_UP || s->p.reasons == 0);
    assert_true(s->p.state != PRESENCE_DEGRADED || s->p.reasons != 0);
    assert_true(!out || s->p.cause != CAUSE_NONE);
}

/* From anywhere: silence is found out, and a return is seen. */
static void check_not_stuck(struct stage s)
{
    s.judging = true;
    bool expected = presence_answers(s.p.state) || s.p.state == PRESENCE_SUSPECT ||
                    s.p.state == PRESENCE_DUPLICATE;
    struct stage silent = s;
    wait_ms(&silent, PRESENCE_UNREACHABLE_MS + 500);
    assert_true(!expected || silent.p.state == PRESENCE_UNREACHABLE);
    if (s.p.state == PRESENCE_REVOKED) {
        play(&s, (struct presence_event){.kind = PRESENCE_EVENT_ENROL});
    }
    for (int i = 0; i < PRESENCE_RETURN_BEATS + PRESENCE_ALONE_BEATS; i++) {
        s.now_ms += 5000;
        beat(&s, 0);
    }
    assert_int_equal(s.p.state, PRESENCE_UP);
}

static void no_sequence_of_events_leaves_it_stuck(void **state)
{
    (void)state;
    uint64_t seed = 0x9e3779b97f4a7c15ull;
    for (int run = 0; run < 1000000; run++) {
        struct stage s = new_stage();
        uint64_t length = 1 + draw(&seed, 30);
        for (uint64_t i = 0; i < length; i++) {
            play_random(&s, &seed);
            check_sound(&s);
        }
        if (run % 8 == 0) { /* what follows costs as much as a hundred events */
            check_not_stuck(s);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_invited_agent_is_never_missed),
        cmocka_unit_test(a_hello_makes_it_up),
        cmocka_unit_test(silence_of_one_and_a_half_beats_is_suspect_and_a_beat_ends_it),
        cmocka_unit_test(silence_of_two_and_a_half_beats_is_unreachable_without_a_cause_known),
        cmocka_unit_test(a_closed_connection_is_a_dead_process_after_three_seconds),
        cmocka_unit_test(a_quick_return_is_no_outage),
        cmocka_unit_test(a_stale_connection_of_an_address_that_answers_is_hung),
        cmocka_unit_test(the_return_tells_how_long_the_outage_was),
        cmocka_unit_test(one_late_beat_does_not_end_an_outage_but_two_do),
        cmocka_unit_test(a_goodbye_is_stopped_and_silence_after_it_is_no_outage),
        cmocka_unit_test(a_degraded_one_is_well_after_three_good_beats),
        cmocka_unit_test(a_bad_beat_begins_the_count_of_good_ones_anew),
        cmocka_unit_test(a_suspect_that_was_degraded_comes_back_degraded),
        cmocka_unit_test(a_centre_that_cannot_judge_moves_nobody),
        cmocka_unit_test(what_went_while_the_centre_was_blind_is_found_afterwards),
        cmocka_unit_test(who_comes_back_with_a_backlog_catches_up),
        cmocka_unit_test(who_catches_up_can_be_missed_again),
        cmocka_unit_test(two_under_one_identity_are_a_duplicate_until_one_goes),
        cmocka_unit_test(both_of_a_duplicate_may_go),
        cmocka_unit_test(a_revoked_one_returns_only_by_enrolling),
        cmocka_unit_test(no_sequence_of_events_leaves_it_stuck),
    };
    return cmocka_run_group_tests_name("presence", tests, NULL, NULL);
}
