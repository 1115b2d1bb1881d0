#include "agent/dpi/info.h"

#include "agent/dpi/dpi.h"

#include <stdio.h>
#include <string.h>

void dpi_info_text(const char *from, size_t from_size, char *to, size_t to_size)
{
    size_t len = strnlen(from, from_size);
    if (len >= to_size) {
        len = to_size - 1;
    }
    for (size_t i = 0; i < len; i++) {
        bool printable = from[i] >= 0x20 && from[i] < 0x7f;
        to[i] = printable ? from[i] : '?';
    }
    to[len] = '\0';
}

/* Both parts may be longer than info: snprintf cuts, and a cut line still tells. */
static void put(char *info, const char *first, const char *second)
{
    char line[DPI_INFO_SIZE];
    const char *gap = first[0] != '\0' && second[0] != '\0' ? " " : "";
    (void)snprintf(line, sizeof line, "%s%s%s", first, gap, second);
    dpi_info_text(line, sizeof line, info, DPI_INFO_SIZE);
}

void dpi_info_http(const char *method, const char *url, unsigned status, char *info)
{
    const char *path = strchr(url, '/');
    if (path != NULL && path[1] == '/') { /* "http://host/path", as proxies are asked */
        path = strchr(path + 2, '/');
    }
    if (path == NULL) {
        path = "/";
    }
    int len = (int)strcspn(path, "?#");
    char request[DPI_INFO_SIZE - 8];
    char answer[8] = "";
    (void)snprintf(request, sizeof request, "%s %.*s", method, len, path);
    if (status != 0) {
        (void)snprintf(answer, sizeof answer, "%u", status % 1000);
    }
    put(info, request, answer);
}

static const char *dns_type(unsigned type, char *buf, size_t size)
{
    static const struct {
        unsigned type;
        const char *name;
    } names[] = {
        {1, "A"},       {2, "NS"},    {5, "CNAME"},  {6, "SOA"},   {12, "PTR"},
        {15, "MX"},     {16, "TXT"},  {28, "AAAA"},  {33, "SRV"},  {43, "DS"},
        {48, "DNSKEY"}, {64, "SVCB"}, {65, "HTTPS"}, {255, "ANY"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].type == type) {
            return names[i].name;
        }
    }
    (void)snprintf(buf, size, "TYPE%u", type);
    return buf;
}

void dpi_info_dns(unsigned type, bool answered, unsigned code, char *info)
{
    static const char *const codes[] = {"NOERROR",  "FORMERR", "SERVFAIL",
                                        "NXDOMAIN", "NOTIMP",  "REFUSED"};
    char other_type[16];
    char other_code[16];
    const char *result = "";
    if (answered && code < sizeof codes / sizeof codes[0]) {
        result = codes[code];
    } else if (answered) {
        (void)snprintf(other_code, sizeof other_code, "RCODE%u", code);
        result = other_code;
    }
    put(info, dns_type(type, other_type, sizeof other_type), result);
}

void dpi_info_tls(unsigned version, const char *alpn, char *info)
{
    const char *name = "";
    switch (version) {
    case 0x0300: name = "SSLv3"; break;
    case 0x0301: name = "TLSv1"; break;
    case 0x0302: name = "TLSv1.1"; break;
    case 0x0303: name = "TLSv1.2"; break;
    case 0x0304: name = "TLSv1.3"; break;
    default: break;
    }
    put(info, name, alpn == NULL ? "" : alpn);
}

void dpi_info_pair(const char *client, const char *server, char *info)
{
    put(info, client, server);
}
