#include "common/wire/envelope.h"

#include "common/reader.h"
#include "common/writer.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { CRC_OFFSET = 40, RESERVED_OFFSET = 44 };

static const uint8_t MAGIC[4] = {'P', 'K', 'T', '1'};

/* The header with its CRC field zero. */
static void header_write(uint8_t out[ENVELOPE_SIZE], const struct envelope *env, size_t raw_len)
{
    struct writer w = writer_of(out, ENVELOPE_SIZE);
    writer_bytes(&w, MAGIC, sizeof MAGIC);
    writer_u8(&w, ENVELOPE_VERSION);
    writer_u8(&w, env->kind);
    writer_le16(&w, env->flags);
    writer_le64(&w, env->epoch);
    writer_le64(&w, env->first_seq);
    writer_le64(&w, env->wall_ns);
    writer_le32(&w, (uint32_t)raw_len);
    writer_le16(&w, env->count);
    writer_le16(&w, env->schema);
    writer_le32(&w, 0);
    writer_le32(&w, 0);
}

/*
 * Compresses into out, which has room for body_len bytes. Returns the compressed length, or 0 when
 * the body is better sent as it is: too small, does not shrink, or shrinks past what receivers
 * take for a bomb.
 */
static size_t deflate_if_it_pays(uint8_t *out, const void *body, size_t body_len)
{
    if (body_len < WIRE_COMPRESS_FROM) {
        return 0;
    }
    uLongf len = (uLongf)body_len;
    if (compress2(out, &len, body, (uLong)body_len, Z_BEST_SPEED) != Z_OK) {
        return 0;
    }
    bool pays = len < body_len && len * WIRE_MAX_RATIO >= body_len;
    return pays ? (size_t)len : 0;
}

uint8_t *envelope_pack(const struct envelope *env, const void *body, size_t body_len, size_t *len,
                       struct err *e)
{
    if (body_len > WIRE_MAX_RAW) {
        (void)err_set(e, ERR_ARG, "a body of %zu bytes is above the limit", body_len);
        return NULL;
    }
    uint8_t *out = malloc(ENVELOPE_SIZE + body_len);
    if (out == NULL) {
        (void)err_set(e, ERR_NOMEM, "an envelope of %zu bytes", body_len);
        return NULL;
    }
    struct envelope head = *env;
    head.flags = (uint16_t)(env->flags & ~(unsigned)ENVELOPE_FLAG_ZLIB);
    size_t sent_len = deflate_if_it_pays(out + ENVELOPE_SIZE, body, body_len);
    if (sent_len > 0) {
        head.flags |= ENVELOPE_FLAG_ZLIB;
    } else if (body_len > 0) {
        memcpy(out + ENVELOPE_SIZE, body, body_len);
        sent_len = body_len;
    }
    *len = ENVELOPE_SIZE + sent_len;
    if (*len > WIRE_MAX) {
        free(out);
        (void)err_set(e, ERR_ARG, "a message of %zu bytes is above the limit", *len);
        return NULL;
    }
    header_write(out, &head, body_len);
    uint32_t crc = crc32c(0, out, *len);
    memcpy(out + CRC_OFFSET, &crc, sizeof crc);
    return out;
}

/* Reads the header; says in e what is wrong with it. */
static int header_read(const uint8_t *bytes, size_t len, struct envelope *env, uint32_t *raw_len,
                       struct err *e)
{
    if (len < ENVELOPE_SIZE || len > WIRE_MAX) {
        return err_set(e, ERR_PARSE, "a message of %zu bytes", len);
    }
    struct reader r = reader_of(bytes, ENVELOPE_SIZE);
    if (memcmp(reader_bytes(&r, sizeof MAGIC), MAGIC, sizeof MAGIC) != 0) {
        return err_set(e, ERR_PARSE, "not an envelope: wrong magic");
    }
    env->version = reader_u8(&r);
    env->kind = reader_u8(&r);
    env->flags = reader_le16(&r);
    env->epoch = reader_le64(&r);
    env->first_seq = reader_le64(&r);
    env->wall_ns = reader_le64(&r);
    *raw_len = reader_le32(&r);
    env->count = reader_le16(&r);
    env->schema = reader_le16(&r);
    return 0;
}

/* The CRC covers the header with its own field taken as zero, then the body as sent. */
static bool crc_is_right(const uint8_t *bytes, size_t len)
{
    static const uint8_t zero[4];
    uint32_t told;
    memcpy(&told, bytes + CRC_OFFSET, sizeof told);
    uint32_t crc = crc32c(0, bytes, CRC_OFFSET);
    crc = crc32c(crc, zero, sizeof zero);
    crc = crc32c(crc, bytes + RESERVED_OFFSET, len - RESERVED_OFFSET);
    return crc == told;
}

static int header_check(const struct envelope *env, size_t sent_len, uint32_t raw_len,
                        struct err *e)
{
    bool packed = (env->flags & ENVELOPE_FLAG_ZLIB) != 0;
    if (env->version != ENVELOPE_VERSION) {
        return err_set(e, ERR_PARSE, "envelope version %u is unknown", env->version);
    }
    if (env->kind == 0 || env->kind > STREAM_COUNT) {
        return err_set(e, ERR_PARSE, "envelope kind %u is unknown", env->kind);
    }
    if (env->count == 0 || env->count > BATCH_MAX_RECORDS) {
        return err_set(e, ERR_PARSE, "a batch of %u records", env->count);
    }
    if (env->epoch == 0 || env->epoch > INT64_MAX || env->first_seq == 0 ||
        env->first_seq > INT64_MAX) {
        return err_set(e, ERR_PARSE, "epoch or sequence out of range");
    }
    if (raw_len > WIRE_MAX_RAW || raw_len > (uint64_t)sent_len * WIRE_MAX_RATIO) {
        return err_set(e, ERR_PARSE, "%zu bytes claim to hold %u", sent_len, raw_len);
    }
    if (!packed && raw_len != sent_len) {
        return err_set(e, ERR_PARSE, "body has %zu bytes, header says %u", sent_len, raw_len);
    }
    return 0;
}

/* Exactly raw_len bytes must come out, and nothing may be left over. */
static int body_inflate(uint8_t *out, uint32_t raw_len, const uint8_t *sent, size_t sent_len,
                        struct err *e)
{
    uLongf out_len = raw_len;
    uLong used = (uLong)sent_len;
    if (uncompress2(out, &out_len, sent, &used) != Z_OK || out_len != raw_len || used != sent_len) {
        return err_set(e, ERR_PARSE, "the compressed body is broken");
    }
    return 0;
}

int envelope_unpack(const void *bytes, size_t len, struct envelope *env, uint8_t **body,
                    size_t *body_len, struct err *e)
{
    const uint8_t *head = bytes;
    uint32_t raw_len = 0;
    *body = NULL;
    *body_len = 0;
    if (header_read(head, len, env, &raw_len, e) != 0) {
        return -1;
    }
    if (!crc_is_right(head, len)) {
        return err_set(e, ERR_PARSE, "the checksum is wrong");
    }
    const uint8_t *sent = head + ENVELOPE_SIZE;
    size_t sent_len = len - ENVELOPE_SIZE;
    if (header_check(env, sent_len, raw_len, e) != 0) {
        return -1;
    }
    uint8_t *out = malloc(raw_len > 0 ? raw_len : 1);
    if (out == NULL) {
        return err_set(e, ERR_NOMEM, "a body of %u bytes", raw_len);
    }
    if ((env->flags & ENVELOPE_FLAG_ZLIB) == 0) {
        memcpy(out, sent, sent_len);
    } else if (body_inflate(out, raw_len, sent, sent_len, e) != 0) {
        free(out);
        return -1;
    }
    *body = out;
    *body_len = raw_len;
    return 0;
}

int record_next(struct reader *body, const uint8_t **bytes, size_t *len, struct err *e)
{
    if (!body->bad && reader_left(body) == 0) {
        return 0;
    }
    *len = reader_le32(body);
    *bytes = reader_bytes(body, *len);
    if (body->bad) {
        return err_set(e, ERR_PARSE, "a record passes the end of its batch");
    }
    return 1;
}

bool envelope_says_late(const void *bytes, size_t len)
{
    enum { FLAGS_AT = 6 };
    return len >= ENVELOPE_SIZE && (((const uint8_t *)bytes)[FLAGS_AT] & ENVELOPE_FLAG_LATE) != 0;
}
