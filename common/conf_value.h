/* The types of settings: text to value, value to text. Private to the conf_*.c files. */
#pragma once

#include "common/conf.h"

enum { CONF_KEY_SIZE = 96, CONF_ENV_SIZE = CONF_KEY_SIZE + 8 };

/*
 * Reads text into the place of the row and checks its limits. Returns 0, or -1 with e saying what
 * is wrong and what to write instead, without repeating the text. The place must hold zeroes.
 */
int conf_value_read(const struct conf_row *row, const char *text, void *settings, struct err *e);
/* Writes the value as it would stand in a file, never masked. */
void conf_value_write(const struct conf_row *row, const void *settings, FILE *out);
/* Writes a number of the row's type with its unit, such as "10s"; for values and limits. */
void conf_value_write_number(const struct conf_row *row, int64_t number, FILE *out);
/* Frees what the value owns; the place holds zeroes afterwards. */
void conf_value_done(const struct conf_row *row, void *settings);
/* True for an empty text or list. */
bool conf_value_is_empty(const struct conf_row *row, const void *settings);
/* The word for a type, such as "duration". */
const char *conf_type_name(enum conf_type type);
/* The variable that overrides a key: "nats.urls" is PICKET_NATS_URLS. Returns buf; "" if too long.
 */
char *conf_env_name(const char *key, char *buf, size_t size);
