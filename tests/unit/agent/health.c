/* Unit tests of agent/health: sums across engines, rates, reasons. */
#include "agent/health.h"
#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>

#define WALL_NS (1700000000ULL * NS_PER_S)

static struct engine_link link_;
static struct health health;
static const struct health_outside nothing;

static uint64_t second(uint64_t n)
{
    return n * NS_PER_S;
}

static int begin(void **state)
{
    (void)state;
    if (engine_link_open(&link_, 2, NULL) != 0) {
        return -1;
    }
    health_init(&health, "boot", second(0), 0);
    atomic_store(&link_.health->generation, 1);
    struct source_stats *source = &link_.lanes[0].stats->sources[0];
    (void)snprintf(source->name, sizeof source->name, "eth0");
    atomic_store(&source->state, SOURCE_RUNNING);
    return 0;
}

static int end(void **state)
{
    (void)state;
    engine_link_close(&link_);
    return 0;
}

static void read_at(uint64_t at_s)
{
    health_read(&health, &link_, WALL_NS + second(at_s), second(at_s));
}

static struct heartbeat beat_at(uint64_t at_s)
{
    read_at(at_s);
    return health_beat(&health, &nothing, WALL_NS + second(at_s), second(at_s));
}

static void lanes_are_summed(void **state)
{
    (void)state;
    atomic_store(&link_.lanes[0].stats->packets, 10);
    atomic_store(&link_.lanes[1].stats->packets, 5);
    atomic_store(&link_.lanes[0].stats->flows, 3);
    atomic_store(&link_.lanes[1].stats->flows, 4);
    read_at(1);
    assert_int_equal(health.sample.packets, 15);
    assert_int_equal(health.sample.flows, 7);
}

static void counters_go_on_when_the_engine_begins_anew(void **state)
{
    (void)state;
    atomic_store(&link_.lanes[0].stats->packets, 1000);
    atomic_store(&link_.lanes[0].stats->sources[0].kernel_dropped, 7);
    read_at(1);
    engine_link_reset(&link_);
    atomic_store(&link_.health->generation, 2);
    read_at(2);
    assert_int_equal(health.sample.packets, 1000);
    atomic_store(&link_.lanes[0].stats->packets, 50);
    read_at(3);
    assert_int_equal(health.sample.packets, 1050);
}

static void rates_are_of_the_time_since_the_last_heartbeat(void **state)
{
    (void)state;
    (void)beat_at(1);
    atomic_store(&link_.lanes[0].stats->packets, 50);
    atomic_store(&link_.lanes[0].stats->bytes, 5000);
    atomic_store(&link_.health->cpu_ms, 100);
    struct heartbeat beat = beat_at(6);
    assert_int_equal(beat.number, 2);
    assert_int_equal(beat.pps, 10);
    assert_int_equal(beat.bps, 8000);
    assert_int_equal(beat.cpu_permille, 20);
    assert_int_equal(beat.uptime_s, 6);
}

static void a_running_source_gives_no_reason(void **state)
{
    (void)state;
    assert_int_equal(beat_at(60).reasons, 0);
}

static void a_failed_source_is_capture_stopped(void **state)
{
    (void)state;
    atomic_store(&link_.lanes[0].stats->sources[0].state, SOURCE_FAILED);
    assert_int_equal(beat_at(1).reasons, REASON_CAPTURE_STOPPED);
}

static void no_source_at_all_is_capture_stopped_after_a_while(void **state)
{
    (void)state;
    atomic_store(&link_.lanes[0].stats->sources[0].state, SOURCE_STARTING);
    assert_int_equal(beat_at(5).reasons, 0);
    assert_int_equal(beat_at(15).reasons, REASON_CAPTURE_STOPPED);
}

static void drops_are_a_reason_above_one_percent_of_the_last_minute(void **state)
{
    (void)state;
    (void)beat_at(1);
    atomic_store(&link_.lanes[0].stats->packets, 10000);
    atomic_store(&link_.lanes[0].stats->sources[0].kernel_dropped, 50);
    assert_int_equal(beat_at(6).reasons, 0);
    atomic_store(&link_.lanes[0].stats->sources[0].kernel_dropped, 500);
    struct heartbeat beat = beat_at(11);
    assert_int_equal(beat.reasons, REASON_DROPS);
    assert_int_equal(beat.drops.kernel, 500);
    for (unsigned i = 0; i < HEALTH_MINUTE + 1; i++) {
        beat = beat_at(16 + 5 * i);
    }
    assert_int_equal(beat.reasons, 0);
    assert_int_equal(beat.drops.kernel, 500);
}

static void what_full_tables_shed_is_told_by_its_reason(void **state)
{
    (void)state;
    (void)beat_at(1);
    atomic_store(&link_.lanes[0].stats->shed_openings, 70);
    atomic_store(&link_.lanes[0].stats->shed_flows, 8);
    struct heartbeat beat = beat_at(6);
    assert_int_equal(beat.drops.half_open, 70);
    assert_int_equal(beat.drops.early, 8);
}

static void silence_is_a_reason_only_where_there_was_traffic(void **state)
{
    (void)state;
    assert_int_equal(beat_at(1000).reasons, 0);
    atomic_store(&link_.lanes[0].stats->packets, 1);
    assert_int_equal(beat_at(1001).reasons, 0);
    assert_int_equal(beat_at(1302).reasons, REASON_NO_PACKETS);
}

static void a_restarted_engine_is_a_reason_for_a_minute(void **state)
{
    (void)state;
    assert_int_equal(beat_at(1).reasons, 0);
    atomic_store(&link_.health->generation, 2);
    atomic_store(&link_.health->last_exit, SIGSEGV);
    assert_int_equal(beat_at(6).reasons, REASON_ENGINE_RESTARTED);
    assert_int_equal(health.sample.engine_exit, SIGSEGV);
    assert_false(health.sample.engine_switched_off);
    assert_int_equal(beat_at(67).reasons, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(lanes_are_summed),
        TEST(counters_go_on_when_the_engine_begins_anew),
        TEST(rates_are_of_the_time_since_the_last_heartbeat),
        TEST(a_running_source_gives_no_reason),
        TEST(a_failed_source_is_capture_stopped),
        TEST(no_source_at_all_is_capture_stopped_after_a_while),
        TEST(drops_are_a_reason_above_one_percent_of_the_last_minute),
        TEST(what_full_tables_shed_is_told_by_its_reason),
        TEST(silence_is_a_reason_only_where_there_was_traffic),
        TEST(a_restarted_engine_is_a_reason_for_a_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
