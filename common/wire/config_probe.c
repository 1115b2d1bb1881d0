#include "common/wire/config_probe.h"

#include "common/wire/config_target.h"

#include <string.h>

/* In the order of enum probe_kind. */
static const char *const KINDS[] = {"icmp", "tcp", "http", NULL};

static const char *const KNOWN[] = {
    "kind",        "host",      "port",  "url",    "status_min", "status_max", "verify",
    "expect_text", "warn_days", "count", "rtt_ms", "interval_s", "timeout_ms", NULL};

enum {
    INTERVAL_USUAL_S = 60,
    TIMEOUT_USUAL_MS = 5000,
    TIMEOUT_MIN_MS = 100,
    TIMEOUT_MAX_MS = 30000,
    COUNT_USUAL = 5,
    STATUS_MIN = 100,
    STATUS_MAX = 599,
    STATUS_USUAL_MIN = 200,
    STATUS_USUAL_MAX = 399,
    WARN_USUAL_DAYS = 21,
    WARN_MAX_DAYS = 365,
    RTT_MAX_MS = 60000,
};

static void url_read(const json_t *item, struct config_probe *c, struct config_fault *fault)
{
    config_text(item, "url", 1, c->url, sizeof c->url, fault);
    bool http = strncmp(c->url, "http://", 7) == 0;
    bool https = strncmp(c->url, "https://", 8) == 0;
    if ((!http && !https) || strlen(c->url) < strlen("http://a") ||
        strpbrk(c->url, " \"<>") != NULL) {
        config_fault_set(fault, "url", "Write https://host/path or http://host:port/path.",
                         "This is no address of a web page.");
    }
}

static void http_read(const json_t *item, struct config_probe *c, struct config_fault *fault)
{
    url_read(item, c, fault);
    c->status_min = (uint16_t)config_number(item, "status_min", STATUS_MIN, STATUS_MAX,
                                            STATUS_USUAL_MIN, fault);
    c->status_max = (uint16_t)config_number(item, "status_max", STATUS_MIN, STATUS_MAX,
                                            STATUS_USUAL_MAX, fault);
    if (c->status_min > c->status_max) {
        config_fault_set(fault, "status_min", NULL, "The lowest status is above the highest.");
    }
    config_text(item, "expect_text", 0, c->expect_text, sizeof c->expect_text, fault);
    c->verify = config_bool(item, "verify", true, fault);
    c->warn_days =
        (uint16_t)config_number(item, "warn_days", 1, WARN_MAX_DAYS, WARN_USUAL_DAYS, fault);
}

void config_probe_read(const json_t *item, struct config_probe *c, struct config_fault *fault)
{
    memset(c, 0, sizeof *c); /* padding too: the poller compares them as bytes */
    config_known(item, KNOWN, fault);
    target_identity(item, c->id, c->name, fault);
    c->kind = (uint8_t)(PROBE_ICMP + config_word(item, "kind", KINDS, -1, fault));
    if (c->kind == PROBE_HTTP) {
        http_read(item, c, fault);
    } else {
        target_host(item, "host", c->host, fault);
    }
    if (c->kind == PROBE_TCP) {
        c->port = (uint16_t)config_number(item, "port", 1, UINT16_MAX, 0, fault);
        if (c->port == 0) {
            config_fault_set(fault, "port", NULL, "Name the port to connect to.");
        }
    }
    c->count = (uint16_t)config_number(item, "count", 1, PROBE_COUNT_MAX, COUNT_USUAL, fault);
    c->rtt_ms = (uint32_t)config_number(item, "rtt_ms", 0, RTT_MAX_MS, 0, fault);
    c->interval_s = (uint32_t)config_number(item, "interval_s", PROBE_INTERVAL_MIN_S,
                                            PROBE_INTERVAL_MAX_S, INTERVAL_USUAL_S, fault);
    c->timeout_ms = (uint32_t)config_number(item, "timeout_ms", TIMEOUT_MIN_MS, TIMEOUT_MAX_MS,
                                            TIMEOUT_USUAL_MS, fault);
}

void config_probe_check(const json_t *item, struct config_fault *fault)
{
    struct config_probe c;
    config_probe_read(item, &c, fault);
}
