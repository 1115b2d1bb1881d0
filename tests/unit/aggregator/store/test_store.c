/* The store while there is no database: what it takes over, and what becomes of it at the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aggregator/store/store.h"
#include "common/clock.h"

#include <stdlib.h>

enum { JOBS = 3000, STOP_MS = 5000 };

struct seen {
    struct metrics metrics;
    unsigned failed, done;
};

static int publish(void *arg, const char *subject, const void *bytes, size_t len, struct err *e)
{
    (void)arg;
    (void)subject;
    (void)bytes;
    (void)len;
    (void)e;
    return 0;
}

static bool tell_web(void *arg, const struct web_event *event)
{
    (void)arg;
    (void)event;
    return false;
}

static void database(void *arg, bool up)
{
    (void)arg;
    assert_false(up);
}

static void refused(void *arg, const struct err *why)
{
    (void)arg;
    assert_null(why); /* a database that is away is waited for */
}

static void registry_changed(void *arg)
{
    (void)arg;
}

static void job_done(void *arg, struct job *job)
{
    struct seen *seen = arg;
    seen->done++;
    seen->failed += job->failed && job->e.code == ERR_CLOSED ? 1 : 0;
    job_free(job);
}

static struct store *open_store(struct seen *seen)
{
    struct store_options options = {
        .conninfo = "host=/nonexistent connect_timeout=1",
        .metrics = &seen->metrics,
        .publish = publish,
        .tell_web = tell_web,
        .database = database,
        .refused = refused,
        .registry_changed = registry_changed,
        .job_done = job_done,
        .arg = seen,
    };
    struct store *store = store_open(&options, NULL);
    assert_non_null(store);
    return store;
}

static void put_jobs(struct store *store)
{
    for (int i = 0; i < JOBS; i++) {
        struct job *job = job_new(JOB_LOAD);
        assert_non_null(job);
        assert_true(store_job(store, job));
    }
}

static void jobs_that_wait_take_no_room_from_batches(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct store *store = open_store(&seen);
    put_jobs(store);
    assert_true(store_batch(store, "pisa-1", STREAM_FLOW, "x", 1));
    store_close(store);
}

static void every_job_is_done_at_the_end_though_the_database_is_away(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct store *store = open_store(&seen);
    assert_int_equal(store_start(store, NULL), 0);
    put_jobs(store);
    assert_true(store_stop(store, STOP_MS));
    assert_int_equal(seen.done, JOBS);
    assert_int_equal(seen.failed, JOBS);
    struct job *late = job_new(JOB_LOAD);
    assert_false(store_job(store, late)); /* who would ever do it? */
    job_free(late);
    store_close(store);
}

static void jobs_of_a_store_that_never_began_are_done_too(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct store *store = open_store(&seen);
    put_jobs(store);
    store_close(store);
    assert_int_equal(seen.failed, JOBS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_that_wait_take_no_room_from_batches),
        cmocka_unit_test(every_job_is_done_at_the_end_though_the_database_is_away),
        cmocka_unit_test(jobs_of_a_store_that_never_began_are_done_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
