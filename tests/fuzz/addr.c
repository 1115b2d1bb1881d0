/* Addresses and prefixes from text: what was read is written to text that reads the same again. */
#include "tests/fuzz/fuzz.h"

#include "common/addr.h"

static void check_addr(const char *text)
{
    struct addr addr;
    struct addr again;
    char buf[ADDR_TEXT_SIZE];
    enum addr_family family = addr_parse(text, &addr);
    if (family != ADDR_NONE) {
        FUZZ_CHECK(addr_parse(addr_format(family, &addr, buf), &again) == family);
        FUZZ_CHECK(addr_equal(&addr, &again));
    }
}

static void check_prefix(const char *text)
{
    struct addr_prefix prefix;
    if (addr_prefix_parse(text, &prefix) == 0) {
        FUZZ_CHECK(addr_in_prefix(prefix.family, &prefix.addr, &prefix));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *text = fuzz_text(bytes, len);
    check_addr(text);
    check_prefix(text);
    free(text);
    return 0;
}
