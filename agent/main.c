/* picket-agent: options, settings, then the parent; or one of the tools that need no parent. */
#include "agent/engine_link.h"
#include "agent/parent.h"
#include "agent/read.h"
#include "agent/reference.h"
#include "agent/sandbox.h"
#include "agent/settings.h"
#include "common/log.h"
#include "common/version.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, TOP_DEFAULT = 20 };

enum what { RUN, CHECK_CONFIG, PRINT_CONFIG, PRINT_MARKDOWN, READ_FILE, SANDBOX_TEST };

struct options {
    enum what what;
    const char *config;
    const char *ledger;
    const char *alive_file;
    struct read_options read;
};

static void print_help(void)
{
    printf(
        "picket-agent: watches the packets of one site and tells the centre\n"
        "\n"
        "  --config FILE            settings; also from the environment, PICKET_SECTION_KEY\n"
        "  --check-config           names every fault in the settings and ends\n"
        "  --print-config[=markdown] prints all settings, or their reference, and ends\n"
        "  --alive-file FILE        touched every 5 s while all is well, for a health check\n"
        "  --ledger FILE            writes a line for each record taken into the spool\n"
        "  --read FILE              tells what a capture file holds; needs no settings\n"
        "    --json                 instead one JSON object a flow and line\n"
        "    --top N                flows in the last table, largest first (%d); 0: one line in all\n"
        "    --no-dpi               without nDPI: no applications, several times as fast\n"
        "    --strict               tells flows that hide what they are, as dpi.strict does\n"
        "    --workers N            threads that read it (1); more are faster, and tell the same\n"
        "    --dpi-reference        only what nDPI says of each flow, asked as ndpiReader asks\n"
        "    --dpi-rules FILE       custom protocols in nDPI's form, with --dpi-reference\n"
        "  --sandbox-test           shows that the engine's walls hold\n"
        "  --help, --version\n",
        TOP_DEFAULT);
}

enum option_id {
    OPT_CONFIG = 1000,
    OPT_CHECK,
    OPT_PRINT,
    OPT_LEDGER,
    OPT_ALIVE,
    OPT_READ,
    OPT_JSON,
    OPT_TOP,
    OPT_NO_DPI,
    OPT_STRICT,
    OPT_REFERENCE,
    OPT_RULES,
    OPT_WORKERS,
    OPT_SANDBOX,
    OPT_HELP,
    OPT_VERSION,
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPT_CONFIG},
    {"check-config", no_argument, NULL, OPT_CHECK},
    {"print-config", optional_argument, NULL, OPT_PRINT},
    {"ledger", required_argument, NULL, OPT_LEDGER},
    {"alive-file", required_argument, NULL, OPT_ALIVE},
    {"read", required_argument, NULL, OPT_READ},
    {"json", no_argument, NULL, OPT_JSON},
    {"top", required_argument, NULL, OPT_TOP},
    {"no-dpi", no_argument, NULL, OPT_NO_DPI},
    {"strict", no_argument, NULL, OPT_STRICT},
    {"workers", required_argument, NULL, OPT_WORKERS},
    {"dpi-reference", no_argument, NULL, OPT_REFERENCE},
    {"dpi-rules", required_argument, NULL, OPT_RULES},
    {"sandbox-test", no_argument, NULL, OPT_SANDBOX},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {0},
};

static int usage(const char *why)
{
    if (why != NULL) {
        (void)fprintf(stderr, "picket-agent: %s\n", why);
    }
    (void)fprintf(stderr, "picket-agent --help tells the options\n");
    return EXIT_USAGE;
}

static int read_number(const char *text, unsigned long least, unsigned long most, unsigned *number,
                       const char *why)
{
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end != '\0' || value < least || value > most) {
        return usage(why);
    }
    *number = (unsigned)value;
    return -1;
}

_Static_assert(ENGINE_MAX_WORKERS == 8, "as usage says");

static int take_print(const char *argument, struct options *o)
{
    if (argument != NULL && strcmp(argument, "markdown") != 0) {
        return usage("--print-config knows only =markdown");
    }
    o->what = argument == NULL ? PRINT_CONFIG : PRINT_MARKDOWN;
    return -1;
}

/* Takes in one option; -1 to go on, else the exit status. */
static int take_option(int id, const char *argument, struct options *o)
{
    switch (id) {
    case OPT_CONFIG: o->config = argument; return -1;
    case OPT_CHECK: o->what = CHECK_CONFIG; return -1;
    case OPT_PRINT: return take_print(argument, o);
    case OPT_LEDGER: o->ledger = argument; return -1;
    case OPT_ALIVE: o->alive_file = argument; return -1;
    case OPT_READ:
        o->what = READ_FILE;
        o->read.path = argument;
        return -1;
    case OPT_JSON: o->read.json = true; return -1;
    case OPT_NO_DPI: o->read.no_dpi = true; return -1;
    case OPT_STRICT: o->read.strict = true; return -1;
    case OPT_TOP:
        return read_number(argument, 0, 1000000, &o->read.top,
                           "--top wants a number up to 1000000");
    case OPT_WORKERS:
        return read_number(argument, 1, ENGINE_MAX_WORKERS, &o->read.workers,
                           "--workers wants a number from 1 to 8");
    case OPT_REFERENCE: o->read.reference = true; return -1;
    case OPT_RULES: o->read.rules = argument; return -1;
    case OPT_SANDBOX: o->what = SANDBOX_TEST; return -1;
    case OPT_HELP: print_help(); return 0;
    case OPT_VERSION: printf("picket-agent %s\n", PICKET_VERSION); return 0;
    default: return usage(NULL);
    }
}

static int read_options(int argc, char **argv, struct options *o)
{
    int id;
    while ((id = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        int status = take_option(id, optarg, o);
        if (status >= 0) {
            return status;
        }
    }
    return optind < argc ? usage("there are no arguments but options") : -1;
}

/* Loads the settings, or names all faults. */
static struct settings *load(const char *path)
{
    struct conf_faults faults = {0};
    struct settings *settings = settings_load(path, &faults);
    if (settings == NULL) {
        (void)fprintf(stderr, "%s%s", faults.text == NULL ? "" : faults.text,
                      "picket-agent: the settings have faults\n");
    }
    conf_faults_done(&faults);
    return settings;
}

static int run(struct settings *settings, const struct options *o)
{
    struct parent_options options = {
        .config_path = o->config, .ledger_fd = -1, .alive_file = o->alive_file};
    if (o->ledger != NULL) {
        options.ledger_fd = open(o->ledger, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (options.ledger_fd < 0) {
            (void)fprintf(stderr, "picket-agent: %s: %s\n", o->ledger, strerrordesc_np(errno));
            settings_free(settings);
            return EXIT_FAILURE;
        }
    }
    log_set_level(settings_log_level(settings));
    int status = parent_run(settings, &options);
    if (options.ledger_fd >= 0) {
        (void)close(options.ledger_fd); /* written by control alone */
    }
    return status;
}

static int with_settings(const struct options *o)
{
    struct settings *settings = load(o->config);
    if (settings == NULL) {
        return EXIT_USAGE;
    }
    if (o->what == RUN) {
        return run(settings, o);
    }
    if (o->what == PRINT_CONFIG) {
        settings_print(settings, stdout);
    } else {
        printf("the settings are well\n");
    }
    settings_free(settings);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct options o = {.what = RUN, .read = {.top = TOP_DEFAULT, .workers = 1}};
    int status = read_options(argc, argv, &o);
    if (status >= 0) {
        return status;
    }
    log_init("picket-agent", LOG_LEVEL_INFO);
    switch (o.what) {
    case RUN:
    case CHECK_CONFIG:
    case PRINT_CONFIG: return with_settings(&o);
    case PRINT_MARKDOWN: settings_print_markdown(stdout); return EXIT_SUCCESS;
    case READ_FILE: return o.read.reference ? reference_file(&o.read) : read_file(&o.read);
    case SANDBOX_TEST: return sandbox_self_test();
    }
    return EXIT_FAILURE;
}
