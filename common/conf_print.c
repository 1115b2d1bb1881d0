/* Settings on their way out: the file form for operators, the reference as Markdown. */
#include "common/conf_value.h"

#include <string.h>

/* The section of a key, "main" for a plain one; *rest is what follows it. */
static int section_of(const char *key, const char **section, const char **rest)
{
    const char *dot = strchr(key, '.');
    *section = dot == NULL ? "main" : key;
    *rest = dot == NULL ? key : dot + 1;
    return dot == NULL ? 4 : (int)(dot - key);
}

void conf_print(const struct conf_row *rows, size_t count, const void *settings, FILE *out)
{
    const char *current = "main";
    int current_len = 4;
    for (size_t i = 0; i < count; i++) {
        const char *section = NULL;
        const char *rest = NULL;
        int len = section_of(rows[i].key, &section, &rest);
        if (len != current_len || strncmp(section, current, (size_t)len) != 0) {
            (void)fprintf(out, "\n[%.*s]\n", len, section); /* the caller looks at ferror */
            current = section;
            current_len = len;
        }
        (void)fprintf(out, "%s = ", rest);
        if (rows[i].secret && !conf_value_is_empty(&rows[i], settings)) {
            (void)fputs("********", out);
        } else {
            conf_value_write(&rows[i], settings, out);
        }
        (void)fputc('\n', out);
    }
}

/* Text inside a table cell: the bar would end the cell. */
static void write_cell(const char *text, FILE *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '|') {
            (void)fputc('\\', out);
        }
        (void)fputc(*text, out);
    }
}

static void write_default(const struct conf_row *row, FILE *out)
{
    if (row->fallback == NULL) {
        (void)fputs("*required*", out);
    } else if (row->fallback[0] == '\0') {
        (void)fputs("*empty*", out);
    } else {
        (void)fputc('`', out);
        write_cell(row->fallback, out);
        (void)fputc('`', out);
    }
}

static void write_limits(const struct conf_row *row, FILE *out)
{
    if (row->min == 0 && row->max == 0) {
        (void)fputs("–", out);
        return;
    }
    conf_value_write_number(row, row->min, out);
    (void)fputs(" to ", out);
    conf_value_write_number(row, row->max, out);
}

void conf_print_markdown(const struct conf_row *rows, size_t count, const char *title, FILE *out)
{
    (void)fprintf(out,
                  "# %s\n\n"
                  "Generated from the table of settings; do not edit.\n\n"
                  "| Key | Environment | Type | Default | Limits | On reload | Meaning |\n"
                  "|---|---|---|---|---|---|---|\n",
                  title);
    for (size_t i = 0; i < count; i++) {
        char variable[CONF_ENV_SIZE];
        (void)fprintf(out, "| `%s` | `%s` | %s | ", rows[i].key,
                      conf_env_name(rows[i].key, variable, sizeof variable),
                      conf_type_name(rows[i].type));
        write_default(&rows[i], out);
        (void)fputs(" | ", out);
        write_limits(&rows[i], out);
        (void)fprintf(out, " | %s | ", rows[i].reloadable ? "taken over" : "needs a restart");
        write_cell(rows[i].help, out);
        (void)fputs(rows[i].secret ? " Never printed. |\n" : " |\n", out);
    }
}
