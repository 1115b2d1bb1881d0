#include "common/wire/prints.h"

#include "common/reader.h"
#include "common/wire/text.h"
#include "common/writer.h"

#include <stdio.h>
#include <string.h>

static void hex(const uint8_t *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 0xf];
    }
    out[2 * len] = '\0';
}

static void syn_write(struct writer *w, const struct print_syn *syn)
{
    writer_le16(w, syn->flags);
    if (syn->flags == 0) {
        return;
    }
    writer_le16(w, syn->window);
    writer_u8(w, syn->ttl);
    writer_u8(w, syn->hops);
    writer_bytes(w, syn->hash, sizeof syn->hash);
    writer_bytes(w, syn->hash_2025, sizeof syn->hash_2025);
    writer_u8(w, syn->option_len);
    writer_bytes(w, syn->options, syn->option_len);
}

/* Copies len bytes of what is read; nothing when there are fewer. */
static void read_into(struct reader *r, void *to, size_t len)
{
    const uint8_t *bytes = reader_bytes(r, len);
    if (bytes != NULL) {
        memcpy(to, bytes, len);
    }
}

static void syn_read(struct reader *r, struct print_syn *syn)
{
    syn->flags = reader_le16(r);
    if (syn->flags == 0) {
        return;
    }
    syn->window = reader_le16(r);
    syn->ttl = reader_u8(r);
    syn->hops = reader_u8(r);
    read_into(r, syn->hash, sizeof syn->hash);
    read_into(r, syn->hash_2025, sizeof syn->hash_2025);
    syn->option_len = reader_u8(r);
    if (syn->option_len > PRINT_SYN_OPTIONS_MAX) {
        r->bad = true;
        syn->option_len = 0;
    }
    read_into(r, syn->options, syn->option_len);
}

/* The body has a length of its own, so that a reader skips a kind that it does not know. */
static size_t body_write(const struct print_program *p, uint8_t *body, size_t size)
{
    struct writer w = writer_of(body, size);
    switch ((enum print_kind)p->kind) {
    case PRINT_TLS:
    case PRINT_SSH:
        writer_u8(&w, p->known);
        text_write(&w, p->ja4);
        writer_bytes(&w, p->client, sizeof p->client);
        writer_bytes(&w, p->server, sizeof p->server);
        break;
    case PRINT_HTTP: text_write(&w, p->user_agent); break;
    case PRINT_NONE:
    case PRINT_KINDS: break;
    }
    return writer_len(&w);
}

void prints_write(struct writer *w, const struct flow_prints *p)
{
    uint8_t body[sizeof p->program + 1]; /* and the length of a text */
    size_t len = body_write(&p->program, body, sizeof body);
    writer_u8(w, p->program.kind);
    writer_u8(w, (uint8_t)len);
    writer_bytes(w, body, len);
    syn_write(w, &p->syn);
}

static void program_read(struct reader *r, struct print_program *p)
{
    p->kind = reader_u8(r);
    struct reader body = reader_sub(r, reader_u8(r));
    switch ((enum print_kind)p->kind) {
    case PRINT_TLS:
    case PRINT_SSH:
        p->known = reader_u8(&body);
        text_read(&body, p->ja4, sizeof p->ja4);
        read_into(&body, p->client, sizeof p->client);
        read_into(&body, p->server, sizeof p->server);
        break;
    case PRINT_HTTP: text_read(&body, p->user_agent, sizeof p->user_agent); break;
    case PRINT_NONE:
    case PRINT_KINDS:
    default: p->kind = PRINT_NONE; break;
    }
    r->bad = r->bad || body.bad;
}

void prints_read(struct reader *r, struct flow_prints *p)
{
    program_read(r, &p->program);
    syn_read(r, &p->syn);
}

/* Printable ASCII and ended. */
static bool is_text(const char *field, const char *end)
{
    for (; field < end && *field != '\0'; field++) {
        if (*field < ' ' || *field >= 0x7f) {
            return false;
        }
    }
    return field < end;
}

bool prints_are_sound(const struct flow_prints *p)
{
    const struct print_program *program = &p->program;
    if (program->kind >= PRINT_KINDS || program->known > (PRINT_CLIENT | PRINT_SERVER) ||
        p->syn.option_len > PRINT_SYN_OPTIONS_MAX) {
        return false;
    }
    if (program->kind == PRINT_HTTP) {
        return is_text(program->user_agent, program->user_agent + sizeof program->user_agent);
    }
    return is_text(program->ja4, program->ja4 + sizeof program->ja4);
}

/* "2_64_64240_5ec4846073b9" */
static void syn_text(const struct print_syn *syn, const uint8_t hash[PRINT_SYN_HASH_SIZE],
                     char buf[PRINT_SYN_TEXT_SIZE])
{
    char digits[2 * PRINT_SYN_HASH_SIZE + 1];
    hex(hash, PRINT_SYN_HASH_SIZE, digits);
    (void)snprintf(buf, PRINT_SYN_TEXT_SIZE, "%u_%u_%u_%s", syn->flags & 0xfffu, syn->ttl,
                   syn->window, digits); /* at most 4 + 3 + 5 + 12 digits */
}

static void md5_texts(const struct print_program *p, char client[PRINT_MD5_TEXT_SIZE],
                      char server[PRINT_MD5_TEXT_SIZE])
{
    if ((p->known & PRINT_CLIENT) != 0) {
        hex(p->client, sizeof p->client, client);
    }
    if ((p->known & PRINT_SERVER) != 0) {
        hex(p->server, sizeof p->server, server);
    }
}

void prints_texts(const struct flow_prints *p, struct print_texts *t)
{
    *t = (struct print_texts){0};
    switch ((enum print_kind)p->program.kind) {
    case PRINT_TLS:
        memcpy(t->ja4, p->program.ja4, sizeof t->ja4);
        md5_texts(&p->program, t->ja3, t->ja3s);
        break;
    case PRINT_SSH: md5_texts(&p->program, t->hassh, t->hassh_server); break;
    case PRINT_HTTP: memcpy(t->user_agent, p->program.user_agent, sizeof t->user_agent); break;
    case PRINT_NONE:
    case PRINT_KINDS: break;
    }
    if (p->syn.flags != 0) {
        syn_text(&p->syn, p->syn.hash, t->tcp);
        syn_text(&p->syn, p->syn.hash_2025, t->tcp_2025);
    }
}

json_t *prints_row(const struct print_texts *t)
{
    /* Sources: FoxIO technical_details/JA4.md; salesforce/ja3 and hassh; ntop's draft of TCPFP. */
    const struct {
        const char *name;
        const char *version;
        const char *side;
        const char *value;
    } all[] = {
        {"JA4", "1", "client", t->ja4},
        {"JA3", "1", "client", t->ja3},
        {"JA3S", "1", "server", t->ja3s},
        {"HASSH", "1", "client", t->hassh},
        {"hasshServer", "1", "server", t->hassh_server},
        {"User-Agent", "1", "client", t->user_agent},
        {"TCP", "0.4", "client", t->tcp},
        {"TCP", "2025", "client", t->tcp_2025},
    };
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i].value[0] != '\0') {
            json_t *one = json_pack("{s:s, s:s, s:s, s:s}", "name", all[i].name, "version",
                                    all[i].version, "side", all[i].side, "value", all[i].value);
            (void)json_array_append_new(list, one); /* short of memory: fewer */
        }
    }
    return list;
}
