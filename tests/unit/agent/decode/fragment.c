/* Unit tests of agent/decode/fragment. */
#include "agent/decode/fragment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND 1000000000ull

static struct packet fragment(uint32_t id, bool later, uint64_t at_ns)
{
    return (struct packet){
        .time_ns = at_ns,
        .ends = {.family = ADDR_IPV4,
                 .protocol = PROTO_UDP,
                 .src_port = later ? 0 : 53,
                 .dst_port = later ? 0 : 4000},
        .fragment = true,
        .later_fragment = later,
        .fragment_id = id,
    };
}

static void a_later_fragment_gets_the_ports_of_the_first(void **state)
{
    (void)state;
    struct fragments *f = fragments_new(NULL);
    struct packet first = fragment(9, false, SECOND);
    struct packet later = fragment(9, true, 2 * SECOND);
    fragments_note(f, &first);
    fragments_note(f, &later);
    assert_int_equal(later.ends.src_port, 53);
    assert_int_equal(later.ends.dst_port, 4000);
    fragments_free(f);
}

static void a_fragment_of_another_datagram_gets_none(void **state)
{
    (void)state;
    struct fragments *f = fragments_new(NULL);
    struct packet first = fragment(9, false, SECOND);
    struct packet other = fragment(10, true, SECOND);
    fragments_note(f, &first);
    fragments_note(f, &other);
    assert_int_equal(other.ends.src_port, 0);
    fragments_free(f);
}

static void ports_are_forgotten_after_a_while(void **state)
{
    (void)state;
    struct fragments *f = fragments_new(NULL);
    struct packet first = fragment(9, false, SECOND);
    struct packet late = fragment(9, true, 12 * SECOND);
    fragments_note(f, &first);
    fragments_note(f, &late);
    assert_int_equal(late.ends.src_port, 0);
    fragments_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_later_fragment_gets_the_ports_of_the_first),
        cmocka_unit_test(a_fragment_of_another_datagram_gets_none),
        cmocka_unit_test(ports_are_forgotten_after_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
