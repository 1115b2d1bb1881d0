/* Packed records from outside: what is read is packed into the very same record again. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "common/wire/counters.h"
#include "common/wire/delivery.h"
#include "common/wire/flows.h"

static void try_flow(const uint8_t *bytes, size_t len)
{
    static struct flow_record r, again;
    uint8_t buf[FLOW_PACKED_MAX];
    if (flow_record_unpack(bytes, len, &r, NULL) == 0) {
        size_t packed = flow_record_pack(&r, buf, sizeof buf);
        FUZZ_CHECK(packed > 0); /* longer than a record of schema 1 */
        FUZZ_CHECK(flow_record_unpack(buf, packed, &again, NULL) == 0);
        FUZZ_CHECK(memcmp(&r.key, &again.key, sizeof r.key) == 0);
        FUZZ_CHECK(r.quality[0].score == again.quality[0].score);
        FUZZ_CHECK(memcmp(&r.dns, &again.dns, sizeof r.dns) == 0);
        FUZZ_CHECK(r.prints.syn.flags == again.prints.syn.flags);
        FUZZ_CHECK(r.prints.program.kind == again.prints.program.kind);
        FUZZ_CHECK(memcmp(r.media, again.media, sizeof r.media) == 0);
        FUZZ_CHECK(strcmp(r.call_id, again.call_id) == 0);
        FUZZ_CHECK(strcmp(r.host, again.host) == 0 && strcmp(r.info, again.info) == 0);
    }
}

static void try_counter(const uint8_t *bytes, size_t len)
{
    static struct counter_record r;
    uint8_t buf[COUNTER_PACKED_MAX];
    if (counter_record_unpack(bytes, len, &r, NULL) == 0) {
        size_t packed = counter_record_pack(&r, buf, sizeof buf);
        FUZZ_CHECK(packed > 0 && packed <= len && memcmp(buf, bytes, packed) == 0);
    }
}

static void try_gap(const uint8_t *bytes, size_t len)
{
    struct gap g;
    uint8_t buf[GAP_PACKED_SIZE];
    if (gap_unpack(bytes, len, &g, NULL) == 0) {
        FUZZ_CHECK(gap_is(bytes, len) && g.from <= g.to);
        FUZZ_CHECK(gap_pack(&g, buf, sizeof buf) == GAP_PACKED_SIZE);
        FUZZ_CHECK(memcmp(buf, bytes, sizeof buf) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    try_flow(bytes, len);
    try_counter(bytes, len);
    try_gap(bytes, len);
    return 0;
}
