/*
 * Does the machine of a silent agent still answer? A TCP connection to its discard port (RFC 863)
 * is tried: accepted or refused, the machine is there and the agent hangs; nothing for 2 s tells
 * nothing, as firewalls drop what they do not know. Probes live on the fleet's loop.
 */
#include "aggregator/fleet/inner.h"
#include "common/clock.h"

#include <stdlib.h>

enum { PROBE_PORT = 9, PROBE_MS = 2000, PROBES_MAX = 256 };

struct probe {
    uv_tcp_t tcp;
    uv_connect_t connect;
    struct fleet *fleet;
    int32_t instance_id;
    uint64_t until_ns;
    bool closing;
    struct probe *next;
};

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* Takes it off the list and closes it; a connection under way ends with UV_ECANCELED. */
static void probe_end(struct probe *probe)
{
    struct fleet *f = probe->fleet;
    for (struct probe **at = &f->probes; *at != NULL; at = &(*at)->next) {
        if (*at == probe) {
            *at = probe->next;
            f->probe_count--;
            break;
        }
    }
    probe->closing = true;
    uv_close((uv_handle_t *)&probe->tcp, on_closed);
}

static void on_connect(uv_connect_t *connect, int status)
{
    struct probe *probe = connect->data;
    if (probe->closing) {
        return;
    }
    struct instance *i = instances_by_id(&probe->fleet->instances, probe->instance_id);
    if (i != NULL && (status == 0 || status == UV_ECONNREFUSED)) {
        struct presence_event event = {.kind = PRESENCE_EVENT_PROBED, .address_answers = true};
        (void)judge(probe->fleet, i, event, clock_mono_ns(), "its address answers");
    }
    probe_end(probe);
}

static bool to_sockaddr(const char *text, struct sockaddr_storage *to)
{
    return uv_ip4_addr(text, PROBE_PORT, (struct sockaddr_in *)to) == 0 ||
           uv_ip6_addr(text, PROBE_PORT, (struct sockaddr_in6 *)to) == 0;
}

void probe_start(struct fleet *f, const struct instance *i, uint64_t now_ns)
{
    struct sockaddr_storage to = {0};
    struct probe *probe = f->probe_count < PROBES_MAX && to_sockaddr(i->address, &to)
                              ? calloc(1, sizeof *probe)
                              : NULL;
    if (probe == NULL) {
        return;
    }
    if (uv_tcp_init(&f->loop, &probe->tcp) != 0) {
        free(probe);
        return;
    }
    probe->fleet = f;
    probe->instance_id = i->id;
    probe->until_ns = now_ns + PROBE_MS * (uint64_t)NS_PER_MS;
    probe->tcp.data = probe;
    probe->connect.data = probe;
    probe->next = f->probes;
    f->probes = probe;
    f->probe_count++;
    if (uv_tcp_connect(&probe->connect, &probe->tcp, (struct sockaddr *)&to, on_connect) != 0) {
        probe_end(probe);
    }
}

void probe_expire(struct fleet *f, uint64_t now_ns)
{
    for (struct probe *probe = f->probes, *next; probe != NULL; probe = next) {
        next = probe->next;
        if (now_ns >= probe->until_ns) {
            probe_end(probe);
        }
    }
}
