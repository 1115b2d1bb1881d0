#include "agent/decode/decode.h"
#include "agent/worker_parts.h"

/*
 * Puts a fragment where it belongs. A whole datagram may be an envelope with a fragment in it;
 * tunnels lie only so deep in each other.
 */
static enum worker_decoded join(struct worker *w, struct packet *p)
{
    for (unsigned depth = 0; p->fragment && depth <= DECODE_MAX_TUNNELS; depth++) {
        struct datagram whole;
        switch (fragments_take(w->fragments, p, &whole)) {
        case FRAGMENT_HELD: return DECODED_FRAGMENT;
        case FRAGMENT_ALONE: return DECODED_FRAGMENT | DECODED_PACKET;
        case FRAGMENT_WHOLE: break;
        }
        if (decode_datagram(w->tunnels, whole.bytes, whole.len, p) != DECODE_OK) {
            worker_count_undecoded(w, p->frames, p->frame_len);
            return DECODED_FRAGMENT;
        }
    }
    return DECODED_FRAGMENT | DECODED_PACKET;
}

enum worker_decoded worker_decode(struct worker *w, const struct packet_view *view,
                                  struct packet *p)
{
    *p = (struct packet){.time_ns = view->time_ns,
                         .source = (uint8_t)w->reading,
                         .frames = 1,
                         .frame_len = view->len};
    if (decode_packet(view->link_type, w->tunnels, view->bytes, view->caplen, view->len, p) !=
        DECODE_OK) {
        worker_count_undecoded(w, 1, view->len);
        return DECODED_NOTHING;
    }
    return p->fragment ? join(w, p) : DECODED_PACKET;
}
