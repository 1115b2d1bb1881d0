/* A settings file of any bytes: faults or settings, and settings print to what loads the same. */
#include "tests/fuzz/fuzz.h"

#include "common/conf.h"

#include <string.h>

struct settings {
    char *name;
    struct conf_list urls;
    bool fast;
    int64_t workers;
    int64_t beat_ms;
    int64_t cap;
};

#define ROW(key_, type_, member, fallback_)                                                        \
    {                                                                                              \
        .key = (key_), .type = (type_), .offset = offsetof(struct settings, member),               \
        .fallback = (fallback_), .help = "Help."                                                   \
    }

static const struct conf_row rows[] = {
    ROW("name", CONF_TEXT, name, "x"),
    ROW("nats.urls", CONF_LIST, urls, ""),
    ROW("fast", CONF_BOOL, fast, "no"),
    ROW("engine.workers", CONF_INT, workers, "1"),
    ROW("engine.beat", CONF_DURATION, beat_ms, "5s"),
    ROW("spool.cap", CONF_BYTES, cap, "0"),
};
enum { ROWS = sizeof rows / sizeof rows[0] };

/* Loads text and gives the printed form (free it), or NULL when there were faults. */
static char *load_and_print(const char *text, size_t len)
{
    struct settings settings = {0};
    struct conf_faults faults = {0};
    char *printed = NULL;
    size_t printed_len = 0;
    int loaded = conf_load_text(rows, ROWS, "x", text, len, &settings, &faults);
    FUZZ_CHECK((loaded == 0) == (faults.count == 0));
    if (loaded == 0) {
        FILE *out = open_memstream(&printed, &printed_len);
        FUZZ_CHECK(out != NULL);
        conf_print(rows, ROWS, &settings, out);
        FUZZ_CHECK(fclose(out) == 0);
    }
    conf_done(rows, ROWS, &settings);
    conf_faults_done(&faults);
    return printed;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *first = load_and_print((const char *)bytes, len);
    if (first != NULL) {
        char *second = load_and_print(first, strlen(first));
        FUZZ_CHECK(second != NULL && strcmp(first, second) == 0);
        free(second);
    }
    free(first);
    return 0;
}
