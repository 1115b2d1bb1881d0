/*
 * Fingerprints of programs from what they offer in the clear: JA4 (FoxIO, only the BSD-licensed
 * client part), JA3 and JA3S, HASSH (both by Salesforce).
 */
#pragma once

#include "agent/decode/ssh.h"
#include "agent/decode/tls.h"
#include "agent/print/digest.h"
#include "common/wire/prints.h"

/* Where a hello was carried: JA4's first letter. */
enum ja_carrier { JA_TCP, JA_QUIC, JA_DTLS };

/* JA4 as technical_details/JA4.md says; "" when a hash fails. */
void ja4_of(struct digest *d, const struct tls_client *hello, enum ja_carrier carrier,
            char ja4[PRINT_JA4_SIZE]);
/* The rest: false when MD5 is forbidden here, or a list is too long to be read. */
bool ja3_of(struct digest *d, const struct tls_client *hello, uint8_t ja3[PRINT_MD5_SIZE]);
bool ja3s_of(struct digest *d, const struct tls_server *hello, uint8_t ja3s[PRINT_MD5_SIZE]);
bool hassh_of(struct digest *d, const struct ssh_offer *offer, bool of_client,
              uint8_t hassh[PRINT_MD5_SIZE]);
