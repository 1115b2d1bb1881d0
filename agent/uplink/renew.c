/*
 * An identity lives for weeks. After two thirds of that the agent asks for a longer one over the
 * connection that the old one still opens. One that the server refuses, because it was revoked or
 * has expired while the agent was away, is given up as soon as there is another token than the one
 * that made it.
 */
#define LOG_MODULE "uplink"
#include "agent/uplink/uplink_inner.h"

#include "common/clock.h"
#include "common/encode.h"
#include "common/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum {
    RENEW_AGAIN_MS = 10000,
    NONCE_BYTES = 16,
    REFUSED_FROM = 3, /* one refusal alone is the client's known fault, 1 in 256 */
    TOKEN_AGAIN_MS = 30000,
};

/* By the centre's clock, which dated the identity: ours may be wrong by weeks. */
static uint64_t centre_now_s(const struct uplink *u)
{
    if (u->centre_ns == 0) {
        return clock_wall_ns() / NS_PER_S;
    }
    return (u->centre_ns + (clock_mono_ns() - u->centre_mono_ns)) / NS_PER_S;
}

/* Of what is left after two thirds, the first fifth is for all agents of a fleet to share. */
static bool is_due(const struct uplink *u)
{
    const struct identity *id = &u->identity;
    uint64_t due_s = identity_renewal_s(id);
    if (due_s == UINT64_MAX) {
        return false;
    }
    return centre_now_s(u) >= due_s + (id->expires_s - due_s) * u->renew_share / 256 / 5;
}

static void ask(struct uplink *u)
{
    struct err e = {0};
    struct renew_request request;
    uint8_t nonce[NONCE_BYTES];
    char buf[DELIVERY_MAX];
    if (getrandom(nonce, sizeof nonce, 0) != (ssize_t)sizeof nonce) {
        log_warn(NULL, "no random numbers: the identity is renewed later");
        return;
    }
    (void)hex_encode(nonce, sizeof nonce, request.nonce);
    (void)nkey_public_text(&u->identity.key, request.nkey);
    memcpy(u->renew_nonce, request.nonce, sizeof u->renew_nonce);
    if (talk_send(u, "renew", buf, renew_request_pack(&request, buf, sizeof buf), &e) != 0) {
        log_debug(&e, "the renewal of the identity waits");
    }
}

/* True when a token lies there that did not make the present identity and was not tried yet. */
static bool has_another_token(const struct uplink *u)
{
    struct err e = {0};
    char token[IDENTITY_TOKEN_SIZE];
    char hash[sizeof u->identity.token_hash];
    if (identity_token(u->token_file, token, &e) != 0) {
        return false; /* many remove it once it is used */
    }
    (void)creds_sha256_hex(token, strlen(token), hash);
    explicit_bzero(token, sizeof token);
    return strcmp(hash, u->identity.token_hash) != 0 && strcmp(hash, u->tried_token) != 0;
}

static void begin_anew(struct uplink *u)
{
    struct err e = {0};
    if (identity_forget(&u->identity, &e) != 0) {
        log_error(&e, "no new identity can be made");
        return;
    }
    log_info(NULL, "the identity is refused and there is a new token: enrolling anew");
    u->refusals = 0;
    u->anew = true;
    talk_part(u);
}

void renew_give_back(struct uplink *u)
{
    struct err e = {0};
    u->anew = u->give_back = false;
    memcpy(u->tried_token, u->enrol.request.token_hash, sizeof u->tried_token);
    if (identity_recall(&u->identity, &e) != 0) {
        log_error(&e, "the identity that was given up cannot be read again");
        return;
    }
    log_info(NULL, "the new token did not help: back to the identity before");
    u->refusals = 0;
    talk_rejoin(u);
}

void renew_tick(struct uplink *u)
{
    uint64_t now_ms = uv_now(u->loop);
    if (u->refusals >= REFUSED_FROM && !u->connected && now_ms >= u->token_ms) {
        u->token_ms = now_ms + TOKEN_AGAIN_MS;
        if (has_another_token(u)) {
            begin_anew(u);
        }
    } else if (u->welcomed && now_ms >= u->renew_ms && is_due(u)) {
        u->renew_ms = now_ms + RENEW_AGAIN_MS;
        ask(u);
    }
}

void renew_take(struct uplink *u, const void *bytes, size_t len, struct err *e)
{
    struct enrol_answer answer;
    if (enrol_answer_unpack(bytes, len, &answer, e) != 0 || u->renew_nonce[0] == '\0' ||
        strcmp(answer.nonce, u->renew_nonce) != 0) {
        return; /* to an earlier question */
    }
    u->renew_nonce[0] = '\0';
    if (identity_renew(&u->identity, answer.jwt, e) != 0) {
        (void)err_wrap(e, "the renewed identity cannot be kept");
        return;
    }
    log_info(NULL, "the identity is renewed");
    talk_rejoin(u); /* while the old one could still do so */
}
