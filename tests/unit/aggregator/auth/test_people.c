/* Unit tests of aggregator/auth: passwords, sessions and the throttle. */
#include "aggregator/auth/password.h"
#include "aggregator/auth/session.h"
#include "aggregator/auth/throttle.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { NOW = 1000 * 1000, SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

static void a_password_matches_its_hash_and_no_other(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH_SIZE];
    assert_int_equal(password_hash("correct horse", hash, NULL), 0);
    assert_int_equal(strncmp(hash, "$argon2id$", 10), 0);
    assert_true(password_matches(hash, "correct horse"));
    assert_false(password_matches(hash, "correct horsf"));
    assert_false(password_matches("no hash", "correct horse"));
}

/* Wide bounds, as machines are shared: an early return would take thousands of times less. */
static void a_user_that_is_not_there_takes_as_long(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH_SIZE];
    assert_int_equal(password_hash("correct horse", hash, NULL), 0);
    uint64_t start = clock_mono_ns();
    assert_false(password_matches(hash, "wrong password"));
    uint64_t known = clock_mono_ns() - start;
    start = clock_mono_ns();
    assert_false(password_matches(NULL, "wrong password"));
    uint64_t unknown = clock_mono_ns() - start;
    assert_true(unknown > known / 5);
}

static void short_passwords_are_refused(void **state)
{
    (void)state;
    assert_int_equal(password_check("123456789", NULL), -1);
    assert_int_equal(password_check("1234567890", NULL), 0);
}

static void names_of_users_and_roles_are_checked(void **state)
{
    (void)state;
    assert_true(user_name_is_valid("a.b_c-9"));
    assert_false(user_name_is_valid(""));
    assert_false(user_name_is_valid(".a"));
    assert_false(user_name_is_valid("A"));
    assert_int_equal(role_by_name("operator"), ROLE_OPERATOR);
    assert_int_equal(role_by_name("none"), ROLE_NONE);
    assert_string_equal(role_name(ROLE_ADMIN), "admin");
}

static void ids_differ_and_give_their_own_token(void **state)
{
    (void)state;
    char first[SESSION_ID_SIZE];
    char second[SESSION_ID_SIZE];
    char csrf[SESSION_CSRF_SIZE];
    assert_int_equal(session_id_make(first, NULL), 0);
    assert_int_equal(session_id_make(second, NULL), 0);
    assert_string_not_equal(first, second);
    assert_true(session_id_is_valid(first));
    assert_false(session_id_is_valid("short"));
    assert_true(session_csrf_matches(first, session_csrf(first, csrf)));
    assert_false(session_csrf_matches(second, csrf));
    assert_false(session_csrf_matches(first, ""));
    assert_null(strstr(csrf, first));
}

static struct session session_at(uint64_t now)
{
    struct session session = {.user_id = 7, .role = ROLE_VIEWER, .created_ms = now, .used_ms = now};
    (void)session_hash("id", session.hash);
    return session;
}

static struct session_store *store_with(const struct session *session, uint64_t now)
{
    struct session_store *store = session_store_new(2, NULL);
    assert_non_null(store);
    assert_true(session_store_put(store, session, now));
    return store;
}

static void a_session_in_use_lives_and_an_idle_one_ends(void **state)
{
    (void)state;
    struct session session = session_at(NOW);
    struct session_store *store = store_with(&session, NOW);
    struct session found;
    uint64_t now = NOW;
    for (int i = 0; i < 10; i++) {
        now += SESSION_IDLE_MS - SECOND;
        assert_int_not_equal(session_store_use(store, session.hash, now, &found), SESSION_UNKNOWN);
    }
    assert_int_equal((int)found.user_id, 7);
    now += SESSION_IDLE_MS;
    assert_int_equal(session_store_use(store, session.hash, now, &found), SESSION_UNKNOWN);
    session_store_free(store);
}

static void no_session_outlives_twelve_hours(void **state)
{
    (void)state;
    struct session session = session_at(NOW);
    struct session_store *store = store_with(&session, NOW);
    struct session found;
    uint64_t now = NOW;
    while (now + MINUTE < NOW + SESSION_LIFE_MS) {
        now += MINUTE;
        assert_int_not_equal(session_store_use(store, session.hash, now, &found), SESSION_UNKNOWN);
    }
    now = NOW + SESSION_LIFE_MS;
    assert_int_equal(session_store_use(store, session.hash, now, &found), SESSION_UNKNOWN);
    session_store_free(store);
}

static void one_caller_a_minute_is_sent_to_the_database(void **state)
{
    (void)state;
    struct session session = session_at(NOW);
    struct session_store *store = store_with(&session, NOW);
    struct session found;
    uint64_t later = NOW + SESSION_CHECK_MS;
    assert_int_equal(session_store_use(store, session.hash, later - 1, &found), SESSION_VALID);
    assert_int_equal(session_store_use(store, session.hash, later, &found), SESSION_STALE);
    assert_int_equal(session_store_use(store, session.hash, later, &found), SESSION_VALID);
    session_store_remove(store, session.hash);
    assert_int_equal(session_store_use(store, session.hash, later, &found), SESSION_UNKNOWN);
    session_store_free(store);
}

static void ended_sessions_make_room(void **state)
{
    (void)state;
    struct session first = session_at(NOW);
    struct session second = session_at(NOW);
    struct session third = session_at(NOW);
    (void)session_hash("second", second.hash);
    (void)session_hash("third", third.hash);
    struct session_store *store = store_with(&first, NOW);
    assert_true(session_store_put(store, &second, NOW));
    assert_false(session_store_put(store, &third, NOW));
    third.created_ms = third.used_ms = NOW + HOUR;
    assert_true(session_store_put(store, &third, NOW + HOUR));
    session_store_free(store);
}

static uint64_t wait_after(struct throttle *t, enum throttle_kind kind, unsigned failures,
                           uint64_t now)
{
    for (unsigned i = 0; i < failures; i++) {
        throttle_failed(t, kind, "x", now);
    }
    return throttle_wait_ms(t, kind, "x", now);
}

static void the_sixth_try_has_to_wait(void **state)
{
    (void)state;
    struct throttle *t = throttle_new(NULL);
    assert_non_null(t);
    assert_int_equal(wait_after(t, THROTTLE_USER, 4, NOW), 0);
    assert_int_equal(wait_after(t, THROTTLE_USER, 1, NOW), THROTTLE_WINDOW_MS);
    assert_int_equal(throttle_wait_ms(t, THROTTLE_ADDRESS, "x", NOW), 0);
    assert_int_equal(throttle_wait_ms(t, THROTTLE_USER, "y", NOW), 0);
    assert_int_equal(throttle_wait_ms(t, THROTTLE_USER, "x", NOW + THROTTLE_WINDOW_MS), 0);
    throttle_free(t);
}

static void an_address_waits_longer_each_time_and_a_user_does_not(void **state)
{
    (void)state;
    struct throttle *t = throttle_new(NULL);
    assert_non_null(t);
    assert_int_equal(wait_after(t, THROTTLE_ADDRESS, 6, NOW), 2 * THROTTLE_WINDOW_MS);
    assert_int_equal(wait_after(t, THROTTLE_ADDRESS, 20, NOW), THROTTLE_ADDRESS_MAX_MS);
    assert_int_equal(wait_after(t, THROTTLE_USER, 50, NOW), THROTTLE_WINDOW_MS);
    throttle_free(t);
}

static void success_and_time_forgive(void **state)
{
    (void)state;
    struct throttle *t = throttle_new(NULL);
    assert_non_null(t);
    assert_int_equal(wait_after(t, THROTTLE_USER, 4, NOW), 0);
    throttle_succeeded(t, THROTTLE_USER, "x");
    assert_int_equal(wait_after(t, THROTTLE_USER, 4, NOW), 0);
    assert_int_equal(wait_after(t, THROTTLE_USER, 4, NOW + THROTTLE_WINDOW_MS), 0);
    throttle_free(t);
}

static void a_flood_of_names_does_not_lift_the_limit(void **state)
{
    (void)state;
    enum { FLOOD = 20000 };
    struct throttle *t = throttle_new(NULL);
    assert_non_null(t);
    for (int i = 0; i < FLOOD; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%d", i);
        throttle_failed(t, THROTTLE_USER, name, NOW + (uint64_t)i);
    }
    assert_int_equal(wait_after(t, THROTTLE_USER, 5, NOW + FLOOD), THROTTLE_WINDOW_MS);
    throttle_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_password_matches_its_hash_and_no_other),
        cmocka_unit_test(a_user_that_is_not_there_takes_as_long),
        cmocka_unit_test(short_passwords_are_refused),
        cmocka_unit_test(names_of_users_and_roles_are_checked),
        cmocka_unit_test(ids_differ_and_give_their_own_token),
        cmocka_unit_test(a_session_in_use_lives_and_an_idle_one_ends),
        cmocka_unit_test(no_session_outlives_twelve_hours),
        cmocka_unit_test(one_caller_a_minute_is_sent_to_the_database),
        cmocka_unit_test(ended_sessions_make_room),
        cmocka_unit_test(the_sixth_try_has_to_wait),
        cmocka_unit_test(an_address_waits_longer_each_time_and_a_user_does_not),
        cmocka_unit_test(success_and_time_forgive),
        cmocka_unit_test(a_flood_of_names_does_not_lift_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
