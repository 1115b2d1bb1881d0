/* Reads the supervisor's list of processes. Called once by main.c. */
#include "deploy/supervisor/process.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void process_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("supervisor: ", stderr);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(2);
}

static char *copy_text(const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL) {
        process_die("out of memory");
    }
    return copy;
}

static struct process *add_process(struct process *list, size_t *count, const char *name)
{
    if (*count == PROCESSES_MAX) {
        process_die("more than %d processes", PROCESSES_MAX);
    }
    struct process *p = &list[(*count)++];
    *p = (struct process){.name = copy_text(name), .stop_signal = SIGTERM};
    return p;
}

static void set_user(struct process *p, const char *value)
{
    const struct passwd *entry = getpwnam(value);
    if (entry == NULL) {
        process_die("%s: there is no user %s", p->name, value);
    }
    p->user = copy_text(value);
    p->uid = entry->pw_uid;
    p->gid = entry->pw_gid;
}

static bool set_key(struct process *p, const char *key, const char *value)
{
    if (strcmp(key, "command") == 0) {
        p->argv[0] = copy_text(value);
    } else if (strcmp(key, "argument") == 0 && p->arguments < ARGUMENTS_MAX) {
        p->argv[++p->arguments] = copy_text(value);
    } else if (strcmp(key, "user") == 0) {
        set_user(p, value);
    } else if (strcmp(key, "capability") == 0 && strcmp(value, "net_raw") == 0) {
        p->net_raw = true;
    } else if (strcmp(key, "restart") == 0) {
        p->restart = strcmp(value, "yes") == 0;
    } else if (strcmp(key, "stop") == 0) {
        p->stop_signal = strcmp(value, "INT") == 0 ? SIGINT : SIGTERM;
    } else if (strcmp(key, "ready") == 0) {
        p->ready = copy_text(value);
    } else if (strcmp(key, "log") == 0) {
        p->log = copy_text(value);
    } else {
        return false;
    }
    return true;
}

size_t process_list_read(const char *path, struct process *list)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        process_die("cannot read %s: %s", path, strerrordesc_np(errno));
    }
    char line[PATH_MAX + 64];
    struct process *p = NULL;
    size_t count = 0;
    for (unsigned number = 1; fgets(line, sizeof line, file) != NULL; number++) {
        line[strcspn(line, "\n")] = '\0';
        char *equals = strstr(line, " = ");
        if (line[0] == '\0' || line[0] == '#') {
            continue;
        }
        if (line[0] == '[' && line[strlen(line) - 1] == ']') {
            line[strlen(line) - 1] = '\0';
            p = add_process(list, &count, line + 1);
            continue;
        }
        if (equals != NULL) {
            *equals = '\0';
        }
        if (equals == NULL || p == NULL || !set_key(p, line, equals + 3)) {
            process_die("%s:%u: not understood: %s", path, number, line);
        }
    }
    fclose(file);
    for (size_t i = 0; i < count; i++) {
        if (list[i].argv[0] == NULL) {
            process_die("%s: %s has no command", path, list[i].name);
        }
    }
    return count;
}
