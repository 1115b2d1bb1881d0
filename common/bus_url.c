#include "common/bus_url.h"

#include <stdbool.h>
#include <string.h>

enum { PORT_MAX = 65535, PORT_DIGITS_MAX = 5 };

static const char form[] = "use nats://HOST:PORT or tls://HOST:PORT, such as tls://centre:4222";

/* What follows the scheme, or NULL. */
static const char *after_scheme(const char *url)
{
    static const char *const schemes[] = {"nats://", "tls://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t len = strlen(schemes[i]);
        if (strncmp(url, schemes[i], len) == 0) {
            return url + len;
        }
    }
    return NULL;
}

/* Where the host ends, or NULL when there is none. */
static const char *after_host(const char *at)
{
    if (*at == '[') {
        size_t len = strspn(at + 1, "0123456789abcdefABCDEF:.%");
        return len > 0 && at[1 + len] == ']' ? at + len + 2 : NULL;
    }
    size_t len = strcspn(at, ":/@?# \t");
    return len > 0 ? at + len : NULL;
}

static bool is_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    unsigned port = 0;
    if (digits == 0 || digits > PORT_DIGITS_MAX || text[digits] != '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        port = port * 10 + (unsigned)(*text - '0');
    }
    return port > 0 && port <= PORT_MAX;
}

int bus_url_check(const char *url, struct err *e)
{
    const char *host = after_scheme(url);
    if (host == NULL) {
        return err_set(e, ERR_CONFIG, "is neither nats:// nor tls://; %s", form);
    }
    const char *rest = after_host(host);
    if (rest == NULL) {
        return err_set(e, ERR_CONFIG, "names no host; %s", form);
    }
    if (*rest == ':' && !is_port(rest + 1)) {
        return err_set(e, ERR_CONFIG, "has a port that is not 1 to %d; %s", PORT_MAX, form);
    }
    if (*rest != ':' && *rest != '\0') {
        return err_set(e, ERR_CONFIG, "has something other than a host and a port; %s", form);
    }
    return 0;
}

void bus_urls_check(const struct conf_list *urls, struct conf_faults *faults)
{
    size_t secure = 0;
    for (size_t i = 0; i < urls->count; i++) {
        secure += strncmp(urls->items[i], "tls://", 6) == 0 ? 1 : 0;
    }
    if (urls->count == 0) {
        conf_fault(faults, "nats.urls: empty; name at least one address");
    } else if (urls->count > BUS_URLS_MAX) {
        conf_fault(faults, "nats.urls: %zu addresses are too many; name at most %d", urls->count,
                   BUS_URLS_MAX);
    } else if (secure > 0 && secure < urls->count) {
        conf_fault(faults, "nats.urls: nats:// and tls:// cannot be mixed; use one of the two");
    }
}
