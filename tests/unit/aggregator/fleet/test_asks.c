/* Questions to agents: who may answer them, and what becomes of those that nobody answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aggregator/fleet/inner.h"
#include "common/clock.h"

#include <stdlib.h>
#include <string.h>

#define SECOND ((uint64_t)NS_PER_S)

/* A fleet without its thread, two instances, and what it sent and told. */
struct stage {
    struct fleet fleet;
    struct metrics metrics;
    bool nats_away;
    unsigned sent;
    char subject[SUBJECT_SIZE]; /* of the last message sent */
    struct query query;         /* in it */
    unsigned told;
    uint64_t reply; /* of the last event */
    struct query_chunk chunk;
};
static struct stage stage;

static int publish(void *arg, const char *subject, const void *bytes, size_t len, struct err *e)
{
    struct stage *s = arg;
    if (s->nats_away) {
        return err_set(e, ERR_CLOSED, "away");
    }
    s->sent++;
    memcpy(s->subject, subject, strlen(subject) + 1);
    assert_int_equal(query_unpack(bytes, len, &s->query, e), 0);
    return 0;
}

static bool tell(void *arg, const struct web_event *event)
{
    struct stage *s = arg;
    assert_int_equal(event->kind, WEB_ANSWER);
    s->told++;
    s->reply = event->reply;
    s->chunk = *event->as.chunk;
    s->chunk.rows = NULL;
    struct web_event copy = *event;
    web_event_done(&copy);
    return true;
}

static void add(int32_t id, const char *name, enum presence_state state)
{
    struct instance_row row = {.id = id, .state = state};
    memcpy(row.name, name, strlen(name) + 1);
    assert_non_null(instances_add(&stage.fleet.instances, &row));
}

static int set_up(void **state)
{
    (void)state;
    struct err e = {0};
    memset(&stage, 0, sizeof stage);
    stage.fleet.options = (struct fleet_options){
        .metrics = &stage.metrics, .publish = publish, .tell_web = tell, .arg = &stage};
    memcpy(stage.fleet.agg, "abc", 4);
    if (instances_init(&stage.fleet.instances, &e) != 0) {
        return -1;
    }
    add(1, "pisa-1", PRESENCE_UP);
    add(2, "lucca-1", PRESENCE_UNREACHABLE);
    add(3, "siena-1", PRESENCE_INVITED);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    instances_done(&stage.fleet.instances);
    return 0;
}

static void ask(const char *name, uint64_t reply)
{
    struct query query = {.op = QUERY_FLOWS, .limit = 10};
    struct message m = {.kind = MESSAGE_ASK, .reply = reply, .bytes = &query, .len = sizeof query};
    memcpy(m.name, name, strlen(name) + 1);
    asks_put(&stage.fleet, &m, 10 * SECOND);
}

static void answer(const char *name, const char *word, bool last)
{
    struct query_chunk chunk = {.last = last, .rows = json_array(), .total = 5};
    memcpy(chunk.req, stage.query.req, sizeof chunk.req);
    size_t len = 0;
    char *bytes = query_chunk_pack(&chunk, &len);
    json_decref(chunk.rows);
    struct message m = {.kind = MESSAGE_ANSWER, .bytes = bytes, .len = len};
    memcpy(m.name, name, strlen(name) + 1);
    memcpy(m.word, word, strlen(word) + 1);
    asks_answer(&stage.fleet, &m);
    free(bytes);
}

static void a_question_goes_to_its_agent_and_the_answer_back_to_the_asker(void **state)
{
    (void)state;
    ask("pisa-1", 77);
    assert_string_equal(stage.subject, "pk.v1.dn.pisa-1.q");
    assert_string_equal(stage.query.agg, "abc");
    assert_int_equal(stage.told, 0);
    answer("pisa-1", "abc.1.0", false);
    answer("pisa-1", "abc.1.1", true);
    assert_int_equal(stage.told, 2);
    assert_int_equal(stage.reply, 77);
    assert_int_equal(stage.chunk.total, 5);
    answer("pisa-1", "abc.1.2", true);
    assert_int_equal(stage.told, 2);
}

static void another_agent_cannot_answer_it(void **state)
{
    (void)state;
    ask("pisa-1", 77);
    answer("lucca-1", "abc.1.0", true);
    assert_int_equal(stage.told, 0);
}

static void the_answer_to_another_centre_is_not_ours(void **state)
{
    (void)state;
    ask("pisa-1", 77);
    answer("pisa-1", "abcd.1.0", true);
    answer("pisa-1", "abc.11.0", true);
    answer("pisa-1", "abc", true);
    assert_int_equal(stage.told, 0);
}

static void an_unreachable_agent_is_told_as_such_at_once(void **state)
{
    (void)state;
    ask("lucca-1", 78);
    assert_int_equal(stage.sent, 0);
    assert_int_equal(stage.reply, 78);
    assert_true(stage.chunk.last);
    assert_string_equal(stage.chunk.err_code, "unreachable");
    ask("siena-1", 79);
    assert_string_equal(stage.chunk.err_code, "never_seen");
    ask("nobody", 80);
    assert_string_equal(stage.chunk.err_code, "unknown_instance");
}

static void a_silent_agent_is_told_after_two_seconds(void **state)
{
    (void)state;
    ask("pisa-1", 77);
    asks_expire(&stage.fleet, 11 * SECOND);
    assert_int_equal(stage.told, 0);
    asks_expire(&stage.fleet, 12 * SECOND);
    assert_string_equal(stage.chunk.err_code, "no_answer");
    answer("pisa-1", "abc.1.0", true);
    assert_int_equal(stage.told, 1);
}

static void without_nats_the_asker_hears_it_at_once(void **state)
{
    (void)state;
    stage.nats_away = true;
    ask("pisa-1", 77);
    assert_string_equal(stage.chunk.err_code, "unreachable");
    asks_expire(&stage.fleet, 20 * SECOND);
    assert_int_equal(stage.told, 1);
}

static void too_many_questions_are_refused(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < ASKS_MAX; n++) {
        ask("pisa-1", n);
    }
    assert_int_equal(stage.told, 0);
    ask("pisa-1", 999);
    assert_int_equal(stage.reply, 999);
    assert_string_equal(stage.chunk.err_code, "busy");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_question_goes_to_its_agent_and_the_answer_back_to_the_asker),
        TEST(another_agent_cannot_answer_it),
        TEST(the_answer_to_another_centre_is_not_ours),
        TEST(an_unreachable_agent_is_told_as_such_at_once),
        TEST(a_silent_agent_is_told_after_two_seconds),
        TEST(without_nats_the_asker_hears_it_at_once),
        TEST(too_many_questions_are_refused),
    };
    return cmocka_run_group_tests_name("asks", tests, NULL, NULL);
}
