#include "agent/uplink/enrol.h"

#include "common/encode.h"
#include "common/version.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { NONCE_BYTES = 16 };

int enrol_begin(struct enrol *en, const struct identity *id, const char *token, struct err *e)
{
    uint8_t nonce[NONCE_BYTES];
    *en = (struct enrol){0};
    if (getrandom(nonce, sizeof nonce, 0) != (ssize_t)sizeof nonce) {
        return err_set_errno(e, "no random numbers");
    }
    struct enrol_request *r = &en->request;
    (void)hex_encode(nonce, sizeof nonce, r->nonce);
    (void)creds_sha256_hex(token, strlen(token), r->token_hash);
    (void)nkey_public_text(&id->key, r->nkey);
    (void)snprintf(r->version, sizeof r->version, "%s", PICKET_VERSION); /* told to people only */
    if (gethostname(r->host, sizeof r->host - 1) != 0) {
        r->host[0] = '\0'; /* likewise */
    }
    return 0;
}

size_t enrol_ask(struct enrol *en, uint64_t now_ms, void *buf, size_t size)
{
    if (now_ms < en->next_ms) {
        return 0;
    }
    en->next_ms = now_ms + ENROL_AGAIN_MS;
    return enrol_request_pack(&en->request, buf, size);
}

int enrol_answered(struct enrol *en, const void *bytes, size_t len, uint64_t now_ms,
                   struct enrol_answer *answer, struct err *e)
{
    if (enrol_answer_unpack(bytes, len, answer, e) != 0 ||
        strcmp(answer->nonce, en->request.nonce) != 0) {
        return 0; /* somebody else's, or an earlier run's */
    }
    if (!answer->ok) {
        en->next_ms = now_ms + ENROL_REFUSED_MS;
        return err_set(e, ERR_REMOTE, "%s", answer->reason);
    }
    return 1;
}
