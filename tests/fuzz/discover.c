/* The answer to an engine discovery, as any host may send it. */
#include "tests/fuzz/fuzz.h"

#include "agent/poll/discover.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct engine_id engine = {0};
    if (discover_read(bytes, len, 0x12345678, &engine)) {
        FUZZ_CHECK(engine.len > 0 && engine.len <= sizeof engine.bytes);
    }
    return 0;
}
