#include "common/wire/config_snmp.h"

#include "common/wire/config_target.h"

#include <string.h>

const char *const config_snmp_secrets[] = {"community", "auth_key", "privacy_key", NULL};

/* The words in the order of their numbers. */
static const char *const VERSIONS[] = {"1", "2c", "3", NULL};
static const char *const HASHES[] = {"none",   "md5",    "sha1",   "sha224",
                                     "sha256", "sha384", "sha512", NULL};
static const char *const CIPHERS[] = {"none", "des", "aes128", "aes192", "aes256", NULL};

static const char *const KNOWN[] = {"host",       "port",       "version", "community",   "user",
                                    "auth",       "auth_key",   "privacy", "privacy_key", "context",
                                    "interval_s", "timeout_ms", "retries", NULL};

enum {
    PORT_USUAL = 161,
    INTERVAL_USUAL_S = 60,
    TIMEOUT_USUAL_MS = 2000,
    TIMEOUT_MIN_MS = 200,
    TIMEOUT_MAX_MS = 10000,
    RETRIES_USUAL = 2,
    RETRIES_MAX = 5,
};

/* A v3 passphrase that is used: RFC 3414 wants eight characters, and net-snmp insists. */
static void key_read(const json_t *item, const char *key, char buf[SNMP_SECRET_SIZE],
                     struct config_fault *fault)
{
    config_text(item, key, 0, buf, SNMP_SECRET_SIZE, fault);
    if (strlen(buf) < SNMP_SECRET_MIN) {
        config_fault_set(fault, key, "Use the passphrase that the device has for this user.",
                         "A passphrase of SNMPv3 has at least 8 characters.");
    }
}

static void v3_read(const json_t *item, struct config_snmp *c, struct config_fault *fault)
{
    config_text(item, "user", 1, c->user, sizeof c->user, fault);
    c->hash = (uint8_t)(HASH_NONE + config_word(item, "auth", HASHES, 0, fault));
    c->cipher = (uint8_t)(CIPHER_NONE + config_word(item, "privacy", CIPHERS, 0, fault));
    config_text(item, "context", 0, c->context, sizeof c->context, fault);
    if (c->cipher > CIPHER_NONE && c->hash == HASH_NONE) {
        config_fault_set(fault, "auth", "Choose a hash, or no privacy.",
                         "SNMPv3 has no privacy without authentication.");
    }
    if (c->hash > HASH_NONE) {
        key_read(item, "auth_key", c->auth_key, fault);
    }
    if (c->cipher > CIPHER_NONE) {
        key_read(item, "privacy_key", c->privacy_key, fault);
    }
}

void config_snmp_read(const json_t *item, struct config_snmp *c, struct config_fault *fault)
{
    memset(c, 0, sizeof *c); /* padding too: the poller compares them as bytes */
    c->hash = HASH_NONE;
    c->cipher = CIPHER_NONE;
    config_known(item, KNOWN, fault);
    target_identity(item, c->id, c->name, fault);
    target_host(item, "host", c->host, fault);
    c->port = (uint16_t)config_number(item, "port", 1, UINT16_MAX, PORT_USUAL, fault);
    c->version = (uint8_t)(1 + config_word(item, "version", VERSIONS, -1, fault));
    if (c->version == 3) {
        v3_read(item, c, fault);
    } else {
        config_text(item, "community", 1, c->community, sizeof c->community, fault);
    }
    c->interval_s = (uint32_t)config_number(item, "interval_s", SNMP_INTERVAL_MIN_S,
                                            SNMP_INTERVAL_MAX_S, INTERVAL_USUAL_S, fault);
    c->timeout_ms = (uint32_t)config_number(item, "timeout_ms", TIMEOUT_MIN_MS, TIMEOUT_MAX_MS,
                                            TIMEOUT_USUAL_MS, fault);
    c->retries = (uint32_t)config_number(item, "retries", 0, RETRIES_MAX, RETRIES_USUAL, fault);
}

void config_snmp_check(const json_t *item, struct config_fault *fault)
{
    struct config_snmp c;
    config_snmp_read(item, &c, fault);
    explicit_bzero(&c, sizeof c);
}
