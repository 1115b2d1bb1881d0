/*
 * Thresholds and lists.
 *
 * Requests: commands of shells and of PHP that no address of a page holds, looked for behind the
 * target's percent signs; the library's own look at this needs PCRE, without which Debian builds
 * it. Agents: words by which crawlers and scanners name themselves; who hides is not found.
 * Servers: older than what the oldest supported Debian (11) and Windows Server (2016) ship.
 * Programs: PE (by its second header where it is in sight), ELF, Mach-O, Dalvik.
 */
#include "agent/dpi/risks.h"

#include "common/alert_kinds.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define RISK(kind) (1ull << (kind))
enum {
    TARGET_MAX = 1024, /* bytes of a target that are looked at */
    WORD_MAX = 256,    /* of a field */
};

uint64_t risks_of_library(uint64_t risks)
{
    return risks & (RISK(ALERT_PUNYCODE_IDN) - 1); /* our first beyond those of 4.2 */
}

uint64_t risks_of_name(const char *host)
{
    for (const char *label = host; label != NULL; label = strchr(label, '.')) {
        label += *label == '.' ? 1 : 0;
        if (strncasecmp(label, "xn--", 4) == 0) {
            return RISK(ALERT_PUNYCODE_IDN);
        }
    }
    return 0;
}

/* ---- ALPN ---- */

/* Of IANA's registry of ALPN protocol ids; XMPP and TURN are left out, as both use 443 by right. */
static bool is_one_of(const uint8_t *protocol, size_t len, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (strlen(*names) == len && memcmp(protocol, *names, len) == 0) {
            return true;
        }
    }
    return false;
}

uint64_t risks_of_alpn(const uint8_t *protocol, size_t len, uint16_t port)
{
    static const char *const web[] = {"h2", "http/1.1", "http/1.0", NULL};
    static const char *const others[] = {"dot", "imap",  "pop3",  "managesieve", "ftp",
                                         "irc", "sip/2", "nntp/", "mqtt",        NULL};
    /* SMTP, LDAP, DNS, FTP, IMAP, POP3, SIP, syslog, IRC and MQTT, each over TLS. */
    static const uint16_t services[] = {465, 636, 853, 989, 990, 993, 995, 5061, 6514, 6697, 8883};
    if (len == 0) {
        return 0;
    }
    bool odd = port == 443 && is_one_of(protocol, len, others);
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        odd = odd || (port == services[i] && is_one_of(protocol, len, web));
    }
    return odd ? RISK(ALERT_TLS_ALPN_SNI_MISMATCH) : 0;
}

/* ---- texts ---- */

static int hex_of(uint8_t c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c == 0 ? NULL : strchr(digits, tolower(c));
    return at == NULL ? -1 : (int)(at - digits);
}

/* In lower case, without zeros; decode: with %XX and + as what they mean. */
static void plain(const struct http_text *text, bool decode, char *to, size_t size)
{
    size_t out = 0;
    for (size_t i = 0; i < text->len && out + 1 < size; i++) {
        uint8_t c = text->at[i];
        if (decode && c == '+') {
            c = ' ';
        } else if (decode && c == '%' && i + 2 < text->len && hex_of(text->at[i + 1]) >= 0 &&
                   hex_of(text->at[i + 2]) >= 0) {
            c = (uint8_t)(hex_of(text->at[i + 1]) * 16 + hex_of(text->at[i + 2]));
            i += 2;
        }
        to[out++] = (char)(c == 0 ? ' ' : tolower(c));
    }
    to[out] = '\0';
}

/* True when one of the words stands in the text and, if it begins with a letter, begins there. */
static bool holds(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        for (const char *at = strstr(text, *words); at != NULL; at = strstr(at + 1, *words)) {
            if (at == text || !isalnum((unsigned char)**words) || !isalnum((unsigned char)at[-1])) {
                return true;
            }
        }
    }
    return false;
}

static bool injects(const struct http_text *target)
{
    static const char *const commands[] = {"/bin/sh",
                                           "/bin/bash",
                                           "cmd.exe",
                                           "powershell",
                                           "busybox ",
                                           ";wget ",
                                           "|wget ",
                                           "&wget ",
                                           ";curl ",
                                           "|curl ",
                                           "; wget ",
                                           "; curl ",
                                           "$(wget",
                                           "$(curl",
                                           "`wget",
                                           "`curl",
                                           "$(id)",
                                           ";id;",
                                           "|id|",
                                           "|sh ",
                                           "cat /etc/",
                                           "chmod +x",
                                           "chmod 777",
                                           "rm -rf",
                                           "<?php",
                                           "phpinfo(",
                                           "system(",
                                           "passthru(",
                                           "shell_exec(",
                                           "popen(",
                                           "proc_open(",
                                           "base64_decode(",
                                           "eval(",
                                           "auto_prepend_file",
                                           "allow_url_include",
                                           NULL};
    char text[TARGET_MAX];
    plain(target, true, text, sizeof text);
    return holds(text, commands);
}

static bool is_robot(const struct http_text *user_agent)
{
    static const char *const words[] = {"googlebot",
                                        "bingbot",
                                        "yandexbot",
                                        "baiduspider",
                                        "duckduckbot",
                                        "applebot",
                                        "ahrefsbot",
                                        "semrushbot",
                                        "mj12bot",
                                        "dotbot",
                                        "petalbot",
                                        "bytespider",
                                        "gptbot",
                                        "ccbot",
                                        "claudebot",
                                        "amazonbot",
                                        "crawler",
                                        "spider",
                                        "scrapy",
                                        "slurp",
                                        "nmap",
                                        "masscan",
                                        "zgrab",
                                        "nikto",
                                        "sqlmap",
                                        "nuclei",
                                        "gobuster",
                                        "dirbuster",
                                        "wpscan",
                                        "censysinspect",
                                        "shodan",
                                        "whatweb",
                                        "acunetix",
                                        "nessus",
                                        "openvas",
                                        "qualys",
                                        "facebookexternalhit",
                                        NULL};
    char text[WORD_MAX];
    plain(user_agent, false, text, sizeof text);
    return holds(text, words);
}

/* ---- servers ---- */

struct product {
    const char *name; /* in lower case, with the slash */
    unsigned major, minor;
};

/* "2.2.15" as 2 and 2; what is no number is 0. */
static unsigned number_at(const char **at)
{
    unsigned n = 0;
    for (; isdigit((unsigned char)**at) && n < 1000; (*at)++) {
        n = n * 10 + (unsigned)(**at - '0');
    }
    return n;
}

static bool is_older(const char *text, const struct product *p)
{
    size_t len = strlen(p->name);
    const char *at = strstr(text, p->name);
    bool begins = at != NULL && (at == text || at[-1] == ' ' || at[-1] == '(');
    if (!begins || !isdigit((unsigned char)at[len])) {
        return false; /* not this product, or it keeps its version to itself */
    }
    at += len;
    unsigned major = number_at(&at);
    at += *at == '.' ? 1 : 0;
    unsigned minor = number_at(&at);
    return major < p->major || (major == p->major && minor < p->minor);
}

static bool is_obsolete(const struct http_text *server)
{
    static const struct product products[] = {
        {"apache/", 2, 4},   {"nginx/", 1, 18},        {"microsoft-iis/", 10, 0},
        {"lighttpd/", 1, 4}, {"openssl/", 1, 1},       {"php/", 7, 4},
        {"python/", 3, 9},   {"apache-coyote/", 2, 0}, /* the connector's name in Tomcat up to 8.0,
                                                          and always 1.1 */
    };
    char text[WORD_MAX];
    plain(server, false, text, sizeof text);
    for (size_t i = 0; i < sizeof products / sizeof products[0]; i++) {
        if (is_older(text, &products[i])) {
            return true;
        }
    }
    return false;
}

/* ---- programs ---- */

static bool is_pe(const uint8_t *b, size_t len)
{
    enum { DOS_HEADER = 64, OFFSET_AT = 60, OFFSET_MAX = 4096 };
    if (len < DOS_HEADER || b[0] != 'M' || b[1] != 'Z') {
        return false;
    }
    size_t at = (size_t)b[OFFSET_AT] | (size_t)b[OFFSET_AT + 1] << 8 |
                (size_t)b[OFFSET_AT + 2] << 16 | (size_t)b[OFFSET_AT + 3] << 24;
    if (at < DOS_HEADER || at > OFFSET_MAX) {
        return false;
    }
    return at + 4 > len || memcmp(b + at, "PE\0\0", 4) == 0;
}

static bool is_program(const uint8_t *b, size_t len)
{
    static const struct {
        uint8_t bytes[4];
    } magics[] = {
        {{0xfe, 0xed, 0xfa, 0xce}}, {{0xfe, 0xed, 0xfa, 0xcf}}, /* Mach-O, either order */
        {{0xce, 0xfa, 0xed, 0xfe}}, {{0xcf, 0xfa, 0xed, 0xfe}}, {{'d', 'e', 'x', '\n'}},
    };
    for (size_t i = 0; len >= 8 && i < sizeof magics / sizeof magics[0]; i++) {
        if (memcmp(b, magics[i].bytes, 4) == 0) {
            return true;
        }
    }
    bool elf = len >= 6 && memcmp(b, "\177ELF", 4) == 0 && (b[4] == 1 || b[4] == 2);
    return elf || is_pe(b, len);
}

/* TFTP carries a file from its fourth byte on (RFC 1350 section 5: DATA, block 1). */
static bool is_tftp_begin(const uint8_t *b, size_t len)
{
    return len >= 4 && b[0] == 0 && b[1] == 3 && b[2] == 0 && b[3] == 1;
}

uint64_t risks_of_content(const uint8_t *bytes, size_t len)
{
    bool program =
        is_tftp_begin(bytes, len) ? is_program(bytes + 4, len - 4) : is_program(bytes, len);
    return program ? RISK(ALERT_BINARY_DATA_TRANSFER) : 0;
}

uint64_t risks_of_http(const struct http_head *h)
{
    uint64_t risks = 0;
    if (h->asks) {
        risks |= injects(&h->target) ? RISK(ALERT_NDPI_URL_POSSIBLE_RCE_INJECTION) : 0;
        risks |= is_robot(&h->user_agent) ? RISK(ALERT_HTTP_CRAWLER_BOT) : 0;
        return risks;
    }
    risks |= is_obsolete(&h->server) ? RISK(ALERT_HTTP_OBSOLETE_SERVER) : 0;
    return risks | (h->body.len > 0 ? risks_of_content(h->body.at, h->body.len) : 0);
}
