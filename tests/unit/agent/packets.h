/* Builds small packets byte by byte, for the units of the engine. */
#pragma once

#include <stdint.h>
#include <string.h>

enum { FRAME_MAX = 2048 };

struct frame {
    uint8_t bytes[FRAME_MAX];
    size_t len;
};

static inline void frame_u8(struct frame *f, unsigned v)
{
    f->bytes[f->len++] = (uint8_t)v;
}

static inline void frame_be16(struct frame *f, unsigned v)
{
    frame_u8(f, v >> 8);
    frame_u8(f, v & 0xff);
}

static inline void frame_be32(struct frame *f, uint32_t v)
{
    frame_be16(f, v >> 16);
    frame_be16(f, v & 0xffff);
}

static inline void frame_fill(struct frame *f, unsigned v, size_t count)
{
    memset(f->bytes + f->len, (int)v, count);
    f->len += count;
}

/* Writes a 16-bit field that was left open. */
static inline void frame_set_be16(struct frame *f, size_t at, size_t v)
{
    f->bytes[at] = (uint8_t)(v >> 8);
    f->bytes[at + 1] = (uint8_t)v;
}

/* 02:00:00:00:00:01 → 02:00:00:00:00:02 */
static inline void frame_ethernet(struct frame *f, unsigned ethertype)
{
    frame_be32(f, 0x02000000);
    frame_be16(f, 2);
    frame_be32(f, 0x02000000);
    frame_be16(f, 1);
    frame_be16(f, ethertype);
}

/* 10.0.0.1 → 10.0.0.2 with `behind` bytes to follow; fragment is the raw flags-and-offset field. */
static inline void frame_ipv4(struct frame *f, unsigned protocol, size_t behind, unsigned fragment)
{
    frame_be16(f, 0x4500);
    frame_be16(f, (unsigned)(20 + behind));
    frame_be16(f, 77); /* identification */
    frame_be16(f, fragment);
    frame_be16(f, 0x4000u | protocol);
    frame_be16(f, 0);
    frame_be32(f, 0x0a000001);
    frame_be32(f, 0x0a000002);
}

/* 2001:db8::1 → 2001:db8::2 with `behind` bytes to follow, extension headers among them. */
static inline void frame_ipv6(struct frame *f, unsigned next, size_t behind)
{
    frame_be32(f, 0x60000000);
    frame_be16(f, (unsigned)behind);
    frame_u8(f, next);
    frame_u8(f, 64);
    for (unsigned last = 1; last <= 2; last++) {
        frame_be32(f, 0x20010db8);
        frame_fill(f, 0, 11);
        frame_u8(f, last);
    }
}

static inline void frame_udp(struct frame *f, unsigned src, unsigned dst, size_t payload)
{
    frame_be16(f, src);
    frame_be16(f, dst);
    frame_be16(f, (unsigned)(8 + payload));
    frame_be16(f, 0);
    frame_fill(f, 'u', payload);
}

static inline void frame_tcp(struct frame *f, unsigned src, unsigned dst, uint32_t seq,
                             uint32_t ack, unsigned flags, size_t payload)
{
    frame_be16(f, src);
    frame_be16(f, dst);
    frame_be32(f, seq);
    frame_be32(f, ack);
    frame_be16(f, 0x5000u | flags);
    frame_be16(f, 1000);
    frame_be32(f, 0);
    frame_fill(f, 't', payload);
}
