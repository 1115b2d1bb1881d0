/*
 * What calls tell of themselves: the few header fields of a SIP message (RFC 3261) that say which
 * call it is about and how far it is, and the media that its SDP (RFC 8866) announces.
 */
#pragma once

#include "common/addr.h"

#include "agent/decode/codec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sip_method {
    SIP_OTHER = 0,
    SIP_INVITE,
    SIP_ACK,
    SIP_BYE,
    SIP_CANCEL,
    SIP_UPDATE,
    SIP_PRACK,
    SIP_REGISTER,
};

enum { SDP_MEDIA_MAX = 2, SDP_FORMATS_MAX = 8 };

/* What a payload type means at one end. */
struct sdp_format {
    uint8_t type;
    uint8_t codec;     /* enum codec */
    uint32_t clock_hz; /* 0 not told */
};

/* Where one end wants its audio or video. */
struct sdp_media {
    struct addr addr;
    uint8_t family; /* enum addr_family */
    uint8_t kind;   /* enum media_kind */
    uint16_t port;
    bool held; /* this end neither sends nor, or does not, hear: silence is meant */
    uint8_t formats;
    struct sdp_format format[SDP_FORMATS_MAX];
};

/* Texts are borrowed from the message. */
struct sip_message {
    const char *call_id;
    size_t call_id_len;
    const char *from_tag; /* NULL when there is none */
    size_t from_tag_len;
    uint8_t method;  /* enum sip_method: of the request, also in its answers */
    uint16_t status; /* of an answer; 0 for a request */
    uint8_t media;   /* in sdp[] */
    struct sdp_media sdp[SDP_MEDIA_MAX];
};

/* True when a datagram or segment begins as SIP does: cheap, for every packet. */
bool sip_begins(const uint8_t *bytes, size_t len);
/* False when it is no SIP message or names no call. What is cut off at the end is passed over. */
bool sip_read(const uint8_t *bytes, size_t len, struct sip_message *out);
