/*
 * The agent's uplink against a real nats-server and the least of a centre: enrolment, delivery of
 * everything once whatever is lost or killed on the way, goodbye, questions and watching.
 * Called with arguments, this program is itself an agent, to be killed.
 */
#include "agent/uplink/uplink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/encode.h"
#include "common/log.h"
#include "tests/integration/link/broker.h"
#include "tests/integration/link/centre.h"

enum { PATIENCE_MS = 20000, CAP_BYTES = 64 * 1024 * 1024 };

/* An agent on a loop of its own; uplink is NULL while it is closed. */
struct agent {
    uv_loop_t loop;
    struct uplink *uplink;
    int ledger_fd;
};

struct scene {
    struct agent agent;
    struct broker broker;
    struct centre centre;
    char state_dir[PATH_MAX + 16];
    char token[PATH_MAX + 16];
    char ledger[PATH_MAX + 16];
    unsigned questions, watches;
    bool watched;
};

/* ---- one agent ---- */

static void on_question(const struct query *question, void *arg)
{
    struct scene *s = arg;
    (void)question;
    s->questions++;
}

static void on_watch(bool watched, void *arg)
{
    struct scene *s = arg;
    s->watches++;
    s->watched = watched;
}

static void agent_open(struct agent *a, struct scene *s)
{
    struct err e = {0};
    const char *urls[] = {s->broker.url};
    assert_int_equal(uv_loop_init(&a->loop), 0);
    a->ledger_fd = open(s->ledger, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct uplink_options options = {.loop = &a->loop,
                                     .name = "rome",
                                     .token_file = s->token,
                                     .urls = urls,
                                     .url_count = 1,
                                     .state_dir = s->state_dir,
                                     .cap_bytes = CAP_BYTES,
                                     .ledger_fd = a->ledger_fd,
                                     .boot = "boot-1",
                                     .start_mono_ns = clock_mono_ns(),
                                     .on_question = on_question,
                                     .on_watch = on_watch,
                                     .arg = s};
    a->uplink = uplink_open(&options, &e);
    if (a->uplink == NULL) {
        fail_msg("%s", e.what);
    }
}

static void agent_close(struct agent *a, bool bye)
{
    uplink_close(a->uplink, bye);
    a->uplink = NULL;
    (void)uv_run(&a->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&a->loop), 0);
    (void)close(a->ledger_fd);
}

static void agent_turn(struct agent *a)
{
    (void)uv_run(&a->loop, UV_RUN_NOWAIT);
    (void)usleep(500);
}

static void append_flows(struct agent *a, unsigned count)
{
    struct flow_record r = {.first_ns = 1, .last_ns = 2, .status = FLOW_CLOSED, .host = "a.test"};
    struct err e = {0};
    r.key.family = ADDR_IPV4;
    for (unsigned i = 0; i < count; i++) {
        r.flow_id = i;
        if (uplink_flow(a->uplink, &r, &e) != 0) {
            fail_msg("%s", e.what);
        }
    }
}

static void append_alert(struct agent *a)
{
    struct wire_alert alert = {
        .kind = 1, .action = ALERT_EVENT, .entity = ENTITY_HOST, .entity_id = "192.0.2.1"};
    struct err e = {0};
    assert_int_equal(uplink_alert(a->uplink, &alert, &e), 0);
}

/* Turns the loop until the centre holds so many records of the stream. */
static bool delivered(struct agent *a, struct scene *s, enum wire_stream stream, size_t count)
{
    uint64_t until = clock_mono_ns() + (uint64_t)PATIENCE_MS * NS_PER_MS;
    while (centre_count(&s->centre, stream) < count && clock_mono_ns() < until) {
        agent_turn(a);
    }
    return centre_count(&s->centre, stream) == count && centre_is_whole(&s->centre, stream);
}

static bool acknowledged(struct agent *a)
{
    struct uplink_stats stats;
    uint64_t until = clock_mono_ns() + (uint64_t)PATIENCE_MS * NS_PER_MS;
    do {
        agent_turn(a);
        uplink_stats(a->uplink, &stats);
    } while (stats.spool_records > 0 && clock_mono_ns() < until);
    return stats.spool_records == 0;
}

static void turn_for(struct agent *a, unsigned ms)
{
    uint64_t until = clock_mono_ns() + (uint64_t)ms * NS_PER_MS;
    while (clock_mono_ns() < until) {
        agent_turn(a);
    }
}

/* ---- the scene ---- */

static int open_scene(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    broker_open(&s->broker);
    (void)snprintf(s->state_dir, sizeof s->state_dir, "%s/state", s->broker.dir);
    (void)snprintf(s->token, sizeof s->token, "%s/token", s->broker.dir);
    (void)snprintf(s->ledger, sizeof s->ledger, "%s/ledger", s->broker.dir);
    centre_open(&s->centre, &s->broker, "rome");
    centre_token(&s->centre, "rome", s->token);
    *state = s;
    return 0;
}

static int close_scene(void **state)
{
    struct scene *s = *state;
    if (s->agent.uplink != NULL) {
        agent_close(&s->agent, false); /* the test failed */
    }
    centre_close(&s->centre);
    broker_close(&s->broker);
    free(s);
    return 0;
}

/* The centre's figures are written on a thread of the bus. */
static unsigned figure(struct scene *s, const unsigned *place)
{
    (void)pthread_mutex_lock(&s->centre.lock);
    unsigned value = *place;
    (void)pthread_mutex_unlock(&s->centre.lock);
    return value;
}

static void be_silent(struct scene *s, bool silent)
{
    (void)pthread_mutex_lock(&s->centre.lock);
    s->centre.silent = silent;
    (void)pthread_mutex_unlock(&s->centre.lock);
}

static struct goodbye goodbye_of(struct scene *s)
{
    (void)pthread_mutex_lock(&s->centre.lock);
    struct goodbye g = s->centre.goodbye;
    (void)pthread_mutex_unlock(&s->centre.lock);
    return g;
}

/* Lines of the ledger about the stream. */
static size_t ledger_count(const struct scene *s, enum wire_stream stream)
{
    char line[128], word[16];
    uint64_t epoch, sequence;
    size_t count = 0;
    FILE *file = fopen(s->ledger, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        assert_int_equal(sscanf(line, "%15s %" SCNu64 " %" SCNu64, word, &epoch, &sequence), 3);
        count += strcmp(word, wire_stream_word(stream)) == 0;
    }
    (void)fclose(file);
    return count;
}

/* ---- tests ---- */

static void an_agent_enrols_with_its_token_and_delivers_what_it_kept(void **state)
{
    struct scene *s = *state;
    struct agent *a = &s->agent;
    char path[PATH_MAX + 64];
    struct stat st;
    agent_open(a, s);
    append_flows(a, 3000);
    append_alert(a);
    assert_true(delivered(a, s, STREAM_FLOW, 3000));
    assert_true(delivered(a, s, STREAM_ALERT, 1));
    assert_true(acknowledged(a));
    assert_int_equal(ledger_count(s, STREAM_FLOW), 3000);
    (void)snprintf(path, sizeof path, "%s/identity/agent.nk", s->state_dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    agent_close(a, false);

    assert_int_equal(unlink(s->token), 0);
    agent_open(a, s);
    append_flows(a, 10);
    assert_true(delivered(a, s, STREAM_FLOW, 3010));
    assert_int_equal(figure(s, &s->centre.enrolments), 1);
    agent_close(a, false);
}

static void a_refused_enrolment_loses_nothing(void **state)
{
    struct scene *s = *state;
    struct agent *a = &s->agent;
    struct uplink_stats stats;
    s->centre.refuse_enrolment = true;
    agent_open(a, s);
    append_flows(a, 5);
    turn_for(a, 1000);
    uplink_stats(a->uplink, &stats);
    assert_int_equal(figure(s, &s->centre.enrolments), 1);
    assert_false(stats.enrolled);
    assert_int_equal(stats.spool_records, 5);
    agent_close(a, true);

    s->centre.refuse_enrolment = false;
    agent_open(a, s);
    assert_true(delivered(a, s, STREAM_FLOW, 5));
    agent_close(a, true);
}

static void another_agents_token_is_refused(void **state)
{
    struct scene *s = *state;
    struct agent *a = &s->agent;
    struct uplink_stats stats;
    centre_token(&s->centre, "pisa", s->token);
    agent_open(a, s);
    turn_for(a, 1000);
    uplink_stats(a->uplink, &stats);
    assert_false(stats.enrolled);
    assert_int_equal(figure(s, &s->centre.enrolments), 0);
    assert_int_equal(stats.denied, 0); /* the agent saw whose it is and did not try */
    agent_close(a, false);
}

static void alerts_arrive_in_milliseconds(void **state)
{
    struct scene *s = *state;
    struct agent *a = &s->agent;
    uint64_t worst = 0, sum = 0;
    agent_open(a, s);
    append_alert(a);
    assert_true(delivered(a, s, STREAM_ALERT, 1));
    for (size_t i = 0; i < 20; i++) {
        turn_for(a, 60);
        uint64_t began = clock_mono_ns();
        append_alert(a);
        assert_true(delivered(a, s, STREAM_ALERT, i + 2));
        uint64_t took = s->centre.last_batch_ns - began;
        worst = took > worst ? took : worst;
        sum += took;
    }
    print_message("alert to centre: mean %.1f ms, worst %.1f ms\n", (double)sum / 20 / 1e6,
                  (double)worst / 1e6);
    assert_true(worst < 500 * (uint64_t)NS_PER_MS);
    agent_close(a, false);
}

static void lost_batches_are_sent_again_and_nothing_is_taken_twice(void **state)
{
    struct scene *s = *state;
    struct agent *a = &s->agent;
    s->centre.lose_every = 3;
    agent_open(a, s);
    append_flows(a, 20000);
    assert_true(delivered(a, s, STREAM_FLOW, 20000));
    assert_true(figure(s, &s->centre.nacks) > 0);
    agent_close(a, false);
}

static void the_broker_may_be_killed_under_load(void **state)
{
    struct scene *s = *state;
    struct agent *a = &s->agent;
    agent_open(a, s);
    append_flows(a, 5000);
    turn_for(a, 700);
    broker_kill(&s->broker);
    append_flows(a, 5000);
    turn_for(a, 500);
    broker_start(&s->broker);
    append_flows(a, 5000);
    assert_true(delivered(a, s, STREAM_FLOW, 15000));
    assert_true(acknowledged(a));
    assert_int_equal(ledger_count(s, STREAM_FLOW), 15000);
    agent_close(a, false);
}

static void without_credit_nothing_leaves_for_a_while(void **state)
{
    struct scene *s = *state;
    struct agent *a = &s->agent;
    s->centre.credit = 0;
    agent_open(a, s);
    append_flows(a, 1);
    assert_true(delivered(a, s, STREAM_FLOW, 1));
    turn_for(a, 100);
    append_flows(a, 10);
    turn_for(a, 3000);
    assert_int_equal(centre_count(&s->centre, STREAM_FLOW), 1);
    assert_true(delivered(a, s, STREAM_FLOW, 11));
    agent_close(a, false);
}

static void a_centre_restored_from_a_backup_is_sent_again_what_it_forgot(void **state)
{
    struct scene *s = *state;
    struct agent *a = &s->agent;
    agent_open(a, s);
    append_flows(a, 1000);
    assert_true(delivered(a, s, STREAM_FLOW, 1000));
    assert_true(acknowledged(a));
    agent_close(a, false);

    s->centre.streams[STREAM_FLOW].upto = 400;
    s->centre.streams[STREAM_FLOW].count = 400;
    agent_open(a, s);
    assert_true(delivered(a, s, STREAM_FLOW, 1000));
    agent_close(a, false);
}

static void a_spool_that_the_centre_is_ahead_of_begins_a_new_epoch(void **state)
{
    struct scene *s = *state;
    struct agent *a = &s->agent;
    agent_open(a, s);
    append_flows(a, 10);
    assert_true(delivered(a, s, STREAM_FLOW, 10));
    assert_true(acknowledged(a));
    agent_close(a, false);

    uint64_t epoch = s->centre.streams[STREAM_FLOW].epoch;
    s->centre.streams[STREAM_FLOW].upto = 5000;
    s->centre.streams[STREAM_FLOW].count = 0;
    agent_open(a, s);
    append_flows(a, 7);
    assert_true(delivered(a, s, STREAM_FLOW, 7));
    assert_true(s->centre.streams[STREAM_FLOW].epoch > epoch);
    agent_close(a, false);
}

static void an_unanswered_batch_is_sent_again(void **state)
{
    struct scene *s = *state;
    struct agent *a = &s->agent;
    be_silent(s, true);
    agent_open(a, s);
    append_flows(a, 10);
    assert_true(delivered(a, s, STREAM_FLOW, 10));
    turn_for(a, 5600);
    be_silent(s, false);
    assert_true(figure(s, &s->centre.streams[STREAM_FLOW].duplicates) > 0);
    assert_true(acknowledged(a));
    assert_int_equal(centre_count(&s->centre, STREAM_FLOW), 10);
    agent_close(a, false);
}

static void a_goodbye_is_signed_by_the_agents_own_key(void **state)
{
    struct scene *s = *state;
    struct agent *a = &s->agent;
    struct nkey key;
    struct err e = {0};
    char path[PATH_MAX + 64], text[128], public[NKEY_TEXT_SIZE];
    uint8_t signature[64];
    agent_open(a, s);
    append_alert(a);
    assert_true(delivered(a, s, STREAM_ALERT, 1));
    agent_close(a, true);
    (void)usleep(100000);
    struct goodbye g = goodbye_of(s);
    assert_string_equal(g.boot, "boot-1");
    (void)snprintf(path, sizeof path, "%s/identity/agent.nk", s->state_dir);
    assert_int_equal(nkey_load(&key, path, &e), 0);
    size_t len = goodbye_signed_text(&g, "rome", text, sizeof text);
    const char *told = g.signature;
    assert_int_equal(base64url_decode(told, strlen(told), signature, sizeof signature), 64);
    assert_true(nkey_verify(nkey_public_text(&key, public), text, len, signature));
}

static void questions_and_watching_reach_control(void **state)
{
    struct scene *s = *state;
    struct agent *a = &s->agent;
    struct query q = {
        .req = "r1", .agg = "a1", .op = QUERY_STATUS, .limit = 1, .deadline_ms = 2000};
    struct query_chunk chunk = {.req = "r1", .last = true};
    char buf[QUERY_MAX];
    agent_open(a, s);
    append_alert(a);
    assert_true(delivered(a, s, STREAM_ALERT, 1));
    centre_tell(&s->centre, "q", buf, query_pack(&q, buf, sizeof buf));
    centre_tell(&s->centre, "watch", "{}", 2);
    centre_tell(&s->centre, "q", "[[[", 3);
    centre_tell(&s->centre, "nonsense", "x", 1);
    turn_for(a, 200);
    assert_int_equal(s->questions, 1);
    assert_true(s->watched);
    assert_true(uplink_is_watched(a->uplink));
    uplink_answer(a->uplink, &q, &chunk);
    turn_for(a, 200);
    assert_int_equal(figure(s, &s->centre.answers), 1);
    agent_close(a, false);
}

/* ---- an agent that is killed ---- */

/* Appends for ever, faster than it can be delivered. */
_Noreturn static void be_an_agent(const char *url, const char *dir)
{
    struct scene *s = calloc(1, sizeof *s);
    struct agent *a = &s->agent;
    (void)snprintf(s->broker.url, sizeof s->broker.url, "%s", url);
    (void)snprintf(s->state_dir, sizeof s->state_dir, "%s/state", dir);
    (void)snprintf(s->token, sizeof s->token, "%s/token", dir);
    (void)snprintf(s->ledger, sizeof s->ledger, "%s/ledger", dir);
    agent_open(a, s);
    for (;;) {
        append_flows(a, 20);
        append_alert(a);
        agent_turn(a);
    }
}

static pid_t spawn_agent(const struct scene *s)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)execl("/proc/self/exe", "agent", s->broker.url, s->broker.dir, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static void kill_9_at_random_moments_loses_and_doubles_nothing(void **state)
{
    struct scene *s = *state;
    struct agent *a = &s->agent;
    for (int round = 0; round < 8; round++) {
        pid_t pid = spawn_agent(s);
        (void)usleep(200000 + arc4random_uniform(600000));
        assert_int_equal(kill(pid, SIGKILL), 0);
        (void)waitpid(pid, NULL, 0);
    }
    agent_open(a, s);
    assert_true(acknowledged(a));
    size_t flows = centre_count(&s->centre, STREAM_FLOW);
    size_t alerts = centre_count(&s->centre, STREAM_ALERT);
    print_message("after 8 kills: %zu flows, %zu alerts\n", flows, alerts);
    assert_true(centre_is_whole(&s->centre, STREAM_FLOW));
    assert_true(centre_is_whole(&s->centre, STREAM_ALERT));
    /* Of each kill, the records in hand, one turn's, may be in the spool without their lines. */
    assert_in_range(flows + alerts - ledger_count(s, STREAM_FLOW) - ledger_count(s, STREAM_ALERT),
                    0, 8 * 21);
    agent_close(a, false);
}

int main(int argc, char **argv)
{
    log_init("test", LOG_LEVEL_ERROR);
    if (argc == 3) {
        be_an_agent(argv[1], argv[2]);
    }
    const struct CMUnitTest tests[] = {
#define SCENE(f) cmocka_unit_test_setup_teardown(f, open_scene, close_scene)
        SCENE(an_agent_enrols_with_its_token_and_delivers_what_it_kept),
        SCENE(a_refused_enrolment_loses_nothing),
        SCENE(another_agents_token_is_refused),
        SCENE(alerts_arrive_in_milliseconds),
        SCENE(lost_batches_are_sent_again_and_nothing_is_taken_twice),
        SCENE(the_broker_may_be_killed_under_load),
        SCENE(without_credit_nothing_leaves_for_a_while),
        SCENE(a_centre_restored_from_a_backup_is_sent_again_what_it_forgot),
        SCENE(a_spool_that_the_centre_is_ahead_of_begins_a_new_epoch),
        SCENE(an_unanswered_batch_is_sent_again),
        SCENE(a_goodbye_is_signed_by_the_agents_own_key),
        SCENE(questions_and_watching_reach_control),
        SCENE(kill_9_at_random_moments_loses_and_doubles_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
