#include "agent/decode/ssh.h"

#include "common/reader.h"

enum {
    LINE_MAX_LEN = 255, /* RFC 4253 section 4.2, CR and LF included */
    PACKET_MAX = 35000, /* section 6.1 */
    MESSAGE_KEXINIT = 20,
    COOKIE_LEN = 16,
};

/* The line "SSH-2.0-…"; a server may not say anything before it that we would follow. */
static enum ssh_result skip_line(struct reader *r)
{
    static const uint8_t start[] = "SSH-";
    size_t start_len = sizeof start - 1;
    size_t left = reader_left(r);
    if (memcmp(r->at, start, left < start_len ? left : start_len) != 0) {
        return SSH_NOT;
    }
    const uint8_t *end = memchr(r->at, '\n', left < LINE_MAX_LEN ? left : LINE_MAX_LEN);
    if (end == NULL) {
        return left < LINE_MAX_LEN ? SSH_MORE : SSH_NOT;
    }
    reader_skip(r, (size_t)(end - r->at) + 1);
    return SSH_FOUND;
}

static bool read_lists(struct reader *r, struct ssh_offer *offer)
{
    for (unsigned i = 0; i < SSH_LISTS; i++) {
        size_t len = reader_be32(r);
        offer->lists[i] = (struct ssh_text){.at = (const char *)reader_bytes(r, len), .len = len};
    }
    return !r->bad;
}

enum ssh_result ssh_read(const uint8_t *bytes, size_t len, struct ssh_offer *offer)
{
    struct reader r = reader_of(bytes, len);
    if (len == 0) {
        return SSH_MORE;
    }
    enum ssh_result line = skip_line(&r);
    if (line != SSH_FOUND) {
        return line;
    }
    size_t packet = reader_be32(&r);
    size_t padding = reader_u8(&r);
    unsigned message = reader_u8(&r);
    if (r.bad) {
        return SSH_MORE;
    }
    if (packet > PACKET_MAX || packet < padding + 2 || message != MESSAGE_KEXINIT) {
        return SSH_NOT;
    }
    size_t body = packet - padding - 2; /* without the padding's length and the message's number */
    if (body > reader_left(&r)) {
        return SSH_MORE;
    }
    struct reader lists = reader_sub(&r, body);
    reader_skip(&lists, COOKIE_LEN);
    return read_lists(&lists, offer) ? SSH_FOUND : SSH_NOT;
}
