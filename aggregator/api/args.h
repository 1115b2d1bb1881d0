/*
 * What a client says, checked: parameters of the query and members of a JSON body. The first
 * fault is kept and every reading after it gives the fallback, so a handler reads all it wants
 * and looks once at the end. Any thread.
 */
#pragma once

#include "aggregator/http/request.h"
#include "aggregator/http/response.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct args {
    const struct query_params *params;
    bool bad;
    char field[64];    /* of the fault */
    char message[200]; /* a sentence */
    char hint[200];    /* "" when there is none */
};

/* Of the query; every name that is not in known (ended by NULL) is a fault. */
struct args args_of(const struct http_request *request, const char *const *known);
/* Of nothing yet: for bodies. */
struct args args_empty(void);

/* Names a fault, unless there is one already. hint may be NULL. */
void args_fault(struct args *args, const char *field, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The 400 that tells the fault. */
struct http_response *args_refusal(const struct args *args);

int64_t args_int(struct args *args, const char *name, int64_t min, int64_t max, int64_t fallback);
bool args_bool(struct args *args, const char *name, bool fallback);
/* NULL when it is missing, empty or longer than max bytes (the latter is a fault). */
const char *args_text(struct args *args, const char *name, size_t max);
/* The place of the value in words (ended by NULL); -1 when missing or a fault. */
int args_word(struct args *args, const char *name, const char *const *words);

/*
 * The request's body as an object with no members but known ones; NULL is a fault. The caller
 * json_decref's it.
 */
json_t *args_body(struct args *args, const struct http_request *request, const char *const *known);
/* A text member of min to max bytes. Missing: a fault when min > 0, else "". Borrowed from body. */
const char *args_member(struct args *args, const json_t *body, const char *name, size_t min,
                        size_t max);
/* A whole number of min to max; missing or null gives fallback. */
int64_t args_member_int(struct args *args, const json_t *body, const char *name, int64_t min,
                        int64_t max, int64_t fallback);
/* Missing gives fallback. */
bool args_member_bool(struct args *args, const json_t *body, const char *name, bool fallback);
/* The place of a text member in words (ended by NULL); missing is a fault. -1 with a fault. */
int args_member_word(struct args *args, const json_t *body, const char *name,
                     const char *const *words);
