/* Checks of parameters and members, each with a sentence that says what would be right. */
#include "aggregator/api/args.h"

#include "common/wire/fields.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void args_fault(struct args *args, const char *field, const char *hint, const char *format, ...)
{
    if (args->bad) {
        return;
    }
    args->bad = true;
    (void)snprintf(args->field, sizeof args->field, "%s", field); /* may be cut: for a person */
    (void)snprintf(args->hint, sizeof args->hint, "%s", hint != NULL ? hint : "");
    va_list list;
    va_start(list, format);
    (void)vsnprintf(args->message, sizeof args->message, format, list);
    va_end(list);
}

static bool is_known(const char *const *known, const char *name)
{
    for (; *known != NULL; known++) {
        if (strcmp(*known, name) == 0) {
            return true;
        }
    }
    return false;
}

struct args args_of(const struct http_request *request, const char *const *known)
{
    struct args args = {.params = &request->query};
    if (request->query_fault != 0) {
        args_fault(&args, "", NULL, "The query cannot be read: %s.", request->query_error.what);
    }
    for (size_t i = 0; i < request->query.count; i++) {
        if (!is_known(known, request->query.items[i].name)) {
            args_fault(&args, request->query.items[i].name, "Leave it out.",
                       "This parameter is not known here.");
        }
    }
    return args;
}

struct args args_empty(void)
{
    static const struct query_params none;
    return (struct args){.params = &none};
}

struct http_response *args_refusal(const struct args *args)
{
    const struct http_fault fault = {
        .status = 400,
        .code = "bad_request",
        .message = args->message,
        .field = args->field[0] != '\0' ? args->field : NULL,
        .hint = args->hint[0] != '\0' ? args->hint : NULL,
    };
    return http_response_error(&fault);
}

int64_t args_int(struct args *args, const char *name, int64_t min, int64_t max, int64_t fallback)
{
    const char *text = query_params_get(args->params, name);
    if (text == NULL || args->bad) {
        return fallback;
    }
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    bool number = text[0] != '\0' && text[0] != ' ' && *end == '\0' && errno == 0;
    if (!number || value < min || value > max) {
        args_fault(args, name, NULL, "Use a whole number from %" PRId64 " to %" PRId64 ".", min,
                   max);
        return fallback;
    }
    return value;
}

bool args_bool(struct args *args, const char *name, bool fallback)
{
    static const char *const words[] = {"false", "true", NULL};
    int word = args_word(args, name, words);
    return word < 0 ? fallback : word == 1;
}

const char *args_text(struct args *args, const char *name, size_t max)
{
    const char *text = query_params_get(args->params, name);
    if (text == NULL || args->bad || text[0] == '\0') {
        return NULL;
    }
    if (strlen(text) > max) {
        args_fault(args, name, NULL, "Use at most %zu bytes.", max);
        return NULL;
    }
    return text;
}

/* The place of text in words; none of them is a fault that lists them. */
static int find_word(struct args *args, const char *name, const char *text,
                     const char *const *words)
{
    char list[160] = "";
    size_t used = 0;
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            return i;
        }
        int len = snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", words[i]);
        used += len > 0 && (size_t)len < sizeof list - used ? (size_t)len : 0;
    }
    args_fault(args, name, NULL, "Use one of: %s.", list);
    return -1;
}

int args_word(struct args *args, const char *name, const char *const *words)
{
    const char *text = query_params_get(args->params, name);
    return text != NULL && !args->bad ? find_word(args, name, text, words) : -1;
}

json_t *args_body(struct args *args, const struct http_request *request, const char *const *known)
{
    struct err e = {0};
    json_t *body = request->body != NULL
                       ? fields_parse(request->body, request->body_len, HTTP_BODY_MAX, &e)
                       : NULL;
    if (body == NULL) {
        args_fault(args, "", "Send one JSON object.", "The body is not a JSON object: %s.",
                   request->body != NULL ? e.what : "it is empty");
        return NULL;
    }
    const char *name;
    json_t *value;
    json_object_foreach (body, name, value) {
        if (!is_known(known, name)) {
            args_fault(args, name, "Leave it out.", "This member is not known here.");
        }
    }
    return body;
}

const char *args_member(struct args *args, const json_t *body, const char *name, size_t min,
                        size_t max)
{
    const json_t *member = json_object_get(body, name);
    const char *text = json_string_value(member);
    if (member == NULL && min == 0) {
        return "";
    }
    if (text == NULL) {
        args_fault(args, name, NULL,
                   member == NULL ? "This member is missing." : "This member must be a text.");
        return "";
    }
    size_t len = json_string_length(member);
    if (len < min || len > max || strlen(text) != len) {
        args_fault(args, name, NULL, "Use %zu to %zu bytes.", min, max);
        return "";
    }
    return text;
}

int64_t args_member_int(struct args *args, const json_t *body, const char *name, int64_t min,
                        int64_t max, int64_t fallback)
{
    const json_t *member = json_object_get(body, name);
    if (member == NULL || json_is_null(member)) {
        return fallback;
    }
    int64_t value = json_integer_value(member);
    if (!json_is_integer(member) || value < min || value > max) {
        args_fault(args, name, NULL, "Use a whole number from %" PRId64 " to %" PRId64 ".", min,
                   max);
        return fallback;
    }
    return value;
}

bool args_member_bool(struct args *args, const json_t *body, const char *name, bool fallback)
{
    const json_t *member = json_object_get(body, name);
    if (member == NULL) {
        return fallback;
    }
    if (!json_is_boolean(member)) {
        args_fault(args, name, NULL, "This member must be true or false.");
    }
    return json_is_true(member);
}

int args_member_word(struct args *args, const json_t *body, const char *name,
                     const char *const *words)
{
    const char *text = args_member(args, body, name, 1, 64);
    return args->bad ? -1 : find_word(args, name, text, words);
}
