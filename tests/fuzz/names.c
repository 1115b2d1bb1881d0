/* DNS and DHCP messages: names that come out are ended and printable, and every walk ends. */
#include "tests/fuzz/fuzz.h"

#include "agent/decode/dhcp.h"
#include "agent/decode/dns.h"

#include <string.h>

static void check_name(const char *name, size_t size)
{
    size_t len = strnlen(name, size);
    FUZZ_CHECK(len < size);
    for (size_t i = 0; i < len; i++) {
        FUZZ_CHECK(name[i] > ' ' && name[i] < 0x7f);
    }
}

static void try_dns(enum dns_dialect dialect, const uint8_t *bytes, size_t len)
{
    struct dns_walk w;
    struct dns_binding b;
    unsigned count = 0;
    if (!dns_walk_begin(&w, dialect, bytes, len)) {
        return;
    }
    while (dns_walk_next(&w, &b)) {
        FUZZ_CHECK(b.family == ADDR_IPV4 || b.family == ADDR_IPV6);
        FUZZ_CHECK(b.name[0] != '\0');
        check_name(b.name, sizeof b.name);
        FUZZ_CHECK(++count <= DNS_RECORDS_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct dhcp_message m;
    if (len == 0) {
        return 0;
    }
    if (bytes[0] >= '0' + DNS_NETBIOS + 1) {
        if (dhcp_read(bytes + 1, len - 1, &m)) {
            check_name(m.name, sizeof m.name);
            check_name(m.wanted, sizeof m.wanted);
            FUZZ_CHECK(strnlen(m.vendor_class, sizeof m.vendor_class) < sizeof m.vendor_class);
        }
    } else {
        try_dns((enum dns_dialect)(bytes[0] % (DNS_NETBIOS + 1)), bytes + 1, len - 1);
    }
    return 0;
}
