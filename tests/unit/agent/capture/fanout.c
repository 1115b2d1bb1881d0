/* Unit tests of agent/capture/fanout: which worker's socket the kernel gives a packet to. */
#include "agent/capture/fanout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <string.h>

enum { PEERS = 4096, WORKERS = 4, PACKET_SIZE = 64, IPV4_SRC = 12, IPV6_SRC = 8 };

/* From the network header on, and what the kernel says stands there. */
struct packet {
    uint8_t bytes[PACKET_SIZE];
    uint16_t type;
};

/* ---- as much of the kernel's machine (Documentation/networking/filter.rst) as is used ---- */

struct machine {
    const struct packet *packet;
    uint32_t a, x, cells[16];
};

static uint32_t load(const struct machine *m, unsigned code, uint32_t at)
{
    uint32_t word;
    uint16_t half;
    if (at == (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL)) {
        return m->packet->type;
    }
    at -= (uint32_t)SKF_NET_OFF;
    assert_true(at <= PACKET_SIZE - sizeof word);
    memcpy(&word, m->packet->bytes + at, sizeof word);
    memcpy(&half, m->packet->bytes + at, sizeof half);
    return BPF_SIZE(code) == BPF_W ? ntohl(word) : ntohs(half);
}

static void calculate(struct machine *m, const struct sock_filter *i)
{
    uint32_t right = BPF_SRC(i->code) == BPF_X ? m->x : i->k;
    switch (BPF_OP(i->code)) {
    case BPF_ADD: m->a += right; break;
    case BPF_MUL: m->a *= right; break;
    case BPF_XOR: m->a ^= right; break;
    case BPF_RSH: m->a >>= right; break;
    default: fail_msg("no operation %x", i->code);
    }
}

static void step(struct machine *m, const struct sock_filter *i)
{
    switch (i->code) {
    case BPF_LD | BPF_IMM: m->a = i->k; break;
    case BPF_LD | BPF_MEM: m->a = m->cells[i->k]; break;
    case BPF_LDX | BPF_IMM: m->x = i->k; break;
    case BPF_LDX | BPF_MEM: m->x = m->cells[i->k]; break;
    case BPF_LD | BPF_W | BPF_ABS:
    case BPF_LD | BPF_H | BPF_ABS: m->a = load(m, i->code, i->k); break;
    case BPF_LD | BPF_W | BPF_IND:
    case BPF_LD | BPF_H | BPF_IND: m->a = load(m, i->code, m->x + i->k); break;
    case BPF_ST: m->cells[i->k] = m->a; break;
    case BPF_STX: m->cells[i->k] = m->x; break;
    case BPF_MISC | BPF_TXA: m->a = m->x; break;
    default: assert_int_equal(BPF_CLASS(i->code), BPF_ALU); calculate(m, i);
    }
}

static unsigned worker_of(uint64_t key, const struct packet *packet)
{
    struct sock_filter code[FANOUT_PROGRAM_MAX];
    unsigned len = fanout_program(key, code);
    struct machine m = {.packet = packet};
    assert_true(len < FANOUT_PROGRAM_MAX); /* nothing was left out */
    for (unsigned at = 0; at < len; at++) {
        const struct sock_filter *i = &code[at];
        if (BPF_CLASS(i->code) == BPF_RET) {
            return (BPF_RVAL(i->code) == BPF_A ? m.a : i->k) % WORKERS;
        }
        if (i->code == (BPF_JMP | BPF_JEQ | BPF_K)) {
            at += m.a == i->k ? i->jt : i->jf;
        } else {
            step(&m, i);
        }
    }
    fail_msg("no verdict");
    return 0;
}

/* ---- packets ---- */

static void put32(uint8_t *at, uint32_t v)
{
    v = htonl(v);
    memcpy(at, &v, sizeof v);
}

static struct packet ipv4(uint32_t src, uint32_t dst)
{
    struct packet p = {.type = ETH_P_IP};
    put32(p.bytes + IPV4_SRC, src);
    put32(p.bytes + IPV4_SRC + 4, dst);
    return p;
}

static struct packet ipv6(const uint32_t *src, const uint32_t *dst)
{
    struct packet p = {.type = ETH_P_IPV6};
    for (size_t i = 0; i < 4; i++) {
        put32(p.bytes + IPV6_SRC + 4 * i, src[i]);
        put32(p.bytes + IPV6_SRC + 16 + 4 * i, dst[i]);
    }
    return p;
}

static struct packet ipv6_pair(uint32_t peer, bool back)
{
    const uint32_t ours[] = {0x20010db8, 1, 0, 1};
    const uint32_t theirs[] = {0x20010db8, 2, peer, peer * 7};
    return back ? ipv6(theirs, ours) : ipv6(ours, theirs);
}

/* ---- tests ---- */

static void both_ways_of_a_pair_go_to_one_worker(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < PEERS; i++) {
        struct packet there = ipv4(0x0a000001, 0xc0000200 + i * 977);
        struct packet back = ipv4(0xc0000200 + i * 977, 0x0a000001);
        assert_int_equal(worker_of(i, &there), worker_of(i, &back));
        there = ipv6_pair(i, false);
        back = ipv6_pair(i, true);
        assert_int_equal(worker_of(i, &there), worker_of(i, &back));
    }
}

/* The addresses of these peers differ in `bits` that begin at `shift`. */
static void assert_even(unsigned shift, uint32_t peers)
{
    unsigned count[WORKERS] = {0};
    for (uint32_t i = 0; i < peers; i++) {
        struct packet p = ipv4(0x0a000001, 0x01000001 ^ i << shift);
        count[worker_of(0x123456789abcdef, &p)]++;
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        assert_in_range(count[i], peers / WORKERS / 2, peers / WORKERS * 2);
    }
}

static void all_workers_have_peers_wherever_their_addresses_differ(void **state)
{
    (void)state;
    for (unsigned shift = 0; shift <= 20; shift += 4) {
        assert_even(shift, PEERS);
    }
    assert_even(24, 256);
}

/* Peers that one key gives to one worker are spread by another. */
static void who_meets_whom_is_known_with_the_key_alone(void **state)
{
    (void)state;
    unsigned count[WORKERS] = {0};
    unsigned picked = 0;
    for (uint32_t i = 0; i < PEERS; i++) {
        struct packet p = ipv4(0x0a000001, 0xc0000200 + i);
        struct packet q = ipv6_pair(i, false);
        if (worker_of(1, &p) == 0) {
            count[worker_of(2, &p)]++;
            picked++;
        }
        if (worker_of(1, &q) == 0) {
            count[worker_of(2, &q)]++;
            picked++;
        }
    }
    assert_in_range(picked, PEERS / WORKERS, PEERS);
    for (unsigned i = 0; i < WORKERS; i++) {
        assert_in_range(count[i], picked / WORKERS / 2, picked / WORKERS * 2);
    }
}

static void tags_and_pppoe_are_passed(void **state)
{
    (void)state;
    const uint32_t src = 0x0a000001;
    const uint8_t tag[] = {0, 5, 0x08, 0x00};
    const uint8_t pppoe[] = {0x11, 0, 0, 1, 0, 40, 0, 0x21};
    for (uint32_t i = 0; i < WORKERS * 8; i++) {
        struct packet plain = ipv4(src, i);
        struct packet tagged = {.type = ETH_P_8021Q};
        struct packet session = {.type = ETH_P_PPP_SES};
        memcpy(tagged.bytes, tag, sizeof tag);
        memcpy(tagged.bytes + sizeof tag, plain.bytes, PACKET_SIZE - sizeof tag);
        memcpy(session.bytes, pppoe, sizeof pppoe);
        memcpy(session.bytes + sizeof pppoe, plain.bytes, PACKET_SIZE - sizeof pppoe);
        assert_int_equal(worker_of(9, &tagged), worker_of(9, &plain));
        assert_int_equal(worker_of(9, &session), worker_of(9, &plain));
    }
}

static void what_is_no_ip_goes_to_the_first(void **state)
{
    (void)state;
    const struct packet arp = {.type = ETH_P_ARP, .bytes = {1, 2, 3}};
    assert_int_equal(worker_of(3, &arp), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_of_a_pair_go_to_one_worker),
        cmocka_unit_test(all_workers_have_peers_wherever_their_addresses_differ),
        cmocka_unit_test(who_meets_whom_is_known_with_the_key_alone),
        cmocka_unit_test(tags_and_pppoe_are_passed),
        cmocka_unit_test(what_is_no_ip_goes_to_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
