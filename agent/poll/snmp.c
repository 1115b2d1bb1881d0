/*
 * net-snmp's calls may call us back, and what we do then may close the session: so the library's
 * call-back only keeps what came, and ours is called once the library has returned.
 *
 * Its list of v3 users is keyed by engine and name and never refreshed: a user is removed before
 * a session is opened, so that changed keys count. Two devices with one engine id and one user
 * name but different keys (copies of a machine) therefore disturb each other.
 */
#include <net-snmp/net-snmp-config.h>
/* The library's configuration comes first, or its headers do not compile. */
#include <net-snmp/library/large_fd_set.h>
#include <net-snmp/net-snmp-includes.h>

#include "agent/poll/snmp.h"

#include "common/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_SIZE = 64 * 1024, BYTES_MAX = 512, PEER_SIZE = 80, V1_NO_SUCH_NAME = 2 };

struct poll_session {
    void *handle; /* net-snmp's */
    int fd;
    uint8_t version;
    bool asked;    /* an answer is outstanding */
    bool answered; /* it came and was not handed on yet */
    poll_answer_fn answer_fn;
    void *arg;
    struct poll_answer answer;
    char why[DEVICE_ERROR_SIZE];
    struct poll_value values[ANSWER_MAX];
    uint8_t arena[ARENA_SIZE]; /* bytes of the values */
    size_t used;
};

/* ---- the library ---- */

void poll_snmp_start(void)
{
    static const int off[] = {NETSNMP_DS_LIB_DONT_READ_CONFIGS, NETSNMP_DS_LIB_DONT_PERSIST_STATE,
                              NETSNMP_DS_LIB_DISABLE_PERSISTENT_LOAD,
                              NETSNMP_DS_LIB_DISABLE_PERSISTENT_SAVE};
    for (size_t i = 0; i < sizeof off / sizeof off[0]; i++) {
        (void)netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, off[i], 1); /* known numbers */
    }
    (void)setenv("MIBS", "", 1); /* short of memory: it looks for files and finds none */
    snmp_disable_log();
    init_snmp("picket");
}

/* ---- what came ---- */

static const uint8_t *keep_bytes(struct poll_session *s, const void *bytes, size_t len)
{
    if (len > sizeof s->arena - s->used) {
        return NULL;
    }
    uint8_t *to = s->arena + s->used;
    memcpy(to, bytes, len);
    s->used += len;
    return to;
}

/* An OID as text: what sysObjectID is for people. */
static void keep_oid(struct poll_session *s, const netsnmp_variable_list *var, struct poll_value *v)
{
    char text[BYTES_MAX];
    size_t used = 0, count = var->val_len / sizeof(oid);
    for (size_t i = 0; i < count && used < sizeof text - 1; i++) {
        int len = snprintf(text + used, sizeof text - used, "%s%lu", i == 0 ? "" : ".",
                           (unsigned long)var->val.objid[i]);
        used += len > 0 ? (size_t)len : 0;
    }
    used = used < sizeof text ? used : sizeof text - 1;
    v->type = POLL_OID;
    v->bytes = keep_bytes(s, text, used);
    v->len = v->bytes == NULL ? 0 : used;
}

static void keep_value(struct poll_session *s, const netsnmp_variable_list *var,
                       struct poll_value *v)
{
    switch (var->type) {
    case ASN_INTEGER:
    case ASN_COUNTER:
    case ASN_GAUGE:
    case ASN_TIMETICKS:
    case ASN_UINTEGER:
        v->type = POLL_NUMBER; /* 32 bits each, whatever the library's long is */
        v->number = (uint32_t)*var->val.integer;
        break;
    case ASN_COUNTER64:
        v->type = POLL_NUMBER;
        v->number = (uint64_t)var->val.counter64->high << 32 | (uint32_t)var->val.counter64->low;
        break;
    case ASN_OCTET_STR:
    case ASN_IPADDRESS:
    case ASN_OPAQUE:
        v->type = POLL_BYTES;
        v->len = var->val_len < BYTES_MAX ? var->val_len : BYTES_MAX;
        v->bytes = keep_bytes(s, var->val.string, v->len);
        v->len = v->bytes == NULL ? 0 : v->len;
        break;
    case ASN_OBJECT_ID: keep_oid(s, var, v); break;
    default: v->type = POLL_NOTHING; break; /* noSuchObject, endOfMibView, NULL */
    }
}

static bool keep_name(const netsnmp_variable_list *var, struct poll_oid *to)
{
    if (var->name_length > OID_SIZE) {
        return false;
    }
    to->len = (uint32_t)var->name_length;
    for (size_t i = 0; i < var->name_length; i++) {
        to->ids[i] = (uint32_t)var->name[i];
    }
    return true;
}

static void keep_values(struct poll_session *s, const netsnmp_pdu *pdu)
{
    size_t count = 0;
    s->used = 0;
    for (const netsnmp_variable_list *var = pdu->variables; var != NULL && count < ANSWER_MAX;
         var = var->next_variable) {
        struct poll_value *v = &s->values[count];
        *v = (struct poll_value){.type = POLL_NOTHING};
        if (!keep_name(var, &v->oid)) {
            break; /* no object of ours has so long a name: what follows is not asked for */
        }
        keep_value(s, var, v);
        count++;
    }
    s->answer.values = s->values;
    s->answer.count = count;
}

static void keep_failure(struct poll_session *s, enum device_state state, const char *why)
{
    s->answered = true;
    s->answer = (struct poll_answer){.state = (uint8_t)state, .why = s->why};
    (void)snprintf(s->why, sizeof s->why, "%s", why); /* cut if need be */
}

/* usmStats, RFC 3414 section 5: what a v3 device says that was wrong. */
static void keep_report(struct poll_session *s, const netsnmp_pdu *pdu)
{
    static const oid usm_stats[] = {1, 3, 6, 1, 6, 3, 15, 1, 1};
    enum { PREFIX = sizeof usm_stats / sizeof usm_stats[0] };
    static const struct {
        enum device_state state;
        const char *why;
    } reports[] = {
        {DEVICE_FAULT, "the device reports something unknown"},
        {DEVICE_WRONG_LEVEL, "the device does not take this security level for this user: look at "
                             "authentication and privacy"},
        {DEVICE_NOT_IN_TIME, "the device does not agree on its engine's time"},
        {DEVICE_UNKNOWN_USER, "the device does not know this user"},
        {DEVICE_FAULT, "the device does not know its own engine id"},
        {DEVICE_WRONG_DIGEST, "wrong digest: the authentication key or its hash is not the "
                              "device's"},
        {DEVICE_NO_DECRYPTION, "decryption error: the privacy key or its cipher is not the "
                               "device's"},
    };
    const netsnmp_variable_list *var = pdu->variables;
    unsigned long which = 0;
    if (var != NULL && var->name_length > PREFIX &&
        snmp_oid_ncompare(var->name, PREFIX, usm_stats, PREFIX, PREFIX) == 0) {
        which = var->name[PREFIX];
    }
    which = which < sizeof reports / sizeof reports[0] ? which : 0;
    keep_failure(s, reports[which].state, reports[which].why);
}

static void keep_response(struct poll_session *s, const netsnmp_pdu *pdu)
{
    s->answered = true;
    s->why[0] = '\0';
    s->answer = (struct poll_answer){.state = DEVICE_UP, .why = s->why};
    switch (pdu->errstat) {
    case SNMP_ERR_NOERROR: keep_values(s, pdu); break;
    case SNMP_ERR_TOOBIG: s->answer.too_big = true; break;
    case V1_NO_SUCH_NAME:
        s->answer.bad = pdu->errindex > 0 && pdu->errindex <= ASK_MAX ? (unsigned)pdu->errindex : 1;
        break;
    case SNMP_ERR_AUTHORIZATIONERROR:
    case SNMP_ERR_NOACCESS:
        keep_failure(s, DEVICE_NO_ACCESS, "the device answers, but refuses access to its objects");
        break;
    default: keep_failure(s, DEVICE_FAULT, snmp_errstring((int)pdu->errstat)); break;
    }
}

/* The library's call-back; 1: the question is settled. */
static int on_event(int operation, netsnmp_session *session, int request, netsnmp_pdu *pdu,
                    void *magic)
{
    struct poll_session *s = magic;
    (void)session;
    (void)request;
    switch (operation) {
    case NETSNMP_CALLBACK_OP_RECEIVED_MESSAGE:
    case NETSNMP_CALLBACK_OP_SEC_ERROR:
        if (pdu == NULL) {
            return 1;
        }
        if (pdu->command == SNMP_MSG_REPORT) {
            keep_report(s, pdu);
        } else if (pdu->command == SNMP_MSG_RESPONSE &&
                   operation == NETSNMP_CALLBACK_OP_RECEIVED_MESSAGE) {
            keep_response(s, pdu);
        }
        return 1;
    case NETSNMP_CALLBACK_OP_TIMED_OUT:
        keep_failure(s, DEVICE_TIMEOUT,
                     s->version == 3 ? "no answer in time"
                                     : "no answer in time: away, or another community");
        return 1;
    case NETSNMP_CALLBACK_OP_SEND_FAILED:
        keep_failure(s, DEVICE_FAULT, "the question could not be sent");
        return 1;
    default: return 1; /* a resend, or about connections: nothing is settled */
    }
}

/* Hands on what the library's call-back kept. Last thing in a call: s may be closed by it. */
static void hand_on(struct poll_session *s)
{
    if (s->answered && s->asked) {
        s->asked = s->answered = false;
        s->answer_fn(&s->answer, s->arg);
    }
}

/* ---- sessions ---- */

/* "udp:192.0.2.1:161", "udp6:[2001:db8::1]:161": names are not looked up here. */
static void write_peer(const struct sockaddr *to, char peer[PEER_SIZE])
{
    char text[INET6_ADDRSTRLEN] = "";
    if (to->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, to, sizeof in6);
        (void)inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof text); /* it fits */
        (void)snprintf(peer, PEER_SIZE, "udp6:[%s]:%u", text, ntohs(in6.sin6_port));
    } else {
        struct sockaddr_in in;
        memcpy(&in, to, sizeof in);
        (void)inet_ntop(AF_INET, &in.sin_addr, text, sizeof text); /* likewise */
        (void)snprintf(peer, PEER_SIZE, "udp:%s:%u", text, ntohs(in.sin_port));
    }
}

struct protocol {
    oid *oid;
    size_t len;
};

static struct protocol hash_of(enum snmp_hash hash)
{
    enum { LEN = OID_LENGTH(usmNoAuthProtocol) };
    switch (hash) {
    case HASH_MD5: return (struct protocol){usmHMACMD5AuthProtocol, LEN};
    case HASH_SHA1: return (struct protocol){usmHMACSHA1AuthProtocol, LEN};
    case HASH_SHA224: return (struct protocol){usmHMAC128SHA224AuthProtocol, LEN};
    case HASH_SHA256: return (struct protocol){usmHMAC192SHA256AuthProtocol, LEN};
    case HASH_SHA384: return (struct protocol){usmHMAC256SHA384AuthProtocol, LEN};
    case HASH_SHA512: return (struct protocol){usmHMAC384SHA512AuthProtocol, LEN};
    case HASH_NONE: break;
    }
    return (struct protocol){usmNoAuthProtocol, LEN};
}

static struct protocol cipher_of(enum snmp_cipher cipher)
{
    enum { LEN = OID_LENGTH(usmNoPrivProtocol) };
    switch (cipher) {
    case CIPHER_DES: return (struct protocol){usmDESPrivProtocol, LEN};
    case CIPHER_AES128: return (struct protocol){usmAESPrivProtocol, LEN};
    case CIPHER_AES192:
        return (struct protocol){usmAES192PrivProtocol, OID_LENGTH(usmAES192PrivProtocol)};
    case CIPHER_AES256:
        return (struct protocol){usmAES256PrivProtocol, OID_LENGTH(usmAES256PrivProtocol)};
    case CIPHER_NONE: break;
    }
    return (struct protocol){usmNoPrivProtocol, LEN};
}

/* RFC 3414 appendix A.2: a passphrase becomes a key. */
static bool make_key(const struct protocol *hash, const char *secret, u_char *key, size_t *len)
{
    *len = USM_AUTH_KU_LEN;
    return generate_Ku(hash->oid, (u_int)hash->len, (const u_char *)secret, strlen(secret), key,
                       len) == SNMPERR_SUCCESS;
}

static int fill_v3(netsnmp_session *session, const struct config_snmp *conf, struct err *e)
{
    struct protocol hash = hash_of((enum snmp_hash)conf->hash);
    struct protocol cipher = cipher_of((enum snmp_cipher)conf->cipher);
    session->securityLevel = conf->hash == HASH_NONE       ? SNMP_SEC_LEVEL_NOAUTH
                             : conf->cipher == CIPHER_NONE ? SNMP_SEC_LEVEL_AUTHNOPRIV
                                                           : SNMP_SEC_LEVEL_AUTHPRIV;
    session->securityAuthProto = hash.oid;
    session->securityAuthProtoLen = hash.len;
    session->securityPrivProto = cipher.oid;
    session->securityPrivProtoLen = cipher.len;
    if (conf->hash != HASH_NONE &&
        !make_key(&hash, conf->auth_key, session->securityAuthKey, &session->securityAuthKeyLen)) {
        return err_set(e, ERR_CONFIG, "auth_key: no key can be made of it with this hash");
    }
    if (session->securityLevel == SNMP_SEC_LEVEL_AUTHPRIV &&
        !make_key(&hash, conf->privacy_key, session->securityPrivKey,
                  &session->securityPrivKeyLen)) {
        return err_set(e, ERR_CONFIG, "privacy_key: no key can be made of it with this hash");
    }
    return 0;
}

/* What the library remembers of this user on this engine may be of keys that are changed since. */
static void forget_user(const struct engine_id *engine, const char *name)
{
    struct usmUser *user = usm_get_user(engine->bytes, engine->len, name);
    if (user != NULL) {
        (void)usm_remove_user(user); /* it was just found */
        (void)usm_free_user(user);
    }
}

/* The library copies what the session points to. */
static int open_handle(struct poll_session *s, const struct config_snmp *conf, char *peer,
                       const struct engine_id *engine, struct err *e)
{
    enum { US_PER_MS = 1000 };
    netsnmp_session session;
    struct config_snmp texts = *conf; /* the library's pointers are not const */
    struct engine_id id = *engine;
    snmp_sess_init(&session);
    session.version = conf->version == 3   ? SNMP_VERSION_3
                      : conf->version == 2 ? SNMP_VERSION_2c
                                           : SNMP_VERSION_1;
    session.peername = peer;
    session.timeout = (long)conf->timeout_ms * US_PER_MS;
    session.retries = (int)conf->retries;
    session.callback = on_event;
    session.callback_magic = s;
    session.flags |= SNMP_FLAGS_DONT_PROBE;
    if (conf->version == 3) {
        session.securityName = texts.user;
        session.securityNameLen = strlen(texts.user);
        session.contextName = texts.context;
        session.contextNameLen = strlen(texts.context);
        session.securityModel = SNMP_SEC_MODEL_USM;
        session.securityEngineID = session.contextEngineID = id.bytes;
        session.securityEngineIDLen = session.contextEngineIDLen = id.len;
        forget_user(&id, texts.user);
        if (fill_v3(&session, conf, e) != 0) {
            explicit_bzero(&texts, sizeof texts);
            return -1;
        }
    } else {
        session.community = (u_char *)texts.community;
        session.community_len = strlen(texts.community);
    }
    s->handle = snmp_sess_open(&session);
    explicit_bzero(&texts, sizeof texts);
    explicit_bzero(&session, sizeof session);
    return s->handle != NULL ? 0 : err_set(e, ERR_IO, "no SNMP session can be opened");
}

struct poll_session *poll_session_open(const struct config_snmp *conf, const struct sockaddr *to,
                                       const struct engine_id *engine, struct err *e)
{
    char peer[PEER_SIZE];
    struct poll_session *s = calloc(1, sizeof *s);
    if (s == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for an SNMP session");
        return NULL;
    }
    write_peer(to, peer);
    s->version = conf->version;
    s->fd = -1;
    if (open_handle(s, conf, peer, engine, e) != 0) {
        free(s);
        return NULL;
    }
    s->fd = snmp_sess_transport(s->handle)->sock;
    /* So that a refusal of the host comes back, and nobody else can answer. */
    socklen_t len =
        to->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (connect(s->fd, to, len) != 0) {
        (void)err_set_errno(e, "no way to the device");
        poll_session_close(s);
        return NULL;
    }
    return s;
}

void poll_session_close(struct poll_session *s)
{
    if (s != NULL) {
        s->asked = false; /* closing calls back about what is outstanding */
        (void)snmp_sess_close(s->handle);
        free(s);
    }
}

int poll_session_fd(const struct poll_session *s)
{
    return s->fd;
}

static netsnmp_pdu *make_pdu(const struct poll_question *q)
{
    static const int commands[] = {
        [ASK_GET] = SNMP_MSG_GET, [ASK_NEXT] = SNMP_MSG_GETNEXT, [ASK_BULK] = SNMP_MSG_GETBULK};
    netsnmp_pdu *pdu = snmp_pdu_create(commands[q->ask]);
    if (pdu == NULL) {
        return NULL;
    }
    if (q->ask == ASK_BULK) {
        pdu->non_repeaters = q->single;
        pdu->max_repetitions = q->repeat;
    }
    for (size_t i = 0; i < q->count && i < ASK_MAX; i++) {
        oid name[OID_SIZE];
        for (uint32_t k = 0; k < q->oids[i].len; k++) {
            name[k] = q->oids[i].ids[k];
        }
        if (snmp_add_null_var(pdu, name, q->oids[i].len) == NULL) {
            snmp_free_pdu(pdu);
            return NULL;
        }
    }
    return pdu;
}

int poll_session_ask(struct poll_session *s, const struct poll_question *q, poll_answer_fn answer,
                     void *arg, struct err *e)
{
    netsnmp_pdu *pdu = make_pdu(q);
    if (pdu == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for an SNMP question");
    }
    s->answer_fn = answer;
    s->arg = arg;
    s->answered = false;
    s->asked = true;
    if (snmp_sess_async_send(s->handle, pdu, on_event, s) == 0) {
        s->asked = false;
        snmp_free_pdu(pdu);
        return err_set(e, ERR_IO, "the SNMP question could not be sent");
    }
    return 0;
}

void poll_session_read(struct poll_session *s)
{
    netsnmp_large_fd_set set;
    netsnmp_large_fd_set_init(&set, FD_SETSIZE);
    netsnmp_large_fd_set_resize(&set, s->fd + 1);
    netsnmp_large_fd_setfd(s->fd, &set);
    errno = 0;
    int result = snmp_sess_read2(s->handle, &set);
    int why = errno;
    netsnmp_large_fd_set_cleanup(&set);
    if (result != 0 && why == ECONNREFUSED && s->asked && !s->answered) {
        keep_failure(s, DEVICE_REFUSED, "its host answers that nothing listens on this port");
    }
    hand_on(s);
}

void poll_session_tick(struct poll_session *s)
{
    snmp_sess_timeout(s->handle);
    hand_on(s);
}
