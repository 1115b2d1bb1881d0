/* Unit tests of agent/saver: the newest text reaches the disk, beside the loop. */
#include "agent/saver.h"

#include "common/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct scene {
    char folder[32], path[64];
    uv_loop_t loop;
    struct saver saver;
    unsigned failed;
};

static void on_failed(void *arg)
{
    struct scene *s = arg;
    s->failed++;
}

static int begin(void **state)
{
    static struct scene s;
    s = (struct scene){.folder = "/tmp/picket-saver-XXXXXX"};
    assert_non_null(mkdtemp(s.folder));
    (void)snprintf(s.path, sizeof s.path, "%s/state", s.folder);
    s.saver = (struct saver){.loop = &s.loop, .path = s.path, .failed = on_failed, .arg = &s};
    *state = &s;
    return uv_loop_init(&s.loop);
}

static int end(void **state)
{
    struct scene *s = *state;
    (void)unlink(s->path);
    assert_int_equal(rmdir(s->folder), 0); /* nothing half written is left */
    return uv_loop_close(&s->loop);
}

static void put(struct scene *s, const char *text)
{
    char *copy = strdup(text);
    assert_non_null(copy);
    saver_put(&s->saver, copy, strlen(copy));
}

static void expect_file(const struct scene *s, const char *text)
{
    size_t len = 0;
    char *have = file_read(s->path, 100, &len, NULL);
    assert_non_null(have);
    assert_string_equal(have, text);
    free(have);
}

static void it_returns_before_the_file_is_there(void **state)
{
    struct scene *s = *state;
    put(s, "one");
    assert_true(s->saver.busy);
    assert_int_equal(uv_run(&s->loop, UV_RUN_DEFAULT), 0);
    expect_file(s, "one");
}

static void the_newest_is_what_remains_and_the_loop_ends_with_it(void **state)
{
    struct scene *s = *state;
    put(s, "one");
    put(s, "two");
    put(s, "three");
    assert_int_equal(uv_run(&s->loop, UV_RUN_DEFAULT), 0);
    expect_file(s, "three");
    assert_false(s->saver.busy);
}

static void a_failure_is_told_and_the_next_text_is_tried(void **state)
{
    struct scene *s = *state;
    s->saver.path = "/nonexistent/state";
    put(s, "one");
    assert_int_equal(uv_run(&s->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(s->failed, 1);
    s->saver.path = s->path;
    put(s, "two");
    assert_int_equal(uv_run(&s->loop, UV_RUN_DEFAULT), 0);
    expect_file(s, "two");
}

#define SCENE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(it_returns_before_the_file_is_there),
        SCENE(the_newest_is_what_remains_and_the_loop_ends_with_it),
        SCENE(a_failure_is_told_and_the_next_text_is_tried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
