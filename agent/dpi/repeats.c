#include "agent/dpi/repeats.h"

#include "common/clock.h"

#include <xxhash.h>

static struct repeat *place_of(struct repeats *r, const struct flow_key *key)
{
    uint64_t hash = XXH3_64bits(&key->client, sizeof key->client);
    hash = XXH3_64bits_withSeed(&key->server, sizeof key->server, hash + key->server_port);
    return &r->places[hash % REPEAT_PLACES];
}

static bool is_of(const struct repeat *p, const struct flow_key *key)
{
    return p->at_ns != 0 && p->family == key->family && p->origin == key->origin &&
           p->protocol == key->protocol && p->port == key->server_port &&
           addr_equal(&p->client, &key->client) && addr_equal(&p->server, &key->server);
}

bool repeats_note(struct repeats *r, const struct flow_key *key, uint64_t time_ns)
{
    struct repeat *place = place_of(r, key);
    bool again = is_of(place, key) &&
                 !clock_is_due(time_ns, place->at_ns, REPEAT_WINDOW_S * (uint64_t)NS_PER_S);
    *place = (struct repeat){.client = key->client,
                             .server = key->server,
                             .at_ns = time_ns,
                             .origin = key->origin,
                             .port = key->server_port,
                             .family = key->family,
                             .protocol = key->protocol};
    return again;
}
