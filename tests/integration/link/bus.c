/*
 * Rights and connections against a real nats-server: who may say and hear what, what happens to
 * those who try more, and how a bus comes back.
 */
#include "common/bus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/integration/link/broker.h"

enum { PATIENCE_MS = 5000, EVENT_KINDS = 5 };

/* One bus with what it was told; filled on cnats' threads. */
struct peer {
    struct bus *bus;
    pthread_mutex_t lock;
    unsigned events[EVENT_KINDS];
    unsigned messages;
    char subject[256]; /* of the last message */
    char text[256];    /* of the last event that had one */
};

static void note_event(enum bus_event event, const char *text, void *arg)
{
    struct peer *p = arg;
    (void)pthread_mutex_lock(&p->lock);
    p->events[event]++;
    if (text[0] != '\0') {
        (void)snprintf(p->text, sizeof p->text, "%s", text);
    }
    (void)pthread_mutex_unlock(&p->lock);
}

static void note_message(const char *subject, const void *bytes, size_t len, void *arg)
{
    struct peer *p = arg;
    (void)bytes;
    (void)len;
    (void)pthread_mutex_lock(&p->lock);
    p->messages++;
    (void)snprintf(p->subject, sizeof p->subject, "%s", subject);
    (void)pthread_mutex_unlock(&p->lock);
}

static unsigned events_of(struct peer *p, enum bus_event event)
{
    (void)pthread_mutex_lock(&p->lock);
    unsigned count = p->events[event];
    (void)pthread_mutex_unlock(&p->lock);
    return count;
}

static unsigned messages_of(struct peer *p)
{
    (void)pthread_mutex_lock(&p->lock);
    unsigned count = p->messages;
    (void)pthread_mutex_unlock(&p->lock);
    return count;
}

static bool comes(struct peer *p, enum bus_event event, unsigned count)
{
    uint64_t until = clock_mono_ns() + (uint64_t)PATIENCE_MS * NS_PER_MS;
    while (events_of(p, event) < count && clock_mono_ns() < until) {
        (void)usleep(2000);
    }
    return events_of(p, event) >= count;
}

static bool hears(struct peer *p, unsigned count)
{
    uint64_t until = clock_mono_ns() + (uint64_t)PATIENCE_MS * NS_PER_MS;
    while (messages_of(p) < count && clock_mono_ns() < until) {
        (void)usleep(2000);
    }
    return messages_of(p) >= count;
}

/* Long enough for a message that wrongly passed to arrive on loopback. */
static void settle(void)
{
    (void)usleep(200000);
}

static struct peer *peer_open(const struct broker *b, const char *jwt, const struct nkey *key)
{
    struct err e = {0};
    const char *urls[] = {b->url};
    struct peer *p = calloc(1, sizeof *p);
    assert_non_null(p);
    (void)pthread_mutex_init(&p->lock, NULL);
    struct bus_options options = {.urls = urls,
                                  .url_count = 1,
                                  .name = "test",
                                  .jwt = jwt,
                                  .key = key,
                                  .on_event = note_event,
                                  .arg = p};
    p->bus = bus_open(&options, &e);
    assert_non_null(p->bus);
    return p;
}

static void peer_close(struct peer *p)
{
    bus_close(p->bus);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}

static uint64_t now_s(void)
{
    return clock_wall_ns() / NS_PER_S;
}

static struct peer *core_of(struct broker *b)
{
    struct peer *p = peer_open(b, b->keys.core.jwt, &b->keys.core.key);
    assert_true(comes(p, BUS_CONNECTED, 1));
    return p;
}

static struct peer *agent_of(struct broker *b, const char *name, struct nkey *key)
{
    struct err e = {0};
    char public[NKEY_TEXT_SIZE], jwt[CREDS_JWT_SIZE];
    assert_int_equal(nkey_make(key, NKEY_USER, &e), 0);
    assert_int_equal(keys_agent_jwt(&b->keys, name, nkey_public_text(key, public), now_s() + 3600,
                                    jwt, sizeof jwt, &e),
                     0);
    struct peer *p = peer_open(b, jwt, key);
    assert_true(comes(p, BUS_CONNECTED, 1));
    return p;
}

static void subscribe(struct peer *p, const char *subject)
{
    struct err e = {0};
    assert_int_equal(bus_subscribe(p->bus, subject, note_message, p, &e), 0);
}

static void publish(struct peer *p, const char *subject)
{
    struct err e = {0};
    if (bus_publish(p->bus, subject, "x", 1, &e) != 0) {
        fail_msg("%s", e.what);
    }
}

static int open_broker(void **state)
{
    struct broker *b = calloc(1, sizeof *b);
    broker_open(b);
    *state = b;
    return 0;
}

static int close_broker(void **state)
{
    broker_close(*state);
    free(*state);
    return 0;
}

static void an_agent_speaks_upward_and_hears_its_own_subjects(void **state)
{
    struct broker *b = *state;
    struct nkey key;
    struct peer *core = core_of(b), *rome = agent_of(b, "rome", &key);
    subscribe(core, "pk.v1.up.>");
    subscribe(rome, "pk.v1.dn.rome.>");
    settle();
    publish(rome, "pk.v1.up.7.rome.hb");
    assert_true(hears(core, 1));
    publish(core, "pk.v1.dn.rome.ack");
    assert_true(hears(rome, 1));
    assert_int_equal(events_of(rome, BUS_DENIED), 0);
    assert_int_equal(events_of(core, BUS_DENIED), 0);
    peer_close(rome);
    peer_close(core);
}

static void speaking_as_another_agent_is_denied_and_told(void **state)
{
    struct broker *b = *state;
    struct nkey key;
    struct peer *core = core_of(b), *rome = agent_of(b, "rome", &key);
    subscribe(core, "pk.v1.up.>");
    subscribe(core, "pk.v1.rsp.>");
    settle();
    publish(rome, "pk.v1.up.7.pisa.hb");
    assert_true(comes(rome, BUS_DENIED, 1));
    assert_non_null(strstr(rome->text, "pk.v1.up.7.pisa.hb"));
    publish(rome, "pk.v1.rsp.pisa.a1.r1.0");
    assert_true(comes(rome, BUS_DENIED, 2));
    publish(rome, "pk.v1.dn.pisa.cmd");
    assert_true(comes(rome, BUS_DENIED, 3));
    settle();
    assert_int_equal(messages_of(core), 0);
    assert_true(bus_is_connected(rome->bus));
    peer_close(rome);
    peer_close(core);
}

static void listening_to_another_agent_or_to_all_is_denied(void **state)
{
    struct broker *b = *state;
    struct nkey key;
    struct peer *core = core_of(b), *rome = agent_of(b, "rome", &key);
    const char *foreign[] = {"pk.v1.dn.pisa.>", "pk.v1.dn.>", ">", "pk.v1.up.>", "$SYS.>"};
    for (unsigned i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        subscribe(rome, foreign[i]);
        assert_true(comes(rome, BUS_DENIED, i + 1));
    }
    publish(core, "pk.v1.dn.pisa.cmd");
    settle();
    assert_int_equal(messages_of(rome), 0);
    peer_close(rome);
    peer_close(core);
}

/* The core answers nothing but fixed subjects, and it cannot even be made to by its rights. */
static void the_core_may_not_publish_where_agents_speak(void **state)
{
    struct broker *b = *state;
    struct peer *core = core_of(b);
    publish(core, "pk.v1.up.7.rome.hb");
    assert_true(comes(core, BUS_DENIED, 1));
    publish(core, "_INBOX.anything");
    assert_true(comes(core, BUS_DENIED, 2));
    peer_close(core);
}

static void a_token_may_enrol_its_own_name_and_nothing_else(void **state)
{
    struct broker *b = *state;
    struct err e = {0};
    char token[KEYS_TOKEN_SIZE];
    assert_int_equal(keys_token_new(&b->keys, "rome", now_s() + 60, token, sizeof token, &e), 0);
    assert_memory_equal(token, "pkt1.", 5);
    struct peer *core = core_of(b), *guest = peer_open(b, token + 5, NULL);
    subscribe(core, "pk.v1.enrol.*");
    subscribe(guest, "pk.v1.enrolled.rome");
    assert_true(comes(guest, BUS_CONNECTED, 1));
    settle();
    publish(guest, "pk.v1.enrol.rome");
    assert_true(hears(core, 1));
    publish(core, "pk.v1.enrolled.rome");
    assert_true(hears(guest, 1));
    publish(guest, "pk.v1.enrol.pisa");
    publish(guest, "pk.v1.up.7.rome.hb");
    assert_true(comes(guest, BUS_DENIED, 2));
    assert_int_equal(messages_of(core), 1);
    peer_close(guest);
    peer_close(core);
}

static void a_forged_token_is_refused(void **state)
{
    struct broker *b = *state;
    struct err e = {0};
    struct keys forged = b->keys;
    char token[KEYS_TOKEN_SIZE];
    assert_int_equal(nkey_make(&forged.enrol, NKEY_ACCOUNT, &e), 0);
    assert_int_equal(keys_token_new(&forged, "rome", now_s() + 60, token, sizeof token, &e), 0);
    struct peer *guest = peer_open(b, token + 5, NULL);
    assert_true(comes(guest, BUS_AUTH_REFUSED, 2));
    assert_int_equal(events_of(guest, BUS_CONNECTED), 0);
    peer_close(guest);
}

static void an_expired_token_is_refused(void **state)
{
    struct broker *b = *state;
    struct err e = {0};
    char token[KEYS_TOKEN_SIZE];
    assert_int_equal(keys_token_new(&b->keys, "rome", now_s() - 60, token, sizeof token, &e), 0);
    struct peer *guest = peer_open(b, token + 5, NULL);
    assert_true(comes(guest, BUS_AUTH_REFUSED, 1));
    assert_int_equal(events_of(guest, BUS_CONNECTED), 0);
    peer_close(guest);
}

static void an_identity_without_its_private_key_is_refused(void **state)
{
    struct broker *b = *state;
    struct err e = {0};
    struct nkey owner, thief;
    char public[NKEY_TEXT_SIZE], jwt[CREDS_JWT_SIZE];
    assert_int_equal(nkey_make(&owner, NKEY_USER, &e), 0);
    assert_int_equal(nkey_make(&thief, NKEY_USER, &e), 0);
    assert_int_equal(keys_agent_jwt(&b->keys, "rome", nkey_public_text(&owner, public),
                                    now_s() + 3600, jwt, sizeof jwt, &e),
                     0);
    struct peer *p = peer_open(b, jwt, &thief);
    assert_true(comes(p, BUS_AUTH_REFUSED, 1));
    assert_int_equal(events_of(p, BUS_CONNECTED), 0);
    peer_close(p);
    struct peer *rightful = peer_open(b, jwt, &owner);
    assert_true(comes(rightful, BUS_CONNECTED, 1));
    peer_close(rightful);
}

/* Scoped keys take no rights from the JWT, so a name is all that a stolen one could widen. */
static void names_that_would_widen_the_template_are_not_minted(void **state)
{
    struct broker *b = *state;
    struct err e = {0};
    char buf[KEYS_TOKEN_SIZE];
    assert_int_equal(keys_token_new(&b->keys, "*", now_s() + 60, buf, sizeof buf, &e), -1);
    assert_int_equal(keys_token_new(&b->keys, "a.>", now_s() + 60, buf, sizeof buf, &e), -1);
}

static void revoke_user(struct broker *b, struct peer *system, const char *public, uint64_t at_s)
{
    struct err e = {0};
    char list[256], answer[4096];
    size_t answer_len = sizeof answer;
    char *account = malloc(KEYS_ACCOUNT_JWT_SIZE);
    (void)snprintf(list, sizeof list, "{\"%s\": %llu}", public, (unsigned long long)at_s);
    assert_int_equal(keys_account_jwt(&b->keys, list, account, KEYS_ACCOUNT_JWT_SIZE, &e), 0);
    if (bus_request(system->bus, KEYS_UPDATE_SUBJECT, account, strlen(account), 2000, answer,
                    &answer_len, &e) != 0 ||
        keys_update_check(answer, answer_len, &e) != 0) {
        fail_msg("%s", e.what);
    }
    free(account);
}

static void a_revocation_closes_the_live_connection_and_survives_a_restart(void **state)
{
    struct broker *b = *state;
    struct nkey rome_key, pisa_key;
    char public[NKEY_TEXT_SIZE];
    struct peer *rome = agent_of(b, "rome", &rome_key), *pisa = agent_of(b, "pisa", &pisa_key);
    struct peer *system = peer_open(b, b->keys.system.jwt, &b->keys.system.key);
    assert_true(comes(system, BUS_CONNECTED, 1));
    uint64_t began = clock_mono_ns();
    revoke_user(b, system, nkey_public_text(&rome_key, public), now_s());
    assert_true(comes(rome, BUS_DISCONNECTED, 1));
    print_message("revoked connection closed after %llu ms\n",
                  (unsigned long long)((clock_mono_ns() - began) / NS_PER_MS));
    assert_true(comes(rome, BUS_AUTH_REFUSED, 2));
    assert_int_equal(events_of(pisa, BUS_DISCONNECTED), 0);

    broker_kill(b);
    broker_start(b);
    assert_true(comes(pisa, BUS_CONNECTED, 2));
    unsigned refused = events_of(rome, BUS_AUTH_REFUSED);
    assert_true(comes(rome, BUS_AUTH_REFUSED, refused + 1));
    assert_int_equal(events_of(rome, BUS_CONNECTED), 1);
    peer_close(system);
    peer_close(pisa);
    peer_close(rome);
}

static void the_system_user_sees_agents_come_and_go(void **state)
{
    struct broker *b = *state;
    struct nkey key;
    struct peer *system = peer_open(b, b->keys.system.jwt, &b->keys.system.key);
    subscribe(system, "$SYS.ACCOUNT.*.CONNECT");
    subscribe(system, "$SYS.ACCOUNT.*.DISCONNECT");
    assert_true(comes(system, BUS_CONNECTED, 1));
    settle();
    struct peer *rome = agent_of(b, "rome", &key);
    assert_true(hears(system, 1));
    peer_close(rome);
    assert_true(hears(system, 2));
    assert_non_null(strstr(system->subject, "DISCONNECT"));
    peer_close(system);
}

static void a_bus_comes_back_with_its_subscriptions_after_the_server_was_killed(void **state)
{
    struct broker *b = *state;
    struct err e = {0};
    struct nkey key;
    struct peer *core = core_of(b), *rome = agent_of(b, "rome", &key);
    subscribe(core, "pk.v1.up.>");
    broker_kill(b);
    assert_true(comes(rome, BUS_DISCONNECTED, 1));
    assert_int_equal(bus_publish(rome->bus, "pk.v1.up.7.rome.hb", "x", 1, &e), -1);
    assert_int_equal(e.code, ERR_CLOSED);
    broker_start(b);
    uint64_t began = clock_mono_ns();
    assert_true(comes(core, BUS_CONNECTED, 2));
    assert_true(comes(rome, BUS_CONNECTED, 2));
    print_message("both back %llu ms after the server\n",
                  (unsigned long long)((clock_mono_ns() - began) / NS_PER_MS));
    settle();
    publish(rome, "pk.v1.up.7.rome.hb");
    assert_true(hears(core, 1));
    peer_close(rome);
    peer_close(core);
}

static void a_bus_opened_before_its_server_connects_when_it_comes(void **state)
{
    struct broker *b = *state;
    broker_kill(b);
    struct peer *core = peer_open(b, b->keys.core.jwt, &b->keys.core.key);
    settle();
    assert_false(bus_is_connected(core->bus));
    broker_start(b);
    assert_true(comes(core, BUS_CONNECTED, 1));
    peer_close(core);
}

/* Client 3.4.1 by itself fails one log-in of 256: see give_signature in common/bus.c. */
static void six_hundred_logins_are_never_refused(void **state)
{
    struct broker *b = *state;
    unsigned refused = 0;
    for (int i = 0; i < 600; i++) {
        struct peer *p = peer_open(b, b->keys.core.jwt, &b->keys.core.key);
        assert_true(comes(p, BUS_CONNECTED, 1));
        refused += events_of(p, BUS_AUTH_REFUSED);
        peer_close(p);
    }
    assert_int_equal(refused, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_agent_speaks_upward_and_hears_its_own_subjects),
        cmocka_unit_test(speaking_as_another_agent_is_denied_and_told),
        cmocka_unit_test(listening_to_another_agent_or_to_all_is_denied),
        cmocka_unit_test(the_core_may_not_publish_where_agents_speak),
        cmocka_unit_test(a_token_may_enrol_its_own_name_and_nothing_else),
        cmocka_unit_test(a_forged_token_is_refused),
        cmocka_unit_test(an_expired_token_is_refused),
        cmocka_unit_test(an_identity_without_its_private_key_is_refused),
        cmocka_unit_test(names_that_would_widen_the_template_are_not_minted),
        cmocka_unit_test(the_system_user_sees_agents_come_and_go),
        cmocka_unit_test(a_bus_comes_back_with_its_subscriptions_after_the_server_was_killed),
        cmocka_unit_test(a_bus_opened_before_its_server_connects_when_it_comes),
        cmocka_unit_test(six_hundred_logins_are_never_refused),
        cmocka_unit_test(a_revocation_closes_the_live_connection_and_survives_a_restart),
    };
    return cmocka_run_group_tests(tests, open_broker, close_broker);
}
