/*
 * What the ends of a flow give away of themselves before they speak in cipher: fingerprints of
 * their programs and of their operating systems. Part of a flow record since schema 6.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader;
struct writer;

enum {
    PRINTS_VERSION = 1, /* of all definitions below; another number is another meaning */
    PRINT_JA4_SIZE = 37,
    PRINT_MD5_SIZE = 16,
    PRINT_AGENT_SIZE = 96,
    PRINT_SYN_HASH_SIZE = 6,
    PRINT_SYN_OPTIONS_MAX = 40,
    PRINT_SYN_TEXT_SIZE = 32,
    PRINT_MD5_TEXT_SIZE = 33,
};

/* What the flow spoke, and so which of the fingerprints below there are. */
enum print_kind {
    PRINT_NONE = 0,
    PRINT_TLS = 1,  /* in TCP, QUIC or DTLS: JA4; client is JA3, server JA3S */
    PRINT_SSH = 2,  /* client is HASSH, server hasshServer */
    PRINT_HTTP = 3, /* user_agent */
    PRINT_KINDS,
};

/* Bits of print_program.known. */
enum print_known { PRINT_CLIENT = 1, PRINT_SERVER = 2 };

struct print_program {
    uint8_t kind;  /* enum print_kind */
    uint8_t known; /* bits of enum print_known: which of client and server stand */
    union {
        struct {
            char ja4[PRINT_JA4_SIZE]; /* "" when there is none */
            uint8_t client[PRINT_MD5_SIZE];
            uint8_t server[PRINT_MD5_SIZE];
        };
        char user_agent[PRINT_AGENT_SIZE];
    };
};

/* A client's SYN: "2_64_64240_5ec4846073b9", in two definitions of the last part. */
struct print_syn {
    uint16_t flags;  /* the 12 bits of the header (RFC 9293, RFC 3168); 0: no SYN was seen */
    uint16_t window; /* as in the header, not scaled */
    uint8_t ttl;     /* rounded up to 32, 64, 128, 192 or 255 */
    uint8_t option_len;
    uint8_t options[PRINT_SYN_OPTIONS_MAX]; /* as sent, the timestamps' values zero */
    uint8_t hops;                           /* ttl less what the packet had */
    uint8_t hash[PRINT_SYN_HASH_SIZE];      /* TCPFP 0.4: what every path leaves as it was */
    uint8_t hash_2025[PRINT_SYN_HASH_SIZE]; /* with all values, and past the end of options */
};

struct flow_prints {
    struct print_program program;
    struct print_syn syn;
};

void prints_write(struct writer *w, const struct flow_prints *p);
void prints_read(struct reader *r, struct flow_prints *p);
/* True when every number is one that can be, and every text is printable ASCII and ended. */
bool prints_are_sound(const struct flow_prints *p);

/* What a person or a list compares: each fingerprint as its definition writes it, "" when none. */
struct print_texts {
    char ja4[PRINT_JA4_SIZE];
    char ja3[PRINT_MD5_TEXT_SIZE];
    char ja3s[PRINT_MD5_TEXT_SIZE];
    char hassh[PRINT_MD5_TEXT_SIZE];
    char hassh_server[PRINT_MD5_TEXT_SIZE];
    char user_agent[PRINT_AGENT_SIZE];
    char tcp[PRINT_SYN_TEXT_SIZE];
    char tcp_2025[PRINT_SYN_TEXT_SIZE];
};

void prints_texts(const struct flow_prints *p, struct print_texts *t);
/*
 * [{"name", "version", "side", "value"}…], as answers carry it: what the definition is called and
 * its version, whose it is ("client" or "server"). Empty when nothing is known; NULL: no memory.
 */
json_t *prints_row(const struct print_texts *t);
