#include "aggregator/store/rows_prints.h"

static void md5_or_null(struct copy *c, const struct print_program *p, enum print_kind kind,
                        enum print_known side)
{
    if (p->kind != kind || (p->known & side) == 0) {
        copy_null(c);
    } else {
        copy_bytes(c, side == PRINT_CLIENT ? p->client : p->server, PRINT_MD5_SIZE);
    }
}

static void syn(struct copy *c, const struct print_texts *texts, const struct print_syn *s)
{
    copy_text_or_null(c, texts->tcp);
    copy_text_or_null(c, texts->tcp_2025);
    if (s->flags == 0) {
        copy_null(c);
        copy_null(c);
    } else {
        copy_bytes(c, s->options, s->option_len);
        copy_i16(c, s->hops);
    }
}

void rows_prints_copy(struct copy *c, const struct flow_record *r)
{
    const struct print_program *p = &r->prints.program;
    struct print_texts texts;
    char community_id[COMMUNITY_ID_SIZE];
    prints_texts(&r->prints, &texts);
    copy_text_or_null(c, flow_key_community_id(&r->key, 0, community_id));
    if (p->kind == PRINT_NONE && r->prints.syn.flags == 0) {
        copy_null(c);
    } else {
        copy_i16(c, PRINTS_VERSION);
    }
    copy_text_or_null(c, texts.ja4);
    md5_or_null(c, p, PRINT_TLS, PRINT_CLIENT);
    md5_or_null(c, p, PRINT_TLS, PRINT_SERVER);
    md5_or_null(c, p, PRINT_SSH, PRINT_CLIENT);
    md5_or_null(c, p, PRINT_SSH, PRINT_SERVER);
    copy_text_or_null(c, texts.user_agent);
    syn(c, &texts, &r->prints.syn);
}
