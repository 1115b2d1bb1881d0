#include "aggregator/auth/keys.h"

#include "aggregator/auth/certificate.h"
#include "common/file.h"
#include "common/token.h"
#include "common/wire/subjects.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char ACCOUNT_NAME[] = "PICKET";

/* Every NKey of the folder; the order is that of FILES. */
enum key_role {
    ROLE_OPERATOR,
    ROLE_OPERATOR_SIGNING,
    ROLE_SYSTEM,
    ROLE_ACCOUNT,
    ROLE_AGENTS,
    ROLE_ENROL,
    ROLE_CORE,
    ROLE_CORE_USER,
    ROLE_SYSTEM_USER,
    ROLE_COMMAND,
    ROLE_COUNT
};

struct key_file {
    const char *name;
    enum nkey_kind kind;
};

static const struct key_file FILES[ROLE_COUNT] = {
    [ROLE_OPERATOR] = {"operator.nk", NKEY_OPERATOR},
    [ROLE_OPERATOR_SIGNING] = {"operator-signing.nk", NKEY_OPERATOR},
    [ROLE_SYSTEM] = {"system.nk", NKEY_ACCOUNT},
    [ROLE_ACCOUNT] = {"account.nk", NKEY_ACCOUNT},
    [ROLE_AGENTS] = {"agents.nk", NKEY_ACCOUNT},
    [ROLE_ENROL] = {"enrol.nk", NKEY_ACCOUNT},
    [ROLE_CORE] = {"core.nk", NKEY_ACCOUNT},
    [ROLE_CORE_USER] = {"core-user.nk", NKEY_USER},
    [ROLE_SYSTEM_USER] = {"system-user.nk", NKEY_USER},
    [ROLE_COMMAND] = {"command.nk", NKEY_USER},
};

/* All keys at once with their public texts, while the folder is being made. */
struct ring_of_keys {
    struct nkey keys[ROLE_COUNT];
    char public[ROLE_COUNT][NKEY_TEXT_SIZE];
};

static int path_in(const char *dir, const char *name, char *buf, size_t size, struct err *e)
{
    int len = snprintf(buf, size, "%s/%s", dir, name);
    return len > 0 && (size_t)len < size ? 0 : err_set(e, ERR_ARG, "the path %s is too long", dir);
}

static int write_new(const char *dir, const char *name, const char *text, struct err *e)
{
    char path[PATH_MAX];
    return path_in(dir, name, path, sizeof path, e) == 0
               ? file_create(path, text, strlen(text), 0600, e)
               : -1;
}

static int write_seed(const char *dir, const char *name, const struct nkey *key, struct err *e)
{
    char text[NKEY_SEED_SIZE + 1];
    (void)nkey_seed_text(key, text);
    size_t len = strlen(text);
    memcpy(text + len, "\n", 2);
    int result = write_new(dir, name, text, e);
    explicit_bzero(text, sizeof text);
    return result;
}

static int make_keys(const char *dir, struct ring_of_keys *ring, struct err *e)
{
    for (int role = 0; role < ROLE_COUNT; role++) {
        if (nkey_make(&ring->keys[role], FILES[role].kind, e) != 0 ||
            write_seed(dir, FILES[role].name, &ring->keys[role], e) != 0) {
            return -1;
        }
        (void)nkey_public_text(&ring->keys[role], ring->public[role]);
    }
    return 0;
}

/* The two users that the aggregator logs in as; they live until the keys are made anew. */
static int write_users(const char *dir, const struct ring_of_keys *ring, struct err *e)
{
    char jwt[CREDS_JWT_SIZE];
    if (creds_user_jwt("core", ring->public[ROLE_CORE_USER], SCOPE_CORE,
                       ring -> public[ROLE_ACCOUNT], &ring -> keys[ROLE_CORE], 0, jwt, sizeof jwt,
                       e) != 0 ||
        write_new(dir, "core-user.jwt", jwt, e) != 0) {
        return -1;
    }
    if (creds_system_user_jwt("system", ring->public[ROLE_SYSTEM_USER], ring -> public[ROLE_SYSTEM],
                              &ring -> keys[ROLE_SYSTEM], jwt, sizeof jwt, e) != 0) {
        return -1;
    }
    return write_new(dir, "system-user.jwt", jwt, e);
}

static struct creds_account account_of(const struct ring_of_keys *ring)
{
    return (struct creds_account){.name = ACCOUNT_NAME,
                                  .public = ring->public[ROLE_ACCOUNT],
                                  .signing_agents = ring->public[ROLE_AGENTS],
                                  .signing_enrol = ring->public[ROLE_ENROL],
                                  .signing_core = ring->public[ROLE_CORE]};
}

/* The three JWTs that nats-server begins with. */
struct server_claims {
    char oper[CREDS_JWT_SIZE];
    char system[CREDS_JWT_SIZE];
    char account[CREDS_JWT_SIZE];
};

static int make_claims(const struct ring_of_keys *ring, struct server_claims *c, struct err *e)
{
    struct creds_account system = {.name = "SYS", .public = ring->public[ROLE_SYSTEM]};
    struct creds_account account = account_of(ring);
    const struct nkey *signer = &ring->keys[ROLE_OPERATOR_SIGNING];
    if (creds_operator_jwt(&ring->keys[ROLE_OPERATOR], ring->public[ROLE_OPERATOR_SIGNING],
                           ring -> public[ROLE_SYSTEM], c -> oper, sizeof c->oper, e) != 0 ||
        creds_account_jwt(&system, signer, c->system, sizeof c->system, e) != 0) {
        return -1;
    }
    return creds_account_jwt(&account, signer, c->account, sizeof c->account, e);
}

/* nats/resolver.conf: all that a nats-server needs to know us, to be included by its own file. */
static int write_resolver(const char *nats_dir, const char *jwt_dir,
                          const struct ring_of_keys *ring, struct err *e)
{
    struct server_claims claims;
    char text[4 * CREDS_JWT_SIZE];
    if (strpbrk(jwt_dir, "\"\\\n") != NULL) {
        return err_set(e, ERR_ARG, "the resolver's folder may not hold quotes or backslashes");
    }
    if (make_claims(ring, &claims, e) != 0) {
        return -1;
    }
    int len = snprintf(text, sizeof text,
                       "# Written by picketctl init; include it in the configuration of "
                       "nats-server.\n"
                       "operator: %s\n"
                       "system_account: %s\n"
                       "resolver: {\n"
                       "  type: full\n"
                       "  dir: \"%s\"\n"
                       "  allow_delete: false\n"
                       "  interval: \"2m\"\n"
                       "}\n"
                       "resolver_preload: {\n"
                       "  %s: %s\n"
                       "  %s: %s\n"
                       "}\n",
                       claims.oper, ring->public[ROLE_SYSTEM], jwt_dir, ring -> public[ROLE_SYSTEM],
                       claims.system, ring->public[ROLE_ACCOUNT], claims.account);
    if (len < 0 || (size_t)len >= sizeof text) {
        return err_set(e, ERR_FULL, "the resolver's file is too large");
    }
    return write_new(nats_dir, "resolver.conf", text, e);
}

static int write_nats_folder(const struct keys_plan *plan, const struct ring_of_keys *ring,
                             struct err *e)
{
    char nats_dir[PATH_MAX], jwt_dir[PATH_MAX], full[PATH_MAX];
    if (path_in(plan->dir, "nats", nats_dir, sizeof nats_dir, e) != 0 ||
        path_in(plan->dir, "nats/jwt", jwt_dir, sizeof jwt_dir, e) != 0 ||
        folder_make(jwt_dir, 0700, e) != 0) {
        return -1;
    }
    if (realpath(jwt_dir, full) == NULL) {
        return err_set_errno(e, "cannot find %s", jwt_dir);
    }
    return write_resolver(nats_dir, plan->resolver_dir != NULL ? plan->resolver_dir : full, ring,
                          e);
}

static int refuse_existing(const char *dir, struct err *e)
{
    char path[PATH_MAX];
    if (path_in(dir, FILES[ROLE_OPERATOR].name, path, sizeof path, e) != 0) {
        return -1;
    }
    if (access(path, F_OK) == 0) {
        return err_set(e, ERR_CONFIG, "%s holds keys already; nothing was changed", dir);
    }
    return 0;
}

int keys_init(const struct keys_plan *plan, struct err *e)
{
    struct ring_of_keys ring = {0};
    if (folder_make(plan->dir, 0700, e) != 0 || refuse_existing(plan->dir, e) != 0) {
        return -1;
    }
    /* First what may be refused for its names: then nothing is written yet. */
    int result = certificate_write(plan->dir, plan->names, plan->name_count, e);
    if (result == 0) {
        result = make_keys(plan->dir, &ring, e);
    }
    if (result == 0) {
        result = write_users(plan->dir, &ring, e);
    }
    if (result == 0) {
        result = write_nats_folder(plan, &ring, e);
    }
    explicit_bzero(&ring, sizeof ring);
    return result;
}

static int load_key(const char *dir, enum key_role role, struct nkey *key, struct err *e)
{
    char path[PATH_MAX];
    if (path_in(dir, FILES[role].name, path, sizeof path, e) != 0 || nkey_load(key, path, e) != 0) {
        return -1;
    }
    return key->kind == FILES[role].kind
               ? 0
               : err_set(e, ERR_CONFIG, "%s holds a key of another kind", path);
}

static int load_jwt(const char *dir, const char *name, char *buf, size_t size, struct err *e)
{
    char path[PATH_MAX];
    size_t len;
    if (path_in(dir, name, path, sizeof path, e) != 0) {
        return -1;
    }
    char *text = file_read_secret(path, size - 1, &len, e);
    if (text == NULL) {
        return -1;
    }
    text[strcspn(text, "\r\n")] = '\0';
    (void)snprintf(buf, size, "%s", text); /* fits: file_read refuses more */
    free(text);
    return 0;
}

/* The public text of a key whose private half is not kept in memory. */
static int load_public(const char *dir, enum key_role role, char *buf, struct err *e)
{
    struct nkey key;
    int result = load_key(dir, role, &key, e);
    if (result == 0) {
        (void)nkey_public_text(&key, buf);
    }
    nkey_done(&key);
    return result;
}

int keys_load(struct keys *keys, const char *dir, struct err *e)
{
    *keys = (struct keys){0};
    if (load_jwt(dir, "core-user.jwt", keys->core.jwt, sizeof keys->core.jwt, e) == 0 &&
        load_key(dir, ROLE_CORE_USER, &keys->core.key, e) == 0 &&
        load_jwt(dir, "system-user.jwt", keys->system.jwt, sizeof keys->system.jwt, e) == 0 &&
        load_key(dir, ROLE_SYSTEM_USER, &keys->system.key, e) == 0 &&
        load_key(dir, ROLE_OPERATOR_SIGNING, &keys->operator_signing, e) == 0 &&
        load_key(dir, ROLE_AGENTS, &keys->agents, e) == 0 &&
        load_key(dir, ROLE_ENROL, &keys->enrol, e) == 0 &&
        load_key(dir, ROLE_COMMAND, &keys->command, e) == 0 &&
        load_public(dir, ROLE_ACCOUNT, keys->account_public, e) == 0 &&
        load_public(dir, ROLE_CORE, keys->core_signing_public, e) == 0) {
        return 0;
    }
    keys_done(keys);
    return err_wrap(e,
                    "dir = %s: no whole centre's folder, such as \"picketctl init --dir %s\" makes",
                    dir, dir);
}

void keys_done(struct keys *keys)
{
    explicit_bzero(keys, sizeof *keys);
}

/* A user named "*" would be let into every subject of its template. */
static int check_name(const char *name, struct err *e)
{
    return name_is_valid(name) ? 0 : err_set(e, ERR_ARG, "\"%s\" is no instance name", name);
}

int keys_token_new(const struct keys *keys, const char *name, uint64_t expires_s, char *buf,
                   size_t size, struct err *e)
{
    struct nkey bearer;
    char public[NKEY_TEXT_SIZE];
    size_t prefix_len = sizeof TOKEN_PREFIX - 1;
    if (check_name(name, e) != 0) {
        return -1;
    }
    if (size <= prefix_len || nkey_make(&bearer, NKEY_USER, e) != 0) {
        return err_wrap(e, "token");
    }
    memcpy(buf, TOKEN_PREFIX, prefix_len);
    int result =
        creds_user_jwt(name, nkey_public_text(&bearer, public), SCOPE_ENROL, keys->account_public,
                       &keys->enrol, expires_s, buf + prefix_len, size - prefix_len, e);
    nkey_done(&bearer);
    return result;
}

int keys_agent_jwt(const struct keys *keys, const char *name, const char *nkey_public,
                   uint64_t expires_s, char *buf, size_t size, struct err *e)
{
    if (check_name(name, e) != 0) {
        return -1;
    }
    if (!nkey_public_is_valid(nkey_public, NKEY_USER)) {
        return err_set(e, ERR_ARG, "not a user's public key");
    }
    return creds_user_jwt(name, nkey_public, SCOPE_AGENT, keys->account_public, &keys->agents,
                          expires_s, buf, size, e);
}

int keys_account_jwt(const struct keys *keys, const char *revocations_json, char *buf, size_t size,
                     struct err *e)
{
    char agents[NKEY_TEXT_SIZE], enrol[NKEY_TEXT_SIZE];
    struct creds_account account = {.name = ACCOUNT_NAME,
                                    .public = keys->account_public,
                                    .signing_agents = nkey_public_text(&keys->agents, agents),
                                    .signing_enrol = nkey_public_text(&keys->enrol, enrol),
                                    .signing_core = keys->core_signing_public,
                                    .revocations_json = revocations_json};
    return creds_account_jwt(&account, &keys->operator_signing, buf, size, e);
}

int keys_update_check(const void *answer, size_t len, struct err *e)
{
    json_t *root = json_loadb(answer, len, 0, NULL);
    json_int_t code = json_integer_value(json_object_get(json_object_get(root, "data"), "code"));
    const char *why =
        json_string_value(json_object_get(json_object_get(root, "error"), "description"));
    int result = code == 200 ? 0
                             : err_set(e, ERR_REMOTE, "nats-server did not take the account: %s",
                                       why != NULL ? why : "no reason given");
    json_decref(root);
    return result;
}
