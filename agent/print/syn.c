#include "agent/print/syn.h"

#include <string.h>

enum {
    HEADER_LEN = 20,
    FLAG_BITS = 0x0fff,
    TTL_AT_V4 = 8,
    TTL_AT_V6 = 7,
    KIND_END = 0,
    KIND_NONE = 1,
    KIND_MSS = 2,
    KIND_STAMP = 8,
    KIND_MD5 = 19,
    KIND_AO = 29,
    KIND_MPTCP = 30,
    KIND_FAST_OPEN = 34,
    KIND_EXPERIMENT_1 = 253,
    KIND_EXPERIMENT_2 = 254,
    STAMP_VALUES = 8,
    WHOLE = 255, /* all bytes of an option's value */
    DROPPED = -1,
};

static uint8_t bucket_of(unsigned ttl)
{
    static const uint8_t buckets[] = {32, 64, 128, 192};
    for (size_t i = 0; i < sizeof buckets; i++) {
        if (ttl <= buckets[i]) {
            return buckets[i];
        }
    }
    return 255;
}

/* Timestamps are the connection's, not the system's: without them equal stacks are equal bytes. */
static void clear_stamps(struct print_syn *syn)
{
    size_t at = 0;
    while (at + 1 < syn->option_len && syn->options[at] != KIND_END) {
        uint8_t len = syn->options[at + 1];
        if (syn->options[at] == KIND_NONE) {
            at++;
            continue;
        }
        if (syn->options[at] == KIND_STAMP && len == STAMP_VALUES + 2 &&
            at + len <= syn->option_len) {
            memset(syn->options + at + 2, 0, STAMP_VALUES);
        }
        if (len < 2) {
            return;
        }
        at += len;
    }
}

bool syn_read(const struct packet *p, struct print_syn *syn)
{
    const uint8_t *header = p->tcp_header;
    if (header == NULL || p->fragment || (p->tcp.flags & (TCP_SYN | TCP_ACK)) != TCP_SYN) {
        return false;
    }
    /* The decoder has seen the whole of it. */
    size_t option_len = (size_t)(header[12] >> 4) * 4 - HEADER_LEN;
    unsigned ttl = p->ip[p->ends.family == ADDR_IPV6 ? TTL_AT_V6 : TTL_AT_V4];
    memset(syn, 0, sizeof *syn); /* every byte is set, as the whole is compared */
    syn->flags = (uint16_t)((header[12] << 8 | header[13]) & FLAG_BITS);
    syn->window = p->tcp.window;
    syn->ttl = bucket_of(ttl);
    syn->hops = (uint8_t)(syn->ttl - ttl);
    syn->option_len = (uint8_t)option_len;
    memcpy(syn->options, header + HEADER_LEN, option_len);
    clear_stamps(syn);
    return true;
}

static size_t put_byte(char *text, size_t used, uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";
    text[used] = digits[byte >> 4];
    text[used + 1] = digits[byte & 0xf];
    return used + 2;
}

/* Bytes of an option's value that belong to the stack (section 7), or DROPPED. */
static int value_len(const struct print_syn *syn, size_t at)
{
    const uint8_t *option = syn->options + at;
    size_t left = syn->option_len - at;
    switch (option[0]) {
    case KIND_MSS:
    case KIND_STAMP:
    case KIND_MD5:
    case KIND_AO: return 0;
    case KIND_MPTCP:
        if (left <= 2) {
            return 0;
        }
        return option[2] >> 4 == 0 ? 2 : 1;
    case KIND_FAST_OPEN: return DROPPED;
    case KIND_EXPERIMENT_1:
    case KIND_EXPERIMENT_2:
        if (left <= 3) {
            return 0;
        }
        return option[2] == 0xf9 && option[3] == 0x89 ? DROPPED : 2;
    default: return WHOLE;
    }
}

static size_t put_value(const struct print_syn *syn, size_t at, size_t most, char *text,
                        size_t used)
{
    size_t end = at + syn->options[at + 1];
    end = end < syn->option_len ? end : syn->option_len;
    for (size_t i = at + 2; i < end && i - at - 2 < most; i++) {
        used = put_byte(text, used, syn->options[i]);
    }
    return used;
}

/* Section 6.4: padding around a dropped option goes with it, and the first end is the end. */
size_t syn_text(const struct print_syn *syn, char text[SYN_TEXT_MAX])
{
    size_t used = 0;
    size_t padding_from = SIZE_MAX; /* where the run of paddings in hand began in text */
    bool skip_padding = false;
    for (size_t at = 0; at < syn->option_len;) {
        uint8_t kind = syn->options[at];
        if (kind == KIND_NONE) {
            if (!skip_padding) {
                padding_from = padding_from == SIZE_MAX ? used : padding_from;
                used = put_byte(text, used, kind);
            }
            at++;
            continue;
        }
        int value = kind == KIND_END ? 0 : value_len(syn, at);
        skip_padding = value == DROPPED;
        used = skip_padding && padding_from != SIZE_MAX ? padding_from : used;
        padding_from = SIZE_MAX;
        used = skip_padding ? used : put_byte(text, used, kind);
        if (kind == KIND_END || at + 1 >= syn->option_len || syn->options[at + 1] == 0) {
            break;
        }
        if (value > 0) {
            used = put_value(syn, at, (size_t)value, text, used);
        }
        at += syn->options[at + 1];
    }
    return used;
}

/* Kinds and values as they come, without timestamps' values; ends and paddings are kinds. */
size_t syn_text_2025(const struct print_syn *syn, char text[SYN_TEXT_MAX])
{
    size_t used = 0;
    for (size_t at = 0; at < syn->option_len;) {
        uint8_t kind = syn->options[at];
        used = put_byte(text, used, kind);
        if (kind == KIND_NONE || kind == KIND_END) {
            at++;
            continue;
        }
        if (at + 1 >= syn->option_len || syn->options[at + 1] == 0) {
            break;
        }
        if (kind != KIND_STAMP) {
            used = put_value(syn, at, WHOLE, text, used);
        }
        at += syn->options[at + 1];
    }
    return used;
}

bool syn_hash(struct digest *d, struct print_syn *syn)
{
    char text[SYN_TEXT_MAX];
    uint8_t hash[DIGEST_SHORT];
    if (!digest_short(d, text, syn_text(syn, text), hash)) {
        return false;
    }
    memcpy(syn->hash, hash, sizeof syn->hash);
    if (!digest_short(d, text, syn_text_2025(syn, text), hash)) {
        return false;
    }
    memcpy(syn->hash_2025, hash, sizeof syn->hash_2025);
    return true;
}
