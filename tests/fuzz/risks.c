/* First bytes of flows: what is found lies within them, and every look at them ends. */
#include "tests/fuzz/fuzz.h"

#include "agent/decode/http.h"
#include "agent/dpi/evasion.h"
#include "agent/dpi/risks.h"
#include "agent/dpi/signatures.h"

#include <string.h>

static void check_text(const struct http_text *text, const uint8_t *bytes, size_t len)
{
    FUZZ_CHECK(text->at != NULL || text->len == 0);
    FUZZ_CHECK(text->at == NULL || (text->at >= bytes && text->at + text->len <= bytes + len));
}

static void try_signatures(const uint8_t *bytes, size_t len)
{
    static const uint16_t ports[] = {427, 0xbac0, 9999, 40000};
    for (size_t i = 0; i < 2 * sizeof ports / sizeof ports[0]; i++) {
        struct packet p = {.payload = bytes, .payload_len = (uint32_t)len};
        p.ends.protocol = i % 2 == 0 ? PROTO_UDP : PROTO_TCP;
        p.ends.src_port = 50000;
        p.ends.dst_port = ports[i / 2];
        uint8_t number = signature_of(&p);
        FUZZ_CHECK(number == 0 || signature_at(number) != NULL);
    }
}

/* A conversation: a length byte and so many bytes a message, sides in turn. */
static void try_openvpn(const uint8_t *bytes, size_t len, bool tcp)
{
    struct openvpn o = {0};
    bool from_client = true;
    while (len > 0) {
        size_t size = bytes[0] < len - 1 ? bytes[0] : len - 1;
        if (openvpn_look(&o, bytes + 1, size, tcp, from_client)) {
            FUZZ_CHECK(o.seen[0] > 0 && o.seen[1] > 0 && !o.excluded);
        }
        from_client = !from_client;
        bytes += 1 + size;
        len -= 1 + size;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct http_head h;
    char name[256] = "";
    if (http_head_read(bytes, len, &h)) {
        check_text(&h.target, bytes, len);
        check_text(&h.user_agent, bytes, len);
        check_text(&h.server, bytes, len);
        check_text(&h.body, bytes, len);
        FUZZ_CHECK((risks_of_http(&h) & 1) == 0); /* there is no risk 0 */
    }
    FUZZ_CHECK((risks_of_content(bytes, len) & 1) == 0);
    memcpy(name, bytes, len < sizeof name - 1 ? len : sizeof name - 1);
    FUZZ_CHECK((risks_of_name(name) & 1) == 0);
    try_signatures(bytes, len);
    try_openvpn(bytes, len, false);
    try_openvpn(bytes, len, true);
    FUZZ_CHECK(!evasion_is_random(bytes, len) || len >= 100);
    (void)risks_of_alpn(bytes, len, 443);
    return 0;
}
