/* picket-aggregator: options, settings, the core and the web on top, then waiting for a signal. */
#include "aggregator/api/web.h"
#include "aggregator/core.h"
#include "aggregator/settings.h"
#include "aggregator/store/pg.h"

#define LOG_MODULE "main"
#include "common/clock.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/version.h"

#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { EXIT_USAGE = 2, OPEN_FILES = 16384 };

enum what { RUN, CHECK_CONFIG, PRINT_CONFIG, PRINT_MARKDOWN };

struct options {
    enum what what;
    const char *config;
    const char *alive_file;
};

static void print_help(void)
{
    printf("picket-aggregator: the centre of a fleet of agents, and its console\n"
           "\n"
           "  --config FILE             settings; also from the environment, PICKET_SECTION_KEY\n"
           "  --check-config            names every fault in the settings and ends\n"
           "  --print-config[=markdown] prints all settings, or their reference, and ends\n"
           "  --alive-file FILE         touched every 5 s while all is well, for a health check\n"
           "  --help, --version\n");
}

enum option_id { OPT_CONFIG = 1000, OPT_CHECK, OPT_PRINT, OPT_ALIVE, OPT_HELP, OPT_VERSION };

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPT_CONFIG},
    {"check-config", no_argument, NULL, OPT_CHECK},
    {"print-config", optional_argument, NULL, OPT_PRINT},
    {"alive-file", required_argument, NULL, OPT_ALIVE},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {0},
};

static int usage(const char *why)
{
    if (why != NULL) {
        (void)fprintf(stderr, "picket-aggregator: %s\n", why);
    }
    (void)fprintf(stderr, "picket-aggregator --help tells the options\n");
    return EXIT_USAGE;
}

/* Takes in one option; -1 to go on, else the exit status. */
static int take_option(int id, const char *argument, struct options *o)
{
    switch (id) {
    case OPT_CONFIG: o->config = argument; return -1;
    case OPT_CHECK: o->what = CHECK_CONFIG; return -1;
    case OPT_PRINT:
        if (argument != NULL && strcmp(argument, "markdown") != 0) {
            return usage("--print-config knows only =markdown");
        }
        o->what = argument == NULL ? PRINT_CONFIG : PRINT_MARKDOWN;
        return -1;
    case OPT_ALIVE: o->alive_file = argument; return -1;
    case OPT_HELP: print_help(); return EXIT_SUCCESS;
    case OPT_VERSION: printf("picket-aggregator %s\n", PICKET_VERSION); return EXIT_SUCCESS;
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
static int load(struct settings *settings, const char *path)
{
    struct conf_faults faults = {0};
    int result = settings_load(settings, path, &faults);
    if (result != 0) {
        (void)fprintf(stderr, "%spicket-aggregator: the settings have faults\n",
                      faults.text != NULL ? faults.text : "");
    }
    conf_faults_done(&faults);
    return result;
}

static struct web *open_web(struct core *core, const struct settings *settings, struct err *e)
{
    char address[64];
    struct web_options options = {
        .address = address,
        .static_dir = settings->http_web,
        .cert_file = settings->http_cert,
        .key_file = settings->http_key,
        .conninfo = settings->database_url,
        .query_threads = (unsigned)settings->database_pool,
        .seal = core_seal_key(core),
        .fleet = core_fleet(core),
        .metrics = core_metrics(core),
    };
    if (settings_listen(settings->http_listen, address, &options.port, e) != 0) {
        return NULL;
    }
    return web_open(&options, e);
}

/* SIGHUP: the settings that may change while running are taken from the file again. */
static void reload(const char *path)
{
    struct settings settings;
    enum log_level level;
    if (load(&settings, path) == 0 && log_level_parse(settings.log_level, &level) == 0) {
        log_set_level(level);
        log_info(NULL, "settings reloaded");
    }
    settings_done(&settings);
}

static void wait_for_end(struct core *core, const sigset_t *signals, const char *config,
                         struct notify *notify)
{
    const struct timespec second = {.tv_sec = 1};
    int number = -1;
    while (number != SIGTERM && number != SIGINT && !core_is_refused(core)) {
        number = sigtimedwait(signals, NULL, &second); /* -1: a second has gone by */
        if (number == SIGHUP) {
            reload(config);
        }
        core_refresh(core);
        uint64_t now_ns = clock_mono_ns();
        if (core_is_alive(core, now_ns)) {
            notify_alive(notify, now_ns);
        }
    }
    notify_stopping(notify);
    log_info(NULL, "ending");
}

/* All threads inherit the mask, so that only wait_for_end hears of these signals. */
static void block_signals(sigset_t *signals)
{
    (void)sigemptyset(signals); /* none of these can fail with constants */
    (void)sigaddset(signals, SIGTERM);
    (void)sigaddset(signals, SIGINT);
    (void)sigaddset(signals, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, signals, NULL);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

/* Sockets of the console are many; the usual soft limit of 1024 is for programs with select. */
static void raise_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < OPEN_FILES) {
        limit.rlim_cur = limit.rlim_max < OPEN_FILES ? limit.rlim_max : OPEN_FILES;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            log_warn(NULL, "cannot raise the limit of open files");
        }
    }
}

static int run(const struct settings *settings, const struct options *o, struct notify *notify)
{
    sigset_t signals;
    struct err e = {0};
    enum log_level level = LOG_LEVEL_INFO;
    (void)log_level_parse(settings->log_level, &level); /* checked with the settings */
    log_set_level(level);
    block_signals(&signals);
    raise_open_files();
    if (pg_conninfo_is_unchecked(settings->database_url)) {
        log_warn(NULL, "database.url leads to another machine without sslmode=verify-full: who is "
                       "between may read and change everything");
    }
    struct core *core = core_open(settings, &e);
    struct web *web = core != NULL ? open_web(core, settings, &e) : NULL;
    if (web == NULL) {
        log_error(&e, "cannot start");
        core_close(core);
        return EXIT_FAILURE;
    }
    core_join_web(core, web_tell, web);
    log_info(NULL, "version %s, console on %s", PICKET_VERSION, settings->http_listen);
    notify_ready(notify, settings->http_listen);
    wait_for_end(core, &signals, o->config, notify);
    core_join_web(core, NULL, NULL);
    web_close(web);
    int status = core_is_refused(core) ? EXIT_FAILURE : EXIT_SUCCESS;
    core_close(core);
    return status;
}

static int run_notifying(const struct settings *settings, const struct options *o)
{
    struct err e = {0};
    struct notify notify;
    if (notify_open(&notify, o->alive_file, &e) != 0) {
        (void)fprintf(stderr, "picket-aggregator: %s\n", e.what);
        return EXIT_FAILURE;
    }
    int status = run(settings, o, &notify);
    notify_close(&notify);
    return status;
}

static int with_settings(const struct options *o)
{
    struct settings settings;
    size_t count = 0;
    const struct conf_row *rows = settings_rows(&count);
    int status = EXIT_USAGE;
    if (load(&settings, o->config) == 0) {
        status = EXIT_SUCCESS;
        if (o->what == RUN) {
            status = run_notifying(&settings, o);
        } else if (o->what == PRINT_CONFIG) {
            conf_print(rows, count, &settings, stdout);
        } else {
            printf("the settings are well\n");
        }
    }
    settings_done(&settings);
    return status;
}

int main(int argc, char **argv)
{
    struct options o = {.what = RUN};
    int status = read_options(argc, argv, &o);
    if (status >= 0) {
        return status;
    }
    log_init("picket-aggregator", LOG_LEVEL_INFO);
    if (o.what == PRINT_MARKDOWN) {
        size_t count = 0;
        const struct conf_row *rows = settings_rows(&count);
        conf_print_markdown(rows, count, "picket-aggregator", stdout);
        return EXIT_SUCCESS;
    }
    return with_settings(&o);
}
