#include "agent/uplink/identity.h"

#include "common/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int path_of(const struct identity *id, const char *name, char path[IDENTITY_PATH_SIZE],
                   struct err *e)
{
    int len = snprintf(path, IDENTITY_PATH_SIZE, "%s/%s", id->dir, name);
    return len > 0 && len < IDENTITY_PATH_SIZE
               ? 0
               : err_set(e, ERR_ARG, "the path %s is too long", id->dir);
}

/* The JWT must be for our key: the server would refuse any other, again and again. */
static int check_jwt(const struct identity *id, const char *jwt, struct creds_claims *claims,
                     struct err *e)
{
    char public[NKEY_TEXT_SIZE];
    if (creds_jwt_claims(jwt, claims, e) != 0) {
        return -1;
    }
    if (strcmp(claims->sub, nkey_public_text(&id->key, public)) != 0) {
        return err_set(e, ERR_PARSE, "an identity for another key");
    }
    if (strcmp(claims->name, id->name) != 0) {
        return err_set(e, ERR_CONFIG, "an identity for %s, but this agent is called %s",
                       claims->name, id->name);
    }
    return 0;
}

static void set_jwt(struct identity *id, const char *jwt, const struct creds_claims *claims)
{
    (void)snprintf(id->jwt, sizeof id->jwt, "%s", jwt); /* both sources have smaller limits */
    id->issued_s = claims->issued_s;
    id->expires_s = claims->expires_s;
}

/* An old JWT is none for a new key: it goes first, so that no crash leaves the two together. */
static int keep_key(struct identity *id, struct err *e)
{
    char path[IDENTITY_PATH_SIZE];
    if (id->key_kept) {
        return 0;
    }
    if (path_of(id, "agent.jwt", path, e) != 0) {
        return -1;
    }
    if (unlink(path) != 0 && errno != ENOENT) {
        return err_set_errno(e, "cannot remove %s", path);
    }
    if (path_of(id, "agent.nk", path, e) != 0 || nkey_save(&id->key, path, e) != 0) {
        return -1;
    }
    id->key_kept = true;
    return 0;
}

static int load_or_make_key(struct identity *id, struct err *e)
{
    char path[IDENTITY_PATH_SIZE];
    if (path_of(id, "agent.nk", path, e) != 0) {
        return -1;
    }
    if (access(path, F_OK) == 0) {
        id->key_kept = true;
        return nkey_load(&id->key, path, e);
    }
    return nkey_make(&id->key, NKEY_USER, e) == 0 ? keep_key(id, e) : -1;
}

/* No JWT is no fault: the agent is to enrol. One that cannot be used is. */
static int load_jwt(struct identity *id, struct err *e)
{
    char path[IDENTITY_PATH_SIZE];
    size_t len;
    if (path_of(id, "agent.jwt", path, e) != 0) {
        return -1;
    }
    if (access(path, F_OK) != 0) {
        return 0;
    }
    char *text = file_read_secret(path, sizeof id->jwt - 1, &len, e);
    if (text == NULL) {
        return -1;
    }
    text[strcspn(text, "\r\n")] = '\0';
    struct creds_claims claims;
    int result = check_jwt(id, text, &claims, e);
    if (result == 0) {
        set_jwt(id, text, &claims);
    }
    free(text);
    return result == 0 ? 0 : err_wrap(e, "%s", path);
}

/* No file: the identity is older than this file. */
static int load_token_hash(struct identity *id, struct err *e)
{
    char path[IDENTITY_PATH_SIZE];
    size_t len;
    if (path_of(id, "token.sha256", path, e) != 0) {
        return -1;
    }
    if (access(path, F_OK) != 0) {
        return 0;
    }
    char *text = file_read(path, sizeof id->token_hash - 1, &len, e);
    if (text == NULL) {
        return -1;
    }
    (void)snprintf(id->token_hash, sizeof id->token_hash, "%s", text); /* fits, likewise */
    free(text);
    return 0;
}

static int keep_token_hash(struct identity *id, const char *hash, struct err *e)
{
    char path[IDENTITY_PATH_SIZE];
    if (path_of(id, "token.sha256", path, e) != 0 ||
        file_replace(path, hash, strlen(hash), 0600, e) != 0) {
        return -1;
    }
    (void)snprintf(id->token_hash, sizeof id->token_hash, "%s", hash); /* hex of 32 bytes */
    return 0;
}

/* The authority that the token brought; none is no fault. */
static int load_authority(struct identity *id, struct err *e)
{
    char path[IDENTITY_PATH_SIZE];
    size_t len;
    if (path_of(id, "ca.pem", path, e) != 0) {
        return -1;
    }
    if (access(path, F_OK) != 0) {
        return 0;
    }
    char *text = file_read(path, sizeof id->ca_pem - 1, &len, e);
    if (text == NULL) {
        return -1;
    }
    (void)snprintf(id->ca_pem, sizeof id->ca_pem, "%s", text); /* fits: file_read refuses more */
    free(text);
    return 0;
}

/* Before the JWT: an identity whose server cannot be checked would be useless. */
static int keep_authority(const struct identity *id, struct err *e)
{
    char path[IDENTITY_PATH_SIZE];
    if (path_of(id, "ca.pem", path, e) != 0) {
        return -1;
    }
    if (id->ca_pem[0] != '\0') {
        return file_replace(path, id->ca_pem, strlen(id->ca_pem), 0600, e);
    }
    if (unlink(path) != 0 && errno != ENOENT) {
        return err_set_errno(e, "cannot remove %s", path);
    }
    return 0;
}

/* No file: the centre has told none yet. */
static int load_centre(struct identity *id, struct err *e)
{
    char path[IDENTITY_PATH_SIZE];
    size_t len;
    if (path_of(id, "centre.pub", path, e) != 0) {
        return -1;
    }
    if (access(path, F_OK) != 0) {
        return 0;
    }
    char *text = file_read(path, sizeof id->centre - 1, &len, e);
    if (text == NULL) {
        return -1;
    }
    text[strcspn(text, "\r\n")] = '\0';
    (void)snprintf(id->centre, sizeof id->centre, "%s", text); /* fits: file_read refuses more */
    free(text);
    return nkey_public_is_valid(id->centre, NKEY_USER)
               ? 0
               : err_set(e, ERR_PARSE, "%s holds no public key", path);
}

static int save_centre(struct identity *id, const char *centre, struct err *e)
{
    char path[IDENTITY_PATH_SIZE];
    if (!nkey_public_is_valid(centre, NKEY_USER)) {
        return err_set(e, ERR_PARSE, "what the centre told as its key is none");
    }
    if (path_of(id, "centre.pub", path, e) != 0 ||
        file_replace(path, centre, strlen(centre), 0600, e) != 0) {
        return -1;
    }
    (void)snprintf(id->centre, sizeof id->centre, "%s", centre); /* a valid key fits */
    return 0;
}

int identity_pin(struct identity *id, const char *centre, struct err *e)
{
    if (centre[0] == '\0' || strcmp(centre, id->centre) == 0) {
        return 0;
    }
    return id->centre[0] == '\0'
               ? save_centre(id, centre, e)
               : err_set(e, ERR_CONFIG, "the centre signs with another key than it told before");
}

static int load(struct identity *id, struct err *e)
{
    return load_or_make_key(id, e) != 0 || load_jwt(id, e) != 0 || load_token_hash(id, e) != 0 ||
                   load_authority(id, e) != 0 || load_centre(id, e) != 0
               ? -1
               : 0;
}

int identity_open(struct identity *id, const char *state_dir, const char *name, struct err *e)
{
    *id = (struct identity){.name = name};
    int len = snprintf(id->dir, sizeof id->dir, "%s/identity", state_dir);
    if (len < 0 || (size_t)len >= sizeof id->dir) {
        return err_set(e, ERR_ARG, "the path %s is too long", state_dir);
    }
    if (folder_make(id->dir, 0700, e) != 0 || load(id, e) != 0) {
        identity_done(id);
        return err_wrap(e, "identity");
    }
    return 0;
}

int identity_recall(struct identity *id, struct err *e)
{
    identity_done(id);
    return load(id, e) == 0 ? 0 : err_wrap(e, "identity");
}

void identity_done(struct identity *id)
{
    nkey_done(&id->key);
    explicit_bzero(id->jwt, sizeof id->jwt);
}

bool identity_is_enrolled(const struct identity *id)
{
    return id->jwt[0] != '\0';
}

/* Last of all files: it makes the others count. */
static int keep_jwt(struct identity *id, const char *jwt, const struct creds_claims *claims,
                    struct err *e)
{
    char path[IDENTITY_PATH_SIZE];
    if (path_of(id, "agent.jwt", path, e) != 0 ||
        file_replace(path, jwt, strlen(jwt), 0600, e) != 0) {
        return -1;
    }
    set_jwt(id, jwt, claims);
    return 0;
}

int identity_enrol(struct identity *id, const char *jwt, const char *centre, const char *token_hash,
                   struct err *e)
{
    struct creds_claims claims;
    if (check_jwt(id, jwt, &claims, e) != 0 || keep_key(id, e) != 0 || keep_authority(id, e) != 0 ||
        (centre[0] != '\0' && save_centre(id, centre, e) != 0) ||
        keep_token_hash(id, token_hash, e) != 0) {
        return -1;
    }
    return keep_jwt(id, jwt, &claims, e);
}

int identity_renew(struct identity *id, const char *jwt, struct err *e)
{
    struct creds_claims claims;
    return check_jwt(id, jwt, &claims, e) == 0 ? keep_jwt(id, jwt, &claims, e) : -1;
}

uint64_t identity_renewal_s(const struct identity *id)
{
    if (id->expires_s <= id->issued_s) {
        return UINT64_MAX;
    }
    return id->issued_s + (id->expires_s - id->issued_s) * 2 / 3;
}

int identity_forget(struct identity *id, struct err *e)
{
    struct nkey key;
    if (nkey_make(&key, NKEY_USER, e) != 0) {
        return -1;
    }
    nkey_done(&id->key);
    explicit_bzero(id->jwt, sizeof id->jwt);
    id->key = key;
    id->key_kept = false;
    nkey_done(&key);
    return 0;
}

static int token_from_file(const char *file, char *buf, struct err *e)
{
    size_t len;
    char *text = file_read(file, IDENTITY_TOKEN_SIZE - 1, &len, e);
    if (text == NULL) {
        return err_wrap(e, "token");
    }
    (void)snprintf(buf, IDENTITY_TOKEN_SIZE, "%s", text); /* fits: file_read refuses more */
    explicit_bzero(text, len);
    free(text);
    return 0;
}

static int token_from_environment(char *buf, struct err *e)
{
    const char *text = getenv("PICKET_TOKEN");
    if (text == NULL || text[0] == '\0') {
        return err_set(e, ERR_CONFIG, "no token: set token_file or PICKET_TOKEN");
    }
    int len = snprintf(buf, IDENTITY_TOKEN_SIZE, "%s", text);
    return len < IDENTITY_TOKEN_SIZE ? 0 : err_set(e, ERR_CONFIG, "PICKET_TOKEN is too long");
}

int identity_token(const char *file, char *buf, struct err *e)
{
    bool has_file = file != NULL && file[0] != '\0';
    if ((has_file ? token_from_file(file, buf, e) : token_from_environment(buf, e)) != 0) {
        return -1;
    }
    buf[strcspn(buf, " \t\r\n")] = '\0';
    return 0;
}

int identity_token_split(const char *token, const char *name, struct token_parts *parts,
                         struct err *e)
{
    struct creds_claims claims;
    if (token_split(token, parts, e) != 0) {
        return -1;
    }
    if (creds_jwt_claims(parts->jwt, &claims, e) != 0) {
        return err_set(e, ERR_CONFIG,
                       "the token is refused: it is cut short or garbled; make a new one with "
                       "picketctl agent add %s",
                       name);
    }
    if (strcmp(claims.name, name) != 0) {
        return err_set(e, ERR_CONFIG,
                       "the token is refused: it was made for %s, but this agent is called %s",
                       claims.name, name);
    }
    return 0;
}
