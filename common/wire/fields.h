/*
 * Reading the members of a JSON object from outside: size and depth are limited before parsing,
 * every member's type and range is checked, unknown members are ignored. Like struct reader, the
 * first fault makes it bad, every read then gives zero, and the caller looks once at the end.
 */
#pragma once

#include "common/addr.h"
#include "common/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fields {
    const json_t *object; /* borrowed */
    struct err *e;        /* says the first fault */
    bool bad;
};

/* Parses a text of at most max bytes that must be one object; the caller json_decref's it. */
json_t *fields_parse(const void *bytes, size_t len, size_t max, struct err *e);
struct fields fields_of(const json_t *object, struct err *e);

/* A whole number from 0 to max; must be there. */
uint64_t fields_u64(struct fields *f, const char *key, uint64_t max);
/* The same, but `fallback` when the member is missing. */
uint64_t fields_u64_or(struct fields *f, const char *key, uint64_t max, uint64_t fallback);
/* A 64-bit number sent as decimal text, since JSON numbers end at 2^63; 0 when missing. */
uint64_t fields_id(struct fields *f, const char *key);
bool fields_bool_or(struct fields *f, const char *key, bool fallback);
/* Clean text that fits; must be there. */
void fields_text(struct fields *f, const char *key, char *buf, size_t size);
/* The same, but "" when the member is missing. */
void fields_text_or_empty(struct fields *f, const char *key, char *buf, size_t size);
/* A member object as fields of its own; bad when missing or of another type. Shares e. */
struct fields fields_object(struct fields *f, const char *key);
/* The place of a word in a table of words that begins at 1, of count places; else a fault and 0. */
uint8_t fields_choice(struct fields *f, const char *key, const char *const *words, size_t count);
/* An address as text; must be there. ADDR_NONE once anything is bad. */
enum addr_family fields_addr(struct fields *f, const char *key, struct addr *addr);
/* A member array of at most max entries, borrowed; NULL when missing or bad. */
const json_t *fields_list(struct fields *f, const char *key, size_t max);
/* An entry of it, which must be an object, as fields of its own. Shares e. */
struct fields fields_entry(struct fields *f, const char *key, const json_t *entry);
/* Sets a fault of the caller's own. */
void fields_fault(struct fields *f, const char *key, const char *what);

/* A JSON string of text, cleaned, for packing. NULL when memory is short. */
json_t *fields_string(const char *text);
/* A 64-bit number as decimal text. */
json_t *fields_id_string(uint64_t id);
/* Writes root compactly without a NUL and drops it; 0 when it does not fit or root is NULL. */
size_t fields_dump(json_t *root, void *buf, size_t size);
