/*
 * Writes generated captures to standard output, for figures that want more flows than any recorded
 * file has.
 *   traffic mix FLOWS          so many flows that live at one time, of a site's usual mix, in 20 s
 *   traffic flood SYNS FLOWS   forged SYNs of as many sources, among a few established flows that
 *                              go on: two bytes from each client after every 1/100 of the SYNs
 * All by arithmetic: the same words give the same bytes.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINKTYPE_ETHERNET = 1,
    ETHERNET = 14,
    IPV4 = 20,
    TCP = 20,
    UDP = 8,
    FRAME_MAX = 1514,
    BEGIN_S = 1700000000,
    SPAN_MS = 16000, /* flows begin within it */
    END_MS = 20000,
    ROUNDS = 100, /* of a flood */
};

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17 };

/* One flow of the mix; all of it follows from its number. */
struct ends {
    uint32_t client;
    uint32_t server;
    uint16_t client_port;
    uint16_t server_port;
    uint32_t number;
};

enum payload { NOTHING, CLIENT_HELLO, SERVER_HELLO, HTTP_GET, HTTP_OK, QUESTION, ANSWER, BYTES };

struct step {
    uint16_t at_ms; /* after the flow's first packet */
    bool from_server;
    uint8_t flags;
    uint8_t payload;
    uint16_t len; /* of BYTES */
};

#define HANDSHAKE                                                                                  \
    {0, false, SYN, NOTHING, 0}, {20, true, SYN | ACK, NOTHING, 0},                                \
    {                                                                                              \
        25, false, ACK, NOTHING, 0                                                                 \
    }
#define TLS_OPEN                                                                                   \
    HANDSHAKE, {26, false, PSH | ACK, CLIENT_HELLO, 0}, {46, true, ACK, NOTHING, 0},               \
        {60, true, PSH | ACK, SERVER_HELLO, 0}, {65, false, PSH | ACK, BYTES, 80},                 \
        {66, false, PSH | ACK, BYTES, 300}, {86, true, PSH | ACK, BYTES, 500},                     \
        {90, false, ACK, NOTHING, 0}, {400, true, PSH | ACK, BYTES, 500},                          \
    {                                                                                              \
        405, false, ACK, NOTHING, 0                                                                \
    }

static const struct step tls_open[] = {TLS_OPEN};
static const struct step tls_closed[] = {TLS_OPEN,
                                         {900, false, FIN | ACK, NOTHING, 0},
                                         {920, true, FIN | ACK, NOTHING, 0},
                                         {925, false, ACK, NOTHING, 0}};
static const struct step http[] = {HANDSHAKE,
                                   {26, false, PSH | ACK, HTTP_GET, 0},
                                   {60, true, PSH | ACK, HTTP_OK, 0},
                                   {65, false, ACK, NOTHING, 0},
                                   {500, false, FIN | ACK, NOTHING, 0},
                                   {520, true, FIN | ACK, NOTHING, 0},
                                   {525, false, ACK, NOTHING, 0}};
static const struct step unanswered[] = {{0, false, SYN, NOTHING, 0},
                                         {1000, false, SYN, NOTHING, 0}};
static const struct step dns[] = {{0, false, 0, QUESTION, 0}, {15, true, 0, ANSWER, 0}};
static const struct step udp[] = {{0, false, 0, BYTES, 400},  {20, true, 0, BYTES, 400},
                                  {30, false, 0, BYTES, 60},  {200, true, 0, BYTES, 300},
                                  {210, false, 0, BYTES, 40}, {500, true, 0, BYTES, 300}};
static const struct step ping[] = {{0, false, 0, BYTES, 56}, {20, true, 0, BYTES, 56}};

#define STEPS(list) .steps = list, .count = sizeof list / sizeof list[0]

/* What a busy site's table holds; percent of flows. */
static const struct kind {
    unsigned percent;
    uint8_t protocol;
    uint16_t port;
    const struct step *steps;
    size_t count;
} kinds[] = {
    {.percent = 40, .protocol = PROTO_TCP, .port = 443, STEPS(tls_open)},
    {.percent = 12, .protocol = PROTO_TCP, .port = 443, STEPS(tls_closed)},
    {.percent = 6, .protocol = PROTO_TCP, .port = 80, STEPS(http)},
    {.percent = 5, .protocol = PROTO_TCP, .port = 445, STEPS(unanswered)},
    {.percent = 22, .protocol = PROTO_UDP, .port = 53, STEPS(dns)},
    {.percent = 12, .protocol = PROTO_UDP, .port = 40000, STEPS(udp)},
    {.percent = 3, .protocol = PROTO_ICMP, .port = 0, STEPS(ping)},
};

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

/* Appends bytes; returns what comes after them. */
static uint8_t *append(uint8_t *at, const void *bytes, size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

static size_t host_name(uint32_t number, char *name, size_t size)
{
    return (size_t)snprintf(name, size, "www%u.site-%u.example", number % 4, number % 7919);
}

/* A TLS 1.2 and 1.3 ClientHello (RFC 8446 section 4.1.2) with a server name. */
static size_t client_hello(uint32_t number, uint8_t *out)
{
    static const uint8_t suites[] = {0, 8, 0x13, 1, 0x13, 2, 0xc0, 0x2b, 0xc0, 0x2f, 1, 0};
    static const uint8_t rest[] = {0, 10, 0, 4, 0, 2, 0, 29, 0, 43, 0, 5, 4, 3, 4, 3, 3};
    char name[64];
    size_t name_len = host_name(number, name, sizeof name);
    uint8_t *at = out + 9;
    put16(at, 0x0303);
    memset(at + 2, (int)(number & 0xff), 32);
    at[34] = 0;
    at = append(at + 35, suites, sizeof suites);
    uint8_t *extensions = at;
    at += 2;
    put16(at, 0);
    put16(at + 2, (unsigned)name_len + 5);
    put16(at + 4, (unsigned)name_len + 3);
    at[6] = 0;
    put16(at + 7, (unsigned)name_len);
    at = append(at + 9, name, name_len);
    at = append(at, rest, sizeof rest);
    put16(extensions, (unsigned)(at - extensions - 2));
    size_t len = (size_t)(at - out);
    out[0] = 22;
    put16(out + 1, 0x0301);
    put16(out + 3, (unsigned)len - 5);
    out[5] = 1;
    out[6] = 0;
    put16(out + 7, (unsigned)len - 9);
    return len;
}

/* A TLS 1.3 ServerHello, and what follows as application data. */
static size_t server_hello(uint8_t *out)
{
    static const uint8_t tail[] = {0x13, 1, 0, 0, 6, 0, 43, 0, 2, 3, 4};
    enum { BODY = 2 + 32 + 1 + sizeof tail, DATA = 300 };
    memset(out, 0, 9 + BODY + 5 + DATA);
    out[0] = 22;
    put16(out + 1, 0x0303);
    put16(out + 3, BODY + 4);
    out[5] = 2;
    put16(out + 7, BODY);
    put16(out + 9, 0x0303);
    memset(out + 11, 0x5a, 32);
    memcpy(out + 44, tail, sizeof tail);
    uint8_t *data = out + 9 + BODY;
    data[0] = 23;
    put16(data + 1, 0x0303);
    put16(data + 3, DATA);
    return 9 + BODY + 5 + DATA;
}

/* A question for the address of a name, or its answer (RFC 1035 section 4.1). */
static size_t dns_message(uint32_t number, bool answers, uint8_t *out)
{
    static const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 7};
    char name[64];
    size_t len = host_name(number, name, sizeof name);
    put16(out, number & 0xffff);
    put16(out + 2, answers ? 0x8180 : 0x0100);
    put16(out + 4, 1);
    put16(out + 6, answers ? 1 : 0);
    put32(out + 8, 0);
    uint8_t *at = out + 12;
    for (size_t i = 0; i < len; i++) {
        size_t label = strcspn(name + i, ".");
        *at++ = (uint8_t)label;
        at = append(at, name + i, label);
        i += label;
    }
    *at = 0;
    put32(at + 1, 0x00010001);
    at += 5;
    at = answers ? append(at, record, sizeof record) : at;
    return (size_t)(at - out);
}

/* Texts of ours, far shorter than a frame. */
__attribute__((format(printf, 2, 3))) static size_t print(uint8_t *out, const char *format, ...)
{
    enum { ROOM = 512 };
    va_list list;
    va_start(list, format);
    int len = vsnprintf((char *)out, ROOM, format, list);
    va_end(list);
    return len < 0 || len >= ROOM ? 0 : (size_t)len;
}

static size_t payload_of(const struct step *step, uint32_t number, uint8_t *out)
{
    char name[64];
    switch ((enum payload)step->payload) {
    case NOTHING: return 0;
    case CLIENT_HELLO: return client_hello(number, out);
    case SERVER_HELLO: return server_hello(out);
    case HTTP_GET:
        (void)host_name(number, name, sizeof name);
        return print(out, "GET /page/%u HTTP/1.1\r\nHost: %s\r\nAccept: */*\r\n\r\n", number, name);
    case HTTP_OK:
        return print(out, "HTTP/1.1 200 OK\r\nServer: test\r\nContent-Type: text/html\r\n"
                          "Content-Length: 5\r\n\r\nhello");
    case QUESTION: return dns_message(number, false, out);
    case ANSWER: return dns_message(number, true, out);
    case BYTES: memset(out, 0xa5, step->len); return step->len;
    }
    return 0;
}

static void write_frame(const uint8_t *frame, size_t len, uint64_t at_us)
{
    uint32_t header[4] = {(uint32_t)(at_us / 1000000), (uint32_t)(at_us % 1000000), (uint32_t)len,
                          (uint32_t)len};
    if (fwrite(header, sizeof header, 1, stdout) != 1 || fwrite(frame, len, 1, stdout) != 1) {
        perror("traffic: cannot write");
        exit(1);
    }
}

/* Writes one packet: Ethernet, IPv4, and TCP, UDP or ICMP echo. seq and ack are those of TCP. */
static void write_packet(const struct ends *e, uint8_t protocol, const struct step *step,
                         uint32_t seq, uint32_t ack, uint64_t at_us)
{
    uint8_t frame[FRAME_MAX] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45};
    uint8_t *ip = frame + ETHERNET;
    uint8_t *l4 = ip + IPV4;
    bool back = step->from_server;
    size_t header = protocol == PROTO_TCP ? TCP : UDP;
    size_t len = payload_of(step, e->number, l4 + header);
    put16(ip + 2, (unsigned)(IPV4 + header + len));
    put16(ip + 4, seq & 0xffff);
    ip[8] = 64;
    ip[9] = protocol;
    put32(ip + 12, back ? e->server : e->client);
    put32(ip + 16, back ? e->client : e->server);
    if (protocol == PROTO_ICMP) {
        l4[0] = back ? 0 : 8;
        put16(l4 + 4, e->client_port);
    } else {
        put16(l4, back ? e->server_port : e->client_port);
        put16(l4 + 2, back ? e->client_port : e->server_port);
    }
    if (protocol == PROTO_TCP) {
        put32(l4 + 4, seq);
        put32(l4 + 8, ack);
        l4[12] = TCP / 4 << 4;
        l4[13] = step->flags;
        put16(l4 + 14, 64000);
    } else if (protocol == PROTO_UDP) {
        put16(l4 + 4, (unsigned)(UDP + len));
    }
    write_frame(frame, ETHERNET + IPV4 + header + len, at_us);
}

static void write_head(void)
{
    const uint32_t head[6] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, LINKTYPE_ETHERNET};
    if (fwrite(head, sizeof head, 1, stdout) != 1) {
        perror("traffic: cannot write");
        exit(1);
    }
}

/* A client has 20 flows, ten clients' flows go to each server. */
static struct ends ends_of(uint32_t number, uint32_t flows, const struct kind *kind)
{
    uint32_t clients = flows / 20 + 1;
    uint32_t servers = flows / 10 + 1;
    return (struct ends){
        .client = 0x0a000000u + 256 + number % clients,
        .server = kind->port == 53 ? 0x0a800000u + number % 16 + 1
                                   : 0x2d000000u + 256 + (number * 2654435761u) % servers,
        .client_port = (uint16_t)(1024 + number / clients),
        .server_port = kind->port,
        .number = number,
    };
}

static const struct kind *kind_of(uint32_t number)
{
    unsigned percent = number * 2654435761u % 100;
    const struct kind *kind = kinds;
    while (percent >= kind->percent) {
        percent -= kind->percent;
        kind++;
    }
    return kind;
}

/* The sequence number of a step, of those that send before it in the same direction. */
static uint32_t sent_before(const struct kind *kind, uint32_t number, size_t step, bool by_server)
{
    static uint8_t scratch[FRAME_MAX];
    uint32_t seq = by_server ? 500000 : 1000;
    for (size_t i = 0; i < step; i++) {
        const struct step *s = &kind->steps[i];
        if (s->from_server == by_server) {
            seq += (uint32_t)payload_of(s, number, scratch) + ((s->flags & (SYN | FIN)) != 0);
        }
    }
    return seq;
}

static void write_step(uint32_t number, uint32_t flows, const struct kind *kind, size_t index,
                       uint64_t at_us)
{
    const struct ends ends = ends_of(number, flows, kind);
    const struct step *step = &kind->steps[index];
    uint32_t seq = 0;
    uint32_t ack = 0;
    if (kind->protocol == PROTO_TCP) {
        bool repeats = kind->steps == unanswered;
        seq = sent_before(kind, number, repeats ? 0 : index, step->from_server);
        ack = (step->flags & ACK) != 0 ? sent_before(kind, number, index, !step->from_server) : 0;
    }
    write_packet(&ends, kind->protocol, step, seq, ack, at_us);
}

/* In each ms, the packets of all flows that have one then: those that began so much before. */
static void write_mix(uint32_t flows)
{
    for (uint32_t ms = 0; ms < END_MS; ms++) {
        for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
            for (size_t i = 0; i < kinds[k].count; i++) {
                if (ms < kinds[k].steps[i].at_ms || ms - kinds[k].steps[i].at_ms >= SPAN_MS) {
                    continue;
                }
                uint64_t begun = ms - kinds[k].steps[i].at_ms;
                uint32_t from = (uint32_t)(begun * flows / SPAN_MS);
                uint32_t to = (uint32_t)((begun + 1) * flows / SPAN_MS);
                for (uint32_t number = from; number < to; number++) {
                    if (kind_of(number) == &kinds[k]) {
                        write_step(number, flows, &kinds[k], i,
                                   BEGIN_S * 1000000ull + ms * 1000ull);
                    }
                }
            }
        }
    }
}

/* Two bytes of every established flow; before the flood their handshakes. */
static void write_round(uint32_t flows, unsigned round, uint64_t at_us)
{
    static const struct step opening[] = {HANDSHAKE};
    const struct step two = {0, false, PSH | ACK, BYTES, 2};
    const struct step acks = {0, true, ACK, NOTHING, 0};
    for (uint32_t i = 0; i < flows; i++) {
        const struct ends e = {0x0a000100u + i, 0x0a800001u, (uint16_t)(2000 + i % 60000), 7, i};
        for (size_t s = 0; round == 0 && s < 3; s++) {
            write_packet(&e, PROTO_TCP, &opening[s], s == 1 ? 5000 : 1000 + (s > 0),
                         s == 0   ? 0
                         : s == 1 ? 1001
                                  : 5001,
                         at_us);
        }
        write_packet(&e, PROTO_TCP, &two, 1001 + 2 * round, 5001, at_us);
        write_packet(&e, PROTO_TCP, &acks, 5001, 1003 + 2 * round, at_us);
    }
}

/* A million SYNs a second, each of an address and port of its own. */
static void write_flood(uint32_t syns, uint32_t flows)
{
    const struct step syn = {0, false, SYN, NOTHING, 0};
    uint64_t at_us = BEGIN_S * 1000000ull;
    for (unsigned round = 0; round < ROUNDS; round++) {
        write_round(flows, round, at_us);
        uint64_t to = (uint64_t)syns * (round + 1) / ROUNDS;
        for (uint64_t i = (uint64_t)syns * round / ROUNDS; i < to; i++) {
            const struct ends e = {(uint32_t)(i * 2654435761u), 0x0a800001u,
                                   (uint16_t)(1024 + i % 60000), 80, 0};
            write_packet(&e, PROTO_TCP, &syn, (uint32_t)i, 0, ++at_us);
        }
    }
}

int main(int argc, char **argv)
{
    static char buffer[1 << 20];
    (void)setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    if (argc == 3 && strcmp(argv[1], "mix") == 0) {
        write_head();
        write_mix((uint32_t)strtoul(argv[2], NULL, 10));
    } else if (argc == 4 && strcmp(argv[1], "flood") == 0) {
        write_head();
        write_flood((uint32_t)strtoul(argv[2], NULL, 10), (uint32_t)strtoul(argv[3], NULL, 10));
    } else {
        (void)fprintf(stderr, "usage: traffic mix FLOWS | traffic flood SYNS FLOWS > FILE\n");
        return 2;
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
