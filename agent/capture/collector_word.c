/* Reads "netflow:udp://ADDRESS:PORT?OPTIONS"; what it means stands in source.h. */
#include "agent/capture/kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char scheme[] = "netflow:udp://";
enum { OPTION_SIZE = 64, SAMPLING_MAX = 1000000 };

/* Who may send when the word does not tell: private, link-local and loopback addresses. */
static const char *const private_networks[] = {
    "10.0.0.0/8",  "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
    "127.0.0.0/8", "::1/128",       "fe80::/10",      "fc00::/7",
};
_Static_assert(sizeof private_networks / sizeof private_networks[0] <= COLLECTOR_ALLOWED,
               "the default fits");

static int parse_number(const char *text, unsigned long max, unsigned long *value)
{
    char *end = NULL;
    *value = strtoul(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && *value >= 1 && *value <= max ? 0
                                                                                            : -1;
}

/* "0.0.0.0:2055" or "[::]:2055". */
static int parse_place(const char *text, size_t len, struct collector_word *out, struct err *e)
{
    char place[ADDR_TEXT_SIZE + 16];
    char *addr = place;
    unsigned long port = 0;
    if (len >= sizeof place) {
        return err_set(e, ERR_CONFIG, "the address is too long");
    }
    memcpy(place, text, len);
    place[len] = '\0';
    char *colon = strrchr(place, ':');
    if (colon == NULL || parse_number(colon + 1, UINT16_MAX, &port) != 0) {
        return err_set(e, ERR_CONFIG, "\"%s\": use ADDRESS:PORT, such as 0.0.0.0:2055", place);
    }
    *colon = '\0';
    if (addr[0] == '[' && colon > addr + 1 && colon[-1] == ']') {
        colon[-1] = '\0';
        addr++;
    }
    out->family = (uint8_t)addr_parse(addr, &out->addr);
    out->port = (uint16_t)port;
    if (out->family == ADDR_NONE) {
        return err_set(e, ERR_CONFIG, "\"%s\" is no address; use 0.0.0.0 or [::] for all", addr);
    }
    return 0;
}

static int allow(struct collector_word *out, const char *network, struct err *e)
{
    if (strcmp(network, "any") == 0) {
        out->any = true;
        return 0;
    }
    if (out->allowed_count == COLLECTOR_ALLOWED) {
        return err_set(e, ERR_CONFIG, "more than %d networks are allowed", COLLECTOR_ALLOWED);
    }
    if (addr_prefix_parse(network, &out->allowed[out->allowed_count]) != 0) {
        return err_set(e, ERR_CONFIG, "allow \"%s\": use an address, 192.0.2.0/24 or any", network);
    }
    out->allowed_count++;
    return 0;
}

static int parse_option(const char *text, struct collector_word *out, struct err *e)
{
    unsigned long rate = 0;
    if (strncmp(text, "allow=", 6) == 0) {
        return allow(out, text + 6, e);
    }
    if (strncmp(text, "name=", 5) == 0 && text[5] != '\0' && strlen(text + 5) < sizeof out->label) {
        (void)snprintf(out->label, sizeof out->label, "%s", text + 5); /* it fits */
        return 0;
    }
    if (strncmp(text, "sampling=", 9) == 0 && parse_number(text + 9, SAMPLING_MAX, &rate) == 0) {
        out->sampling = (uint32_t)rate;
        return 0;
    }
    return err_set(e, ERR_CONFIG,
                   "option \"%s\": use allow=NETWORK, sampling=N (1 to %d) or name=TEXT (up to %zu "
                   "characters)",
                   text, SAMPLING_MAX, sizeof out->label - 1);
}

static int parse_options(const char *text, struct collector_word *out, struct err *e)
{
    while (*text != '\0') {
        char option[OPTION_SIZE];
        size_t len = strcspn(text, "&");
        if (len >= sizeof option) {
            return err_set(e, ERR_CONFIG, "option \"%.40s…\" is too long", text);
        }
        memcpy(option, text, len);
        option[len] = '\0';
        if (parse_option(option, out, e) != 0) {
            return -1;
        }
        text += len;
        text += *text == '&';
    }
    return 0;
}

static void allow_private(struct collector_word *out)
{
    for (size_t i = 0; i < sizeof private_networks / sizeof private_networks[0]; i++) {
        (void)allow(out, private_networks[i], NULL); /* constants, as many as fit */
    }
}

int collector_word_parse(const char *word, struct collector_word *out, struct err *e)
{
    *out = (struct collector_word){0};
    if (strncmp(word, scheme, sizeof scheme - 1) != 0) {
        return err_set(e, ERR_CONFIG, "\"%s\": use the form netflow:udp://0.0.0.0:2055", word);
    }
    const char *place = word + sizeof scheme - 1;
    size_t len = strcspn(place, "?");
    if (parse_place(place, len, out, e) != 0) {
        return err_wrap(e, "\"%s\"", word);
    }
    (void)snprintf(out->label, sizeof out->label, "netflow-%u", out->port); /* it fits */
    if (place[len] == '?' && parse_options(place + len + 1, out, e) != 0) {
        return err_wrap(e, "\"%s\"", word);
    }
    if (out->allowed_count == 0 && !out->any) {
        allow_private(out);
    }
    return 0;
}
