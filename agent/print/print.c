#include "agent/print/print.h"

#include "agent/decode/http.h"
#include "agent/decode/quic_initial.h"
#include "agent/print/assembly.h"
#include "agent/print/ja.h"
#include "agent/print/quic_open.h"
#include "agent/print/syns.h"
#include "common/slab.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    LOOKS_MAX = 12,       /* packets with data: a mail server talks before its STARTTLS */
    LOOKS_MAX_CLIENT = 3, /* when the client spoke first: it says at once what it speaks */
    LOOKS_MAX_KNOWN = 32, /* when what it speaks is known */
    ASSEMBLIES_MAX = 1024,
    CLIENT = 0, /* index of a side */
    SERVER = 1,
};

/* How the flow speaks. */
enum speech { SPEECH_NONE, SPEECH_TLS, SPEECH_QUIC, SPEECH_DTLS, SPEECH_SSH, SPEECH_HTTP };

struct entry {
    struct print_program program;
    uint8_t speech;         /* enum speech */
    uint8_t awaited;        /* bits of enum print_known */
    uint32_t assemblies[2]; /* handles by side, 0: none yet, or no longer */
};

_Static_assert(sizeof(struct entry) <= 128, "two cache lines");

/* What is known of one flow; most have no more than this. */
struct print_flow {
    uint32_t entry; /* slab handle of its fingerprints, 0: none */
    uint16_t syn;   /* handle of its SYN among those of all flows, 0: none */
    uint8_t hops;   /* of that SYN */
};

struct prints {
    struct digest *digest;
    struct print_flow *flows; /* by number, from 1; pages are touched only as they are used */
    struct slab entries;
    struct slab assemblies;
    uint8_t scratch[ASSEMBLY_SIZE]; /* of a message whose body stands in several records */
    uint8_t frames[QUIC_PACKET_MAX];
    struct tls_client client; /* the hello in hand */
    struct tls_server server;
    struct print_alpn alpn; /* of the look in hand */
    struct syns syns;
};

struct print_alpn prints_alpn(const struct prints *ps)
{
    return ps->alpn;
}

struct prints *prints_new(uint32_t max_flows, struct err *e)
{
    struct prints *ps = calloc(1, sizeof *ps);
    if (ps == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for fingerprints");
        return NULL;
    }
    if (getrandom(&ps->syns.seed, sizeof ps->syns.seed, 0) != (ssize_t)sizeof ps->syns.seed) {
        (void)err_set_errno(e, "no random seed for fingerprints");
        prints_free(ps);
        return NULL;
    }
    ps->flows = calloc((size_t)max_flows + 1, sizeof *ps->flows);
    if (ps->flows == NULL) {
        (void)err_set(e, ERR_NOMEM, "no memory for fingerprints of %u flows", max_flows);
        prints_free(ps);
        return NULL;
    }
    if ((ps->digest = digest_new(e)) == NULL ||
        slab_init(&ps->entries, sizeof(struct entry), max_flows, e) != 0 ||
        slab_init(&ps->assemblies, sizeof(struct assembly), ASSEMBLIES_MAX, e) != 0) {
        prints_free(ps);
        return NULL;
    }
    return ps;
}

size_t prints_bytes(uint32_t max_flows)
{
    return sizeof(struct prints) + ((size_t)max_flows + 1) * sizeof(struct print_flow) +
           (size_t)max_flows * slab_slot(sizeof(struct entry)) +
           ASSEMBLIES_MAX * slab_slot(sizeof(struct assembly));
}

void prints_free(struct prints *ps)
{
    if (ps == NULL) {
        return;
    }
    slab_done(&ps->entries);
    slab_done(&ps->assemblies);
    digest_free(ps->digest);
    free(ps->flows);
    free(ps);
}

static struct entry *entry_of(const struct prints *ps, const struct print_flow *f)
{
    return f->entry == 0 ? NULL : slab_at(&ps->entries, f->entry);
}

static struct entry *entry_make(struct prints *ps, struct print_flow *f, enum speech speech,
                                enum print_kind kind)
{
    f->entry = slab_take(&ps->entries);
    struct entry *entry = entry_of(ps, f);
    if (entry != NULL) {
        memset(entry, 0, sizeof *entry);
        entry->program.kind = (uint8_t)kind;
        entry->speech = (uint8_t)speech;
        entry->awaited = speech == SPEECH_TLS || speech == SPEECH_SSH ? PRINT_CLIENT | PRINT_SERVER
                                                                      : PRINT_CLIENT;
    }
    return entry;
}

static void release(struct prints *ps, struct entry *entry, unsigned side)
{
    if (entry->assemblies[side] != 0) {
        slab_put(&ps->assemblies, entry->assemblies[side]);
        entry->assemblies[side] = 0;
    }
}

/* No more packets: what is known by now stays. */
static void finish(struct prints *ps, struct print_flow *f)
{
    struct entry *entry = entry_of(ps, f);
    if (entry == NULL) {
        return;
    }
    release(ps, entry, CLIENT);
    release(ps, entry, SERVER);
    bool empty = entry->program.known == 0 && entry->program.ja4[0] == '\0';
    if (empty) {
        slab_put(&ps->entries, f->entry);
        f->entry = 0;
    }
}

/* The stream of one side from its beginning on, as far as it is there. */
struct view {
    const uint8_t *bytes;
    size_t len;
};

static struct view view_of(struct prints *ps, struct entry *entry, unsigned side,
                           const struct packet *p)
{
    if (entry->assemblies[side] == 0) {
        return (struct view){.bytes = p->payload, .len = p->payload_len};
    }
    struct assembly *a = slab_at(&ps->assemblies, entry->assemblies[side]);
    assembly_put(a, p->tcp.seq - a->start, p->payload, p->payload_len);
    return (struct view){.bytes = a->bytes, .len = assembly_ready(a)};
}

/* Keeps what was seen until the rest comes; false when there is no room. */
static bool keep(struct prints *ps, struct entry *entry, unsigned side, const struct packet *p)
{
    if (entry->assemblies[side] != 0) {
        struct assembly *a = slab_at(&ps->assemblies, entry->assemblies[side]);
        return assembly_ready(a) < ASSEMBLY_SIZE;
    }
    entry->assemblies[side] = slab_take(&ps->assemblies);
    if (entry->assemblies[side] == 0) {
        return false;
    }
    struct assembly *a = slab_at(&ps->assemblies, entry->assemblies[side]);
    assembly_begin(a, p->tcp.seq);
    assembly_put(a, 0, p->payload, p->payload_len);
    return true;
}

static void settle(struct prints *ps, struct entry *entry, unsigned side)
{
    entry->awaited &= (uint8_t) ~(1u << side);
    release(ps, entry, side);
}

static void take_client(struct prints *ps, struct entry *entry, const struct tls_body *body,
                        enum ja_carrier carrier)
{
    struct print_program *program = &entry->program;
    if (!tls_read_client(body, carrier == JA_DTLS, &ps->client)) {
        return;
    }
    ps->alpn = (struct print_alpn){.protocol = ps->client.alpn, .len = ps->client.alpn_len};
    ja4_of(ps->digest, &ps->client, carrier, program->ja4);
    if (ja3_of(ps->digest, &ps->client, program->client)) {
        program->known |= PRINT_CLIENT;
    }
}

static void take_server(struct prints *ps, struct entry *entry, const struct tls_body *body)
{
    struct print_program *program = &entry->program;
    if (tls_read_server(body, &ps->server) && ja3s_of(ps->digest, &ps->server, program->server)) {
        program->known |= PRINT_SERVER;
    }
}

static void look_tls(struct prints *ps, struct entry *entry, unsigned side, const struct packet *p)
{
    struct view v = view_of(ps, entry, side, p);
    struct tls_body body;
    enum tls_result result =
        tls_find(TLS_RECORDS, side == CLIENT ? TLS_CLIENT_HELLO : TLS_SERVER_HELLO, v.bytes, v.len,
                 ps->scratch, sizeof ps->scratch, &body);
    if (result == TLS_MORE && keep(ps, entry, side, p)) {
        return;
    }
    if (result == TLS_FOUND && side == CLIENT) {
        take_client(ps, entry, &body, JA_TCP);
    } else if (result == TLS_FOUND) {
        take_server(ps, entry, &body);
    }
    settle(ps, entry, side);
}

static void look_ssh(struct prints *ps, struct entry *entry, unsigned side, const struct packet *p)
{
    struct view v = view_of(ps, entry, side, p);
    struct print_program *program = &entry->program;
    struct ssh_offer offer;
    enum ssh_result result = ssh_read(v.bytes, v.len, &offer);
    if (result == SSH_MORE && keep(ps, entry, side, p)) {
        return;
    }
    if (result == SSH_FOUND && hassh_of(ps->digest, &offer, side == CLIENT,
                                        side == CLIENT ? program->client : program->server)) {
        program->known |= (uint8_t)(1u << side);
    }
    settle(ps, entry, side);
}

static void look_dtls(struct prints *ps, struct entry *entry, const struct packet *p)
{
    struct tls_body body;
    if (tls_find(TLS_DATAGRAM, TLS_CLIENT_HELLO, p->payload, p->payload_len, ps->scratch,
                 sizeof ps->scratch, &body) == TLS_FOUND) {
        take_client(ps, entry, &body, JA_DTLS);
    }
    settle(ps, entry, CLIENT);
}

/* Frames of one packet into the stream; the stream when its beginning is there. */
static struct view put_crypto(struct prints *ps, struct entry *entry, size_t len)
{
    struct quic_walk walk = quic_walk_begin(ps->frames, len);
    struct quic_crypto crypto;
    if (entry->assemblies[CLIENT] == 0) {
        entry->assemblies[CLIENT] = slab_take(&ps->assemblies);
        if (entry->assemblies[CLIENT] == 0) {
            return (struct view){0};
        }
        assembly_begin(slab_at(&ps->assemblies, entry->assemblies[CLIENT]), 0);
    }
    struct assembly *a = slab_at(&ps->assemblies, entry->assemblies[CLIENT]);
    while (quic_walk_next(&walk, &crypto)) {
        assembly_put(a, crypto.offset, crypto.bytes, crypto.len);
    }
    return (struct view){.bytes = a->bytes, .len = assembly_ready(a)};
}

/* Hellos of browsers are cut into many frames, out of order, and fill two packets. */
static void look_quic(struct prints *ps, struct entry *entry, const struct packet *p)
{
    struct quic_initial initial;
    struct quic_keys keys;
    if (!quic_find_initial(p->payload, p->payload_len, &initial) ||
        !quic_keys_of(ps->digest, initial.version, initial.id, initial.id_len, true, &keys)) {
        return;
    }
    size_t len = quic_open(ps->digest, &keys, &initial, ps->frames);
    if (len == 0) {
        return;
    }
    struct view v = put_crypto(ps, entry, len);
    struct tls_body body;
    enum tls_result result = tls_find(TLS_BARE, TLS_CLIENT_HELLO, v.bytes, v.len, ps->scratch,
                                      sizeof ps->scratch, &body);
    if (result == TLS_MORE && v.bytes != NULL && v.len < ASSEMBLY_SIZE) {
        return;
    }
    if (result == TLS_FOUND) {
        take_client(ps, entry, &body, JA_QUIC);
    }
    settle(ps, entry, CLIENT);
}

static void look_http(struct prints *ps, struct print_flow *f, const struct packet *p)
{
    char agent[HTTP_AGENT_SIZE];
    if (http_user_agent(p->payload, p->payload_len, agent)) {
        struct entry *entry = entry_make(ps, f, SPEECH_HTTP, PRINT_HTTP);
        if (entry != NULL) {
            memcpy(entry->program.user_agent, agent, sizeof entry->program.user_agent);
            entry->program.known = PRINT_CLIENT;
            entry->awaited = 0;
        }
    }
}

_Static_assert((int)HTTP_AGENT_SIZE == (int)PRINT_AGENT_SIZE, "an agent's name is copied whole");

static enum speech speech_of_tcp(const struct packet *p, bool from_client)
{
    const uint8_t *at = p->payload;
    size_t len = p->payload_len;
    if (from_client && len > 2 && at[0] == 22 && at[1] == 3 && (len < 6 || at[5] == 1)) {
        return SPEECH_TLS;
    }
    if (len >= 4 && memcmp(at, "SSH-", 4) == 0) {
        return SPEECH_SSH;
    }
    return from_client && http_is_request(at, len) ? SPEECH_HTTP : SPEECH_NONE;
}

static enum speech speech_of_udp(const struct packet *p, bool from_client)
{
    const uint8_t *at = p->payload;
    size_t len = p->payload_len;
    if (!from_client) {
        return SPEECH_NONE;
    }
    if (quic_is_long(at, len)) {
        return SPEECH_QUIC;
    }
    return len > 13 && at[0] == 22 && at[1] == 0xfe && at[13] == 1 ? SPEECH_DTLS : SPEECH_NONE;
}

/* Begins with what a packet of a flow that has nothing yet speaks. False: there is no more to it.
 */
static bool recognise(struct prints *ps, struct print_flow *f, const struct packet *p,
                      bool from_client)
{
    enum speech speech = p->ends.protocol == PROTO_TCP ? speech_of_tcp(p, from_client)
                                                       : speech_of_udp(p, from_client);
    switch (speech) {
    case SPEECH_TLS:
    case SPEECH_QUIC:
    case SPEECH_DTLS: return entry_make(ps, f, speech, PRINT_TLS) != NULL;
    case SPEECH_SSH: return entry_make(ps, f, speech, PRINT_SSH) != NULL;
    case SPEECH_HTTP: look_http(ps, f, p); return false;
    case SPEECH_NONE: break;
    }
    return true;
}

/* False when no packet more is wanted. */
static bool look_data(struct prints *ps, struct print_flow *f, const struct packet *p,
                      bool from_client)
{
    unsigned side = from_client ? CLIENT : SERVER;
    if (f->entry == 0 && !recognise(ps, f, p, from_client)) {
        return false;
    }
    struct entry *entry = entry_of(ps, f);
    if (entry == NULL || (entry->awaited & 1u << side) == 0) {
        return true;
    }
    switch ((enum speech)entry->speech) {
    case SPEECH_TLS: look_tls(ps, entry, side, p); break;
    case SPEECH_SSH: look_ssh(ps, entry, side, p); break;
    case SPEECH_QUIC: look_quic(ps, entry, p); break;
    case SPEECH_DTLS: look_dtls(ps, entry, p); break;
    case SPEECH_HTTP:
    case SPEECH_NONE: break;
    }
    return entry->awaited != 0;
}

static void look_syn(struct prints *ps, struct print_flow *f, const struct packet *p)
{
    struct print_syn syn;
    if (syn_read(p, &syn)) {
        f->hops = syn.hops;
        f->syn = syns_take(&ps->syns, ps->digest, &syn);
    }
}

void prints_look(struct prints *ps, uint32_t flow, uint8_t *looked, const struct packet *p,
                 bool from_client)
{
    struct print_flow *f = &ps->flows[flow];
    bool tcp = p->ends.protocol == PROTO_TCP;
    ps->alpn = (struct print_alpn){0};
    if (!tcp && p->ends.protocol != PROTO_UDP) {
        *looked = PRINT_LOOKED_ENOUGH;
        return;
    }
    if (p->later_fragment) {
        return;
    }
    if (tcp && from_client && f->syn == 0 && (p->tcp.flags & TCP_SYN) != 0) {
        look_syn(ps, f, p);
    }
    if (p->payload_len == 0) {
        return;
    }
    if (*looked == 0 && from_client && tcp) {
        *looked = LOOKS_MAX - LOOKS_MAX_CLIENT;
    }
    unsigned most = f->entry == 0 ? LOOKS_MAX : LOOKS_MAX_KNOWN;
    if (++*looked > most || !look_data(ps, f, p, from_client)) {
        finish(ps, f);
        *looked = PRINT_LOOKED_ENOUGH;
    }
}

void prints_fill(const struct prints *ps, uint32_t flow, struct flow_prints *to)
{
    const struct print_flow *f = &ps->flows[flow];
    static const struct flow_prints none;
    const struct entry *entry = entry_of(ps, f);
    *to = none;
    if (entry != NULL) {
        to->program = entry->program;
    }
    if (f->syn != 0) {
        to->syn = *syns_at(&ps->syns, f->syn);
        to->syn.hops = f->hops;
    }
}

bool prints_match(const struct prints *ps, uint32_t flow, const char *text)
{
    const struct print_flow *f = &ps->flows[flow];
    struct flow_prints prints;
    struct print_texts t;
    if (f->entry == 0 && f->syn == 0) {
        return false;
    }
    prints_fill(ps, flow, &prints);
    prints_texts(&prints, &t);
    const char *const all[] = {t.ja4, t.ja3, t.ja3s, t.hassh, t.hassh_server, t.tcp, t.tcp_2025};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(all[i], text) == 0) {
            return true;
        }
    }
    return false;
}

void prints_drop(struct prints *ps, uint32_t flow)
{
    struct print_flow *f = &ps->flows[flow];
    finish(ps, f);
    if (f->entry != 0) {
        slab_put(&ps->entries, f->entry);
        f->entry = 0;
    }
    if (f->syn != 0) {
        syns_put(&ps->syns, f->syn);
        f->syn = 0;
    }
}
