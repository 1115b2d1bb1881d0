/*
 * picketctl: makes the centre's folder, and works on its folder and database. Options may stand
 * anywhere; secrets come from files or standard input and go to files or standard output.
 */
#include "aggregator/picketctl/ctl.h"

#include "aggregator/auth/keys.h"
#include "aggregator/store/migrate.h"
#include "common/log.h"
#include "common/version.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, WORDS_MAX = 8, HOST_MAX = 256 };
static const char DEFAULT_CONFIG[] = "/etc/picket/aggregator.conf";

typedef int (*command_fn)(struct ctl *ctl, const char *const *arguments, struct err *e);

static const struct command {
    const char *first;
    const char *second; /* NULL: one word only */
    command_fn run;
    unsigned arguments;
    bool needs_settings;
    const char *help;
} commands[] = {
    {"init", NULL, ctl_init, 0, false,
     "init --dir DIR [--name HOST]… [--resolver-dir DIR]  makes the centre's keys"},
    {"certificate", "issue", ctl_certificate_issue, 1, true,
     "certificate issue server|NAME [--name HOST]…  a new one, by default for the same names"},
    {"certificate", "list", ctl_certificate_list, 0, true, "certificate list"},
    {"agent", "add", ctl_agent_add, 1, true,
     "agent add NAME --site SITE [--title TEXT] [--uses N] [--expires 24h] [--out FILE]"},
    {"agent", "list", ctl_agent_list, 0, true, "agent list"},
    {"agent", "revoke", ctl_agent_revoke, 1, true, "agent revoke NAME"},
    {"user", "add", ctl_user_add, 1, true,
     "user add NAME --role viewer|operator|admin --password-file FILE|--generate"},
    {"user", "password", ctl_user_password, 1, true,
     "user password NAME --password-file FILE|--generate"},
    {"user", "list", ctl_user_list, 0, true, "user list"},
    {"alerts", NULL, ctl_alerts, 0, true, "alerts [--state engaged|released|event|all]"},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

enum option_id {
    OPT_CONFIG = 1000,
    OPT_DIR,
    OPT_DATABASE,
    OPT_NAME,
    OPT_RESOLVER,
    OPT_SITE,
    OPT_TITLE,
    OPT_USES,
    OPT_EXPIRES,
    OPT_OUT,
    OPT_ROLE,
    OPT_PASSWORD_FILE,
    OPT_STATE,
    OPT_GENERATE,
    OPT_JSON,
    OPT_HELP,
    OPT_VERSION,
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPT_CONFIG},
    {"dir", required_argument, NULL, OPT_DIR},
    {"database", required_argument, NULL, OPT_DATABASE},
    {"name", required_argument, NULL, OPT_NAME},
    {"resolver-dir", required_argument, NULL, OPT_RESOLVER},
    {"site", required_argument, NULL, OPT_SITE},
    {"title", required_argument, NULL, OPT_TITLE},
    {"uses", required_argument, NULL, OPT_USES},
    {"expires", required_argument, NULL, OPT_EXPIRES},
    {"out", required_argument, NULL, OPT_OUT},
    {"role", required_argument, NULL, OPT_ROLE},
    {"password-file", required_argument, NULL, OPT_PASSWORD_FILE},
    {"state", required_argument, NULL, OPT_STATE},
    {"generate", no_argument, NULL, OPT_GENERATE},
    {"json", no_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {0},
};

static void print_help(void)
{
    printf("picketctl: works on the folder and the database of a Picket centre\n\n");
    for (int i = 0; i < COMMANDS; i++) {
        printf("  picketctl %s\n", commands[i].help);
    }
    printf("\n"
           "  --config FILE    settings of the aggregator, by default %s where it is\n"
           "  --dir DIR        the centre's folder, instead of the settings'\n"
           "  --database URL   PostgreSQL, instead of the settings'; never with a password\n"
           "  --generate       makes a password and prints it, once\n"
           "  --json           output for programs\n"
           "  --help, --version\n",
           DEFAULT_CONFIG);
}

static int usage(const char *why)
{
    if (why != NULL) {
        (void)fprintf(stderr, "picketctl: %s\n", why);
    }
    (void)fprintf(stderr, "picketctl --help tells the commands\n");
    return EXIT_USAGE;
}

static int take_uses(const char *text, struct ctl *ctl)
{
    char *end = NULL;
    errno = 0;
    unsigned long uses = strtoul(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || uses == 0 || uses > 100000) {
        return usage("--uses wants a number from 1 to 100000");
    }
    ctl->uses = (uint32_t)uses;
    return -1;
}

static int take_expires(const char *text, struct ctl *ctl)
{
    int64_t ms = 0;
    if (conf_parse_duration(text, &ms) != 0 || ms < 1000 || ms > 366ll * 24 * 3600 * 1000) {
        return usage("--expires wants a time such as 30m, 24h or 7d, at most a year");
    }
    ctl->expires_s = (uint32_t)(ms / 1000);
    return -1;
}

static int take_name(const char *text, struct ctl *ctl)
{
    if (ctl->name_count == CTL_NAMES_MAX) {
        return usage("too many names");
    }
    ctl->names[ctl->name_count++] = text;
    return -1;
}

/* Where the text of a plain option goes; NULL for the others. */
static const char **text_of(int id, struct ctl *ctl)
{
    switch (id) {
    case OPT_CONFIG: return &ctl->config;
    case OPT_DIR: return &ctl->dir;
    case OPT_DATABASE: return &ctl->database;
    case OPT_RESOLVER: return &ctl->resolver;
    case OPT_SITE: return &ctl->site;
    case OPT_TITLE: return &ctl->title;
    case OPT_OUT: return &ctl->out;
    case OPT_ROLE: return &ctl->role;
    case OPT_PASSWORD_FILE: return &ctl->password_file;
    case OPT_STATE: return &ctl->state;
    default: return NULL;
    }
}

/* Takes in one option; -1 to go on, else the exit status. */
static int take_option(int id, const char *argument, struct ctl *ctl)
{
    const char **text = text_of(id, ctl);
    if (text != NULL) {
        *text = argument;
        return -1;
    }
    switch (id) {
    case OPT_NAME: return take_name(argument, ctl);
    case OPT_USES: return take_uses(argument, ctl);
    case OPT_EXPIRES: return take_expires(argument, ctl);
    case OPT_GENERATE: ctl->generate = true; return -1;
    case OPT_JSON: ctl->json = true; return -1;
    case OPT_HELP: print_help(); return EXIT_SUCCESS;
    case OPT_VERSION: printf("picketctl %s\n", PICKET_VERSION); return EXIT_SUCCESS;
    default: return usage(NULL);
    }
}

static const struct command *find_command(const char *const *words, unsigned count)
{
    for (int i = 0; i < COMMANDS; i++) {
        const struct command *c = &commands[i];
        unsigned own = c->second != NULL ? 2 : 1;
        if (count >= own && strcmp(words[0], c->first) == 0 &&
            (own == 1 || strcmp(words[1], c->second) == 0)) {
            return count - own == c->arguments ? c : NULL;
        }
    }
    return NULL;
}

int ctl_database(struct ctl *ctl, struct err *e)
{
    if (ctl->pg != NULL) {
        return 0;
    }
    const char *url = ctl->database != NULL ? ctl->database : ctl->settings.database_url;
    ctl->pg = pg_open(url, "picketctl", e);
    if (ctl->pg == NULL) {
        return -1;
    }
    return migrate_run(ctl->pg, migrate_embedded(), e) < 0 ? -1 : 0;
}

/* The certificate is for this machine's name and for loopback unless names are given. */
int ctl_init(struct ctl *ctl, const char *const *arguments, struct err *e)
{
    char host[HOST_MAX] = "";
    (void)arguments; /* none */
    bool has_host = gethostname(host, sizeof host - 1) == 0 && host[0] != '\0';
    const char *const own[] = {"localhost", "127.0.0.1", "::1", host};
    if (ctl->dir == NULL) {
        return err_set(e, ERR_ARG, "init wants --dir DIR");
    }
    struct keys_plan plan = {
        .dir = ctl->dir,
        .names = ctl->name_count != 0 ? ctl->names : own,
        .name_count = ctl->name_count != 0 ? ctl->name_count : (has_host ? 4 : 3),
        .resolver_dir = ctl->resolver,
    };
    if (keys_init(&plan, e) != 0) {
        return -1;
    }
    printf("keys and certificates are in %s; keep %s/operator.nk elsewhere\n", ctl->dir, ctl->dir);
    return 0;
}

/* Without any file the defaults and the environment count, and --dir overrides them. */
static int load_settings(struct ctl *ctl)
{
    struct conf_faults faults = {0};
    if (ctl->config == NULL && ctl->dir == NULL && access(DEFAULT_CONFIG, R_OK) == 0) {
        ctl->config = DEFAULT_CONFIG;
    }
    int result = settings_load(&ctl->settings, ctl->config, &faults);
    if (result != 0) {
        (void)fprintf(stderr, "%spicketctl: the settings have faults\n",
                      faults.text != NULL ? faults.text : "");
    }
    conf_faults_done(&faults);
    if (result != 0 || ctl->dir == NULL) {
        return result;
    }
    char *dir = strdup(ctl->dir);
    if (dir == NULL) {
        return -1;
    }
    free(ctl->settings.dir);
    ctl->settings.dir = dir;
    return 0;
}

static int run(struct ctl *ctl, const struct command *command, const char *const *arguments)
{
    struct err e = {0};
    int status = EXIT_SUCCESS;
    if (command->needs_settings && load_settings(ctl) != 0) {
        status = EXIT_USAGE;
    } else if (command->run(ctl, arguments, &e) != 0) {
        (void)fprintf(stderr, "picketctl: %s\n", e.what);
        status = EXIT_FAILURE;
    }
    pg_close(ctl->pg);
    settings_done(&ctl->settings);
    return status;
}

int main(int argc, char **argv)
{
    struct ctl ctl = {0};
    int id;
    while ((id = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        int status = take_option(id, optarg, &ctl);
        if (status >= 0) {
            return status;
        }
    }
    const char *words[WORDS_MAX + 1] = {NULL};
    unsigned count = 0;
    for (; optind < argc && count < WORDS_MAX; optind++) {
        words[count++] = argv[optind];
    }
    const struct command *command = count > 0 ? find_command(words, count) : NULL;
    if (command == NULL || optind < argc) {
        return usage(count == 0 ? "a command is wanted" : "no such command, or wrong arguments");
    }
    log_init("picketctl", LOG_LEVEL_WARN);
    return run(&ctl, command, words + (command->second != NULL ? 2 : 1));
}
