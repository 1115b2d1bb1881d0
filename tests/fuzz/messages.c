/*
 * JSON messages from outside: whatever is understood can be said again and is understood again.
 * The first byte picks the message.
 */
#include "tests/fuzz/fuzz.h"

#include "common/wire/alerts.h"
#include "common/wire/assets.h"
#include "common/wire/delivery.h"
#include "common/wire/devices.h"
#include "common/wire/heartbeat.h"
#include "common/wire/probes.h"
#include "common/wire/query.h"

static char buf[2 * DEVICE_PACKED_MAX]; /* what is escaped may be shorter on its way in */

/* One message's round trip: unpack, pack, unpack. Hello has room for what its own form adds. */
#define ROUND_TRIP(name, type)                                                                     \
    static void try_##name(const uint8_t *bytes, size_t len)                                       \
    {                                                                                              \
        static struct type m;                                                                      \
        if (name##_unpack(bytes, len, &m, NULL) == 0) {                                            \
            size_t packed = name##_pack(&m, buf, sizeof buf);                                      \
            FUZZ_CHECK(packed > 0);                                                                \
            FUZZ_CHECK(name##_unpack(buf, packed, &m, NULL) == 0);                                 \
        }                                                                                          \
    }
ROUND_TRIP(wire_alert, wire_alert)
ROUND_TRIP(live_sample, live_sample)
ROUND_TRIP(hello, hello)
ROUND_TRIP(welcome, welcome)
ROUND_TRIP(goodbye, goodbye)
ROUND_TRIP(ack, ack)
ROUND_TRIP(nack, nack)
ROUND_TRIP(enrol_request, enrol_request)
ROUND_TRIP(renew_request, renew_request)
ROUND_TRIP(query, query)
ROUND_TRIP(wire_asset, wire_asset)
ROUND_TRIP(device_record, device_record)
ROUND_TRIP(probe_record, probe_record)
#undef ROUND_TRIP

static void try_heartbeat(const uint8_t *bytes, size_t len)
{
    struct heartbeat h;
    if (heartbeat_unpack(bytes, len, &h, NULL) != 0) {
        return;
    }
    for (enum heartbeat_form form = HEARTBEAT_JSON; form <= HEARTBEAT_PACKED; form++) {
        size_t packed = heartbeat_pack(&h, form, buf, sizeof buf);
        FUZZ_CHECK(packed > 0);
        FUZZ_CHECK(packed > HEARTBEAT_MAX || heartbeat_unpack(buf, packed, &h, NULL) == 0);
    }
}

static void try_enrol_answer(const uint8_t *bytes, size_t len)
{
    static struct enrol_answer a;
    if (enrol_answer_unpack(bytes, len, &a, NULL) == 0) {
        FUZZ_CHECK(!a.ok || a.jwt[0] != '\0');
    }
}

static void try_chunk(const uint8_t *bytes, size_t len)
{
    static struct query_chunk c;
    if (query_chunk_unpack(bytes, len, &c, NULL) == 0) {
        FUZZ_CHECK(json_is_array(c.rows));
        json_decref(c.rows);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static void (*const tries[])(const uint8_t *bytes, size_t len) = {
        try_wire_alert,    try_heartbeat,     try_live_sample,  try_hello,
        try_welcome,       try_goodbye,       try_ack,          try_nack,
        try_enrol_request, try_query,         try_enrol_answer, try_chunk,
        try_wire_asset,    try_device_record, try_probe_record, try_renew_request,
    };
    if (len > 0) {
        size_t which = (size_t)(bytes[0] - 'a');
        tries[which % (sizeof tries / sizeof tries[0])](bytes + 1, len - 1);
    }
    return 0;
}
