#include "common/wire/config_target.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void target_identity(const json_t *item, char id[DEVICE_ID_SIZE], char name[DEVICE_TEXT_SIZE],
                     struct config_fault *fault)
{
    const json_t *value = json_object_get(item, "id");
    if (json_is_integer(value)) {
        (void)snprintf(id, DEVICE_ID_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else {
        config_text(item, "id", 0, id, DEVICE_ID_SIZE, fault);
    }
    config_text(item, "name", 0, name, DEVICE_TEXT_SIZE, fault);
}

void target_host(const json_t *item, const char *key, char host[DEVICE_DESCR_SIZE],
                 struct config_fault *fault)
{
    config_text(item, key, 1, host, DEVICE_DESCR_SIZE, fault);
    for (const char *at = host; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && strchr(".-_:%", *at) == NULL) {
            config_fault_set(fault, key, "Write switch-1.example.net, 192.0.2.7 or 2001:db8::7.",
                             "This is neither a host name nor an address.");
            return;
        }
    }
}
