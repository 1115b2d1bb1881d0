/*
 * What both ends of SSH say in the clear: the line that names the program (RFC 4253 section 4.2)
 * and the lists of algorithms that they offer (section 7.1). Read from hostile bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The name-lists of a KEXINIT in wire order. */
enum ssh_list {
    SSH_KEX,
    SSH_HOST_KEY,
    SSH_CIPHER_C2S,
    SSH_CIPHER_S2C,
    SSH_MAC_C2S,
    SSH_MAC_S2C,
    SSH_COMPRESSION_C2S,
    SSH_COMPRESSION_S2C,
    SSH_LISTS,
};

struct ssh_text {
    const char *at; /* borrowed, not ended */
    size_t len;
};

struct ssh_offer {
    struct ssh_text lists[SSH_LISTS];
};

enum ssh_result { SSH_FOUND, SSH_MORE, SSH_NOT };

/* From the first byte of one side's stream on; SSH_MORE while the offer has yet to come. */
enum ssh_result ssh_read(const uint8_t *bytes, size_t len, struct ssh_offer *offer);
