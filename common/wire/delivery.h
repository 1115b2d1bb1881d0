/* Acknowledgements and gaps of the spooled streams, and the enrolment exchange. JSON, small. */
#pragma once

#include "common/err.h"
#include "common/wire/subjects.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DELIVERY_MAX = 4096, WINDOW_BATCHES = 4 };

/* dn.NAME.ack: everything of the stream up to and with `upto` is committed. */
struct ack {
    uint8_t stream; /* enum wire_stream */
    uint64_t epoch;
    uint64_t upto;
    uint32_t credit; /* batches the agent may have in flight, 0-4 */
};

/* dn.NAME.nack: the centre wants the stream from `expect` on. */
struct nack {
    uint8_t stream;
    uint64_t epoch;
    uint64_t expect;
    char reason[128];
};

/*
 * A gap: records [from, to] of a stream that will never come, and why. It travels as a record of
 * its own in the batch, in the place of those records, and is stored.
 */
enum gap_reason { GAP_SPOOL_FULL = 1, GAP_TORN_TAIL = 2, GAP_LOST_SEGMENT = 3, GAP_DISK_ERROR = 4 };
const char *gap_reason_name(enum gap_reason reason); /* "spool_full", … */

struct gap {
    uint64_t from, to; /* sequences, inclusive */
    uint8_t reason;
};
/*
 * A gap record begins with GAP_MARK (no packed record or JSON text does) and counts in the
 * envelope as one record; the sequence jumps to `to` after it.
 */
enum { GAP_MARK = 0xFF, GAP_PACKED_SIZE = 18 };
size_t gap_pack(const struct gap *g, void *buf, size_t size);
bool gap_is(const void *bytes, size_t len);
int gap_unpack(const void *bytes, size_t len, struct gap *g, struct err *e);

/* enrol.NAME and enrolled.NAME */
struct enrol_request {
    char token_hash[65]; /* hex SHA-256 of the whole token string: proves which one was used */
    char nkey[64];       /* the agent's public user NKey, "U…" */
    char host[64];
    char version[32];
    char nonce[40]; /* random; comes back in the answer */
};
/*
 * up.SHARD.NAME.renew: the same rights for longer, for a key that has them. Answered by an
 * enrol_answer on dn.NAME.jwt.
 */
struct renew_request {
    char nkey[64];
    char nonce[40];
};
struct enrol_answer {
    bool ok;
    char nonce[40];
    char jwt[2048];       /* the agent's user JWT when ok */
    char command_key[64]; /* public key of the centre's signatures, "U…"; "": it has none */
    char reason[256];     /* why not, for the agent's log */
};

size_t ack_pack(const struct ack *a, void *buf, size_t size);
int ack_unpack(const void *bytes, size_t len, struct ack *a, struct err *e);
size_t nack_pack(const struct nack *n, void *buf, size_t size);
int nack_unpack(const void *bytes, size_t len, struct nack *n, struct err *e);
size_t enrol_request_pack(const struct enrol_request *r, void *buf, size_t size);
int enrol_request_unpack(const void *bytes, size_t len, struct enrol_request *r, struct err *e);
size_t renew_request_pack(const struct renew_request *r, void *buf, size_t size);
int renew_request_unpack(const void *bytes, size_t len, struct renew_request *r, struct err *e);
size_t enrol_answer_pack(const struct enrol_answer *a, void *buf, size_t size);
int enrol_answer_unpack(const void *bytes, size_t len, struct enrol_answer *a, struct err *e);
