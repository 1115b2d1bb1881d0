/* The table of settings, and the checks that look at a value's form. */
#include "aggregator/settings.h"

#include "aggregator/store/pg.h"
#include "common/bus_url.h"
#include "common/log.h"
#include "common/loopback.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(struct settings, field)

static int check_level(const char *value, struct err *e)
{
    enum log_level level;
    if (log_level_parse(value, &level) != 0) {
        return err_set(e, ERR_CONFIG, "use debug, info, warn or error");
    }
    return 0;
}

int settings_listen(const char *text, char address[64], int *port, struct err *e)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;
    char *end = NULL;
    errno = 0;
    long number = colon != NULL ? strtol(colon + 1, &end, 10) : -1;
    if (colon == NULL || len >= 64 || end == colon + 1 || *end != '\0' || errno != 0 ||
        number < 0 || number > 65535) {
        return err_set(e, ERR_CONFIG, "use ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080");
    }
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    memcpy(address, text, len);
    address[len] = '\0';
    *port = (int)number;
    return 0;
}

static int check_listen(const char *value, struct err *e)
{
    char address[64];
    int port = 0;
    return settings_listen(value, address, &port, e);
}

static const struct conf_row rows[] = {
    {.key = "dir",
     .type = CONF_TEXT,
     .offset = AT(dir),
     .fallback = "/var/lib/picket/centre",
     .help = "The centre's folder of keys, made by \"picketctl init\"."},
    {.key = "database.url",
     .type = CONF_TEXT,
     .offset = AT(database_url),
     .fallback = "dbname=picket",
     .secret = true,
     .check = pg_conninfo_check,
     .help = "PostgreSQL connection string (libpq form or URL); a password belongs into a "
             "passfile, never here."},
    {.key = "database.pool",
     .type = CONF_INT,
     .offset = AT(database_pool),
     .fallback = "2",
     .min = 1,
     .max = 16,
     .help = "Threads that answer questions to the database, with a connection each, 1 to 16."},
    {.key = "nats.urls",
     .type = CONF_LIST,
     .offset = AT(nats_urls),
     .fallback = "nats://127.0.0.1:4222",
     .check = bus_url_check,
     .help = "Addresses of the NATS servers, nats:// or tls://."},
    {.key = "nats.ca",
     .type = CONF_TEXT,
     .offset = AT(nats_ca),
     .fallback = "",
     .help = "PEM file of the authority that signed the NATS server's certificate; empty: the "
             "system's."},
    {.key = "nats.allow_plain",
     .type = CONF_BOOL,
     .offset = AT(nats_allow_plain),
     .fallback = "false",
     .help = "Lets nats:// reach beyond this machine: whoever hears it may read all and act as the "
             "centre."},
    {.key = "agents.identity_life",
     .type = CONF_DURATION,
     .offset = AT(agents_identity_life),
     .fallback = "30d",
     .min = 10 * 1000,
     .max = 366ll * 24 * 3600 * 1000,
     .help = "How long the identity of an agent is good. Agents renew it after two thirds of that; "
             "one that was away for all of it needs a new token."},
    {.key = "http.listen",
     .type = CONF_TEXT,
     .offset = AT(http_listen),
     .fallback = "127.0.0.1:8080",
     .check = check_listen,
     .help = "Address and port of the console and its API."},
    {.key = "http.web",
     .type = CONF_TEXT,
     .offset = AT(http_web),
     .fallback = "/usr/share/picket/web",
     .help = "Folder of the built console."},
    {.key = "http.cert",
     .type = CONF_TEXT,
     .offset = AT(http_cert),
     .fallback = "",
     .help = "PEM file of the server's certificate; empty: no TLS, for loopback only."},
    {.key = "http.key",
     .type = CONF_TEXT,
     .offset = AT(http_key),
     .fallback = "",
     .help = "PEM file of the certificate's private key."},
    {.key = "http.allow_plain",
     .type = CONF_BOOL,
     .offset = AT(http_allow_plain),
     .fallback = "false",
     .help =
         "Lets the console be served beyond this machine without TLS, for a proxy that adds it."},
    {.key = "notify.ca",
     .type = CONF_TEXT,
     .offset = AT(notify_ca),
     .fallback = "",
     .help = "PEM file of the authorities that signed the certificates of mail servers and "
             "webhook receivers; empty: the system's."},
    {.key = "log.level",
     .type = CONF_TEXT,
     .offset = AT(log_level),
     .fallback = "info",
     .reloadable = true,
     .check = check_level,
     .help = "Lowest level that is logged: debug, info, warn or error."},
};

const struct conf_row *settings_rows(size_t *count)
{
    *count = sizeof rows / sizeof rows[0];
    return rows;
}

/* Beyond this machine nothing goes in plain text unless that was asked for. */
static void check_plain(const struct settings *s, struct conf_faults *faults)
{
    for (size_t i = 0; i < s->nats_urls.count && !s->nats_allow_plain; i++) {
        if (loopback_is_plain_abroad(s->nats_urls.items[i])) {
            conf_fault(faults,
                       "nats.urls: \"%s\" is plain text beyond this machine; use tls://, or set "
                       "nats.allow_plain where a tunnel protects it",
                       s->nats_urls.items[i]);
        }
    }
    const char *listen = s->http_listen != NULL ? s->http_listen : "";
    const char *colon = strrchr(listen, ':');
    if (s->http_cert != NULL && s->http_cert[0] == '\0' && !s->http_allow_plain && colon != NULL &&
        !loopback_is_host(listen, (size_t)(colon - listen))) {
        conf_fault(faults,
                   "http.listen: \"%s\" is beyond this machine and there is no http.cert; name a "
                   "certificate, or set http.allow_plain where a proxy adds TLS",
                   listen);
    }
}

int settings_load(struct settings *settings, const char *path, struct conf_faults *faults)
{
    size_t count = 0;
    const struct conf_row *table = settings_rows(&count);
    *settings = (struct settings){0};
    (void)conf_load(table, count, path, settings, faults); /* its faults are counted below */
    if (faults->no_file) {
        return -1;
    }
    bus_urls_check(&settings->nats_urls, faults);
    if (settings->http_cert != NULL && settings->http_key != NULL &&
        (settings->http_cert[0] == '\0') != (settings->http_key[0] == '\0')) {
        conf_fault(faults, "http.cert, http.key: one without the other; set both or none");
    }
    check_plain(settings, faults);
    return faults->count == 0 ? 0 : -1;
}

void settings_done(struct settings *settings)
{
    size_t count = 0;
    const struct conf_row *table = settings_rows(&count);
    conf_done(table, count, settings);
}
