/* Unit tests of agent/worker: a capture file of many flows through a whole worker. */
#include "agent/worker.h"

#include "common/clock.h"
#include "tests/unit/agent/packets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    FLOWS = 8000, /* nearly twice what the flow ring holds */
    ESTABLISHED = 40,
    ROUNDS = 20,
    FORGED = 500, /* packets a round that would each make a flow */
    ROOM = 64,
};

struct scene {
    char path[32];
    struct settings *settings;
    struct engine_link link;
    struct worker *worker;
};

/* A datagram from a port of its own. */
static void put_packet(FILE *out, uint16_t port)
{
    struct frame f = {0};
    frame_ethernet(&f, 0x0800);
    frame_ipv4(&f, 17, 12, 0);
    frame_be16(&f, port);
    frame_be16(&f, 9999);
    frame_be16(&f, 12);
    frame_be16(&f, 0);
    frame_be32(&f, 0);
    const uint32_t header[] = {1700000000, port, (uint32_t)f.len, (uint32_t)f.len};
    assert_int_equal(fwrite(header, sizeof header, 1, out), 1);
    assert_int_equal(fwrite(f.bytes, f.len, 1, out), 1);
}

static void write_capture(char *path)
{
    const uint32_t header[] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1};
    int fd = mkstemp(path);
    FILE *out = fdopen(fd, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(header, sizeof header, 1, out), 1);
    for (uint16_t port = 1; port <= FLOWS; port++) {
        put_packet(out, port);
    }
    assert_int_equal(fclose(out), 0);
}

static int open_scene(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    (void)snprintf(s->path, sizeof s->path, "/tmp/picket-unit-XXXXXX");
    write_capture(s->path);
    s->settings = settings_for_file(s->path, NULL);
    assert_non_null(s->settings);
    assert_int_equal(engine_link_open(&s->link, 1, NULL), 0);
    s->worker = worker_new(s->settings, &s->link, 0, NULL);
    assert_non_null(s->worker);
    while (worker_turn(s->worker)) {
    }
    *state = s;
    return 0;
}

static int close_scene(void **state)
{
    struct scene *s = *state;
    worker_free(s->worker);
    engine_link_close(&s->link);
    settings_free(s->settings);
    (void)unlink(s->path);
    free(s);
    return 0;
}

static void a_control_that_never_drains_does_not_hold_up_the_end(void **state)
{
    struct scene *s = *state;
    assert_int_equal(s->link.lanes[0].stats->flows, FLOWS);
    uint64_t began_ns = clock_mono_ns();
    worker_stop(s->worker);
    worker_run(s->worker);
    /* It waits once, for 200 ms; once for each of 32 turns would be more than six seconds. */
    assert_true(clock_mono_ns() - began_ns < 5ull * NS_PER_S);
    assert_int_equal(s->link.lanes[0].stats->flows, 0);
    assert_int_equal(ring_depth(s->link.lanes[0].flows), ENGINE_FLOW_SLOTS);
    assert_true(ring_dropped(s->link.lanes[0].flows) >= FLOWS - ENGINE_FLOW_SLOTS);
}

/* A TCP segment between a client of this number and its server. */
static void put_segment(FILE *out, uint16_t port, bool back, unsigned flags, uint32_t seq,
                        size_t data)
{
    struct frame f = {0};
    frame_ethernet(&f, 0x0800);
    frame_ipv4(&f, 6, 20 + data, 0x4000);
    if (back) {
        f.bytes[14 + 15] = 2; /* 10.0.0.2 → 10.0.0.1 */
        f.bytes[14 + 19] = 1;
    }
    frame_tcp(&f, back ? 80 : port, back ? port : 80, seq, flags == 2 ? 0 : 1, flags, data);
    const uint32_t header[] = {1700000000, 1, (uint32_t)f.len, (uint32_t)f.len};
    assert_int_equal(fwrite(header, sizeof header, 1, out), 1);
    assert_int_equal(fwrite(f.bytes, f.len, 1, out), 1);
}

/* Few connections that go on among many SYNs and datagrams of one packet each. */
static void write_flood(char *path)
{
    const uint32_t header[] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1};
    FILE *out = fdopen(mkstemp(path), "wb");
    assert_int_equal(fwrite(header, sizeof header, 1, out), 1);
    uint16_t forged = 1000;
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (uint16_t i = 1; i <= ESTABLISHED; i++) {
            if (round == 0) {
                put_segment(out, i, false, 0x02, 0, 0);
                put_segment(out, i, true, 0x12, 0, 0);
            }
            put_segment(out, i, false, 0x18, 1 + round * 10, 10);
            put_segment(out, i, true, 0x10, 1, 0);
        }
        for (unsigned i = 0; i < FORGED; i++, forged++) {
            put_segment(out, forged, false, 0x02, forged, 0);
            put_packet(out, forged);
        }
    }
    assert_int_equal(fclose(out), 0);
}

static void established_flows_survive_a_flood_and_keep_counting(void **state)
{
    (void)state;
    struct scene s = {.path = "/tmp/picket-unit-XXXXXX"};
    uint64_t packets[ESTABLISHED + 1] = {0};
    write_flood(s.path);
    s.settings = settings_for_file(s.path, NULL);
    s.settings->flow_max = s.settings->flow_half_open = ROOM;
    assert_int_equal(engine_link_open(&s.link, 1, NULL), 0);
    s.worker = worker_new(s.settings, &s.link, 0, NULL);
    const struct engine_lane *lane = &s.link.lanes[0];
    bool more = true;
    for (bool reads = true; more;) {
        reads = reads && worker_turn(s.worker);
        more = reads || worker_finish(s.worker, 100);
        const struct record *r = NULL;
        while ((r = ring_peek(lane->flows)) != NULL) {
            bool ours = r->flow.key.protocol == 6 && r->flow.key.client_port <= ESTABLISHED;
            packets[ours ? r->flow.key.client_port : 0] += r->flow.packets[0] + r->flow.packets[1];
            ring_release(lane->flows);
        }
    }
    for (unsigned i = 1; i <= ESTABLISHED; i++) {
        assert_int_equal(packets[i], 2 + 2 * ROUNDS);
    }
    assert_int_equal(lane->stats->flows_refused, 0);
    assert_true(lane->stats->shed_openings >= ROUNDS * FORGED - 2 * ROOM);
    uint64_t told = lane->stats->shed_openings + packets[0];
    assert_int_equal(told, 2 * ROUNDS * FORGED); /* each forged packet is in a record or counted */
    worker_free(s.worker);
    engine_link_close(&s.link);
    settings_free(s.settings);
    (void)unlink(s.path);
}

/* A capture file of ours that is still empty. */
static FILE *begin_capture(char *path)
{
    const uint32_t header[] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1};
    FILE *out = fdopen(mkstemp(path), "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(header, sizeof header, 1, out), 1);
    return out;
}

static void put_frame(FILE *out, uint32_t second, const struct frame *f)
{
    const uint32_t header[] = {second, 0, (uint32_t)f->len, (uint32_t)f->len};
    assert_int_equal(fwrite(header, sizeof header, 1, out), 1);
    assert_int_equal(fwrite(f->bytes, f->len, 1, out), 1);
}

/* A datagram, or with `fragment` the first piece of one that never becomes whole. */
static struct frame datagram(uint16_t port, unsigned fragment)
{
    struct frame f = {0};
    frame_ethernet(&f, 0x0800);
    frame_ipv4(&f, 17, 16, fragment);
    frame_udp(&f, port, 9999, 8);
    return f;
}

static unsigned take_finals(const struct engine_lane *lane)
{
    unsigned finals = 0;
    const struct record *r = NULL;
    while ((r = ring_peek(lane->flows)) != NULL) {
        finals += r->kind == RECORD_FLOW && r->flow.final;
        ring_release(lane->flows);
    }
    while (ring_peek(lane->accounts) != NULL) {
        ring_release(lane->accounts);
    }
    return finals;
}

/* Whoever drains the rings is late: what has no room waits, and packets go on. */
static void flows_that_end_at_once_wait_for_room_in_the_ring(void **state)
{
    (void)state;
    enum { LATER = 3000 };
    struct scene s = {.path = "/tmp/picket-unit-XXXXXX"};
    FILE *out = begin_capture(s.path);
    for (uint16_t port = 1; port <= FLOWS + LATER; port++) {
        const struct frame f = datagram(port <= FLOWS ? port : FLOWS + 1, 0);
        put_frame(out, port <= FLOWS ? 1700000000 : 1700000400, &f);
    }
    assert_int_equal(fclose(out), 0);
    s.settings = settings_for_file(s.path, NULL);
    assert_int_equal(engine_link_open(&s.link, 1, NULL), 0);
    s.worker = worker_new(s.settings, &s.link, 0, NULL);
    const struct engine_lane *lane = &s.link.lanes[0];
    while (worker_turn(s.worker)) {
    }
    assert_int_equal(lane->stats->packets, FLOWS + LATER);
    assert_int_equal(ring_dropped(lane->flows), 0);
    unsigned finals = take_finals(lane);
    assert_in_range(finals, ENGINE_FLOW_SLOTS / 2, ENGINE_FLOW_SLOTS);
    for (bool more = true; more;) {
        more = worker_finish(s.worker, 100);
        finals += take_finals(lane);
    }
    assert_int_equal(finals, FLOWS + 1);
    worker_free(s.worker);
    engine_link_close(&s.link);
    settings_free(s.settings);
    (void)unlink(s.path);
}

static struct settings *settings_for_two(const char *first, const char *second)
{
    char path[] = "/tmp/picket-unit-XXXXXX";
    struct conf_faults faults = {0};
    FILE *out = fdopen(mkstemp(path), "w");
    assert_non_null(out);
    (void)fprintf(out,
                  "name = x\n[capture]\nsources = file:%s?keep-time&pace=0, "
                  "file:%s?keep-time&pace=0\n",
                  first, second);
    assert_int_equal(fclose(out), 0);
    struct settings *s = settings_load(path, &faults);
    (void)unlink(path);
    assert_non_null(s);
    return s;
}

static void a_fragment_that_is_given_up_counts_where_it_was_captured(void **state)
{
    (void)state;
    struct scene s = {.path = "/tmp/picket-unit-XXXXXX"};
    char other[] = "/tmp/picket-unit-XXXXXX";
    const struct frame piece = datagram(1, 0x2000);
    const struct frame whole = datagram(2, 0);
    FILE *out = begin_capture(s.path);
    put_frame(out, 1700000000, &piece);
    assert_int_equal(fclose(out), 0);
    out = begin_capture(other);
    put_frame(out, 1700000000, &whole);
    put_frame(out, 1700000020, &whole);
    assert_int_equal(fclose(out), 0);
    s.settings = settings_for_two(s.path, other);
    assert_int_equal(engine_link_open(&s.link, 1, NULL), 0);
    s.worker = worker_new(s.settings, &s.link, 0, NULL);
    const struct worker_stats *stats = s.link.lanes[0].stats;
    while (worker_turn(s.worker)) {
    }
    (void)worker_turn(s.worker); /* sees to what is late by now */
    assert_int_equal(stats->fragments_shed, 1);
    assert_int_equal(stats->sources[0].packets, 1);
    assert_int_equal(stats->sources[1].packets, 2);
    worker_free(s.worker);
    engine_link_close(&s.link);
    settings_free(s.settings);
    (void)unlink(s.path);
    (void)unlink(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_control_that_never_drains_does_not_hold_up_the_end,
                                        open_scene, close_scene),
        cmocka_unit_test(flows_that_end_at_once_wait_for_room_in_the_ring),
        cmocka_unit_test(a_fragment_that_is_given_up_counts_where_it_was_captured),
        cmocka_unit_test(established_flows_survive_a_flood_and_keep_counting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
