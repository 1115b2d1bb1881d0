/*
 * The JWTs of a decentralised NATS: header {"typ":"JWT","alg":"ed25519-nkey"}, claims of version
 * 2, Ed25519 signature over both. What a user may do stands in the template of the scoped signing
 * key that signed it, inside the account's JWT, so a user's own claims are empty of rights.
 * Source: the NATS documentation of JWTs; tried on nats-server 2.9.10.
 */
#include "common/creds.h"

#include "common/encode.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CLAIMS_VERSION = 2, DIGEST_SIZE = 32, JWT_ID_SIZE = 16, NO_LIMIT = -1 };

static const char HEADER[] = "{\"typ\":\"JWT\",\"alg\":\"ed25519-nkey\"}";

/* What each scope may do. {{name()}} is put in by the server from the user's name. */
struct scope {
    const char *role;
    const char *publish[4];
    const char *subscribe[5];
    json_int_t subscriptions;
    json_int_t payload; /* bytes */
    bool bearer;
};

static const struct scope SCOPES[] = {
    [SCOPE_AGENT] = {.role = "agents",
                     .publish = {"pk.v1.up.*.{{name()}}.>", "pk.v1.rsp.{{name()}}.>"},
                     .subscribe = {"pk.v1.dn.{{name()}}.>"},
                     .subscriptions = 64,
                     .payload = 256 * 1024},
    [SCOPE_ENROL] = {.role = "enrol",
                     .publish = {"pk.v1.enrol.{{name()}}"},
                     .subscribe = {"pk.v1.enrolled.{{name()}}"},
                     .subscriptions = 4,
                     .payload = 4 * 1024,
                     .bearer = true},
    [SCOPE_CORE] = {.role = "core",
                    .publish = {"pk.v1.dn.>", "pk.v1.enrolled.>", "pk.v1.int.>"},
                    .subscribe = {"pk.v1.up.>", "pk.v1.rsp.>", "pk.v1.enrol.*", "pk.v1.int.>"},
                    .subscriptions = NO_LIMIT,
                    .payload = NO_LIMIT},
};

char *creds_sha256_hex(const void *bytes, size_t len, char *buf)
{
    uint8_t digest[DIGEST_SIZE];
    buf[0] = '\0';
    if (EVP_Digest(bytes, len, digest, NULL, EVP_sha256(), NULL) == 1) {
        (void)hex_encode(digest, sizeof digest, buf);
    }
    return buf;
}

/* "jti", as NATS makes it: base32 of SHA-512/256 over the claims without it. */
static int add_id(json_t *claims, struct err *e)
{
    char id[BASE32_LEN(DIGEST_SIZE) + 1];
    uint8_t digest[DIGEST_SIZE];
    char *text = json_dumps(claims, JSON_COMPACT);
    int ok =
        text != NULL && EVP_Digest(text, strlen(text), digest, NULL, EVP_sha512_256(), NULL) == 1 &&
        json_object_set_new(claims, "jti", json_string(base32_encode(digest, sizeof digest, id))) ==
            0;
    free(text);
    return ok ? 0 : err_set(e, ERR_NOMEM, "cannot number a JWT");
}

/* Signs what stands in buf and appends the signature. */
static int append_signature(const struct nkey *signer, char *buf, size_t size, struct err *e)
{
    uint8_t signature[64];
    size_t len = strlen(buf);
    if (len + 1 + BASE64URL_LEN(sizeof signature) >= size) {
        return err_set(e, ERR_FULL, "a JWT does not fit into %zu bytes", size);
    }
    if (nkey_sign(signer, buf, len, signature, e) != 0) {
        return -1;
    }
    buf[len] = '.';
    (void)base64url_encode(signature, sizeof signature, buf + len + 1);
    return 0;
}

/* header.claims into buf. */
static int encode_claims(const json_t *claims, char *buf, size_t size, struct err *e)
{
    char *text = json_dumps(claims, JSON_COMPACT);
    if (text == NULL) {
        return err_set(e, ERR_NOMEM, "cannot write a JWT");
    }
    size_t header_len = BASE64URL_LEN(sizeof HEADER - 1);
    int result = 0;
    if (header_len + 1 + BASE64URL_LEN(strlen(text)) >= size) {
        result = err_set(e, ERR_FULL, "a JWT does not fit into %zu bytes", size);
    } else {
        (void)base64url_encode(HEADER, sizeof HEADER - 1, buf);
        buf[header_len] = '.';
        (void)base64url_encode(text, strlen(text), buf + header_len + 1);
    }
    free(text);
    return result;
}

/* Takes over nats. expires_s: unix seconds, 0 for never. */
static int mint(const char *name, const char *subject, json_t *nats, uint64_t expires_s,
                const struct nkey *signer, char *buf, size_t size, struct err *e)
{
    char issuer[NKEY_TEXT_SIZE];
    json_t *claims =
        json_pack("{s:s, s:s, s:s, s:I, s:o}", "iss", nkey_public_text(signer, issuer), "sub",
                  subject, "name", name, "iat", (json_int_t)time(NULL), "nats", nats);
    if (claims == NULL) {
        return err_set(e, ERR_NOMEM, "cannot make a JWT");
    }
    int result = -1;
    if (expires_s != 0 &&
        json_object_set_new(claims, "exp", json_integer((json_int_t)expires_s)) != 0) {
        (void)err_set(e, ERR_NOMEM, "cannot make a JWT");
    } else if (add_id(claims, e) == 0 && encode_claims(claims, buf, size, e) == 0) {
        result = append_signature(signer, buf, size, e);
    }
    json_decref(claims);
    return result;
}

int creds_operator_jwt(const struct nkey *oper, const char *oper_signing_public,
                       const char *system_account_public, char *buf, size_t size, struct err *e)
{
    char public[NKEY_TEXT_SIZE];
    json_t *nats =
        json_pack("{s:s, s:i, s:[s], s:s}", "type", "operator", "version", CLAIMS_VERSION,
                  "signing_keys", oper_signing_public, "system_account", system_account_public);
    return mint("picket", nkey_public_text(oper, public), nats, 0, oper, buf, size, e);
}

/* A JSON list of the texts up to the first NULL, or to count. */
static json_t *list_of(const char *const *texts, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < count && texts[i] != NULL; i++) {
        if (json_array_append_new(list, json_string(texts[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* One entry of the account's signing keys: the key and what its users may do. */
static json_t *scope_to_json(enum creds_scope which, const char *key)
{
    const struct scope *s = &SCOPES[which];
    json_t *publish = list_of(s->publish, sizeof s->publish / sizeof s->publish[0]);
    json_t *subscribe = list_of(s->subscribe, sizeof s->subscribe / sizeof s->subscribe[0]);
    json_t *template =
        json_pack("{s:{s:o}, s:{s:o}, s:I, s:I, s:I, s:b}", "pub", "allow", publish, "sub", "allow",
                  subscribe, "subs", s->subscriptions, "data", (json_int_t)NO_LIMIT, "payload",
                  s->payload, "bearer_token", (int)s->bearer);
    return json_pack("{s:s, s:s, s:s, s:o}", "kind", "user_scope", "key", key, "role", s->role,
                     "template", template);
}

static json_t *signing_keys_of(const struct creds_account *a)
{
    return json_pack("[o, o, o]", scope_to_json(SCOPE_AGENT, a->signing_agents),
                     scope_to_json(SCOPE_ENROL, a->signing_enrol),
                     scope_to_json(SCOPE_CORE, a->signing_core));
}

static int add_member(json_t *object, const char *key, json_t *value, struct err *e)
{
    return json_object_set_new(object, key, value) == 0
               ? 0
               : err_set(e, ERR_NOMEM, "cannot make an account's JWT");
}

/* Claims of an account without limits; JetStream's are absent, which keeps it off. */
static json_t *account_claims(const struct creds_account *a, struct err *e)
{
    json_t *nats = json_pack(
        "{s:s, s:i, s:{s:i, s:i, s:i, s:i, s:i, s:b, s:i, s:i}, s:{s:{}, s:{}}}", "type", "account",
        "version", CLAIMS_VERSION, "limits", "subs", NO_LIMIT, "data", NO_LIMIT, "payload",
        NO_LIMIT, "imports", NO_LIMIT, "exports", NO_LIMIT, "wildcards", 1, "conn", NO_LIMIT,
        "leaf", NO_LIMIT, "default_permissions", "pub", "sub");
    if (nats == NULL) {
        (void)err_set(e, ERR_NOMEM, "cannot make an account's JWT");
        return NULL;
    }
    json_t *revoked = NULL;
    if (a->revocations_json != NULL) {
        revoked = json_loads(a->revocations_json, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(revoked)) {
            json_decref(revoked);
            (void)err_set(e, ERR_ARG, "the list of revocations is not a JSON object");
            goto fail;
        }
    }
    if (revoked != NULL && add_member(nats, "revocations", revoked, e) != 0) {
        goto fail;
    }
    if (a->signing_agents != NULL && add_member(nats, "signing_keys", signing_keys_of(a), e) != 0) {
        goto fail;
    }
    return nats;
fail:
    json_decref(nats);
    return NULL;
}

int creds_account_jwt(const struct creds_account *a, const struct nkey *signer, char *buf,
                      size_t size, struct err *e)
{
    json_t *nats = account_claims(a, e);
    return nats == NULL ? -1 : mint(a->name, a->public, nats, 0, signer, buf, size, e);
}

int creds_user_jwt(const char *name, const char *user_public, enum creds_scope scope,
                   const char *account_public, const struct nkey *signer, uint64_t expires_s,
                   char *buf, size_t size, struct err *e)
{
    json_t *nats = json_pack("{s:s, s:i, s:s, s:[s]}", "type", "user", "version", CLAIMS_VERSION,
                             "issuer_account", account_public, "tags", SCOPES[scope].role);
    return mint(name, user_public, nats, expires_s, signer, buf, size, e);
}

int creds_system_user_jwt(const char *name, const char *user_public, const char *account_public,
                          const struct nkey *signer, char *buf, size_t size, struct err *e)
{
    char issuer[NKEY_TEXT_SIZE];
    if (strcmp(nkey_public_text(signer, issuer), account_public) != 0) {
        return err_set(e, ERR_ARG, "the system user is signed by the system account itself");
    }
    json_t *nats = json_pack("{s:s, s:i, s:i, s:i, s:i, s:{}, s:{}}", "type", "user", "version",
                             CLAIMS_VERSION, "subs", NO_LIMIT, "data", NO_LIMIT, "payload",
                             NO_LIMIT, "pub", "sub");
    return mint(name, user_public, nats, 0, signer, buf, size, e);
}

/* The middle part of a JWT as JSON, which the caller json_decref's. */
static json_t *claims_of(const char *jwt, struct err *e)
{
    const char *start = strchr(jwt, '.');
    const char *end = start != NULL ? strchr(start + 1, '.') : NULL;
    size_t text_len = end != NULL ? (size_t)(end - start - 1) : 0;
    uint8_t *bytes = NULL;
    if (text_len == 0 || text_len > CREDS_JWT_SIZE || (bytes = malloc(text_len)) == NULL) {
        (void)err_set(e, ERR_PARSE, "not a JWT");
        return NULL;
    }
    long len = base64url_decode(start + 1, text_len, bytes, text_len);
    json_t *claims = len > 0 ? json_loadb((const char *)bytes, (size_t)len, 0, NULL) : NULL;
    free(bytes);
    if (!json_is_object(claims)) {
        json_decref(claims);
        (void)err_set(e, ERR_PARSE, "not a JWT");
        return NULL;
    }
    return claims;
}

/* A text member, "" when missing; false when it does not fit. */
static bool copy_text(const json_t *claims, const char *key, char *buf, size_t size)
{
    const char *text = json_string_value(json_object_get(claims, key));
    int len = snprintf(buf, size, "%s", text != NULL ? text : "");
    return len >= 0 && (size_t)len < size;
}

/* A time member in unix seconds, 0 when missing or negative. */
static uint64_t time_of(const json_t *claims, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(claims, key));
    return value > 0 ? (uint64_t)value : 0;
}

int creds_jwt_claims(const char *jwt, struct creds_claims *claims, struct err *e)
{
    *claims = (struct creds_claims){0};
    json_t *root = claims_of(jwt, e);
    if (root == NULL) {
        return -1;
    }
    bool ok = copy_text(root, "name", claims->name, sizeof claims->name) &&
              copy_text(root, "sub", claims->sub, sizeof claims->sub) &&
              copy_text(root, "iss", claims->issuer, sizeof claims->issuer);
    claims->issued_s = time_of(root, "iat");
    claims->expires_s = time_of(root, "exp");
    json_decref(root);
    return ok ? 0 : err_set(e, ERR_PARSE, "a JWT with a name or key that is too long");
}
