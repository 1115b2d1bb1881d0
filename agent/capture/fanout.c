/*
 * The kernel's own hash (PACKET_FANOUT_HASH) is over addresses and ports: a datagram's later
 * fragments carry none, an ICMP error is apart from the flow it is about, and both ways of a flow
 * inside a tunnel have ports of their own outside. So a small program of classic BPF says instead
 * where a packet goes: to the socket of its pair of addresses. It adds up a hash of the sum and of
 * the exclusive or of both, which are the same either way. The numbers that it multiplies by and
 * begins with come from a random key: who could compute the hash would load one worker with all his
 * packets. What is no IP goes to the first.
 * Rolling over to another socket when one is full would tear flows apart: a full ring drops, and
 * that is counted.
 */
#include "agent/capture/fanout.h"

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdbool.h>
#include <sys/socket.h>

/* Of a product the upper half is good: each of its bits hangs on all bits below. */
enum { TAG = 4, PPPOE = 8, HALF = 16 };

/* Cells of the program's memory. */
enum { CELL_BASE, CELL_SRC, CELL_DST, CELL_TEMP };

struct program {
    struct sock_filter *code;
    unsigned short len;
    /* Of the key; all but the first are odd. */
    uint32_t start;
    uint32_t fold;
    uint32_t mix_xor;
    uint32_t mix_sum;
    uint32_t mix_last;
};

/* The next of a row of random numbers (splitmix64, Steele, Lea and Flood 2014). */
static uint32_t next_number(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t z = *state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ z >> 31) >> 32);
}

static void set_key(struct program *p, uint64_t key)
{
    p->start = next_number(&key);
    p->fold = next_number(&key) | 1;
    p->mix_xor = next_number(&key) | 1;
    p->mix_sum = next_number(&key) | 1;
    p->mix_last = next_number(&key) | 1;
}

static void put(struct program *p, unsigned code, uint32_t k)
{
    if (p->len < FANOUT_PROGRAM_MAX) {
        p->code[p->len++] = (struct sock_filter){.code = (uint16_t)code, .k = k};
    }
}

/* Skips the next `skip` instructions unless A equals k. */
static void put_unless(struct program *p, uint32_t k, unsigned skip)
{
    put(p, BPF_JMP | BPF_JEQ | BPF_K, k);
    p->code[p->len - 1].jf = (uint8_t)skip;
}

/* A = size bytes at `at` behind the network header's base, which X holds. */
static void put_load(struct program *p, unsigned size, uint32_t at)
{
    put(p, BPF_LD | size | BPF_IND, (uint32_t)SKF_NET_OFF + at);
}

/* cell = cell * fold + the word at `at`, for each word of an address. */
static void put_address(struct program *p, uint32_t cell, uint32_t at, unsigned words)
{
    put(p, BPF_LD | BPF_IMM, p->start);
    put(p, BPF_ST, cell);
    for (unsigned i = 0; i < words; i++) {
        put(p, BPF_LD | BPF_MEM, cell);
        put(p, BPF_ALU | BPF_MUL | BPF_K, p->fold);
        put(p, BPF_ST, cell);
        put(p, BPF_LDX | BPF_MEM, CELL_BASE);
        put_load(p, BPF_W, at + 4 * i);
        put(p, BPF_LDX | BPF_MEM, cell);
        put(p, BPF_ALU | BPF_ADD | BPF_X, 0);
        put(p, BPF_ST, cell);
    }
}

/* A ^= A >> 16: what only the upper bits know reaches the lower ones. */
static void put_mix(struct program *p)
{
    put(p, BPF_ST, CELL_TEMP);
    put(p, BPF_ALU | BPF_RSH | BPF_K, HALF);
    put(p, BPF_LDX | BPF_MEM, CELL_TEMP);
    put(p, BPF_ALU | BPF_XOR | BPF_X, 0);
}

/* Returns the hash of both cells. */
static void put_verdict(struct program *p)
{
    put(p, BPF_LD | BPF_MEM, CELL_SRC);
    put(p, BPF_LDX | BPF_MEM, CELL_DST);
    put(p, BPF_ALU | BPF_XOR | BPF_X, 0);
    put(p, BPF_ALU | BPF_MUL | BPF_K, p->mix_xor);
    put(p, BPF_ST, CELL_TEMP);
    put(p, BPF_LD | BPF_MEM, CELL_SRC);
    put(p, BPF_ALU | BPF_ADD | BPF_X, 0);
    put(p, BPF_ALU | BPF_MUL | BPF_K, p->mix_sum);
    put(p, BPF_LDX | BPF_MEM, CELL_TEMP);
    put(p, BPF_ALU | BPF_ADD | BPF_X, 0);
    put_mix(p);
    put(p, BPF_ALU | BPF_MUL | BPF_K, p->mix_last);
    put(p, BPF_ALU | BPF_RSH | BPF_K, HALF);
    put(p, BPF_RET | BPF_A, 0);
}

/* For packets whose type stands in A: the addresses at these places, and the verdict. */
static void put_family(struct program *p, uint32_t type, uint32_t src_at, unsigned words)
{
    unsigned short jump = p->len;
    put_unless(p, type, 0);
    put_address(p, CELL_SRC, src_at, words);
    put_address(p, CELL_DST, src_at + 4 * words, words);
    put_verdict(p);
    p->code[jump].jf = (uint8_t)(p->len - jump - 1);
}

/* A tag that the kernel has left in (of two, the inner one): its type into A, the base behind it.
 */
static void put_tag(struct program *p, uint32_t type)
{
    enum { TYPE_AT = 2, INSTRUCTIONS = 3 };
    put_unless(p, type, INSTRUCTIONS);
    put(p, BPF_LDX | BPF_IMM, TAG);
    put(p, BPF_STX, CELL_BASE);
    put(p, BPF_LD | BPF_H | BPF_ABS, (uint32_t)SKF_NET_OFF + TYPE_AT);
}

/* PPPoE likewise; what PPP calls IPv4 (RFC 1332) becomes the type that Ethernet has for it. */
static void put_pppoe(struct program *p)
{
    enum { PROTOCOL_AT = 6, PPP_IPV4 = 0x21, INSTRUCTIONS = 9 };
    put_unless(p, ETH_P_PPP_SES, INSTRUCTIONS);
    put(p, BPF_LDX | BPF_MEM, CELL_BASE);
    put_load(p, BPF_H, PROTOCOL_AT);
    put(p, BPF_ST, CELL_TEMP);
    put(p, BPF_MISC | BPF_TXA, 0);
    put(p, BPF_ALU | BPF_ADD | BPF_K, PPPOE);
    put(p, BPF_ST, CELL_BASE);
    put(p, BPF_LD | BPF_MEM, CELL_TEMP);
    put_unless(p, PPP_IPV4, 1);
    put(p, BPF_LD | BPF_IMM, ETH_P_IP);
}

static void write_program(struct program *p)
{
    enum { IPV4_SRC = 12, IPV4_WORDS = 1, IPV6_SRC = 8, IPV6_WORDS = 4, PPP_IPV6 = 0x57 };
    put(p, BPF_LD | BPF_IMM, 0);
    put(p, BPF_ST, CELL_BASE);
    put(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL));
    put_tag(p, ETH_P_8021Q);
    put_tag(p, ETH_P_8021AD);
    put_pppoe(p);
    put_family(p, ETH_P_IP, IPV4_SRC, IPV4_WORDS);
    put_unless(p, PPP_IPV6, 1);
    put(p, BPF_LD | BPF_IMM, ETH_P_IPV6);
    put_family(p, ETH_P_IPV6, IPV6_SRC, IPV6_WORDS);
    put(p, BPF_RET | BPF_K, 0);
}

unsigned short fanout_program(uint64_t key, struct sock_filter *code)
{
    struct program p = {.code = code};
    set_key(&p, key);
    write_program(&p);
    return p.len;
}

int fanout_join(int fd, uint16_t group, uint64_t key, struct err *e)
{
    struct sock_filter program[FANOUT_PROGRAM_MAX];
    const struct sock_fprog code = {.len = fanout_program(key, program), .filter = program};
    const unsigned value = group | (unsigned)PACKET_FANOUT_CBPF << 16;
    if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, sizeof value) != 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_FANOUT_DATA, &code, sizeof code) != 0) {
        return err_set_errno(e, "cannot share the interface between workers");
    }
    return 0;
}
