/*
 * Lines, one after the other, within the bytes that were captured: no folding of header fields (RFC
 * 3261 section 7.3.1 lets them go on in the next line, which nobody does for those read here).
 */
#include "agent/decode/sip.h"

#include <string.h>
#include <strings.h>

static const struct {
    const char *word;
    uint8_t method;
} methods[] = {
    {"INVITE", SIP_INVITE},     {"ACK", SIP_ACK},       {"BYE", SIP_BYE},
    {"CANCEL", SIP_CANCEL},     {"UPDATE", SIP_UPDATE}, {"PRACK", SIP_PRACK},
    {"REGISTER", SIP_REGISTER}, {"OPTIONS", SIP_OTHER}, {"SUBSCRIBE", SIP_OTHER},
    {"NOTIFY", SIP_OTHER},      {"MESSAGE", SIP_OTHER}, {"INFO", SIP_OTHER},
    {"REFER", SIP_OTHER},       {"PUBLISH", SIP_OTHER},
};
enum { METHODS = sizeof methods / sizeof methods[0], LINES_MAX = 256 };
static const char version[] = "SIP/2.0";

/* A piece of the message. */
struct span {
    const char *at;
    size_t len;
};

static bool begins(struct span s, const char *word)
{
    size_t len = strlen(word);
    return s.len >= len && memcmp(s.at, word, len) == 0;
}

/* Takes the next line off; false at the end. A line that is cut off is none. */
static bool next_line(struct span *rest, struct span *line)
{
    const char *end = rest->len == 0 ? NULL : memchr(rest->at, '\n', rest->len);
    if (end == NULL) {
        return false;
    }
    *line = (struct span){rest->at, (size_t)(end - rest->at)};
    rest->len -= line->len + 1;
    rest->at = end + 1;
    if (line->len > 0 && line->at[line->len - 1] == '\r') {
        line->len--;
    }
    return true;
}

static struct span trimmed(struct span s)
{
    while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t')) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t')) {
        s.len--;
    }
    return s;
}

/* Takes the next word, ended by `stop` or the end, off. */
static struct span next_word(struct span *rest, char stop)
{
    struct span word = *rest;
    const char *end = rest->len == 0 ? NULL : memchr(rest->at, stop, rest->len);
    if (end == NULL) {
        *rest = (struct span){rest->at + rest->len, 0};
        return word;
    }
    word.len = (size_t)(end - rest->at);
    rest->at = end + 1;
    rest->len -= word.len + 1;
    return word;
}

/* A decimal number of at most 6 digits, or -1. */
static int number_of(struct span s)
{
    int value = 0;
    if (s.len == 0 || s.len > 6) {
        return -1;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9') {
            return -1;
        }
        value = value * 10 + (s.at[i] - '0');
    }
    return value;
}

static int method_of(struct span word)
{
    for (size_t i = 0; i < METHODS; i++) {
        if (word.len == strlen(methods[i].word) && begins(word, methods[i].word)) {
            return methods[i].method;
        }
    }
    return -1;
}

bool sip_begins(const uint8_t *bytes, size_t len)
{
    struct span s = {(const char *)bytes, len};
    if (len < 12 || bytes[0] < 'A' || bytes[0] > 'U') {
        return false;
    }
    if (begins(s, version)) {
        return true;
    }
    s.len = len < 16 ? len : 16;
    return method_of(next_word(&s, ' ')) >= 0 && s.len > 0;
}

/* The value when the line is this field, in its long or its compact form (RFC 3261 7.3.3). */
static bool is_field(struct span line, const char *name, char compact, struct span *value)
{
    struct span word = trimmed(next_word(&line, ':'));
    bool same = word.len == strlen(name) && strncasecmp(word.at, name, word.len) == 0;
    if (!same && !(word.len == 1 && (word.at[0] | 0x20) == compact)) {
        return false;
    }
    *value = trimmed(line);
    return true;
}

/* ";tag=": parameters of the field stand behind the address in <>. */
static void read_tag(struct span value, struct sip_message *out)
{
    const char *close = value.len == 0 ? NULL : memchr(value.at, '>', value.len);
    if (close != NULL) {
        value.len -= (size_t)(close - value.at);
        value.at = close;
    }
    (void)next_word(&value, ';');
    while (value.len > 0) {
        struct span parameter = trimmed(next_word(&value, ';'));
        if (parameter.len > 4 && strncasecmp(parameter.at, "tag=", 4) == 0) {
            out->from_tag = parameter.at + 4;
            out->from_tag_len = parameter.len - 4;
            return;
        }
    }
}

static void read_field(struct span line, struct sip_message *out)
{
    struct span value;
    if (is_field(line, "Call-ID", 'i', &value)) {
        out->call_id = value.at;
        out->call_id_len = value.len;
    } else if (is_field(line, "From", 'f', &value)) {
        read_tag(value, out);
    } else if (out->status != 0 && is_field(line, "CSeq", '\0', &value)) {
        (void)next_word(&value, ' ');
        int method = method_of(trimmed(value));
        out->method = method < 0 ? SIP_OTHER : (uint8_t)method;
    }
}

static bool read_start(struct span line, struct sip_message *out)
{
    if (begins(line, version)) {
        (void)next_word(&line, ' ');
        int status = number_of(next_word(&line, ' '));
        out->status = (uint16_t)(status < 0 ? 0 : status);
        return status >= 100 && status < 700;
    }
    int method = method_of(next_word(&line, ' '));
    out->method = method < 0 ? SIP_OTHER : (uint8_t)method;
    bool versioned = line.len > sizeof version && memcmp(line.at + line.len - (sizeof version - 1),
                                                         version, sizeof version - 1) == 0;
    return method >= 0 && versioned;
}

/* "IN IP4 192.0.2.1", perhaps with "/127" behind. */
static void read_connection(struct span value, struct addr *addr, uint8_t *family)
{
    char text[ADDR_TEXT_SIZE];
    (void)next_word(&value, ' ');
    (void)next_word(&value, ' ');
    struct span word = next_word(&value, '/');
    if (word.len >= sizeof text) {
        return;
    }
    memcpy(text, word.at, word.len);
    text[word.len] = '\0';
    *family = (uint8_t)addr_parse(text, addr);
}

static void add_format(struct sdp_media *m, int type)
{
    if (type < 0 || type > 127 || m->formats == SDP_FORMATS_MAX) {
        return;
    }
    uint32_t clock_hz = 0;
    enum codec codec = codec_of_payload_type((uint8_t)type, &clock_hz);
    m->format[m->formats++] =
        (struct sdp_format){.type = (uint8_t)type, .codec = (uint8_t)codec, .clock_hz = clock_hz};
}

/* "audio 49170 RTP/AVP 0 8 97" */
static struct sdp_media *begin_media(struct span value, struct sip_message *out)
{
    struct span word = next_word(&value, ' ');
    uint8_t kind = begins(word, "audio")   ? MEDIA_AUDIO
                   : begins(word, "video") ? MEDIA_VIDEO
                                           : MEDIA_UNKNOWN;
    struct span port_word = next_word(&value, ' ');
    int port = number_of(next_word(&port_word, '/'));
    if (kind == MEDIA_UNKNOWN || port <= 0 || port > UINT16_MAX || out->media == SDP_MEDIA_MAX) {
        return NULL; /* port 0: refused */
    }
    struct sdp_media *m = &out->sdp[out->media++];
    *m = (struct sdp_media){.kind = kind, .port = (uint16_t)port};
    (void)next_word(&value, ' '); /* profile */
    while (value.len > 0) {
        add_format(m, number_of(next_word(&value, ' ')));
    }
    return m;
}

/* "97 iLBC/8000" */
static void read_map(struct span value, struct sdp_media *m)
{
    int type = number_of(next_word(&value, ' '));
    struct span name = next_word(&value, '/');
    int clock_hz = number_of(next_word(&value, '/'));
    for (unsigned i = 0; i < m->formats; i++) {
        if (m->format[i].type == type) {
            m->format[i].codec = (uint8_t)codec_by_name(name.at, name.len);
            m->format[i].clock_hz = clock_hz < 0 ? 0 : (uint32_t)clock_hz;
        }
    }
}

static void read_attribute(struct span value, struct sdp_media *m)
{
    if (begins(value, "rtpmap:")) {
        (void)next_word(&value, ':');
        read_map(value, m);
    } else if (begins(value, "sendonly") || begins(value, "inactive") ||
               begins(value, "recvonly")) {
        m->held = true;
    }
}

static void read_sdp(struct span body, struct sip_message *out)
{
    struct span line;
    struct sdp_media *m = NULL;
    struct addr addr = {0};
    uint8_t family = ADDR_NONE;
    bool in_media = false;
    for (unsigned i = 0; i < LINES_MAX && next_line(&body, &line); i++) {
        struct span value = line;
        (void)next_word(&value, '=');
        if (begins(line, "m=")) {
            in_media = true;
            m = begin_media(value, out);
            if (m != NULL) {
                m->addr = addr;
                m->family = family;
            }
        } else if (begins(line, "c=") && !in_media) {
            read_connection(value, &addr, &family);
        } else if (begins(line, "c=") && m != NULL) {
            read_connection(value, &m->addr, &m->family);
        } else if (begins(line, "a=") && m != NULL) {
            read_attribute(value, m);
        }
    }
}

bool sip_read(const uint8_t *bytes, size_t len, struct sip_message *out)
{
    struct span rest = {(const char *)bytes, len};
    struct span line;
    *out = (struct sip_message){0};
    if (!next_line(&rest, &line) || !read_start(line, out)) {
        return false;
    }
    for (unsigned i = 0; i < LINES_MAX && next_line(&rest, &line); i++) {
        if (line.len == 0) {
            read_sdp(rest, out);
            break;
        }
        read_field(line, out);
    }
    return out->call_id_len > 0;
}
