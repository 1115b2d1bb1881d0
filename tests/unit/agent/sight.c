/* Unit tests of agent/sight: who a host is, out of whole packets, and told once. */
#include "agent/sight.h"
#include "common/clock.h"
#include "tests/unit/agent/packets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define START_NS (1700000000ULL * NS_PER_S)

struct scene {
    struct engine_link link;
    struct emitter emitter;
    struct sight *sight;
};

static int begin(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    assert_int_equal(engine_link_open(&s->link, 1, NULL), 0);
    s->emitter = (struct emitter){.lane = &s->link.lanes[0], .to_control = s->link.to_control};
    s->sight = sight_new(NULL);
    assert_non_null(s->sight);
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct scene *s = *state;
    sight_free(s->sight);
    engine_link_close(&s->link);
    free(s);
    return 0;
}

/* An answer of a name server at 10.0.0.53: "files" is 10.0.0.(last). */
static void answer(struct scene *s, unsigned last, uint64_t at_ns)
{
    struct frame f = {0};
    static const uint8_t head[] = {0, 1, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0};
    static const uint8_t name[] = {5, 'f', 'i', 'l', 'e', 's', 0};
    memcpy(f.bytes, head, sizeof head);
    memcpy(f.bytes + sizeof head, name, sizeof name);
    f.len = sizeof head + sizeof name;
    frame_be16(&f, 1);
    frame_be16(&f, 1);
    frame_be32(&f, 60);
    frame_be16(&f, 4);
    frame_be32(&f, 0x0a000000 + last);
    struct packet p = {
        .time_ns = at_ns,
        .ends = {.src_port = 53, .dst_port = 40000, .vlan = 7, .protocol = PROTO_UDP},
        .payload = f.bytes,
        .payload_len = (uint32_t)f.len,
    };
    sight_packet(s->sight, &s->emitter, &p);
}

static void an_answer_is_told_with_its_vlan(void **state)
{
    struct scene *s = *state;
    answer(s, 7, START_NS);
    const struct sighting *seen = ring_peek(s->link.lanes[0].sightings);
    assert_non_null(seen);
    assert_int_equal(seen->kind, SIGHTING_NAME);
    assert_int_equal(seen->source, ASSET_FROM_DNS);
    assert_int_equal(seen->vlan, 7);
    assert_string_equal(seen->name, "files");
    assert_memory_equal(seen->addr.bytes, "\x0a\0\0\7", 4);
}

static void what_was_told_is_not_told_again_for_a_while(void **state)
{
    struct scene *s = *state;
    const struct ring *ring = s->link.lanes[0].sightings;
    answer(s, 7, START_NS);
    answer(s, 7, START_NS + (uint64_t)(SIGHT_REPEAT_S - 1) * NS_PER_S);
    assert_int_equal(ring_depth(ring), 1);
    answer(s, 8, START_NS);
    assert_int_equal(ring_depth(ring), 2);
    answer(s, 7, START_NS + (uint64_t)SIGHT_REPEAT_S * NS_PER_S);
    assert_int_equal(ring_depth(ring), 3);
}

static void what_found_the_ring_full_is_told_later(void **state)
{
    struct scene *s = *state;
    struct ring *ring = s->link.lanes[0].sightings;
    for (unsigned i = 0; i < ENGINE_SIGHTING_SLOTS + 5; i++) {
        answer(s, i, START_NS);
    }
    assert_int_equal(ring_depth(ring), ENGINE_SIGHTING_SLOTS);
    while (ring_peek(ring) != NULL) {
        ring_release(ring);
    }
    answer(s, ENGINE_SIGHTING_SLOTS + 4, START_NS);
    assert_int_equal(ring_depth(ring), 1);
}

static void other_ports_are_not_looked_into(void **state)
{
    struct scene *s = *state;
    struct packet p = {.ends = {.src_port = 5000, .protocol = PROTO_UDP}};
    sight_packet(s->sight, &s->emitter, &p);
    assert_int_equal(ring_depth(s->link.lanes[0].sightings), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(an_answer_is_told_with_its_vlan),
        TEST(what_was_told_is_not_told_again_for_a_while),
        TEST(what_found_the_ring_full_is_told_later),
        TEST(other_ports_are_not_looked_into),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
