/*
 * Unit tests of aggregator/api/live: what each subscriber is given next. Sockets, the session's
 * look-up in the database and the fleet's lease are stood in for by this file.
 */
#include "aggregator/api/live.h"
#include "aggregator/api/live_inner.h"
#include "aggregator/api/sessions.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The linker puts these in place of the real ones. */
void __wrap_http_socket_send_soon(struct http_socket *socket);
void __wrap_http_socket_close(struct http_socket *socket, unsigned status);
void __wrap_session_refresh_later(struct web *web, const char *hash, uint64_t used_ms);
int __wrap_fleet_watch(struct fleet *fleet, const char *name, struct err *e);
bool __wrap_pool_submit(struct pool *pool, task_fn fn, void *arg);

static unsigned loads; /* times that the newest alerts were to be read */

/* What stands behind a struct http_socket here. */
struct fake_socket {
    unsigned wakes;
    unsigned closed; /* status */
};

static struct fake_socket *fake_of(struct http_socket *socket)
{
    return (struct fake_socket *)(void *)socket;
}

void __wrap_http_socket_send_soon(struct http_socket *socket)
{
    fake_of(socket)->wakes++;
}

void __wrap_http_socket_close(struct http_socket *socket, unsigned status)
{
    fake_of(socket)->closed = status;
}

void __wrap_session_refresh_later(struct web *web, const char *hash, uint64_t used_ms)
{
    (void)web;
    (void)hash;
    (void)used_ms;
}

int __wrap_fleet_watch(struct fleet *fleet, const char *name, struct err *e)
{
    (void)fleet;
    (void)e;
    function_called();
    check_expected_ptr(name);
    return 0;
}

bool __wrap_pool_submit(struct pool *pool, task_fn fn, void *arg)
{
    (void)pool;
    (void)fn;
    (void)arg;
    loads++;
    return true;
}

struct lab {
    struct web web;
    struct fake_socket sockets[2];
    void *peers[2];
    uint64_t mono_ns; /* made up, as the tests never wait */
};

static const char id[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

static void sign_in(struct lab *lab)
{
    struct session session = {.user_id = 1, .role = ROLE_VIEWER, .created_ms = now_ms()};
    session.used_ms = session.created_ms;
    (void)session_hash(id, session.hash);
    assert_true(session_store_put(lab->web.sessions, &session, now_ms()));
}

static void *open_peer(struct lab *lab, struct fake_socket *socket)
{
    struct http_request request = {0};
    memcpy(request.session, id, sizeof id);
    return live_opened(&lab->web, (struct http_socket *)(void *)socket, &request);
}

static void put_instance(struct lab *lab, const char *name, enum presence_state state)
{
    struct instance_view *view = calloc(1, sizeof *view);
    assert_non_null(view);
    *view = (struct instance_view){.id = 1, .state = state};
    (void)snprintf(view->name, sizeof view->name, "%s", name);
    mirror_put(&lab->web.mirror, view);
    live_instance(lab->web.live, name);
}

static int set_up(void **state)
{
    struct lab *lab = calloc(1, sizeof *lab);
    assert_non_null(lab);
    lab->mono_ns = clock_mono_ns();
    lab->web.sessions = session_store_new(4, NULL);
    lab->web.live = live_open(&lab->web, NULL);
    assert_non_null(lab->web.sessions);
    assert_non_null(lab->web.live);
    assert_int_equal(mirror_open(&lab->web.mirror, NULL), 0);
    sign_in(lab);
    put_instance(lab, "pisa-1", PRESENCE_UP);
    lab->web.mirror.complete = true;
    for (int i = 0; i < 2; i++) {
        lab->peers[i] = open_peer(lab, &lab->sockets[i]);
        assert_non_null(lab->peers[i]);
    }
    *state = lab;
    return 0;
}

static int tear_down(void **state)
{
    struct lab *lab = *state;
    for (int i = 0; i < 2; i++) {
        live_closed(&lab->web, lab->peers[i]);
    }
    live_close(lab->web.live);
    mirror_close(&lab->web.mirror);
    session_store_free(lab->web.sessions);
    free(lab);
    return 0;
}

static void say(struct lab *lab, int peer, const char *text)
{
    live_received(&lab->web, lab->peers[peer], text, strlen(text));
}

/* The type of the peer's next frame, "" when there is none; n and topic when wanted. */
struct seen {
    char type[8];
    char topic[TOPIC_NAME_SIZE];
    uint64_t n;
};

static struct seen take(struct lab *lab, int peer)
{
    struct seen seen = {0};
    struct http_frame *frame = live_next(&lab->web, lab->peers[peer]);
    if (frame != NULL) {
        json_t *root = json_loadb(frame->text, frame->len, 0, NULL);
        assert_non_null(root);
        (void)snprintf(seen.type, sizeof seen.type, "%s",
                       json_string_value(json_object_get(root, "t")));
        (void)snprintf(seen.topic, sizeof seen.topic, "%s",
                       json_string_value(json_object_get(root, "topic")));
        seen.n = (uint64_t)json_integer_value(json_object_get(root, "n"));
        json_decref(root);
        http_frame_unref(frame);
    }
    return seen;
}

static void expect(struct lab *lab, int peer, const char *type)
{
    assert_string_equal(take(lab, peer).type, type);
}

/* One more delta of the fleet. */
static void change(struct lab *lab)
{
    put_instance(lab, "pisa-1", PRESENCE_UP);
    lab->mono_ns += 2 * (uint64_t)NS_PER_S;
    live_flush(lab->web.live, lab->mono_ns);
}

static const char sub_fleet[] = "{\"op\":\"sub\",\"topic\":\"fleet\"}";

static void a_snapshot_comes_first_and_deltas_in_order(void **state)
{
    struct lab *lab = *state;
    say(lab, 0, sub_fleet);
    struct seen snap = take(lab, 0);
    assert_string_equal(snap.type, "snap");
    expect(lab, 0, "");
    for (uint64_t i = 1; i <= 5; i++) {
        change(lab);
        assert_true(lab->sockets[0].wakes > 0);
    }
    for (uint64_t i = 1; i <= 5; i++) {
        struct seen delta = take(lab, 0);
        assert_string_equal(delta.type, "delta");
        assert_int_equal(delta.n, snap.n + i);
    }
    expect(lab, 0, "");
}

static void one_frame_serves_every_subscriber(void **state)
{
    struct lab *lab = *state;
    say(lab, 0, sub_fleet);
    say(lab, 1, sub_fleet);
    expect(lab, 0, "snap");
    expect(lab, 1, "snap");
    change(lab);
    struct http_frame *first = live_next(&lab->web, lab->peers[0]);
    struct http_frame *second = live_next(&lab->web, lab->peers[1]);
    assert_non_null(first);
    assert_ptr_equal(first, second);
    http_frame_unref(first);
    http_frame_unref(second);
}

static void a_slow_reader_gets_a_gap_and_the_latest_state(void **state)
{
    struct lab *lab = *state;
    say(lab, 0, sub_fleet);
    say(lab, 1, sub_fleet);
    expect(lab, 0, "snap");
    expect(lab, 1, "snap");
    for (int i = 0; i < TOPIC_DELTAS + 5; i++) {
        change(lab);
        expect(lab, 1, "delta");
    }
    expect(lab, 0, "gap");
    expect(lab, 0, "snap");
    expect(lab, 0, "");
    change(lab);
    expect(lab, 0, "delta");
}

static void who_knows_a_recent_number_goes_on_from_it(void **state)
{
    struct lab *lab = *state;
    char text[96];
    say(lab, 0, sub_fleet);
    uint64_t n = take(lab, 0).n;
    change(lab);
    change(lab);
    (void)snprintf(text, sizeof text, "{\"op\":\"sub\",\"topic\":\"fleet\",\"since\":%llu}",
                   (unsigned long long)n + 1);
    say(lab, 1, text);
    struct seen delta = take(lab, 1);
    assert_string_equal(delta.type, "delta");
    assert_int_equal(delta.n, n + 2);
    expect(lab, 1, "");
}

static void what_changed_while_nobody_listened_is_in_the_snapshot(void **state)
{
    struct lab *lab = *state;
    char text[96];
    say(lab, 0, sub_fleet);
    uint64_t n = take(lab, 0).n;
    say(lab, 0, "{\"op\":\"unsub\",\"topic\":\"fleet\"}");
    change(lab);
    (void)snprintf(text, sizeof text, "{\"op\":\"sub\",\"topic\":\"fleet\",\"since\":%llu}",
                   (unsigned long long)n);
    say(lab, 1, text);
    expect(lab, 1, "snap");
    expect(lab, 1, "");
}

static void state_changes_leave_at_once_and_figures_wait(void **state)
{
    struct lab *lab = *state;
    say(lab, 0, sub_fleet);
    change(lab);
    expect(lab, 0, "snap");
    put_instance(lab, "pisa-1", PRESENCE_UP);
    live_flush(lab->web.live, lab->mono_ns + 300 * (uint64_t)NS_PER_MS);
    expect(lab, 0, "");
    put_instance(lab, "pisa-1", PRESENCE_UNREACHABLE);
    live_flush(lab->web.live, lab->mono_ns + 300 * (uint64_t)NS_PER_MS);
    expect(lab, 0, "delta");
}

static void calm_is_told_every_five_seconds(void **state)
{
    struct lab *lab = *state;
    say(lab, 0, sub_fleet);
    change(lab);
    expect(lab, 0, "snap");
    live_flush(lab->web.live, lab->mono_ns + 4900 * (uint64_t)NS_PER_MS);
    expect(lab, 0, "");
    live_flush(lab->web.live, lab->mono_ns + 5000 * (uint64_t)NS_PER_MS);
    expect(lab, 0, "delta");
}

static void an_instance_is_watched_while_somebody_looks(void **state)
{
    struct lab *lab = *state;
    expect_function_call(__wrap_fleet_watch);
    expect_string(__wrap_fleet_watch, name, "pisa-1");
    say(lab, 0, "{\"op\":\"sub\",\"topic\":\"instance/pisa-1\"}");
    expect(lab, 0, "snap");
    struct live_point point = {.name = "pisa-1", .at_ms = 5, .bps = 7};
    live_point(lab->web.live, &point);
    live_flush(lab->web.live, lab->mono_ns + NS_PER_S);
    struct seen delta = take(lab, 0);
    assert_string_equal(delta.type, "delta");
    assert_string_equal(delta.topic, "instance/pisa-1");
    say(lab, 0, "{\"op\":\"unsub\",\"topic\":\"instance/pisa-1\"}");
    live_tick(lab->web.live, clock_mono_ns()); /* nobody looks: no call of fleet_watch */
}

static void topics_take_turns(void **state)
{
    struct lab *lab = *state;
    say(lab, 0, sub_fleet);
    say(lab, 0, "{\"op\":\"sub\",\"topic\":\"alerts\"}");
    expect(lab, 0, "snap");
    expect(lab, 0, "snap");
    struct alert_view alert = {.id = 1, .state = ALERT_STATE_EVENT, .kind = 1, .entity = 6};
    change(lab);
    live_alert(lab->web.live, &alert);
    change(lab);
    struct seen first = take(lab, 0);
    struct seen second = take(lab, 0);
    assert_string_not_equal(first.topic, second.topic);
}

static void alerts_that_were_missed_are_read_anew(void **state)
{
    struct lab *lab = *state;
    lab->web.mirror.centre.database_up = true;
    loads = 0;
    live_tick(lab->web.live, lab->mono_ns);
    assert_int_equal(loads, 1);
    lab->web.live->loading = false; /* as if they had come */
    live_tick(lab->web.live, lab->mono_ns + 60ull * NS_PER_S);
    assert_int_equal(loads, 1);
    live_alerts_missed(lab->web.live);
    live_tick(lab->web.live, lab->mono_ns + 61ull * NS_PER_S);
    assert_int_equal(loads, 2);
}

static void what_was_told_is_kept_over_what_was_read_before(void **state)
{
    struct lab *lab = *state;
    struct recent *recent = &lab->web.live->recent;
    struct alert_view told = {.id = 1, .state = ALERT_STATE_ENGAGED, .kind = 1, .count = 2};
    struct alert_view read = {.id = 1, .state = ALERT_STATE_ENGAGED, .kind = 1, .count = 1};
    recent_put(recent, &told, true);
    recent_put(recent, &read, false);
    assert_int_equal(recent->items[0]->count, 2);
    read.count = 3;
    recent_put(recent, &read, false);
    assert_int_equal(recent->items[0]->count, 3);
    assert_int_equal(recent->count, 1);
}

static void too_many_or_unknown_topics_are_an_error(void **state)
{
    struct lab *lab = *state;
    lab->web.mirror.complete = false; /* then any name may be an instance */
    expect_function_calls(__wrap_fleet_watch, 32);
    expect_any_count(__wrap_fleet_watch, name, 32);
    for (int i = 0; i < 33; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "{\"op\":\"sub\",\"topic\":\"instance/a%d\"}", i);
        say(lab, 0, text);
    }
    expect(lab, 0, "error");
    expect(lab, 0, ""); /* no snapshot before the fleet is known */
    say(lab, 1, "{\"op\":\"sub\",\"topic\":\"instance/../x\"}");
    expect(lab, 1, "error");
}

static void an_ended_session_closes_the_socket(void **state)
{
    struct lab *lab = *state;
    struct session session;
    say(lab, 0, sub_fleet);
    expect(lab, 0, "snap");
    (void)session_hash(id, session.hash);
    session_store_remove(lab->web.sessions, session.hash);
    live_tick(lab->web.live, clock_mono_ns() + 60 * (uint64_t)NS_PER_S);
    assert_int_equal(lab->sockets[0].closed, 4401);
}

static void an_unproven_session_is_told_nothing_until_it_is(void **state)
{
    struct lab *lab = *state;
    struct session session;
    struct fake_socket socket = {0};
    (void)session_hash(id, session.hash);
    session_store_remove(lab->web.sessions, session.hash);
    void *peer = open_peer(lab, &socket);
    live_received(&lab->web, peer, sub_fleet, sizeof sub_fleet - 1);
    assert_null(live_next(&lab->web, peer));
    sign_in(lab);
    live_tick(lab->web.live, clock_mono_ns());
    struct http_frame *frame = live_next(&lab->web, peer);
    assert_non_null(frame);
    http_frame_unref(frame);
    live_closed(&lab->web, peer);
}

#define LIVE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIVE_TEST(a_snapshot_comes_first_and_deltas_in_order),
        LIVE_TEST(one_frame_serves_every_subscriber),
        LIVE_TEST(a_slow_reader_gets_a_gap_and_the_latest_state),
        LIVE_TEST(who_knows_a_recent_number_goes_on_from_it),
        LIVE_TEST(what_changed_while_nobody_listened_is_in_the_snapshot),
        LIVE_TEST(state_changes_leave_at_once_and_figures_wait),
        LIVE_TEST(calm_is_told_every_five_seconds),
        LIVE_TEST(an_instance_is_watched_while_somebody_looks),
        LIVE_TEST(topics_take_turns),
        LIVE_TEST(alerts_that_were_missed_are_read_anew),
        LIVE_TEST(what_was_told_is_kept_over_what_was_read_before),
        LIVE_TEST(too_many_or_unknown_topics_are_an_error),
        LIVE_TEST(an_ended_session_closes_the_socket),
        LIVE_TEST(an_unproven_session_is_told_nothing_until_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
