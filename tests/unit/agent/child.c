/* Unit tests of agent/child: how the parent's children begin, and when they begin again. */
#include "agent/child.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child: 0 when the two signals that the parent sends wait for it. */
static int blocked(void *arg)
{
    (void)arg;
    sigset_t set;
    (void)sigprocmask(SIG_SETMASK, NULL, &set);
    bool held = sigismember(&set, SIGTERM) == 1 && sigismember(&set, SIGHUP) == 1;
    return held && sigismember(&set, SIGCHLD) == 0 ? 0 : 1;
}

static void a_child_is_not_killed_by_a_signal_that_it_is_not_ready_for(void **state)
{
    (void)state;
    int status = -1;
    struct child child = {.name = "unit", .run = blocked};
    child_start(&child, dup(STDERR_FILENO), 1);
    assert_true(child.pid > 0);
    assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void the_first_restart_is_at_once_and_later_ones_wait_longer_and_longer(void **state)
{
    (void)state;
    static const uint64_t pauses_s[] = {0, 1, 2, 4, 8, 16, 30, 30};
    struct child child = {.name = "unit"};
    for (size_t i = 0; i < sizeof pauses_s / sizeof pauses_s[0]; i++) {
        child.started_ns = 100;
        child_ended(&child, SIGSEGV, false, 100);
        assert_int_equal(child.due_ns, 100 + pauses_s[i] * NS_PER_S);
    }
    child_ended(&child, SIGSEGV, false, 100 + 60ull * NS_PER_S);
    assert_int_equal(child.failures, 1);
}

static void a_wanted_end_is_no_failure(void **state)
{
    (void)state;
    struct child child = {.name = "unit", .wanted_end = true};
    child_ended(&child, 0, false, 100);
    assert_int_equal(child.failures, 0);
    assert_true(child_is_due(&child, 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_is_not_killed_by_a_signal_that_it_is_not_ready_for),
        cmocka_unit_test(the_first_restart_is_at_once_and_later_ones_wait_longer_and_longer),
        cmocka_unit_test(a_wanted_end_is_no_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
