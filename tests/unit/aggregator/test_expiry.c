/* The centre's own certificates: told before they end, and as over once they are renewed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aggregator/auth/certificate.h"
#include "aggregator/expiry.h"
#include "common/alert_kinds.h"
#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DAY_S = 86400 };
#define HOUR_NS (3600ull * NS_PER_S)

struct scene {
    char dir[32], path[64];
    uint64_t ends_s;
    struct expiry expiry;
    unsigned told;
    struct wire_alert first, last;
    struct keep_job keep;
    unsigned keeps;
    bool full;
};

static bool submit(void *arg, struct job *job)
{
    struct scene *s = arg;
    if (s->full) {
        return false;
    }
    if (job->kind == JOB_ALERTS_KEEP) {
        s->keeps++;
        s->keep = job->as.keep;
        job_free(job);
        return true;
    }
    assert_int_equal(job->kind, JOB_ALERT);
    s->last = job->as.alert.alert;
    s->first = s->told++ == 0 ? s->last : s->first;
    job_free(job);
    return true;
}

static int begin(void **state)
{
    static struct scene s;
    static const char *const names[] = {"centre.example"};
    struct certificate_facts facts;
    s = (struct scene){.dir = "/tmp/picket-expiry-XXXXXX", .expiry = {.submit = submit, .arg = &s}};
    assert_non_null(mkdtemp(s.dir));
    assert_int_equal(certificate_write(s.dir, names, 1, NULL), 0);
    (void)snprintf(s.path, sizeof s.path, "%s/server.pem", s.dir);
    assert_int_equal(certificate_facts(s.path, &facts, NULL), 0);
    s.ends_s = facts.expires_s;
    expiry_add(&s.expiry, s.path);
    expiry_add(&s.expiry, s.path);
    expiry_add(&s.expiry, "");
    expiry_add(&s.expiry, "/nonexistent/ca.pem");
    *state = &s;
    return 0;
}

static int end(void **state)
{
    static const char *const files[] = {"ca.key", "ca.pem", "server.key", "server.pem"};
    struct scene *s = *state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "%s/%s", s->dir, files[i]);
        (void)unlink(path);
    }
    return rmdir(s->dir);
}

static void it_is_told_at_thirty_days_each_day_and_louder_at_seven(void **state)
{
    struct scene *s = *state;
    assert_int_equal(s->expiry.count, 2);
    expiry_tick(&s->expiry, s->ends_s - 31 * DAY_S, HOUR_NS);
    assert_int_equal(s->last.action, ALERT_RELEASE); /* of what a run before us may have engaged */
    expiry_tick(&s->expiry, s->ends_s - 20 * DAY_S, 2 * HOUR_NS);
    assert_int_equal(s->told, 2);
    assert_int_equal(s->last.action, ALERT_ENGAGE);
    assert_int_equal(s->last.kind, ALERT_FLEET_LICENSE_OR_TOKEN_EXPIRY);
    assert_int_equal(s->last.score, 50);
    assert_string_equal(s->last.key, s->path);
    assert_non_null(strstr(s->last.detail, "/server.pem: ends in 20 days"));
    assert_non_null(strstr(s->last.detail, "centre.example"));
    expiry_tick(&s->expiry, s->ends_s - 20 * DAY_S + 1, 3 * HOUR_NS);
    expiry_tick(&s->expiry, s->ends_s - 19 * DAY_S, 4 * HOUR_NS);
    assert_int_equal(s->told, 3); /* within the 19th day once */
    assert_non_null(strstr(s->last.detail, "ends in 19 days"));
    expiry_tick(&s->expiry, s->ends_s - 6 * DAY_S, 5 * HOUR_NS);
    assert_int_equal(s->told, 4);
    assert_int_equal(s->last.score, 100);
    expiry_tick(&s->expiry, s->ends_s - 300 * DAY_S, 6 * HOUR_NS); /* as after a renewal */
    expiry_tick(&s->expiry, s->ends_s - 299 * DAY_S, 7 * HOUR_NS);
    assert_int_equal(s->told, 5);
    assert_int_equal(s->last.action, ALERT_RELEASE);
}

static void files_of_one_name_have_an_alert_each(void **state)
{
    struct scene *s = *state;
    char dir[48], other[64], long_path[EXPIRY_PATH_SIZE];
    (void)snprintf(dir, sizeof dir, "%s/nats", s->dir);
    (void)snprintf(other, sizeof other, "%s/server.pem", dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(link(s->path, other), 0);
    expiry_add(&s->expiry, other);
    expiry_tick(&s->expiry, s->ends_s - 20 * DAY_S, HOUR_NS);
    assert_int_equal(s->told, 2);
    assert_string_equal(s->first.key, s->path);
    assert_string_equal(s->last.key, other);
    /* Those are kept; what is not watched, or is not there, is released. */
    assert_int_equal(s->keep.kind, ALERT_FLEET_LICENSE_OR_TOKEN_EXPIRY);
    assert_int_equal(s->keep.count, 2);
    assert_string_equal(s->keep.keys[0], s->path);
    assert_string_equal(s->keep.keys[1], other);
    expiry_tick(&s->expiry, s->ends_s - 20 * DAY_S, 2 * HOUR_NS);
    assert_int_equal(s->keeps, 1); /* at the start alone */
    /* Of a path that is longer than a key the end counts. */
    size_t pad = ALERT_KEY_SIZE;
    memset(long_path, '/', pad);
    (void)snprintf(long_path + pad, sizeof long_path - pad, "%s", s->path + 1);
    expiry_add(&s->expiry, long_path);
    expiry_tick(&s->expiry, s->ends_s - 20 * DAY_S, 3 * HOUR_NS);
    assert_int_equal(s->told, 3);
    assert_int_equal(strlen(s->last.key), ALERT_KEY_SIZE - 1);
    assert_non_null(strstr(s->last.key, s->path));
    (void)unlink(other);
    (void)rmdir(dir);
}

static void it_is_looked_at_once_an_hour_and_told_until_there_is_room(void **state)
{
    struct scene *s = *state;
    s->full = true;
    expiry_tick(&s->expiry, s->ends_s - 20 * DAY_S, HOUR_NS);
    s->full = false;
    expiry_tick(&s->expiry, s->ends_s - 20 * DAY_S, HOUR_NS + HOUR_NS / 2);
    assert_int_equal(s->told, 0);
    expiry_tick(&s->expiry, s->ends_s - 20 * DAY_S, 2 * HOUR_NS);
    assert_int_equal(s->told, 1);
}

#define SCENE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(it_is_told_at_thirty_days_each_day_and_louder_at_seven),
        SCENE(files_of_one_name_have_an_alert_each),
        SCENE(it_is_looked_at_once_an_hour_and_told_until_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
