/*
 * Datagrams of flow exporters: each input is a row of them, every one with its length in two
 * bytes before it, heard by one collector. What is told holds what collect.h promises.
 */
#include "tests/fuzz/fuzz.h"

#include "agent/collect/collect.h"

#define NOW_NS 1700000000000000000ull

static void take(const struct collected *flow, void *arg)
{
    const struct collector *c = arg;
    FUZZ_CHECK(flow->first_ns <= flow->last_ns && flow->last_ns <= NOW_NS);
    FUZZ_CHECK(flow->family == ADDR_IPV4 || flow->family == ADDR_IPV6);
    FUZZ_CHECK(flow->bytes[0] <= INT64_MAX && flow->bytes[1] <= INT64_MAX);
    FUZZ_CHECK(flow->packets[0] <= INT64_MAX && flow->packets[1] <= INT64_MAX);
    FUZZ_CHECK(flow->sampling >= 1 && flow->vlan < 4096);
    FUZZ_CHECK(flow->end >= COLLECT_END_IDLE && flow->end <= COLLECT_END_ROOM);
    FUZZ_CHECK(collector_exporter(c, flow->exporter) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct collector *c = collector_new(NULL);
    FUZZ_CHECK(c != NULL);
    const struct collect_from from = {.family = ADDR_IPV4, .port = 9995};
    while (len >= 2) {
        size_t one = (size_t)bytes[0] << 8 | bytes[1];
        one = one < len - 2 ? one : len - 2;
        uint8_t *copy = malloc(one + 1); /* of its own, so that its end is guarded */
        FUZZ_CHECK(copy != NULL);
        for (size_t i = 0; i < one; i++) {
            copy[i] = bytes[2 + i];
        }
        (void)collector_datagram(c, &from, copy, one, NOW_NS, take, c);
        free(copy);
        bytes += 2 + one;
        len -= 2 + one;
    }
    collector_free(c);
    return 0;
}
