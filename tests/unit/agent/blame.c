/* Unit tests of agent/blame: two deaths with the same dissector at work make it guilty. */
#include "agent/blame.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t second(uint64_t n)
{
    return n * NS_PER_S;
}

static void the_second_death_at_the_same_work_within_ten_minutes_is_blamed(void **state)
{
    (void)state;
    struct blame b = {0};
    assert_false(blame_note(&b, 92, second(100)));
    assert_false(blame_note(&b, 6, second(110)));
    assert_true(blame_note(&b, 92, second(699)));
}

static void deaths_far_apart_are_no_pattern(void **state)
{
    (void)state;
    struct blame b = {0};
    assert_false(blame_note(&b, 92, second(100)));
    assert_false(blame_note(&b, 92, second(700)));
    assert_true(blame_note(&b, 92, second(701)));
}

static void deaths_outside_any_dissector_blame_none(void **state)
{
    (void)state;
    struct blame b = {0};
    for (unsigned i = 0; i < 10; i++) {
        assert_false(blame_note(&b, 0, second(100 + i)));
        assert_false(blame_note(&b, 1, second(100 + i)));
    }
}

static void many_suspects_push_out_the_oldest(void **state)
{
    (void)state;
    struct blame b = {0};
    for (uint32_t crumb = 2; crumb < 2 + BLAME_SUSPECTS + 1; crumb++) {
        assert_false(blame_note(&b, crumb, second(crumb)));
    }
    assert_true(blame_note(&b, 3, second(100)));
    assert_false(blame_note(&b, 2, second(101)));
}

static void of_several_workers_none_is_blamed_without_a_mark(void **state)
{
    (void)state;
    const uint32_t one[] = {0, 92, 0};
    const uint32_t two[] = {6, 92, 0};
    const bool second_stands[] = {false, true, false};
    const bool both_stand[] = {true, true, false};
    const bool third_stands[] = {false, false, true};
    assert_int_equal(blame_crumb(one, NULL, 3), 92);
    assert_int_equal(blame_crumb(two, NULL, 3), 0);
    assert_int_equal(blame_crumb(two, second_stands, 3), 92);
    assert_int_equal(blame_crumb(two, both_stand, 3), 0);
    assert_int_equal(blame_crumb(two, third_stands, 3), 0);
}

/* The wait status of a child that this signal has ended; 0: it ends by itself, with status 1. */
static int status_by(int number)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        const struct sigaction plain = {.sa_handler = SIG_DFL};
        (void)sigaction(number, &plain, NULL); /* sanitizers catch some */
        if (number != 0) {
            (void)kill(getpid(), number);
        }
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void only_faults_and_aborts_are_crashes(void **state)
{
    (void)state;
    const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++) {
        assert_true(blame_is_crash(status_by(crashes[i])));
    }
    assert_false(blame_is_crash(status_by(SIGKILL))); /* of the kernel without memory, or people */
    assert_false(blame_is_crash(status_by(SIGTERM)));
    assert_false(blame_is_crash(status_by(0)));
    assert_false(blame_is_crash(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_second_death_at_the_same_work_within_ten_minutes_is_blamed),
        cmocka_unit_test(deaths_far_apart_are_no_pattern),
        cmocka_unit_test(deaths_outside_any_dissector_blame_none),
        cmocka_unit_test(many_suspects_push_out_the_oldest),
        cmocka_unit_test(of_several_workers_none_is_blamed_without_a_mark),
        cmocka_unit_test(only_faults_and_aborts_are_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
