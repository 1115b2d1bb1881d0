#include "tests/integration/link/centre.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/wire/envelope.h"

static void send_to_agent(struct centre *c, const char *word, const void *bytes, size_t len)
{
    char subject[SUBJECT_SIZE];
    subject_down(subject, sizeof subject, c->name, word);
    (void)bus_publish(c->bus, subject, bytes, len, NULL); /* what is lost is asked for again */
}

void centre_tell(struct centre *c, const char *word, const void *bytes, size_t len)
{
    send_to_agent(c, word, bytes, len);
}

static void enrol(struct centre *c, const void *bytes, size_t len)
{
    struct enrol_request request;
    struct enrol_answer answer = {.ok = !c->refuse_enrolment, .reason = "token used up"};
    char buf[DELIVERY_MAX], subject[SUBJECT_SIZE];
    struct err e = {0};
    c->enrolments++;
    if (enrol_request_unpack(bytes, len, &request, &e) != 0) {
        return;
    }
    memcpy(answer.nonce, request.nonce, sizeof answer.nonce);
    if (answer.ok &&
        keys_agent_jwt(&c->broker->keys, c->name, request.nkey, clock_wall_ns() / NS_PER_S + 3600,
                       answer.jwt, sizeof answer.jwt, &e) != 0) {
        return;
    }
    (void)snprintf(subject, sizeof subject, "pk.v1.enrolled.%s", c->name);
    (void)bus_publish(c->bus, subject, buf, enrol_answer_pack(&answer, buf, sizeof buf), NULL);
}

static void welcome(struct centre *c, const void *bytes, size_t len)
{
    struct welcome w = {.time_ns = clock_wall_ns()};
    char buf[HELLO_MAX];
    c->hellos++;
    if (hello_unpack(bytes, len, &c->hello, NULL) != 0) {
        return;
    }
    for (unsigned i = 1; i <= STREAM_COUNT; i++) {
        w.cursors[i].epoch = c->streams[i].epoch;
        w.cursors[i].upto = c->streams[i].upto;
    }
    send_to_agent(c, "welcome", buf, welcome_pack(&w, buf, sizeof buf));
}

static void take_records(struct taken *t, const struct envelope *env, const uint8_t *body,
                         size_t body_len)
{
    struct reader r = reader_of(body, body_len);
    const uint8_t *record;
    size_t len;
    uint64_t sequence = env->first_seq;
    while (record_next(&r, &record, &len, NULL) == 1) {
        struct gap gap = {.from = sequence, .to = sequence};
        bool is_gap = gap_is(record, len) && gap_unpack(record, len, &gap, NULL) == 0;
        if (gap.to > t->upto && is_gap) {
            t->gap_records += gap.to - (gap.from > t->upto ? gap.from : t->upto + 1) + 1;
        } else if (gap.to > t->upto && t->count < TAKEN_MAX) {
            t->sequences[t->count++] = sequence;
        }
        t->upto = gap.to > t->upto ? gap.to : t->upto;
        sequence = gap.to + 1;
    }
}

/* A later epoch takes the newest's place, which may go on among those of the past. */
static struct taken *taken_of(struct centre *c, uint8_t stream, uint64_t epoch)
{
    struct taken *newest = &c->streams[stream];
    if (epoch > newest->epoch) {
        struct taken *place = c->past[stream];
        while (place->count > 0 && place < c->past[stream] + PAST_MAX - 1) {
            place++;
        }
        if (newest->count > 0) {
            free(place->sequences);
            *place = *newest;
            newest->sequences = calloc(TAKEN_MAX, sizeof(uint64_t));
            assert_non_null(newest->sequences);
        }
        newest->epoch = epoch;
        newest->upto = newest->count = newest->gap_records = 0;
    }
    for (unsigned i = 0; epoch < newest->epoch && i < PAST_MAX; i++) {
        if (c->past[stream][i].count > 0 && c->past[stream][i].epoch == epoch) {
            return &c->past[stream][i];
        }
    }
    return newest;
}

static void answer_batch(struct centre *c, uint8_t stream, const struct taken *t, bool hole)
{
    char buf[DELIVERY_MAX];
    if (hole) {
        struct nack n = {.stream = stream, .epoch = t->epoch, .expect = t->upto + 1};
        c->nacks++;
        send_to_agent(c, "nack", buf, nack_pack(&n, buf, sizeof buf));
    } else if (!c->silent) {
        struct ack a = {.stream = stream, .epoch = t->epoch, .upto = t->upto, .credit = c->credit};
        send_to_agent(c, "ack", buf, ack_pack(&a, buf, sizeof buf));
    }
}

static void take_batch(struct centre *c, const void *bytes, size_t len)
{
    struct envelope env;
    uint8_t *body;
    size_t body_len;
    c->batches++;
    if (c->lose_every != 0 && c->batches % c->lose_every == 0) {
        return;
    }
    if (envelope_unpack(bytes, len, &env, &body, &body_len, NULL) != 0) {
        return;
    }
    struct taken *t = taken_of(c, env.kind, env.epoch);
    bool hole = env.epoch < t->epoch || env.first_seq > t->upto + 1;
    if (!hole) {
        uint64_t before = t->upto;
        take_records(t, &env, body, body_len);
        t->duplicates += t->upto == before ? 1 : 0;
        c->last_batch_ns = clock_mono_ns();
    }
    answer_batch(c, env.kind, t, hole);
    free(body);
}

static void on_message(const char *subject, const void *bytes, size_t len, void *arg)
{
    struct centre *c = arg;
    struct subject_parts parts;
    (void)pthread_mutex_lock(&c->lock);
    if (strncmp(subject, "pk.v1.enrol.", 12) == 0) {
        enrol(c, bytes, len);
    } else if (strncmp(subject, "pk.v1.rsp.", 10) == 0) {
        c->answers++;
    } else if (subject_parse_up(subject, &parts) && strcmp(parts.name, c->name) == 0) {
        if (strcmp(parts.word, "hello") == 0) {
            welcome(c, bytes, len);
        } else if (strcmp(parts.word, "hb") == 0) {
            c->heartbeats++;
        } else if (strcmp(parts.word, "bye") == 0) {
            (void)goodbye_unpack(bytes, len, &c->goodbye, NULL); /* a bad one stays zero */
        } else if (strncmp(parts.word, "b.", 2) == 0) {
            take_batch(c, bytes, len);
        }
    }
    (void)pthread_mutex_unlock(&c->lock);
}

void centre_open(struct centre *c, struct broker *b, const char *name)
{
    struct err e = {0};
    const char *urls[] = {b->url};
    *c = (struct centre){.broker = b, .credit = WINDOW_BATCHES};
    (void)snprintf(c->name, sizeof c->name, "%s", name);
    (void)pthread_mutex_init(&c->lock, NULL);
    for (unsigned i = 1; i <= STREAM_COUNT; i++) {
        c->streams[i].sequences = calloc(TAKEN_MAX, sizeof(uint64_t));
        assert_non_null(c->streams[i].sequences);
    }
    struct bus_options options = {.urls = urls,
                                  .url_count = 1,
                                  .name = "centre",
                                  .jwt = b->keys.core.jwt,
                                  .key = &b->keys.core.key};
    c->bus = bus_open(&options, &e);
    assert_non_null(c->bus);
    assert_int_equal(bus_subscribe(c->bus, "pk.v1.up.>", on_message, c, &e), 0);
    assert_int_equal(bus_subscribe(c->bus, "pk.v1.rsp.>", on_message, c, &e), 0);
    assert_int_equal(bus_subscribe(c->bus, "pk.v1.enrol.*", on_message, c, &e), 0);
    for (int i = 0; i < 500 && !bus_is_connected(c->bus); i++) {
        (void)usleep(10000);
    }
    assert_true(bus_is_connected(c->bus));
}

void centre_close(struct centre *c)
{
    bus_close(c->bus);
    for (unsigned i = 1; i <= STREAM_COUNT; i++) {
        free(c->streams[i].sequences);
        for (unsigned k = 0; k < PAST_MAX; k++) {
            free(c->past[i][k].sequences);
        }
    }
    (void)pthread_mutex_destroy(&c->lock);
}

void centre_token(struct centre *c, const char *name, const char *path)
{
    struct err e = {0};
    char token[KEYS_TOKEN_SIZE];
    assert_int_equal(keys_token_new(&c->broker->keys, name, clock_wall_ns() / NS_PER_S + 60, token,
                                    sizeof token, &e),
                     0);
    assert_int_equal(file_replace(path, token, strlen(token), 0600, &e), 0);
}

size_t centre_count(struct centre *c, enum wire_stream stream)
{
    (void)pthread_mutex_lock(&c->lock);
    size_t count = c->streams[stream].count;
    for (unsigned i = 0; i < PAST_MAX; i++) {
        count += c->past[stream][i].count;
    }
    (void)pthread_mutex_unlock(&c->lock);
    return count;
}

static bool is_whole(const struct taken *t)
{
    bool whole = t->count + t->gap_records == t->upto;
    for (size_t i = 1; i < t->count; i++) {
        whole = whole && t->sequences[i] > t->sequences[i - 1];
    }
    return whole;
}

bool centre_is_whole(struct centre *c, enum wire_stream stream)
{
    (void)pthread_mutex_lock(&c->lock);
    bool whole = is_whole(&c->streams[stream]);
    for (unsigned i = 0; i < PAST_MAX; i++) {
        whole = whole && (c->past[stream][i].count == 0 || is_whole(&c->past[stream][i]));
    }
    (void)pthread_mutex_unlock(&c->lock);
    return whole;
}
