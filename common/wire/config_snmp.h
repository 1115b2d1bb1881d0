/*
 * An item of the configuration's section "snmp": a device to be asked over SNMP. Read and checked
 * here for both ends: the centre refuses what the agent could not use.
 */
#pragma once

#include "common/wire/config_read.h"
#include "common/wire/devices.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    SNMP_SECRET_SIZE = 128,
    SNMP_USER_SIZE = 33, /* 32 bytes, RFC 3414 section 5 */
    SNMP_CONTEXT_SIZE = 64,
    SNMP_SECRET_MIN = 8,     /* of a v3 passphrase, RFC 3414 section 11.2 */
    SNMP_DEVICES_MAX = 1024, /* at one agent */
    SNMP_INTERVAL_MIN_S = 10,
    SNMP_INTERVAL_MAX_S = 3600,
};

enum snmp_hash {
    HASH_NONE = 1,
    HASH_MD5,
    HASH_SHA1,
    HASH_SHA224,
    HASH_SHA256,
    HASH_SHA384,
    HASH_SHA512,
};
enum snmp_cipher { CIPHER_NONE = 1, CIPHER_DES, CIPHER_AES128, CIPHER_AES192, CIPHER_AES256 };

struct config_snmp {
    char id[DEVICE_ID_SIZE];
    char name[DEVICE_TEXT_SIZE];
    char host[DEVICE_DESCR_SIZE]; /* name or address */
    uint16_t port;
    uint8_t version;                  /* 1, 2 (v2c) or 3 */
    char community[SNMP_SECRET_SIZE]; /* of v1 and v2c */
    char user[SNMP_USER_SIZE];        /* of v3, as all that follows to context */
    uint8_t hash;                     /* enum snmp_hash */
    uint8_t cipher;                   /* enum snmp_cipher */
    char auth_key[SNMP_SECRET_SIZE];
    char privacy_key[SNMP_SECRET_SIZE];
    char context[SNMP_CONTEXT_SIZE];
    uint32_t interval_s;
    uint32_t timeout_ms; /* of one question */
    uint32_t retries;
};

/* Members that no reader is shown. NULL at the end. */
extern const char *const config_snmp_secrets[];

/* Reads an item; look at the fault afterwards. The body is that of the effective configuration. */
void config_snmp_read(const json_t *item, struct config_snmp *c, struct config_fault *fault);
/* The same for who only wants the fault. */
void config_snmp_check(const json_t *item, struct config_fault *fault);
