/* Unit tests of agent/asset: who is an asset, what is news about it, and what survives a restart.
 */
#include "agent/asset/asset.h"
#include "common/alert_kinds.h"
#include "common/clock.h"
#include "common/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EVENTS_MAX = 64, HOUR = 3600, DAY = 24 * HOUR };
#define START_S 1700000000ULL
#define NS(s)   ((uint64_t)(s)*NS_PER_S)

/* A site whose time is at now_s. */
struct scene {
    struct assets *assets;
    struct asset_options options;
    char folder[32];
    char path[64];
    uint64_t now_s;
    struct asset_event events[EVENTS_MAX]; /* their asset is not to be looked at afterwards */
    char addrs[EVENTS_MAX][ADDR_TEXT_SIZE];
    unsigned event_count;
    unsigned published;
    struct wire_asset last; /* published */
};

static struct addr_prefix local_net[2];

static void on_publish(const struct wire_asset *asset, void *arg)
{
    struct scene *s = arg;
    s->published++;
    s->last = *asset;
}

static void on_event(const struct asset_event *event, void *arg)
{
    struct scene *s = arg;
    assert_true(s->event_count < EVENTS_MAX);
    const struct wire_asset *w = &event->asset->known;
    (void)addr_format((enum addr_family)w->family, &w->addr, s->addrs[s->event_count]);
    s->events[s->event_count++] = *event;
}

static struct addr addr_of(const char *text)
{
    struct addr addr = {0};
    assert_int_not_equal(addr_parse(text, &addr), ADDR_NONE);
    return addr;
}

static void on_save(char *text, size_t len, void *arg)
{
    struct scene *s = arg;
    assert_int_equal(file_replace(s->path, text, len, 0600, NULL), 0);
    free(text);
}

static void open_assets(struct scene *s)
{
    s->assets = assets_open(&s->options, NS(s->now_s), NULL);
    assert_non_null(s->assets);
}

static int begin(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    assert_int_equal(addr_prefix_parse("10.0.0.0/8", &local_net[0]), 0);
    assert_int_equal(addr_prefix_parse("fe80::/10", &local_net[1]), 0);
    (void)snprintf(s->folder, sizeof s->folder, "/tmp/picket-unit-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    (void)snprintf(s->path, sizeof s->path, "%s/assets.jsonl", s->folder);
    s->now_s = START_S;
    s->options = (struct asset_options){
        .path = s->path,
        .vendors = s->folder,
        .max = 1000,
        .local = {.prefixes = local_net, .count = 2},
        .rules = {.learn_ns = NS(DAY),
                  .learn_service_ns = NS(7 * DAY),
                  .offline_ns = NS(600),
                  .always_on_ns = NS(DAY)},
        .sink = {.publish = on_publish, .event = on_event, .save = on_save, .arg = s},
    };
    open_assets(s);
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct scene *s = *state;
    char bad[80];
    assets_close(s->assets);
    (void)snprintf(bad, sizeof bad, "%s.bad", s->path);
    (void)unlink(s->path);
    (void)unlink(bad);
    (void)snprintf(bad, sizeof bad, "%s/oui.csv", s->folder);
    (void)unlink(bad);
    (void)rmdir(s->folder);
    free(s);
    return 0;
}

static struct account talk_of(const struct scene *s, const char *client, unsigned mac)
{
    struct addr literal;
    return (struct account){
        .at_ns = NS(s->now_s),
        .key = {.client = addr_of(client),
                .server = addr_of(strchr(client, ':') != NULL ? "2001:db8::1" : "192.0.2.1"),
                .client_port = 40000,
                .server_port = 443,
                .family = (uint8_t)addr_parse(client, &literal),
                .protocol = IPPROTO_TCP},
        .client_mac = {{0x00, 0x1b, 0x21, 0, 0, (uint8_t)mac}},
        .bytes = {100, 900},
        .packets = {1, 2},
        .begins = 1,
    };
}

static void talk(struct scene *s, const char *client, unsigned mac)
{
    struct account account = talk_of(s, client, mac);
    assets_account(s->assets, &account);
}

static void pass(struct scene *s, uint64_t seconds)
{
    s->now_s += seconds;
    assets_tick(s->assets, NS(s->now_s));
}

/* Time passes while somebody else keeps the wire busy, and this client too when it is given. */
static void pass_busy(struct scene *s, uint64_t seconds, const char *client, unsigned mac)
{
    const uint64_t step_s = 30;
    for (uint64_t gone = 0; gone < seconds; gone += step_s) {
        struct account other = talk_of(s, "192.0.2.9", 0xee);
        assets_account(s->assets, &other);
        if (client != NULL) {
            talk(s, client, mac);
        }
        pass(s, step_s);
    }
}

static const struct asset *asset_at(const struct scene *s, const char *text)
{
    struct host_key key = {.addr = addr_of(text)};
    key.family = (uint8_t)addr_parse(text, &key.addr);
    return assets_get(s->assets, &key);
}

static void learned(struct scene *s)
{
    pass(s, 2 * DAY);
    s->event_count = 0;
}

static void restart(struct scene *s, uint64_t away_s)
{
    assets_flush(s->assets, NS(s->now_s));
    assets_close(s->assets);
    s->now_s += away_s;
    s->published = 0;
    open_assets(s);
}

/* ---- who is an asset ---- */

static void only_local_hosts_that_have_sent_are_assets(void **state)
{
    struct scene *s = *state;
    struct account a = talk_of(s, "10.0.0.1", 1);
    a.key.server = addr_of("10.0.0.255"); /* nobody: it never answers */
    a.packets[DIR_S2C] = 0;
    assets_account(s->assets, &a);
    talk(s, "192.0.2.7", 2);
    assert_non_null(asset_at(s, "10.0.0.1"));
    assert_null(asset_at(s, "10.0.0.255"));
    assert_null(asset_at(s, "192.0.2.7"));
}

static void an_asset_is_published_once_settled_and_then_slowly(void **state)
{
    struct scene *s = *state;
    talk(s, "10.0.0.1", 1);
    pass(s, 5);
    assert_int_equal(s->published, 0);
    pass(s, 10);
    assert_int_equal(s->published, 1);
    assert_true(s->last.online);
    assert_int_equal(s->last.change_count, 1);
    assert_int_equal(s->last.changes[0].kind, ASSET_CHANGE_NEW);
    pass_busy(s, ASSET_REFRESH_S - 60, "10.0.0.1", 1);
    assert_int_equal(s->published, 1);
    pass_busy(s, 120, "10.0.0.1", 1);
    assert_int_equal(s->published, 2);
    assert_int_equal(s->last.change_count, 0);
}

static void without_room_a_host_is_refused_and_counted(void **state)
{
    struct scene *s = *state;
    assets_close(s->assets);
    s->options.max = 1;
    open_assets(s);
    talk(s, "10.0.0.1", 1);
    talk(s, "10.0.0.2", 2);
    assert_int_equal(assets_stats(s->assets, NS(s->now_s)).refused, 1);
}

/* ---- new ---- */

static void nothing_is_news_while_the_site_is_learnt(void **state)
{
    struct scene *s = *state;
    talk(s, "10.0.0.1", 1);
    pass(s, 20);
    assert_int_equal(s->event_count, 0);
    learned(s);
    talk(s, "10.0.0.2", 2);
    pass(s, 5);
    assert_int_equal(s->event_count, 0); /* its names are awaited */
    pass(s, 10);
    assert_int_equal(s->event_count, 1);
    assert_int_equal(s->events[0].kind, ASSET_EVENT_NEW);
    assert_string_equal(s->addrs[0], "10.0.0.2");
}

static void a_device_of_several_addresses_is_new_once(void **state)
{
    struct scene *s = *state;
    learned(s);
    talk(s, "fe80::2", 2);
    pass(s, 5);
    talk(s, "10.0.0.2", 2);
    pass(s, 20);
    assert_int_equal(s->event_count, 1);
    assert_string_equal(s->addrs[0], "10.0.0.2");
    pass(s, 60);
    talk(s, "fe80::3", 2); /* a temporary address of the next day */
    pass(s, 30);
    assert_int_equal(s->event_count, 1);
}

static void a_known_card_in_another_vlan_is_told_as_moved(void **state)
{
    struct scene *s = *state;
    talk(s, "10.0.0.1", 1);
    learned(s);
    struct account moved = talk_of(s, "10.0.0.1", 1);
    moved.key.vlan = 20;
    assets_account(s->assets, &moved);
    pass(s, 20);
    assert_int_equal(s->event_count, 1);
    assert_int_equal(s->events[0].kind, ASSET_EVENT_VLAN);
}

static void hosts_behind_a_router_are_new_each_by_itself(void **state)
{
    struct scene *s = *state;
    char text[ADDR_TEXT_SIZE];
    learned(s);
    for (unsigned i = 1; i <= ASSET_SHARED_ADDRS + 1; i++) {
        (void)snprintf(text, sizeof text, "10.0.1.%u", i);
        talk(s, text, 7);
    }
    pass(s, 20);
    pass(s, 20);
    s->event_count = 0;
    talk(s, "10.0.1.200", 7);
    pass(s, 20);
    assert_true(asset_at(s, "10.0.1.200")->known.mac_shared);
    assert_int_equal(s->event_count, 1);
    assert_int_equal(s->events[0].kind, ASSET_EVENT_NEW);
}

/* ---- changes ---- */

static void another_mac_of_an_address_in_use_is_told_when_it_is_seen_twice(void **state)
{
    struct scene *s = *state;
    talk(s, "10.0.0.1", 1);
    learned(s);
    talk(s, "10.0.0.1", 1);
    talk(s, "10.0.0.1", 9);
    assert_int_equal(s->event_count, 0);
    talk(s, "10.0.0.1", 9);
    assert_int_equal(s->event_count, 1);
    assert_int_equal(s->events[0].kind, ASSET_EVENT_MAC);
    assert_string_equal(s->events[0].before, "00:1b:21:00:00:01");
    assert_string_equal(s->events[0].after, "00:1b:21:00:00:09");
}

static void an_address_handed_to_another_device_is_a_change_but_no_alarm(void **state)
{
    struct scene *s = *state;
    struct sighting name = {.at_ns = NS(s->now_s),
                            .addr = addr_of("10.0.0.1"),
                            .family = ADDR_IPV4,
                            .kind = SIGHTING_NAME,
                            .source = ASSET_FROM_DHCP,
                            .name = "old-laptop"};
    talk(s, "10.0.0.1", 1);
    assets_sighted(s->assets, &name);
    learned(s);
    talk(s, "10.0.0.1", 9);
    assert_int_equal(asset_at(s, "10.0.0.1")->known.name_count, 1);
    s->event_count = 0;
    pass_busy(s, 1200, NULL, 0);
    talk(s, "10.0.0.1", 8);
    pass_busy(s, 1200, NULL, 0);
    talk(s, "10.0.0.1", 8);
    assert_int_equal(s->event_count, 0);
    assert_int_equal(asset_at(s, "10.0.0.1")->known.name_count, 0);
}

static void an_address_that_goes_back_and_forth_flaps(void **state)
{
    struct scene *s = *state;
    talk(s, "10.0.0.1", 1);
    learned(s);
    talk(s, "10.0.0.1", 1);
    for (unsigned mac = 9; mac >= 7; mac--) {
        talk(s, "10.0.0.1", mac);
        talk(s, "10.0.0.1", mac);
    }
    assert_int_equal(s->event_count, 3);
    assert_int_equal(s->events[1].kind, ASSET_EVENT_MAC);
    assert_int_equal(s->events[2].kind, ASSET_EVENT_FLAP);
}

static void sight(struct scene *s, enum asset_source source, const char *name)
{
    struct sighting seen = {.at_ns = NS(s->now_s),
                            .addr = addr_of("10.0.0.1"),
                            .family = ADDR_IPV4,
                            .kind = SIGHTING_NAME,
                            .source = (uint8_t)source};
    (void)snprintf(seen.name, sizeof seen.name, "%s", name);
    assets_sighted(s->assets, &seen);
}

static void a_name_said_before_the_host_was_heard_is_kept_for_it(void **state)
{
    struct scene *s = *state;
    sight(s, ASSET_FROM_DHCP, "laptop-7");
    assert_null(asset_at(s, "10.0.0.1"));
    talk(s, "10.0.0.1", 1);
    assert_string_equal(asset_at(s, "10.0.0.1")->known.names[0].name, "laptop-7");
}

static void a_host_that_renames_itself_is_news_and_one_more_dns_name_is_not(void **state)
{
    struct scene *s = *state;
    talk(s, "10.0.0.1", 1);
    sight(s, ASSET_FROM_MDNS, "alpha.local");
    learned(s);
    sight(s, ASSET_FROM_DNS, "www.example");
    sight(s, ASSET_FROM_DNS, "mail.example");
    assert_int_equal(s->event_count, 0);
    sight(s, ASSET_FROM_MDNS, "beta.local");
    assert_int_equal(s->event_count, 1);
    assert_int_equal(s->events[0].kind, ASSET_EVENT_NAME);
    assert_string_equal(s->events[0].before, "alpha.local");
    sight(s, ASSET_FROM_MDNS, "alpha.local"); /* back and forth is told once */
    sight(s, ASSET_FROM_MDNS, "beta.local");
    assert_int_equal(s->event_count, 1);
}

static void names_that_never_end_push_out_the_oldest(void **state)
{
    struct scene *s = *state;
    char name[32];
    talk(s, "10.0.0.1", 1);
    for (unsigned i = 0; i < 100; i++) {
        s->now_s++;
        (void)snprintf(name, sizeof name, "n%u.example", i);
        sight(s, ASSET_FROM_DNS, name);
    }
    const struct wire_asset *w = &asset_at(s, "10.0.0.1")->known;
    assert_int_equal(w->name_count, ASSET_NAMES_MAX);
    for (unsigned i = 0; i < ASSET_NAMES_MAX; i++) {
        assert_true(w->names[i].last_ns > NS(s->now_s - ASSET_NAMES_MAX));
    }
}

/* ---- services ---- */

static struct flow_record answered(const struct scene *s, uint16_t port)
{
    struct flow_record r = {.first_ns = NS(s->now_s),
                            .last_ns = NS(s->now_s),
                            .status = FLOW_CLOSED,
                            .final = true,
                            .confidence = 4,
                            .bytes = {100, 900},
                            .packets = {3, 3},
                            .handshake_server_us = 200,
                            .protocol = "SSH"};
    r.key = (struct flow_key){.client = addr_of("192.0.2.1"),
                              .server = addr_of("10.0.0.1"),
                              .client_port = 40000,
                              .server_port = port,
                              .family = ADDR_IPV4,
                              .protocol = IPPROTO_TCP};
    return r;
}

static void a_new_service_is_news_at_its_second_use_on_a_host_long_known(void **state)
{
    struct scene *s = *state;
    talk(s, "10.0.0.1", 1);
    struct flow_record r = answered(s, 22);
    assets_learn(s->assets, &r);
    assets_learn(s->assets, &r);
    assert_int_equal(s->event_count, 0);
    for (unsigned day = 0; day < 8; day++) {
        pass_busy(s, DAY, "10.0.0.1", 1);
    }
    s->event_count = 0;
    r = answered(s, 8022);
    assets_learn(s->assets, &r);
    assert_int_equal(s->event_count, 0);
    assets_learn(s->assets, &r);
    assets_learn(s->assets, &r);
    assert_int_equal(s->event_count, 1);
    assert_int_equal(s->events[0].kind, ASSET_EVENT_SERVICE);
    assert_string_equal(s->events[0].after, "tcp/8022 SSH");
}

static void a_connection_joined_in_its_middle_shows_no_service(void **state)
{
    struct scene *s = *state;
    talk(s, "10.0.0.1", 1);
    struct flow_record r = answered(s, 51000);
    r.handshake_server_us = 0;
    r.key.client_port = 443;
    assets_learn(s->assets, &r);
    assert_int_equal(asset_at(s, "10.0.0.1")->known.service_count, 0);
}

/* ---- presence ---- */

static void an_always_on_device_that_falls_silent_is_missed_until_it_is_back(void **state)
{
    struct scene *s = *state;
    pass_busy(s, 25 * HOUR, "10.0.0.1", 1);
    assert_true(asset_at(s, "10.0.0.1")->known.always_on);
    s->event_count = 0;
    pass_busy(s, 570, NULL, 0);
    assert_int_equal(s->event_count, 0);
    pass_busy(s, 60, NULL, 0);
    assert_true(s->event_count >= 1);
    assert_int_equal(s->events[0].kind, ASSET_EVENT_MISSING);
    assert_true(asset_at(s, "10.0.0.1")->known.missing);
    pass_busy(s, 660, NULL, 0); /* told again, so that the alert lives */
    assert_true(s->event_count >= 3);
    s->event_count = 0;
    pass_busy(s, 30, "10.0.0.1", 1);
    assert_int_equal(s->event_count, 1);
    assert_int_equal(s->events[0].kind, ASSET_EVENT_BACK);
    assert_in_range(s->events[0].silent_s, 1300, 1500);
    pass_busy(s, 1200, NULL, 0); /* no longer always-on: going again is no news */
    assert_int_equal(s->event_count, 1);
}

static void a_device_that_goes_on_under_another_address_is_not_missed(void **state)
{
    struct scene *s = *state;
    pass_busy(s, 25 * HOUR, "10.0.0.1", 1);
    s->event_count = 0;
    pass_busy(s, 2400, "10.0.0.5", 1);
    assert_int_equal(s->event_count, 0);
    assert_false(asset_at(s, "10.0.0.1")->known.online);
}

static void a_wire_without_packets_makes_nobody_missing(void **state)
{
    struct scene *s = *state;
    pass_busy(s, 25 * HOUR, "10.0.0.1", 1);
    s->event_count = 0;
    for (unsigned i = 0; i < 3600; i += 30) {
        pass(s, 30);
    }
    assert_int_equal(s->event_count, 0);
    assert_true(asset_at(s, "10.0.0.1")->known.online);
}

/* ---- restarts ---- */

static void what_was_known_is_not_new_after_a_restart(void **state)
{
    struct scene *s = *state;
    talk(s, "10.0.0.1", 1);
    sight(s, ASSET_FROM_MDNS, "alpha.local");
    learned(s);
    restart(s, 30);
    assert_string_equal(asset_at(s, "10.0.0.1")->known.names[0].name, "alpha.local");
    talk(s, "10.0.0.1", 1);
    talk(s, "10.0.0.2", 2);
    pass(s, 20);
    assert_int_equal(s->event_count, 1); /* and the time of learning is over for good */
    assert_string_equal(s->addrs[0], "10.0.0.2");
}

static void a_missing_device_is_still_missed_after_a_restart(void **state)
{
    struct scene *s = *state;
    pass_busy(s, 25 * HOUR, "10.0.0.1", 1);
    pass_busy(s, 720, NULL, 0);
    restart(s, 3600);
    s->event_count = 0;
    pass_busy(s, 60, NULL, 0);
    assert_int_equal(s->events[0].kind, ASSET_EVENT_MISSING);
    s->event_count = 0;
    pass_busy(s, 30, "10.0.0.1", 1);
    assert_int_equal(s->events[0].kind, ASSET_EVENT_BACK);
    assert_true(s->events[0].silent_s > 3600);
}

static void a_spoilt_file_is_put_aside_and_the_site_learnt_anew(void **state)
{
    struct scene *s = *state;
    char bad[80];
    talk(s, "10.0.0.1", 1);
    learned(s);
    assets_close(s->assets);
    assert_int_equal(file_replace(s->path, "{\"v\":1,\"since_ns\":1}\n{\"v\":", 26, 0600, NULL), 0);
    open_assets(s);
    (void)snprintf(bad, sizeof bad, "%s.bad", s->path);
    assert_int_equal(access(bad, F_OK), 0);
    assert_null(asset_at(s, "10.0.0.1"));
    assert_true(assets_stats(s->assets, NS(s->now_s)).learning_until_ns > NS(s->now_s));
}

/* ---- vendors ---- */

static const char registry[] = "Registry,Assignment,Organization Name,Organization Address\r\n"
                               "MA-L,001B21,Large Works,\"1 Street, Town\"\r\n"
                               "MA-S,001B21009,\"Small \"\"Best\"\" Works, Inc.\",Somewhere\r\n"
                               "MA-L,not hex,Nobody,\r\n"
                               "MA-L,001B2F,,nameless\r\n"
                               "MA-M,001B238,Middle Works,no line's end";

static struct vendors *open_registry(const struct scene *s)
{
    char path[64];
    (void)snprintf(path, sizeof path, "%s/oui.csv", s->folder);
    assert_int_equal(file_replace(path, registry, sizeof registry - 1, 0600, NULL), 0);
    return vendors_open(s->folder, NULL);
}

static const char *vendor_of(const struct vendors *v, struct mac mac)
{
    static char name[ASSET_VENDOR_SIZE];
    vendors_find(v, &mac, name);
    return name;
}

static void the_longest_prefix_names_the_vendor(void **state)
{
    struct scene *s = *state;
    struct vendors *v = open_registry(s);
    assert_int_equal(vendors_count(v), 3);
    assert_string_equal(vendor_of(v, (struct mac){{0, 0x1b, 0x21, 1, 2, 3}}), "Large Works");
    assert_string_equal(vendor_of(v, (struct mac){{0, 0x1b, 0x21, 0, 0x9f, 3}}),
                        "Small \"Best\" Works, Inc.");
    assert_string_equal(vendor_of(v, (struct mac){{0, 0x1b, 0x23, 0x8f, 0, 3}}), "Middle Works");
    assert_string_equal(vendor_of(v, (struct mac){{0, 0x1b, 0x23, 0x7f, 0, 3}}), "");
    assert_string_equal(vendor_of(v, (struct mac){{0, 0x1b, 0x22, 0, 0, 3}}), "");
    assert_string_equal(vendor_of(v, (struct mac){{2, 0x1b, 0x21, 0, 0, 3}}), "");
    vendors_close(v);
    v = vendors_open("/nowhere", NULL);
    assert_int_equal(vendors_count(v), 0);
    assert_string_equal(vendor_of(v, (struct mac){{0, 0x1b, 0x21, 1, 2, 3}}), "");
    vendors_close(v);
}

static void a_registry_that_is_written_over_names_nobody_wrongly(void **state)
{
    struct scene *s = *state;
    struct vendors *v = open_registry(s);
    char path[64];
    (void)snprintf(path, sizeof path, "%s/oui.csv", s->folder);
    FILE *over = fopen(path, "r+e");
    assert_non_null(over);
    assert_true(fputs("MA-L,00AA00,Other Works,which is longer than what was there before\r\n"
                      "MA-L,001B21,Large Works,elsewhere\r\n",
                      over) >= 0);
    assert_int_equal(fclose(over), 0);
    assert_string_equal(vendor_of(v, (struct mac){{0, 0x1b, 0x21, 1, 2, 3}}), "");
    assert_int_equal(truncate(path, 0), 0);
    assert_string_equal(vendor_of(v, (struct mac){{0, 0x1b, 0x23, 0x8f, 0, 3}}), "");
    vendors_close(v);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(only_local_hosts_that_have_sent_are_assets),
        TEST(an_asset_is_published_once_settled_and_then_slowly),
        TEST(without_room_a_host_is_refused_and_counted),
        TEST(nothing_is_news_while_the_site_is_learnt),
        TEST(a_device_of_several_addresses_is_new_once),
        TEST(a_known_card_in_another_vlan_is_told_as_moved),
        TEST(hosts_behind_a_router_are_new_each_by_itself),
        TEST(another_mac_of_an_address_in_use_is_told_when_it_is_seen_twice),
        TEST(an_address_handed_to_another_device_is_a_change_but_no_alarm),
        TEST(an_address_that_goes_back_and_forth_flaps),
        TEST(a_name_said_before_the_host_was_heard_is_kept_for_it),
        TEST(a_host_that_renames_itself_is_news_and_one_more_dns_name_is_not),
        TEST(names_that_never_end_push_out_the_oldest),
        TEST(a_new_service_is_news_at_its_second_use_on_a_host_long_known),
        TEST(a_connection_joined_in_its_middle_shows_no_service),
        TEST(an_always_on_device_that_falls_silent_is_missed_until_it_is_back),
        TEST(a_device_that_goes_on_under_another_address_is_not_missed),
        TEST(a_wire_without_packets_makes_nobody_missing),
        TEST(what_was_known_is_not_new_after_a_restart),
        TEST(a_missing_device_is_still_missed_after_a_restart),
        TEST(a_spoilt_file_is_put_aside_and_the_site_learnt_anew),
        TEST(a_registry_that_is_written_over_names_nobody_wrongly),
        TEST(the_longest_prefix_names_the_vendor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
