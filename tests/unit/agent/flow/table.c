/* Unit tests of agent/flow/table. */
#include "agent/flow/parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

enum { FEW = 4, MANY = 20000 };

static struct endpoints ends_of(uint32_t n)
{
    struct endpoints ends = {.family = ADDR_IPV4, .protocol = PROTO_TCP, .dst_port = 80};
    ends.src_port = (uint16_t)(n & 0xffff);
    ends.src.bytes[0] = 10;
    ends.src.bytes[1] = (uint8_t)(n >> 16);
    ends.dst.bytes[0] = 192;
    return ends;
}

static struct endpoints turned(const struct endpoints *ends)
{
    struct endpoints back = *ends;
    back.src = ends->dst;
    back.dst = ends->src;
    back.src_port = ends->dst_port;
    back.dst_port = ends->src_port;
    return back;
}

static struct flow *add(struct flow_table *t, uint32_t n)
{
    struct endpoints ends = ends_of(n);
    const struct flow_key key = {
        .client = ends.src,
        .server = ends.dst,
        .client_port = ends.src_port,
        .server_port = ends.dst_port,
        .family = ends.family,
        .protocol = ends.protocol,
    };
    return flow_table_add(t, &key);
}

static struct flow *find(struct flow_table *t, uint32_t n)
{
    struct endpoints ends = ends_of(n);
    enum flow_dir dir;
    return flow_table_find(t, flow_table_tag(t, &ends), &ends, &dir);
}

static void both_directions_find_the_same_flow(void **state)
{
    (void)state;
    struct flow_table *t = flow_table_new(FEW, NULL);
    struct endpoints there = ends_of(7);
    struct endpoints back = turned(&there);
    enum flow_dir dir;
    struct flow *f = add(t, 7);
    assert_ptr_equal(flow_table_find(t, flow_table_tag(t, &there), &there, &dir), f);
    assert_int_equal(dir, DIR_C2S);
    assert_ptr_equal(flow_table_find(t, flow_table_tag(t, &back), &back, &dir), f);
    assert_int_equal(dir, DIR_S2C);
    flow_table_free(t);
}

static void another_vlan_is_another_flow(void **state)
{
    (void)state;
    struct flow_table *t = flow_table_new(FEW, NULL);
    struct endpoints ends = ends_of(7);
    enum flow_dir dir;
    assert_non_null(add(t, 7));
    ends.vlan = 5;
    assert_null(flow_table_find(t, flow_table_tag(t, &ends), &ends, &dir));
    flow_table_free(t);
}

static void a_full_table_refuses_and_takes_again_after_a_removal(void **state)
{
    (void)state;
    struct flow_table *t = flow_table_new(FEW, NULL);
    struct flow *last = NULL;
    for (uint32_t i = 0; i < FEW; i++) {
        last = add(t, i);
        assert_non_null(last);
    }
    assert_null(add(t, FEW));
    flow_table_remove(t, last);
    assert_non_null(add(t, FEW));
    assert_int_equal(flow_table_count(t), FEW);
    flow_table_free(t);
}

static void any_order_of_adding_and_removing_keeps_every_flow_findable(void **state)
{
    (void)state;
    struct flow_table *t = flow_table_new(MANY, NULL);
    bool *there = calloc(MANY, sizeof *there);
    uint32_t random = 12345; /* fixed: the same walk each time */
    for (unsigned step = 0; step < 10 * MANY; step++) {
        random = random * 1664525u + 1013904223u;
        uint32_t n = (random >> 8) % MANY;
        struct flow *f = find(t, n);
        assert_int_equal(f != NULL, there[n]);
        if (f == NULL) {
            assert_non_null(add(t, n));
        } else {
            flow_table_remove(t, f);
        }
        there[n] = !there[n];
    }
    uint32_t count = 0;
    for (uint32_t n = 0; n < MANY; n++) {
        assert_int_equal(find(t, n) != NULL, there[n]);
        count += there[n];
    }
    assert_int_equal(flow_table_count(t), count);
    free(there);
    flow_table_free(t);
}

static void a_handle_of_a_removed_flow_gives_nothing(void **state)
{
    (void)state;
    struct flow_table *t = flow_table_new(FEW, NULL);
    struct flow *f = add(t, 1);
    uint32_t handle = f->self;
    assert_ptr_equal(flow_table_at(t, handle), f);
    flow_table_remove(t, f);
    assert_null(flow_table_at(t, handle));
    flow_table_free(t);
}

static void texts_come_empty_and_go_with_their_flow(void **state)
{
    (void)state;
    struct flow_table *t = flow_table_new(FEW, NULL);
    for (unsigned i = 0; i < 3 * FEW; i++) {
        struct flow *f = add(t, i);
        assert_string_equal(flow_text(t, f, TEXT_HOST), "");
        flow_set_text(t, f, TEXT_INFO, "GET /");
        flow_set_text(t, f, TEXT_HOST, "www.example.org");
        assert_string_equal(flow_text(t, f, TEXT_HOST), "www.example.org");
        assert_string_equal(flow_text(t, f, TEXT_INFO), "GET /");
        flow_table_remove(t, f);
    }
    flow_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_directions_find_the_same_flow),
        cmocka_unit_test(another_vlan_is_another_flow),
        cmocka_unit_test(a_full_table_refuses_and_takes_again_after_a_removal),
        cmocka_unit_test(any_order_of_adding_and_removing_keeps_every_flow_findable),
        cmocka_unit_test(a_handle_of_a_removed_flow_gives_nothing),
        cmocka_unit_test(texts_come_empty_and_go_with_their_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
