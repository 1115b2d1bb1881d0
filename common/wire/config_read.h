/*
 * Reading the body of a configuration item that a person wrote. Like struct fields, but the first
 * fault is told for a form: which field, what is wrong with it, what would be right. The centre
 * refuses with it before anything is stored; the agent refuses a whole document with it. Pure; any
 * thread.
 */
#pragma once

#include "common/addr.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONFIG_FIELD_SIZE = 64, CONFIG_MESSAGE_SIZE = 200 };

struct config_fault {
    bool bad;
    char field[CONFIG_FIELD_SIZE];     /* "server_ports[2]"; "" for the item as a whole */
    char message[CONFIG_MESSAGE_SIZE]; /* a sentence */
    char hint[CONFIG_MESSAGE_SIZE];    /* what would be right; may be "" */
};

/* Names a fault, unless there is one already. hint may be NULL. */
void config_fault_set(struct config_fault *fault, const char *field, const char *hint,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * Every member that is not in known (ended by NULL) is a fault: a misspelt one would be passed
 * over in silence. "id" and "name", which every item has, are always known.
 */
void config_known(const json_t *item, const char *const *known, struct config_fault *fault);

/* True when the member is there and not null. */
bool config_has(const json_t *item, const char *key);
/* Clean text of min to size - 1 bytes; missing: a fault when min > 0, else "". */
void config_text(const json_t *item, const char *key, size_t min, char *buf, size_t size,
                 struct config_fault *fault);
/* A whole number; `fallback` when missing. */
int64_t config_number(const json_t *item, const char *key, int64_t min, int64_t max,
                      int64_t fallback, struct config_fault *fault);
bool config_bool(const json_t *item, const char *key, bool fallback, struct config_fault *fault);
/* The place of a word in words (ended by NULL); `fallback` when missing, -1 is a fault then. */
int config_word(const json_t *item, const char *key, const char *const *words, int fallback,
                struct config_fault *fault);
/* Calls take for each text of a list of at most max; missing: an empty one. Returns how many. */
typedef void (*config_entry_fn)(const char *text, size_t index, const char *field,
                                struct config_fault *fault, void *arg);
size_t config_list(const json_t *item, const char *key, size_t max, config_entry_fn take, void *arg,
                   struct config_fault *fault);
/* A list of addresses and prefixes in CIDR form. */
size_t config_prefixes(const json_t *item, const char *key, struct addr_prefix *list, size_t max,
                       struct config_fault *fault);
/* Reads "aa:bb:cc:dd:ee:ff" (also with '-'); false when it is none. */
bool config_mac_parse(const char *text, struct mac *mac);
