#include "tests/perf/fleet/mint.h"

#include "common/encode.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int mint_open(struct mint *m, const char *dir, struct err *e)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/account.nk", dir);
    return keys_load(&m->keys, dir, e) == 0 ? nkey_load(&m->account, path, e) : -1;
}

void mint_close(struct mint *m)
{
    keys_done(&m->keys);
    nkey_done(&m->account);
}

static void allow(json_t *list, const char *before, const char *name)
{
    char subject[256];
    (void)snprintf(subject, sizeof subject, "%s%s.>", before, name);
    (void)json_array_append_new(list, json_string(subject));
}

/* Signed by the account itself: the scoped keys give one name's rights and no more. */
static int mint_several(const struct mint *m, const char *const *names, unsigned count,
                        const char *nkey_public, char *buf, size_t size, struct err *e)
{
    static const char header[] = "{\"typ\":\"JWT\",\"alg\":\"ed25519-nkey\"}";
    json_t *publish = json_array(), *subscribe = json_array();
    char issuer[NKEY_TEXT_SIZE];
    uint8_t signature[64];
    for (unsigned i = 0; i < count; i++) {
        allow(publish, "pk.v1.up.*.", names[i]);
        allow(publish, "pk.v1.rsp.", names[i]);
        allow(subscribe, "pk.v1.dn.", names[i]);
    }
    json_t *claims = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:{s:s, s:i, s:i, s:i, s:i, s:{s:o}, s:{s:o}}}", "jti", "sim",
        "iss", nkey_public_text(&m->account, issuer), "sub", nkey_public, "name", names[0], "iat",
        (json_int_t)time(NULL), "nats", "type", "user", "version", 2, "subs", -1, "data", -1,
        "payload", -1, "pub", "allow", publish, "sub", "allow", subscribe);
    char *text = json_dumps(claims, JSON_COMPACT);
    json_decref(claims);
    if (text == NULL || (strlen(text) + sizeof header) * 4 / 3 + 128 > size) {
        free(text);
        return err_set(e, ERR_FULL, "a JWT for %u names", count);
    }
    char *at = buf;
    at += strlen(base64url_encode(header, sizeof header - 1, at));
    *at++ = '.';
    at += strlen(base64url_encode(text, strlen(text), at));
    free(text);
    if (nkey_sign(&m->account, buf, (size_t)(at - buf), signature, e) != 0) {
        return -1;
    }
    *at++ = '.';
    (void)base64url_encode(signature, sizeof signature, at);
    return 0;
}

int mint_user(const struct mint *m, const char *const *names, unsigned count,
              const char *nkey_public, char *buf, size_t size, struct err *e)
{
    uint64_t day_s = 24 * 3600;
    return count == 1 ? keys_agent_jwt(&m->keys, names[0], nkey_public,
                                       (uint64_t)time(NULL) + day_s, buf, size, e)
                      : mint_several(m, names, count, nkey_public, buf, size, e);
}
