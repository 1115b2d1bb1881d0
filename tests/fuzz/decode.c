/* Packets of any link type: what is decoded lies within the bytes, and flows take it. */
#include "tests/fuzz/fuzz.h"

#include "agent/decode/decode.h"
#include "agent/decode/fragment.h"

static const int links[] = {0, 1, 12, 101, 108, 113, 228, 229, 276, 9, 104};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 2) {
        return 0;
    }
    int link = links[bytes[0] % (sizeof links / sizeof links[0])];
    size_t extra = bytes[1]; /* bytes that were on the wire and not captured */
    struct packet p = {0};
    bytes += 2;
    len -= 2;
    if (decode_packet(link, bytes, len, len + extra, &p) == DECODE_OK) {
        FUZZ_CHECK(p.ip >= bytes && p.ip + p.ip_captured <= bytes + len);
        FUZZ_CHECK(p.payload >= p.ip);
        FUZZ_CHECK(p.payload + p.payload_len <= p.ip + p.ip_captured);
        FUZZ_CHECK(p.ip_captured <= p.ip_len && p.ip_len <= len + extra);
        FUZZ_CHECK(p.tcp.len <= p.ip_len);
    }
    return 0;
}
