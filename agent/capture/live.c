/*
 * Live interfaces by libpcap: AF_PACKET with TPACKET_V3, non-blocking, so that the worker polls
 * the descriptor itself (a blocking dispatch does not return on a silent wire). "any" gives Linux
 * cooked packets of all interfaces.
 */
#include "agent/capture/fanout.h"
#include "agent/capture/kind.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_TIMEOUT_MS = 15, /* how long the kernel may gather packets before it tells us */
    SNAPLEN_ANY = 262144,  /* libpcap's own most, for filters that are only tried */
};

struct live_source {
    struct source head;
    pcap_t *pcap;
    int link_type;
    uint32_t dropped; /* pcap's count when last asked; wraps */
    /*
     * Of a shared interface: what was stamped before the first read was spread while not all
     * workers had joined, and is passed over. 0: nothing to pass over any more.
     */
    bool shared;
    bool began;
    uint64_t since_ns;
};

struct hand_on {
    packet_fn fn;
    void *arg;
    uint64_t latest_ns; /* no packet can be of later */
    struct live_source *live;
};

static bool is_early(struct live_source *live, uint64_t stamp_ns)
{
    if (stamp_ns < live->since_ns) {
        return true;
    }
    live->since_ns = 0;
    return false;
}

static void on_packet(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes)
{
    struct hand_on hand;
    memcpy(&hand, user, sizeof hand);
    /* Opened with nanosecond stamps: tv_usec holds nanoseconds. */
    uint64_t stamp_ns = (uint64_t)header->ts.tv_sec * 1000000000u + (uint64_t)header->ts.tv_usec;
    if (is_early(hand.live, stamp_ns)) {
        return;
    }
    struct packet_view view = {
        .bytes = bytes,
        .caplen = header->caplen,
        .len = header->len,
        /* Stamped before the clock was set back. */
        .time_ns = stamp_ns < hand.latest_ns ? stamp_ns : hand.latest_ns,
        .link_type = hand.live->link_type,
    };
    hand.fn(&view, hand.arg);
}

static void begin(struct live_source *live, uint64_t now_ns)
{
    if (!live->began) {
        live->began = true;
        live->since_ns = live->shared ? now_ns : 0;
    } else if (live->since_ns > now_ns) {
        live->since_ns = 0; /* the clock was set back */
    }
}

static enum source_result live_read(struct source *s, unsigned limit, uint64_t now_ns, packet_fn fn,
                                    void *arg)
{
    struct live_source *live = (struct live_source *)s;
    begin(live, now_ns);
    struct hand_on hand = {.fn = fn,
                           .arg = arg,
                           .latest_ns = now_ns + SOURCE_STEP_NS, /* a batch takes a moment */
                           .live = live};
    int count = pcap_dispatch(live->pcap, (int)limit, on_packet, (u_char *)&hand);
    if (count < 0) {
        (void)snprintf(s->error, sizeof s->error, "%s", pcap_geterr(live->pcap)); /* may be cut */
        return SOURCE_ERROR;
    }
    return (unsigned)count == limit ? SOURCE_MORE : SOURCE_AGAIN;
}

static void live_stats(struct source *s, uint64_t *dropped)
{
    struct live_source *live = (struct live_source *)s;
    struct pcap_stat stat = {0};
    if (pcap_stats(live->pcap, &stat) == 0) {
        *dropped += (uint32_t)(stat.ps_drop - live->dropped);
        live->dropped = stat.ps_drop;
    }
}

static void live_close(struct source *s)
{
    struct live_source *live = (struct live_source *)s;
    if (live->pcap != NULL) {
        pcap_close(live->pcap);
    }
    free(live);
}

static const struct source_ops live_ops = {
    .read = live_read,
    .stats = live_stats,
    .close = live_close,
};

static void set_up(pcap_t *pcap, const char *interface, const struct source_options *options)
{
    /* These fail only on an active handle. */
    (void)pcap_set_snaplen(pcap, (int)options->snaplen);
    (void)pcap_set_buffer_size(pcap, (int)options->ring);
    (void)pcap_set_timeout(pcap, BLOCK_TIMEOUT_MS);
    (void)pcap_set_promisc(pcap, strcmp(interface, "any") != 0);
    /* Not every kernel offers nanoseconds; libpcap then scales what it has. */
    (void)pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
}

static int activate(pcap_t *pcap, const char *interface, struct err *e)
{
    int result = pcap_activate(pcap);
    if (result < 0) {
        const char *why = pcap_geterr(pcap);
        return err_set(e, ERR_IO, "%s: %s", interface,
                       why[0] != '\0' ? why : pcap_statustostr(result));
    }
    char buf[PCAP_ERRBUF_SIZE];
    if (pcap_setnonblock(pcap, 1, buf) != 0) {
        return err_set(e, ERR_IO, "%s: %s", interface, buf);
    }
    return 0;
}

static int set_filter(pcap_t *pcap, const char *text, struct err *e)
{
    if (text[0] == '\0') {
        return 0;
    }
    struct bpf_program program;
    if (pcap_compile(pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN) != 0) {
        return err_set(e, ERR_CONFIG, "capture.filter: %s", pcap_geterr(pcap));
    }
    int result = pcap_setfilter(pcap, &program);
    pcap_freecode(&program);
    return result == 0 ? 0 : err_set(e, ERR_IO, "capture.filter: %s", pcap_geterr(pcap));
}

/* Whether the filter compiles for packets of this link type; else libpcap's words. */
static int try_filter(const char *filter, int link_type, struct err *e)
{
    struct bpf_program program;
    pcap_t *pcap = pcap_open_dead(link_type, SNAPLEN_ANY);
    if (pcap == NULL) {
        return err_set(e, ERR_NOMEM, "could not be compiled: memory is short");
    }
    int result = pcap_compile(pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN);
    if (result == 0) {
        pcap_freecode(&program);
    } else {
        (void)err_set(e, ERR_CONFIG, "is no filter: %s; see pcap-filter(7)", pcap_geterr(pcap));
    }
    pcap_close(pcap);
    return result == 0 ? 0 : -1;
}

const char *source_link_name(int link_type, char *buf, size_t size)
{
    const char *name = pcap_datalink_val_to_name(link_type);
    (void)snprintf(buf, size, "%d", link_type);
    return name != NULL ? name : buf;
}

int source_check_filter(const char *filter, struct err *e)
{
    if (strlen(filter) >= SOURCE_FILTER_SIZE) {
        return err_set(e, ERR_CONFIG, "is too long; use at most %d characters",
                       SOURCE_FILTER_SIZE - 1);
    }
    /* What "any" gives has no Ethernet header, and some filters are about just that. */
    struct err other;
    return try_filter(filter, DLT_EN10MB, e) == 0 || try_filter(filter, DLT_LINUX_SLL2, &other) == 0
               ? 0
               : -1;
}

struct source *source_open_live(const char *interface, const struct source_options *options,
                                struct err *e)
{
    char buf[PCAP_ERRBUF_SIZE] = "";
    struct live_source *live = calloc(1, sizeof *live);
    if (live == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for a source");
        return NULL;
    }
    live->head = (struct source){.ops = &live_ops, .fd = -1, .live = true};
    live->shared = options->fanout > 1;
    (void)source_label(interface, live->head.label);
    live->pcap = pcap_create(interface, buf);
    if (live->pcap == NULL) {
        (void)err_set(e, ERR_IO, "%s: %s", interface, buf);
        goto out;
    }
    set_up(live->pcap, interface, options);
    if (activate(live->pcap, interface, e) != 0 ||
        set_filter(live->pcap, options->filter, e) != 0 ||
        (live->shared && fanout_join(pcap_fileno(live->pcap), options->fanout_group,
                                     options->fanout_key, e) != 0)) {
        goto out;
    }
    live->link_type = pcap_datalink(live->pcap);
    live->head.link_type = live->link_type;
    live->head.fd = pcap_get_selectable_fd(live->pcap);
    return &live->head;
out:
    live_close(&live->head);
    return NULL;
}
