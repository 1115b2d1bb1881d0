/* Unit tests of agent/share: which worker has a pair of hosts. */
#include "agent/share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

enum { PAIRS = 3000, WORKERS = 3 };

static struct endpoints ends_of(uint32_t src, uint32_t dst)
{
    struct endpoints ends = {.family = ADDR_IPV4, .protocol = PROTO_TCP};
    memcpy(ends.src.bytes, &src, sizeof src);
    memcpy(ends.dst.bytes, &dst, sizeof dst);
    return ends;
}

/* The one worker that has them; fails when there is not exactly one. */
static unsigned owner(uint64_t key, const struct endpoints *ends)
{
    unsigned found = WORKERS;
    for (unsigned i = 0; i < WORKERS; i++) {
        const struct share share = {.key = key, .index = i, .count = WORKERS};
        if (share_has(&share, ends)) {
            assert_int_equal(found, WORKERS);
            found = i;
        }
    }
    assert_true(found < WORKERS);
    return found;
}

static void each_pair_has_one_worker_whichever_way_a_packet_goes(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < PAIRS; i++) {
        struct endpoints there = ends_of(i, 0x0a000001);
        struct endpoints back = ends_of(0x0a000001, i);
        there.src_port = 4000;
        back.protocol = PROTO_ICMP;
        assert_int_equal(owner(7, &there), owner(7, &back));
    }
}

static void all_workers_get_about_as_many_pairs(void **state)
{
    (void)state;
    unsigned pairs[WORKERS] = {0};
    for (uint32_t i = 0; i < PAIRS; i++) {
        struct endpoints ends = ends_of(0x0a000001, 0xc0000200 + i);
        pairs[owner(7, &ends)]++;
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        assert_in_range(pairs[i], PAIRS / WORKERS * 8 / 10, PAIRS / WORKERS * 12 / 10);
    }
}

static void another_key_shares_otherwise(void **state)
{
    (void)state;
    unsigned moved = 0;
    for (uint32_t i = 0; i < PAIRS; i++) {
        struct endpoints ends = ends_of(0x0a000001, i);
        moved += owner(7, &ends) != owner(8, &ends);
    }
    assert_true(moved > PAIRS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_pair_has_one_worker_whichever_way_a_packet_goes),
        cmocka_unit_test(all_workers_get_about_as_many_pairs),
        cmocka_unit_test(another_key_shares_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
