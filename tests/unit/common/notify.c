/* Unit tests of what is told to a supervisor, with the test's own socket in systemd's place. */
#include "common/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"

struct scene {
    char dir[64];
    char path[96]; /* of the socket */
    char file[96];
    int socket;
    struct notify notify;
};

static int open_scene(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)snprintf(s->dir, sizeof s->dir, "/tmp/picket-notify-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    (void)snprintf(s->path, sizeof s->path, "%s/socket", s->dir);
    (void)snprintf(s->file, sizeof s->file, "%s/alive", s->dir);
    memcpy(at.sun_path, s->path, strlen(s->path));
    s->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->socket, (const struct sockaddr *)&at, sizeof at), 0);
    s->notify = (struct notify){.socket = -1, .file = -1};
    *state = s;
    return 0;
}

static int close_scene(void **state)
{
    struct scene *s = *state;
    notify_close(&s->notify);
    (void)close(s->socket);
    (void)unlink(s->path);
    (void)unlink(s->file);
    assert_int_equal(rmdir(s->dir), 0);
    free(s);
    return 0;
}

/* What systemd hears next, "" when nothing. */
static const char *heard(const struct scene *s, char buf[256])
{
    ssize_t len = recv(s->socket, buf, 255, 0);
    buf[len < 0 ? 0 : len] = '\0';
    return buf;
}

static void open_watched(struct scene *s, const char *usec)
{
    struct err e = {0};
    assert_int_equal(setenv("NOTIFY_SOCKET", s->path, 1), 0);
    assert_int_equal(setenv("WATCHDOG_USEC", usec, 1), 0);
    assert_int_equal(notify_open(&s->notify, NULL, &e), 0);
}

static void systemd_hears_the_start_the_life_and_the_end(void **state)
{
    struct scene *s = *state;
    char buf[256];
    open_watched(s, "30000000");
    notify_ready(&s->notify, "two of three");
    assert_string_equal(heard(s, buf), "READY=1\nSTATUS=two of three");
    notify_alive(&s->notify, NS_PER_S);
    assert_string_equal(heard(s, buf), "WATCHDOG=1");
    notify_stopping(&s->notify);
    assert_string_equal(heard(s, buf), "STOPPING=1");
}

static void life_is_told_twice_in_the_time_that_systemd_waits(void **state)
{
    struct scene *s = *state;
    char buf[256];
    open_watched(s, "30000000");
    notify_alive(&s->notify, 100ull * NS_PER_S);
    assert_string_equal(heard(s, buf), "WATCHDOG=1");
    notify_alive(&s->notify, 114ull * NS_PER_S);
    assert_string_equal(heard(s, buf), "");
    notify_alive(&s->notify, 115ull * NS_PER_S);
    assert_string_equal(heard(s, buf), "WATCHDOG=1");
}

static void children_do_not_inherit_the_right_to_tell(void **state)
{
    struct scene *s = *state;
    open_watched(s, "30000000");
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
}

static void a_watch_over_another_process_is_not_ours(void **state)
{
    struct scene *s = *state;
    assert_int_equal(setenv("WATCHDOG_PID", "1", 1), 0);
    open_watched(s, "2000000");
    assert_true(s->notify.period_ns > NS_PER_S);
}

static void a_file_grows_old_only_when_life_is_not_told(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    struct stat st;
    const struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    assert_int_equal(notify_open(&s->notify, s->file, &e), 0);
    assert_int_equal(futimens(s->notify.file, long_ago), 0);
    notify_alive(&s->notify, 10ull * NS_PER_S);
    assert_int_equal(stat(s->file, &st), 0);
    assert_true(st.st_mtime > 1000);
    assert_int_equal(futimens(s->notify.file, long_ago), 0);
    notify_alive(&s->notify, 14ull * NS_PER_S);
    assert_int_equal(stat(s->file, &st), 0);
    assert_int_equal(st.st_mtime, 1000);
}

static void without_a_supervisor_nothing_happens(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    assert_int_equal(notify_open(&s->notify, NULL, &e), 0);
    notify_ready(&s->notify, "");
    notify_alive(&s->notify, NS_PER_S);
    notify_stopping(&s->notify);
    assert_int_equal(s->notify.socket, -1);
}

static void a_socket_that_is_not_there_is_named(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    assert_int_equal(setenv("NOTIFY_SOCKET", "/nowhere/socket", 1), 0);
    assert_int_equal(notify_open(&s->notify, NULL, &e), -1);
    assert_non_null(strstr(e.what, "/nowhere/socket"));
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define SCENE(f) cmocka_unit_test_setup_teardown(f, open_scene, close_scene)
        SCENE(systemd_hears_the_start_the_life_and_the_end),
        SCENE(life_is_told_twice_in_the_time_that_systemd_waits),
        SCENE(children_do_not_inherit_the_right_to_tell),
        SCENE(a_watch_over_another_process_is_not_ours),
        SCENE(a_file_grows_old_only_when_life_is_not_told),
        SCENE(without_a_supervisor_nothing_happens),
        SCENE(a_socket_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
