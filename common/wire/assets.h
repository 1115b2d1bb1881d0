/*
 * An asset on its way from an agent to the centre, as JSON: a local host with all that is known of
 * it, and what changed since its last record. Each record stands for itself, so one that is lost
 * costs only its changes. The agent's own state file holds the same records. Stream "asset",
 * schema 2.
 */
#pragma once

#include "common/addr.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ASSET_SCHEMA = 2,
    ASSET_PACKED_MAX = 16384,
    ASSET_NAME_SIZE = 128, /* bytes, NUL included; longer names are not taken */
    ASSET_VENDOR_SIZE = 64,
    ASSET_WORD_SIZE = 32,    /* of a service's name and protocol */
    ASSET_NAMES_MAX = 8,     /* the most recently seen stay */
    ASSET_SERVICES_MAX = 24, /* the first seen stay */
    ASSET_CLUE_SIZE = 96,
    ASSET_CLUES_MAX = 7,   /* one of each kind */
    ASSET_CHANGES_MAX = 4, /* since the last record; of more the newest are told */
};

/* Where a name was seen. The words are stored: never rename one. */
enum asset_source {
    ASSET_FROM_DHCP = 1, /* the host said so itself when it asked for an address */
    ASSET_FROM_MDNS,     /* multicast DNS, likewise */
    ASSET_FROM_NETBIOS,  /* NetBIOS name service, likewise */
    ASSET_FROM_LLMNR,    /* an answer to a link-local question */
    ASSET_FROM_DNS,      /* an answer of a name server */
    ASSET_FROM_TLS,      /* what clients asked this server for: SNI, also of QUIC */
    ASSET_FROM_HTTP,     /* the same: the Host header */
    ASSET_SOURCE_END,
};
const char *asset_source_word(enum asset_source source); /* "dhcp", "mdns", … */

/* What a change is about. The words are stored: never rename one. */
enum asset_change_kind {
    ASSET_CHANGE_NEW = 1,
    ASSET_CHANGE_MAC,
    ASSET_CHANGE_NAME,    /* the first of a source, or another than before */
    ASSET_CHANGE_SERVICE, /* a service not seen before */
    ASSET_CHANGE_ONLINE,
    ASSET_CHANGE_OFFLINE,
    ASSET_CHANGE_END,
};
const char *asset_change_word(enum asset_change_kind kind); /* "new", "mac", … */

/* What a host runs and what it is. The words are stored: never rename one. */
enum asset_os {
    ASSET_OS_UNKNOWN = 0,
    ASSET_OS_WINDOWS,
    ASSET_OS_MACOS,
    ASSET_OS_IOS,
    ASSET_OS_APPLE, /* one of the two before, and nothing tells which */
    ASSET_OS_ANDROID,
    ASSET_OS_LINUX,
    ASSET_OS_FREEBSD,
    ASSET_OS_END,
};
const char *asset_os_word(enum asset_os os); /* "windows", …; "" when it is not known */

enum asset_device {
    ASSET_DEVICE_UNKNOWN = 0,
    ASSET_DEVICE_COMPUTER,
    ASSET_DEVICE_MOBILE, /* a telephone or tablet */
    ASSET_DEVICE_PRINTER,
    ASSET_DEVICE_NETWORK, /* a router, switch or access point */
    ASSET_DEVICE_CAMERA,
    ASSET_DEVICE_VOIP, /* a desk telephone */
    ASSET_DEVICE_STORAGE,
    ASSET_DEVICE_MEDIA, /* a television, player or loudspeaker */
    ASSET_DEVICE_END,
};
const char *asset_device_word(enum asset_device device); /* likewise */

/* What tells it. The words are stored: never rename one. */
enum asset_clue_kind {
    ASSET_CLUE_DHCP_OPTIONS = 1, /* option 55: what the client asks the server for, in its order */
    ASSET_CLUE_DHCP_CLASS,       /* option 60 */
    ASSET_CLUE_TCP,              /* its SYN */
    ASSET_CLUE_USER_AGENT,       /* of clear HTTP */
    ASSET_CLUE_JA4,              /* its TLS offer: the program, not the system */
    ASSET_CLUE_VENDOR,           /* of its card */
    ASSET_CLUE_SERVICE,          /* what it serves */
    ASSET_CLUE_END,
};
const char *asset_clue_word(enum asset_clue_kind kind); /* "dhcp_options", … */

struct asset_clue {
    uint8_t kind;   /* enum asset_clue_kind */
    uint8_t weight; /* what it counted for in the verdict, aged; 0: it says nothing to us */
    char value[ASSET_CLUE_SIZE];
    char says[ASSET_WORD_SIZE]; /* for people: "Linux or Android", "Firefox"; "" when nothing */
    uint64_t last_ns;
};

/* Times are wall time in ns, UTC. */
struct asset_name {
    uint8_t source; /* enum asset_source */
    char name[ASSET_NAME_SIZE];
    uint64_t first_ns, last_ns;
};

struct asset_service {
    uint8_t transport; /* IANA number: TCP or UDP */
    uint16_t port;
    char name[ASSET_WORD_SIZE];     /* what it is, such as "https"; "" when neither is known */
    char protocol[ASSET_WORD_SIZE]; /* what DPI saw on it; "" when it could not tell */
    uint64_t first_ns, last_ns;
};

struct asset_change {
    uint8_t kind; /* enum asset_change_kind */
    uint64_t at_ns;
    char before[ASSET_NAME_SIZE]; /* "" when there was nothing */
    char after[ASSET_NAME_SIZE];
};

struct wire_asset {
    struct addr addr;
    uint8_t family;  /* enum addr_family */
    uint16_t vlan;   /* outermost VLAN id, 0 when untagged */
    struct mac mac;  /* zero when the link has none */
    bool mac_shared; /* the MAC carries many addresses: a router's, or this is the router */
    bool online;
    bool always_on; /* it was online without a break for long: silence of it is worth an alert */
    bool missing;   /* such an alert is engaged on it */
    char vendor[ASSET_VENDOR_SIZE]; /* of the MAC; "" when it is not known */
    uint64_t first_ns, last_ns;     /* first and last packet that it sent */
    uint64_t since_ns;              /* online or offline since */
    uint8_t os, os_score;           /* enum asset_os; 0-100: sum of the weights that say so */
    uint8_t device, device_score;   /* enum asset_device; likewise */
    uint8_t name_count, service_count, change_count, clue_count;
    struct asset_name names[ASSET_NAMES_MAX];
    struct asset_service services[ASSET_SERVICES_MAX];
    struct asset_clue clues[ASSET_CLUES_MAX];
    struct asset_change changes[ASSET_CHANGES_MAX]; /* oldest first */
};

/* The name to call it by: its own before what others call it, the latest first; "" for none. */
const char *wire_asset_name(const struct wire_asset *a);

/* JSON text into buf without the final NUL; returns bytes, or 0 when it does not fit. */
size_t wire_asset_pack(const struct wire_asset *a, void *buf, size_t size);
/* What is over a cap is refused: no honest agent sends it. 0, or -1 and e. */
int wire_asset_unpack(const void *bytes, size_t len, struct wire_asset *a, struct err *e);
