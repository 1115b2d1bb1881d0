#include "aggregator/http/crowd.h"

#define LOG_MODULE "http"
#include "common/log.h"

#include <inttypes.h>
#include <stdlib.h>

struct guest {
    struct lws *wsi;
    struct guests *in; /* NULL: in none */
    struct guest *before, *behind;
    uint64_t since_ms;
};

/* Made at the first call for a connection; NULL when memory is short. */
static struct guest *guest_of(struct lws *wsi)
{
    struct guest *guest = lws_get_opaque_user_data(wsi);
    if (guest == NULL) {
        guest = calloc(1, sizeof *guest);
        if (guest != NULL) {
            guest->wsi = wsi;
            lws_set_opaque_user_data(wsi, guest);
        }
    }
    return guest;
}

static void take_out(struct guest *guest)
{
    struct guests *in = guest->in;
    if (in == NULL) {
        return;
    }
    *(guest->before != NULL ? &guest->before->behind : &in->first) = guest->behind;
    *(guest->behind != NULL ? &guest->behind->before : &in->last) = guest->before;
    guest->before = guest->behind = NULL;
    guest->in = NULL;
    in->count--;
}

static void put_last(struct guests *in, struct guest *guest)
{
    take_out(guest);
    guest->in = in;
    guest->before = in->last;
    *(in->last != NULL ? &in->last->behind : &in->first) = guest;
    in->last = guest;
    in->count++;
}

/* It may be the very one whose call-back this is, so it ends once libwebsockets is back. */
static void end_soon(struct lws *wsi)
{
    lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
}

static void hang_up(struct crowd *crowd, struct guest *guest)
{
    put_last(&crowd->doomed, guest);
    end_soon(guest->wsi);
    crowd->hung_up++;
}

void crowd_enter(struct crowd *crowd, struct lws *wsi, uint64_t now_ms)
{
    struct guest *guest = guest_of(wsi);
    if (guest == NULL) {
        end_soon(wsi);
        return;
    }
    if (guest->in == &crowd->doomed) {
        return;
    }
    guest->since_ms = now_ms;
    put_last(&crowd->waiting, guest);
    if (crowd->waiting.count > CROWD_MAX) {
        hang_up(crowd, crowd->waiting.first);
        log_warn(NULL,
                 "more than %d connections ask for nothing: the longest waiting are hung up on, "
                 "%" PRIu64 " so far",
                 CROWD_MAX, crowd->hung_up);
    }
}

void crowd_leave(struct crowd *crowd, struct lws *wsi)
{
    struct guest *guest = lws_get_opaque_user_data(wsi);
    if (guest != NULL && guest->in == &crowd->waiting) {
        take_out(guest);
    }
}

void crowd_forget(struct lws *wsi)
{
    struct guest *guest = lws_get_opaque_user_data(wsi);
    if (guest != NULL) {
        take_out(guest);
        lws_set_opaque_user_data(wsi, NULL);
        free(guest);
    }
}

bool crowd_is_doomed(const struct crowd *crowd, struct lws *wsi)
{
    const struct guest *guest = lws_get_opaque_user_data(wsi);
    return guest != NULL && guest->in == &crowd->doomed;
}

void crowd_hang_up(struct crowd *crowd, uint64_t since_ms)
{
    while (crowd->waiting.first != NULL && crowd->waiting.first->since_ms < since_ms) {
        hang_up(crowd, crowd->waiting.first);
    }
    /* libwebsockets may have put a time-out of its own in place of ours meanwhile. */
    for (struct guest *guest = crowd->doomed.first; guest != NULL; guest = guest->behind) {
        end_soon(guest->wsi);
    }
}
