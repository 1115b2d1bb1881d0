/* Configuration from the centre and reports from agents: whatever comes is refused or consistent.
 */
#include "common/wire/config.h"

#include "tests/fuzz/fuzz.h"

static void try_message(const uint8_t *bytes, size_t len)
{
    struct config_message m;
    uint64_t revision = 0;
    if (config_message_unpack(bytes, len, &m, NULL) != 0) {
        return;
    }
    FUZZ_CHECK(m.document_len < len);
    json_t *sections = config_document_unpack(m.document, m.document_len, &revision, NULL);
    FUZZ_CHECK(sections == NULL || json_is_object(sections));
    json_decref(sections);
}

static void try_report(const uint8_t *bytes, size_t len)
{
    static uint8_t buf[4096];
    struct config_report r, again;
    if (config_report_unpack(bytes, len, &r, NULL) == 0) {
        size_t packed = config_report_pack(&r, buf, sizeof buf);
        FUZZ_CHECK(packed > 0 && config_report_unpack(buf, packed, &again, NULL) == 0);
        FUZZ_CHECK(again.revision == r.revision && again.refused == r.refused);
    }
}

static void try_hits(const uint8_t *bytes, size_t len)
{
    static struct config_hits h;
    static uint8_t buf[8192];
    if (config_hits_unpack(bytes, len, &h, NULL) == 0) {
        FUZZ_CHECK(h.count <= CONFIG_HITS_MAX);
        FUZZ_CHECK(config_hits_pack(&h, buf, sizeof buf) > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len > 0 && bytes[0] == 'r') {
        try_report(bytes + 1, len - 1);
    } else if (len > 0 && bytes[0] == 'h') {
        try_hits(bytes + 1, len - 1);
    } else {
        try_message(bytes, len);
    }
    return 0;
}
