/* Putting subjects together and taking them apart; the only place that knows their form. */
#include "common/wire/subjects.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

static const char *const STREAM_WORDS[STREAM_COUNT + 1] = {
    [STREAM_ALERT] = "alert", [STREAM_COUNTER] = "ctr", [STREAM_FLOW] = "flow",
    [STREAM_ASSET] = "asset", [STREAM_SNMP] = "snmp",   [STREAM_PROBE] = "probe",
};

static const char UP_PREFIX[] = "pk.v1.up.";

const char *wire_stream_word(enum wire_stream stream)
{
    return (unsigned)stream <= STREAM_COUNT ? STREAM_WORDS[stream] : NULL;
}

enum wire_stream wire_stream_by_word(const char *word)
{
    for (unsigned i = 1; i <= STREAM_COUNT; i++) {
        if (strcmp(word, STREAM_WORDS[i]) == 0) {
            return (enum wire_stream)i;
        }
    }
    return (enum wire_stream)0;
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Length of the valid name at the start of text; 0 when it does not start with one. */
static size_t name_span(const char *text)
{
    if (!is_name_start(text[0])) {
        return 0;
    }
    size_t len = 1;
    while (is_name_start(text[len]) || text[len] == '-') {
        len++;
    }
    return len <= NAME_MAX_LEN ? len : 0;
}

bool name_is_valid(const char *name)
{
    size_t len = name_span(name);
    return len > 0 && name[len] == '\0';
}

unsigned shard_of(const char *name)
{
    return (unsigned)(XXH3_64bits_withSeed(name, strlen(name), 0) % SHARD_COUNT);
}

/* A subject that is cut short could mean another one: an empty subject is refused by the bus. */
static void empty_unless_whole(char *buf, size_t size, int written)
{
    if (size > 0 && (written < 0 || (size_t)written >= size)) {
        buf[0] = '\0';
    }
}

void subject_up(char *buf, size_t size, const char *name, const char *word)
{
    int written = snprintf(buf, size, "%s%u.%s.%s", UP_PREFIX, shard_of(name), name, word);
    empty_unless_whole(buf, size, written);
}

void subject_down(char *buf, size_t size, const char *name, const char *word)
{
    empty_unless_whole(buf, size, snprintf(buf, size, "pk.v1.dn.%s.%s", name, word));
}

/* Reads "0" to "63" and the dot behind it, without leading zeros; NULL when it is not that. */
static const char *parse_shard(const char *text, unsigned *shard)
{
    unsigned value = 0;
    size_t digits = 0;
    while (digits < 2 && text[digits] >= '0' && text[digits] <= '9') {
        value = value * 10 + (unsigned)(text[digits] - '0');
        digits++;
    }
    bool leading_zero = digits == 2 && text[0] == '0';
    if (digits == 0 || leading_zero || text[digits] != '.' || value >= SHARD_COUNT) {
        return NULL;
    }
    *shard = value;
    return text + digits + 1;
}

/* Takes the name at text into parts; returns what follows it, or NULL when it is no name. */
static const char *take_name(const char *text, struct subject_parts *parts)
{
    size_t len = name_span(text);
    if (len == 0 || (text[len] != '.' && text[len] != '\0')) {
        return NULL;
    }
    memcpy(parts->name, text, len);
    parts->name[len] = '\0';
    return text + len;
}

/* The rest of a subject after the name's dot, which must not be empty and must fit. */
static bool take_word(const char *text, struct subject_parts *parts)
{
    size_t len = strlen(text);
    if (len == 0 || len >= sizeof parts->word) {
        return false;
    }
    memcpy(parts->word, text, len + 1);
    return true;
}

bool subject_parse_up(const char *subject, struct subject_parts *parts)
{
    size_t prefix_len = sizeof UP_PREFIX - 1;
    *parts = (struct subject_parts){0};
    if (strncmp(subject, UP_PREFIX, prefix_len) != 0) {
        return false;
    }
    const char *at = parse_shard(subject + prefix_len, &parts->shard);
    if (at == NULL) {
        return false;
    }
    at = take_name(at, parts);
    return at != NULL && *at == '.' && take_word(at + 1, parts);
}

bool subject_parse_name(const char *subject, const char *prefix, struct subject_parts *parts)
{
    size_t prefix_len = strlen(prefix);
    *parts = (struct subject_parts){0};
    if (strncmp(subject, prefix, prefix_len) != 0) {
        return false;
    }
    const char *at = take_name(subject + prefix_len, parts);
    if (at == NULL) {
        return false;
    }
    return *at == '\0' || take_word(at + 1, parts);
}
