/*
 * Rows in PostgreSQL's binary COPY form, put together in memory by the store writer and sent with
 * pg_copy. Texts must be UTF-8 without NUL, as the wire's unpacking leaves them. Running out of
 * memory makes it `failed`; the caller looks once at the end.
 * Source: PostgreSQL 15 documentation, COPY, "Binary Format"; inet and macaddr as their send
 * functions give them.
 */
#pragma once

#include "common/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct copy {
    uint8_t *bytes; /* owned */
    size_t len, size;
    unsigned rows;
    bool failed;
};

/* A zeroed struct is an empty one. */
void copy_done(struct copy *c);
/* Begins a row of so many fields, which then follow in order. */
void copy_row(struct copy *c, int16_t fields);
void copy_null(struct copy *c);
void copy_bool(struct copy *c, bool value);
void copy_i16(struct copy *c, int16_t value);
void copy_i32(struct copy *c, int32_t value);
/* Unsigned 64-bit numbers keep their bits. */
void copy_i64(struct copy *c, uint64_t value);
/* NULL for 0. */
void copy_i64_or_null(struct copy *c, uint64_t value);
void copy_text(struct copy *c, const char *text);
void copy_bytes(struct copy *c, const void *bytes, size_t len);
/* NULL for "". */
void copy_text_or_null(struct copy *c, const char *text);
/* A wall time in nanoseconds as timestamptz. */
void copy_time(struct copy *c, uint64_t wall_ns);
void copy_inet(struct copy *c, enum addr_family family, const struct addr *addr);
/* NULL for the zero address. */
void copy_mac(struct copy *c, const struct mac *mac);
/* The end mark; then bytes and len are ready for pg_copy. False when memory was short. */
bool copy_finish(struct copy *c);
