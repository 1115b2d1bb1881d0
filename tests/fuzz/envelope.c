/* A batch from outside: what is taken lies within every limit, and its records can be walked. */
#include "tests/fuzz/fuzz.h"

#include "common/wire/envelope.h"

static void walk(const uint8_t *body, size_t body_len)
{
    struct reader r = reader_of(body, body_len);
    const uint8_t *record;
    size_t len, seen = 0;
    while (record_next(&r, &record, &len, NULL) == 1) {
        FUZZ_CHECK(record >= body && len <= body_len);
        seen += len + RECORD_FRAME_SIZE;
    }
    FUZZ_CHECK(seen <= body_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct envelope env;
    uint8_t *body;
    size_t body_len;
    walk(bytes, len);
    if (envelope_unpack(bytes, len, &env, &body, &body_len, NULL) == 0) {
        FUZZ_CHECK(body_len <= WIRE_MAX_RAW && body_len <= len * WIRE_MAX_RATIO);
        FUZZ_CHECK(env.count > 0 && env.count <= BATCH_MAX_RECORDS);
        walk(body, body_len);
        free(body);
    }
    return 0;
}
