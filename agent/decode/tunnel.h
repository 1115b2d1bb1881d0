/* What the two halves of the tunnel decoder tell each other; everybody else has decode.h. */
#pragma once

#include "agent/decode/decode.h"
#include "common/tunnel.h"

/* What stands behind an envelope's header. */
enum inner_form { INNER_IP, INNER_ETHERNET, INNER_PPP, INNER_MPLS, INNER_WLAN };

struct tunnel {
    uint8_t kind; /* enum tunnel_kind */
    bool apart;   /* id names a network in both directions: equal addresses of others are others */
    uint32_t id;
    enum inner_form form;
};

/* r stands at the payload of a UDP packet; moved behind the envelope's header when it is one. */
bool tunnel_open_udp(struct reader *r, const struct packet *p, struct tunnel *t);
