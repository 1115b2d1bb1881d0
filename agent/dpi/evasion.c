/*
 * Thresholds of random payloads are the paper's. Below 100 bytes chance decides too often: of 1,397
 * first payloads in nDPI's captures that many more passed.
 */
#include "agent/dpi/evasion.h"

#include <string.h>

/* ---- OpenVPN ---- */

enum opcode {
    SOFT_RESET = 3,
    CONTROL = 4,
    ACK = 5,
    CLIENT_RESET_V1 = 1,
    SERVER_RESET_V1 = 2,
    CLIENT_RESET_V2 = 7,
    SERVER_RESET_V2 = 8,
    CLIENT_RESET_V3 = 10,
    CONTROL_WKC = 11,
};

enum {
    SESSION_SIZE = 8,
    MESSAGE_MIN = 1 + SESSION_SIZE + 1 + 4, /* opcode, session, no acknowledgements, number */
    RESET_MAX = 1200,
    SEEN_ENOUGH = 2, /* messages of each side with one session id of 64 bits */
};

static bool is_reset(uint8_t opcode, bool from_client)
{
    return from_client
               ? opcode == CLIENT_RESET_V1 || opcode == CLIENT_RESET_V2 || opcode == CLIENT_RESET_V3
               : opcode == SERVER_RESET_V1 || opcode == SERVER_RESET_V2;
}

static bool is_control(uint8_t opcode)
{
    return opcode == SOFT_RESET || opcode == CONTROL || opcode == ACK || opcode == CONTROL_WKC;
}

/* The first message of a side must be its reset. */
static bool begin(struct openvpn *o, const uint8_t *bytes, size_t len, bool from_client)
{
    unsigned side = from_client ? 0 : 1;
    bool in_order = from_client || o->seen[0] > 0;
    if (!in_order || !is_reset(bytes[0] >> 3, from_client) || len > RESET_MAX) {
        o->excluded = true;
        return false;
    }
    memcpy(o->session[side], bytes + 1, SESSION_SIZE);
    o->seen[side] = 1;
    return !from_client && memmem(bytes + 1 + SESSION_SIZE, len - 1 - SESSION_SIZE, o->session[0],
                                  SESSION_SIZE) != NULL;
}

bool openvpn_look(struct openvpn *o, const uint8_t *bytes, size_t len, bool tcp, bool from_client)
{
    unsigned side = from_client ? 0 : 1;
    if (o->excluded || len == 0) {
        return false;
    }
    if (tcp) {
        size_t own = len >= 2 ? (size_t)bytes[0] << 8 | bytes[1] : 0;
        o->excluded = own < MESSAGE_MIN || (o->seen[side] == 0 && own != len - 2);
        len = own < len - 2 ? own : len - 2;
        bytes += 2;
    }
    if (o->excluded || len < MESSAGE_MIN || (bytes[0] & 7) != 0) {
        o->excluded = true; /* another key than the first is none of a handshake's beginning */
        return false;
    }
    if (o->seen[side] == 0) {
        return begin(o, bytes, len, from_client);
    }
    uint8_t opcode = bytes[0] >> 3;
    bool same = memcmp(bytes + 1, o->session[side], SESSION_SIZE) == 0;
    if (!same || !(is_control(opcode) || is_reset(opcode, from_client))) {
        o->excluded = true;
        return false;
    }
    if (o->seen[side] < SEEN_ENOUGH) {
        o->seen[side]++;
    }
    return o->seen[0] >= SEEN_ENOUGH && o->seen[1] >= SEEN_ENOUGH;
}

/* ---- random payloads ---- */

enum {
    RANDOM_MIN = 100,   /* bytes */
    PRINTABLE_RUN = 20, /* more in a row are text */
    FIRST = 6,          /* that are printable are text */
};

static bool is_printable(uint8_t c)
{
    return c >= 0x20 && c <= 0x7e;
}

/* Text: at the beginning, for the most part, or in one piece. */
static bool is_text(const uint8_t *bytes, size_t len)
{
    size_t printable = 0, run = 0, longest = 0, first = 0;
    for (size_t i = 0; i < len; i++) {
        run = is_printable(bytes[i]) ? run + 1 : 0;
        printable += is_printable(bytes[i]);
        longest = run > longest ? run : longest;
        first = run == i + 1 ? run : first;
    }
    return first >= FIRST || printable * 2 > len || longest > PRINTABLE_RUN;
}

static bool begins_known(const uint8_t *bytes)
{
    static const char *const methods[] = {"GET ", "PUT ", "POST ", "HEAD "};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (memcmp(bytes, methods[i], strlen(methods[i])) == 0) {
            return true;
        }
    }
    return (bytes[0] == 0x16 || bytes[0] == 0x17) && bytes[1] == 3 && bytes[2] <= 9;
}

bool evasion_is_random(const uint8_t *bytes, size_t len)
{
    if (len < RANDOM_MIN || begins_known(bytes) || is_text(bytes, len)) {
        return false;
    }
    size_t bits = 0;
    for (size_t i = 0; i < len; i++) {
        bits += (size_t)__builtin_popcount(bytes[i]);
    }
    return bits * 10 > len * 34 && bits * 10 < len * 46; /* 3.4 and 4.6 a byte */
}
