/*
 * The first messages of TLS (RFC 8446, RFC 5246), of DTLS (RFC 6347, RFC 9147) and of TLS in QUIC:
 * what client and server offer each other in the clear. Read from hostile bytes, without memory of
 * its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TLS_CIPHERS_MAX = 512, /* a hello with more than any of these counts as unreadable */
    TLS_EXTENSIONS_MAX = 128,
    TLS_GROUPS_MAX = 64,
    TLS_SIGNATURES_MAX = 64,
    TLS_FORMATS_MAX = 16,
    TLS_HANDSHAKE_HEADER = 4,
};

enum tls_message { TLS_CLIENT_HELLO = 1, TLS_SERVER_HELLO = 2 };

/* How the bytes of a message stand on the wire. */
enum tls_framing {
    TLS_RECORDS,  /* a stream of records */
    TLS_DATAGRAM, /* DTLS, whose messages carry their place in a flight */
    TLS_BARE,     /* handshake messages one after another, as in QUIC */
};

enum tls_result {
    TLS_FOUND,
    TLS_MORE, /* so far it is one; the rest has yet to come */
    TLS_NOT,
};

/* Codes in wire order, GREASE (RFC 8701) left out. */
struct tls_client {
    uint16_t version; /* of the hello itself */
    uint16_t newest;  /* of supported_versions; else as version */
    bool datagram;
    bool names_server;
    uint8_t alpn_len;    /* of the first protocol offered; 0 none */
    const uint8_t *alpn; /* borrowed */
    uint16_t cipher_count;
    uint16_t extension_count;
    uint16_t group_count;
    uint16_t signature_count;
    uint16_t format_count;
    uint16_t ciphers[TLS_CIPHERS_MAX];
    uint16_t extensions[TLS_EXTENSIONS_MAX];
    uint16_t groups[TLS_GROUPS_MAX];
    uint16_t signatures[TLS_SIGNATURES_MAX];
    uint8_t formats[TLS_FORMATS_MAX];
};

struct tls_server {
    uint16_t version;
    uint16_t cipher;
    uint16_t extension_count;
    uint16_t extensions[TLS_EXTENSIONS_MAX];
};

/* A message's body, borrowed from the bytes or from the scratch that it was put together in. */
struct tls_body {
    const uint8_t *bytes;
    size_t len;
};

/*
 * Finds the message at the very beginning of the bytes. Its body may stand in several records: it
 * is then put together in scratch, and one that does not fit there is TLS_NOT.
 */
enum tls_result tls_find(enum tls_framing framing, enum tls_message type, const uint8_t *bytes,
                         size_t len, uint8_t *scratch, size_t scratch_size, struct tls_body *body);
/* False when the body is malformed, or has more of something than we take. */
bool tls_read_client(const struct tls_body *body, bool datagram, struct tls_client *hello);
bool tls_read_server(const struct tls_body *body, struct tls_server *hello);
