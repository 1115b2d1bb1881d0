#include "common/wire/config_policy.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum { ALL_DAYS = 0x7F, TIME_SIZE = 8 };

static const char *const CLASSES[] = {[POLICY_GROUP] = "group",
                                      [POLICY_RESTRICTED] = "restricted",
                                      [POLICY_CORE] = "core",
                                      [POLICY_TRUSTED] = "trusted",
                                      NULL};
static const char *const DAYS[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static void take_host(const char *text, size_t index, const char *field, struct config_fault *fault,
                      void *arg)
{
    struct policy_item *out = arg;
    (void)index; /* addresses and hardware addresses are kept apart */
    if (config_mac_parse(text, &out->macs[out->mac_count])) {
        out->mac_count++;
    } else if (addr_prefix_parse(text, &out->prefixes[out->prefix_count]) == 0) {
        out->prefix_count++;
    } else {
        config_fault_set(fault, field,
                         "Write an address, a network such as 192.0.2.0/24 whose host bits are "
                         "zero, or a hardware address such as 00:1b:21:3c:9d:f8.",
                         "\"%.80s\" is none of these.", text);
    }
}

static void take_service(const char *text, size_t index, const char *field,
                         struct config_fault *fault, void *arg)
{
    struct policy_service *service = (struct policy_service *)arg + index;
    bool tcp = strncmp(text, "tcp/", 4) == 0, udp = strncmp(text, "udp/", 4) == 0;
    service->transport = tcp ? IPPROTO_TCP : IPPROTO_UDP;
    if ((!tcp && !udp) || !config_ports_parse(text + 4, &service->ports)) {
        config_fault_set(fault, field, "Write tcp/443, udp/53 or tcp/8000-8100.",
                         "\"%.40s\" is no service.", text);
    }
}

static void take_day(const char *text, size_t index, const char *field, struct config_fault *fault,
                     void *arg)
{
    uint8_t *days = arg;
    (void)index; /* their order says nothing */
    for (unsigned day = 0; day < sizeof DAYS / sizeof DAYS[0]; day++) {
        if (strcmp(DAYS[day], text) == 0) {
            *days = (uint8_t)(*days | 1U << day);
            return;
        }
    }
    config_fault_set(fault, field, NULL, "Use mon, tue, wed, thu, fri, sat or sun.");
}

/* "08:30" as minutes; 0 when missing. */
static uint16_t read_time(const json_t *item, const char *key, struct config_fault *fault)
{
    char text[TIME_SIZE];
    config_text(item, key, 0, text, sizeof text, fault);
    if (text[0] == '\0') {
        return 0;
    }
    unsigned hour = 24, minute = 60;
    int end = 0;
    bool good = sscanf(text, "%2u:%2u%n", &hour, &minute, &end) == 2 && text[end] == '\0' &&
                end == 5 && (hour < 24 || (hour == 24 && minute == 0)) && minute < 60;
    if (!good) {
        config_fault_set(fault, key, "Write 08:00, or 24:00 for the end of the day.",
                         "\"%s\" is no time of day.", text);
        return 0;
    }
    return (uint16_t)(hour * 60 + minute);
}

static void read_window(const json_t *item, struct policy_item *out, struct config_fault *fault)
{
    (void)config_list(item, "days", 7, take_day, &out->days, fault);
    out->days = out->days == 0 ? ALL_DAYS : out->days;
    out->from_min = read_time(item, "from", fault);
    out->to_min = read_time(item, "to", fault);
    if (config_has(item, "from") != config_has(item, "to")) {
        config_fault_set(fault, config_has(item, "from") ? "to" : "from",
                         "Leave both out for the whole day.",
                         "A window needs its begin and its end.");
    }
}

/* One that judges nothing is a mistake: somebody believes that it does. */
static bool says_something(const struct policy_item *p)
{
    return p->class != POLICY_GROUP || p->apps_allowed_count > 0 || p->apps_denied_count > 0 ||
           p->categories_allowed_count > 0 || p->categories_denied_count > 0 ||
           p->service_count > 0;
}

void config_policy_read(const json_t *item, struct policy_item *out, struct config_fault *fault)
{
    static const char *const known[] = {
        "class",    "hosts", "apps_allowed", "apps_denied", "categories_allowed",
        "services", "days",  "from",         "to",          "categories_denied",
        "comment",  NULL};
    char comment[POLICY_COMMENT_SIZE];
    *out = (struct policy_item){0};
    config_known(item, known, fault);
    out->class = (enum policy_class)config_word(item, "class", CLASSES, POLICY_GROUP, fault);
    if (config_list(item, "hosts", POLICY_HOSTS_MAX, take_host, out, fault) == 0) {
        config_fault_set(fault, "hosts", NULL, "Name at least one host or network.");
    }
    out->apps_allowed_count =
        config_names(item, "apps_allowed", out->apps_allowed, ACL_APPS_MAX, fault);
    out->apps_denied_count =
        config_names(item, "apps_denied", out->apps_denied, ACL_APPS_MAX, fault);
    out->categories_allowed_count =
        config_names(item, "categories_allowed", out->categories_allowed, ACL_APPS_MAX, fault);
    out->categories_denied_count =
        config_names(item, "categories_denied", out->categories_denied, ACL_APPS_MAX, fault);
    out->service_count =
        config_list(item, "services", POLICY_SERVICES_MAX, take_service, out->services, fault);
    read_window(item, out, fault);
    config_text(item, "comment", 0, comment, sizeof comment, fault);
    if (!fault->bad && !says_something(out)) {
        config_fault_set(fault, "", "Choose a class, or name applications or services.",
                         "This policy allows everything and forbids nothing.");
    }
}

void config_policy_check(const json_t *item, struct config_fault *fault)
{
    struct policy_item out;
    config_policy_read(item, &out, fault);
}
