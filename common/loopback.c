#include "common/loopback.h"

#include "common/addr.h"

#include <string.h>

bool loopback_is_host(const char *host, size_t len)
{
    char text[ADDR_TEXT_SIZE];
    struct addr addr;
    struct addr_prefix net4, net6;
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    }
    if (len >= sizeof text) {
        return false;
    }
    memcpy(text, host, len);
    text[len] = '\0';
    if (strcmp(text, "localhost") == 0) {
        return true;
    }
    enum addr_family family = addr_parse(text, &addr);
    return family != ADDR_NONE && addr_prefix_parse("127.0.0.0/8", &net4) == 0 &&
           addr_prefix_parse("::1/128", &net6) == 0 &&
           (addr_in_prefix(family, &addr, &net4) || addr_in_prefix(family, &addr, &net6));
}

bool loopback_is_plain_abroad(const char *url)
{
    static const char plain[] = "nats://";
    if (strncmp(url, plain, sizeof plain - 1) != 0) {
        return false;
    }
    const char *host = url + sizeof plain - 1;
    size_t len = strcspn(host, "/");
    const char *port = memrchr(host, ':', len);
    const char *bracket = memrchr(host, ']', len);
    if (port != NULL && (bracket == NULL || port > bracket)) {
        len = (size_t)(port - host);
    }
    return !loopback_is_host(host, len);
}
