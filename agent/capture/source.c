#include "agent/capture/source.h"

#include "agent/capture/kind.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char file_prefix[] = "file:";
static const char collector_prefix[] = "netflow:";

bool source_is_file(const char *word)
{
    return strncmp(word, file_prefix, sizeof file_prefix - 1) == 0;
}

bool source_is_collector(const char *word)
{
    return strncmp(word, collector_prefix, sizeof collector_prefix - 1) == 0;
}

/* Copies len bytes as text, cut to fit. */
static void copy_cut(char *to, size_t size, const char *from, size_t len)
{
    if (len >= size) {
        len = size - 1;
    }
    memcpy(to, from, len);
    to[len] = '\0';
}

static int parse_pace(const char *text, double *pace, struct err *e)
{
    char *end = NULL;
    *pace = strtod(text, &end);
    if (end == text || *end != '\0' || !(*pace >= 0 && *pace <= 1000)) {
        return err_set(e, ERR_CONFIG, "pace \"%s\": use a number from 0 to 1000", text);
    }
    return 0;
}

static int parse_option(const char *text, struct file_word *word, struct err *e)
{
    if (strcmp(text, "loop") == 0 || strcmp(text, "loop=1") == 0) {
        word->loop = true;
        return 0;
    }
    if (strcmp(text, "keep-time") == 0) {
        word->keep_time = true;
        return 0;
    }
    if (strncmp(text, "pace=", 5) == 0) {
        return parse_pace(text + 5, &word->pace, e);
    }
    if (strncmp(text, "name=", 5) == 0 && text[5] != '\0') {
        copy_cut(word->label, sizeof word->label, text + 5, strlen(text + 5));
        return 0;
    }
    return err_set(e, ERR_CONFIG, "option \"%s\": use loop, pace=N, keep-time or name=TEXT", text);
}

static int parse_options(const char *text, struct file_word *word, struct err *e)
{
    while (*text != '\0') {
        char option[64];
        size_t len = strcspn(text, "&");
        copy_cut(option, sizeof option, text, len);
        if (parse_option(option, word, e) != 0) {
            return -1;
        }
        text += len;
        text += *text == '&';
    }
    if (word->loop && word->keep_time) {
        return err_set(e, ERR_CONFIG, "a loop cannot keep its times");
    }
    if (word->loop && word->pace <= 0) {
        return err_set(e, ERR_CONFIG,
                       "a loop needs a pace above 0: its times would run ahead of the clock");
    }
    return 0;
}

/* "/captures/branch-office.pcap" is labelled "branch-office". */
static void label_of_path(const char *path, char *label)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    const char *dot = strrchr(base, '.');
    size_t len = dot == NULL || dot == base ? strlen(base) : (size_t)(dot - base);
    copy_cut(label, SOURCE_LABEL_SIZE, base, len);
}

static int parse_file(const char *word, struct file_word *file, struct err *e)
{
    const char *path = word + sizeof file_prefix - 1;
    size_t len = strcspn(path, "?");
    *file = (struct file_word){.pace = 1};
    if (len == 0 || len >= sizeof file->path) {
        return err_set(e, ERR_CONFIG, "has no path, or a longer one than %zu characters",
                       sizeof file->path - 1);
    }
    copy_cut(file->path, sizeof file->path, path, len);
    label_of_path(file->path, file->label);
    const char *options = path + len;
    return *options == '?' ? parse_options(options + 1, file, e) : 0;
}

int source_check(const char *word, struct err *e)
{
    if (source_is_file(word)) {
        struct file_word file;
        return parse_file(word, &file, e);
    }
    if (source_is_collector(word)) {
        struct collector_word collector;
        return collector_word_parse(word, &collector, e);
    }
    if (word[0] == '\0' || strlen(word) >= IF_NAMESIZE) {
        return err_set(
            e, ERR_CONFIG,
            "is no name of an interface, which has 1 to %d characters; a file is file:PATH",
            IF_NAMESIZE - 1);
    }
    return 0;
}

char *source_label(const char *word, char *buf)
{
    struct file_word file;
    struct collector_word collector;
    if (source_is_file(word) && parse_file(word, &file, NULL) == 0) {
        copy_cut(buf, SOURCE_LABEL_SIZE, file.label, strlen(file.label));
    } else if (source_is_collector(word) && collector_word_parse(word, &collector, NULL) == 0) {
        copy_cut(buf, SOURCE_LABEL_SIZE, collector.label, strlen(collector.label));
    } else {
        copy_cut(buf, SOURCE_LABEL_SIZE, word, strlen(word));
    }
    return buf;
}

struct source *source_open(const char *word, const struct source_options *options, struct err *e)
{
    if (source_check(word, e) != 0) {
        (void)err_wrap(e, "\"%s\"", word); /* -1, which is said by NULL here */
        return NULL;
    }
    if (source_is_collector(word)) {
        struct collector_word collector;
        return collector_word_parse(word, &collector, e) == 0 ? source_open_collector(&collector, e)
                                                              : NULL;
    }
    if (!source_is_file(word)) {
        return source_open_live(word, options, e);
    }
    struct file_word file;
    return parse_file(word, &file, e) == 0 ? source_open_file(&file, options, e) : NULL;
}

void source_close(struct source *s)
{
    if (s != NULL) {
        s->ops->close(s);
    }
}
