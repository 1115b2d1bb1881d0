/*
 * The NATS subjects of protocol pk.v1 and who is behind them. The subject is the sender's
 * identity: the server enforced it, so names are read from here and never from a body.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { NAME_MAX_LEN = 63, SUBJECT_SIZE = 256, SHARD_COUNT = 64 };

/* Streams that are spooled, sequenced and acknowledged. The number is stored: never reuse one. */
enum wire_stream {
    STREAM_ALERT = 1,
    STREAM_COUNTER = 2,
    STREAM_FLOW = 3,
    STREAM_ASSET = 4,
    STREAM_SNMP = 5,
    STREAM_PROBE = 6,
};
enum { STREAM_COUNT = 6 };

/* "alert", "ctr", "flow", "asset", "snmp", "probe": the last word of pk.v1.up.SHARD.AGENT.b.WORD.
 * NULL for no stream. */
const char *wire_stream_word(enum wire_stream stream);
/* 0 when the word names no stream. */
enum wire_stream wire_stream_by_word(const char *word);

/* True for [a-z0-9][a-z0-9-]{0,62}: anything else could widen a subject template. */
bool name_is_valid(const char *name);
/* xxh3_64(name, seed 0) mod 64. */
unsigned shard_of(const char *name);

/* A subject that does not fit into buf becomes "", which no bus takes. SUBJECT_SIZE suffices. */
/* pk.v1.up.SHARD.NAME.WORD, with word such as "hello", "hb", "live", "bye", "b.alert". */
void subject_up(char *buf, size_t size, const char *name, const char *word);
/* pk.v1.dn.NAME.WORD, with word such as "ack", "nack", "welcome", "q", "watch". */
void subject_down(char *buf, size_t size, const char *name, const char *word);

/* What stands in an upward subject. */
struct subject_parts {
    char name[NAME_MAX_LEN + 1];
    unsigned shard;
    char word[64]; /* "hb", "b.alert", … */
};
/* Splits pk.v1.up.SHARD.NAME.WORD…; false when it is not one (bad name, shard ≥ 64, too long). */
bool subject_parse_up(const char *subject, struct subject_parts *parts);
/*
 * Splits PREFIX NAME or PREFIX NAME.REST, such as pk.v1.rsp.NAME.AGG.REQ.N with prefix
 * "pk.v1.rsp.": fills name and, with the rest, word ("" when there is none).
 */
bool subject_parse_name(const char *subject, const char *prefix, struct subject_parts *parts);
