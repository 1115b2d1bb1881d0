#include "agent/settings.h"

#include "agent/capture/source.h"
#include "agent/decode/fragment.h"
#include "agent/detect/detector.h"
#include "agent/engine_link.h"
#include "agent/limits.h"
#include "common/bus_url.h"
#include "common/loopback.h"
#include "common/tunnel.h"
#include "common/wire/subjects.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define KIB       1024ll
#define MIB       (1024 * KIB)
#define GIB       (1024 * MIB)
#define SECOND    1000ll
#define MINUTE    (60 * SECOND)
#define HOUR      (60 * MINUTE)
#define DAY       (24 * HOUR)
#define AT(field) offsetof(struct settings, field)

static int check_level(const char *value, struct err *e)
{
    enum log_level level;
    if (log_level_parse(value, &level) != 0) {
        return err_set(e, ERR_CONFIG, "use debug, info, warn or error");
    }
    return 0;
}

static int check_network(const char *value, struct err *e)
{
    struct addr_prefix prefix;
    if (addr_prefix_parse(value, &prefix) != 0) {
        return err_set(e, ERR_CONFIG,
                       "is no network; use the form 10.0.0.0/8 with all host bits zero");
    }
    return 0;
}

static bool is_no_tunnel(const char *word)
{
    return strcmp(word, "none") == 0;
}

static int check_tunnel(const char *value, struct err *e)
{
    enum tunnel_kind kind = tunnel_find(value);
    if (!is_no_tunnel(value) && (kind == TUNNEL_NONE || kind == TUNNEL_PPPOE)) {
        return err_set(e, ERR_CONFIG,
                       "is no tunnel to look into; use ipip, gre, erspan, vxlan, geneve, gtpu, "
                       "capwap, l2tp or none");
    }
    return 0;
}

static const struct conf_row rows[] = {
    {.key = "name",
     .type = CONF_TEXT,
     .offset = AT(name),
     .fallback = "",
     .help =
         "Name of this instance, [a-z0-9][a-z0-9-]{0,62}; required, its identity, never changed."},
    {.key = "site",
     .type = CONF_TEXT,
     .offset = AT(site),
     .fallback = "",
     .help = "Name of the site, for the log; the centre knows it from the token."},
    {.key = "token_file",
     .type = CONF_TEXT,
     .offset = AT(token_file),
     .fallback = "",
     .help =
         "File with the enrolment token; empty: PICKET_TOKEN is read. Not needed once enrolled."},
    {.key = "nats.urls",
     .type = CONF_LIST,
     .offset = AT(nats_urls),
     .fallback = "nats://127.0.0.1:4222",
     .check = bus_url_check,
     .help = "Addresses of the centre's NATS servers, nats:// or tls://."},
    {.key = "nats.ca",
     .type = CONF_TEXT,
     .offset = AT(nats_ca),
     .fallback = "",
     .help =
         "PEM file of the authority that signed the server's certificate; empty: the one that came "
         "with the token, else the system's."},
    {.key = "nats.allow_plain",
     .type = CONF_BOOL,
     .offset = AT(nats_allow_plain),
     .fallback = "false",
     .help =
         "Lets nats:// reach beyond this machine: whoever hears it may read all and act as this "
         "agent."},
    {.key = "capture.sources",
     .type = CONF_LIST,
     .offset = AT(capture_sources),
     .fallback = "any",
     .check = source_check,
     .reloadable = true,
     .help =
         "Interfaces to read (\"eth0\", or \"any\" for all), and capture files as "
         "\"file:PATH?OPTIONS\": \"loop\" begins again at the end, \"pace=N\" is the speed (1 the "
         "file's own, 2 twice that, 0 at once, as if it had just been recorded), \"keep-time\" leaves its times as they are, "
         "\"name=TEXT\" labels it. Flow exporters (NetFlow v5, v9, IPFIX) are heard on "
         "\"netflow:udp://ADDRESS:PORT?OPTIONS\": \"allow=NETWORK\" names who may send, as often as "
         "needed (private networks when left out; \"any\" for all), \"sampling=N\" sets a rate over "
         "what they tell, \"name=TEXT\" labels it. At most 8."},
    {.key = "capture.filter",
     .type = CONF_TEXT,
     .offset = AT(capture_filter),
     .fallback = "",
     .check = source_check_filter,
     .reloadable = true,
     .help = "Packets to read, in the language of pcap-filter(7); empty: all."},
    {.key = "capture.workers",
     .type = CONF_INT,
     .offset = AT(capture_workers),
     .fallback = "1",
     .min = 1,
     .max = ENGINE_MAX_WORKERS,
     .help =
         "Threads that share the packets of interfaces and files, all between two hosts going to the "
         "same one; what exporters send is read by the first."},
    {.key = "capture.ring",
     .type = CONF_BYTES,
     .offset = AT(capture_ring),
     .fallback = "64MiB",
     .min = 1 * MIB,
     .max = 1 * GIB,
     .reloadable = true,
     .help = "Size of the kernel's ring of each interface and worker."},
    {.key = "capture.snaplen",
     .type = CONF_BYTES,
     .offset = AT(capture_snaplen),
     .fallback = "65535B",
     .min = 128,
     .max = 262144,
     .reloadable = true,
     .help = "Bytes kept of each packet; DPI wants whole packets."},
    {.key = "capture.tunnels",
     .type = CONF_LIST,
     .offset = AT(capture_tunnels),
     .fallback = "ipip gre erspan vxlan geneve gtpu",
     .check = check_tunnel,
     .reloadable = true,
     .help =
         "Tunnels to look into, up to four in each other: flows are then those inside. Known: "
         "ipip, gre, erspan, vxlan, geneve, gtpu, capwap, l2tp; \"none\" for none. capwap and "
         "l2tp have too little in their headers to be told from other traffic on their ports, "
         "so they are looked into only when named. VLAN tags, MPLS and PPPoE are always passed."},
    {.key = "capture.fragments",
     .type = CONF_BYTES,
     .offset = AT(capture_fragments),
     .fallback = "8MiB",
     .min = 0,
     .max = 256 * MIB,
     .reloadable = true,
     .help =
         "Memory of each worker for putting fragmented datagrams together, 66 KiB each and used "
         "as they come, so 132KiB or more; 0: fragments count one by one."},
    {.key = "flow.max",
     .type = CONF_INT,
     .offset = AT(flow_max),
     .fallback = "131072",
     .min = 64,
     .max = 16777216,
     .reloadable = true,
     .help = "Live flows of each worker. In a full table a new flow takes the place of one that is "
             "over, unanswered, silent or short; else its packets are counted and refused."},
    {.key = "flow.half_open",
     .type = CONF_INT,
     .offset = AT(flow_half_open),
     .fallback = "131072",
     .min = 64,
     .max = 16777216,
     .reloadable = true,
     .help =
         "Connections of each worker that wait for their first answer (140 bytes each); of more "
         "the oldest is counted and given up."},
    {.key = "memory.max",
     .type = CONF_BYTES,
     .offset = AT(memory_max),
     .fallback = "4GiB",
     .min = 64 * MIB,
     .max = 1024 * GIB,
     .reloadable = true,
     .help = "What engine and control may take at most, capture rings not included. Tables have "
             "caps that are printed at the start; settings by which they could take more are "
             "refused."},
    {.key = "flow.idle_tcp",
     .type = CONF_DURATION,
     .offset = AT(flow_idle_tcp),
     .fallback = "300s",
     .min = SECOND,
     .max = 120 * MINUTE,
     .reloadable = true,
     .help = "Silence after which a TCP connection counts as ended."},
    {.key = "flow.idle_udp",
     .type = CONF_DURATION,
     .offset = AT(flow_idle_udp),
     .fallback = "30s",
     .min = SECOND,
     .max = 120 * MINUTE,
     .reloadable = true,
     .help = "The same for UDP."},
    {.key = "flow.idle_other",
     .type = CONF_DURATION,
     .offset = AT(flow_idle_other),
     .fallback = "10s",
     .min = SECOND,
     .max = 120 * MINUTE,
     .reloadable = true,
     .help = "The same for ICMP and all else."},
    {.key = "flow.unanswered",
     .type = CONF_DURATION,
     .offset = AT(flow_unanswered),
     .fallback = "5s",
     .min = SECOND,
     .max = 2 * MINUTE,
     .reloadable = true,
     .help = "How long a SYN may wait for its answer."},
    {.key = "flow.linger",
     .type = CONF_DURATION,
     .offset = AT(flow_linger),
     .fallback = "10s",
     .min = SECOND,
     .max = 5 * MINUTE,
     .reloadable = true,
     .help = "How long an ended flow stays in the live view; its record leaves at once."},
    {.key = "flow.report",
     .type = CONF_DURATION,
     .offset = AT(flow_report),
     .fallback = "60s",
     .min = 5 * SECOND,
     .max = 60 * MINUTE,
     .reloadable = true,
     .help = "How often a living flow leaves a record of what happened since the last one."},
    {.key = "dpi.enabled",
     .type = CONF_BOOL,
     .offset = AT(dpi_enabled),
     .fallback = "true",
     .reloadable = true,
     .help = "Look into packets for protocol, application and risks."},
    {.key = "dpi.disabled",
     .type = CONF_LIST,
     .offset = AT(dpi_disabled),
     .fallback = "",
     .reloadable = true,
     .help = "Protocols, by nDPI name, whose dissectors are switched off."},
    {.key = "dpi.strict",
     .type = CONF_BOOL,
     .offset = AT(dpi_strict),
     .fallback = "false",
     .reloadable = true,
     .help =
         "Alert on flows that hide what they are: encrypted from their first byte without a name, "
         "OpenVPN. Where such traffic is usual it tells nothing."},
    {.key = "dpi.max_states",
     .type = CONF_INT,
     .offset = AT(dpi_max_states),
     .fallback = "65536",
     .min = 64,
     .max = 4194304,
     .reloadable = true,
     .help = "Flows in inspection at one time, of each worker (about 1.4 KB each); further ones go "
             "without."},
    {.key = "networks.local",
     .type = CONF_LIST,
     .offset = AT(networks_local),
     .check = check_network,
     .fallback = "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 169.254.0.0/16 127.0.0.0/8 ::1/128 "
                 "fe80::/10 fc00::/7",
     .reloadable = true,
     .help = "Networks whose hosts count as local."},
    {.key = "hosts.max",
     .type = CONF_INT,
     .offset = AT(hosts_max),
     .fallback = "65536",
     .min = 64,
     .max = 4194304,
     .help = "Hosts kept in the host table; traffic of further ones is counted as a whole."},
    {.key = "assets.max",
     .type = CONF_INT,
     .offset = AT(assets_max),
     .fallback = "8192",
     .min = 64,
     .max = 65536,
     .help = "Local hosts kept as assets (about 5 KB each once used); further ones are counted and "
             "refused."},
    {.key = "assets.learn",
     .type = CONF_DURATION,
     .offset = AT(assets_learn),
     .fallback = "24h",
     .min = 0,
     .max = 90 * DAY,
     .reloadable = true,
     .help = "Time after the very first start in which nothing is alerted as new or changed, while "
             "the agent gets to know the site."},
    {.key = "assets.learn_services",
     .type = CONF_DURATION,
     .offset = AT(assets_learn_services),
     .fallback = "7d",
     .min = 0,
     .max = 90 * DAY,
     .reloadable = true,
     .help = "How long an asset must have been known before a port that it newly answers on is "
             "alerted."},
    {.key = "assets.offline_after",
     .type = CONF_DURATION,
     .offset = AT(assets_offline_after),
     .fallback = "10m",
     .min = 10 * SECOND,
     .max = 1 * DAY,
     .reloadable = true,
     .help = "Silence after which an asset counts as offline."},
    {.key = "assets.always_on",
     .type = CONF_DURATION,
     .offset = AT(assets_always_on),
     .fallback = "24h",
     .min = 10 * SECOND,
     .max = 90 * DAY,
     .reloadable = true,
     .help = "Unbroken presence that makes a device always-on: when such a one goes offline, that "
             "is an alert."},
    {.key = "assets.vendors",
     .type = CONF_TEXT,
     .offset = AT(assets_vendors),
     .fallback = "/usr/share/ieee-data",
     .help = "Folder with the registries of network cards, as the package ieee-data installs "
             "them."},
    {.key = "geo.country",
     .type = CONF_TEXT,
     .offset = AT(geo_country),
     .fallback = "/var/lib/GeoIP/GeoLite2-Country.mmdb",
     .reloadable = true,
     .help = "MMDB file that tells the country of an address; read anew when it changes. Absent: "
             "countries are not known, which is no fault. Empty: not looked for."},
    {.key = "geo.asn",
     .type = CONF_TEXT,
     .offset = AT(geo_asn),
     .fallback = "/var/lib/GeoIP/GeoLite2-ASN.mmdb",
     .reloadable = true,
     .help = "The same for autonomous systems."},
    {.key = "spool.dir",
     .type = CONF_TEXT,
     .offset = AT(spool_dir),
     .fallback = "/var/lib/picket/agent",
     .help = "Folder for identity, spool and alert state."},
    {.key = "spool.cap",
     .type = CONF_BYTES,
     .offset = AT(spool_cap),
     .fallback = "2GiB",
     .min = 1 * MIB,
     .max = 1024 * GIB,
     .help = "Size of the spool; when it is full the oldest flows go first, alerts last, and every "
             "drop is reported."},
    {.key = "log.level",
     .type = CONF_TEXT,
     .offset = AT(log_level),
     .fallback = "info",
     .check = check_level,
     .reloadable = true,
     .help = "Lowest level that is logged: debug, info, warn or error."},
    {.key = "detect.scan_ports",
     .type = CONF_INT,
     .offset = AT(detect_scan_ports),
     .fallback = "20",
     .min = 3,
     .max = DETECT_SCAN_MAX,
     .reloadable = true,
     .help = "Ports of one host that a source tries in vain within detect.window before it counts "
             "as a port scan."},
    {.key = "detect.scan_hosts",
     .type = CONF_INT,
     .offset = AT(detect_scan_hosts),
     .fallback = "50",
     .min = 3,
     .max = DETECT_SCAN_MAX,
     .reloadable = true,
     .help = "Hosts on which a source tries one port in vain within detect.window before it counts "
             "as a sweep."},
    {.key = "detect.window",
     .type = CONF_DURATION,
     .offset = AT(detect_window),
     .fallback = "60s",
     .min = 5 * SECOND,
     .max = 60 * MINUTE,
     .reloadable = true,
     .help = "Time over which attempts are counted."},
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

static void check_name(const struct settings *s, struct conf_faults *faults)
{
    if (s->name != NULL && !name_is_valid(s->name)) { /* NULL: a fault already */
        conf_fault(faults,
                   "name = %s: is no name; use [a-z0-9][a-z0-9-]{0,62}, such as office-3, or set "
                   "PICKET_NAME",
                   s->name);
    }
}

static void check_urls(const struct settings *s, struct conf_faults *faults)
{
    for (size_t i = 0; i < s->nats_urls.count && !s->nats_allow_plain; i++) {
        if (loopback_is_plain_abroad(s->nats_urls.items[i])) {
            conf_fault(faults,
                       "nats.urls: \"%s\" is plain text beyond this machine; use tls://, or set "
                       "nats.allow_plain where a tunnel protects it",
                       s->nats_urls.items[i]);
        }
    }
}

/* Every table has a cap: what all of them take is known, and must be allowed. */
static void check_memory(const struct settings *s, struct conf_faults *faults)
{
    const struct limits limits = limits_of(s);
    uint64_t needed = limits_bytes(&limits);
    if (needed > (uint64_t)s->memory_max) {
        conf_fault(faults,
                   "memory.max: %" PRId64 " MiB are less than the %" PRIu64 " MiB that all tables "
                   "may take; raise it, or lower flow.max, flow.half_open, dpi.max_states, "
                   "hosts.max, assets.max or capture.workers",
                   (int64_t)(s->memory_max / MIB), (uint64_t)(needed / MIB));
    }
}

static void check_fragments(const struct settings *s, struct conf_faults *faults)
{
    if (s->capture_fragments > 0 && s->capture_fragments < FRAGMENTS_MIN_BYTES) {
        conf_fault(faults,
                   "capture.fragments: %" PRId64
                   " bytes are less than two datagrams take; raise it "
                   "to %d KiB or more, or set 0 to put none together",
                   s->capture_fragments, FRAGMENTS_MIN_BYTES / 1024);
    }
}

static void check_sources(const struct settings *s, struct conf_faults *faults)
{
    const struct conf_list *list = &s->capture_sources;
    if (list->count == 0) {
        conf_fault(faults, "capture.sources: empty; name at least one interface or file");
    }
    if (list->count > ENGINE_MAX_SOURCES) {
        conf_fault(faults, "capture.sources: %zu are too many; name at most %d", list->count,
                   ENGINE_MAX_SOURCES);
    }
}

/* A word that is no network is a fault already. */
static void parse_networks(struct settings *s, struct conf_faults *faults)
{
    const struct conf_list *list = &s->networks_local;
    if (list->count > SETTINGS_MAX_NETWORKS) {
        conf_fault(faults, "networks.local: %zu are too many; name at most %d", list->count,
                   SETTINGS_MAX_NETWORKS);
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (addr_prefix_parse(list->items[i], &s->local[s->local_count]) == 0) {
            s->local_count++;
        }
    }
}

/* A word that is no tunnel is a fault already. */
static void parse_tunnels(struct settings *s, struct conf_faults *faults)
{
    const struct conf_list *list = &s->capture_tunnels;
    for (size_t i = 0; i < list->count; i++) {
        enum tunnel_kind kind = tunnel_find(list->items[i]);
        s->tunnels |= kind == TUNNEL_NONE ? 0 : TUNNEL_BIT(kind);
        if (is_no_tunnel(list->items[i]) && list->count > 1) {
            conf_fault(faults,
                       "capture.tunnels: \"none\" stands alone; leave it out, or the others");
        }
    }
}

struct settings *settings_load(const char *path, struct conf_faults *faults)
{
    struct settings *s = calloc(1, sizeof *s);
    if (s == NULL) {
        conf_fault(faults, "no memory for the settings");
        return NULL;
    }
    (void)conf_load(rows, ROW_COUNT, path, s, faults); /* its faults are counted below */
    if (!faults->no_file) {
        check_name(s, faults);
        check_sources(s, faults);
        check_fragments(s, faults);
        check_memory(s, faults);
        bus_urls_check(&s->nats_urls, faults);
        check_urls(s, faults);
        parse_networks(s, faults);
        parse_tunnels(s, faults);
    }
    if (faults->count > 0) {
        settings_free(s);
        return NULL;
    }
    return s;
}

/* Puts the one word into capture.sources in place of the default. */
static int set_file_source(struct settings *s, const char *path, struct err *e)
{
    static const char form[] = "file:%s?pace=0&keep-time";
    size_t size = strlen(path) + sizeof form;
    char *word = malloc(size);
    if (word == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for the settings");
    }
    (void)snprintf(word, size, form, path); /* the form's %s leaves room to spare */
    free(s->capture_sources.items[0]);
    s->capture_sources.items[0] = word;
    return source_check(word, e);
}

struct settings *settings_for_file(const char *path, struct err *e)
{
    struct conf_faults faults = {0};
    struct settings *s = calloc(1, sizeof *s);
    if (s == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for the settings");
        return NULL;
    }
    int result = conf_load(rows, ROW_COUNT, NULL, s, &faults);
    if (result != 0) {
        (void)err_set(e, ERR_CONFIG, "%s", faults.text);
    } else if (s->capture_sources.count != 1) {
        result = err_set(e, ERR_CONFIG, "PICKET_CAPTURE_SOURCES is set; a file is read alone");
    } else {
        result = set_file_source(s, path, e);
        parse_tunnels(s, &faults); /* the environment may set them; a fault shows as none */
    }
    conf_faults_done(&faults);
    if (result != 0) {
        settings_free(s);
        return NULL;
    }
    return s;
}

void settings_free(struct settings *s)
{
    if (s != NULL) {
        conf_done(rows, ROW_COUNT, s);
        free(s);
    }
}

enum log_level settings_log_level(const struct settings *s)
{
    enum log_level level = LOG_LEVEL_INFO;
    (void)log_level_parse(s->log_level, &level); /* checked when it was loaded */
    return level;
}

static bool lists_differ(const struct conf_list *a, const struct conf_list *b)
{
    if (a->count != b->count) {
        return true;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->items[i], b->items[i]) != 0) {
            return true;
        }
    }
    return false;
}

static size_t size_of(enum conf_type type)
{
    switch (type) {
    case CONF_TEXT: return sizeof(char *);
    case CONF_LIST: return sizeof(struct conf_list);
    case CONF_BOOL: return sizeof(bool);
    case CONF_INT:
    case CONF_DURATION:
    case CONF_BYTES: return sizeof(int64_t);
    }
    return 0;
}

static bool values_differ(enum conf_type type, const void *a, const void *b)
{
    if (type == CONF_TEXT) {
        return strcmp(*(char *const *)a, *(char *const *)b) != 0;
    }
    if (type == CONF_LIST) {
        return lists_differ(a, b);
    }
    return memcmp(a, b, size_of(type)) != 0;
}

int settings_disable(struct settings *s, const char *protocol, struct err *e)
{
    struct conf_list *list = &s->dpi_disabled;
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], protocol) == 0) {
            return 0;
        }
    }
    char *copy = strdup(protocol);
    char **items = reallocarray(list->items, list->count + 1, sizeof *items);
    if (items != NULL) {
        list->items = items;
    }
    if (copy == NULL || items == NULL) {
        free(copy);
        return err_set(e, ERR_NOMEM, "no memory for dpi.disabled");
    }
    items[list->count++] = copy;
    return 0;
}

bool settings_adopt(struct settings *s, struct settings *fresh)
{
    bool waits = false;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        unsigned char held[sizeof(struct conf_list)]; /* the largest of them */
        void *mine = (char *)s + rows[i].offset;
        void *theirs = (char *)fresh + rows[i].offset;
        if (!rows[i].reloadable) {
            waits |= values_differ(rows[i].type, mine, theirs);
            continue;
        }
        memcpy(held, mine, size_of(rows[i].type));
        memcpy(mine, theirs, size_of(rows[i].type));
        memcpy(theirs, held, size_of(rows[i].type));
    }
    memcpy(s->local, fresh->local, sizeof s->local);
    s->local_count = fresh->local_count;
    s->tunnels = fresh->tunnels;
    return waits;
}

/* capture.workers is missing on purpose: the shared memory is laid out for it once. */
bool settings_engine_differs(const struct settings *from, const struct settings *to)
{
    return lists_differ(&from->capture_sources, &to->capture_sources) ||
           strcmp(from->capture_filter, to->capture_filter) != 0 ||
           from->capture_ring != to->capture_ring || from->capture_snaplen != to->capture_snaplen ||
           from->tunnels != to->tunnels || from->capture_fragments != to->capture_fragments ||
           from->flow_max != to->flow_max || from->flow_half_open != to->flow_half_open ||
           from->flow_idle_tcp != to->flow_idle_tcp || from->flow_idle_udp != to->flow_idle_udp ||
           from->flow_idle_other != to->flow_idle_other ||
           from->flow_unanswered != to->flow_unanswered || from->flow_linger != to->flow_linger ||
           from->flow_report != to->flow_report || from->dpi_enabled != to->dpi_enabled ||
           from->dpi_strict != to->dpi_strict ||
           lists_differ(&from->dpi_disabled, &to->dpi_disabled) ||
           from->dpi_max_states != to->dpi_max_states;
}

bool settings_is_local(const struct settings *s, enum addr_family family, const struct addr *addr)
{
    for (size_t i = 0; i < s->local_count; i++) {
        if (addr_in_prefix(family, addr, &s->local[i])) {
            return true;
        }
    }
    return false;
}

void settings_print(const struct settings *s, FILE *out)
{
    conf_print(rows, ROW_COUNT, s, out);
}

void settings_print_markdown(FILE *out)
{
    conf_print_markdown(rows, ROW_COUNT, "picket-agent", out);
}
