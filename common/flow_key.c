/*
 * Community ID v1 (Corelight, community-id-spec): base64 of the SHA-1 of seed, addresses,
 * protocol, a zero byte and ports, ordered so that both directions give the same id.
 */
#include "common/flow_key.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "common/writer.h"

enum { BASE64_SIZE = 4 * ((SHA_DIGEST_LENGTH + 2) / 3) + 1 };
_Static_assert(2 + BASE64_SIZE <= COMMUNITY_ID_SIZE, "\"1:\" and the base64 fit");

/* One end of the flow as it is hashed. */
struct endpoint {
    const struct addr *addr;
    uint16_t port;
};

/* ICMP messages that answer each other; the id is the same for question and answer. */
struct icmp_pair {
    uint8_t type;
    uint8_t answer;
};
static const struct icmp_pair icmp4_pairs[] = {{8, 0}, {13, 14}, {15, 16}, {10, 9}, {17, 18}};
static const struct icmp_pair icmp6_pairs[] = {{128, 129}, {130, 131}, {133, 134},
                                               {135, 136}, {139, 140}, {144, 145}};

/* Finds what answers this type (or what it answers); false for messages that stand alone. */
static bool icmp_counterpart(const struct icmp_pair *pairs, size_t count, uint16_t type,
                             uint16_t *other)
{
    for (size_t i = 0; i < count; i++) {
        if (pairs[i].type == type || pairs[i].answer == type) {
            *other = pairs[i].type == type ? pairs[i].answer : pairs[i].type;
            return true;
        }
    }
    return false;
}

static bool has_ports(uint8_t protocol)
{
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
           protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

static bool is_ordered(const struct endpoint *a, const struct endpoint *b)
{
    int order = addr_compare(a->addr, b->addr);
    return order < 0 || (order == 0 && a->port <= b->port);
}

/* Puts the ends into the order of the specification. */
static void order_ends(const struct flow_key *key, struct endpoint *a, struct endpoint *b)
{
    bool one_way = false;
    if (key->protocol == IPPROTO_ICMP) {
        one_way = !icmp_counterpart(icmp4_pairs, sizeof icmp4_pairs / sizeof icmp4_pairs[0],
                                    key->client_port, &b->port);
    } else if (key->protocol == IPPROTO_ICMPV6) {
        one_way = !icmp_counterpart(icmp6_pairs, sizeof icmp6_pairs / sizeof icmp6_pairs[0],
                                    key->client_port, &b->port);
    }
    if (!one_way && !is_ordered(a, b)) {
        struct endpoint swap = *a;
        *a = *b;
        *b = swap;
    }
}

static void put_be16(struct writer *w, uint16_t v)
{
    writer_u8(w, (uint8_t)(v >> 8));
    writer_u8(w, (uint8_t)v);
}

char *flow_key_community_id(const struct flow_key *key, uint16_t seed, char *buf)
{
    buf[0] = '\0';
    if (key->family != ADDR_IPV4 && key->family != ADDR_IPV6) {
        return buf;
    }
    struct endpoint a = {.addr = &key->client, .port = key->client_port};
    struct endpoint b = {.addr = &key->server, .port = key->server_port};
    order_ends(key, &a, &b);

    uint8_t hashed[2 + 2 * sizeof(struct addr) + 2 + 4];
    size_t addr_len = key->family == ADDR_IPV4 ? 4 : sizeof(struct addr);
    struct writer w = writer_of(hashed, sizeof hashed);
    put_be16(&w, seed);
    writer_bytes(&w, a.addr->bytes, addr_len);
    writer_bytes(&w, b.addr->bytes, addr_len);
    writer_u8(&w, key->protocol);
    writer_u8(&w, 0);
    if (has_ports(key->protocol)) {
        put_be16(&w, a.port);
        put_be16(&w, b.port);
    }

    uint8_t digest[SHA_DIGEST_LENGTH];
    char text[BASE64_SIZE];
    if (EVP_Digest(hashed, writer_len(&w), digest, NULL, EVP_sha1(), NULL) != 1) {
        return buf;
    }
    (void)EVP_EncodeBlock((unsigned char *)text, digest, sizeof digest); /* length is known */
    memcpy(buf, "1:", 2);
    memcpy(buf + 2, text, sizeof text);
    return buf;
}
