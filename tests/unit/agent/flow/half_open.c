/* Unit tests of agent/flow/half_open and agent/flow/shed. */
#include "agent/flow/half_open.h"

#include "agent/decode/decode.h"
#include "agent/flow/shed.h"
#include "tests/unit/agent/packets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS    1000000ull
#define S     (1000 * MS)
#define START (1000 * S)

enum { RAW_IP = 12, MAX = 64 };

static const struct half_open_limits limits = {.unanswered = 5 * S, .account = 2 * S};

/* A SYN with the options that Linux sends. */
static void syn_frame(struct frame *f, bool v6, unsigned port)
{
    static const uint8_t options[] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0,
                                      1, 0, 0, 0,    0, 0, 1, 3,  3, 7};
    f->len = 0;
    if (v6) {
        frame_ipv6(f, PROTO_TCP, 40);
    } else {
        frame_ipv4(f, PROTO_TCP, 40, 0x4000);
    }
    size_t tcp = f->len;
    frame_tcp(f, port, 443, 7000 + port, 0, TCP_SYN, 0);
    frame_set_be16(f, tcp + 12, 0xa000u | TCP_SYN);
    memcpy(f->bytes + f->len, options, sizeof options);
    f->len += sizeof options;
}

static struct packet syn(struct frame *f, bool v6, unsigned port, uint64_t at_ns)
{
    struct packet p = {.time_ns = at_ns, .src_mac = {{2, 1}}, .dst_mac = {{2, 2}}};
    syn_frame(f, v6, port);
    assert_int_equal(decode_packet(RAW_IP, 0, f->bytes, f->len, f->len, &p), DECODE_OK);
    p.ends.vlan = 9;
    return p;
}

/* Any hash would do. */
static uint32_t tag_of(const struct endpoints *ends)
{
    return (uint32_t)(ends->src_port + ends->dst_port) * 7;
}

static void a_syn_comes_back_as_it_was(void **state)
{
    (void)state;
    struct half_open_cache *c = half_open_new(MAX, &limits, NULL);
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct frame f;
        struct packet back;
        const struct packet p = syn(&f, v6 == 1, 5000, START + 123456789);
        assert_true(half_open_fits(&p));
        struct half_open *h = half_open_add(c, tag_of(&p.ends), &p);
        half_open_packet(h, &back);
        assert_memory_equal(back.ip, p.ip, p.ip_len);
        back.ip = p.ip; /* all else is equal, times and options too */
        back.payload = p.payload;
        assert_memory_equal(&back.ends, &p.ends, sizeof p.ends);
        assert_memory_equal(&back.tcp, &p.tcp, sizeof p.tcp);
        assert_memory_equal(&back.src_mac, &p.src_mac, sizeof p.src_mac);
        assert_int_equal(back.time_ns, p.time_ns);
        assert_int_equal(back.ip_len, p.ip_len);
        assert_int_equal(back.ip_captured, p.ip_captured);
        assert_int_equal(back.fragment_id, p.fragment_id);
        assert_int_equal(back.tcp.mss, 1460);
    }
    half_open_free(c);
}

static void it_is_found_from_both_sides_and_nowhere_else(void **state)
{
    (void)state;
    struct half_open_cache *c = half_open_new(MAX, &limits, NULL);
    struct frame f;
    const struct packet p = syn(&f, false, 5000, START);
    struct half_open *h = half_open_add(c, tag_of(&p.ends), &p);
    struct endpoints answer = p.ends;
    answer.src = p.ends.dst;
    answer.dst = p.ends.src;
    answer.src_port = p.ends.dst_port;
    answer.dst_port = p.ends.src_port;
    assert_ptr_equal(half_open_find(c, tag_of(&p.ends), &p.ends), h);
    assert_ptr_equal(half_open_find(c, tag_of(&answer), &answer), h);
    answer.vlan = 10;
    assert_null(half_open_find(c, tag_of(&answer), &answer));
    half_open_remove(c, tag_of(&p.ends), h);
    assert_null(half_open_find(c, tag_of(&p.ends), &p.ends));
    assert_int_equal(half_open_count(c), 0);
    half_open_free(c);
}

static void what_cannot_be_kept_whole_does_not_fit(void **state)
{
    (void)state;
    struct frame f;
    struct packet p = syn(&f, false, 5000, START);
    p.tcp.flags = TCP_SYN | TCP_ACK;
    assert_false(half_open_fits(&p));
    p = syn(&f, false, 5000, START);
    p.tcp.len = 1; /* data with the SYN, as TCP Fast Open sends */
    assert_false(half_open_fits(&p));
    p = syn(&f, false, 5000, START);
    p.fragment = true;
    assert_false(half_open_fits(&p));
    p = syn(&f, false, 5000, START);
    p.ip_captured--;
    assert_false(half_open_fits(&p));
}

/* What on_due saw. */
struct seen {
    struct half_open_cache *cache;
    unsigned accounts;
    unsigned given_up;
    uint64_t now_ns;
    uint64_t account_ns;
    uint64_t given_up_ns;
};

static void on_due(struct half_open *h, void *arg)
{
    struct seen *seen = arg;
    struct packet p;
    if (seen->now_ns < half_open_last_ns(h) + limits.unanswered) {
        seen->accounts++;
        seen->account_ns = seen->now_ns;
        h->told = h->packets;
        return;
    }
    half_open_packet(h, &p);
    half_open_remove(seen->cache, tag_of(&p.ends), h);
    seen->given_up++;
    seen->given_up_ns = seen->now_ns;
}

static void pass(struct seen *seen, uint64_t until_ns)
{
    for (; seen->now_ns <= until_ns; seen->now_ns += 50 * MS) {
        (void)half_open_run(seen->cache, seen->now_ns, 100, on_due, seen);
    }
}

static void it_is_told_after_two_seconds_and_given_up_five_after_the_last(void **state)
{
    (void)state;
    struct seen seen = {.cache = half_open_new(MAX, &limits, NULL), .now_ns = START};
    struct frame f;
    const struct packet p = syn(&f, false, 5000, START);
    struct half_open *h = half_open_add(seen.cache, tag_of(&p.ends), &p);
    pass(&seen, START + 3 * S);
    assert_int_equal(seen.accounts, 1);
    assert_in_range(seen.account_ns - START, 2 * S, 2 * S + 300 * MS);
    h->packets = 2; /* once more after three seconds */
    h->last_us = 3000000;
    pass(&seen, START + 7 * S);
    assert_int_equal(seen.accounts, 2);
    assert_int_equal(seen.given_up, 0);
    pass(&seen, START + 9 * S);
    assert_int_equal(seen.given_up, 1);
    assert_in_range(seen.given_up_ns - START, 8 * S, 8 * S + 300 * MS);
    half_open_free(seen.cache);
}

static void a_clock_set_back_takes_its_times_along(void **state)
{
    (void)state;
    struct seen seen = {.cache = half_open_new(MAX, &limits, NULL), .now_ns = START};
    struct frame f;
    const struct packet p = syn(&f, false, 5000, START);
    (void)half_open_add(seen.cache, tag_of(&p.ends), &p);
    half_open_shift_back(seen.cache, 600 * S);
    seen.now_ns -= 600 * S;
    pass(&seen, START - 600 * S + 6 * S);
    assert_int_equal(seen.given_up, 1);
    half_open_free(seen.cache);
}

static void a_full_cache_takes_again_once_its_first_is_gone(void **state)
{
    (void)state;
    struct half_open_cache *c = half_open_new(MAX, &limits, NULL);
    struct frame f;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < MAX; i++) {
            const struct packet p = syn(&f, false, 1000 + i, START + i * 100 * MS);
            assert_non_null(half_open_add(c, tag_of(&p.ends), &p));
        }
        const struct packet more = syn(&f, false, 4000, START);
        assert_null(half_open_add(c, tag_of(&more.ends), &more));
        for (unsigned i = 0; i < MAX; i++) {
            struct packet p;
            struct half_open *h = half_open_first(c);
            assert_non_null(h);
            half_open_packet(h, &p);
            half_open_remove(c, tag_of(&p.ends), h);
        }
        assert_null(half_open_first(c));
    }
    half_open_free(c);
}

static struct flow *add(struct flow_table *t, uint16_t port, uint64_t forth, uint64_t back)
{
    const struct flow_key key = {.client_port = port, .family = ADDR_IPV4, .protocol = PROTO_TCP};
    struct flow *f = flow_table_add(t, &key);
    f->sum.packets[DIR_C2S] = forth;
    f->sum.packets[DIR_S2C] = back;
    f->last_ns = START + port;
    return f;
}

static void the_least_valuable_goes_and_what_lives_stays(void **state)
{
    (void)state;
    struct flow_table *t = flow_table_new(64, NULL);
    uint32_t hand = 0;
    struct flow *alive = add(t, 1, 10, 10);
    assert_null(flow_shed_pick(t, &hand, START + S));
    struct flow *brief = add(t, 2, 2, 2);
    assert_ptr_equal(flow_shed_pick(t, &hand, START + S), brief);
    assert_ptr_equal(flow_shed_pick(t, &hand, START + 60 * S), alive); /* the older silence */
    struct flow *newer = add(t, 4, 1, 0);
    struct flow *older = add(t, 3, 1, 0);
    assert_ptr_equal(flow_shed_pick(t, &hand, START + S), older);
    newer->final_sent = true;
    assert_ptr_equal(flow_shed_pick(t, &hand, START + S), newer);
    flow_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_syn_comes_back_as_it_was),
        cmocka_unit_test(it_is_found_from_both_sides_and_nowhere_else),
        cmocka_unit_test(what_cannot_be_kept_whole_does_not_fit),
        cmocka_unit_test(it_is_told_after_two_seconds_and_given_up_five_after_the_last),
        cmocka_unit_test(a_clock_set_back_takes_its_times_along),
        cmocka_unit_test(a_full_cache_takes_again_once_its_first_is_gone),
        cmocka_unit_test(the_least_valuable_goes_and_what_lives_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
