/*
 * The floor that the engine's cost is measured against: reads a capture file, keeps the plainest
 * flow table there can be, shows nDPI the same few packets of each flow and frees its state at
 * the verdict. No expiry, no quality, no records. Prints flows, packets and detected flows.
 * Usage: ndpi_floor FILE
 */
#include <ndpi_api.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLOTS = 1 << 21, /* for up to a million flows */
    MAX_TCP = 24,
    MAX_UDP = 16,
    MAX_OTHER = 3,
    ETHERNET_HEADER = 14,
    TAIL = 256,
};

struct key {
    uint8_t low[16];
    uint8_t high[16];
    uint16_t low_port;
    uint16_t high_port;
    uint16_t vlan;
    uint8_t protocol;
    uint8_t version;
};

struct flow {
    struct key key;
    bool used;
    bool done;
    bool first_was_low; /* who sent the first packet counts as the client */
    uint8_t fed;
    uint64_t bytes[2];
    uint64_t packets[2];
    struct ndpi_flow_struct *state;
};

struct floor {
    struct ndpi_detection_module_struct *module;
    struct flow *flows;
    uint64_t flow_count;
    uint64_t packets;
    uint64_t detected;
    uint8_t copy[65535 + TAIL];
};

struct view {
    struct key key;
    bool from_low;
    const uint8_t *ip;
    uint32_t len;
};

static uint16_t be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

/* Puts the lower end first, so that both directions have one key. */
static void put_ends(struct view *v, const uint8_t *src, const uint8_t *dst, size_t size,
                     uint16_t src_port, uint16_t dst_port)
{
    int order = memcmp(src, dst, size);
    v->from_low = order < 0 || (order == 0 && src_port <= dst_port);
    memcpy(v->key.low, v->from_low ? src : dst, size);
    memcpy(v->key.high, v->from_low ? dst : src, size);
    v->key.low_port = v->from_low ? src_port : dst_port;
    v->key.high_port = v->from_low ? dst_port : src_port;
}

static bool parse(const uint8_t *bytes, uint32_t len, struct view *v)
{
    uint32_t at = ETHERNET_HEADER;
    memset(&v->key, 0, sizeof v->key);
    if (len < ETHERNET_HEADER + 40) {
        return false;
    }
    uint16_t type = be16(bytes + 12);
    while (type == 0x8100 && at + 44 <= len) {
        v->key.vlan = be16(bytes + at) & 0xfff;
        type = be16(bytes + at + 2);
        at += 4;
    }
    v->ip = bytes + at;
    v->len = len - at;
    bool v4 = type == 0x0800;
    if (!v4 && (type != 0x86dd || v->len < 48)) {
        return false;
    }
    uint32_t header = v4 ? (v->ip[0] & 0xfu) * 4 : 40;
    v->key.version = v4 ? 4 : 6;
    v->key.protocol = v4 ? v->ip[9] : v->ip[6];
    bool ports = (v->key.protocol == 6 || v->key.protocol == 17) && header + 4 <= v->len;
    uint16_t src_port = ports ? be16(v->ip + header) : 0;
    uint16_t dst_port = ports ? be16(v->ip + header + 2) : 0;
    put_ends(v, v->ip + (v4 ? 12 : 8), v->ip + (v4 ? 16 : 24), v4 ? 4 : 16, src_port, dst_port);
    return true;
}

/* FNV-1a over eight bytes at a time: the floor need not fear hostile keys. */
static uint64_t hash(const struct key *key)
{
    uint64_t words[sizeof *key / 8];
    uint64_t h = 14695981039346656037u;
    memcpy(words, key, sizeof words);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        h = (h ^ words[i]) * 1099511628211u;
        h ^= h >> 29;
    }
    return h;
}

static struct flow *flow_of(struct floor *f, const struct view *v)
{
    uint64_t at = hash(&v->key) & (SLOTS - 1);
    while (f->flows[at].used) {
        if (memcmp(&f->flows[at].key, &v->key, sizeof v->key) == 0) {
            return &f->flows[at];
        }
        at = (at + 1) & (SLOTS - 1);
    }
    f->flows[at].used = true;
    f->flows[at].key = v->key;
    f->flows[at].first_was_low = v->from_low;
    f->flow_count++;
    return &f->flows[at];
}

static unsigned cap_of(uint8_t protocol)
{
    return protocol == 6 ? MAX_TCP : protocol == 17 ? MAX_UDP : MAX_OTHER;
}

static void finish(struct floor *f, struct flow *flow, bool known)
{
    uint8_t guessed;
    if (!known) {
        (void)ndpi_detection_giveup(f->module, flow->state, 1, &guessed);
    }
    f->detected += known;
    ndpi_free_flow(flow->state);
    flow->state = NULL;
    flow->done = true;
}

static void inspect(struct floor *f, struct flow *flow, const struct view *v, uint64_t ms)
{
    if (flow->state == NULL) {
        flow->state = calloc(1, sizeof *flow->state);
    }
    uint32_t len = v->len < 65535 ? v->len : 65535;
    memcpy(f->copy, v->ip, len);
    memset(f->copy + len, 0, TAIL);
    flow->state->packet_direction = v->from_low == flow->first_was_low ? 0 : 1;
    ndpi_protocol p =
        ndpi_detection_process_packet(f->module, flow->state, f->copy, (uint16_t)len, ms);
    flow->fed++;
    bool known = p.app_protocol != 0 || p.master_protocol != 0;
    bool settled = known && ndpi_extra_dissection_possible(f->module, flow->state) == 0;
    if (settled || flow->fed >= cap_of(v->key.protocol)) {
        finish(f, flow, known);
    }
}

static void on_packet(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes)
{
    struct floor *f = (struct floor *)(void *)user;
    struct view v;
    f->packets++;
    if (!parse(bytes, header->caplen, &v)) {
        return;
    }
    struct flow *flow = flow_of(f, &v);
    unsigned dir = v.from_low ? 0 : 1;
    flow->bytes[dir] += v.len;
    flow->packets[dir]++;
    if (!flow->done) {
        inspect(f, flow, &v,
                (uint64_t)header->ts.tv_sec * 1000 + (uint64_t)header->ts.tv_usec / 1000);
    }
}

static void open_module(struct floor *f)
{
    NDPI_PROTOCOL_BITMASK all;
    f->module = ndpi_init_detection_module(ndpi_no_prefs);
    NDPI_BITMASK_SET_ALL(all);
    ndpi_set_protocol_detection_bitmask2(f->module, &all);
    ndpi_finalize_initialization(f->module);
    ndpi_set_detection_preferences(f->module, ndpi_pref_direction_detect_disable, 1);
}

int main(int argc, char **argv)
{
    char why[PCAP_ERRBUF_SIZE];
    struct floor *f = calloc(1, sizeof *f);
    pcap_t *pcap = argc == 2 ? pcap_open_offline(argv[1], why) : NULL;
    if (f == NULL || pcap == NULL || (f->flows = calloc(SLOTS, sizeof *f->flows)) == NULL) {
        (void)fprintf(stderr, "usage: ndpi_floor FILE (an Ethernet capture)\n");
        return 2;
    }
    open_module(f);
    int result = pcap_loop(pcap, -1, on_packet, (u_char *)f);
    printf("%llu flows, %llu packets, %llu known by content\n", (unsigned long long)f->flow_count,
           (unsigned long long)f->packets, (unsigned long long)f->detected);
    pcap_close(pcap);
    return result == 0 ? 0 : 1;
}
